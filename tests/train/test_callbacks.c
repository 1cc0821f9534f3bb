/* SPDX-License-Identifier: MIT
 *
 * Early stopping, plateaus, checkpoints and logs: when they act, and what they write.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <elegans.h>
#include "base/file.h"
#include "formats/events.h"

static char folder[64], path[400];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/elegans-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (dir) closedir(dir);
    return rmdir(folder);
}

static const char *in_folder(const char *name) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* A callback is driven by hand here: epochs with a given validation loss. */
static eg_status feed(eg_callback *callback, eg_model *model, int epoch, double loss) {
    eg_scores train = {
        .loss = 9, .accuracy = .5, .top_k = (double)NAN, .mse = (double)NAN, .mae = (double)NAN, .r2 = (double)NAN
    };
    eg_scores validation = train;
    validation.loss = loss;
    validation.accuracy = 1 - loss;
    eg_progress_info info = { .model = model, .epoch = epoch, .train = train, .validation = &validation, .lr = .25 };
    if (epoch == 1 && callback->train_begin) {
        eg_status status = callback->train_begin(callback->user, &info);
        if (status != EG_OK) return status;
    }
    return callback->epoch_end(callback->user, &info);
}

static eg_model *small(void) {
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 3 softmax");
    eg_model_compile(model, .optimizer = eg_sgd(.lr = 1), .seed = 1);
    return model;
}

/* ---- early stopping ------------------------------------------------------------------------------------------ */

/* How many epochs of the spiral are trained until the stop. */
static int epochs_until_stop(double min_delta, int patience) {
    eg_data *data = eg_data_open("gen:spiral?n=20,classes=3", NULL);
    eg_model *model = small();
    eg_callback stop = eg_early_stopping(.monitor = "loss", .min_delta = min_delta, .patience = patience);
    assert_int_equal(
        eg_model_fit(model, data, .epochs = 50, .batch = EG_BATCH_ALL, .callbacks = &stop, .n_callbacks = 1), EG_OK);
    int epochs = eg_model_history(model)->epochs;
    eg_callback_free(&stop);
    eg_model_free(model);
    eg_data_free(data);
    return epochs;
}

static void test_early_stopping_waits_for_its_patience(void **state) {
    (void)state;
    assert_int_equal(epochs_until_stop(1e9, 0), 2); /* never in the first epoch, as Keras */
    assert_int_equal(epochs_until_stop(1e9, 4), 5); /* the first epoch counts as an improvement over nothing */
    assert_int_equal(epochs_until_stop(-1e9, 1), 50);
}

static void test_the_best_parameters_come_back(void **state) {
    (void)state;
    eg_model *model = small();
    double at_best[9], other[9], now[9];
    for (int i = 0; i < 9; i++) at_best[i] = i, other[i] = -i;
    eg_callback stop = eg_early_stopping(.patience = 2, .restore_best = 1);
    eg_model_set_flat(model, other, 9);
    assert_int_equal(feed(&stop, model, 1, .9), EG_OK);
    eg_model_set_flat(model, at_best, 9);
    assert_int_equal(feed(&stop, model, 2, .4), EG_OK);
    eg_model_set_flat(model, other, 9);
    assert_int_equal(feed(&stop, model, 3, .5), EG_OK);
    eg_progress_info info = { .model = model };
    stop.train_end(stop.user, &info, EG_OK);
    eg_model_get_flat(model, now, 9);
    assert_memory_equal(now, at_best, sizeof now);
    eg_callback_free(&stop);
    eg_model_free(model);
}

static void test_a_score_that_is_not_there_is_an_error(void **state) {
    (void)state;
    eg_model *model = small();
    eg_callback wrong = eg_early_stopping(.monitor = "val_los"), absent = eg_early_stopping(.monitor = "mae");
    assert_int_equal(feed(&wrong, model, 1, 1), EG_E_NAME);
    assert_non_null(strstr(eg_error(), "did you mean"));
    assert_int_equal(feed(&absent, model, 1, 1), EG_E_ARGUMENT);
    eg_callback_free(&wrong);
    eg_callback_free(&absent);
    eg_model_free(model);
}

/* ---- plateau ------------------------------------------------------------------------------------------------------
 */

static void test_the_rate_falls_on_a_plateau(void **state) {
    (void)state;
    static const double loss[] = { 1, .5, .5, .5, .5, .5, .2, .2, .2 },
                        lr[] = { 1, 1, 1, .5, .5, .25, .25, .25, .25 };
    eg_model *model = small();
    eg_callback plateau = eg_reduce_on_plateau(.factor = .5, .patience = 2, .min_lr = .25);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(feed(&plateau, model, i + 1, loss[i]), EG_OK);
        assert_true(eg_model_lr(model) == lr[i]);
    }
    eg_callback_free(&plateau);
    eg_model_free(model);
}

/* Keras' defaults: a tenth after 10 epochs in which nothing got better by more than 1e-4, as often as it takes. */
static void test_the_defaults_of_a_plateau(void **state) {
    (void)state;
    eg_model *model = small();
    eg_callback plateau = eg_reduce_on_plateau();
    for (int i = 0; i <= 20; i++) {
        assert_int_equal(feed(&plateau, model, i + 1, 1 - 4e-6 * i), EG_OK);
        assert_true(fabs(eg_model_lr(model) - (i < 10 ? 1 : i < 20 ? .1 : .01)) < 1e-12);
    }
    eg_callback_free(&plateau);
    eg_model_free(model);
}

/* Keras counts the epoch in which the cooldown ends. */
static void test_a_plateau_cools_down(void **state) {
    (void)state;
    static const double lr[] = { 1, .5, .5, .25, .25, .125 };
    eg_model *model = small();
    eg_callback plateau = eg_reduce_on_plateau(.factor = .5, .patience = 1, .cooldown = 2);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(feed(&plateau, model, i + 1, 1), EG_OK);
        if (eg_model_lr(model) != lr[i]) fail_msg("epoch %d: %g, not %g", i + 1, eg_model_lr(model), lr[i]);
    }
    eg_callback_free(&plateau);
    eg_model_free(model);
}

static void test_accuracy_is_better_when_larger(void **state) {
    (void)state;
    eg_model *model = small();
    eg_callback plateau = eg_reduce_on_plateau(.monitor = "val_accuracy", .factor = .5, .patience = 1);
    for (int i = 0; i < 5; i++) feed(&plateau, model, i + 1, 1 - .1 * i);
    assert_true(eg_model_lr(model) == 1);
    feed(&plateau, model, 6, .9);
    assert_true(eg_model_lr(model) == .5);
    eg_callback_free(&plateau);
    eg_model_free(model);
}

/* ---- checkpoint, logs
 * ------------------------------------------------------------------------------------------------ */

static void test_only_the_best_is_saved(void **state) {
    (void)state;
    eg_model *model = small();
    double parameters[9] = { 0 }, loaded[9];
    eg_callback checkpoint = eg_checkpoint(in_folder("best.safetensors"), .best_only = 1);
    static const double loss[] = { .9, .3, .8 };
    for (int i = 0; i < 3; i++) {
        parameters[0] = i + 1;
        eg_model_set_flat(model, parameters, 9);
        assert_int_equal(feed(&checkpoint, model, i + 1, loss[i]), EG_OK);
    }
    eg_model *best = eg_model_load(in_folder("best.safetensors"));
    assert_int_equal(eg_model_get_flat(best, loaded, 9), EG_OK);
    assert_true(loaded[0] == 2);
    eg_model_free(best);
    eg_callback_free(&checkpoint);
    eg_model_free(model);
}

static void test_csv_log(void **state) {
    (void)state;
    eg_model *model = small();
    eg_callback log = eg_csv_log(in_folder("log.csv"));
    feed(&log, model, 1, .5);
    feed(&log, model, 2, .25);
    eg_bytes bytes;
    assert_int_equal(eg_file_read(in_folder("log.csv"), 0, &bytes),
                     EG_OK); /* before it is closed: rows are written through */
    assert_string_equal((const char *)bytes.data,
                        "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,9,0.5,0.5\n1,0.5,9,0.75,0.25\n");
    eg_bytes_free(&bytes);
    eg_callback_free(&log);
    eg_model_free(model);
}

static void test_a_log_that_cannot_be_written_is_told(void **state) {
    (void)state;
    eg_model *model = small();
    eg_callback log = eg_csv_log("/nonexistent/log.csv");
    assert_int_not_equal(feed(&log, model, 1, .5), EG_OK);
    eg_callback_free(&log);
    eg_model_free(model);
}

/* Known answers of RFC 3720, B.4. */
static void test_crc32c(void **state) {
    (void)state;
    unsigned char zeros[32] = { 0 }, ones[32];
    memset(ones, 0xff, sizeof ones);
    assert_int_equal(eg_crc32c(zeros, 32), 0x8a9136aau);
    assert_int_equal(eg_crc32c(ones, 32), 0x62a8ab43u);
    assert_int_equal(eg_crc32c("123456789", 9), 0xe3069283u);
}

static uint32_t little_endian(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t masked(const void *bytes, size_t size) {
    uint32_t crc = eg_crc32c(bytes, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Every record's length and checksums hold, and the scalars are in the last ones. */
static void test_event_file(void **state) {
    (void)state;
    eg_model *model = small();
    eg_callback log = eg_tensorboard_log(folder);
    assert_int_equal(feed(&log, model, 1, .5), EG_OK);
    eg_callback_free(&log);
    DIR *dir = opendir(folder);
    char name[300] = "";
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strstr(entry->d_name, "tfevents")) snprintf(name, sizeof name, "%s", entry->d_name);
    closedir(dir);
    eg_bytes bytes;
    assert_int_equal(eg_file_read(in_folder(name), 0, &bytes), EG_OK);
    int records = 0, found = 0;
    for (size_t at = 0; at < bytes.size; records++) {
        uint32_t length = little_endian(bytes.data + at);
        const unsigned char *data = bytes.data + at + 12;
        assert_int_equal(little_endian(bytes.data + at + 8), masked(bytes.data + at, 8));
        assert_int_equal(little_endian(data + length), masked(data, length));
        for (uint32_t i = 0; i + 8 < length; i++) found += memcmp(data + i, "val_loss", 8) == 0;
        at += 12 + length + 4;
    }
    assert_int_equal(records, 6); /* version, accuracy, loss, val_accuracy, val_loss, learning_rate */
    assert_int_equal(found, 1);
    eg_bytes_free(&bytes);
    eg_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_early_stopping_waits_for_its_patience),
        cmocka_unit_test(test_the_best_parameters_come_back),
        cmocka_unit_test(test_a_score_that_is_not_there_is_an_error),
        cmocka_unit_test(test_the_rate_falls_on_a_plateau),
        cmocka_unit_test(test_the_defaults_of_a_plateau),
        cmocka_unit_test(test_a_plateau_cools_down),
        cmocka_unit_test(test_accuracy_is_better_when_larger),
        cmocka_unit_test(test_only_the_best_is_saved),
        cmocka_unit_test(test_csv_log),
        cmocka_unit_test(test_a_log_that_cannot_be_written_is_told),
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_event_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
