/* SPDX-License-Identifier: MIT
 *
 * arena: alignment, zeroes, stable pointers, growth, failure.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "fault.h"

static void test_zeroed_aligned_and_stable(void **state) {
    (void)state;
    enum { N = 3000 };
    eg_arena arena = EG_ARENA_INIT;
    unsigned char *blocks[N];
    size_t total = 0;
    for (int i = 0; i < N; i++) {
        size_t size = (size_t)(i % 97) + (i % 500 == 0 ? 20000u : 0u);
        blocks[i] = eg_arena_alloc(&arena, size);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t k = 0; k < size; k++) assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], i & 0xff, size);
        total += size;
    }
    for (int i = 0; i < N; i++) /* nothing overlaps, nothing moved */
        for (size_t k = 0; k < (size_t)(i % 97); k++) assert_int_equal(blocks[i][k], i & 0xff);
    assert_true(arena.used >= total && arena.bytes >= arena.used);
    assert_true(arena.bytes < 3 * arena.used);
    eg_arena_free(&arena);
    assert_null(arena.head);
    assert_int_equal(arena.used, 0);
}

static void test_grows_geometrically(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    uint64_t before = eg_memory().allocations;
    for (int i = 0; i < 100000; i++) assert_non_null(eg_arena_alloc(&arena, 32));
    assert_true(eg_memory().allocations - before < 20);
    eg_arena_free(&arena);
}

static void test_large_request_keeps_the_head(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    char *first = eg_arena_alloc(&arena, 16);
    assert_non_null(eg_arena_alloc(&arena, 1 << 20));
    char *second = eg_arena_alloc(&arena, 16);
    assert_ptr_equal(second, first + 16);
    eg_arena_free(&arena);
}

static void test_size_zero_and_too_much(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    char *a = eg_arena_alloc(&arena, 0), *b = eg_arena_alloc(&arena, 0);
    assert_true(a && b && a != b);
    eg_error_clear();
    assert_null(eg_arena_alloc(&arena, SIZE_MAX));
    assert_null(eg_arena_alloc(&arena, SIZE_MAX - 20));
    assert_int_equal(eg_error_status(), EG_E_MEMORY);
    assert_non_null(eg_arena_alloc(&arena, 8)); /* still usable */
    eg_arena_free(&arena);
    assert_non_null(eg_arena_alloc(&arena, 8)); /* and after being freed */
    eg_arena_free(&arena);
}

static void test_copies(void **state) {
    (void)state;
    eg_arena arena = EG_ARENA_INIT;
    const int numbers[3] = { 1, 2, 3 };
    int *copy = eg_arena_copy(&arena, numbers, sizeof numbers);
    assert_memory_equal(copy, numbers, sizeof numbers);
    assert_string_equal(eg_arena_strdup(&arena, "worm"), "worm");
    assert_string_equal(eg_arena_format(&arena, "%s_%d", "dense", 12), "dense_12");
    int64_t *array = EG_ARENA_ARRAY(&arena, int64_t, 10);
    array[9] = 9;
    eg_arena_free(&arena);
}

static eg_status fill(void *unused) {
    (void)unused;
    eg_arena arena = EG_ARENA_INIT;
    eg_status status = EG_OK;
    for (int i = 0; i < 300 && status == EG_OK; i++)
        if (!eg_arena_alloc(&arena, 100) || !eg_arena_format(&arena, "%d", i)) status = eg_error_status();
    eg_arena_free(&arena);
    return status;
}

static void test_failed_allocations(void **state) {
    (void)state;
    assert_true(fault_loop(fill, NULL) > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_aligned_and_stable),
        cmocka_unit_test(test_grows_geometrically),
        cmocka_unit_test(test_large_request_keeps_the_head),
        cmocka_unit_test(test_size_zero_and_too_much),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
