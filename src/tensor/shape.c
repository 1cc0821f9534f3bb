/* SPDX-License-Identifier: MIT
 *
 * shape.c: shapes, strides, axes and NumPy's broadcasting rule. Pure arithmetic: no memory, no elements.
 */
#include "tensor/shape.h"

#include <stdio.h>

#include "base/status.h"

enum { TEXT = 200 }; /* a dtype, brackets, 8 dims of at most 20 characters and their commas */

int64_t eg_count(const eg_shape *shape) {
    int64_t size = 1;
    for (int i = 0; i < shape->rank; i++) size *= shape->dim[i];
    return size;
}

int eg_same_shape(const eg_shape *a, const eg_shape *b) {
    int same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = a->dim[i] == b->dim[i];
    return same;
}

static void write_shape(const eg_shape *shape, const char *before, char text[TEXT]) {
    size_t n = (size_t)snprintf(text, TEXT, "%s[", before);
    for (int i = 0; i < shape->rank && i < EG_MAX_RANK; i++)
        n += (size_t)snprintf(text + n, TEXT - n, i ? ",%lld" : "%lld", (long long)shape->dim[i]);
    snprintf(text + n, TEXT - n, "]");
}

static const char *words(const eg_shape *shape, const char *before) {
    static _Thread_local char texts[EG_SHAPES_IN_WORDS][TEXT];
    static _Thread_local unsigned turn;
    char *text = texts[turn++ % EG_SHAPES_IN_WORDS];
    write_shape(shape, before, text);
    return text;
}

const char *eg_shape_words(const eg_shape *shape) { return words(shape, ""); }
const char *eg_type_words(eg_dtype dtype, const eg_shape *shape) { return words(shape, eg_dtype_name(dtype)); }

int64_t eg_shape_size(eg_shape shape) { return eg_count(&shape); }

int eg_shape_equal(eg_shape a, eg_shape b) { return eg_same_shape(&a, &b); }

const char *eg_shape_text(eg_shape shape, char *buffer, size_t size) {
    char text[TEXT];
    write_shape(&shape, "", text);
    snprintf(buffer, size, "%s", text);
    return buffer;
}

eg_status eg_shape_check(const eg_shape *shape) {
    if (shape->rank < 0 || shape->rank > EG_MAX_RANK)
        return eg_fail(EG_E_SHAPE, "rank %d: at most %d axes are possible", shape->rank, EG_MAX_RANK);
    int64_t bytes = 8; /* of the axes that are not empty, so that strides fit too */
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) return eg_fail(EG_E_SHAPE, "%s: axis %d is negative", eg_shape_words(shape), i);
        if (shape->dim[i] > 0 && __builtin_mul_overflow(bytes, shape->dim[i], &bytes))
            return eg_fail(EG_E_SHAPE, "%s: too many elements", eg_shape_words(shape));
    }
    return EG_OK;
}

/* Size of the axis that stands `from_end` places before the end; 1 beyond the first. */
static int64_t dim_from_end(const eg_shape *shape, int from_end) {
    return from_end < shape->rank ? shape->dim[shape->rank - 1 - from_end] : 1;
}

eg_status eg_broadcast(const eg_shape *a, const eg_shape *b, eg_shape *out) {
    eg_shape result = { a->rank > b->rank ? a->rank : b->rank, { 0 } };
    for (int i = 0; i < result.rank; i++) {
        int64_t m = dim_from_end(a, i), n = dim_from_end(b, i);
        if (m != n && m != 1 && n != 1)
            return eg_fail(EG_E_SHAPE, "%s and %s do not broadcast", eg_shape_words(a), eg_shape_words(b));
        result.dim[result.rank - 1 - i] = m == 1 ? n : m;
    }
    *out = result;
    return EG_OK;
}

eg_status eg_shape_broadcast(eg_shape a, eg_shape b, eg_shape *out) { return eg_broadcast(&a, &b, out); }

eg_shape eg_batch_shape(int64_t batch, const eg_shape *sample) {
    eg_shape shape = { .rank = sample->rank + 1, .dim = { batch } };
    for (int i = 0; i < sample->rank && i + 1 < EG_MAX_RANK; i++) shape.dim[i + 1] = sample->dim[i];
    return shape;
}

void eg_shape_strides(const eg_shape *shape, int64_t strides[EG_MAX_RANK]) {
    int64_t step = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= shape->dim[i] > 0 ? shape->dim[i] : 1;
    }
}

void eg_broadcast_strides(const eg_shape *from, const eg_shape *to, int64_t strides[EG_MAX_RANK]) {
    int64_t own[EG_MAX_RANK];
    eg_shape_strides(from, own);
    for (int i = 0; i < to->rank; i++) {
        int axis = i - (to->rank - from->rank);
        strides[i] = axis < 0 || (from->dim[axis] == 1 && to->dim[i] != 1) ? 0 : own[axis];
    }
}

int eg_axis_normal(int axis, int rank) { return axis < -rank || axis >= rank ? -1 : axis < 0 ? axis + rank : axis; }

eg_status eg_axes_mask(const eg_axes *axes, int rank, unsigned *mask) {
    unsigned bits = axes->n == 0 ? (1u << rank) - 1 : 0;
    if (axes->n < 0 || axes->n > EG_MAX_RANK) return eg_fail(EG_E_ARGUMENT, "a list of %d axes", axes->n);
    for (int i = 0; i < axes->n; i++) {
        int axis = eg_axis_normal(axes->axis[i], rank);
        if (axis < 0) return eg_fail(EG_E_ARGUMENT, "axis %d of a value of rank %d", axes->axis[i], rank);
        if (bits >> axis & 1) return eg_fail(EG_E_ARGUMENT, "axis %d is named twice", axes->axis[i]);
        bits |= 1u << axis;
    }
    *mask = bits;
    return EG_OK;
}
