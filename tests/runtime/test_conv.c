/* SPDX-License-Identifier: MIT
 *
 * test_conv.c: convolution and pooling of sizes that drawn graphs do not reach: large enough for several chunks of
 * rows, several images at a time, partial sums, pieces of columns. The engine agrees with the float64 oracle, and
 * with itself in every way of running, bit for bit; no step of it is the slow reference.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <elegans/program.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/rng.h"
#include "kernels/kernels.h"
#include "runtime/cpu.h"

typedef struct shape_case {
    eg_shape x, w;
    eg_window_opt opt;
    const char *uses; /* a kernel that must be among the steps */
    enum { BRANCHED, TRAINED, PREDICTED } form;
} shape_case;

static const shape_case cases[] = {
    { { 4, { 70, 28, 28, 1 } }, { 4, { 5, 5, 1, 6 } }, { .padding = EG_SAME }, "fold", BRANCHED },
    { { 4, { 2, 15, 24, 2 } }, { 4, { 3, 3, 2, 7 } }, { .padding = EG_SAME }, "widen kernel", BRANCHED },
    { { 4, { 70, 28, 28, 1 } }, { 4, { 5, 5, 1, 24 } }, { .padding = EG_SAME }, "add parts", BRANCHED },
    { { 4, { 3, 14, 14, 6 } }, { 4, { 5, 5, 6, 16 } }, { 0 }, "conv + strips", BRANCHED },
    { { 4, { 2, 19, 23, 3 } }, { 4, { 3, 3, 3, 33 } }, { .stride = { 2, 3 }, .padding = EG_SAME },
      "conv + strips", BRANCHED },
    { { 4, { 130, 4, 4, 20 } }, { 4, { 3, 3, 20, 8 } }, { .padding = EG_SAME },
      "conv kernel", BRANCHED }, /* rows are images */
    { { 4, { 9, 5, 5, 16 } }, { 4, { 5, 5, 16, 120 } }, { 0 }, "conv + strips", BRANCHED },
    { { 4, { 2, 9, 9, 300 } },
      { 4, { 3, 3, 300, 260 } },
      { .padding = EG_SAME },
      "conv kernel", BRANCHED }, /* pieces of columns */
    { { 4, { 5, 12, 11, 8 } }, { 4, { 1, 1, 8, 40 } }, { 0 }, "conv + strips", BRANCHED },
    { { 4, { 5, 12, 11, 8 } }, { 4, { 3, 2, 2, 12 } }, { .groups = 4, .dilation = { 2 } },
      "conv + strips", BRANCHED },
    { { 4, { 40, 16, 15, 24 } }, { 4, { 3, 3, 1, 24 } }, { .groups = 24, .padding = EG_SAME },
      "depthwise kernel", BRANCHED },
    { { 4, { 4, 15, 15, 24 } }, { 4, { 3, 3, 1, 48 } }, { .groups = 24, .stride = { 2 } },
      "conv + strips", BRANCHED },
    { { 4, { 3, 17, 17, 20 } },
      { 4, { 5, 5, 1, 20 } },
      { .groups = 20, .stride = { 2 }, .padding = EG_SAME },
      "depthwise", BRANCHED },
    { { 4, { 3, 14, 14, 40 } }, { 4, { 5, 5, 40, 6 } }, { .padding = EG_SAME },
      "conv by overlap + strips", BRANCHED },
    { { 4, { 2, 16, 15, 12 } },
      { 4, { 4, 3, 12, 40 } },
      { .stride = { 3, 2 }, .dilation = { 2, 1 } },
      "conv by overlap", BRANCHED },
    { { 3, { 6, 200, 9 } }, { 3, { 7, 9, 17 } }, { .dilation = { 3 }, .padding = EG_SAME },
      "conv + strips", BRANCHED },
    { { 3, { 2, 100, 5 } }, { 3, { 4, 5, 3 } }, { .low = { -7 }, .high = { -9 }, .stride = { 4 } },
      "conv + strips", BRANCHED },
    { { 4, { 1, 40, 40, 4 } }, { 4, { 3, 3, 4, 4 } }, { .low = { 3, -2 }, .high = { -1, 4 } },
      "conv + strips", BRANCHED },
    /* many channels: read in place, with edges */
    { { 4, { 9, 13, 17, 20 } }, { 4, { 3, 3, 20, 16 } }, { .padding = EG_SAME }, "conv + strips", BRANCHED },
    { { 4, { 10, 12, 15, 16 } }, { 4, { 5, 5, 16, 32 } }, { .padding = EG_SAME }, "conv kernel", BRANCHED },
    { { 4, { 8, 21, 25, 16 } },
      { 4, { 3, 3, 16, 48 } },
      { .stride = { 2, 2 }, .dilation = { 2, 1 }, .padding = EG_SAME },
      "conv kernel", BRANCHED },
    { { 4, { 8, 9, 20, 16 } },
      { 4, { 3, 3, 16, 16 } },
      { .low = { 4, 1 }, .high = { 5, 0 } },
      "conv + strips", BRANCHED }, /* rows that meet no tap */
    { { 4, { 8, 1, 20, 16 } },
      { 4, { 3, 3, 16, 16 } },
      { .padding = EG_SAME },
      "conv kernel", BRANCHED }, /* taps that meet no row */
    { { 4, { 9, 14, 12, 16 } }, { 4, { 3, 1, 16, 16 } }, { .padding = EG_SAME }, "conv kernel", BRANCHED }, /* rows only */
    { { 4, { 9, 14, 12, 16 } }, { 4, { 1, 3, 16, 16 } }, { .padding = EG_SAME }, "conv kernel", BRANCHED },
    { { 4, { 9, 16, 16, 16 } }, { 4, { 3, 3, 16, 32 } }, { .padding = EG_SAME }, "strips + pool", TRAINED },
    { { 4, { 13, 28, 28, 1 } }, { 4, { 5, 5, 1, 6 } }, { .padding = EG_SAME }, "strips + pool", TRAINED },
    { { 4, { 9, 14, 13, 6 } }, { 4, { 5, 5, 6, 16 } }, { 0 }, "strips + pool", TRAINED },
    { { 4, { 1, 20, 20, 3 } }, { 4, { 3, 3, 3, 8 } }, { 0 }, "strips + pool", PREDICTED },
    { { 4, { 20, 17, 15, 4 } }, { 4, { 3, 3, 4, 40 } }, { .padding = EG_SAME }, "strips + pool", PREDICTED },
};
enum { CASES = sizeof cases / sizeof cases[0] };

enum { MOST_ROOTS = 8 };

/* conv, bias, relu and a max pool, which alone reads the conv: with all gradients, or without any. */
static int build_pooled(const shape_case *c, eg_value *x, eg_value *w, eg_value *b, eg_value **root) {
    eg_value *h = eg_max_pool(eg_relu(eg_add(eg_conv_(x, w, c->opt), b))), *d[3];
    eg_value *loss = eg_mean(eg_square(h));
    if (c->form == PREDICTED) return root[0] = h, 1;
    assert_int_equal(eg_grad(loss, (eg_value *[]){ x, w, b }, 3, d), EG_OK);
    eg_value *roots[] = { h, loss, d[0], d[1], d[2] };
    memcpy(root, roots, sizeof roots);
    return (int)(sizeof roots / sizeof *roots);
}

/* conv, bias, relu, a max pool and an avg pool beside it, and all gradients. */
static int build(eg_graph *g, const shape_case *c, eg_value **root) {
    int64_t out = c->w.dim[c->w.rank - 1];
    eg_value *x = eg_input(g, "x", EG_F32, c->x), *w = eg_var(g, "w", EG_F32, c->w),
             *b = eg_var(g, "b", EG_F32, EG_SHAPE(out));
    if (c->form != BRANCHED) return build_pooled(c, x, w, b, root);
    eg_value *scale = eg_var(g, "scale", EG_F32, EG_SHAPE(out));
    eg_value *h = eg_relu(eg_add(eg_mul(eg_tanh(eg_add(eg_conv_(x, w, c->opt), b)), scale), b));
    eg_value *wide = eg_max_pool(h, .size = { 3 }, .stride = { 1 }, .padding = EG_SAME);
    eg_value *mean = eg_avg_pool(h, .size = { 3 }, .stride = { 2 }, .padding = EG_SAME);
    eg_value *loss = eg_add(eg_mean(eg_square(eg_max_pool(wide, .padding = EG_SAME))), eg_mean(eg_square(mean))),
             *d[3];
    assert_int_equal(eg_grad(loss, (eg_value *[]){ x, w, b }, 3, d), EG_OK);
    eg_value *roots[] = { h, loss, d[0], d[1], d[2], wide, mean };
    memcpy(root, roots, sizeof roots);
    return (int)(sizeof roots / sizeof *roots);
}

typedef struct outcome {
    eg_state *state;
    eg_program *program;
    int roots;
} outcome;

static outcome run(const shape_case *c, eg_program_opt opt) {
    eg_graph *g = eg_graph_new();
    eg_value *root[MOST_ROOTS];
    outcome o = { .state = eg_state_new(3), .roots = build(g, c, root) };
    if (eg_graph_status(g) != EG_OK) fail_msg("%s", eg_graph_error(g));
    eg_init_normal(o.state, g, .1);
    o.program = eg_program_new_(o.state, root, o.roots, opt);
    if (!o.program) fail_msg("%s", eg_error());
    int64_t size = eg_shape_size(c->x);
    float *data = malloc(sizeof *data * (size_t)size);
    eg_rng rng = eg_rng_new(4, 4);
    for (int64_t i = 0; i < size; i++) data[i] = (float)(2 * eg_rng_double(&rng) - 1);
    assert_int_equal(eg_set(o.program, "x", data, sizeof *data * (size_t)size), EG_OK);
    free(data);
    assert_int_equal(eg_run(o.program), EG_OK);
    eg_graph_free(g);
    return o;
}

static void outcome_free(outcome *o) {
    eg_program_free(o->program);
    eg_state_free(o->state);
}

static const int64_t fetched = 1 << 20;

/* Elements that differ by more than rounding. A largest element that two rounded neighbours dispute moves a whole
 * gradient, so a few may. */
static void close_to(const double *want, const double *got, int64_t n, int index, int root) {
    double scale = 0;
    int64_t wrong = 0, at = 0;
    for (int64_t i = 0; i < n; i++) scale = fmax(scale, fabs(want[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(want[i] - got[i]) <= 1e-5 * scale + 1e-9)) wrong++, at = i;
    if (wrong > n / 1000)
        fail_msg("case %d, root %d: %lld of %lld elements, e.g. %lld: %g, not %g", index, root, (long long)wrong,
                 (long long)n, (long long)at, got[at], want[at]);
}

static void the_engine_agrees_with_the_oracle(void **unused) {
    double *want = malloc(sizeof *want * (size_t)fetched), *got = malloc(sizeof *got * (size_t)fetched);
    (void)unused;
    for (int i = 0; i < CASES; i++) {
        outcome ref = run(&cases[i], (eg_program_opt){ .executor = EG_REF });
        outcome cpu = run(&cases[i], (eg_program_opt){ .executor = EG_CPU, .threads = 2 });
        for (int r = 0; r < cpu.roots; r++) {
            memset(want, 0, sizeof *want * (size_t)fetched);
            memset(got, 0, sizeof *got * (size_t)fetched);
            eg_fetch(ref.program, r, want, fetched);
            eg_fetch(cpu.program, r, got, fetched);
            close_to(want, got, fetched, i, r);
        }
        char *text = eg_program_text(cpu.program);
        if (strstr(text, "reference")) fail_msg("case %d: a step runs by its reference\n%s", i, text);
        if (!strstr(text, cases[i].uses)) fail_msg("case %d: no step %s\n%s", i, cases[i].uses, text);
        eg_string_free(text);
        outcome_free(&ref);
        outcome_free(&cpu);
    }
    free(want);
    free(got);
}

static void all_ways_give_the_same_bits(void **unused) {
    static const eg_program_opt ways[] = {
        { .executor = EG_CPU, .threads = 1, .no_fuse = 1 },
        { .executor = EG_CPU, .threads = 2 },
        { .executor = EG_CPU, .threads = 3 },
        { .executor = EG_CPU, .threads = 1, .kernels = "avx2" },
    };
    (void)unused;
    unsetenv("EG_KERNELS"); /* a way says itself which kernels run */
    eg_least_work_of_a_part = 0;
    for (int i = 0; i < CASES; i++) {
        outcome first = run(&cases[i], (eg_program_opt){ .executor = EG_CPU, .threads = 1 });
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            if (ways[k].kernels && (!eg_kernels_named(ways[k].kernels) || !eg_kernels_best()->fused)) continue;
            outcome other = run(&cases[i], ways[k]);
            for (int r = 0; r < first.roots; r++) {
                static double a[1 << 20], b[1 << 20];
                eg_fetch(first.program, r, a, fetched);
                eg_fetch(other.program, r, b, fetched);
                if (memcmp(a, b, sizeof a) != 0) fail_msg("case %d, way %d, root %d", i, (int)k, r);
            }
            outcome_free(&other);
        }
        outcome_free(&first);
    }
}

/* Every failed allocation while a program is made is an error, and nothing is lost. */
static void a_failed_allocation_is_an_error(void **unused) {
    static const int chosen[] = { 0, 1, 5, 7, 10, 13, CASES - 4, CASES - 1 };
    (void)unused;
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        const shape_case *c = &cases[chosen[i]];
        eg_program *p = NULL;
        for (uint64_t n = 1; !p; n += n < 40 ? 1 : 7) {
            eg_graph *g = eg_graph_new();
            eg_state *state = eg_state_new(3);
            eg_value *root[MOST_ROOTS];
            int roots = build(g, c, root);
            eg_alloc_fail_at(n, n % 2 == 0);
            p = eg_program_new(state, root, roots, .executor = EG_CPU, .threads = 1);
            eg_alloc_fail_at(0, 0);
            if (!p && eg_error_status() != EG_E_MEMORY) fail_msg("case %d, allocation %d: %s", chosen[i], (int)n, eg_error());
            eg_program_free(p);
            eg_state_free(state);
            eg_graph_free(g);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_agrees_with_the_oracle),
        cmocka_unit_test(all_ways_give_the_same_bits),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
