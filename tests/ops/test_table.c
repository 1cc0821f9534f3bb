/* SPDX-License-Identifier: MIT
 *
 * test_table.c: every op of ops.def has what its flags promise, and a line in docs/ops.md.
 */
#include "ops/evaluate.h"
#include <stdio.h>
#include <stdlib.h>
#include "kernels/kernels.h"

static const eg_op_def *op_at(int i) {
    assert_non_null(eg_op_table[i]);
    return eg_op_table[i];
}

static void names_are_unique_and_found(void **state) {
    (void)state;
    for (int i = 0; i < EG_OP_COUNT; i++) {
        assert_ptr_equal(eg_op_named(op_at(i)->name), op_at(i));
        for (const char *c = op_at(i)->name; *c; c++) assert_true((*c >= 'a' && *c <= 'z') || *c == '_');
    }
    assert_null(eg_op_named("matmull"));
    assert_null(eg_op_named(""));
}

static int is_named(const char *name, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(*list, name)) return 1;
    return 0;
}

/* No op is without numbers: a scalar function, a reference, or a reason not to have one. */
static void each_op_can_be_computed(void **state) {
    static const char *const elsewhere[] = { "poison", "input", "var", "param", "assign", "fused", "part", "scan", NULL };
    (void)state;
    for (int i = 0; i < EG_OP_COUNT; i++) {
        const eg_op_def *op = op_at(i);
        int elementwise = (op->flags & EG_ELEMENTWISE) != 0;
        if (elementwise && !op->scalar) fail_msg("%s: scalar", op->name);
        if (!elementwise && (op->ref != NULL) == is_named(op->name, elsewhere)) fail_msg("%s: ref", op->name);
        if ((op->infer != NULL) != (i != EG_OP_POISON)) fail_msg("%s: infer", op->name);
    }
}

static void each_op_has_a_derivative_or_a_reason(void **state) {
    static const char *const without[] = {
        "poison", "input", "var", "param", "const", "data", "iota", "floor", "detach", "eq", "ne", "lt",
        "le", "gt", "ge", "argmax", "one_hot", "assign", "fused", "part", "pack", "unpack",
        "random_uniform", "random_normal", "window_argmax", NULL
    };
    (void)state;
    for (int i = 0; i < EG_OP_COUNT; i++)
        if ((op_at(i)->vjp == NULL) != is_named(op_at(i)->name, without)) fail_msg("%s: vjp", op_at(i)->name);
}

static void each_op_can_be_drawn(void **state) {
    (void)state;
    for (int i = 0; i < EG_OP_COUNT; i++) {
        const eg_op_def *op = op_at(i);
        int not_drawn = i == EG_OP_ASSIGN || i == EG_OP_FUSED || i == EG_OP_PART || i == EG_OP_PACK ||
                        i == EG_OP_UNPACK || i == EG_OP_SCAN || op->attr == EG_ATTR_RANDOM;
        for (int q = 0; q < abs(op->arity) && !not_drawn; q++)
            if (op->draw[q] == EG_DRAW_NONE) fail_msg("%s: input %d is not drawn", op->name, q);
    }
}

static void strip_instructions_fit(void **state) {
    static const int arity[] = {
#define ARITY(name, n, text) n,
        EG_STRIP_LIST(ARITY)
#undef ARITY
    };
    (void)state;
    for (int i = 0; i < EG_OP_COUNT; i++) {
        const eg_op_def *op = op_at(i);
        if (op->strip && arity[op->strip - 1] != op->arity) fail_msg("%s: arity of its strip instruction", op->name);
        if ((op->flags & EG_ELEMENTWISE) && !op->strip && i != EG_OP_CAST) fail_msg("%s: strip", op->name);
        if (!(op->flags & EG_ELEMENTWISE) && op->strip) fail_msg("%s: strip of what is not elementwise", op->name);
    }
}

static void flags_tell_the_truth(void **state) {
    static const double samples[] = { -2, -1, 0, .5, 1, 3 };
    (void)state;
    for (int i = 0; i < EG_OP_COUNT; i++) {
        const eg_op_def *op = op_at(i);
        for (int k = 0; k < 36 && op->arity > 1 && (op->flags & EG_ELEMENTWISE); k++) {
            double a = samples[k / 6], b = samples[k % 6], y = op->scalar(a, b, 2);
            int swaps = (op->flags & EG_COMMUTATIVE) != 0;
            if (swaps && y != op->scalar(b, a, 2)) fail_msg("%s is not commutative", op->name);
            if ((op->flags & EG_COMPARE) && y != 0 && y != 1) fail_msg("%s gives %g", op->name, y);
        }
        if ((op->flags & EG_LEAF) && op->arity != 0) fail_msg("%s: a leaf with inputs", op->name);
        if (op->draw[2] && op->arity > 0 && op->arity < 3) fail_msg("%s: draws more than its inputs", op->name);
    }
}

static void flops_count_the_work(void **state) {
    (void)state;
    eg_value *a = drawn(EG_SHAPE(2, 3, 4)), *b = drawn(EG_SHAPE(2, 4, 5));
    assert_true(eg_value_flops(eg_matmul(a, b)) == 2. * 2 * 3 * 5 * 4);
    assert_true(eg_value_flops(eg_add(a, a)) == 24);
    assert_true(eg_value_flops(eg_sum(a)) == 24);
    assert_true(eg_value_flops(eg_transpose(a)) == 0);
    assert_true(eg_value_flops(eg_matmul(drawn(EG_SHAPE(2, 0)), drawn(EG_SHAPE(0, 3)))) == 0);
}

/* docs/ops.md is a table with the op's name in the first column. */
static void each_op_is_documented(void **state) {
    char row[64];
    (void)state;
    FILE *file = fopen("docs/ops.md", "rb");
    assert_non_null(file);
    static char text[65536];
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_in_range(n, 1, sizeof text - 2);
    text[n] = '\0';
    for (int i = 0; i < EG_OP_COUNT; i++) {
        snprintf(row, sizeof row, "\n| `%s` |", op_at(i)->name);
        if (!strstr(text, row)) fail_msg("docs/ops.md has no row for %s", op_at(i)->name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(names_are_unique_and_found),
        CASE(each_op_can_be_computed),
        CASE(each_op_has_a_derivative_or_a_reason),
        CASE(each_op_can_be_drawn),
        CASE(strip_instructions_fit),
        CASE(flags_tell_the_truth),
        CASE(flops_count_the_work),
        CASE(each_op_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
