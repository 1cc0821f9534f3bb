/* SPDX-License-Identifier: MIT
 *
 * Fuzz target: graph text. Whatever the bytes, parsing gives an error or a graph; a graph verifies, prints, and what
 * is printed parses to the same text again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <elegans/graph.h>

enum { MOST_ROOTS = 64 };

static void require(int holds) {
    if (!holds) abort();
}

/* The text of the graph that `text` describes; NULL if it describes none. */
static char *understood(const char *text) {
    eg_value *root[MOST_ROOTS];
    int n;
    eg_graph *graph = eg_graph_parse(text, root, MOST_ROOTS, &n);
    if (!graph) return NULL;
    require(eg_graph_verify(graph) == EG_OK);
    char *out = eg_graph_text(root, n), *dot = eg_graph_dot(root, n);
    require(out && dot);
    eg_string_free(dot);
    eg_graph_free(graph);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    char *first = understood(text);
    if (first) {
        char *second = understood(first);
        require(second && strcmp(first, second) == 0);
        eg_string_free(second);
    }
    eg_string_free(first);
    free(text);
    return 0;
}
