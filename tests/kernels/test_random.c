/* SPDX-License-Identifier: MIT
 *
 * Random floats of every table against the scalar generator of base/rng.h: uniforms bit for bit, normals closely.
 */
#include "kernels/kernel_test.h"
#include "base/rng.h"

static eg_rng_key any_key(void) {
    return (eg_rng_key){ .seed = (uint64_t)random_word() << 32 | random_word(),
                         .step = random_word(),
                         .site = random_word() };
}

/* Starts before the low half of the block counter wraps, as well as at 0. */
static uint64_t any_first(int round) {
    return round % 2 ? 4 * (0xffffffffull - (uint64_t)random_below(40)) : 4 * random_word();
}

static void test_uniform(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int round = 0; round < 60; round++) {
            int64_t n = random_between(0, 300);
            eg_rng_key key = any_key();
            uint64_t first = any_first(round);
            float *d = guarded(n);
            k->uniform(n, d, key, first);
            for (int64_t i = 0; i < n; i++) assert_true(same(d[i], eg_rng_uniform(key, first + (uint64_t)i)));
            guarded_free(d, n);
        }
    }
}

static void test_normal(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int round = 0; round < 200; round++) {
            int64_t n = random_between(0, 1000);
            eg_rng_key key = any_key();
            uint64_t first = any_first(round);
            float *d = guarded(n);
            k->normal(n, d, key, first);
            for (int64_t i = 0; i < n; i++) {
                double want = eg_rng_normal(key, first + (uint64_t)i);
                assert_true(fabs((double)d[i] - want) <= 1e-5 * fabs(want));
            }
            guarded_free(d, n);
        }
    }
}

static void test_tables_agree(void **state) {
    enum { N = 10000 };
    float *a = random_floats(N), *b = random_floats(N);
    (void)state;
    FOR_TABLES(k) {
        FOR_TABLES(other) {
            if (k->fused != other->fused) continue;
            eg_rng_key key = any_key();
            k->normal(N, a, key, 8);
            other->normal(N, b, key, 8);
            assert_memory_equal(a, b, N * sizeof *a);
        }
    }
    eg_free(a), eg_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_tables_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
