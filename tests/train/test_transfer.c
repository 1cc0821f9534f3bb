/* SPDX-License-Identifier: MIT
 *
 * Reusing a trained model: hidden layers by hand-computed numbers, a part of a model as a model, frozen layers that
 * stay what they are, and parameters taken over by name and shape.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <elegans.h>
#include "../fault.h"

static void assert_ok(const eg_model *model) {
    assert_non_null(model);
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
}

static void assert_values(const eg_tensor *y, const double *want, int n) {
    assert_non_null(y);
    assert_int_equal(eg_tensor_size(y), n);
    for (int i = 0; i < n; i++) assert_true(fabs((double)((const float *)eg_tensor_data(y))[i] - want[i]) < 1e-6);
}

/* x W1 = (1 - 2, 2 + 1) -> relu (0, 3) -> x W2 + b2 = 3 * 2 + .5 */
static void test_a_hidden_layer(void **state) {
    (void)state;
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 2 relu name=hidden; dense 1 name=last");
    eg_model_compile(model);
    const double flat[9] = { 1, 2, -1, .5, 0, 0, 1, 2, .5 };
    assert_int_equal(eg_model_set_flat(model, flat, 9), EG_OK);
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(1, 2), (float[]){ 1, 2 });
    eg_tensor *y = eg_model_predict_layer(model, "hidden", x);
    assert_values(y, (double[]){ 0, 3 }, 2);
    eg_tensor_free(y);
    y = eg_model_predict(model, x);
    assert_values(y, (double[]){ 6.5 }, 1);
    eg_tensor_free(y);
    y = eg_model_predict_layer(model, "last", x);
    assert_values(y, (double[]){ 6.5 }, 1);
    eg_tensor_free(y);
    assert_null(eg_model_predict_layer(model, "hiden", x));
    assert_string_equal(eg_error(), "unknown layer 'hiden'; did you mean 'hidden'?");
    eg_model *part = eg_model_output_of(model, "hidden");
    assert_ok(part);
    assert_int_equal(eg_model_parameters(part), 6);
    y = eg_model_predict(part, x);
    assert_values(y, (double[]){ 0, 3 }, 2);
    eg_tensor_free(y);
    eg_model_free(part);
    part = eg_model_output_of(model, "nothing");
    assert_int_equal(eg_model_status(part), EG_E_NAME);
    eg_model_free(part);
    eg_tensor_free(x);
    eg_model_free(model);
}

static eg_data *spiral(void) { return eg_data_open("gen:spiral?n=30,classes=3", "train"); }

static eg_model *trained(const eg_data *data) {
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 8 tanh name=a; dense 6 relu name=b; dense 3 softmax name=c");
    eg_model_compile(model, .seed = 3, .scaling = EG_SCALING_STANDARDISE);
    eg_model_fit(model, data, .epochs = 3);
    assert_ok(model);
    return model;
}

/* The features of a trained model are the same out of the whole, out of its part, and out of the part's file. */
static void test_a_part_keeps_preprocessing(void **state) {
    (void)state;
    char path[] = "/tmp/elegans-transfer-XXXXXX";
    close(mkstemp(path));
    eg_data *data = spiral();
    eg_model *model = trained(data), *part = eg_model_output_of(model, "b");
    assert_ok(part);
    assert_int_equal(eg_model_scaling(part), EG_SCALING_STANDARDISE);
    assert_int_equal(eg_model_save(part, path), EG_OK);
    eg_model *back = eg_model_load(path);
    assert_ok(back);
    eg_tensor *want = eg_model_predict_layer(model, "b", eg_data_x(data));
    eg_tensor *have[2] = { eg_model_predict(part, eg_data_x(data)), eg_model_predict(back, eg_data_x(data)) };
    assert_int_equal(eg_tensor_size(want), 6 * eg_data_rows(data));
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(eg_tensor_data(have[i]), eg_tensor_data(want), (size_t)eg_tensor_size(want) * 4);
        eg_tensor_free(have[i]);
    }
    eg_tensor_free(want);
    eg_model_free(back);
    eg_model_free(part);
    eg_model_free(model);
    eg_data_free(data);
    unlink(path);
}

/* Parameters [from, to) of the flat vector: did they change by training? */
static int moved(const double *before, const double *after, int from, int to) {
    return memcmp(before + from, after + from, (size_t)(to - from) * sizeof *before) != 0;
}

enum { A = 24, B = A + 54, C = B + 21 };

static void test_frozen_layers_stay(void **state) {
    (void)state;
    double before[C], after[C];
    eg_data *data = spiral();
    eg_model *model = trained(data);
    assert_int_equal(eg_model_parameters(model), C);
    assert_int_equal(eg_model_freeze(model, "a", 1), EG_OK);
    assert_int_equal(eg_model_trainable(model), C - A);
    eg_model_get_flat(model, before, C);
    eg_model_fit(model, data, .epochs = 1);
    eg_model_get_flat(model, after, C);
    assert_true(!moved(before, after, 0, A) && moved(before, after, A, B) && moved(before, after, B, C));
    eg_model_freeze(model, "a", 0);
    eg_model_freeze(model, "b", 1);
    eg_model_fit(model, data, .epochs = 1);
    eg_model_get_flat(model, before, C);
    assert_true(moved(before, after, 0, A) && !moved(before, after, A, B));
    assert_int_equal(eg_model_freeze(model, "d", 1), EG_E_NAME);
    assert_ok(model);
    eg_model_free(model);
    eg_data_free(data);
}

/* A layer that was made frozen can be let go, and the description tells. */
static void test_frozen_in_the_description(void **state) {
    (void)state;
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 8 frozen name=a; dropout .5 name=drop; dense 3 name=c");
    assert_int_equal(eg_model_trainable(model), 27);
    assert_int_equal(eg_model_freeze(model, "a", 0), EG_OK);
    assert_int_equal(eg_model_freeze(model, "drop", 1), EG_OK);
    assert_int_equal(eg_model_freeze(model, "c", 1), EG_OK);
    char *json = eg_model_json(model);
    eg_model *back = eg_model_from_json(json, strlen(json));
    assert_ok(back);
    assert_int_equal(eg_model_trainable(back), 24);
    char *again = eg_model_json(back);
    assert_string_equal(json, again);
    eg_string_free(again);
    eg_string_free(json);
    eg_model_free(back);
    eg_model_free(model);
}

static void test_transfer(void **state) {
    (void)state;
    eg_data *data = spiral();
    eg_model *model = trained(data);
    eg_model *next = eg_model_parse(EG_SHAPE(2), "dense 8 tanh name=a; dense 6 name=b; dense 5 name=c; dense 2 name=d");
    eg_model_compile(next, .seed = 9);
    eg_transfer report;
    assert_int_equal(eg_model_transfer(next, model, &report), EG_OK);
    assert_int_equal(report.taken, 4);
    assert_int_equal(report.other_shape, 2);
    assert_int_equal(report.absent, 2);
    assert_int_equal(report.preprocessing, 1);
    assert_string_equal(report.text, "a/kernel [2,8]: taken\na/bias [8]: taken\nb/kernel [8,6]: taken\nb/bias [6]: taken\n"
                                     "c/kernel [6,5]: there it is f32[6,3]\nc/bias [5]: there it is f32[3]\n"
                                     "d/kernel [5,2]: not there\nd/bias [2]: not there\n"
                                     "preprocessing (standardise): taken\n");
    eg_string_free(report.text);
    eg_tensor *want = eg_model_predict_layer(model, "a", eg_data_x(data));
    eg_tensor *have = eg_model_predict_layer(next, "a", eg_data_x(data));
    assert_memory_equal(eg_tensor_data(have), eg_tensor_data(want), (size_t)eg_tensor_size(want) * 4);
    eg_tensor_free(want);
    eg_tensor_free(have);
    eg_model *bare = eg_model_parse(EG_SHAPE(2), "dense 1");
    assert_int_equal(eg_model_transfer(next, bare, NULL), EG_E_ARGUMENT);
    eg_model_free(bare);
    eg_model_free(next);
    eg_model_free(model);
    eg_data_free(data);
}

/* Features of a trained model under a new head: the inner layers' values come along. */
static void test_a_part_as_a_layer(void **state) {
    (void)state;
    eg_data *data = spiral();
    eg_model *model = trained(data), *part = eg_model_output_of(model, "b");
    double inner[B], outer[B + 14];
    eg_model_get_flat(part, inner, B);
    eg_model *head = eg_model_new();
    eg_wire *x = eg_model_input(head, "x", EG_SHAPE(2));
    eg_model_output(head, eg_apply(eg_dense(2), eg_apply(eg_model_layer(part), x)));
    eg_model_compile(head, .seed = 4);
    eg_model_get_flat(head, outer, B + 14);
    assert_memory_equal(inner, outer, sizeof inner);
    assert_int_equal(eg_model_freeze(head, "model", 1), EG_OK);
    assert_int_equal(eg_model_trainable(head), 14);
    eg_model_free(head);
    eg_model_free(model);
    eg_data_free(data);
}

static eg_status take_a_part(void *context) {
    eg_model *part = eg_model_output_of(context, "b");
    eg_status status = eg_model_status(part);
    if (status != EG_OK && eg_error_status() == EG_OK) eg_fail(status, "%s", eg_model_error(part));
    eg_model_free(part);
    return status;
}

static void test_without_memory(void **state) {
    (void)state;
    eg_data *data = spiral();
    eg_model *model = trained(data);
    assert_true(fault_loop(take_a_part, model) > 10);
    eg_model_free(model);
    eg_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hidden_layer),
        cmocka_unit_test(test_a_part_keeps_preprocessing),
        cmocka_unit_test(test_frozen_layers_stay),
        cmocka_unit_test(test_frozen_in_the_description),
        cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_a_part_as_a_layer),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
