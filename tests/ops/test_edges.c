/* SPDX-License-Identifier: MIT
 *
 * test_edges.c: what derivatives are where the calculus leaves a choice or a formula would give NaN: kinks,
 * ties, zeros, infinities, indices outside, empty axes. First and second derivatives. (Smooth places:
 * test_gradients.c.)
 */
#define EG_NO_PLACES
#include "ops/evaluate.h"

/* d sum(y) / dx */
static eg_value *slope(eg_value *y, eg_value *x) {
    eg_value *out;
    assert_int_equal(eg_grad(eg_sum(y), &x, 1, &out), EG_OK);
    return out;
}

static void all_finite(eg_value *value) {
    const double *x = evaluate(value, NULL);
    for (int64_t i = 0; i < eg_shape_size(value->shape); i++)
        if (!isfinite(x[i])) fail_msg("element %lld is %g", (long long)i, x[i]);
}

static void kinks_have_slope_0(void **state) {
    (void)state;
    eg_value *x = VEC(-2, 0, 3);
    IS(slope(eg_relu(x), x), EG_SHAPE(3), 0, 0, 1);
    IS(slope(eg_abs(x), x), EG_SHAPE(3), -1, 0, 1);
    IS(slope(eg_floor(x), x), EG_SHAPE(3), 0, 0, 0);
    IS(slope(eg_sign(x), x), EG_SHAPE(3), 0, 0, 0);
    IS(slope(eg_step(x), x), EG_SHAPE(3), 0, 0, 0);
    IS(slope(eg_mul(eg_stop_gradient(x), x), x), EG_SHAPE(3), -2, 0, 3);
}

static void roots_have_slope_0_at_0(void **state) {
    (void)state;
    eg_value *x = VEC(0, 4), *once = slope(eg_sqrt(x), x);
    IS(once, EG_SHAPE(2), 0, .25);
    IS(slope(once, x), EG_SHAPE(2), 0, -1. / 32);
    eg_value *v = VEC(0, 0), *norm = eg_sqrt(eg_sum(eg_square(v))); /* the norm of the zero vector */
    IS(slope(norm, v), EG_SHAPE(2), 0, 0);
}

static void ties_share_equally(void **state) {
    (void)state;
    eg_value *a = VEC(1, 2, 3), *b = VEC(1, 1, 5);
    IS(slope(eg_maximum(a, b), a), EG_SHAPE(3), .5, 1, 0);
    IS(slope(eg_maximum(a, b), b), EG_SHAPE(3), .5, 0, 1);
    IS(slope(eg_minimum(a, b), a), EG_SHAPE(3), .5, 0, 1);
    IS(slope(eg_minimum(a, b), b), EG_SHAPE(3), .5, 1, 0);
    IS(slope(eg_maximum(a, a), a), EG_SHAPE(3), 1, 1, 1);
    eg_value *x = VEC(7, 1, 7, 7);
    IS(slope(eg_max(x), x), EG_SHAPE(4), 1. / 3, 0, 1. / 3, 1. / 3);
    IS(slope(eg_min(x), x), EG_SHAPE(4), 0, 1, 0, 0);
}

static void powers_are_safe_at_0(void **state) {
    (void)state;
    eg_value *a = VEC(0, 0, 0, 0, 3), *b = VEC(2, 1, 0, 3, 0), *y = eg_pow(a, b);
    IS(slope(y, a), EG_SHAPE(5), 0, 1, 0, 0, 0);
    IS(slope(y, b), EG_SHAPE(5), 0, 0, 0, 0, log(3));
    IS(slope(slope(y, a), a), EG_SHAPE(5), 2, 0, 0, 0, 0);
    all_finite(slope(slope(y, a), b));
    all_finite(slope(slope(y, b), b));
    eg_value *two = eg_pow(a, eg_const(graph, 2)), *zero = eg_pow(a, eg_const(graph, 0));
    IS(slope(two, a), EG_SHAPE(5), 0, 0, 0, 0, 6);
    IS(slope(slope(two, a), a), EG_SHAPE(5), 2, 2, 2, 2, 2);
    IS(slope(slope(slope(two, a), a), a), EG_SHAPE(5), 0, 0, 0, 0, 0);
    IS(slope(zero, a), EG_SHAPE(5), 0, 0, 0, 0, 0);
    eg_value *negative = VEC(-2);
    IS(slope(eg_pow(negative, eg_const(graph, 3)), negative), EG_SHAPE(1), 12);
    eg_value *one = VEC(3), *exponent = VEC(0); /* d2/da db of a^b at b = 0 is 1/a */
    IS(slope(slope(eg_pow(one, exponent), one), exponent), EG_SHAPE(1), 1. / 3);
}

static void saturated_functions_stay_finite(void **state) {
    (void)state;
    eg_value *x = VEC(1000, -1000);
    IS(slope(eg_sigmoid(x), x), EG_SHAPE(2), 0, 0);
    IS(slope(eg_softplus(x), x), EG_SHAPE(2), 1, 0);
    IS(slope(eg_tanh(x), x), EG_SHAPE(2), 0, 0);
    IS(slope(eg_erf(x), x), EG_SHAPE(2), 0, 0);
    eg_value *logits = VEC(1000, 0, -1000);
    IS(slope(eg_at(eg_log_softmax(logits, 0), 1), logits), EG_SHAPE(3), -1, 1, 0);
    all_finite(slope(slope(eg_at(eg_log_softmax(logits, 0), 1), logits), logits));
}

static void rows_of_minus_infinity_have_slope_0(void **state) {
    const double inf = INFINITY;
    (void)state;
    eg_value *x = literal(EG_F64, EG_SHAPE(3, 2), (double[]){ -inf, -inf, -inf, 1, 0, 0 });
    eg_value *y = eg_logsumexp(x, .axes = EG_AXES(1)), *once = slope(y, x);
    IS(once, EG_SHAPE(3, 2), 0, 0, 0, 1, .5, .5);
    all_finite(slope(eg_mul(once, once), x));
    all_finite(slope(eg_softmax(x, 1), x));
}

static void indices_outside_carry_no_gradient(void **state) {
    (void)state;
    eg_value *x = VEC(1, 2, 3), *index = literal(EG_I32, EG_SHAPE(4), (double[]){ 1, -1, 3, 1 });
    IS(slope(eg_gather(x, index, 0), x), EG_SHAPE(3), 0, 2, 0);
    eg_value *rows = VEC(1, 2, 3, 4);
    IS(slope(eg_square(eg_scatter_add(rows, index, 0, 3)), rows), EG_SHAPE(4), 10, 0, 0, 10);
}

static void cut_elements_get_0(void **state) {
    (void)state;
    eg_value *x = VEC(1, 2, 3, 4);
    eg_value *y = eg_pad(x, (int64_t[]){ -1 }, (int64_t[]){ 2 }, (int64_t[]){ 1 });
    IS(y, EG_SHAPE(8), 0, 2, 0, 3, 0, 4, 0, 0);
    IS(slope(eg_square(y), x), EG_SHAPE(4), 0, 4, 6, 8);
    eg_value *z = eg_slice_all(x, (int64_t[]){ 1 }, (int64_t[]){ 4 }, (int64_t[]){ 2 });
    IS(slope(eg_square(z), x), EG_SHAPE(4), 0, 4, 0, 8);
}

static void empty_axes_give_empty_or_zero_gradients(void **state) {
    (void)state;
    eg_value *none = literal(EG_F64, EG_SHAPE(3, 0), NULL), *w = drawn(EG_SHAPE(0, 2)), *b = VEC(1, 2);
    same_shape(slope(eg_sum(none, .axes = EG_AXES(1)), none), EG_SHAPE(3, 0));
    same_shape(slope(eg_max(none, .axes = EG_AXES(1)), none), EG_SHAPE(3, 0));
    same_shape(slope(eg_logsumexp(none, .axes = EG_AXES(1)), none), EG_SHAPE(3, 0));
    eg_value *y = eg_add(eg_matmul(none, w), b);
    same_shape(slope(y, w), EG_SHAPE(0, 2));
    IS(slope(y, b), EG_SHAPE(2), 3, 3);
    IS(slope(eg_mul(eg_slice(none, 0, 0, 1), eg_at(b, 0)), b), EG_SHAPE(2), 0, 0);
}

static void casts_pass_gradients_between_floats_only(void **state) {
    (void)state;
    eg_value *x = VEC(1.5, 2.5);
    eg_value *y = eg_square(eg_cast(eg_cast(x, EG_F32), EG_F64));
    IS(slope(y, x), EG_SHAPE(2), 3, 5);
    IS(slope(eg_cast(eg_cast(x, EG_I32), EG_F64), x), EG_SHAPE(2), 0, 0);
    IS(slope(eg_cast(eg_greater(x, eg_const(graph, 2)), EG_F64), x), EG_SHAPE(2), 0, 0);
}

static void branches_not_taken_send_nothing_back(void **state) {
    (void)state;
    eg_value *x = VEC(-1, 4), *positive = eg_greater(x, eg_const(graph, 0));
    IS(slope(eg_where(positive, x, eg_mul(x, eg_const(graph, 3))), x), EG_SHAPE(2), 3, 1);
    eg_value *safe = eg_where(positive, x, eg_const(graph, 1)); /* the pattern that keeps NaN out */
    IS(slope(eg_where(positive, eg_log(safe), eg_const(graph, 0)), x), EG_SHAPE(2), 0, .25);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(kinks_have_slope_0),
        CASE(roots_have_slope_0_at_0),
        CASE(ties_share_equally),
        CASE(powers_are_safe_at_0),
        CASE(saturated_functions_stay_finite),
        CASE(rows_of_minus_infinity_have_slope_0),
        CASE(indices_outside_carry_no_gradient),
        CASE(cut_elements_get_0),
        CASE(empty_axes_give_empty_or_zero_gradients),
        CASE(casts_pass_gradients_between_floats_only),
        CASE(branches_not_taken_send_nothing_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
