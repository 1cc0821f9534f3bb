/* SPDX-License-Identifier: MIT
 *
 * prune.c: loops without what nobody wants: results that are not read, carries that only carry themselves on,
 * operands that the body does not read, the same operand twice. A carry that never changes is captured; a stacked
 * result that is a stacked operand is that operand, one that is the same in every step is repeated. A loop of no
 * steps is its carries, a loop of one step is its body. Needs: nothing. Keeps: all bits. Breaks: nothing.
 */
#include "compile/loop.h"

#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

typedef struct pruning {
    eg_loops *loops;
    const eg_value *scan;
    const eg_body *body;
    eg_value *const *in;
    eg_value **result;
    eg_graph *to;
    int carries;
    unsigned char *needed;  /* [body's values] */
    unsigned char *is_live; /* [nout]: carries that are carried on, stacked results that are made */
} pruning;

static int is_param(const pruning *p, const eg_value *v, eg_role role) {
    return v->op == EG_OP_PARAM && eg_role_of(p->scan, (int)v->attr.index.index) == role;
}

static eg_value *repeated(const pruning *p, eg_value *x) {
    eg_attr attr = { .shape = { eg_stacked_shape(&x->shape, p->scan->attr.body.steps) } };
    return eg_node1(EG_OP_EXPAND, x, &attr);
}

/* ---- no step, one step ---------------------------------------------------------------------------- */

static eg_status no_steps(pruning *p) {
    for (int k = 0; k < p->body->nout; k++) {
        const eg_value *out = p->body->out[k];
        eg_attr empty = { .number = { .shape = eg_stacked_shape(&out->shape, 0), .dtype = (int32_t)out->dtype } };
        p->result[k] = k < p->carries ? p->in[k] : eg_node(p->to, EG_OP_CONST, NULL, 0, &empty);
    }
    return p->to->status;
}

static eg_value *inlined(pruning *p, const eg_value *v, eg_value *const *map) {
    if (v->op == EG_OP_PARAM) return eg_reshaped(p->in[v->attr.index.index], &v->shape);
    eg_value **in = eg_alloc(sizeof *in * (size_t)(v->nin + 1));
    if (!in) return eg_poison(p->to, EG_E_MEMORY, "scan", "no memory");
    for (int i = 0; i < v->nin; i++) in[i] = map[v->in[i]->id];
    eg_value *copy = eg_node_copy(p->to, v, in);
    eg_free(in);
    return copy;
}

static eg_status one_step(pruning *p) {
    eg_value **map = eg_calloc((size_t)p->body->graph->n + 1, sizeof *map);
    if (!map) return EG_E_MEMORY;
    eg_mark_needed(p->body->out, p->body->nout, p->needed);
    for (int id = 0; id < p->body->graph->n; id++)
        if (p->needed[id]) map[id] = inlined(p, p->body->graph->values[id], map);
    for (int k = 0; k < p->body->nout; k++) {
        eg_value *out = map[p->body->out[k]->id];
        p->result[k] = k < p->carries ? out : eg_reshape_to(out, eg_stacked_shape(&out->shape, 1));
    }
    eg_free(map);
    return p->to->status;
}

/* ---- what is alive ---------------------------------------------------------------------------------- */

static int never_changes(const pruning *p, int carry) { return p->body->out[carry] == p->body->param[carry]; }

/* A stacked result that needs no loop. */
static int is_at_hand(const pruning *p, const eg_value *out) {
    if (is_param(p, out, EG_STACKED) || is_param(p, out, EG_CAPTURED) || out->op == EG_OP_CONST) return 1;
    return is_param(p, out, EG_CARRY) && never_changes(p, (int)out->attr.index.index);
}

static void need(pruning *p, const eg_value *v) {
    p->needed[v->id] = 1;
    for (int id = v->id; id >= 0; id--) {
        const eg_value *u = p->body->graph->values[id];
        for (int i = 0; p->needed[id] && i < u->nin; i++) p->needed[u->in[i]->id] = 1;
    }
}

static void find_living(pruning *p) {
    int changed = 1;
    for (int k = 0; k < p->body->nout; k++) {
        const eg_value *out = p->body->out[k];
        p->is_live[k] = (unsigned char)eg_loop_is_read(p->loops, p->scan, k);
        if (k < p->carries ? never_changes(p, k) : is_at_hand(p, out)) p->is_live[k] = 0;
        if (p->is_live[k]) need(p, out);
    }
    while (changed) {
        changed = 0;
        for (int i = 0; i < p->carries; i++) {
            if (p->is_live[i] || never_changes(p, i) || !p->needed[p->body->param[i]->id]) continue;
            p->is_live[i] = 1;
            need(p, p->body->out[i]);
            changed = 1;
        }
    }
}

/* ---- the new loop ------------------------------------------------------------------------------------- */

/* The earlier operand of the same role that is the same value, if both stay what they are in all steps. */
static int same_operand(const pruning *p, int i, eg_role role) {
    for (int j = 0; j < i; j++)
        if (p->in[j] == p->in[i] && eg_role_of(p->scan, j) == role && p->needed[p->body->param[j]->id]) return j;
    return -1;
}

static int add_operand(pruning *p, eg_loop *loop, int i) {
    const eg_value *param = p->body->param[i];
    eg_role role = eg_role_of(p->scan, i);
    if (role == EG_CARRY && p->is_live[i]) return eg_loop_operand(loop, role, p->in[i], param, p->body->out[i]);
    if (!p->needed[param->id]) return 0;
    if (role == EG_CARRY) return eg_loop_operand(loop, EG_CAPTURED, p->in[i], param, NULL);
    int same = same_operand(p, i, role);
    if (same >= 0) return eg_loop_operand(loop, EG_ALIAS, NULL, param, p->body->param[same]);
    return eg_loop_operand(loop, role, p->in[i], param, NULL);
}

static eg_value *at_hand(const pruning *p, const eg_value *out) {
    if (is_param(p, out, EG_STACKED)) return p->in[out->attr.index.index];
    return repeated(p, out->op == EG_OP_CONST ? eg_node_copy(p->to, out, NULL) : p->in[out->attr.index.index]);
}

static void collect(pruning *p, const eg_loop *loop) {
    int carry = 0;
    for (int k = 0; k < p->body->nout; k++) {
        const eg_value *out = p->body->out[k];
        if (p->is_live[k])
            p->result[k] = k < p->carries ? eg_loop_last(loop, carry++) : eg_loop_stack(loop, out);
        else if (!eg_loop_is_read(p->loops, p->scan, k))
            continue;
        else
            p->result[k] = k < p->carries ? p->in[k] : at_hand(p, out);
    }
}

static eg_status rebuild(pruning *p, eg_loop *loop) {
    find_living(p);
    for (int i = 0; i < p->body->nin; i++)
        if (add_operand(p, loop, i) < 0) return EG_E_MEMORY;
    if (loop->noperands == 0 && eg_loop_operand(loop, EG_CAPTURED, p->in[0], p->body->param[0], NULL) < 0)
        return EG_E_MEMORY;
    for (int k = p->carries; k < p->body->nout; k++)
        if (p->is_live[k]) EG_TRY(eg_loop_result(loop, p->body->out[k]));
    EG_TRY(eg_loop_build(loop));
    collect(p, loop);
    return p->to->status;
}

static eg_status prune(eg_loops *loops, const eg_value *scan, eg_value *const *in, eg_value **result) {
    const eg_body *body = scan->attr.body.body;
    pruning p = { .loops = loops,
                  .scan = scan,
                  .body = body,
                  .in = in,
                  .result = result,
                  .to = loops->rewrite->to,
                  .carries = scan->attr.body.carries };
    if (scan->attr.body.steps == 0) return no_steps(&p);
    eg_loop loop = { 0 };
    p.needed = eg_calloc((size_t)body->graph->n + 1, 1);
    p.is_live = eg_calloc((size_t)body->nout, 1);
    eg_status status = p.needed && p.is_live ? EG_OK : EG_E_MEMORY;
    if (status == EG_OK && scan->attr.body.steps == 1) {
        status = one_step(&p);
    } else if (status == EG_OK) {
        status = eg_loop_start(&loop, p.to, scan);
        if (status == EG_OK) status = rebuild(&p, &loop);
        eg_loop_end(&loop);
    }
    eg_free(p.needed);
    eg_free(p.is_live);
    return status;
}

eg_status eg_pass_prune(eg_unit *unit) { return eg_rewrite_loops(unit, prune); }
