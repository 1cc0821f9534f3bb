/* SPDX-License-Identifier: MIT
 *
 * scaling: shift and scale by hand-computed numbers, constant columns, bytes, what AUTO chooses, names.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include <elegans/data.h>
#include "base/alloc.h"

static eg_data *table(const float *values, int rows, int columns) {
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(rows, columns), values);
    eg_data *data = eg_data_from(x, NULL, 0);
    eg_tensor_free(x);
    return data;
}

static void test_standardise(void **state) {
    (void)state;
    float shift[3], scale[3];
    eg_scaling chosen;
    eg_data *data = table((float[]){ 1, .1f, -3, 2, .1f, -3, 6, .1f, 3 }, 3, 3);
    assert_int_equal(eg_scaling_fit(EG_SCALING_STANDARDISE, data, shift, scale, &chosen), EG_OK);
    assert_int_equal(chosen, EG_SCALING_STANDARDISE);
    assert_true(shift[0] == 3 && fabsf(scale[0] - 1 / sqrtf(14.f / 3)) < 1e-7f); /* ddof 0 */
    assert_true(shift[1] == .1f && scale[1] == 1); /* constant: exactly 0, not divided */
    assert_true(shift[2] == -1 && fabsf(scale[2] - 1 / sqrtf(8)) < 1e-7f);
    eg_data_free(data);
}

static void test_min_max(void **state) {
    (void)state;
    float shift[2], scale[2];
    eg_data *data = table((float[]){ 1, 7, 5, 7, 3, 7 }, 3, 2);
    assert_int_equal(eg_scaling_fit(EG_SCALING_MIN_MAX, data, shift, scale, NULL), EG_OK);
    assert_true(shift[0] == 1 && scale[0] == .25f && shift[1] == 7 && scale[1] == 1);
    assert_int_equal(eg_scaling_fit(EG_SCALING_NONE, data, shift, scale, NULL), EG_OK);
    assert_true(shift[0] == 0 && scale[0] == 1);
    eg_data_free(data);
}

static void test_auto(void **state) {
    (void)state;
    float shift[784], scale[784];
    eg_scaling chosen;
    eg_data *data = eg_data_open("gen:digits?n=2", NULL);
    assert_int_equal(eg_scaling_fit(EG_SCALING_AUTO, data, shift, scale, &chosen), EG_OK);
    assert_int_equal(chosen, EG_SCALING_BYTES);
    assert_true(shift[783] == 0 && scale[783] == 1.f / 255);
    assert_int_equal(eg_scaling_fit(EG_SCALING_MIN_MAX, data, shift, scale, &chosen),
                     EG_OK); /* bytes can be fitted too */
    eg_data_free(data);
    data = eg_data_open("gen:moons", NULL);
    assert_int_equal(eg_scaling_fit(EG_SCALING_AUTO, data, shift, scale, &chosen), EG_OK);
    assert_int_equal(chosen, EG_SCALING_NONE);
    eg_data_free(data);
}

static void test_mistakes(void **state) {
    (void)state;
    float shift[2], scale[2];
    eg_data *data = table((float[]){ 1, 7, 5, NAN }, 2, 2);
    assert_int_equal(eg_scaling_fit(EG_SCALING_STANDARDISE, data, shift, scale, NULL), EG_E_DATA);
    assert_string_equal(eg_error(), "row 2 holds a value that is not finite");
    assert_int_equal(eg_scaling_fit((eg_scaling)77, data, shift, scale, NULL), EG_E_ARGUMENT);
    eg_alloc_fail_at(1, 0);
    eg_data *good = eg_data_open("gen:moons", NULL);
    eg_alloc_fail_at(0, 0);
    assert_int_equal(eg_scaling_fit(EG_SCALING_AUTO, good, shift, scale, NULL), EG_E_MEMORY);
    eg_data_free(good);
    eg_data_free(data);
}

static void test_names(void **state) {
    (void)state;
    eg_scaling kind;
    for (int i = 0; i < EG_SCALING_KINDS; i++) {
        assert_int_equal(eg_scaling_named(eg_scaling_name((eg_scaling)i), &kind), EG_OK);
        assert_int_equal(kind, i);
    }
    assert_int_equal(eg_scaling_named("standardize", &kind), EG_OK);
    assert_int_equal(kind, EG_SCALING_STANDARDISE);
    assert_int_equal(eg_scaling_named("min-max", &kind), EG_E_NAME);
    assert_string_equal(eg_error(), "unknown scaling 'min-max'; did you mean 'min_max'?");
    assert_string_equal(eg_scaling_name((eg_scaling)77), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standardise), cmocka_unit_test(test_min_max), cmocka_unit_test(test_auto),
        cmocka_unit_test(test_mistakes),    cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
