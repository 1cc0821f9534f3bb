/* SPDX-License-Identifier: MIT
 *
 * words.c: look-up of names and aliases. Lists are short: a linear search.
 */
#include "nn/words.h"

#include <string.h>

#include "base/text.h"

/* Is the word in a list that blanks separate? */
static int is_listed(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; at && *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n == length && memcmp(at, word, n) == 0) return 1;
        at += n;
    }
    return 0;
}

eg_status eg_word_index(const char *what, const char *word, const char *const *names, int n,
                        const char *const *aliases, int n_aliases, int *out) {
    int i = 0;
    while (i < n && strcmp(word, names[i]) != 0 && !(i < n_aliases && is_listed(aliases[i], word))) i++;
    if (i == n) return eg_fail_unknown(what, word, names, n);
    *out = i;
    return EG_OK;
}
