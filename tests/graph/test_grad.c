/* SPDX-License-Identifier: MIT
 *
 * Reverse-mode differentiation: by hand, of itself, along 100,000 values, and what it refuses.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "evaluate.h"

static double scalar(eg_graph *g, eg_value *leaf, double at, eg_value *root) {
    evaluation e = evaluation_new(g);
    *evaluation_leaf(&e, leaf) = at;
    double result = *evaluate(&e, root);
    evaluation_free(&e);
    return result;
}

static void product_rule_by_hand(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *dx;
    eg_value *y = eg_mul(eg_sin(x), eg_mul(x, x)); /* y' = x^2 cos x + 2 x sin x */
    assert_int_equal(eg_grad(y, &x, 1, &dx), EG_OK);
    for (double at = -2; at < 2; at += .3)
        assert_near(scalar(g, x, at, dx), at * at * cos(at) + 2 * at * sin(at), 1e-14);
    eg_graph_free(g);
}

/* Three contributions have three sums; which one it is does not depend on which term was built first. */
static void sums_do_not_depend_on_the_order_of_building(void **state) {
    (void)state;
    double result[2][30];
    for (int turned = 0; turned < 2; turned++) {
        eg_graph *g = eg_graph_new();
        eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *dx, *late = turned ? eg_tanh(x) : NULL;
        eg_value *a = eg_exp(x), *b = eg_sin(x), *c = turned ? late : eg_tanh(x), *y = eg_add(eg_add(a, b), c);
        assert_int_equal(eg_grad(y, &x, 1, &dx), EG_OK);
        for (int i = 0; i < 30; i++) result[turned][i] = scalar(g, x, .1 * i - 1.5, dx);
        eg_graph_free(g);
    }
    assert_memory_equal(result[0], result[1], sizeof result[0]);
}

static void derivatives_of_derivatives(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *y = eg_mul(eg_mul(x, x), x), *d[4] = { y };
    const double expected[] = { 1.3 * 1.3 * 1.3, 3 * 1.3 * 1.3, 6 * 1.3, 6 };
    for (int i = 1; i < 4; i++) assert_int_equal(eg_grad(d[i - 1], &x, 1, &d[i]), EG_OK);
    for (int i = 0; i < 4; i++) assert_near(scalar(g, x, 1.3, d[i]), expected[i], 1e-13);
    assert_int_equal(eg_graph_verify(g), EG_OK);
    eg_graph_free(g);
}

/* y = x sigmoid x: g s + (g x) s (1 - s) is written as g (s + x s (1 - s)), so that all but g is known before g is. */
static void a_derivative_is_one_factor(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *seed = eg_input(g, "g", EG_F64, EG_SCALAR), *dx;
    eg_value *y = eg_mul(x, eg_sigmoid(x));
    assert_int_equal(eg_vjp(&y, &seed, 1, &x, 1, &dx), EG_OK);
    assert_string_equal(eg_value_op(dx), "mul");
    assert_ptr_equal(dx->in[0], seed);
    assert_string_equal(eg_value_op(dx->in[1]), "add");
    evaluation e = evaluation_new(g);
    *evaluation_leaf(&e, x) = .8, *evaluation_leaf(&e, seed) = -3;
    double s = 1 / (1 + exp(-.8));
    assert_near(*evaluate(&e, dx), -3 * (s + .8 * s * (1 - s)), 1e-14);
    evaluation_free(&e);
    eg_graph_free(g);
}

/* loss = sum (x W + b - t)^2 with x [2,3], W [3,2], b [2]: dW = 2 x' r, db = 2 sum r, dx = 2 r W'. */
static void broadcasting_is_summed_back(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SHAPE(2, 3)), *w = eg_var(g, "w", EG_F64, EG_SHAPE(3, 2));
    eg_value *b = eg_var(g, "b", EG_F64, EG_SHAPE(2)), *s = eg_var(g, "s", EG_F64, EG_SHAPE(1, 1, 1));
    eg_value *r = eg_add(eg_matmul(x, w), b), *loss = eg_sum(eg_mul(eg_square(r), s));
    eg_value *wrt[] = { w, b, x, s }, *d[4];
    assert_int_equal(eg_grad(loss, wrt, 4, d), EG_OK);
    for (int i = 0; i < 4; i++) assert_true(eg_shape_equal(d[i]->shape, wrt[i]->shape));
    evaluation e = evaluation_new(g);
    const double xs[] = { 1, 2, 3, -1, .5, 2 }, ws[] = { .1, -.2, .3, .4, -.5, .6 }, bs[] = { .05, -.1 };
    memcpy(evaluation_leaf(&e, x), xs, sizeof xs);
    memcpy(evaluation_leaf(&e, w), ws, sizeof ws);
    memcpy(evaluation_leaf(&e, b), bs, sizeof bs);
    *evaluation_leaf(&e, s) = 1;
    for (int i = 0; i < 4; i++) evaluate(&e, d[i]);
    double res[2][2], total = 0;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            res[i][j] = bs[j];
            for (int q = 0; q < 3; q++) res[i][j] += xs[3 * i + q] * ws[2 * q + j];
            total += res[i][j] * res[i][j];
        }
    for (int q = 0; q < 3; q++)
        for (int j = 0; j < 2; j++) {
            assert_near(e.value[d[0]->id][2 * q + j], 2 * (xs[q] * res[0][j] + xs[3 + q] * res[1][j]), 1e-14);
            assert_near(e.value[d[2]->id][3 * j + q], 2 * (res[j][0] * ws[2 * q] + res[j][1] * ws[2 * q + 1]), 1e-14);
        }
    for (int j = 0; j < 2; j++) assert_near(e.value[d[1]->id][j], 2 * (res[0][j] + res[1][j]), 1e-14);
    assert_near(*e.value[d[3]->id], total, 1e-14);
    evaluation_free(&e);
    eg_graph_free(g);
}

static void sum_to_shapes(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    const eg_shape from = EG_SHAPE(5, 3, 4),
                   to[] = { EG_SHAPE(5, 3, 4), EG_SHAPE(3, 4), EG_SHAPE(4),       EG_SCALAR,
                            EG_SHAPE(5, 1, 4), EG_SHAPE(1, 4), EG_SHAPE(1, 1, 1), EG_SHAPE(3, 1) };
    eg_value *ones = eg_full(g, EG_F64, from, 1);
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        eg_value *sum = eg_sum_to(ones, &to[i]);
        assert_true(eg_shape_equal(sum->shape, to[i]));
        assert_near(scalar(g, ones, 1, sum), 60. / (double)eg_shape_size(to[i]), 0);
    }
    eg_value *empty = eg_full(g, EG_F64, EG_SHAPE(0, 4), 1), *sum = eg_sum_to(empty, &EG_SHAPE(1, 4));
    assert_true(eg_shape_equal(sum->shape, EG_SHAPE(1, 4)));
    assert_near(scalar(g, empty, 1, sum), 0, 0);
    eg_graph_free(g);
}

static void unreached_values_get_zeros(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *z = eg_var(g, "z", EG_F64, EG_SHAPE(2, 3));
    eg_value *f = eg_floor(x), *s = eg_stop_gradient(eg_exp(x));
    eg_value *loss = eg_mul(eg_add(f, s), eg_cast(eg_cast(x, EG_I32), EG_F64)), *later = eg_exp(loss);
    eg_value *wrt[] = { x, z, later }, *d[3];
    assert_int_equal(eg_grad(loss, wrt, 3, d), EG_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(eg_shape_equal(d[i]->shape, wrt[i]->shape));
        assert_string_equal(eg_value_op(d[i]), "const");
        assert_near(d[i]->attr.number.number, 0, 0);
    }
    eg_graph_free(g);
}

/* wrt may be a value in the middle, the loss itself, or named twice; what lies behind a wrt is not walked. */
static void wrt_may_be_any_value(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *h = eg_exp(x), *loss = eg_mul(h, h);
    eg_value *wrt[] = { h, loss, h }, *d[3];
    int before = g->n;
    assert_int_equal(eg_grad(loss, wrt, 3, d), EG_OK);
    assert_near(scalar(g, x, .5, d[0]), 2 * exp(.5), 1e-14);
    assert_near(scalar(g, x, .5, d[1]), 1, 0);
    assert_ptr_equal(d[0], d[2]);
    for (int id = before; id < g->n; id++)
        for (int i = 0; i < g->values[id]->nin; i++) assert_ptr_not_equal(g->values[id]->in[i], x);
    eg_graph_free(g);
}

static void several_results_with_seeds(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *y[] = { eg_exp(x), eg_sin(x), x }, *d;
    eg_value *seeds[] = { eg_full(g, EG_F64, EG_SCALAR, 2), eg_full(g, EG_F64, EG_SCALAR, 3),
                          eg_full(g, EG_F64, EG_SCALAR, 5) };
    assert_int_equal(eg_vjp(y, seeds, 3, &x, 1, &d), EG_OK);
    assert_near(scalar(g, x, .7, d), 2 * exp(.7) + 3 * cos(.7) + 5, 1e-14);
    eg_graph_free(g);
}

static void derivatives_keep_place_and_scope(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *d;
    eg_scope_push(g, "layer");
    eg_value *y = eg_tanh(x);
    int line = __LINE__ - 1;
    eg_scope_pop(g);
    eg_here("elsewhere.c", 1);
    assert_int_equal(eg_grad(y, &x, 1, &d), EG_OK);
    assert_string_equal(d->scope, "layer/");
    assert_int_equal(d->line, line);
    (eg_add)(x, (eg_full)(g, EG_F64, EG_SHAPE(0, 2), 1));
    assert_string_equal(g->values[g->n - 1]->file, "elsewhere.c"); /* restored */
    assert_string_equal(g->values[g->n - 1]->scope, "");
    eg_graph_free(g);
}

/* x + x/2^17 + ...: a chain of 100,000 values, with a fan of as many uses. Nothing may recurse or take quadratic
 * time. */
static void long_chains(void **state) {
    (void)state;
    enum { N = 100000 };
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *y = x, *d;
    for (int i = 1; i < N; i++) y = eg_add(y, x);
    assert_int_equal(eg_grad(y, &x, 1, &d), EG_OK);
    assert_near(scalar(g, x, 3, d), N, 0);
    char *text = eg_graph_text(&d, 1);
    assert_non_null(text);
    eg_string_free(text);
    assert_int_equal(eg_graph_verify(g), EG_OK);
    eg_graph_free(g);
}

static void refuses(const char *message, eg_graph *g, eg_value *loss, eg_value *wrt) {
    eg_value *d = NULL;
    assert_int_not_equal(eg_grad(loss, &wrt, 1, &d), EG_OK);
    if (!strstr(eg_error(), message)) fail_msg("\"%s\" lacks \"%s\"", eg_error(), message);
    assert_non_null(d);
    assert_true(eg_value_is_poisoned(d));
    eg_graph_free(g);
}

static eg_graph *fresh(eg_value **x, eg_value **i) {
    eg_graph *g = eg_graph_new();
    *x = eg_input(g, "x", EG_F32, EG_SHAPE(128));
    *i = eg_input(g, "i", EG_I32, EG_SCALAR);
    return g;
}

static void mistakes_are_explained(void **state) {
    (void)state;
    eg_value *x, *i, *y, *j;
    eg_graph *g = fresh(&x, &i);
    refuses("grad: the loss has shape [128]: take eg_sum or eg_mean of it first", g, eg_exp(x), x);
    g = fresh(&x, &i);
    refuses("grad: result 0 is i32: only f32 and f64 have gradients", g, i, x);
    g = fresh(&x, &i);
    refuses("grad: wrt 0 is i32: only f32 and f64 have gradients", g, eg_sum(x), i);
    g = fresh(&x, &i);
    eg_graph *h = fresh(&y, &j);
    refuses("grad: wrt 0 is a value of another graph", g, eg_sum(x), y);
    eg_graph_free(h);
    g = fresh(&x, &i);
    refuses("add: f32[128] and i32[]", g, eg_sum(eg_add(x, i)), x);
    g = fresh(&x, &i);
    eg_value *packed = eg_node1(EG_OP_PACK, eg_reshape_to(x, EG_SHAPE(2, 64)), NULL);
    refuses("pack: has no derivative: differentiate before compiling", g, eg_sum(packed), x);
    g = fresh(&x, &i);
    eg_value *seed = eg_full(g, EG_F32, EG_SHAPE(4), 1), *d;
    assert_int_equal(eg_vjp(&x, &seed, 1, &x, 1, &d), EG_E_SHAPE);
    assert_non_null(strstr(eg_error(), "grad: seed 0 is f32[4], its result is f32[128]"));
    eg_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_rule_by_hand),
        cmocka_unit_test(sums_do_not_depend_on_the_order_of_building),
        cmocka_unit_test(derivatives_of_derivatives),
        cmocka_unit_test(a_derivative_is_one_factor),
        cmocka_unit_test(broadcasting_is_summed_back),
        cmocka_unit_test(sum_to_shapes),
        cmocka_unit_test(unreached_values_get_zeros),
        cmocka_unit_test(wrt_may_be_any_value),
        cmocka_unit_test(several_results_with_seeds),
        cmocka_unit_test(derivatives_keep_place_and_scope),
        cmocka_unit_test(long_chains),
        cmocka_unit_test(mistakes_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
