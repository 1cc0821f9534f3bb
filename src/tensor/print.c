/* SPDX-License-Identifier: MIT
 *
 * print.c: the text of NumPy's str(array) with its default options (NumPy 2: precision 8, threshold 1000, 3 edge
 * items, lines of 75). Two walks over the elements that will be seen: the first finds the widths that make columns
 * line up, the second writes. A number shows the digits that identify it, at most 8 after the point; if the numbers
 * of an array lie too far apart, or too far from 1, all of them are written with exponents.
 */
#include <elegans/tensor.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "tensor/shape.h"

enum { PRECISION = 8, THRESHOLD = 1000, EDGE = 3, LINE = 75 };

/* How every element of one array is written. */
typedef struct format {
    int is_float, single, summary, exponents;
    int left, right;     /* characters before and after the point; `left` alone for integers */
    int exponent_digits; /* at least 2 */
    int finite, not_finite, negative_infinity;
    double smallest, largest; /* magnitudes of the finite elements that are not 0 */
} format;

/* The digits of one finite number: 0.d1d2.. * 10^point, cut to PRECISION after the point (or the first digit). */
typedef struct decimal {
    char digits[20];
    int count, point, negative;
} decimal;

static void find_shortest(decimal *d, double value, int single) {
    *d = (decimal){ "0", 1, 1, signbit(value) != 0 };
    if (value != 0) d->count = eg_shortest_digits(fabs(value), single, d->digits, &d->point);
}

static void find_decimal(decimal *d, double value, const format *f) {
    find_shortest(d, value, f->single);
    int most = f->exponents ? 1 + PRECISION : d->point + PRECISION;
    if (d->count > most) {
        eg_round_digits(fabs(value), most, d->digits, &d->point);
        d->count = (int)strlen(d->digits);
        while (d->count > 1 && d->digits[d->count - 1] == '0') d->count--;
    }
}

static int most(int a, int b) { return a > b ? a : b; }

/* ---- the elements that are seen -------------------------------------------------------------------------------- */

/* The i-th seen index of an axis: all of them, or EDGE from either end. */
static int64_t seen_count(const format *f, int64_t n) { return f->summary && n > 2 * EDGE ? 2 * EDGE : n; }
static int64_t seen_index(const format *f, int64_t n, int64_t i) {
    return seen_count(f, n) < n && i >= EDGE ? n - 2 * EDGE + i : i;
}

typedef void visit(format *f, double value);

static void walk(const eg_tensor *tensor, format *f, int axis, int64_t *index, visit *see) {
    const eg_shape *shape = eg_shape_of(tensor);
    if (axis == shape->rank) {
        see(f, eg_tensor_get(tensor, index));
        return;
    }
    for (int64_t i = 0; i < seen_count(f, shape->dim[axis]); i++) {
        index[axis] = seen_index(f, shape->dim[axis], i);
        walk(tensor, f, axis + 1, index, see);
    }
}

/* ---- choosing the format --------------------------------------------------------------------------------------- */

static void see_integer(format *f, double value) { f->left = most(f->left, snprintf(NULL, 0, "%.0f", value)); }

static void see_range(format *f, double value) {
    if (!isfinite(value)) {
        f->not_finite = 1;
        f->negative_infinity |= isinf(value) && value < 0;
        return;
    }
    f->finite = 1;
    if (value == 0) return;
    f->smallest = fmin(f->smallest, fabs(value));
    f->largest = fmax(f->largest, fabs(value));
}

static void see_width(format *f, double value) {
    if (!isfinite(value)) return;
    decimal d;
    find_decimal(&d, value, f);
    if (f->exponents) {
        f->left = most(f->left, 1 + d.negative);
        f->right = most(f->right, d.count - 1);
        f->exponent_digits = most(f->exponent_digits, snprintf(NULL, 0, "%d", abs(d.point - 1)));
    } else {
        f->left = most(f->left, most(d.point, 1) + d.negative);
        f->right = most(f->right, d.count - d.point);
    }
}

/* Exponents when the largest number has more digits than the type keeps, the smallest is tiny, or they lie far apart;
 * in the arithmetic of the array's own type, as NumPy does it. */
static int needs_exponents(const format *f) {
    double large = f->largest, small = f->smallest, tiny = f->single ? (double)1e-4f : 1e-4;
    double ratio = f->single ? (double)((float)large / (float)small) : large / small;
    return large > 0 && (large >= (f->single ? 1e6 : 1e8) || small < tiny || ratio > 1e3);
}

static format format_of(const eg_tensor *tensor) {
    eg_dtype dtype = eg_tensor_dtype(tensor);
    int64_t index[EG_MAX_RANK];
    format f = { .is_float = dtype == EG_F32 || dtype == EG_F64,
                 .single = dtype == EG_F32,
                 .summary = eg_tensor_size(tensor) > THRESHOLD,
                 .exponent_digits = 2,
                 .smallest = (double)INFINITY };
    if (!f.is_float) {
        walk(tensor, &f, 0, index, see_integer);
        return f;
    }
    walk(tensor, &f, 0, index, see_range);
    f.exponents = needs_exponents(&f);
    walk(tensor, &f, 0, index, see_width);
    return f;
}

/* ---- writing one element --------------------------------------------------------------------------------------- */

static void pad(eg_text *out, int n) { eg_text_format(out, "%*s", n > 0 ? n : 0, ""); }

static void add_zeros(eg_text *out, int n) {
    if (n > 0) eg_text_format(out, "%0*d", n, 0);
}

/* Characters of one element; nan and inf end where the numbers' last column ends. */
static int element_width(const format *f) {
    if (!f->is_float) return f->left;
    int right = f->exponents ? f->exponent_digits + 2 + f->right : f->right;
    int width = f->left + 1 + right;
    return f->not_finite ? most(width, 3 + f->negative_infinity) : width;
}

/* "-d.ddde+02" with `right` digits after the point: where fewer identify the number, those of its exact value. */
static void add_scientific(eg_text *out, double value, decimal *d, const format *f) {
    if (value == 0)
        memset(d->digits, '0', (size_t)f->right + 1);
    else if (d->count < 1 + f->right)
        eg_round_digits(fabs(value), 1 + f->right, d->digits, &d->point);
    eg_text_format(out, "%s%c.%.*se%+0*d", d->negative ? "-" : "", d->digits[0], f->right, d->digits + 1,
                   1 + f->exponent_digits, d->point - 1);
}

/* "-12.5": digits before the point, or a 0; then what is left of them. */
static void add_positional(eg_text *out, const decimal *d) {
    int whole = d->point < 0 ? 0 : d->point < d->count ? d->point : d->count;
    eg_text_add(out, d->negative ? "-" : "");
    eg_text_add_bytes(out, d->digits, (size_t)whole);
    if (d->point <= 0) eg_text_add(out, "0");
    add_zeros(out, d->point - whole);
    eg_text_add(out, ".");
    add_zeros(out, -d->point);
    eg_text_add_bytes(out, d->digits + whole, (size_t)(d->count - whole));
}

static void add_float(eg_text *out, double value, const format *f) {
    size_t start = out->length;
    int width = element_width(f);
    if (!isfinite(value)) {
        const char *word = isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
        pad(out, width - (int)strlen(word));
        eg_text_add(out, word);
        return;
    }
    decimal d;
    find_decimal(&d, value, f);
    int before = (f->exponents ? 1 : most(d.point, 1)) + d.negative;
    int after = f->exponents ? f->exponent_digits + 2 + f->right : f->right;
    pad(out, width - 1 - after - before);
    if (f->exponents)
        add_scientific(out, value, &d, f);
    else
        add_positional(out, &d);
    pad(out, width - (int)(out->length - start));
}

static void add_element(eg_text *out, double value, const format *f) {
    if (f->is_float)
        add_float(out, value, f);
    else
        eg_text_format(out, "%*.0f", f->left, value);
}

/* ---- brackets and lines ---------------------------------------------------------------------------------------- */

/* One line of elements may be `width` wide; `start` is where the current line begins in the text. */
typedef struct line {
    eg_text *out;
    size_t start;
    int indent, width;
} line;

/* Before a word of `length`: breaks the line if the word does not fit and is not the first on it. */
static void make_room(line *l, int length) {
    int used = (int)(l->out->length - l->start);
    if (used <= l->indent || used + length <= l->width || l->out->failed) return;
    while (l->out->data[l->out->length - 1] == ' ') l->out->length--;
    eg_text_add(l->out, "\n");
    l->start = l->out->length;
    pad(l->out, l->indent);
}

static void add_row(eg_text *out, const eg_tensor *tensor, const format *f, int64_t *index, size_t start) {
    const eg_shape *shape = eg_shape_of(tensor);
    int axis = shape->rank - 1;
    int64_t n = shape->dim[axis], count = seen_count(f, n);
    line l = { out, start, axis + 1, LINE - axis - 1 };
    for (int64_t i = 0; i < count; i++) {
        if (count < n && i == EDGE) {
            make_room(&l, 3);
            eg_text_add(out, "... ");
        }
        make_room(&l, element_width(f));
        index[axis] = seen_index(f, n, i);
        add_element(out, eg_tensor_get(tensor, index), f);
        if (i + 1 < count) eg_text_add(out, " ");
    }
}

/* Between two sub-arrays: one line break for each axis that closes, then as many spaces as brackets stay open. */
static void next_block(eg_text *out, int breaks, int indent) {
    for (int i = 0; i < breaks; i++) eg_text_add(out, "\n");
    pad(out, indent);
}

/* `start`: where the line that this bracket is on begins. */
static void add_block(eg_text *out, const eg_tensor *tensor, const format *f, int axis, int64_t *index,
                      size_t start) {
    const eg_shape *shape = eg_shape_of(tensor);
    int64_t n = shape->dim[axis], count = seen_count(f, n);
    int breaks = shape->rank - 1 - axis;
    eg_text_add(out, "[");
    if (breaks == 0) add_row(out, tensor, f, index, start);
    for (int64_t i = 0; breaks > 0 && i < count; i++) {
        if (count < n && i == EDGE) {
            eg_text_add(out, "...");
            next_block(out, breaks, axis + 1);
        }
        index[axis] = seen_index(f, n, i);
        add_block(out, tensor, f, axis + 1, index, i == 0 ? start : out->length - (size_t)axis - 1);
        if (i + 1 < count) next_block(out, breaks, axis + 1);
    }
    eg_text_add(out, "]");
}

/* A rank-0 tensor prints as a number: all its digits, exponents below 1e-4 and from 1e16 (f32: from 1e6). */
static void add_scalar(eg_text *out, const eg_tensor *tensor) {
    double value = eg_tensor_get(tensor, NULL), size = fabs(value);
    int single = eg_tensor_dtype(tensor) == EG_F32;
    if (eg_tensor_dtype(tensor) > EG_F64 || !isfinite(value)) {
        eg_text_format(out, isnan(value) ? "nan" : "%.0f", value);
        return;
    }
    decimal d;
    find_shortest(&d, value, single);
    if (value == 0 || (size >= 1e-4 && size < (single ? 1e6 : 1e16))) {
        add_positional(out, &d);
        if (d.count <= d.point) eg_text_add(out, "0");
        return;
    }
    eg_text_format(out, "%s%c%s%se%+03d", d.negative ? "-" : "", d.digits[0], d.count > 1 ? "." : "", d.digits + 1,
                   d.point - 1);
}

char *eg_tensor_text(const eg_tensor *tensor) {
    eg_text out = { 0 };
    int64_t index[EG_MAX_RANK] = { 0 };
    if (eg_shape_of(tensor)->rank == 0) {
        add_scalar(&out, tensor);
    } else if (eg_tensor_size(tensor) == 0) {
        eg_text_add(&out, "[]");
    } else {
        format f = format_of(tensor);
        add_block(&out, tensor, &f, 0, index, 0);
    }
    if (!out.failed) return out.data;
    eg_text_free(&out);
    return NULL;
}

void eg_string_free(char *string) { eg_free(string); }
