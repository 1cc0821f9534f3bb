/* SPDX-License-Identifier: MIT
 *
 * shape: sizes, texts, broadcasting, strides, axes, checks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/status.h"
#include "tensor/shape.h"

static void expect_text(eg_shape shape, const char *expected) {
    char text[160];
    assert_string_equal(eg_shape_text(shape, text, sizeof text), expected);
}

static void test_size_and_text(void **state) {
    (void)state;
    assert_int_equal(eg_shape_size(EG_SCALAR), 1);
    assert_int_equal(eg_shape_size(EG_SHAPE(128, 784)), 100352);
    assert_int_equal(eg_shape_size(EG_SHAPE(3, 0, 5)), 0);
    expect_text(EG_SCALAR, "[]");
    expect_text(EG_SHAPE(128, 784), "[128,784]");
    expect_text(EG_SHAPE(7), "[7]");
    eg_shape widest = { EG_MAX_RANK, { 0 } };
    for (int i = 0; i < EG_MAX_RANK; i++) widest.dim[i] = INT64_MAX;
    char text[160], cut[5];
    assert_int_equal(strlen(eg_shape_text(widest, text, sizeof text)), 159); /* impossible, so cut is fine */
    assert_string_equal(eg_shape_text(EG_SHAPE(128, 784), cut, sizeof cut), "[128");
}

static void test_equal(void **state) {
    (void)state;
    assert_true(eg_shape_equal(EG_SHAPE(2, 3), EG_SHAPE(2, 3)));
    assert_false(eg_shape_equal(EG_SHAPE(2, 3), EG_SHAPE(3, 2)));
    assert_false(eg_shape_equal(EG_SHAPE(2, 3), EG_SHAPE(2, 3, 1)));
    assert_true(eg_shape_equal(EG_SCALAR, EG_SCALAR));
}

static void test_broadcast(void **state) {
    (void)state;
    const eg_shape rows[][3] = {
        { EG_SHAPE(2, 3), EG_SHAPE(3), EG_SHAPE(2, 3) },
        { EG_SHAPE(2, 1), EG_SHAPE(1, 4), EG_SHAPE(2, 4) },
        { EG_SCALAR, EG_SHAPE(5), EG_SHAPE(5) },
        { EG_SCALAR, EG_SCALAR, EG_SCALAR },
        { EG_SHAPE(8, 1, 6, 1), EG_SHAPE(7, 1, 5), EG_SHAPE(8, 7, 6, 5) },
        { EG_SHAPE(0, 3), EG_SHAPE(1, 3), EG_SHAPE(0, 3) },
        { EG_SHAPE(0), EG_SHAPE(1), EG_SHAPE(0) },
    };
    eg_shape out;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int swap = 0; swap < 2; swap++) {
            assert_int_equal(eg_shape_broadcast(rows[i][swap], rows[i][!swap], &out), EG_OK);
            assert_true(eg_shape_equal(out, rows[i][2]));
        }
    assert_int_equal(eg_shape_broadcast(EG_SHAPE(2, 3), EG_SHAPE(4), &out), EG_E_SHAPE);
    assert_string_equal(eg_error(), "[2,3] and [4] do not broadcast");
    assert_int_equal(eg_shape_broadcast(EG_SHAPE(0), EG_SHAPE(2), &out), EG_E_SHAPE);
}

static void test_strides(void **state) {
    (void)state;
    int64_t s[EG_MAX_RANK];
    eg_shape_strides(&EG_SHAPE(4, 3, 2), s);
    assert_true(s[0] == 6 && s[1] == 2 && s[2] == 1);
    eg_shape_strides(&EG_SHAPE(4, 0, 2), s);
    assert_true(s[1] == 2 && s[2] == 1);
    eg_broadcast_strides(&EG_SHAPE(3, 1), &EG_SHAPE(5, 3, 4), s);
    assert_true(s[0] == 0 && s[1] == 1 && s[2] == 0);
    eg_broadcast_strides(&EG_SCALAR, &EG_SHAPE(5, 3), s);
    assert_true(s[0] == 0 && s[1] == 0);
}

static void test_check(void **state) {
    (void)state;
    assert_int_equal(eg_shape_check(&EG_SCALAR), EG_OK);
    assert_int_equal(eg_shape_check(&EG_SHAPE(1, 2, 3, 4, 5, 6, 7, 8)), EG_OK);
    assert_int_equal(eg_shape_check(&EG_SHAPE(0, INT64_MAX / 8)), EG_OK);
    assert_int_equal(eg_shape_check(&(eg_shape){ 9, { 0 } }), EG_E_SHAPE);
    assert_int_equal(eg_shape_check(&(eg_shape){ -1, { 0 } }), EG_E_SHAPE);
    assert_int_equal(eg_shape_check(&EG_SHAPE(3, -1)), EG_E_SHAPE);
    assert_int_equal(eg_shape_check(&EG_SHAPE(INT64_MAX / 8 + 1)), EG_E_SHAPE);
    assert_int_equal(eg_shape_check(&EG_SHAPE(1 << 30, 1 << 30, 1 << 30)), EG_E_SHAPE);
    assert_int_equal(eg_shape_check(&EG_SHAPE(0, INT64_MAX, INT64_MAX)), EG_E_SHAPE);
}

static void test_axes(void **state) {
    (void)state;
    unsigned mask;
    assert_int_equal(eg_axis_normal(-1, 3), 2);
    assert_int_equal(eg_axis_normal(-3, 3), 0);
    assert_int_equal(eg_axis_normal(3, 3), -1);
    assert_int_equal(eg_axis_normal(-4, 3), -1);
    assert_int_equal(eg_axes_mask(&EG_AXES(0, -1), 3, &mask), EG_OK);
    assert_int_equal(mask, 5);
    assert_int_equal(eg_axes_mask(&(eg_axes){ 0 }, 3, &mask), EG_OK);
    assert_int_equal(mask, 7);
    assert_int_equal(eg_axes_mask(&(eg_axes){ 0 }, 0, &mask), EG_OK);
    assert_int_equal(mask, 0);
    assert_int_equal(eg_axes_mask(&EG_AXES(1, -2), 3, &mask), EG_E_ARGUMENT);
    assert_int_equal(eg_axes_mask(&EG_AXES(3), 3, &mask), EG_E_ARGUMENT);
    assert_int_equal(eg_axes_mask(&(eg_axes){ 99, { 0 } }, 3, &mask), EG_E_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_and_text), cmocka_unit_test(test_equal), cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_strides),       cmocka_unit_test(test_check), cmocka_unit_test(test_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
