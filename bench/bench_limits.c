/* SPDX-License-Identifier: MIT
 *
 * bench_limits.c: what the machine can do at most: fused multiply-adds from registers, bytes from memory, a fork and
 * join of the library's threads; and updates written out as one loop, which no engine can beat by much. Compiled for
 * the machine it runs on (-march=native): the limits are the machine's, not the library's.
 */
#include <elegans/base.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "runtime/pool.h"

#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
enum { CHAINS = 12, ROUNDS = 1 << 22 }; /* chains: enough to cover the latency, few enough for 16 registers */
#define MEGABYTES 256                   /* of memory for each thread: more than the caches hold */

typedef float vector __attribute__((vector_size(LANES * sizeof(float))));

static int threads;
static float *memory[2], *other[2];
static volatile float sink;

/* CHAINS independent chains of multiply-adds in registers. */
static void multiply_adds(void *context, int part) {
    vector x[CHAINS], a = { 0 }, b = { 0 };
    (void)context, (void)part;
    a += .999999f;
    b += 1e-7f;
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) x[i] = a * (float)(i + 1);
    for (int r = 0; r < ROUNDS; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) x[i] = x[i] * a + b;
    }
    vector sum = x[0];
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++) sum += x[i];
    sink = sum[0]; /* or the loop would be left out */
}

static void read_all(void *context, int part) {
    const vector *x = (const vector *)(void *)memory[part];
    vector sum[4] = { { 0 } };
    (void)context;
    for (size_t i = 0; i < ((size_t)MEGABYTES << 20) / sizeof *x; i += 4) {
        sum[0] += x[i], sum[1] += x[i + 1];
        sum[2] += x[i + 2], sum[3] += x[i + 3];
    }
    sum[0] += sum[1] + sum[2] + sum[3];
    sink = sum[0][0];
}

static void copy_all(void *context, int part) {
    (void)context;
    memcpy(other[part], memory[part], (size_t)MEGABYTES << 20);
}

static void nothing(void *context, int part) { (void)context, (void)part; }

/* ---- updates in one loop ----------------------------------------------------------------------------------- */

static struct {
    int64_t n;
    float *w, *d, *m, *v;
} u;

static void rmsprop(void *context, int part) {
    int64_t from = u.n * part / threads, to = u.n * (part + 1) / threads;
    (void)context;
    for (int64_t i = from; i < to; i++) {
        u.v[i] = .9f * u.v[i] + .1f * u.d[i] * u.d[i];
        u.w[i] -= 1e-3f * u.d[i] / sqrtf(u.v[i] + 1e-7f);
    }
}

static void adam(void *context, int part) {
    int64_t from = u.n * part / threads, to = u.n * (part + 1) / threads;
    (void)context;
    for (int64_t i = from; i < to; i++) {
        u.m[i] = .9f * u.m[i] + .1f * u.d[i];
        u.v[i] = .999f * u.v[i] + .001f * u.d[i] * u.d[i];
        u.w[i] -= 1e-3f * u.m[i] / (sqrtf(u.v[i]) + 1e-7f);
    }
}

static void one_call(void *user) { eg_pool_run(threads, *(eg_part_fn *)user, NULL); }

static void need_memory(void) {
    for (int i = 0; i < 2 && !memory[i]; i++) {
        memory[i] = bench_floats((int64_t)MEGABYTES << 18, 1);
        other[i] = bench_floats((int64_t)MEGABYTES << 18, 1);
    }
}

static const char *prepare(const bench_work *work, int count, bench_job *job) {
    static const struct {
        const char *key, *word;
        eg_part_fn fn;
        double flops; /* of a thread; or bytes */
    } what[] = {
        { "what", "fma", multiply_adds, 2. * LANES * CHAINS * ROUNDS },
        { "what", "read", read_all, MEGABYTES * 1048576. },
        { "what", "copy", copy_all, MEGABYTES * 2097152. },
        { "what", "join", nothing, 0 },
        { "optimizer", "rmsprop", rmsprop, 0 },
        { "optimizer", "adam", adam, 0 },
    };
    static eg_part_fn fn;
    if (strcmp(work->kind, "limit") != 0 && strcmp(work->kind, "update") != 0) return "not a limit";
    threads = count < 2 ? 1 : 2;
    eg_pool_prepare(threads);
    job->side = strcmp(work->kind, "limit") == 0 ? "machine" : "one loop";
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        if (!bench_is(work, what[i].key, what[i].word)) continue;
        fn = what[i].fn;
        job->flops = what[i].flops * threads;
    }
    if (fn == read_all || fn == copy_all) need_memory();
    if (!u.n && strcmp(work->kind, "update") == 0) {
        u.n = (int64_t)bench_number(work, "n", 1);
        u.w = bench_floats(u.n, 1), u.d = bench_floats(u.n, 2), u.m = bench_floats(u.n, 3), u.v = bench_floats(u.n, 4);
    }
    job->call = one_call;
    job->user = &fn;
    return NULL;
}

int main(int argc, char **argv) { return bench_main(argc, argv, prepare); }
