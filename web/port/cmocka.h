/* SPDX-License-Identifier: MIT
 *
 * cmocka.h: the part of cmocka that the tests use, for WebAssembly, where nothing can jump out of a test: the first
 * assertion that fails ends the program. No mocks, no skipped tests.
 */
#ifndef EG_PORT_CMOCKA_H
#define EG_PORT_CMOCKA_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*port_step)(void **state); /* before or after a test; 0 is fine */
struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    port_step before, after;
};
#define cmocka_unit_test(f) { #f, f, NULL, NULL }
#define cmocka_unit_test_setup_teardown(f, before, after) { #f, f, before, after }

#define port_fail(...) \
    (fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))
#define fail_msg(...) port_fail(__VA_ARGS__)
#define fail() port_fail("failed")
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) fprintf(stderr, __VA_ARGS__)
#define test_malloc(size) malloc(size)
#define test_calloc(n, size) calloc(n, size)
#define test_free(block) free(block)
#define assert_true(c) ((c) ? (void)0 : port_fail("not true: %s", #c))
#define assert_false(c) ((c) ? port_fail("true: %s", #c) : (void)0)
#define assert_null(p) assert_true((p) == NULL)
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b) assert_true((const void *)(a) != (const void *)(b))
#define assert_in_range(x, a, b) assert_true((uint64_t)(x) >= (uint64_t)(a) && (uint64_t)(x) <= (uint64_t)(b))
#define assert_float_equal(a, b, e) assert_true(fabs((double)(a) - (double)(b)) <= (double)(e))
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)
#define assert_memory_not_equal(a, b, n) assert_true(memcmp(a, b, n) != 0)
#define assert_string_equal(a, b) port_texts(a, b, 1, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) port_texts(a, b, 0, __FILE__, __LINE__)
#define assert_int_equal(a, b) port_integers((int64_t)(a), (int64_t)(b), 1, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) port_integers((int64_t)(a), (int64_t)(b), 0, __FILE__, __LINE__)

static inline void port_integers(int64_t a, int64_t b, int equal, const char *file, int line) {
    if ((a == b) == equal) return;
    fprintf(stderr, "%s:%d: %lld %s %lld\n", file, line, (long long)a, equal ? "is not" : "is", (long long)b);
    exit(1);
}

static inline void port_texts(const char *a, const char *b, int equal, const char *file, int line) {
    if ((strcmp(a, b) == 0) == equal) return;
    fprintf(stderr, "%s:%d: \"%s\" %s \"%s\"\n", file, line, a, equal ? "is not" : "is", b);
    exit(1);
}

static inline void port_step_or_exit(port_step step, void **state, const char *what) {
    if (!step || step(state) == 0) return;
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

#define cmocka_run_group_tests(tests, before, after) port_run(tests, sizeof(tests) / sizeof *(tests), before, after)
static inline int port_run(const struct CMUnitTest *tests, size_t n, port_step before, port_step after) {
    void *group = NULL;
    port_step_or_exit(before, &group, "the group's setup");
    for (size_t i = 0; i < n; i++) {
        void *state = group;
        printf("%s\n", tests[i].name);
        port_step_or_exit(tests[i].before, &state, "its setup");
        tests[i].test(&state);
        port_step_or_exit(tests[i].after, &state, "its teardown");
    }
    port_step_or_exit(after, &group, "the group's teardown");
    printf("%zu passed\n", n);
    return 0;
}

#endif
