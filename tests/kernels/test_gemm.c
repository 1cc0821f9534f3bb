/* SPDX-License-Identifier: MIT
 *
 * The product against its definition, one chain of multiply-adds an element, bit for bit: all layouts of A, B and C,
 * every start, any cut of the work, and nothing written beside what was asked for.
 */
#include "kernels/kernel_test.h"
#include "kernels/tile.h"

typedef enum a_layout { A_ROWS, A_COLUMNS, A_STRIDED, A_RUNS, A_LAYOUTS } a_layout;
typedef enum c_layout { C_ROWS, C_WIDE_ROWS, C_PANELS, C_LAYOUTS } c_layout;
typedef enum first_value { FROM_ZERO, FROM_BIAS, FROM_C, FIRST_VALUES } first_value;

/* One product: the call, its plain operands, what it should give. */
typedef struct product {
    eg_gemm g;
    float *a, *b, *c, *bias, *sums;
    int64_t a_size, c_size;
    int64_t *runs;
    float *want, *want_sums;
    int *covered; /* [m][n]: how often finish has seen the element */
    int finish_saw_unfinished;
} product;

static float a_at(const eg_gemm *g, int64_t i, int64_t q) {
    return g->a_runs ? g->a[g->a_runs[q / g->run] + i * g->a_row + q % g->run * g->a_k]
                     : g->a[i * g->a_row + q * g->a_k];
}
static int64_t b_row(const eg_gemm *g, int64_t q) { return q * g->b_k + (g->a_runs ? q / g->run * g->b_skip : 0); }
static float b_at(const eg_gemm *g, int64_t q, int64_t j) { return g->b[j / 32 * g->b_panel + b_row(g, q) + j % 32]; }
static int64_t c_index(const eg_gemm *g, int64_t i, int64_t j) { return j / 32 * g->c_panel + i * g->c_row + j % 32; }

static void on_finish(void *context, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
    product *p = context;
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = j0; j < j1; j++) {
            p->covered[i * p->g.n + j]++;
            if (!same(p->g.c[c_index(&p->g, i, j)], p->want[i * p->g.n + j])) p->finish_saw_unfinished = 1;
        }
}

static void lay_out_a(product *p, a_layout layout) {
    eg_gemm *g = &p->g;
    int64_t m = g->m, k = g->k;
    if (layout == A_ROWS) g->a_row = k % 1024 ? k + random_below(3) : k, g->a_k = 1; /* or whole pages apart */
    if (layout == A_COLUMNS) g->a_row = 1, g->a_k = m + random_below(3);
    if (layout == A_STRIDED) g->a_k = 3, g->a_row = 3 * k + 1;
    p->a_size = m && k ? (m - 1) * g->a_row + (k - 1) * g->a_k + 1 : 0;
    if (layout == A_RUNS) { /* images: rows overlap, runs lie apart in any order */
        g->run = random_between(1, k > 2000 ? k
                                   : k < 20 ? k + 1
                                            : 20),
        g->a_k = random_between(1, 2), g->a_row = random_between(1, 4);
        int64_t count = k / g->run + 1, apart = g->run * g->a_k + 5;
        p->runs = eg_alloc((size_t)count * sizeof *p->runs);
        for (int64_t r = 0; r < count; r++) p->runs[r] = (count - 1 - r) * apart;
        p->a_size = (count - 1) * apart + m * g->a_row + g->run * g->a_k;
        g->a_runs = p->runs;
    }
    g->a = p->a = random_floats(p->a_size);
}

static void lay_out_b(product *p, int panels) {
    eg_gemm *g = &p->g;
    int64_t count = (g->n + 31) / 32;
    g->b_k = panels ? 32 : g->n + random_below(3);
    int64_t skipped = g->a_runs && g->n % 4 == 0 ? random_below(3) : 0; /* rows behind each run */
    int64_t rows = g->k + (g->k && skipped ? (g->k - 1) / g->run * skipped : 0);
    g->b_skip = skipped * g->b_k;
    g->b_panel = panels ? 32 * rows : 32;
    g->b = p->b = random_floats(panels ? count * 32 * rows : rows ? (rows - 1) * g->b_k + g->n : 0);
    if (panels)
        for (int64_t q = 0; q < rows; q++)
            for (int64_t j = g->n; j < count * 32; j++) p->b[j / 32 * g->b_panel + q * 32 + j % 32] = 0;
}

static void lay_out_c(product *p, c_layout layout, first_value first) {
    eg_gemm *g = &p->g;
    int64_t count = (g->n + 31) / 32;
    g->c_row = layout == C_PANELS ? 32 : g->n + (layout == C_WIDE_ROWS ? 7 : 0);
    g->c_panel = layout == C_PANELS ? 32 * g->m : 32;
    g->c_padded = layout == C_PANELS;
    p->c_size = layout == C_PANELS ? count * 32 * g->m : g->m * g->c_row;
    g->c = p->c = guarded(p->c_size);
    g->accumulate = first == FROM_C;
    if (first == FROM_BIAS) g->bias = p->bias = random_floats(g->n);
    if (first == FROM_C)
        for (int64_t i = 0; i < g->m; i++)
            for (int64_t j = 0; j < g->n; j++) g->c[c_index(g, i, j)] = random_float();
}

static void compute_wanted(product *p, int fused) {
    const eg_gemm *g = &p->g;
    p->want = random_floats(g->m * g->n);
    p->want_sums = random_floats(g->n);
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            float s = g->accumulate ? g->c[c_index(g, i, j)] : g->bias ? g->bias[j] : 0.f;
            for (int64_t q = 0; q < g->k; q++) s = multiply_add(fused, a_at(g, i, q), b_at(g, q, j), s);
            p->want[i * g->n + j] = s;
        }
    for (int64_t j = 0; j < g->n; j++) {
        p->want_sums[j] = 0;
        for (int64_t q = 0; q < g->k; q++) p->want_sums[j] += b_at(g, q, j);
    }
}

static product product_new(int fused, int64_t m, int64_t n, int64_t k, a_layout a, int b_panels, c_layout c,
                           first_value first, int sums, int finish) {
    product p = { .g = { .m = m, .n = n, .k = k } };
    lay_out_a(&p, a);
    lay_out_b(&p, b_panels);
    lay_out_c(&p, c, first);
    compute_wanted(&p, fused);
    p.sums = guarded(n);
    if (sums && !p.g.b_skip) p.g.column_sums = p.sums;
    p.covered = eg_calloc((size_t)(m * n + 1), sizeof *p.covered);
    if (finish) p.g.finish = on_finish;
    return p;
}

static void check_c(const product *p) {
    const eg_gemm *g = &p->g;
    int64_t written = 0, count = (g->n + 31) / 32;
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            written++;
            if (!same(g->c[c_index(g, i, j)], p->want[i * g->n + j]))
                fail_msg("C[%d,%d] of %dx%dx%d is %.9g, not %.9g", (int)i, (int)j, (int)g->m, (int)g->n, (int)g->k,
                         (double)g->c[c_index(g, i, j)], (double)p->want[i * g->n + j]);
        }
    if (g->c_padded)
        for (int64_t i = 0; i < g->m; i++)
            for (int64_t j = g->n; j < count * 32; j++, written++)
                assert_int_equal(float_bits(g->c[c_index(g, i, j)]), 0);
    for (int64_t q = 0; q < p->c_size; q++) written -= !untouched(g->c[q]);
    assert_int_equal(written, 0);
}

static void check(const product *p) {
    const eg_gemm *g = &p->g;
    check_c(p);
    for (int64_t j = 0; j < g->n; j++) {
        if (g->column_sums && g->m)
            assert_true(same(p->sums[j], p->want_sums[j]));
        else
            assert_true(untouched(p->sums[j]));
    }
    assert_false(p->finish_saw_unfinished);
    if (g->finish)
        for (int64_t q = 0; q < g->m * g->n; q++) assert_int_equal(p->covered[q], 1);
}

static void product_free(product *p) {
    guarded_free(p->c, p->c_size);
    guarded_free(p->sums, p->g.n);
    eg_free(p->a), eg_free(p->b), eg_free(p->bias), eg_free(p->runs);
    eg_free(p->want), eg_free(p->want_sums), eg_free(p->covered);
}

/* Rows and panels cut at random places, the pieces in no particular order. */
static void run_in_pieces(const eg_kernels *k, product *p, int pieces) {
    int64_t m = p->g.m, panels = (p->g.n + 31) / 32;
    p->g.context = p;
    if (pieces == 1) {
        k->gemm(&p->g, 0, m, 0, panels);
        return;
    }
    int64_t row = random_between(0, m), panel = random_between(0, panels);
    k->gemm(&p->g, row, m, panel, panels);
    k->gemm(&p->g, 0, row, panel, panels);
    k->gemm(&p->g, row, m, 0, panel);
    k->gemm(&p->g, 0, row, 0, panel);
}

static void test_random_products(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int round = 0; round < 600; round++) {
            int64_t limit = round % 3 == 0 ? 12 : 70;
            product p = product_new(k->fused, random_between(0, limit), random_between(0, limit),
                                    random_between(0, limit), (a_layout)random_below(A_LAYOUTS), (int)random_below(2),
                                    (c_layout)random_below(C_LAYOUTS), (first_value)random_below(FIRST_VALUES),
                                    (int)random_below(2), (int)random_below(2));
            run_in_pieces(k, &p, round % 2 ? 4 : 1);
            check(&p);
            product_free(&p);
        }
    }
}

/* Every number of rows against every width: all tile shapes and their tails. */
static void test_every_tile(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int64_t m = 1; m <= 30; m++)
            for (int64_t n = 1; n <= 34; n++) {
                product p = product_new(k->fused, m, n, 5, (a_layout)((m + n) % A_LAYOUTS), (int)(n % 2),
                                        (c_layout)(m % C_LAYOUTS), (first_value)(n % FIRST_VALUES), 1, 1);
                run_in_pieces(k, &p, 1);
                check(&p);
                product_free(&p);
            }
    }
}

/* The loop that makes a whole product: to the end of each row, and in whole vectors from row to row. */
static void check_one_tile(const eg_kernels *k, product *p) {
    const eg_gemm *g = &p->g;
    eg_tile t;
    eg_tile_fn loop = k->one_tile(&t, g);
    if (!loop) {
        assert_true(g->m > 1 || g->n > 2 * k->lanes || g->a_runs || g->n % k->lanes != 0);
        return;
    }
    loop(&t);
    check(p);
    if (g->accumulate) return;
    float *whole = random_floats(g->m * g->n + 2 * k->lanes);
    t.c = whole, t.padded = 1;
    loop(&t);
    for (int64_t i = 0; i < g->m * g->n; i++) assert_true(same(whole[i], p->want[i]));
    eg_free(whole);
}

static void test_one_tile(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int64_t m = 1; m <= 30; m++)
            for (int64_t n = 1; n <= 34; n++) {
                product p = product_new(k->fused, m, n, random_between(1, 20), (a_layout)random_below(A_LAYOUTS),
                                        (int)random_below(2), C_ROWS, (first_value)random_below(FIRST_VALUES), 0, 0);
                check_one_tile(k, &p);
                product_free(&p);
            }
    }
}

/* The shapes of training, and k so long that it is cut. */
static void test_large_products(void **state) {
    static const struct {
        int64_t m, n, k;
        a_layout a;
        int b_panels;
        c_layout c;
    } cases[] = {
        { 128, 512, 784, A_ROWS, 1, C_ROWS },     { 128, 10, 512, A_ROWS, 1, C_ROWS },
        { 784, 96, 128, A_COLUMNS, 0, C_PANELS }, { 20, 40, 5000, A_ROWS, 0, C_ROWS },
        { 33, 70, 3000, A_COLUMNS, 1, C_PANELS }, { 19, 33, 2600, A_RUNS, 1, C_ROWS },
        { 9, 11, 4600, A_RUNS, 0, C_ROWS },       { 17, 5, 6000, A_RUNS, 0, C_ROWS },
        { 16, 33, 9000, A_STRIDED, 1, C_ROWS },   { 300, 300, 64, A_ROWS, 0, C_WIDE_ROWS },
        { 300, 3, 100, A_ROWS, 0, C_ROWS },       { 100, 3, 300, A_COLUMNS, 0, C_ROWS },
        { 1, 512, 784, A_ROWS, 1, C_ROWS },       { 1000, 1, 70, A_ROWS, 0, C_ROWS },
        { 70, 64, 1024, A_ROWS, 1, C_ROWS },      { 37, 140, 1024, A_ROWS, 1, C_ROWS },
        { 29, 200, 2048, A_ROWS, 0, C_PANELS },   { 25, 36, 3000, A_RUNS, 0, C_ROWS },
    };
    (void)state;
    FOR_TABLES(k) {
        for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
            product p = product_new(k->fused, cases[q].m, cases[q].n, cases[q].k, cases[q].a, cases[q].b_panels,
                                    cases[q].c, (first_value)(q % FIRST_VALUES), 1, 1);
            run_in_pieces(k, &p, q % 2 ? 4 : 1);
            check(&p);
            product_free(&p);
        }
    }
}

/* What three rows, or two and B's column sums, are done by where there are enough columns. */
static void test_few_rows(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int64_t m = 1; m <= 3; m++)
            for (int64_t n = 30; n <= 300; n += random_between(1, 9)) {
                product p =
                    product_new(k->fused, m, n, random_between(5, 40), (a_layout)random_below(A_LAYOUTS),
                                (int)random_below(2), (c_layout)random_below(C_LAYOUTS),
                                (first_value)random_below(FIRST_VALUES), (int)random_below(2), (int)random_below(2));
                run_in_pieces(k, &p, n % 2 ? 4 : 1);
                check(&p);
                product_free(&p);
            }
    }
}

/* Several bands give what each of them gives alone. */
static void check_bands(const eg_kernels *k, const product *p, int64_t bands, int64_t a_band) {
    int64_t c_size = bands * p->c_size;
    float *a = random_floats(p->a_size + (bands - 1) * a_band), *c = random_floats(c_size),
          *want = random_floats(c_size);
    eg_gemm g = p->g;
    memcpy(want, c, (size_t)c_size * sizeof *c);
    for (int64_t q = 0; q < bands; q++) {
        g.a = a + q * a_band, g.c = want + q * p->c_size;
        k->gemm(&g, 0, g.m, 0, (g.n + 31) / 32);
    }
    g.a = a, g.c = c, g.bands = bands, g.a_band = a_band, g.c_band = p->c_size;
    k->gemm(&g, 0, g.m, 0, (g.n + 31) / 32);
    for (int64_t i = 0; i < c_size; i++) assert_true(same(c[i], want[i]));
    eg_free(a), eg_free(c), eg_free(want);
}

static void test_bands(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int round = 0; round < 400; round++) {
            product p = product_new(k->fused, random_between(1, 40), random_between(1, round % 2 ? 16 : 100),
                                    random_between(1, round % 5 ? 60 : 2000), (a_layout)random_below(A_LAYOUTS),
                                    (int)random_below(2), (c_layout)random_below(C_PANELS),
                                    (first_value)random_below(FIRST_VALUES), 0, 0);
            check_bands(k, &p, random_between(2, 5), random_between(0, 9));
            product_free(&p);
        }
    }
}

/* Has C end in this way. */
static void set_ending(product *p, eg_ending ending) {
    eg_gemm *g = &p->g;
    g->ending = ending;
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            float *want = &p->want[i * g->n + j], *held = &g->c[c_index(g, i, j)];
            if (ending == EG_END_GATE && !g->accumulate) *held = random_float();
            if (ending == EG_END_GATE ? !(*held > 0) : ending == EG_END_RELU && *want < 0) *want = 0;
        }
}

static void test_endings(void **state) {
    (void)state;
    FOR_TABLES(k) {
        for (int round = 0; round < 400 && k->short_k; round++) {
            product p =
                product_new(k->fused, random_between(0, 70), random_between(0, 140), random_between(1, k->short_k),
                            (a_layout)random_below(A_RUNS), (int)random_below(2), (c_layout)random_below(C_PANELS),
                            (first_value)random_below(FIRST_VALUES), (int)random_below(2), (int)random_below(2));
            set_ending(&p, (eg_ending)random_below(EG_END_GATE + 1));
            run_in_pieces(k, &p, round % 2 ? 4 : 1);
            check(&p);
            product_free(&p);
        }
    }
}

/* An infinite A would turn the zeros of the padding lanes into NaN. */
static void test_padding_stays_zero(void **state) {
    (void)state;
    FOR_TABLES(k) {
        product p = product_new(k->fused, 9, 21, 4, A_ROWS, 1, C_PANELS, FROM_ZERO, 0, 0);
        p.a[2] = INFINITY;
        eg_free(p.want), eg_free(p.want_sums);
        compute_wanted(&p, k->fused);
        run_in_pieces(k, &p, 1);
        check(&p);
        product_free(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_products), cmocka_unit_test(test_every_tile),
        cmocka_unit_test(test_one_tile),        cmocka_unit_test(test_large_products),
        cmocka_unit_test(test_few_rows),        cmocka_unit_test(test_bands),
        cmocka_unit_test(test_endings),         cmocka_unit_test(test_padding_stays_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
