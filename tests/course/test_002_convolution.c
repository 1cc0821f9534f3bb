/* SPDX-License-Identifier: MIT
 *
 * Slides of deck 002: "CNN simple" (a 32x32x3 image, a 5x5x3 filter), "AlexNet" and the LeNet it came from, by
 * their sizes.
 */
#include "course/models.h"

static eg_model *parsed(eg_shape input, const char *net) {
    eg_model *m = eg_model_parse(input, net);
    if (eg_model_status(m) != EG_OK) fail_msg("%s", eg_model_error(m));
    return m;
}

/* One filter gives one number at each of 28 x 28 places: a dot product of 75 numbers, and a bias. */
static void one_simple_step_of_convolution(void **state) {
    enum { N = 32 * 32 * 3, FILTER = 5 * 5 * 3, PLACES = 28 * 28 };
    static double image[N], y[PLACES];
    double flat[FILTER + 1];
    (void)state;
    for (int i = 0; i < N; i++) image[i] = sin(i);
    for (int i = 0; i <= FILTER; i++) flat[i] = cos(5 * i);
    eg_model *m = parsed(EG_SHAPE(32, 32, 3), "conv 1 5");
    assert_int_equal(eg_model_parameters(m), 76);
    assert_true(eg_shape_equal(eg_model_output_shape(m), EG_SHAPE(28, 28, 1)));
    weigh(m, flat, FILTER + 1);
    run_with(m, output(m, of(EG_SHAPE(1, 32, 32, 3), image)), y, PLACES);
    for (int p = 0; p < PLACES; p++) {
        double dot = flat[FILTER];
        for (int k = 0; k < FILTER; k++)
            dot += flat[k] * image[((p / 28 + k / 15) * 32 + p % 28 + k / 3 % 5) * 3 + k % 3];
        NEAR(y[p], dot, 1e-12);
    }
    eg_model_free(m);
}

static void alexnet_to_the_unit(void **state) {
    static const char *const nets[] = {
        "conv 96 11 4 relu; max_pool 3 2; conv 256 5 same relu groups=2; max_pool 3 2; conv 384 3 same relu;"
        "conv 384 3 same relu groups=2; conv 256 3 same relu groups=2; max_pool 3 2;"
        "dense 4096 relu; dropout .5; dense 4096 relu; dropout .5; dense 1000 softmax",
        "conv 96 11 4 relu; max_pool 3 2; conv 256 5 same relu; max_pool 3 2; conv 384 3 same relu;"
        "conv 384 3 same relu; conv 256 3 same relu; max_pool 3 2;"
        "dense 4096 relu; dropout .5; dense 4096 relu; dropout .5; dense 1000 softmax",
    };
    static const int64_t parameters[] = { 60965224, 62378344 };
    (void)state;
    for (int i = 0; i < 2; i++) {
        eg_model *m = parsed(EG_SHAPE(227, 227, 3), nets[i]);
        assert_int_equal(eg_model_parameters(m), parameters[i]);
        char *summary = eg_model_summary(m);
        assert_non_null(strstr(summary, "(batch, 55, 55, 96)"));
        assert_non_null(strstr(summary, "(batch, 6, 6, 256)"));
        eg_string_free(summary);
        eg_model_free(m);
    }
}

static void lenet_to_the_unit(void **state) {
    static const char *const nets[] = {
        "conv 6 5 same tanh; avg_pool; conv 16 5 tanh; avg_pool; dense 120 tanh; dense 84 tanh; dense 10 softmax",
        "conv 6 5 tanh; avg_pool; conv 16 5 tanh; avg_pool; dense 120 tanh; dense 84 tanh; dense 10 softmax",
    };
    static const int64_t parameters[] = { 61706, 44426 };
    (void)state;
    for (int i = 0; i < 2; i++) {
        eg_model *m = parsed(EG_SHAPE(28, 28), nets[i]);
        assert_int_equal(eg_model_parameters(m), parameters[i]);
        eg_model_free(m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(one_simple_step_of_convolution),
        SLIDE(alexnet_to_the_unit),
        SLIDE(lenet_to_the_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
