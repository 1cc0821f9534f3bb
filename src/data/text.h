/* SPDX-License-Identifier: MIT
 *
 * text.h: texts as samples: the next-token task over a whole text, and columns of text in a table.
 */
#ifndef EG_DATA_TEXT_H
#define EG_DATA_TEXT_H

#include "data/set.h"

/* Fills data->x, y and info (but not its source) with the samples of eg_data_from_text. */
eg_status eg_text_fill(eg_data *data, const char *text, size_t size, const char *part, const eg_text_opt *opt);
/* The same from what stands behind "text:": a file, "?" and settings. */
eg_status eg_text_open(eg_data *data, const char *source, const char *part, const eg_text_opt *opt);
/* Whether there is such a file. */
int eg_text_found(const char *source);
/* Fills data->x [n, steps] and info with n texts, apart by one blank in `all`, text i ending before end[i]: numbers from
 * 1 on, padded with 0 in front. */
eg_status eg_text_column(eg_data *data, const char *all, const size_t *end, int64_t n, const eg_text_opt *opt);

/* One more owner of a vocabulary, which is freed with its last one. */
eg_vocabulary *eg_vocabulary_share(const eg_vocabulary *vocabulary);
int eg_vocabulary_equal(const eg_vocabulary *a, const eg_vocabulary *b); /* the same numbers for the same tokens */

#endif
