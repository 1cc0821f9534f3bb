/* SPDX-License-Identifier: MIT
 *
 * Panels: where they come from, how far they go, and where a conversion is put.
 */
#include "pass_test.h"

#define LEAVES "%0 = input \"x\" : f32[8,3]\n%1 = var \"W\" {panels} : f32[3,5]{panels}\n"

static void forward_product_reads_panels_in_place(void **state) {
    (void)state;
    stays("layout", LEAVES "%2 = matmul %0, %1 : f32[8,5]\nreturn %2\n");
}

static void update_stays_in_panels(void **state) {
    (void)state;
    becomes("layout",
            LEAVES "%2 = input \"d\" : f32[8,5]\n%3 = input \"lr\" : f32[]\n%4 = matmul %0, %2 {ta=1} : f32[3,5]\n"
                   "%5 = mul %4, %3 : f32[3,5]\n%6 = sub %1, %5 : f32[3,5]\n%7 = assign %1, %6 : f32[3,5]\n"
                   "return %7\n",
            LEAVES "%2 = input \"d\" : f32[8,5]\n%3 = input \"lr\" : f32[]\n"
                   "%4 = matmul %0, %2 {ta=1} : f32[3,5]{panels}\n"
                   "%5 = mul %4, %3 : f32[3,5]{panels}\n%6 = sub %1, %5 : f32[3,5]{panels}\n"
                   "%7 = assign %1, %6 : f32[3,5]{panels}\nreturn %7\n");
}

static void masks_of_panels_lie_in_panels(void **state) {
    (void)state;
    becomes("layout",
            "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = const {0} : f32[]\n%2 = gt %0, %1 : u8[3,5]\n"
            "%3 = where %2, %0, %1 : f32[3,5]\n%4 = assign %0, %3 : f32[3,5]\nreturn %4\n",
            "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = const {0} : f32[]\n%2 = gt %0, %1 : u8[3,5]{panels}\n"
            "%3 = where %2, %0, %1 : f32[3,5]{panels}\n%4 = assign %0, %3 : f32[3,5]{panels}\nreturn %4\n");
    becomes("layout",
            "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = const {0} : f32[]\n%2 = gt %0, %1 : u8[3,5]\n"
            "return %2\n",
            "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = const {0} : f32[]\n%2 = unpack %0 : f32[3,5]\n"
            "%3 = gt %2, %1 : u8[3,5]\nreturn %3\n");
}

static void a_mask_of_one_element_stays_in_rows(void **state) {
    (void)state;
    becomes("layout",
            "%0 = var \"W\" {panels} : f32[1,1]{panels}\n%1 = var \"V\" {panels} : f32[2,3]{panels}\n%2 = const {0} : f32[]\n"
            "%3 = gt %0, %2 : u8[1,1]\n%4 = where %3, %1, %2 : f32[2,3]\n%5 = assign %1, %4 : f32[2,3]\nreturn %5\n",
            "%0 = var \"W\" {panels} : f32[1,1]{panels}\n%1 = var \"V\" {panels} : f32[2,3]{panels}\n%2 = const {0} : f32[]\n"
            "%3 = unpack %0 : f32[1,1]\n%4 = gt %3, %2 : u8[1,1]\n%5 = unpack %1 : f32[2,3]\n"
            "%6 = where %4, %5, %2 : f32[2,3]\n%7 = pack %6 : f32[2,3]{panels}\n"
            "%8 = assign %1, %7 : f32[2,3]{panels}\nreturn %8\n");
}

static void a_mask_as_numbers_lies_in_panels_too(void **state) {
    (void)state;
    eg_unit unit = unit_of("%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = const {0} : f32[]\n"
                           "%2 = gt %0, %1 : u8[3,5]\n"
                           "%3 = cast %2 : f32[3,5]\n%4 = assign %0, %3 : f32[3,5]\nreturn %4\n");
    assert_int_equal(eg_compile(&unit, NULL), EG_OK);
    assert_int_equal(unit.root[0]->in[1]->op, EG_OP_FUSED);
    assert_int_equal(unit.root[0]->in[1]->layout, EG_PANELS);
    eg_unit_free(&unit);
}

static void transposed_weight_is_packed(void **state) {
    (void)state;
    becomes("layout", "%0 = input \"d\" : f32[8,5]\n%1 = var \"W\" {panels} : f32[3,5]{panels}\n"
                      "%2 = matmul %0, %1 {tb=1} : f32[8,3]\nreturn %2\n",
            "%0 = input \"d\" : f32[8,5]\n%1 = var \"W\" {panels} : f32[3,5]{panels}\n"
            "%2 = pack %1 {transpose=1} : f32[5,3]{panels}\n"
            "%3 = matmul %0, %2 : f32[8,3]\nreturn %3\n");
    becomes("layout", "%0 = input \"d\" : f32[8,1]\n%1 = input \"w\" : f32[3,1]\n"
                      "%2 = matmul %0, %1 {tb=1} : f32[8,3]\nreturn %2\n",
            "%0 = input \"d\" : f32[8,1]\n%1 = input \"w\" : f32[3,1]\n%2 = reshape %1 : f32[1,3]\n"
            "%3 = matmul %0, %2 : f32[8,3]\nreturn %3\n");
}

static void others_read_rows(void **state) {
    (void)state;
    becomes("layout", "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = sum %0 {axes=[0]} : f32[5]\n"
                      "return %0, %1\n",
            "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = unpack %0 : f32[3,5]\n"
            "%2 = sum %1 {axes=[0]} : f32[5]\n"
            "%3 = unpack %0 : f32[3,5]\nreturn %3, %2\n");
    becomes("layout", LEAVES "%2 = input \"d\" : f32[8,5]\n%3 = matmul %0, %2 {ta=1} : f32[3,5]\n"
                             "%4 = sub %1, %3 : f32[3,5]\n"
                             "%5 = assign %1, %4 : f32[3,5]\nreturn %3, %5\n",
            LEAVES "%2 = input \"d\" : f32[8,5]\n%3 = matmul %0, %2 {ta=1} : f32[3,5]\n"
                   "%4 = pack %3 : f32[3,5]{panels}\n"
                   "%5 = sub %1, %4 : f32[3,5]{panels}\n%6 = assign %1, %5 : f32[3,5]{panels}\nreturn %3, %6\n");
}

static void panels_as_a(void **state) {
    (void)state;
    stays("layout", "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = input \"x\" : f32[5,4]\n"
                    "%2 = matmul %0, %1 : f32[3,4]\nreturn %2\n");
    becomes("layout", "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = input \"x\" : f32[3,4]\n"
                      "%2 = matmul %0, %1 {ta=1} : f32[5,4]\nreturn %2\n",
            "%0 = var \"W\" {panels} : f32[3,5]{panels}\n%1 = input \"x\" : f32[3,4]\n%2 = unpack %0 : f32[3,5]\n"
            "%3 = matmul %2, %1 {ta=1} : f32[5,4]\nreturn %3\n");
}

static void matrices_without_panel_variables_stay_in_rows(void **state) {
    (void)state;
    stays("layout", "%0 = var \"w\" : f32[3,5]\n%1 = input \"x\" : f32[8,3]\n%2 = input \"d\" : f32[8,5]\n"
                    "%3 = matmul %1, %2 {ta=1} : f32[3,5]\n"
                    "%4 = sub %0, %3 : f32[3,5]\n%5 = assign %0, %4 : f32[3,5]\nreturn %5\n");
}

static void switched_off_only_variables_keep_panels(void **state) {
    (void)state;
    eg_unit unit = unit_of(LEAVES "%2 = matmul %0, %1 : f32[8,5]\n%3 = matmul %2, %1 {tb=1} : f32[8,3]\n"
                                  "%4 = neg %1 : f32[3,5]\n"
                                  "%5 = assign %1, %4 : f32[3,5]\nreturn %3, %5\n");
    unit.layout = 0;
    assert_int_equal(eg_pass_run(&unit, "layout"), EG_OK);
    assert_int_equal(eg_pass_run(&unit, "common"), EG_OK);
    assert_unit(&unit, LEAVES "%2 = unpack %1 : f32[3,5]\n%3 = matmul %0, %2 : f32[8,5]\n"
                              "%4 = matmul %3, %2 {tb=1} : f32[8,3]\n"
                              "%5 = neg %2 : f32[3,5]\n%6 = pack %5 : f32[3,5]{panels}\n"
                              "%7 = assign %1, %6 : f32[3,5]{panels}\nreturn %4, %7\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_product_reads_panels_in_place), cmocka_unit_test(update_stays_in_panels),
        cmocka_unit_test(masks_of_panels_lie_in_panels),         cmocka_unit_test(transposed_weight_is_packed),
        cmocka_unit_test(a_mask_of_one_element_stays_in_rows),
        cmocka_unit_test(a_mask_as_numbers_lies_in_panels_too),
        cmocka_unit_test(others_read_rows),                      cmocka_unit_test(panels_as_a),
        cmocka_unit_test(matrices_without_panel_variables_stay_in_rows),
        cmocka_unit_test(switched_off_only_variables_keep_panels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
