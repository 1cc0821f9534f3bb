/* SPDX-License-Identifier: MIT
 *
 * attr.c: attributes. A table says of which fields each kind consists; normal_field, print_field and parse_field what
 * is done with each type of field. A new kind is a few rows; nobody else needs to know it.
 */
#include "graph/attr.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"
#include "tensor/shape.h"

/* In this order: those that a text has behind a key, the rest of those that are printed, the others. */
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
    DTYPE, /* repeat those of the result */
    PARSED = BYTES,
    PRINTED = BODY
} field_type;

/* One field of a kind. Small, and without addresses, because there are many. */
typedef struct field {
    unsigned char kind;     /* eg_attr_kind */
    unsigned char type;     /* field_type */
    unsigned char optional; /* printed only if it is not optional - 1: 0 or 1 */
    unsigned char size;     /* of one element */
    unsigned char offset;
    char key[10];           /* "": the number stands alone */
} field;

#define AT(member) sizeof(((eg_attr *)0)->member), offsetof(eg_attr, member)
#define EACH(member) sizeof(((eg_attr *)0)->member[0]), offsetof(eg_attr, member)
enum { ZERO = 1, ONE = 2 };

/* In the order of kinds; a last row that is of none. */
static const field fields[] = {
    { EG_ATTR_NUMBER, NUMBER, 0, AT(number.number), "" },
    { EG_ATTR_NUMBER, FLAG, 1, AT(number.weak), "weak" },
    { EG_ATTR_NUMBER, SHAPE, 0, AT(number.shape), "shape" },
    { EG_ATTR_NUMBER, DTYPE, 0, AT(number.dtype), "dtype" },
    { EG_ATTR_DATA, BYTES, 0, AT(data.bytes), "" },
    { EG_ATTR_DATA, SHAPE, 0, AT(data.shape), "shape" },
    { EG_ATTR_DATA, DTYPE, 0, AT(data.dtype), "dtype" },
    { EG_ATTR_AXIS, AXIS, 0, AT(axis.axis), "axis" },
    { EG_ATTR_AXIS, SHAPE, 0, AT(axis.shape), "shape" },
    { EG_ATTR_AXIS, DTYPE, 0, AT(axis.dtype), "dtype" },
    { EG_ATTR_REDUCE, MASK, 0, AT(reduce.mask), "axes" },
    { EG_ATTR_REDUCE, FLAG, 1, AT(reduce.keep), "keep" },
    { EG_ATTR_PERMUTE, LIST, 0, EACH(permute.axis), "axes" },
    { EG_ATTR_SHAPE, SHAPE, 0, AT(shape.shape), "shape" },
    { EG_ATTR_SLICE, LIST, 0, EACH(slice.start), "start" },
    { EG_ATTR_SLICE, LIST, 0, EACH(slice.stop), "stop" },
    { EG_ATTR_SLICE, LIST, 0, EACH(slice.step), "step" },
    { EG_ATTR_PAD, LIST, 0, EACH(pad.low), "low" },
    { EG_ATTR_PAD, LIST, 0, EACH(pad.high), "high" },
    { EG_ATTR_PAD, LIST, 0, EACH(pad.interior), "interior" },
    { EG_ATTR_AXES, MASK, 0, AT(axes.mask), "axes" },
    { EG_ATTR_MATMUL, FLAG, 1, AT(matmul.ta), "ta" },
    { EG_ATTR_MATMUL, FLAG, 1, AT(matmul.tb), "tb" },
    { EG_ATTR_SCATTER, AXIS, 0, AT(scatter.axis), "axis" },
    { EG_ATTR_SCATTER, INTEGER, 0, AT(scatter.size), "size" },
    { EG_ATTR_ONE_HOT, INTEGER, 0, AT(one_hot.depth), "depth" },
    { EG_ATTR_ONE_HOT, DTYPE, 0, AT(one_hot.dtype), "dtype" },
    { EG_ATTR_DTYPE, DTYPE, 0, AT(dtype.dtype), "dtype" },
    { EG_ATTR_RANDOM, WORD, 0, AT(random.site), "site" },
    { EG_ATTR_RANDOM, SHAPE, 0, AT(random.shape), "shape" },
    { EG_ATTR_RANDOM, DTYPE, 0, AT(random.dtype), "dtype" },
    { EG_ATTR_LEAF, LAYOUT, 1, AT(leaf.layout), "" },
    { EG_ATTR_LEAF, SHAPE, 0, AT(leaf.shape), "shape" },
    { EG_ATTR_LEAF, DTYPE, 0, AT(leaf.dtype), "dtype" },
    { EG_ATTR_BODY, BODY, 0, AT(body.body), "" },
    { EG_ATTR_BODY, INTEGER, 1, AT(body.steps), "steps" },
    { EG_ATTR_BODY, INTEGER, 1, AT(body.carries), "carries" },
    { EG_ATTR_BODY, INTEGER, 1, AT(body.stacked), "stacked" },
    { EG_ATTR_BODY, FLAG, 1, AT(body.reverse), "reverse" },
    { EG_ATTR_INDEX, INTEGER, 0, AT(index.index), "" },
    { EG_ATTR_INDEX, SHAPE, 0, AT(index.shape), "shape" },
    { EG_ATTR_INDEX, DTYPE, 0, AT(index.dtype), "dtype" },
    { EG_ATTR_PACK, FLAG, 1, AT(pack.transpose), "transpose" },
    { EG_ATTR_CONV, SPATIAL, ONE, EACH(window.stride), "stride" },
    { EG_ATTR_CONV, SPATIAL, ZERO, EACH(window.low), "low" },
    { EG_ATTR_CONV, SPATIAL, ZERO, EACH(window.high), "high" },
    { EG_ATTR_CONV, SPATIAL, ONE, EACH(window.spread), "spread" },
    { EG_ATTR_CONV, SPATIAL, ONE, EACH(window.dilation), "dilation" },
    { EG_ATTR_CONV, INTEGER, ONE, AT(window.groups), "groups" },
    { EG_ATTR_CONV, FLAG, ZERO, AT(window.kernel), "kernel" },
    { EG_ATTR_CONV, FLAG, ZERO, AT(window.rows), "rows" },
    { EG_ATTR_WINDOW, SPATIAL, 0, EACH(window.size), "size" },
    { EG_ATTR_WINDOW, SPATIAL, ONE, EACH(window.stride), "stride" },
    { EG_ATTR_WINDOW, SPATIAL, ZERO, EACH(window.low), "low" },
    { EG_ATTR_WINDOW, SPATIAL, ZERO, EACH(window.high), "high" },
    { EG_ATTR_WINDOW, SPATIAL, ONE, EACH(window.spread), "spread" },
    { EG_ATTR_WINDOW, SPATIAL, ONE, EACH(window.dilation), "dilation" },
    { EG_ATTR_KINDS, 0, 0, 0, 0, "" },
};

/* The fields of a kind stand side by side: the first one; up to which `kind` is another. */
static const field *fields_of(eg_attr_kind kind) {
    const field *f = fields;
    while (f->kind < kind) f++;
    return f;
}

static const char *const layouts[] = { [EG_ROWS] = "", [EG_PANELS] = "panels" };

/* ---- elements: whole numbers of 4 or 8 bytes -------------------------------------------------------------------- */

/* How many there are for an operand of that rank. */
static int count(const field *f, int rank) {
    if (f->type == LIST) return rank;
    if (f->type != SPATIAL) return 1;
    return rank < 2 ? 0 : rank - 2 < EG_SPATIAL ? rank - 2 : EG_SPATIAL;
}

static int64_t get(const field *f, const eg_attr *attr, int i) {
    const char *at = (const char *)attr + f->offset + f->size * i;
    int64_t wide;
    int32_t narrow;
    if (f->size == 8) return memcpy(&wide, at, sizeof wide), wide;
    memcpy(&narrow, at, sizeof narrow);
    return f->type == WORD || f->type == MASK ? (int64_t)(uint32_t)narrow : narrow;
}

static void put(const field *f, eg_attr *attr, int i, int64_t value) {
    int32_t narrow = (int32_t)value;
    memcpy((char *)attr + f->offset + f->size * i, f->size == 8 ? (void *)&value : (void *)&narrow, f->size);
}

/* ---- normal form ----------------------------------------------------------------------------------------------- */

static eg_status check_range(const field *f, const eg_attr *attr, int low, int high) {
    int64_t value = get(f, attr, 0);
    if (value >= low && value <= high) return EG_OK;
    return eg_fail(f->type == DTYPE ? EG_E_DTYPE : EG_E_ARGUMENT, "there is no %s %lld",
                   f->type == LAYOUT ? "layout" : f->key, (long long)value);
}

static eg_status check_body(const eg_body *body) {
    if (!body) return eg_fail(EG_E_MEMORY, "has no body");
    return body->nout < 1 ? eg_fail(EG_E_ARGUMENT, "its body is not finished") : EG_OK;
}

/* Dims behind the last axis, and the bytes between rank and dims, stay 0. */
static eg_status normal_shape(eg_shape *out, const eg_shape *in) {
    EG_TRY(eg_shape_check(in));
    out->rank = in->rank;
    memcpy(out->dim, in->dim, sizeof in->dim[0] * (size_t)in->rank);
    return EG_OK;
}

static eg_status normal_field(const field *f, eg_attr *attr, const eg_attr *in, int rank) {
    void *to = (char *)attr + f->offset;
    const void *from = (const char *)in + f->offset;
    if (f->type == SHAPE) return normal_shape(to, from);
    memcpy(to, from, (size_t)(f->size * count(f, rank)));
    switch (f->type) {
    case FLAG: put(f, attr, 0, get(f, attr, 0) != 0); return EG_OK;
    case AXIS: return check_range(f, attr, -1, EG_MAX_RANK - 1);
    case LAYOUT: return check_range(f, attr, EG_ROWS, EG_PANELS);
    case DTYPE: return check_range(f, attr, EG_F32, EG_U8);
    case BODY: return check_body(attr->body.body);
    default: return EG_OK;
    }
}

/* AXIS and INDEX carry a shape and dtype for the leaves among their ops only. */
static int is_used(const field *f, const eg_op_def *def) {
    int for_leaves = def->attr == EG_ATTR_AXIS || def->attr == EG_ATTR_INDEX;
    return !(for_leaves && def->arity != 0 && (f->type == SHAPE || f->type == DTYPE));
}

eg_status eg_attr_normal(eg_attr *out, const eg_op_def *def, const eg_attr *in, int rank) {
    static const eg_attr zero;
    if (!in) in = &zero;
    for (const field *f = fields_of(def->attr); f->kind == def->attr; f++)
        if (is_used(f, def)) EG_TRY(normal_field(f, out, in, rank));
    if (def->attr == EG_ATTR_DATA && !in->data.bytes && eg_count(&in->data.shape) > 0)
        return eg_fail(EG_E_ARGUMENT, "the literal has no elements");
    return EG_OK;
}

/* ---- equality, hash -------------------------------------------------------------------------------------------- */

static size_t data_size(const eg_attr *attr) {
    return (size_t)eg_count(&attr->data.shape) * eg_dtype_size((eg_dtype)attr->data.dtype);
}

static int body_equal(const eg_body *a, const eg_body *b) {
    if (a == b) return 1;
    if (a->nin != b->nin || a->nout != b->nout || a->graph->n != b->graph->n) return 0;
    for (int i = 0; i < a->graph->n; i++)
        if (!eg_node_equal(a->graph->values[i], b->graph->values[i])) return 0;
    for (int i = 0; i < a->nout; i++)
        if (a->out[i]->id != b->out[i]->id) return 0;
    return 1;
}

static int same_loop(const eg_attr *a, const eg_attr *b) {
    size_t behind = sizeof a->body.body;
    return memcmp((const char *)a + behind, (const char *)b + behind, sizeof *a - behind) == 0;
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
    uint64_t word;
    for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, at, size);
    return size > 0 ? mix(hash, word) : hash;
}

enum { HASH_DATA_BYTES = 1024 }; /* of a large literal only the first ones count */
static const uint64_t hash_start = 0xcbf29ce484222325u;

uint64_t eg_attr_hash(eg_attr_kind kind, const eg_attr *attr) {
    if (kind == EG_ATTR_NONE) return hash_start;
    if (kind == EG_ATTR_BODY) return mix((uint64_t)attr->body.body->graph->n, (uint64_t)attr->body.body->nout);
    if (kind != EG_ATTR_DATA) return hash_bytes(hash_start, attr, sizeof *attr);
    size_t size = data_size(attr);
    return hash_bytes(hash_start, attr->data.bytes, size < HASH_DATA_BYTES ? size : HASH_DATA_BYTES);
}

int eg_node_equal(const eg_value *a, const eg_value *b) {
    if (a->op != b->op || a->dtype != b->dtype || a->layout != b->layout || a->nin != b->nin) return 0;
    if (!eg_same_shape(&a->shape, &b->shape) || strcmp(a->name, b->name) != 0) return 0;
    for (int i = 0; i < a->nin; i++)
        if (a->in[i]->id != b->in[i]->id) return 0;
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

/* ---- printing -------------------------------------------------------------------------------------------------- */

/* Is it what a reader takes it for when nothing is said? */
static int is_standard(const field *f, const eg_attr *attr, int rank) {
    for (int i = 0; f->optional && i < count(f, rank); i++)
        if (get(f, attr, i) != f->optional - 1) return 0;
    return f->optional;
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

static void print_bytes(eg_text *text, const eg_value *value) {
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

/* [1,2]: the elements, or the numbers of a mask's bits. */
static void print_list(const field *f, eg_text *text, const eg_attr *attr, int rank) {
    int is_mask = f->type == MASK, n = is_mask ? EG_MAX_RANK : count(f, rank);
    const char *between = "[";
    for (int i = 0; i < n; i++) {
        if (is_mask && !(get(f, attr, 0) >> i & 1)) continue;
        eg_text_format(text, "%s%lld", between, is_mask ? i : (long long)get(f, attr, i));
        between = ",";
    }
    eg_text_add(text, *between == '[' ? "[]" : "]");
}

static void print_field(const field *f, eg_text *text, const eg_value *value, int rank) {
    const eg_attr *attr = &value->attr;
    switch (f->type) {
    case NUMBER: eg_text_number(text, attr->number.number); break;
    case BYTES: print_bytes(text, value); break;
    case LAYOUT: eg_text_add(text, layouts[get(f, attr, 0)]); break;
    case MASK:
    case LIST:
    case SPATIAL: print_list(f, text, attr, rank); break;
    default: eg_text_format(text, "%lld", (long long)get(f, attr, 0));
    }
}

void eg_attr_print(eg_text *text, const eg_value *value) {
    eg_attr_kind kind = value->def->attr;
    int rank = value->nin ? value->in[0]->shape.rank : 0;
    const char *between = " {";
    for (const field *f = fields_of(kind); f->kind == kind; f++) {
        if (f->type >= PRINTED || is_standard(f, &value->attr, rank)) continue;
        eg_text_format(text, "%s%s%s", between, f->key, f->key[0] ? "=" : "");
        print_field(f, text, value, rank);
        between = ", ";
    }
    if (*between == ',') eg_text_add(text, "}");
}

/* ---- parsing --------------------------------------------------------------------------------------------------- */

static eg_status parse_mask(const field *f, eg_lexer *lexer, eg_attr *attr, int rank) {
    int64_t axes[EG_MAX_RANK], mask = 0;
    int n;
    EG_TRY(eg_lex_list(lexer, EG_MAX_RANK, axes, &n));
    for (int i = 0; i < n; i++) {
        if (axes[i] < 0 || axes[i] >= rank)
            return eg_lex_fail(lexer, "axis %lld is outside a shape of rank %d", (long long)axes[i], rank);
        mask |= (int64_t)1 << axes[i];
    }
    put(f, attr, 0, mask);
    return EG_OK;
}

static eg_status parse_list(const field *f, eg_lexer *lexer, eg_attr *attr, int rank) {
    int64_t values[EG_MAX_RANK];
    int n;
    EG_TRY(eg_lex_list(lexer, EG_MAX_RANK, values, &n));
    if (n != count(f, rank))
        return eg_lex_fail(lexer, "\"%s\" has %d numbers for an operand of rank %d", f->key, n, rank);
    for (int i = 0; i < n; i++) {
        put(f, attr, i, values[i]);
        if (get(f, attr, i) != values[i])
            return eg_lex_fail(lexer, "the number %lld is too large", (long long)values[i]);
    }
    return EG_OK;
}

static eg_status parse_field(const field *f, eg_lexer *lexer, eg_attr *attr, int rank) {
    int64_t value = EG_PANELS;
    switch (f->type) {
    case NUMBER: return eg_lex_number(lexer, &attr->number.number);
    case MASK: return parse_mask(f, lexer, attr, rank);
    case LIST:
    case SPATIAL: return parse_list(f, lexer, attr, rank);
    case LAYOUT: EG_TRY(eg_lex_need(lexer, layouts[EG_PANELS])); break;
    case WORD: EG_TRY(eg_lex_int(lexer, 0, UINT32_MAX, &value)); break;
    default:
        EG_TRY(eg_lex_int(lexer, f->size == 8 ? INT64_MIN : INT32_MIN, f->size == 8 ? INT64_MAX : INT32_MAX, &value));
    }
    put(f, attr, 0, value);
    return EG_OK;
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
    const field *f = fields_of(kind);
    if (!eg_lex_word(lexer, word) || !eg_lex_is(lexer, "=")) {
        *lexer = before;
        word[0] = '\0';
    }
    while (f->kind == kind && (strcmp(f->key, word) != 0 || f->type >= PARSED)) f++;
    if (f->kind == kind) return f;
    eg_lex_fail(lexer, "unknown attribute \"%s\"", word);
    return NULL;
}

static eg_status parse_fields(eg_lexer *lexer, eg_attr_kind kind, int rank, eg_attr *attr, unsigned *seen) {
    do {
        const field *f = field_next(lexer, kind);
        if (!f) return EG_E_DATA;
        EG_TRY(parse_field(f, lexer, attr, rank));
        *seen |= 1u << (f - fields_of(kind));
    } while (eg_lex_is(lexer, ","));
    return eg_lex_need(lexer, "}");
}

eg_status eg_attr_parse(eg_lexer *lexer, const eg_op_def *def, int rank, eg_attr_reading *out) {
    unsigned seen = 0;
    memset(&out->attr, 0, sizeof out->attr);
    int braces = eg_lex_is(lexer, "{");
    if (def->attr == EG_ATTR_DATA) return braces ? parse_bytes(lexer, out) : eg_lex_need(lexer, "{");
    if (braces) EG_TRY(parse_fields(lexer, def->attr, rank, &out->attr, &seen));
    for (const field *f = fields_of(def->attr); f->kind == def->attr; f++, seen >>= 1) {
        if (f->type >= PARSED || (seen & 1)) continue;
        if (!f->optional)
            return eg_lex_fail(lexer, "%s: the attribute %s is missing", def->name, f->key[0] ? f->key : "in braces");
        for (int i = 0; i < count(f, rank); i++) put(f, &out->attr, i, f->optional - 1);
    }
    return EG_OK;
}

void eg_attr_complete(eg_attr_kind kind, eg_attr *attr, eg_dtype dtype, eg_shape shape, const void *bytes) {
    for (const field *f = fields_of(kind); f->kind == kind; f++) {
        if (f->type == SHAPE) memcpy((char *)attr + f->offset, &shape, sizeof shape);
        if (f->type == DTYPE) put(f, attr, 0, dtype);
        if (f->type == BYTES) attr->data.bytes = bytes;
    }
}
