/* SPDX-License-Identifier: MIT
 *
 * test_fault.c: a formula of every public constructor, and its gradient, built with each allocation failing
 * in turn: the graph says MEMORY, the constructors go on giving poison, nothing leaks. The graph starts with
 * a small arena, so long formulas are needed for the later allocations: the loop says how many it met.
 */
#include <string.h>
#include "fault.h"
#include <elegans/graph.h>

static eg_value *reductions(eg_value *x) {
    eg_value *sum = eg_add(eg_sum(x, .axes = EG_AXES(0)), eg_mean(x, .axes = EG_AXES(0)));
    eg_value *ends = eg_sub(eg_max(x, .axes = EG_AXES(0)), eg_min(x, .axes = EG_AXES(0)));
    eg_value *soft = eg_add(eg_softmax(x, -1), eg_log_softmax(x, 0));
    return eg_add(eg_add(sum, ends), eg_add(soft, eg_logsumexp(x)));
}

static eg_value *movements(eg_value *x) {
    int64_t low[] = { 1, -1 }, high[] = { 0, 1 }, interior[] = { 1, 0 };
    eg_value *both[] = { eg_pad(x, low, high, interior), eg_flip(x, EG_AXES(0)) };
    eg_value *joined = eg_concat(both, 2, 0);
    eg_value *column = eg_transpose(eg_slice(joined, 1, 0, 1));
    return eg_expand(eg_reshape_to(column, EG_SHAPE(-1)), EG_SHAPE(2, 12));
}

static eg_value *pieces(eg_value *x, eg_value *step) {
    eg_value *y = eg_mul(eg_sign(x), eg_pow(eg_abs(x), eg_const(eg_value_graph(x), 1.5)));
    y = eg_where(eg_greater(x, eg_step(x)), eg_maximum(y, x), eg_sqrt(eg_square(y)));
    y = eg_mul(y, eg_dropout_mask(step, 3, .5, EG_F32, EG_SHAPE(4, 3)));
    y = eg_add(y, eg_random_normal(step, 4, EG_F32, EG_SHAPE(3)));
    return eg_mul(y, eg_one_hot(eg_argmax(y, 1), 3, EG_F32));
}

static eg_value *look_ups(eg_graph *graph, eg_value *x, const eg_tensor *literal) {
    eg_value *index = eg_iota(graph, EG_I32, EG_SHAPE(2, 2), 1);
    eg_value *rows = eg_gather(x, index, 0);
    eg_value *back = eg_scatter_add(rows, index, 0, 4);
    return eg_add(eg_mul(back, eg_constant(graph, literal)), eg_at(x, 1, 2));
}

static eg_status build(eg_graph *graph, const eg_tensor *literal) {
    eg_scope_push(graph, "layer");
    eg_value *w = eg_weight(graph, "kernel", EG_F32, EG_SHAPE(5, 3)), *b = eg_var(graph, "bias", EG_F32, EG_SHAPE(3));
    eg_scope_pop(graph);
    eg_value *x = eg_input(graph, "x", EG_F32, EG_SHAPE(4, 5)), *step = eg_input(graph, "step", EG_I32, EG_SCALAR);
    eg_value *h = eg_relu(eg_add(eg_matmul(x, w), b)), *out[2], *wrt[] = { w, b };
    eg_value *parts[] = { reductions(h), movements(h), pieces(h, step), look_ups(graph, h, literal) };
    eg_value *loss = eg_full(graph, EG_F32, EG_SCALAR, 1);
    for (int i = 0; i < 4; i++) loss = eg_add(loss, eg_mean(eg_tanh(parts[i])));
    eg_status status = eg_grad(loss, wrt, 2, out);
    eg_assign(w, eg_sub(w, out[0]));
    assert_int_equal(status, eg_graph_status(graph));
    return status;
}

static eg_status work(void *literal) {
    eg_graph *graph = eg_graph_new();
    eg_status status = graph ? build(graph, literal) : EG_E_MEMORY;
    if (graph && status != EG_OK) eg_fail(status, "%s", eg_graph_error(graph));
    eg_graph_free(graph);
    return status;
}

static void every_constructor_survives_without_memory(void **state) {
    const float numbers[] = { 1, 2, 3 };
    (void)state;
    eg_tensor *literal = eg_tensor_from(EG_F32, EG_SHAPE(3), numbers);
    assert_non_null(literal);
    int failed = fault_loop(work, literal);
    eg_tensor_free(literal);
    if (failed < 10) fail_msg("only %d allocations failed", failed);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_constructor_survives_without_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
