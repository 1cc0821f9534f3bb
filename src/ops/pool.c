/* SPDX-License-Identifier: MIT
 *
 * pool.c: public functions over images that are formulas of primitives: pooling, zero padding, nearest-neighbour
 * upsampling.
 */
#include "base/alloc.h"
#include "ops/family.h"
#include "ops/window.h"

/* Windows of 2 by default, one beside the other. */
static eg_value *window_node(eg_op op, eg_value *x, eg_window_opt *opt) {
    eg_attr attr;
    int64_t size[EG_SPATIAL], given = opt->stride[0]; /* for all axes, where it is given */
    for (int a = 0; a < EG_SPATIAL; a++) {
        size[a] = opt->size[a] ? opt->size[a] : opt->size[0] ? opt->size[0] : 2;
        if (!opt->stride[a]) opt->stride[a] = given ? given : size[a];
    }
    eg_window_attr(x, size, opt, &attr);
    attr.window.groups = 0;
    return eg_node1(op, x, &attr);
}

/* [batch, all places, channels] */
static eg_value *flat_image(eg_value *x) {
    int64_t places = 1;
    for (int a = 1; a < x->shape.rank - 1; a++) places *= x->shape.dim[a];
    return eg_reshaped(x, &EG_SHAPE(x->shape.dim[0], places, x->shape.dim[x->shape.rank - 1]));
}

eg_value *eg_max_pool_(eg_value *x, eg_window_opt opt) {
    if (eg_is_poison(x)) return x;
    eg_value *place = window_node(EG_OP_WINDOW_ARGMAX, x, &opt);
    if (eg_is_poison(place)) return place;
    return eg_reshaped(eg_take_along(flat_image(x), flat_image(place), 1), &place->shape);
}

/* How many taps of position p lie on elements (no spread): a stretch of them. */
static int64_t count_taps(const eg_window *w, int d, int64_t p) {
    int64_t start = w->low[d] - p * w->stride[d], end = start + w->image[d] - 1, dilation = w->dilation[d];
    int64_t first = start > 0 ? (start + dilation - 1) / dilation : 0, last = end < 0 ? -1 : end / dilation;
    if (last >= w->taps[d]) last = w->taps[d] - 1;
    return last >= first ? last - first + 1 : 0;
}

/* One over the number of elements of the image under each window: [positions..., 1]. */
static eg_value *inverse_counts(const eg_value *sum) {
    enum { MOST_POSITIONS = 1 << 24 };
    int spatial = sum->shape.rank - 2;
    eg_window w;
    if (eg_window_of(sum, &w) != EG_OK) return eg_poison_last(sum->graph, "avg_pool");
    int64_t n = w.positions[0] * w.positions[1];
    if (w.positions[0] > MOST_POSITIONS || n > MOST_POSITIONS)
        return eg_poison(sum->graph, EG_E_LIMIT, "avg_pool", "too many positions to leave out the padding of each");
    double *inverse = eg_calloc((size_t)n + 1, sizeof *inverse);
    if (!inverse) return eg_poison_last(sum->graph, "avg_pool");
    for (int64_t i = 0; i < n; i++) {
        int64_t count = count_taps(&w, 0, i / w.positions[1]) * count_taps(&w, 1, i % w.positions[1]);
        inverse[i] = count ? 1 / (double)count : 0;
    }
    eg_attr attr = { .data = { .bytes = inverse, .dtype = EG_F64, .shape = { .rank = spatial + 1 } } };
    for (int a = 0; a < spatial; a++) attr.data.shape.dim[a] = sum->shape.dim[1 + a];
    attr.data.shape.dim[spatial] = 1;
    eg_value *value = eg_node(sum->graph, EG_OP_DATA, NULL, 0, &attr);
    eg_free(inverse);
    return eg_cast(value, sum->dtype);
}

eg_value *eg_avg_pool_(eg_value *x, eg_window_opt opt) {
    eg_window w;
    if (eg_is_poison(x)) return x;
    eg_value *sum = window_node(EG_OP_WINDOW_SUM, x, &opt);
    if (eg_is_poison(sum) || eg_window_of(sum, &w) != EG_OK) return sum;
    int is_padded = w.low[0] || w.low[1] || w.high[0] || w.high[1];
    if (is_padded && !opt.count_padding) return eg_mul(sum, inverse_counts(sum));
    return eg_mul(sum, eg_number(sum, 1 / (double)(w.taps[0] * w.taps[1])));
}

static eg_status need_image(const eg_value *x) {
    if (x->shape.rank >= 3 && x->shape.rank <= 2 + EG_SPATIAL) return EG_OK;
    return eg_fail(EG_E_SHAPE, "%s is no image: [batch, length, channels] or [batch, height, width, channels]",
                   eg_shape_words(&x->shape));
}

eg_value *eg_global_avg_pool(eg_value *x) {
    if (eg_is_poison(x)) return x;
    if (need_image(x) != EG_OK) return eg_poison_last(x->graph, "global_avg_pool");
    eg_reduce_opt opt = { .size_ = sizeof opt, .axes = { .n = x->shape.rank - 2, .axis = { 1, 2 } } };
    return eg_mean_(x, opt);
}

/* A window as large as the image, so that a tie is settled as in all other windows. */
eg_value *eg_global_max_pool(eg_value *x) {
    eg_window_opt opt = { .size_ = sizeof opt };
    if (eg_is_poison(x)) return x;
    if (need_image(x) != EG_OK) return eg_poison_last(x->graph, "global_max_pool");
    for (int a = 0; a < x->shape.rank - 2; a++) opt.size[a] = x->shape.dim[1 + a];
    eg_value *y = eg_max_pool_(x, opt);
    return eg_reshaped(y, &EG_SHAPE(x->shape.dim[0], x->shape.dim[x->shape.rank - 1]));
}

eg_value *eg_zero_pad(eg_value *x, const int64_t *low, const int64_t *high) {
    int64_t before[EG_MAX_RANK] = { 0 }, after[EG_MAX_RANK] = { 0 }, none[EG_MAX_RANK] = { 0 };
    if (eg_is_poison(x)) return x;
    if (need_image(x) != EG_OK) return eg_poison_last(x->graph, "zero_pad");
    for (int a = 0; a < x->shape.rank - 2; a++) before[1 + a] = low[a], after[1 + a] = high[a];
    return eg_pad(x, before, after, none);
}

/* Every element becomes a block: an axis of length 1 behind each spatial axis is stretched, and joined with it. */
eg_value *eg_upsample(eg_value *x, const int64_t *times) {
    eg_shape thin = { 0 }, thick, joined;
    if (eg_is_poison(x)) return x;
    if (need_image(x) != EG_OK) return eg_poison_last(x->graph, "upsample");
    int rank = x->shape.rank;
    joined = x->shape;
    for (int d = 0; d < rank; d++) {
        thin.dim[thin.rank++] = x->shape.dim[d];
        if (d == 0 || d == rank - 1) continue;
        if (times[d - 1] < 1)
            return eg_poison(x->graph, EG_E_ARGUMENT, "upsample", "%lld times as large", (long long)times[d - 1]);
        thin.dim[thin.rank++] = 1;
        joined.dim[d] *= times[d - 1];
    }
    thick = thin;
    for (int a = 0; a < rank - 2; a++) thick.dim[2 + 2 * a] = times[a];
    return eg_reshaped(eg_expanded(eg_reshaped(x, &thin), &thick), &joined);
}
