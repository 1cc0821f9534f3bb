/* SPDX-License-Identifier: MIT
 *
 * words.c: look-up of names and aliases. Lists are short: a linear search.
 */
#include "nn/words.h"

#include <string.h>

#include "base/text.h"

int eg_word_find(const char *word, const char *const *names, int n, const eg_alias *aliases, int n_aliases) {
    for (int i = 0; i < n_aliases; i++)
        if (strcmp(word, aliases[i].alias) == 0) word = aliases[i].name;
    for (int i = 0; i < n; i++)
        if (strcmp(word, names[i]) == 0) return i;
    return -1;
}

eg_status eg_word_index(const char *what, const char *word, const char *const *names, int n, const eg_alias *aliases,
                        int n_aliases, int *out) {
    int found = eg_word_find(word, names, n, aliases, n_aliases);
    if (found < 0) return eg_fail_unknown(what, word, names, n);
    *out = found;
    return EG_OK;
}
