/* SPDX-License-Identifier: MIT
 *
 * Learning rates on trial: which one is picked, and that nothing but the learning rate is another afterwards.
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

static eg_data *spiral(void) { return eg_data_open("gen:spiral?n=40", NULL); }

/* With what a trial changes: running averages and random numbers. */
static eg_model *net(eg_optimizer *optimizer) {
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_dense(16), eg_batch_norm(), eg_activation(EG_RELU, 0),
                                    eg_dropout(.1), eg_dense(3, .act = EG_SOFTMAX));
    eg_model_compile(model, .optimizer = optimizer, .seed = 4, .scaling = EG_SCALING_STANDARDISE);
    return model;
}

static void assert_ok(const eg_model *model) {
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
}

static void assert_same(const eg_model *a, const eg_model *b) {
    char x[65], y[65];
    assert_int_equal(eg_model_sha256(a, x), EG_OK);
    assert_int_equal(eg_model_sha256(b, y), EG_OK);
    assert_string_equal(x, y);
}

static void test_a_fit_afterwards_has_the_bits_of_one_that_was_told(void **state) {
    (void)state;
    static const char *const methods[] = { "sgd", "adam", "adagrad" }; /* adagrad's slots do not start at 0 */
    eg_data *data = spiral();
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        eg_rate_search found;
        eg_model *a = net(eg_optimizer_new(methods[i], (eg_optimizer_opt){ .size_ = sizeof(eg_optimizer_opt) }));
        assert_int_equal(eg_model_find_rate(a, data, &found, .epochs = 5, .batch = 16), EG_OK);
        assert_true(eg_model_lr(a) == found.lr);
        assert_null(eg_model_history(a)->train);
        eg_model_fit(a, data, .epochs = 5, .batch = 16);
        eg_model *b = net(
            eg_optimizer_new(methods[i], (eg_optimizer_opt){ .size_ = sizeof(eg_optimizer_opt), .lr = found.lr }));
        eg_model_fit(b, data, .epochs = 5, .batch = 16);
        assert_ok(a);
        assert_same(a, b);
        eg_model_free(a);
        eg_model_free(b);
    }
    eg_data_free(data);
}

/* In the middle of a model's life: slots, step and running averages are those of before. */
static void test_a_model_that_was_trained_before(void **state) {
    (void)state;
    eg_data *data = spiral();
    eg_model *a = net(eg_adam(.lr = .01)), *b = net(eg_adam(.lr = .01));
    eg_rate_search found;
    eg_model_fit(a, data, .epochs = 2);
    eg_model_fit(b, data, .epochs = 2);
    assert_int_equal(eg_model_find_rate(a, data, &found, .batch = 8), EG_OK);
    assert_same(a, b);
    assert_int_equal(eg_model_history(a)->epochs, 2);
    assert_true(eg_model_history(a)->train[1].loss == eg_model_history(b)->train[1].loss);
    eg_model_set_lr(b, found.lr);
    eg_model_fit(a, data, .epochs = 2);
    eg_model_fit(b, data, .epochs = 2);
    assert_ok(a);
    assert_same(a, b);
    eg_model_free(a);
    eg_model_free(b);
    eg_data_free(data);
}

/* y = 3 x with x in {-s, s}: a full-batch step of SGD multiplies the error by 1 - 2 lr s^2. */
static eg_model *line(double s, eg_data **data) {
    float x[4] = { (float)s, -(float)s, (float)s, -(float)s }, y[4];
    for (int i = 0; i < 4; i++) y[i] = 3 * x[i];
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(4, 1), x), *ty = eg_tensor_from(EG_F32, EG_SHAPE(4), y);
    *data = eg_data_from(tx, ty, 0);
    eg_tensor_free(tx);
    eg_tensor_free(ty);
    eg_model *model = eg_sequential(EG_SHAPE(1), eg_dense(1, .no_bias = 1, .kernel_init = EG_INIT(ZEROS)));
    eg_model_compile(model, .optimizer = eg_sgd());
    return model;
}

static void test_divide_by_ten_until_it_does_not_diverge(void **state) {
    (void)state;
    static const struct {
        double s, lr;
        int diverged;
    } rows[] = { { 1.5, .1, 1 }, { 5, .01, 2 }, { 15, 1e-3, 3 }, { 50, 1e-4, 4 } }; /* stable below 1 / s^2 */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_data *data;
        eg_rate_search found;
        eg_model *model = line(rows[i].s, &data);
        assert_int_equal(eg_model_find_rate(model, data, &found, .epochs = 8), EG_OK);
        assert_true(found.lr == rows[i].lr);
        assert_int_equal(found.n, rows[i].diverged + 3);
        for (int k = 0; k < found.n; k++) {
            assert_int_equal(found.trial[k].diverged, k < rows[i].diverged);
            assert_true(fabs(found.trial[k].lr * pow(10, k) - 1) < 1e-12);
        }
        assert_true(fabs(found.unlearnt - 9 * rows[i].s * rows[i].s) < 1e-3);
        eg_model_free(model);
        eg_data_free(data);
    }
}

static void test_no_rate_will_do(void **state) {
    (void)state;
    eg_data *data;
    eg_rate_search found;
    eg_model *model = line(1e5, &data);
    assert_int_equal(eg_model_find_rate(model, data, &found, .epochs = 8), EG_E_DIVERGED);
    assert_non_null(strstr(eg_error(), "no learning rate from 1 down to 1e-07"));
    assert_int_equal(found.n, EG_RATE_TRIALS);
    assert_ok(model); /* it can still be trained */
    assert_true(eg_model_lr(model) == .01);
    eg_model_set_lr(model, 1e-11);
    assert_int_equal(eg_model_fit(model, data, .epochs = 8), EG_OK);
    eg_model_free(model);
    eg_data_free(data);
}

static void test_stopped(void **state) {
    (void)state;
    volatile int stop = 1;
    eg_data *data = spiral();
    eg_model *a = net(eg_adam()), *b = net(eg_adam());
    assert_int_equal(eg_model_find_rate(a, data, NULL, .stop = &stop), EG_E_STOPPED);
    eg_model_fit(a, data);
    eg_model_fit(b, data);
    assert_ok(a);
    assert_same(a, b);
    eg_model_free(a);
    eg_model_free(b);
    eg_data_free(data);
}

static void test_without_memory(void **state) {
    (void)state;
    eg_status status = EG_E_MEMORY;
    for (uint64_t n = 1; status != EG_OK; n += 11) {
        size_t before = eg_memory().bytes;
        eg_data *data = spiral();
        eg_model *model = net(eg_adam());
        eg_alloc_fail_at(n, 0);
        status = eg_model_find_rate(model, data, NULL, .epochs = 1);
        eg_alloc_fail_at(0, 0);
        assert_true(status == EG_OK || status == EG_E_MEMORY);
        eg_model_free(model);
        eg_data_free(data);
        assert_int_equal(eg_memory().bytes, before);
        assert_true(n < 100000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fit_afterwards_has_the_bits_of_one_that_was_told),
        cmocka_unit_test(test_a_model_that_was_trained_before),
        cmocka_unit_test(test_divide_by_ten_until_it_does_not_diverge),
        cmocka_unit_test(test_no_rate_will_do),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
