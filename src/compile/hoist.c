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

#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

typedef struct hoisting {
    const eg_value *scan;
    const eg_body *body;
    const eg_graph *from;
    eg_graph *to;
    eg_value *const *in;
    int invariants_only;
    unsigned char *depends; /* [from->n]: masks of eg_loop_depends */
    unsigned char *can;     /* [from->n]: it could be computed outside */
    unsigned char *goes;    /* [from->n]: it is */
    unsigned char *inside;  /* [from->n]: the new body computes or reads it */
    eg_value **outer;       /* [from->n]: outside, stacked if it depends on a stacked operand */
} hoisting;

enum { ON_CARRY = 1 << EG_CARRY, ON_STACKED = 1 << EG_STACKED };

static unsigned lifted_mask(const hoisting *h, const eg_value *v) {
    unsigned mask = 0;
    for (int i = 0; i < v->nin && i < 32; i++) mask |= (unsigned)(h->depends[v->in[i]->id] == ON_STACKED) << i;
    return mask;
}

/* ---- what could go, what goes ------------------------------------------------------------------------ */

static int could_go(const hoisting *h, const eg_value *v) {
    if (h->depends[v->id] & ON_CARRY) return 0;
    if (h->invariants_only && h->depends[v->id]) return 0;
    for (int i = 0; i < v->nin; i++)
        if (!h->can[v->in[i]->id]) return 0;
    return !h->depends[v->id] || v->op == EG_OP_PARAM || eg_can_lift(v, lifted_mask(h, v));
}

/* Cheaper once for all steps than in each. */
static int is_heavy(const eg_value *v) { return v->op == EG_OP_MATMUL || v->op == EG_OP_GATHER; }

static int64_t bytes_of(const eg_value *v) { return eg_count(&v->shape) * (int64_t)eg_dtype_size(v->dtype); }

/* Computed from what goes anyhow, and no larger than that. Cutting it up is better done inside, slice by slice. */
static int follows(const hoisting *h, const eg_value *v) {
    int64_t bytes = 0;
    if (!(v->def->flags & (EG_ELEMENTWISE | EG_REDUCES)) && v->op != EG_OP_RESHAPE) return 0;
    for (int i = 0; i < v->nin; i++)
        if (h->depends[v->in[i]->id] && h->goes[v->in[i]->id]) bytes += bytes_of(v->in[i]);
    return bytes_of(v) <= bytes;
}

static int should_go(const hoisting *h, const eg_value *v) {
    if (v->nin == 0) return 0;
    if (!h->depends[v->id]) return v->op != EG_OP_EXPAND;
    return is_heavy(v) || follows(h, v);
}

static int choose(hoisting *h) {
    int any = 0;
    for (int id = 0; id < h->from->n; id++) {
        const eg_value *v = h->from->values[id];
        h->can[id] = (unsigned char)could_go(h, v);
        h->goes[id] = h->can[id] && should_go(h, v);
        any |= h->goes[id];
    }
    return any;
}

/* What is left to the body: from the carries and results backwards, up to what goes. */
static void mark_inside(hoisting *h) {
    for (int k = 0; k < h->body->nout; k++)
        if (k < h->scan->attr.body.carries || !h->goes[h->body->out[k]->id]) h->inside[h->body->out[k]->id] = 1;
    for (int id = h->from->n - 1; id >= 0; id--) {
        const eg_value *v = h->from->values[id];
        for (int i = 0; h->inside[id] && !h->goes[id] && i < v->nin; i++) h->inside[v->in[i]->id] = 1;
    }
}

/* ---- outside --------------------------------------------------------------------------------------------- */

static eg_value *outside(hoisting *h, const eg_value *v) {
    eg_value *small[8], **in = v->nin <= 8 ? small : eg_alloc(sizeof *in * (size_t)v->nin);
    if (h->outer[v->id]) return h->outer[v->id];
    if (!in) return eg_poison(h->to, EG_E_MEMORY, "hoist", "no memory");
    eg_place was = eg_place_of(h->to, v);
    for (int i = 0; i < v->nin; i++) in[i] = outside(h, v->in[i]);
    if (v->op == EG_OP_PARAM)
        h->outer[v->id] = h->in[v->attr.index.index];
    else if (h->depends[v->id])
        h->outer[v->id] = eg_lift(v, in, lifted_mask(h, v), h->scan->attr.body.steps);
    else
        h->outer[v->id] = eg_node_copy(h->to, v, in);
    eg_place_restore(h->to, was);
    if (in != small) eg_free(in);
    return h->outer[v->id];
}

static eg_value *repeated(const hoisting *h, eg_value *x) {
    eg_attr attr = { .shape = { eg_stacked_shape(&x->shape, h->scan->attr.body.steps) } };
    return eg_node1(EG_OP_EXPAND, x, &attr);
}

static eg_status add_operands(hoisting *h, eg_loop *loop) {
    for (int i = 0; i < h->body->nin; i++) {
        eg_role role = eg_role_of(h->scan, i);
        const eg_value *next = role == EG_CARRY ? h->body->out[i] : NULL;
        if (eg_loop_operand(loop, role, h->in[i], h->body->param[i], next) < 0) return EG_E_MEMORY;
    }
    for (int id = 0; id < h->from->n; id++) {
        if (!h->goes[id] || !h->inside[id]) continue;
        eg_role role = h->depends[id] ? EG_STACKED : EG_CAPTURED;
        const eg_value *v = h->from->values[id];
        if (eg_loop_operand(loop, role, outside(h, v), v, NULL) < 0) return EG_E_MEMORY;
    }
    return EG_OK;
}

static eg_status rebuild(hoisting *h, eg_loop *loop, eg_value **result) {
    int carries = h->scan->attr.body.carries, nout = h->body->nout;
    mark_inside(h);
    EG_TRY(add_operands(h, loop));
    for (int k = carries; k < nout; k++)
        if (!h->goes[h->body->out[k]->id]) EG_TRY(eg_loop_result(loop, h->body->out[k]));
    EG_TRY(eg_loop_build(loop));
    for (int k = 0; k < nout; k++) {
        const eg_value *out = h->body->out[k];
        if (k < carries)
            result[k] = eg_loop_last(loop, k);
        else if (!h->goes[out->id])
            result[k] = eg_loop_stack(loop, out);
        else
            result[k] = h->depends[out->id] ? outside(h, out) : repeated(h, outside(h, out));
    }
    return h->to->status;
}

/* ---- the passes -------------------------------------------------------------------------------------------- */

static eg_status hoist_scan(eg_loops *loops, const eg_value *scan, eg_value *const *in, eg_value **result,
                            int invariants_only) {
    hoisting h = { .scan = scan,
                   .body = scan->attr.body.body,
                   .from = scan->attr.body.body->graph,
                   .to = loops->rewrite->to,
                   .in = in,
                   .invariants_only = invariants_only };
    eg_loop loop = { 0 };
    size_t n = (size_t)h.from->n;
    h.depends = eg_calloc(4, n + 1); /* owns all four sets */
    h.outer = eg_calloc(n + 1, sizeof *h.outer);
    eg_status status = h.depends && h.outer ? EG_OK : EG_E_MEMORY;
    if (status == EG_OK) {
        h.can = h.depends + (n + 1);
        h.goes = h.depends + 2 * (n + 1);
        h.inside = h.depends + 3 * (n + 1);
        eg_loop_depends(scan, h.depends);
        if (choose(&h)) {
            status = eg_loop_start(&loop, h.to, scan);
            if (status == EG_OK) status = rebuild(&h, &loop, result);
            eg_loop_end(&loop);
        } else {
            status = eg_loop_keep(loops, scan, in, result);
        }
    }
    eg_free(h.depends);
    eg_free(h.outer);
    return status;
}

static eg_status hoist(eg_loops *loops, const eg_value *scan, eg_value *const *in, eg_value **result) {
    return hoist_scan(loops, scan, in, result, 0);
}

static eg_status invariant(eg_loops *loops, const eg_value *scan, eg_value *const *in, eg_value **result) {
    return hoist_scan(loops, scan, in, result, 1);
}

eg_status eg_pass_hoist(eg_unit *unit) { return eg_rewrite_loops(unit, hoist); }
eg_status eg_pass_invariant(eg_unit *unit) { return eg_rewrite_loops(unit, invariant); }
