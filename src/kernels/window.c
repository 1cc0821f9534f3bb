/* SPDX-License-Identifier: MIT
 *
 * window.c: windows over channels-last images where no product is worth its while, because channels do not mix:
 * sums, largest elements and their places, depthwise convolution and the gradient of its kernel. Lanes run along
 * the channels, several vectors at a time where there are so many, so that finding a pixel is paid once for all of
 * them. Each element is one chain over the window's taps in order (of a kernel's gradient: over the positions in
 * order).
 */
#include "kernels/isa.h"

enum { MANY = EG_W == 16 ? 2 : EG_W == 8 ? 4 : 1 }; /* vectors at a time */

/* Channels from c on: MANY whole vectors, or one that may be partial. */
typedef struct slice {
    int64_t c;
    eg_tail tail;
    int whole; /* may all lanes be stored? */
} slice;

EG_INLINE eg_vf load(const float *p, int v, int vectors, eg_tail tail) {
    return vectors == 1 ? v_load_tail(p, tail) : v_load(p + v * EG_W);
}
EG_INLINE void store(float *p, eg_vf x, int v, int vectors, slice s) {
    if (vectors == 1 && !s.whole)
        v_store_tail(p, x, s.tail);
    else
        v_store(p + v * EG_W, x);
}

/* Each pixel under window p, and the tap it meets. */
#define EACH_TAP(w, p)                                                                                              \
    for (int64_t r = 0; r < (w)->rows; r++)                                                                         \
        for (int64_t j = (w)->first[p], at; j < (w)->first[(p) + 1] && (at = (w)->row_pixel[r] + (w)->pixel[j], 1); \
             j++)
#define TAP(w) ((int64_t)(w)->row_tap[r] + (w)->tap[j])
#define EACH_VECTOR EG_UNROLL for (int v = 0; v < vectors; v++)

/* Masked stores are slow where masks are not free. If one vector has all channels, its other lanes belong to the next
 * positions, which are written later. */
EG_INLINE int may_store_whole(const eg_windows *w, int64_t p, int64_t c) {
    if (EG_MASKS_ARE_FREE) return 0;
    return w->channels - c >= EG_W || (c == 0 && (w->positions - p) * w->channels >= EG_W);
}

/* All positions for one slice of channels after the other; `call`(vectors) does one slice of position p. */
#define EACH_POSITION(w, call) \
    for (int64_t p = 0; p < (w)->positions; p++) call
#define EACH_SLICE(w, call)                                                                                  \
    slice s = { .c = 0, .tail = v_tail(EG_W) };                                                              \
    for (; MANY > 1 && s.c + MANY * EG_W <= (w)->channels; s.c += MANY * EG_W) EACH_POSITION(w, call(MANY)); \
    for (; s.c < (w)->channels; s.c += EG_W) {                                                               \
        s.tail = v_tail((w)->channels - s.c < EG_W ? (w)->channels - s.c : EG_W);                            \
        EACH_POSITION(w, (s.whole = may_store_whole(w, p, s.c), call(1)));                                   \
    }
EG_INLINE void sum(int vectors, const eg_windows *w, int64_t p, slice s, float *out, const float *x) {
    eg_vf sums[MANY];
    EACH_VECTOR sums[v] = v_set(0.f);
    EACH_TAP(w, p) EACH_VECTOR sums[v] = sums[v] + load(x + at * w->channels + s.c, v, vectors, s.tail);
    EACH_VECTOR store(out + p * w->channels + s.c, sums[v], v, vectors, s);
}

void EG_FN(window_sum)(const eg_windows *w, float *out, const float *x){
#define CALL(vectors) sum(vectors, w, p, s, out, x)
    EACH_SLICE(w, CALL)
#undef CALL
}

/* A NaN is larger than all but a NaN; the first of equals stays. */
EG_INLINE eg_vm is_larger(eg_vf now, eg_vf best) {
    return v_and(v_eq(best, best), v_not(v_le(now, best)));
}

/* The largest so far, and the pixels they are in: integers in float registers. */
typedef struct maxima {
    eg_vf best[MANY], where[MANY];
} maxima;

EG_INLINE void meet(int vectors, const eg_windows *w, slice s, maxima *m, int is_first, const float *x, int64_t at) {
    eg_vf pixel = (eg_vf)((eg_vi){ 0 } + (int32_t)at);
    EACH_VECTOR {
        eg_vf now = load(x + at * w->channels + s.c, v, vectors, s.tail);
        eg_vm wins = is_larger(now, m->best[v]);
        m->best[v] = is_first ? now : v_select(wins, now, m->best[v]);
        m->where[v] = is_first ? pixel : v_select(wins, pixel, m->where[v]);
    }
}

/* `square`: each window has two pixels in each of two rows. */
EG_INLINE void argmax(int vectors, int square, const eg_windows *w, int64_t p, slice s, int32_t *place,
                      float *largest, const float *x) {
    maxima m;
    int is_first = 1;
    EACH_VECTOR m.best[v] = v_set(0.f), m.where[v] = (eg_vf)((eg_vi){ 0 } - 1);
    if (square) {
        EG_UNROLL for (int i = 0; i < 4; i++)
            meet(vectors, w, s, &m, i == 0, x, w->row_pixel[i / 2] + w->pixel[2 * p + i % 2]);
    } else {
        EACH_TAP(w, p) {
            meet(vectors, w, s, &m, is_first, x, at);
            is_first = 0;
        }
    }
    if (place) EACH_VECTOR store((float *)place + p * w->channels + s.c, m.where[v], v, vectors, s);
    if (largest) EACH_VECTOR store(largest + p * w->channels + s.c, m.best[v], v, vectors, s);
}

void EG_FN(window_argmax)(const eg_windows *w, int32_t *place, float *largest, const float *x) {
#define CALL(vectors) argmax(vectors, 0, w, p, s, place, largest, x)
#define CALL_SQUARE(vectors) argmax(vectors, 1, w, p, s, place, largest, x)
    if (!EG_SMALL && w->rows == 2 && w->columns == 2) {
        EACH_SLICE(w, CALL_SQUARE)
    } else {
        EACH_SLICE(w, CALL)
    }
#undef CALL
#undef CALL_SQUARE
}

/* `at`: a position that may have found pixel number `pixel`. */
EG_INLINE void give(int vectors, const eg_windows *w, slice s, eg_vf *sums, int32_t pixel, const int32_t *place,
                    const float *dy, int64_t at) {
    int64_t from = at * w->channels + s.c;
    EACH_VECTOR {
        eg_vm hit = v_same((eg_vi)load((const float *)place + from, v, vectors, s.tail), pixel);
        sums[v] = v_select(hit, sums[v] + load(dy + from, v, vectors, s.tail), sums[v]);
    }
}

/* `single`: each pixel lies in one window. */
EG_INLINE void put(int vectors, int single, const eg_windows *w, int64_t p, slice s, float *out, int32_t pixel,
                   const int32_t *place, const float *dy) {
    eg_vf sums[MANY];
    EACH_VECTOR sums[v] = v_set(0.f);
    if (single)
        give(vectors, w, s, sums, pixel + (int32_t)p, place, dy, w->row_pixel[0] + w->pixel[p]);
    else
        EACH_TAP(w, p) give(vectors, w, s, sums, pixel + (int32_t)p, place, dy, at);
    EACH_VECTOR store(out + p * w->channels + s.c, sums[v], v, vectors, s);
}

void EG_FN(window_put)(const eg_windows *w, float *out, int32_t pixel, const int32_t *place, const float *dy) {
#define CALL(vectors) put(vectors, 0, w, p, s, out, pixel, place, dy)
#define CALL_SINGLE(vectors) put(vectors, 1, w, p, s, out, pixel, place, dy)
    if (!EG_SMALL && w->rows == 1 && w->columns == 1) {
        EACH_SLICE(w, CALL_SINGLE)
    } else {
        EACH_SLICE(w, CALL)
    }
#undef CALL
#undef CALL_SINGLE
}

EG_INLINE void convolve(int vectors, const eg_windows *w, int64_t p, slice s, float *out, const float *x,
                        const float *kernel, const float *start) {
    eg_vf sums[MANY];
    EACH_VECTOR sums[v] = start ? load(start + s.c, v, vectors, s.tail) : v_set(0.f);
    EACH_TAP(w, p)
    EACH_VECTOR sums[v] = v_fma(load(x + at * w->channels + s.c, v, vectors, s.tail),
                                load(kernel + TAP(w) * w->channels + s.c, v, vectors, s.tail), sums[v]);
    EACH_VECTOR store(out + p * w->channels + s.c, sums[v], v, vectors, s);
}

void EG_FN(depthwise)(const eg_windows *w, float *out, const float *x, const float *kernel, const float *start){
#define CALL(vectors) convolve(vectors, w, p, s, out, x, kernel, start)
    EACH_SLICE(w, CALL)
#undef CALL
}

EG_INLINE void gradient(int vectors, const eg_windows *w, int64_t p, slice s, float *kernel, const float *x,
                        const float *dy) {
    eg_vf d[MANY];
    s.whole = 0; /* taps are met in any order */
    EACH_VECTOR d[v] = load(dy + p * w->channels + s.c, v, vectors, s.tail);
    EACH_TAP(w, p) EACH_VECTOR {
        float *to = kernel + TAP(w) * w->channels + s.c;
        eg_vf old = load(to, v, vectors, s.tail);
        store(to, v_fma(load(x + at * w->channels + s.c, v, vectors, s.tail), d[v], old), v, vectors, s);
    }
}

void EG_FN(depthwise_kernel)(const eg_windows *w, float *kernel, const float *x, const float *dy){
#define CALL(vectors) gradient(vectors, w, p, s, kernel, x, dy)
    EACH_SLICE(w, CALL)
#undef CALL
}

EG_INLINE void collect(int vectors, const eg_windows *w, int64_t p, slice s, float *out, const float *t,
                       const float *start) {
    eg_vf sums[MANY];
    EACH_VECTOR sums[v] = start ? load(start + s.c, v, vectors, s.tail) : v_set(0.f);
    for (int64_t j = w->first[p]; j < w->first[p + 1]; j++)
        EACH_VECTOR sums[v] = sums[v] + load(t + w->pixel[j] + s.c, v, vectors, s.tail);
    EACH_VECTOR store(out + p * w->channels + s.c, sums[v], v, vectors, s);
}

void EG_FN(window_collect)(const eg_windows *w, float *out, const float *t, const float *start) {
#define CALL(vectors) collect(vectors, w, p, s, out, t, start)
    EACH_SLICE(w, CALL)
#undef CALL
}
