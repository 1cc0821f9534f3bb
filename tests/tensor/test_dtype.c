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

static void test_strided(void **state) {
    (void)state;
    const uint8_t in[] = { 0, 1, 2, 3, 4, 5, 6 };
    float out[3];
    eg_convert_strided(EG_F32, out, EG_U8, in, 3, 3);
    assert_true(out[0] == 0 && out[1] == 3 && out[2] == 6);
    eg_convert_strided(EG_F32, out, EG_U8, in + 6, -2, 3);
    assert_true(out[0] == 6 && out[1] == 4 && out[2] == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names_and_sizes), cmocka_unit_test(test_to_integers),
                                        cmocka_unit_test(test_all_pairs), cmocka_unit_test(test_strided) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
