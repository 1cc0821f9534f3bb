/* SPDX-License-Identifier: MIT
 *
 * product.h: the detail of a step that is a matrix product: filled in by lower_product.c, read by product_run.c.
 */
#ifndef EG_RUNTIME_PRODUCT_H
#define EG_RUNTIME_PRODUCT_H

#include "kernels/tile.h"
#include "runtime/cpu.h"
#include "runtime/strip.h"

/* A matrix [k,n] and where it lies before it is put into panels: (q, j) at in[q b_k + j b_n], or as the panels of its
 * transpose. */
typedef struct eg_packing {
    const float *in;
    int64_t k, n, b_k, b_n;
    int turns_panels; /* the latter; what lies in panels is packed for no other reason */
} eg_packing;

/* Puts panels p0..p1 to `out`; `in` stands for the packing's own. */
void eg_packing_run(const eg_packing *p, const eg_kernels *kernels, const float *in, float *out, int64_t p0,
                    int64_t p1);

typedef struct eg_product {
    const eg_kernels *kernels;
    eg_packing turned; /* k = 0, or B's panels are made of this, so many at once, in the scratch memory: */
    int64_t turned_at_once;
    int by_rows;            /* items are rows of C, else panels of 32 columns */
    int gate;               /* -1, or the operand of the finish that only lets C pass or not: C may take its place */
    int64_t panels;         /* of C */
    const int64_t *a_at, *b_at, *c_at; /* where the matrices of a batch begin, in floats; NULL: one product */
    const eg_strips *finish; /* NULL: nothing to do on the blocks */
    int in_panels;          /* full operands are in panels */
    int over_padding;       /* finish may run over padding lanes: in panels, and nothing spoils them */
    eg_gemm g;
    eg_rect whole;          /* for finish: the bases; in rows, all of it */
    eg_tile_fn one_tile;    /* NULL, or the loop that makes the whole product of: */
    eg_tile tile;
} eg_product;

void eg_product_run(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch);
void eg_product_run_batch(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch);

#endif
