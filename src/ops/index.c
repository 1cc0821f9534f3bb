/* SPDX-License-Identifier: MIT
 *
 * index.c: ops that look up by number: gather, its transpose scatter-add, and one-hot. Indices are i32; one
 * outside its axis selects nothing: zeros in gather and one-hot, dropped by scatter-add. So a hostile index
 * can never read foreign memory.
 *
 * Gather and scatter-add see their array as [before, along, after] around the axis, the indices as one flat
 * list.
 */
#include "ops/family.h"

typedef struct blocks {
    int64_t before, after;
} blocks;

static blocks around(eg_shape shape, int first, int n) {
    blocks b = { 1, 1 };
    for (int d = 0; d < first; d++) b.before *= shape.dim[d];
    for (int d = first + n; d < shape.rank; d++) b.after *= shape.dim[d];
    return b;
}

/* `shape` with `n` axes from `first` on replaced by those of `by`. */
static eg_status replace_axes(const eg_shape *shape, int first, int n, const eg_shape *by, eg_shape *out) {
    int rank = shape->rank - n + by->rank;
    if (rank > EG_MAX_RANK)
        return eg_fail(EG_E_SHAPE, "%s by %s: rank %d is more than %d", eg_shape_words(shape), eg_shape_words(by),
                       rank, EG_MAX_RANK);
    *out = (eg_shape){ .rank = rank };
    for (int d = 0; d < first; d++) out->dim[d] = shape->dim[d];
    for (int d = 0; d < by->rank; d++) out->dim[first + d] = by->dim[d];
    for (int d = first + by->rank; d < rank; d++) out->dim[d] = shape->dim[d - by->rank + n];
    return EG_OK;
}

/* ---- infer ----------------------------------------------------------------------------------- */

static eg_status infer_gather(const eg_value *value, eg_inferred *out) {
    const eg_value *x = value->in[0], *index = value->in[1];
    int axis = (int)value->attr.axis.axis;
    EG_TRY(eg_need_dtype(index, EG_I32, "the index"));
    EG_TRY(eg_need_axis(&x->shape, axis));
    out->dtype = x->dtype;
    return replace_axes(&x->shape, axis, 1, &index->shape, &out->shape);
}

static eg_status infer_scatter(const eg_value *value, eg_inferred *out) {
    const eg_value *x = value->in[0], *index = value->in[1];
    int axis = (int)value->attr.scatter.axis;
    EG_TRY(eg_need_dtype(index, EG_I32, "the index"));
    int fits = axis >= 0 && axis + index->shape.rank <= x->shape.rank;
    for (int d = 0; fits && d < index->shape.rank; d++) fits = x->shape.dim[axis + d] == index->shape.dim[d];
    if (!fits)
        return eg_fail(EG_E_SHAPE, "%s does not have the index's axes %s at axis %d", eg_shape_words(&x->shape),
                       eg_shape_words(&index->shape), axis);
    out->dtype = x->dtype;
    return replace_axes(&x->shape, axis, index->shape.rank, &EG_SHAPE(value->attr.scatter.size), &out->shape);
}

static eg_status infer_one_hot(const eg_value *value, eg_inferred *out) {
    eg_shape shape = value->in[0]->shape;
    EG_TRY(eg_need_dtype(value->in[0], EG_I32, "the index"));
    out->dtype = (eg_dtype)value->attr.one_hot.dtype;
    return replace_axes(&shape, shape.rank, 0, &EG_SHAPE(value->attr.one_hot.depth), &out->shape);
}

/* ---- references ------------------------------------------------------------------------------ */

static void ref_gather(const eg_ref_call *call) {
    const eg_value *x = call->value->in[0];
    int axis = (int)call->value->attr.axis.axis;
    blocks size = around(x->shape, axis, 1);
    int64_t along = x->shape.dim[axis], n = eg_count(&call->value->in[1]->shape);
    double *out = call->out;
    for (int64_t p = 0; p < size.before; p++)
        for (int64_t q = 0; q < n; q++, out += size.after) {
            double at = call->in[1][q];
            const double *from =
                at >= 0 && at < (double)along ? call->in[0] + (p * along + (int64_t)at) * size.after : NULL;
            for (int64_t r = 0; r < size.after; r++) out[r] = from ? from[r] : 0;
        }
}

static void ref_scatter(const eg_ref_call *call) {
    const eg_value *v = call->value, *index = v->in[1];
    int axis = (int)v->attr.scatter.axis;
    blocks size = around(v->shape, axis, 1);
    int64_t along = v->shape.dim[axis], n = eg_count(&index->shape), total = eg_count(&v->shape);
    const double *from = call->in[0];
    for (int64_t i = 0; i < total; i++) call->out[i] = 0;
    for (int64_t p = 0; p < size.before; p++)
        for (int64_t q = 0; q < n; q++, from += size.after) {
            double at = call->in[1][q];
            if (at < 0 || at >= (double)along) continue;
            double *to = call->out + (p * along + (int64_t)at) * size.after;
            for (int64_t r = 0; r < size.after; r++) to[r] += from[r];
        }
}

static void ref_one_hot(const eg_ref_call *call) {
    int64_t depth = call->value->attr.one_hot.depth, n = eg_count(&call->value->in[0]->shape);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < depth; j++) call->out[i * depth + j] = call->in[0][i] == (double)j;
}

static double flops_scatter(const eg_value *value) { return (double)eg_count(&value->in[0]->shape); }

/* ---- derivatives: each is the other ---------------------------------------------------------- */

static void vjp_gather(eg_value *y, eg_value *dout, eg_value **din) {
    int axis = (int)y->attr.axis.axis;
    din[0] = eg_scatter_add(dout, y->in[1], axis, y->in[0]->shape.dim[axis]);
}

static void vjp_scatter(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_gather(dout, y->in[1], (int)y->attr.scatter.axis);
}

const eg_op_def eg_op_gather = { .name = "gather", .arity = 2, .attr = EG_ATTR_AXIS, .infer = infer_gather,
    .vjp = vjp_gather, .ref = ref_gather, .draw = { EG_DRAW_REAL, EG_DRAW_INDEX } };
const eg_op_def eg_op_scatter_add = { .name = "scatter_add", .arity = 2, .attr = EG_ATTR_SCATTER,
    .infer = infer_scatter, .vjp = vjp_scatter, .ref = ref_scatter, .flops = flops_scatter,
    .draw = { EG_DRAW_REAL, EG_DRAW_INDEX } };
const eg_op_def eg_op_one_hot = { .name = "one_hot", .arity = 1, .attr = EG_ATTR_ONE_HOT, .work = 1,
    .infer = infer_one_hot, .ref = ref_one_hot, .draw = { EG_DRAW_INDEX } };

/* ---- constructors ---------------------------------------------------------------------------- */

eg_value *eg_gather(eg_value *x, eg_value *index, int axis) {
    eg_attr attr = { .axis = { .axis = eg_axis_normal(axis, x->shape.rank) } };
    return eg_node2(EG_OP_GATHER, x, eg_firm(index, EG_I32), &attr);
}

/* A negative axis counts from the end of the result, whose axis it names. */
eg_value *eg_scatter_add(eg_value *x, eg_value *index, int axis, int64_t size) {
    int normal = eg_axis_normal(axis, x->shape.rank - index->shape.rank + 1);
    eg_attr attr = { .scatter = { .axis = normal, .size = size } };
    return eg_node2(EG_OP_SCATTER_ADD, x, eg_firm(index, EG_I32), &attr);
}

eg_value *eg_one_hot(eg_value *index, int64_t depth, eg_dtype dtype) {
    eg_attr attr = { .one_hot = { .depth = depth, .dtype = dtype } };
    return eg_node1(EG_OP_ONE_HOT, eg_firm(index, EG_I32), &attr);
}
