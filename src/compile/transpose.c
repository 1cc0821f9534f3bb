/* SPDX-License-Identifier: MIT
 *
 * transpose.c: a permute that swaps the last two axes of a matmul's operand becomes its ta or tb; one that swaps the
 * result's turns the product around: (A B)^T = B^T A^T, which is the same chain of products in k for each element.
 * Needs: merged permutes (simplify). Keeps: all bits. Breaks: nothing.
 */
#include "compile/pass.h"
#include "ops/op.h"

static int swaps_last_two(const eg_value *v) {
    int rank = v->shape.rank;
    if (v->op != EG_OP_PERMUTE || rank < 2) return 0;
    for (int i = 0; i < rank - 2; i++)
        if (v->attr.permute.axis[i] != i) return 0;
    return v->attr.permute.axis[rank - 2] == rank - 1;
}

/* [k,1] reshaped to [1,k] or back is a transpose as well. */
static int swaps_vector(const eg_value *v) {
    if (v->op != EG_OP_RESHAPE || v->shape.rank != 2 || v->in[0]->shape.rank != 2) return 0;
    const eg_value *x = v->in[0];
    return (x->shape.dim[0] == 1 || x->shape.dim[1] == 1) && x->shape.dim[0] == v->shape.dim[1]
           && x->shape.dim[1] == v->shape.dim[0];
}

static eg_value *turned_operands(eg_rewrite *r, const eg_value *old, eg_value **in) {
    eg_attr attr = old->attr;
    int32_t *flag[2] = { &attr.matmul.ta, &attr.matmul.tb }, changed = 0;
    for (int i = 0; i < 2; i++)
        for (; swaps_last_two(in[i]) || swaps_vector(in[i]); in[i] = in[i]->in[0], changed = 1) *flag[i] = !*flag[i];
    return changed ? eg_node(r->to, EG_OP_MATMUL, in, old->nin, &attr) : NULL;
}

static eg_value *turned_result(eg_rewrite *r, const eg_value *old, eg_value **in) {
    const eg_value *product = in[0];
    if (!swaps_last_two(old) || product->op != EG_OP_MATMUL || product->nin != 2) return NULL;
    if (r->uses[old->in[0]->id] != 1) return NULL;
    eg_value *turned[2] = { product->in[1], product->in[0] };
    eg_attr attr = product->attr;
    attr.matmul.ta = !product->attr.matmul.tb;
    attr.matmul.tb = !product->attr.matmul.ta;
    return eg_node(r->to, EG_OP_MATMUL, turned, 2, &attr);
}

static eg_value *transpose(eg_rewrite *r, const eg_value *old, eg_value **in) {
    if (old->op == EG_OP_MATMUL) return turned_operands(r, old, in);
    return old->op == EG_OP_PERMUTE ? turned_result(r, old, in) : NULL;
}

eg_status eg_pass_transpose(eg_unit *unit) {
    return eg_rewrite_unit(unit, transpose, NULL);
}
