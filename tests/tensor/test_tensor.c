/* SPDX-License-Identifier: MIT
 *
 * tensor: creation, views that share, copies that do not, Python's slices, and failure.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <elegans/tensor.h>
#include "fault.h"

/* 0, 1, 2, ... in that shape. */
static eg_tensor *ramp(eg_dtype dtype, eg_shape shape) {
    eg_tensor *wide = eg_tensor_new(EG_F64, shape);
    double *data = eg_tensor_data(wide);
    for (int64_t i = 0; i < eg_tensor_size(wide); i++) data[i] = (double)i;
    eg_tensor *tensor = eg_tensor_copy(wide, dtype);
    eg_tensor_free(wide);
    return tensor;
}

static void expect_shape(const eg_tensor *tensor, eg_shape expected) {
    char a[160], b[160];
    assert_non_null(tensor);
    assert_string_equal(eg_shape_text(eg_tensor_shape(tensor), a, 160), eg_shape_text(expected, b, 160));
}

#define AT(tensor, ...) eg_tensor_get(tensor, (const int64_t[]){ __VA_ARGS__ })

static void test_new_is_zero(void **state) {
    (void)state;
    const eg_dtype types[] = { EG_F32, EG_F64, EG_I32, EG_U8 };
    for (int i = 0; i < 4; i++) {
        eg_tensor *t = eg_tensor_new(types[i], EG_SHAPE(3, 5));
        assert_int_equal(eg_tensor_dtype(t), types[i]);
        assert_int_equal(eg_tensor_size(t), 15);
        assert_int_equal((uintptr_t)eg_tensor_data(t) % 64, 0);
        for (int64_t k = 0; k < 15; k++) assert_true(AT(t, k / 5, k % 5) == 0);
        eg_tensor_set(t, (int64_t[]){ 2, 1 }, 7);
        assert_true(AT(t, 2, 1) == 7);
        eg_tensor_free(t);
    }
    eg_tensor_free(NULL);
}

static void test_bad_arguments(void **state) {
    (void)state;
    assert_null(eg_tensor_new((eg_dtype)0, EG_SHAPE(3)));
    assert_int_equal(eg_error_status(), EG_E_DTYPE);
    assert_null(eg_tensor_new(EG_F32, EG_SHAPE(-1)));
    assert_int_equal(eg_error_status(), EG_E_SHAPE);
    assert_null(eg_tensor_new(EG_F64, EG_SHAPE(INT64_MAX / 8)));
    assert_int_equal(eg_error_status(), EG_E_MEMORY);
}

/* Rank 2 to 5, as in the course: tables, time series, images, video. */
static void test_ranks(void **state) {
    (void)state;
    const eg_shape shapes[] = { EG_SCALAR,
                                EG_SHAPE(3),
                                EG_SHAPE(4, 3),
                                EG_SHAPE(2, 5, 3),
                                EG_SHAPE(2, 4, 4, 3),
                                EG_SHAPE(2, 3, 4, 4, 3),
                                EG_SHAPE(1, 2, 1, 2, 1, 2, 1, 2),
                                EG_SHAPE(0, 3) };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        eg_tensor *t = ramp(EG_F32, shapes[i]);
        expect_shape(t, shapes[i]);
        int64_t last[EG_MAX_RANK], step = 1;
        for (int k = shapes[i].rank - 1; k >= 0; k--) {
            assert_int_equal(eg_tensor_strides(t)[k], step);
            step *= shapes[i].dim[k] > 0 ? shapes[i].dim[k] : 1;
            last[k] = shapes[i].dim[k] - 1;
        }
        assert_true(eg_tensor_is_contiguous(t));
        if (eg_tensor_size(t) > 0) assert_true(eg_tensor_get(t, last) == (double)eg_tensor_size(t) - 1);
        eg_tensor_free(t);
    }
}

/* MNIST's 70,000 images as rows, as pictures and back, and its last 10,000: no byte is copied. */
static void test_mnist_shapes(void **state) {
    (void)state;
    eg_tensor *rows = eg_tensor_new(EG_U8, EG_SHAPE(70000, 784));
    uint8_t *data = eg_tensor_data(rows);
    data[60000 * 784 + 5 * 28 + 7] = 200;
    size_t before = eg_memory().bytes;
    eg_tensor *images = eg_tensor_reshape(rows, EG_SHAPE(70000, 28, 28));
    eg_tensor *back = eg_tensor_reshape(images, EG_SHAPE(-1, 784));
    eg_tensor *test = eg_tensor_slice(images, 0, -10000, INT64_MAX, 1);
    assert_true(eg_memory().bytes - before < 2000);
    expect_shape(images, EG_SHAPE(70000, 28, 28));
    expect_shape(back, EG_SHAPE(70000, 784));
    expect_shape(test, EG_SHAPE(10000, 28, 28));
    assert_true(AT(images, 60000, 5, 7) == 200 && AT(test, 0, 5, 7) == 200);
    assert_ptr_equal(eg_tensor_data(back), data);
    assert_ptr_equal(eg_tensor_data(test), data + 60000 * 784);
    assert_true(eg_tensor_is_contiguous(test));
    eg_tensor_set(test, (int64_t[]){ 9999, 27, 27 }, 1);
    assert_int_equal(data[70000 * 784 - 1], 1);
    eg_tensor_free(rows), eg_tensor_free(images), eg_tensor_free(back);
    assert_true(AT(test, 9999, 27, 27) == 1); /* the buffer lives as long as its last view */
    eg_tensor_free(test);
}

static void test_reshape(void **state) {
    (void)state;
    eg_tensor *t = ramp(EG_I32, EG_SHAPE(4, 6)), *turned = eg_tensor_permute(t, (int[]){ 1, 0 });
    eg_tensor *flat = eg_tensor_reshape(turned, EG_SHAPE(24)); /* not in order: a copy */
    assert_true(AT(flat, 1) == 6 && AT(flat, 4) == 1);
    assert_ptr_not_equal(eg_tensor_data(flat), eg_tensor_data(t));
    eg_tensor *one = eg_tensor_reshape(t, EG_SHAPE(2, -1, 1));
    expect_shape(one, EG_SHAPE(2, 12, 1));
    const eg_shape wrong[] = { EG_SHAPE(5, 5),  EG_SHAPE(-1, -1), EG_SHAPE(-1, 7), EG_SHAPE(-2, -12),
                               EG_SHAPE(0, -1), EG_SCALAR,        { 9, { 0 } },    EG_SHAPE(INT64_MAX, INT64_MAX) };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_null(eg_tensor_reshape(t, wrong[i]));
        assert_int_equal(eg_error_status(), EG_E_SHAPE);
    }
    assert_null(eg_tensor_reshape(t, EG_SHAPE(5, 5)));
    assert_string_equal(eg_error(), "reshape: [4,6] to [5,5]: the numbers of elements differ");
    eg_tensor *single = eg_tensor_new(EG_F32, EG_SHAPE(1, 1)), *scalar = eg_tensor_reshape(single, EG_SCALAR);
    expect_shape(scalar, EG_SCALAR);
    eg_tensor_free(t), eg_tensor_free(turned), eg_tensor_free(flat), eg_tensor_free(one);
    eg_tensor_free(single), eg_tensor_free(scalar);
}

static void test_permute(void **state) {
    (void)state;
    eg_tensor *t = ramp(EG_F64, EG_SHAPE(2, 3, 4)), *p = eg_tensor_permute(t, (int[]){ 2, 0, -2 });
    expect_shape(p, EG_SHAPE(4, 2, 3));
    assert_true(AT(p, 3, 1, 2) == AT(t, 1, 2, 3));
    assert_false(eg_tensor_is_contiguous(p));
    eg_tensor *copy = eg_tensor_copy(p, EG_F32);
    for (int64_t i = 0; i < 24; i++) assert_true(AT(copy, i / 6, i / 3 % 2, i % 3) == AT(p, i / 6, i / 3 % 2, i % 3));
    assert_null(eg_tensor_permute(t, (int[]){ 0, 1, 1 }));
    assert_int_equal(eg_error_status(), EG_E_ARGUMENT);
    assert_null(eg_tensor_permute(t, (int[]){ 0, 1, 3 }));
    eg_tensor_free(t), eg_tensor_free(p), eg_tensor_free(copy);
}

/* All slices of 0..n-1 for small numbers, against the definition: walk from start to stop. */
static void test_slices_like_python(void **state) {
    (void)state;
    for (int64_t n = 0; n < 5; n++) {
        eg_tensor *t = ramp(EG_I32, EG_SHAPE(n));
        for (int64_t start = -7; start < 8; start++)
            for (int64_t stop = -7; stop < 8; stop++)
                for (int64_t step = -3; step < 4; step++) {
                    if (step == 0) continue;
                    int64_t a = start < 0 ? start + n : start, b = stop < 0 ? stop + n : stop, count = 0;
                    if (step > 0) a = a < 0 ? 0 : a, b = b > n ? n : b;
                    if (step < 0) a = a >= n ? n - 1 : a, b = b < -1 ? -1 : b;
                    eg_tensor *s = eg_tensor_slice(t, 0, start, stop, step);
                    for (int64_t i = a; step > 0 ? i < b : i > b; i += step) assert_true(AT(s, count++) == (double)i);
                    expect_shape(s, EG_SHAPE(count));
                    eg_tensor_free(s);
                }
        eg_tensor_free(t);
    }
}

static void test_slice_corners(void **state) {
    (void)state;
    eg_tensor *t = ramp(EG_F32, EG_SHAPE(3, 4));
    eg_tensor *reversed = eg_tensor_slice(t, -1, -1, INT64_MIN, -1),
              *far = eg_tensor_slice(t, 0, 1, INT64_MAX, INT64_MAX);
    expect_shape(reversed, EG_SHAPE(3, 4));
    assert_true(AT(reversed, 1, 0) == 7 && AT(reversed, 1, 3) == 4);
    expect_shape(far, EG_SHAPE(1, 4));
    assert_true(AT(far, 0, 2) == 6);
    eg_tensor *down = eg_tensor_slice(t, 0, 2, INT64_MIN, INT64_MIN);
    expect_shape(down, EG_SHAPE(1, 4));
    assert_null(eg_tensor_slice(t, 0, 0, 2, 0));
    assert_int_equal(eg_error_status(), EG_E_ARGUMENT);
    assert_null(eg_tensor_slice(t, 2, 0, 2, 1));
    assert_int_equal(eg_error_status(), EG_E_ARGUMENT);
    eg_tensor_free(t), eg_tensor_free(reversed), eg_tensor_free(far), eg_tensor_free(down);
}

static void test_expand(void **state) {
    (void)state;
    eg_tensor *t = ramp(EG_F32, EG_SHAPE(3, 1)), *e = eg_tensor_expand(t, EG_SHAPE(2, 3, 4));
    expect_shape(e, EG_SHAPE(2, 3, 4));
    assert_true(AT(e, 0, 2, 0) == 2 && AT(e, 1, 2, 3) == 2);
    assert_false(eg_tensor_is_contiguous(e));
    eg_tensor *copy = eg_tensor_copy(e, EG_U8);
    assert_true(AT(copy, 1, 1, 3) == 1);
    assert_null(eg_tensor_expand(t, EG_SHAPE(4, 4)));
    assert_string_equal(eg_error(), "expand: [3,1] does not stretch to [4,4]");
    assert_null(eg_tensor_expand(t, EG_SHAPE(3)));
    assert_null(eg_tensor_expand(t, EG_SHAPE(1, 1)));
    eg_tensor_free(t), eg_tensor_free(e), eg_tensor_free(copy);
}

static void test_copy_is_its_own(void **state) {
    (void)state;
    eg_tensor *t = eg_tensor_from(EG_F32, EG_SHAPE(2), (float[]){ 1.75f, -300 });
    eg_tensor *c = eg_tensor_copy(t, EG_U8);
    assert_true(AT(c, 0) == 1 && AT(c, 1) == 0);
    eg_tensor_set(c, (int64_t[]){ 0 }, 9);
    assert_true(AT(t, 0) == 1.75);
    eg_tensor *empty = eg_tensor_new(EG_F32, EG_SHAPE(3, 0)), *turned = eg_tensor_permute(empty, (int[]){ 1, 0 });
    eg_tensor *empty_copy = eg_tensor_copy(turned, EG_F64);
    expect_shape(empty_copy, EG_SHAPE(0, 3));
    eg_tensor_free(t), eg_tensor_free(c), eg_tensor_free(empty), eg_tensor_free(turned), eg_tensor_free(empty_copy);
}

static eg_status views_of_views(void *unused) {
    (void)unused;
    eg_tensor *t[6] = { eg_tensor_new(EG_F32, EG_SHAPE(4, 6)) };
    if (t[0]) t[1] = eg_tensor_permute(t[0], (int[]){ 1, 0 });
    if (t[1]) t[2] = eg_tensor_slice(t[1], 0, 0, 4, 2);
    if (t[2]) t[3] = eg_tensor_reshape(t[2], EG_SHAPE(8));
    if (t[3]) t[4] = eg_tensor_expand(t[3], EG_SHAPE(3, 8));
    if (t[4]) t[5] = eg_tensor_copy(t[4], EG_I32);
    eg_status status = t[5] ? EG_OK : eg_error_status();
    for (int i = 0; i < 6; i++) eg_tensor_free(t[i]);
    return status;
}

static void test_failed_allocations(void **state) {
    (void)state;
    assert_true(fault_loop(views_of_views, NULL) >= 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_is_zero),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_mnist_shapes),
        cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_permute),
        cmocka_unit_test(test_slices_like_python),
        cmocka_unit_test(test_slice_corners),
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_copy_is_its_own),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
