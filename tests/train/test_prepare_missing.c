/* SPDX-License-Identifier: MIT
 *
 * Gaps in tables: read as NaN where the user says how they are filled, with a feature that tells where they were;
 * filled inside the model by what was fitted to the training rows, also for tables that are read for it later.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <elegans.h>
#include "../fault.h"

static char path[] = "/tmp/elegans-missing-XXXXXX.csv", file[] = "/tmp/elegans-missing-model-XXXXXX";

static int make_files(void **state) {
    (void)state;
    int a = mkstemps(path, 4), b = mkstemp(file);
    return a < 0 || b < 0 || close(a) || close(b);
}

static int remove_files(void **state) {
    (void)state;
    return unlink(path) || unlink(file);
}

static const char *put(const char *text) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    return path;
}

static const char table[] = "age,color,y\n20,red,1.5\n,blue,2\n40,?,3\n30,red,4.5\n";

static void assert_rows(const float *have, const float *want, int n) {
    for (int i = 0; i < n; i++)
        if (isnan(want[i]) ? !isnan(have[i]) : have[i] != want[i])
            fail_msg("element %d is %g, not %g", i, (double)have[i], (double)want[i]);
}

static void test_reading(void **state) {
    (void)state;
    eg_data *data = eg_data_open(put(table), NULL);
    assert_int_equal(eg_data_status(data), EG_E_DATA);
    assert_non_null(strstr(eg_data_error(data), "line 3, column 1 (age): the value is missing"));
    eg_data_free(data);
    data = eg_data_open(path, NULL, .missing = EG_MISSING_MEAN, .indicate_missing = 1);
    const char *const names[] = { "age", "age=?", "color=blue", "color=red", "color=?" };
    assert_int_equal(eg_data_columns(data), 5);
    assert_int_equal(eg_data_missing(data), EG_MISSING_MEAN);
    for (int i = 0; i < 5; i++) assert_string_equal(eg_data_column_name(data, i), names[i]);
    assert_rows(eg_tensor_data(eg_data_x(data)),
                (float[]){ 20, 0, 0, 1, 0, NAN, 1, 1, 0, 0, 40, 0, 0, 0, 1, 30, 0, 0, 1, 0 }, 20);
    eg_data *again = eg_data_open(put("30,blue\n?,\n"), NULL, .target = "-", .no_header = 1, .columns = names,
                                  .n_columns = 5, .missing = EG_MISSING_MEAN);
    if (eg_data_status(again) != EG_OK) fail_msg("%s", eg_data_error(again));
    assert_rows(eg_tensor_data(eg_data_x(again)), (float[]){ 30, 0, 1, 0, 0, NAN, 1, 0, 0, 1 }, 10);
    eg_data_free(again);
    eg_data_free(data);
    data = eg_data_open(put("a,y\n1,2\n2,\n"), NULL, .missing = EG_MISSING_MEAN); /* a target is never filled */
    assert_int_equal(eg_data_status(data), EG_E_DATA);
    eg_data_free(data);
}

static void test_what_fills(void **state) {
    (void)state;
    const float x[10] = { 5, NAN, 1, NAN, NAN, NAN, 5, NAN, 3, NAN };
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(5, 2), x);
    eg_data *data = eg_data_from(tx, NULL, 0);
    const float want[EG_MISSING_KINDS] = { 0, 3.5f, 4, 5 };
    float fill[2];
    for (eg_missing kind = EG_MISSING_MEAN; kind < EG_MISSING_KINDS; kind++) {
        assert_int_equal(eg_missing_fit(kind, data, fill), EG_OK);
        assert_true(fill[0] == want[kind] && fill[1] == 0);
    }
    assert_int_equal(eg_missing_fit(EG_MISSING_ERROR, data, fill), EG_E_ARGUMENT);
    eg_missing kind;
    assert_int_equal(eg_missing_named("median", &kind), EG_OK);
    assert_int_equal(kind, EG_MISSING_MEDIAN);
    assert_int_equal(eg_missing_named("middle", &kind), EG_E_NAME);
    for (kind = EG_MISSING_ERROR; kind < EG_MISSING_KINDS; kind++) { /* each kind has the name that gives it back */
        eg_missing named = EG_MISSING_KINDS;
        assert_int_equal(eg_missing_named(eg_missing_name(kind), &named), EG_OK);
        assert_int_equal(named, kind);
    }
    assert_string_equal(eg_missing_name(EG_MISSING_KINDS), "?");
    eg_data_free(data);
    eg_tensor_free(tx);
}

/* ages 20, gap, 40, 30: filled by 30, standardised by mean 30 and variance 50; colors stay as they are. */
static void test_in_the_model(void **state) {
    (void)state;
    eg_data *data = eg_data_open(put("age,y\n20,1\n,2\n40,3\n30,4\n"), NULL, .task = EG_TASK_REGRESSION,
                                 .missing = EG_MISSING_MEAN);
    eg_model *model = eg_sequential(EG_SHAPE(1), eg_activation(EG_LINEAR, 0));
    eg_model_compile(model);
    eg_model_evaluate(model, data);
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
    assert_int_equal(eg_model_scaling(model), EG_SCALING_STANDARDISE);
    assert_int_equal(eg_model_missing(model), EG_MISSING_MEAN);
    assert_int_equal(eg_model_save(model, file), EG_OK);
    eg_model *back = eg_model_load(file);
    if (eg_model_status(back) != EG_OK) fail_msg("%s", eg_model_error(back));
    assert_int_equal(eg_model_missing(back), EG_MISSING_MEAN);
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(3, 1), (float[]){ NAN, 20, 50 }), *y = eg_model_predict(back, x);
    const float *v = eg_tensor_data(y);
    assert_true(v[0] == 0 && fabsf(v[1] + 10 / sqrtf(50)) < 1e-6f && fabsf(v[2] - 20 / sqrtf(50)) < 1e-6f);
    eg_tensor_free(y);
    eg_tensor_free(x);
    eg_model_free(back);
    eg_model_free(model);
    eg_data_free(data);
}

/* A model that was fitted without gaps says so; NaN in data that has no gaps stays an error. */
static void test_not_asked_for(void **state) {
    (void)state;
    eg_data *whole = eg_data_open(put("age,y\n20,1\n40,3\n"), NULL, .task = EG_TASK_REGRESSION);
    eg_data *gaps = eg_data_open(put("age,y\n20,1\n,3\n"), NULL, .task = EG_TASK_REGRESSION,
                                 .missing = EG_MISSING_MEDIAN);
    eg_model *model = eg_model_parse(EG_SHAPE(1), "dense 1");
    eg_model_compile(model);
    assert_int_equal(eg_model_fit(model, whole), EG_OK);
    eg_model_evaluate(model, gaps);
    assert_string_equal(eg_model_error(model), "row 2 has a gap, but the model was fitted without filling gaps");
    assert_null(eg_preprocess_fit(EG_SCALING_STANDARDISE, gaps));
    assert_string_equal(eg_error(), "row 2 holds a value that is not finite");
    eg_model_free(model);
    eg_data_free(gaps);
    eg_data_free(whole);
}

static eg_status train(void *context) {
    eg_model *model = eg_model_parse(EG_SHAPE(1), "dense 1 name=only");
    if (!model) return eg_error_status();
    eg_status status = eg_model_compile(model, .optimizer = eg_sgd(.lr = .1), .scaling = EG_SCALING_NONE);
    if (status == EG_OK) status = isnan(eg_model_evaluate(model, context).loss) ? eg_model_status(model) : EG_OK;
    eg_model_free(model);
    return status;
}

static void test_without_memory(void **state) {
    (void)state;
    eg_data *data = eg_data_open(put("age,y\n20,1\n,3\n"), NULL, .task = EG_TASK_REGRESSION,
                                 .missing = EG_MISSING_FREQUENT);
    assert_true(fault_loop(train, data) > 20);
    eg_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),       cmocka_unit_test(test_what_fills),     cmocka_unit_test(test_in_the_model),
        cmocka_unit_test(test_not_asked_for), cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
