/* SPDX-License-Identifier: MIT
 *
 * window.c: windows over channels-last images where no product is worth its while, because channels do not mix:
 * sums, maxima with their places, and depthwise convolution with the gradient of its kernel. Lanes run along the
 * channels; each element is one chain over the window's taps in order (for the kernel's gradient: over the
 * positions in order). / */
#include <math.h>
#include "kernels/isa.h"

EG_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

EG_INLINE eg_tail tail_from(const eg_windows *w, int64_t c) { return v_tail(min64(w->channels - c, EG_W)); }

/* For position p and channels from c on: `x` is each element under the window, at `tap` of the kernel. */
#define EACH_TAP(w, p)                      \
    for (int64_t r = 0; r < (w)->rows; r++) \
        for (int64_t j = (w)->first[p]; j < (w)->first[(p) + 1]; j++)
#define PIXEL(w) ((int64_t)(w)->row_pixel[r] + (w)->pixel[j])
#define TAP(w) ((int64_t)(w)->row_tap[r] + (w)->tap[j])

void EG_FN(window_sum)(const eg_windows *w, float *out, const float *x) {
    for (int64_t p = 0; p < w->positions; p++, out += w->channels)
        for (int64_t c = 0; c < w->channels; c += EG_W) {
            eg_tail tail = tail_from(w, c);
            eg_vf sum = v_set(0.f);
            EACH_TAP(w, p) sum = sum + v_load_tail(x + PIXEL(w) * w->channels + c, tail);
            v_store_tail(out + c, sum, tail);
        }
}

void EG_FN(window_argmax)(const eg_windows *w, int32_t *place, float *largest, const float *x) {
    for (int64_t p = 0; p < w->positions; p++, place += w->channels, largest += largest ? w->channels : 0)
        for (int64_t c = 0; c < w->channels; c += EG_W) {
            eg_tail tail = tail_from(w, c);
            eg_vf best = v_set(0.f);
            eg_vi at = (eg_vi){ 0 } - 1;
            EACH_TAP(w, p) {
                eg_vf now = v_load_tail(x + PIXEL(w) * w->channels + c, tail);
                eg_vm none = v_lt(v_from_int(at), v_set(0.f)), is_nan = v_ne(now, now);
                eg_vm wins = v_or(none, v_or(v_lt(best, now), v_and(is_nan, v_not(v_ne(best, best)))));
                best = v_select(wins, now, best);
                at = (eg_vi)v_select(wins, (eg_vf)((eg_vi){ 0 } + (int32_t)PIXEL(w)), (eg_vf)at);
            }
            v_store_tail((float *)place + c, (eg_vf)at, tail);
            if (largest) v_store_tail(largest + c, best, tail);
        }
}

void EG_FN(window_put)(const eg_windows *w, float *x, const int32_t *place, const float *dy) {
    for (int64_t p = 0; p < w->positions; p++, place += w->channels, dy += w->channels)
        for (int64_t c = 0; c < w->channels; c += EG_W) {
            eg_tail tail = tail_from(w, c);
            eg_vf d = v_load_tail(dy + c, tail);
            eg_vi at = (eg_vi)v_load_tail((const float *)place + c, tail);
            EACH_TAP(w, p) {
                float *to = x + PIXEL(w) * w->channels + c;
                eg_vf old = v_load_tail(to, tail);
                v_store_tail(to, v_select(v_same(at, (int32_t)PIXEL(w)), old + d, old), tail);
            }
        }
}

void EG_FN(depthwise)(const eg_windows *w, float *out, const float *x, const float *kernel, const float *start) {
    for (int64_t p = 0; p < w->positions; p++, out += w->channels)
        for (int64_t c = 0; c < w->channels; c += EG_W) {
            eg_tail tail = tail_from(w, c);
            eg_vf sum = start ? v_load_tail(start + c, tail) : v_set(0.f);
            EACH_TAP(w, p)
            sum = v_fma(v_load_tail(x + PIXEL(w) * w->channels + c, tail),
                        v_load_tail(kernel + TAP(w) * w->channels + c, tail), sum);
            v_store_tail(out + c, sum, tail);
        }
}

void EG_FN(depthwise_kernel)(const eg_windows *w, float *kernel, const float *x, const float *dy) {
    for (int64_t p = 0; p < w->positions; p++, dy += w->channels)
        for (int64_t c = 0; c < w->channels; c += EG_W) {
            eg_tail tail = tail_from(w, c);
            eg_vf d = v_load_tail(dy + c, tail);
            EACH_TAP(w, p) {
                float *to = kernel + TAP(w) * w->channels + c;
                v_store_tail(to, v_fma(v_load_tail(x + PIXEL(w) * w->channels + c, tail), d, v_load_tail(to, tail)),
                             tail);
            }
        }
}
