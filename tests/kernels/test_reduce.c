/* SPDX-License-Identifier: MIT
 *
 * Reductions against the order that kernels.h fixes, written out plainly here, bit for bit.
 */
#include "kernels/kernel_test.h"

static float start_of(int kind) { return kind == EG_REDUCE_SUM ? 0 : kind == EG_REDUCE_MAX ? -INFINITY : INFINITY; }

static float combine(int kind, float a, float b) {
    if (kind == EG_REDUCE_SUM) return a + b;
    if (isnan(a) || isnan(b)) return NAN;
    return kind == EG_REDUCE_MAX ? (a > b ? a : b) : (a < b ? a : b);
}

static float plain_row(int kind, int64_t n, const float *s) {
    float lane[64], r = start_of(kind);
    if (n <= 32) {
        for (int64_t i = 0; i < n; i++) r = combine(kind, r, s[i]);
        return r;
    }
    if (n > EG_REDUCE_CHUNK) {
        int64_t chunks = (n + EG_REDUCE_CHUNK - 1) / EG_REDUCE_CHUNK;
        float *results = random_floats(chunks);
        for (int64_t q = 0; q < chunks; q++) {
            int64_t rest = n - q * EG_REDUCE_CHUNK;
            results[q] = plain_row(kind, rest < EG_REDUCE_CHUNK ? rest : EG_REDUCE_CHUNK, s + q * EG_REDUCE_CHUNK);
        }
        r = plain_row(kind, chunks, results);
        eg_free(results);
        return r;
    }
    for (int l = 0; l < 64; l++) lane[l] = start_of(kind);
    for (int64_t i = 0; i < n; i++) lane[i % 64] = combine(kind, lane[i % 64], s[i]);
    for (int half = 32; half; half /= 2)
        for (int l = 0; l < half; l++) lane[l] = combine(kind, lane[l], lane[l + half]);
    return lane[0];
}

static void check_row(const eg_kernels *k, int64_t n, int with_nan) {
    float *s = random_floats(n);
    if (with_nan && n) s[random_below(n)] = NAN;
    for (int kind = 0; kind < EG_REDUCE_KINDS; kind++) {
        float *d = guarded(16), want = plain_row(kind, n, s);
        k->row_reduce[kind](n, d, s);
        for (int l = 0; l < 16; l++) assert_true(same(d[l], want));
        guarded_free(d, 16);
    }
    eg_free(s);
}

static void test_rows(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int64_t n = 0; n < 400; n++) check_row(k, n, n % 5 == 0);
        static const int64_t lengths[] = { 1000, 8191, 8192, 8193, 16384, 40000, 300000, 1000001 };
        for (size_t q = 0; q < sizeof lengths / sizeof *lengths; q++) check_row(k, lengths[q], q % 3 == 0);
    }
}

/* Past 8192 chunks the results are themselves cut into chunks. */
static void test_a_huge_row(void **state) {
    int64_t n = (int64_t)EG_REDUCE_CHUNK * EG_REDUCE_CHUNK + 3 * EG_REDUCE_CHUNK + 5;
    float *s = random_floats(n), d[16], want = plain_row(EG_REDUCE_SUM, n, s);
    const eg_kernels *k = eg_kernels_best();
    (void)state;
    k->row_reduce[EG_REDUCE_SUM](n, d, s);
    assert_true(same(d[0], want));
    eg_free(s);
}

static void test_columns(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int round = 0; round < 300; round++) {
            int64_t rows = random_between(0, 20), n = random_between(1, 150), s_row = n + random_below(3);
            int64_t j0 = random_below(n + 1), j1 = random_between(j0, n);
            float *s = random_floats(rows * s_row), *d = guarded(n);
            if (rows && round % 4 == 0) s[random_below(rows * s_row)] = NAN;
            int kind = round % EG_REDUCE_KINDS;
            k->column_reduce[kind](rows, d, s, s_row, j0, j1);
            for (int64_t j = 0; j < n; j++) {
                float want = start_of(kind);
                for (int64_t i = 0; i < rows; i++) want = combine(kind, want, s[i * s_row + j]);
                assert_true(j < j0 || j >= j1 ? untouched(d[j]) : same(d[j], want));
            }
            guarded_free(d, n);
            eg_free(s);
        }
    }
}

/* A row in block form gives the bits of the row by itself. */
static void test_blocks(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int64_t columns = 0; columns <= EG_BLOCK_MOST; columns++) {
            float *s = random_floats(columns * 16);
            for (int kind = 0; kind < EG_REDUCE_KINDS; kind++) {
                float *d = guarded(16);
                k->block_reduce[kind](columns, d, s);
                for (int64_t i = 0; i < 16; i++) {
                    float row[EG_BLOCK_MOST];
                    for (int64_t j = 0; j < columns; j++) row[j] = s[j * 16 + i];
                    assert_true(same(d[i], plain_row(kind, columns, row)));
                }
                guarded_free(d, 16);
            }
            eg_free(s);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_a_huge_row),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
