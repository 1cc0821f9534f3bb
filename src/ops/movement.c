/* SPDX-License-Identifier: MIT
 *
 * movement.c: ops that put elements elsewhere and compute nothing: reshape, permute, expand, slice, pad,
 * flip, concat. Their derivatives are each other. A call that would change nothing returns its argument.
 *
 * The references are one strided copy each: only offsets and strides differ.
 */
#include <string.h>
#include "ops/family.h"

/* ---- references ------------------------------------------------------------------------------ */

static void ref_reshape(const eg_ref_call *call) {
    int64_t n = eg_count(&call->value->shape);
    for (int64_t i = 0; i < n; i++) call->out[i] = call->in[0][i];
}

/* Permute, expand, slice, flip: the input is read from a first element on by a stride for each axis of the result. */
static void ref_view(const eg_ref_call *call) {
    const eg_value *v = call->value;
    eg_walk from = { .shape = v->shape };
    int64_t stride[EG_MAX_RANK], first = 0;
    eg_broadcast_strides(&v->in[0]->shape, &v->shape, stride);
    for (int d = 0; d < v->shape.rank; d++) {
        int64_t start = 0, step = 1;
        if (v->op == EG_OP_SLICE) start = v->attr.slice.start[d], step = v->attr.slice.step[d];
        if (v->op == EG_OP_FLIP && (v->attr.axes.mask >> d & 1)) start = v->shape.dim[d] - 1, step = -1;
        from.stride[d] = step * stride[v->op == EG_OP_PERMUTE ? v->attr.permute.axis[d] : d];
        first += start * stride[d];
    }
    int64_t n = eg_count(&v->shape);
    for (int64_t i = 0; i < n; i++, eg_walk_next(&from)) call->out[i] = call->in[0][first + from.at];
}

/* out[index . out_stride] = in[index . in_stride] for every index of `shape`. */
static void copy_strided(const eg_shape *shape, double *out, const int64_t *out_stride, const double *in,
                         const int64_t *in_stride) {
    eg_walk to = { .shape = *shape }, from = { .shape = *shape };
    memcpy(to.stride, out_stride, sizeof to.stride);
    memcpy(from.stride, in_stride, sizeof from.stride);
    for (int64_t n = eg_count(shape); n > 0; n--, eg_walk_next(&to), eg_walk_next(&from)) out[to.at] = in[from.at];
}

/* The block of the input that survives the cuts is written at its place into zeros. */
static void ref_pad(const eg_ref_call *call) {
    const eg_value *v = call->value;
    eg_shape block = v->in[0]->shape;
    int64_t in_stride[EG_MAX_RANK], out_stride[EG_MAX_RANK], in_first = 0, out_first = 0;
    int64_t n = eg_count(&v->shape);
    eg_shape_strides(&block, in_stride);
    eg_shape_strides(&v->shape, out_stride);
    for (int d = 0; d < block.rank; d++) {
        int64_t low = v->attr.pad.low[d], gap = v->attr.pad.interior[d] + 1;
        int64_t room = v->shape.dim[d] - low;
        int64_t first = low < 0 ? (-low + gap - 1) / gap : 0; /* the first i with low + i gap >= 0 */
        int64_t end = room > 0 ? (room + gap - 1) / gap : 0;  /* the first i with low + i gap beyond the result */
        if (end > block.dim[d]) end = block.dim[d];
        in_first += first * in_stride[d];
        out_first += (low + first * gap) * out_stride[d];
        out_stride[d] *= gap;
        block.dim[d] = end > first ? end - first : 0;
    }
    for (int64_t i = 0; i < n; i++) call->out[i] = 0;
    if (eg_count(&block)) copy_strided(&block, call->out + out_first, out_stride, call->in[0] + in_first, in_stride);
}

static void ref_concat(const eg_ref_call *call) {
    const eg_value *v = call->value;
    int axis = (int)v->attr.axis.axis;
    int64_t out_stride[EG_MAX_RANK], in_stride[EG_MAX_RANK], first = 0;
    eg_shape_strides(&v->shape, out_stride);
    for (int i = 0; i < v->nin; i++) {
        const eg_shape *shape = &v->in[i]->shape;
        eg_shape_strides(shape, in_stride);
        copy_strided(shape, call->out + first, out_stride, call->in[i], in_stride);
        first += shape->dim[axis] * out_stride[axis];
    }
}

/* ---- infer ----------------------------------------------------------------------------------- */

static eg_status infer_reshape(const eg_value *value, eg_inferred *out) {
    const eg_shape *from = &value->in[0]->shape, *to = &value->attr.shape.shape;
    *out = (eg_inferred){ value->in[0]->dtype, *to };
    if (eg_count(from) == eg_count(to)) return EG_OK;
    return eg_fail(EG_E_SHAPE, "%s to %s: %lld elements are not %lld", eg_shape_words(from), eg_shape_words(to),
                   (long long)eg_count(from), (long long)eg_count(to));
}

static eg_status infer_permute(const eg_value *value, eg_inferred *out) {
    const eg_value *x = value->in[0];
    unsigned seen = 0;
    *out = (eg_inferred){ x->dtype, { .rank = x->shape.rank } };
    for (int d = 0; d < x->shape.rank; d++) {
        int axis = value->attr.permute.axis[d];
        if (axis < 0 || axis >= x->shape.rank || seen >> axis & 1)
            return eg_fail(EG_E_ARGUMENT, "%s: the axes must be a permutation of 0..%d", eg_shape_words(&x->shape),
                           x->shape.rank - 1);
        seen |= 1u << axis;
        out->shape.dim[d] = x->shape.dim[axis];
    }
    return EG_OK;
}

static eg_status infer_expand(const eg_value *value, eg_inferred *out) {
    const eg_shape *from = &value->in[0]->shape, *to = &value->attr.shape.shape;
    out->dtype = value->in[0]->dtype;
    if (eg_broadcast(from, to, &out->shape) == EG_OK && eg_same_shape(&out->shape, to)) return EG_OK;
    return eg_fail(EG_E_SHAPE, "%s does not stretch to %s", eg_shape_words(from), eg_shape_words(to));
}

static eg_status infer_slice(const eg_value *value, eg_inferred *out) {
    eg_shape shape = value->in[0]->shape;
    *out = (eg_inferred){ value->in[0]->dtype, { .rank = shape.rank } };
    for (int d = 0; d < shape.rank; d++) {
        int64_t start = value->attr.slice.start[d], stop = value->attr.slice.stop[d];
        int64_t step = value->attr.slice.step[d];
        if (start < 0 || stop < start || stop > shape.dim[d] || step < 1)
            return eg_fail(EG_E_ARGUMENT, "%s: %lld:%lld:%lld is outside axis %d", eg_shape_words(&shape),
                           (long long)start, (long long)stop, (long long)step, d);
        out->shape.dim[d] = (stop - start) / step + ((stop - start) % step != 0);
    }
    return EG_OK;
}

/* Length of n elements with `interior` zeros between neighbours. */
static int64_t spread(int64_t n, int64_t interior) { return n > 0 ? n + (n - 1) * interior : 0; }

static eg_status infer_pad(const eg_value *value, eg_inferred *out) {
    eg_shape shape = value->in[0]->shape;
    const int64_t limit = INT64_C(1) << 40; /* keeps the sums below far from overflow */
    *out = (eg_inferred){ value->in[0]->dtype, { .rank = shape.rank } };
    for (int d = 0; d < shape.rank; d++) {
        int64_t low = value->attr.pad.low[d], high = value->attr.pad.high[d], interior = value->attr.pad.interior[d];
        int fits = low > -limit && low < limit && high > -limit && high < limit && interior >= 0 &&
                   (shape.dim[d] < 2 || interior < limit / shape.dim[d]);
        out->shape.dim[d] = fits ? low + high + spread(shape.dim[d], interior) : -1;
        if (out->shape.dim[d] < 0)
            return eg_fail(EG_E_SHAPE, "%s: (%lld, %lld) around and %lld between leave nothing valid of axis %d",
                           eg_shape_words(&shape), (long long)low, (long long)high, (long long)interior, d);
    }
    return EG_OK;
}

static eg_status infer_flip(const eg_value *value, eg_inferred *out) {
    EG_TRY(eg_infer_like(value, out));
    if (value->attr.axes.mask >> out->shape.rank == 0) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "%s has no such axis", eg_shape_words(&out->shape));
}

static eg_status infer_concat(const eg_value *value, eg_inferred *out) {
    int axis = (int)value->attr.axis.axis;
    EG_TRY(eg_need_same_dtype(value, 0));
    EG_TRY(eg_infer_like(value, out));
    EG_TRY(eg_need_axis(&out->shape, axis));
    for (int i = 1; i < value->nin; i++) {
        eg_shape first = value->in[0]->shape, other = value->in[i]->shape;
        out->shape.dim[axis] += axis < other.rank ? other.dim[axis] : 0;
        first.dim[axis] = other.rank == first.rank ? other.dim[axis] : -1;
        if (!eg_same_shape(&first, &other))
            return eg_fail(EG_E_SHAPE, "%s and %s may differ along axis %d only",
                           eg_shape_words(&value->in[0]->shape), eg_shape_words(&other), axis);
    }
    return EG_OK;
}

/* ---- derivatives ----------------------------------------------------------------------------- */

static void vjp_reshape(eg_value *y, eg_value *dout, eg_value **din) {
    din[0] = eg_reshaped(dout, &y->in[0]->shape);
}

static void vjp_permute(eg_value *y, eg_value *dout, eg_value **din) {
    eg_axes inverse = { .n = y->shape.rank };
    for (int d = 0; d < y->shape.rank; d++) inverse.axis[y->attr.permute.axis[d]] = d;
    din[0] = eg_permute(dout, inverse);
}

static void vjp_expand(eg_value *y, eg_value *dout, eg_value **din) { din[0] = eg_sum_to(dout, &y->in[0]->shape); }

/* Back to its place, zeros elsewhere. */
static void vjp_slice(eg_value *y, eg_value *dout, eg_value **din) {
    int64_t high[EG_MAX_RANK] = { 0 }, interior[EG_MAX_RANK] = { 0 };
    for (int d = 0; d < y->shape.rank; d++) {
        interior[d] = y->attr.slice.step[d] - 1;
        high[d] = y->in[0]->shape.dim[d] - y->attr.slice.start[d] - spread(y->shape.dim[d], interior[d]);
    }
    din[0] = eg_pad(dout, y->attr.slice.start, high, interior);
}

/* Where the pad cut, zeros come back (a pad by -low, -high); then every (interior + 1)-th element. */
static void vjp_pad(eg_value *y, eg_value *dout, eg_value **din) {
    eg_shape shape = y->in[0]->shape;
    int64_t low[EG_MAX_RANK], high[EG_MAX_RANK], none[EG_MAX_RANK] = { 0 };
    int64_t start[EG_MAX_RANK] = { 0 }, stop[EG_MAX_RANK] = { 0 }, step[EG_MAX_RANK] = { 0 };
    for (int d = 0; d < shape.rank; d++) {
        int64_t before = y->attr.pad.low[d], after = y->attr.pad.high[d];
        low[d] = before < 0 ? -before : 0;
        high[d] = after < 0 ? -after : 0;
        start[d] = before > 0 ? before : 0;
        step[d] = y->attr.pad.interior[d] + 1;
        stop[d] = start[d] + spread(shape.dim[d], step[d] - 1);
    }
    din[0] = eg_slice_all(eg_pad(dout, low, high, none), start, stop, step);
}

static void vjp_flip(eg_value *y, eg_value *dout, eg_value **din) { din[0] = eg_node1(EG_OP_FLIP, dout, &y->attr); }

static void vjp_concat(eg_value *y, eg_value *dout, eg_value **din) {
    int axis = (int)y->attr.axis.axis;
    for (int64_t i = 0, first = 0, n; i < y->nin; i++, first += n) {
        n = y->in[i]->shape.dim[axis];
        din[i] = eg_slice(dout, axis, first, first + n);
    }
}

/* ---- the ops --------------------------------------------------------------------------------- */

const eg_op_def eg_op_reshape = { .name = "reshape", .arity = 1, .attr = EG_ATTR_SHAPE, .flags = EG_VIEW,
    .infer = infer_reshape, .vjp = vjp_reshape, .ref = ref_reshape, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_permute = { .name = "permute", .arity = 1, .attr = EG_ATTR_PERMUTE, .flags = EG_VIEW,
    .infer = infer_permute, .vjp = vjp_permute, .ref = ref_view, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_expand = { .name = "expand", .arity = 1, .attr = EG_ATTR_SHAPE, .flags = EG_VIEW,
    .infer = infer_expand, .vjp = vjp_expand, .ref = ref_view, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_slice = { .name = "slice", .arity = 1, .attr = EG_ATTR_SLICE, .flags = EG_VIEW,
    .infer = infer_slice, .vjp = vjp_slice, .ref = ref_view, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_flip = { .name = "flip", .arity = 1, .attr = EG_ATTR_AXES, .flags = EG_VIEW,
    .infer = infer_flip, .vjp = vjp_flip, .ref = ref_view, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_pad = { .name = "pad", .arity = 1, .attr = EG_ATTR_PAD, .infer = infer_pad, .vjp = vjp_pad,
    .ref = ref_pad, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_concat = { .name = "concat", .arity = -1, .attr = EG_ATTR_AXIS, .infer = infer_concat,
    .vjp = vjp_concat, .ref = ref_concat, .draw = { EG_DRAW_REAL, EG_DRAW_REAL, EG_DRAW_REAL } };

/* ---- constructors ---------------------------------------------------------------------------- */

int eg_moves_nothing(eg_op op, const eg_shape *shape, const eg_attr *attr) {
    int moves = 0;
    if (op == EG_OP_RESHAPE || op == EG_OP_EXPAND) return eg_same_shape(shape, &attr->shape.shape);
    for (int d = 0; d < shape->rank; d++) {
        if (op == EG_OP_PERMUTE) moves |= attr->permute.axis[d] != d;
        if (op == EG_OP_FLIP) moves |= (attr->axes.mask >> d & 1) && shape->dim[d] > 1;
        if (op == EG_OP_PAD) moves |= (attr->pad.low[d] | attr->pad.high[d] | attr->pad.interior[d]) != 0;
        if (op == EG_OP_SLICE)
            moves |= attr->slice.start[d] != 0 || attr->slice.stop[d] != shape->dim[d] || attr->slice.step[d] != 1;
    }
    return !moves;
}

static eg_value *moved(eg_op op, eg_value *x, const eg_attr *attr) {
    return eg_moves_nothing(op, &x->shape, attr) ? x : eg_node1(op, x, attr);
}

/* Fills in the one dim that is -1. */
static eg_status resolve_shape(const eg_shape *from, const eg_shape *to, eg_shape *out) {
    int64_t known = 1, n = eg_count(from);
    int open = -1;
    if (to->rank < 0 || to->rank > EG_MAX_RANK)
        return eg_fail(EG_E_SHAPE, "rank %d is outside 0..%d", to->rank, EG_MAX_RANK);
    *out = (eg_shape){ .rank = to->rank };
    for (int d = 0; d < to->rank; d++) {
        out->dim[d] = to->dim[d];
        if (to->dim[d] == -1 && open < 0) open = d;
        else if (__builtin_mul_overflow(known, to->dim[d], &known))
            return eg_fail(EG_E_SHAPE, "%s has too many elements", eg_shape_words(to));
    }
    if (open < 0) return EG_OK; /* infer compares the sizes */
    if (known <= 0 || n % known)
        return eg_fail(EG_E_SHAPE, "%s to %s: no whole number fits -1", eg_shape_words(from), eg_shape_words(to));
    out->dim[open] = n / known;
    return EG_OK;
}

eg_value *eg_reshaped(eg_value *x, const eg_shape *shape) {
    eg_attr attr = { 0 };
    if (eg_is_poison(x)) return x;
    if (resolve_shape(&x->shape, shape, &attr.shape.shape) != EG_OK) return eg_poison_last(x->graph, "reshape");
    return moved(EG_OP_RESHAPE, x, &attr);
}

eg_value *eg_reshape_to(eg_value *x, eg_shape shape) { return eg_reshaped(x, &shape); }

eg_value *eg_permute(eg_value *x, eg_axes axes) {
    eg_attr attr = { 0 };
    if (eg_is_poison(x)) return x;
    if (axes.n != x->shape.rank)
        return eg_poison(x->graph, EG_E_ARGUMENT, "permute", "%s: %d axes given", eg_shape_words(&x->shape), axes.n);
    for (int d = 0; d < axes.n; d++) attr.permute.axis[d] = eg_axis_normal(axes.axis[d], axes.n);
    return moved(EG_OP_PERMUTE, x, &attr);
}

eg_value *eg_expanded(eg_value *x, const eg_shape *shape) {
    eg_attr attr = { .shape = { .shape = *shape } };
    return moved(EG_OP_EXPAND, x, &attr);
}

eg_value *eg_expand(eg_value *x, eg_shape shape) { return eg_expanded(x, &shape); }

eg_value *eg_repeated(eg_value *x, int64_t steps) {
    eg_shape shape = eg_batch_shape(steps, &x->shape);
    return eg_expanded(x, &shape);
}

/* Slice and pad have three lists each, at the same places of the attributes. */
static eg_value *moved_by_lists(eg_op op, eg_value *x, const int64_t *a, const int64_t *b, const int64_t *c) {
    eg_attr attr = { 0 };
    size_t size = sizeof *a * (size_t)x->shape.rank;
    memcpy(attr.slice.start, a, size);
    memcpy(attr.slice.stop, b, size);
    memcpy(attr.slice.step, c, size);
    return moved(op, x, &attr);
}

eg_value *eg_slice_all(eg_value *x, const int64_t *start, const int64_t *stop, const int64_t *step) {
    return moved_by_lists(EG_OP_SLICE, x, start, stop, step);
}

eg_value *eg_pad(eg_value *x, const int64_t *low, const int64_t *high, const int64_t *interior) {
    return moved_by_lists(EG_OP_PAD, x, low, high, interior);
}

eg_value *eg_flip(eg_value *x, eg_axes axes) {
    eg_attr attr = { 0 };
    unsigned mask;
    if (eg_is_poison(x)) return x;
    if (eg_axes_mask(&axes, x->shape.rank, &mask) != EG_OK) return eg_poison_last(x->graph, "flip");
    attr.axes.mask = mask;
    return moved(EG_OP_FLIP, x, &attr);
}

eg_value *eg_concat(eg_value *const *values, int n, int axis) {
    if (n < 1) return eg_poison(NULL, EG_E_ARGUMENT, "concat", "there is nothing to join");
    eg_attr attr = { .axis = { .axis = eg_axis_normal(axis, values[0]->shape.rank) } };
    return eg_node(values[0]->graph, EG_OP_CONCAT, values, n, &attr);
}
