/* SPDX-License-Identifier: MIT
 *
 * family.h: what the op families of this folder share: the literals' names, infer rules that several ops
 * have in common, and the walk over a strided array that the references are written with. Nothing outside
 * src/ops includes it.
 */
#ifndef EG_OPS_FAMILY_H
#define EG_OPS_FAMILY_H

#include <math.h>
#include "base/status.h"
#include "kernels/kernels.h"
#include "ops/op.h"
#include "tensor/shape.h"

#define EG_OP(NAME, symbol) extern const eg_op_def symbol;
#include "ops/ops.def"
#undef EG_OP

static inline int eg_is_float(eg_dtype dtype) { return dtype == EG_F32 || dtype == EG_F64; }

/* DTYPE errors that name the value: "i32[3]: needs f32 or f64, convert with eg_cast". */
eg_status eg_need_float(const eg_value *input);
eg_status eg_need_dtype(const eg_value *input, eg_dtype dtype, const char *role);
/* ARGUMENT error "[2,3] has no such axis". */
eg_status eg_need_axis(const eg_shape *shape, int64_t axis);
/* All inputs from `first` on have one dtype. */
eg_status eg_need_same_dtype(const eg_value *value, int first);
/* All inputs have the types of the body's params; a stacked one has the steps in front. */
eg_status eg_need_operands(const eg_value *value);
/* The type of result `index` of a value with a body. */
eg_status eg_result_type(const eg_value *whole, int64_t index, eg_inferred *out);
/* The result has the dtype and shape of input 0. */
eg_status eg_infer_like(const eg_value *value, eg_inferred *out);

/* A weak constant made firm in `dtype`; any other value as it is. */
eg_value *eg_firm(eg_value *value, eg_dtype dtype);

/* Does a reshape, expand, permute, slice, pad or flip with these attributes leave what has that shape as it is? */
int eg_moves_nothing(eg_op op, const eg_shape *shape, const eg_attr *attr);
/* The shape with the axes of `mask` removed, or kept with size 1. */
eg_shape eg_reduced_shape(const eg_shape *shape, unsigned mask, int keep);
/* logsumexp's value put back beside its rows, with 0 in place of -inf: x - guard is then never (-inf) - (-inf). */
eg_value *eg_guard_rows(eg_value *logsumexp);

/* ---- references: a walk visits a shape in row-major order and keeps the offset that strides give --- */

typedef struct eg_walk {
    eg_shape shape;
    int64_t stride[EG_MAX_RANK];
    int64_t index[EG_MAX_RANK];
    int64_t at;
} eg_walk;

void eg_walk_next(eg_walk *walk);
/* A walk over `to` that reads an array of shape `from` as broadcasting does. */
eg_walk eg_walk_broadcast(const eg_shape *from, const eg_shape *to);
/* Lowers the margin of a reference call, where one is kept. */
static inline void eg_margin(const eg_ref_call *call, double distance) {
    if (call->margin && distance < *call->margin) *call->margin = distance;
}

#endif
