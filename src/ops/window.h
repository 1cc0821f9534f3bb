/* SPDX-License-Identifier: MIT
 *
 * window.h: where windows lie over images. Conv, window_sum and window_argmax share one geometry; infer, the
 * references and the executor read it here.
 *
 * An image is channels-last, [batch, spatial..., channels], with one or two spatial axes. Along each of them
 *
 *     spread        zeros are put between the elements: element i comes to i * spread
 *     low, high     zeros are added before and behind, or cut where negative
 *     stride        the window at position p starts at p * stride
 *     dilation      its tap k reads what lies k * dilation further:   i * spread + low = p * stride + k * dilation
 */
#ifndef EG_OPS_WINDOW_H
#define EG_OPS_WINDOW_H

#include "graph/node.h"

/* Two axes always; an image of one axis has a first one of length 1 in front. */
typedef struct eg_window {
    int64_t batch, channels; /* of the image */
    int64_t out;             /* channels of the result (conv; else those of the image) */
    int64_t groups;
    int64_t image[EG_SPATIAL], taps[EG_SPATIAL], positions[EG_SPATIAL];
    int64_t stride[EG_SPATIAL], low[EG_SPATIAL], high[EG_SPATIAL], spread[EG_SPATIAL], dilation[EG_SPATIAL];
} eg_window;

/* Of a conv, window_sum or window_argmax. SHAPE and ARGUMENT errors name both shapes. */
eg_status eg_window_of(const eg_value *value, eg_window *out);

/* The attributes that an option list means for windows of `taps` over the images of x. */
void eg_window_attr(const eg_value *x, const int64_t *taps, const eg_window_opt *opt, eg_attr *attr);

/* The attributes of windows over the adjoint of the result, read from the last tap to the first, which give the adjoint
 * of the image: element i gets what comes from the positions p and taps k with
 * i spread + low = p stride + k dilation. */
void eg_window_back(const eg_window *w, int spatial, eg_attr *attr);

/* Elements from the first to the last of n that lie `step` apart, the ends counted. */
static inline int64_t eg_window_extent(int64_t n, int64_t step) { return n > 0 ? (n - 1) * step + 1 : 0; }

/* Along one axis: the element that tap `k` of position `p` reads, or -1 for a zero. */
static inline int64_t eg_window_at(const eg_window *w, int axis, int64_t p, int64_t k) {
    int64_t at = p * w->stride[axis] + k * w->dilation[axis] - w->low[axis];
    if (at < 0 || at % w->spread[axis]) return -1;
    at /= w->spread[axis];
    return at < w->image[axis] ? at : -1;
}

#endif
