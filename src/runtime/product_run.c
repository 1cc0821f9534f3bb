/* SPDX-License-Identifier: MIT
 *
 * product_run.c: running a matrix product. A product group does its elementwise part on each block of the result
 * while that is in cache, and takes B's column sums on the way.
 */
#include "runtime/product.h"

/* ---- the elementwise part on one block ------------------------------------------------------------------- */

typedef struct finish_context {
    const eg_product *d;
    float *scratch;
} finish_context;

/* Elements from an operand's start to that of the block at (i, j). In panels, j is a multiple of 32. */
static int64_t block_start(const eg_product *d, eg_extent extent, int64_t i, int64_t j) {
    if (extent == EG_OVER_ROWS) return i;
    if (extent == EG_OVER_COLUMNS) return j;
    if (extent == EG_OVER_NONE) return 0;
    return d->in_panels ? j * d->g.m + i * EG_PANEL : i * d->g.n + j;
}

static void finish_block(void *context, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
    const finish_context *f = context;
    const eg_product *d = f->d;
    const eg_strips *s = d->finish;
    if (!d->in_panels && i1 - i0 == d->g.m && j1 - j0 == d->g.n) { /* small: all at once */
        eg_strips_run(s, &d->whole, f->scratch);
        return;
    }
    int64_t step = d->in_panels ? EG_PANEL : j1 - j0;
    for (int64_t j = j0; j < j1; j += step) {
        int64_t width = d->over_padding ? EG_PANEL : j1 - j < step ? j1 - j : step;
        eg_rect rect; /* large, and only what the operands need is read */
        rect.rows = i1 - i0;
        rect.columns = width;
        rect.is_first = i0 == 0;
        rect.roomy = 0;
        for (int o = 0; o < s->noperands; o++) {
            const eg_strip_operand *x = &s->operand[o];
            if (x->reg < 0) continue;
            size_t at = (size_t)block_start(d, x->extent, i0, j) * eg_dtype_size(x->dtype);
            rect.base[o] = (unsigned char *)d->whole.base[o] + at;
            rect.row[o] = x->extent == EG_OVER_ALL ? (d->in_panels ? EG_PANEL : d->g.n) : x->extent == EG_OVER_ROWS;
        }
        eg_strips_run(s, &rect, f->scratch);
    }
}

/* ---- running --------------------------------------------------------------------------------------------- */

/* A few panels at a time are turned and used: all of them would not stay in the L2 cache. The product counts panels
 * from the first one of all, which would lie as far before the scratch memory. */
static void run_turned(const eg_product *d, eg_gemm *g, int64_t p, int64_t p1, float *scratch) {
    for (int64_t end; p < p1; p = end) {
        end = p + d->turned_at_once < p1 ? p + d->turned_at_once : p1;
        eg_packing_run(&d->turned, d->kernels, d->turned.in, scratch, p, end);
        g->b = (const float *)((uintptr_t)scratch - (size_t)(p * g->b_panel) * sizeof(float));
        d->kernels->gemm(g, 0, g->m, p, end);
    }
}

/* Small nets are made of these, and to look at one takes longer than to compute it: only its addresses are new. */
static void run_one_tile(eg_product *d, float *scratch) {
    const eg_gemm *g = &d->g;
    d->tile.a = g->a, d->tile.b = g->b, d->tile.c = g->c;
    if (g->bias) d->tile.start = g->bias;
    d->one_tile(&d->tile);
    if (g->column_sums) d->kernels->column_reduce[EG_REDUCE_SUM](g->k, g->column_sums, g->b, g->b_k, 0, g->n);
    if (d->finish) eg_strips_run(d->finish, &d->whole, scratch);
}

void eg_product_run(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    eg_product *d = step->detail;
    if (d->one_tile && to - from == step->items) {
        run_one_tile(d, scratch);
        return;
    }
    int64_t i0 = d->by_rows ? from : 0, i1 = d->by_rows ? to : d->g.m;
    int64_t p0 = d->by_rows ? 0 : from, p1 = d->by_rows ? d->panels : to;
    if (!d->finish && !d->turned.k) {
        d->kernels->gemm(&d->g, i0, i1, p0, p1);
        return;
    }
    finish_context context = { d, scratch + d->turned_at_once * EG_PANEL * d->turned.k };
    eg_gemm g = d->g;
    if (d->finish) g.finish = finish_block, g.context = &context;
    if (d->turned.k)
        run_turned(d, &g, p0, p1, scratch);
    else
        d->kernels->gemm(&g, i0, i1, p0, p1);
}

void eg_product_run_batch(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const eg_product *d = step->detail;
    for (int64_t i = from; i < to; i++) {
        eg_gemm g = d->g;
        g.a += d->a_at[i];
        g.b += d->b_at[i];
        g.c += d->c_at[i];
        d->kernels->gemm(&g, 0, g.m, 0, d->panels);
    }
}
