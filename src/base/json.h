/* SPDX-License-Identifier: MIT
 *
 * json.h: a small strict JSON reader and writer. RFC 8259, UTF-8 checked, duplicate keys refused, depth capped,
 * 64-bit integers exact, numbers locale-independent, errors with line and column.
 */
#ifndef EG_BASE_JSON_H
#define EG_BASE_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <elegans/base.h>
#include "base/arena.h"
#include "base/text.h"

enum { EG_JSON_MAX_DEPTH = 64 };

typedef enum eg_json_type {
    EG_JSON_NULL, EG_JSON_BOOL, EG_JSON_INT, EG_JSON_DOUBLE, EG_JSON_STRING, EG_JSON_ARRAY, EG_JSON_OBJECT
} eg_json_type;

typedef struct eg_json {
    eg_json_type type;
    int line, column;          /* where it starts */
    int boolean;
    int64_t integer;           /* INT */
    double number;             /* INT and DOUBLE */
    const char *string;        /* STRING, NUL-terminated; may hold NUL inside: see length */
    size_t length;             /* bytes of the string, or number of items */
    const char *key;           /* when it is a member of an object */
    struct eg_json *first, *next; /* items in order */
} eg_json;

/* Parses exactly one value in text[0..size); all memory comes from the arena. NULL with a DATA error "json: line 3,
 * column 7: ...". */
const eg_json *eg_json_parse(eg_arena *arena, const char *text, size_t size);

/* Member by key, NULL if absent or not an object. */
const eg_json *eg_json_get(const eg_json *object, const char *key);
/* Typed getters with an answer for "absent"; a wrong type counts as absent. */
const char *eg_json_string(const eg_json *object, const char *key, const char *absent);
double eg_json_number(const eg_json *object, const char *key, double absent);
int64_t eg_json_int(const eg_json *object, const char *key, int64_t absent);

/* Writer: a state machine on a text that places commas itself.
 *     eg_json_writer w = { .text = &t };
 *     eg_json_begin(&w, NULL, '{'); eg_json_put_int(&w, "n", 3); eg_json_end(&w, '}');
 * key is NULL inside arrays and at the top. Not-finite numbers are written as null. */
typedef struct eg_json_writer {
    eg_text *text;
    int depth, indent;          /* indent > 0: pretty-printed with that many spaces */
    unsigned char has_items[EG_JSON_MAX_DEPTH];
} eg_json_writer;

void eg_json_begin(eg_json_writer *writer, const char *key, char bracket);
void eg_json_end(eg_json_writer *writer, char bracket);
void eg_json_put_string(eg_json_writer *writer, const char *key, const char *value); /* NULL value: null */
void eg_json_put_number(eg_json_writer *writer, const char *key, double value);
void eg_json_put_int(eg_json_writer *writer, const char *key, int64_t value);
void eg_json_put_bool(eg_json_writer *writer, const char *key, int value);
void eg_json_put_null(eg_json_writer *writer, const char *key);
/* Puts text that already is JSON. */
void eg_json_put_raw(eg_json_writer *writer, const char *key, const char *json);

#endif
