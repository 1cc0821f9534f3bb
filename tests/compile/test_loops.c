/* SPDX-License-Identifier: MIT
 *
 * test_loops.c: what prune, hoist, sink and invariant make of loops. That they keep the numbers is tested on random
 * loops (tests/runtime/test_scan.c).
 */
#include "compile/pass_test.h"
#include <string.h>

static const char rnn[] = "%0 = const {0} : f32[2,3]\n"
                          "%1 = input \"x\" : f32[5,2,4]\n"
                          "%2 = var \"W\" {panels} : f32[4,3]{panels}\n"
                          "%3 = var \"b\" : f32[3]\n"
                          "%4 = var \"U\" {panels} : f32[3,3]{panels}\n"
                          "%5 = scan %0, %1, %2, %3, %4 {steps=5, carries=1, stacked=1} {\n"
                          "  %0 = param {0} : f32[2,3]\n"
                          "  %1 = param {1} : f32[2,4]\n"
                          "  %2 = param {2} : f32[4,3]{panels}\n"
                          "  %3 = param {3} : f32[3]\n"
                          "  %4 = param {4} : f32[3,3]{panels}\n"
                          "  %5 = matmul %1, %2 : f32[2,3]\n"
                          "  %6 = add %5, %3 : f32[2,3]\n"
                          "  %7 = matmul %0, %4 : f32[2,3]\n"
                          "  %8 = add %6, %7 : f32[2,3]\n"
                          "  %9 = tanh %8 : f32[2,3]\n"
                          "  return %9, %9\n"
                          "} : f32[2,3]\n"
                          "%6 = part %5 {1} : f32[5,2,3]\n"
                          "return %6\n";

static void hoist_makes_one_product_of_all_steps(void **state) {
    (void)state;
    becomes("hoist", rnn,
            "%0 = const {0} : f32[2,3]\n"
            "%1 = input \"x\" : f32[5,2,4]\n"
            "%2 = var \"W\" {panels} : f32[4,3]{panels}\n"
            "%3 = var \"b\" : f32[3]\n"
            "%4 = var \"U\" {panels} : f32[3,3]{panels}\n"
            "%5 = reshape %1 : f32[10,4]\n"
            "%6 = matmul %5, %2 : f32[10,3]\n"
            "%7 = add %6, %3 : f32[10,3]\n"
            "%8 = reshape %7 : f32[5,2,3]\n"
            "%9 = scan %0, %1, %8, %2, %3, %4 {steps=5, carries=1, stacked=2} {\n"
            "  %0 = param {0} : f32[2,3]\n"
            "  %1 = param {1} : f32[2,4]\n"
            "  %2 = param {2} : f32[2,3]\n"
            "  %3 = param {3} : f32[4,3]{panels}\n"
            "  %4 = param {4} : f32[3]\n"
            "  %5 = param {5} : f32[3,3]{panels}\n"
            "  %6 = matmul %0, %5 : f32[2,3]\n"
            "  %7 = add %2, %6 : f32[2,3]\n"
            "  %8 = tanh %7 : f32[2,3]\n"
            "  return %8, %8\n"
            "} : f32[2,3]\n"
            "%10 = part %9 {1} : f32[5,2,3]\n"
            "return %10\n");
}

static void hoist_computes_once_what_is_the_same_in_every_step(void **state) {
    (void)state;
    becomes("hoist",
            "%0 = input \"h\" : f32[3]\n"
            "%1 = input \"w\" : f32[3]\n"
            "%2 = scan %0, %1 {steps=7, carries=1} {\n"
            "  %0 = param {0} : f32[3]\n"
            "  %1 = param {1} : f32[3]\n"
            "  %2 = exp %1 : f32[3]\n"
            "  %3 = mul %0, %2 : f32[3]\n"
            "  return %3\n"
            "} : f32[3]\n"
            "return %2\n",
            "%0 = input \"h\" : f32[3]\n"
            "%1 = input \"w\" : f32[3]\n"
            "%2 = exp %1 : f32[3]\n"
            "%3 = scan %0, %1, %2 {steps=7, carries=1} {\n"
            "  %0 = param {0} : f32[3]\n"
            "  %1 = param {1} : f32[3]\n"
            "  %2 = param {2} : f32[3]\n"
            "  %3 = mul %0, %2 : f32[3]\n"
            "  return %3\n"
            "} : f32[3]\n"
            "return %3\n");
}

/* Elementwise values are as cheap inside. */
static void hoist_leaves_what_is_elementwise(void **state) {
    (void)state;
    stays("hoist", "%0 = input \"h\" : f32[3]\n"
                   "%1 = input \"x\" : f32[7,3]\n"
                   "%2 = scan %0, %1 {steps=7, carries=1, stacked=1} {\n"
                   "  %0 = param {0} : f32[3]\n"
                   "  %1 = param {1} : f32[3]\n"
                   "  %2 = tanh %1 : f32[3]\n"
                   "  %3 = mul %0, %2 : f32[3]\n"
                   "  return %3\n"
                   "} : f32[3]\n"
                   "return %2\n");
}

/* The backward loop of h' = h U + x: dU is one product, and so is what no carry needs. */
static void sink_sums_in_one_product(void **state) {
    (void)state;
    becomes("sink",
            "%0 = input \"dh\" : f32[2,3]\n"
            "%1 = const {0} : f32[3,3]\n"
            "%2 = const {0} : f32[3]\n"
            "%3 = input \"dy\" : f32[5,2,3]\n"
            "%4 = input \"h\" : f32[5,2,3]\n"
            "%5 = input \"U\" : f32[3,3]\n"
            "%6 = input \"W\" : f32[4,3]\n"
            "%7 = scan %0, %1, %2, %3, %4, %5, %6 {steps=5, carries=3, stacked=2, reverse=1} {\n"
            "  %0 = param {0} : f32[2,3]\n"
            "  %1 = param {1} : f32[3,3]\n"
            "  %2 = param {2} : f32[3]\n"
            "  %3 = param {3} : f32[2,3]\n"
            "  %4 = param {4} : f32[2,3]\n"
            "  %5 = param {5} : f32[3,3]\n"
            "  %6 = param {6} : f32[4,3]\n"
            "  %7 = add %0, %3 : f32[2,3]\n"
            "  %8 = matmul %7, %5 {tb=1} : f32[2,3]\n"
            "  %9 = matmul %4, %7 {ta=1} : f32[3,3]\n"
            "  %10 = add %1, %9 : f32[3,3]\n"
            "  %11 = sum %7 {axes=[0]} : f32[3]\n"
            "  %12 = add %2, %11 : f32[3]\n"
            "  %13 = matmul %7, %6 {tb=1} : f32[2,4]\n"
            "  return %8, %10, %12, %13\n"
            "} : f32[2,3]\n"
            "%8 = part %7 {1} : f32[3,3]\n"
            "%9 = part %7 {2} : f32[3]\n"
            "%10 = part %7 {3} : f32[5,2,4]\n"
            "return %7, %8, %9, %10\n",
            "%0 = input \"dh\" : f32[2,3]\n"
            "%1 = const {0} : f32[3,3]\n"
            "%2 = const {0} : f32[3]\n"
            "%3 = input \"dy\" : f32[5,2,3]\n"
            "%4 = input \"h\" : f32[5,2,3]\n"
            "%5 = input \"U\" : f32[3,3]\n"
            "%6 = input \"W\" : f32[4,3]\n"
            "%7 = scan %0, %3, %4, %5, %6 {steps=5, carries=1, stacked=2, reverse=1} {\n"
            "  %0 = param {0} : f32[2,3]\n"
            "  %1 = param {1} : f32[2,3]\n"
            "  %2 = param {2} : f32[2,3]\n"
            "  %3 = param {3} : f32[3,3]\n"
            "  %4 = param {4} : f32[4,3]\n"
            "  %5 = add %0, %1 : f32[2,3]\n"
            "  %6 = matmul %5, %3 {tb=1} : f32[2,3]\n"
            "  return %6, %5\n"
            "} : f32[2,3]\n"
            "%8 = part %7 {1} : f32[5,2,3]\n"
            "%9 = reshape %4 : f32[10,3]\n"
            "%10 = reshape %8 : f32[10,3]\n"
            "%11 = matmul %9, %10 {ta=1} : f32[3,3]\n"
            "%12 = add %1, %11 : f32[3,3]\n"
            "%13 = reshape %8 : f32[10,3]\n"
            "%14 = sum %13 {axes=[0]} : f32[3]\n"
            "%15 = add %2, %14 : f32[3]\n"
            "%16 = reshape %8 : f32[10,3]\n"
            "%17 = matmul %16, %6 {tb=1} : f32[10,4]\n"
            "%18 = reshape %17 : f32[5,2,4]\n"
            "return %7, %12, %15, %18\n");
}

/* A carry that is read by more than its own sum stays. */
static void sink_leaves_a_carry_that_is_read(void **state) {
    (void)state;
    stays("sink", "%0 = input \"s\" : f32[3]\n"
                  "%1 = input \"x\" : f32[5,2,3]\n"
                  "%2 = scan %0, %1 {steps=5, carries=1, stacked=1} {\n"
                  "  %0 = param {0} : f32[3]\n"
                  "  %1 = param {1} : f32[2,3]\n"
                  "  %2 = mul %0, %1 : f32[2,3]\n"
                  "  %3 = sum %2 {axes=[0]} : f32[3]\n"
                  "  %4 = add %0, %3 : f32[3]\n"
                  "  return %4\n"
                  "} : f32[3]\n"
                  "return %2\n");
}

static void prune_drops_what_nobody_reads(void **state) {
    (void)state;
    becomes("prune",
            "%0 = input \"a\" : f32[3]\n"
            "%1 = input \"b\" : f32[3]\n"
            "%2 = input \"c\" : f32[3]\n"
            "%3 = input \"x\" : f32[5,3]\n"
            "%4 = scan %0, %1, %2, %3, %3, %2 {steps=5, carries=3, stacked=2} {\n"
            "  %0 = param {0} : f32[3]\n"
            "  %1 = param {1} : f32[3]\n"
            "  %2 = param {2} : f32[3]\n"
            "  %3 = param {3} : f32[3]\n"
            "  %4 = param {4} : f32[3]\n"
            "  %5 = param {5} : f32[3]\n"
            "  %6 = mul %0, %3 : f32[3]\n" /* only carries itself on */
            "  %7 = add %1, %3 : f32[3]\n"
            "  %8 = mul %7, %4 : f32[3]\n" /* the same slice */
            "  %9 = add %8, %2 : f32[3]\n" /* a carry that never changes */
            "  return %6, %9, %2, %7, %3, %8\n"
            "} : f32[3]\n"
            "%5 = part %4 {1} : f32[3]\n"
            "%6 = part %4 {2} : f32[3]\n"
            "%7 = part %4 {4} : f32[5,3]\n"
            "return %5, %6, %7\n",
            "%0 = input \"b\" : f32[3]\n"
            "%1 = input \"c\" : f32[3]\n"
            "%2 = input \"x\" : f32[5,3]\n"
            "%3 = scan %0, %2, %1 {steps=5, carries=1, stacked=1} {\n"
            "  %0 = param {0} : f32[3]\n"
            "  %1 = param {1} : f32[3]\n"
            "  %2 = param {2} : f32[3]\n"
            "  %3 = add %0, %1 : f32[3]\n"
            "  %4 = mul %3, %1 : f32[3]\n"
            "  %5 = add %4, %2 : f32[3]\n"
            "  return %5\n"
            "} : f32[3]\n"
            "return %3, %1, %2\n");
}

static void prune_unrolls_one_step(void **state) {
    (void)state;
    becomes("prune",
            "%0 = input \"h\" : f32[3]\n"
            "%1 = input \"x\" : f32[1,3]\n"
            "%2 = scan %0, %1 {steps=1, carries=1, stacked=1} {\n"
            "  %0 = param {0} : f32[3]\n"
            "  %1 = param {1} : f32[3]\n"
            "  %2 = add %0, %1 : f32[3]\n"
            "  return %2, %0\n"
            "} : f32[3]\n"
            "%3 = part %2 {1} : f32[1,3]\n"
            "return %2, %3\n",
            "%0 = input \"h\" : f32[3]\n"
            "%1 = input \"x\" : f32[1,3]\n"
            "%2 = reshape %1 : f32[3]\n"
            "%3 = add %0, %2 : f32[3]\n"
            "%4 = reshape %0 : f32[1,3]\n"
            "return %3, %4\n");
}

static void invariant_packs_a_weight_once(void **state) {
    (void)state;
    eg_unit unit = unit_of("%0 = input \"d\" : f32[2,40]\n"
                           "%1 = var \"U\" {panels} : f32[40,40]{panels}\n"
                           "%2 = scan %0, %1 {steps=5, carries=1} {\n"
                           "  %0 = param {0} : f32[2,40]\n"
                           "  %1 = param {1} : f32[40,40]{panels}\n"
                           "  %2 = matmul %0, %1 {tb=1} : f32[2,40]\n"
                           "  return %2\n"
                           "} : f32[2,40]\n"
                           "return %2\n");
    assert_int_equal(eg_pass_run(&unit, "layout"), EG_OK);
    assert_int_equal(eg_pass_run(&unit, "invariant"), EG_OK);
    assert_unit(&unit, "%0 = input \"d\" : f32[2,40]\n"
                       "%1 = var \"U\" {panels} : f32[40,40]{panels}\n"
                       "%2 = pack %1 {transpose=1} : f32[40,40]{panels}\n"
                       "%3 = scan %0, %1, %2 {steps=5, carries=1} {\n"
                       "  %0 = param {0} : f32[2,40]\n"
                       "  %1 = param {1} : f32[40,40]{panels}\n"
                       "  %2 = param {2} : f32[40,40]{panels}\n"
                       "  %3 = matmul %0, %2 : f32[2,40]\n"
                       "  return %3\n"
                       "} : f32[2,40]\n"
                       "return %3\n");
}

static void other_passes_run_on_bodies(void **state) {
    (void)state;
    eg_unit unit = unit_of(rnn);
    assert_int_equal(eg_compile(&unit, "fuse"), EG_OK);
    char *text = eg_graph_text(unit.root, unit.nroots);
    assert_non_null(
        strstr(text, "    %3 = matmul %0, %1 : f32[2,3]\n    %4 = add %3, %2 : f32[2,3]\n    %5 = tanh %4"));
    eg_string_free(text);
    eg_unit_free(&unit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hoist_makes_one_product_of_all_steps),
        cmocka_unit_test(hoist_computes_once_what_is_the_same_in_every_step),
        cmocka_unit_test(hoist_leaves_what_is_elementwise),
        cmocka_unit_test(sink_sums_in_one_product),
        cmocka_unit_test(sink_leaves_a_carry_that_is_read),
        cmocka_unit_test(prune_drops_what_nobody_reads),
        cmocka_unit_test(prune_unrolls_one_step),
        cmocka_unit_test(invariant_packs_a_weight_once),
        cmocka_unit_test(other_passes_run_on_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
