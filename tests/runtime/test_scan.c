/* SPDX-License-Identifier: MIT
 *
 * test_scan.c: loops. What a scan gives equals what its unrolled body gives: values, derivatives, second derivatives.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/status.h"
#include "runtime/random_scan.h"
#include "runtime/cpu.h"

enum { MOST_ROOTS = SCAN_ROOTS + 2 * SCAN_LEAVES + 2, MOST = SCAN_MOST };

/* The results, d loss / d leaves, and d |first derivatives|^2 / d leaves. */
static int roots_of(random_scan *s, eg_value **root, int order) {
    eg_value *loss = scan_loss(s, s->root, s->nroots);
    int n = 0;
    for (int i = 0; i < s->nroots; i++) root[n++] = s->root[i];
    if (order > 0) {
        if (eg_grad(loss, s->leaf, s->nleaves, root + n) != EG_OK) fail_msg("seed %d: %s", (int)s->seed, eg_error());
        n += s->nleaves;
    }
    if (order > 1) {
        loss = scan_loss(s, root + n - s->nleaves, s->nleaves);
        if (eg_grad(loss, s->leaf, s->nleaves, root + n) != EG_OK) fail_msg("seed %d: %s", (int)s->seed, eg_error());
        n += s->nleaves;
    }
    if (eg_graph_status(s->graph) != EG_OK) fail_msg("seed %d: %s", (int)s->seed, eg_graph_error(s->graph));
    return n;
}

static eg_program *program_of(const random_scan *s, eg_state *state, eg_value *const *root, int n,
                              eg_program_opt opt) {
    eg_program *p = eg_program_new_(state, root, n, opt);
    if (!p) fail_msg("seed %d: %s", (int)s->seed, eg_error());
    if (random_scan_feed(s, p, 0) != EG_OK || eg_run(p) != EG_OK) fail_msg("seed %d: %s", (int)s->seed, eg_error());
    return p;
}

static void assert_same(uint64_t seed, const eg_program *a, const eg_program *b, eg_value *const *root, int n,
                        double tolerance) {
    for (int i = 0; i < n; i++) {
        static double x[MOST], y[MOST];
        int64_t size = eg_shape_size(root[i]->shape);
        assert_true(size <= MOST);
        assert_int_equal(eg_fetch(a, i, x, MOST), EG_OK);
        assert_int_equal(eg_fetch(b, i, y, MOST), EG_OK);
        for (int64_t k = 0; k < size; k++)
            if (!(fabs(x[k] - y[k]) <= tolerance * (1 + fabs(y[k]))))
                fail_msg("seed %d, root %d, element %d: %.12g, not %.12g", (int)seed, i, (int)k, x[k], y[k]);
    }
}

static void scan_equals_its_unrolled_body(void **unused) {
    (void)unused;
    for (uint64_t seed = 0; seed < 150; seed++) {
        random_scan a = random_scan_new(seed, 0), b = random_scan_new(seed, 1);
        eg_value *loop_root[MOST_ROOTS], *flat_root[MOST_ROOTS];
        int order = seed % 3 == 0 ? 2 : 1, n = roots_of(&a, loop_root, order), m = roots_of(&b, flat_root, order);
        assert_int_equal(n, m);
        assert_int_equal(eg_graph_verify(a.graph), EG_OK);
        eg_state *state = eg_state_new(1);
        eg_program *p = program_of(&a, state, loop_root, n, (eg_program_opt){ .executor = EG_REF });
        eg_program *q = program_of(&b, state, flat_root, n, (eg_program_opt){ .executor = EG_REF });
        assert_same(seed, p, q, loop_root, n, 1e-9);
        eg_program_free(p);
        eg_program_free(q);
        eg_state_free(state);
        eg_graph_free(a.graph);
        eg_graph_free(b.graph);
    }
}

static void text_comes_back(void **unused) {
    (void)unused;
    for (uint64_t seed = 0; seed < 40; seed++) {
        random_scan s = random_scan_new(seed, 0);
        eg_value *root[MOST_ROOTS], *again[MOST_ROOTS];
        int n = roots_of(&s, root, 2), m;
        char *text = eg_graph_text(root, n);
        eg_graph *read = eg_graph_parse(text, again, MOST_ROOTS, &m);
        if (!read) fail_msg("%s in\n%s", eg_error(), text);
        char *second = eg_graph_text(again, m), *drawing = eg_graph_dot(root, n);
        assert_string_equal(text, second);
        assert_int_equal(strstr(text, "= scan") != NULL, strstr(drawing, "label=\"scan {") != NULL);
        eg_string_free(text);
        eg_string_free(second);
        eg_string_free(drawing);
        eg_graph_free(read);
        eg_graph_free(s.graph);
    }
}

/* ---- compiled -------------------------------------------------------------------------------- */

/* The largest difference, each relative to its root's largest number (or 1). */
static double distance(const eg_program *a, const eg_program *b, eg_value *const *root, int n) {
    double worst = 0;
    for (int i = 0; i < n; i++) {
        static double x[MOST], y[MOST];
        double scale = 1;
        int64_t size = eg_shape_size(root[i]->shape);
        assert_true(size <= MOST);
        assert_int_equal(eg_fetch(a, i, x, MOST), EG_OK);
        assert_int_equal(eg_fetch(b, i, y, MOST), EG_OK);
        for (int64_t k = 0; k < size; k++) scale = fmax(scale, fabs(y[k]));
        for (int64_t k = 0; k < size; k++)
            if (!(fabs(x[k] - y[k]) / scale <= worst)) worst = fabs(x[k] - y[k]) / scale;
    }
    return worst;
}

/* The passes leave the oracle's numbers as they were, but for constants that are rounded to float when they are
 * folded. */
static void passes_keep_the_numbers(void **unused) {
    static const char *const last[] = { "simplify", "prune", "hoist", "sink", "contract", "invariant", "schedule" };
    (void)unused;
    for (uint64_t seed = 0; seed < 80; seed++) {
        random_scan s = random_scan_new(seed, 0);
        eg_value *root[MOST_ROOTS];
        int n = roots_of(&s, root, seed % 4 == 0 ? 2 : 1);
        eg_state *state = eg_state_new(1);
        eg_program *plain = program_of(&s, state, root, n, (eg_program_opt){ .executor = EG_REF });
        for (size_t k = 0; k < sizeof last / sizeof *last; k++) {
            eg_unit unit;
            assert_int_equal(eg_unit_new(&unit, root, n), EG_OK);
            if (eg_compile(&unit, last[k]) != EG_OK) fail_msg("seed %d, %s: %s", (int)seed, last[k], eg_error());
            eg_program *p = eg_program_new(state, unit.root, n, .executor = EG_REF);
            if (!p) fail_msg("seed %d, %s: %s", (int)seed, last[k], eg_error());
            assert_int_equal(random_scan_feed(&s, p, 0), EG_OK);
            assert_int_equal(eg_run(p), EG_OK);
            double d = distance(p, plain, root, n);
            if (!(d < 1e-4)) fail_msg("seed %d, %s: off by %g", (int)seed, last[k], d);
            eg_program_free(p);
            eg_unit_free(&unit);
        }
        eg_program_free(plain);
        eg_state_free(state);
        eg_graph_free(s.graph);
    }
}

static void assert_same_bits(uint64_t seed, const eg_program *a, const eg_program *b, eg_value *const *root, int n,
                             const char *what) {
    for (int i = 0; i < n; i++) {
        size_t bytes = (size_t)eg_shape_size(root[i]->shape) * eg_dtype_size(root[i]->dtype);
        if (bytes && memcmp(eg_get_data(a, i), eg_get_data(b, i), bytes) != 0)
            fail_msg("seed %d, root %d: %s gives other bits", (int)seed, i, what);
    }
}

/* How far float32 may be off: rounding errors are like small changes of the inputs. Near a kink nothing can be said.
 */
static double sensitivity(const random_scan *s, eg_state *state, const eg_program *oracle, eg_value *const *root,
                          int n) {
    eg_program *moved = program_of(s, state, root, n, (eg_program_opt){ .executor = EG_REF });
    assert_int_equal(random_scan_feed(s, moved, 1e-6), EG_OK);
    assert_int_equal(eg_run(moved), EG_OK);
    double d = distance(moved, oracle, root, n);
    eg_program_free(moved);
    return eg_program_margin(oracle) < 1e-5 ? 1e30 : 2e-5 + 30 * d;
}

/* Loops that threads go through on their own, each with some rows. */
static int loops_by_rows(const eg_program *p) {
    char *text = eg_program_text(p);
    int n = 0;
    for (const char *at = text; at && (at = strstr(at, " loop ")) != NULL; at++) n += atoi(at + 6) > 1;
    eg_string_free(text);
    return n;
}

/* The cpu engine agrees with the oracle; threads, and a second run, change no bit. */
static void cpu_agrees_with_the_oracle(void **unused) {
    static const eg_program_opt ways[] = { { .threads = 2 }, { .threads = 3 }, { .threads = 1, .profile = 1 } };
    (void)unused;
    double was = eg_least_work_of_a_part;
    int cut = 0, whole = 0;
    eg_least_work_of_a_part = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        random_scan s = random_scan_sized(seed, 0, seed % 2);
        eg_value *root[MOST_ROOTS];
        int n = roots_of(&s, root, seed % 8 == 0 ? 2 : 1);
        eg_state *state = eg_state_new(1);
        eg_program *oracle = program_of(&s, state, root, n, (eg_program_opt){ .executor = EG_REF });
        eg_program *one = program_of(&s, state, root, n, (eg_program_opt){ .executor = EG_CPU, .threads = 1 });
        double limit = sensitivity(&s, state, oracle, root, n), d = distance(one, oracle, root, n);
        if (!(d < limit)) fail_msg("seed %d: off by %g", (int)seed, d);
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            eg_program_opt opt = ways[k];
            opt.executor = EG_CPU;
            eg_program *other = program_of(&s, state, root, n, opt);
            uint64_t allocations = eg_memory().allocations;
            assert_int_equal(eg_run(other), EG_OK);
            assert_int_equal(eg_memory().allocations, allocations);
            assert_same_bits(seed, other, one, root, n, "another number of threads");
            if (opt.threads > 1) *(loops_by_rows(other) ? &cut : &whole) += 1;
            eg_program_free(other);
        }
        eg_program *simple =
            program_of(&s, state, root, n, (eg_program_opt){ .executor = EG_CPU, .no_fuse = 1, .no_layout = 1 });
        d = distance(simple, oracle, root, n);
        if (!(d < limit)) fail_msg("seed %d, simple steps: off by %g", (int)seed, d);
        eg_program_free(simple);
        eg_program_free(one);
        eg_program_free(oracle);
        eg_state_free(state);
        eg_graph_free(s.graph);
    }
    eg_least_work_of_a_part = was;
    assert_true(cut >= 20 && whole >= 20); /* both kinds were met */
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static eg_value *kept;

static void keeps_a_value(void *user, eg_graph *graph, eg_value *const *carry, eg_value *const *x, eg_value **next,
                          eg_value **y) {
    (void)user, (void)graph, (void)y;
    next[0] = kept = eg_add(carry[0], x[0]);
}

static void changes_its_carry(void *user, eg_graph *graph, eg_value *const *carry, eg_value *const *x,
                              eg_value **next, eg_value **y) {
    (void)user, (void)graph, (void)carry, (void)y;
    next[0] = eg_sum(x[0]);
}

static void multiplies_wrongly(void *user, eg_graph *graph, eg_value *const *carry, eg_value *const *x,
                               eg_value **next, eg_value **y) {
    (void)graph, (void)carry, (void)y;
    next[0] = eg_matmul(x[0], user);
}

static void forgets_a_result(void *user, eg_graph *graph, eg_value *const *carry, eg_value *const *x, eg_value **next,
                             eg_value **y) {
    (void)user, (void)graph, (void)x, (void)y;
    next[0] = carry[0];
}

static void assert_mistake(eg_body_fn fn, int ny, eg_shape x_shape, const char *message) {
    eg_graph *g = eg_graph_new();
    eg_value *h = eg_input(g, "h", EG_F32, EG_SHAPE(2, 3)), *x = eg_input(g, "x", EG_F32, x_shape), *last, *y[2];
    eg_value *w = eg_input(g, "w", EG_F32, EG_SHAPE(4, 3));
    eg_scan(g, fn, w, &last, y, .carry = &h, .ncarry = 1, .x = &x, .nx = 1, .ny = ny);
    assert_true(eg_value_is_poisoned(last));
    if (!strstr(eg_graph_error(g), message)) fail_msg("%s: %s", message, eg_graph_error(g));
    eg_graph_free(g);
}

static void mistakes_are_named(void **unused) {
    (void)unused;
    assert_mistake(changes_its_carry, 0, EG_SHAPE(5, 2, 3),
                   "scan: carry 0 is f32[2,3], the next one f32[] (test_scan.c:");
    assert_mistake(multiplies_wrongly, 0, EG_SHAPE(5, 2, 3),
                   "matmul: [2,3] x [4,3]: inner dimensions 3 and 4 differ");
    assert_mistake(forgets_a_result, 1, EG_SHAPE(5, 2, 3), "result 1 of the body was not given");
    assert_mistake(changes_its_carry, 0, EG_SCALAR, "no axis to walk along");
}

static void a_value_of_the_body_stays_inside(void **unused) {
    (void)unused;
    eg_graph *g = eg_graph_new();
    eg_value *h = eg_input(g, "h", EG_F32, EG_SCALAR), *x = eg_input(g, "x", EG_F32, EG_SHAPE(4)), *last;
    eg_scan(g, keeps_a_value, NULL, &last, NULL, .carry = &h, .ncarry = 1, .x = &x, .nx = 1);
    assert_int_equal(eg_graph_status(g), EG_OK);
    assert_true(eg_value_is_poisoned(eg_add(h, kept)));
    assert_non_null(strstr(eg_graph_error(g), "inside of a loop"));
    eg_graph_free(g);
}

/* ---- captures -------------------------------------------------------------------------------- */

static void makes_its_own_variable(void *user, eg_graph *body, eg_value *const *carry, eg_value *const *x,
                                   eg_value **next, eg_value **y) {
    (void)user;
    eg_value *w = eg_weight(body, "w", EG_F32, EG_SHAPE(3, 3));
    y[0] = next[0] = eg_tanh(eg_add(x[0], eg_matmul(carry[0], w)));
}

static void variables_of_a_body_belong_to_the_graph(void **unused) {
    (void)unused;
    eg_graph *g = eg_graph_new();
    eg_value *h = eg_full(g, EG_F32, EG_SHAPE(2, 3), 0), *x = eg_input(g, "x", EG_F32, EG_SHAPE(4, 2, 3)), *y;
    eg_scope_push(g, "cell");
    eg_scan(g, makes_its_own_variable, NULL, NULL, &y, .carry = &h, .ncarry = 1, .x = &x, .nx = 1, .ny = 1);
    eg_scope_pop(g);
    assert_int_equal(eg_graph_status(g), EG_OK);
    assert_non_null(eg_graph_find(g, EG_OP_VAR, "cell/w"));
    char *text = eg_graph_text(&y, 1);
    assert_string_equal(text, "%0 = const {0} : f32[2,3]\n"
                              "%1 = input \"x\" : f32[4,2,3]\n"
                              "%2 = var \"cell/w\" : f32[3,3]\n"
                              "%3 = scan %0, %1, %2 {steps=4, carries=1, stacked=1} {\n"
                              "  %0 = param {0} : f32[2,3]\n"
                              "  %1 = param {1} : f32[2,3]\n"
                              "  %2 = param {2} : f32[3,3]\n"
                              "  %3 = matmul %0, %2 : f32[2,3]\n"
                              "  %4 = add %1, %3 : f32[2,3]\n"
                              "  %5 = tanh %4 : f32[2,3]\n"
                              "  return %5, %5\n"
                              "} : f32[2,3]\n"
                              "%4 = part %3 {1} : f32[4,2,3]\n"
                              "return %4\n");
    eg_string_free(text);
    eg_graph_free(g);
}

/* A weight lies in panels, what moves from step to step in rows. */
static void weights_may_be_carried_and_stacked(void **unused) {
    (void)unused;
    eg_graph *g = eg_graph_new();
    eg_value *h = eg_weight(g, "h", EG_F32, EG_SHAPE(4, 37)), *x = eg_weight(g, "x", EG_F32, EG_SHAPE(5, 37)), *root[4];
    eg_scan(g, keeps_a_value, NULL, &root[0], NULL, .carry = &h, .ncarry = 1, .x = &x, .nx = 1);
    eg_value *wrt[] = { h, x }, *loss = eg_sum(eg_square(root[0]));
    assert_int_equal(eg_grad(loss, wrt, 2, root + 1), EG_OK);
    root[3] = eg_assign(h, eg_sub(h, eg_mul(root[1], eg_const(g, .1))));
    assert_int_equal(eg_graph_verify(g), EG_OK);
    double out[2][3][200];
    for (int k = 0; k < 2; k++) {
        eg_state *state = eg_state_new(3);
        eg_program *p = eg_program_new_(state, root, 4, (eg_program_opt){ .executor = k ? EG_CPU : EG_REF });
        if (!p) fail_msg("%s", eg_error());
        assert_int_equal(eg_init_normal(state, g, 1), EG_OK);
        assert_int_equal(eg_run(p), EG_OK);
        for (int i = 0; i < 3; i++) assert_int_equal(eg_fetch(p, i, out[k][i], 200), EG_OK);
        eg_program_free(p);
        eg_state_free(state);
    }
    for (int i = 0; i < 148; i++)
        for (int r = 0; r < 2; r++) assert_true(fabs(out[0][r][i] - out[1][r][i]) < 1e-4);
    for (int i = 0; i < 185; i++) assert_true(fabs(out[0][2][i] - out[1][2][i]) < 1e-4);
    eg_graph_free(g);
}

/* ---- no memory ------------------------------------------------------------------------------- */

static eg_status build_and_run(uint64_t seed, eg_executor executor) {
    random_scan s = random_scan_new(seed, 0);
    eg_value *grad[SCAN_LEAVES], *loss = s.graph ? scan_loss(&s, s.root, s.nroots) : NULL;
    eg_state *state = eg_state_new(1);
    eg_status status = loss && state ? eg_grad(loss, s.leaf, s.nleaves, grad) : EG_E_MEMORY;
    eg_program *p =
        status == EG_OK ? eg_program_new_(state, grad, s.nleaves, (eg_program_opt){ .executor = executor }) : NULL;
    if (status == EG_OK) status = p ? random_scan_feed(&s, p, 0) : eg_error_status();
    if (status == EG_OK) status = eg_run(p);
    eg_program_free(p);
    eg_state_free(state);
    eg_graph_free(s.graph);
    return status;
}

static void no_memory_is_an_error(void **unused) {
    static const struct {
        uint64_t seed;
        eg_executor executor;
    } cases[] = { { 3, EG_REF }, { 7, EG_REF }, { 3, EG_CPU } };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(build_and_run(cases[i].seed, cases[i].executor), EG_OK);
        eg_status status = EG_E_MEMORY;
        for (uint64_t n = 1; status != EG_OK; n += 1 + n / 16) {
            eg_alloc_fail_at(n, 0);
            status = build_and_run(cases[i].seed, cases[i].executor);
            eg_alloc_fail_at(0, 0);
            if (status != EG_OK) assert_int_equal(status, EG_E_MEMORY);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_equals_its_unrolled_body),
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(passes_keep_the_numbers),
        cmocka_unit_test(cpu_agrees_with_the_oracle),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_value_of_the_body_stays_inside),
        cmocka_unit_test(variables_of_a_body_belong_to_the_graph),
        cmocka_unit_test(weights_may_be_carried_and_stacked),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
