/* SPDX-License-Identifier: MIT
 *
 * alloc: alignment under any hook, content across resizes, counting, overflow, and failing on request.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

static int aligned(const void *block) { return (uintptr_t)block % EG_ALIGN == 0; }

static void test_alignment_and_padding(void **state) {
    (void)state;
    for (size_t size = 1; size < 300; size += 7) {
        unsigned char *block = eg_alloc(size);
        assert_true(block && aligned(block));
        memset(block, 1, (size + 63) / 64 * 64); /* the padding is ours too: the sanitizers would object */
        eg_free(block);
    }
    eg_free(NULL);
}

static void test_calloc_is_zero(void **state) {
    (void)state;
    unsigned char *block = eg_calloc(13, 7);
    assert_non_null(block);
    for (int i = 0; i < 128; i++) assert_int_equal(block[i], 0);
    eg_free(block);
}

static void test_refusals(void **state) {
    (void)state;
    const size_t sizes[] = { 0, SIZE_MAX, SIZE_MAX - 100, (size_t)PTRDIFF_MAX };
    for (int i = 0; i < 4; i++) {
        eg_error_clear();
        assert_null(eg_alloc(sizes[i]));
        assert_int_equal(eg_error_status(), EG_E_MEMORY);
    }
    eg_error_clear();
    assert_null(eg_calloc(SIZE_MAX / 2, 3));
    assert_int_equal(eg_error_status(), EG_E_MEMORY);
    char *block = eg_strdup("kept");
    assert_null(eg_realloc(block, SIZE_MAX - 10));
    assert_null(eg_realloc(block, 0));
    assert_string_equal(block, "kept");
    eg_free(block);
}

static void test_realloc_keeps_content(void **state) {
    (void)state;
    unsigned char *block = NULL;
    size_t size = 0;
    unsigned step = 12345;
    for (int round = 0; round < 200; round++) {
        step = step * 1103515245u + 12345u;
        size_t next = 1 + step / 65536 % (round % 3 == 0 ? 40 : 20000);
        block = eg_realloc(block, next);
        assert_true(block && aligned(block));
        for (size_t i = 0; i < (size < next ? size : next); i++) assert_int_equal(block[i], (unsigned char)(i * 7));
        for (size_t i = 0; i < next; i++) block[i] = (unsigned char)(i * 7);
        size = next;
    }
    eg_free(block);
}

/* A hook that returns memory aligned to 8 only, at a different remainder each time, and checks the sizes. */
typedef struct crooked {
    unsigned turn;
    int live, wrong;
} crooked;

static void *crooked_resize(void *user, void *block, size_t old_size, size_t new_size) {
    crooked *c = user;
    char *fresh = NULL;
    if (new_size > 0) {
        size_t skew = 16 + 8 * (c->turn++ % 16);
        char *raw = malloc(new_size + 256);
        fresh = raw + skew;
        memcpy(fresh - 16, &(size_t[]){ skew, new_size }, 16);
        c->live++;
    }
    if (block) {
        size_t head[2];
        memcpy(head, (char *)block - 16, 16);
        c->wrong += head[1] != old_size;
        if (fresh) memcpy(fresh, block, old_size < new_size ? old_size : new_size);
        free((char *)block - head[0]);
        c->live--;
    } else {
        c->wrong += old_size != 0;
    }
    return fresh;
}

static void test_any_hook_is_aligned(void **state) {
    crooked c = { 0 };
    eg_set_allocator(&(eg_allocator){ crooked_resize, &c });
    test_alignment_and_padding(state);
    test_calloc_is_zero(state);
    test_realloc_keeps_content(state);
    eg_set_allocator(NULL);
    assert_true(c.turn > 100);
    assert_int_equal(c.live, 0);
    assert_int_equal(c.wrong, 0);
}

static void test_counting(void **state) {
    (void)state;
    eg_memory_use before = eg_memory();
    char *a = eg_alloc(1), *b = eg_alloc(1000);
    assert_int_equal(eg_memory().bytes - before.bytes, 64 + 1024);
    assert_int_equal(eg_memory().allocations - before.allocations, 2);
    b = eg_realloc(b, 100);
    assert_int_equal(eg_memory().bytes - before.bytes, 64 + 128);
    char *c = eg_alloc(before.peak_bytes + 4096);
    assert_true(eg_memory().peak_bytes > before.peak_bytes);
    eg_free(a), eg_free(b), eg_free(c);
    assert_int_equal(eg_memory().bytes, before.bytes);
}

static void *churn(void *unused) {
    for (int i = 0; i < 2000; i++) {
        char *block = eg_alloc((size_t)(i % 500 + 1));
        block = eg_realloc(block, (size_t)(i % 900 + 1));
        eg_free(block);
    }
    return unused;
}

static void test_counting_from_threads(void **state) {
    (void)state;
    eg_memory_use before = eg_memory();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_int_equal(eg_memory().bytes, before.bytes);
    assert_int_equal(eg_memory().allocations - before.allocations, 4 * 2000 * 2);
}

static void test_fail_once(void **state) {
    (void)state;
    eg_alloc_fail_at(3, 0);
    char *a = eg_alloc(1), *b = eg_alloc(1), *c = eg_alloc(1), *d = eg_alloc(1);
    assert_true(a && b && !c && d);
    eg_alloc_fail_at(1, 0);
    assert_null(eg_realloc(d, 5000));
    d[0] = 'd'; /* still ours */
    eg_free(a), eg_free(b), eg_free(d);
}

static void test_fail_from_then_on(void **state) {
    (void)state;
    eg_alloc_fail_at(2, 1);
    char *a = eg_alloc(1);
    assert_non_null(a);
    for (int i = 0; i < 5; i++) assert_null(eg_calloc(1, 1));
    assert_null(eg_strdup("x"));
    eg_alloc_fail_at(0, 0);
    char *b = eg_strdup("x");
    assert_non_null(b);
    eg_free(a), eg_free(b);
}

static void test_size_arithmetic(void **state) {
    (void)state;
    size_t out;
    assert_true(eg_mul_size(3, 4, &out) && out == 12);
    assert_true(eg_mul_size(0, SIZE_MAX, &out) && out == 0);
    assert_true(eg_mul_size(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    assert_false(eg_mul_size(SIZE_MAX / 2 + 1, 2, &out));
    assert_true(eg_add_size(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    assert_false(eg_add_size(SIZE_MAX, 1, &out));
}

static void test_strings(void **state) {
    (void)state;
    char *a = eg_strdup("a string"), *b = eg_strndup("bounded", 3), *c = eg_strndup("", 0);
    assert_string_equal(a, "a string");
    assert_string_equal(b, "bou");
    assert_string_equal(c, "");
    eg_free(a), eg_free(b), eg_free(c);
}

static void test_growing_table(void **state) {
    (void)state;
    int *table = NULL;
    uint64_t before = eg_memory().allocations;
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(EG_GROW(table, i + 1), EG_OK);
        table[i] = i;
    }
    for (int i = 0; i < 100000; i++) assert_int_equal(table[i], i);
    assert_true(eg_memory().allocations - before < 16); /* it doubles */
    assert_int_equal(EG_GROW(table, SIZE_MAX / 2), EG_E_MEMORY);
    assert_int_equal(table[99999], 99999);
    eg_free(table);
}

#ifdef EG_HOSTILE
static void test_poison(void **state) {
    (void)state;
    float *block = eg_alloc(64 * sizeof(float));
    for (int i = 0; i < 64; i++) assert_true(block[i] != block[i]);
    char *moved = eg_realloc(block, 64 * sizeof(float));
    assert_ptr_not_equal(moved, block);
    eg_free(moved);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment_and_padding),
        cmocka_unit_test(test_calloc_is_zero),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_realloc_keeps_content),
        cmocka_unit_test(test_any_hook_is_aligned),
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_counting_from_threads),
        cmocka_unit_test(test_fail_once),
        cmocka_unit_test(test_fail_from_then_on),
        cmocka_unit_test(test_size_arithmetic),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_growing_table),
#ifdef EG_HOSTILE
        cmocka_unit_test(test_poison),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
