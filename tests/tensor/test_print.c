/* SPDX-License-Identifier: MIT
 *
 * print: the text of a tensor is NumPy's, to the byte.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <elegans/tensor.h>
#include "fault.h"
#include "tensor/shape.h"

/* `count` values, or offset + i * scale for all elements if count is -1. */
typedef struct print_row {
    eg_dtype dtype;
    eg_shape shape;
    int count;
    double values[8], offset, scale;
    const char *expected;
} print_row;

#include "print_golden.h"

static eg_tensor *tensor_of(const print_row *row) {
    eg_tensor *wide = eg_tensor_new(EG_F64, row->shape);
    if (!wide) return NULL;
    double *data = eg_tensor_data(wide);
    for (int64_t i = 0; i < eg_tensor_size(wide); i++)
        data[i] = row->count < 0 ? row->offset + (double)i * row->scale : row->values[i];
    eg_tensor *tensor = eg_tensor_copy(wide, row->dtype);
    eg_tensor_free(wide);
    return tensor;
}

static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        eg_tensor *tensor = tensor_of(&golden[i]);
        char *text = eg_tensor_text(tensor);
        assert_string_equal(text, golden[i].expected);
        eg_string_free(text);
        eg_tensor_free(tensor);
    }
}

/* A view prints as the copy of it does. */
static void test_views(void **state) {
    (void)state;
    eg_tensor *base = tensor_of(&(print_row){ EG_F64, EG_SHAPE(3, 4), -1, { 0 }, 0, 1, "" });
    eg_tensor *turned = eg_tensor_permute(base, (int[]){ 1, 0 });
    eg_tensor *back = eg_tensor_slice(turned, 0, -1, INT64_MIN, -2);
    char *text = eg_tensor_text(back);
    assert_string_equal(text, "[[ 3.  7. 11.]\n [ 1.  5.  9.]]");
    eg_string_free(text);
    eg_tensor_free(base), eg_tensor_free(turned), eg_tensor_free(back);
}

static eg_status print_one(void *row) {
    eg_tensor *tensor = tensor_of(row);
    char *text = tensor ? eg_tensor_text(tensor) : NULL;
    eg_status status = text ? EG_OK : eg_error_status();
    eg_string_free(text);
    eg_tensor_free(tensor);
    return status;
}

static void test_failed_allocations(void **state) {
    (void)state;
    print_row row = { EG_F32, EG_SHAPE(30, 30), -1, { 0 }, 0, .1, "" };
    assert_true(fault_loop(print_one, &row) > 4);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_golden), cmocka_unit_test(test_views),
                                        cmocka_unit_test(test_failed_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
