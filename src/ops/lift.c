/* SPDX-License-Identifier: MIT
 *
 * lift.c: one op over a whole stack. An op that was written for one step is given operands of which some have `steps`
 * as one axis more in front, and computes all steps at once: out[t] = op(in[t]). A product of a stack with one matrix
 * becomes one product of all rows; elementwise ops broadcast over the new axis; movement keeps it in its place.
 *
 * Compilers use it to take values out of loops. Ops that the table does not name stay where they are: random numbers
 * (their places would change), effects, loops.
 */
#include <string.h>
#include "ops/family.h"

typedef struct lifting {
    const eg_value *v; /* as it is for one step */
    eg_value *const *in;
    unsigned lifted; /* bit i: in[i] is stacked */
    int64_t steps;
} lifting;

static int is_lifted(const lifting *l, int i) { return l->lifted >> i & 1; }

/* A stacked operand with axes of 1 behind the first, so that what it had stands at the end of `rank` axes. */
static eg_value *raised(const lifting *l, int i, int rank) {
    eg_shape own = l->v->in[i]->shape, shape = { .rank = rank + 1, .dim = { l->steps } };
    if (!is_lifted(l, i) || own.rank == rank) return l->in[i];
    for (int d = 0; d < rank; d++) shape.dim[d + 1] = d < rank - own.rank ? 1 : own.dim[d - (rank - own.rank)];
    return eg_reshaped(l->in[i], &shape);
}

/* An operand that is the same in every step, stacked. */
static eg_value *repeated(const lifting *l, int i) {
    if (is_lifted(l, i)) return l->in[i];
    return eg_expand(l->in[i], eg_stacked_shape(&l->v->in[i]->shape, l->steps));
}

static eg_value *with_attr(const lifting *l, eg_value *x, const eg_attr *attr) { return eg_node1(l->v->op, x, attr); }

/* ---- elementwise, reductions ----------------------------------------------------------------- */

/* The matrix [steps rows, columns] that a stack was made of, if all other operands vary along its columns only. */
static eg_value *all_rows(const lifting *l) {
    const eg_value *v = l->v;
    eg_value *stack = NULL;
    for (int i = 0; i < v->nin; i++) {
        int is_stack = is_lifted(l, i) && eg_same_shape(&v->in[i]->shape, &v->shape);
        if (is_stack && !stack)
            stack = l->in[i];
        else if (is_lifted(l, i) || l->in[i]->shape.rank > 1)
            return NULL;
    }
    if (!stack || stack->op != EG_OP_RESHAPE || stack->in[0]->shape.rank != 2 || v->shape.rank != 2) return NULL;
    return stack->in[0]->shape.dim[1] == v->shape.dim[1] ? stack->in[0] : NULL;
}

/* On all rows of all steps as one matrix where that is how the operand came about: so x W + b stays one product. */
static eg_value *lift_elementwise(const lifting *l) {
    eg_value *in[3], *rows = all_rows(l);
    for (int i = 0; i < l->v->nin && rows; i++) in[i] = is_lifted(l, i) ? rows : l->in[i];
    if (rows)
        return eg_reshape_to(eg_node(rows->graph, l->v->op, in, l->v->nin, &l->v->attr),
                             eg_stacked_shape(&l->v->shape, l->steps));
    for (int i = 0; i < l->v->nin; i++) in[i] = raised(l, i, l->v->shape.rank);
    return eg_node(in[0]->graph, l->v->op, in, l->v->nin, &l->v->attr);
}

static eg_value *lift_reduction(const lifting *l) {
    eg_attr attr = l->v->attr;
    attr.reduce.mask <<= 1;
    return with_attr(l, l->in[0], &attr);
}

static eg_value *lift_along_axis(const lifting *l) {
    eg_attr attr = l->v->attr;
    attr.axis.axis++;
    return with_attr(l, l->in[0], &attr);
}

/* ---- movement -------------------------------------------------------------------------------- */

static eg_value *lift_reshape(const lifting *l) {
    return eg_reshape_to(l->in[0], eg_stacked_shape(&l->v->shape, l->steps));
}

static eg_value *lift_expand(const lifting *l) {
    return eg_expand(raised(l, 0, l->v->shape.rank), eg_stacked_shape(&l->v->shape, l->steps));
}

static eg_value *lift_permute(const lifting *l) {
    eg_attr attr = { .permute = { { 0 } } };
    for (int i = 0; i < l->v->shape.rank; i++) attr.permute.axis[i + 1] = l->v->attr.permute.axis[i] + 1;
    return with_attr(l, l->in[0], &attr);
}

static void put_first(int64_t *list, const int64_t *old, int64_t first) {
    memmove(list + 1, old, sizeof *list * (EG_MAX_RANK - 1));
    list[0] = first;
}

static eg_value *lift_slice(const lifting *l) {
    eg_attr attr = { .slice = { .start = { 0 } } };
    put_first(attr.slice.start, l->v->attr.slice.start, 0);
    put_first(attr.slice.stop, l->v->attr.slice.stop, l->steps);
    put_first(attr.slice.step, l->v->attr.slice.step, 1);
    return with_attr(l, l->in[0], &attr);
}

static eg_value *lift_pad(const lifting *l) {
    eg_attr attr = { .pad = { .low = { 0 } } };
    put_first(attr.pad.low, l->v->attr.pad.low, 0);
    put_first(attr.pad.high, l->v->attr.pad.high, 0);
    put_first(attr.pad.interior, l->v->attr.pad.interior, 0);
    return with_attr(l, l->in[0], &attr);
}

static eg_value *lift_flip(const lifting *l) {
    eg_attr attr = { .axes = { .mask = l->v->attr.axes.mask << 1 } };
    return with_attr(l, l->in[0], &attr);
}

enum { MOST_PARTS = 32 };

static eg_value *lift_concat(const lifting *l) {
    eg_value *in[MOST_PARTS];
    eg_attr attr = l->v->attr;
    attr.axis.axis++;
    for (int i = 0; i < l->v->nin; i++) in[i] = repeated(l, i);
    return eg_node(in[0]->graph, EG_OP_CONCAT, in, l->v->nin, &attr);
}

/* ---- products, look-ups ---------------------------------------------------------------------- */

/* Rows of all steps in one product: for a matrix times a matrix that is the same in every step. */
static int is_one_product(const eg_value *v, unsigned lifted) {
    return lifted == 1 && !v->attr.matmul.ta && v->in[0]->shape.rank == 2 && v->in[1]->shape.rank == 2;
}

static eg_value *lift_matmul(const lifting *l) {
    const eg_value *v = l->v;
    eg_value *in[3] = { raised(l, 0, v->shape.rank), raised(l, 1, v->shape.rank), v->nin == 3 ? l->in[2] : NULL };
    if (!is_one_product(v, l->lifted)) return eg_node(in[0]->graph, EG_OP_MATMUL, in, v->nin, &v->attr);
    eg_shape rows = EG_SHAPE(l->steps * v->in[0]->shape.dim[0], v->in[0]->shape.dim[1]);
    in[0] = eg_reshaped(in[0], &rows);
    return eg_reshape_to(eg_node(in[0]->graph, EG_OP_MATMUL, in, v->nin, &v->attr),
                         eg_stacked_shape(&v->shape, l->steps));
}

static int can_lift_matmul(const eg_value *v, unsigned lifted) {
    return v->nin < 3 || (is_one_product(v, lifted & 3) && !(lifted & 4));
}

/* x stacked: along the next axis. The index stacked: it is an index of one axis more, if that comes first. */
static eg_value *lift_gather(const lifting *l) {
    eg_attr attr = l->v->attr;
    attr.axis.axis += is_lifted(l, 0);
    return eg_node2(EG_OP_GATHER, l->in[0], l->in[1], &attr);
}

static int can_lift_gather(const eg_value *v, unsigned lifted) {
    return lifted == 1 || (lifted == 2 && v->attr.axis.axis == 0);
}

static eg_value *lift_one_hot(const lifting *l) { return with_attr(l, l->in[0], &l->v->attr); }

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
    eg_value *(*lift)(const lifting *l);
    int (*can)(const eg_value *v, unsigned lifted); /* NULL: always */
} rules[EG_OP_COUNT] = {
    [EG_OP_SUM] = { lift_reduction, NULL },
    [EG_OP_MAX] = { lift_reduction, NULL },
    [EG_OP_MIN] = { lift_reduction, NULL },
    [EG_OP_LOGSUMEXP] = { lift_reduction, NULL },
    [EG_OP_ARGMAX] = { lift_along_axis, NULL },
    [EG_OP_RESHAPE] = { lift_reshape, NULL },
    [EG_OP_EXPAND] = { lift_expand, NULL },
    [EG_OP_PERMUTE] = { lift_permute, NULL },
    [EG_OP_SLICE] = { lift_slice, NULL },
    [EG_OP_PAD] = { lift_pad, NULL },
    [EG_OP_FLIP] = { lift_flip, NULL },
    [EG_OP_CONCAT] = { lift_concat, NULL },
    [EG_OP_MATMUL] = { lift_matmul, can_lift_matmul },
    [EG_OP_GATHER] = { lift_gather, can_lift_gather },
    [EG_OP_ONE_HOT] = { lift_one_hot, NULL },
};

int eg_can_lift(const eg_value *v, unsigned lifted) {
    if (v->nin == 0 || v->nin > MOST_PARTS || v->shape.rank + 1 > EG_MAX_RANK) return 0;
    for (int i = 0; i < v->nin; i++)
        if (v->in[i]->shape.rank + 1 > EG_MAX_RANK) return 0;
    if (v->def->flags & EG_ELEMENTWISE) return 1;
    return rules[v->op].lift && (!rules[v->op].can || rules[v->op].can(v, lifted));
}

eg_value *eg_lift(const eg_value *v, eg_value *const *in, unsigned lifted, int64_t steps) {
    lifting l = { .v = v, .in = in, .lifted = lifted, .steps = steps };
    return v->def->flags & EG_ELEMENTWISE ? lift_elementwise(&l) : rules[v->op].lift(&l);
}
