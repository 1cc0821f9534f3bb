/* SPDX-License-Identifier: MIT
 *
 * What moves numbers without changing them: panels, transposed blocks, conversions, strided copies.
 */
#include "kernels/kernel_test.h"

static void check_pack(const eg_kernels *k, int64_t rows, int64_t n, int64_t b_k, int64_t b_n) {
    int64_t panels = (n + 31) / 32, size = panels * rows * 32;
    float *b = random_floats(rows && n ? (rows - 1) * b_k + (n - 1) * b_n + 1 : 0), *out = guarded(size),
          *back = guarded(rows * n);
    int64_t cut = random_below(panels + 1);
    eg_pack(k, out, b, rows, n, b_k, b_n, cut, panels);
    for (int64_t q = 0; q < cut * rows * 32; q++) assert_true(untouched(out[q]));
    eg_pack(k, out, b, rows, n, b_k, b_n, 0, cut);
    for (int64_t p = 0; p < panels; p++)
        for (int64_t q = 0; q < rows; q++)
            for (int64_t l = 0; l < 32; l++)
                assert_true(same(out[(p * rows + q) * 32 + l], p * 32 + l < n ? b[q * b_k + (p * 32 + l) * b_n] : 0));
    eg_unpack(back, n, out, rows, n, 0, panels);
    for (int64_t q = 0; q < rows; q++)
        for (int64_t j = 0; j < n; j++) assert_true(same(back[q * n + j], b[q * b_k + j * b_n]));
    guarded_free(out, size);
    guarded_free(back, rows * n);
    eg_free(b);
}

static void test_panels(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int round = 0; round < 150; round++) {
            int64_t rows = random_between(0, 50), n = random_between(0, 100);
            check_pack(k, rows, n, n + random_below(2), 1);
            check_pack(k, rows, n, 1, rows + random_below(2));
            check_pack(k, rows, n, 3, 3 * rows + 2);
        }
    }
}

static void test_blocks(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int64_t rows = 0; rows <= 16; rows++)
            for (int64_t columns = 0; columns <= 32; columns++) {
                int64_t s_row = columns + rows % 2, size = rows ? (rows - 1) * s_row + columns : 0;
                float *s = random_floats(size), *block = guarded(columns * 16), *back = guarded(size);
                eg_block_load(k, rows, columns, block, s, s_row);
                for (int64_t j = 0; j < columns; j++)
                    for (int64_t i = 0; i < 16; i++)
                        assert_true(same(block[j * 16 + i], i < rows ? s[i * s_row + j] : 0));
                eg_block_store(k, rows, columns, back, s_row, block);
                for (int64_t q = 0; q < size; q++)
                    assert_true(q % (s_row ? s_row : 1) < columns ? same(back[q], s[q]) : untouched(back[q]));
                guarded_free(block, columns * 16);
                guarded_free(back, size);
                eg_free(s);
            }
    }
}

static void test_conversions(void **state) {
    static const float x[] = {
        0,    -0.f,         0.9f,         -0.9f,         1.5f, 254.9f, 255,      255.5f,    256, -1, -255.5f,
        1e9f, 2147483520.f, 2147483648.f, -2147483648.f, 3e9f, -3e9f,  INFINITY, -INFINITY, NAN, 7
    };
    static const uint8_t bytes[] = {
        0, 0, 0, 0, 1, 254, 255, 255, 255, 0, 0, 255, 255, 255, 0, 255, 0, 255, 0, 0, 7
    };
    static const int32_t ints[] = { 0,         0,         0,         0,         1,          254,        255,
                                    255,       256,       -1,        -255,      1000000000, 2147483520, INT32_MAX,
                                    INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN,  0,          7 };
    enum { N = sizeof x / sizeof *x };
    (void)state;
    FOR_TABLES(k) {
        uint8_t b[N + 1] = { [N] = 42 };
        int32_t w[N + 1] = { [N] = 42 };
        float *f = guarded(300);
        k->to_u8(N, b, x);
        k->to_i32(N, w, x);
        assert_memory_equal(b, bytes, N);
        assert_memory_equal(w, ints, sizeof ints);
        assert_true(b[N] == 42 && w[N] == 42);
        uint8_t all[256];
        int32_t many[300];
        for (int i = 0; i < 256; i++) all[i] = (uint8_t)i;
        for (int i = 0; i < 300; i++) many[i] = (int32_t)random_word();
        k->from_u8(256, f, all);
        for (int i = 0; i < 256; i++) assert_true(f[i] == (float)i);
        k->from_i32(299, f, many);
        for (int i = 0; i < 299; i++) assert_true(f[i] == (float)many[i]);
        assert_true(untouched(f[299]));
        guarded_free(f, 300);
    }
}

/* ---- strided copies -------------------------------------------------------------------------- */

typedef struct layout {
    int rank;
    int64_t dim[6], out[6], in[6], out_size, in_size;
} layout;

/* Strides of a dense array whose axes lie in a random order, with gaps; zeros where an input repeats. */
static int64_t random_strides(int rank, const int64_t *dim, int64_t *stride, int may_repeat) {
    int order[6] = { 0, 1, 2, 3, 4, 5 };
    int64_t size = 1;
    for (int i = rank - 1; i > 0; i--) {
        int j = (int)random_below(i + 1), t = order[i];
        order[i] = order[j], order[j] = t;
    }
    for (int i = 0; i < rank; i++) {
        int axis = order[i];
        if (may_repeat && random_below(4) == 0)
            stride[axis] = 0;
        else
            stride[axis] = size, size *= dim[axis] + (random_below(3) == 0);
    }
    return size;
}

static void check_copy(const layout *l, int size) {
    unsigned char *in = eg_alloc((size_t)(l->in_size * size) + 1),
                  *out = eg_calloc((size_t)(l->out_size * size) + 1, 1);
    unsigned char *want = eg_calloc((size_t)(l->out_size * size) + 1, 1);
    for (int64_t i = 0; i < l->in_size * size; i++) in[i] = (unsigned char)(random_word() | 1);
    int64_t total = 1;
    for (int i = 0; i < l->rank; i++) total *= l->dim[i];
    for (int64_t q = 0; q < total; q++) {
        int64_t rest = q, from = 0, to = 0;
        for (int i = l->rank - 1; i >= 0; i--) {
            from += rest % l->dim[i] * l->in[i], to += rest % l->dim[i] * l->out[i];
            rest /= l->dim[i];
        }
        memcpy(want + to * size, in + from * size, (size_t)size);
    }
    eg_copy_strided(l->rank, l->dim, out, l->out, in, l->in, size);
    assert_memory_equal(out, want, (size_t)(l->out_size * size));
    eg_free(in), eg_free(out), eg_free(want);
}

static void test_strided_copies(void **state) {
    static const int sizes[] = { 1, 4, 8 };
    (void)state;
    for (int round = 0; round < 2000; round++) {
        layout l = { .rank = (int)random_between(0, 6) };
        for (int i = 0; i < l.rank; i++) l.dim[i] = random_between(round % 50 != 0, l.rank > 3 ? 4 : 40);
        l.in_size = random_strides(l.rank, l.dim, l.in, 1);
        l.out_size = random_strides(l.rank, l.dim, l.out, 0);
        check_copy(&l, sizes[round % 3]);
    }
}

/* A reversed axis has a negative stride. */
static void test_reversed_copy(void **state) {
    int64_t dim[] = { 3, 4 }, out_stride[] = { 4, 1 }, in_stride[] = { 4, -1 };
    float in[12], out[12];
    (void)state;
    for (int i = 0; i < 12; i++) in[i] = (float)i;
    eg_copy_strided(2, dim, out, out_stride, in + 3, in_stride, 4);
    for (int i = 0; i < 12; i++) assert_true(out[i] == (float)(i / 4 * 4 + 3 - i % 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_panels),        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_conversions),   cmocka_unit_test(test_strided_copies),
        cmocka_unit_test(test_reversed_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
