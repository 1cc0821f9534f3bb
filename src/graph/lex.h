/* SPDX-License-Identifier: MIT
 *
 * lex.h: the smallest pieces of graph text: numbers, words, strings, punctuation, with the line for error messages.
 * Blanks, newlines and comments (# to the end of the line) separate pieces and mean nothing.
 */
#ifndef EG_GRAPH_LEX_H
#define EG_GRAPH_LEX_H

#include <elegans/base.h>

enum { EG_LEX_WORD = 32 }; /* longest word (op, key, dtype), with its NUL */

typedef struct eg_lexer {
    const char *at, *end;
    int line;
} eg_lexer;

/* Fails with "line 3: text". */
eg_status eg_lex_fail(const eg_lexer *lexer, const char *format, ...) EG_PRINTF(2, 3);
/* Skips what means nothing; 1 if the text is at its end. */
int eg_lex_end(eg_lexer *lexer);
/* Takes `token` if it comes next. */
int eg_lex_is(eg_lexer *lexer, const char *token);
int eg_lex_sees(const eg_lexer *lexer, char c); /* whether it comes next; takes nothing */
eg_status eg_lex_need(eg_lexer *lexer, const char *token);
/* Letters, digits and _; "" if none comes next or it is too long. */
int eg_lex_word(eg_lexer *lexer, char word[EG_LEX_WORD]);
/* A whole number within low..high. */
eg_status eg_lex_int(eg_lexer *lexer, int64_t low, int64_t high, int64_t *out);
eg_status eg_lex_number(eg_lexer *lexer, double *out);
/* "..." with \" \\ and \x1f; allocated with eg_alloc. */
eg_status eg_lex_string(eg_lexer *lexer, char **out);
/* [1, 2, 3] of at most `most` numbers. */
eg_status eg_lex_list(eg_lexer *lexer, int most, int64_t *out, int *n);

#endif
