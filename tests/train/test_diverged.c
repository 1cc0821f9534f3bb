/* SPDX-License-Identifier: MIT
 *
 * A training that diverges names the step, the layer and the op that gave the first number that is not finite, and
 * leaves the model as it was before that step.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <elegans.h>
#include "base/alloc.h"

enum { ROWS = 64 };

/* x = 1 .. 2 in two columns, but for the row `zero`, which holds 0; y = their sum. */
static eg_data *numbers(int64_t zero) {
    float x[ROWS * 2], y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        x[2 * i] = i == zero ? 0 : 1 + (float)i / ROWS;
        x[2 * i + 1] = i == zero ? 0 : 2 - (float)(i % 7) / 7;
        y[i] = x[2 * i] + x[2 * i + 1];
    }
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(ROWS, 2), x), *ty = eg_tensor_from(EG_F32, EG_SHAPE(ROWS), y);
    eg_data *data = eg_data_from(tx, ty, 0);
    eg_tensor_free(tx);
    eg_tensor_free(ty);
    return data;
}

static void expect(const eg_model *model, eg_status status, const char *const *words) {
    assert_int_equal(status, EG_E_DIVERGED);
    assert_int_equal(eg_model_status(model), EG_E_DIVERGED);
    for (; *words; words++)
        if (!strstr(eg_model_error(model), *words)) fail_msg("'%s' is not in: %s", *words, eg_model_error(model));
}
#define EXPECT(model, status, ...) expect(model, status, (const char *const[]){ __VA_ARGS__, NULL })

static void assert_finite(eg_model *model) {
    eg_state *state = eg_model_state(model);
    float value[64];
    for (int i = 0; i < eg_state_count(state); i++) {
        size_t n = 1;
        for (int k = 0; k < eg_state_shape(state, i).rank; k++) n *= (size_t)eg_state_shape(state, i).dim[k];
        assert_int_equal(eg_state_read(state, eg_state_name(state, i), value, n * sizeof *value), EG_OK);
        for (size_t k = 0; k < n; k++) assert_true(isfinite(value[k]));
    }
}

static eg_model *two_layers(void) { return eg_sequential(EG_SHAPE(2), eg_dense(4, .act = EG_RELU), eg_dense(1)); }

static void test_a_rate_that_is_too_large(void **state) {
    (void)state;
    eg_data *data = numbers(-1);
    eg_model *model = two_layers();
    eg_model_compile(model, .optimizer = eg_sgd(.lr = 1e30), .seed = 1);
    eg_status status = eg_model_fit(model, data, .epochs = 3, .batch = 16);
    EXPECT(model, status, "in epoch 1, step 2: layer dense_1, op matmul gave",
           "inf in 16 of 16 places (of numbers from ", "try a smaller learning rate than 1e+30");
    assert_finite(model);
    eg_model_free(model);
    eg_data_free(data);
}

/* Sets a ruinous rate before step 102, in the fourth epoch of 32 steps. */
static eg_status ruin(void *user, const eg_progress_info *info) {
    (void)user;
    return info->step == 101 ? eg_model_set_lr(info->model, 1e30) : EG_OK;
}

static void test_the_steps_since_the_kept_state_are_made_again(void **state) {
    (void)state;
    eg_data *data = numbers(-1);
    eg_model *model = two_layers();
    eg_callback callback = { .batch_end = ruin };
    eg_model_compile(model, .optimizer = eg_adam(.lr = .01), .seed = 1);
    eg_status status = eg_model_fit(model, data, .epochs = 9, .batch = 2, .callbacks = &callback, .n_callbacks = 1);
    EXPECT(model, status, "in epoch 4, step 103: ", "op m", " gave ");
    assert_finite(model);
    eg_model_free(model);
    eg_data_free(data);
}

static eg_value *logarithm(void *user, eg_value *x) {
    (void)user;
    return eg_log(x);
}

static void test_a_logarithm_of_zero_in_a_layer(void **state) {
    (void)state;
    eg_data *data = numbers(40);
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_lambda(logarithm, NULL), eg_dense(1));
    eg_model_compile(model, .optimizer = eg_sgd(.lr = .01), .seed = 1);
    eg_status status = eg_model_fit(model, data, .batch = ROWS);
    EXPECT(model, status,
           "in epoch 1, step 1: layer lambda, op log gave -inf in 2 of 128 places (of numbers from 0 to",
           "it is the first step: look at the data");
    eg_model_free(model);
    eg_data_free(data);
}

static eg_value *log_loss(void *user, eg_value *y, eg_value *p) {
    return eg_square(eg_sub(logarithm(user, y), eg_reshape_to(p, eg_value_shape(y))));
}

static void test_a_logarithm_of_zero_in_the_loss(void **state) {
    (void)state;
    eg_data *data = numbers(40);
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_dense(1));
    eg_model_compile(model, .optimizer = eg_sgd(.lr = .001), .loss_fn = log_loss, .seed = 1);
    eg_status status = eg_model_fit(model, data, .batch = 8, .shuffle = EG_SHUFFLE_OFF);
    EXPECT(model, status, "in epoch 1, step 6: loss, op log gave -inf in 1 of 8 places",
           "try a smaller learning rate");
    assert_finite(model);
    eg_model_free(model);
    eg_data_free(data);
}

/* The first step's outputs are 0 and its loss is finite; its gradient is 1e20 times 1e20. */
static void test_a_gradient_that_is_infinite(void **state) {
    (void)state;
    eg_data *data = numbers(-1);
    eg_model *model =
        eg_sequential(EG_SHAPE(2), eg_dense(1, .kernel_init = EG_INIT(ZEROS)),
                      eg_dense(1, .kernel_init = EG_INIT(CONSTANT, .a = 1e20), .frozen = 1, .name = "steep"),
                      eg_dense(1, .kernel_init = EG_INIT(CONSTANT, .a = 1e20), .frozen = 1, .name = "end"));
    eg_model_compile(model, .optimizer = eg_sgd(.lr = .01), .seed = 1);
    eg_status status = eg_model_fit(model, data, .batch = 8);
    EXPECT(model, status, "in epoch 1, step 1: gradient of layer steep, op matmul gave -inf in 8 of 8 places");
    assert_finite(model);
    eg_model_free(model);
    eg_data_free(data);
}

static void test_a_parameter_that_was_bad_before(void **state) {
    (void)state;
    const float bad[2] = { 1, (float)NAN };
    eg_data *data = numbers(-1);
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_dense(1));
    eg_model_compile(model, .seed = 1);
    assert_int_equal(eg_state_write(eg_model_state(model), "dense/kernel", bad, sizeof bad), EG_OK);
    EXPECT(model, eg_model_fit(model, data), "parameter 'dense/kernel' held nan in 1 of 2 places before the step");
    eg_model_free(model);
    eg_data_free(data);
}

static void test_a_nan_in_an_input_is_told_before_training(void **state) {
    (void)state;
    eg_data *data = numbers(-1);
    eg_model *model = two_layers();
    ((float *)eg_tensor_data(eg_data_x(data)))[11] = (float)NAN;
    eg_model_compile(model);
    assert_int_equal(eg_model_fit(model, data), EG_E_DATA);
    assert_non_null(strstr(eg_model_error(model), "row 6 holds a NaN"));
    eg_model_free(model);
    eg_data_free(data);
}

/* Whatever cannot be allocated, it is an error; what diverged stays what diverged. */
static void test_without_memory(void **state) {
    (void)state;
    for (uint64_t n = 1, done = 0; !done; n += 7) {
        size_t before = eg_memory().bytes;
        eg_data *data = numbers(-1);
        eg_model *model = two_layers();
        eg_model_compile(model, .optimizer = eg_sgd(.lr = 1e30), .seed = 1);
        eg_alloc_fail_at(n, 0);
        eg_status status = eg_model_fit(model, data, .batch = 16);
        eg_alloc_fail_at(0, 0);
        assert_true(status == EG_E_DIVERGED || status == EG_E_MEMORY);
        done = status == EG_E_DIVERGED && strstr(eg_model_error(model), "op matmul") != NULL;
        eg_model_free(model);
        eg_data_free(data);
        assert_int_equal(eg_memory().bytes, before);
        assert_true(n < 100000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rate_that_is_too_large),
        cmocka_unit_test(test_the_steps_since_the_kept_state_are_made_again),
        cmocka_unit_test(test_a_logarithm_of_zero_in_a_layer),
        cmocka_unit_test(test_a_logarithm_of_zero_in_the_loss),
        cmocka_unit_test(test_a_gradient_that_is_infinite),
        cmocka_unit_test(test_a_parameter_that_was_bad_before),
        cmocka_unit_test(test_a_nan_in_an_input_is_told_before_training),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
