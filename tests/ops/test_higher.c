/* SPDX-License-Identifier: MIT
 *
 * test_higher.c: gradients of gradients. For formulas that use every rule, the first, second and third
 * derivative (each contracted with fixed weights, so that it is a scalar again) are compared with central
 * differences of the one before, element by element.
 */
#define EG_NO_PLACES
#include "ops/evaluate.h"

enum { SIDE = 3, SIZE = SIDE * SIDE, ORDERS = 3 };

static eg_value *one(void) { return eg_full(graph, EG_F64, EG_SCALAR, 1); }
static eg_value *row(eg_value *x, int i) { return eg_reshape_to(eg_slice(x, 0, i, i + 1), EG_SHAPE(SIDE)); }
static eg_value *above_1(eg_value *x) { return eg_add(eg_square(x), one()); }

static eg_value *product(eg_value *a, eg_value *b, eg_value *start, int ta, int tb) {
    eg_attr attr = { .matmul = { ta, tb } };
    return eg_node(graph, EG_OP_MATMUL, (eg_value *[]){ a, b, start }, start ? 3 : 2, &attr);
}

static eg_value *plain_product(eg_value *x) { return eg_matmul(x, x); }
static eg_value *left_swapped(eg_value *x) { return product(x, x, NULL, 1, 0); }
static eg_value *right_swapped(eg_value *x) { return product(x, x, row(x, 1), 0, 1); }
static eg_value *both_swapped(eg_value *x) {
    return product(x, eg_reshape_to(x, EG_SHAPE(1, SIDE, SIDE)), row(x, 0), 1, 1);
}
static eg_value *broadcast_product(eg_value *x) {
    return eg_matmul(eg_expand(x, EG_SHAPE(2, 2, SIDE, SIDE)), eg_matmul(x, row(x, 2)));
}
static eg_value *stack_times_matrix(eg_value *x) { return eg_matmul(eg_reshape_to(x, EG_SHAPE(SIDE, 1, SIDE)), x); }

static eg_value *joined(eg_value *x) {
    return eg_exp(eg_concat((eg_value *[]){ x, eg_slice(x, 0, 0, 2), eg_flip(x, EG_AXES(1)) }, 3, 0));
}
static eg_value *padded(eg_value *x) {
    return eg_exp(eg_pad(eg_transpose(x), (int64_t[]){ -1, 2 }, (int64_t[]){ 3, -1 }, (int64_t[]){ 2, 1 }));
}
static eg_value *sliced(eg_value *x) {
    return eg_exp(eg_slice_all(x, (int64_t[]){ 0, 1 }, (int64_t[]){ 3, 3 }, (int64_t[]){ 2, 1 }));
}
static eg_value *stretched(eg_value *x) {
    return eg_exp(eg_expand(eg_mean(x, .axes = EG_AXES(1), .keep = 1), EG_SHAPE(2, SIDE, 4)));
}
static eg_value *gathered(eg_value *x) {
    return eg_exp(eg_gather(x, literal(EG_I32, EG_SHAPE(4), (double[]){ 2, 0, 5, 2 }), 1));
}
static eg_value *scattered(eg_value *x) {
    return eg_exp(eg_scatter_add(x, literal(EG_I32, EG_SHAPE(3), (double[]){ 1, 1, 9 }), 0, 4));
}

static eg_value *softmax(eg_value *x) { return eg_softmax(x, 0); }
static eg_value *logsumexp(eg_value *x) { return eg_logsumexp(x, .axes = EG_AXES(1)); }
static eg_value *largest(eg_value *x) { return eg_exp(eg_max(x, .axes = EG_AXES(0))); }
static eg_value *smallest(eg_value *x) { return eg_exp(eg_min(x, .axes = EG_AXES(1))); }
static eg_value *larger(eg_value *x) { return eg_maximum(x, eg_transpose(eg_mul(x, eg_exp(x)))); }
static eg_value *smaller(eg_value *x) { return eg_minimum(x, eg_log_softmax(x, 1)); }
static eg_value *power(eg_value *x) { return eg_pow(above_1(x), x); }
static eg_value *quotient(eg_value *x) { return eg_div(eg_sub(x, row(x, 1)), above_1(row(x, 0))); }
static eg_value *bells(eg_value *x) { return eg_mul(eg_erf(x), eg_softplus(x)); }
static eg_value *roots(eg_value *x) { return eg_mul(eg_rsqrt(above_1(x)), eg_sqrt(above_1(eg_neg(x)))); }
static eg_value *waves(eg_value *x) { return eg_mul(eg_sin(x), eg_cos(eg_square(x))); }
static eg_value *squashed(eg_value *x) { return eg_mul(eg_tanh(x), eg_sigmoid(x)); }
static eg_value *logarithm(eg_value *x) { return eg_log(above_1(x)); }
static eg_value *multiply_add(eg_value *x) {
    return eg_exp(eg_node3(EG_OP_MULADD, x, eg_at(x, 0, 0), row(x, 1), NULL));
}
static eg_value *chosen(eg_value *x) {
    return eg_where(eg_greater(x, eg_const(graph, 0)), eg_exp(x), eg_mul(eg_abs(x), eg_relu(eg_neg(x))));
}

/* A fixed linear functional of a value: a scalar that every element has a part in. */
static eg_value *weighted(eg_value *y, double phase) {
    int64_t n = eg_shape_size(y->shape);
    double *w = numbers(n);
    for (int64_t i = 0; i < n; i++) w[i] = sin(1 + 1.7 * (double)i + phase);
    return eg_sum(eg_mul(y, literal(EG_F64, y->shape, w)));
}

/* The formula's weighted derivative of that order at `at`, and its gradient; in a graph of its own, which stays small. */
static double derivative(eg_value *(*formula)(eg_value *), const double *at, int order, double *gradient) {
    tidy(NULL);
    graph = eg_graph_new();
    eg_value *x = literal(EG_F64, EG_SHAPE(SIDE, SIDE), at), *y = weighted(formula(x), 0), *g;
    for (int k = 1; k <= order; k++) {
        assert_int_equal(eg_grad(y, &x, 1, &g), EG_OK);
        y = weighted(g, k);
    }
    assert_int_equal(eg_grad(y, &x, 1, &g), EG_OK);
    memcpy(gradient, evaluate(g, NULL), SIZE * sizeof *gradient);
    return evaluate(y, NULL)[0];
}

static void check(eg_value *(*formula)(eg_value *), int order, const double *at, int row_number) {
    double gradient[SIZE], unused[SIZE], moved[SIZE];
    derivative(formula, at, order, gradient);
    for (int i = 0; i < SIZE; i++) {
        memcpy(moved, at, sizeof moved);
        moved[i] = at[i] + 1e-5;
        double up = derivative(formula, moved, order, unused);
        moved[i] = at[i] - 1e-5;
        double slope = (up - derivative(formula, moved, order, unused)) / 2e-5;
        if (fabs(slope - gradient[i]) > 1e-7 * fmax(1, fabs(slope)))
            fail_msg("formula %d, derivative %d, element %d: %g, not %g", row_number, order + 1, i, gradient[i],
                     slope);
    }
}

static void derivatives_up_to_the_third_are_right(void **state) {
    static eg_value *(*const formulas[])(eg_value *) = {
        plain_product,
        left_swapped,
        right_swapped,
        both_swapped,
        broadcast_product,
        stack_times_matrix,
        joined,
        padded,
        sliced,
        stretched,
        gathered,
        scattered,
        softmax,
        logsumexp,
        largest,
        smallest,
        larger,
        smaller,
        power,
        quotient,
        bells,
        roots,
        waves,
        squashed,
        logarithm,
        multiply_add,
        chosen,
    };
    double at[SIZE];
    (void)state;
    for (int k = 0; k < (int)(sizeof formulas / sizeof *formulas); k++)
        for (int order = 0; order < ORDERS; order++) {
            for (int i = 0; i < SIZE; i++) at[i] = 2 * eg_rng_double(&random_seq) - 1;
            check(formulas[k], order, at, k);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = { CASE(derivatives_up_to_the_third_are_right) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
