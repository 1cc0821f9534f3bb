/* SPDX-License-Identifier: MIT
 *
 * The order of execution: reads before stores, copies where no order helps, updates side by side.
 */
#include "pass_test.h"

static void readers_come_before_the_new_value(void **state) {
    (void)state;
    becomes("schedule",
            "%0 = var \"w\" : f32[3]\n%1 = input \"g\" : f32[3]\n%2 = sub %0, %1 : f32[3]\n"
            "%3 = assign %0, %2 : f32[3]\n"
            "%4 = reshape %0 : f32[1,3]\n%5 = flip %4 {axes=[1]} : f32[1,3]\nreturn %3, %5\n",
            "%0 = var \"w\" : f32[3]\n%1 = input \"g\" : f32[3]\n%2 = reshape %0 : f32[1,3]\n"
            "%3 = flip %2 {axes=[1]} : f32[1,3]\n"
            "%4 = sub %0, %1 : f32[3]\n%5 = assign %0, %4 : f32[3]\nreturn %5, %3\n");
}

static void reader_of_the_new_value_cannot(void **state) {
    (void)state;
    /* flip reads the old w and depends on the new one: it can only stand before the assign */
    becomes("schedule",
            "%0 = var \"w\" : f32[3]\n%1 = neg %0 : f32[3]\n%2 = assign %0, %1 : f32[3]\n"
            "%3 = mul %0, %1 : f32[3]\nreturn %2, %3\n",
            "%0 = var \"w\" : f32[3]\n%1 = neg %0 : f32[3]\n%2 = mul %0, %1 : f32[3]\n"
            "%3 = assign %0, %1 : f32[3]\nreturn %3, %2\n");
}

static void swapped_variables_are_copied(void **state) {
    (void)state;
    becomes("schedule",
            "%0 = var \"a\" : i32[3]\n%1 = var \"b\" : i32[3]\n%2 = assign %0, %1 : i32[3]\n"
            "%3 = assign %1, %0 : i32[3]\nreturn %2, %3\n",
            "%0 = var \"a\" : i32[3]\n%1 = var \"b\" : i32[3]\n%2 = detach %1 : i32[3]\n%3 = detach %0 : i32[3]\n"
            "%4 = assign %0, %2 : i32[3]\n%5 = assign %1, %3 : i32[3]\nreturn %4, %5\n");
}

static void fetched_old_value_is_copied(void **state) {
    (void)state;
    becomes("schedule",
            "%0 = var \"w\" : f32[3]\n%1 = neg %0 : f32[3]\n%2 = assign %0, %1 : f32[3]\n"
            "%3 = reshape %0 : f32[1,3]\nreturn %0, %2, %3\n",
            "%0 = var \"w\" : f32[3]\n%1 = reshape %0 : f32[1,3]\n%2 = detach %0 : f32[3]\n"
            "%3 = detach %1 : f32[1,3]\n"
            "%4 = neg %0 : f32[3]\n%5 = assign %0, %4 : f32[3]\nreturn %2, %5, %3\n");
    stays("schedule", "%0 = var \"w\" : f32[3]\nreturn %0\n");
}

#define UNARY(op, n) " {\n  %0 = param {0} : f32[" n "]\n  %1 = " op " %0 : f32[" n "]\n  return %1\n} : f32[" n "]\n"
#define BODY(n) UNARY("neg", n)
#define OTHER(n) UNARY("exp", n)

static void equal_updates_stand_side_by_side(void **state) {
    (void)state;
    becomes("schedule",
            "%0 = var \"a\" : f32[3]\n%1 = var \"b\" : f32[4]\n%2 = var \"c\" : f32[5]\n"
            "%3 = fused %2" BODY("5") "%4 = assign %2, %3 : f32[5]\n"
            "%5 = fused %1" OTHER("4") "%6 = assign %1, %5 : f32[4]\n"
                                       "%7 = fused %0" BODY("3") "%8 = assign %0, %7 : f32[3]\n"
            "%9 = input \"x\" : f32[]\n%10 = exp %9 : f32[]\nreturn %4, %6, %8, %10\n",
            "%0 = var \"a\" : f32[3]\n%1 = var \"b\" : f32[4]\n%2 = var \"c\" : f32[5]\n"
            "%3 = input \"x\" : f32[]\n%4 = exp %3 : f32[]\n"
            "%5 = fused %0" BODY("3") "%6 = assign %0, %5 : f32[3]\n"
                                      "%7 = fused %2" BODY("5") "%8 = assign %2, %7 : f32[5]\n"
            "%9 = fused %1" OTHER("4") "%10 = assign %1, %9 : f32[4]\nreturn %8, %10, %6, %4\n");
}

static void order_prefers_small_keys_among_the_ready(void **state) {
    (void)state;
    int edge[][2] = { { 0, 3 }, { 4, 1 }, { 3, 1 } }, order[5];
    int64_t key[] = { 5, 0, 4, 1, 9 };
    assert_int_equal(eg_order(5, edge, 3, key, order), EG_OK);
    int expected[] = { 2, 0, 3, 4, 1 };
    assert_memory_equal(order, expected, sizeof order);
    int cycle[][2] = { { 0, 1 }, { 1, 0 } };
    assert_int_equal(eg_order(2, cycle, 2, key, order), EG_E_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_come_before_the_new_value),  cmocka_unit_test(reader_of_the_new_value_cannot),
        cmocka_unit_test(swapped_variables_are_copied),       cmocka_unit_test(fetched_old_value_is_copied),
        cmocka_unit_test(equal_updates_stand_side_by_side),
        cmocka_unit_test(order_prefers_small_keys_among_the_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
