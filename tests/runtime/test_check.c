/* SPDX-License-Identifier: MIT
 *
 * The public gradient check: right gradients pass, wrong ones are found and named, nothing of the user's is changed.
 */
#include <elegans/check.h>

#include <math.h>
#include <string.h>

#include "fault.h"

enum { BATCH = 5, IN = 4, HIDDEN = 6, OUT = 3 };

typedef struct model {
    eg_graph *graph;
    eg_state *state;
    eg_value *x, *label, *w1, *b1, *w2, *b2, *loss;
    double xs[BATCH * IN], labels[BATCH];
    const double *inputs[2];
} model;

/* Two layers of f32, weights in panels, relu, softmax cross-entropy. */
static model model_new(void) {
    model m = { .graph = eg_graph_new(), .state = eg_state_new(3), .labels = { 0, 2, 1, 1, 0 } };
    eg_graph *g = m.graph;
    m.x = eg_input(g, "x", EG_F32, EG_SHAPE(BATCH, IN));
    m.label = eg_input(g, "label", EG_I32, EG_SHAPE(BATCH));
    m.w1 = eg_weight(g, "dense_1/kernel", EG_F32, EG_SHAPE(IN, HIDDEN));
    m.b1 = eg_var(g, "dense_1/bias", EG_F32, EG_SHAPE(HIDDEN));
    m.w2 = eg_weight(g, "dense_2/kernel", EG_F32, EG_SHAPE(HIDDEN, OUT));
    m.b2 = eg_var(g, "dense_2/bias", EG_F32, EG_SHAPE(OUT));
    eg_value *h = eg_relu(eg_add(eg_matmul(m.x, m.w1), m.b1)), *y = eg_add(eg_matmul(h, m.w2), m.b2);
    eg_value *picked = eg_sum(eg_mul(y, eg_one_hot(m.label, OUT, EG_F32)), .axes = EG_AXES(1));
    m.loss = eg_mean(eg_sub(eg_logsumexp(y, .axes = EG_AXES(1)), picked));
    for (int i = 0; i < BATCH * IN; i++) m.xs[i] = sin(1.7 * i + .3);
    assert_int_equal(eg_init_normal(m.state, g, .7), EG_OK);
    return m;
}

static void model_free(model *m) {
    eg_state_free(m->state);
    eg_graph_free(m->graph);
}

static void right_gradients_pass(void **state) {
    (void)state;
    model m = model_new();
    eg_value *wrt[] = { m.w1, m.b1, m.w2, m.b2, m.x };
    const double *inputs[] = { m.xs, m.labels };
    eg_check_result result;
    float before[IN * HIDDEN], after[IN * HIDDEN];
    assert_int_equal(eg_state_read(m.state, "dense_1/kernel", before, sizeof before), EG_OK);
    assert_int_equal(eg_check_gradient(m.loss, wrt, 5, m.state, inputs, &result), EG_OK);
    if (!result.passed) fail_msg("%s", result.worst);
    assert_true(result.worst_error <= 1e-6);
    assert_int_equal(result.checked, IN * HIDDEN + HIDDEN + HIDDEN * OUT + OUT + BATCH * IN);
    assert_true(result.nonzero > 40);
    assert_int_equal(eg_state_read(m.state, "dense_1/kernel", after, sizeof after), EG_OK);
    assert_memory_equal(before, after, sizeof before);
    model_free(&m);
}

static void samples_are_spread_over_large_tensors(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_state *s = eg_state_new(1);
    eg_value *w = eg_var(g, "w", EG_F64, EG_SHAPE(100, 30)), *loss = eg_sum(eg_exp(eg_mul(w, w)));
    eg_check_result result;
    assert_int_equal(eg_init_normal(s, g, .5), EG_OK);
    assert_int_equal(eg_check_gradient(loss, &w, 1, s, NULL, &result), EG_OK);
    assert_true(result.passed);
    assert_int_equal(result.checked, 64);
    assert_int_equal(eg_check_gradient(loss, &w, 1, s, NULL, &result, .samples = 10, .step = 1e-4), EG_OK);
    assert_true(result.passed);
    assert_int_equal(result.checked, 10);
    assert_int_equal(result.nonzero, 10);
    eg_state_free(s);
    eg_graph_free(g);
}

/* x * stop_gradient(x) has the derivative 2x, of which the graph is told x. */
static void wrong_gradients_are_found_and_named(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_state *s = eg_state_new(1);
    eg_value *w = eg_var(g, "layer/w", EG_F32, EG_SHAPE(2, 3)), *loss = eg_sum(eg_mul(w, eg_stop_gradient(w)));
    const float values[] = { 0, 0, 0, 0, 0, 1.5 };
    eg_check_result result;
    assert_int_equal(eg_state_add(s, w), EG_OK);
    assert_int_equal(eg_state_write(s, "layer/w", values, sizeof values), EG_OK);
    assert_int_equal(eg_check_gradient(loss, &w, 1, s, NULL, &result), EG_OK);
    assert_false(result.passed);
    assert_string_equal(result.worst, "layer/w[1,2]: analytic 1.5, numeric 3");
    assert_true(fabs(result.worst_error - .5) < 1e-6);
    assert_int_equal(result.nonzero, 1);
    eg_state_free(s);
    eg_graph_free(g);
}

/* A relu whose argument is 3e-6 from its kink: only the smallest step stays on one side. */
static void a_near_kink_is_no_failure(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_state *s = eg_state_new(1);
    eg_value *w = eg_var(g, "w", EG_F64, EG_SHAPE(1)), *loss = eg_sum(eg_relu(w));
    const double at = 3e-6;
    eg_check_result result;
    assert_int_equal(eg_state_add(s, w), EG_OK);
    assert_int_equal(eg_state_write(s, "w", &at, sizeof at), EG_OK);
    assert_int_equal(eg_check_gradient(loss, &w, 1, s, NULL, &result), EG_OK);
    assert_true(result.passed);
    assert_int_equal(eg_check_gradient(loss, &w, 1, s, NULL, &result, .step = 1e-4), EG_OK);
    assert_false(result.passed);
    eg_state_free(s);
    eg_graph_free(g);
}

/* Beside 5000 an f32 has no neighbours nearer than .0005: the step must grow with the value. */
static void large_values_get_large_steps(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_state *s = eg_state_new(1);
    eg_value *w = eg_var(g, "w", EG_F32, EG_SHAPE(2)), *loss = eg_sum(eg_sqrt(w));
    const float at[] = { 5000, 123456.78f };
    eg_check_result result;
    assert_int_equal(eg_state_add(s, w), EG_OK);
    assert_int_equal(eg_state_write(s, "w", at, sizeof at), EG_OK);
    assert_int_equal(eg_check_gradient(loss, &w, 1, s, NULL, &result), EG_OK);
    if (!result.passed) fail_msg("%s", result.worst);
    eg_state_free(s);
    eg_graph_free(g);
}

static void mistakes_are_explained(void **state) {
    (void)state;
    model m = model_new();
    const double *one[] = { m.xs, NULL };
    eg_check_result result;
    eg_value *middle = eg_exp(m.w1);
    assert_int_equal(eg_check_gradient(m.loss, &middle, 1, m.state, one, &result), EG_E_ARGUMENT);
    assert_string_equal(eg_error(), "check: wrt 0 is a value of exp, not a variable or an input");
    assert_int_equal(eg_check_gradient(m.loss, &m.w1, 1, m.state, one, &result), EG_E_MISSING);
    assert_string_equal(eg_error(), "check: input 'label' was not given");
    assert_false(result.passed);
    assert_int_equal(eg_check_gradient(m.loss, &m.label, 1, m.state, one, &result), EG_E_DTYPE);
    model_free(&m);
}

static eg_status check_once(void *context) {
    (void)context;
    eg_graph *g = eg_graph_new();
    eg_state *s = g ? eg_state_new(1) : NULL;
    eg_status status = s ? EG_OK : EG_E_MEMORY;
    eg_check_result result;
    if (status == EG_OK) {
        const double xs[] = { 1, 2 };
        const double *inputs[] = { xs };
        eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(2)), *w = eg_var(g, "w", EG_F32, EG_SHAPE(2));
        eg_value *wrt[] = { w, x };
        status = eg_check_gradient(eg_sum(eg_exp(eg_mul(x, w))), wrt, 2, s, inputs, &result);
    }
    eg_state_free(s);
    eg_graph_free(g);
    return status;
}

static void failed_allocations_are_errors(void **state) {
    (void)state;
    assert_true(fault_loop(check_once, NULL) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_gradients_pass),
        cmocka_unit_test(samples_are_spread_over_large_tensors),
        cmocka_unit_test(wrong_gradients_are_found_and_named),
        cmocka_unit_test(a_near_kink_is_no_failure),
        cmocka_unit_test(large_values_get_large_steps),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(failed_allocations_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
