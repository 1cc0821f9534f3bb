/* SPDX-License-Identifier: MIT
 *
 * Constants: filled ones of any size, small literals, and what must be left to the executor.
 */
#include "pass_test.h"

static void filled_tensors_need_one_element(void **state) {
    (void)state;
    becomes("fold", "%0 = const {2} : f32[1000,1000]\n%1 = const {3} : f32[]\n%2 = mul %0, %1 : f32[1000,1000]\n"
                    "return %2\n",
            "%0 = const {6} : f32[1000,1000]\nreturn %0\n");
    becomes("fold", "%0 = const {2} : f32[1000]\n%1 = reshape %0 : f32[10,100]\n%2 = expand %1 : f32[5,10,100]\n"
                    "return %2\n",
            "%0 = const {2} : f32[5,10,100]\nreturn %0\n");
    becomes("fold", "%0 = const {2} : f32[3]\n%1 = const {1} : f32[]\n%2 = gt %0, %1 : u8[3]\nreturn %2\n",
            "%0 = const {1} : u8[3]\nreturn %0\n");
}

static void each_step_is_rounded_to_its_dtype(void **state) {
    (void)state;
    becomes("fold", "%0 = const {0.1} : f32[]\n%1 = const {0.2} : f32[]\n%2 = add %0, %1 : f32[]\nreturn %2\n",
            "%0 = const {0.30000001192092896} : f32[]\nreturn %0\n");
    becomes("fold", "%0 = const {0.1} : f64[]\n%1 = const {0.2} : f64[]\n%2 = add %0, %1 : f64[]\nreturn %2\n",
            "%0 = const {0.30000000000000004} : f64[]\nreturn %0\n");
    becomes("fold", "%0 = const {16777216} : f32[]\n%1 = const {1} : f32[]\n%2 = add %0, %1 : f32[]\nreturn %2\n",
            "%0 = const {16777216} : f32[]\nreturn %0\n");
}

static void small_literals_are_computed_whole(void **state) {
    (void)state;
    becomes("fold", "%0 = iota {axis=0} : f32[4]\n%1 = const {0.5} : f32[]\n%2 = mul %0, %1 : f32[4]\nreturn %2\n",
            "%0 = data {0, 0.5, 1, 1.5} : f32[4]\nreturn %0\n");
    becomes("fold", "%0 = iota {axis=0} : f32[4]\n%1 = sum %0 {axes=[0]} : f32[]\nreturn %1\n",
            "%0 = const {6} : f32[]\nreturn %0\n");
    becomes("fold", "%0 = const {1} : f32[2]\n%1 = pad %0 {low=[1], high=[0], interior=[0]} : f32[3]\nreturn %1\n",
            "%0 = data {0, 1, 1} : f32[3]\nreturn %0\n");
    stays("fold", "%0 = iota {axis=0} : f32[100000]\n%1 = neg %0 : f32[100000]\nreturn %1\n");
}

static void not_finite_is_folded_too(void **state) {
    (void)state;
    becomes("fold", "%0 = const {1} : f32[]\n%1 = const {0} : f32[]\n%2 = div %0, %1 : f32[]\nreturn %2\n",
            "%0 = const {inf} : f32[]\nreturn %0\n");
}

static void left_alone(void **state) {
    (void)state;
    stays("fold", "%0 = const {7} : i32[]\n%1 = random_uniform %0 {site=3} : f32[4]\nreturn %1\n");
    stays("fold", "%0 = const {2000000000} : i32[]\n%1 = add %0, %0 : i32[]\nreturn %1\n"); /* overflows */
    stays("fold", "%0 = input \"x\" : f32[]\n%1 = const {2} : f32[]\n%2 = mul %0, %1 : f32[]\nreturn %2\n");
    stays("fold", "%0 = var \"v\" : f32[]\n%1 = const {2} : f32[]\n%2 = assign %0, %1 : f32[]\nreturn %2\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filled_tensors_need_one_element), cmocka_unit_test(each_step_is_rounded_to_its_dtype),
        cmocka_unit_test(small_literals_are_computed_whole), cmocka_unit_test(not_finite_is_folded_too),
        cmocka_unit_test(left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
