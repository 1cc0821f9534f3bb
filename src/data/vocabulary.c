/* SPDX-License-Identifier: MIT
 *
 * vocabulary.c: tokens of a text as numbers and back. A text is cut into tokens by one function, so that fitting,
 * encoding and a model read from a file agree; tokens are found by a hash table with open places. Not a tokenizer of
 * word parts (byte pairs).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"
#include "data/text.h"
#include "tensor/shape.h"

enum { MAX_TOKENS = 1 << 20 };

typedef struct token {
    const char *text; /* in the arena */
    size_t length;
    int64_t count;
} token;

struct eg_vocabulary {
    int references; /* atomic */
    eg_arena arena;
    eg_token_unit unit;
    int unknown;
    token *token; /* [n] in order of their numbers */
    int n;
    int32_t *slot; /* [slots], a power of two, more than 2 n: number + 1, 0 where it is free */
    uint32_t slots;
};

/* ---- cutting -------------------------------------------------------------------------------------------------- */

typedef struct cutter {
    const char *at, *end, *start; /* start: of the whole text */
    eg_token_unit unit;
    const char *token; /* the last one, */
    size_t length;     /* 0 at the end */
} cutter;

static cutter cutter_of(const eg_vocabulary *v, const char *text, size_t size) {
    return (cutter){ .at = text, .end = text + size, .start = text, .unit = v->unit };
}

static int is_word_byte(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'' || c >= 0x80;
}

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* DATA error with the place of `at`. */
static eg_status fail_at(const cutter *c, const char *at, const char *what, int length) {
    int line = 1, column = 1;
    for (const char *p = c->start; p < at; p++) {
        if (*p == '\n') line++, column = 0;
        column++;
    }
    if (!what) return eg_fail(EG_E_DATA, "line %d, byte %d: the text is no UTF-8", line, column);
    return eg_fail(EG_E_DATA, "line %d, byte %d: '%.*s' is not in the vocabulary", line, column, length, what);
}

static eg_status next_token(cutter *c) {
    while (c->unit == EG_TOKEN_WORD && c->at < c->end && is_blank(*c->at)) c->at++;
    c->token = c->at;
    for (int word = 1; word && c->at < c->end;) {
        word = c->unit == EG_TOKEN_WORD && is_word_byte((unsigned char)*c->at);
        if (c->at > c->token && !word) break;
        int bytes = *c->at ? eg_utf8_length(c->at, c->end) : 0;
        if (bytes == 0) return fail_at(c, c->at, NULL, 0);
        c->at += bytes;
    }
    c->length = (size_t)(c->at - c->token);
    return EG_OK;
}

/* ---- the table ------------------------------------------------------------------------------------------------ */

static uint32_t hash(const char *text, size_t length) {
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h;
}

/* Where the token is, or the free place where it belongs. */
static int32_t *find(const eg_vocabulary *v, const char *text, size_t length) {
    for (uint32_t i = hash(text, length);; i++) {
        int32_t *slot = &v->slot[i & (v->slots - 1)];
        if (!*slot) return slot;
        const token *t = &v->token[*slot - 1];
        if (t->length == length && memcmp(t->text, text, length) == 0) return slot;
    }
}

static void index_all(eg_vocabulary *v) {
    memset(v->slot, 0, v->slots * sizeof *v->slot);
    for (int i = 0; i < v->n; i++) *find(v, v->token[i].text, v->token[i].length) = i + 1;
}

static eg_status grow(eg_vocabulary *v) {
    if (v->n >= MAX_TOKENS) return eg_fail(EG_E_LIMIT, "a vocabulary has at most %d tokens", MAX_TOKENS);
    EG_TRY(EG_GROW(v->token, v->n + 1));
    if ((uint32_t)v->n < v->slots / 4) return EG_OK;
    uint32_t slots = v->slots > 0 ? 2 * v->slots : 512;
    EG_TRY(EG_GROW(v->slot, slots));
    v->slots = slots;
    index_all(v);
    return EG_OK;
}

/* Counts a token, adding it when it is new. */
static eg_status count(eg_vocabulary *v, const char *text, size_t length) {
    EG_TRY(grow(v));
    int32_t *slot = find(v, text, length);
    if (!*slot) {
        char *copy = eg_arena_alloc(&v->arena, length + 1);
        if (!copy) return EG_E_MEMORY;
        memcpy(copy, text, length);
        copy[length] = '\0';
        v->token[v->n++] = (token){ copy, length, 0 };
        *slot = v->n;
    }
    v->token[*slot - 1].count++;
    return EG_OK;
}

/* ---- making one ----------------------------------------------------------------------------------------------- */

/* UTF-8 sorts by code as bytes do. */
static int by_code(const void *a, const void *b) { return strcmp(((const token *)a)->text, ((const token *)b)->text); }

static int by_count(const void *a, const void *b) {
    int64_t x = ((const token *)a)->count, y = ((const token *)b)->count;
    return x != y ? (x < y) - (x > y) : by_code(a, b);
}

static eg_vocabulary *new_vocabulary(eg_token_unit unit, int unknown) {
    eg_vocabulary *v = eg_calloc(1, sizeof *v);
    if (v) *v = (eg_vocabulary){ .references = 1, .arena = EG_ARENA_INIT, .unit = unit, .unknown = unknown != 0 };
    return v;
}

void eg_vocabulary_free(eg_vocabulary *vocabulary) {
    if (!vocabulary || __atomic_sub_fetch(&vocabulary->references, 1, __ATOMIC_ACQ_REL) > 0) return;
    eg_arena_free(&vocabulary->arena);
    eg_free(vocabulary->token);
    eg_free(vocabulary->slot);
    eg_free(vocabulary);
}

eg_vocabulary *eg_vocabulary_share(const eg_vocabulary *vocabulary) {
    eg_vocabulary *shared = (eg_vocabulary *)vocabulary;
    __atomic_add_fetch(&shared->references, 1, __ATOMIC_RELAXED);
    return shared;
}

static eg_status fit(eg_vocabulary *v, const char *text, size_t size, eg_vocabulary_opt opt) {
    cutter c = cutter_of(v, text, size);
    if (opt.most < 0) return eg_fail(EG_E_ARGUMENT, "vocabulary: %d tokens", opt.most);
    for (;;) {
        EG_TRY(next_token(&c));
        if (c.length == 0) break;
        EG_TRY(count(v, c.token, c.length));
    }
    if (v->n == 0) return eg_fail(EG_E_DATA, "vocabulary: the text has no tokens");
    qsort(v->token, (size_t)v->n, sizeof *v->token, by_count);
    if (opt.most > 0 && opt.most < v->n) {
        v->n = opt.most;
        v->unknown = 1;
    }
    if (v->unit == EG_TOKEN_CHARACTER) qsort(v->token, (size_t)v->n, sizeof *v->token, by_code);
    index_all(v);
    return EG_OK;
}

eg_vocabulary *eg_vocabulary_fit_(const char *text, size_t size, eg_vocabulary_opt opt) {
    eg_vocabulary *v = new_vocabulary(opt.unit, opt.unknown);
    if (!v || fit(v, text, size, opt) == EG_OK) return v;
    eg_vocabulary_free(v);
    return NULL;
}

static eg_status add_given(eg_vocabulary *v, const char *text) {
    cutter c = cutter_of(v, text, strlen(text));
    int before = v->n;
    EG_TRY(next_token(&c));
    if (c.length == 0 || c.token != text || c.at != c.end)
        return eg_fail(EG_E_DATA, "vocabulary: '%.40s' is not one token", text);
    EG_TRY(count(v, text, c.length));
    return v->n > before ? EG_OK : eg_fail(EG_E_DATA, "vocabulary: '%.40s' is there twice", text);
}

eg_vocabulary *eg_vocabulary_new(eg_token_unit unit, const char *const *tokens, int n, int unknown) {
    eg_vocabulary *v = new_vocabulary(unit, unknown);
    eg_status status = v ? EG_OK : EG_E_MEMORY;
    if (status == EG_OK && n < 1) status = eg_fail(EG_E_DATA, "vocabulary: no tokens");
    for (int i = 0; i < n && status == EG_OK; i++) status = add_given(v, tokens[i]);
    if (status == EG_OK) return v;
    eg_vocabulary_free(v);
    return NULL;
}

/* ---- using one ------------------------------------------------------------------------------------------------ */

int eg_vocabulary_size(const eg_vocabulary *vocabulary) { return vocabulary->n + vocabulary->unknown; }
eg_token_unit eg_vocabulary_unit(const eg_vocabulary *vocabulary) { return vocabulary->unit; }
int eg_vocabulary_has_unknown(const eg_vocabulary *vocabulary) { return vocabulary->unknown; }

const char *eg_vocabulary_token(const eg_vocabulary *vocabulary, int number) {
    return number >= 0 && number < vocabulary->n ? vocabulary->token[number].text : "";
}

int eg_vocabulary_equal(const eg_vocabulary *a, const eg_vocabulary *b) {
    int same = a->n == b->n && a->unknown == b->unknown && a->unit == b->unit;
    for (int i = 0; same && i < a->n && a != b; i++) same = strcmp(a->token[i].text, b->token[i].text) == 0;
    return same;
}

/* The text's tokens into numbers (NULL: only counted). */
static eg_status encode(const eg_vocabulary *v, const char *text, size_t size, int32_t *numbers, int64_t *n) {
    cutter c = cutter_of(v, text, size);
    for (*n = 0;; ++*n) {
        EG_TRY(next_token(&c));
        if (c.length == 0) return EG_OK;
        if (!numbers) continue;
        int32_t found = *find(v, c.token, c.length);
        if (!found && !v->unknown) return fail_at(&c, c.token, c.token, c.length < 60 ? (int)c.length : 60);
        numbers[*n] = found ? found - 1 : v->n;
    }
}

eg_tensor *eg_vocabulary_encode(const eg_vocabulary *vocabulary, const char *text, size_t size) {
    int64_t n;
    if (encode(vocabulary, text, size, NULL, &n) != EG_OK) return NULL;
    eg_tensor *numbers = eg_new_vector(EG_I32, n);
    if (numbers && encode(vocabulary, text, size, eg_tensor_data(numbers), &n) == EG_OK) return numbers;
    eg_tensor_free(numbers);
    return NULL;
}

char *eg_vocabulary_decode(const eg_vocabulary *vocabulary, const int32_t *numbers, int64_t n) {
    eg_text out = { 0 };
    int after_word = 0;
    eg_text_add(&out, "");
    for (int64_t i = 0; i < n; i++) {
        if (numbers[i] < 0 || numbers[i] >= eg_vocabulary_size(vocabulary)) {
            eg_fail(EG_E_ARGUMENT, "%d is no number of a vocabulary of %d", (int)numbers[i],
                    eg_vocabulary_size(vocabulary));
            eg_text_free(&out);
            return NULL;
        }
        const char *text = numbers[i] < vocabulary->n ? vocabulary->token[numbers[i]].text : "\xEF\xBF\xBD";
        int word = vocabulary->unit == EG_TOKEN_WORD && is_word_byte((unsigned char)text[0]);
        if (word && after_word) eg_text_add(&out, " ");
        eg_text_add(&out, text);
        after_word = vocabulary->unit == EG_TOKEN_WORD && text[0] != '\n'; /* a blank after "," but none before it */
    }
    if (out.failed) eg_text_free(&out);
    return out.data;
}
