/* SPDX-License-Identifier: MIT
 *
 * test_003_tensors.c: deck 003, tensors of every rank of the deck, element-wise operations with
 * broadcasting, tensor dot.
 */
#include "course/course.h"

/* np.array([[1,2],[3,4]]) + np.array([10,20]) */
static void element_wise_operations(void **state) {
    (void)state;
    eg_value *a = MATRIX(2, 2, 1, 2, 3, 4), *b = VECTOR(10, 20);
    EXACT(eg_add(a, b), EG_SHAPE(2, 2), 11, 22, 13, 24);
    EXACT(eg_add(b, a), EG_SHAPE(2, 2), 11, 22, 13, 24);
    EXACT(eg_maximum(MATRIX(2, 2, -1, 2, 3, -4), eg_const(graph, 0)), EG_SHAPE(2, 2), 0, 2, 3, 0);
}

/* z[i,j] = the inner product of x[i,:] and y[:,j] (the slide's * leaves out the sum) */
static void tensor_dot(void **state) {
    (void)state;
    eg_value *x = MATRIX(2, 3, 1, 2, 3, 4, 5, 6), *y = MATRIX(3, 2, 1, 0, 0, 1, 1, 1);
    EXACT(eg_matmul(x, y), EG_SHAPE(2, 2), 4, 5, 10, 11);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            eg_value *row = eg_slice(x, 0, i, i + 1), *column = eg_transpose(eg_slice(y, 1, j, j + 1));
            EXACT(eg_sum(eg_mul(row, column)), EG_SCALAR, (double[]){ 4, 5, 10, 11 }[2 * i + j]);
        }
}

/* y = relu(dot(W, x) + b); in rows of samples, x W' + b. */
static void dense_layer_as_tensor_operations(void **state) {
    (void)state;
    eg_value *w = MATRIX(2, 3, 1, -1, 0, 2, 0, -3), *b = VECTOR(1, -1), *x = VECTOR(1, 2, 3);
    EXACT(eg_relu(eg_add(eg_matmul(w, x), b)), EG_SHAPE(2), 0, 0);
    eg_value *batch = MATRIX(2, 3, 1, 2, 3, 3, 1, 1);
    EXACT(eg_relu(eg_add(eg_matmul(batch, eg_transpose(w)), b)), EG_SHAPE(2, 2), 0, 0, 3, 2);
}

/* Matrix, grayscale images or time series, colour images, video: layers see the last axis, the rest is samples. */
static void tensors_of_rank_2_to_5(void **state) {
    static const eg_shape shapes[] = {
        { 2, { 4, 3 } }, { 3, { 2, 2, 3 } }, { 4, { 2, 1, 2, 3 } }, { 5, { 2, 1, 2, 1, 3 } }
    };
    double numbers[12];
    (void)state;
    for (int i = 0; i < 12; i++) numbers[i] = i;
    for (int r = 0; r < 4; r++) {
        eg_value *x = of(shapes[r], numbers), *scale = VECTOR(1, 10, 100);
        eg_value *sums = eg_reshape_to(eg_matmul(x, scale), EG_SHAPE(4));
        EXACT(sums, EG_SHAPE(4), 210, 543, 876, 1209);
        EXACT(eg_reshape_to(eg_sum(eg_mul(x, scale), .axes = EG_AXES(-1)), EG_SHAPE(4)), EG_SHAPE(4), 210, 543, 876,
              1209);
    }
}

/* 70000 x 784 to 70000 x 28 x 28 and back: the images of MNIST, as bytes. */
static void images_to_vectors_and_back(void **state) {
    enum { IMAGES = 70000, PIXELS = 784 };
    (void)state;
    eg_tensor *rows = eg_tensor_new(EG_U8, EG_SHAPE(IMAGES, PIXELS));
    assert_non_null(rows);
    unsigned char *pixel = eg_tensor_data(rows);
    for (int64_t i = 0; i < (int64_t)IMAGES * PIXELS; i++) pixel[i] = (unsigned char)(i * 31 % 251);
    eg_tensor *images = eg_tensor_reshape(rows, EG_SHAPE(-1, 28, 28)),
              *back = eg_tensor_reshape(images, EG_SHAPE(IMAGES, -1));
    assert_true(eg_shape_equal(eg_tensor_shape(images), EG_SHAPE(IMAGES, 28, 28)));
    assert_true(eg_shape_equal(eg_tensor_shape(back), EG_SHAPE(IMAGES, PIXELS)));
    assert_ptr_equal(eg_tensor_data(back), pixel); /* views: nothing was copied */
    assert_true(eg_tensor_get(images, (int64_t[]){ 69999, 27, 3 }) == pixel[69999 * PIXELS + 27 * 28 + 3]);
    eg_tensor *test = eg_tensor_slice(rows, 0, -10000, IMAGES, 1); /* the last 10,000 are the test set */
    assert_true(eg_shape_equal(eg_tensor_shape(test), EG_SHAPE(10000, PIXELS)));
    assert_true(eg_tensor_get(test, (int64_t[]){ 0, 5 }) == pixel[60000 * PIXELS + 5]);
    eg_value *x = eg_input(graph, "x", EG_U8, EG_SHAPE(IMAGES, PIXELS));
    eg_value *cube = eg_reshape_to(x, EG_SHAPE(-1, 28, 28)), *last = eg_slice(x, 0, -10000, IMAGES);
    assert_true(eg_shape_equal(eg_value_shape(cube), EG_SHAPE(IMAGES, 28, 28)));
    assert_true(eg_shape_equal(eg_value_shape(last), EG_SHAPE(10000, PIXELS)));
    eg_tensor_free(test);
    eg_tensor_free(back);
    eg_tensor_free(images);
    eg_tensor_free(rows);
}

/* '4' becomes [0,0,0,0,1,0,0,0,0,0] */
static void labels_become_categories(void **state) {
    (void)state;
    eg_value *label = eg_full(graph, EG_I32, EG_SHAPE(1), 4);
    EXACT(eg_one_hot(label, 10, EG_F64), EG_SHAPE(1, 10), 0, 0, 0, 0, 1, 0, 0, 0, 0, 0);
    EXACT(eg_argmax(eg_one_hot(label, 10, EG_F64), 1), EG_SHAPE(1), 4);
}

/* f(w + e) = f + a e: the change that the derivative foretells, and the true one; the difference is of order e^2. */
static void derivative_foretells_the_change(void **state) {
    (void)state;
    eg_value *w = VECTOR(.5, -1), *x = VECTOR(1, 2), *f = eg_square(eg_tanh(eg_matmul(w, x)));
    double y = number(f), a = number(eg_at(slope(f, w), 0)), error[2];
    for (int i = 0; i < 2; i++) {
        double e = i ? 1e-4 : 1e-3;
        eg_value *moved = VECTOR(.5 + e, -1);
        error[i] = fabs(number(eg_square(eg_tanh(eg_matmul(moved, x)))) - (y + a * e));
        assert_true(error[i] < e * e);
    }
    assert_true(fabs(error[0] / error[1] - 100) < 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(element_wise_operations), SLIDE(tensor_dot), SLIDE(dense_layer_as_tensor_operations),
        SLIDE(tensors_of_rank_2_to_5), SLIDE(images_to_vectors_and_back), SLIDE(labels_become_categories),
        SLIDE(derivative_foretells_the_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
