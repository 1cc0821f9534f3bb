/* SPDX-License-Identifier: MIT
 *
 * Groups: what is taken in, how it is written down, and what must stay outside.
 */
#include "pass_test.h"

#define XB "%0 = input \"x\" : f32[4,3]\n%1 = input \"b\" : f32[3]\n"

static void elementwise_values_become_one_group(void **state) {
    (void)state;
    becomes("fuse",
            XB "%2 = const {2} : f32[]\n%3 = add %0, %1 : f32[4,3]\n%4 = mul %3, %2 : f32[4,3]\n"
               "%5 = relu %4 : f32[4,3]\nreturn %5\n",
            XB "%2 = fused %0, %1 {\n  %0 = param {0} : f32[4,3]\n  %1 = param {1} : f32[3]\n"
               "  %2 = add %0, %1 : f32[4,3]\n"
               "  %3 = const {2} : f32[]\n  %4 = mul %2, %3 : f32[4,3]\n  %5 = relu %4 : f32[4,3]\n  return %5\n"
               "} : f32[4,3]\nreturn %2\n");
}

static void values_read_outside_are_results(void **state) {
    (void)state;
    becomes("fuse", XB "%2 = exp %0 : f32[4,3]\n%3 = neg %2 : f32[4,3]\nreturn %3, %2\n",
            "%0 = input \"x\" : f32[4,3]\n%1 = fused %0 {\n  %0 = param {0} : f32[4,3]\n"
            "  %1 = exp %0 : f32[4,3]\n  %2 = neg %1 : f32[4,3]\n"
               "  return %1, %2\n} : f32[4,3]\n%2 = part %1 {1} : f32[4,3]\nreturn %2, %1\n");
}

static void higher_ranks_collapse(void **state) {
    (void)state;
    becomes("fuse",
            "%0 = input \"x\" : f32[2,3,4,5]\n%1 = input \"b\" : f32[4,5]\n%2 = input \"s\" : f32[2,3,1,1]\n"
            "%3 = add %0, %1 : f32[2,3,4,5]\n%4 = mul %3, %2 : f32[2,3,4,5]\nreturn %4\n",
            "%0 = input \"x\" : f32[2,3,4,5]\n%1 = input \"b\" : f32[4,5]\n%2 = input \"s\" : f32[2,3,1,1]\n"
            "%3 = reshape %0 : f32[6,20]\n%4 = reshape %1 : f32[20]\n%5 = reshape %2 : f32[6,1]\n"
            "%6 = fused %3, %4, %5 {\n  %0 = param {0} : f32[6,20]\n  %1 = param {1} : f32[20]\n"
            "  %2 = param {2} : f32[6,1]\n"
            "  %3 = add %0, %1 : f32[6,20]\n  %4 = mul %3, %2 : f32[6,20]\n  return %4\n} : f32[6,20]\n"
            "%7 = reshape %6 : f32[2,3,4,5]\nreturn %7\n");
}

static void what_does_not_collapse_stays_out(void **state) {
    (void)state;
    stays("fuse", "%0 = input \"x\" : f32[2,3,4]\n%1 = input \"m\" : f32[3,1]\n%2 = add %0, %1 : f32[2,3,4]\n"
                  "return %2\n");
    stays("fuse", "%0 = input \"x\" : f64[4]\n%1 = neg %0 : f64[4]\nreturn %1\n");
    stays("fuse", "%0 = input \"x\" : i32[4]\n%1 = add %0, %0 : i32[4]\nreturn %1\n");
    stays("fuse", "%0 = input \"x\" : f32[0,4]\n%1 = neg %0 : f32[0,4]\nreturn %1\n");
    stays("fuse", "%0 = input \"x\" : f32[4,3]\n%1 = sum %0 {axes=[0]} : f32[3]\nreturn %1\n");
    stays("fuse", "%0 = input \"x\" : f32[2,9000]\n%1 = sum %0 {axes=[1]} : f32[2]\nreturn %1\n");
    stays("fuse", "%0 = input \"x\" : f32[2,3]\n%1 = input \"w\" : f32[3,4]\n%2 = matmul %0, %1 : f32[2,4]\n"
                  "return %2\n");
}

static void a_way_around_the_group_forbids_it(void **state) {
    (void)state;
    /* exp and add are neighbours, but add also reads what flip makes of exp */
    becomes("fuse",
            "%0 = input \"x\" : f32[3,3]\n%1 = exp %0 : f32[3,3]\n%2 = flip %1 {axes=[0]} : f32[3,3]\n"
            "%3 = add %1, %2 : f32[3,3]\nreturn %3\n",
            "%0 = input \"x\" : f32[3,3]\n%1 = fused %0 {\n  %0 = param {0} : f32[3,3]\n"
            "  %1 = exp %0 : f32[3,3]\n  return %1\n} : f32[3,3]\n"
            "%2 = flip %1 {axes=[0]} : f32[3,3]\n%3 = fused %1, %2 {\n  %0 = param {0} : f32[3,3]\n"
            "  %1 = param {1} : f32[3,3]\n"
            "  %2 = add %0, %1 : f32[3,3]\n  return %2\n} : f32[3,3]\nreturn %3\n");
}

static void softmax_is_one_group(void **state) {
    (void)state;
    becomes("fuse",
            "%0 = input \"x\" : f32[4,3]\n%1 = logsumexp %0 {axes=[1]} : f32[4]\n%2 = reshape %1 : f32[4,1]\n"
            "%3 = sub %0, %2 : f32[4,3]\n%4 = exp %3 : f32[4,3]\nreturn %4, %1\n",
            "%0 = input \"x\" : f32[4,3]\n%1 = fused %0 {\n  %0 = param {0} : f32[4,3]\n"
            "  %1 = logsumexp %0 {axes=[1], keep=1} : f32[4,1]\n  %2 = sub %0, %1 : f32[4,3]\n"
            "  %3 = exp %2 : f32[4,3]\n"
            "  return %1, %3\n} : f32[4,1]\n%2 = part %1 {1} : f32[4,3]\n%3 = reshape %1 : f32[4]\n"
            "return %2, %3\n");
}

static void reduction_over_everything_is_one_row(void **state) {
    (void)state;
    becomes("fuse", "%0 = input \"x\" : f32[4,3]\n%1 = mul %0, %0 : f32[4,3]\n%2 = sum %1 {axes=[0,1]} : f32[]\n"
                    "return %2\n",
            "%0 = input \"x\" : f32[4,3]\n%1 = reshape %0 : f32[12]\n%2 = fused %1 {\n  %0 = param {0} : f32[12]\n"
            "  %1 = mul %0, %0 : f32[12]\n  %2 = sum %1 {axes=[0], keep=1} : f32[1]\n  return %2\n} : f32[1]\n"
            "%3 = reshape %2 : f32[]\nreturn %3\n");
}

static void one_hot_is_a_comparison_with_the_column(void **state) {
    (void)state;
    becomes("fuse",
            "%0 = input \"x\" : f32[4,3]\n%1 = input \"y\" : i32[4]\n%2 = one_hot %1 {depth=3} : f32[4,3]\n"
            "%3 = mul %0, %2 : f32[4,3]\n%4 = sum %3 {axes=[1], keep=1} : f32[4,1]\nreturn %4\n",
            "%0 = input \"x\" : f32[4,3]\n%1 = input \"y\" : i32[4]\n%2 = reshape %1 : i32[4,1]\n"
            "%3 = fused %2, %0 {\n"
            "  %0 = param {0} : i32[4,1]\n  %1 = param {1} : f32[4,3]\n  %2 = iota {axis=0} : f32[3]\n"
            "  %3 = cast %0 : f32[4,1]\n"
            "  %4 = eq %2, %3 : u8[4,3]\n  %5 = cast %4 : f32[4,3]\n  %6 = mul %1, %5 : f32[4,3]\n"
            "  %7 = sum %6 {axes=[1], keep=1} : f32[4,1]\n  return %7\n} : f32[4,1]\nreturn %3\n");
}

#define DENSE "%0 = input \"x\" : f32[4,3]\n%1 = input \"w\" : f32[3,5]\n"

static void activation_goes_into_the_product(void **state) {
    (void)state;
    becomes("fuse", DENSE "%2 = matmul %0, %1 : f32[4,5]\n%3 = tanh %2 : f32[4,5]\nreturn %3\n",
            DENSE "%2 = fused %0, %1 {\n  %0 = param {0} : f32[4,3]\n  %1 = param {1} : f32[3,5]\n"
                  "  %2 = matmul %0, %1 : f32[4,5]\n  %3 = tanh %2 : f32[4,5]\n  return %3\n} : f32[4,5]\n"
                  "return %2\n");
}

static void backward_of_an_activation_goes_with_the_backward_product(void **state) {
    (void)state;
    becomes("fuse",
            DENSE "%2 = input \"v\" : f32[5,5]\n%3 = const {0} : f32[]\n%4 = matmul %0, %1 : f32[4,5]\n"
                  "%5 = relu %4 : f32[4,5]\n"
                  "%6 = gt %5, %3 : u8[4,5]\n%7 = matmul %5, %2 : f32[4,5]\n%8 = where %6, %7, %3 : f32[4,5]\n"
                  "return %8\n",
            DENSE "%2 = input \"v\" : f32[5,5]\n%3 = fused %0, %1 {\n  %0 = param {0} : f32[4,3]\n"
                  "  %1 = param {1} : f32[3,5]\n"
                  "  %2 = matmul %0, %1 : f32[4,5]\n  %3 = relu %2 : f32[4,5]\n  return %3\n} : f32[4,5]\n"
                  "%4 = fused %3, %2 {\n  %0 = param {0} : f32[4,5]\n  %1 = param {1} : f32[5,5]\n"
                  "  %2 = const {0} : f32[]\n"
                  "  %3 = gt %0, %2 : u8[4,5]\n  %4 = matmul %0, %1 : f32[4,5]\n"
                  "  %5 = where %3, %4, %2 : f32[4,5]\n"
                  "  return %5\n} : f32[4,5]\nreturn %4\n");
}

/* y = x sigmoid x and its derivative: x itself goes nowhere. */
static void a_derivative_stays_with_its_function(void **state) {
    (void)state;
    becomes("fuse",
            DENSE "%2 = input \"v\" : f32[5,5]\n%3 = const {1} : f32[]\n%4 = matmul %0, %1 : f32[4,5]\n"
                  "%5 = sigmoid %4 : f32[4,5]\n%6 = mul %4, %5 : f32[4,5]\n%7 = matmul %6, %2 : f32[4,5]\n"
                  "%8 = sub %3, %5 : f32[4,5]\n%9 = mul %5, %8 : f32[4,5]\n%10 = muladd %4, %9, %5 : f32[4,5]\n"
                  "%11 = mul %10, %7 : f32[4,5]\nreturn %11\n",
            DENSE "%2 = input \"v\" : f32[5,5]\n%3 = fused %0, %1 {\n  %0 = param {0} : f32[4,3]\n"
                  "  %1 = param {1} : f32[3,5]\n  %2 = matmul %0, %1 : f32[4,5]\n"
                  "  %3 = sigmoid %2 : f32[4,5]\n  %4 = mul %2, %3 : f32[4,5]\n  %5 = const {1} : f32[]\n"
                  "  %6 = sub %5, %3 : f32[4,5]\n  %7 = mul %3, %6 : f32[4,5]\n"
                  "  %8 = muladd %2, %7, %3 : f32[4,5]\n  return %4, %8\n} : f32[4,5]\n"
                  "%4 = part %3 {1} : f32[4,5]\n%5 = fused %3, %2, %4 {\n  %0 = param {0} : f32[4,5]\n"
                  "  %1 = param {1} : f32[5,5]\n  %2 = param {2} : f32[4,5]\n"
                  "  %3 = matmul %0, %1 : f32[4,5]\n  %4 = mul %2, %3 : f32[4,5]\n  return %4\n"
                  "} : f32[4,5]\nreturn %5\n");
}

static void column_sums_come_with_the_product(void **state) {
    (void)state;
    becomes("fuse",
            "%0 = input \"x\" : f32[4,3]\n%1 = input \"d\" : f32[4,5]\n%2 = matmul %0, %1 {ta=1} : f32[3,5]\n"
            "%3 = sum %1 {axes=[0]} : f32[5]\nreturn %2, %3\n",
            "%0 = input \"x\" : f32[4,3]\n%1 = input \"d\" : f32[4,5]\n%2 = fused %0, %1 {\n"
            "  %0 = param {0} : f32[4,3]\n"
            "  %1 = param {1} : f32[4,5]\n  %2 = matmul %0, %1 {ta=1} : f32[3,5]\n"
            "  %3 = sum %1 {axes=[0]} : f32[5]\n"
            "  return %2, %3\n} : f32[3,5]\n%3 = part %2 {1} : f32[5]\nreturn %2, %3\n");
}

static void update_is_a_group_of_its_own(void **state) {
    (void)state;
    /* neg is read by others too, so it is not of the update */
    becomes("fuse",
            "%0 = input \"g\" : f32[3]\n%1 = var \"w\" : f32[3]\n%2 = var \"m\" : f32[3]\n%3 = neg %0 : f32[3]\n"
            "%4 = add %2, %3 : f32[3]\n%5 = assign %2, %4 : f32[3]\n%6 = sub %1, %4 : f32[3]\n"
            "%7 = assign %1, %6 : f32[3]\n"
            "return %5, %7, %3\n",
            "%0 = input \"g\" : f32[3]\n%1 = var \"w\" : f32[3]\n%2 = var \"m\" : f32[3]\n%3 = fused %0 {\n"
            "  %0 = param {0} : f32[3]\n  %1 = neg %0 : f32[3]\n  return %1\n} : f32[3]\n%4 = fused %2, %3, %1 {\n"
            "  %0 = param {0} : f32[3]\n  %1 = param {1} : f32[3]\n  %2 = param {2} : f32[3]\n"
            "  %3 = add %0, %1 : f32[3]\n"
            "  %4 = sub %2, %3 : f32[3]\n  return %3, %4\n} : f32[3]\n%5 = part %4 {1} : f32[3]\n"
            "%6 = assign %2, %4 : f32[3]\n"
            "%7 = assign %1, %5 : f32[3]\nreturn %6, %7, %3\n");
}

static void scalars_of_a_schedule_are_shared(void **state) {
    (void)state;
    /* rate = 1 / t is one step, not a part of w's or v's update; a negated one is repeated */
    becomes("fuse",
            "%0 = input \"t\" : f32[]\n%1 = var \"w\" : f32[3]\n%2 = var \"v\" : f32[2]\n%3 = exp %0 : f32[]\n"
            "%4 = neg %3 : f32[]\n"
            "%5 = muladd %1, %4, %1 : f32[3]\n%6 = assign %1, %5 : f32[3]\n%7 = muladd %2, %4, %2 : f32[2]\n"
            "%8 = assign %2, %7 : f32[2]\nreturn %6, %8\n",
            "%0 = input \"t\" : f32[]\n%1 = var \"w\" : f32[3]\n%2 = var \"v\" : f32[2]\n%3 = fused %0 {\n"
            "  %0 = param {0} : f32[]\n"
            "  %1 = exp %0 : f32[]\n  return %1\n} : f32[]\n%4 = fused %1, %3 {\n  %0 = param {0} : f32[3]\n"
            "  %1 = param {1} : f32[]\n"
            "  %2 = neg %1 : f32[]\n  %3 = muladd %0, %2, %0 : f32[3]\n  return %3\n} : f32[3]\n"
            "%5 = assign %1, %4 : f32[3]\n"
            "%6 = fused %2, %3 {\n  %0 = param {0} : f32[2]\n  %1 = param {1} : f32[]\n  %2 = neg %1 : f32[]\n"
            "  %3 = muladd %0, %2, %0 : f32[2]\n  return %3\n} : f32[2]\n%7 = assign %2, %6 : f32[2]\n"
            "return %5, %7\n");
}

static void row_groups_of_one_space_are_one_step(void **state) {
    (void)state;
    becomes("fuse", "%0 = input \"x\" : f32[4]\n%1 = input \"y\" : f32[4]\n"
                    "%2 = sum %0 {axes=[0], keep=1} : f32[1]\n"
                    "%3 = max %1 {axes=[0], keep=1} : f32[1]\nreturn %2, %3\n",
            "%0 = input \"x\" : f32[4]\n%1 = input \"y\" : f32[4]\n%2 = fused %0, %1 {\n  %0 = param {0} : f32[4]\n"
            "  %1 = param {1} : f32[4]\n  %2 = sum %0 {axes=[0], keep=1} : f32[1]\n"
            "  %3 = max %1 {axes=[0], keep=1} : f32[1]\n  return %2, %3\n} : f32[1]\n%3 = part %2 {1} : f32[1]\n"
            "return %2, %3\n");
}

static void numbers_of_columns_are_inside(void **state) {
    (void)state;
    becomes("fuse", XB "%2 = iota {axis=0} : f32[3]\n%3 = add %0, %2 : f32[4,3]\nreturn %3\n",
            "%0 = input \"x\" : f32[4,3]\n%1 = fused %0 {\n  %0 = param {0} : f32[4,3]\n"
            "  %1 = iota {axis=0} : f32[3]\n"
            "  %2 = add %0, %1 : f32[4,3]\n  return %2\n} : f32[4,3]\nreturn %1\n");
}

/* 20 inputs summed: no group may have more than EG_GROUP_OPERANDS operands. */
static void groups_are_limited(void **state) {
    (void)state;
    char text[8192];
    size_t n = 0;
    for (int i = 0; i < 20; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%%%d = input \"x%d\" : f32[3]\n", i, i);
    for (int i = 0; i < 19; i++) {
        int sum = i ? 19 + i : 0;
        n += (size_t)snprintf(text + n, sizeof text - n, "%%%d = add %%%d, %%%d : f32[3]\n", 20 + i, sum, i + 1);
    }
    snprintf(text + n, sizeof text - n, "return %%38\n");
    eg_unit unit = unit_of(text);
    assert_int_equal(eg_pass_run(&unit, "fuse"), EG_OK);
    assert_int_equal(eg_compiled_verify(&unit), EG_OK);
    int groups = 0;
    for (int id = 0; id < unit.graph->n; id++) groups += unit.graph->values[id]->op == EG_OP_FUSED;
    assert_int_equal(groups, 2);
    eg_unit_free(&unit);
}

/* r [3] is read as a row value and as a column: two operands. */
static void one_value_in_two_roles(void **state) {
    (void)state;
    becomes("fuse", "%0 = input \"x\" : f32[3,3]\n%1 = input \"r\" : f32[3]\n%2 = reshape %1 : f32[3,1]\n"
                    "%3 = mul %0, %2 : f32[3,3]\n%4 = add %3, %1 : f32[3,3]\nreturn %4\n",
            "%0 = input \"x\" : f32[3,3]\n%1 = input \"r\" : f32[3]\n%2 = reshape %1 : f32[3,1]\n"
            "%3 = fused %0, %2, %1 {\n  %0 = param {0} : f32[3,3]\n  %1 = param {1} : f32[3,1]\n"
            "  %2 = param {2} : f32[3]\n  %3 = mul %0, %1 : f32[3,3]\n  %4 = add %3, %2 : f32[3,3]\n  return %4\n"
            "} : f32[3,3]\nreturn %3\n");
}

static void switched_off_nothing_changes(void **state) {
    (void)state;
    const char *text = XB "%2 = add %0, %1 : f32[4,3]\n%3 = relu %2 : f32[4,3]\nreturn %3\n";
    eg_unit unit = unit_of(text);
    unit.fuse = 0;
    assert_int_equal(eg_pass_run(&unit, "fuse"), EG_OK);
    assert_unit(&unit, text);
}

static void space_and_product_of_a_body(void **state) {
    (void)state;
    int64_t rows, columns;
    eg_unit unit = unit_of(DENSE "%2 = matmul %0, %1 : f32[4,5]\n%3 = tanh %2 : f32[4,5]\n"
                                 "%4 = neg %0 : f32[4,3]\nreturn %3, %4\n");
    assert_int_equal(eg_pass_run(&unit, "fuse"), EG_OK);
    const eg_body *product = unit.root[0]->attr.body.body, *strip = unit.root[1]->attr.body.body;
    assert_ptr_equal(eg_body_product(product), product->out[0]->in[0]);
    assert_null(eg_body_product(strip));
    eg_body_space(product, &rows, &columns);
    assert_int_equal(rows * 100 + columns, 405);
    eg_body_space(strip, &rows, &columns);
    assert_int_equal(rows * 100 + columns, 403);
    eg_unit_free(&unit);
}

/* The group sees the image as a matrix with a row for each position. */
static void a_convolution_takes_its_activation_along(void **state) {
    (void)state;
    eg_unit unit = unit_of("%0 = input \"x\" : f32[2,6,3]\n%1 = input \"w\" : f32[3,3,4]\n%2 = conv %0, %1 {stride=[2]} : f32[2,2,4]\n"
                           "%3 = relu %2 : f32[2,2,4]\nreturn %3\n");
    assert_int_equal(eg_compile(&unit, NULL), EG_OK);
    const eg_value *view = unit.root[0], *group = view->in[0];
    assert_int_equal(view->op, EG_OP_RESHAPE);
    assert_int_equal(group->op, EG_OP_FUSED);
    assert_true(eg_shape_equal(group->shape, EG_SHAPE(4, 4)));
    assert_int_equal(eg_body_product(group->attr.body.body)->op, EG_OP_CONV);
    eg_unit_free(&unit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_takes_its_activation_along),
        cmocka_unit_test(elementwise_values_become_one_group),
        cmocka_unit_test(values_read_outside_are_results),
        cmocka_unit_test(higher_ranks_collapse),
        cmocka_unit_test(what_does_not_collapse_stays_out),
        cmocka_unit_test(a_way_around_the_group_forbids_it),
        cmocka_unit_test(softmax_is_one_group),
        cmocka_unit_test(reduction_over_everything_is_one_row),
        cmocka_unit_test(one_hot_is_a_comparison_with_the_column),
        cmocka_unit_test(activation_goes_into_the_product),
        cmocka_unit_test(backward_of_an_activation_goes_with_the_backward_product),
        cmocka_unit_test(a_derivative_stays_with_its_function),
        cmocka_unit_test(column_sums_come_with_the_product),
        cmocka_unit_test(update_is_a_group_of_its_own),
        cmocka_unit_test(scalars_of_a_schedule_are_shared),
        cmocka_unit_test(row_groups_of_one_space_are_one_step),
        cmocka_unit_test(numbers_of_columns_are_inside),
        cmocka_unit_test(groups_are_limited),
        cmocka_unit_test(one_value_in_two_roles),
        cmocka_unit_test(switched_off_nothing_changes),
        cmocka_unit_test(space_and_product_of_a_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
