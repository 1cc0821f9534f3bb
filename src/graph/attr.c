/* SPDX-License-Identifier: MIT
 *
 * attr.c: attributes. Two tables carry this file: `kinds` says of which fields each kind consists, `types` what each
 * type of field can do: copy into normal form, print, parse. A new kind is a row; nobody else needs to know it.
 */
#include "graph/attr.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"
#include "tensor/shape.h"

typedef enum field_type {
    NUMBER,  /* double */
    INTEGER, /* int32 or int64 */
    FLAG,    /* 0 or 1, of 4 or 8 bytes */
    AXIS,    /* int64 that fits an axis; -1: none, which the op's own rule explains best */
    WORD,    /* uint32 */
    MASK,    /* bit i: axis i; uint32 or uint64; printed as a list of axes */
    LIST,    /* int32 or int64 for each axis of the first operand */
    SPATIAL, /* int64 for each axis of the first operand but its first and its last */
    LAYOUT,  /* int32; "panels" */
    BYTES,   /* a literal's elements */
    BODY,
    SHAPE,
    DTYPE, /* repeat those of the result: not printed */
    FIELD_TYPES
} field_type;

/* Small, and without addresses, because each kind has room for eight. */
typedef struct field {
    char key[10];           /* "": the number stands alone */
    unsigned char type;     /* field_type */
    unsigned char optional; /* printed only if it is not optional - 1: 0 or 1 */
    unsigned char size;
    unsigned short offset;
} field;

#define AT(member) sizeof(((eg_attr *)0)->member), offsetof(eg_attr, member)
enum { MOST_FIELDS = 8, ZERO = 1, ONE = 2 };

static const field kinds[EG_ATTR_KINDS][MOST_FIELDS] = {
    [EG_ATTR_NUMBER] = { { "", NUMBER, 0, AT(number.number) },
                         { "weak", FLAG, 1, AT(number.weak) },
                         { "shape", SHAPE, 0, AT(number.shape) },
                         { "dtype", DTYPE, 0, AT(number.dtype) } },
    [EG_ATTR_DATA] = { { "", BYTES, 0, AT(data.bytes) },
                       { "shape", SHAPE, 0, AT(data.shape) },
                       { "dtype", DTYPE, 0, AT(data.dtype) } },
    [EG_ATTR_AXIS] = { { "axis", AXIS, 0, AT(axis.axis) },
                       { "shape", SHAPE, 0, AT(axis.shape) },
                       { "dtype", DTYPE, 0, AT(axis.dtype) } },
    [EG_ATTR_REDUCE] = { { "axes", MASK, 0, AT(reduce.mask) }, { "keep", FLAG, 1, AT(reduce.keep) } },
    [EG_ATTR_PERMUTE] = { { "axes", LIST, 0, AT(permute.axis) } },
    [EG_ATTR_SHAPE] = { { "shape", SHAPE, 0, AT(shape.shape) } },
    [EG_ATTR_SLICE] = { { "start", LIST, 0, AT(slice.start) },
                        { "stop", LIST, 0, AT(slice.stop) },
                        { "step", LIST, 0, AT(slice.step) } },
    [EG_ATTR_PAD] = { { "low", LIST, 0, AT(pad.low) },
                      { "high", LIST, 0, AT(pad.high) },
                      { "interior", LIST, 0, AT(pad.interior) } },
    [EG_ATTR_AXES] = { { "axes", MASK, 0, AT(axes.mask) } },
    [EG_ATTR_MATMUL] = { { "ta", FLAG, 1, AT(matmul.ta) }, { "tb", FLAG, 1, AT(matmul.tb) } },
    [EG_ATTR_SCATTER] = { { "axis", AXIS, 0, AT(scatter.axis) }, { "size", INTEGER, 0, AT(scatter.size) } },
    [EG_ATTR_ONE_HOT] = { { "depth", INTEGER, 0, AT(one_hot.depth) }, { "dtype", DTYPE, 0, AT(one_hot.dtype) } },
    [EG_ATTR_DTYPE] = { { "dtype", DTYPE, 0, AT(dtype.dtype) } },
    [EG_ATTR_RANDOM] = { { "site", WORD, 0, AT(random.site) },
                         { "shape", SHAPE, 0, AT(random.shape) },
                         { "dtype", DTYPE, 0, AT(random.dtype) } },
    [EG_ATTR_LEAF] = { { "", LAYOUT, 1, AT(leaf.layout) },
                       { "shape", SHAPE, 0, AT(leaf.shape) },
                       { "dtype", DTYPE, 0, AT(leaf.dtype) } },
    [EG_ATTR_BODY] = { { "", BODY, 0, AT(body.body) },
                       { "steps", INTEGER, 1, AT(body.steps) },
                       { "carries", INTEGER, 1, AT(body.carries) },
                       { "stacked", INTEGER, 1, AT(body.stacked) },
                       { "reverse", FLAG, 1, AT(body.reverse) } },
    [EG_ATTR_INDEX] = { { "", INTEGER, 0, AT(index.index) },
                        { "shape", SHAPE, 0, AT(index.shape) },
                        { "dtype", DTYPE, 0, AT(index.dtype) } },
    [EG_ATTR_PACK] = { { "transpose", FLAG, 1, AT(pack.transpose) } },
    [EG_ATTR_CONV] = { { "stride", SPATIAL, ONE, AT(window.stride) },
                       { "low", SPATIAL, ZERO, AT(window.low) },
                       { "high", SPATIAL, ZERO, AT(window.high) },
                       { "spread", SPATIAL, ONE, AT(window.spread) },
                       { "dilation", SPATIAL, ONE, AT(window.dilation) },
                       { "groups", INTEGER, ONE, AT(window.groups) },
                       { "kernel", FLAG, ZERO, AT(window.kernel) },
                       { "rows", FLAG, ZERO, AT(window.rows) } },
    [EG_ATTR_WINDOW] = { { "size", SPATIAL, 0, AT(window.size) },
                         { "stride", SPATIAL, ONE, AT(window.stride) },
                         { "low", SPATIAL, ZERO, AT(window.low) },
                         { "high", SPATIAL, ZERO, AT(window.high) },
                         { "spread", SPATIAL, ONE, AT(window.spread) },
                         { "dilation", SPATIAL, ONE, AT(window.dilation) } },
};

static const char *const layouts[] = { [EG_ROWS] = "", [EG_PANELS] = "panels" };

/* ---- whole numbers of 4 or 8 bytes ----------------------------------------------------------------------------- */

static int64_t get_int(size_t size, const void *at) {
    int64_t wide;
    int32_t narrow;
    if (size % 8 == 0) return memcpy(&wide, at, sizeof wide), wide;
    return memcpy(&narrow, at, sizeof narrow), narrow;
}

static void put_int(size_t size, void *at, int64_t value) {
    int32_t narrow = (int32_t)value;
    memcpy(at, size == 8 ? (void *)&value : (void *)&narrow, size);
}

static uint64_t get_word(const field *f, const void *at) {
    return (uint64_t)get_int(f->size, at) & (f->size == 4 ? UINT32_MAX : UINT64_MAX);
}

/* Bytes of one element of a list. */
static size_t element(const field *f) { return f->size / (size_t)(f->type == SPATIAL ? EG_SPATIAL : EG_MAX_RANK); }

/* How many there are for an operand of that rank. */
static int list_length(const field *f, int rank) {
    if (f->type != SPATIAL) return rank;
    return rank < 2 ? 0 : rank - 2 < EG_SPATIAL ? rank - 2 : EG_SPATIAL;
}

static int64_t get_element(const field *f, const void *at, int i) {
    return get_int(element(f), (const char *)at + element(f) * (size_t)i);
}

/* ---- normal form ----------------------------------------------------------------------------------------------- */

static eg_status normal_plain(const field *f, void *out, const void *in, int rank) {
    (void)rank;
    memcpy(out, in, f->size);
    return EG_OK;
}

static eg_status normal_flag(const field *f, void *out, const void *in, int rank) {
    (void)rank;
    put_int(f->size, out, get_int(f->size, in) != 0);
    return EG_OK;
}

static eg_status normal_axis(const field *f, void *out, const void *in, int rank) {
    (void)rank;
    int64_t axis = get_int(f->size, in);
    if (axis < -1 || axis >= EG_MAX_RANK) return eg_fail(EG_E_ARGUMENT, "there is no axis %lld", (long long)axis);
    memcpy(out, in, f->size);
    return EG_OK;
}

static eg_status normal_list(const field *f, void *out, const void *in, int rank) {
    memcpy(out, in, element(f) * (size_t)list_length(f, rank));
    return EG_OK;
}

static eg_status normal_layout(const field *f, void *out, const void *in, int rank) {
    (void)rank;
    int64_t layout = get_int(f->size, in);
    if (layout != EG_ROWS && layout != EG_PANELS) return eg_fail(EG_E_ARGUMENT, "unknown layout %d", (int)layout);
    memcpy(out, in, f->size);
    return EG_OK;
}

static eg_status normal_body(const field *f, void *out, const void *in, int rank) {
    (void)rank;
    eg_body *body;
    memcpy(&body, in, sizeof body);
    if (!body) return eg_fail(EG_E_MEMORY, "has no body");
    if (body->nout < 1) return eg_fail(EG_E_ARGUMENT, "its body is not finished");
    memcpy(out, in, f->size);
    return EG_OK;
}

static eg_status normal_shape(const field *f, void *out, const void *in, int rank) {
    (void)rank;
    (void)f;
    eg_shape shape, kept = EG_SCALAR;
    memcpy(&shape, in, sizeof shape);
    EG_TRY(eg_shape_check(&shape));
    kept.rank = shape.rank;
    memcpy(kept.dim, shape.dim, sizeof kept.dim[0] * (size_t)shape.rank);
    memcpy(out, &kept, sizeof kept);
    return EG_OK;
}

static eg_status normal_dtype(const field *f, void *out, const void *in, int rank) {
    (void)rank;
    int64_t dtype = get_int(f->size, in);
    if (dtype < EG_F32 || dtype > EG_U8) return eg_fail(EG_E_DTYPE, "there is no dtype %d", (int)dtype);
    memcpy(out, in, f->size);
    return EG_OK;
}

/* ---- printing -------------------------------------------------------------------------------------------------- */

static void print_number(const field *f, eg_text *text, const eg_value *value, const void *at) {
    (void)f;
    (void)value;
    double number;
    memcpy(&number, at, sizeof number);
    eg_text_number(text, number);
}

static void print_integer(const field *f, eg_text *text, const eg_value *value, const void *at) {
    (void)value;
    eg_text_format(text, "%lld", (long long)get_int(f->size, at));
}

static void print_word(const field *f, eg_text *text, const eg_value *value, const void *at) {
    (void)value;
    eg_text_format(text, "%llu", (unsigned long long)get_word(f, at));
}

static void print_mask(const field *f, eg_text *text, const eg_value *value, const void *at) {
    (void)value;
    const char *between = "[";
    for (int axis = 0; axis < EG_MAX_RANK; axis++) {
        if (!(get_word(f, at) >> axis & 1)) continue;
        eg_text_format(text, "%s%d", between, axis);
        between = ",";
    }
    eg_text_add(text, *between == '[' ? "[]" : "]");
}

static void print_list(const field *f, eg_text *text, const eg_value *value, const void *at) {
    int n = list_length(f, value->in[0]->shape.rank);
    for (int i = 0; i < n; i++) eg_text_format(text, "%s%lld", i ? "," : "[", (long long)get_element(f, at, i));
    eg_text_add(text, n ? "]" : "[]");
}

static void print_layout(const field *f, eg_text *text, const eg_value *value, const void *at) {
    (void)value;
    eg_text_add(text, layouts[get_int(f->size, at)]);
}

/* A float by its own shortest decimal, where that comes back through a double (as the parser reads it) unchanged. */
static void print_float(eg_text *text, float number) {
    eg_text short_form = { 0 };
    double back = 0;
    eg_text_float(&short_form, number);
    if (!short_form.failed && eg_parse_double(short_form.data, short_form.data + short_form.length, &back) &&
        ((float)back == number || number != number))
        eg_text_add_bytes(text, short_form.data, short_form.length);
    else
        eg_text_number(text, (double)number);
    eg_text_free(&short_form);
}

static void print_bytes(const field *f, eg_text *text, const eg_value *value, const void *at) {
    (void)f;
    (void)at;
    const char *bytes = value->attr.data.bytes;
    size_t size = eg_dtype_size(value->dtype);
    int64_t n = eg_count(&value->shape);
    for (int64_t i = 0; i < n && !text->failed; i++, bytes += size) {
        double number;
        if (i) eg_text_add(text, ", ");
        eg_convert(EG_F64, &number, value->dtype, bytes, 1);
        if (value->dtype == EG_F32)
            print_float(text, (float)number);
        else
            eg_text_number(text, number);
    }
}

/* ---- parsing --------------------------------------------------------------------------------------------------- */

static eg_status parse_number(const field *f, eg_lexer *lexer, void *at, int rank) {
    (void)f;
    (void)rank;
    double number;
    EG_TRY(eg_lex_number(lexer, &number));
    memcpy(at, &number, sizeof number);
    return EG_OK;
}

static eg_status parse_integer(const field *f, eg_lexer *lexer, void *at, int rank) {
    (void)rank;
    int64_t value, low = f->size == 8 ? INT64_MIN : INT32_MIN, high = f->size == 8 ? INT64_MAX : INT32_MAX;
    EG_TRY(eg_lex_int(lexer, low, high, &value));
    put_int(f->size, at, value);
    return EG_OK;
}

static eg_status parse_word(const field *f, eg_lexer *lexer, void *at, int rank) {
    (void)rank;
    int64_t value;
    EG_TRY(eg_lex_int(lexer, 0, UINT32_MAX, &value));
    put_int(f->size, at, value);
    return EG_OK;
}

static eg_status parse_mask(const field *f, eg_lexer *lexer, void *at, int rank) {
    int64_t axes[EG_MAX_RANK], mask = 0;
    int n;
    EG_TRY(eg_lex_list(lexer, EG_MAX_RANK, axes, &n));
    for (int i = 0; i < n; i++) {
        if (axes[i] < 0 || axes[i] >= rank)
            return eg_lex_fail(lexer, "axis %lld is outside a shape of rank %d", (long long)axes[i], rank);
        mask |= (int64_t)1 << axes[i];
    }
    put_int(f->size, at, mask);
    return EG_OK;
}

static eg_status parse_list(const field *f, eg_lexer *lexer, void *at, int rank) {
    int64_t values[EG_MAX_RANK];
    int n;
    EG_TRY(eg_lex_list(lexer, EG_MAX_RANK, values, &n));
    if (n != list_length(f, rank))
        return eg_lex_fail(lexer, "\"%s\" has %d numbers for an operand of rank %d", f->key, n, rank);
    for (int i = 0; i < n; i++) {
        if (element(f) == 4 && (values[i] < INT32_MIN || values[i] > INT32_MAX))
            return eg_lex_fail(lexer, "the number %lld is too large", (long long)values[i]);
        put_int(element(f), (char *)at + element(f) * (size_t)i, values[i]);
    }
    return EG_OK;
}

static eg_status parse_layout(const field *f, eg_lexer *lexer, void *at, int rank) {
    (void)rank;
    EG_TRY(eg_lex_need(lexer, layouts[EG_PANELS]));
    put_int(f->size, at, EG_PANELS);
    return EG_OK;
}

/* ---- types ----------------------------------------------------------------------------------------------------- */

static const struct {
    eg_status (*normal)(const field *f, void *out, const void *in, int rank);
    void (*print)(const field *f, eg_text *text, const eg_value *value, const void *at); /* NULL: not printed */
    eg_status (*parse)(const field *f, eg_lexer *lexer, void *at, int rank);             /* NULL: not parsed here */
} types[FIELD_TYPES] = {
    [NUMBER] = { normal_plain, print_number, parse_number },
    [INTEGER] = { normal_plain, print_integer, parse_integer },
    [FLAG] = { normal_flag, print_integer, parse_integer },
    [AXIS] = { normal_axis, print_integer, parse_integer },
    [WORD] = { normal_plain, print_word, parse_word },
    [MASK] = { normal_plain, print_mask, parse_mask },
    [LIST] = { normal_list, print_list, parse_list },
    [SPATIAL] = { normal_list, print_list, parse_list },
    [LAYOUT] = { normal_layout, print_layout, parse_layout },
    [BYTES] = { normal_plain, print_bytes, NULL },
    [BODY] = { normal_body, NULL, NULL },
    [SHAPE] = { normal_shape, NULL, NULL },
    [DTYPE] = { normal_dtype, NULL, NULL },
};

static const field *fields_end(eg_attr_kind kind) {
    const field *f = kinds[kind];
    while (f < kinds[kind] + MOST_FIELDS && f->size) f++;
    return f;
}

static void *at(const field *f, eg_attr *attr) { return (char *)attr + f->offset; }
static const void *at_const(const field *f, const eg_attr *attr) { return (const char *)attr + f->offset; }

/* AXIS and INDEX carry a shape and dtype for the leaves among their ops only. */
static int is_used(const field *f, const eg_op_def *def) {
    int for_leaves = def->attr == EG_ATTR_AXIS || def->attr == EG_ATTR_INDEX;
    return !(for_leaves && def->arity != 0 && (f->type == SHAPE || f->type == DTYPE));
}

eg_status eg_attr_normal(eg_attr *out, const eg_op_def *def, const eg_attr *in, int rank) {
    eg_attr zero;
    memset(&zero, 0, sizeof zero);
    memset(out, 0, sizeof *out);
    if (!in) in = &zero;
    for (const field *f = kinds[def->attr]; f < fields_end(def->attr); f++)
        if (is_used(f, def)) EG_TRY(types[f->type].normal(f, at(f, out), at_const(f, in), rank));
    if (def->attr == EG_ATTR_DATA && !in->data.bytes && eg_count(&in->data.shape) > 0)
        return eg_fail(EG_E_ARGUMENT, "the literal has no elements");
    return EG_OK;
}

/* ---- equality, hash -------------------------------------------------------------------------------------------- */

static size_t data_size(const eg_attr *attr) {
    return (size_t)eg_count(&attr->data.shape) * eg_dtype_size((eg_dtype)attr->data.dtype);
}

/* Values of two bodies: equal if all is but the graph, with inputs compared by their place. */
static int body_value_equal(const eg_value *a, const eg_value *b) {
    if (a->op != b->op || a->dtype != b->dtype || a->layout != b->layout || a->nin != b->nin) return 0;
    if (!eg_same_shape(&a->shape, &b->shape) || !eg_attr_equal(a->def->attr, &a->attr, &b->attr)) return 0;
    for (int i = 0; i < a->nin; i++)
        if (a->in[i]->id != b->in[i]->id) return 0;
    return 1;
}

static int body_equal(const eg_body *a, const eg_body *b) {
    if (a == b) return 1;
    if (a->nin != b->nin || a->nout != b->nout || a->graph->n != b->graph->n) return 0;
    for (int i = 0; i < a->graph->n; i++)
        if (!body_value_equal(a->graph->values[i], b->graph->values[i])) return 0;
    for (int i = 0; i < a->nout; i++)
        if (a->out[i]->id != b->out[i]->id) return 0;
    return 1;
}

static int same_loop(const eg_attr *a, const eg_attr *b) {
    return a->body.steps == b->body.steps && a->body.carries == b->body.carries && a->body.stacked == b->body.stacked &&
           a->body.reverse == b->body.reverse;
}

int eg_attr_equal(eg_attr_kind kind, const eg_attr *a, const eg_attr *b) {
    if (kind == EG_ATTR_BODY) return same_loop(a, b) && body_equal(a->body.body, b->body.body);
    if (kind != EG_ATTR_DATA) return memcmp(a, b, sizeof *a) == 0;
    return a->data.dtype == b->data.dtype && eg_same_shape(&a->data.shape, &b->data.shape) &&
           memcmp(a->data.bytes, b->data.bytes, data_size(a)) == 0;
}

/* FNV-1a over 8 bytes at a time, with a shift so that high bits reach the low ones. */
static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    const char *at = bytes;
    for (; size > 0; at += 8) {
        uint64_t word = 0;
        size_t n = size < 8 ? size : 8;
        memcpy(&word, at, n);
        hash = mix(hash, word);
        size -= n;
    }
    return hash;
}

enum { HASH_DATA_BYTES = 1024 }; /* of a large literal only the first ones count */
static const uint64_t hash_start = 0xcbf29ce484222325u;

uint64_t eg_attr_hash(eg_attr_kind kind, const eg_attr *attr) {
    if (kind == EG_ATTR_BODY) return mix((uint64_t)attr->body.body->graph->n, (uint64_t)attr->body.body->nout);
    if (kind != EG_ATTR_DATA) return hash_bytes(hash_start, attr, sizeof *attr);
    size_t size = data_size(attr);
    return hash_bytes(hash_start, attr->data.bytes, size < HASH_DATA_BYTES ? size : HASH_DATA_BYTES);
}

int eg_node_equal(const eg_value *a, const eg_value *b) {
    if (a->op != b->op || a->dtype != b->dtype || a->layout != b->layout || a->nin != b->nin) return 0;
    if (!eg_same_shape(&a->shape, &b->shape) || strcmp(a->name, b->name) != 0) return 0;
    for (int i = 0; i < a->nin; i++)
        if (a->in[i] != b->in[i]) return 0;
    return eg_attr_equal(a->def->attr, &a->attr, &b->attr);
}

uint64_t eg_node_hash(const eg_value *value) {
    uint64_t hash = mix(eg_attr_hash(value->def->attr, &value->attr),
                        (uint64_t)value->op << 16 | (uint64_t)value->dtype << 8 | (uint64_t)value->layout);
    hash = hash_bytes(hash, value->shape.dim, sizeof(int64_t) * (size_t)value->shape.rank);
    hash = hash_bytes(hash, value->name, strlen(value->name));
    for (int i = 0; i < value->nin; i++) hash = mix(hash, (uint64_t)value->in[i]->id);
    return hash;
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

/* Is it what a reader takes it for when nothing is said? */
static int is_standard(const field *f, const eg_attr *attr, int rank) {
    if (!f->optional) return 0;
    if (f->type != SPATIAL) return get_int(f->size, at_const(f, attr)) == f->optional - 1;
    for (int i = 0; i < list_length(f, rank); i++)
        if (get_element(f, at_const(f, attr), i) != f->optional - 1) return 0;
    return 1;
}

static void put_standard(const field *f, eg_attr *attr, int rank) {
    int is_list = f->type == SPATIAL, n = is_list ? list_length(f, rank) : 1;
    size_t size = is_list ? element(f) : f->size;
    for (int i = 0; i < n; i++) put_int(size, (char *)at(f, attr) + size * (size_t)i, f->optional - 1);
}

void eg_attr_print(eg_text *text, const eg_value *value) {
    eg_attr_kind kind = value->def->attr;
    const char *between = " {";
    for (const field *f = kinds[kind]; f < fields_end(kind); f++) {
        if (!types[f->type].print || is_standard(f, &value->attr, value->nin ? value->in[0]->shape.rank : 0)) continue;
        eg_text_add(text, between);
        eg_text_add(text, f->key);
        if (f->key[0]) eg_text_add(text, "=");
        types[f->type].print(f, text, value, at_const(f, &value->attr));
        between = ", ";
    }
    if (*between == ',') eg_text_add(text, "}");
}

/* A literal: numbers up to the closing brace. */
static eg_status parse_bytes(eg_lexer *lexer, eg_attr_reading *out) {
    if (eg_lex_is(lexer, "}")) return EG_OK;
    do {
        if (out->n == out->capacity) {
            int64_t grown = out->capacity ? 2 * out->capacity : 64;
            double *numbers = eg_realloc(out->numbers, sizeof(double) * (size_t)grown);
            if (!numbers) return EG_E_MEMORY;
            out->numbers = numbers;
            out->capacity = grown;
        }
        EG_TRY(eg_lex_number(lexer, &out->numbers[out->n]));
        out->n++;
    } while (eg_lex_is(lexer, ","));
    return eg_lex_need(lexer, "}");
}

/* The field that comes next: the one of "key=", or the one without a key. */
static const field *field_next(eg_lexer *lexer, eg_attr_kind kind) {
    char word[EG_LEX_WORD];
    eg_lexer before = *lexer;
    const field *f = kinds[kind];
    if (!eg_lex_word(lexer, word) || !eg_lex_is(lexer, "=")) {
        *lexer = before;
        word[0] = '\0';
    }
    while (f < fields_end(kind) && (strcmp(f->key, word) != 0 || !types[f->type].parse)) f++;
    if (f < fields_end(kind)) return f;
    eg_lex_fail(lexer, "unknown attribute \"%s\"", word);
    return NULL;
}

static eg_status parse_fields(eg_lexer *lexer, eg_attr_kind kind, int rank, eg_attr *attr, unsigned *seen) {
    do {
        const field *f = field_next(lexer, kind);
        if (!f) return EG_E_DATA;
        EG_TRY(types[f->type].parse(f, lexer, at(f, attr), rank));
        *seen |= 1u << (f - kinds[kind]);
    } while (eg_lex_is(lexer, ","));
    return eg_lex_need(lexer, "}");
}

eg_status eg_attr_parse(eg_lexer *lexer, const eg_op_def *def, int rank, eg_attr_reading *out) {
    unsigned seen = 0;
    memset(&out->attr, 0, sizeof out->attr);
    int braces = eg_lex_is(lexer, "{");
    if (def->attr == EG_ATTR_DATA) return braces ? parse_bytes(lexer, out) : eg_lex_need(lexer, "{");
    if (braces) EG_TRY(parse_fields(lexer, def->attr, rank, &out->attr, &seen));
    for (const field *f = kinds[def->attr]; f < fields_end(def->attr); f++) {
        if (!types[f->type].parse || seen >> (f - kinds[def->attr]) & 1) continue;
        if (f->optional) put_standard(f, &out->attr, rank);
        else return eg_lex_fail(lexer, "%s: the attribute %s is missing", def->name, f->key[0] ? f->key : "in braces");
    }
    return EG_OK;
}

void eg_attr_complete(eg_attr_kind kind, eg_attr *attr, eg_dtype dtype, eg_shape shape, const void *bytes) {
    for (const field *f = kinds[kind]; f < fields_end(kind); f++) {
        if (f->type == SHAPE) memcpy(at(f, attr), &shape, sizeof shape);
        if (f->type == DTYPE) put_int(f->size, at(f, attr), dtype);
        if (f->type == BYTES) memcpy(at(f, attr), &bytes, sizeof bytes);
    }
}
