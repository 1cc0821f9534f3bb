/* SPDX-License-Identifier: MIT
 *
 * test_agreement.c: thousands of drawn graphs run in every way there is. The float64 oracle and the cpu engine
 * agree within rounding; the ways of the cpu engine (fused or not, panels or not, any number of threads, any
 * instruction set that rounds multiply-add once) agree bit for bit, in results and in what they leave in the
 * state. So do the ways of the portable kernels, which round it twice, for every fourth graph.
 *
 * Rounding is measured, not guessed: the oracle runs once more with inputs moved by half a unit in the last
 * place, and graphs whose result then moves much, or that come close to a kink (compare, max, relu, floor), are
 * not compared. EG_RANDOM_GRAPHS and EG_RANDOM_SEED say how many and where to start.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include "base/alloc.h"
#include "kernels/kernels.h"
#include "runtime/cpu.h"
#include "runtime/random_graph.h"

typedef struct way {
    const char *name;
    eg_program_opt opt;
} way;

static const way ways[] = {
    { "cpu", { .executor = EG_CPU, .threads = 1 } },
    { "no fusion", { .executor = EG_CPU, .threads = 1, .no_fuse = 1 } },
    { "no panels", { .executor = EG_CPU, .threads = 1, .no_layout = 1 } },
    { "neither", { .executor = EG_CPU, .threads = 1, .no_fuse = 1, .no_layout = 1 } },
    { "2 threads", { .executor = EG_CPU, .threads = 2 } },
    { "3 threads", { .executor = EG_CPU, .threads = 3 } },
    { "avx2", { .executor = EG_CPU, .threads = 1, .kernels = "avx2" } },
};
enum { WAYS = sizeof ways / sizeof ways[0] };

static const way portable_ways[] = {
    { "portable", { .executor = EG_CPU, .threads = 1, .kernels = "portable" } },
    { "portable, no fusion", { .executor = EG_CPU, .threads = 1, .kernels = "portable", .no_fuse = 1 } },
    { "portable, 2 threads", { .executor = EG_CPU, .threads = 2, .kernels = "portable", .no_layout = 1 } },
};
enum { PORTABLE_WAYS = sizeof portable_ways / sizeof portable_ways[0], PORTABLE_EVERY = 4 };

static int64_t number_from(const char *name, int64_t otherwise) {
    const char *text = getenv(name);
    return text ? atoll(text) : otherwise;
}

/* ---- one program ----------------------------------------------------------------------------------------- */

typedef struct outcome {
    eg_state *state;
    eg_program *program;
} outcome;

static void outcome_free(outcome *o) {
    eg_program_free(o->program);
    eg_state_free(o->state);
}

static outcome run_graph(const random_graph *r, eg_program_opt opt, double jitter, uint64_t seed,
                         const char *way_name) {
    outcome o = { .state = eg_state_new(11) };
    eg_init_normal(o.state, r->graph, .5);
    o.program = eg_program_new_(o.state, r->root, r->nroots, opt);
    if (!o.program) fail_msg("graph %llu, %s: %s", (unsigned long long)seed, way_name, eg_error());
    assert_int_equal(random_graph_feed(r, o.program, jitter), EG_OK);
    uint64_t before = eg_memory().allocations;
    assert_int_equal(eg_run(o.program), EG_OK);
    assert_int_equal(eg_memory().allocations, before);
    return o;
}

/* ---- oracle against cpu ---------------------------------------------------------------------------------- */

static double largest(const double *x, int64_t n) {
    double m = 0;
    for (int64_t i = 0; i < n; i++) m = isfinite(x[i]) ? fmax(m, fabs(x[i])) : INFINITY;
    return m;
}

/* 1: compared. `moved` is the oracle's result for inputs moved by a rounding. */
static int compare(const double *want, const double *moved, const double *got, int64_t n, uint64_t seed, int root) {
    double scale = largest(want, n), spread = 0;
    if (!(scale < 1e4)) return 0;
    for (int64_t i = 0; i < n; i++) spread = fmax(spread, fabs(want[i] - moved[i]));
    if (!(spread < 1e-4 * (1 + scale))) return 0;
    double tolerance = 1e-5 + 1.3e-6 * 8 * scale + 60 * spread;
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(want[i] - got[i]) <= tolerance))
            fail_msg("graph %llu, root %d, element %lld: cpu %.9g, ref %.9g (tolerance %g)", (unsigned long long)seed,
                     root, (long long)i, got[i], want[i], tolerance);
    return 1;
}

static int compare_with_oracle(const random_graph *r, const outcome *cpu, uint64_t seed) {
    enum { MOST = MOST_ELEMENTS * 16 };
    static double want[MOST], moved[MOST], got[MOST];
    eg_program_opt opt = { .executor = EG_REF };
    outcome ref = run_graph(r, opt, 0, seed, "ref"), near = run_graph(r, opt, 1.2e-7, seed, "ref");
    int compared = 0, far_from_kinks = eg_program_margin(ref.program) > 1e-4;
    for (int i = 0; i < r->nroots && far_from_kinks; i++) {
        if (r->root[i]->op == EG_OP_ASSIGN || size_of(r->root[i]) > MOST) continue;
        int64_t n = size_of(r->root[i]);
        eg_fetch(ref.program, i, want, n);
        eg_fetch(near.program, i, moved, n);
        eg_fetch(cpu->program, i, got, n);
        compared |= compare(want, moved, got, n, seed, i);
    }
    outcome_free(&ref);
    outcome_free(&near);
    return compared;
}

/* ---- cpu against cpu ------------------------------------------------------------------------------------- */

/* Bits, but a NaN is a NaN. */
static void same_bits(const void *a, const void *b, eg_dtype dtype, int64_t n, uint64_t seed, const char *way_name,
                      const char *what) {
    if (n == 0 || memcmp(a, b, (size_t)n * eg_dtype_size(dtype)) == 0) return;
    for (int64_t i = 0; i < n; i++) {
        double x, y;
        eg_convert(EG_F64, &x, dtype, (const char *)a + (size_t)i * eg_dtype_size(dtype), 1);
        eg_convert(EG_F64, &y, dtype, (const char *)b + (size_t)i * eg_dtype_size(dtype), 1);
        if (memcmp(&x, &y, sizeof x) != 0 && !(isnan(x) && isnan(y)))
            fail_msg("graph %llu, %s, %s, element %lld: %.9g, not %.9g", (unsigned long long)seed, way_name, what,
                     (long long)i, y, x);
    }
}

static void same_outcome(const random_graph *r, const outcome *a, const outcome *b, uint64_t seed,
                         const char *way_name) {
    for (int i = 0; i < r->nroots; i++) {
        char what[32];
        snprintf(what, sizeof what, "root %d", i);
        if (r->root[i]->op == EG_OP_ASSIGN) continue;
        same_bits(eg_get_data(a->program, i), eg_get_data(b->program, i), r->root[i]->dtype, size_of(r->root[i]),
                  seed, way_name, what);
    }
    for (int i = 0; i < eg_state_count(a->state); i++) {
        const char *name = eg_state_name(a->state, i);
        int64_t n = eg_shape_size(eg_state_shape(a->state, i));
        static float x[MOST_ELEMENTS * 16], y[MOST_ELEMENTS * 16];
        eg_state_read(a->state, name, x, (size_t)n * sizeof *x);
        eg_state_read(b->state, name, y, (size_t)n * sizeof *y);
        same_bits(x, y, EG_F32, n, seed, way_name, name);
    }
}

/* 1: the first of n ways was compared with the oracle; the others gave its bits. */
static int check_ways(const random_graph *r, const way *list, int n, uint64_t seed) {
    outcome first = run_graph(r, list[0].opt, 0, seed, list[0].name);
    int compared = compare_with_oracle(r, &first, seed);
    for (int w = 1; w < n; w++) {
        const char *kernels = list[w].opt.kernels;
        if (kernels && !eg_kernels_named(kernels)) continue;
        outcome other = run_graph(r, list[w].opt, 0, seed, list[w].name);
        same_outcome(r, &first, &other, seed, list[w].name);
        outcome_free(&other);
    }
    outcome_free(&first);
    return compared;
}

static int check_graph(uint64_t seed) {
    random_graph r = random_graph_new(seed);
    if (eg_graph_status(r.graph) != EG_OK)
        fail_msg("graph %llu: %s", (unsigned long long)seed, eg_graph_error(r.graph));
    int compared = check_ways(&r, ways, WAYS, seed);
    if (seed % PORTABLE_EVERY == 0) check_ways(&r, portable_ways, PORTABLE_WAYS, seed);
    random_graph_free(&r);
    return compared;
}

static void drawn_graphs_agree(void **unused) {
    (void)unused;
    int64_t n = number_from("EG_RANDOM_GRAPHS", 2000), start = number_from("EG_RANDOM_SEED", 1), compared = 0;
    unsetenv("EG_KERNELS"); /* a way says itself which kernels run */
    eg_least_work_of_a_part = 0; /* cut everything that can be cut */
    for (int64_t i = 0; i < n; i++) compared += check_graph((uint64_t)(start + i));
    print_message("%lld graphs, %lld compared with the oracle\n", (long long)n, (long long)compared);
    assert_true(compared * 2 >= n);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(drawn_graphs_agree) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
