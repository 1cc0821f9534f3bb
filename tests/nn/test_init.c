/* SPDX-License-Identifier: MIT
 *
 * test_init.c: initialisers: limits and moments against the formulas, orthogonality, numbers that depend on seed and
 * name alone.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

enum { IN = 300, OUT = 200, N = IN * OUT };
static double w[N];

static void fill(eg_init init, eg_dialect dialect, eg_shape shape) {
    assert_int_equal(eg_init_fill(init, dialect, shape, 7, "dense/kernel", w), EG_OK);
}

typedef struct moments {
    double mean, deviation, least, most;
} moments;

static moments measure(const double *x, int n) {
    moments m = { 0, 0, x[0], x[0] };
    for (int i = 0; i < n; i++) {
        m.mean += x[i] / n;
        m.least = fmin(m.least, x[i]);
        m.most = fmax(m.most, x[i]);
    }
    for (int i = 0; i < n; i++) m.deviation += (x[i] - m.mean) * (x[i] - m.mean) / n;
    m.deviation = sqrt(m.deviation);
    return m;
}

/* limit: the largest |x| possible, nearly reached by 60,000 numbers; INFINITY: none. */
static void expect(eg_init init, eg_dialect dialect, double mean, double deviation, double limit) {
    fill(init, dialect, EG_SHAPE(IN, OUT));
    moments m = measure(w, N);
    const char *name = "initialiser";
    if (fabs(m.mean - mean) > 5 * deviation / sqrt(N)) fail_msg("%s %d: mean %g", name, (int)init.kind, m.mean);
    if (fabs(m.deviation / deviation - 1) > .015)
        fail_msg("%s %d: deviation %g, not %g", name, (int)init.kind, m.deviation, deviation);
    double reach = fmax(m.most - mean, mean - m.least);
    if (isinf(limit) ? reach < 3.5 * deviation : reach > limit || reach < .98 * limit)
        fail_msg("%s %d: reaches to %g", name, (int)init.kind, reach);
}

#define CUT .87962566103423978 /* deviation of a normal cut at +-2 */

static void scaled_by_the_fans_as_keras(void **state) {
    (void)state;
    double n = (IN + OUT) / 2.0, glorot = sqrt(1 / n), he = sqrt(2.0 / IN), lecun = sqrt(1.0 / IN);
    expect(EG_INIT(GLOROT_UNIFORM), EG_KERAS, 0, glorot, sqrt(3) * glorot);
    expect(EG_INIT(HE_UNIFORM), EG_KERAS, 0, he, sqrt(3) * he);
    expect(EG_INIT(LECUN_UNIFORM), EG_KERAS, 0, lecun, sqrt(3) * lecun);
    expect(EG_INIT(GLOROT_NORMAL), EG_KERAS, 0, glorot, 2 * glorot / CUT);
    expect(EG_INIT(HE_NORMAL), EG_KERAS, 0, he, 2 * he / CUT);
    expect(EG_INIT(LECUN_NORMAL), EG_KERAS, 0, lecun, 2 * lecun / CUT);
}

static void torch_does_not_truncate(void **state) {
    (void)state;
    expect(EG_INIT(GLOROT_NORMAL), EG_TORCH, 0, sqrt(2.0 / (IN + OUT)), INFINITY);
    expect(EG_INIT(HE_NORMAL), EG_TORCH, 0, sqrt(2.0 / IN), INFINITY);
    expect(EG_INIT(TORCH_LINEAR), EG_TORCH, 0, 1 / sqrt(3.0 * IN), 1 / sqrt(IN));
}

static void plain_distributions_have_their_parameters(void **state) {
    (void)state;
    expect(EG_INIT(NORMAL), EG_KERAS, 0, .05, INFINITY);
    expect(EG_INIT(NORMAL, .a = .1, .b = 2), EG_KERAS, 2, .1, INFINITY);
    expect(EG_INIT(TRUNCATED_NORMAL), EG_KERAS, 0, .05 * CUT, .1);
    expect(EG_INIT(UNIFORM), EG_KERAS, 0, .05 / sqrt(3), .05);
    expect(EG_INIT(UNIFORM, .a = 2), EG_KERAS, 0, 2 / sqrt(3), 2);
    expect(EG_INIT(DEFAULT), EG_KERAS, 0, sqrt(2.0 / (IN + OUT)), sqrt(6.0 / (IN + OUT)));
}

static void expect_constant(eg_init init, eg_shape shape, double value) {
    fill(init, EG_KERAS, shape);
    for (int64_t i = 0; i < eg_shape_size(shape); i++) assert_true(w[i] == value);
}

static void constants(void **state) {
    (void)state;
    expect_constant(EG_INIT(ZEROS), EG_SHAPE(3, 4), 0);
    expect_constant(EG_INIT(CONSTANT, .a = -1.5), EG_SHAPE(3, 4), -1.5);
    expect_constant(EG_INIT(CONSTANT, .a = EG_ZERO), EG_SHAPE(5), 0);
    expect_constant(EG_INIT(DEFAULT), EG_SHAPE(5), 0); /* a bias */
    expect_constant(EG_INIT(NORMAL, .a = EG_ZERO, .b = 3), EG_SHAPE(5), 3);
}

/* w [rows][cols]: the shorter side's vectors are orthonormal times the gain. */
static void expect_orthonormal(int rows, int cols, double gain) {
    int n = rows < cols ? rows : cols, m = rows < cols ? cols : rows;
    for (int a = 0; a < n; a++)
        for (int b = 0; b <= a; b++) {
            double dot = 0;
            for (int i = 0; i < m; i++)
                dot += rows < cols ? w[a * cols + i] * w[b * cols + i] : w[i * cols + a] * w[i * cols + b];
            if (fabs(dot - (a == b ? gain * gain : 0)) > 1e-12)
                fail_msg("%d x %d: row %d . row %d = %g", rows, cols, a, b, dot);
        }
}

static void orthogonal_is_orthogonal(void **state) {
    static const int sizes[][2] = { { 1, 1 }, { 5, 5 }, { 40, 7 }, { 7, 40 }, { 1, 9 }, { 64, 64 } };
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill(EG_INIT(ORTHOGONAL), EG_KERAS, EG_SHAPE(sizes[i][0], sizes[i][1]));
        expect_orthonormal(sizes[i][0], sizes[i][1], 1);
    }
    fill(EG_INIT(ORTHOGONAL, .a = 2), EG_KERAS, EG_SHAPE(3, 4, 10));
    expect_orthonormal(12, 10, 2);
}

/* With the sign of R's diagonal the distribution is uniform: over many seeds each element has mean 0, also the first
 * column's. */
static void orthogonal_has_no_preferred_sign(void **state) {
    (void)state;
    double sum[9] = { 0 }, q[9];
    for (uint64_t seed = 0; seed < 2000; seed++) {
        assert_int_equal(eg_init_fill(EG_INIT(ORTHOGONAL), EG_KERAS, EG_SHAPE(3, 3), seed, "w", q), EG_OK);
        for (int i = 0; i < 9; i++) sum[i] += q[i];
    }
    for (int i = 0; i < 9; i++) assert_true(fabs(sum[i] / 2000) < 5 * sqrt(1.0 / 3 / 2000));
}

static void numbers_depend_on_seed_and_name_alone(void **state) {
    double a[12], b[12];
    (void)state;
    eg_init init = EG_INIT(GLOROT_NORMAL);
    assert_int_equal(eg_init_fill(init, EG_KERAS, EG_SHAPE(3, 4), 1, "x/kernel", a), EG_OK);
    assert_int_equal(eg_init_fill(init, EG_KERAS, EG_SHAPE(3, 4), 1, "y/kernel", b), EG_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(eg_init_fill(init, EG_KERAS, EG_SHAPE(3, 4), 2, "x/kernel", b), EG_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(eg_init_fill(init, EG_KERAS, EG_SHAPE(3, 4), 1, "x/kernel", b), EG_OK);
    assert_memory_equal(a, b, sizeof a);
}

static void words(void **state) {
    static const struct {
        const char *text;
        eg_init want;
    } good[] = {
        { "he_normal", { .kind = EG_INIT_HE_NORMAL, .a = 0, .b = 0 } },
        { "xavier", { .kind = EG_INIT_GLOROT_UNIFORM, .a = 0, .b = 0 } },
        { "normal(.01)", { .kind = EG_INIT_NORMAL, .a = .01, .b = 0 } },
        { "constant(0)", { .kind = EG_INIT_CONSTANT, .a = EG_ZERO, .b = 0 } },
        { "normal( .5, -2 )", { .kind = EG_INIT_NORMAL, .a = .5, .b = -2 } },
        { "orthogonal(2)", { .kind = EG_INIT_ORTHOGONAL, .a = 2, .b = 0 } },
    };
    static const char *const bad[] = { "",          "henormal",      "normal(",    "normal()",    "normal(x)",
                                       "normal(1",  "normal(1,2,3)", "normal(1)x", "normal(nan)", "normal(1e999)",
                                       "normal (1)" };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        eg_init got = { 0 };
        if (eg_init_named(good[i].text, &got) != EG_OK) fail_msg("%s: %s", good[i].text, eg_error());
        assert_true(got.kind == good[i].want.kind && got.a == good[i].want.a && got.b == good[i].want.b);
    }
    eg_init got;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (eg_init_named(bad[i], &got) == EG_OK) fail_msg("'%s' is understood", bad[i]);
    assert_int_equal(eg_init_named("he_normla", &got), EG_E_NAME);
    assert_non_null(strstr(eg_error(), "did you mean 'he_normal'?"));
}

static void unknown_kinds_are_errors(void **state) {
    (void)state;
    assert_int_equal(eg_init_fill((eg_init){ .kind = (eg_init_kind)99 }, EG_KERAS, EG_SHAPE(2), 1, "w", w),
                     EG_E_ARGUMENT);
}

static eg_status orthogonal(void *context) {
    return eg_init_fill(EG_INIT(ORTHOGONAL), EG_KERAS, EG_SHAPE(4, 3), 1, "w", context);
}

static void failed_allocations_are_errors(void **state) {
    (void)state;
    assert_true(fault_loop(orthogonal, w) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaled_by_the_fans_as_keras),
        cmocka_unit_test(torch_does_not_truncate),
        cmocka_unit_test(plain_distributions_have_their_parameters),
        cmocka_unit_test(constants),
        cmocka_unit_test(orthogonal_is_orthogonal),
        cmocka_unit_test(orthogonal_has_no_preferred_sign),
        cmocka_unit_test(numbers_depend_on_seed_and_name_alone),
        cmocka_unit_test(words),
        cmocka_unit_test(unknown_kinds_are_errors),
        cmocka_unit_test(failed_allocations_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
