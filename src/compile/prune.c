/* SPDX-License-Identifier: MIT
 *
 * prune.c: loops without what nobody wants: results that are not read, carries that only carry themselves on,
 * operands that the body does not read, the same operand twice. A carry that never changes is captured; a stacked
 * result that is a stacked operand is that operand, one that is the same in every step is repeated. A loop of no
 * steps is its carries, a loop of one step is its body. Needs: nothing. Keeps: all bits. Breaks: nothing.
 */
#include "compile/loop.h"

#include "base/status.h"
#include "ops/op.h"

typedef struct pruning {
    eg_loop *loop;
    unsigned char *needed;  /* of the body's values */
    unsigned char *is_live; /* [nout]: carries that are carried on, stacked results that are made */
} pruning;

static int is_param(const eg_loop *loop, const eg_value *v, eg_role role) {
    return v->op == EG_OP_PARAM && eg_role_of(loop, (int)v->attr.index.index) == role;
}

/* ---- no step, one step ---------------------------------------------------------------------------- */

static eg_status no_steps(eg_loop *loop) {
    for (int k = 0; k < loop->body->nout; k++) {
        const eg_value *out = loop->body->out[k];
        eg_shape empty = eg_batch_shape(0, &out->shape);
        loop->result[k] = k < loop->carries ? loop->in[k] : eg_filled(loop->to, out->dtype, &empty, 0);
    }
    return loop->to->status;
}

static eg_status one_step(eg_loop *loop) {
    unsigned char *needed = loop->set[0];
    eg_mark_needed(loop->body->out, loop->body->nout, needed);
    for (int id = 0; id < loop->from->n; id++) {
        const eg_value *v = loop->from->values[id];
        if (!needed[id]) continue;
        loop->outer[id] = v->op == EG_OP_PARAM ? eg_reshaped(loop->in[v->attr.index.index], &v->shape)
                                               : eg_node_copy_mapped(loop->to, v, loop->outer);
    }
    for (int k = 0; k < loop->body->nout; k++) {
        eg_value *out = loop->outer[loop->body->out[k]->id];
        eg_shape stacked = eg_batch_shape(1, &out->shape);
        loop->result[k] = k < loop->carries ? out : eg_reshaped(out, &stacked);
    }
    return loop->to->status;
}

/* ---- what is alive ---------------------------------------------------------------------------------- */

static int never_changes(const eg_loop *loop, int carry) { return loop->body->out[carry] == loop->body->param[carry]; }

/* A stacked result that needs no loop. */
static int is_at_hand(const eg_loop *loop, const eg_value *out) {
    if (is_param(loop, out, EG_CARRY)) return never_changes(loop, (int)out->attr.index.index);
    return out->op == EG_OP_PARAM || out->op == EG_OP_CONST;
}

static void need(pruning *p, const eg_value *v) {
    p->needed[v->id] = 1;
    eg_mark_inputs(p->loop->from, p->needed, NULL);
}

static void find_living(pruning *p) {
    const eg_loop *loop = p->loop;
    for (int k = 0; k < loop->body->nout; k++) {
        const eg_value *out = loop->body->out[k];
        int is_free = k < loop->carries ? never_changes(loop, k) : is_at_hand(loop, out);
        p->is_live[k] = !is_free && eg_loop_is_read(loop, k);
        if (p->is_live[k]) need(p, out);
    }
    for (int changed = 1; changed;) {
        changed = 0;
        for (int i = 0; i < loop->carries; i++) {
            if (p->is_live[i] || never_changes(loop, i) || !p->needed[loop->body->param[i]->id]) continue;
            p->is_live[i] = 1;
            need(p, loop->body->out[i]);
            changed = 1;
        }
    }
}

/* ---- the new loop ------------------------------------------------------------------------------------- */

/* The earlier operand of the same role that is the same value, if both stay what they are in all steps. */
static int same_operand(const pruning *p, int i, eg_role role) {
    const eg_loop *loop = p->loop;
    for (int j = 0; j < i; j++)
        if (loop->in[j] == loop->in[i] && eg_role_of(loop, j) == role && p->needed[loop->body->param[j]->id]) return j;
    return -1;
}

static void add_operand(pruning *p, int i) {
    eg_loop *loop = p->loop;
    const eg_value *param = loop->body->param[i];
    eg_role role = eg_role_of(loop, i);
    int same = role == EG_CARRY ? -1 : same_operand(p, i, role);
    if (role == EG_CARRY && p->is_live[i])
        eg_loop_same_operand(loop, i);
    else if (!p->needed[param->id])
        return;
    else if (same >= 0)
        eg_loop_operand(loop, EG_ALIAS, NULL, param, loop->body->param[same]);
    else
        eg_loop_operand(loop, role == EG_CARRY ? EG_CAPTURED : role, loop->in[i], param, NULL);
}

static eg_value *at_hand(eg_loop *loop, const eg_value *out) {
    eg_value *now = eg_loop_outside(loop, out);
    return is_param(loop, out, EG_STACKED) ? now : eg_repeated(now, loop->steps);
}

static eg_value *result(const pruning *p, int k, int *carry) {
    eg_loop *loop = p->loop;
    const eg_value *out = loop->body->out[k];
    if (p->is_live[k]) return k < loop->carries ? eg_loop_last(loop, (*carry)++) : eg_loop_stack(loop, out);
    if (!eg_loop_is_read(loop, k)) return NULL;
    return k < loop->carries ? loop->in[k] : at_hand(loop, out);
}

static eg_status rebuild(pruning *p) {
    eg_loop *loop = p->loop;
    int carry = 0;
    find_living(p);
    for (int i = 0; i < loop->body->nin; i++) add_operand(p, i);
    if (loop->noperands == 0) eg_loop_operand(loop, EG_CAPTURED, loop->in[0], loop->body->param[0], NULL);
    for (int k = loop->carries; k < loop->body->nout; k++)
        if (p->is_live[k]) eg_loop_stacked(loop, loop->body->out[k]);
    EG_TRY(eg_loop_build(loop));
    for (int k = 0; k < loop->body->nout; k++) loop->result[k] = result(p, k, &carry);
    return loop->to->status;
}

static eg_status prune(eg_loop *loop) {
    if (loop->steps == 0) return no_steps(loop);
    if (loop->steps == 1) return one_step(loop);
    pruning p = { loop, loop->set[0], EG_ARENA_ARRAY(&loop->scratch, unsigned char, loop->body->nout) };
    return p.is_live ? rebuild(&p) : EG_E_MEMORY;
}

eg_status eg_pass_prune(eg_unit *unit) { return eg_rewrite_loops(unit, prune); }
