/* SPDX-License-Identifier: MIT
 *
 * gemm.c: the matrix product. Each element of C is one chain of multiply-adds in k, so that no way of cutting the work
 * changes a bit of the result.
 */
#include "kernels/isa.h"

enum { ROWS = 4 };

EG_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

EG_INLINE eg_vf start(const eg_gemm *g, int64_t i, int64_t j, const float *c, eg_tail tail)
{
    if (g->accumulate) return v_load_tail(c + i * g->c_row, tail);
    return g->bias ? v_load_tail(g->bias + j, tail) : v_set(0.f);
}

/* `rows` rows from i on, one vector of columns from j on. */
EG_INLINE void tile(const eg_gemm *g, int rows, int64_t i, int64_t j, int64_t width)
{
    eg_tail tail = v_tail(min64(width, EG_W));
    const float *b = g->b + j / EG_PANEL * g->b_panel + j % EG_PANEL;
    float *c = g->c + j / EG_PANEL * g->c_panel + j % EG_PANEL;
    eg_vf r[ROWS];
    EG_UNROLL for (int q = 0; q < rows; q++) r[q] = start(g, i + q, j, c, tail);
    int64_t run = g->a_runs ? g->run : g->k;
    for (int64_t k0 = 0; k0 < g->k; k0 += run) {
        const float *a = g->a + (g->a_runs ? g->a_runs[k0 / run] : 0) + i * g->a_row;
        for (int64_t k = k0; k < min64(k0 + run, g->k); k++, a += g->a_k) {
            eg_vf bv = v_load_tail(b + k * g->b_k, tail);
            EG_UNROLL for (int q = 0; q < rows; q++) r[q] = v_fma(v_set(a[q * g->a_row]), bv, r[q]);
        }
    }
    EG_UNROLL for (int q = 0; q < rows; q++) {
        float *out = c + (i + q) * g->c_row;
        if (g->c_padded) v_store(out, v_keep_tail(r[q], tail));
        else v_store_tail(out, r[q], tail);
    }
}

static void sum_columns(const eg_gemm *g, int64_t j, int64_t width)
{
    eg_tail tail = v_tail(min64(width, EG_W));
    const float *b = g->b + j / EG_PANEL * g->b_panel + j % EG_PANEL;
    eg_vf s = v_set(0.f);
    for (int64_t k = 0; k < g->k; k++) s = s + v_load_tail(b + k * g->b_k, tail);
    v_store_tail(g->column_sums + j, s, tail);
}

void EG_FN(gemm)(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1)
{
    if (i1 <= i0) return;
    for (int64_t p = p0; p < p1; p++) {
        int64_t j1 = min64(g->n, (p + 1) * EG_PANEL), end = g->c_padded ? (p + 1) * EG_PANEL : j1;
        for (int64_t j = p * EG_PANEL; j < end; j += EG_W) {
            int64_t i = i0, width = j < j1 ? j1 - j : 0;
            for (; i + ROWS <= i1; i += ROWS) tile(g, ROWS, i, j, width);
            for (; i < i1; i++) tile(g, 1, i, j, width);
            if (g->column_sums && i0 == 0 && width) sum_columns(g, j, width);
        }
        if (g->finish) g->finish(g->context, i0, i1, p * EG_PANEL, j1);
    }
}
