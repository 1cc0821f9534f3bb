/* SPDX-License-Identifier: MIT
 *
 * lift.c: one op over a whole stack. An op that was written for one step is given operands of which some have `steps`
 * as one axis more in front, and computes all steps at once: out[t] = op(in[t]). A product of a stack with one matrix
 * becomes one product of all rows; elementwise ops broadcast over the new axis; movement keeps it in its place.
 *
 * Compilers use it to take values out of loops. Ops that eg_can_lift does not name stay where they are: random numbers
 * (their places would change), effects, loops.
 */
#include <string.h>
#include "ops/family.h"

enum { MOST_PARTS = 32 };

typedef struct lifting {
    const eg_value *v; /* as it is for one step */
    eg_value *in[MOST_PARTS];
    unsigned lifted; /* bit i: in[i] is stacked */
    int64_t steps;
    eg_shape shape; /* of the stacked result */
} lifting;

static int is_lifted(const lifting *l, int i) { return l->lifted >> i & 1; }

/* A stacked operand with axes of 1 behind the first, so that what it had stands at the end of as many as v has. */
static eg_value *raised(const lifting *l, int i) {
    const eg_shape *own = &l->v->in[i]->shape;
    int rank = l->v->shape.rank, extra = rank - own->rank;
    eg_shape shape = { .rank = rank + 1, .dim = { l->steps } };
    if (!is_lifted(l, i)) return l->in[i];
    for (int d = 0; d < rank; d++) shape.dim[d + 1] = d < extra ? 1 : own->dim[d - extra];
    return eg_reshaped(l->in[i], &shape);
}

static eg_value *node_of(const lifting *l, eg_value *const *in, const eg_attr *attr) {
    return eg_node(in[0]->graph, l->v->op, in, l->v->nin, attr);
}

/* ---- elementwise ----------------------------------------------------------------------------- */

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
    for (int i = 0; i < l->v->nin; i++) in[i] = !rows ? raised(l, i) : is_lifted(l, i) ? rows : l->in[i];
    return eg_reshaped(node_of(l, in, &l->v->attr), &l->shape);
}

/* ---- products -------------------------------------------------------------------------------- */

/* Rows of all steps in one product: for a matrix times a matrix that is the same in every step. */
static int is_one_product(const eg_value *v, unsigned lifted) {
    return lifted == 1 && !v->attr.matmul.ta && v->in[0]->shape.rank == 2 && v->in[1]->shape.rank == 2;
}

static eg_value *lift_matmul(const lifting *l) {
    const eg_value *v = l->v;
    eg_value *in[3] = { raised(l, 0), raised(l, 1), l->in[2] };
    if (is_one_product(v, l->lifted))
        in[0] = eg_reshaped(in[0], &EG_SHAPE(l->steps * v->in[0]->shape.dim[0], v->in[0]->shape.dim[1]));
    return eg_reshaped(node_of(l, in, &v->attr), &l->shape);
}

/* ---- the others ------------------------------------------------------------------------------ */

/* A list for each axis, with a first number for the new one. */
static void put_first(int64_t *list, int64_t first) {
    memmove(list + 1, list, sizeof *list * (EG_MAX_RANK - 1));
    list[0] = first;
}

/* The attributes with one axis more in front. */
static void raise_attr(const lifting *l, eg_attr *attr) {
    switch (l->v->def->attr) {
    case EG_ATTR_REDUCE: attr->reduce.mask <<= 1; break;
    case EG_ATTR_AXES: attr->axes.mask <<= 1; break;
    /* A stacked index is an index of one axis more: gather then keeps its axis, which comes first. */
    case EG_ATTR_AXIS: attr->axis.axis += l->v->op != EG_OP_GATHER || is_lifted(l, 0); break;
    case EG_ATTR_SHAPE: attr->shape.shape = l->shape; break;
    case EG_ATTR_PERMUTE:
        for (int d = l->v->shape.rank; d > 0; d--) attr->permute.axis[d] = attr->permute.axis[d - 1] + 1;
        attr->permute.axis[0] = 0;
        break;
    case EG_ATTR_SLICE:
    case EG_ATTR_PAD: { /* three lists each, at the same places */
        int is_slice = l->v->op == EG_OP_SLICE;
        put_first(attr->slice.start, 0);
        put_first(attr->slice.stop, is_slice ? l->steps : 0);
        put_first(attr->slice.step, is_slice);
    }
    }
}

static eg_value *lift_moved(lifting *l) {
    eg_attr attr = l->v->attr;
    raise_attr(l, &attr);
    if (l->v->op == EG_OP_EXPAND) return eg_expanded(raised(l, 0), &l->shape);
    for (int i = 0; i < l->v->nin && l->v->op == EG_OP_CONCAT; i++)
        if (!is_lifted(l, i)) l->in[i] = eg_repeated(l->in[i], l->steps);
    return node_of(l, l->in, &attr);
}

int eg_can_lift(const eg_value *v, unsigned lifted) {
    if (v->nin == 0 || v->nin > MOST_PARTS || v->shape.rank + 1 > EG_MAX_RANK) return 0;
    for (int i = 0; i < v->nin; i++)
        if (v->in[i]->shape.rank + 1 > EG_MAX_RANK) return 0;
    if (v->def->flags & EG_ELEMENTWISE) return 1;
    switch (v->op) {
    case EG_OP_MATMUL: return v->nin < 3 || (is_one_product(v, lifted & 3) && !(lifted & 4));
    case EG_OP_GATHER: return lifted == 1 || (lifted == 2 && v->attr.axis.axis == 0);
    case EG_OP_ARGMAX:
    case EG_OP_PAD:
    case EG_OP_CONCAT:
    case EG_OP_ONE_HOT: return 1;
    default: return v->def->attr == EG_ATTR_REDUCE || (v->def->flags & EG_VIEW);
    }
}

eg_value *eg_lift(const eg_value *v, eg_value *const *map, unsigned lifted, int64_t steps) {
    lifting l = { .v = v, .lifted = lifted, .steps = steps, .shape = eg_batch_shape(steps, &v->shape) };
    for (int i = 0; i < v->nin; i++) l.in[i] = map[v->in[i]->id];
    if (v->def->flags & EG_ELEMENTWISE) return lift_elementwise(&l);
    return v->op == EG_OP_MATMUL ? lift_matmul(&l) : lift_moved(&l);
}
