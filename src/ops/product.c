/* SPDX-License-Identifier: MIT
 *
 * product.c: matrix products. The primitive has operands of rank >= 2, whose last two axes may be read
 * swapped (ta, tb) and whose leading axes broadcast, and an optional third input [n] that each row of the
 * result starts from:
 *
 *     out[.., i, j] = start[j] + sum over q = 0, 1, 2, ... of a[.., i, q] b[.., q, j]
 *
 * Its derivatives are products again. NumPy's rank-1 rules are reshapes around it, made by eg_matmul.
 */
#include <stdio.h>
#include "ops/family.h"

/* m, n, k of the matrices that are multiplied, and the broadcast leading axes. */
typedef struct product {
    int64_t m, n, k;
    eg_shape batch;
} product;

static eg_shape leading(const eg_shape *shape) {
    eg_shape out = { .rank = shape->rank - 2 };
    for (int d = 0; d < out.rank; d++) out.dim[d] = shape->dim[d];
    return out;
}

/* Axis 0 or 1 of the matrix as it is read. */
static int64_t matrix_dim(const eg_value *x, int swapped, int axis) {
    return x->shape.dim[x->shape.rank - 2 + (swapped ? 1 - axis : axis)];
}

static eg_status fail_shapes(const eg_value *value, const char *why) {
    return eg_fail(EG_E_SHAPE, "%s%s x %s%s: %s", eg_shape_words(&value->in[0]->shape),
                   value->attr.matmul.ta ? "'" : "", eg_shape_words(&value->in[1]->shape),
                   value->attr.matmul.tb ? "'" : "", why);
}

static eg_status read_product(const eg_value *value, product *p) {
    const eg_value *a = value->in[0], *b = value->in[1];
    int ta = value->attr.matmul.ta, tb = value->attr.matmul.tb;
    char why[128];
    if (a->shape.rank < 2 || b->shape.rank < 2) return fail_shapes(value, "operands are matrices or stacks of them");
    *p = (product){ .m = matrix_dim(a, ta, 0), .k = matrix_dim(a, ta, 1), .n = matrix_dim(b, tb, 1) };
    if (matrix_dim(b, tb, 0) != p->k) {
        snprintf(why, sizeof why, "inner dimensions %lld and %lld differ", (long long)p->k,
                 (long long)matrix_dim(b, tb, 0));
        return fail_shapes(value, why);
    }
    eg_shape stack_a = leading(&a->shape), stack_b = leading(&b->shape);
    if (eg_broadcast(&stack_a, &stack_b, &p->batch) != EG_OK)
        return fail_shapes(value, "leading axes do not broadcast");
    return EG_OK;
}

static eg_status infer_matmul(const eg_value *value, eg_inferred *out) {
    product p;
    EG_TRY(eg_need_same_dtype(value, 0));
    EG_TRY(eg_need_float(value->in[0]));
    EG_TRY(read_product(value, &p));
    *out = (eg_inferred){ value->in[0]->dtype, p.batch };
    out->shape.dim[out->shape.rank++] = p.m;
    out->shape.dim[out->shape.rank++] = p.n;
    if (value->nin > 3) return fail_shapes(value, "at most one start value is added");
    if (value->nin == 3 && !eg_same_shape(&value->in[2]->shape, &EG_SHAPE(p.n)))
        return eg_fail(EG_E_SHAPE, "start value %s of a product with %lld columns",
                       eg_shape_words(&value->in[2]->shape), (long long)p.n);
    return EG_OK;
}

static double flops_matmul(const eg_value *value) {
    product p;
    if (read_product(value, &p) != EG_OK) return 0;
    return 2.0 * (double)p.k * (double)eg_count(&value->shape);
}

/* ---- reference ------------------------------------------------------------------------------- */

/* One matrix: out[m,n]; a and b are read by their strides. */
static void multiply(const product *p, double *out, const double *a, const int64_t *sa, const double *b,
                     const int64_t *sb, const double *start) {
    for (int64_t i = 0; i < p->m; i++) {
        double *row = out + i * p->n;
        for (int64_t j = 0; j < p->n; j++) row[j] = start ? start[j] : 0;
        for (int64_t q = 0; q < p->k; q++)
            for (int64_t j = 0; j < p->n; j++) row[j] += a[i * sa[0] + q * sa[1]] * b[q * sb[0] + j * sb[1]];
    }
}

/* A walk over the leading axes (offsets in elements of x) and the strides of x's matrix as it is read. */
static eg_walk walk_matrices(const eg_value *x, int swapped, const eg_shape *batch, int64_t matrix[2]) {
    int64_t columns = x->shape.dim[x->shape.rank - 1], size = columns * x->shape.dim[x->shape.rank - 2];
    eg_shape stack = leading(&x->shape);
    eg_walk walk = eg_walk_broadcast(&stack, batch);
    for (int d = 0; d < batch->rank; d++) walk.stride[d] *= size;
    matrix[0] = swapped ? 1 : columns;
    matrix[1] = swapped ? columns : 1;
    return walk;
}

static void ref_matmul(const eg_ref_call *call) {
    const eg_value *v = call->value;
    product p;
    int64_t sa[2], sb[2];
    if (read_product(v, &p) != EG_OK) return;
    eg_walk a = walk_matrices(v->in[0], v->attr.matmul.ta, &p.batch, sa);
    eg_walk b = walk_matrices(v->in[1], v->attr.matmul.tb, &p.batch, sb);
    const double *start = v->nin == 3 ? call->in[2] : NULL;
    double *out = call->out;
    for (int64_t i = eg_count(&p.batch); i > 0; i--, out += p.m * p.n, eg_walk_next(&a), eg_walk_next(&b))
        multiply(&p, out, call->in[0] + a.at, sa, call->in[1] + b.at, sb, start);
}

/* ---- derivative ------------------------------------------------------------------------------ */

static eg_value *product_of(eg_value *a, int ta, eg_value *b, int tb) {
    eg_attr attr = { .matmul = { ta, tb } };
    return eg_node2(EG_OP_MATMUL, a, b, &attr);
}

/* With C = A B:  dA = dC B',  dB = A' dC.  An operand that was read swapped gets the swapped product. */
static void vjp_matmul(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *a = y->in[0], *b = y->in[1];
    int ta = y->attr.matmul.ta, tb = y->attr.matmul.tb;
    din[0] = ta ? product_of(b, tb, dout, 1) : product_of(dout, 0, b, !tb);
    din[1] = tb ? product_of(dout, 1, a, ta) : product_of(a, !ta, dout, 0);
    if (y->nin == 3) din[2] = dout; /* summed over the rows like every broadcast */
}

const eg_op_def eg_op_matmul = { .name = "matmul", .arity = -2, .attr = EG_ATTR_MATMUL, .infer = infer_matmul,
    .vjp = vjp_matmul, .ref = ref_matmul, .flops = flops_matmul,
    .draw = { EG_DRAW_REAL, EG_DRAW_REAL, EG_DRAW_REAL } };

/* ---- constructor ----------------------------------------------------------------------------- */

/* A stack times one matrix is one product of all its rows, in value and in derivative. */
static eg_value *rows_times_matrix(eg_value *a, eg_value *b) {
    eg_shape shape = a->shape;
    int64_t k = shape.dim[shape.rank - 1], rows = 1;
    for (int d = 0; d < shape.rank - 1; d++) rows *= shape.dim[d];
    eg_value *flat = product_of(eg_reshaped(a, &EG_SHAPE(rows, k)), 0, b, 0);
    shape.dim[shape.rank - 1] = b->shape.dim[1];
    return eg_reshaped(flat, &shape);
}

static eg_value *matrices(eg_value *a, eg_value *b) {
    int fits = a->shape.rank > 2 && b->shape.rank == 2 && a->shape.dim[a->shape.rank - 1] == b->shape.dim[0];
    return fits ? rows_times_matrix(a, b) : product_of(a, 0, b, 0);
}

eg_value *eg_matmul(eg_value *a, eg_value *b) {
    if (eg_is_poison(a)) return a;
    if (eg_is_poison(b)) return b;
    int row = a->shape.rank == 1, column = b->shape.rank == 1;
    int64_t inner_a = a->shape.rank ? a->shape.dim[a->shape.rank - 1] : -1;
    int64_t inner_b = b->shape.rank ? b->shape.dim[b->shape.rank - (column ? 1 : 2)] : -1;
    if (inner_a < 0 || inner_b < 0)
        return eg_poison(a->graph, EG_E_SHAPE, "matmul", "%s x %s: a scalar is no matrix, multiply with eg_mul",
                         eg_shape_words(&a->shape), eg_shape_words(&b->shape));
    if (inner_a != inner_b) /* in the user's shapes, before axes are added */
        return eg_poison(a->graph, EG_E_SHAPE, "matmul", "%s x %s: inner dimensions %lld and %lld differ",
                         eg_shape_words(&a->shape), eg_shape_words(&b->shape), (long long)inner_a,
                         (long long)inner_b);
    eg_value *c = matrices(row ? eg_reshaped(a, &EG_SHAPE(1, inner_a)) : a,
                           column ? eg_reshaped(b, &EG_SHAPE(inner_b, 1)) : b);
    if (eg_is_poison(c)) return c;
    unsigned added = (unsigned)(2 * column + row) << c->shape.rank >> 2; /* of the last two axes */
    eg_shape shape = eg_reduced_shape(&c->shape, added, 0);
    return eg_reshaped(c, &shape);
}
