/* SPDX-License-Identifier: MIT
 *
 * muladd, products that start from a row, and transposes that go into products.
 */
#include "pass_test.h"

#define XYZ "%0 = input \"x\" : f32[4]\n%1 = input \"y\" : f32[4]\n%2 = input \"z\" : f32[4]\n"

static void sum_with_a_product(void **state) {
    (void)state;
    becomes("contract", XYZ "%3 = mul %0, %1 : f32[4]\n%4 = add %3, %2 : f32[4]\nreturn %4\n",
            XYZ "%3 = muladd %0, %1, %2 : f32[4]\nreturn %3\n");
    becomes("contract", XYZ "%3 = mul %0, %1 : f32[4]\n%4 = add %2, %3 : f32[4]\nreturn %4\n",
            XYZ "%3 = muladd %0, %1, %2 : f32[4]\nreturn %3\n");
}

static void product_with_other_readers_stays(void **state) {
    (void)state;
    stays("contract", XYZ "%3 = mul %0, %1 : f32[4]\n%4 = add %3, %2 : f32[4]\nreturn %3, %4\n");
    stays("contract", "%0 = input \"s\" : f32[]\n%1 = input \"t\" : f32[]\n%2 = input \"z\" : f32[4]\n"
                      "%3 = mul %0, %1 : f32[]\n"
                      "%4 = add %2, %3 : f32[4]\nreturn %4\n");
    stays("contract", "%0 = input \"x\" : f64[4]\n%1 = mul %0, %0 : f64[4]\n%2 = add %1, %0 : f64[4]\nreturn %2\n");
}

static void differences(void **state) {
    (void)state;
    becomes("contract", "%0 = input \"x\" : f32[4]\n%1 = const {3} : f32[]\n%2 = mul %0, %0 : f32[4]\n"
                        "%3 = sub %2, %1 : f32[4]\nreturn %3\n",
            "%0 = input \"x\" : f32[4]\n%1 = const {-3} : f32[]\n%2 = muladd %0, %0, %1 : f32[4]\nreturn %2\n");
    becomes("contract", "%0 = input \"w\" : f32[4]\n%1 = input \"g\" : f32[4]\n%2 = input \"lr\" : f32[]\n"
                        "%3 = mul %1, %2 : f32[4]\n"
                        "%4 = sub %0, %3 : f32[4]\nreturn %4\n",
            "%0 = input \"w\" : f32[4]\n%1 = input \"g\" : f32[4]\n%2 = input \"lr\" : f32[]\n%3 = neg %2 : f32[]\n"
            "%4 = muladd %1, %3, %0 : f32[4]\nreturn %4\n");
    stays("contract", XYZ "%3 = mul %0, %1 : f32[4]\n%4 = sub %2, %3 : f32[4]\nreturn %4\n");
    stays("contract", XYZ "%3 = mul %0, %1 : f32[4]\n%4 = sub %3, %2 : f32[4]\nreturn %4\n");
}

#define DENSE "%0 = input \"x\" : f32[4,3]\n%1 = input \"w\" : f32[3,5]\n"

static void bias_starts_the_product(void **state) {
    (void)state;
    becomes("contract", DENSE "%2 = input \"b\" : f32[5]\n%3 = matmul %0, %1 : f32[4,5]\n"
                              "%4 = add %3, %2 : f32[4,5]\nreturn %4\n",
            DENSE "%2 = input \"b\" : f32[5]\n%3 = matmul %0, %1, %2 : f32[4,5]\nreturn %3\n");
    becomes("contract", DENSE "%2 = input \"b\" : f32[1,5]\n%3 = matmul %0, %1 : f32[4,5]\n"
                              "%4 = add %2, %3 : f32[4,5]\nreturn %4\n",
            DENSE "%2 = input \"b\" : f32[1,5]\n%3 = reshape %2 : f32[5]\n%4 = matmul %0, %1, %3 : f32[4,5]\n"
                  "return %4\n");
    stays("contract", DENSE "%2 = input \"b\" : f32[4,1]\n%3 = matmul %0, %1 : f32[4,5]\n"
                            "%4 = add %3, %2 : f32[4,5]\nreturn %4\n");
    stays("contract", DENSE "%2 = input \"b\" : f32[5]\n%3 = matmul %0, %1 : f32[4,5]\n"
                            "%4 = add %3, %2 : f32[4,5]\nreturn %3, %4\n");
}

static void transposed_operands(void **state) {
    (void)state;
    becomes("transpose", "%0 = input \"x\" : f32[3,4]\n%1 = input \"w\" : f32[5,3]\n"
                         "%2 = permute %0 {axes=[1,0]} : f32[4,3]\n"
                         "%3 = permute %1 {axes=[1,0]} : f32[3,5]\n%4 = matmul %2, %3 : f32[4,5]\nreturn %4\n",
            "%0 = input \"x\" : f32[3,4]\n%1 = input \"w\" : f32[5,3]\n"
            "%2 = matmul %0, %1 {ta=1, tb=1} : f32[4,5]\nreturn %2\n");
    becomes("transpose", "%0 = input \"x\" : f32[2,3,4]\n%1 = input \"w\" : f32[2,3,5]\n"
                         "%2 = permute %0 {axes=[0,2,1]} : f32[2,4,3]\n"
                         "%3 = matmul %2, %1 : f32[2,4,5]\nreturn %3\n",
            "%0 = input \"x\" : f32[2,3,4]\n%1 = input \"w\" : f32[2,3,5]\n"
            "%2 = matmul %0, %1 {ta=1} : f32[2,4,5]\nreturn %2\n");
    becomes("transpose", "%0 = input \"x\" : f32[4,3]\n%1 = input \"w\" : f32[3,5]\n"
                         "%2 = permute %0 {axes=[1,0]} : f32[3,4]\n"
                         "%3 = matmul %2, %1 {ta=1} : f32[4,5]\nreturn %3\n",
            "%0 = input \"x\" : f32[4,3]\n%1 = input \"w\" : f32[3,5]\n%2 = matmul %0, %1 : f32[4,5]\nreturn %2\n");
}

static void transposed_result_turns_the_product(void **state) {
    (void)state;
    becomes("transpose", DENSE "%2 = matmul %0, %1 : f32[4,5]\n%3 = permute %2 {axes=[1,0]} : f32[5,4]\n"
                               "return %3\n",
            DENSE "%2 = matmul %1, %0 {ta=1, tb=1} : f32[5,4]\nreturn %2\n");
    stays("transpose", DENSE "%2 = matmul %0, %1 : f32[4,5]\n%3 = permute %2 {axes=[1,0]} : f32[5,4]\n"
                             "return %2, %3\n");
    stays("transpose", "%0 = input \"x\" : f32[2,3,4]\n%1 = input \"w\" : f32[4,3,5]\n"
                       "%2 = permute %0 {axes=[2,1,0]} : f32[4,3,2]\n"
                       "%3 = matmul %2, %1 {ta=1} : f32[4,2,5]\nreturn %3\n");
}

#define HEADS "%0 = input \"x\" : f32[2,3,4,5]\n%1 = input \"w\" : f32[2,3,4,6]\n"

static void permutes_stand_next_to_the_product(void **state) {
    (void)state;
    becomes("transpose", HEADS "%2 = matmul %0, %1 {ta=1} : f32[2,3,5,6]\n"
                               "%3 = permute %2 {axes=[0,3,1,2]} : f32[2,6,3,5]\nreturn %3\n",
            HEADS "%2 = matmul %1, %0 {ta=1} : f32[2,3,6,5]\n%3 = permute %2 {axes=[0,2,1,3]} : f32[2,6,3,5]\n"
                  "return %3\n");
    becomes("transpose", HEADS "%2 = const {0.5} : f32[]\n%3 = matmul %0, %1 {ta=1} : f32[2,3,5,6]\n"
                               "%4 = mul %3, %2 : f32[2,3,5,6]\n"
                               "%5 = permute %4 {axes=[0,2,1,3]} : f32[2,5,3,6]\nreturn %5\n",
            HEADS "%2 = const {0.5} : f32[]\n%3 = matmul %0, %1 {ta=1} : f32[2,3,5,6]\n"
                  "%4 = permute %3 {axes=[0,2,1,3]} : f32[2,5,3,6]\n%5 = mul %4, %2 : f32[2,5,3,6]\n"
                  "return %5\n");
    becomes("transpose", "%0 = input \"x\" : f32[2,4,3,5]\n%1 = input \"w\" : f32[5,6]\n%2 = const {0.5} : f32[]\n"
                         "%3 = permute %0 {axes=[0,2,1,3]} : f32[2,3,4,5]\n%4 = mul %3, %2 : f32[2,3,4,5]\n"
                         "%5 = matmul %4, %1 : f32[2,3,4,6]\nreturn %5\n",
            "%0 = input \"x\" : f32[2,4,3,5]\n%1 = input \"w\" : f32[5,6]\n%2 = const {0.5} : f32[]\n"
            "%3 = mul %0, %2 : f32[2,4,3,5]\n%4 = permute %3 {axes=[0,2,1,3]} : f32[2,3,4,5]\n"
            "%5 = matmul %4, %1 : f32[2,3,4,6]\nreturn %5\n");
}

static void argmax_compared_with_labels(void **state) {
    (void)state;
    becomes("lower",
            "%0 = input \"x\" : f32[4,3]\n%1 = input \"y\" : i32[4]\n%2 = argmax %0 {axis=1} : i32[4]\n"
            "%3 = eq %2, %1 : u8[4]\nreturn %3\n",
            "%0 = input \"x\" : f32[4,3]\n%1 = input \"y\" : i32[4]\n%2 = iota {axis=0} : f32[3]\n"
            "%3 = const {3} : f32[]\n"
            "%4 = max %0 {axes=[1], keep=1} : f32[4,1]\n%5 = eq %0, %4 : u8[4,3]\n%6 = ne %0, %0 : u8[4,3]\n"
            "%7 = where %6, %2, %3 : f32[4,3]\n%8 = where %5, %2, %7 : f32[4,3]\n%9 = min %8 {axes=[1]} : f32[4]\n"
            "%10 = cast %1 : f32[4]\n%11 = eq %9, %10 : u8[4]\nreturn %11\n");
    stays("lower", "%0 = input \"x\" : f32[4,3]\n%1 = input \"y\" : i32[3]\n%2 = argmax %0 {axis=0} : i32[3]\n"
                   "%3 = eq %2, %1 : u8[3]\nreturn %3\n");
    stays("lower", "%0 = input \"x\" : f32[4,3]\n%1 = input \"y\" : i32[4]\n%2 = argmax %0 {axis=1} : i32[4]\n"
                   "%3 = eq %2, %1 : u8[4]\nreturn %3, %2\n");
}

static void a_convolution_starts_from_its_bias(void **state) {
    (void)state;
    becomes("contract",
            "%0 = input \"x\" : f32[2,6,3]\n%1 = input \"w\" : f32[3,3,4]\n%2 = input \"b\" : f32[4]\n"
            "%3 = conv %0, %1 : f32[2,4,4]\n%4 = add %3, %2 : f32[2,4,4]\nreturn %4\n",
            "%0 = input \"x\" : f32[2,6,3]\n%1 = input \"w\" : f32[3,3,4]\n%2 = input \"b\" : f32[4]\n"
            "%3 = conv %0, %1, %2 : f32[2,4,4]\nreturn %3\n");
    stays("contract", "%0 = input \"x\" : f32[2,6,3]\n%1 = input \"w\" : f32[3,3,4]\n%2 = input \"b\" : f32[4,1]\n"
                      "%3 = conv %0, %1 : f32[2,4,4]\n%4 = add %3, %2 : f32[2,4,4]\nreturn %4\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_starts_from_its_bias),
        cmocka_unit_test(sum_with_a_product),      cmocka_unit_test(product_with_other_readers_stays),
        cmocka_unit_test(differences),             cmocka_unit_test(bias_starts_the_product),
        cmocka_unit_test(transposed_operands),     cmocka_unit_test(transposed_result_turns_the_product),
        cmocka_unit_test(permutes_stand_next_to_the_product),
        cmocka_unit_test(argmax_compared_with_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
