/* SPDX-License-Identifier: MIT
 *
 * scan.c: the loop. A scan runs a body, which is a graph of its own, `steps` times:
 *
 *     carry[0..] , y[t][0..] = body(carry[0..], x[t][0..], captured[0..])      t = 0, 1, ... or, in reverse, ..., 1,
 * 0
 *
 * Its results are the last carries and the stacked y. The form (node.h) is positional: params and outputs of the body
 * come in that order. The number of steps is part of the shape, as all shapes are static.
 *
 * Non-goals: loops that end by a condition, bodies with effects. Executors run it; there is no reference of one call.
 */
#include <string.h>
#include "base/alloc.h"
#include "ops/family.h"

/* ---- type ------------------------------------------------------------------------------------ */

static eg_status check_counts(const eg_value *value) {
    const eg_body *body = value->attr.body.body;
    int64_t carries = value->attr.body.carries, stacked = value->attr.body.stacked;
    if (carries < 0 || stacked < 0 || carries + stacked > body->nin || carries > body->nout)
        return eg_fail(EG_E_ARGUMENT,
                       "%lld carries and %lld stacked operands do not fit a body of %d parameters and %d results",
                       (long long)carries, (long long)stacked, body->nin, body->nout);
    if (value->attr.body.steps < 0) return eg_fail(EG_E_ARGUMENT, "fewer than 0 steps");
    return EG_OK;
}

static eg_status check_carry(const eg_value *value, int i) {
    const eg_value *param = value->attr.body.body->param[i], *next = value->attr.body.body->out[i];
    if (next->dtype == param->dtype && eg_same_shape(&next->shape, &param->shape)) return EG_OK;
    return eg_fail(EG_E_SHAPE, "carry %d is %s, the next one %s", i, eg_type_words(param->dtype, &param->shape),
                   eg_type_words(next->dtype, &next->shape));
}

/* All that it knows comes in as an operand, and nothing goes out but its results. */
static eg_status check_values(const eg_body *body) {
    for (int id = 0; id < body->graph->n; id++) {
        const eg_value *v = body->graph->values[id];
        if (v->op == EG_OP_INPUT || v->op == EG_OP_VAR || (v->def->flags & EG_EFFECT))
            return eg_fail(EG_E_ARGUMENT, "its body has an %s of its own", v->def->name);
    }
    return EG_OK;
}

static eg_status infer_scan(const eg_value *value, eg_inferred *out) {
    EG_TRY(check_counts(value));
    EG_TRY(check_values(value->attr.body.body));
    EG_TRY(eg_need_operands(value));
    for (int i = 0; i < value->attr.body.carries; i++) EG_TRY(check_carry(value, i));
    return eg_result_type(value, 0, out);
}

static double flops_scan(const eg_value *value) {
    const eg_body *body = value->attr.body.body;
    unsigned char *needed = eg_calloc((size_t)body->graph->n + 1, 1);
    double sum = 0;
    if (needed) eg_mark_needed(body->out, body->nout, needed);
    for (int i = 0; i < body->graph->n; i++)
        if (!needed || needed[i]) sum += eg_value_flops(body->graph->values[i]);
    eg_free(needed);
    return sum * (double)value->attr.body.steps;
}

void eg_scan_vjp(eg_value *scan, eg_value *const *dout, const unsigned char *wanted,
                 eg_value **din); /* scan_grad.c */

const eg_op_def eg_op_scan = { .name = "scan",
                               .arity = -1,
                               .attr = EG_ATTR_BODY,
                               .infer = infer_scan,
                               .vjp_parts = eg_scan_vjp,
                               .flops = flops_scan };

/* ---- constructor ----------------------------------------------------------------------------- */

typedef struct call {
    eg_graph *graph; /* where the scan will stand */
    eg_scan_opt opt;
    int64_t steps;
    eg_body *body;
    eg_value **first; /* [ncarry + nx]: the operands, no longer weak */
    eg_value **out;   /* [ncarry + ny] */
} call;

static eg_value *fail(const call *c, const char *what) { return eg_poison(c->graph, EG_E_SHAPE, "scan", "%s", what); }

/* The graph of the operands, if it lies in a loop around. */
static void find_graph(call *c) {
    for (int i = 0; i < c->opt.ncarry + c->opt.nx; i++) {
        const eg_value *v = i < c->opt.ncarry ? c->opt.carry[i] : c->opt.x[i - c->opt.ncarry];
        if (v && v->graph != c->graph && eg_is_around(c->graph, v->graph)) c->graph = v->graph;
    }
}

static eg_value *take_operands(call *c) {
    for (int i = 0; i < c->opt.ncarry + c->opt.nx; i++) {
        eg_value *v = i < c->opt.ncarry ? c->opt.carry[i] : c->opt.x[i - c->opt.ncarry];
        if (!v) return fail(c, "an operand is NULL");
        if (eg_is_poison(v)) return eg_poison(c->graph, v->graph->status, "scan", "%s", v->graph->error);
        if (v->graph != c->graph && c->graph->is_open && eg_is_around(v->graph, c->graph))
            v = eg_capture(c->graph, v);
        if (v->graph != c->graph) return fail(c, "an operand belongs to another graph");
        c->first[i] = eg_firm(v, v->dtype);
    }
    return NULL;
}

static eg_value *count_steps(call *c) {
    c->steps = c->opt.steps;
    for (int i = 0; i < c->opt.nx; i++) {
        const eg_value *x = c->first[c->opt.ncarry + i];
        if (x->shape.rank < 1) return fail(c, "a stacked operand has no axis to walk along");
        if (i == 0 && c->opt.steps == 0) c->steps = x->shape.dim[0];
        if (x->shape.dim[0] != c->steps)
            return eg_poison(c->graph, EG_E_SHAPE, "scan", "stacked operand %d is %s, but there are %lld steps", i,
                             eg_shape_words(&x->shape), (long long)c->steps);
    }
    return NULL;
}

static eg_status make_params(call *c) {
    int n = c->opt.ncarry + c->opt.nx;
    c->body = eg_body_new(c->graph, n);
    if (!c->body) return EG_E_MEMORY;
    for (int i = 0; i < n; i++) {
        eg_shape shape = c->first[i]->shape;
        if (i >= c->opt.ncarry) shape = eg_reduced_shape(&shape, 1, 0);
        eg_body_param(c->body, i, c->first[i]->dtype, &shape);
    }
    eg_body_open(c->body);
    return EG_OK;
}

/* A result as a value of the body, of its carry's dtype. */
static eg_value *adopt(call *c, int i) {
    eg_value *v = c->out[i];
    if (!v) return eg_poison(c->body->graph, EG_E_ARGUMENT, "scan", "result %d of the body was not given", i);
    if (eg_is_poison(v)) return eg_poison(c->body->graph, v->graph->status, "scan", "%s", v->graph->error);
    if (v->graph != c->body->graph && eg_is_around(v->graph, c->body->graph)) v = eg_capture(c->body->graph, v);
    return eg_firm(v, i < c->opt.ncarry ? c->first[i]->dtype : v->dtype);
}

/* What the callback made, as the outputs of the body, and the node with the captured values behind its operands. */
static eg_value *finish(call *c) {
    int given = c->opt.ncarry + c->opt.nx, nout = c->opt.ncarry + c->opt.ny;
    eg_body *body = c->body;
    for (int i = 0; i < nout; i++) c->out[i] = adopt(c, i);
    if (eg_body_finish(body, c->out, nout) != EG_OK) return c->graph->poison;
    memcpy(body->in, c->first, sizeof *c->first * (size_t)given);
    eg_attr attr = { .body = { .body = body,
                               .steps = c->steps,
                               .carries = c->opt.ncarry,
                               .stacked = c->opt.nx,
                               .reverse = c->opt.reverse != 0 } };
    return eg_node(c->graph, EG_OP_SCAN, body->in, body->nin, &attr);
}

static eg_value *build(call *c, eg_body_fn fn, void *user) {
    eg_value *bad = take_operands(c);
    if (!bad) bad = count_steps(c);
    if (bad) return bad;
    if (make_params(c) != EG_OK) return c->graph->poison;
    fn(user, c->body->graph, c->body->param, c->body->param + c->opt.ncarry, c->out, c->out + c->opt.ncarry);
    return finish(c);
}

static eg_value *check(const call *c) {
    if (!c->graph) return fail(c, "there is no graph to build it in");
    if (c->opt.ncarry < 0 || c->opt.nx < 0 || c->opt.ny < 0 || c->opt.ncarry + c->opt.ny < 1)
        return fail(c, "needs a carry or a result");
    if (c->opt.ncarry + c->opt.nx < 1) return fail(c, "needs a carry or a stacked operand");
    return NULL;
}

void eg_scan_(eg_graph *graph, eg_body_fn fn, void *user, eg_value **last, eg_value **stacked, eg_scan_opt opt) {
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    call c = { .graph = graph, .opt = opt };
    find_graph(&c);
    eg_value *scan = check(&c);
    if (!scan) {
        c.first = eg_calloc((size_t)(opt.ncarry + opt.nx) + 1, sizeof *c.first);
        c.out = eg_calloc((size_t)(opt.ncarry + opt.ny) + 1, sizeof *c.out);
        scan = c.first && c.out ? build(&c, fn, user) : eg_poison(c.graph, EG_E_MEMORY, "scan", "no memory");
    }
    for (int i = 0; last && i < opt.ncarry; i++) last[i] = eg_part(scan, i);
    for (int i = 0; stacked && i < opt.ny; i++) stacked[i] = eg_part(scan, opt.ncarry + i);
    eg_free(c.first);
    eg_free(c.out);
}
