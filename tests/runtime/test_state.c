/* SPDX-License-Identifier: MIT
 *
 * test_state.c: variables by name: made once, read and written as rows whatever their layout, cloned, never moved.
 */
#include "fault.h"

#include <elegans/program.h>
#include <stdio.h>
#include <string.h>

#include "runtime/state.h"

static eg_graph *graph;
static eg_state *state;

static int ready(void **unused) {
    (void)unused;
    graph = eg_graph_new();
    state = eg_state_new(3);
    return !graph || !state;
}

static int tidy(void **unused) {
    (void)unused;
    eg_graph_free(graph);
    eg_state_free(state);
    return 0;
}

static void variables_stand_in_order_of_creation(void **unused) {
    (void)unused;
    assert_int_equal(eg_state_add(state, eg_var(graph, "b", EG_F32, EG_SHAPE(2))), EG_OK);
    assert_int_equal(eg_state_add(state, eg_var(graph, "a", EG_I32, EG_SCALAR)), EG_OK);
    assert_int_equal(eg_state_add(state, eg_var(graph, "b", EG_F32, EG_SHAPE(2))), EG_OK);
    assert_int_equal(eg_state_count(state), 2);
    assert_string_equal(eg_state_name(state, 0), "b");
    assert_string_equal(eg_state_name(state, 1), "a");
    assert_int_equal(eg_state_find(state, "a"), 1);
    assert_int_equal(eg_state_find(state, "c"), -1);
    assert_int_equal(eg_state_dtype(state, 1), EG_I32);
    assert_true(eg_shape_equal(eg_state_shape(state, 0), EG_SHAPE(2)));
    float zero[2] = { 1, 1 };
    assert_int_equal(eg_state_read(state, "b", zero, sizeof zero), EG_OK);
    assert_true(zero[0] == 0 && zero[1] == 0);
}

static void another_kind_of_the_same_name_is_an_error(void **unused) {
    (void)unused;
    eg_graph *other = eg_graph_new();
    eg_state_add(state, eg_var(graph, "w", EG_F32, EG_SHAPE(2, 3)));
    assert_int_equal(eg_state_add(state, eg_var(other, "w", EG_F32, EG_SHAPE(3, 2))), EG_E_SHAPE);
    assert_string_equal(eg_error(), "variable 'w' is [2,3] in the state, not [3,2]");
    eg_graph_free(other);
    other = eg_graph_new();
    assert_int_equal(eg_state_add(state, eg_var(other, "w", EG_F64, EG_SHAPE(2, 3))), EG_E_DTYPE);
    eg_graph_free(other);
    other = eg_graph_new();
    eg_state_add(state, eg_var(graph, "wide", EG_F32, EG_SHAPE(2, 17)));
    assert_int_equal(eg_state_add(state, eg_weight(other, "wide", EG_F32, EG_SHAPE(2, 17))), EG_E_DTYPE);
    eg_graph_free(other);
    assert_int_equal(eg_state_add(state, eg_const(graph, 1)), EG_E_ARGUMENT);
}

/* Odd sizes around the panel's width of 32. */
static void panels_are_rows_at_the_door(void **unused) {
    (void)unused;
    static const int64_t columns[] = { 17, 31, 32, 33, 65 };
    for (int c = 0; c < 5; c++) {
        char name[8];
        snprintf(name, sizeof name, "w%d", c);
        int64_t k = 3, n = columns[c];
        float in[3 * 65], out[3 * 65] = { 0 };
        eg_state_add(state, eg_weight(graph, name, EG_F32, EG_SHAPE(k, n)));
        const eg_variable *v = eg_state_get(state, name);
        assert_int_equal(v->layout, EG_PANELS);
        for (int64_t i = 0; i < k * n; i++) in[i] = (float)(i + 1);
        assert_int_equal(eg_state_write(state, name, in, (size_t)(k * n) * 4), EG_OK);
        assert_int_equal(eg_state_read(state, name, out, (size_t)(k * n) * 4), EG_OK);
        assert_memory_equal(in, out, (size_t)(k * n) * 4);
        const float *panels = v->data;
        for (int64_t q = 0; q < k; q++)
            for (int64_t j = 0; j < (n + 31) / 32 * 32; j++)
                assert_true(panels[j / 32 * k * 32 + q * 32 + j % 32] == (j < n ? in[q * n + j] : 0));
    }
}

static void wrong_names_and_sizes_are_errors(void **unused) {
    (void)unused;
    float x[6];
    eg_state_add(state, eg_var(graph, "w", EG_F32, EG_SHAPE(2, 3)));
    assert_int_equal(eg_state_read(state, "v", x, sizeof x), EG_E_NAME);
    assert_int_equal(eg_state_read(state, "w", x, 20), EG_E_SHAPE);
    assert_string_equal(eg_error(), "variable 'w' is f32[2,3]: 24 bytes, not 20");
    assert_int_equal(eg_state_write(state, "w", x, 28), EG_E_SHAPE);
}

static void small_neighbours_lie_side_by_side_and_nothing_moves(void **unused) {
    (void)unused;
    const void *first = NULL, *last = NULL;
    for (int i = 0; i < 200; i++) {
        char name[8];
        snprintf(name, sizeof name, "v%d", i);
        eg_state_add(state, eg_var(graph, name, EG_F32, EG_SHAPE(i % 7 == 0 ? 30000 : 20)));
        const eg_variable *v = eg_state_get(state, name);
        assert_int_equal((uintptr_t)v->data % 64, 0);
        if (i == 1) first = v->data;
        if (i == 2) assert_ptr_equal(v->data, (const char *)first + 128);
        if (i == 6) last = v->data;
        if (i == 8) assert_ptr_equal(v->data, (const char *)last + 128); /* the large one between has its own place */
    }
    assert_ptr_equal(eg_state_get(state, "v1")->data, first);
}

static void a_clone_keeps_and_gives_back_values(void **unused) {
    (void)unused;
    float x[4] = { 1, 2, 3, 4 }, y[4] = { 9, 9, 9, 9 };
    eg_state_add(state, eg_weight(graph, "w", EG_F32, EG_SHAPE(2, 2)));
    eg_state_write(state, "w", x, sizeof x);
    eg_state *best = eg_state_clone(state);
    assert_int_equal(eg_state_seed(best), 3);
    eg_state_write(state, "w", y, sizeof y);
    eg_state_read(best, "w", y, sizeof y);
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(eg_state_copy(state, best), EG_OK);
    eg_state_read(state, "w", y, sizeof y);
    assert_memory_equal(x, y, sizeof x);
    eg_state_free(best);
}

static void first_values_depend_on_seed_and_name_alone(void **unused) {
    (void)unused;
    float a[64], b[64];
    eg_weight(graph, "w", EG_F32, EG_SHAPE(8, 8));
    assert_int_equal(eg_init_normal(state, graph, .1), EG_OK);
    eg_state_read(state, "w", a, sizeof a);
    eg_state *other = eg_state_new(3);
    eg_graph *g = eg_graph_new();
    eg_var(g, "before", EG_F32, EG_SHAPE(5));
    eg_var(g, "w", EG_F32, EG_SHAPE(8, 8));
    eg_init_normal(other, g, .1);
    eg_state_read(other, "w", b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
    double sum = 0;
    for (int i = 0; i < 64; i++) sum += (double)(a[i] * a[i]);
    assert_true(sum > .2 && sum < 1.5); /* 64 x .01, give or take */
    eg_state_free(other);
    eg_graph_free(g);
}

static eg_status make_and_clone(void *context) {
    (void)context;
    eg_state *s = eg_state_new(1), *copy = NULL;
    eg_status status = s ? EG_OK : EG_E_MEMORY;
    for (int i = 0; i < graph->n && status == EG_OK; i++) status = eg_state_add(s, graph->values[i]);
    if (status == EG_OK) status = eg_init_normal(s, graph, 1);
    if (status == EG_OK) copy = eg_state_clone(s);
    if (status == EG_OK && !copy) status = EG_E_MEMORY;
    eg_state_free(copy);
    eg_state_free(s);
    return status;
}

static void failed_allocations_are_errors(void **unused) {
    (void)unused;
    for (int i = 0; i < 20; i++) {
        char name[8];
        snprintf(name, sizeof name, "v%d", i);
        eg_var(graph, name, EG_F32, EG_SHAPE(1000));
    }
    assert_true(fault_loop(make_and_clone, NULL) > 10);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ready, tidy)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(variables_stand_in_order_of_creation),
        CASE(another_kind_of_the_same_name_is_an_error),
        CASE(panels_are_rows_at_the_door),
        CASE(wrong_names_and_sizes_are_errors),
        CASE(small_neighbours_lie_side_by_side_and_nothing_moves),
        CASE(a_clone_keeps_and_gives_back_values),
        CASE(first_values_depend_on_seed_and_name_alone),
        CASE(failed_allocations_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
