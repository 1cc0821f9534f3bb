/* SPDX-License-Identifier: MIT
 *
 * hoist.c: takes out of loops what need not wait for them.
 *
 * A value of the body that depends on captured values only is the same in every step: it is computed once, before the
 * loop, and captured. A product (or a look-up) that depends on stacked operands and captured values, but on no carry,
 * is computed for all steps at once, before the loop, and stacked: x[t] W for all t is one product of steps x batch
 * rows. What is computed from it alone, and is no larger (+ b), goes with it; elementwise values before it are
 * computed twice if the body reads them too.
 *
 * The pass `invariant` does the first half only, for what the layout pass has put into bodies (packing a weight).
 * Non-goals: moving what is cheap for its own sake.
 * Needs: pruned loops; before layout (but invariant). Keeps: all bits. Breaks: nothing.
 */
#include "compile/loop.h"

#include "base/status.h"
#include "ops/op.h"

typedef struct hoisting {
    eg_loop *loop;
    int invariants_only;
    unsigned char *can;    /* of the body's values: it could be computed outside */
    unsigned char *goes;   /* it is */
    unsigned char *inside; /* the new body computes or reads it */
} hoisting;

/* ---- what could go, what goes ------------------------------------------------------------------------ */

static int could_go(const hoisting *h, const eg_value *v) {
    int depends = h->loop->depends[v->id];
    if (depends & (h->invariants_only ? ~0 : 1 << EG_CARRY)) return 0;
    for (int i = 0; i < v->nin; i++)
        if (!h->can[v->in[i]->id]) return 0;
    return !depends || v->op == EG_OP_PARAM || eg_can_lift(v, eg_loop_lifted(h->loop, v));
}

/* Cheaper once for all steps than in each. */
static int is_heavy(const eg_value *v) { return v->op == EG_OP_MATMUL || v->op == EG_OP_GATHER; }

static int64_t bytes_of(const eg_value *v) { return eg_count(&v->shape) * (int64_t)eg_dtype_size(v->dtype); }

/* Computed from what goes anyhow, and no larger than that. Cutting it up is better done inside, slice by slice. */
static int follows(const hoisting *h, const eg_value *v) {
    int64_t bytes = 0;
    if (!(v->def->flags & EG_ELEMENTWISE) && v->def->attr != EG_ATTR_REDUCE && v->op != EG_OP_RESHAPE) return 0;
    for (int i = 0; i < v->nin; i++)
        if (h->loop->depends[v->in[i]->id] && h->goes[v->in[i]->id]) bytes += bytes_of(v->in[i]);
    return bytes_of(v) <= bytes;
}

static int should_go(const hoisting *h, const eg_value *v) {
    if (v->nin == 0) return 0;
    if (!h->loop->depends[v->id]) return v->op != EG_OP_EXPAND;
    return is_heavy(v) || follows(h, v);
}

static int choose(hoisting *h) {
    int any = 0;
    for (int id = 0; id < h->loop->from->n; id++) {
        const eg_value *v = h->loop->from->values[id];
        h->can[id] = (unsigned char)could_go(h, v);
        h->goes[id] = h->can[id] && should_go(h, v);
        any |= h->goes[id];
    }
    return any;
}

/* ---- the new loop ------------------------------------------------------------------------------------- */

/* What is left to the body is there from the carries and results backwards, up to what goes. */
static void list_parts(hoisting *h) {
    eg_loop *loop = h->loop;
    for (int k = 0; k < loop->body->nout; k++) {
        const eg_value *out = loop->body->out[k];
        if (k >= loop->carries && h->goes[out->id]) continue;
        h->inside[out->id] = 1;
        if (k >= loop->carries) eg_loop_stacked(loop, out);
    }
    eg_mark_inputs(loop->from, h->inside, h->goes);
    for (int i = 0; i < loop->body->nin; i++) eg_loop_same_operand(loop, i);
    for (int id = 0; id < loop->from->n; id++) {
        const eg_value *v = loop->from->values[id];
        eg_role role = loop->depends[id] ? EG_STACKED : EG_CAPTURED;
        if (h->goes[id] && h->inside[id]) eg_loop_operand(loop, role, eg_loop_outside(loop, v), v, NULL);
    }
}

static eg_value *result(const hoisting *h, int k) {
    eg_loop *loop = h->loop;
    const eg_value *out = loop->body->out[k];
    if (k < loop->carries) return eg_loop_last(loop, k);
    if (!h->goes[out->id]) return eg_loop_stack(loop, out);
    eg_value *now = eg_loop_outside(loop, out);
    return loop->depends[out->id] ? now : eg_repeated(now, loop->steps);
}

static eg_status hoist_scan(eg_loop *loop, int invariants_only) {
    hoisting h = { loop, invariants_only, loop->set[0], loop->set[1], loop->set[2] };
    if (!choose(&h)) return eg_loop_keep(loop);
    list_parts(&h);
    EG_TRY(eg_loop_build(loop));
    for (int k = 0; k < loop->body->nout; k++) loop->result[k] = result(&h, k);
    return loop->to->status;
}

/* ---- the passes -------------------------------------------------------------------------------------------- */

static eg_status hoist(eg_loop *loop) { return hoist_scan(loop, 0); }
static eg_status invariant(eg_loop *loop) { return hoist_scan(loop, 1); }

eg_status eg_pass_hoist(eg_unit *unit) { return eg_rewrite_loops(unit, hoist); }
eg_status eg_pass_invariant(eg_unit *unit) { return eg_rewrite_loops(unit, invariant); }
