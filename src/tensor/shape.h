/* SPDX-License-Identifier: MIT
 *
 * shape.h: arithmetic on shapes that the graph, the ops and the executors share.
 */
#ifndef EG_TENSOR_SHAPE_H
#define EG_TENSOR_SHAPE_H

#include <elegans/tensor.h>

/* eg_shape_size, eg_shape_equal, eg_shape_broadcast and eg_shape_text for the inside: a shape has 72 bytes, and to copy
 * it takes more code than the call. `out` may be a or b. Words are this thread's, and stay as they are until the eighth
 * next. */
int64_t eg_count(const eg_shape *shape);
int eg_same_shape(const eg_shape *a, const eg_shape *b);
eg_status eg_broadcast(const eg_shape *a, const eg_shape *b, eg_shape *out);
const char *eg_shape_words(const eg_shape *shape);
const char *eg_type_words(eg_dtype dtype, const eg_shape *shape); /* f32[128,784] */
enum { EG_SHAPES_IN_WORDS = 8 };
/* eg_tensor_shape and eg_tensor_new for the inside; zeros of shape [n], [rows,columns]. */
const eg_shape *eg_shape_of(const eg_tensor *tensor);
eg_tensor *eg_tensor_shaped(eg_dtype dtype, const eg_shape *shape);
eg_tensor *eg_new_vector(eg_dtype dtype, int64_t n);
eg_tensor *eg_new_matrix(eg_dtype dtype, int64_t rows, int64_t columns);

/* [batch, sample...]; of a sample of EG_MAX_RANK axes no legal one */
eg_shape eg_batch_shape(int64_t batch, const eg_shape *sample);
/* Row-major strides in elements. */
void eg_shape_strides(const eg_shape *shape, int64_t strides[EG_MAX_RANK]);
/* Strides with which an operand of shape `from` is read at the indices of the broadcast shape `to` (0 where
 * stretched). */
void eg_broadcast_strides(const eg_shape *from, const eg_shape *to, int64_t strides[EG_MAX_RANK]);
/* Checks dims >= 0, rank <= EG_MAX_RANK and that the element count times 8 fits int64; SHAPE error otherwise. */
eg_status eg_shape_check(const eg_shape *shape);
/* Axis -rank..rank-1 to 0..rank-1; -1 if outside. */
int eg_axis_normal(int axis, int rank);
/* Axes to a bit mask; an empty list gives all axes. ARGUMENT error for a bad or repeated axis. */
eg_status eg_axes_mask(const eg_axes *axes, int rank, unsigned *mask);

/* A tensor whose elements the caller sets, all of them: eg_tensor_shaped without the zeros. */
eg_tensor *eg_tensor_unset(eg_dtype dtype, const eg_shape *shape);

/* dtype from its name; 0 if unknown. */
eg_dtype eg_dtype_from_name(const char *name);
/* Converts n contiguous elements between dtypes (to integers: truncate, clamp, NaN to 0). */
void eg_convert(eg_dtype to, void *out, eg_dtype from, const void *in, int64_t n);

#endif
