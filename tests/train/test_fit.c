/* SPDX-License-Identifier: MIT
 *
 * compile / fit / evaluate / predict as a user meets them: options, stops, weights, callbacks, errors.
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

enum { ROWS = 90 };

/* Two features, three classes, learnable. */
static eg_data *blobs(int64_t rows) {
    float *x = eg_alloc((size_t)rows * 2 * sizeof *x);
    int32_t *y = eg_alloc((size_t)rows * sizeof *y);
    for (int64_t i = 0; i < rows; i++) {
        y[i] = (int32_t)(i % 3);
        double jitter = sin((double)i * 12.9898) * .4, other = cos((double)i * 78.233) * .4;
        x[2 * i] = (float)(cos(y[i] * 2.1) + jitter);
        x[2 * i + 1] = (float)(sin(y[i] * 2.1) + other);
    }
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(rows, 2), x), *ty = eg_tensor_from(EG_I32, EG_SHAPE(rows), y);
    eg_data *data = eg_data_from(tx, ty, 3);
    eg_tensor_free(tx);
    eg_tensor_free(ty);
    eg_free(x);
    eg_free(y);
    return data;
}

static eg_model *net(void) { return eg_sequential(EG_SHAPE(2), eg_dense(16, .act = EG_RELU), eg_dense(3, .act = EG_SOFTMAX)); }

static void assert_ok(const eg_model *model) {
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
}

/* The weights after training with these options. */
static void train(eg_fit_opt opt, uint64_t seed, char hash[65]) {
    eg_data *data = blobs(ROWS);
    eg_model *model = net();
    eg_model_compile(model, .optimizer = eg_adam(.lr = .01), .seed = seed);
    opt.size_ = sizeof opt;
    eg_model_fit_(model, data, opt);
    assert_ok(model);
    assert_int_equal(eg_model_sha256(model, hash), EG_OK);
    eg_model_free(model);
    eg_data_free(data);
}

static void test_learns(void **state) {
    (void)state;
    eg_data *data = blobs(ROWS);
    eg_model *model = net();
    eg_model_compile(model, .optimizer = eg_adam(.lr = .02), .seed = 1);
    assert_int_equal(eg_model_fit(model, data, .epochs = 60, .batch = 16), EG_OK);
    eg_scores scores = eg_model_evaluate(model, data);
    assert_true(scores.accuracy > .95);
    assert_int_equal(scores.n, ROWS);
    const eg_history *history = eg_model_history(model);
    assert_int_equal(history->epochs, 60);
    assert_int_equal(history->steps, 60 * 6);
    assert_true(history->train[59].loss < history->train[0].loss / 2);
    assert_null(history->validation);
    eg_model_free(model);
    eg_data_free(data);
}

static void test_same_seed_same_bits(void **state) {
    (void)state;
    char a[65], b[65], c[65];
    train((eg_fit_opt){ .epochs = 3, .batch = 7 }, 5, a);
    train((eg_fit_opt){ .epochs = 3, .batch = 7 }, 5, b);
    train((eg_fit_opt){ .epochs = 3, .batch = 7 }, 6, c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
}

static void test_shuffles_differ(void **state) {
    (void)state;
    char each[65], off[65], draws[65];
    train((eg_fit_opt){ .epochs = 2, .batch = 8 }, 5, each);
    train((eg_fit_opt){ .epochs = 2, .batch = 8, .shuffle = EG_SHUFFLE_OFF }, 5, off);
    train((eg_fit_opt){ .epochs = 2, .batch = 8, .shuffle = EG_SHUFFLE_WITH_REPLACEMENT }, 5, draws);
    assert_string_not_equal(each, off);
    assert_string_not_equal(each, draws);
}

/* Stochastic, mini-batch and batch descent differ in steps only. */
static void test_batches_of_one_some_and_all(void **state) {
    (void)state;
    static const struct {
        int64_t batch, steps;
    } cases[] = { { 1, 180 }, { 20, 10 }, { EG_BATCH_ALL, 2 }, { 1000, 2 }, { 0, 6 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_data *data = blobs(ROWS);
        eg_model *model = net();
        eg_model_compile(model, .seed = 1);
        eg_model_fit(model, data, .epochs = 2, .batch = cases[i].batch);
        assert_ok(model);
        assert_int_equal(eg_model_history(model)->steps, cases[i].steps);
        eg_model_free(model);
        eg_data_free(data);
    }
}

static void test_validation_split_takes_the_last_rows(void **state) {
    (void)state;
    eg_data *data = blobs(ROWS), *first = eg_data_range(data, 0, 72), *last = eg_data_range(data, 72, ROWS);
    eg_model *a = net(), *b = net();
    eg_model_compile(a, .seed = 3);
    eg_model_compile(b, .seed = 3);
    eg_model_fit(a, data, .epochs = 2, .validation_split = .2);
    eg_model_fit(b, first, .epochs = 2, .validation = last);
    assert_ok(a);
    assert_ok(b);
    assert_non_null(eg_model_history(a)->validation);
    assert_int_equal(eg_model_history(a)->validation[1].n, 18);
    assert_true(eg_model_history(a)->validation[1].loss == eg_model_history(b)->validation[1].loss);
    eg_model_free(a);
    eg_model_free(b);
    eg_data_free(first);
    eg_data_free(last);
    eg_data_free(data);
}

/* A weight of 2 on a row counts like the row twice. */
static void test_sample_weights(void **state) {
    (void)state;
    int64_t twice[] = { 0, 0, 1, 2 }, once[] = { 0, 1, 2 };
    float weights[] = { 2, 1, 1 };
    eg_data *data = blobs(3), *repeated = eg_data_take(data, twice, 4), *weighted = eg_data_take(data, once, 3);
    assert_int_equal(eg_data_set_weights(weighted, weights, 3), EG_OK);
    eg_model *a = net(), *b = net();
    eg_model_compile(a, .seed = 1, .optimizer = eg_sgd(.lr = .1), .reduction = EG_REDUCTION_SUM);
    eg_model_compile(b, .seed = 1, .optimizer = eg_sgd(.lr = .1), .reduction = EG_REDUCTION_SUM);
    eg_model_fit(a, repeated, .epochs = 3, .batch = EG_BATCH_ALL);
    eg_model_fit(b, weighted, .epochs = 3, .batch = EG_BATCH_ALL);
    assert_ok(a);
    assert_ok(b);
    assert_float_equal(eg_model_history(a)->train[2].loss, eg_model_history(b)->train[2].loss, 1e-6);
    eg_model_free(a);
    eg_model_free(b);
    eg_data_free(repeated);
    eg_data_free(weighted);
    eg_data_free(data);
}

static void test_class_weights_pull_towards_their_class(void **state) {
    (void)state;
    const double weights[] = { 50, 1, 1 };
    eg_data *data = blobs(ROWS);
    int32_t guesses[2] = { 0 };
    for (int weighted = 0; weighted < 2; weighted++) {
        eg_model *model = net();
        eg_model_compile(model, .seed = 1, .optimizer = eg_adam(.lr = .01));
        eg_model_fit(model, data, .epochs = 3, .batch = 16, .class_weights = weighted ? weights : NULL);
        assert_ok(model);
        eg_tensor *classes = eg_model_predict_classes(model, eg_data_x(data));
        for (int i = 0; i < ROWS; i++) guesses[weighted] += ((const int32_t *)eg_tensor_data(classes))[i] == 0;
        eg_tensor_free(classes);
        eg_model_free(model);
    }
    assert_true(guesses[1] > guesses[0]);
    eg_data_free(data);
}

/* Ascent on f is descent on -f, bit for bit. */
static eg_value *log_likelihood(void *sign, eg_value *y, eg_value *p) {
    eg_value *one_hot = eg_one_hot(y, 3, EG_F32);
    eg_value *likelihood = eg_mean(eg_sum(eg_mul(one_hot, eg_log(p)), .axes = EG_AXES(-1)));
    return sign ? eg_neg(likelihood) : likelihood;
}

static void test_ascent_is_descent_on_the_negative(void **state) {
    (void)state;
    char hash[2][65];
    static int negative;
    for (int ascent = 0; ascent < 2; ascent++) {
        eg_data *data = blobs(ROWS);
        eg_model *model = net();
        eg_model_compile(model, .seed = 1, .optimizer = eg_sgd(.lr = .1), .loss_fn = log_likelihood,
                         .loss_user = ascent ? NULL : &negative, .maximize = ascent);
        eg_model_fit(model, data, .epochs = 3);
        assert_ok(model);
        eg_model_sha256(model, hash[ascent]);
        eg_model_free(model);
        eg_data_free(data);
    }
    assert_string_equal(hash[0], hash[1]);
}

/* ---- stopping ------------------------------------------------------------------------------------------------------------ */

static void test_step_limit_and_tolerance(void **state) {
    (void)state;
    eg_data *data = blobs(ROWS);
    eg_model *model = net();
    eg_model_compile(model, .seed = 1);
    eg_model_fit(model, data, .epochs = 100, .batch = 10, .max_steps = 25);
    assert_int_equal(eg_model_history(model)->steps, 25);
    eg_model_fit(model, data, .epochs = 500, .batch = EG_BATCH_ALL, .tolerance = 1);
    assert_ok(model);
    assert_int_equal(eg_model_history(model)->epochs, 2);
    eg_model_free(model);
    eg_data_free(data);
}

typedef struct counts {
    int train_begin, epoch_begin, batch_end, epoch_end, train_end, stop_at;
} counts;

static eg_status on_train_begin(void *user, const eg_progress_info *info) {
    (void)info;
    ((counts *)user)->train_begin++;
    return EG_OK;
}
static eg_status on_epoch_begin(void *user, const eg_progress_info *info) {
    assert_int_equal(info->epoch, ++((counts *)user)->epoch_begin);
    return EG_OK;
}
static eg_status on_batch_end(void *user, const eg_progress_info *info) {
    counts *c = user;
    assert_int_equal(info->step, ++c->batch_end);
    assert_int_equal(info->batches, 9);
    return c->batch_end == c->stop_at ? EG_E_STOPPED : EG_OK;
}
static eg_status on_epoch_end(void *user, const eg_progress_info *info) {
    assert_int_equal(info->epoch, ++((counts *)user)->epoch_end);
    assert_true(info->train.n == ROWS);
    return EG_OK;
}
static void on_train_end(void *user, const eg_progress_info *info, eg_status result) {
    (void)info, (void)result;
    ((counts *)user)->train_end++;
}

static void test_callbacks(void **state) {
    (void)state;
    eg_data *data = blobs(ROWS);
    eg_model *model = net();
    counts c = { .stop_at = 20 };
    eg_callback callback = { &c, on_train_begin, on_epoch_begin, on_batch_end, on_epoch_end, on_train_end, NULL };
    eg_model_compile(model, .seed = 1);
    eg_status status = eg_model_fit(model, data, .epochs = 5, .batch = 10, .callbacks = &callback, .n_callbacks = 1);
    assert_int_equal(status, EG_E_STOPPED);
    assert_ok(model); /* a stop is no error of the model */
    assert_int_equal(c.train_begin, 1);
    assert_int_equal(c.epoch_begin, 3);
    assert_int_equal(c.batch_end, 20);
    assert_int_equal(c.epoch_end, 2);
    assert_int_equal(c.train_end, 1);
    eg_model_free(model);
    eg_data_free(data);
}

/* ---- schedules and scaling ------------------------------------------------------------------------------------------------- */

static double seen_lr[8];

static eg_status remember_lr(void *user, const eg_progress_info *info) {
    (void)user;
    if (info->step <= 8) seen_lr[info->step - 1] = info->lr;
    return EG_OK;
}

static void test_schedules_end_at_zero(void **state) {
    (void)state;
    eg_data *data = blobs(ROWS);
    eg_model *model = net();
    eg_callback callback = { .batch_end = remember_lr };
    eg_model_compile(model, .optimizer = eg_sgd(.lr = .8), .seed = 1);
    eg_model_fit(model, data, .epochs = 2, .batch = 45, .schedule = EG_SCHEDULE_LINEAR, .callbacks = &callback, .n_callbacks = 1);
    assert_ok(model);
    assert_float_equal(seen_lr[0], .6, 1e-12); /* the rate of the step that comes next */
    assert_float_equal(seen_lr[1], .4, 1e-12);
    assert_float_equal(seen_lr[3], 0, 1e-12);
    eg_model_free(model);
    eg_data_free(data);
}

/* Standardised data give the same model whatever the units of a column. */
static void test_scaling_is_part_of_the_model(void **state) {
    (void)state;
    eg_data *data = blobs(ROWS);
    const float *x = eg_tensor_data(eg_data_x(data));
    float *wide = eg_alloc(ROWS * 2 * sizeof *wide);
    for (int i = 0; i < ROWS * 2; i++) wide[i] = x[i] * 1024 + 512;
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(ROWS, 2), wide);
    eg_data *scaled = eg_data_from(tx, eg_data_y(data), 3);
    eg_model *a = net(), *b = net();
    eg_model_compile(a, .seed = 1, .scaling = EG_SCALING_STANDARDISE);
    eg_model_compile(b, .seed = 1, .scaling = EG_SCALING_STANDARDISE);
    eg_model_fit(a, data, .epochs = 5);
    eg_model_fit(b, scaled, .epochs = 5);
    assert_ok(a);
    assert_ok(b);
    assert_float_equal(eg_model_history(a)->train[4].loss, eg_model_history(b)->train[4].loss, 1e-3);
    assert_int_equal(eg_model_scaling(a), EG_SCALING_STANDARDISE);
    eg_tensor *pa = eg_model_predict(a, eg_data_x(data)), *pb = eg_model_predict(b, tx);
    assert_float_equal(((float *)eg_tensor_data(pa))[5], ((float *)eg_tensor_data(pb))[5], 1e-3);
    eg_tensor_free(pa);
    eg_tensor_free(pb);
    eg_tensor_free(tx);
    eg_free(wide);
    eg_model_free(a);
    eg_model_free(b);
    eg_data_free(scaled);
    eg_data_free(data);
}

/* ---- metrics ------------------------------------------------------------------------------------------------------------------ */

static void test_metrics_of_a_regression(void **state) {
    (void)state;
    const float x[] = { 1, 2, 3, 4 }, y[] = { 2, 4, 6, 9 }; /* mean 5.25, squared deviations 26.75 */
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(4, 1), x), *ty = eg_tensor_from(EG_F32, EG_SHAPE(4), y);
    eg_data *data = eg_data_from(tx, ty, 0);
    eg_model *model = eg_sequential(EG_SHAPE(1), eg_dense(1));
    eg_model_compile(model, .metrics = { EG_METRIC_MSE, EG_METRIC_MAE, EG_METRIC_R2 });
    const double parameters[] = { 2, 0 }; /* p = 2 x: off by 1 at the last sample */
    assert_int_equal(eg_model_set_flat(model, parameters, 2), EG_OK);
    eg_scores scores = eg_model_evaluate(model, data);
    assert_ok(model);
    assert_float_equal(scores.loss, .25, 1e-6);
    assert_float_equal(scores.mse, .25, 1e-6);
    assert_float_equal(scores.mae, .25, 1e-6);
    assert_true(fabs(scores.r2 - (1 - 1 / 26.75)) < 1e-6);
    assert_true(isnan(scores.accuracy));
    eg_model_free(model);
    eg_data_free(data);
    eg_tensor_free(tx);
    eg_tensor_free(ty);
}

static void test_top_k(void **state) {
    (void)state;
    const float x[] = { 1, 0, 0, 1 };
    const int32_t y[] = { 2, 0 };
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(2, 2), x), *ty = eg_tensor_from(EG_I32, EG_SHAPE(2), y);
    eg_data *data = eg_data_from(tx, ty, 3);
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_dense(3, .act = EG_SOFTMAX, .no_bias = 1));
    eg_model_compile(model, .metrics = { EG_METRIC_ACCURACY, EG_METRIC_TOP_K }, .top_k = 2);
    const double kernel[] = { 3, 1, 2, 1, 3, 2 }; /* rows of x pick a row: class 2 is second, class 0 is last */
    eg_model_set_flat(model, kernel, 6);
    eg_scores scores = eg_model_evaluate(model, data);
    assert_ok(model);
    assert_float_equal(scores.accuracy, 0, 0);
    assert_float_equal(scores.top_k, .5, 0);
    eg_model_free(model);
    eg_data_free(data);
    eg_tensor_free(tx);
    eg_tensor_free(ty);
}

/* ---- mistakes ------------------------------------------------------------------------------------------------------------------ */

static void expect_failure(eg_model *model, const eg_data *data, eg_status status, const char *part) {
    eg_status got = eg_model_fit(model, data, .epochs = 1);
    if (!strstr(eg_model_error(model), part)) fail_msg("'%s' does not say '%s'", eg_model_error(model), part);
    assert_int_equal(got, status);
    eg_model_free(model);
}

static void test_mistakes_are_told(void **state) {
    (void)state;
    eg_data *data = blobs(6);
    expect_failure(net(), data, EG_E_ARGUMENT, "not compiled");
    eg_model *narrow = eg_sequential(EG_SHAPE(2), eg_dense(2, .act = EG_SOFTMAX));
    eg_model_compile(narrow);
    expect_failure(narrow, data, EG_E_DATA, "class 2 is outside the model's 2 classes");
    eg_model *wide = eg_sequential(EG_SHAPE(5), eg_dense(3));
    eg_model_compile(wide);
    expect_failure(wide, data, EG_E_SHAPE, "the model takes samples of shape [5], the data has [2]");
    eg_model *bad = net();
    eg_model_compile(bad);
    ((float *)eg_tensor_data(eg_data_x(data)))[7] = (float)NAN;
    expect_failure(bad, data, EG_E_DATA, "row 4 holds a NaN");
    eg_data_free(data);
}

static void test_divergence_is_an_error(void **state) {
    (void)state;
    eg_data *data = blobs(ROWS);
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_dense(16, .act = EG_RELU), eg_dense(3));
    eg_model_compile(model, .optimizer = eg_sgd(.lr = 1e20), .loss = EG_LOSS_MEAN_SQUARED_ERROR, .seed = 1);
    assert_int_equal(eg_model_fit(model, data, .epochs = 20), EG_E_DIVERGED);
    assert_non_null(strstr(eg_model_error(model), "diverged"));
    eg_model_free(model);
    eg_data_free(data);
}

/* After the first epoch a fit allocates nothing. */
static eg_status note_allocations(void *user, const eg_progress_info *info) {
    ((uint64_t *)user)[info->epoch - 1] = eg_memory().allocations;
    return EG_OK;
}

static void test_epochs_do_not_allocate(void **state) {
    (void)state;
    uint64_t seen[4];
    eg_data *data = blobs(ROWS);
    eg_model *model = net();
    eg_callback callback = { .user = seen, .epoch_begin = note_allocations };
    eg_model_compile(model, .seed = 1);
    eg_model_fit(model, data, .epochs = 4, .batch = 32, .callbacks = &callback, .n_callbacks = 1);
    assert_ok(model);
    assert_true(seen[3] - seen[1] <= 4); /* the history grows by one entry an epoch */
    eg_model_free(model);
    eg_data_free(data);
}

static void test_double_precision_runs_on_the_reference(void **state) {
    (void)state;
    eg_data *data = blobs(ROWS);
    eg_model *model = net();
    eg_model_compile(model, .dtype = EG_F64, .optimizer = eg_adam(.lr = .02), .seed = 1);
    eg_model_fit(model, data, .epochs = 30, .batch = 30);
    assert_ok(model);
    assert_true(eg_model_evaluate(model, data).accuracy > .9);
    eg_model_free(model);
    eg_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_same_seed_same_bits),
        cmocka_unit_test(test_shuffles_differ),
        cmocka_unit_test(test_batches_of_one_some_and_all),
        cmocka_unit_test(test_validation_split_takes_the_last_rows),
        cmocka_unit_test(test_sample_weights),
        cmocka_unit_test(test_class_weights_pull_towards_their_class),
        cmocka_unit_test(test_ascent_is_descent_on_the_negative),
        cmocka_unit_test(test_step_limit_and_tolerance),
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_schedules_end_at_zero),
        cmocka_unit_test(test_scaling_is_part_of_the_model),
        cmocka_unit_test(test_metrics_of_a_regression),
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_mistakes_are_told),
        cmocka_unit_test(test_divergence_is_an_error),
        cmocka_unit_test(test_epochs_do_not_allocate),
        cmocka_unit_test(test_double_precision_runs_on_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
