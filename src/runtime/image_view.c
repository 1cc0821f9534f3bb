/* SPDX-License-Identifier: MIT
 *
 * image_view.c: images as windows see them. Where padding or spreading puts zeros around or between elements, a
 * copy is made that has them.
 */
#include <string.h>
#include "runtime/lower_window.h"

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

eg_image_view eg_image_view_of(const eg_window *w) {
    eg_image_view v = { .padded = 0 };
    for (int d = 0; d < EG_SPATIAL; d++) {
        v.extent[d] = (w->positions[d] - 1) * w->stride[d] + eg_window_extent(w->taps[d], w->dilation[d]);
        v.padded |= w->low[d] > 0 || w->spread[d] > 1 || v.extent[d] - w->low[d] > w->image[d];
    }
    int64_t width = v.padded ? v.extent[1] : w->image[1], height = v.padded ? v.extent[0] : w->image[0];
    v.pitch = width * w->channels;
    v.size = height * v.pitch;
    v.start = v.padded ? 0 : -w->low[0] * v.pitch - w->low[1] * w->channels;
    return v;
}

/* One row's elements to where windows see them. */
static void place_row(const eg_window *w, const eg_image_view *v, float *out, const float *row) {
    int64_t c = w->channels, spread = w->spread[1], low = w->low[1];
    int64_t first =
        low >= 0 ? 0 : (-low + spread - 1) / spread; /* the first element that is seen, and behind the last */
    int64_t end = min64(w->image[1], (v->extent[1] - low + spread - 1) / spread);
    if (spread == 1 && end > first) {
        memcpy(out + (low + first) * c, row + first * c, (size_t)((end - first) * c) * sizeof *out);
        return;
    }
    for (int64_t i = first; i < end; i++)
        memcpy(out + (low + i * spread) * c, row + i * c, (size_t)c * sizeof *out);
}

void eg_place_image(const eg_window *w, const eg_image_view *v, float *out, const float *image, int64_t e0,
                    int64_t e1) {
    for (int64_t e = e0; e < e1; e++, out += v->pitch) {
        int64_t at = e - w->low[0], i = at / w->spread[0];
        if (at >= 0 && at % w->spread[0] == 0 && i < w->image[0])
            place_row(w, v, out, image + i * w->image[1] * w->channels);
    }
}

void eg_pad_image(const eg_window *w, const eg_image_view *v, float *out, const float *image, int64_t e0,
                  int64_t e1) {
    memset(out, 0, (size_t)((e1 - e0) * v->pitch) * sizeof *out);
    eg_place_image(w, v, out, image, e0, e1);
}
