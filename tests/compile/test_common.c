/* SPDX-License-Identifier: MIT
 *
 * Equal subexpressions, the order of commuting operands, dead code.
 */
#include "pass_test.h"
#include <string.h>

static void equal_values_become_one(void **state) {
    (void)state;
    becomes("common",
            "%0 = input \"x\" : f32[3]\n%1 = exp %0 : f32[3]\n%2 = exp %0 : f32[3]\n%3 = neg %1 : f32[3]\n"
            "%4 = neg %2 : f32[3]\n%5 = sub %3, %4 : f32[3]\nreturn %5\n",
            "%0 = input \"x\" : f32[3]\n%1 = exp %0 : f32[3]\n%2 = neg %1 : f32[3]\n%3 = sub %2, %2 : f32[3]\n"
            "return %3\n");
}

static void commuting_operands_have_one_order(void **state) {
    (void)state;
    becomes("common",
            "%0 = input \"x\" : f32[3]\n%1 = input \"y\" : f32[3]\n%2 = add %0, %1 : f32[3]\n"
            "%3 = add %1, %0 : f32[3]\n"
            "%4 = sub %0, %1 : f32[3]\n%5 = sub %1, %0 : f32[3]\nreturn %2, %3, %4, %5\n",
            "%0 = input \"x\" : f32[3]\n%1 = input \"y\" : f32[3]\n%2 = add %1, %0 : f32[3]\n"
            "%3 = sub %0, %1 : f32[3]\n%4 = sub %1, %0 : f32[3]\nreturn %2, %2, %3, %4\n");
    becomes("common", "%0 = const {2} : f32[]\n%1 = input \"s\" : f32[]\n%2 = input \"x\" : f32[3]\n"
                      "%3 = mul %0, %1 : f32[]\n"
                      "%4 = mul %3, %2 : f32[3]\nreturn %4\n",
            "%0 = const {2} : f32[]\n%1 = input \"s\" : f32[]\n%2 = input \"x\" : f32[3]\n%3 = mul %1, %0 : f32[]\n"
            "%4 = mul %2, %3 : f32[3]\nreturn %4\n");
}

/* Which of the two products stands first does not depend on which was built first. */
static void order_is_not_that_of_building(void **state) {
    (void)state;
    const char *leaves = "%0 = input \"x\" : f32[3]\n%1 = input \"y\" : f32[3]\n";
    char one[400], other[400], *text[2];
    snprintf(one, sizeof one, "%s%%2 = mul %%0, %%0 : f32[3]\n%%3 = mul %%1, %%1 : f32[3]\n%%4 = add %%2, %%3 : f32[3]\n"
             "return %%4\n", leaves);
    snprintf(other, sizeof other, "%s%%2 = mul %%1, %%1 : f32[3]\n%%3 = mul %%0, %%0 : f32[3]\n%%4 = add %%3, %%2 : f32[3]\n"
             "return %%4\n", leaves);
    for (int i = 0; i < 2; i++) {
        eg_unit unit = unit_of(i ? other : one);
        assert_int_equal(eg_compile(&unit, "contract"), EG_OK);
        text[i] = eg_graph_text(unit.root, unit.nroots);
        eg_unit_free(&unit);
    }
    assert_non_null(strstr(text[0], "muladd %1, %1, %2"));
    assert_string_equal(text[0], text[1]);
    eg_string_free(text[0]), eg_string_free(text[1]);
}

static void attributes_and_dtypes_tell_values_apart(void **state) {
    (void)state;
    stays("common", "%0 = input \"x\" : f32[3,4]\n%1 = sum %0 {axes=[0]} : f32[4]\n"
                    "%2 = sum %0 {axes=[1]} : f32[3]\n"
                    "%3 = sum %0 {axes=[1], keep=1} : f32[3,1]\n%4 = cast %0 : f64[3,4]\n%5 = cast %0 : i32[3,4]\n"
                    "return %1, %2, %3, %4, %5\n");
}

static void random_values_merge_by_site(void **state) {
    (void)state;
    becomes("common", "%0 = input \"t\" : i32[]\n%1 = random_uniform %0 {site=3} : f32[4]\n"
                      "%2 = random_uniform %0 {site=3} : f32[4]\n"
                      "%3 = random_uniform %0 {site=4} : f32[4]\nreturn %1, %2, %3\n",
            "%0 = input \"t\" : i32[]\n%1 = random_uniform %0 {site=3} : f32[4]\n"
            "%2 = random_uniform %0 {site=4} : f32[4]\n"
            "return %1, %1, %2\n");
}

static void dead_values_are_dropped(void **state) {
    (void)state;
    eg_unit unit = unit_of("%0 = input \"x\" : f32[3]\n%1 = exp %0 : f32[3]\n%2 = exp %0 : f32[3]\n"
                           "%3 = sub %1, %2 : f32[3]\nreturn %3\n");
    assert_int_equal(eg_pass_run(&unit, "common"), EG_OK);
    assert_int_equal(unit.graph->n, 4); /* the merged exp lies about */
    assert_int_equal(eg_pass_run(&unit, "dead"), EG_OK);
    assert_int_equal(unit.graph->n, 3);
    eg_unit_free(&unit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values_become_one), cmocka_unit_test(commuting_operands_have_one_order),
        cmocka_unit_test(order_is_not_that_of_building),
        cmocka_unit_test(attributes_and_dtypes_tell_values_apart), cmocka_unit_test(random_values_merge_by_site),
        cmocka_unit_test(dead_values_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
