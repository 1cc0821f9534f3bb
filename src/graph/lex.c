/* SPDX-License-Identifier: MIT
 *
 * lex.c: reads pieces of graph text from a bounded range of bytes. Whatever the bytes, nothing is read beyond the
 * end.
 */
#include "graph/lex.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"

eg_status eg_lex_fail(const eg_lexer *lexer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    eg_failv(EG_E_DATA, format, arguments);
    va_end(arguments);
    return eg_context("line %d", lexer->line);
}

int eg_lex_end(eg_lexer *lexer) {
    int comment = 0;
    for (; lexer->at < lexer->end; lexer->at++) {
        char c = *lexer->at;
        if (c == '\n') {
            lexer->line++;
            comment = 0;
        } else if (c == '#') {
            comment = 1;
        } else if (!comment && c != ' ' && c != '\t' && c != '\r') {
            return 0;
        }
    }
    return 1;
}

int eg_lex_is(eg_lexer *lexer, const char *token) {
    size_t length = strlen(token);
    eg_lexer next = *lexer;
    if (eg_lex_end(&next) || (size_t)(next.end - next.at) < length || memcmp(next.at, token, length) != 0) return 0;
    next.at += length;
    *lexer = next; /* only now: a line that ends before something optional is still the current one */
    return 1;
}

int eg_lex_sees(const eg_lexer *lexer, char c) {
    eg_lexer next = *lexer;
    return !eg_lex_end(&next) && *next.at == c;
}

/* What stands at the lexer, for messages: the rest of its line, shortened. */
static const char *rest(eg_lexer *lexer, char text[24]) {
    if (eg_lex_end(lexer)) return "the end of the text";
    size_t n = 0;
    for (const char *p = lexer->at; p < lexer->end && *p != '\n' && n < 20; p++) text[n++] = *p;
    text[n] = '\0';
    return text;
}

eg_status eg_lex_need(eg_lexer *lexer, const char *token) {
    char text[24];
    if (eg_lex_is(lexer, token)) return EG_OK;
    const char *found = rest(lexer, text);
    return eg_lex_fail(lexer, "expected \"%s\" before \"%s\"", token, found);
}

static int is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

int eg_lex_word(eg_lexer *lexer, char word[EG_LEX_WORD]) {
    size_t n = 0;
    word[0] = '\0';
    if (eg_lex_end(lexer)) return 0;
    while ((ptrdiff_t)n < lexer->end - lexer->at && is_word(lexer->at[n])) n++;
    if (n == 0 || n >= EG_LEX_WORD) return 0;
    memcpy(word, lexer->at, n);
    word[n] = '\0';
    lexer->at += n;
    return 1;
}

eg_status eg_lex_int(eg_lexer *lexer, int64_t low, int64_t high, int64_t *out) {
    char text[24];
    const char *found = rest(lexer, text);
    const char *after = eg_lex_end(lexer) ? NULL : eg_parse_int(lexer->at, lexer->end, out);
    if (!after) return eg_lex_fail(lexer, "expected a whole number before \"%s\"", found);
    if (*out < low || *out > high)
        return eg_lex_fail(lexer, "the number %lld is outside %lld..%lld", (long long)*out, (long long)low,
                           (long long)high);
    lexer->at = after;
    return EG_OK;
}

eg_status eg_lex_number(eg_lexer *lexer, double *out) {
    char text[24];
    const char *found = rest(lexer, text);
    const char *after = eg_lex_end(lexer) ? NULL : eg_parse_double(lexer->at, lexer->end, out);
    if (!after) return eg_lex_fail(lexer, "expected a number before \"%s\"", found);
    lexer->at = after;
    return EG_OK;
}

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape behind its backslash; -1 if it is none. */
static int escape(eg_lexer *lexer) {
    ptrdiff_t left = lexer->end - lexer->at;
    const char *at = lexer->at;
    if (left >= 1 && (*at == '"' || *at == '\\')) return lexer->at++, *at;
    if (left < 3 || *at != 'x' || hex(at[1]) < 0 || hex(at[2]) < 0) return -1;
    lexer->at += 3;
    return 16 * hex(at[1]) + hex(at[2]);
}

eg_status eg_lex_string(eg_lexer *lexer, char **out) {
    eg_text text = { 0 };
    *out = NULL;
    EG_TRY(eg_lex_need(lexer, "\""));
    for (;;) {
        int c = lexer->at < lexer->end ? (unsigned char)*lexer->at++ : '\n';
        if (c == '"') break;
        if (c == '\\') c = escape(lexer);
        if (c == '\n' || c <= 0) {
            eg_text_free(&text);
            return eg_lex_fail(lexer, "a name is not closed or holds a wrong escape");
        }
        eg_text_add_bytes(&text, &(char){ (char)c }, 1);
    }
    *out = text.failed ? NULL : text.data ? text.data : eg_strdup("");
    if (text.failed) eg_text_free(&text);
    return *out ? EG_OK : EG_E_MEMORY;
}

eg_status eg_lex_list(eg_lexer *lexer, int most, int64_t *out, int *n) {
    *n = 0;
    EG_TRY(eg_lex_need(lexer, "["));
    if (eg_lex_is(lexer, "]")) return EG_OK;
    do {
        if (*n == most) return eg_lex_fail(lexer, "more than %d numbers in a list", most);
        EG_TRY(eg_lex_int(lexer, INT64_MIN, INT64_MAX, &out[*n]));
        ++*n;
    } while (eg_lex_is(lexer, ","));
    return eg_lex_need(lexer, "]");
}
