/* SPDX-License-Identifier: MIT
 *
 * The pattern table: one row for each rule, and the formulas that must never be touched.
 */
#include "pass_test.h"

/* Formulas over x, y f32[4,3], b f32[3], s f32[4,1]: what the last line says, before and after. */
static const char leaves[] = "%0 = input \"x\" : f32[4,3]\n"
                             "%1 = input \"y\" : f32[4,3]\n"
                             "%2 = input \"b\" : f32[3]\n"
                             "%3 = input \"s\" : f32[4,1]\n";

static void formula(const char *before, const char *after) {
    char from[2048], to[2048];
    eg_value *root[PASS_ROOTS];
    int n;
    snprintf(from, sizeof from, "%s%s", leaves, before);
    eg_unit unit = unit_of(from);
    if (eg_pass_run(&unit, "simplify") != EG_OK) fail_msg("%s", eg_error());
    snprintf(to, sizeof to, "%s%s", leaves, after);
    eg_graph *graph = eg_graph_parse(to, root, PASS_ROOTS, &n); /* numbered anew, as the printer does */
    if (!graph) fail_msg("%s in\n%s", eg_error(), to);
    char *text = eg_graph_text(root, n);
    assert_unit(&unit, text);
    eg_string_free(text);
    eg_graph_free(graph);
}

static void unchanged(const char *text) {
    formula(text, text);
}

#define CONST(number) "%4 = const {" number "} : f32[]\n"
#define X "return %0\n"

static void arithmetic_with_neutral_elements(void **state) {
    (void)state;
    formula(CONST("0") "%5 = add %0, %4 : f32[4,3]\nreturn %5\n", X);
    formula(CONST("0") "%5 = add %4, %0 : f32[4,3]\nreturn %5\n", X);
    formula(CONST("0") "%5 = sub %0, %4 : f32[4,3]\nreturn %5\n", X);
    formula(CONST("0") "%5 = sub %4, %0 : f32[4,3]\nreturn %5\n", "%5 = neg %0 : f32[4,3]\nreturn %5\n");
    formula(CONST("1") "%5 = mul %0, %4 : f32[4,3]\nreturn %5\n", X);
    formula(CONST("1") "%5 = div %0, %4 : f32[4,3]\nreturn %5\n", X);
    formula(CONST("1") "%5 = pow %0, %4 : f32[4,3]\nreturn %5\n", X);
    formula(CONST("2") "%5 = pow %0, %4 : f32[4,3]\nreturn %5\n", "%5 = mul %0, %0 : f32[4,3]\nreturn %5\n");
    formula(CONST("-1") "%5 = mul %0, %4 : f32[4,3]\nreturn %5\n", "%5 = neg %0 : f32[4,3]\nreturn %5\n");
}

static void neutral_element_that_stretches_keeps_the_shape(void **state) {
    (void)state;
    formula("%4 = const {1} : f32[4,3]\n%5 = mul %2, %4 : f32[4,3]\nreturn %5\n",
            "%4 = expand %2 : f32[4,3]\nreturn %4\n");
    formula("%4 = const {0} : f32[1,1,3]\n%5 = add %2, %4 : f32[1,1,3]\nreturn %5\n",
            "%4 = reshape %2 : f32[1,1,3]\nreturn %4\n");
}

static void signs(void **state) {
    (void)state;
    formula("%4 = neg %0 : f32[4,3]\n%5 = neg %4 : f32[4,3]\nreturn %5\n", X);
    formula("%4 = neg %1 : f32[4,3]\n%5 = add %0, %4 : f32[4,3]\nreturn %5\n",
            "%5 = sub %0, %1 : f32[4,3]\nreturn %5\n");
    formula("%4 = neg %1 : f32[4,3]\n%5 = sub %0, %4 : f32[4,3]\nreturn %5\n",
            "%5 = add %0, %1 : f32[4,3]\nreturn %5\n");
    formula("%4 = neg %0 : f32[4,3]\n%5 = sub %4, %1 : f32[4,3]\nreturn %5\n",
            "%4 = add %0, %1 : f32[4,3]\n%5 = neg %4 : f32[4,3]\nreturn %5\n");
    formula("%4 = sub %0, %1 : f32[4,3]\n%5 = neg %4 : f32[4,3]\nreturn %5\n",
            "%4 = sub %1, %0 : f32[4,3]\nreturn %4\n");
    formula("%4 = neg %0 : f32[4,3]\n%5 = neg %1 : f32[4,3]\n%6 = mul %4, %5 : f32[4,3]\nreturn %6\n",
            "%4 = mul %0, %1 : f32[4,3]\nreturn %4\n");
    formula("%4 = neg %0 : f32[4,3]\n%5 = div %4, %1 : f32[4,3]\nreturn %5\n",
            "%4 = div %0, %1 : f32[4,3]\n%5 = neg %4 : f32[4,3]\nreturn %5\n");
    formula(CONST("3") "%5 = neg %0 : f32[4,3]\n%6 = mul %5, %4 : f32[4,3]\nreturn %6\n",
            "%4 = const {-3} : f32[]\n%5 = mul %0, %4 : f32[4,3]\nreturn %5\n");
    formula(CONST("3") "%5 = mul %0, %4 : f32[4,3]\n%6 = neg %5 : f32[4,3]\nreturn %6\n",
            "%4 = const {-3} : f32[]\n%5 = mul %0, %4 : f32[4,3]\nreturn %5\n");
    unchanged("%4 = neg %3 : f32[4,1]\n%5 = mul %4, %0 : f32[4,3]\nreturn %5\n"); /* small: stays small */
    formula("%4 = neg %0 : f32[4,3]\n%5 = abs %4 : f32[4,3]\nreturn %5\n", "%4 = abs %0 : f32[4,3]\nreturn %4\n");
}

static void factors_merge_where_that_is_exact(void **state) {
    (void)state;
    formula(CONST("0.5") "%5 = mul %0, %4 : f32[4,3]\n%6 = const {0.375} : f32[]\n%7 = mul %5, %6 : f32[4,3]\n"
                         "return %7\n",
            "%4 = const {0.1875} : f32[]\n%5 = mul %0, %4 : f32[4,3]\nreturn %5\n");
    unchanged(CONST("0.7") "%5 = mul %0, %4 : f32[4,3]\n%6 = const {0.3} : f32[]\n%7 = mul %5, %6 : f32[4,3]\n"
                           "return %7\n");
    unchanged(CONST("4") "%5 = mul %0, %4 : f32[4,3]\n%6 = const {0.3} : f32[]\n%7 = mul %5, %6 : f32[4,3]\n"
                         "return %7\n");
    unchanged(CONST("1e-30") "%5 = mul %0, %4 : f32[4,3]\n%6 = const {0.5} : f32[]\n%7 = mul %5, %6 : f32[4,3]\n"
                             "return %7\n");
    formula(CONST("8") "%5 = div %0, %4 : f32[4,3]\nreturn %5\n",
            "%4 = const {0.125} : f32[]\n%5 = mul %0, %4 : f32[4,3]\nreturn %5\n");
    unchanged(CONST("3") "%5 = div %0, %4 : f32[4,3]\nreturn %5\n");
}

static void never_touched(void **state) {
    (void)state;
    unchanged(CONST("0") "%5 = mul %0, %4 : f32[4,3]\nreturn %5\n");
    unchanged("%4 = sub %0, %0 : f32[4,3]\nreturn %4\n");
    unchanged("%4 = div %0, %0 : f32[4,3]\nreturn %4\n");
    unchanged("%4 = sqrt %0 : f32[4,3]\n%5 = const {1} : f32[]\n%6 = div %5, %4 : f32[4,3]\nreturn %6\n");
    unchanged("%4 = log %0 : f32[4,3]\n%5 = exp %4 : f32[4,3]\nreturn %5\n");
    unchanged(CONST("0.5") "%5 = pow %0, %4 : f32[4,3]\nreturn %5\n");
}

static void broadcasting_is_left_to_elementwise_ops(void **state) {
    (void)state;
    formula("%4 = expand %2 : f32[4,3]\n%5 = add %0, %4 : f32[4,3]\nreturn %5\n",
            "%4 = add %0, %2 : f32[4,3]\nreturn %4\n");
    formula("%4 = reshape %2 : f32[1,3]\n%5 = add %0, %4 : f32[4,3]\nreturn %5\n",
            "%4 = add %0, %2 : f32[4,3]\nreturn %4\n");
    formula("%4 = const {2.5} : f32[4,3]\n%5 = mul %0, %4 : f32[4,3]\nreturn %5\n",
            CONST("2.5") "%5 = mul %0, %4 : f32[4,3]\nreturn %5\n");
    formula("%4 = expand %2 : f32[4,3]\n%5 = exp %4 : f32[4,3]\nreturn %5\n",
            "%4 = exp %2 : f32[3]\n%5 = expand %4 : f32[4,3]\nreturn %5\n");
    formula("%4 = expand %2 : f32[4,3]\n%5 = expand %3 : f32[4,3]\n%6 = mul %4, %5 : f32[4,3]\nreturn %6\n",
            "%4 = mul %2, %3 : f32[4,3]\nreturn %4\n");
    unchanged("%4 = reshape %2 : f32[3,1]\n%5 = mul %4, %4 : f32[3,1]\nreturn %5\n");
}

static void choices_and_conversions(void **state) {
    (void)state;
    formula("%4 = const {1} : u8[]\n%5 = where %4, %0, %1 : f32[4,3]\nreturn %5\n", X);
    formula("%4 = const {0} : u8[]\n%5 = where %4, %0, %2 : f32[4,3]\nreturn %5\n",
            "%4 = expand %2 : f32[4,3]\nreturn %4\n");
    formula("%4 = gt %0, %1 : u8[4,3]\n%5 = where %4, %0, %0 : f32[4,3]\nreturn %5\n", X);
    formula("%4 = gt %0, %1 : u8[4,3]\n%5 = where %4, %0, %1 : f32[4,3]\n%6 = where %4, %5, %2 : f32[4,3]\n"
            "return %6\n",
            "%4 = gt %0, %1 : u8[4,3]\n%5 = where %4, %0, %2 : f32[4,3]\nreturn %5\n");
    formula("%4 = cast %0 : f32[4,3]\nreturn %4\n", X);
    formula("%4 = cast %0 : f64[4,3]\n%5 = cast %4 : f32[4,3]\nreturn %5\n", X);
    unchanged("%4 = cast %0 : i32[4,3]\n%5 = cast %4 : f32[4,3]\nreturn %5\n");
    formula("%4 = detach %0 : f32[4,3]\nreturn %4\n", X);
    formula("%4 = relu %0 : f32[4,3]\n%5 = relu %4 : f32[4,3]\nreturn %5\n",
            "%4 = relu %0 : f32[4,3]\nreturn %4\n");
    formula("%4 = maximum %0, %0 : f32[4,3]\nreturn %4\n", X);
}

static void movement(void **state) {
    (void)state;
    formula("%4 = reshape %0 : f32[12]\n%5 = reshape %4 : f32[2,6]\nreturn %5\n",
            "%4 = reshape %0 : f32[2,6]\nreturn %4\n");
    formula("%4 = reshape %0 : f32[12]\n%5 = reshape %4 : f32[4,3]\nreturn %5\n", X);
    formula("%4 = permute %0 {axes=[1,0]} : f32[3,4]\n%5 = permute %4 {axes=[1,0]} : f32[4,3]\nreturn %5\n", X);
    formula("%4 = permute %3 {axes=[1,0]} : f32[1,4]\nreturn %4\n", "%4 = reshape %3 : f32[1,4]\nreturn %4\n");
    unchanged("%4 = permute %0 {axes=[1,0]} : f32[3,4]\nreturn %4\n");
    formula("%4 = expand %2 : f32[2,3]\n%5 = expand %4 : f32[4,2,3]\nreturn %5\n",
            "%4 = expand %2 : f32[4,2,3]\nreturn %4\n");
    formula("%4 = expand %2 : f32[1,3]\nreturn %4\n", "%4 = reshape %2 : f32[1,3]\nreturn %4\n");
    formula("%4 = slice %0 {start=[0,0], stop=[4,3], step=[1,1]} : f32[4,3]\nreturn %4\n", X);
    unchanged("%4 = slice %0 {start=[0,0], stop=[4,3], step=[2,1]} : f32[2,3]\nreturn %4\n");
    formula("%4 = pad %0 {low=[0,0], high=[0,0], interior=[0,0]} : f32[4,3]\nreturn %4\n", X);
    unchanged("%4 = pad %0 {low=[0,0], high=[0,0], interior=[1,0]} : f32[7,3]\nreturn %4\n");
    formula("%4 = flip %3 {axes=[1]} : f32[4,1]\nreturn %4\n", "return %3\n");
    formula("%4 = concat %0 {axis=1} : f32[4,3]\nreturn %4\n", X);
}

/* The gradients of slices that lie side by side add up to their concatenation. */
static void neighbouring_slices_are_joined(void **state) {
    (void)state;
    becomes("simplify",
            "%0 = input \"a\" : f32[2,3]\n"
            "%1 = input \"b\" : f32[2,1]\n"
            "%2 = input \"c\" : f32[2,2]\n"
            "%3 = pad %0 {low=[0,0], high=[0,4], interior=[0,0]} : f32[2,7]\n"
            "%4 = pad %1 {low=[0,3], high=[0,3], interior=[0,0]} : f32[2,7]\n"
            "%5 = pad %2 {low=[0,4], high=[0,1], interior=[0,0]} : f32[2,7]\n"
            "%6 = add %4, %5 : f32[2,7]\n"
            "%7 = add %6, %3 : f32[2,7]\n"
            "return %7\n",
            "%0 = input \"a\" : f32[2,3]\n"
            "%1 = input \"b\" : f32[2,1]\n"
            "%2 = input \"c\" : f32[2,2]\n"
            "%3 = concat %0, %1, %2 {axis=1} : f32[2,6]\n"
            "%4 = pad %3 {low=[0,0], high=[0,1], interior=[0,0]} : f32[2,7]\n"
            "return %4\n");
    becomes("simplify", /* in any order, and with something else in between */
            "%0 = input \"a\" : f32[3]\n"
            "%1 = input \"x\" : f32[9]\n"
            "%2 = pad %0 {low=[0], high=[6], interior=[0]} : f32[9]\n"
            "%3 = pad %0 {low=[3], high=[3], interior=[0]} : f32[9]\n"
            "%4 = pad %0 {low=[6], high=[0], interior=[0]} : f32[9]\n"
            "%5 = add %2, %4 : f32[9]\n"
            "%6 = add %5, %1 : f32[9]\n"
            "%7 = add %5, %3 : f32[9]\n"
            "%8 = add %2, %1 : f32[9]\n"
            "%9 = add %8, %3 : f32[9]\n"
            "return %7, %9\n",
            "%0 = input \"a\" : f32[3]\n"
            "%1 = input \"x\" : f32[9]\n"
            "%2 = concat %0, %0, %0 {axis=0} : f32[9]\n"
            "%3 = concat %0, %0 {axis=0} : f32[6]\n"
            "%4 = pad %3 {low=[0], high=[3], interior=[0]} : f32[9]\n"
            "%5 = add %1, %4 : f32[9]\n"
            "return %2, %5\n");
    stays("simplify", "%0 = input \"a\" : f32[3]\n"
                      "%1 = pad %0 {low=[0], high=[1], interior=[0]} : f32[4]\n"
                      "%2 = pad %0 {low=[1], high=[0], interior=[0]} : f32[4]\n"
                      "%3 = add %1, %2 : f32[4]\n" /* they overlap */
                      "return %3\n");
}

static void reductions(void **state) {
    (void)state;
    formula("%4 = sum %3 {axes=[1]} : f32[4]\nreturn %4\n", "%4 = reshape %3 : f32[4]\nreturn %4\n");
    formula("%4 = logsumexp %3 {axes=[1], keep=1} : f32[4,1]\nreturn %4\n", "return %3\n");
    formula("%4 = max %3 {axes=[0,1]} : f32[]\nreturn %4\n",
            "%4 = max %3 {axes=[0]} : f32[1]\n%5 = reshape %4 : f32[]\nreturn %5\n");
    formula("%4 = neg %0 : f32[4,3]\n%5 = sum %4 {axes=[0]} : f32[3]\nreturn %5\n",
            "%4 = sum %0 {axes=[0]} : f32[3]\n%5 = neg %4 : f32[3]\nreturn %5\n");
    formula("%4 = expand %2 : f32[4,3]\n%5 = sum %4 {axes=[0]} : f32[3]\nreturn %5\n",
            "%4 = const {4} : f32[]\n%5 = mul %2, %4 : f32[3]\nreturn %5\n");
    formula("%4 = expand %3 : f32[4,3]\n%5 = sum %4 {axes=[1], keep=1} : f32[4,1]\nreturn %5\n",
            "%4 = const {3} : f32[]\n%5 = mul %3, %4 : f32[4,1]\nreturn %5\n");
    unchanged("%4 = expand %3 : f32[4,3]\n%5 = sum %4 {axes=[0]} : f32[3]\nreturn %5\n");
}

static void stack_times_matrix_is_one_product(void **state) {
    (void)state;
    becomes("simplify", "%0 = input \"x\" : f32[2,4,3]\n%1 = input \"w\" : f32[3,5]\n"
                        "%2 = matmul %0, %1 : f32[2,4,5]\nreturn %2\n",
            "%0 = input \"x\" : f32[2,4,3]\n%1 = input \"w\" : f32[3,5]\n%2 = reshape %0 : f32[8,3]\n"
            "%3 = matmul %2, %1 : f32[8,5]\n%4 = reshape %3 : f32[2,4,5]\nreturn %4\n");
}

/* relu's mask on what max pooling gives back: on the windows, where they are fewer than the pixels. */
static void a_mask_goes_before_the_places(void **state) {
    (void)state;
    static const char half[] = "%0 = input \"x\" : f32[6,2]\n%1 = input \"dy\" : f32[3,2]\n%2 = input \"at\" : i32[3,2]\n";
    static const char most[] = "%0 = input \"x\" : f32[6,2]\n%1 = input \"dy\" : f32[4,2]\n%2 = input \"at\" : i32[4,2]\n";
    static const char late[] = "%3 = const {0} : f32[]\n%4 = gt %0, %3 : u8[6,2]\n"
                               "%5 = put_along %1, %2 {axis=0, size=6} : f32[6,2]\n"
                               "%6 = where %4, %5, %3 : f32[6,2]\nreturn %6\n";
    static const char early[] = "%3 = const {0} : f32[]\n%4 = take_along %0, %2 {axis=0} : f32[3,2]\n"
                                "%5 = gt %4, %3 : u8[3,2]\n%6 = where %5, %1, %3 : f32[3,2]\n"
                                "%7 = put_along %6, %2 {axis=0, size=6} : f32[6,2]\nreturn %7\n";
    char before[1024], after[1024];
    snprintf(before, sizeof before, "%s%s", half, late);
    snprintf(after, sizeof after, "%s%s", half, early);
    becomes("simplify", before, after);
    snprintf(before, sizeof before, "%s%s", most, late);
    becomes("simplify", before, before);
}

/* The gradient of a bias before relu and max pooling: the sum of what the windows gave back. */
static void a_sum_of_what_was_put_is_the_sum(void **state) {
    (void)state;
    static const char put[] = "%0 = input \"x\" : f32[2,4,4,3]\n%1 = input \"dy\" : f32[2,4,3]\n"
                              "%2 = window_argmax %0 {size=[2,2], stride=[2,2]} : i32[2,2,2,3]\n"
                              "%3 = reshape %2 : i32[2,4,3]\n%4 = put_along %1, %3 {axis=1, size=16} : f32[2,16,3]\n"
                              "%5 = reshape %4 : f32[2,4,4,3]\n";
    char before[1024];
    snprintf(before, sizeof before, "%s%s", put, "%6 = sum %5 {axes=[0,1,2]} : f32[3]\nreturn %6\n");
    becomes("simplify", before, "%0 = input \"dy\" : f32[2,4,3]\n%1 = sum %0 {axes=[0,1]} : f32[3]\nreturn %1\n");
    snprintf(before, sizeof before, "%s%s", put, "%6 = sum %5 {axes=[1,2]} : f32[2,3]\nreturn %6\n");
    becomes("simplify", before, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_with_neutral_elements),
        cmocka_unit_test(neutral_element_that_stretches_keeps_the_shape),
        cmocka_unit_test(signs),
        cmocka_unit_test(factors_merge_where_that_is_exact),
        cmocka_unit_test(never_touched),
        cmocka_unit_test(broadcasting_is_left_to_elementwise_ops),
        cmocka_unit_test(choices_and_conversions),
        cmocka_unit_test(movement),
        cmocka_unit_test(neighbouring_slices_are_joined),
        cmocka_unit_test(reductions),
        cmocka_unit_test(stack_times_matrix_is_one_product),
        cmocka_unit_test(a_mask_goes_before_the_places),
        cmocka_unit_test(a_sum_of_what_was_put_is_the_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
