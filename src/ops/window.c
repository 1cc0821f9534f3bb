/* SPDX-License-Identifier: MIT
 *
 * window.c: windows that slide over channels-last images, channel by channel: their sums (average pooling), and
 * where in the image each one's largest element stands (max pooling, with take_along). The sum's derivative is a
 * window sum over the spread and padded adjoint, so it is closed.
 */
#include "ops/family.h"
#include "ops/window.h"

/* ---- geometry -------------------------------------------------------------------------------- */

/* Bounds that keep every sum and product below far from overflow. */
enum { STEP_LIMIT = 1 << 20 };
static const int64_t pad_limit = INT64_C(1) << 40;

static int is_step(int64_t step) { return step >= 1 && step <= STEP_LIMIT; }
static int is_pad(int64_t pad) { return pad > -pad_limit && pad < pad_limit; }

/* Reads the attributes into two axes. */
static eg_status read_steps(const eg_value *value, eg_window *w) {
    const eg_value *x = value->in[0];
    int spatial = x->shape.rank - 2, first = EG_SPATIAL - spatial;
    if (spatial < 1 || spatial > EG_SPATIAL)
        return eg_fail(EG_E_SHAPE, "%s is no image: [batch, length, channels] or [batch, height, width, channels]",
                       eg_shape_words(&x->shape));
    *w = (eg_window){ .batch = x->shape.dim[0], .channels = x->shape.dim[spatial + 1], .groups = 1 };
    for (int d = 0; d < EG_SPATIAL; d++)
        w->image[d] = w->taps[d] = w->positions[d] = w->stride[d] = w->spread[d] = w->dilation[d] = 1;
    w->out = w->channels;
    for (int d = first; d < EG_SPATIAL; d++) {
        int a = d - first;
        w->image[d] = x->shape.dim[1 + a];
        w->taps[d] = value->attr.window.size[a];
        w->stride[d] = value->attr.window.stride[a], w->spread[d] = value->attr.window.spread[a];
        w->dilation[d] = value->attr.window.dilation[a];
        w->low[d] = value->attr.window.low[a], w->high[d] = value->attr.window.high[a];
        if (!is_step(w->stride[d]) || !is_step(w->spread[d]) || !is_step(w->dilation[d]) || !is_pad(w->low[d]) ||
            !is_pad(w->high[d]) || w->image[d] >= pad_limit)
            return eg_fail(EG_E_ARGUMENT, "%s: stride %lld, dilation %lld or padding (%lld, %lld) makes no sense",
                           eg_shape_words(&x->shape), (long long)w->stride[d], (long long)w->dilation[d],
                           (long long)w->low[d], (long long)w->high[d]);
    }
    return EG_OK;
}

/* The kernel [spatial..., channels of a group, out], as an operand or as the result. */
static eg_status read_kernel(const eg_value *value, eg_window *w) {
    const eg_shape *k = &value->in[1]->shape;
    int rank = value->in[0]->shape.rank, is_result = value->attr.window.kernel != 0;
    w->groups = value->attr.window.groups;
    if (k->rank != rank) return eg_fail(EG_E_SHAPE, "the ranks differ");
    w->out = k->dim[rank - 1];
    if (w->groups < 1 || w->channels % w->groups || w->out % w->groups)
        return eg_fail(EG_E_SHAPE, "%lld groups do not divide %lld channels into %lld", (long long)w->groups,
                       (long long)w->channels, (long long)w->out);
    int64_t rows = k->dim[is_result ? 0 : rank - 2], fitting = is_result ? w->batch : w->channels / w->groups;
    if (rows != fitting)
        return eg_fail(EG_E_SHAPE, "%s %lld, not %lld", is_result ? "the batch is" : "the kernel's channels are",
                       (long long)rows, (long long)fitting);
    for (int d = EG_SPATIAL - (rank - 2), axis = is_result; d < EG_SPATIAL; d++, axis++)
        (is_result ? w->positions : w->taps)[d] = k->dim[axis];
    return EG_OK;
}

/* How often a window fits in; or, where positions are given, how many taps a kernel has that leaves those: the padding
 * is chosen so that nothing is left over. */
static eg_status fit_axis(eg_window *w, int d, int axis, int is_kernel) {
    int64_t room = eg_window_extent(w->image[d], w->spread[d]) + w->low[d] + w->high[d];
    int64_t given = is_kernel ? w->positions[d] : w->taps[d], need = is_kernel ? 0 : given;
    int fits = given >= 1 && given < pad_limit;
    if (fits) need = is_kernel ? room - (given - 1) * w->stride[d] : eg_window_extent(given, w->dilation[d]);
    if (is_kernel) {
        fits = fits && need >= 1 && (need - 1) % w->dilation[d] == 0;
        w->taps[d] = (need - 1) / w->dilation[d] + 1;
    } else {
        fits = fits && room >= need;
        w->positions[d] = (room - need) / w->stride[d] + 1;
    }
    if (fits) return EG_OK;
    return eg_fail(EG_E_SHAPE, "a window of %lld does not fit into the %lld of axis %d with its padding",
                   (long long)need, (long long)room, axis);
}

eg_status eg_window_of(const eg_value *value, eg_window *out) {
    int is_conv = value->op == EG_OP_CONV, rank = value->in[0]->shape.rank;
    EG_TRY(read_steps(value, out));
    eg_status status = is_conv ? read_kernel(value, out) : EG_OK;
    for (int d = EG_SPATIAL - (rank - 2); d < EG_SPATIAL && status == EG_OK; d++)
        status = fit_axis(out, d, d + rank - 1 - EG_SPATIAL, is_conv && value->attr.window.kernel);
    if (status == EG_OK) return EG_OK;
    return is_conv ? eg_context("%s by %s", eg_shape_words(&value->in[0]->shape), eg_shape_words(&value->in[1]->shape))
                   : eg_context("%s", eg_shape_words(&value->in[0]->shape));
}

/* ---- infer ----------------------------------------------------------------------------------- */

static eg_status infer_window(const eg_value *value, eg_inferred *out) {
    eg_window w;
    EG_TRY(eg_need_float(value->in[0]));
    EG_TRY(eg_window_of(value, &w));
    EG_TRY(eg_infer_like(value, out));
    int spatial = out->shape.rank - 2;
    for (int a = 0; a < spatial; a++) out->shape.dim[1 + a] = w.positions[EG_SPATIAL - spatial + a];
    return EG_OK;
}

static eg_status infer_argmax(const eg_value *value, eg_inferred *out) {
    eg_window w;
    EG_TRY(infer_window(value, out));
    EG_TRY(eg_window_of(value, &w));
    out->dtype = EG_I32;
    if (w.spread[0] == 1 && w.spread[1] == 1 && w.image[0] * w.image[1] <= INT32_MAX) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "%s: too large, or spread: a place is an i32",
                   eg_shape_words(&value->in[0]->shape));
}

static double flops_window(const eg_value *value) {
    eg_window w;
    if (eg_window_of(value, &w) != EG_OK) return 0;
    return (double)(w.taps[0] * w.taps[1]) * (double)eg_count(&value->shape);
}

/* ---- references ------------------------------------------------------------------------------ */

/* The places in the image that the window at (p0, p1) covers, in order of the taps; -1 for zeros around it. */
typedef struct taps {
    const eg_window *w;
    int64_t p0, p1, k;
} taps;

static int64_t next_place(taps *t) {
    int64_t y = eg_window_at(t->w, 0, t->p0, t->k / t->w->taps[1]),
            x = eg_window_at(t->w, 1, t->p1, t->k % t->w->taps[1]);
    t->k++;
    return y < 0 || x < 0 ? -1 : y * t->w->image[1] + x;
}

/* `image` is one channel of one image: its elements lie w->channels apart. */
typedef double (*window_fn)(const eg_ref_call *call, const double *image, taps t);

static void ref_windows(const eg_ref_call *call, window_fn fold) {
    eg_window w;
    double *out = call->out;
    if (eg_window_of(call->value, &w) != EG_OK) return;
    for (int64_t n = 0; n < w.batch; n++)
        for (int64_t p0 = 0; p0 < w.positions[0]; p0++)
            for (int64_t p1 = 0; p1 < w.positions[1]; p1++)
                for (int64_t c = 0; c < w.channels; c++)
                    *out++ = fold(call, call->in[0] + n * w.image[0] * w.image[1] * w.channels + c,
                                  (taps){ &w, p0, p1, 0 });
}

static double fold_sum(const eg_ref_call *call, const double *image, taps t) {
    double sum = 0;
    (void)call;
    for (int64_t n = t.w->taps[0] * t.w->taps[1]; n > 0; n--) {
        int64_t at = next_place(&t);
        if (at >= 0) sum += image[at * t.w->channels];
    }
    return sum;
}

/* The first of the largest, a NaN being larger than all; its lead over the second largest is the margin. */
static double fold_argmax(const eg_ref_call *call, const double *image, taps t) {
    double best = -INFINITY, second = -INFINITY;
    int64_t place = -1;
    for (int64_t n = t.w->taps[0] * t.w->taps[1]; n > 0; n--) {
        int64_t at = next_place(&t);
        double x = at < 0 ? -INFINITY : image[at * t.w->channels];
        if (at < 0) continue;
        second = fmax(second, fmin(x, best));
        if (place < 0 || x > best || (isnan(x) && !isnan(best))) best = x, place = at;
    }
    if (place >= 0) eg_margin(call, best - second);
    return (double)place;
}

static void ref_window_sum(const eg_ref_call *call) { ref_windows(call, fold_sum); }
static void ref_window_argmax(const eg_ref_call *call) { ref_windows(call, fold_argmax); }

/* ---- derivative ------------------------------------------------------------------------------ */

void eg_window_back(const eg_window *w, int spatial, eg_attr *attr) {
    for (int a = 0; a < spatial; a++) {
        int d = a + EG_SPATIAL - spatial;
        attr->window.stride[a] = w->spread[d], attr->window.spread[a] = w->stride[d];
        attr->window.dilation[a] = w->dilation[d];
        attr->window.low[a] = eg_window_extent(w->taps[d], w->dilation[d]) - 1 - w->low[d];
        attr->window.high[a] = (w->image[d] - 1) * w->spread[d] + w->low[d] - (w->positions[d] - 1) * w->stride[d];
    }
}

static void vjp_window_sum(eg_value *y, eg_value *dout, eg_value **din) {
    eg_window w;
    eg_attr attr = y->attr;
    if (eg_count(&y->in[0]->shape) == 0 || eg_window_of(y, &w) != EG_OK) return;
    eg_window_back(&w, y->shape.rank - 2, &attr);
    din[0] = eg_node1(EG_OP_WINDOW_SUM, dout, &attr);
}

const eg_op_def eg_op_window_sum = { .name = "window_sum",
                                     .arity = 1,
                                     .attr = EG_ATTR_WINDOW,
                                     .infer = infer_window,
                                     .vjp = vjp_window_sum,
                                     .ref = ref_window_sum,
                                     .flops = flops_window,
                                     .draw = { EG_DRAW_REAL } };
const eg_op_def eg_op_window_argmax = { .name = "window_argmax",
                                        .arity = 1,
                                        .attr = EG_ATTR_WINDOW,
                                        .infer = infer_argmax,
                                        .ref = ref_window_argmax,
                                        .flops = flops_window,
                                        .draw = { EG_DRAW_DISTINCT } };
