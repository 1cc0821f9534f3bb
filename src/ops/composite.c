/* SPDX-License-Identifier: MIT
 *
 * composite.c: public functions that are formulas of primitives. They have no derivative of their own: it comes from
 * their parts. A formula earns a place here when users would write it wrong (softmax) or often (mean, slice).
 */
#include "ops/family.h"

eg_value *eg_square(eg_value *x) { return eg_mul(x, x); }

eg_value *eg_step(eg_value *x) {
    if (eg_is_poison(x)) return x;
    return eg_where(eg_greater(x, eg_number(x, 0)), eg_number(x, 1), eg_number(x, 0));
}

eg_value *eg_sign(eg_value *x) {
    if (eg_is_poison(x)) return x;
    eg_value *zero = eg_number(x, 0);
    return eg_where(eg_greater(x, zero), eg_number(x, 1), eg_where(eg_less(x, zero), eg_number(x, -1), zero));
}

/* ---- reductions ------------------------------------------------------------------------------ */

/* The mean of nothing is NaN (0/0), as in NumPy. */
eg_value *eg_mean_(eg_value *x, eg_reduce_opt opt) {
    unsigned mask;
    double count = 1;
    if (eg_is_poison(x)) return x;
    if (eg_need_float(x) != EG_OK || eg_axes_mask(&opt.axes, x->shape.rank, &mask) != EG_OK)
        return eg_poison_last(x->graph, "mean");
    for (int d = 0; d < x->shape.rank; d++)
        if (mask >> d & 1) count *= (double)x->shape.dim[d];
    return eg_div(eg_reduced(EG_OP_SUM, x, mask, opt.keep), eg_number(x, count));
}

/* The axes go last and become one. */
eg_value *eg_argmax_over_(eg_value *x, eg_reduce_opt opt) {
    unsigned mask;
    if (eg_is_poison(x)) return x;
    if (eg_axes_mask(&opt.axes, x->shape.rank, &mask) != EG_OK) return eg_poison_last(x->graph, "argmax");
    eg_shape rows = eg_reduced_shape(&x->shape, mask, 0);
    eg_axes order = { 0 };
    int64_t columns = 1;
    for (int reduced = 0; reduced < 2; reduced++)
        for (int d = 0; d < x->shape.rank; d++)
            if ((mask >> d & 1) == (unsigned)reduced) order.axis[order.n++] = d;
    for (int i = rows.rank; i < order.n; i++) columns *= x->shape.dim[order.axis[i]];
    rows.dim[rows.rank++] = columns;
    eg_value *place = eg_argmax(eg_reshaped(eg_permute(x, order), &rows), -1);
    eg_shape kept = eg_reduced_shape(&x->shape, mask, 1);
    return opt.keep ? eg_reshaped(place, &kept) : place;
}

eg_value *eg_log_softmax(eg_value *x, int axis) {
    eg_reduce_opt opt = { .size_ = sizeof opt, .axes = EG_AXES(axis), .keep = 1 };
    if (eg_is_poison(x)) return x;
    return eg_sub(x, eg_guard_rows(eg_logsumexp_(x, opt)));
}

eg_value *eg_softmax(eg_value *x, int axis) { return eg_exp(eg_log_softmax(x, axis)); }

/* ---- movement -------------------------------------------------------------------------------- */

eg_value *eg_transpose(eg_value *x) {
    int rank = x->shape.rank;
    eg_axes axes = { .n = rank };
    if (eg_is_poison(x)) return x;
    if (rank < 2)
        return eg_poison(x->graph, EG_E_SHAPE, "transpose", "%s has no last two axes", eg_shape_words(&x->shape));
    for (int d = 0; d < rank; d++) axes.axis[d] = d;
    axes.axis[rank - 2] = rank - 1;
    axes.axis[rank - 1] = rank - 2;
    return eg_permute(x, axes);
}

/* Python's meaning of an index that may be negative or too large. */
static int64_t clip_index(int64_t index, int64_t dim) {
    if (index < 0) index += dim;
    return index < 0 ? 0 : index > dim ? dim : index;
}

eg_value *eg_slice(eg_value *x, int axis, int64_t start, int64_t stop) {
    int at = eg_axis_normal(axis, x->shape.rank);
    int64_t first[EG_MAX_RANK] = { 0 }, end[EG_MAX_RANK], step[EG_MAX_RANK];
    if (eg_is_poison(x)) return x;
    if (at < 0)
        return eg_poison(x->graph, EG_E_ARGUMENT, "slice", "%s has no axis %d", eg_shape_words(&x->shape), axis);
    for (int d = 0; d < x->shape.rank; d++) end[d] = x->shape.dim[d], step[d] = 1;
    first[at] = clip_index(start, x->shape.dim[at]);
    end[at] = clip_index(stop, x->shape.dim[at]);
    if (end[at] < first[at]) end[at] = first[at];
    return eg_slice_all(x, first, end, step);
}

eg_value *eg_at_(eg_value *x, int n, const int64_t *index) {
    int64_t start[EG_MAX_RANK], stop[EG_MAX_RANK], step[EG_MAX_RANK];
    if (eg_is_poison(x)) return x;
    if (n != x->shape.rank)
        return eg_poison(x->graph, EG_E_ARGUMENT, "at", "%s: %d indices given", eg_shape_words(&x->shape), n);
    for (int d = 0; d < n; d++) {
        int64_t dim = x->shape.dim[d], i = index[d] < 0 ? index[d] + dim : index[d];
        if (i < 0 || i >= dim)
            return eg_poison(x->graph, EG_E_ARGUMENT, "at", "%s: index %lld is outside axis %d",
                             eg_shape_words(&x->shape), (long long)index[d], d);
        start[d] = i;
        stop[d] = i + 1;
        step[d] = 1;
    }
    return eg_reshaped(eg_slice_all(x, start, stop, step), &EG_SCALAR);
}

/* ---- random ---------------------------------------------------------------------------------- */

/* The rate is rounded to a float first, so that f32 and f64 executors decide each u < rate alike. */
eg_value *eg_dropout_mask(eg_value *step, uint32_t site, double rate, eg_dtype dtype, eg_shape shape) {
    if (eg_is_poison(step)) return step;
    if (!(rate >= 0 && rate < 1))
        return eg_poison(step->graph, EG_E_ARGUMENT, "dropout_mask", "rate %g is outside [0, 1)", rate);
    eg_value *u = eg_random_uniform(step, site, dtype, shape);
    eg_value *drop = eg_less(u, eg_number(u, (double)(float)rate));
    return eg_where(drop, eg_number(u, 0), eg_number(u, 1 / (1 - rate)));
}
