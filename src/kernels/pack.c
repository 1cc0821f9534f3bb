/* SPDX-License-Identifier: MIT
 *
 * pack.c: between rows and the two blocked layouts: panels of 32 columns (weights for gemm) and transposed blocks of
 * 16 rows (strip programs over short rows). Once for all builds, which lend their transposes.
 */
#include <string.h>
#include "kernels/kernels.h"
#include "kernels/simd.h"

EG_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* One panel out of rows: `width` floats each, the rest zeros. */
static void pack_rows(float *out, const float *b, int64_t k, int64_t width, int64_t b_k) {
    for (int64_t q = 0; q < k; q++, b += b_k, out += EG_PANEL) {
        if (width == EG_PANEL)
            memcpy(out, b, EG_PANEL * sizeof *out);
        else
            for (int64_t j = 0; j < EG_PANEL; j += EG_W)
                v_store(out + j, j < width ? v_load_tail(b + j, v_tail(min64(width - j, EG_W))) : v_set(0.f));
    }
}

/* One panel out of columns that are contiguous in k. */
static void pack_columns(const eg_kernels *by, float *out, const float *b, int64_t k, int64_t width, int64_t b_n) {
    for (int64_t q = 0; q < k; q += by->lanes) {
        int64_t depth = min64(k - q, by->lanes);
        for (int64_t j = 0; j < EG_PANEL; j += by->lanes)
            by->transpose(out + q * EG_PANEL + j, EG_PANEL, depth, by->lanes, b + j * b_n + q, b_n, width - j, depth);
    }
}

static void pack_strided(float *out, const float *b, int64_t k, int64_t width, int64_t b_k, int64_t b_n) {
    for (int64_t q = 0; q < k; q++)
        for (int64_t j = 0; j < EG_PANEL; j++) *out++ = j < width ? b[q * b_k + j * b_n] : 0.f;
}

void eg_pack(const eg_kernels *by, float *out, const float *b, int64_t k, int64_t n, int64_t b_k, int64_t b_n,
             int64_t p0, int64_t p1) {
    for (int64_t p = p0; p < p1; p++) {
        float *panel = out + p * k * EG_PANEL;
        const float *from = b + p * EG_PANEL * b_n;
        int64_t width = min64(n - p * EG_PANEL, EG_PANEL);
        if (b_n == 1)
            pack_rows(panel, from, k, width, b_k);
        else if (b_k == 1)
            pack_columns(by, panel, from, k, width, b_n);
        else
            pack_strided(panel, from, k, width, b_k, b_n);
    }
}

void eg_unpack(float *out, int64_t out_row, const float *panels, int64_t k, int64_t n, int64_t p0, int64_t p1) {
    for (int64_t p = p0; p < p1; p++) {
        const float *from = panels + p * k * EG_PANEL;
        int64_t width = min64(n - p * EG_PANEL, EG_PANEL);
        float *to = out + p * EG_PANEL;
        for (int64_t q = 0; q < k; q++, from += EG_PANEL, to += out_row) {
            if (width == EG_PANEL)
                memcpy(to, from, EG_PANEL * sizeof *to);
            else
                memcpy(to, from, (size_t)width * sizeof *to);
        }
    }
}

void eg_block_load(const eg_kernels *by, int64_t rows, int64_t columns, float *d, const float *s, int64_t s_row) {
    for (int64_t j = 0; j < columns; j += by->lanes) {
        int64_t width = min64(columns - j, by->lanes);
        for (int64_t i = 0; i < EG_BLOCK; i += by->lanes)
            by->transpose(d + j * EG_BLOCK + i, EG_BLOCK, width, by->lanes, s + i * s_row + j, s_row, rows - i, width);
    }
}

void eg_block_store(const eg_kernels *by, int64_t rows, int64_t columns, float *d, int64_t d_row, const float *s) {
    for (int64_t j = 0; j < columns; j += by->lanes) {
        int64_t width = min64(columns - j, by->lanes);
        for (int64_t i = 0; i < rows; i += by->lanes)
            by->transpose(d + i * d_row + j, d_row, rows - i, width, s + j * EG_BLOCK + i, EG_BLOCK, columns - j,
                          by->lanes);
    }
}
