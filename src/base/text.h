/* SPDX-License-Identifier: MIT
 *
 * text.h: a growing string for everything that prints (graph text, tables, JSON, SVG), and the number and name
 * helpers that every reader needs: locale-independent number parsing and "did you mean".
 */
#ifndef EG_BASE_TEXT_H
#define EG_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <elegans/base.h>

/* Zero-initialise; `data` is always NUL-terminated once something was added (NULL before). On a failed allocation the
 * text keeps what it has and `failed` is set once and for all: check it at the end. */
typedef struct eg_text {
    char *data;
    size_t length, capacity;
    int failed;
} eg_text;

void eg_text_add(eg_text *text, const char *string);
void eg_text_add_bytes(eg_text *text, const char *bytes, size_t length);
void eg_text_format(eg_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void eg_text_formatv(eg_text *text, const char *format, va_list arguments);
void eg_text_free(eg_text *text); /* frees and zeroes */

/* Shortest decimal that reads back to the same double ("0.1", "1e-30", "nan", "-inf"), whatever the locale. */
void eg_text_number(eg_text *text, double value);
/* The same for a float: shortest decimal that reads back to the same float. */
void eg_text_float(eg_text *text, float value);

/* The digits behind them: of a finite value > 0, the fewest decimal digits that read back to the same double
 * (`single`: to the same float), the closest ones if several do. Returns how many (1..17); the value is 0.d1d2d3... *
 * 10^(*point). */
int eg_shortest_digits(double value, int single, char digits[20], int *point);
/* The decimal of `count` digits (1..17) closest to it, an exact tie to the even digit; `count` digits are written. */
void eg_round_digits(double value, int count, char digits[20], int *point);

/* Parses one number at `text` (decimal or exponent form, inf, nan), whatever the locale; returns the first byte after
 * it, or NULL if there is no number. `end` bounds the text (it need not be NUL-terminated). */
const char *eg_parse_double(const char *text, const char *end, double *value);
const char *eg_parse_int(const char *text, const char *end, int64_t *value); /* NULL on overflow too */

/* Length of the valid UTF-8 sequence (RFC 3629) at text < end, 0 if there is none. */
int eg_utf8_length(const char *text, const char *end);

/* Fails with NAME: "unknown <what> '<word>'; did you mean '<candidate>'?" (or, where none is close, the first few of
 * them). */
eg_status eg_fail_unknown(const char *what, const char *word, const char *const *candidates, int n);

#endif
