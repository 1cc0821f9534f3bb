/* SPDX-License-Identifier: MIT
 *
 * test_infer.c: which shapes and dtypes the ops give, and what they say when operands do not fit. A message
 * names the op, the shapes and what to do; a graph keeps the first one.
 */
#define EG_NO_PLACES /* the messages are compared whole; places are tested with the graph */
#include "ops/evaluate.h"

static eg_value *of(eg_dtype dtype, eg_shape shape) { return eg_full(graph, dtype, shape, 1); }
static eg_value *f32(eg_shape shape) { return of(EG_F32, shape); }
static eg_value *i32(eg_shape shape) { return of(EG_I32, shape); }

#define F(...) f32(EG_SHAPE(__VA_ARGS__))
#define I(...) i32(EG_SHAPE(__VA_ARGS__))

static void gives(const eg_value *value, eg_dtype dtype, eg_shape shape) {
    if (eg_value_is_poisoned(value)) fail_msg("%s", eg_graph_error(graph));
    assert_int_equal(value->dtype, dtype);
    same_shape(value, shape);
}

/* The value is poison, for this reason; the next mistake is made in a graph of its own. */
static void says(eg_value *value, eg_status status, const char *message) {
    assert_true(eg_value_is_poisoned(value));
    assert_string_equal(eg_graph_error(graph), message);
    assert_int_equal(eg_graph_status(graph), status);
    eg_graph_free(graph);
    graph = eg_graph_new();
}

static void elementwise_shapes(void **state) {
    (void)state;
    gives(eg_add(F(2, 1, 3), F(4, 1)), EG_F32, EG_SHAPE(2, 4, 3));
    gives(eg_mul(F(2, 3), f32(EG_SCALAR)), EG_F32, EG_SHAPE(2, 3));
    gives(eg_add(F(0, 3), F(1, 3)), EG_F32, EG_SHAPE(0, 3));
    gives(eg_less(I(2, 1), I(3)), EG_U8, EG_SHAPE(2, 3));
    gives(eg_maximum(I(3), I(3)), EG_I32, EG_SHAPE(3));
    gives(eg_neg(of(EG_U8, EG_SHAPE(3))), EG_U8, EG_SHAPE(3));
    gives(eg_where(of(EG_U8, EG_SHAPE(2, 1)), F(3), f32(EG_SCALAR)), EG_F32, EG_SHAPE(2, 3));
    gives(eg_cast(F(3), EG_U8), EG_U8, EG_SHAPE(3));
    gives(eg_exp(f32(EG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2))), EG_F32, EG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2));
    gives(eg_dropout_mask(i32(EG_SCALAR), 1, .5, EG_F32, EG_SHAPE(2, 3)), EG_F32, EG_SHAPE(2, 3));
}

static void weak_constants_take_the_other_dtype(void **state) {
    (void)state;
    eg_value *two = eg_const(graph, 2);
    gives(eg_add(two, of(EG_F64, EG_SHAPE(3))), EG_F64, EG_SHAPE(3));
    gives(eg_mul(I(3), two), EG_I32, EG_SHAPE(3));
    gives(eg_where(of(EG_U8, EG_SHAPE(3)), two, of(EG_F64, EG_SCALAR)), EG_F64, EG_SHAPE(3));
    gives(eg_where(eg_const(graph, 1), two, two), EG_F32, EG_SCALAR);
    gives(eg_cast(two, EG_I32), EG_I32, EG_SCALAR);
    gives(eg_random_normal(two, 1, EG_F64, EG_SHAPE(2)), EG_F64, EG_SHAPE(2));
    says(eg_add(eg_cast(two, EG_F32), of(EG_F64, EG_SHAPE(3))), EG_E_DTYPE,
         "add: f32[] and f64[3]: element types differ, convert one with eg_cast");
}

static void elementwise_mistakes(void **state) {
    (void)state;
    says(eg_add(F(2, 3), F(4)), EG_E_SHAPE, "add: [2,3] and [4] do not broadcast");
    says(eg_mul(F(2), I(2)), EG_E_DTYPE, "mul: f32[2] and i32[2]: element types differ, convert one with eg_cast");
    says(eg_exp(I(2)), EG_E_DTYPE, "exp: i32[2]: needs f32 or f64, convert with eg_cast");
    says(eg_div(I(2), I(2)), EG_E_DTYPE, "div: i32[2]: needs f32 or f64, convert with eg_cast");
    says(eg_where(F(2), F(2), F(2)), EG_E_DTYPE, "where: f32[2]: the condition must be u8, convert with eg_cast");
    says(eg_where(of(EG_U8, EG_SHAPE(3)), F(2), F(2)), EG_E_SHAPE, "where: [3] and [2] do not broadcast");
    says(eg_step(eg_add(F(2), F(3))), EG_E_SHAPE, "add: [2] and [3] do not broadcast");
}

static void reduction_shapes(void **state) {
    (void)state;
    eg_value *x = F(2, 3, 4);
    gives(eg_sum(x), EG_F32, EG_SCALAR);
    gives(eg_sum(x, .keep = 1), EG_F32, EG_SHAPE(1, 1, 1));
    gives(eg_mean(x, .axes = EG_AXES(-1)), EG_F32, EG_SHAPE(2, 3));
    gives(eg_max(x, .axes = EG_AXES(0, 2), .keep = 1), EG_F32, EG_SHAPE(1, 3, 1));
    gives(eg_min(x, .axes = EG_AXES(2, 0)), EG_F32, EG_SHAPE(3));
    gives(eg_logsumexp(F(3, 0), .axes = EG_AXES(1)), EG_F32, EG_SHAPE(3));
    gives(eg_sum(of(EG_U8, EG_SHAPE(3))), EG_I32, EG_SCALAR);
    gives(eg_max(of(EG_U8, EG_SHAPE(3))), EG_U8, EG_SCALAR);
    gives(eg_sum(f32(EG_SCALAR)), EG_F32, EG_SCALAR);
    gives(eg_argmax(x, -2), EG_I32, EG_SHAPE(2, 4));
    gives(eg_softmax(x, 1), EG_F32, EG_SHAPE(2, 3, 4));
}

static void reduction_mistakes(void **state) {
    (void)state;
    says(eg_argmax(F(2, 0), 1), EG_E_SHAPE, "argmax: [2,0]: axis 1 is empty");
    says(eg_argmax_over(F(3, 0)), EG_E_SHAPE, "argmax: [0]: axis 0 is empty");
    says(eg_argmax_over(F(3, 2), .axes = EG_AXES(2)), EG_E_ARGUMENT, "argmax: axis 2 of a value of rank 2");
    says(eg_argmax(f32(EG_SCALAR), 0), EG_E_ARGUMENT, "argmax: [] has no such axis");
    says(eg_mean(I(3)), EG_E_DTYPE, "mean: i32[3]: needs f32 or f64, convert with eg_cast");
    says(eg_logsumexp(I(3)), EG_E_DTYPE, "logsumexp: i32[3]: needs f32 or f64, convert with eg_cast");
    assert_true(eg_value_is_poisoned(eg_sum(F(3), .axes = EG_AXES(1))));
    assert_int_equal(eg_graph_status(graph), EG_E_ARGUMENT);
    assert_non_null(strstr(eg_graph_error(graph), "sum: "));
}

static void movement_shapes(void **state) {
    (void)state;
    eg_value *x = F(2, 3, 4);
    gives(eg_reshape_to(x, EG_SHAPE(4, -1)), EG_F32, EG_SHAPE(4, 6));
    gives(eg_reshape_to(F(0, 3), EG_SHAPE(-1, 3)), EG_F32, EG_SHAPE(0, 3));
    gives(eg_reshape_to(F(1), EG_SCALAR), EG_F32, EG_SCALAR);
    gives(eg_permute(x, EG_AXES(2, 0, -2)), EG_F32, EG_SHAPE(4, 2, 3));
    gives(eg_transpose(x), EG_F32, EG_SHAPE(2, 4, 3));
    gives(eg_expand(F(3, 1), EG_SHAPE(2, 3, 4)), EG_F32, EG_SHAPE(2, 3, 4));
    gives(eg_slice(x, -1, 1, -1), EG_F32, EG_SHAPE(2, 3, 2));
    gives(eg_slice(x, 0, -1, 99), EG_F32, EG_SHAPE(1, 3, 4));
    gives(eg_slice(x, 0, 2, 1), EG_F32, EG_SHAPE(0, 3, 4));
    gives(eg_slice_all(F(7), (int64_t[]){ 1 }, (int64_t[]){ 7 }, (int64_t[]){ 4 }), EG_F32, EG_SHAPE(2));
    gives(eg_pad(F(3), (int64_t[]){ 1 }, (int64_t[]){ -2 }, (int64_t[]){ 2 }), EG_F32, EG_SHAPE(6));
    gives(eg_pad(F(0), (int64_t[]){ 1 }, (int64_t[]){ 1 }, (int64_t[]){ 5 }), EG_F32, EG_SHAPE(2));
    gives(eg_flip(x, EG_AXES(1)), EG_F32, EG_SHAPE(2, 3, 4));
    gives(eg_concat((eg_value *[]){ x, F(2, 0, 4), F(2, 5, 4) }, 3, 1), EG_F32, EG_SHAPE(2, 8, 4));
    gives(eg_at(x, 1, -1, 0), EG_F32, EG_SCALAR);
}

static void calls_that_change_nothing_return_their_argument(void **state) {
    (void)state;
    eg_value *x = F(2, 3);
    assert_ptr_equal(eg_reshape_to(x, EG_SHAPE(2, -1)), x);
    assert_ptr_equal(eg_permute(x, EG_AXES(0, 1)), x);
    assert_ptr_equal(eg_expand(x, EG_SHAPE(2, 3)), x);
    assert_ptr_equal(eg_slice(x, 0, 0, 2), x);
    assert_ptr_equal(eg_cast(x, EG_F32), x);
}

static void movement_mistakes(void **state) {
    (void)state;
    says(eg_reshape_to(F(2, 3), EG_SHAPE(4, 2)), EG_E_SHAPE, "reshape: [2,3] to [4,2]: 6 elements are not 8");
    says(eg_reshape_to(F(2, 3), EG_SHAPE(4, -1)), EG_E_SHAPE, "reshape: [2,3] to [4,-1]: no whole number fits -1");
    says(eg_reshape_to(F(2, 3), EG_SHAPE(-1, -1)), EG_E_SHAPE, "reshape: [2,3] to [-1,-1]: no whole number fits -1");
    says(eg_permute(F(2, 3), EG_AXES(0)), EG_E_ARGUMENT, "permute: [2,3]: 1 axes given");
    says(eg_permute(F(2, 3), EG_AXES(1, 1)), EG_E_ARGUMENT,
         "permute: [2,3]: the axes must be a permutation of 0..1");
    says(eg_transpose(F(3)), EG_E_SHAPE, "transpose: [3] has no last two axes");
    says(eg_expand(F(2, 3), EG_SHAPE(3)), EG_E_SHAPE, "expand: [2,3] does not stretch to [3]");
    says(eg_expand(F(2), EG_SHAPE(3)), EG_E_SHAPE, "expand: [2] does not stretch to [3]");
    says(eg_slice(F(2), 1, 0, 1), EG_E_ARGUMENT, "slice: [2] has no axis 1");
    says(eg_slice_all(F(2), (int64_t[]){ 0 }, (int64_t[]){ 3 }, (int64_t[]){ 1 }), EG_E_ARGUMENT,
         "slice: [2]: 0:3:1 is outside axis 0");
    says(eg_pad(F(2), (int64_t[]){ -3 }, (int64_t[]){ 0 }, (int64_t[]){ 0 }), EG_E_SHAPE,
         "pad: [2]: (-3, 0) around and 0 between leave nothing valid of axis 0");
    says(eg_pad(F(2), (int64_t[]){ 0 }, (int64_t[]){ 0 }, (int64_t[]){ -1 }), EG_E_SHAPE,
         "pad: [2]: (0, 0) around and -1 between leave nothing valid of axis 0");
    says(eg_concat((eg_value *[]){ F(2, 3), F(3, 3) }, 2, 1), EG_E_SHAPE,
         "concat: [2,3] and [3,3] may differ along axis 1 only");
    says(eg_concat((eg_value *[]){ F(2, 3), F(3) }, 2, 0), EG_E_SHAPE,
         "concat: [2,3] and [3] may differ along axis 0 only");
    says(eg_concat((eg_value *[]){ f32(EG_SCALAR), f32(EG_SCALAR) }, 2, 0), EG_E_ARGUMENT,
         "concat: [] has no such axis");
    says(eg_at(F(2, 3), 1), EG_E_ARGUMENT, "at: [2,3]: 1 indices given");
    says(eg_at(F(2, 3), 1, 3), EG_E_ARGUMENT, "at: [2,3]: index 3 is outside axis 1");
}

static void product_shapes(void **state) {
    (void)state;
    gives(eg_matmul(F(2, 3), F(3, 4)), EG_F32, EG_SHAPE(2, 4));
    gives(eg_matmul(F(5, 1, 2, 3), F(6, 3, 4)), EG_F32, EG_SHAPE(5, 6, 2, 4));
    gives(eg_matmul(F(5, 2, 3), F(3, 4)), EG_F32, EG_SHAPE(5, 2, 4));
    gives(eg_matmul(F(3), F(3, 4)), EG_F32, EG_SHAPE(4));
    gives(eg_matmul(F(2, 3), F(3)), EG_F32, EG_SHAPE(2));
    gives(eg_matmul(F(3), F(3)), EG_F32, EG_SCALAR);
    gives(eg_matmul(F(3), F(7, 3, 4)), EG_F32, EG_SHAPE(7, 4));
    gives(eg_matmul(F(7, 2, 3), F(3)), EG_F32, EG_SHAPE(7, 2));
    gives(eg_matmul(F(5, 2, 0), F(0, 4)), EG_F32, EG_SHAPE(5, 2, 4));
    gives(eg_matmul(F(0, 2, 0), F(0, 4)), EG_F32, EG_SHAPE(0, 2, 4));
    gives(eg_matmul(F(0, 3), F(3, 4)), EG_F32, EG_SHAPE(0, 4));
}

static void product_mistakes(void **state) {
    (void)state;
    eg_attr swapped = { .matmul = { .ta = 1 } };
    says(eg_matmul(F(128, 784), F(512, 10)), EG_E_SHAPE,
         "matmul: [128,784] x [512,10]: inner dimensions 784 and 512 differ");
    says(eg_matmul(F(2), F(3)), EG_E_SHAPE, "matmul: [2] x [3]: inner dimensions 2 and 3 differ");
    says(eg_matmul(F(2, 3), f32(EG_SCALAR)), EG_E_SHAPE,
         "matmul: [2,3] x []: a scalar is no matrix, multiply with eg_mul");
    says(eg_matmul(F(2, 2, 3), F(3, 3, 4)), EG_E_SHAPE, "matmul: [2,2,3] x [3,3,4]: leading axes do not broadcast");
    says(eg_matmul(I(2, 3), I(3, 4)), EG_E_DTYPE, "matmul: i32[2,3]: needs f32 or f64, convert with eg_cast");
    says(eg_node2(EG_OP_MATMUL, F(2, 3), F(3, 4), &swapped), EG_E_SHAPE,
         "matmul: [2,3]' x [3,4]: inner dimensions 2 and 3 differ");
    says(eg_node3(EG_OP_MATMUL, F(2, 3), F(3, 4), F(3), NULL), EG_E_SHAPE,
         "matmul: start value [3] of a product with 4 columns");
}

static void look_up_shapes(void **state) {
    (void)state;
    gives(eg_gather(F(5, 6), I(2, 3), 0), EG_F32, EG_SHAPE(2, 3, 6));
    gives(eg_gather(F(5, 6), I(2, 3), -1), EG_F32, EG_SHAPE(5, 2, 3));
    gives(eg_gather(F(5, 6), i32(EG_SCALAR), 1), EG_F32, EG_SHAPE(5));
    gives(eg_gather(F(5, 6), eg_const(graph, 2), 0), EG_F32, EG_SHAPE(6));
    gives(eg_scatter_add(F(2, 3, 6), I(2, 3), 0, 5), EG_F32, EG_SHAPE(5, 6));
    gives(eg_scatter_add(F(4, 2), I(2), -1, 0), EG_F32, EG_SHAPE(4, 0));
    gives(eg_scatter_add(F(4), i32(EG_SCALAR), 0, 3), EG_F32, EG_SHAPE(3, 4));
    gives(eg_one_hot(I(2, 3), 10, EG_U8), EG_U8, EG_SHAPE(2, 3, 10));
    gives(eg_one_hot(i32(EG_SCALAR), 0, EG_F32), EG_F32, EG_SHAPE(0));
    gives(eg_iota(graph, EG_I32, EG_SHAPE(2, 3), -1), EG_I32, EG_SHAPE(2, 3));
}

static void look_up_mistakes(void **state) {
    (void)state;
    says(eg_gather(F(5), F(2), 0), EG_E_DTYPE, "gather: f32[2]: the index must be i32, convert with eg_cast");
    says(eg_gather(F(5), I(2), 1), EG_E_ARGUMENT, "gather: [5] has no such axis");
    says(eg_gather(F(1, 1, 1, 1, 1, 1, 1, 2), I(2, 2), 0), EG_E_SHAPE,
         "gather: [1,1,1,1,1,1,1,2] by [2,2]: rank 9 is more than 8");
    says(eg_scatter_add(F(2, 4, 6), I(2, 3), 0, 5), EG_E_SHAPE,
         "scatter_add: [2,4,6] does not have the index's axes [2,3] at axis 0");
    says(eg_one_hot(of(EG_U8, EG_SHAPE(3)), 10, EG_F32), EG_E_DTYPE,
         "one_hot: u8[3]: the index must be i32, convert with eg_cast");
    says(eg_iota(graph, EG_I32, EG_SHAPE(2), 1), EG_E_ARGUMENT, "iota: [2] has no axis -1");
    assert_true(eg_value_is_poisoned(eg_one_hot(I(3), -1, EG_F32)));
}

static void random_mistakes(void **state) {
    (void)state;
    eg_value *step = i32(EG_SCALAR);
    says(eg_random_uniform(step, 1, EG_I32, EG_SHAPE(2)), EG_E_DTYPE,
         "random_uniform: random numbers are f32 or f64");
    says(eg_random_normal(I(1), 1, EG_F32, EG_SHAPE(2)), EG_E_SHAPE,
         "random_normal: the step [1] must be a scalar");
    says(eg_random_normal(f32(EG_SCALAR), 1, EG_F32, EG_SHAPE(2)), EG_E_DTYPE,
         "random_normal: f32[]: the step must be i32, convert with eg_cast");
    says(eg_dropout_mask(i32(EG_SCALAR), 1, 1, EG_F32, EG_SHAPE(2)), EG_E_ARGUMENT,
         "dropout_mask: rate 1 is outside [0, 1)");
}

static void leaves(void **state) {
    (void)state;
    eg_value *x = eg_input(graph, "x", EG_F32, EG_SHAPE(2, 3));
    gives(x, EG_F32, EG_SHAPE(2, 3));
    eg_scope_push(graph, "dense_1");
    eg_value *w = eg_weight(graph, "kernel", EG_F32, EG_SHAPE(3, 40)),
             *b = eg_weight(graph, "bias", EG_F32, EG_SHAPE(4));
    eg_scope_pop(graph);
    assert_string_equal(w->name, "dense_1/kernel");
    assert_int_equal(w->layout, EG_PANELS);
    assert_int_equal(b->layout, EG_ROWS);
    assert_ptr_equal(eg_var(graph, "dense_1/bias", EG_F32, EG_SHAPE(4)), b);
    gives(eg_assign(b, F(4)), EG_F32, EG_SHAPE(4));
    says(eg_input(graph, "x", EG_F32, EG_SHAPE(2, 3)), EG_E_NAME,
         "input: \"x\" exists already: each input has a name of its own");
}

static void assign_mistakes(void **state) {
    (void)state;
    says(eg_assign(F(3), F(3)), EG_E_ARGUMENT, "assign: const is no variable");
    says(eg_assign(eg_var(graph, "w", EG_F32, EG_SHAPE(3)), F(2)), EG_E_SHAPE,
         "assign: w is [3], its new value [2]");
    says(eg_assign(eg_var(graph, "w", EG_F32, EG_SHAPE(3)), of(EG_F64, EG_SHAPE(3))), EG_E_DTYPE,
         "assign: f32[3] and f64[3]: element types differ, convert one with eg_cast");
}

static void without_a_graph_there_is_poison(void **state) {
    (void)state;
    assert_true(eg_value_is_poisoned(eg_var(NULL, "w", EG_F32, EG_SCALAR)));
    assert_true(eg_value_is_poisoned(eg_input(NULL, "x", EG_F32, EG_SCALAR)));
    assert_true(eg_value_is_poisoned(eg_softmax(eg_const(NULL, 1), 0)));
    assert_true(eg_value_is_poisoned(eg_dropout_mask(eg_const(NULL, 1), 0, .5, EG_F32, EG_SCALAR)));
    assert_true(eg_value_is_poisoned(eg_concat(NULL, 0, 0)));
    assert_true(eg_value_is_poisoned(eg_constant(graph, NULL)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(elementwise_shapes),
        CASE(weak_constants_take_the_other_dtype),
        CASE(elementwise_mistakes),
        CASE(reduction_shapes),
        CASE(reduction_mistakes),
        CASE(movement_shapes),
        CASE(calls_that_change_nothing_return_their_argument),
        CASE(movement_mistakes),
        CASE(product_shapes),
        CASE(product_mistakes),
        CASE(look_up_shapes),
        CASE(look_up_mistakes),
        CASE(random_mistakes),
        CASE(leaves),
        CASE(assign_mistakes),
        CASE(without_a_graph_there_is_poison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
