/* SPDX-License-Identifier: MIT
 *
 * The whole compiler: real training steps end in the steps that are wanted and no more, units survive failures,
 * faults.
 */
#include "pass_test.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "fault.h"
#include "models.h"
#include "ops/op.h"

/* One word for each step, as an executor would count them: views, leaves, parts and assigns are none. */
static void steps(const eg_unit *unit, char *out, size_t size) {
    size_t n = 0;
    for (int id = 0; id < unit->graph->n; id++) {
        const eg_value *v = unit->graph->values[id];
        if (v->nin == 0 || v->op == EG_OP_RESHAPE || v->op == EG_OP_PART || v->op == EG_OP_ASSIGN) continue;
        const char *name = v->def->name;
        if (v->op == EG_OP_FUSED) {
            const eg_body *body = v->attr.body.body;
            int sums = 0;
            for (int i = 0; i < body->nout; i++) sums += eg_body_product(body) && body->out[i]->op == EG_OP_SUM;
            name = sums ? "product+sums" : eg_body_product(body) ? "product" : "group";
        }
        n += (size_t)snprintf(out + n, size - n, "%s ", name);
    }
}

static void assert_steps(model *m, const char *expected) {
    eg_unit unit;
    char found[1024] = "";
    if (eg_graph_status(m->graph) != EG_OK) fail_msg("%s", eg_graph_error(m->graph));
    assert_int_equal(eg_unit_new(&unit, m->root, m->nroots), EG_OK);
    if (eg_compile(&unit, NULL) != EG_OK) fail_msg("%s", eg_error());
    steps(&unit, found, sizeof found);
    assert_string_equal(found, expected);
    eg_unit_free(&unit);
    eg_graph_free(m->graph);
}

/* bias + relu | bias | softmax cross-entropy both ways | mean | W2' | dW2, db2 | dh with mask | dW1, db1 | four
 * updates */
static void mnist_training_step_is_minimal(void **state) {
    (void)state;
    model m = model_mnist();
    assert_steps(&m, "product matmul group group pack product+sums product product+sums group group group group ");
}

static void deeper_network_adds_two_products_and_a_pack_for_each_layer(void **state) {
    (void)state;
    model m = model_mlp(32, (int64_t[]){ 20, 30, 40, 5 }, 3);
    assert_steps(&m, "product product matmul group group pack product+sums product pack product+sums product "
                     "product+sums group group group group group group ");
}

static void logistic_regression(void **state) {
    (void)state;
    model m = model_mlp(64, (int64_t[]){ 784, 10 }, 1);
    assert_steps(&m, "matmul group group product+sums group group ");
}

/* The metric adds three results to groups that are there anyway. */
static void accuracy_costs_no_step(void **state) {
    (void)state;
    model m = model_mlp(64, (int64_t[]){ 784, 10 }, 1);
    eg_value *x = eg_graph_find(m.graph, EG_OP_INPUT, "x"), *labels = eg_graph_find(m.graph, EG_OP_INPUT, "y");
    eg_value *logits = eg_add(eg_matmul(x, m.weight[0]), m.weight[1]);
    m.root[m.nroots++] = eg_sum(eg_cast(eg_equal(eg_argmax(logits, 1), labels), EG_F32));
    assert_steps(&m, "matmul group product+sums group group group ");
}

/* ---- options, names, failures -------------------------------------------------------------------------------- */

static void stops_behind_the_named_pass(void **state) {
    (void)state;
    eg_unit unit = unit_of("%0 = input \"x\" : f32[3]\n%1 = exp %0 : f32[3]\nreturn %1\n");
    assert_int_equal(eg_compile(&unit, "simplify"), EG_OK);
    assert_int_equal(unit.root[0]->op, EG_OP_EXP);
    assert_int_equal(eg_compile(&unit, "fuse"), EG_OK);
    assert_int_equal(unit.root[0]->op, EG_OP_FUSED);
    assert_int_equal(eg_compile(&unit, "fusion"), EG_E_NAME);
    assert_string_equal(eg_error(), "no pass is called \"fusion\"");
    assert_int_equal(eg_pass_run(&unit, "nothing"), EG_E_NAME);
    eg_unit_free(&unit);
}

static void roots_are_checked(void **state) {
    (void)state;
    eg_unit unit;
    eg_graph *g = eg_graph_new();
    eg_value *bad = eg_add(eg_input(g, "x", EG_F32, EG_SHAPE(2)), eg_input(g, "y", EG_F32, EG_SHAPE(3)));
    assert_int_equal(eg_unit_new(&unit, &bad, 1), EG_E_SHAPE);
    assert_int_equal(eg_unit_new(&unit, &bad, 0), EG_E_ARGUMENT);
    eg_unit_free(&unit);
    eg_graph_free(g);
}

static eg_status compile_model(void *context) {
    const model *m = context;
    eg_unit unit;
    EG_TRY(eg_unit_new(&unit, m->root, m->nroots));
    eg_status status = eg_compile(&unit, NULL);
    eg_unit_free(&unit);
    return status;
}

static void every_failed_allocation_comes_out(void **state) {
    (void)state;
    model m = model_mlp(8, (int64_t[]){ 3, 4, 2 }, 2);
    assert_true(fault_loop(compile_model, &m) > 200);
    eg_graph_free(m.graph);
}

/* Aim: below a millisecond for two layers. Shown with EG_VERBOSE=1. */
static void compiling_is_quick(void **state) {
    (void)state;
    model m = model_mnist();
    double best = 1e9;
    for (int i = 0; i < 20; i++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        assert_int_equal(compile_model(&m), EG_OK);
        clock_gettime(CLOCK_MONOTONIC, &b);
        double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
        if (ms < best) best = ms;
    }
    if (getenv("EG_VERBOSE")) print_message("two layers compile in %.3f ms\n", best);
    assert_true(best < 100);
    eg_graph_free(m.graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mnist_training_step_is_minimal),
        cmocka_unit_test(deeper_network_adds_two_products_and_a_pack_for_each_layer),
        cmocka_unit_test(logistic_regression),
        cmocka_unit_test(accuracy_costs_no_step),
        cmocka_unit_test(stops_behind_the_named_pass),
        cmocka_unit_test(roots_are_checked),
        cmocka_unit_test(every_failed_allocation_comes_out),
        cmocka_unit_test(compiling_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
