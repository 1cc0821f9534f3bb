/* SPDX-License-Identifier: MIT
 *
 * data: sets made from memory, views that share, copies, stratified splits, weights, bad rows, poison.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include <elegans/data.h>
#include "fault.h"

enum { N = 30, CLASSES = 3 };

/* N samples [2] with x = (row, 10 row); classes in blocks of 5, 10 and 15. */
static eg_data *make_set(void) {
    eg_tensor *x = eg_tensor_new(EG_F32, EG_SHAPE(N, 2)), *y = eg_tensor_new(EG_I32, EG_SHAPE(N));
    eg_data *data = NULL;
    for (int i = 0; x && y && i < N; i++) {
        ((float *)eg_tensor_data(x))[2 * i] = (float)i;
        ((float *)eg_tensor_data(x))[2 * i + 1] = (float)(10 * i);
        ((int32_t *)eg_tensor_data(y))[i] = i < 5 ? 0 : i < 15 ? 1 : 2;
    }
    if (x && y) data = eg_data_from(x, y, CLASSES);
    eg_tensor_free(x);
    eg_tensor_free(y);
    return data;
}

static const float *x_of(const eg_data *data) { return eg_tensor_data(eg_data_x(data)); }
static const int32_t *y_of(const eg_data *data) { return eg_tensor_data(eg_data_y(data)); }

static void expect_poison(eg_data *data, eg_status status, const char *message) {
    assert_non_null(data);
    assert_int_equal(eg_data_status(data), status);
    assert_string_equal(eg_data_error(data), message);
    assert_int_equal(eg_data_rows(data), 0);
    assert_null(eg_data_x(data));
    eg_data_free(data);
}

static void test_classes(void **state) {
    (void)state;
    eg_data *data = make_set();
    assert_int_equal(eg_data_status(data), EG_OK);
    assert_int_equal(eg_data_rows(data), N);
    assert_int_equal(eg_data_task(data), EG_TASK_CLASSIFICATION);
    assert_int_equal(eg_data_classes(data), CLASSES);
    assert_int_equal(eg_data_outputs(data), CLASSES);
    assert_string_equal(eg_data_class_name(data, 2), "2");
    assert_null(eg_data_class_name(data, 3));
    assert_int_equal(eg_data_columns(data), 0);
    assert_true(eg_shape_equal(eg_data_sample_shape(data), EG_SHAPE(2)));
    assert_string_equal(eg_data_source(data), "memory");
    eg_data_free(data);
}

static void test_numbers(void **state) {
    (void)state;
    eg_tensor *x = eg_tensor_new(EG_U8, EG_SHAPE(4, 2, 3)), *y = eg_tensor_new(EG_F32, EG_SHAPE(4));
    eg_data *data = eg_data_from(x, y, 0);
    assert_int_equal(eg_data_task(data), EG_TASK_REGRESSION);
    assert_int_equal(eg_data_outputs(data), 1);
    assert_true(eg_shape_equal(eg_tensor_shape(eg_data_y(data)), EG_SHAPE(4, 1)));
    assert_true(eg_shape_equal(eg_data_sample_shape(data), EG_SHAPE(2, 3)));
    eg_data_free(data);
    data = eg_data_from(y, NULL, 0); /* a row of numbers is a column of samples */
    assert_true(eg_shape_equal(eg_tensor_shape(eg_data_x(data)), EG_SHAPE(4, 1)));
    assert_null(eg_data_y(data));
    assert_int_equal(eg_data_task(data), EG_TASK_NONE);
    eg_data_free(data);
    eg_tensor_free(x);
    eg_tensor_free(y);
}

static void test_mistakes(void **state) {
    (void)state;
    eg_tensor *x = eg_tensor_new(EG_F32, EG_SHAPE(4, 2)), *i = eg_tensor_new(EG_I32, EG_SHAPE(4));
    eg_tensor *five = eg_tensor_new(EG_I32, EG_SHAPE(5)), *scalar = eg_tensor_new(EG_F32, EG_SCALAR);
    ((int32_t *)eg_tensor_data(i))[2] = 3;
    expect_poison(eg_data_from(x, i, 3), EG_E_DATA, "label 3 of sample 3 is outside the 3 classes 0 to 2");
    expect_poison(eg_data_from(x, five, 3), EG_E_SHAPE, "eg_data_from: 4 samples in x, 5 targets in y");
    expect_poison(eg_data_from(i, NULL, 0), EG_E_DTYPE,
                  "eg_data_from: x is i32, not f32 or u8: convert it with eg_tensor_copy");
    expect_poison(eg_data_from(x, i, 0), EG_E_DTYPE, "eg_data_from: targets are f32 where classes is 0, not i32");
    expect_poison(eg_data_from(x, x, 2), EG_E_DTYPE, "eg_data_from: class numbers are i32 (or u8), not f32");
    expect_poison(eg_data_from(scalar, NULL, 0), EG_E_SHAPE,
                  "eg_data_from: x is a single number, not samples [n, ...]");
    expect_poison(eg_data_from(NULL, NULL, 0), EG_E_ARGUMENT, "eg_data_from: x is NULL");
    eg_tensor_free(x);
    eg_tensor_free(i);
    eg_tensor_free(five);
    eg_tensor_free(scalar);
    eg_data_free(NULL);
    assert_int_equal(eg_data_status(NULL), EG_E_MEMORY);
}

static void test_range_shares(void **state) {
    (void)state;
    eg_data *data = make_set(), *part = eg_data_range(data, 10, 14), *inner = eg_data_range(part, 1, 3);
    const float *original = x_of(data);
    assert_ptr_equal(x_of(part), original + 20);
    eg_data_free(data);
    eg_data_free(part);
    assert_int_equal(eg_data_rows(inner), 2); /* outlives what it was cut from */
    assert_true(x_of(inner)[0] == 11 && x_of(inner)[3] == 120);
    assert_int_equal(y_of(inner)[0], 1);
    assert_string_equal(eg_data_class_name(inner, 1), "1");
    expect_poison(eg_data_range(inner, 1, 3), EG_E_ARGUMENT, "rows 1 to 3 of a data set of 2");
    eg_data_free(inner);
}

static void test_take_copies(void **state) {
    (void)state;
    eg_data *data = make_set();
    float weights[N];
    for (int i = 0; i < N; i++) weights[i] = (float)i / 2;
    assert_int_equal(eg_data_set_weights(data, weights, N), EG_OK);
    eg_data *some = eg_data_take(data, (int64_t[]){ 29, 0, 29 }, 3);
    assert_true(x_of(some)[0] == 29 && x_of(some)[3] == 0 && x_of(some)[5] == 290);
    assert_int_equal(y_of(some)[2], 2);
    assert_true(eg_data_weights(some)[0] == 14.5f);
    expect_poison(eg_data_take(data, (int64_t[]){ 30 }, 1), EG_E_ARGUMENT, "row 30 of a data set of 30");
    eg_data_free(some);
    eg_data *view = eg_data_range(data, 4, 6);
    assert_true(eg_data_weights(view)[1] == 2.5f);
    eg_data_free(view);
    eg_data_free(data);
}

static void test_weights(void **state) {
    (void)state;
    eg_data *data = make_set();
    float bad[N] = { 1, -1 };
    assert_int_equal(eg_data_set_weights(data, bad, N), EG_E_ARGUMENT);
    assert_string_equal(eg_error(), "weight -1 of sample 2: weights are finite and not negative");
    bad[1] = NAN;
    assert_int_equal(eg_data_set_weights(data, bad, N), EG_E_ARGUMENT);
    assert_int_equal(eg_data_set_weights(data, bad, 3), EG_E_SHAPE);
    assert_null(eg_data_weights(data));
    bad[1] = 0;
    assert_int_equal(eg_data_set_weights(data, bad, N), EG_OK);
    assert_int_equal(eg_data_set_weights(data, NULL, 0), EG_OK);
    assert_null(eg_data_weights(data));
    eg_data_free(data);
}

static void test_split_keeps_shares(void **state) {
    (void)state;
    eg_data *data = make_set(), *first, *second, *again, *rest;
    assert_int_equal(eg_data_split(data, .8, 7, &first, &second), EG_OK);
    assert_int_equal(eg_data_rows(first), 24);
    assert_int_equal(eg_data_rows(second), 6);
    int counts[CLASSES] = { 0 }, seen[N] = { 0 }, sorted = 1;
    for (int64_t i = 0; i < 24; i++) counts[y_of(first)[i]]++, seen[(int)x_of(first)[2 * i]]++;
    for (int64_t i = 0; i < 6; i++) seen[(int)x_of(second)[2 * i]]++;
    for (int64_t i = 1; i < 24; i++) sorted &= x_of(first)[2 * i] > x_of(first)[2 * i - 2];
    assert_int_equal(counts[0], 4);
    assert_int_equal(counts[1], 8);
    assert_int_equal(counts[2], 12);
    for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
    assert_false(sorted); /* shuffled, so that a last part of it holds all classes */
    assert_int_equal(eg_data_split(data, .8, 7, &again, &rest), EG_OK);
    assert_memory_equal(x_of(again), x_of(first), 24 * 2 * sizeof(float));
    eg_data_free(again);
    eg_data_free(rest);
    assert_int_equal(eg_data_split(data, .8, 8, &again, &rest), EG_OK);
    assert_memory_not_equal(x_of(again), x_of(first), 24 * 2 * sizeof(float));
    eg_data_free(again);
    eg_data_free(rest);
    eg_data_free(first);
    eg_data_free(second);
    assert_int_equal(eg_data_split(data, 1, 7, &first, &second), EG_E_ARGUMENT);
    assert_null(first);
    eg_data_free(data);
}

/* Neither part is ever empty. */
static void test_split_of_few(void **state) {
    (void)state;
    static const double shares[] = { .001, .5, .999 };
    for (int rows = 2; rows < 6; rows++)
        for (int i = 0; i < 3; i++) {
            eg_data *data = make_set(), *few = eg_data_range(data, 3, 3 + rows), *first, *second;
            assert_int_equal(eg_data_split(few, shares[i], 1, &first, &second), EG_OK);
            assert_true(eg_data_rows(first) > 0 && eg_data_rows(second) > 0);
            assert_int_equal(eg_data_rows(first) + eg_data_rows(second), rows);
            eg_data_free(first);
            eg_data_free(second);
            eg_data_free(few);
            eg_data_free(data);
        }
}

static void test_bad_rows(void **state) {
    (void)state;
    eg_tensor *x = eg_tensor_new(EG_F32, EG_SHAPE(5, 3)), *y = eg_tensor_new(EG_F32, EG_SHAPE(5));
    eg_data *data = eg_data_from(x, y, 0);
    assert_int_equal(eg_data_first_bad_row(data), -1);
    eg_data_free(data);
    ((float *)eg_tensor_data(x))[3 * 4 + 1] = NAN;
    data = eg_data_from(x, y, 0);
    assert_int_equal(eg_data_first_bad_row(data), 4);
    eg_data_free(data);
    ((float *)eg_tensor_data(y))[2] = -INFINITY;
    data = eg_data_from(x, y, 0);
    assert_int_equal(eg_data_first_bad_row(data), 2);
    eg_data_free(data);
    eg_tensor_free(x);
    eg_tensor_free(y);
}

static eg_status make_and_split(void *unused) {
    (void)unused;
    eg_data *data = make_set(), *view = NULL, *first = NULL, *second = NULL;
    eg_status status = data ? eg_data_status(data) : EG_E_MEMORY;
    if (status == EG_OK) {
        view = eg_data_range(data, 1, 20);
        status = eg_data_status(view);
    }
    if (status == EG_OK) status = eg_data_split(view, .5, 1, &first, &second);
    eg_data_free(first);
    eg_data_free(second);
    eg_data_free(view);
    eg_data_free(data);
    return status;
}

static void test_faults(void **state) {
    (void)state;
    assert_true(fault_loop(make_and_split, NULL) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),      cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_mistakes),     cmocka_unit_test(test_range_shares),
        cmocka_unit_test(test_take_copies),  cmocka_unit_test(test_weights),
        cmocka_unit_test(test_bad_rows),     cmocka_unit_test(test_split_keeps_shares),
        cmocka_unit_test(test_split_of_few), cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
