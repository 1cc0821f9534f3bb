/* SPDX-License-Identifier: MIT
 *
 * elegans/tensor.h: concrete n-dimensional arrays, as NumPy has them: a shape, strides, an element type and a
 * reference-counted buffer that views share.
 */
#ifndef ELEGANS_TENSOR_H
#define ELEGANS_TENSOR_H

#include <elegans/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eg_dtype { EG_F32 = 1, EG_F64, EG_I32, EG_U8 } eg_dtype;

EG_API size_t eg_dtype_size(eg_dtype dtype);      /* bytes per element */
EG_API const char *eg_dtype_name(eg_dtype dtype); /* "f32" "f64" "i32" "u8" */

/* ---- shapes ---------------------------------------------------------------------------------------------- */

enum { EG_MAX_RANK = 8 };

/* rank dims, outermost first; dims may be 0. EG_SHAPE(2, 3) is a matrix, EG_SCALAR has rank 0 and one element. */
typedef struct eg_shape {
    int rank;
    int64_t dim[EG_MAX_RANK];
} eg_shape;

#define EG_SHAPE(...) \
    ((eg_shape){ (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })
#define EG_SCALAR ((eg_shape){ 0, { 0 } })

EG_API int64_t eg_shape_size(eg_shape shape); /* product of the dims; 1 for rank 0 */
EG_API int eg_shape_equal(eg_shape a, eg_shape b);
/* NumPy's broadcasting: trailing axes are aligned, a dim of 1 stretches. SHAPE error "[2,3] and [4] do not
 * broadcast". */
EG_API eg_status eg_shape_broadcast(eg_shape a, eg_shape b, eg_shape *out);
/* "[128,784]", "[]" for a scalar; writes at most `size` bytes, returns `buffer`. 160 bytes are always enough. */
EG_API const char *eg_shape_text(eg_shape shape, char *buffer, size_t size);

/* A list of axes; negative ones count from the end. An empty list means "all" where a function reduces. */
typedef struct eg_axes {
    int n;
    int axis[EG_MAX_RANK];
} eg_axes;
#define EG_AXES(...) ((eg_axes){ (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)), { __VA_ARGS__ } })

/* ---- tensors --------------------------------------------------------------------------------------------- */

typedef struct eg_tensor eg_tensor;

/* Zeros of that shape; NULL on failure (see eg_error). Each tensor, view or not, is freed by eg_tensor_free. */
EG_API eg_tensor *eg_tensor_new(eg_dtype dtype, eg_shape shape);
/* Copies row-major elements of the same dtype from `data`. */
EG_API eg_tensor *eg_tensor_from(eg_dtype dtype, eg_shape shape, const void *data);
EG_API void eg_tensor_free(eg_tensor *tensor); /* NULL is fine; the buffer goes with its last tensor */

EG_API eg_dtype eg_tensor_dtype(const eg_tensor *tensor);
EG_API eg_shape eg_tensor_shape(const eg_tensor *tensor);
EG_API int64_t eg_tensor_size(const eg_tensor *tensor);
EG_API const int64_t *eg_tensor_strides(const eg_tensor *tensor); /* in elements; borrowed, one per axis */
EG_API int eg_tensor_is_contiguous(const eg_tensor *tensor);
/* First element; rows follow by the strides. Borrowed; views write through. */
EG_API void *eg_tensor_data(const eg_tensor *tensor);

/* Element at an index of `rank` numbers as double; asserts that the index is inside. */
EG_API double eg_tensor_get(const eg_tensor *tensor, const int64_t *index);
EG_API void eg_tensor_set(eg_tensor *tensor, const int64_t *index, double value);

/* Views: share the buffer, cost nothing. reshape needs a contiguous tensor (else it copies); one dim may be -1. */
EG_API eg_tensor *eg_tensor_reshape(const eg_tensor *tensor, eg_shape shape);
/* axes[i]: which old axis comes i-th. */
EG_API eg_tensor *eg_tensor_permute(const eg_tensor *tensor, const int *axes);
/* start:stop:step of one axis as in Python, negative numbers count from the end; step may be negative, not 0. What
 * Python leaves out: INT64_MAX as stop goes to the end, INT64_MIN (with a negative step) to the first element. */
EG_API eg_tensor *eg_tensor_slice(const eg_tensor *tensor, int axis, int64_t start, int64_t stop, int64_t step);
EG_API eg_tensor *eg_tensor_expand(const eg_tensor *tensor, eg_shape shape); /* broadcast to `shape` with strides 0 */
/* A contiguous row-major copy, converted to `dtype` (to integers: truncated, then clamped to the range). */
EG_API eg_tensor *eg_tensor_copy(const eg_tensor *tensor, eg_dtype dtype);

/* The text that NumPy's print would show (precision 8, threshold 1000, edge items 3); allocated, free with
 * eg_string_free. */
EG_API char *eg_tensor_text(const eg_tensor *tensor);
EG_API void eg_string_free(char *string);

#ifdef __cplusplus
}
#endif
#endif
