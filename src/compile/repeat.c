/* SPDX-License-Identifier: MIT
 *
 * repeat.c: what is one number away from a product (x / sqrt 2, x / 2 in gelu) is computed again by each of its readers
 * instead of being stored by one group for another: x lies in memory anyway, and a multiplication is cheaper than writing
 * and reading its result.
 * Needs: products with their starts (contract), no equal values twice (common); before dead and fuse. Keeps: all bits.
 * Breaks: equal values are there twice.
 */
#include "compile/pass.h"
#include "ops/op.h"

static int is_number(const eg_value *v) { return v->op == EG_OP_CONST && v->shape.rank == 0; }

/* Is v = x * c, x + c, ... for a product x and a number c? */
static int is_cheap(const eg_value *v) {
    if (v->op != EG_OP_MUL && v->op != EG_OP_ADD && v->op != EG_OP_SUB) return 0;
    if (is_number(v->in[0]) == is_number(v->in[1]) || v->dtype != EG_F32) return 0;
    const eg_value *x = v->in[is_number(v->in[0])];
    return (x->op == EG_OP_MATMUL || x->op == EG_OP_CONV) && eg_same_shape(&x->shape, &v->shape);
}

static eg_value *repeat(eg_rewrite *r, const eg_value *old, eg_value **in) {
    int any = 0;
    if (!(old->def->flags & EG_ELEMENTWISE)) return NULL;
    for (int i = 0; i < old->nin; i++) {
        if (r->uses[old->in[i]->id] < 2 || !is_cheap(in[i])) continue;
        for (int k = 0; k < i; k++)
            if (old->in[k] == old->in[i]) in[i] = in[k];
        if (in[i] == r->map[old->in[i]->id]) in[i] = eg_node_copy(r->to, in[i], in[i]->in);
        any = 1;
    }
    return any ? eg_rewrite_copy(r, old, in) : NULL;
}

eg_status eg_pass_repeat(eg_unit *unit) {
    return unit->fuse ? eg_rewrite_unit(unit, repeat, NULL) : EG_OK;
}
