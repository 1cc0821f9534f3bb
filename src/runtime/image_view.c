/* SPDX-License-Identifier: MIT
 *
 * image_view.c: images as windows see them. Where padding or spreading puts zeros around or between elements, a
 * copy is made that has them.
 */
#include <string.h>
#include "runtime/lower_window.h"

enum {
    MANY_CHANNELS = 16, /* to copy them takes longer than products of their own at the edges */
    FEW_POSITIONS = 8,
    FEW_EDGES = 4
};

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* Its steps, from `padded` and `extent`. */
static void set_steps(const eg_window *w, eg_image_view *v) {
    const int64_t *extent = v->padded ? v->extent : w->image;
    v->pitch = extent[1] * w->channels;
    v->size = extent[0] * v->pitch;
    v->start = v->padded ? 0 : -w->low[0] * v->pitch - w->low[1] * w->channels;
}

eg_image_view eg_image_view_of(const eg_window *w) {
    eg_image_view v = { .padded = 0 };
    for (int d = 0; d < EG_SPATIAL; d++) {
        v.extent[d] = (w->positions[d] - 1) * w->stride[d] + eg_window_extent(w->taps[d], w->dilation[d]);
        v.padded |= w->low[d] > 0 || w->spread[d] > 1 || v.extent[d] - w->low[d] > w->image[d];
    }
    set_steps(w, &v);
    return v;
}

/* ---- in place, but for what lies outside --------------------------------------------------------------------- */

/* The i of [0, count) for which offset + i step lies in [0, n). */
static void between(int64_t offset, int64_t step, int64_t n, int64_t count, int64_t *first, int64_t *end) {
    *end = offset < n ? min64((n - 1 - offset) / step + 1, count) : 0;
    *first = min64(offset < 0 ? (step - 1 - offset) / step : 0, *end);
}

void eg_taps_met(const eg_window *w, int axis, int64_t p, int64_t *first, int64_t *end) {
    between(p * w->stride[axis] - w->low[axis], w->dilation[axis], w->image[axis], w->taps[axis], first, end);
}

void eg_positions_met(const eg_window *w, int axis, int64_t k, int64_t *first, int64_t *end) {
    between(k * w->dilation[axis] - w->low[axis], w->stride[axis], w->image[axis], w->positions[axis], first, end);
}

int eg_image_leave_edges(const eg_window *w, eg_image_view *v, int64_t *first, int64_t *end) {
    int64_t from, to, last = w->image[1] - eg_window_extent(w->taps[1], w->dilation[1]);
    int is_plain = eg_has_row_runs(w) && w->spread[0] * w->spread[1] == 1 && w->taps[0] > 1;
    if (!v->padded || !is_plain || w->channels < MANY_CHANNELS) return 0;
    between(-w->low[1], w->stride[1], last + 1, w->positions[1], &from, &to);
    if (to - from < FEW_POSITIONS || w->positions[1] - (to - from) > FEW_EDGES) return 0;
    *first = from, *end = to;
    v->padded = 0;
    set_steps(w, v);
    return 1;
}

/* ---- copies -------------------------------------------------------------------------------------------------- */

/* Which elements along axis d windows see at places [e0, e1). */
static void seen(const eg_window *w, int d, int64_t e0, int64_t e1, int64_t *first, int64_t *end) {
    int64_t spread = w->spread[d], from = e0 - w->low[d], to = e1 - w->low[d];
    *first = from > 0 ? (from + spread - 1) / spread : 0;
    *end = to > 0 ? min64((to + spread - 1) / spread, w->image[d]) : 0;
}

void eg_place_image(const eg_window *w, const eg_image_view *v, float *out, const float *image, int64_t e0,
                    int64_t e1) {
    int64_t c = w->channels, row, row_end, first, end;
    seen(w, 0, e0, e1, &row, &row_end);
    seen(w, 1, 0, v->extent[1], &first, &end);
    for (; row < row_end && first < end; row++) {
        const float *from = image + row * w->image[1] * c;
        float *to = out + (w->low[0] + row * w->spread[0] - e0) * v->pitch;
        int64_t at_once = w->spread[1] == 1 ? end - first : 1;
        for (int64_t i = first; i < end; i += at_once)
            memcpy(to + (w->low[1] + i * w->spread[1]) * c, from + i * c, (size_t)(at_once * c) * sizeof *to);
    }
}

void eg_pad_image(const eg_window *w, const eg_image_view *v, float *out, const float *image, int64_t e0,
                  int64_t e1) {
    memset(out, 0, (size_t)((e1 - e0) * v->pitch) * sizeof *out);
    eg_place_image(w, v, out, image, e0, e1);
}
