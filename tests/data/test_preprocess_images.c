/* SPDX-License-Identifier: MIT
 *
 * images: resizing beside Pillow, the frame of MNIST by hand, and random changes that depend on seed, epoch and row
 * alone: shifts are whole pixels, a quarter turn and a flip are exact, noise has its deviation.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <elegans.h>
#include "data/image.h"
#include "../fault.h"

static eg_tensor *bytes(eg_shape shape, const unsigned char *values) { return eg_tensor_from(EG_U8, shape, values); }

static void expect_near(const eg_tensor *have, const int *want, int n, int tolerance) {
    if (!have) fail_msg("%s", eg_error());
    assert_int_equal(eg_tensor_size(have), n);
    for (int i = 0; i < n; i++)
        if (abs(((const unsigned char *)eg_tensor_data(have))[i] - want[i]) > tolerance)
            fail_msg("pixel %d is %d, not %d", i, ((const unsigned char *)eg_tensor_data(have))[i], want[i]);
}

/* Pillow rounds to bytes between the two passes: its last digit may differ. */
static void test_resize(void **state) {
    (void)state;
    unsigned char values[30];
    for (int i = 0; i < 30; i++) values[i] = (unsigned char)(i * 37 % 251);
    eg_tensor *x = bytes(EG_SHAPE(1, 2, 2), (unsigned char[]){ 0, 100, 50, 250 }), *y = eg_image_resize(x, 4, 4);
    expect_near(y, (int[]){ 0, 25, 75, 100, 13, 44, 106, 138, 38, 81, 169, 213, 50, 100, 200, 250 }, 16, 1);
    eg_tensor_free(y);
    eg_tensor_free(x);
    x = bytes(EG_SHAPE(1, 5, 6), values);
    y = eg_image_resize(x, 2, 3);
    expect_near(y, (int[]){ 102, 77, 130, 176, 134, 83 }, 6, 1);
    eg_tensor_free(y);
    y = eg_image_resize(x, 7, 4);
    expect_near(y, (int[]){ 14,  66, 119, 171, 87,  49,  102, 154, 161, 52,  82,  134, 207, 91,
                            61,  113, 186, 170, 60, 92, 166, 202, 108, 72,  149, 201, 171, 55 },
                28, 1);
    eg_tensor_free(y);
    y = eg_image_resize(x, 5, 6);
    assert_memory_equal(eg_tensor_data(y), values, 30);
    eg_tensor_free(y);
    eg_tensor_free(x);
}

static void test_channels_and_floats(void **state) {
    (void)state;
    const float two[4] = { 0, 10, 1, 20 }; /* two pixels of two channels */
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(1, 1, 2, 2), two), *y = eg_image_resize(x, 1, 4);
    const float want[8] = { 0, 10, .25f, 12.5f, .75f, 17.5f, 1, 20 };
    assert_int_equal(eg_tensor_shape(y).rank, 4);
    assert_memory_equal(eg_tensor_data(y), want, sizeof want);
    eg_tensor_free(y);
    eg_tensor_free(x);
}

/* A bar of 2 x 1 in a corner: to the middle of 4 x 4 as it is; scaled to 4 pixels it is 4 x 2. */
static void test_centre(void **state) {
    (void)state;
    unsigned char image[25] = { 0 };
    image[3] = image[8] = 200;
    eg_tensor *x = bytes(EG_SHAPE(1, 5, 5), image), *y = eg_image_centre(x, 4, 4, 0);
    expect_near(y, (int[]){ 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 0, 0 }, 16, 0);
    eg_tensor_free(y);
    y = eg_image_centre(x, 6, 6, 4);
    int want[36] = { 0 };
    for (int r = 1; r < 5; r++) want[r * 6 + 2] = want[r * 6 + 3] = 200;
    expect_near(y, want, 36, 0);
    eg_tensor_free(y);
    memset(image, 0, sizeof image);
    eg_tensor *empty = bytes(EG_SHAPE(1, 5, 5), image);
    y = eg_image_centre(empty, 3, 3, 2);
    expect_near(y, (int[9]){ 0 }, 9, 0);
    eg_tensor_free(y);
    eg_tensor_free(empty);
    eg_tensor_free(x);
    x = bytes(EG_SHAPE(2, 2), (unsigned char[4]){ 0 });
    assert_null(eg_image_resize(x, 2, 2));
    assert_int_equal(eg_error_status(), EG_E_SHAPE);
    eg_tensor_free(x);
}

/* ---- augmentation ---------------------------------------------------------------------------------------------- */

/* Every shift within the limits comes up, and nothing else. */
static void test_shift(void **state) {
    (void)state;
    enum { N = 300 };
    static unsigned char images[N * 49];
    int seen[9] = { 0 };
    for (int i = 0; i < N; i++) images[i * 49 + 24] = 90;
    eg_tensor *x = bytes(EG_SHAPE(N, 7, 7), images), *y = eg_augment_samples(x, (eg_augment){ .shift = 1 }, 1, 0);
    const unsigned char *out = eg_tensor_data(y);
    for (int i = 0; i < N; i++) {
        int hits = 0;
        for (int d = 0; d < 9; d++) {
            int hit = out[i * 49 + (2 + d / 3) * 7 + 2 + d % 3] == 90;
            seen[d] += hit;
            hits += hit;
        }
        assert_int_equal(hits, 1);
    }
    for (int d = 0; d < 9; d++) assert_in_range(seen[d], N / 9 / 2, N / 9 * 2);
    eg_tensor_free(y);
    eg_tensor_free(x);
}

static void test_flip(void **state) {
    (void)state;
    unsigned char images[64 * 2];
    for (int i = 0; i < 128; i++) images[i] = (unsigned char)(i % 2 ? 9 : 5);
    eg_tensor *x = bytes(EG_SHAPE(64, 1, 2), images), *y = eg_augment_samples(x, (eg_augment){ .flip = 1 }, 4, 0);
    const unsigned char *out = eg_tensor_data(y);
    int flipped = 0;
    for (int i = 0; i < 64; i++) {
        assert_int_equal(out[2 * i] + out[2 * i + 1], 14);
        flipped += out[2 * i] == 9;
    }
    assert_in_range(flipped, 16, 48);
    eg_tensor_free(y);
    eg_tensor_free(x);
}

/* A disc turns into itself; a spot away from the middle keeps its distance to it. */
static void test_rotate(void **state) {
    (void)state;
    enum { S = 21 };
    float image[S * S] = { 0 };
    image[10 * S + 17] = 1;
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(1, S, S), image);
    double least = 99, most = -99;
    for (int epoch = 0; epoch < 60; epoch++) {
        eg_tensor *y = eg_augment_samples(x, (eg_augment){ .rotate = 30 }, 2, epoch);
        const float *out = eg_tensor_data(y);
        double mass = 0, down = 0, across = 0;
        for (int i = 0; i < S * S; i++) {
            mass += (double)out[i];
            down += (double)out[i] * (i / S - 10);
            across += (double)out[i] * (i % S - 10);
        }
        double angle = atan2(down, across) * 180 / acos(-1);
        assert_true(fabs(hypot(down / mass, across / mass) - 7) < .2);
        least = fmin(least, angle);
        most = fmax(most, angle);
        eg_tensor_free(y);
    }
    assert_true(least > -33 && least < -20 && most < 33 && most > 20);
    eg_tensor_free(x);
}

static void test_noise(void **state) {
    (void)state;
    eg_tensor *x = eg_tensor_new(EG_F32, EG_SHAPE(200, 50));
    eg_tensor *y = eg_augment_samples(x, (eg_augment){ .noise = .5 }, 2, 3);
    const float *out = eg_tensor_data(y);
    double sum = 0, squares = 0;
    for (int i = 0; i < 10000; i++) sum += (double)out[i], squares += (double)out[i] * (double)out[i];
    assert_true(fabs(sum / 10000) < .02 && fabs(squares / 10000 - .25) < .01);
    assert_null(eg_augment_samples(x, (eg_augment){ .shift = 1 }, 2, 3));
    assert_int_equal(eg_error_status(), EG_E_SHAPE);
    assert_null(eg_augment_samples(x, (eg_augment){ .noise = -1 }, 2, 3));
    assert_int_equal(eg_error_status(), EG_E_ARGUMENT);
    eg_tensor_free(y);
    eg_tensor_free(x);
}

/* A row alone gives what it gives among others; another epoch or seed gives something else. */
static void test_a_function_of_seed_epoch_row(void **state) {
    (void)state;
    eg_data *data = eg_data_open("gen:digits?n=8", NULL);
    const eg_tensor *x = eg_data_x(data);
    eg_augment all = { .shift = 2, .rotate = 10, .flip = 1, .noise = 5 };
    eg_tensor *a = eg_augment_samples(x, all, 1, 0), *b = eg_augment_samples(x, all, 1, 1);
    eg_tensor *c = eg_augment_samples(x, all, 2, 0);
    unsigned char row[784];
    eg_augment_row(&all, 1, 0, 5, EG_SHAPE(28, 28), x, row);
    assert_memory_equal(row, (unsigned char *)eg_tensor_data(a) + 5 * 784, 784);
    assert_true(memcmp(eg_tensor_data(a), eg_tensor_data(b), 8 * 784) != 0);
    assert_true(memcmp(eg_tensor_data(a), eg_tensor_data(c), 8 * 784) != 0);
    eg_tensor *same = eg_augment_samples(x, (eg_augment){ 0 }, 1, 0);
    assert_memory_equal(eg_tensor_data(same), eg_tensor_data(x), 8 * 784);
    eg_tensor_free(same);
    eg_tensor_free(a);
    eg_tensor_free(b);
    eg_tensor_free(c);
    eg_data_free(data);
}

static eg_status all_of_it(void *context) {
    eg_tensor *made[3] = { eg_image_resize(context, 5, 9), NULL, NULL };
    if (made[0]) made[1] = eg_image_centre(context, 8, 8, 6);
    if (made[1]) made[2] = eg_augment_samples(context, (eg_augment){ .shift = 1 }, 1, 1);
    eg_status status = made[2] ? EG_OK : eg_error_status();
    for (int i = 0; i < 3; i++) eg_tensor_free(made[i]);
    return status;
}

static void test_without_memory(void **state) {
    (void)state;
    eg_data *data = eg_data_open("gen:digits?n=2", NULL);
    assert_true(fault_loop(all_of_it, (void *)eg_data_x(data)) > 6);
    eg_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_channels_and_floats),
        cmocka_unit_test(test_centre),
        cmocka_unit_test(test_shift),
        cmocka_unit_test(test_flip),
        cmocka_unit_test(test_rotate),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_a_function_of_seed_epoch_row),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
