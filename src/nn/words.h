/* SPDX-License-Identifier: MIT
 *
 * words.h: names of things in one list, with the aliases under which the field knows them.
 */
#ifndef EG_NN_WORDS_H
#define EG_NN_WORDS_H

#include <elegans/base.h>

/* Index of `word` among names[0..n), or of the name whose aliases have it; else a NAME error "unknown <what>
 * '<word>'; did you mean ...". The aliases of name i < n_aliases: "mse l2", NULL: none. */
eg_status eg_word_index(const char *what, const char *word, const char *const *names, int n,
                        const char *const *aliases, int n_aliases, int *out);

#endif
