/* SPDX-License-Identifier: MIT
 *
 * bench_product.c: the measured limit of the machine (fused multiply-adds from registers) and the matrix products of
 * training, through the public API: C = A B with B in panels where it is a weight. One JSON line a figure.
 *
 *     bench_product [threads]
 */
#include <elegans/program.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

typedef struct shape {
    const char *name;
    int64_t m, n, k;
} shape;

static const shape shapes[] = {
    { "product 128x512x784", 128, 512, 784 }, { "product 128x10x512", 128, 10, 512 },
    { "product 256x256x256", 256, 256, 256 }, { "product 1024x1024x1024", 1024, 1024, 1024 },
    { "product 32x512x128", 32, 512, 128 },   { "product 300x100x2", 300, 100, 2 },
    { "product 1x512x784", 1, 512, 784 },
};

typedef struct job {
    eg_program *program;
} job;

static void run_product(void *user) { eg_run(((job *)user)->program); }

static void measure_shape(const shape *s, int threads) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *a = eg_input(g, "a", EG_F32, EG_SHAPE(s->m, s->k)),
             *b = eg_weight(g, "b", EG_F32, EG_SHAPE(s->k, s->n));
    eg_value *c = eg_matmul(a, b);
    job j = { eg_program_new(state, &c, 1, .threads = threads) };
    size_t bytes = (size_t)(s->m * s->k) * sizeof(float);
    float *x = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (j.program && x && eg_init_normal(state, g, 1) == EG_OK) {
        for (int64_t i = 0; i < s->m * s->k; i++) x[i] = (float)(i % 97) * .01f;
        eg_bind(j.program, "a", x, bytes);
        bench_print(s->name, "elegans", threads, bench_median(run_product, &j), 2.0 * (double)(s->m * s->n * s->k));
    }
    free(x);
    eg_program_free(j.program);
    eg_state_free(state);
    eg_graph_free(g);
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    bench_print("fma_peak", "elegans", threads, bench_fma_peak(threads), BENCH_PEAK_FLOPS * threads);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) measure_shape(&shapes[i], threads);
    return 0;
}
