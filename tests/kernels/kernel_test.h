/* SPDX-License-Identifier: MIT
 *
 * kernel_test.h: what the kernel tests share: every test runs on every table this processor can use; numbers come
 * from one small generator; outputs lie between guard zones.
 */
#ifndef EG_TESTS_KERNEL_TEST_H
#define EG_TESTS_KERNEL_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/alloc.h"
#include "kernels/kernels.h"

#define FOR_TABLES(k)                              \
    for (int k##_i = 0; k##_i < tables(); k##_i++) \
        for (const eg_kernels *k = eg_kernels_table(k##_i); k; k = NULL)

static inline int tables(void) {
    int n = 0;
    while (eg_kernels_table(n)) n++;
    return n;
}

static uint64_t test_state = 88172645463325252u;

static inline uint32_t random_word(void) {
    test_state ^= test_state << 13;
    test_state ^= test_state >> 7;
    test_state ^= test_state << 17;
    return (uint32_t)(test_state >> 32);
}
static inline int64_t random_below(int64_t n) { return (int64_t)(random_word() % (uint64_t)n); }
static inline int64_t random_between(int64_t a, int64_t b) { return a + random_below(b - a + 1); }
static inline float random_float(void) { return (float)random_word() * 0x1p-31f - 1.f; }

static inline float bits_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Same bits; any NaN is like any other. */
static inline int same(float a, float b) { return float_bits(a) == float_bits(b) || (a != a && b != b); }

static inline float multiply_add(int fused, float a, float b, float c) {
    if (fused) return fmaf(a, b, c);
    volatile float product = a * b;
    return product + c;
}

/* n random floats; the block has no float more than its rounding up to 64 bytes gives. */
static inline float *random_floats(int64_t n) {
    float *p = eg_alloc((size_t)(n ? n : 1) * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++) p[i] = random_float();
    return p;
}

enum { GUARD = 64, GUARD_BITS = 0x7fc0abcd };

/* n floats between two guard zones, all of them set to the guard's pattern. */
static inline float *guarded(int64_t n) {
    float *p = eg_alloc((size_t)(n + 2 * GUARD) * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < n + 2 * GUARD; i++) p[i] = bits_float(GUARD_BITS);
    return p + GUARD;
}
static inline int untouched(float x) { return float_bits(x) == GUARD_BITS; }
static inline void guarded_free(float *p, int64_t n) {
    for (int i = 0; i < GUARD; i++) assert_true(untouched(p[-1 - i]) && untouched(p[n + i]));
    eg_free(p - GUARD);
}

/* Distance of y from the true value in units of the last place of a float there. */
static inline double ulps(float y, double truth) {
    if (isnan(truth)) return isnan(y) ? 0 : INFINITY;
    if (isinf(truth) || fabs(truth) >= 0x1.ffffffp127) {
        if (isinf(y) && (y > 0) == (truth > 0)) return 0;
        return fabs(truth) < 0x1.000002p128 && !isinf(y) && !isnan(y) ? (fabs(truth) - fabs((double)y)) * 0x1p-104
                                                                      : INFINITY;
    }
    if (isinf(y) && (y > 0) == (truth > 0)) return (0x1p128 - fabs(truth)) * 0x1p-104;
    int exponent;
    frexp(truth, &exponent);
    return fabs((double)y - truth) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

#endif
