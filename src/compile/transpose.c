/* SPDX-License-Identifier: MIT
 *
 * transpose.c: a permute that swaps the last two axes of a matmul's operand becomes its ta or tb; one that swaps the
 * result's turns the product around: (A B)^T = B^T A^T, which is the same chain of products in k for each element. A
 * number that scales an operand or the result (attention's 1 / sqrt d) lets the permute pass, so that it stands next
 * to the product, which then needs no copy for it.
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

/* Which operand of v = x * number is x; -1: v is no such thing. */
static int scaled(const eg_value *v) {
    for (int q = 0; q < 2 && v->op == EG_OP_MUL; q++)
        if (v->in[!q]->op == EG_OP_CONST && v->in[!q]->shape.rank == 0) return q;
    return -1;
}

/* v, a number times something, with x as that. */
static eg_value *scale(eg_rewrite *r, const eg_value *v, eg_value *x) {
    int q = scaled(v);
    return eg_node(r->to, EG_OP_MUL, (eg_value *[]){ q ? v->in[0] : x, q ? x : v->in[1] }, 2, &v->attr);
}

/* x * number behind a permute, which then comes last; NULL: v is no such thing. */
static eg_value *scaled_before_permute(eg_rewrite *r, const eg_value *v) {
    int q = scaled(v);
    const eg_value *permute = q >= 0 ? v->in[q] : v;
    if (q < 0 || permute->op != EG_OP_PERMUTE) return NULL;
    return eg_node1(EG_OP_PERMUTE, scale(r, v, permute->in[0]), &permute->attr);
}

static eg_value *turned_operands(eg_rewrite *r, const eg_value *old, eg_value **in) {
    eg_attr attr = old->attr;
    int32_t *flag[2] = { &attr.matmul.ta, &attr.matmul.tb }, changed = 0;
    for (int i = 0; i < 2; i++) {
        for (;; changed = 1) {
            eg_value *permute = scaled_before_permute(r, in[i]);
            if (permute) in[i] = permute;
            else if (swaps_last_two(in[i]) || swaps_vector(in[i])) in[i] = in[i]->in[0], *flag[i] = !*flag[i];
            else break;
        }
    }
    return changed ? eg_node(r->to, EG_OP_MATMUL, in, old->nin, &attr) : NULL;
}

/* A permute of the product that nobody else reads; NULL if its rows do not become columns. */
static eg_value *turned_result(eg_rewrite *r, const eg_value *product, eg_attr permute) {
    int rank = product->shape.rank, in_order = 1;
    int32_t *axis = permute.permute.axis;
    if (axis[rank - 1] != rank - 2) return NULL;
    eg_value *turned[2] = { product->in[1], product->in[0] };
    eg_attr attr = product->attr;
    attr.matmul.ta = !product->attr.matmul.tb;
    attr.matmul.tb = !product->attr.matmul.ta;
    eg_value *now = eg_node(r->to, EG_OP_MATMUL, turned, 2, &attr);
    for (int i = 0; i < rank; i++) {
        if (axis[i] >= rank - 2) axis[i] = 2 * rank - 3 - axis[i];
        in_order &= axis[i] == i;
    }
    return in_order ? now : eg_node1(EG_OP_PERMUTE, now, &permute);
}

static eg_value *permuted(eg_rewrite *r, const eg_value *old, eg_value **in) {
    const eg_value *was = old->in[0];
    eg_value *product = in[0];
    int q = scaled(product);
    if (r->uses[was->id] != 1 || (q >= 0 && was->op != EG_OP_MUL)) return NULL;
    if (q >= 0) was = was->in[q], product = product->in[q];
    if (product->op != EG_OP_MATMUL || product->nin != 2 || r->uses[was->id] != 1) return NULL;
    eg_value *now = turned_result(r, product, old->attr);
    if (q < 0) return now;
    return scale(r, in[0], now ? now : eg_node1(EG_OP_PERMUTE, product, &old->attr));
}

static eg_value *transpose(eg_rewrite *r, const eg_value *old, eg_value **in) {
    if (old->op == EG_OP_MATMUL) return turned_operands(r, old, in);
    return old->op == EG_OP_PERMUTE ? permuted(r, old, in) : NULL;
}

eg_status eg_pass_transpose(eg_unit *unit) {
    return eg_rewrite_unit(unit, transpose, NULL);
}
