/* SPDX-License-Identifier: MIT
 *
 * words.h: names of things in one list, with the aliases under which the field knows them.
 */
#ifndef EG_NN_WORDS_H
#define EG_NN_WORDS_H

#include <elegans/base.h>

typedef struct eg_alias {
    const char *alias, *name;
} eg_alias;

/* Index of `word` (or of what it is an alias for) among names[0..n); -1 if it is none of them. */
int eg_word_find(const char *word, const char *const *names, int n, const eg_alias *aliases, int n_aliases);
/* The same into *out, or a NAME error "unknown <what> '<word>'; did you mean ...". */
eg_status eg_word_index(const char *what, const char *word, const char *const *names, int n, const eg_alias *aliases,
                        int n_aliases, int *out);

#define EG_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

#endif
