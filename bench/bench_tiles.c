/* SPDX-License-Identifier: MIT
 *
 * bench_tiles.c: the square product of 512 by the library's kernels beside tiles written by hand for 16 registers of 128
 * bits, which is what WebAssembly has on most machines: every shape with both operands packed the way it likes best, so
 * that the tiles' figures are what a kernel can hope for and not what a user gets. One thread, GFLOP/s, medians of
 * rounds in which all take turns. Natively it is there for the library's own lines: the same product, all tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

enum { N = 512, PADDED = 576, ROUNDS = 11, K_BLOCK = 256 };

typedef struct operands {
    float *a, *b, *c;         /* [N][N] in rows; c has room for PADDED rows and columns */
    float *a_rows, *b_panels; /* packed for what runs */
} operands;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- tiles --------------------------------------------------------------------------------------------------- */

/* rows x (4 vectors) of C += a[k][rows] b[k][4 vectors]. */
EG_INLINE void tile(int rows, int vectors, int64_t k, const float *a, const float *b, float *c) {
    eg_vf r[16][4];
    EG_UNROLL for (int i = 0; i < rows; i++)
        EG_UNROLL for (int v = 0; v < vectors; v++) r[i][v] = v_load(c + i * PADDED + v * EG_W);
    for (; k > 0; k--, a += rows, b += vectors * EG_W) {
        eg_vf bv[4];
        EG_UNROLL for (int v = 0; v < vectors; v++) bv[v] = v_load(b + v * EG_W);
        EG_UNROLL for (int i = 0; i < rows; i++) {
            eg_vf x = v_set(a[i]);
            EG_UNROLL for (int v = 0; v < vectors; v++) r[i][v] = v_fma(x, bv[v], r[i][v]);
        }
    }
    EG_UNROLL for (int i = 0; i < rows; i++)
        EG_UNROLL for (int v = 0; v < vectors; v++) v_store(c + i * PADDED + v * EG_W, r[i][v]);
}

EG_INLINE void product(int rows, int vectors, const operands *o) {
    const int columns = vectors * EG_W;
    memset(o->c, 0, sizeof(float) * PADDED * PADDED);
    for (int64_t q = 0; q < N; q += K_BLOCK)
        for (int64_t j = 0; j < N; j += columns)
            for (int64_t i = 0; i < N; i += rows)
                tile(rows, vectors, K_BLOCK, o->a_rows + i * N + q * rows, o->b_panels + j * N + q * columns,
                     o->c + i * PADDED + j);
}

#define TILES(X) \
    X(2, 2) X(4, 1) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 1) X(8, 2) X(12, 1) X(3, 3) X(4, 3) X(2, 4) X(3, 4) X(4, 4)
#define TILE_PRODUCT(r, v) \
    static void product_##r##_##v(const operands *o) { product(r, v, o); }
TILES(TILE_PRODUCT)

typedef struct shape {
    int rows, vectors;
    void (*run)(const operands *o);
} shape;
#define TILE_ROW(r, v) { r, v, product_##r##_##v },
static const shape shapes[] = { TILES(TILE_ROW) };
enum { SHAPES = sizeof shapes / sizeof *shapes, TABLES = 4 };

static float at(const float *x, int64_t i, int64_t j) { return i < N && j < N ? x[i * N + j] : 0.f; }

static void pack_for(const operands *o, int rows, int columns) {
    for (int64_t i = 0; i < N; i += rows)
        for (int64_t q = 0; q < N; q++)
            for (int64_t l = 0; l < rows; l++) o->a_rows[i * N + q * rows + l] = at(o->a, i + l, q);
    for (int64_t j = 0; j < N; j += columns)
        for (int64_t q = 0; q < N; q++)
            for (int64_t l = 0; l < columns; l++) o->b_panels[j * N + q * columns + l] = at(o->b, q, j + l);
}

/* ---- measuring ----------------------------------------------------------------------------------------------- */

static double gflops(double seconds) { return 2e-9 * N * N * N / seconds; }

static double time_tile(const operands *o, const shape *s) {
    pack_for(o, s->rows, s->vectors * EG_W);
    s->run(o);
    double start = eg_clock();
    s->run(o);
    return eg_clock() - start;
}

/* B in panels, as the library keeps weights, A and C in rows. */
static double time_library(const operands *o, const eg_kernels *k) {
    eg_gemm g = { .m = N, .n = N, .k = N, .a = o->a, .a_row = N, .a_k = 1, .b = o->b_panels, .b_k = EG_PANEL,
                  .b_panel = EG_PANEL * N, .c = o->c, .c_row = N, .c_panel = EG_PANEL };
    eg_pack(k, o->b_panels, o->b, N, N, N, 1, 0, N / EG_PANEL);
    k->gemm(&g, 0, N, 0, N / EG_PANEL);
    double start = eg_clock();
    k->gemm(&g, 0, N, 0, N / EG_PANEL);
    return eg_clock() - start;
}

static double median(double *seconds) {
    qsort(seconds, ROUNDS, sizeof *seconds, by_value);
    return gflops(seconds[ROUNDS / 2]);
}

/* All of C's bits, for both roads add in the same order. */
static int differ(const operands *o, float *first) {
    pack_for(o, 4, 8);
    product_4_2(o);
    memcpy(first, o->c, sizeof(float) * PADDED * PADDED);
    time_library(o, eg_kernels_table(0));
    for (int64_t i = 0; i < N; i++)
        if (memcmp(first + i * PADDED, o->c + i * N, N * sizeof(float)) != 0) return 1;
    return 0;
}

static float *floats(int64_t n) {
    float *p = eg_calloc((size_t)n, sizeof *p);
    if (!p) exit(1);
    for (int64_t i = 0; i < n; i++) p[i] = (float)((i * 2654435761u >> 8) & 0xffff) * 0x1p-15f - 1.f;
    return p;
}

/* ---- telling ------------------------------------------------------------------------------------------------- */

typedef struct figures {
    double tile[SHAPES][ROUNDS], table[TABLES][ROUNDS]; /* seconds */
} figures;

/* Prints the tiles; returns the speed of the best, whose number is *which. */
static double print_tiles(figures *f, int *which) {
    double best = 0;
    for (int s = 0; s < SHAPES; s++) {
        double speed = median(f->tile[s]);
        printf("tile %2d x %2d          %7.1f GFLOP/s\n", shapes[s].rows, shapes[s].vectors * EG_W, speed);
        if (speed > best) best = speed, *which = s;
    }
    return best;
}

static void print_library(figures *f, const shape *best, double speed_of_best) {
    for (int t = 0; eg_kernels_table(t); t++) {
        double speed = median(f->table[t]);
        printf("library, %-10s   %7.1f GFLOP/s", eg_kernels_table(t)->name, speed);
        if (best) printf(", %.0f %% of %d x %d", 100 * speed / speed_of_best, best->rows, best->vectors * EG_W);
        printf("\n");
    }
}

/* bench_tiles [library] */
int main(int argc, char **argv) {
    static figures f;
    int only_library = argc > 1 && strcmp(argv[1], "library") == 0, which = 0;
    operands o = { floats(N * N), floats(N * N), floats(PADDED * PADDED), floats(PADDED * N), floats(PADDED * N) };
    if (differ(&o, floats(PADDED * PADDED))) return fprintf(stderr, "bench_tiles: the products differ\n"), 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int s = 0; s < SHAPES && !only_library; s++) f.tile[s][round] = time_tile(&o, &shapes[s]);
        for (int t = 0; eg_kernels_table(t); t++) f.table[t][round] = time_library(&o, eg_kernels_table(t));
    }
    double best = only_library ? 0 : print_tiles(&f, &which);
    print_library(&f, only_library ? NULL : &shapes[which], best);
    return 0;
}
