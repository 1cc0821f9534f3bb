/* SPDX-License-Identifier: MIT
 *
 * test_optimizer.c: options and their mistakes, slots and their first values, clipping, and single precision where it
 * is delicate. The formulas themselves are in test_golden.c.
 */
#include <math.h>
#include <string.h>

#include "fault.h"

#include <elegans/optim.h>
#include <elegans/program.h>

/* ---- options --------------------------------------------------------------------------------- */

static void expect_failure(eg_optimizer *optimizer, eg_status status, const char *part) {
    assert_null(optimizer);
    assert_int_equal(eg_error_status(), status);
    if (!strstr(eg_error(), part)) fail_msg("'%s' does not say '%s'", eg_error(), part);
}

static void defaults_depend_on_the_dialect(void **state) {
    static const struct {
        const char *name;
        eg_dialect dialect;
        double lr, epsilon, rho, initial, weight_decay;
    } rows[] = {
        { "sgd", EG_KERAS, .01, 0, 0, 0, 0 },
        { "sgd", EG_TORCH, 1e-3, 0, 0, 0, 0 },
        { "adagrad", EG_KERAS, 1e-3, 1e-7, 0, .1, 0 },
        { "adagrad", EG_TORCH, .01, 1e-10, 0, 0, 0 },
        { "adadelta", EG_KERAS, 1e-3, 1e-7, .95, 0, 0 },
        { "adadelta", EG_TORCH, 1, 1e-6, .9, 0, 0 },
        { "rmsprop", EG_KERAS2, 1e-3, 1e-7, .9, 0, 0 },
        { "rmsprop", EG_TORCH, .01, 1e-8, .99, 0, 0 },
        { "adamw", EG_KERAS, 1e-3, 1e-7, 0, 0, .004 },
        { "adamw", EG_TORCH, 1e-3, 1e-8, 0, 0, .01 },
        { "nadam", EG_TORCH, 2e-3, 1e-8, 0, 0, 0 },
        { "adamax", EG_TORCH, 2e-3, 1e-8, 0, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_optimizer *o = eg_optimizer_new(rows[i].name, (eg_optimizer_opt){ .dialect = rows[i].dialect });
        eg_optimizer_opt got = eg_optimizer_options(o);
        assert_string_equal(eg_optimizer_name(o), rows[i].name);
        assert_true(eg_optimizer_lr(o) == rows[i].lr && got.lr == rows[i].lr);
        assert_true(got.epsilon == rows[i].epsilon && got.rho == rows[i].rho);
        assert_true(got.initial == rows[i].initial && got.weight_decay == rows[i].weight_decay);
        eg_optimizer_free(o);
    }
}

/* Options that were read out make the same optimizer again, zeros included. */
static void options_round_trip(void **state) {
    (void)state;
    eg_optimizer *a = eg_adagrad(.initial = EG_ZERO, .epsilon = EG_ZERO, .lr = .5, .clip_norm = 2);
    eg_optimizer_opt opt = eg_optimizer_options(a);
    eg_optimizer *b = eg_optimizer_new(eg_optimizer_name(a), opt);
    eg_optimizer_opt again = eg_optimizer_options(b);
    assert_true(opt.initial == EG_ZERO && again.initial == EG_ZERO && again.epsilon == EG_ZERO);
    assert_true(again.lr == .5 && again.clip_norm == 2);
    eg_optimizer_free(a);
    eg_optimizer_free(b);
}

static void names_and_aliases(void **state) {
    (void)state;
    for (const char *const *name = eg_optimizer_names(); *name; name++) {
        eg_optimizer *o = eg_optimizer_new(*name, (eg_optimizer_opt){ 0 });
        if (!o) fail_msg("%s: %s", *name, eg_error());
        assert_string_equal(eg_optimizer_name(o), *name);
        eg_optimizer_free(o);
    }
    eg_optimizer *o = eg_optimizer_new("nag", (eg_optimizer_opt){ 0 });
    assert_string_equal(eg_optimizer_name(o), "nesterov");
    assert_true(eg_optimizer_options(o).nesterov == 1 && eg_optimizer_options(o).momentum == .9);
    eg_optimizer_free(o);
}

static void mistakes_are_told(void **state) {
    (void)state;
    expect_failure(eg_optimizer_new("adamm", (eg_optimizer_opt){ 0 }), EG_E_NAME, "did you mean 'adam'?");
    expect_failure(eg_optimizer_new("", (eg_optimizer_opt){ 0 }), EG_E_NAME, "unknown optimizer");
    expect_failure(eg_optimizer_new(NULL, (eg_optimizer_opt){ 0 }), EG_E_NAME, "unknown optimizer");
    expect_failure(eg_adam(.momentum = .9), EG_E_ARGUMENT, "adam has no momentum");
    expect_failure(eg_adam(.nesterov = 1), EG_E_ARGUMENT, "adam has no nesterov");
    expect_failure(eg_momentum(.nesterov = 1), EG_E_ARGUMENT, "momentum has no nesterov");
    expect_failure(eg_sgd(.lr = -1), EG_E_ARGUMENT, "lr is -1");
    expect_failure(eg_sgd(.lr = NAN), EG_E_ARGUMENT, "lr is");
    expect_failure(eg_sgd(.lr = INFINITY), EG_E_ARGUMENT, "lr is");
    expect_failure(eg_adam(.beta1 = 1), EG_E_ARGUMENT, "beta1 is 1");
    expect_failure(eg_rmsprop(.rho = -.5), EG_E_ARGUMENT, "rho is -0.5");
    expect_failure(eg_sgd(.nesterov = 1), EG_E_ARGUMENT, "nesterov needs a momentum");
    expect_failure(eg_sgd(.clip_norm = 1, .clip_value = 1), EG_E_ARGUMENT, "only one of");
    expect_failure(eg_sgd(.dialect = (eg_dialect)7), EG_E_ARGUMENT, "dialect");
}

/* An options struct of an older, shorter version is read as far as it goes. */
static void shorter_options_are_zero_behind_their_end(void **state) {
    (void)state;
    eg_optimizer_opt opt = { .size_ = offsetof(eg_optimizer_opt, momentum), .lr = .5, .momentum = .9, .nesterov = 1 };
    eg_optimizer *o = eg_optimizer_new("sgd", opt);
    assert_non_null(o);
    assert_true(eg_optimizer_lr(o) == .5 && eg_optimizer_options(o).momentum == 0);
    eg_optimizer_free(o);
}

/* ---- updates --------------------------------------------------------------------------------- */

enum { N = 4, MOST = 2 * (1 + EG_OPTIMIZER_SLOTS) };

typedef struct bench {
    eg_graph *graph;
    eg_state *state;
    eg_program *program;
    int n;
} bench;

/* One parameter w [N] of that dtype, updated by the gradient in input g, on the reference executor. */
static bench build(eg_optimizer *optimizer, eg_dtype dtype) {
    bench b = { eg_graph_new(), eg_state_new(1), NULL, 0 };
    eg_value *step = eg_input(b.graph, "step", EG_I32, EG_SCALAR), *lr = eg_full(b.graph, dtype, EG_SCALAR, .1);
    eg_value *w = eg_var(b.graph, "w", dtype, EG_SHAPE(N)), *g = eg_input(b.graph, "g", dtype, EG_SHAPE(N));
    eg_value *out[MOST];
    if (!optimizer || eg_optimizer_build(optimizer, step, lr, &w, &g, 1, out, &b.n) != EG_OK)
        fail_msg("%s", eg_error());
    b.program = eg_program_new(b.state, out, b.n, .executor = EG_REF);
    if (!b.program) fail_msg("%s", eg_error());
    assert_int_equal(eg_optimizer_init_slots(optimizer, b.state), EG_OK);
    eg_optimizer_free(optimizer);
    return b;
}

static void step_f64(bench *b, const double *g, double *w) {
    int32_t step = 0;
    assert_int_equal(eg_set(b->program, "step", &step, sizeof step), EG_OK);
    assert_int_equal(eg_set(b->program, "g", g, N * sizeof *g), EG_OK);
    assert_int_equal(eg_run(b->program), EG_OK);
    assert_int_equal(eg_state_read(b->state, "w", w, N * sizeof *w), EG_OK);
}

static void finish(bench *b) {
    eg_program_free(b->program);
    eg_state_free(b->state);
    eg_graph_free(b->graph);
}

/* w after one step of plain descent with lr .1 */
static void expect_descent(eg_optimizer *optimizer, const double *g, const double *want) {
    double w[N];
    bench b = build(optimizer, EG_F64);
    step_f64(&b, g, w);
    for (int i = 0; i < N; i++)
        if (!(fabs(w[i] + .1 * want[i]) <= 1e-15)) fail_msg("element %d: %.17g, not %.17g", i, w[i], -.1 * want[i]);
    finish(&b);
}

static void clipping_limits_gradients(void **state) {
    static const double g[N] = { 3, -4, 0, 0 };
    (void)state;
    expect_descent(eg_sgd(.clip_value = 3.5), g, (double[]){ 3, -3.5, 0, 0 });
    expect_descent(eg_sgd(.clip_norm = 1), g, (double[]){ .6, -.8, 0, 0 });
    expect_descent(eg_sgd(.clip_norm = 5), g, g);
    expect_descent(eg_sgd(.clip_norm = 7), g, g);
    expect_descent(eg_sgd(.clip_global_norm = 1), g, (double[]){ .6, -.8, 0, 0 });
    double c = 1 / (5 + 1e-6);
    expect_descent(eg_sgd(.clip_norm = 1, .dialect = EG_TORCH), g, (double[]){ 3 * c, -4 * c, 0, 0 });
}

static void clipping_a_zero_gradient_gives_zeros(void **state) {
    static const double zeros[N];
    (void)state;
    expect_descent(eg_sgd(.clip_norm = 1e-3), zeros, zeros);
    expect_descent(eg_sgd(.clip_global_norm = 1e-3), zeros, zeros);
    expect_descent(eg_sgd(.clip_norm = 1e-3, .dialect = EG_TORCH), zeros, zeros);
}

/* Zero gradients leave every method's parameters where they are (0 / 0 would be NaN), but for decay. */
static void a_zero_gradient_moves_nothing(void **state) {
    static const double zeros[N];
    (void)state;
    for (const char *const *name = eg_optimizer_names(); *name; name++)
        for (int dialect = EG_KERAS; dialect <= EG_TORCH && strcmp(*name, "coordinate") != 0; dialect++)
            expect_descent(eg_optimizer_new(*name, (eg_optimizer_opt){ .dialect = (eg_dialect)dialect }), zeros,
                           zeros);
}

static double slot_value(const bench *b, const char *name) {
    double values[N] = { 0 };
    int index = eg_state_find(b->state, name);
    if (index < 0) fail_msg("no slot %s", name);
    size_t bytes = (size_t)eg_shape_size(eg_state_shape(b->state, index)) * sizeof *values;
    assert_int_equal(eg_state_read(b->state, name, values, bytes), EG_OK);
    return values[0];
}

static void slots_have_names_and_first_values(void **state) {
    (void)state;
    bench b = build(eg_adagrad(.initial = .25), EG_F64);
    assert_true(slot_value(&b, "optimizer/accumulator/w") == .25);
    finish(&b);
    b = build(eg_nadam(.lr = .1), EG_F64);
    assert_true(slot_value(&b, "optimizer/u_product") == 1);
    assert_true(slot_value(&b, "optimizer/m/w") == 0 && slot_value(&b, "optimizer/v/w") == 0);
    finish(&b);
    b = build(eg_sgd(.lr = .1), EG_F64);
    assert_int_equal(eg_state_count(b.state), 1);
    finish(&b);
}

/* Adam's first step is lr g / (|g| + eps'): in single precision 1 - .999f is off by 1e-5, which must not show. */
static void bias_correction_is_exact_in_single_precision(void **state) {
    static const float g[N] = { 1, -2, .5f, 100 };
    (void)state;
    for (int dialect = EG_KERAS; dialect <= EG_TORCH; dialect++) {
        bench b = build(eg_adam(.dialect = (eg_dialect)dialect), EG_F32);
        float w[N];
        int32_t step = 0;
        assert_int_equal(eg_set(b.program, "step", &step, sizeof step), EG_OK);
        assert_int_equal(eg_set(b.program, "g", g, sizeof g), EG_OK);
        assert_int_equal(eg_run(b.program), EG_OK);
        assert_int_equal(eg_state_read(b.state, "w", w, sizeof w), EG_OK);
        for (int i = 0; i < N; i++) assert_true(fabs((double)w[i] + (g[i] > 0 ? .1 : -.1)) < 1e-6);
        finish(&b);
    }
}

/* ---- mistakes and faults --------------------------------------------------------------------- */

/* One update of w [3,7], as a text of its steps and the bits of w and the slots. */
static char *update_once(const eg_optimizer *o, int no_fuse, float *out) {
    eg_graph *g = eg_graph_new();
    eg_state *s = eg_state_new(1);
    eg_value *w = eg_var(g, "w", EG_F32, EG_SHAPE(3, 7)), *d = eg_input(g, "d", EG_F32, EG_SHAPE(3, 7)), *root[8];
    eg_value *step = eg_input(g, "step", EG_I32, EG_SCALAR), *lr = eg_input(g, "lr", EG_F32, EG_SCALAR);
    int n = 0;
    assert_int_equal(eg_optimizer_build(o, step, lr, &w, &d, 1, root, &n), EG_OK);
    eg_program *p = eg_program_new(s, root, n, .no_fuse = no_fuse);
    eg_optimizer_init_slots(o, s);
    float x[21];
    for (int i = 0; i < 21; i++) x[i] = .1f * (float)(i - 9);
    eg_set(p, "step", &(int32_t){ 3 }, sizeof(int32_t));
    eg_set(p, "lr", &(float){ .01f }, sizeof(float));
    eg_set(p, "d", x, sizeof x);
    eg_state_write(s, "w", x, sizeof x);
    assert_int_equal(eg_run(p), EG_OK);
    for (int i = 0; i < eg_state_count(s); i++) eg_state_read(s, eg_state_name(s, i), out + 21 * i, sizeof x);
    char *text = eg_program_text(p);
    eg_program_free(p);
    eg_state_free(s);
    eg_graph_free(g);
    return text;
}

/* The usual updates run as one loop each, with the bits of the instructions one by one. */
static void usual_updates_are_chains(void **state) {
    eg_optimizer *o[] = { eg_rmsprop(), eg_adam() };
    (void)state;
    for (int i = 0; i < 2; i++) {
        float fused[3 * 21] = { 0 }, plain[3 * 21] = { 0 };
        char *text = update_once(o[i], 0, fused);
        assert_non_null(strstr(text, " chain "));
        eg_string_free(text);
        eg_string_free(update_once(o[i], 1, plain));
        assert_memory_equal(fused, plain, sizeof fused);
        eg_optimizer_free(o[i]);
    }
}

static void builds_refuse_what_does_not_fit(void **state) {
    (void)state;
    eg_graph *graph = eg_graph_new();
    eg_optimizer *o = eg_sgd(.lr = .1);
    eg_value *step = eg_input(graph, "step", EG_I32, EG_SCALAR), *lr = eg_full(graph, EG_F32, EG_SCALAR, .1);
    eg_value *w = eg_var(graph, "w", EG_F32, EG_SHAPE(N)), *g = eg_input(graph, "g", EG_F32, EG_SHAPE(N));
    eg_value *wide = eg_input(graph, "wide", EG_F32, EG_SHAPE(N + 1)), *out[MOST];
    eg_value *lr64 = eg_full(graph, EG_F64, EG_SCALAR, .1);
    int n;
    assert_int_equal(eg_optimizer_build(o, step, lr, &w, &g, 0, out, &n), EG_E_ARGUMENT);
    assert_int_equal(eg_optimizer_build(o, lr, lr, &w, &g, 1, out, &n), EG_E_DTYPE);
    assert_int_equal(eg_optimizer_build(o, step, lr64, &w, &g, 1, out, &n), EG_E_DTYPE);
    assert_int_equal(eg_optimizer_build(o, step, lr, &g, &g, 1, out, &n), EG_E_ARGUMENT);
    assert_int_equal(eg_optimizer_build(o, step, lr, &w, &wide, 1, out, &n), EG_E_SHAPE);
    assert_int_equal(eg_optimizer_build(o, step, lr, &w, &g, 1, out, &n), EG_OK);
    assert_int_equal(n, 1);
    eg_optimizer_free(o);
    o = eg_optimizer_new("coordinate", (eg_optimizer_opt){ 0 });
    assert_int_equal(eg_optimizer_build(o, step, lr, &w, &g, 1, out, &n), EG_E_ARGUMENT);
    eg_optimizer_free(o);
    eg_graph_free(graph);
}

static eg_status build_all(void *context) {
    (void)context;
    eg_optimizer *o = eg_nadam(.clip_global_norm = 1);
    eg_graph *graph = o ? eg_graph_new() : NULL;
    eg_status status = EG_E_MEMORY;
    if (graph) {
        eg_value *step = eg_input(graph, "step", EG_I32, EG_SCALAR), *lr = eg_full(graph, EG_F32, EG_SCALAR, .1);
        eg_value *w[2] = { eg_var(graph, "w", EG_F32, EG_SHAPE(N)), eg_var(graph, "b", EG_F32, EG_SHAPE(1)) },
                 *out[MOST];
        int n;
        status = eg_optimizer_build(o, step, lr, w, w, 2, out, &n);
    }
    eg_graph_free(graph);
    eg_optimizer_free(o);
    return status;
}

static void every_failed_allocation_is_an_error(void **state) {
    (void)state;
    assert_true(fault_loop(build_all, NULL) > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_depend_on_the_dialect),
        cmocka_unit_test(options_round_trip),
        cmocka_unit_test(names_and_aliases),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(shorter_options_are_zero_behind_their_end),
        cmocka_unit_test(clipping_limits_gradients),
        cmocka_unit_test(clipping_a_zero_gradient_gives_zeros),
        cmocka_unit_test(a_zero_gradient_moves_nothing),
        cmocka_unit_test(slots_have_names_and_first_values),
        cmocka_unit_test(bias_correction_is_exact_in_single_precision),
        cmocka_unit_test(usual_updates_are_chains),
        cmocka_unit_test(builds_refuse_what_does_not_fit),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
