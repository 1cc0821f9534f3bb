/* SPDX-License-Identifier: MIT
 *
 * Preprocessing inside the model: each kind is fitted on the training data, applied by every program to raw samples as
 * the fitted scaling does by itself, and comes back from a file.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <elegans.h>
#include "../fault.h"

enum { ROWS = 40, WIDTH = 5 };

/* Correlated numbers with ties; targets as wide as the model. */
static eg_data *numbers(int outputs) {
    float x[ROWS * WIDTH], y[ROWS * WIDTH] = { 0 };
    for (int i = 0; i < ROWS * WIDTH; i++)
        x[i] = (float)((i * 37 % 61) * (i % WIDTH + 1)) / 7 + (float)(i / WIDTH % 8) * 3;
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(ROWS, WIDTH), x);
    eg_tensor *ty = eg_tensor_from(EG_F32, EG_SHAPE(ROWS, outputs), y);
    eg_data *data = eg_data_from(tx, ty, 0);
    eg_tensor_free(tx);
    eg_tensor_free(ty);
    return data;
}

static void assert_same(const eg_tensor *a, const eg_tensor *b, double tolerance) {
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(eg_tensor_size(a), eg_tensor_size(b));
    const float *p = eg_tensor_data(a), *q = eg_tensor_data(b);
    for (int64_t i = 0; i < eg_tensor_size(a); i++)
        if (!(fabs((double)p[i] - (double)q[i]) <= tolerance * (1 + fabs((double)q[i]))))
            fail_msg("element %lld: %.9g in the model, %.9g outside", (long long)i, (double)p[i], (double)q[i]);
}

/* A model that gives its input back shows what it is fed. */
static void show_what_a_model_sees(eg_scaling kind, int width, eg_dtype dtype) {
    char path[] = "/tmp/elegans-prepare-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    eg_data *data = numbers(width);
    eg_model *model = eg_sequential(EG_SHAPE(width), eg_activation(EG_LINEAR, 0)), *back;
    eg_model_compile(model, .scaling = kind, .dtype = dtype);
    eg_model_evaluate(model, data);
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
    eg_preprocess *fitted = eg_preprocess_fit(kind, data, .components = width < WIDTH ? width : 0);
    eg_tensor *want = eg_preprocess_apply(fitted, eg_data_x(data)), *have = eg_model_predict(model, eg_data_x(data));
    assert_same(have, want, kind == EG_SCALING_QUANTILE_NORMAL ? 1e-4 : 1e-5);
    assert_int_equal(eg_model_save(model, path), EG_OK);
    back = eg_model_load(path);
    if (eg_model_status(back) != EG_OK) fail_msg("%s", eg_model_error(back));
    assert_int_equal(eg_model_scaling(back), kind);
    eg_tensor *again = eg_model_predict(back, eg_data_x(data));
    assert_same(again, have, 0);
    eg_tensor_free(again);
    eg_tensor_free(have);
    eg_tensor_free(want);
    eg_preprocess_free(fitted);
    eg_model_free(back);
    eg_model_free(model);
    eg_data_free(data);
    unlink(path);
}

static void test_every_kind(void **state) {
    (void)state;
    for (eg_scaling kind = EG_SCALING_NONE; kind < EG_SCALING_KINDS; kind++) {
        show_what_a_model_sees(kind, WIDTH, EG_F32);
        show_what_a_model_sees(kind, WIDTH, EG_F64);
    }
}

static void test_narrow_models(void **state) {
    (void)state;
    show_what_a_model_sees(EG_SCALING_PCA, 2, EG_F32);
    show_what_a_model_sees(EG_SCALING_WHITEN, 3, EG_F32);
    eg_data *data = numbers(2);
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_activation(EG_LINEAR, 0));
    eg_model_compile(model, .scaling = EG_SCALING_ZCA);
    eg_model_evaluate(model, data);
    assert_string_equal(eg_model_error(model), "the model takes samples of shape [2], the data has [5]");
    eg_model_free(model);
    eg_data_free(data);
}

/* Directions beyond the share come to the model as zeros. */
static void test_share_of_variance(void **state) {
    (void)state;
    eg_data *data = numbers(WIDTH);
    eg_model *model = eg_sequential(EG_SHAPE(WIDTH), eg_activation(EG_LINEAR, 0));
    eg_model_compile(model, .scaling = EG_SCALING_PCA, .scaling_opt = { .variance = .5 });
    eg_model_evaluate(model, data);
    eg_tensor *y = eg_model_predict(model, eg_data_x(data));
    assert_non_null(y);
    const float *v = eg_tensor_data(y);
    for (int r = 0; r < ROWS; r++) assert_true(v[r * WIDTH] != 0 && v[r * WIDTH + WIDTH - 1] == 0);
    eg_tensor_free(y);
    eg_model_free(model);
    eg_data_free(data);
}

/* ---- augmentation in training ---------------------------------------------------------------------------------- */

static eg_model *digits_model(int threads) {
    eg_model *model = eg_model_parse(EG_SHAPE(28, 28), "flatten; dense 8 relu; dense 10 softmax");
    eg_model_compile(model, .seed = 5, .threads = threads);
    return model;
}

static void hash_of(const eg_model *model, char out[65]) {
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
    assert_int_equal(eg_model_sha256(model, out), EG_OK);
}

static eg_status stop_at_six(void *user, const eg_progress_info *info) {
    (void)user;
    return info->step == 6 ? EG_E_STOPPED : EG_OK;
}

/* Augmented training gives the same bits for any number of threads and after a stop in the middle of an epoch; it
 * gives others than training without, and the validation rows stay what they are. */
static void test_augmented_training(void **state) {
    (void)state;
    char path[] = "/tmp/elegans-augment-XXXXXX", want[65], have[65];
    close(mkstemp(path));
    eg_data *data = eg_data_open("gen:digits?n=60", NULL);
    eg_augment all = { .shift = 2, .rotate = 15, .flip = 1, .noise = 10 };
    for (int threads = 1; threads <= 3; threads += 2) {
        eg_model *model = digits_model(threads);
        eg_model_fit(model, data, .epochs = 2, .batch = 16, .augment = all);
        hash_of(model, threads == 1 ? want : have);
        eg_model_free(model);
    }
    assert_string_equal(want, have);
    eg_model *model = digits_model(1), *back;
    eg_model_fit(model, data, .epochs = 2, .batch = 16, .augment = all, .n_callbacks = 1,
                 .callbacks = &(eg_callback){ .batch_end = stop_at_six });
    assert_int_equal(eg_model_save_run(model, path), EG_OK);
    back = eg_model_load(path);
    eg_model_fit(back, data, .epochs = 2, .batch = 16, .augment = all, .resume = 1);
    hash_of(back, have);
    assert_string_equal(want, have);
    eg_model_free(back);
    eg_model_free(model);
    model = digits_model(1);
    eg_model_fit(model, data, .epochs = 2, .batch = 16);
    hash_of(model, have);
    assert_string_not_equal(want, have);
    assert_int_equal(eg_model_fit(model, data, .augment = { .rotate = -1 }), EG_E_ARGUMENT);
    eg_model_free(model);
    eg_data_free(data);
    unlink(path);
}

/* ---- centring --------------------------------------------------------------------------------------------------- */

enum { IMAGES = 12, HEIGHT = 6, BREADTH = 7, PIXELS = HEIGHT * BREADTH };

/* Strokes of different sizes and strengths, `down` and `across` from their place; the last image is empty. */
static eg_tensor *strokes(eg_shape shape, int down, int across) {
    eg_tensor *x = eg_tensor_new(EG_U8, shape);
    unsigned char *at = eg_tensor_data(x);
    for (int n = 0; n < IMAGES - 1; n++, at += PIXELS)
        for (int i = 0; i < 2 + n % 3; i++) {
            at[(1 + i + down) * BREADTH + 2 + across] = (unsigned char)(20 * n + 10);
            at[(1 + down) * BREADTH + 2 + i % 2 + across] = (unsigned char)(90 * i + 7 * n + 1);
        }
    return x;
}

static eg_data *without_targets(const eg_tensor *x, int outputs) {
    eg_tensor *y = eg_tensor_new(EG_F32, EG_SHAPE(IMAGES, outputs));
    eg_data *data = eg_data_from(x, y, 0);
    eg_tensor_free(y);
    return data;
}

/* What a model is fed is what the scaling gives for images that eg_image_centre centred, wherever they stood. */
static void show_centred(eg_shape input, eg_scaling kind, eg_dtype dtype) {
    int outputs = (int)eg_shape_size(input);
    char path[] = "/tmp/elegans-prepare-XXXXXX";
    close(mkstemp(path));
    eg_tensor *x = strokes(EG_SHAPE(IMAGES, HEIGHT, BREADTH), 0, 0);
    eg_tensor *moved = strokes(EG_SHAPE(IMAGES, HEIGHT, BREADTH), 1, -2), *middle = eg_image_centre(x, HEIGHT, BREADTH, 0);
    eg_data *data = without_targets(x, outputs), *centred = without_targets(middle, outputs);
    eg_model *model = eg_sequential(input, eg_activation(EG_LINEAR, 0), eg_reshape(outputs)), *back;
    eg_model_compile(model, .scaling = kind, .dtype = dtype, .centre = 1);
    assert_false(eg_model_centre(model));
    eg_model_evaluate(model, data);
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
    assert_int_equal(eg_model_save(model, path), EG_OK);
    back = eg_model_load(path);
    if (eg_model_status(back) != EG_OK) fail_msg("%s", eg_model_error(back));
    assert_true(eg_model_centre(model) && eg_model_centre(back));
    eg_preprocess *fitted = eg_preprocess_fit(kind, centred, .components = outputs < PIXELS ? outputs : 0);
    eg_tensor *want = eg_preprocess_apply(fitted, middle), *have = eg_model_predict(model, x);
    eg_tensor *again = eg_model_predict(back, moved);
    assert_same(have, want, 1e-5);
    assert_same(again, have, 0);
    eg_tensor_free(again), eg_tensor_free(have), eg_tensor_free(want);
    eg_tensor_free(x), eg_tensor_free(moved), eg_tensor_free(middle);
    eg_preprocess_free(fitted);
    eg_model_free(back), eg_model_free(model);
    eg_data_free(data), eg_data_free(centred);
    unlink(path);
}

static void test_centred_images(void **state) {
    (void)state;
    eg_shape image = EG_SHAPE(HEIGHT, BREADTH), flat = EG_SHAPE(PIXELS);
    show_centred(image, EG_SCALING_NONE, EG_F32);
    show_centred(image, EG_SCALING_AUTO, EG_F32); /* bytes */
    show_centred(flat, EG_SCALING_BYTES, EG_F64);
    show_centred(EG_SHAPE(HEIGHT, BREADTH, 1), EG_SCALING_STANDARDISE, EG_F32);
    show_centred(flat, EG_SCALING_QUANTILE, EG_F32);
    show_centred(EG_SHAPE(3), EG_SCALING_PCA, EG_F32);
}

/* The channels of a colour image move together, by the mass of all. */
static void test_centred_colours(void **state) {
    (void)state;
    float pixels[2][4][5][3] = { { { { 0 } } } };
    pixels[0][0][0][0] = 2, pixels[0][1][1][2] = -2;
    pixels[1][0][4][0] = 2, pixels[1][3][1][1] = 7, pixels[1][3][0][2] = 4; /* of which some leaves the image */
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(2, 4, 5, 3), pixels), *want = eg_image_centre(x, 4, 5, 0);
    eg_tensor *y = eg_tensor_new(EG_F32, EG_SHAPE(2, 60));
    eg_data *data = eg_data_from(x, y, 0);
    eg_model *model = eg_sequential(EG_SHAPE(4, 5, 3), eg_activation(EG_LINEAR, 0), eg_flatten());
    eg_model_compile(model, .centre = 1);
    eg_model_evaluate(model, data);
    eg_tensor *have = eg_model_predict(model, x);
    assert_same(have, want, 0);
    eg_tensor_free(have), eg_tensor_free(want), eg_tensor_free(x), eg_tensor_free(y);
    eg_model_free(model), eg_data_free(data);
}

static void test_only_images_are_centred(void **state) {
    (void)state;
    eg_data *data[] = { numbers(1), eg_data_from_text("abcabcabcabc", 12, NULL, .steps = 2) };
    static const char *const nets[] = { "dense 1", "embedding 4 2; dense 3 softmax last_axis" };
    for (int i = 0; i < 2; i++) {
        eg_model *model = eg_model_parse(eg_data_sample_shape(data[i]), nets[i]);
        eg_model_compile(model, .centre = 1);
        assert_int_equal(eg_model_fit(model, data[i]), EG_E_SHAPE);
        assert_non_null(strstr(eg_model_error(model), i ? "centre: samples [2] are no images [height,width]"
                                                        : "centre: samples [5] are no images [height,width]"));
        eg_model_free(model), eg_data_free(data[i]);
    }
}

/* A file whose middle is not one of images of the model's size is refused. */
static void test_a_wrong_middle(void **state) {
    (void)state;
    static const float wrong[][2] = { { 0, 3.5f }, { -3, -3.5f }, { 3, 4 }, { 3e9f, 3e9f },
                                     { NAN, 3.5f }, { 3, INFINITY }, { 2.5f, 3.5f } };
    char path[] = "/tmp/elegans-prepare-XXXXXX", file[20000];
    close(mkstemp(path));
    eg_tensor *x = strokes(EG_SHAPE(IMAGES, HEIGHT, BREADTH), 0, 0);
    eg_data *data = without_targets(x, 1);
    eg_model *model = eg_model_parse(EG_SHAPE(HEIGHT, BREADTH), "dense 1");
    eg_model_compile(model, .centre = 1);
    assert_int_equal(eg_model_fit(model, data), EG_OK);
    assert_int_equal(eg_model_save(model, path), EG_OK);
    FILE *stream = fopen(path, "rb");
    size_t size = fread(file, 1, sizeof file, stream), at = 0;
    fclose(stream);
    while (at < size && memcmp(file + at, (float[]){ 3, 3.5f }, 8) != 0) at++;
    assert_true(at + 8 <= size);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(file + at, wrong[i], 8);
        stream = fopen(path, "wb");
        assert_int_equal(fwrite(file, 1, size, stream), size);
        fclose(stream);
        eg_model *back = eg_model_load(path);
        assert_int_equal(eg_model_status(back), EG_E_DATA);
        assert_non_null(strstr(eg_model_error(back), "tensor 'preprocess/centre' does not have the shape of a sample"));
        eg_model_free(back);
    }
    eg_model_free(model), eg_data_free(data), eg_tensor_free(x);
    unlink(path);
}

static eg_status train_centred(void *context) {
    eg_model *model = eg_model_parse(EG_SHAPE(HEIGHT, BREADTH), "dense 1 name=only");
    if (!model) return eg_error_status();
    eg_status status = eg_model_compile(model, .scaling = EG_SCALING_MIN_MAX, .centre = 1);
    if (status == EG_OK) status = eg_model_fit(model, context);
    eg_model_free(model);
    return status;
}

static eg_status train_with_pca(void *context) {
    eg_model *model = eg_model_parse(EG_SHAPE(2), "dense 1 name=only");
    if (!model) return eg_error_status();
    eg_status status = eg_model_compile(model, .scaling = EG_SCALING_PCA);
    if (status == EG_OK) status = eg_model_fit(model, context);
    eg_model_free(model);
    return status;
}

/* Numbers that are looked up are not changed: bytes are not divided by 255, a scaling that would is refused. */
static void test_numbers_that_are_looked_up(void **state) {
    (void)state;
    static const char *const nets[] = { "embedding 4 1 init=constant(1); flatten", "one_hot 4; dense 1 last_axis; flatten" };
    static const unsigned char words[2][2] = { { 0, 3 }, { 2, 9 } };
    eg_tensor *x = eg_tensor_from(EG_U8, EG_SHAPE(2, 2), words), *y = eg_tensor_new(EG_F32, EG_SHAPE(2, 2));
    eg_data *data = eg_data_from(x, y, 0);
    for (int k = 0; k < 2; k++) {
        eg_model *model = eg_model_parse(EG_SHAPE(2), nets[k]);
        eg_model_compile(model);
        assert_true(isfinite(eg_model_evaluate(model, data).loss));
        assert_int_equal(eg_model_scaling(model), EG_SCALING_NONE);
        eg_tensor *p = eg_model_predict(model, x);
        if (k == 0) /* only number 9 has no row */
            for (int i = 0; i < 4; i++) assert_true(((float *)eg_tensor_data(p))[i] == (i < 3));
        eg_tensor_free(p);
        eg_model_free(model);
        model = eg_model_parse(EG_SHAPE(2), nets[k]);
        assert_int_equal(eg_model_compile(model, .scaling = EG_SCALING_BYTES), EG_E_ARGUMENT);
        assert_non_null(strstr(eg_model_error(model), "scaling bytes: the network looks its input up by number"));
        eg_model_free(model);
    }
    eg_data_free(data);
    data = eg_data_from_text("abcabcabcabc", 12, NULL, .steps = 2);
    assert_null(eg_preprocess_fit(EG_SCALING_MIN_MAX, data));
    assert_non_null(strstr(eg_error(), "numbers of words or characters must stay as they are"));
    eg_data_free(data), eg_tensor_free(x), eg_tensor_free(y);
}

static void test_without_memory(void **state) {
    (void)state;
    eg_data *data = numbers(1);
    assert_int_equal(train_with_pca(data), EG_OK);
    assert_true(fault_loop(train_with_pca, data) > 20);
    eg_data_free(data);
    eg_tensor *x = strokes(EG_SHAPE(IMAGES, HEIGHT, BREADTH), 0, 0);
    data = without_targets(x, 1);
    assert_int_equal(train_centred(data), EG_OK);
    assert_true(fault_loop(train_centred, data) > 20);
    eg_data_free(data), eg_tensor_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_narrow_models),
        cmocka_unit_test(test_share_of_variance),
        cmocka_unit_test(test_augmented_training),
        cmocka_unit_test(test_numbers_that_are_looked_up),
        cmocka_unit_test(test_centred_images),
        cmocka_unit_test(test_centred_colours),
        cmocka_unit_test(test_only_images_are_centred),
        cmocka_unit_test(test_a_wrong_middle),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
