/* SPDX-License-Identifier: MIT
 *
 * Every allocation of building, differentiating, printing, parsing, drawing and copying is made to fail, one after
 * the other: each must come out as a MEMORY error, and never as a crash or a leak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "every_op.h"

static char *good_text;

/* A loss of two layers and its gradient. */
static int run_grad(void) {
    eg_graph *g = eg_graph_new();
    if (!g) return 0;
    eg_scope_push(g, "dense");
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(8, 3)), *w = eg_weight(g, "w", EG_F32, EG_SHAPE(3, 4));
    eg_value *b = eg_var(g, "b", EG_F32, EG_SHAPE(4)), *wrt[] = { w, b }, *d[2] = { NULL, NULL };
    eg_value *h = eg_relu(eg_add(eg_matmul(x, w), b));
    eg_scope_pop(g);
    eg_status status = eg_grad(eg_mean(eg_logsumexp(h, .axes = EG_AXES(1))), wrt, 2, d);
    assert_non_null(d[0]);
    assert_true(status == EG_OK || eg_value_is_poisoned(d[1]));
    assert_true(status == EG_OK || status == EG_E_MEMORY);
    eg_graph_free(g);
    return status == EG_OK;
}

static int run_text(void) {
    eg_value *root[EVERY_OP_ROOTS];
    int n;
    eg_graph *g = every_op(root, &n);
    char *text = g ? eg_graph_text(root, n) : NULL, *dot = text ? eg_graph_dot(root, n) : NULL;
    int done = dot != NULL;
    if (!done) assert_int_equal(eg_error_status(), EG_E_MEMORY);
    eg_string_free(text);
    eg_string_free(dot);
    eg_graph_free(g);
    return done;
}

static int run_parse(void) {
    eg_value *root[EVERY_OP_ROOTS];
    int n;
    eg_graph *g = eg_graph_parse(good_text, root, EVERY_OP_ROOTS, &n);
    int done = g != NULL;
    if (!done) assert_int_equal(eg_error_status(), EG_E_MEMORY);
    eg_graph_free(g);
    return done;
}

static int run_copy(void) {
    eg_graph *g = eg_graph_new(), *to = eg_graph_new();
    int done = 0;
    if (g && to) {
        eg_value *x = eg_var(g, "x", EG_F32, EG_SHAPE(4)), *group = every_fused(x, x);
        eg_value *copy = eg_node_copy(to, x, NULL);
        copy = eg_node_copy(to, group, (eg_value *[]){ copy, copy });
        done = !eg_value_is_poisoned(copy);
        assert_true(done || eg_graph_status(to) == EG_E_MEMORY);
    }
    eg_graph_free(g);
    eg_graph_free(to);
    return done;
}

static void fail_each(int (*run)(void)) {
    uint64_t n = 1;
    size_t held = eg_memory().bytes;
    for (int done = 0; !done; n++) {
        eg_alloc_fail_at(n, n % 2 == 0);
        done = run();
        eg_alloc_fail_at(0, 0);
        assert_true(eg_memory().bytes == held);
        assert_true(n < 5000);
    }
    assert_true(n > 3); /* something was there to fail */
}

static void grad_survives(void **state) { (void)state, fail_each(run_grad); }
static void text_survives(void **state) { (void)state, fail_each(run_text); }
static void copy_survives(void **state) { (void)state, fail_each(run_copy); }

static void parse_survives(void **state) {
    (void)state;
    eg_value *root[EVERY_OP_ROOTS];
    int n;
    eg_graph *g = every_op(root, &n);
    good_text = eg_graph_text(root, n);
    eg_graph_free(g);
    fail_each(run_parse);
    eg_string_free(good_text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grad_survives),
        cmocka_unit_test(text_survives),
        cmocka_unit_test(copy_survives),
        cmocka_unit_test(parse_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
