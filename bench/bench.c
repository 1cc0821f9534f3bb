/* SPDX-License-Identifier: MIT
 *
 * bench.c: see bench.h. Compiled for the machine it runs on (-march=native): the peak is the machine's, not the
 * library's.
 */
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
enum { MEASUREMENTS = 51, CHAINS = 12 }; /* chains: enough to cover the latency, few enough for 16 registers */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double measure(void (*call)(void *), void *user, int calls) {
    double start = now();
    for (int i = 0; i < calls; i++) call(user);
    return (now() - start) / calls * 1e6;
}

double bench_median(void (*call)(void *user), void *user) {
    double times[MEASUREMENTS], once = measure(call, user, 3);
    int calls = once > 2000 ? 1 : (int)(2000 / (once + .01)) + 1;
    measure(call, user, calls);
    for (int i = 0; i < MEASUREMENTS; i++) times[i] = measure(call, user, calls);
    qsort(times, MEASUREMENTS, sizeof *times, by_value);
    return times[MEASUREMENTS / 2];
}

/* ---- the machine's peak ------------------------------------------------------------------------------------ */

typedef float vector __attribute__((vector_size(LANES * sizeof(float))));

/* CHAINS independent chains of multiply-adds in registers. */
static __attribute__((noinline)) void *peak_loop(void *out) {
    vector x[CHAINS], a = { 0 }, b = { 0 };
    a += .999999f;
    b += 1e-7f;
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) x[i] = a * (float)(i + 1);
    int rounds = (int)(BENCH_PEAK_FLOPS / (2.0 * LANES * CHAINS));
    for (int r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) x[i] = x[i] * a + b;
    }
    vector sum = x[0];
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++) sum += x[i];
    *(vector *)out = sum;
    return NULL;
}

static volatile float sink;

static void peak_once(void *user) {
    pthread_t other;
    vector out[2];
    int two = *(int *)user > 1 && pthread_create(&other, NULL, peak_loop, &out[1]) == 0;
    peak_loop(&out[0]);
    if (two) pthread_join(other, NULL);
    sink = out[0][0]; /* or the loop would be left out */
}

double bench_fma_peak(int threads) { return bench_median(peak_once, &threads); }

void bench_print(const char *name, const char *side, int threads, double us, double flops) {
    printf("{\"name\": \"%s\", \"side\": \"%s\", \"threads\": %d, \"us\": %.6g, \"flops\": %.6g}\n", name, side,
           threads, us, flops);
    fflush(stdout);
}
