/* SPDX-License-Identifier: MIT
 *
 * contract.c: a * b + c becomes muladd, a product plus a row becomes a product that starts from that row. This pass
 * is the only place where rounding is chosen: a kernel table that fuses rounds a muladd once, portable ones twice,
 * and the order in which a bias is added to a dot product changes. Everything behind it keeps bits. Only f32, only
 * products that nobody else reads (a product that is needed anyway costs nothing less) and that are as large as the
 * sum (a smaller one is cheaper by itself). Signs: a*b - c for a constant c, c - a*b where a factor is one number
 * (a constant, a learning rate): the negation is exact and next to free.
 * Needs: expands taken out of elementwise ops (simplify). Keeps: all else. Breaks: the bits of mul + add.
 */
#include "compile/pass.h"
#include "ops/op.h"

/* Input i is a product for this sum alone. */
static int own_product(const eg_rewrite *r, const eg_value *old, eg_value **in, int i, eg_op op) {
    return in[i]->op == op && r->uses[old->in[i]->id] == 1;
}

static eg_value *negated(eg_value *x) {
    if (x->op != EG_OP_CONST) return eg_node1(EG_OP_NEG, x, NULL);
    return eg_fill_like(x, -x->attr.number.number);
}

static int is_one_number(const eg_value *v) { return eg_count(&v->shape) == 1; }

/* ---- sums ---------------------------------------------------------------------------------------------------- */

/* A product of two operands that can start from a row: of matrices, or of images with a kernel. */
static int can_start(const eg_rewrite *r, const eg_value *old, eg_value **in, int i) {
    if (in[i]->nin != 2 || !eg_same_shape(&old->shape, &in[i]->shape)) return 0;
    if (own_product(r, old, in, i, EG_OP_CONV)) return !in[i]->attr.window.kernel;
    return own_product(r, old, in, i, EG_OP_MATMUL) && in[i]->shape.rank == 2;
}

/* x w + b with b [n] or [1,n], [1,1,n] ... */
static eg_value *started_product(eg_rewrite *r, const eg_value *old, eg_value **in) {
    for (int i = 0; i < 2; i++) {
        eg_value *product = in[i], *row = in[1 - i];
        if (!can_start(r, old, in, i)) continue;
        int64_t n = product->shape.dim[product->shape.rank - 1];
        int is_row = row->shape.rank > 0 && row->shape.dim[row->shape.rank - 1] == n && eg_count(&row->shape) == n;
        if (!is_row) continue;
        eg_value *operands[] = { product->in[0], product->in[1], eg_reshaped(row, &EG_SHAPE(n)) };
        return eg_node(r->to, product->op, operands, 3, &product->attr);
    }
    return NULL;
}

static eg_value *muladd_of_sum(eg_rewrite *r, const eg_value *old, eg_value **in) {
    for (int i = 0; i < 2; i++)
        if (own_product(r, old, in, i, EG_OP_MUL) && eg_same_shape(&in[i]->shape, &old->shape))
            return eg_node3(EG_OP_MULADD, in[i]->in[0], in[i]->in[1], in[1 - i], NULL);
    return NULL;
}

static eg_value *contract_sum(eg_rewrite *r, const eg_value *old, eg_value **in) {
    eg_value *now = started_product(r, old, in);
    return now ? now : muladd_of_sum(r, old, in);
}

/* ---- differences --------------------------------------------------------------------------------------------- */

static eg_value *contract_difference(eg_rewrite *r, const eg_value *old, eg_value **in) {
    if (own_product(r, old, in, 0, EG_OP_MUL) && in[1]->op == EG_OP_CONST)
        return eg_node3(EG_OP_MULADD, in[0]->in[0], in[0]->in[1], negated(in[1]), NULL);
    if (!own_product(r, old, in, 1, EG_OP_MUL) || !eg_same_shape(&in[1]->shape, &old->shape)) return NULL;
    eg_value *a = in[1]->in[0], *b = in[1]->in[1];
    int is_first = is_one_number(a) && (!is_one_number(b) || a->shape.rank < b->shape.rank); /* rate * bias [1] */
    eg_value *number = is_first ? a : b, *other = is_first ? b : a;
    return is_one_number(number) ? eg_node3(EG_OP_MULADD, other, negated(number), in[0], NULL) : NULL;
}

static eg_value *contract(eg_rewrite *r, const eg_value *old, eg_value **in) {
    if (old->dtype != EG_F32) return NULL;
    if (old->op == EG_OP_ADD) return contract_sum(r, old, in);
    return old->op == EG_OP_SUB ? contract_difference(r, old, in) : NULL;
}

eg_status eg_pass_contract(eg_unit *unit) {
    return eg_rewrite_unit(unit, contract, NULL);
}
