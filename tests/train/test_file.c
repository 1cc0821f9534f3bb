/* SPDX-License-Identifier: MIT
 *
 * Models as files: what is saved comes back bit for bit, a run that was stopped goes on as if nothing had happened, and
 * no file, however broken, does more than give an error.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <elegans.h>
#include "base/alloc.h"
#include "base/file.h"
#include "write_file.h"

static char folder[64], path[96];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/elegans-test-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static eg_data *spiral(void) { return eg_data_open("gen:spiral?n=30,classes=3", "train"); }

static eg_model *compiled(const char *net, uint64_t seed) {
    eg_model *model = eg_model_parse(EG_SHAPE(2), net);
    eg_model_compile(model, .optimizer = eg_nadam(.lr = .01, .clip_global_norm = 1), .seed = seed, .l2 = 1e-3,
                     .scaling = EG_SCALING_STANDARDISE, .metrics = { EG_METRIC_ACCURACY, EG_METRIC_TOP_K }, .top_k = 2);
    return model;
}

static void assert_ok(const eg_model *model) {
    assert_non_null(model);
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
}

static void test_a_saved_model_comes_back(void **state) {
    (void)state;
    eg_data *data = spiral();
    eg_model *model = compiled("dense 8 tanh; dropout .1; dense 3 softmax", 1);
    eg_model_fit(model, data, .epochs = 3, .batch = 16);
    assert_ok(model);
    assert_int_equal(eg_model_save(model, path), EG_OK);
    eg_model *back = eg_model_load(path);
    assert_ok(back);
    char a[65], b[65];
    eg_model_sha256(model, a);
    eg_model_sha256(back, b);
    assert_string_equal(a, b);
    eg_scores before = eg_model_evaluate(model, data), after = eg_model_evaluate(back, data);
    assert_ok(back);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(eg_model_classes(back), 3);
    assert_int_equal(eg_model_scaling(back), EG_SCALING_STANDARDISE);
    assert_int_equal(eg_model_parameters(back), eg_model_parameters(model));
    eg_model_free(back);
    eg_model_free(model);
    eg_data_free(data);
}

/* ---- resuming ---------------------------------------------------------------------------------------------------------- */

static eg_status stop_at(void *user, const eg_progress_info *info) {
    return info->step == *(const int64_t *)user ? EG_E_STOPPED : EG_OK;
}

/* Trains 4 epochs of 6 steps, interrupted after `step` steps (0: never) by a stop, a save and a load. */
static void train_with_a_stop(int64_t step, eg_schedule schedule, char hash[65], double *last_loss) {
    eg_data *data = spiral();
    eg_model *model = compiled("dense 8 tanh; dropout .1; dense 3 softmax", 7);
    eg_callback callback = { .user = &step, .batch_end = stop_at };
    eg_status status = eg_model_fit(model, data, .epochs = 4, .batch = 16, .schedule = schedule, .callbacks = &callback,
                                    .n_callbacks = 1, .checkpoint = path);
    if (step) {
        assert_int_equal(status, EG_E_STOPPED);
        eg_model_free(model);
        model = eg_model_load(path);
        assert_ok(model);
        eg_model_fit(model, data, .epochs = 4, .batch = 16, .schedule = schedule, .resume = 1);
    }
    assert_ok(model);
    const eg_history *history = eg_model_history(model);
    *last_loss = history->train[history->epochs - 1].loss;
    eg_model_sha256(model, hash);
    eg_model_free(model);
    eg_data_free(data);
}

static void test_a_resumed_run_ends_in_the_same_bits(void **state) {
    (void)state;
    static const int64_t stops[] = { 1, 5, 6, 7, 23 };
    for (int schedule = 0; schedule < EG_SCHEDULES; schedule++) {
        char whole[65], resumed[65];
        double loss, again;
        train_with_a_stop(0, (eg_schedule)schedule, whole, &loss);
        for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
            train_with_a_stop(stops[i], (eg_schedule)schedule, resumed, &again);
            assert_string_equal(whole, resumed);
            assert_true(loss == again);
        }
    }
}

/* ---- broken files -------------------------------------------------------------------------------------------------------- */

static eg_bytes saved_bytes(void) {
    eg_data *data = spiral();
    eg_model *model = compiled("dense 4 tanh; dense 3 softmax", 1);
    eg_model_fit(model, data, .epochs = 1);
    assert_int_equal(eg_model_save_run(model, path), EG_OK);
    eg_model_free(model);
    eg_data_free(data);
    eg_bytes bytes;
    assert_int_equal(eg_file_read(path, 0, &bytes), EG_OK);
    return bytes;
}

/* Whatever the bytes are, loading gives a model that works or an error that names the file. */
static int survives(const unsigned char *bytes, size_t size) {
    assert_int_equal(write_file(path, bytes, size), EG_OK);
    eg_model *model = eg_model_load(path);
    assert_non_null(model);
    int good = eg_model_status(model) == EG_OK;
    if (!good) assert_non_null(strstr(eg_model_error(model), "model.safetensors"));
    eg_model_free(model);
    return good;
}

static void test_every_cut_is_an_error(void **state) {
    (void)state;
    eg_bytes bytes = saved_bytes();
    for (size_t size = 0; size < bytes.size; size += size < 64 ? 1 : 37) assert_false(survives(bytes.data, size));
    assert_true(survives(bytes.data, bytes.size));
    eg_bytes_free(&bytes);
}

static void test_flipped_bits_never_crash(void **state) {
    (void)state;
    eg_bytes bytes = saved_bytes();
    uint64_t random = 1;
    int good = 0;
    for (int i = 0; i < 1500; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t at = (size_t)(random >> 33) % bytes.size;
        unsigned char bit = (unsigned char)(1u << (random >> 20 & 7));
        bytes.data[at] ^= bit;
        good += survives(bytes.data, bytes.size);
        bytes.data[at] ^= bit;
    }
    assert_true(good > 0 && good < 1500);
    eg_bytes_free(&bytes);
}

static void test_failed_allocations_are_errors(void **state) {
    (void)state;
    eg_bytes bytes = saved_bytes();
    int finished = 0;
    for (uint64_t n = 1; !finished && n < 5000; n++) {
        eg_alloc_fail_at(n, 1);
        eg_model *model = eg_model_load(path);
        finished = model && eg_model_status(model) == EG_OK;
        eg_model_free(model);
        eg_alloc_fail_at(0, 0);
    }
    assert_true(finished);
    eg_bytes_free(&bytes);
}

static void test_failed_allocations_in_fit(void **state) {
    (void)state;
    eg_data *data = spiral();
    int finished = 0;
    for (uint64_t n = 1; !finished && n < 20000; n += 1 + n / 50) {
        eg_alloc_fail_at(n, 1);
        eg_model *model = compiled("dense 4 tanh; dense 3 softmax", 1);
        finished = eg_model_fit(model, data, .epochs = 1) == EG_OK && eg_model_save(model, path) == EG_OK;
        eg_alloc_fail_at(0, 0);
        eg_model_free(model);
    }
    assert_true(finished);
    eg_data_free(data);
}

static void test_errors_name_the_place(void **state) {
    (void)state;
    eg_model *model = eg_model_load("/nonexistent/model.safetensors");
    assert_int_equal(eg_model_status(model), EG_E_MISSING);
    eg_model_free(model);
    model = compiled("dense 3 softmax", 1);
    assert_int_not_equal(eg_model_save(model, "/nonexistent/model.safetensors"), EG_OK);
    assert_ok(model); /* a failed save does not spoil the model */
    eg_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_saved_model_comes_back),
        cmocka_unit_test(test_a_resumed_run_ends_in_the_same_bits),
        cmocka_unit_test(test_every_cut_is_an_error),
        cmocka_unit_test(test_flipped_bits_never_crash),
        cmocka_unit_test(test_failed_allocations_are_errors),
        cmocka_unit_test(test_failed_allocations_in_fit),
        cmocka_unit_test(test_errors_name_the_place),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
