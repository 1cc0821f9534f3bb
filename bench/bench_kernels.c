/* SPDX-License-Identifier: MIT
 *
 * bench_kernels.c: how fast each kernel table is on this machine, one thread. Products in GFLOP/s and as a part of
 * the fused multiply-adds that the same vectors reach in registers; strip instructions, reductions and random floats
 * in nanoseconds a float. Medians of many runs.
 *
 *   bench_kernels [gemm|strip|other|all] [table ...]
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "base/alloc.h"
#include "base/cpu.h"
#include "kernels/kernels.h"

typedef void (*job)(void *context);

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds this thread has been on a processor: others may use the machine meanwhile. */
static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Median seconds of one call: samples of at least 50 microseconds, for about 60 ms. */
static double measure(job f, void *context) {
    enum { SAMPLES = 301 };
    static double sample[SAMPLES];
    int64_t calls = 1;
    int n = 0;
    for (;; calls *= 2) {
        double start = cpu_seconds();
        for (int64_t i = 0; i < calls; i++) f(context);
        if (cpu_seconds() - start > 50e-6) break;
    }
    double end = cpu_seconds() + 0.06;
    while (n < SAMPLES && (n < 5 || cpu_seconds() < end)) {
        double start = cpu_seconds();
        for (int64_t i = 0; i < calls; i++) f(context);
        sample[n++] = (cpu_seconds() - start) / (double)calls;
    }
    qsort(sample, (size_t)n, sizeof *sample, by_value);
    return sample[n / 2];
}

static float *floats(int64_t n) {
    float *p = eg_alloc((size_t)n * sizeof *p);
    if (!p) exit(1);
    for (int64_t i = 0; i < n; i++) p[i] = (float)((i * 2654435761u >> 8) & 0xffff) * 0x1p-15f - 1.f;
    return p;
}

/* ---- the limit ------------------------------------------------------------------------------- */

enum { CHAINS = 12, PEAK_STEPS = 1000 };
static volatile float sink;

#define PEAK(name, attribute, vector, set1, multiply_add)                                  \
    static attribute void peak_##name(void *context) {                                     \
        vector r[CHAINS], x = set1(0.999f), y = set1(*(float *)context);                   \
        for (int i = 0; i < CHAINS; i++) r[i] = y;                                         \
        for (int step = 0; step < PEAK_STEPS; step++)                                      \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) r[i] = multiply_add; \
        for (int i = 1; i < CHAINS; i++) r[0] = r[0] + r[i];                               \
        sink = r[0][0];                                                                    \
    }
#if defined(__x86_64__)
PEAK(avx512, __attribute__((target("avx512f"))), __m512, _mm512_set1_ps, _mm512_fmadd_ps(r[i], x, y))
PEAK(avx2, __attribute__((target("avx2,fma"))), __m256, _mm256_set1_ps, _mm256_fmadd_ps(r[i], x, y))
static inline __m128 multiply_then_add(__m128 a, __m128 x, __m128 y) {
    __m128 product = a * x;
    __asm__("" : "+x"(product)); /* keeps the compiler from fusing the two */
    return product + y;
}
PEAK(portable, , __m128, _mm_set1_ps, multiply_then_add(r[i], x, y))
#endif

static double peak_flops(const eg_kernels *k) {
    float y = 1;
    (void)k, (void)y;
#if defined(__x86_64__)
    if (strcmp(k->name, "avx512") == 0) return 2. * 16 * CHAINS * PEAK_STEPS / measure(peak_avx512, &y);
    if (strcmp(k->name, "avx2") == 0) return 2. * 8 * CHAINS * PEAK_STEPS / measure(peak_avx2, &y);
    return 2. * 4 * CHAINS * PEAK_STEPS / measure(peak_portable, &y);
#else
    return NAN;
#endif
}

/* ---- products -------------------------------------------------------------------------------- */

typedef struct shape {
    const char *what;
    int64_t m, n, k;
    int a_columns, b_panels, c_panels, bias, sums;
} shape;

static const shape shapes[] = {
    { "forward 128x512x784", 128, 512, 784, 0, 1, 0, 1, 0 },
    { "gradient of W 784x512x128, B rows", 784, 512, 128, 1, 0, 1, 0, 1 },
    { "gradient of W 784x512x128, B panels", 784, 512, 128, 1, 1, 1, 0, 1 },
    { "gradient of h 128x512x10", 128, 512, 10, 0, 0, 0, 0, 0 },
    { "forward 128x10x512, B panels", 128, 10, 512, 0, 1, 0, 1, 0 },
    { "forward 128x10x512, B rows", 128, 10, 512, 0, 0, 0, 1, 0 },
    { "gradient of W 512x10x128", 512, 10, 128, 1, 0, 0, 0, 1 },
    { "32x512x128", 32, 512, 128, 0, 1, 0, 0, 0 },
    { "64x256x256", 64, 256, 256, 0, 1, 0, 0, 0 },
    { "256 square", 256, 256, 256, 0, 1, 0, 0, 0 },
    { "512 square", 512, 512, 512, 0, 1, 0, 0, 0 },
    { "1024 square, B panels", 1024, 1024, 1024, 0, 1, 0, 0, 0 },
    { "1024 square, all rows", 1024, 1024, 1024, 0, 0, 0, 0, 0 },
    { "1024 square, A columns", 1024, 1024, 1024, 1, 1, 1, 0, 0 },
    { "2000x300x1000", 2000, 300, 1000, 0, 1, 0, 0, 0 },
    { "1x512x784", 1, 512, 784, 0, 1, 0, 1, 0 },
    { "4x4x4", 4, 4, 4, 0, 0, 0, 0, 0 },
    { "8x8x8", 8, 8, 8, 0, 0, 0, 0, 0 },
    { "4-16-3: 32x16x4", 32, 16, 4, 0, 0, 0, 1, 0 },
    { "4-16-3: 32x3x16", 32, 3, 16, 0, 0, 0, 1, 0 },
    { "4-16-3: 16x3x32", 16, 3, 32, 1, 0, 0, 0, 1 },
    { "4-16-3: 32x16x3", 32, 16, 3, 0, 0, 0, 0, 0 },
    { "4-16-3: 4x16x32", 4, 16, 32, 1, 0, 0, 0, 1 },
    { "300x100x2", 300, 100, 2, 0, 0, 0, 1, 0 },
    { "300x3x100", 300, 3, 100, 0, 0, 0, 1, 0 },
    { "100x3x300", 100, 3, 300, 1, 0, 0, 0, 1 },
    { "300x1x100", 300, 1, 100, 0, 0, 0, 1, 0 },
    { "4-16-3: 1x16x4", 1, 16, 4, 0, 0, 0, 1, 0 },
};

typedef struct product {
    const eg_kernels *kernels;
    eg_gemm g;
} product;

static void run_product(void *context) {
    product *p = context;
    p->kernels->gemm(&p->g, 0, p->g.m, 0, (p->g.n + EG_PANEL - 1) / EG_PANEL);
}

static void bench_product(const eg_kernels *k, const shape *s, double peak) {
    int64_t m = s->m, n = s->n, depth = s->k, panels = (n + 31) / 32;
    float *a = floats(m * depth), *b = floats(panels * 32 * depth), *c = floats(panels * 32 * m),
          *row = floats(2 * n);
    product p = { k, { .m = m, .n = n, .k = depth, .a = a, .b = b, .c = c } };
    p.g.a_row = s->a_columns ? 1 : depth, p.g.a_k = s->a_columns ? m : 1;
    p.g.b_k = s->b_panels ? 32 : n, p.g.b_panel = s->b_panels ? 32 * depth : 32;
    p.g.c_row = s->c_panels ? 32 : n, p.g.c_panel = s->c_panels ? 32 * m : 32, p.g.c_padded = s->c_panels;
    if (s->bias) p.g.bias = row;
    if (s->sums) p.g.column_sums = row + n;
    double seconds = measure(run_product, &p), flops = 2. * (double)(m * n * depth) / seconds;
    printf("  %-38s %10.1f ns  %7.1f GFLOP/s  %5.1f %%\n", s->what, seconds * 1e9, flops * 1e-9, 100 * flops / peak);
    eg_free(a), eg_free(b), eg_free(c), eg_free(row);
}

static void bench_gemm(const eg_kernels *k) {
    double peak = peak_flops(k);
    printf("%s: products; multiply-adds in registers %.1f GFLOP/s\n", k->name, peak * 1e-9);
    for (size_t q = 0; q < sizeof shapes / sizeof *shapes; q++) bench_product(k, &shapes[q], peak);
}

/* ---- strips ---------------------------------------------------------------------------------- */

typedef struct instruction {
    eg_strip_fn f;
    int64_t n;
    float *d, *a, *b, *c;
} instruction;

static void run_instruction(void *context) {
    instruction *s = context;
    s->f(s->n, s->d, s->a, s->b, s->c, 0);
}

static void bench_strip(const eg_kernels *k) {
    static const char *const names[] = {
#define NAME(name, arity, text) #name,
        EG_STRIP_LIST(NAME)
#undef NAME
    };
    static const int64_t lengths[] = { 16, 40, 64, 1024 };
    printf("%s: strip instructions, ns a call for 16, 40, 64 and 1024 floats; ns per 16 floats at 1024\n", k->name);
    for (int op = 0; op < EG_STRIP_COUNT; op++) {
        instruction s = { k->strip[op], 0, floats(1024), floats(1024), floats(1024), floats(1024) };
        double ns = 0;
        printf("  %-9s", names[op]);
        for (size_t q = 0; q < sizeof lengths / sizeof *lengths; q++) {
            s.n = lengths[q];
            printf(" %8.1f", ns = 1e9 * measure(run_instruction, &s));
        }
        printf(" %8.2f\n", ns / 64);
        eg_free(s.d), eg_free(s.a), eg_free(s.b), eg_free(s.c);
    }
}

/* ---- the rest -------------------------------------------------------------------------------- */

typedef struct other {
    const eg_kernels *k;
    float *d, *s;
} other;

enum { ROWS = 128, COLUMNS = 512, MANY = ROWS * COLUMNS };

static void row_sum(void *p) {
    other *o = p;
    o->k->row_reduce[EG_REDUCE_SUM](1024, o->d, o->s);
}
static void row_max(void *p) {
    other *o = p;
    o->k->row_reduce[EG_REDUCE_MAX](1024, o->d, o->s);
}
static void row_sum_10(void *p) {
    other *o = p;
    o->k->row_reduce[EG_REDUCE_SUM](10, o->d, o->s);
}
static void row_sum_100(void *p) {
    other *o = p;
    o->k->row_reduce[EG_REDUCE_SUM](100, o->d, o->s);
}
static void column_sum(void *p) {
    other *o = p;
    o->k->column_reduce[EG_REDUCE_SUM](ROWS, o->d, o->s, COLUMNS, 0, COLUMNS);
}
static void block_sum(void *p) {
    other *o = p;
    o->k->block_reduce[EG_REDUCE_SUM](10, o->d, o->s);
}
static void block_in(void *p) {
    other *o = p;
    eg_block_load(o->k, 16, 10, o->d, o->s, 10);
}
static void block_out(void *p) {
    other *o = p;
    eg_block_store(o->k, 16, 10, o->d, 10, o->s);
}
static void pack_rows(void *p) {
    other *o = p;
    eg_pack(o->k, o->d, o->s, ROWS, COLUMNS, COLUMNS, 1, 0, COLUMNS / 32);
}
static void pack_columns(void *p) {
    other *o = p;
    eg_pack(o->k, o->d, o->s, ROWS, COLUMNS, 1, ROWS, 0, COLUMNS / 32);
}
static void unpack(void *p) {
    other *o = p;
    eg_unpack(o->d, COLUMNS, o->s, ROWS, COLUMNS, 0, COLUMNS / 32);
}
static void uniform(void *p) {
    other *o = p;
    o->k->uniform(1024, o->d, (eg_rng_key){ 1, 2, 3 }, 0);
}
static void normal(void *p) {
    other *o = p;
    o->k->normal(1024, o->d, (eg_rng_key){ 1, 2, 3 }, 0);
}
static void from_u8(void *p) {
    other *o = p;
    o->k->from_u8(1024, o->d, (const uint8_t *)o->s);
}
static void to_i32(void *p) {
    other *o = p;
    o->k->to_i32(1024, (int32_t *)o->d, o->s);
}
static void transpose(void *p) {
    other *o = p;
    eg_copy_strided(2, (int64_t[]){ ROWS, COLUMNS }, o->d, (int64_t[]){ 1, ROWS }, o->s, (int64_t[]){ COLUMNS, 1 },
                    4);
}

static void bench_other(const eg_kernels *k) {
    static const struct {
        const char *what;
        job f;
        int64_t n;
    } jobs[] = {
        { "row sum of 10", row_sum_10, 10 },
        { "row sum of 100", row_sum_100, 100 },
        { "row sum of 1024", row_sum, 1024 },
        { "row max of 1024", row_max, 1024 },
        { "column sums of 128x512", column_sum, MANY },
        { "block sum 16x10", block_sum, 160 },
        { "block load 16x10", block_in, 160 },
        { "block store 16x10", block_out, 160 },
        { "pack rows 128x512", pack_rows, MANY },
        { "pack columns 128x512", pack_columns, MANY },
        { "unpack 128x512", unpack, MANY },
        { "copy transposed 128x512", transpose, MANY },
        { "uniform 1024", uniform, 1024 },
        { "normal 1024", normal, 1024 },
        { "u8 to float 1024", from_u8, 1024 },
        { "float to i32 1024", to_i32, 1024 },
    };
    other o = { k, floats(MANY), floats(MANY) };
    printf("%s: the rest\n", k->name);
    for (size_t q = 0; q < sizeof jobs / sizeof *jobs; q++) {
        double ns = 1e9 * measure(jobs[q].f, &o);
        printf("  %-26s %10.1f ns  %8.3f ns a float\n", jobs[q].what, ns, ns / (double)jobs[q].n);
    }
    eg_free(o.d), eg_free(o.s);
}

static int chosen(const char *name, int count, char **names) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return 1;
    return count <= 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "all";
    const eg_kernels *k;
    printf("%s\n", eg_cpu_info()->name);
    for (int i = 0; (k = eg_kernels_table(i)); i++) {
        if (!chosen(k->name, argc - 2, argv + 2)) continue;
        if (strchr("ga", what[0])) bench_gemm(k);
        if (strchr("sa", what[0])) bench_strip(k);
        if (strchr("oa", what[0])) bench_other(k);
    }
    return 0;
}
