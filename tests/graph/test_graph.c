/* SPDX-License-Identifier: MIT
 *
 * Building graphs: errors and poison, places, scopes, weak constants, leaves, copies, equality, bodies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "every_op.h"

static void message_names_shapes_and_place(void **state) {
    (void)state;
    char expected[200];
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(128, 784));
    eg_value *w = eg_var(g, "w", EG_F32, EG_SHAPE(512, 10));
    eg_value *bad = eg_matmul(x, w);
    snprintf(expected, sizeof expected,
             "matmul: [128,784] x [512,10]: inner dimensions 784 and 512 differ (test_graph.c:%d)", __LINE__ - 2);
    assert_true(eg_value_is_poisoned(bad));
    assert_int_equal(eg_graph_status(g), EG_E_SHAPE);
    assert_string_equal(eg_graph_error(g), expected);
    assert_string_equal(eg_error(), expected);
    assert_true(eg_value_is_poisoned(eg_sum(eg_relu(eg_add(bad, x)))));
    eg_add(x, eg_var(g, "b", EG_F32, EG_SHAPE(5)));
    assert_string_equal(eg_graph_error(g), expected); /* the first mistake stays */
    eg_graph_free(g);
}

static void scope_stands_before_message_and_names(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_scope_push(g, "encoder");
    eg_scope_push(g, "dense_1");
    eg_value *w = eg_var(g, "kernel", EG_F32, EG_SHAPE(2));
    assert_string_equal(eg_value_name(w), "encoder/dense_1/kernel");
    assert_string_equal(w->scope, "encoder/dense_1/");
    eg_scope_pop(g);
    assert_string_equal(eg_value_name(eg_var(g, "b", EG_F32, EG_SCALAR)), "encoder/b");
    eg_here(NULL, 0);
    (eg_add)(w, (eg_full)(g, EG_F32, EG_SHAPE(3), 1));
    assert_string_equal(eg_graph_error(g), "encoder/add: [2] and [3] do not broadcast");
    eg_scope_pop(g);
    assert_string_equal(g->scope, "");
    eg_graph_free(g);
}

static void constructors_never_return_null(void **state) {
    (void)state;
    eg_value *lost = eg_input(NULL, "x", EG_F32, EG_SCALAR);
    assert_non_null(lost);
    assert_true(eg_value_is_poisoned(lost));
    assert_int_equal(eg_graph_status(eg_value_graph(lost)), EG_E_ARGUMENT);
    assert_true(eg_value_is_poisoned(eg_relu(lost)));
    assert_true(eg_value_is_poisoned(eg_add(lost, lost)));
    assert_true(eg_value_is_poisoned(eg_full(NULL, EG_F32, EG_SCALAR, 1)));
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SCALAR);
    assert_true(eg_value_is_poisoned(eg_add(x, lost)));
    assert_int_equal(eg_graph_status(g), EG_E_ARGUMENT); /* this graph is told too */
    eg_graph_free(g);
    eg_graph_free(eg_value_graph(lost)); /* of no effect */
    assert_int_equal(eg_graph_status(NULL), EG_E_ARGUMENT);
}

static void values_of_two_graphs_do_not_mix(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new(), *h = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SCALAR), *y = eg_input(h, "y", EG_F32, EG_SCALAR);
    assert_true(eg_value_is_poisoned(eg_add(x, y)));
    assert_non_null(strstr(eg_graph_error(g), "add: operand 2 belongs to another graph"));
    assert_int_equal(eg_graph_status(h), EG_OK);
    eg_graph_free(g);
    eg_graph_free(h);
}

static void an_assign_is_no_operand(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *v = eg_var(g, "v", EG_F32, EG_SHAPE(2)), *root = eg_assign(v, eg_neg(v));
    assert_false(eg_value_is_poisoned(root));
    assert_true(eg_value_is_poisoned(eg_neg(root)));
    assert_non_null(strstr(eg_graph_error(g), "neg: operand 1 is an assign"));
    eg_graph_free(g);
}

static void weak_constants_take_the_others_dtype(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *two = eg_const(g, 2), *half = eg_const(g, .5), *mask = eg_input(g, "m", EG_U8, EG_SHAPE(3));
    eg_value *d = eg_input(g, "d", EG_F64, EG_SHAPE(3)), *i = eg_input(g, "i", EG_I32, EG_SHAPE(3));
    assert_int_equal(eg_value_dtype(eg_mul(two, d)), EG_F64);
    assert_int_equal(eg_mul(d, two)->in[1]->dtype, EG_F64);
    assert_int_equal(eg_value_dtype(eg_add(i, two)), EG_I32);
    assert_int_equal(eg_value_dtype(eg_neg(two)), EG_F32);
    assert_int_equal(eg_value_dtype(eg_add(two, half)), EG_F32);
    assert_int_equal(eg_value_dtype(eg_where(mask, half, d)), EG_F64); /* not u8, as the condition is */
    assert_int_equal(eg_value_dtype(eg_where(mask, half, two)), EG_F32);
    assert_int_equal(eg_graph_status(g), EG_OK);
    assert_true(eg_value_is_poisoned(eg_add(i, half)));
    assert_non_null(strstr(eg_graph_error(g), "add: the constant 0.5 is no i32: use eg_cast"));
    eg_graph_free(g);
}

static void leaves_are_found_by_name(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *w = eg_weight(g, "w", EG_F32, EG_SHAPE(3, 17));
    assert_int_equal(w->layout, EG_PANELS);
    assert_ptr_equal(eg_var(g, "w", EG_F32, EG_SHAPE(3, 17)), w);
    assert_ptr_equal(eg_graph_find(g, EG_OP_VAR, "w"), w);
    assert_null(eg_graph_find(g, EG_OP_INPUT, "w"));
    assert_int_equal(eg_weight(g, "b", EG_F32, EG_SHAPE(4))->layout, EG_ROWS);
    assert_int_equal(eg_weight(g, "d", EG_F64, EG_SHAPE(4, 17))->layout, EG_ROWS);
    assert_int_equal(eg_weight(g, "n", EG_F32, EG_SHAPE(4, 16))->layout, EG_ROWS); /* narrow */
    assert_true(eg_value_is_poisoned(eg_var(g, "w", EG_F32, EG_SHAPE(4, 4))));
    assert_non_null(strstr(eg_graph_error(g), "var: \"w\" is f32[3,17] already, not f32[4,4]"));
    assert_int_equal(eg_graph_status(g), EG_E_NAME);
    eg_graph_free(g);
}

static void illegal_types_are_refused(void **state) {
    (void)state;
    const eg_shape wrong[] = { { 9, { 1 } }, { -1, { 0 } }, { 1, { -1 } }, { 3, { INT64_MAX, 2, 2 } } };
    for (int i = 0; i < 4; i++) {
        eg_graph *g = eg_graph_new();
        assert_true(eg_value_is_poisoned(eg_input(g, "x", EG_F32, wrong[i])));
        assert_int_equal(eg_graph_status(g), EG_E_SHAPE);
        eg_graph_free(g);
    }
    eg_graph *g = eg_graph_new();
    assert_true(eg_value_is_poisoned(eg_input(g, "x", (eg_dtype)9, EG_SCALAR)));
    assert_int_equal(eg_graph_status(g), EG_E_DTYPE);
    eg_graph_free(g);
}

static void copies_are_equal_in_another_graph(void **state) {
    (void)state;
    eg_value *root[EVERY_OP_ROOTS], **map;
    int n;
    eg_graph *g = every_op(root, &n), *to = eg_graph_new();
    assert_int_equal(eg_graph_status(g), EG_OK);
    map = test_calloc((size_t)g->n, sizeof *map);
    for (int id = 0; id < g->n; id++) {
        const eg_value *old = g->values[id];
        eg_value *in[8];
        for (int i = 0; i < old->nin; i++) in[i] = map[old->in[i]->id];
        map[id] = eg_node_copy(to, old, in);
        assert_int_equal(map[id]->layout, old->layout);
        assert_string_equal(map[id]->scope, old->scope);
        assert_ptr_equal(map[id]->file, old->file);
        assert_int_equal(map[id]->line, old->line);
        for (int i = 0; i < n; i++)
            if (root[i] == old) root[i] = map[id];
    }
    assert_int_equal(eg_graph_verify(to), EG_OK);
    char *b = eg_graph_text(root, n);
    int again;
    eg_value *original[EVERY_OP_ROOTS];
    eg_graph *second = every_op(original, &again);
    char *a = eg_graph_text(original, again);
    eg_graph_free(second);
    eg_graph_free(g); /* the copy stands on its own: bodies, literals, names */
    assert_string_equal(a, b);
    eg_string_free(a);
    eg_string_free(b);
    test_free(map);
    eg_graph_free(to);
}

static void equality_is_structural(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(3, 4)), *y = eg_input(g, "y", EG_F32, EG_SHAPE(3, 4));
    eg_value *pairs[][2] = { { eg_sum(x, .axes = EG_AXES(1)), eg_sum(x, .axes = EG_AXES(-1)) },
                             { eg_full(g, EG_F32, EG_SHAPE(2), 0. / 0.), eg_full(g, EG_F32, EG_SHAPE(2), 0. / 0.) },
                             { every_fused(x, y), every_fused(x, y) } };
    for (int i = 0; i < 3; i++) {
        assert_true(eg_node_equal(pairs[i][0], pairs[i][1]));
        assert_true(eg_node_hash(pairs[i][0]) == eg_node_hash(pairs[i][1]));
    }
    assert_false(eg_node_equal(x, y));
    assert_false(eg_node_equal(eg_sum(x, .axes = EG_AXES(0)), eg_sum(x, .axes = EG_AXES(1))));
    assert_false(eg_node_equal(eg_add(x, y), eg_add(y, x)));
    assert_false(eg_node_equal(eg_full(g, EG_F32, EG_SCALAR, 0.), eg_full(g, EG_F32, EG_SCALAR, -0.)));
    assert_false(eg_node_equal(every_fused(x, y), every_fused(y, x)));
    const float a[] = { 1, 2 }, b[] = { 1, 3 };
    eg_value *da = eg_node(g, EG_OP_DATA, NULL, 0, &(eg_attr){ .data = { a, EG_SHAPE(2), EG_F32 } });
    eg_value *db = eg_node(g, EG_OP_DATA, NULL, 0, &(eg_attr){ .data = { b, EG_SHAPE(2), EG_F32 } });
    eg_value *dc = eg_node(g, EG_OP_DATA, NULL, 0, &(eg_attr){ .data = { a, EG_SHAPE(2), EG_F32 } });
    assert_false(eg_node_equal(da, db));
    assert_true(eg_node_equal(da, dc));
    assert_int_equal(eg_graph_status(g), EG_OK);
    eg_graph_free(g);
}

static void mistake_in_a_body_reaches_the_graph(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_body *body = eg_body_new(g, 1);
    eg_value *p = eg_body_param(body, 0, EG_F32, &EG_SHAPE(2));
    eg_value *bad = eg_add(p, eg_full(p->graph, EG_F32, EG_SHAPE(3), 1));
    assert_int_not_equal(eg_body_finish(body, &bad, 1), EG_OK);
    assert_int_equal(eg_graph_status(g), EG_E_SHAPE);
    assert_non_null(strstr(eg_graph_error(g), "[2] and [3] do not broadcast"));
    eg_graph_free(g);
}

static void roots_of_one_program(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *v = eg_var(g, "v", EG_F32, EG_SCALAR);
    eg_value *twice[] = { eg_assign(v, eg_neg(v)), eg_assign(v, eg_exp(v)) };
    assert_int_equal(eg_roots_check(twice, 1), EG_OK);
    assert_int_equal(eg_roots_check(twice, 2), EG_E_ARGUMENT);
    assert_string_equal(eg_error(), "assign: \"v\" is assigned twice by one program");
    assert_int_equal(eg_roots_check(twice, 0), EG_E_ARGUMENT);
    assert_int_equal(eg_graph_verify(g), EG_OK); /* two programs may do so */
    eg_graph_free(g);
}

static void verify_finds_what_is_broken(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(3, 4)), *y = eg_sum(x, .axes = EG_AXES(1));
    eg_value *group = every_fused(x, x);
    assert_int_equal(eg_graph_verify(g), EG_OK);
#define BREAK(place, with, word)                                                                                     \
    do {                                                                                                             \
        __typeof__(place) was = place;                                                                               \
        place = with;                                                                                                \
        assert_int_equal(eg_graph_verify(g), EG_E_INTERNAL);                                                         \
        assert_non_null(strstr(eg_error(), word));                                                                   \
        place = was;                                                                                                 \
        assert_int_equal(eg_graph_verify(g), EG_OK);                                                                 \
    } while (0)
    BREAK(y->id, 7, "another place");
    BREAK(y->dtype, EG_F64, "another type");
    BREAK(y->shape.dim[0], 5, "another type");
    BREAK(y->layout, EG_PANELS, "layout");
    BREAK(y->nin, 0, "number of operands");
    BREAK(y->attr.reduce.keep, 4, "normal form");
    BREAK(y->attr.reduce.mask, 64, "does not accept");
    BREAK(y->in[0], y, "before it");
    BREAK(y->name, "y", "name");
    BREAK(x->name, "", "no name");
    BREAK(group->attr.body.body->param[0], group->attr.body.body->param[1], "parameter");
    BREAK(group->attr.body.body->graph->values[2]->nin, 1, "body of value");
    eg_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_names_shapes_and_place),
        cmocka_unit_test(scope_stands_before_message_and_names),
        cmocka_unit_test(constructors_never_return_null),
        cmocka_unit_test(values_of_two_graphs_do_not_mix),
        cmocka_unit_test(an_assign_is_no_operand),
        cmocka_unit_test(weak_constants_take_the_others_dtype),
        cmocka_unit_test(leaves_are_found_by_name),
        cmocka_unit_test(illegal_types_are_refused),
        cmocka_unit_test(copies_are_equal_in_another_graph),
        cmocka_unit_test(equality_is_structural),
        cmocka_unit_test(mistake_in_a_body_reaches_the_graph),
        cmocka_unit_test(roots_of_one_program),
        cmocka_unit_test(verify_finds_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
