/* SPDX-License-Identifier: MIT
 *
 * test_golden.c: every method, dialect and option for 50 steps in float64, against the numbers of Keras and PyTorch
 * (tools/golden_optimizers.py tells how they were made and what the gradients are).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <elegans/optim.h>
#include <elegans/program.h>

enum { W = 3, B = 2, N = W + B, STEPS = 50, KEPT = 3 };

typedef struct golden {
    const char *method;
    eg_optimizer_opt opt;
    int changing;
    double rows[KEPT][N];
} golden;

static const golden cases[] = {
#include "golden_optimizers.inc"
};

static const int kept[KEPT] = { 1, 3, 50 };
static const double start[N] = { .5, -1, 2, .25, -3 }, slope[N] = { .5, 1, 2, .1, 3 };

static double gradient(const double *w, int i, int t) {
    return i == 3 && t < 5 ? 0 : slope[i] * w[i] + sin(.7 * t + i);
}

static double rate(double lr, int t, int changing) { return lr * (!changing || t < 10 ? 1 : t < 25 ? .5 : 2); }

typedef struct bench {
    eg_graph *graph;
    eg_state *state;
    eg_optimizer *optimizer;
    eg_program *program;
} bench;

static bench build(const golden *c) {
    bench b = { eg_graph_new(), eg_state_new(1), eg_optimizer_new(c->method, c->opt), NULL };
    if (!b.optimizer) fail_msg("%s", eg_error());
    eg_value *step = eg_input(b.graph, "step", EG_I32, EG_SCALAR), *lr = eg_input(b.graph, "lr", EG_F64, EG_SCALAR);
    eg_value *w[2] = { eg_var(b.graph, "w", EG_F64, EG_SHAPE(W)), eg_var(b.graph, "b", EG_F64, EG_SHAPE(B)) };
    eg_value *g[2] = { eg_input(b.graph, "gw", EG_F64, EG_SHAPE(W)), eg_input(b.graph, "gb", EG_F64, EG_SHAPE(B)) };
    eg_value *out[2 * (1 + EG_OPTIMIZER_SLOTS)];
    int n;
    if (eg_optimizer_build(b.optimizer, step, lr, w, g, 2, out, &n) != EG_OK) fail_msg("%s", eg_error());
    b.program = eg_program_new(b.state, out, n, .executor = EG_REF);
    if (!b.program) fail_msg("%s", eg_error());
    assert_int_equal(eg_optimizer_init_slots(b.optimizer, b.state), EG_OK);
    assert_int_equal(eg_state_write(b.state, "w", start, W * sizeof *start), EG_OK);
    assert_int_equal(eg_state_write(b.state, "b", start + W, B * sizeof *start), EG_OK);
    return b;
}

static void one_step(bench *b, const golden *c, double *w, int t) {
    double g[N], lr = rate(eg_optimizer_lr(b->optimizer), t, c->changing);
    int32_t step = t;
    for (int i = 0; i < N; i++) g[i] = gradient(w, i, t);
    assert_int_equal(eg_set(b->program, "step", &step, sizeof step), EG_OK);
    assert_int_equal(eg_set(b->program, "lr", &lr, sizeof lr), EG_OK);
    assert_int_equal(eg_set(b->program, "gw", g, W * sizeof *g), EG_OK);
    assert_int_equal(eg_set(b->program, "gb", g + W, B * sizeof *g), EG_OK);
    assert_int_equal(eg_run(b->program), EG_OK);
    assert_int_equal(eg_state_read(b->state, "w", w, W * sizeof *w), EG_OK);
    assert_int_equal(eg_state_read(b->state, "b", w + W, B * sizeof *w), EG_OK);
}

/* The largest difference over the kept steps. */
static double replay(const golden *c) {
    double w[N], worst = 0;
    bench b = build(c);
    memcpy(w, start, sizeof w);
    for (int t = 0, k = 0; t < STEPS; t++) {
        one_step(&b, c, w, t);
        if (t + 1 != kept[k]) continue;
        for (int i = 0; i < N; i++) {
            double d = fabs(w[i] - c->rows[k][i]);
            if (!(d <= worst)) worst = d;
        }
        k++;
    }
    eg_program_free(b.program);
    eg_optimizer_free(b.optimizer);
    eg_state_free(b.state);
    eg_graph_free(b.graph);
    return worst;
}

static const char *const dialects[] = { "keras", "torch", "keras2" };

static void trajectories_match_to_1e_12(void **state) {
    (void)state;
    int n = (int)(sizeof cases / sizeof *cases), failed = 0;
    assert_true(n >= 90);
    for (int i = 0; i < n; i++) {
        double worst = replay(&cases[i]);
        if (worst <= 1e-12) continue;
        failed++;
        print_error("case %d: %s (%s): off by %g\n", i, cases[i].method, dialects[cases[i].opt.dialect], worst);
    }
    assert_int_equal(failed, 0);
}

/* Each method must be among the cases in each dialect that has it. */
static void every_method_is_among_them(void **state) {
    (void)state;
    for (const char *const *name = eg_optimizer_names(); *name; name++)
        for (int dialect = EG_KERAS; dialect <= EG_TORCH; dialect++) {
            int found = strcmp(*name, "momentum") == 0 && dialect == EG_TORCH; /* the lectures' form is one */
            found |= strcmp(*name, "coordinate") == 0;                         /* uses no gradients */
            for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                found |= strcmp(cases[i].method, *name) == 0 && (int)cases[i].opt.dialect == dialect;
            if (!found) fail_msg("no golden numbers for %s (%s)", *name, dialects[dialect]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trajectories_match_to_1e_12),
        cmocka_unit_test(every_method_is_among_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
