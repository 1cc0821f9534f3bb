/* SPDX-License-Identifier: MIT
 *
 * reduce.c: sums, maxima and minima over the columns of a transposed block, over one row, over the rows of a matrix.
 * The order is that of kernels.h, whatever the width of this build's vectors: sums start from +0, maxima from -inf,
 * minima from +inf.
 *
 * A maximum is a minimum with the signs flipped on the way in and out, which changes nothing else, so that each loop
 * is there twice: for sums, and for both extremes. AVX-512 borrows those of AVX2.
 */
#include "kernels/isa.h"

#if !defined(EG_ISA_AVX512)
#include <math.h>

enum { LANES = 64, PER_LANES = LANES / EG_W };

/* What is done to the next value: `flip` is 0, or the sign bit. */
typedef struct rule {
    int is_sum;
    int32_t flip;
} rule;

static const rule rules[EG_REDUCE_KINDS] = {
    [EG_REDUCE_SUM] = { .is_sum = 1 },
    [EG_REDUCE_MAX] = { .flip = INT32_MIN },
    [EG_REDUCE_MIN] = { .flip = 0 },
};

EG_INLINE eg_vf flipped(rule f, eg_vf a) { return f.is_sum ? a : (eg_vf)((eg_vi)a ^ f.flip); }
EG_INLINE eg_vf combine(rule f, eg_vf a, eg_vf b) { return f.is_sum ? a + b : v_min_nan(a, b); }
EG_INLINE float combine1(rule f, float a, float b) { return combine(f, v_set(a), v_set(b))[0]; }
EG_INLINE eg_vf first(rule f) { return v_set(f.is_sum ? 0.f : INFINITY); }

/* ---- blocks and columns: down the rows --------------------------------------------------------- */

/* d[vectors] = rows of s reduced in order; the last vector is partial. */
EG_INLINE void down(rule f, int vectors, int64_t rows, float *d, const float *s, int64_t s_row, eg_tail tail) {
    eg_vf r[4];
    EG_UNROLL for (int v = 0; v < vectors; v++) r[v] = first(f);
    for (int64_t i = 0; i < rows; i++, s += s_row) {
        EG_UNROLL for (int v = 0; v < vectors; v++) {
            eg_vf next = v == vectors - 1 ? v_load_tail(s + v * EG_W, tail) : v_load(s + v * EG_W);
            r[v] = combine(f, r[v], flipped(f, next));
        }
    }
    EG_UNROLL for (int v = 0; v < vectors - 1; v++) v_store(d + v * EG_W, flipped(f, r[v]));
    v_store_tail(d + (vectors - 1) * EG_W, flipped(f, r[vectors - 1]), tail);
}

EG_INLINE void columns(rule f, int64_t rows, float *d, const float *s, int64_t s_row, int64_t j, int64_t j1) {
    for (; j + 4 * EG_W <= j1; j += 4 * EG_W) down(f, 4, rows, d + j, s + j, s_row, v_tail(EG_W));
    for (; !EG_SMALL && j + 2 * EG_W <= j1; j += 2 * EG_W) down(f, 2, rows, d + j, s + j, s_row, v_tail(EG_W));
    for (; j < j1; j += EG_W) down(f, 1, rows, d + j, s + j, s_row, v_tail(j1 - j < EG_W ? j1 - j : EG_W));
}

void EG_FN(column_sum)(int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0, int64_t j1) {
    columns(rules[EG_REDUCE_SUM], rows, d, s, s_row, j0, j1);
    v_leave();
}
static void columns_extreme(int32_t flip, int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0,
                            int64_t j1) {
    columns((rule){ .flip = flip }, rows, d, s, s_row, j0, j1);
    v_leave();
}

/* ---- rows: along them -------------------------------------------------------------------------- */

/* 64 lanes to one: l += l + 32, then 16, 8, 4, 2, 1. */
EG_INLINE float tree(rule f, float *lane) {
    for (int half = LANES / 2; half >= EG_W; half /= 2)
        for (int l = 0; l < half; l += EG_W) v_store(lane + l, combine(f, v_load(lane + l), v_load(lane + half + l)));
    for (int half = EG_W / 2; half; half /= 2)
        for (int l = 0; l < half; l++) lane[l] = combine1(f, lane[l], lane[half + l]);
    return lane[0];
}

/* At most EG_REDUCE_CHUNK floats. */
EG_INLINE float chunk(rule f, int64_t n, const float *s) {
    int64_t i = 0;
    if (n <= EG_BLOCK_COLUMNS) {
        float r = first(f)[0];
        for (; i < n; i++) r = f.is_sum ? r + s[i] : combine1(f, r, flipped(f, v_set(s[i]))[0]);
        return r;
    }
    eg_vf r[PER_LANES];
    EG_UNROLL_IF_FAST for (int v = 0; v < PER_LANES; v++) r[v] = first(f);
    for (; i + LANES <= n; i += LANES) {
        EG_UNROLL_IF_FAST for (int v = 0; v < PER_LANES; v++) r[v] =
            combine(f, r[v], flipped(f, v_load(s + i + v * EG_W)));
    }
    float lane[LANES];
    EG_UNROLL_IF_FAST for (int v = 0; v < PER_LANES; v++) v_store(lane + v * EG_W, r[v]);
    for (float *l = lane; i < n; i += EG_W, l += EG_W) { /* lanes beyond the end get what changes nothing */
        eg_tail tail = v_tail(n - i < EG_W ? n - i : EG_W);
        eg_vf next = flipped(f, v_load_tail(s + i, tail));
        v_store(l, combine(f, v_load(l), v_select(v_tail_mask(tail), next, first(f))));
    }
    return tree(f, lane);
}

static float chunk_sum(int64_t n, const float *s) { return chunk(rules[EG_REDUCE_SUM], n, s); }
static float chunk_extreme(int32_t flip, int64_t n, const float *s) { return chunk((rule){ .flip = flip }, n, s); }

/* The result is still flipped. */
static float of_chunk(rule f, int64_t n, const float *s) {
    return f.is_sum ? chunk_sum(n, s) : chunk_extreme(f.flip, n, s);
}

/* n floats of a row of any length: more than a chunk is cut into pieces, the largest power of chunks below n, whose
 * results are reduced by the rule of one chunk, as they come. */
static float row(rule f, int64_t n, const float *s) {
    if (n <= EG_REDUCE_CHUNK) return of_chunk(f, n, s);
    int64_t unit = EG_REDUCE_CHUNK;
    while (n > unit * EG_REDUCE_CHUNK) unit *= EG_REDUCE_CHUNK;
    int64_t count = (n + unit - 1) / unit;
    float lane[LANES];
    for (int l = 0; l < LANES; l++) lane[l] = first(f)[0];
    for (int64_t q = 0; q < count; q++) {
        float *to = &lane[count <= EG_BLOCK_COLUMNS ? 0 : q % LANES];
        *to = combine1(f, *to, row(f, n - q * unit < unit ? n - q * unit : unit, s + q * unit));
    }
    f.flip = 0; /* that is done */
    return count <= EG_BLOCK_COLUMNS ? lane[0] : of_chunk(f, LANES, lane);
}

static void splat_row(eg_reduction kind, int64_t n, float *d, const float *s) {
    eg_vf r = flipped(rules[kind], v_set(row(rules[kind], n, s)));
    for (int v = 0; v < EG_BLOCK; v += EG_W) v_store(d + v, r);
    v_leave();
}

void EG_FN(row_sum)(int64_t n, float *d, const float *s) { splat_row(EG_REDUCE_SUM, n, d, s); }
void EG_FN(row_max)(int64_t n, float *d, const float *s) { splat_row(EG_REDUCE_MAX, n, d, s); }
void EG_FN(row_min)(int64_t n, float *d, const float *s) { splat_row(EG_REDUCE_MIN, n, d, s); }

/* ---- what is exported ---------------------------------------------------------------------------- */

void EG_FN(column_max)(int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0, int64_t j1) {
    columns_extreme(INT32_MIN, rows, d, s, s_row, j0, j1);
}
void EG_FN(column_min)(int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0, int64_t j1) {
    columns_extreme(0, rows, d, s, s_row, j0, j1);
}

/* Long rows: what is a lane in a row is a vector here. */
EG_INLINE void block(rule f, int64_t columns, float *d, const float *s) {
    if (columns <= EG_BLOCK_COLUMNS) {
        down(f, EG_BLOCK / EG_W, columns, d, s, EG_BLOCK, v_tail(EG_W));
        return;
    }
    for (int v = 0; v < EG_BLOCK; v += EG_W) {
        eg_vf r[LANES];
        for (int l = 0; l < LANES; l++) {
            r[l] = first(f);
            for (int64_t j = l; j < columns; j += LANES)
                r[l] = combine(f, r[l], flipped(f, v_load(s + j * EG_BLOCK + v)));
        }
        for (int half = LANES / 2; half; half /= 2)
            for (int l = 0; l < half; l++) r[l] = combine(f, r[l], r[half + l]);
        v_store(d + v, flipped(f, r[0]));
    }
}

static void block_extreme(int32_t flip, int64_t n, float *d, const float *s) {
    block((rule){ .flip = flip }, n, d, s);
    v_leave();
}
void EG_FN(block_sum)(int64_t n, float *d, const float *s) {
    block(rules[EG_REDUCE_SUM], n, d, s);
    v_leave();
}
void EG_FN(block_max)(int64_t n, float *d, const float *s) { block_extreme(INT32_MIN, n, d, s); }
void EG_FN(block_min)(int64_t n, float *d, const float *s) { block_extreme(0, n, d, s); }
#endif
