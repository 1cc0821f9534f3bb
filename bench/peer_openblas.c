/* SPDX-License-Identifier: MIT
 *
 * peer_openblas.c: OpenBLAS' side of bench_product.c: the same products by cblas_sgemm. Built where OpenBLAS is
 * installed.
 *
 *     peer_openblas [threads]
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include "bench.h"

typedef struct product {
    const char *name;
    int m, n, k;
    float *a, *b, *c;
} product;

static void run_product(void *user) {
    const product *p = user;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, p->m, p->n, p->k, 1, p->a, p->k, p->b, p->n, 0, p->c,
                p->n);
}

static float *numbers(int n) {
    float *x = aligned_alloc(64, ((size_t)n * sizeof(float) + 127) / 64 * 64);
    for (int i = 0; x && i < n; i++) x[i] = (float)(i % 97) * .01f;
    return x;
}

int main(int argc, char **argv) {
    static product products[] = {
        { "product 128x512x784", 128, 512, 784, 0, 0, 0 }, { "product 128x10x512", 128, 10, 512, 0, 0, 0 },
        { "product 256x256x256", 256, 256, 256, 0, 0, 0 }, { "product 1024x1024x1024", 1024, 1024, 1024, 0, 0, 0 },
        { "product 32x512x128", 32, 512, 128, 0, 0, 0 },   { "product 300x100x2", 300, 100, 2, 0, 0, 0 },
        { "product 1x512x784", 1, 512, 784, 0, 0, 0 },
    };
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    openblas_set_num_threads(threads);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        product *p = &products[i];
        p->a = numbers(p->m * p->k), p->b = numbers(p->k * p->n), p->c = numbers(p->m * p->n);
        if (p->a && p->b && p->c)
            bench_print(p->name, "openblas", threads, bench_median(run_product, p), 2.0 * p->m * p->n * p->k);
        free(p->a), free(p->b), free(p->c);
    }
    return 0;
}
