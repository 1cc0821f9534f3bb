/* SPDX-License-Identifier: MIT
 *
 * dtype: names, sizes, and conversions that clamp.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "tensor/shape.h"

static void test_names_and_sizes(void **state) {
    (void)state;
    const struct {
        eg_dtype dtype;
        const char *name;
        size_t size;
    } rows[] = { { EG_F32, "f32", 4 }, { EG_F64, "f64", 8 }, { EG_I32, "i32", 4 }, { EG_U8, "u8", 1 } };
    for (int i = 0; i < 4; i++) {
        assert_string_equal(eg_dtype_name(rows[i].dtype), rows[i].name);
        assert_int_equal(eg_dtype_size(rows[i].dtype), rows[i].size);
        assert_int_equal(eg_dtype_from_name(rows[i].name), rows[i].dtype);
    }
    assert_int_equal(eg_dtype_from_name("f16"), 0);
    assert_int_equal(eg_dtype_size((eg_dtype)0), 0);
    assert_string_equal(eg_dtype_name((eg_dtype)9), "?");
}

static void test_to_integers(void **state) {
    (void)state;
    const double in[] = { 1.9, -1.9, 0, 3e9, -3e9, (double)NAN, (double)INFINITY, (double)-INFINITY, 255.5, 256 };
    const int32_t as_i32[] = { 1, -1, 0, INT32_MAX, INT32_MIN, 0, INT32_MAX, INT32_MIN, 255, 256 };
    const uint8_t as_u8[] = { 1, 0, 0, 255, 0, 0, 255, 0, 255, 255 };
    float narrow[10];
    int32_t whole[10];
    uint8_t byte[10];
    eg_convert(EG_F32, narrow, EG_F64, in, 10);
    for (int from_f32 = 0; from_f32 < 2; from_f32++) {
        eg_dtype from = from_f32 ? EG_F32 : EG_F64;
        const void *source = from_f32 ? (const void *)narrow : (const void *)in;
        eg_convert(EG_I32, whole, from, source, 10);
        eg_convert(EG_U8, byte, from, source, 10);
        assert_memory_equal(whole, as_i32, sizeof whole);
        assert_memory_equal(byte, as_u8, sizeof byte);
    }
    eg_convert(EG_U8, byte, EG_I32, as_i32, 10);
    assert_true(byte[0] == 1 && byte[1] == 0 && byte[3] == 255 && byte[9] == 255);
}

/* Every small whole number survives every road between two types. */
static void test_all_pairs(void **state) {
    (void)state;
    const eg_dtype types[] = { EG_F32, EG_F64, EG_I32, EG_U8 };
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            for (int v = 0; v < 256; v += 51) {
                double in = v, out = -1;
                char first[8], second[8];
                eg_convert(types[a], first, EG_F64, &in, 1);
                eg_convert(types[b], second, types[a], first, 1);
                eg_convert(EG_F64, &out, types[b], second, 1);
                assert_true(out == in);
            }
}

/* Elements of a view are converted in the view's order. */
static void check_slice(int64_t start, int64_t stop, int64_t step, float first, float second, float third) {
    const uint8_t in[] = { 0, 1, 2, 3, 4, 5, 6 };
    eg_tensor *all = eg_tensor_from(EG_U8, EG_SHAPE(7), in), *view = eg_tensor_slice(all, 0, start, stop, step);
    eg_tensor *copy = eg_tensor_copy(view, EG_F32);
    const float *out = eg_tensor_data(copy);
    assert_true(eg_tensor_size(copy) == 3 && out[0] == first && out[1] == second && out[2] == third);
    eg_tensor_free(all);
    eg_tensor_free(view);
    eg_tensor_free(copy);
}

static void test_strided(void **state) {
    (void)state;
    check_slice(0, 7, 3, 0, 3, 6);
    check_slice(6, 1, -2, 6, 4, 2);
}

/* More elements than are converted at a time. */
static void test_many(void **state) {
    (void)state;
    enum { N = 1000 };
    uint8_t in[N];
    float middle[N];
    int32_t out[N];
    for (int i = 0; i < N; i++) in[i] = (uint8_t)(i * 7);
    eg_convert(EG_F32, middle, EG_U8, in, N);
    eg_convert(EG_I32, out, EG_F32, middle, N);
    for (int i = 0; i < N; i++) assert_int_equal(out[i], in[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names_and_sizes), cmocka_unit_test(test_to_integers),
                                        cmocka_unit_test(test_all_pairs), cmocka_unit_test(test_strided),
                                        cmocka_unit_test(test_many) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
