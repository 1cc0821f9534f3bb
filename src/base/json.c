/* SPDX-License-Identifier: MIT
 *
 * json.c: recursive descent over the bytes, a tree in the caller's arena. Strict, because these files come from
 * strangers: what RFC 8259 does not allow, and what readers are known to disagree about (duplicate keys, lone
 * surrogates), is an error with its place. Columns count bytes from 1. Not a streaming parser: headers and
 * descriptions are small.
 */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/status.h"

typedef struct parser {
    eg_arena *arena;
    const char *p, *end, *line_start;
    int line, depth;
} parser;

/* ---- errors and characters ------------------------------------------------------------------------------------- */

static int bad_at(const parser *in, const char *at, const char *what) {
    eg_fail(EG_E_DATA, "json: line %d, column %d: %s", in->line, (int)(at - in->line_start) + 1, what);
    return 0;
}

static int bad(const parser *in, const char *what) {
    return bad_at(in, in->p, in->p == in->end ? "the text ends too early" : what);
}

static void skip_space(parser *in) {
    for (; in->p < in->end; in->p++) {
        if (*in->p == '\n')
            in->line++, in->line_start = in->p + 1;
        else if (*in->p != ' ' && *in->p != '\t' && *in->p != '\r')
            return;
    }
}

static int is_digit(const parser *in) { return in->p < in->end && *in->p >= '0' && *in->p <= '9'; }

static int take(parser *in, char c) {
    if (in->p == in->end || *in->p != c) return 0;
    in->p++;
    return 1;
}

static int utf8_encode(uint32_t c, char *out) {
    if (c < 0x80) return out[0] = (char)c, 1;
    int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    for (int i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* ---- strings --------------------------------------------------------------------------------------------------- */

static int hex4(parser *in, uint32_t *out) {
    *out = 0;
    for (int i = 0; i < 4; i++, in->p++) {
        if (in->p == in->end) return bad(in, "");
        int c = *in->p | 0x20;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0 || (*in->p < '0')) return bad(in, "\\u needs four hexadecimal digits");
        *out = *out << 4 | (uint32_t)digit;
    }
    return 1;
}

/* After "\u": one code point, from two escapes if the first is a high surrogate. */
static int unicode_escape(parser *in, uint32_t *c) {
    const char *start = in->p - 2;
    uint32_t low;
    if (!hex4(in, c)) return 0;
    if (*c < 0xD800 || *c > 0xDFFF) return 1;
    if (*c > 0xDBFF || !take(in, '\\') || !take(in, 'u')) return bad_at(in, start, "half of a surrogate pair");
    if (!hex4(in, &low)) return 0;
    if (low < 0xDC00 || low > 0xDFFF) return bad_at(in, start, "half of a surrogate pair");
    *c = 0x10000 + ((*c - 0xD800) << 10 | (low - 0xDC00));
    return 1;
}

/* After the backslash: appends what the escape stands for. */
static int escape(parser *in, char **out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t c;
    if (take(in, 'u')) {
        if (!unicode_escape(in, &c)) return 0;
        *out += utf8_encode(c, *out);
        return 1;
    }
    const char *found = in->p < in->end && *in->p != '\0' ? strchr(from, *in->p) : NULL;
    if (!found) return bad(in, "an unknown escape");
    *(*out)++ = to[found - from];
    in->p++;
    return 1;
}

/* Bytes from here to the closing quote, an upper bound of the decoded length. */
static size_t raw_length(const parser *in) {
    const char *p = in->p;
    while (p < in->end && *p != '"') p += *p == '\\' && in->end - p > 1 ? 2 : 1;
    return (size_t)(p - in->p);
}

/* At the opening quote. */
static int parse_string(parser *in, const char **string, size_t *length) {
    if (!take(in, '"')) return bad(in, "a string is expected here");
    char *out = eg_arena_alloc(in->arena, raw_length(in) + 1), *first = out;
    if (!out) return 0;
    while (!take(in, '"')) {
        if (in->p == in->end) return bad(in, "");
        if ((unsigned char)*in->p < 0x20) return bad(in, "a control character inside a string");
        if (take(in, '\\')) {
            if (!escape(in, &out)) return 0;
            continue;
        }
        int n = eg_utf8_length(in->p, in->end);
        if (n == 0) return bad(in, "bytes that are not UTF-8");
        memcpy(out, in->p, (size_t)n);
        in->p += n, out += n;
    }
    *string = first;
    *length = (size_t)(out - first);
    return 1;
}

/* ---- numbers and words ----------------------------------------------------------------------------------------- */

static int digits(parser *in) {
    if (!is_digit(in)) return bad(in, "a digit is expected here");
    while (is_digit(in)) in->p++;
    return 1;
}

static int parse_number(parser *in, eg_json *value) {
    const char *start = in->p;
    int negative = take(in, '-'), whole = 1;
    if (!take(in, '0') && !digits(in)) return 0;
    if (is_digit(in)) return bad(in, "a number does not start with 0");
    if (take(in, '.') && !(whole = 0, digits(in))) return 0;
    if (in->p < in->end && (*in->p | 0x20) == 'e') {
        whole = 0, in->p++;
        if (!take(in, '-')) take(in, '+');
        if (!digits(in)) return 0;
    }
    eg_parse_double(start, in->p, &value->number);
    if (isinf(value->number)) return bad_at(in, start, "a number too large for a double");
    int exact = whole && !(negative && value->number == 0) && eg_parse_int(start, in->p, &value->integer);
    value->type = exact ? EG_JSON_INT : EG_JSON_DOUBLE;
    return 1;
}

static int take_word(parser *in, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(in->end - in->p) < n || memcmp(in->p, word, n) != 0) return 0;
    in->p += n;
    return 1;
}

static int parse_word(parser *in, eg_json *value) {
    value->type = EG_JSON_NULL;
    if (take_word(in, "null")) return 1;
    value->type = EG_JSON_BOOL;
    value->boolean = take_word(in, "true");
    return value->boolean || take_word(in, "false") || bad(in, "a value is expected here");
}

/* ---- arrays and objects ---------------------------------------------------------------------------------------- */

static int parse_value(parser *in, eg_json *value);

/* One hash table over the keys, built when the object is complete. */
static int check_keys(parser *in, const eg_json *object) {
    size_t size = 4;
    while (size < 2 * object->length) size *= 2;
    const eg_json **table = EG_ARENA_ARRAY(in->arena, const eg_json *, size);
    if (!table) return 0;
    for (const eg_json *item = object->first; item; item = item->next) {
        uint64_t hash = 14695981039346656037u; /* FNV-1a */
        for (const char *c = item->key; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
        size_t slot = (size_t)(hash ^ hash >> 32) & (size - 1);
        for (; table[slot]; slot = (slot + 1) & (size - 1))
            if (strcmp(table[slot]->key, item->key) == 0) {
                eg_fail(EG_E_DATA, "json: line %d, column %d: the key \"%s\" appears twice", item->line, item->column,
                        item->key);
                return 0;
            }
        table[slot] = item;
    }
    return 1;
}

static int parse_key(parser *in, eg_json *item) {
    const char *start = in->p;
    size_t length;
    if (!parse_string(in, &item->key, &length)) return 0;
    if (strlen(item->key) != length) return bad_at(in, start, "a key with a NUL inside");
    skip_space(in);
    if (!take(in, ':')) return bad(in, "\":\" is expected here");
    skip_space(in);
    return 1;
}

static int parse_items(parser *in, eg_json *value, char close) {
    eg_json **link = &value->first;
    skip_space(in);
    if (take(in, close)) return 1;
    do {
        eg_json *item = EG_ARENA_NEW(in->arena, eg_json);
        if (!item) return 0;
        *link = item;
        link = &item->next;
        value->length++;
        skip_space(in);
        if ((close == '}' && !parse_key(in, item)) || !parse_value(in, item)) return 0;
        skip_space(in);
    } while (take(in, ','));
    if (!take(in, close))
        return bad(in, close == '}' ? "\",\" or \"}\" is expected here" : "\",\" or \"]\" is expected here");
    return close == ']' || check_keys(in, value);
}

static int parse_container(parser *in, eg_json *value) {
    char open = *in->p;
    if (in->depth == EG_JSON_MAX_DEPTH) return bad(in, "nested too deeply");
    in->p++;
    in->depth++;
    value->type = open == '{' ? EG_JSON_OBJECT : EG_JSON_ARRAY;
    if (!parse_items(in, value, open == '{' ? '}' : ']')) return 0;
    in->depth--;
    return 1;
}

static int parse_value(parser *in, eg_json *value) {
    value->line = in->line;
    value->column = (int)(in->p - in->line_start) + 1;
    if (in->p == in->end) return bad(in, "");
    if (*in->p == '{' || *in->p == '[') return parse_container(in, value);
    if (*in->p == '-' || is_digit(in)) return parse_number(in, value);
    if (*in->p != '"') return parse_word(in, value);
    value->type = EG_JSON_STRING;
    return parse_string(in, &value->string, &value->length);
}

const eg_json *eg_json_parse(eg_arena *arena, const char *text, size_t size) {
    parser in = { arena, text, text + size, text, 1, 0 };
    eg_json *root = EG_ARENA_NEW(arena, eg_json);
    if (!root) return NULL;
    skip_space(&in);
    if (!parse_value(&in, root)) return NULL;
    skip_space(&in);
    if (in.p < in.end) {
        bad(&in, "nothing may follow the value");
        return NULL;
    }
    return root;
}

/* ---- reading the tree ------------------------------------------------------------------------------------------ */

const eg_json *eg_json_get(const eg_json *object, const char *key) {
    if (!object || object->type != EG_JSON_OBJECT) return NULL;
    for (const eg_json *item = object->first; item; item = item->next)
        if (strcmp(item->key, key) == 0) return item;
    return NULL;
}

const char *eg_json_string(const eg_json *object, const char *key, const char *absent) {
    const eg_json *item = eg_json_get(object, key);
    return item && item->type == EG_JSON_STRING ? item->string : absent;
}

double eg_json_number(const eg_json *object, const char *key, double absent) {
    const eg_json *item = eg_json_get(object, key);
    return item && (item->type == EG_JSON_DOUBLE || item->type == EG_JSON_INT) ? item->number : absent;
}

int64_t eg_json_int(const eg_json *object, const char *key, int64_t absent) {
    const eg_json *item = eg_json_get(object, key);
    return item && item->type == EG_JSON_INT ? item->integer : absent;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* What cannot be UTF-8 becomes U+FFFD, so that the output is valid whatever a file name holds. */
static void put_quoted(eg_text *text, const char *string) {
    const char *end = string + strlen(string);
    eg_text_add(text, "\"");
    for (const char *p = string; p < end;) {
        int n = eg_utf8_length(p, end);
        unsigned char c = (unsigned char)*p;
        if (n == 0)
            eg_text_add(text, "\xEF\xBF\xBD");
        else if (c == '"' || c == '\\')
            eg_text_format(text, "\\%c", c);
        else if (c == '\n')
            eg_text_add(text, "\\n");
        else if (c < 0x20)
            eg_text_format(text, "\\u%04x", c);
        else
            eg_text_add_bytes(text, p, (size_t)n);
        p += n == 0 ? 1 : n;
    }
    eg_text_add(text, "\"");
}

static void new_line(const eg_json_writer *writer) {
    if (writer->indent > 0) eg_text_format(writer->text, "\n%*s", writer->depth * writer->indent, "");
}

/* Comma, line break and key before an item. */
static void lead_in(eg_json_writer *writer, const char *key) {
    if (writer->depth > 0) {
        unsigned char *has_items = &writer->has_items[writer->depth - 1];
        if (*has_items) eg_text_add(writer->text, ",");
        *has_items = 1;
        new_line(writer);
    }
    if (!key) return;
    put_quoted(writer->text, key);
    eg_text_add(writer->text, writer->indent > 0 ? ": " : ":");
}

void eg_json_begin(eg_json_writer *writer, const char *key, char bracket) {
    lead_in(writer, key);
    eg_text_add_bytes(writer->text, &bracket, 1);
    if (writer->depth == EG_JSON_MAX_DEPTH) {
        writer->text->failed = 1;
        return;
    }
    writer->has_items[writer->depth++] = 0;
}

void eg_json_end(eg_json_writer *writer, char bracket) {
    if (writer->depth == 0) {
        writer->text->failed = 1;
        return;
    }
    int had_items = writer->has_items[--writer->depth];
    if (had_items) new_line(writer);
    eg_text_add_bytes(writer->text, &bracket, 1);
}

void eg_json_put_raw(eg_json_writer *writer, const char *key, const char *json) {
    lead_in(writer, key);
    eg_text_add(writer->text, json);
}

void eg_json_put_null(eg_json_writer *writer, const char *key) { eg_json_put_raw(writer, key, "null"); }

void eg_json_put_bool(eg_json_writer *writer, const char *key, int value) {
    eg_json_put_raw(writer, key, value ? "true" : "false");
}

void eg_json_put_string(eg_json_writer *writer, const char *key, const char *value) {
    if (!value) {
        eg_json_put_null(writer, key);
        return;
    }
    lead_in(writer, key);
    put_quoted(writer->text, value);
}

void eg_json_put_number(eg_json_writer *writer, const char *key, double value) {
    if (!isfinite(value)) {
        eg_json_put_null(writer, key);
        return;
    }
    lead_in(writer, key);
    eg_text_number(writer->text, value);
}

void eg_json_put_int(eg_json_writer *writer, const char *key, int64_t value) {
    lead_in(writer, key);
    eg_text_format(writer->text, "%lld", (long long)value);
}
