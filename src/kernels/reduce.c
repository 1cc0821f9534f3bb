/* SPDX-License-Identifier: MIT
 *
 * reduce.c: sums, maxima and minima over the columns of a transposed block, over one row, over the rows of a matrix.
 * The order is that of kernels.h, whatever the width of this build's vectors: sums start from +0, maxima from -inf,
 * minima from +inf.
 */
#include "kernels/isa.h"

#include <math.h>

enum { LANES = 64, PER_LANES = LANES / EG_W };

typedef eg_vf (*combine)(eg_vf a, eg_vf b); /* running value, next */

EG_INLINE eg_vf add(eg_vf a, eg_vf b) { return a + b; }
EG_INLINE eg_vf max(eg_vf a, eg_vf b) { return v_max_nan(a, b); }
EG_INLINE eg_vf min(eg_vf a, eg_vf b) { return v_min_nan(a, b); }

EG_INLINE float combine1(combine f, float a, float b) { return f(v_set(a), v_set(b))[0]; }

/* Columns first, first + step, ... of a block, in order. */
EG_INLINE eg_vf down(combine f, float start, int64_t first, int64_t columns, int64_t step, const float *s) {
    eg_vf r = v_set(start);
    for (int64_t j = first; j < columns; j += step) r = f(r, v_load(s + j * EG_BLOCK));
    return r;
}

/* Long rows: what is a lane in a row is a vector here. */
EG_INLINE void block(combine f, float start, int64_t columns, float *d, const float *s) {
    for (int v = 0; v < EG_BLOCK; v += EG_W) {
        eg_vf r[LANES];
        int lanes = columns <= EG_BLOCK_COLUMNS ? 1 : LANES;
        for (int l = 0; l < lanes; l++) r[l] = down(f, start, l, columns, lanes, s + v);
        for (int half = lanes / 2; half; half /= 2)
            for (int l = 0; l < half; l++) r[l] = f(r[l], r[half + l]);
        v_store(d + v, r[0]);
    }
}

/* 64 lanes to one: l += l + 32, then 16, 8, 4, 2, 1. */
EG_INLINE float tree(combine f, float *lane) {
    for (int half = LANES / 2; half >= EG_W; half /= 2)
        for (int l = 0; l < half; l += EG_W) v_store(lane + l, f(v_load(lane + l), v_load(lane + half + l)));
    for (int half = EG_W / 2; half; half /= 2)
        for (int l = 0; l < half; l++) lane[l] = combine1(f, lane[l], lane[half + l]);
    return lane[0];
}

EG_INLINE float chunk(combine f, float start, int64_t n, const float *s) {
    if (n <= EG_BLOCK_COLUMNS) {
        float r = start;
        for (int64_t i = 0; i < n; i++) r = combine1(f, r, s[i]);
        return r;
    }
    eg_vf r[PER_LANES];
    int64_t i = 0;
    EG_UNROLL for (int v = 0; v < PER_LANES; v++) r[v] = v_set(start);
    for (; i + LANES <= n; i += LANES) {
        EG_UNROLL for (int v = 0; v < PER_LANES; v++) r[v] = f(r[v], v_load(s + i + v * EG_W));
    }
    float lane[LANES];
    EG_UNROLL for (int v = 0; v < PER_LANES; v++) v_store(lane + v * EG_W, r[v]);
    for (float *l = lane; i < n; i += EG_W, l += EG_W) { /* lanes beyond the end get what changes nothing */
        eg_tail tail = v_tail(n - i < EG_W ? n - i : EG_W);
        v_store(l, f(v_load(l), v_select(v_tail_mask(tail), v_load_tail(s + i, tail), v_set(start))));
    }
    return tree(f, lane);
}

typedef float (*chunk_fn)(int64_t n, const float *s);

/* Cuts n floats into pieces of `unit`, reduces each, and the results by the rule of one chunk, as they come. */
EG_INLINE float pieces(combine f, float start, float (*piece)(int64_t, const float *, int64_t), int64_t n,
                       const float *s, int64_t unit) {
    int64_t count = (n + unit - 1) / unit;
    float lane[LANES], in_order = start;
    for (int l = 0; l < LANES; l++) lane[l] = start;
    for (int64_t q = 0; q < count; q++) {
        float r = piece(n - q * unit < unit ? n - q * unit : unit, s + q * unit, unit / EG_REDUCE_CHUNK);
        if (count <= EG_BLOCK_COLUMNS)
            in_order = combine1(f, in_order, r);
        else
            lane[q % LANES] = combine1(f, lane[q % LANES], r);
    }
    return count <= EG_BLOCK_COLUMNS ? in_order : tree(f, lane);
}

/* d[j0..j1): up to four vectors of columns at a time go down the rows. */
EG_INLINE void columns_of(combine f, float start, int count, int64_t rows, float *d, const float *s, int64_t s_row,
                          eg_tail tail) {
    eg_vf r[4];
    EG_UNROLL for (int v = 0; v < count; v++) r[v] = v_set(start);
    for (int64_t i = 0; i < rows; i++, s += s_row) {
        EG_UNROLL for (int v = 0; v < count - 1; v++) r[v] = f(r[v], v_load(s + v * EG_W));
        r[count - 1] = f(r[count - 1], v_load_tail(s + (count - 1) * EG_W, tail));
    }
    EG_UNROLL for (int v = 0; v < count - 1; v++) v_store(d + v * EG_W, r[v]);
    v_store_tail(d + (count - 1) * EG_W, r[count - 1], tail);
}

EG_INLINE void columns(combine f, float start, int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0,
                       int64_t j1) {
    int64_t j = j0;
    for (; j + 4 * EG_W <= j1; j += 4 * EG_W) columns_of(f, start, 4, rows, d + j, s + j, s_row, v_tail(EG_W));
    for (; j < j1; j += EG_W)
        columns_of(f, start, 1, rows, d + j, s + j, s_row, v_tail(j1 - j < EG_W ? j1 - j : EG_W));
}

/* `unit` floats of a row at a time: 0 for a chunk itself. */
#define REDUCTION(NAME, f, start)                                                                              \
    void EG_FN(block_##NAME)(int64_t n, float *d, const float *s) { block(f, start, n, d, s); }                \
    static float row_##NAME(int64_t n, const float *s, int64_t unit) {                                         \
        if (n <= EG_REDUCE_CHUNK) return chunk(f, start, n, s);                                                \
        while (n <= unit) unit /= EG_REDUCE_CHUNK;                                                             \
        return pieces(f, start, row_##NAME, n, s, unit);                                                       \
    }                                                                                                          \
    void EG_FN(row_##NAME)(int64_t n, float *d, const float *s) {                                              \
        int64_t unit = EG_REDUCE_CHUNK;                                                                        \
        while (n > unit * EG_REDUCE_CHUNK) unit *= EG_REDUCE_CHUNK;                                            \
        eg_vf r = v_set(row_##NAME(n, s, unit));                                                               \
        EG_UNROLL for (int v = 0; v < EG_BLOCK; v += EG_W) v_store(d + v, r);                                  \
    }                                                                                                          \
    void EG_FN(column_##NAME)(int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0, int64_t j1) { \
        columns(f, start, rows, d, s, s_row, j0, j1);                                                          \
    }

REDUCTION(sum, add, 0.f)
REDUCTION(max, max, -INFINITY)
REDUCTION(min, min, INFINITY)
