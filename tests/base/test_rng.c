/* SPDX-License-Identifier: MIT
 *
 * rng: Philox against the Random123 known answers, and the distributions against their moments.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

static void expect_words(eg_rng_key key, uint64_t block, const uint32_t expected[4]) {
    uint32_t words[4];
    eg_philox(key, block, words);
    for (int i = 0; i < 4; i++) assert_int_equal(words[i], expected[i]);
}

/* kat_vectors of Random123: philox4x32 with 10 rounds; counter words are {block low, step, site, block high}. */
static void test_philox_known_answers(void **state) {
    (void)state;
    expect_words((eg_rng_key){ 0 }, 0, (uint32_t[]){ 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 });
    expect_words((eg_rng_key){ UINT64_MAX, UINT32_MAX, UINT32_MAX }, UINT64_MAX,
                 (uint32_t[]){ 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd });
    /* counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0 */
    expect_words((eg_rng_key){ 0x299f31d0a4093822, 0x85a308d3, 0x13198a2e }, 0x03707344243f6a88,
                 (uint32_t[]){ 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 });
}

/* The layout, by hand: element 4 b + i is word i of block b; step, site and both halves of the seed count. */
static void test_layout(void **state) {
    (void)state;
    eg_rng_key key = { 0x123456789abcdef0, 7, 99 };
    uint32_t words[4], other[4];
    eg_philox(key, 5, words);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(eg_rng_word(key, 20 + i), words[i]);
        assert_true(eg_rng_uniform(key, 20 + i) == (float)(words[i] >> 8) / 16777216.0f);
    }
    const eg_rng_key changed[] = {
        { key.seed + 1, 7, 99 }, { key.seed + (UINT64_C(1) << 32), 7, 99 }, { key.seed, 8, 99 }, { key.seed, 7, 98 }
    };
    for (int i = 0; i < 4; i++) {
        eg_philox(changed[i], 5, other);
        assert_memory_not_equal(words, other, sizeof words);
    }
    eg_philox(key, 5 + (UINT64_C(1) << 32), other);
    assert_memory_not_equal(words, other, sizeof words);
}

enum { N = 200000 };

static void test_uniform_moments(void **state) {
    (void)state;
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < N; i++) {
        double u = (double)eg_rng_uniform((eg_rng_key){ 1, 0, 0 }, i);
        assert_true(u >= 0 && u < 1);
        sum += u, squares += u * u;
    }
    assert_true(fabs(sum / N - 0.5) < 0.003);
    assert_true(fabs(squares / N - 1.0 / 3) < 0.003);
}

static void test_normal(void **state) {
    (void)state;
    eg_rng_key key = { 2, 3, 4 };
    double sum = 0, squares = 0, fourth = 0, pairs = 0;
    for (uint64_t i = 0; i < N; i++) {
        double x = eg_rng_normal(key, i);
        sum += x, squares += x * x, fourth += x * x * x * x;
        if (i % 2 == 0) pairs += x * eg_rng_normal(key, i + 1);
    }
    assert_true(fabs(sum / N) < 0.01);
    assert_true(fabs(squares / N - 1) < 0.015);
    assert_true(fabs(fourth / N - 3) < 0.1);
    assert_true(fabs(pairs / (N / 2)) < 0.015);
    /* the stated formula, on the two halves of one block */
    for (uint64_t j = 0; j < 8; j += 2) {
        double u1 = (double)eg_rng_uniform(key, j) + 0x1p-25, u2 = (double)eg_rng_uniform(key, j + 1);
        assert_true(fabs(eg_rng_normal(key, j) - sqrt(-2 * log(u1)) * cos(2 * acos(-1.0) * u2)) < 1e-12);
        assert_true(fabs(eg_rng_normal(key, j + 1) - sqrt(-2 * log(u1)) * sin(2 * acos(-1.0) * u2)) < 1e-12);
    }
}

static void test_sequence(void **state) {
    (void)state;
    eg_rng a = eg_rng_new(5, 1), b = eg_rng_new(5, 1), c = eg_rng_new(5, 2);
    double sum = 0;
    int same = 0;
    for (int i = 0; i < 10000; i++) {
        double x = eg_rng_double(&a);
        assert_true(x == eg_rng_double(&b) && x >= 0 && x < 1);
        same += x == eg_rng_double(&c);
        sum += x;
    }
    assert_int_equal(same, 0);
    assert_true(fabs(sum / 10000 - 0.5) < 0.02);
}

static void test_below(void **state) {
    (void)state;
    eg_rng rng = eg_rng_new(6, 0);
    int counts[7] = { 0 };
    for (int i = 0; i < 70000; i++) counts[eg_rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++) assert_true(abs(counts[i] - 10000) < 500);
    const uint64_t bounds[] = { 1, 2, 3, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_C(3) << 62, UINT64_MAX };
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 200; k++) assert_true(eg_rng_below(&rng, bounds[i]) < bounds[i]);
}

static void test_gauss_walks_in_pairs(void **state) {
    (void)state;
    eg_rng rng = eg_rng_new(7, 0);
    (void)eg_rng_below(&rng, 10); /* an odd position */
    assert_true(eg_rng_gauss(&rng) == eg_rng_normal(rng.key, 2));
    assert_int_equal(rng.next, 4);
}

static void test_permutation(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    int64_t order[COUNT];
    char seen[COUNT] = { 0 };
    int fixed = 0;
    eg_rng rng = eg_rng_new(8, 0);
    eg_rng_permutation(&rng, order, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_true(order[i] >= 0 && order[i] < COUNT && !seen[order[i]]);
        seen[order[i]] = 1;
        fixed += order[i] == i;
    }
    assert_true(fixed < 10);
    int counts[6] = { 0 }; /* the six orders of three come up equally often */
    for (int i = 0; i < 60000; i++) {
        eg_rng_permutation(&rng, order, 3);
        counts[2 * order[0] + (order[1] > order[2])]++;
    }
    for (int i = 0; i < 6; i++) assert_true(abs(counts[i] - 10000) < 500);
    eg_rng_permutation(&rng, order, 0);
}

static void test_site_is_fnv1a(void **state) {
    (void)state;
    assert_int_equal(eg_site(""), 0x811c9dc5u);
    assert_int_equal(eg_site("a"), 0xe40c292cu);
    assert_int_equal(eg_site("foobar"), 0xbf9cf968u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_uniform_moments),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_sequence),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_gauss_walks_in_pairs),
        cmocka_unit_test(test_permutation),
        cmocka_unit_test(test_site_is_fnv1a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
