/* SPDX-License-Identifier: MIT
 *
 * The transcendental functions against libm's doubles, in units of the last place: over all of the floats in even
 * steps, and densely where each function turns. The bounds are those that math.h states.
 */
#include "kernels/kernel_test.h"

static double true_sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double true_softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

typedef struct function {
    const char *name;
    eg_strip_op op;
    double (*truth)(double);
    double bound;
    float from, to; /* swept densely */
} function;

static const function functions[] = {
    { "exp", EG_STRIP_EXP, exp, 1.5, -105, 90 },    { "log", EG_STRIP_LOG, log, 1.5, 0.3f, 3 },
    { "tanh", EG_STRIP_TANH, tanh, 2, -10, 10 },    { "sigmoid", EG_STRIP_SIGMOID, true_sigmoid, 3, -110, 20 },
    { "erf", EG_STRIP_ERF, erf, 3, -4.5f, 4.5f },   { "softplus", EG_STRIP_SOFTPLUS, true_softplus, 3, -110, 20 },
    { "sin", EG_STRIP_SIN, sin, 2, -10000, 10000 }, { "cos", EG_STRIP_COS, cos, 2, -10000, 10000 },
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, BATCH = 1000 };

static void check_batch(const eg_kernels *k, const function *f, const float *x) {
    float y[BATCH];
    k->strip[f->op](BATCH, y, x, NULL, NULL, 0);
    for (int i = 0; i < BATCH; i++) {
        double error = ulps(y[i], f->truth(x[i]));
        if (!(error <= f->bound))
            fail_msg("%s: %s(%.9g) = %.9g, %.2f ulp from %.9g", k->name, f->name, (double)x[i], (double)y[i], error,
                     f->truth(x[i]));
    }
}

static void test_all_floats(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int f = 0; f < FUNCTIONS; f++) {
            uint32_t bits = 12345;
            for (int batch = 0; batch < 150; batch++) {
                float x[BATCH];
                for (int i = 0; i < BATCH; i++, bits += 28633u) x[i] = bits_float(bits);
                check_batch(k, &functions[f], x);
            }
        }
    }
}

static void test_dense_ranges(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int f = 0; f < FUNCTIONS; f++)
            for (int batch = 0; batch < 150; batch++) {
                float x[BATCH];
                for (int i = 0; i < BATCH; i++)
                    x[i] = functions[f].from +
                           (functions[f].to - functions[f].from) * ((float)(batch * BATCH + i) / (150.f * BATCH));
                check_batch(k, &functions[f], x);
            }
    }
}

/* The neighbours of multiples of pi/2, where a careless reduction loses everything. */
static void test_zeros_of_sine_and_cosine(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int f = 6; f < 8; f++)
            for (int batch = 0; batch < 20; batch++) {
                float x[BATCH];
                for (int i = 0; i < BATCH; i++) {
                    double turn = (batch * BATCH + i) * 1.57079632679489661923;
                    x[i] = nextafterf((float)turn, i % 2 ? 0 : INFINITY);
                }
                check_batch(k, &functions[f], x);
            }
    }
}

static float call1(const eg_kernels *k, eg_strip_op op, float x) {
    float y[1];
    k->strip[op](1, y, &x, NULL, NULL, 0);
    return y[0];
}

static void test_special_values(void **state) {
    static const struct {
        eg_strip_op op;
        float x, y;
    } cases[] = {
        { EG_STRIP_EXP, -0.f, 1 },
        { EG_STRIP_EXP, -INFINITY, 0 },
        { EG_STRIP_EXP, INFINITY, INFINITY },
        { EG_STRIP_EXP, 88.8f, INFINITY },
        { EG_STRIP_EXP, -104, 0 },
        { EG_STRIP_LOG, 0, -INFINITY },
        { EG_STRIP_LOG, -0.f, -INFINITY },
        { EG_STRIP_LOG, -1, NAN },
        { EG_STRIP_LOG, 1, 0 },
        { EG_STRIP_LOG, INFINITY, INFINITY },
        { EG_STRIP_LOG, -INFINITY, NAN },
        { EG_STRIP_TANH, -0.f, -0.f },
        { EG_STRIP_TANH, INFINITY, 1 },
        { EG_STRIP_TANH, -INFINITY, -1 },
        { EG_STRIP_SIGMOID, INFINITY, 1 },
        { EG_STRIP_SIGMOID, -INFINITY, 0 },
        { EG_STRIP_SIGMOID, 0, 0.5f },
        { EG_STRIP_ERF, -0.f, -0.f },
        { EG_STRIP_ERF, INFINITY, 1 },
        { EG_STRIP_ERF, -INFINITY, -1 },
        { EG_STRIP_SOFTPLUS, -INFINITY, 0 },
        { EG_STRIP_SOFTPLUS, INFINITY, INFINITY },
        { EG_STRIP_SIN, -0.f, -0.f },
        { EG_STRIP_SIN, INFINITY, NAN },
        { EG_STRIP_COS, 0, 1 },
        { EG_STRIP_COS, -INFINITY, NAN },
        { EG_STRIP_RSQRT, 4, 0.5f },
        { EG_STRIP_RSQRT, 0, INFINITY },
        { EG_STRIP_SQRT, -1, NAN },
        { EG_STRIP_FLOOR, -0.5f, -1 },
    };
    (void)state;
    FOR_TABLES(k) {
        for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
            float y = call1(k, cases[q].op, cases[q].x);
            if (!same(y, cases[q].y))
                fail_msg("%s: op %d of %g is %g, not %g", k->name, (int)cases[q].op, (double)cases[q].x, (double)y,
                         (double)cases[q].y);
        }
        for (int f = 0; f < FUNCTIONS; f++) assert_true(isnan(call1(k, functions[f].op, NAN)));
    }
}

static void check_pow(const eg_kernels *k, float x, float y) {
    float z[1];
    k->strip[EG_STRIP_POW](1, z, &x, &y, NULL, 0);
    double truth = pow(x, y), error = ulps(z[0], truth);
    int zero_sign = truth == 0 && !signbit(truth) != !signbit(z[0]);
    if (!(error <= 2) || zero_sign)
        fail_msg("%s: pow(%.9g, %.9g) = %.9g, %.2f ulp from %.9g", k->name, (double)x, (double)y, (double)z[0], error,
                 truth);
}

static void test_pow(void **state) {
    static const float special[] = { 0,          -0.f,        1,          -1,         2,          -2,
                                     3,          -3,          0.5f,       -0.5f,      1.5f,       1e-40f,
                                     -1e-40f,    1e38f,       -1e38f,     16777215.f, 16777216.f, -16777215.f,
                                     33554432.f, 0.99999994f, 1.0000001f, INFINITY,   -INFINITY,  NAN };
    enum { N = sizeof special / sizeof *special };
    (void)state;
    FOR_TABLES(k) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) check_pow(k, special[i], special[j]);
        for (int i = 0; i < 30000; i++) {
            check_pow(k, bits_float(random_word()), random_float() * 4);
            check_pow(k, 2 * random_float() + 2, random_float() * 100);
            check_pow(k, random_float() * 20, (float)random_between(-30, 30));
            check_pow(k, 1 + random_float() * 1e-3f, random_float() * 1e5f);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_floats),
        cmocka_unit_test(test_dense_ranges),
        cmocka_unit_test(test_zeros_of_sine_and_cosine),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_pow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
