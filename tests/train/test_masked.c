/* SPDX-License-Identifier: MIT
 *
 * test_masked.c: fit and evaluate on padded sequences: what is padding counts neither in losses nor in metrics, and more
 * of it changes nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <elegans.h>
#include "folder.h"

enum { ROWS = 700, MOST = 8, CLASSES = 3 }; /* more rows than a batch of evaluate */

static int length_of(int row) { return row < 600 ? row % 4 : 4; } /* the two batches differ; some rows are empty */
static int word(int row, int t) { return 1 + (row * 7 + t * t * 3 + row / 5) % 5; }

/* [ROWS, steps] words and classes, or [ROWS, 2 steps] numbers; what stands at padding must not matter. */
static eg_data *padded(int steps, int classes) {
    static float x[ROWS * MOST], numbers[ROWS * MOST * 2];
    static int32_t y[ROWS * MOST];
    for (int row = 0; row < ROWS; row++)
        for (int t = 0; t < steps; t++) {
            int there = t < length_of(row), i = row * steps + t;
            x[i] = there ? (float)word(row, t) : 0;
            y[i] = there ? (word(row, t) + (t ? word(row, t - 1) : 0)) % classes : classes - 1;
            for (int k = 0; k < 2; k++) numbers[i * 2 + k] = there ? (float)((word(row, t) * (k + 1)) % 4) : 77;
        }
    eg_tensor *a = eg_tensor_from(EG_F32, EG_SHAPE(ROWS, steps), x);
    eg_tensor *b = classes > 1 ? eg_tensor_from(EG_I32, EG_SHAPE(ROWS, steps), y)
                               : eg_tensor_from(EG_F32, EG_SHAPE(ROWS, 2 * steps), numbers);
    eg_data *data = eg_data_from(a, b, classes > 1 ? classes : 0);
    if (eg_data_status(data) != EG_OK) fail_msg("%s", eg_data_error(data));
    eg_tensor_free(a), eg_tensor_free(b);
    return data;
}

static const char classifier[] = "embedding 6 4 mask_zero; gru 5 return_sequences; dense 3 softmax last_axis";
static const char binary[] = "embedding 6 4 mask_zero; gru 5 return_sequences; dense 1 sigmoid last_axis";
static const char regressor[] = "embedding 6 4 mask_zero; lstm 5 bidirectional return_sequences; dense 2 last_axis";

static eg_model *compiled(const char *net, int steps) {
    eg_model *m = eg_model_parse(EG_SHAPE(steps), net);
    int numbers = net == regressor;
    eg_model_compile(m, .optimizer = eg_sgd(.lr = .5), .seed = 3, .top_k = 2,
                     .metrics = { numbers ? EG_METRIC_MSE : EG_METRIC_ACCURACY, numbers ? EG_METRIC_MAE : EG_METRIC_NONE,
                                  numbers ? EG_METRIC_R2 : EG_METRIC_NONE, net == classifier ? EG_METRIC_TOP_K : EG_METRIC_NONE });
    return m;
}

static void assert_near(double a, double b) {
    if (!(fabs(a - b) < 1e-5 * (1 + fabs(b)))) fail_msg("%.9g is not %.9g", a, b);
}

/* ---- scores are those of the steps that are there ------------------------------------------------------------- */

static void classes_are_scored_without_padding(void **state) {
    (void)state;
    eg_data *data = padded(5, CLASSES);
    eg_model *m = compiled(classifier, 5);
    eg_scores s = eg_model_evaluate(m, data);
    eg_tensor *p = eg_model_predict(m, eg_data_x(data));
    double loss = 0, hits = 0, second = 0, n = 0;
    for (int row = 0; row < ROWS; row++)
        for (int t = 0; t < length_of(row); t++, n++) {
            const float *q = (const float *)eg_tensor_data(p) + (row * 5 + t) * CLASSES;
            int y = ((const int32_t *)eg_tensor_data(eg_data_y(data)))[row * 5 + t], larger = 0;
            for (int k = 0; k < CLASSES; k++) larger += q[k] > q[y];
            loss -= log((double)q[y]), hits += larger == 0, second += larger < 2;
        }
    assert_near(s.loss, loss / n);
    assert_near(s.accuracy, hits / n);
    assert_near(s.top_k, second / n);
    assert_int_equal(s.n, ROWS);
    assert_true(s.accuracy > .1 && s.top_k < 1);
    eg_tensor_free(p);
    eg_model_free(m);
    eg_data_free(data);
}

static void one_sigmoid_for_each_step(void **state) {
    (void)state;
    eg_data *data = padded(5, 2);
    eg_model *m = compiled(binary, 5);
    eg_scores s = eg_model_evaluate(m, data);
    eg_tensor *p = eg_model_predict(m, eg_data_x(data));
    if (!p) fail_msg("%s", eg_model_error(m));
    double loss = 0, hits = 0, n = 0;
    for (int row = 0; row < ROWS; row++)
        for (int t = 0; t < length_of(row); t++, n++) {
            double q = (double)((const float *)eg_tensor_data(p))[row * 5 + t];
            int y = ((const int32_t *)eg_tensor_data(eg_data_y(data)))[row * 5 + t];
            loss -= log(y ? q : 1 - q), hits += (q > .5) == y;
        }
    assert_near(s.loss, loss / n);
    assert_near(s.accuracy, hits / n);
    eg_tensor_free(p);
    eg_model_free(m);
    eg_data_free(data);
}

static void numbers_are_scored_without_padding(void **state) {
    (void)state;
    eg_data *data = padded(5, 1);
    eg_model *m = compiled(regressor, 5);
    eg_scores s = eg_model_evaluate(m, data);
    eg_tensor *p = eg_model_predict(m, eg_data_x(data));
    if (!p) fail_msg("%s", eg_model_error(m));
    double squares = 0, absolute = 0, sum = 0, sum_of_squares = 0, n = 0;
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < 2 * length_of(row); i++, n++) {
            double y = (double)((const float *)eg_tensor_data(eg_data_y(data)))[row * 10 + i];
            double d = y - (double)((const float *)eg_tensor_data(p))[row * 10 + i];
            squares += d * d, absolute += fabs(d), sum += y, sum_of_squares += y * y;
        }
    assert_near(s.loss, squares / n);
    assert_near(s.mse, squares / n);
    assert_near(s.mae, absolute / n);
    assert_near(s.r2, 1 - squares / (sum_of_squares - sum * sum / n));
    eg_tensor_free(p);
    eg_model_free(m);
    eg_data_free(data);
}

/* ---- training -------------------------------------------------------------------------------------------------- */

static double *flat(const eg_model *m) {
    double *values = calloc((size_t)eg_model_parameters(m), sizeof *values);
    assert_int_equal(eg_model_get_flat(m, values, eg_model_parameters(m)), EG_OK);
    return values;
}

static void more_padding_trains_the_same(void **state) {
    static const char *const nets[] = { classifier, binary, regressor };
    (void)state;
    for (int k = 0; k < 3; k++) {
        double *trained[2], *before = NULL;
        eg_scores scores[2];
        int64_t n = 0, moved = 0;
        for (int i = 0; i < 2; i++) {
            int steps = i ? MOST : 4;
            eg_data *data = padded(steps, 3 - k);
            eg_model *m = compiled(nets[k], steps);
            if (!i) before = flat(m);
            eg_model_fit(m, data, .epochs = 2, .batch = 64, .validation_split = .2);
            if (eg_model_status(m) != EG_OK) fail_msg("%s", eg_model_error(m));
            scores[i] = eg_model_history(m)->train[1];
            trained[i] = flat(m), n = eg_model_parameters(m);
            eg_model_free(m);
            eg_data_free(data);
        }
        assert_near(scores[0].loss, scores[1].loss);
        for (int64_t i = 0; i < n; i++) {
            if (!(fabs(trained[0][i] - trained[1][i]) < 1e-5)) fail_msg("%s: parameter %d", nets[k], (int)i);
            moved += fabs(trained[0][i] - before[i]) > 1e-3; /* a hundred times what is let through */
        }
        assert_true(moved > 50);
        free(trained[0]), free(trained[1]), free(before);
    }
}

/* Of each step, so that it is masked; the same as mean_squared_error but for a factor. */
static eg_value *own_loss(void *user, eg_value *y, eg_value *p) {
    (void)user;
    return eg_sum(eg_square(eg_sub(eg_reshape_to(y, eg_value_shape(p)), p)), .axes = EG_AXES(-1));
}

static void a_loss_of_ones_own_is_masked(void **state) {
    (void)state;
    eg_data *data = padded(5, 1);
    eg_model *m = compiled(regressor, 5), *own = eg_model_parse(EG_SHAPE(5), regressor);
    eg_model_compile(own, .loss_fn = own_loss, .seed = 3);
    assert_near(eg_model_evaluate(own, data).loss, 2 * eg_model_evaluate(m, data).loss);
    eg_model_free(m), eg_model_free(own);
    eg_data_free(data);
}

/* sum(w l) / n, n the number of steps that are there. */
static void weights_of_samples_are_of_their_steps(void **state) {
    (void)state;
    static float w[ROWS];
    eg_data *data = padded(5, 1), *half = eg_data_range(data, 0, ROWS / 2);
    eg_model *m = compiled(regressor, 5);
    double part = eg_model_evaluate(m, half).loss, n = 0, n_half = 0;
    for (int row = 0; row < ROWS; row++) {
        w[row] = row < ROWS / 2 ? 2 : 0;
        n += length_of(row), n_half += row < ROWS / 2 ? length_of(row) : 0;
    }
    assert_int_equal(eg_data_set_weights(data, w, ROWS), EG_OK);
    assert_near(eg_model_evaluate(m, data).loss, 2 * part * n_half / n);
    eg_model_free(m);
    eg_data_free(half), eg_data_free(data);
}

/* ---- runs ----------------------------------------------------------------------------------------------------- */

static eg_status stop_at_seven(void *user, const eg_progress_info *info) {
    (void)user;
    return info->step == 7 ? EG_E_STOPPED : EG_OK;
}

/* A run that is stopped within an epoch goes on with its sums over steps. */
static void a_stopped_run_keeps_its_sums(void **state) {
    (void)state;
    eg_data *data = padded(5, CLASSES);
    const char *path = put_file("run.safetensors", "", 0);
    eg_model *m = compiled(classifier, 5);
    eg_model_fit(m, data, .epochs = 2, .batch = 64);
    eg_scores straight = eg_model_history(m)->train[0], last = eg_model_history(m)->train[1];
    eg_model_free(m);
    m = compiled(classifier, 5);
    eg_callback stop = { .batch_end = stop_at_seven };
    assert_int_equal(eg_model_fit(m, data, .epochs = 2, .batch = 64, .callbacks = &stop, .n_callbacks = 1), EG_E_STOPPED);
    assert_int_equal(eg_model_save_run(m, path), EG_OK);
    eg_model_free(m);
    m = eg_model_load(path);
    eg_model_fit(m, data, .epochs = 2, .batch = 64, .resume = 1);
    if (eg_model_status(m) != EG_OK) fail_msg("%s", eg_model_error(m));
    const eg_history *history = eg_model_history(m);
    assert_true(history->train[0].loss == straight.loss && history->train[0].accuracy == straight.accuracy);
    assert_true(history->train[1].loss == last.loss && history->train[1].accuracy == last.accuracy);
    eg_model_free(m);
    eg_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_scored_without_padding), cmocka_unit_test(one_sigmoid_for_each_step),
        cmocka_unit_test(numbers_are_scored_without_padding), cmocka_unit_test(more_padding_trains_the_same),
        cmocka_unit_test(a_loss_of_ones_own_is_masked),       cmocka_unit_test(weights_of_samples_are_of_their_steps),
        cmocka_unit_test(a_stopped_run_keeps_its_sums),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
