/* SPDX-License-Identifier: MIT
 *
 * test_flatten.c: what is computed from a matrix that is seen with more axes.
 */
#include "pass_test.h"

/* A product of 6 rows, seen as [2,3,4]. */
#define PRODUCT                            \
    "%0 = input \"a\" : f32[6,5]\n"         \
    "%1 = input \"w\" : f32[5,4]\n"         \
    "%2 = matmul %0, %1 : f32[6,4]\n"       \
    "%3 = reshape %2 : f32[2,3,4]\n"

static void elementwise_values_are_computed_on_the_matrix(void **state) {
    (void)state;
    becomes("flatten", PRODUCT "%4 = tanh %3 : f32[2,3,4]\nreturn %4\n",
            "%0 = input \"a\" : f32[6,5]\n%1 = input \"w\" : f32[5,4]\n%2 = matmul %0, %1 : f32[6,4]\n"
            "%3 = tanh %2 : f32[6,4]\n%4 = reshape %3 : f32[2,3,4]\nreturn %4\n");
    becomes("flatten", PRODUCT "%4 = input \"b\" : f32[4]\n%5 = add %3, %4 : f32[2,3,4]\nreturn %5\n",
            "%0 = input \"a\" : f32[6,5]\n%1 = input \"w\" : f32[5,4]\n%2 = matmul %0, %1 : f32[6,4]\n"
            "%3 = input \"b\" : f32[4]\n%4 = add %2, %3 : f32[6,4]\n%5 = reshape %4 : f32[2,3,4]\nreturn %5\n");
}

static void operands_are_seen_as_rows_and_columns(void **state) {
    (void)state;
    becomes("flatten",
            PRODUCT "%4 = input \"x\" : f32[2,3,4]\n%5 = input \"r\" : f32[2,3,1]\n"
                    "%6 = muladd %4, %5, %3 : f32[2,3,4]\nreturn %6\n",
            "%0 = input \"a\" : f32[6,5]\n%1 = input \"w\" : f32[5,4]\n%2 = matmul %0, %1 : f32[6,4]\n"
            "%3 = input \"x\" : f32[2,3,4]\n%4 = input \"r\" : f32[2,3,1]\n%5 = reshape %3 : f32[6,4]\n"
            "%6 = reshape %4 : f32[6,1]\n%7 = muladd %5, %6, %2 : f32[6,4]\n%8 = reshape %7 : f32[2,3,4]\n"
            "return %8\n");
}

static void what_varies_over_some_of_the_axes_stays(void **state) {
    (void)state;
    stays("flatten", PRODUCT "%4 = input \"m\" : f32[3,1]\n%5 = mul %3, %4 : f32[2,3,4]\nreturn %5\n");
    stays("flatten", PRODUCT "%4 = input \"p\" : f32[3,4]\n%5 = add %3, %4 : f32[2,3,4]\nreturn %5\n");
    stays("flatten", PRODUCT "%4 = sum %3 {axes=[1]} : f32[2,4]\nreturn %4\n");
    stays("flatten", "%0 = input \"a\" : f32[6,4]\n%1 = reshape %0 : f32[2,6,2]\n%2 = tanh %1 : f32[2,6,2]\nreturn %2\n");
}

static void reductions_of_rows_and_of_columns(void **state) {
    (void)state;
    static const char product[] =
        "%0 = input \"a\" : f32[6,5]\n%1 = input \"w\" : f32[5,4]\n%2 = matmul %0, %1 : f32[6,4]\n";
    char text[512];
    snprintf(text, sizeof text, "%s%s", product,
             "%3 = max %2 {axes=[1], keep=1} : f32[6,1]\n%4 = reshape %3 : f32[2,3]\nreturn %4\n");
    becomes("flatten", PRODUCT "%4 = max %3 {axes=[2]} : f32[2,3]\nreturn %4\n", text);
    snprintf(text, sizeof text, "%s%s", product,
             "%3 = sum %2 {axes=[0], keep=1} : f32[1,4]\n%4 = reshape %3 : f32[4]\nreturn %4\n");
    becomes("flatten", PRODUCT "%4 = sum %3 {axes=[0,1]} : f32[4]\nreturn %4\n", text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementwise_values_are_computed_on_the_matrix),
        cmocka_unit_test(operands_are_seen_as_rows_and_columns),
        cmocka_unit_test(what_varies_over_some_of_the_axes_stays),
        cmocka_unit_test(reductions_of_rows_and_of_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
