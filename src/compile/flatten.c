/* SPDX-License-Identifier: MIT
 *
 * flatten.c: what is computed from a matrix that is seen with more axes is computed on the matrix: f(reshape(x)) becomes
 * reshape(f(x)), for f elementwise, or a reduction of the last axis or of all others. A dense layer on [batch, steps, n]
 * is a product of batch x steps rows; now its bias, its activation and the sums of its gradient are of the same two axes
 * and can be fused with it. One number for each row may be seen with any axes; one_hot begins as a matrix. Operands that
 * vary over some of the joined axes only (a mask per step) leave all as it is.
 * Needs: products of matrices wherever they can be (simplify); before contract. Keeps: all bits. Breaks: nothing.
 */
#include "compile/pass.h"
#include "ops/op.h"

static int64_t last_of(const eg_value *x) { return x->shape.rank ? x->shape.dim[x->shape.rank - 1] : 1; }

/* `x` as a matrix, if it is a view of one whose columns are its last axis, or of one column. */
static eg_value *matrix_behind(eg_value *x) {
    eg_value *matrix = x->op == EG_OP_RESHAPE ? x->in[0] : NULL;
    if (!matrix || matrix->shape.rank != 2) return NULL;
    int is_column = matrix->shape.dim[1] == 1 && x->shape.rank > 1;
    return is_column || (matrix->shape.dim[1] == last_of(x) && x->shape.rank > 2) ? matrix : NULL;
}

static eg_value *seen_as(eg_value *x, const eg_shape *shape) {
    return eg_reshaped(x->op == EG_OP_RESHAPE ? x->in[0] : x, shape);
}

/* Is it of that shape, but for a last axis of 1? */
static int is_row_value(const eg_value *x, eg_shape full) {
    full.dim[full.rank - 1] = 1;
    return eg_same_shape(&x->shape, &full);
}

/* Operand x of a result of shape `full` as one of a result [rows, columns]; NULL if it cannot be. */
static eg_value *operand(eg_value *x, const eg_shape *full, int64_t rows, int64_t columns) {
    int64_t n = eg_count(&x->shape);
    if (eg_same_shape(&x->shape, full)) return seen_as(x, &EG_SHAPE(rows, columns));
    if (n != 1 && full->dim[full->rank - 1] != columns) return NULL;
    if (n != 1 && is_row_value(x, *full)) return seen_as(x, &EG_SHAPE(rows, 1));
    if (n != last_of(x)) return NULL;
    return x->shape.rank <= 1 ? x : seen_as(x, &EG_SHAPE(n));
}

static eg_value *flat_elementwise(eg_rewrite *r, const eg_value *old, eg_value **in, int64_t rows, int64_t columns) {
    eg_value *flat[8];
    for (int i = 0; i < old->nin; i++) {
        flat[i] = operand(in[i], &old->shape, rows, columns);
        if (!flat[i]) return NULL;
    }
    return eg_node(r->to, old->op, flat, old->nin, &old->attr);
}

static eg_value *flat_reduction(const eg_value *old, eg_value *matrix) {
    int rank = old->in[0]->shape.rank;
    if (matrix->shape.dim[1] != last_of(old->in[0])) return NULL;
    uint32_t mask = old->attr.reduce.mask, last = 1u << (rank - 1);
    return mask == last || mask == last - 1 ? eg_reduced(old->op, matrix, mask == last ? 2 : 1, 1) : NULL;
}

static eg_value *flat_one_hot(const eg_value *old, eg_value *index) {
    if (index->shape.rank <= 1) return NULL;
    return eg_node1(old->op, seen_as(index, &EG_SHAPE(eg_count(&index->shape))), &old->attr);
}

static eg_value *flatten(eg_rewrite *r, const eg_value *old, eg_value **in) {
    eg_value *flat = NULL;
    if (old->op == EG_OP_RESHAPE) return in[0]->op == EG_OP_RESHAPE ? seen_as(in[0], &old->shape) : NULL;
    if (old->def->attr == EG_ATTR_REDUCE) {
        eg_value *matrix = matrix_behind(in[0]);
        if (matrix) flat = flat_reduction(old, matrix);
    } else if (old->op == EG_OP_ONE_HOT) {
        flat = flat_one_hot(old, in[0]);
    } else if ((old->def->flags & EG_ELEMENTWISE) && old->nin <= 8) {
        for (int i = 0; i < old->nin && !flat; i++) {
            const eg_value *matrix = eg_same_shape(&in[i]->shape, &old->shape) ? matrix_behind(in[i]) : NULL;
            if (matrix) flat = flat_elementwise(r, old, in, matrix->shape.dim[0], matrix->shape.dim[1]);
        }
    }
    return flat ? eg_reshaped(flat, &old->shape) : NULL;
}

eg_status eg_pass_flatten(eg_unit *unit) {
    return eg_rewrite_unit(unit, flatten, NULL);
}
