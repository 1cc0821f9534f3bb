/* SPDX-License-Identifier: MIT
 *
 * test_activation.c: each activation's values and derivatives against its formula, at the kink and far out; names.
 */
#include <string.h>

#include "course/course.h"

#include <elegans/nn.h>

enum { POINTS = 7 };
static const double points[POINTS] = { -1000, -2, -.5, 0, .5, 2, 1000 };

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* f and f' of the header's formulas, written with libm */
static double linear(double x) { return x; }
static double one(double x) { return x - x + 1; }
static double zero(double x) { return x - x; }
static double step(double x) { return x > 0; }
static double relu(double x) { return x > 0 ? x : 0; }
static double d_tanh(double x) { return 1 - tanh(x) * tanh(x); }
static double d_sigmoid(double x) { return sigmoid(x) * (1 - sigmoid(x)); }
static double leaky(double x) { return x > 0 ? x : .2 * x; }
static double d_leaky(double x) { return x > 0 ? 1 : .2; }
static double elu(double x) { return x > 0 ? x : exp(x) - 1; }
static double d_elu(double x) { return x > 0 ? 1 : exp(x); }
static double gelu(double x) { return x / 2 * (1 + erf(x / sqrt(2))); }
static double d_gelu(double x) { return (1 + erf(x / sqrt(2))) / 2 + x * exp(-x * x / 2) / sqrt(8 * atan(1)); }
static double softplus(double x) { return x > 30 ? x : log1p(exp(x)); }

static const struct row {
    eg_activation_kind kind;
    double (*f)(double x), (*slope)(double x);
} rows[] = {
    { EG_LINEAR, linear, one },
    { EG_STEP, step, zero },
    { EG_RELU, relu, step },
    { EG_TANH, tanh, d_tanh },
    { EG_SIGMOID, sigmoid, d_sigmoid },
    { EG_LEAKY_RELU, leaky, d_leaky },
    { EG_ELU, elu, d_elu },
    { EG_GELU, gelu, d_gelu },
    { EG_SOFTPLUS, softplus, sigmoid },
};

static void expect(eg_value *root, double (*f)(double), const char *what, eg_activation_kind kind) {
    double got[POINTS];
    run(root, got, POINTS);
    for (int i = 0; i < POINTS; i++) {
        double want = f(points[i]);
        if (!(fabs(got[i] - want) <= 1e-12))
            fail_msg("%s of %s at %g is %.17g, not %.17g", what, eg_activation_name(kind), points[i], got[i], want);
    }
}

static void values_and_derivatives(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_value *x = of(EG_SHAPE(POINTS), points), *y = eg_activate(x, rows[i].kind, 0);
        expect(y, rows[i].f, "the value", rows[i].kind);
        expect(slope(eg_sum(y), x), rows[i].slope, "the derivative", rows[i].kind);
    }
}

static void every_activation_is_tested(void **state) {
    (void)state;
    int n = 1; /* softmax has its own test */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) n += 1;
    assert_int_equal(n, EG_ACTIVATION_KINDS);
}

static void softmax_works_along_the_last_axis(void **state) {
    (void)state;
    eg_value *x = MATRIX(2, 3, 1, 2, 3, 1000, -1000, 1000);
    PRINTED(eg_activate(x, EG_SOFTMAX, 0), EG_SHAPE(2, 3), 1e-8, .09003057, .24472847, .66524096, .5, 0, .5);
}

static void parameters_replace_the_default(void **state) {
    (void)state;
    eg_value *x = VECTOR(-2, 3);
    EXACT(eg_activate(x, EG_LEAKY_RELU, .01), EG_SHAPE(2), -.02, 3);
    EXACT(eg_activate(x, EG_LEAKY_RELU, EG_ZERO), EG_SHAPE(2), 0, 3);
    EXACT(eg_activate(x, EG_ELU, 2), EG_SHAPE(2), 2 * (exp(-2) - 1), 3);
}

static void names_and_aliases(void **state) {
    (void)state;
    eg_activation_kind kind;
    for (int i = 0; i < EG_ACTIVATION_KINDS; i++) {
        assert_int_equal(eg_activation_named(eg_activation_name((eg_activation_kind)i), &kind), EG_OK);
        assert_int_equal(kind, i);
    }
    assert_int_equal(eg_activation_named("logistic", &kind), EG_OK);
    assert_int_equal(kind, EG_SIGMOID);
    assert_int_equal(eg_activation_named("threshold", &kind), EG_OK);
    assert_int_equal(kind, EG_STEP);
    assert_int_equal(eg_activation_named("rleu", &kind), EG_E_NAME);
    assert_string_equal(eg_error(), "unknown activation 'rleu'; did you mean 'relu'?");
    assert_int_equal(eg_activation_named("xyzzyxyzzy", &kind), EG_E_NAME);
    assert_non_null(strstr(eg_error(), "there are linear, step"));
    assert_string_equal(eg_activation_name((eg_activation_kind)99), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(values_and_derivatives),
        SLIDE(every_activation_is_tested),
        SLIDE(softmax_works_along_the_last_axis),
        SLIDE(parameters_replace_the_default),
        SLIDE(names_and_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
