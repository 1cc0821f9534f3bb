/* SPDX-License-Identifier: MIT
 *
 * The list of tables: portable first, the best last, each found by its name, each whole.
 */
#include "kernels/kernel_test.h"

static void test_the_list(void **state) {
    (void)state;
    assert_string_equal(eg_kernels_table(0)->name, "portable");
    assert_false(eg_kernels_table(0)->fused);
    assert_null(eg_kernels_table(-1));
    assert_null(eg_kernels_named("no such table"));
    assert_ptr_equal(eg_kernels_best(), eg_kernels_table(tables() - 1));
    FOR_TABLES(k) assert_ptr_equal(eg_kernels_named(k->name), k);
}

static void test_every_table_is_whole(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int op = 0; op < EG_STRIP_COUNT; op++) assert_non_null(k->strip[op]);
        for (int kind = 0; kind < EG_REDUCE_KINDS; kind++)
            assert_true(k->block_reduce[kind] && k->row_reduce[kind] && k->column_reduce[kind]);
        assert_true(k->gemm && k->transpose && k->uniform && k->normal);
        assert_true(k->from_u8 && k->from_i32 && k->to_u8 && k->to_i32);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_list),
        cmocka_unit_test(test_every_table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
