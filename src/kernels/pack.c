/* SPDX-License-Identifier: MIT
 *
 * pack.c: between rows and the two blocked layouts: panels of 32 columns (weights for gemm) and transposed blocks of
 * 16 rows (strip programs over short rows).
 */
#include "kernels/isa.h"

EG_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* One panel out of rows: `width` floats each, the rest zeros. */
static void pack_rows(float *out, const float *b, int64_t k, int64_t width, int64_t b_k) {
    for (int64_t q = 0; q < k; q++, b += b_k, out += EG_PANEL)
        for (int64_t j = 0; j < EG_PANEL; j += EG_W)
            v_store(out + j, j < width ? v_load_tail(b + j, v_tail(min64(width - j, EG_W))) : v_set(0.f));
}

void EG_FN(transpose)(float *d, int64_t d_row, int64_t d_rows, int64_t d_width, const float *s, int64_t s_row,
                      int64_t s_rows, int64_t s_width) {
    eg_vf r[EG_W];
    eg_tail read = v_tail(s_width), stored = v_tail(d_width);
    EG_UNROLL for (int i = 0; i < EG_W; i++) r[i] = i < s_rows ? v_load_tail(s + i * s_row, read) : v_set(0.f);
    v_transpose(r);
    EG_UNROLL for (int i = 0; i < EG_W; i++) {
        if (i >= d_rows) return;
        v_store_tail(d + i * d_row, r[i], stored);
    }
}

/* One panel out of columns that are contiguous in k. */
static void pack_columns(float *out, const float *b, int64_t k, int64_t width, int64_t b_n) {
    for (int64_t q = 0; q < k; q += EG_W) {
        int64_t depth = min64(k - q, EG_W);
        for (int64_t j = 0; j < EG_PANEL; j += EG_W)
            EG_FN(transpose)(out + q * EG_PANEL + j, EG_PANEL, depth, EG_W, b + j * b_n + q, b_n, width - j, depth);
    }
}

static void pack_strided(float *out, const float *b, int64_t k, int64_t width, int64_t b_k, int64_t b_n) {
    for (int64_t q = 0; q < k; q++)
        for (int64_t j = 0; j < EG_PANEL; j++) out[q * EG_PANEL + j] = j < width ? b[q * b_k + j * b_n] : 0.f;
}

void EG_FN(pack)(float *out, const float *b, int64_t k, int64_t n, int64_t b_k, int64_t b_n, int64_t p0, int64_t p1) {
    for (int64_t p = p0; p < p1; p++) {
        float *panel = out + p * k * EG_PANEL;
        const float *from = b + p * EG_PANEL * b_n;
        int64_t width = min64(n - p * EG_PANEL, EG_PANEL);
        if (b_n == 1)
            pack_rows(panel, from, k, width, b_k);
        else if (b_k == 1)
            pack_columns(panel, from, k, width, b_n);
        else
            pack_strided(panel, from, k, width, b_k, b_n);
    }
    v_leave();
}

void EG_FN(unpack)(float *out, int64_t out_row, const float *panels, int64_t k, int64_t n, int64_t p0, int64_t p1) {
    for (int64_t p = p0; p < p1; p++) {
        const float *from = panels + p * k * EG_PANEL;
        int64_t width = min64(n - p * EG_PANEL, EG_PANEL);
        float *to = out + p * EG_PANEL;
        for (int64_t q = 0; q < k; q++, from += EG_PANEL, to += out_row) {
            int64_t j = 0;
            for (; j + EG_W <= width; j += EG_W) v_store(to + j, v_load(from + j));
            if (j < width) v_store_tail(to + j, v_load(from + j), v_tail(width - j));
        }
    }
    v_leave();
}

void EG_FN(block_load)(int64_t rows, int64_t columns, float *d, const float *s, int64_t s_row) {
    for (int64_t j = 0; j < columns; j += EG_W) {
        int64_t width = min64(columns - j, EG_W);
        for (int64_t i = 0; i < EG_BLOCK; i += EG_W)
            EG_FN(transpose)(d + j * EG_BLOCK + i, EG_BLOCK, width, EG_W, s + i * s_row + j, s_row, rows - i, width);
    }
    v_leave();
}

void EG_FN(block_store)(int64_t rows, int64_t columns, float *d, int64_t d_row, const float *s) {
    for (int64_t j = 0; j < columns; j += EG_W)
        for (int64_t i = 0; i < rows; i += EG_W) EG_FN(transpose)
    (d + i * d_row + j, d_row, rows - i, min64(columns - j, EG_W), s + j * EG_BLOCK + i, EG_BLOCK, columns - j, EG_W);
    v_leave();
}
