/* SPDX-License-Identifier: MIT
 *
 * loop.c: the tools of the passes over loops. A pass looks at a scan's body, decides which of its values come in from
 * outside, which are carried and which are stacked, lists them, and gets a new scan whose body computes what is left
 * to compute between them: everything else has become dead. So no pass copies bodies by itself.
 */
#include "compile/loop.h"

#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

/* ---- all scans of a unit -------------------------------------------------------------------------- */

int eg_loop_is_read(const eg_loops *loops, const eg_value *scan, int k) {
    const eg_graph *graph = loops->rewrite->from;
    if (k == 0 && loops->is_read[scan->id]) return 1;
    for (int id = scan->id + 1; id < graph->n; id++) {
        const eg_value *part = graph->values[id];
        if (part->op == EG_OP_PART && part->in[0] == scan && part->attr.index.index == k && loops->is_read[id])
            return 1;
    }
    return 0;
}

eg_status eg_loop_keep(eg_loops *loops, const eg_value *scan, eg_value *const *in, eg_value **result) {
    eg_value *copy = eg_rewrite_copy(loops->rewrite, scan, in);
    for (int k = 0; k < scan->attr.body.body->nout; k++) result[k] = eg_part(copy, k);
    return loops->rewrite->to->status;
}

void eg_loop_depends(const eg_value *scan, unsigned char *depends) {
    const eg_graph *graph = scan->attr.body.body->graph;
    for (int id = 0; id < graph->n; id++) {
        const eg_value *v = graph->values[id];
        depends[id] = 0;
        if (v->op == EG_OP_PARAM && eg_role_of(scan, (int)v->attr.index.index) != EG_CAPTURED)
            depends[id] = (unsigned char)(1u << eg_role_of(scan, (int)v->attr.index.index));
        for (int i = 0; i < v->nin; i++) depends[id] |= depends[v->in[i]->id];
    }
}

/* What stands for a scan whose first result nobody reads; it dies with the next pass. */
static eg_value *nothing_like(const eg_rewrite *r, const eg_value *old) {
    eg_attr attr = { .number = { .shape = old->shape, .dtype = (int32_t)old->dtype } };
    return eg_node(r->to, EG_OP_CONST, NULL, 0, &attr);
}

static eg_value *replace(eg_rewrite *r, const eg_value *old, eg_value **in) {
    eg_loops *loops = r->user;
    loops->rewrite = r;
    if (old->op == EG_OP_PART && old->in[0]->op == EG_OP_SCAN) {
        eg_value *result = loops->result[old->in[0]->id][old->attr.index.index];
        return result ? result : nothing_like(r, old);
    }
    if (old->op != EG_OP_SCAN) return NULL;
    eg_value **result = eg_calloc((size_t)old->attr.body.body->nout, sizeof(eg_value *));
    loops->result[old->id] = result;
    eg_status status = result ? loops->fn(loops, old, in, result) : EG_E_MEMORY;
    if (status != EG_OK) return eg_poison(r->to, status, "scan", "%s", eg_error());
    return result[0] ? result[0] : nothing_like(r, old);
}

static int has_loops(const eg_graph *graph) {
    for (int id = 0; id < graph->n; id++)
        if (graph->values[id]->op == EG_OP_SCAN) return 1;
    return 0;
}

static void mark_read(const eg_unit *unit, unsigned char *is_read) {
    for (int i = 0; i < unit->nroots; i++) is_read[unit->root[i]->id] = 1;
    for (int id = 0; id < unit->graph->n; id++) {
        const eg_value *v = unit->graph->values[id];
        for (int i = 0; i < v->nin && v->op != EG_OP_PART; i++) is_read[v->in[i]->id] = 1;
    }
}

eg_status eg_rewrite_loops(eg_unit *unit, eg_loop_fn fn) {
    size_t n = (size_t)unit->graph->n;
    if (!has_loops(unit->graph)) return EG_OK;
    eg_loops loops = { .fn = fn };
    eg_status status = EG_E_MEMORY;
    loops.result = eg_calloc(n + 1, sizeof *loops.result);
    loops.is_read = eg_calloc(n + 1, 1);
    if (loops.result && loops.is_read) {
        mark_read(unit, loops.is_read);
        status = eg_rewrite_unit(unit, replace, &loops);
    }
    for (size_t id = 0; id < n && loops.result; id++) eg_free(loops.result[id]);
    eg_free(loops.result);
    eg_free(loops.is_read);
    return status;
}

/* ---- one scan ---------------------------------------------------------------------------------------- */

eg_status eg_loop_start(eg_loop *loop, eg_graph *to, const eg_value *scan) {
    const eg_body *body = scan->attr.body.body;
    *loop = (eg_loop){ .scan = scan, .from = body->graph, .to = to };
    loop->capacity = body->nin + body->graph->n;
    loop->result_capacity = body->nout + body->graph->n;
    loop->operand = eg_calloc((size_t)loop->capacity + 1, sizeof *loop->operand);
    loop->result = eg_calloc((size_t)loop->result_capacity + 1, sizeof *loop->result);
    loop->map = eg_calloc((size_t)body->graph->n + 1, sizeof *loop->map);
    return loop->operand && loop->result && loop->map ? EG_OK : EG_E_MEMORY;
}

void eg_loop_end(eg_loop *loop) {
    eg_free(loop->operand);
    eg_free(loop->result);
    eg_free(loop->map);
}

int eg_loop_operand(eg_loop *loop, eg_role role, eg_value *outer, const eg_value *inner, const eg_value *next) {
    int at = loop->noperands;
    if (at == loop->capacity) return eg_fail(EG_E_INTERNAL, "loop: more operands than values"), -1;
    loop->operand[at].role = role;
    loop->operand[at].outer = outer;
    loop->operand[at].inner = inner;
    loop->operand[at].next = next;
    loop->noperands++;
    return role == EG_CARRY ? loop->ncarries++ : at;
}

eg_status eg_loop_result(eg_loop *loop, const eg_value *inner) {
    for (int k = 0; k < loop->nresults; k++)
        if (loop->result[k] == inner) return EG_OK;
    if (loop->nresults == loop->result_capacity) return eg_fail(EG_E_INTERNAL, "loop: more results than values");
    loop->result[loop->nresults++] = inner;
    return EG_OK;
}

/* ---- building ------------------------------------------------------------------------------------------ */

/* Params by role; outer[i] is what param i stands for. An inner value that has two operands keeps the first param. */
static void make_params(eg_loop *loop, eg_body *body, eg_value **outer, int *stacked) {
    int n = 0;
    for (eg_role role = EG_CARRY; role <= EG_CAPTURED; role++) {
        for (int i = 0; i < loop->noperands; i++) {
            const eg_value *inner = loop->operand[i].inner;
            if (loop->operand[i].role != role) continue;
            outer[n] = loop->operand[i].outer;
            eg_value *param = eg_body_param(body, n++, inner->dtype, &inner->shape);
            if (role == EG_CAPTURED && !eg_value_is_poisoned(param)) param->layout = outer[n - 1]->layout;
            if (!loop->map[inner->id]) loop->map[inner->id] = param;
            *stacked += role == EG_STACKED;
        }
    }
    for (int i = 0; i < loop->noperands; i++)
        if (loop->operand[i].role == EG_ALIAS)
            loop->map[loop->operand[i].inner->id] = loop->map[loop->operand[i].next->id];
}

static void mark(const eg_loop *loop, unsigned char *needed) {
    for (int i = 0; i < loop->noperands; i++)
        if (loop->operand[i].role == EG_CARRY) needed[loop->operand[i].next->id] = 1;
    for (int k = 0; k < loop->nresults; k++) needed[loop->result[k]->id] = 1;
    for (int id = loop->from->n - 1; id >= 0; id--) {
        const eg_value *v = loop->from->values[id];
        if (loop->map[id]) needed[id] = 0;
        for (int i = 0; needed[id] && i < v->nin; i++) needed[v->in[i]->id] = 1;
    }
}

static eg_status copy_value(eg_loop *loop, eg_graph *to, const eg_value *v) {
    eg_value **in = eg_alloc(sizeof *in * (size_t)(v->nin + 1));
    if (!in) return EG_E_MEMORY;
    for (int i = 0; i < v->nin; i++) in[i] = loop->map[v->in[i]->id];
    loop->map[v->id] = v->op == EG_OP_PARAM ? NULL : eg_node_copy(to, v, in);
    eg_free(in);
    return loop->map[v->id] ? to->status
                            : eg_fail(EG_E_INTERNAL, "loop: param %d is no operand", (int)v->attr.index.index);
}

static eg_status copy_values(eg_loop *loop, eg_graph *to) {
    unsigned char *needed = eg_calloc((size_t)loop->from->n + 1, 1);
    eg_status status = needed ? EG_OK : EG_E_MEMORY;
    if (needed) mark(loop, needed);
    for (int id = 0; id < loop->from->n && status == EG_OK; id++)
        if (needed[id]) status = copy_value(loop, to, loop->from->values[id]);
    eg_free(needed);
    return status;
}

static eg_status build(eg_loop *loop, eg_value **outer, eg_value **out) {
    int stacked = 0, nout = 0, nin = 0;
    for (int i = 0; i < loop->noperands; i++) nin += loop->operand[i].role != EG_ALIAS;
    eg_body *body = eg_body_new(loop->to, nin);
    if (!body) return EG_E_MEMORY;
    make_params(loop, body, outer, &stacked);
    EG_TRY(copy_values(loop, body->graph));
    for (int i = 0; i < loop->noperands; i++)
        if (loop->operand[i].role == EG_CARRY) out[nout++] = loop->map[loop->operand[i].next->id];
    for (int k = 0; k < loop->nresults; k++) out[nout++] = loop->map[loop->result[k]->id];
    EG_TRY(eg_body_finish(body, out, nout));
    eg_attr attr = { .body = { .body = body,
                               .steps = loop->scan->attr.body.steps,
                               .carries = loop->ncarries,
                               .stacked = stacked,
                               .reverse = loop->scan->attr.body.reverse } };
    loop->made = eg_node(loop->to, EG_OP_SCAN, outer, nin, &attr);
    return loop->to->status;
}

eg_status eg_loop_build(eg_loop *loop) {
    if (loop->ncarries + loop->nresults == 0) return EG_OK;
    eg_value **outer = eg_calloc((size_t)loop->noperands + 1, sizeof *outer);
    eg_value **out = eg_calloc((size_t)(loop->ncarries + loop->nresults), sizeof *out);
    eg_status status = outer && out ? build(loop, outer, out) : EG_E_MEMORY;
    eg_free(outer);
    eg_free(out);
    return status;
}

eg_value *eg_loop_last(const eg_loop *loop, int carry) { return eg_part(loop->made, carry); }

eg_value *eg_loop_stack(const eg_loop *loop, const eg_value *inner) {
    int k = 0;
    while (k < loop->nresults && loop->result[k] != inner) k++;
    return eg_part(loop->made, loop->ncarries + k);
}
