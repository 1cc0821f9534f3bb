/* SPDX-License-Identifier: MIT
 *
 * test_model_questions.c: what a trained model tells of its data, before and after its file; and what a callback may
 * do to a run: change the learning rate, end it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <elegans/train.h>

static eg_data *table(void) {
    char path[] = "/tmp/elegans-questions-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fputs("width,height,kind\n1,2,oak\n2,1,ash\n3,4,oak\n4,3,ash\n", file);
    fclose(file);
    eg_data *data = eg_data_open(path, NULL);
    unlink(path);
    assert_int_equal(eg_data_status(data), EG_OK);
    return data;
}

static eg_model *net(void) { return eg_model_parse(EG_SHAPE(2), "dense 3 tanh; dense 2 softmax"); }

static void knows_its_table(const eg_model *model) {
    assert_int_equal(eg_model_columns(model), 2);
    assert_string_equal(eg_model_column_name(model, 0), "width");
    assert_string_equal(eg_model_column_name(model, 1), "height");
    assert_int_equal(eg_model_classes(model), 2);
    assert_string_equal(eg_model_class_name(model, 0), "ash");
    assert_string_equal(eg_model_class_name(model, 1), "oak");
    assert_string_equal(eg_model_target_name(model), "kind");
    assert_int_equal(eg_model_scaling(model), EG_SCALING_STANDARDISE);
}

static void test_names_live_in_the_model_and_its_file(void **state) {
    (void)state;
    char path[] = "/tmp/elegans-questions-XXXXXX";
    close(mkstemp(path));
    eg_data *data = table();
    eg_model *model = net();
    assert_int_equal(eg_model_columns(model), 0);
    assert_int_equal(eg_model_classes(model), 0);
    eg_model_compile(model, .seed = 1);
    assert_int_equal(eg_model_fit(model, data), EG_OK);
    knows_its_table(model);
    assert_int_equal(eg_model_save(model, path), EG_OK);
    eg_model_free(model);
    model = eg_model_load(path);
    assert_int_equal(eg_model_status(model), EG_OK);
    knows_its_table(model);
    eg_model_free(model);
    eg_data_free(data);
    unlink(path);
}

static void test_a_broken_file_is_named_once(void **state) {
    (void)state;
    char path[] = "/tmp/elegans-questions-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("this is no model file at all", file);
    fclose(file);
    eg_model *model = eg_model_load(path);
    assert_int_equal(eg_model_status(model), EG_E_DATA);
    const char *found = strstr(eg_model_error(model), path);
    assert_ptr_equal(found, eg_model_error(model));
    assert_null(strstr(found + 1, path));
    eg_model_free(model);
    unlink(path);
}

/* Halves the rate after each epoch, ends the run after the third. */
static eg_status halve_and_end(void *user, const eg_progress_info *info) {
    double *seen = user;
    seen[info->epoch - 1] = eg_model_lr(info->model);
    if (info->epoch == 3) eg_model_stop(info->model);
    return eg_model_set_lr(info->model, eg_model_lr(info->model) / 2);
}

static void test_a_callback_changes_the_rate_and_ends_the_run(void **state) {
    (void)state;
    double seen[8] = { 0 };
    eg_data *data = table();
    eg_model *model = net();
    eg_callback callback = { .user = seen, .epoch_end = halve_and_end };
    eg_model_compile(model, .optimizer = eg_sgd(.lr = .5), .seed = 1);
    assert_int_equal(eg_model_fit(model, data, .epochs = 8, .callbacks = &callback, .n_callbacks = 1), EG_OK);
    assert_int_equal(eg_model_history(model)->epochs, 3);
    assert_true(seen[0] == .5 && seen[1] == .25 && seen[2] == .125 && seen[3] == 0);
    assert_true(eg_model_lr(model) == .0625);
    eg_model_free(model);
    eg_data_free(data);
}

static void test_one_initialiser_for_all_kernels(void **state) {
    (void)state;
    double w[17];
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 3 tanh; dense 2 init=zeros");
    eg_model_set_init(model, EG_INIT(CONSTANT, .a = .5));
    assert_int_equal(eg_model_init(model, 1, EG_KERAS), EG_OK);
    assert_int_equal(eg_model_parameters(model), 17);
    assert_int_equal(eg_model_get_flat(model, w, 17), EG_OK);
    for (int i = 0; i < 17; i++) assert_true(w[i] == (i < 6 ? .5 : 0)); /* biases, and a layer that names its own: zeros */
    eg_model_free(model);
}

static void test_a_layer_that_no_model_took(void **state) {
    (void)state;
    size_t before = eg_memory().bytes;
    eg_layer_free(eg_dense(4, .act = EG_RELU, .name = "spare"));
    eg_layer_free(NULL);
    assert_int_equal(eg_memory().bytes, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_live_in_the_model_and_its_file),
        cmocka_unit_test(test_a_broken_file_is_named_once),
        cmocka_unit_test(test_a_callback_changes_the_rate_and_ends_the_run),
        cmocka_unit_test(test_one_initialiser_for_all_kernels),
        cmocka_unit_test(test_a_layer_that_no_model_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
