/* SPDX-License-Identifier: MIT
 *
 * The course's tensors, as NumPy has them: adding a row to a matrix, images as rows and back, the last 10,000 images for
 * testing, tensors of rank 2 (a table) to 5 (films).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <elegans/graph.h>
#include <elegans/program.h>
#include <elegans/tensor.h>

/* a + b by the given executor, as the text that NumPy prints. */
static char *printed_sum(eg_tensor *a, eg_tensor *b, eg_executor executor) {
    eg_graph *graph = eg_graph_new();
    eg_state *state = eg_state_new(0);
    eg_value *sum = eg_add(eg_constant(graph, a), eg_constant(graph, b));
    eg_shape shape = eg_value_shape(sum);
    eg_program *program = eg_program_new(state, &sum, 1, .executor = executor);
    assert_non_null(program);
    assert_int_equal(eg_run(program), EG_OK);
    eg_tensor *result = eg_tensor_new(EG_F64, shape);
    assert_int_equal(eg_fetch(program, 0, eg_tensor_data(result), eg_tensor_size(result)), EG_OK);
    char *text = eg_tensor_text(result);
    eg_tensor_free(result);
    eg_program_free(program);
    eg_state_free(state);
    eg_graph_free(graph);
    return text;
}

static void test_broadcasting(void **state) {
    (void)state;
    eg_tensor *matrix = eg_tensor_from(EG_F32, EG_SHAPE(2, 2), (float[]){ 1, 2, 3, 4 });
    eg_tensor *row = eg_tensor_from(EG_F32, EG_SHAPE(2), (float[]){ 10, 20 });
    char *text = printed_sum(matrix, row, EG_REF);
    assert_string_equal(text, "[[11. 22.]\n [13. 24.]]");
    eg_string_free(text);
    eg_tensor_free(matrix), eg_tensor_free(row);
}

/* Views: 55 MB of bytes become 70,000 pictures and rows again without being touched. */
static void test_mnist_as_rows_and_images(void **state) {
    (void)state;
    eg_tensor *rows = eg_tensor_new(EG_U8, EG_SHAPE(70000, 784));
    eg_tensor_set(rows, (int64_t[]){ 69999, 14 * 28 + 3 }, 128);
    eg_tensor *images = eg_tensor_reshape(rows, EG_SHAPE(70000, 28, 28));
    eg_tensor *again = eg_tensor_reshape(images, EG_SHAPE(70000, 784));
    eg_tensor *train = eg_tensor_slice(images, 0, 0, -10000, 1);
    eg_tensor *test = eg_tensor_slice(images, 0, -10000, INT64_MAX, 1);
    assert_true(eg_shape_equal(eg_tensor_shape(again), EG_SHAPE(70000, 784)));
    assert_true(eg_shape_equal(eg_tensor_shape(train), EG_SHAPE(60000, 28, 28)));
    assert_true(eg_shape_equal(eg_tensor_shape(test), EG_SHAPE(10000, 28, 28)));
    assert_true(eg_tensor_get(test, (int64_t[]){ 9999, 14, 3 }) == 128);
    assert_ptr_equal(eg_tensor_data(again), eg_tensor_data(rows));
    eg_tensor_free(rows), eg_tensor_free(images), eg_tensor_free(again), eg_tensor_free(train), eg_tensor_free(test);
}

static void test_ranks_two_to_five(void **state) {
    (void)state;
    const eg_shape shapes[] = { EG_SHAPE(1000, 3), EG_SHAPE(250, 390, 3), EG_SHAPE(16, 64, 64, 3), EG_SHAPE(2, 24, 36, 64, 3) };
    const char *const texts[] = { "[1000,3]", "[250,390,3]", "[16,64,64,3]", "[2,24,36,64,3]" };
    for (int i = 0; i < 4; i++) {
        char text[160];
        eg_tensor *tensor = eg_tensor_new(EG_U8, shapes[i]);
        assert_string_equal(eg_shape_text(eg_tensor_shape(tensor), text, sizeof text), texts[i]);
        assert_int_equal(eg_tensor_shape(tensor).rank, i + 2);
        eg_tensor_free(tensor);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_broadcasting),
                                        cmocka_unit_test(test_mnist_as_rows_and_images),
                                        cmocka_unit_test(test_ranks_two_to_five) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
