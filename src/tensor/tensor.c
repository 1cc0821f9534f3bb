/* SPDX-License-Identifier: MIT
 *
 * tensor.c: arrays and their views. A view is a new header on the same buffer; the buffer counts its headers and goes
 * with the last one. Counting is atomic, so that views may live on different threads; the elements themselves are not
 * guarded. Not a numerics library: arithmetic belongs to graphs.
 */
#include <elegans/tensor.h>

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "kernels/kernels.h"
#include "tensor/shape.h"

enum { TEXT = 200 };

typedef struct buffer {
    atomic_int references;
    void *bytes;
} buffer;

struct eg_tensor {
    eg_dtype dtype;
    eg_shape shape;
    int64_t strides[EG_MAX_RANK]; /* in elements; 0 where stretched, negative where reversed */
    char *data;                   /* the first element, somewhere in buffer->bytes */
    buffer *buffer;
};

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void buffer_release(buffer *b) {
    if (!b || atomic_fetch_sub(&b->references, 1) > 1) return;
    eg_free(b->bytes);
    eg_free(b);
}

static buffer *buffer_new(size_t bytes) {
    buffer *b = eg_calloc(1, sizeof *b);
    if (!b) return NULL;
    atomic_init(&b->references, 1);
    b->bytes = eg_alloc(bytes > 0 ? bytes : 1);
    if (b->bytes) return b;
    buffer_release(b);
    return NULL;
}

void eg_tensor_free(eg_tensor *tensor) {
    if (!tensor) return;
    buffer_release(tensor->buffer);
    eg_free(tensor);
}

eg_tensor *eg_tensor_unset(eg_dtype dtype, const eg_shape *shape) {
    size_t element = eg_dtype_size(dtype);
    if (element == 0) eg_fail(EG_E_DTYPE, "tensor: %d is no element type", (int)dtype);
    if (element == 0 || eg_shape_check(shape) != EG_OK) return NULL;
    eg_tensor *tensor = eg_calloc(1, sizeof *tensor);
    if (!tensor) return NULL;
    tensor->dtype = dtype;
    tensor->shape = *shape;
    eg_shape_strides(shape, tensor->strides);
    tensor->buffer = buffer_new((size_t)eg_count(shape) * element);
    if (!tensor->buffer) {
        eg_free(tensor);
        return NULL;
    }
    tensor->data = tensor->buffer->bytes;
    return tensor;
}

eg_tensor *eg_tensor_shaped(eg_dtype dtype, const eg_shape *shape) {
    eg_tensor *tensor = eg_tensor_unset(dtype, shape);
    if (tensor) memset(tensor->data, 0, (size_t)eg_count(shape) * eg_dtype_size(dtype));
    return tensor;
}

eg_tensor *eg_tensor_new(eg_dtype dtype, eg_shape shape) { return eg_tensor_shaped(dtype, &shape); }

static eg_tensor *new_of_rank(eg_dtype dtype, int rank, int64_t rows, int64_t columns) {
    eg_shape shape = { rank, { rows, columns } };
    return eg_tensor_shaped(dtype, &shape);
}

eg_tensor *eg_new_vector(eg_dtype dtype, int64_t n) { return new_of_rank(dtype, 1, n, 0); }

eg_tensor *eg_new_matrix(eg_dtype dtype, int64_t rows, int64_t columns) {
    return new_of_rank(dtype, 2, rows, columns);
}

eg_tensor *eg_tensor_from(eg_dtype dtype, eg_shape shape, const void *data) {
    eg_tensor *tensor = eg_tensor_unset(dtype, &shape);
    size_t bytes = tensor ? (size_t)eg_count(&shape) * eg_dtype_size(dtype) : 0;
    if (bytes > 0) memcpy(tensor->data, data, bytes);
    return tensor;
}

/* A second header on the same buffer, to be bent by the caller. */
static eg_tensor *view_of(const eg_tensor *tensor) {
    eg_tensor *view = eg_alloc(sizeof *view);
    if (!view) return NULL;
    *view = *tensor;
    atomic_fetch_add(&tensor->buffer->references, 1);
    return view;
}

/* ---- reading it ------------------------------------------------------------------------------------------------ */

eg_dtype eg_tensor_dtype(const eg_tensor *tensor) { return tensor->dtype; }
eg_shape eg_tensor_shape(const eg_tensor *tensor) { return tensor->shape; }
const eg_shape *eg_shape_of(const eg_tensor *tensor) { return &tensor->shape; }
int64_t eg_tensor_size(const eg_tensor *tensor) { return eg_count(&tensor->shape); }
const int64_t *eg_tensor_strides(const eg_tensor *tensor) { return tensor->strides; }
void *eg_tensor_data(const eg_tensor *tensor) { return tensor->data; }

/* Axes of one element may have any stride; an empty tensor is contiguous whatever its strides. */
int eg_tensor_is_contiguous(const eg_tensor *tensor) {
    int64_t strides[EG_MAX_RANK];
    eg_shape_strides(&tensor->shape, strides);
    if (eg_tensor_size(tensor) == 0) return 1;
    for (int i = 0; i < tensor->shape.rank; i++)
        if (tensor->shape.dim[i] != 1 && tensor->strides[i] != strides[i]) return 0;
    return 1;
}

static char *element_at(const eg_tensor *tensor, const int64_t *index) {
    int64_t offset = 0;
    for (int i = 0; i < tensor->shape.rank; i++) {
        assert(index[i] >= 0 && index[i] < tensor->shape.dim[i]);
        offset += index[i] * tensor->strides[i];
    }
    return tensor->data + offset * (int64_t)eg_dtype_size(tensor->dtype);
}

double eg_tensor_get(const eg_tensor *tensor, const int64_t *index) {
    double value;
    eg_convert(EG_F64, &value, tensor->dtype, element_at(tensor, index), 1);
    return value;
}

void eg_tensor_set(eg_tensor *tensor, const int64_t *index, double value) {
    eg_convert(tensor->dtype, element_at(tensor, index), EG_F64, &value, 1);
}

eg_tensor *eg_tensor_copy(const eg_tensor *tensor, eg_dtype dtype) {
    int in_order = eg_tensor_is_contiguous(tensor);
    if (!in_order && dtype != tensor->dtype) { /* first in order, then converted */
        eg_tensor *same = eg_tensor_copy(tensor, tensor->dtype), *copy = same ? eg_tensor_copy(same, dtype) : NULL;
        eg_tensor_free(same);
        return copy;
    }
    eg_tensor *copy = eg_tensor_unset(dtype, &tensor->shape);
    if (!copy) return NULL;
    if (in_order)
        eg_convert(dtype, copy->data, tensor->dtype, tensor->data, eg_tensor_size(tensor));
    else
        eg_copy_strided(tensor->shape.rank, tensor->shape.dim, copy->data, copy->strides, tensor->data,
                        tensor->strides, (int)eg_dtype_size(dtype));
    return copy;
}

/* ---- views ----------------------------------------------------------------------------------------------------- */

static eg_tensor *reshape_fails(const eg_tensor *from, const eg_shape *to, const char *why) {
    eg_fail(EG_E_SHAPE, "reshape: %s to %s: %s", eg_shape_words(&from->shape), eg_shape_words(to), why);
    return NULL;
}

/* Replaces the one dim of -1 by what is left of `size`; 0 if that is not possible. */
static int resolve_dim(eg_shape *shape, int64_t size) {
    int unknown = -1;
    int64_t rest = 1;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dim[i];
        if (dim == -1 && unknown < 0)
            unknown = i;
        else if (dim < 0 || __builtin_mul_overflow(rest, dim, &rest))
            return 0;
    }
    if (unknown < 0) return rest == size;
    if (rest == 0 || size % rest != 0) return 0;
    shape->dim[unknown] = size / rest;
    return 1;
}

eg_tensor *eg_tensor_reshape(const eg_tensor *tensor, eg_shape shape) {
    eg_shape wanted = shape;
    if (shape.rank < 0 || shape.rank > EG_MAX_RANK) return reshape_fails(tensor, &wanted, "too many axes");
    if (!resolve_dim(&shape, eg_tensor_size(tensor)))
        return reshape_fails(tensor, &wanted, "the numbers of elements differ");
    if (eg_shape_check(&shape) != EG_OK) return NULL;
    int in_order = eg_tensor_is_contiguous(tensor);
    eg_tensor *view = in_order ? view_of(tensor) : eg_tensor_copy(tensor, tensor->dtype);
    if (!view) return NULL;
    view->shape = shape;
    eg_shape_strides(&shape, view->strides);
    return view;
}

eg_tensor *eg_tensor_permute(const eg_tensor *tensor, const int *axes) {
    eg_axes list = { tensor->shape.rank, { 0 } };
    unsigned mask;
    if (list.n > 0) memcpy(list.axis, axes, (size_t)list.n * sizeof axes[0]);
    if (eg_axes_mask(&list, tensor->shape.rank, &mask) != EG_OK) {
        eg_context("permute");
        return NULL;
    }
    eg_tensor *view = view_of(tensor);
    for (int i = 0; view && i < list.n; i++) {
        int from = eg_axis_normal(axes[i], list.n);
        view->shape.dim[i] = tensor->shape.dim[from];
        view->strides[i] = tensor->strides[from];
    }
    return view;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

eg_tensor *eg_tensor_slice(const eg_tensor *tensor, int axis, int64_t start, int64_t stop, int64_t step) {
    int k = eg_axis_normal(axis, tensor->shape.rank);
    if (k < 0 || step == 0) {
        eg_fail(EG_E_ARGUMENT, k < 0 ? "slice: axis %d of a tensor of rank %d" : "slice: a step of 0", axis,
                tensor->shape.rank);
        return NULL;
    }
    eg_tensor *view = view_of(tensor);
    if (!view) return NULL;
    /* Python's rule: negative numbers count from the end, then both are clamped to where the step can walk. */
    int64_t n = tensor->shape.dim[k], low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    start = clamp(start < 0 ? start + n : start, low, high);
    stop = clamp(stop < 0 ? stop + n : stop, low, high);
    int64_t count = step > 0 ? (stop > start ? (stop - start - 1) / step + 1 : 0)
                             : (start > stop ? (stop - start + 1) / step + 1 : 0);
    if (count > 0) view->data += start * tensor->strides[k] * (int64_t)eg_dtype_size(tensor->dtype);
    view->shape.dim[k] = count;
    view->strides[k] = count > 1 ? tensor->strides[k] * step : tensor->strides[k];
    return view;
}

eg_tensor *eg_tensor_expand(const eg_tensor *tensor, eg_shape shape) {
    eg_shape joint;
    if (eg_shape_check(&shape) != EG_OK) return NULL;
    if (eg_broadcast(&tensor->shape, &shape, &joint) != EG_OK || !eg_same_shape(&joint, &shape)) {
        eg_fail(EG_E_SHAPE, "expand: %s does not stretch to %s", eg_shape_words(&tensor->shape),
                eg_shape_words(&shape));
        return NULL;
    }
    eg_tensor *view = view_of(tensor);
    if (!view) return NULL;
    view->shape = shape;
    int added = shape.rank - tensor->shape.rank;
    for (int i = 0; i < shape.rank; i++) {
        int kept = i >= added && tensor->shape.dim[i - added] == shape.dim[i];
        view->strides[i] = kept ? tensor->strides[i - added] : 0;
    }
    return view;
}
