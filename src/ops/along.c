/* SPDX-License-Identifier: MIT
 *
 * along.c: look-ups with an index for each element: take_along reads x at index along one axis, put_along adds x
 * at index into zeros. Each is the other's derivative. An index outside the axis selects nothing, as in index.c.
 *
 * Arrays are seen as [before, along, after] around the axis.
 */
#include "ops/family.h"

static eg_status infer_along(const eg_value *value, int64_t axis, int64_t size, eg_inferred *out) {
    const eg_value *x = value->in[0], *index = value->in[1];
    eg_shape fits = x->shape;
    EG_TRY(eg_need_dtype(index, EG_I32, "the index"));
    EG_TRY(eg_need_axis(&x->shape, axis));
    if (size < 0 && index->shape.rank == x->shape.rank) fits.dim[axis] = index->shape.dim[axis];
    if (!eg_same_shape(&fits, &index->shape))
        return eg_fail(EG_E_SHAPE, "%s and the index's %s may %s", eg_shape_words(&x->shape),
                       eg_shape_words(&index->shape), size < 0 ? "differ along the axis only" : "not differ");
    *out = (eg_inferred){ x->dtype, index->shape };
    if (size >= 0) out->shape.dim[axis] = size;
    return EG_OK;
}

static eg_status infer_take(const eg_value *value, eg_inferred *out) {
    return infer_along(value, value->attr.axis.axis, -1, out);
}

static eg_status infer_put(const eg_value *value, eg_inferred *out) {
    if (value->attr.scatter.size < 0)
        return eg_fail(EG_E_ARGUMENT, "a size of %lld", (long long)value->attr.scatter.size);
    return infer_along(value, value->attr.scatter.axis, value->attr.scatter.size, out);
}

/* Calls visit(whole element, indexed element) for each index inside: `whole` has `along` elements on the axis. */
static void each_index(const eg_ref_call *call, int axis, eg_shape whole, int is_put) {
    eg_shape shape = call->value->in[1]->shape;
    int64_t after = 1, count = shape.dim[axis], along = whole.dim[axis], n = eg_count(&shape);
    for (int d = axis + 1; d < shape.rank; d++) after *= shape.dim[d];
    for (int64_t i = 0; i < n; i++) {
        double index = call->in[1][i];
        int is_inside = index >= 0 && index < (double)along;
        int64_t at = is_inside ? (i / after / count * along + (int64_t)index) * after + i % after : 0;
        if (!is_put)
            call->out[i] = is_inside ? call->in[0][at] : 0;
        else if (is_inside)
            call->out[at] += call->in[0][i];
    }
}

static void ref_take(const eg_ref_call *call) {
    each_index(call, (int)call->value->attr.axis.axis, call->value->in[0]->shape, 0);
}

static void ref_put(const eg_ref_call *call) {
    for (int64_t i = 0, n = eg_count(&call->value->shape); i < n; i++) call->out[i] = 0;
    each_index(call, (int)call->value->attr.scatter.axis, call->value->shape, 1);
}

static void vjp_take(eg_value *y, eg_value *dout, eg_value **din) {
    int axis = (int)y->attr.axis.axis;
    din[0] = eg_put_along(dout, y->in[1], axis, y->in[0]->shape.dim[axis]);
}

static void vjp_put(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_take_along(dout, y->in[1], (int)y->attr.scatter.axis);
}

const eg_op_def eg_op_take_along = { .name = "take_along",
                                     .arity = 2,
                                     .attr = EG_ATTR_AXIS,
                                     .infer = infer_take,
                                     .vjp = vjp_take,
                                     .ref = ref_take,
                                     .draw = { EG_DRAW_REAL, EG_DRAW_INDEX } };
const eg_op_def eg_op_put_along = { .name = "put_along",
                                    .arity = 2,
                                    .attr = EG_ATTR_SCATTER,
                                    .work = 1,
                                    .infer = infer_put,
                                    .vjp = vjp_put,
                                    .ref = ref_put,
                                    .draw = { EG_DRAW_REAL, EG_DRAW_INDEX } };

eg_value *eg_take_along(eg_value *x, eg_value *index, int axis) {
    eg_attr attr = { .axis = { .axis = eg_axis_normal(axis, x->shape.rank) } };
    return eg_node2(EG_OP_TAKE_ALONG, x, eg_firm(index, EG_I32), &attr);
}

eg_value *eg_put_along(eg_value *x, eg_value *index, int axis, int64_t size) {
    eg_attr attr = { .scatter = { .axis = eg_axis_normal(axis, x->shape.rank), .size = size } };
    return eg_node2(EG_OP_PUT_ALONG, x, eg_firm(index, EG_I32), &attr);
}
