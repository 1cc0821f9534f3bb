/* SPDX-License-Identifier: MIT
 *
 * reduce.c: ops that fold axes away: sum, max, min, logsumexp over any axes, argmax over one.
 *
 * An empty axis gives the neutral element: sum 0, max and logsumexp -inf, min +inf (clamped for integers);
 * argmax of nothing is an error. A NaN in a row is the row's result. logsumexp is a primitive because its
 * stable form (shifted by the row's largest element) and its guard for rows of -inf belong together; softmax
 * and cross-entropy are made of it.
 */
#include "ops/family.h"

eg_shape eg_reduced_shape(const eg_shape *shape, unsigned mask, int keep) {
    eg_shape out = { 0 };
    for (int d = 0; d < shape->rank; d++) {
        int reduced = (int)(mask >> d & 1);
        if (!reduced) out.dim[out.rank++] = shape->dim[d];
        else if (keep) out.dim[out.rank++] = 1;
    }
    return out;
}

/* ---- infer ----------------------------------------------------------------------------------- */

static eg_status infer_reduce(const eg_value *value, eg_inferred *out) {
    const eg_value *x = value->in[0];
    if (value->attr.reduce.mask >> x->shape.rank)
        return eg_fail(EG_E_SHAPE, "%s has no axes beyond %d to reduce", eg_shape_words(&x->shape),
                       x->shape.rank - 1);
    out->dtype = x->dtype;
    out->shape = eg_reduced_shape(&x->shape, value->attr.reduce.mask, (int)value->attr.reduce.keep);
    return EG_OK;
}

/* Counts and totals of small integers belong into i32. */
static eg_status infer_sum(const eg_value *value, eg_inferred *out) {
    EG_TRY(infer_reduce(value, out));
    if (out->dtype == EG_U8) out->dtype = EG_I32;
    return EG_OK;
}

static eg_status infer_logsumexp(const eg_value *value, eg_inferred *out) {
    EG_TRY(eg_need_float(value->in[0]));
    return infer_reduce(value, out);
}

static eg_status infer_argmax(const eg_value *value, eg_inferred *out) {
    const eg_shape *shape = &value->in[0]->shape;
    int axis = (int)value->attr.axis.axis;
    EG_TRY(eg_need_axis(shape, axis));
    if (shape->dim[axis] == 0) return eg_fail(EG_E_SHAPE, "%s: axis %d is empty", eg_shape_words(shape), axis);
    *out = (eg_inferred){ EG_I32, eg_reduced_shape(shape, 1u << axis, 0) };
    return EG_OK;
}

/* ---- references: the kept axes give a row's start, the reduced axes its elements ------------- */

typedef double (*row_fn)(const eg_ref_call *call, const double *row, eg_walk walk);

static void ref_rows(const eg_ref_call *call, unsigned mask, row_fn fold) {
    const eg_value *x = call->value->in[0];
    int64_t stride[EG_MAX_RANK];
    eg_shape_strides(&x->shape, stride);
    eg_walk kept = { .at = 0 }, row = { .at = 0 };
    for (int d = 0; d < x->shape.rank; d++) {
        eg_walk *walk = mask >> d & 1 ? &row : &kept;
        walk->stride[walk->shape.rank] = stride[d];
        walk->shape.dim[walk->shape.rank++] = x->shape.dim[d];
    }
    int64_t n = eg_count(&kept.shape);
    for (int64_t i = 0; i < n; i++, eg_walk_next(&kept)) call->out[i] = fold(call, call->in[0] + kept.at, row);
}

static double fold_sum(const eg_ref_call *call, const double *row, eg_walk walk) {
    double sum = 0;
    (void)call;
    for (int64_t n = eg_count(&walk.shape); n > 0; n--, eg_walk_next(&walk)) sum += row[walk.at];
    return sum;
}

/* The largest of sign * x, its gap to the second largest being the margin; a NaN wins. */
static double fold_largest(const eg_ref_call *call, const double *row, eg_walk walk, double sign) {
    double best = -INFINITY, second = -INFINITY;
    for (int64_t n = eg_count(&walk.shape); n > 0; n--, eg_walk_next(&walk)) {
        double x = sign * row[walk.at];
        if (isnan(x)) return x;
        second = fmax(second, fmin(x, best));
        best = fmax(best, x);
    }
    eg_margin(call, best - second); /* inf - inf is NaN, which lowers nothing */
    return sign * best;
}

static double fold_max(const eg_ref_call *call, const double *row, eg_walk walk) {
    return fold_largest(call, row, walk, 1);
}

static double fold_min(const eg_ref_call *call, const double *row, eg_walk walk) {
    return fold_largest(call, row, walk, -1);
}

static double fold_logsumexp(const eg_ref_call *call, const double *row, eg_walk walk) {
    eg_ref_call smooth = *call;
    smooth.margin = NULL; /* the shift by the largest element is no kink */
    double top = fold_max(&smooth, row, walk), sum = 0;
    if (!isfinite(top)) return top;
    for (int64_t n = eg_count(&walk.shape); n > 0; n--, eg_walk_next(&walk)) sum += exp(row[walk.at] - top);
    return top + log(sum);
}

/* The first of the largest; the first NaN if there is one, as in NumPy. */
static double fold_argmax(const eg_ref_call *call, const double *row, eg_walk walk) {
    int64_t best = 0;
    fold_max(call, row, walk); /* for its margin */
    for (int64_t i = 0, n = walk.shape.dim[0]; i < n; i++) {
        double x = row[i * walk.stride[0]], top = row[best * walk.stride[0]];
        if (isnan(top)) break;
        if (x > top || isnan(x)) best = i;
    }
    return (double)best;
}

static void ref_sum(const eg_ref_call *call) { ref_rows(call, call->value->attr.reduce.mask, fold_sum); }
static void ref_max(const eg_ref_call *call) { ref_rows(call, call->value->attr.reduce.mask, fold_max); }
static void ref_min(const eg_ref_call *call) { ref_rows(call, call->value->attr.reduce.mask, fold_min); }
static void ref_logsumexp(const eg_ref_call *call) { ref_rows(call, call->value->attr.reduce.mask, fold_logsumexp); }
static void ref_argmax(const eg_ref_call *call) { ref_rows(call, 1u << call->value->attr.axis.axis, fold_argmax); }

static double flops_reduce(const eg_value *value) {
    return value->def->work * (double)eg_count(&value->in[0]->shape);
}

/* ---- derivatives ----------------------------------------------------------------------------- */

/* A value of the reduced shape with its axes put back as 1, so that it broadcasts against the input. */
static eg_value *put_back(const eg_value *y, eg_value *reduced) {
    eg_shape shape = eg_reduced_shape(&y->in[0]->shape, y->attr.reduce.mask, 1);
    return eg_reshaped(reduced, &shape);
}

static void vjp_sum(eg_value *y, eg_value *dout, eg_value **din) {
    if (eg_is_float(y->dtype)) din[0] = eg_expanded(put_back(y, dout), &y->in[0]->shape);
}

/* Equal shares to all elements that are the extreme. */
static void vjp_extreme(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *x = y->in[0], *zero = eg_number(y, 0), *one = eg_number(y, 1);
    eg_value *winner = eg_equal(x, put_back(y, y));
    eg_value *count = eg_reduced(EG_OP_SUM, eg_where(winner, one, zero), y->attr.reduce.mask, 1);
    din[0] = eg_where(winner, eg_div(put_back(y, dout), count), zero);
}

eg_value *eg_guard_rows(eg_value *logsumexp) {
    eg_value *is_empty = eg_equal(logsumexp, eg_number(logsumexp, -INFINITY));
    return eg_where(is_empty, eg_number(logsumexp, 0), logsumexp);
}

/* e^(x - y): the softmax; 0 in rows of -inf. */
static void vjp_logsumexp(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *softmax = eg_exp(eg_sub(y->in[0], eg_guard_rows(put_back(y, y))));
    din[0] = eg_mul(softmax, put_back(y, dout));
}

/* ---- the ops --------------------------------------------------------------------------------- */

#define REDUCES .arity = 1, .attr = EG_ATTR_REDUCE, .flops = flops_reduce

const eg_op_def eg_op_sum = { .name = "sum", REDUCES, .work = 1, .infer = infer_sum, .vjp = vjp_sum,
    .ref = ref_sum, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_max = { .name = "max", REDUCES, .work = 1, .infer = infer_reduce, .vjp = vjp_extreme,
    .ref = ref_max, .draw = { EG_DRAW_DISTINCT } };
const eg_op_def eg_op_min = { .name = "min", REDUCES, .work = 1, .infer = infer_reduce, .vjp = vjp_extreme,
    .ref = ref_min, .draw = { EG_DRAW_DISTINCT } };
const eg_op_def eg_op_logsumexp = { .name = "logsumexp", REDUCES, .work = 12, .infer = infer_logsumexp,
    .vjp = vjp_logsumexp, .ref = ref_logsumexp, .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_argmax = { .name = "argmax", .arity = 1, .attr = EG_ATTR_AXIS, .work = 1,
    .infer = infer_argmax, .ref = ref_argmax, .flops = flops_reduce, .draw = { EG_DRAW_DISTINCT } };

/* ---- constructors ---------------------------------------------------------------------------- */

eg_value *eg_reduced(eg_op op, eg_value *x, uint32_t mask, int keep) {
    eg_attr attr = { .reduce = { .mask = mask, .keep = keep != 0 } };
    return eg_node1(op, x, &attr);
}

static eg_value *reduce(eg_op op, eg_value *x, const eg_reduce_opt *opt) {
    unsigned mask;
    if (eg_is_poison(x)) return x;
    if (eg_axes_mask(&opt->axes, x->shape.rank, &mask) != EG_OK)
        return eg_poison_last(x->graph, eg_op_table[op]->name);
    return eg_reduced(op, x, mask, opt->keep);
}

eg_value *eg_sum_(eg_value *x, eg_reduce_opt opt) { return reduce(EG_OP_SUM, x, &opt); }
eg_value *eg_max_(eg_value *x, eg_reduce_opt opt) { return reduce(EG_OP_MAX, x, &opt); }
eg_value *eg_min_(eg_value *x, eg_reduce_opt opt) { return reduce(EG_OP_MIN, x, &opt); }
eg_value *eg_logsumexp_(eg_value *x, eg_reduce_opt opt) { return reduce(EG_OP_LOGSUMEXP, x, &opt); }

eg_value *eg_argmax(eg_value *x, int axis) {
    eg_attr attr = { .axis = { .axis = eg_axis_normal(axis, x->shape.rank) } };
    return eg_node1(EG_OP_ARGMAX, x, &attr);
}
