/* SPDX-License-Identifier: MIT
 *
 * generate: the words that name a set, its shape and formula, its two parts, and that drawn digits are digits.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <elegans/data.h>
#include "fault.h"

static eg_data *open_set(const char *source, const char *part) {
    eg_data *data = eg_data_open(source, part);
    if (eg_data_status(data) != EG_OK) fail_msg("%s", eg_data_error(data));
    return data;
}

static const float *x_of(const eg_data *data) { return eg_tensor_data(eg_data_x(data)); }
static const float *y_of(const eg_data *data) { return eg_tensor_data(eg_data_y(data)); }
static int32_t label(const eg_data *data, int row) { return ((int32_t *)eg_tensor_data(eg_data_y(data)))[row]; }

static const char *const names[] = { "xor", "spiral", "circles", "moons", "gauss", "linear", "sine", "digits" };
enum { NAMES = sizeof names / sizeof names[0] };

static void test_every_set(void **state) {
    (void)state;
    for (int i = 0; i < NAMES; i++) {
        char source[80];
        snprintf(source, sizeof source, "gen:%s?n=40,seed=3,noise=0.1", names[i]);
        eg_data *a = open_set(source, NULL), *b = open_set(source, "train"), *other = open_set(source, "test");
        size_t bytes = (size_t)eg_tensor_size(eg_data_x(a)) * eg_dtype_size(eg_tensor_dtype(eg_data_x(a)));
        assert_memory_equal(eg_tensor_data(eg_data_x(a)), eg_tensor_data(eg_data_x(b)), bytes);
        assert_memory_not_equal(eg_tensor_data(eg_data_x(a)), eg_tensor_data(eg_data_x(other)), bytes);
        assert_int_equal(eg_data_first_bad_row(a), -1);
        assert_true(eg_data_has_part(source, "test"));
        eg_data_free(b);
        snprintf(source, sizeof source, "gen:%s?n=40,seed=4,noise=0.1", names[i]);
        b = open_set(source, "train");
        assert_memory_not_equal(eg_tensor_data(eg_data_x(a)), eg_tensor_data(eg_data_x(b)), bytes);
        eg_data_free(a);
        eg_data_free(b);
        eg_data_free(other);
    }
}

static void test_xor(void **state) {
    (void)state;
    eg_data *data = open_set("gen:xor", NULL);
    static const float corners[] = { 0, 0, 0, 1, 1, 0, 1, 1 };
    assert_int_equal(eg_data_rows(data), 4);
    assert_memory_equal(x_of(data), corners, sizeof corners);
    for (int i = 0; i < 4; i++) assert_int_equal(label(data, i), i == 1 || i == 2);
    eg_data_free(data);
}

/* CS231n: r = linspace(0, 1), t = linspace(4j, 4(j+1)), x = (r sin t, r cos t). */
static void test_spiral(void **state) {
    (void)state;
    eg_data *data = open_set("gen:spiral?classes=3,n=100,noise=0", NULL);
    assert_int_equal(eg_data_rows(data), 300);
    assert_int_equal(eg_data_classes(data), 3);
    for (int row = 0; row < 300; row++) {
        double r = (row / 3) / 99., t = 4 * (label(data, row) + r);
        assert_true(fabs((double)x_of(data)[2 * row] - r * sin(t)) < 1e-6);
        assert_true(fabs((double)x_of(data)[2 * row + 1] - r * cos(t)) < 1e-6);
        assert_int_equal(label(data, row), row % 3);
    }
    eg_data_free(data);
}

static void test_formulas(void **state) {
    (void)state;
    eg_data *data = open_set("gen:circles?noise=0", NULL);
    for (int i = 0; i < 200; i++) {
        double r = hypot((double)x_of(data)[2 * i], (double)x_of(data)[2 * i + 1]);
        assert_true(fabs(r - (label(data, i) == 0 ? 1 : .5)) < 1e-6);
    }
    eg_data_free(data);
    data = open_set("gen:sine?noise=0", NULL);
    assert_int_equal(eg_data_task(data), EG_TASK_REGRESSION);
    for (int i = 0; i < 200; i++) assert_true(fabs((double)y_of(data)[i] - sin((double)x_of(data)[i])) < 1e-6);
    eg_data_free(data);
    data = open_set("gen:gauss?dims=5,classes=4,noise=0", NULL);
    assert_true(eg_shape_equal(eg_data_sample_shape(data), EG_SHAPE(5)));
    assert_true(fabsf(x_of(data)[5 + 1] - 1) < 1e-6f && x_of(data)[5 + 2] == 0);
    eg_data_free(data);
}

/* The same plane in both parts: two points of the first give the line on which the second lies. */
static void test_linear(void **state) {
    (void)state;
    eg_data *train = open_set("gen:linear?noise=0,seed=5", NULL),
            *test = open_set("gen:linear?noise=0,seed=5", "test");
    double dx = (double)(x_of(train)[1] - x_of(train)[0]), slope = (double)(y_of(train)[1] - y_of(train)[0]) / dx;
    double offset = (double)y_of(train)[0] - slope * (double)x_of(train)[0];
    for (int i = 0; i < 200; i++)
        assert_true(fabs((double)y_of(test)[i] - slope * (double)x_of(test)[i] - offset) < 1e-4);
    eg_data_free(train);
    eg_data_free(test);
}

/* Row i does not depend on how many follow it. */
static void test_prefix(void **state) {
    (void)state;
    eg_data *few = open_set("gen:digits?n=5", NULL), *more = open_set("gen:digits?n=50", NULL);
    assert_memory_equal(eg_tensor_data(eg_data_x(few)), eg_tensor_data(eg_data_x(more)), 5 * 784);
    eg_data_free(few);
    eg_data_free(more);
}

static void test_seed_of_the_options(void **state) {
    (void)state;
    eg_data *a = eg_data_open("gen:moons", NULL, .seed = 9), *b = open_set("gen:moons?seed=9", NULL);
    assert_memory_equal(x_of(a), x_of(b), 400 * sizeof(float));
    eg_data_free(a);
    eg_data_free(b);
}

static void test_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *source;
        eg_status status;
        const char *message;
    } cases[] = {
        { "gen:spirals", EG_E_NAME, "unknown generated set 'spirals'; did you mean 'spiral'?" },
        { "gen:", EG_E_NAME,
          "unknown generated set '' (there are xor, spiral, circles, moons, gauss, linear, sine, digits)" },
        { "gen:spiral?clases=3", EG_E_NAME, "gen:spiral: unknown key 'clases'; did you mean 'classes'?" },
        { "gen:moons?classes=3", EG_E_NAME, "gen:moons: unknown key 'classes' (there are n, noise, seed)" },
        { "gen:moons?dims=3", EG_E_NAME, "gen:moons: unknown key 'dims' (there are n, noise, seed)" },
        { "gen:moons?n=0", EG_E_ARGUMENT, "gen:moons: n=0: a whole number from 1 to 10000000 is needed" },
        { "gen:moons?n=ten", EG_E_ARGUMENT, "gen:moons: n=ten: a whole number from 1 to 10000000 is needed" },
        { "gen:moons?n=", EG_E_ARGUMENT, "gen:moons: n=: a whole number from 1 to 10000000 is needed" },
        { "gen:moons?n", EG_E_ARGUMENT, "gen:moons: \"n\" needs a value: n=..." },
        { "gen:gauss?classes=1", EG_E_ARGUMENT, "gen:gauss: classes=1: a whole number from 2 to 100 is needed" },
        { "gen:xor?noise=-1", EG_E_ARGUMENT, "gen:xor: noise=-1: a number from 0 to 1000 is needed" },
        { "gen:xor?noise=nan", EG_E_ARGUMENT, "gen:xor: noise=nan: a number from 0 to 1000 is needed" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        eg_data *data = eg_data_open(cases[i].source, NULL);
        assert_string_equal(eg_data_error(data), cases[i].message);
        assert_int_equal(eg_data_status(data), cases[i].status);
        assert_false(eg_data_has_part(cases[i].source, "test"));
        eg_data_free(data);
    }
}

/* ---- digits ---------------------------------------------------------------------------------------------------- */

enum { SIDE = 28, PIXELS = SIDE * SIDE };

static int nearest(const unsigned char *image, double centres[10][PIXELS]) {
    int best = 0;
    double least = INFINITY;
    for (int digit = 0; digit < 10; digit++) {
        double sum = 0;
        for (int i = 0; i < PIXELS; i++) sum += (image[i] - centres[digit][i]) * (image[i] - centres[digit][i]);
        if (sum < least) least = sum, best = digit;
    }
    return best;
}

/* The mean images of one part tell the digits of the other: well above chance, and well below all. */
static void test_digits_are_digits(void **state) {
    (void)state;
    enum { N = 1000 };
    static double centres[10][PIXELS];
    eg_data *train = open_set("gen:digits?n=1000", "train"), *test = open_set("gen:digits?n=1000", "test");
    assert_true(eg_shape_equal(eg_data_sample_shape(train), EG_SHAPE(SIDE, SIDE)));
    assert_string_equal(eg_data_source(train), "gen:digits (drawn by elegans, train part)");
    const unsigned char *x = eg_tensor_data(eg_data_x(train));
    memset(centres, 0, sizeof centres);
    for (int r = 0; r < N; r++)
        for (int i = 0; i < PIXELS; i++) centres[label(train, r)][i] += x[r * PIXELS + i] / (N / 10.);
    int hits = 0;
    x = eg_tensor_data(eg_data_x(test));
    for (int r = 0; r < N; r++) hits += nearest(x + r * PIXELS, centres) == label(test, r);
    assert_in_range(hits, 700, 950);
    eg_data_free(train);
    eg_data_free(test);
}

/* Like MNIST's: ink on an empty margin, around the middle. */
static void test_digits_lie_like_mnist(void **state) {
    (void)state;
    eg_data *data = open_set("gen:digits?n=200,noise=0", NULL);
    const unsigned char *image = eg_tensor_data(eg_data_x(data));
    for (int r = 0; r < 200; r++, image += PIXELS) {
        double ink = 0, x = 0, y = 0, margin = 0;
        for (int i = 0; i < PIXELS; i++) {
            int column = i % SIDE, row = i / SIDE;
            ink += image[i], x += image[i] * column, y += image[i] * row;
            if (column == 0 || row == 0 || column == SIDE - 1 || row == SIDE - 1) margin += image[i];
        }
        assert_in_range((int)(ink / 255), 15, 250);
        assert_true(fabs(x / ink - 13.5) < 4 && fabs(y / ink - 13.5) < 4);
        assert_true(margin < .05 * ink);
    }
    eg_data_free(data);
}

static eg_status generate_once(void *unused) {
    (void)unused;
    eg_data *data = eg_data_open("gen:spiral?n=3", NULL);
    eg_status status = eg_data_status(data);
    eg_data_free(data);
    return status;
}

static void test_faults(void **state) {
    (void)state;
    assert_true(fault_loop(generate_once, NULL) > 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_set),
        cmocka_unit_test(test_xor),
        cmocka_unit_test(test_spiral),
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_seed_of_the_options),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_digits_are_digits),
        cmocka_unit_test(test_digits_lie_like_mnist),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
