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

typedef struct eg_loops {
    eg_rewrite *rewrite;
    eg_loop_fn fn;
    eg_arena arena;
    eg_value ***result;     /* [from->n]: of scans: [nout] */
    unsigned char *is_read; /* [from->n]: somebody reads the value itself (of a scan: its first result) */
} eg_loops;

/* ---- the old loop ----------------------------------------------------------------------------------- */

eg_role eg_role_of(const eg_loop *loop, int operand) {
    if (operand < loop->carries) return EG_CARRY;
    return operand < loop->carries + loop->scan->attr.body.stacked ? EG_STACKED : EG_CAPTURED;
}

int eg_loop_is_read(const eg_loop *loop, int k) {
    const eg_graph *graph = loop->scan->graph;
    const unsigned char *is_read = loop->loops->is_read;
    if (k == 0 && is_read[loop->scan->id]) return 1;
    for (int id = loop->scan->id + 1; id < graph->n; id++) {
        const eg_value *part = graph->values[id];
        if (part->op == EG_OP_PART && part->in[0] == loop->scan && part->attr.index.index == k && is_read[id]) return 1;
    }
    return 0;
}

eg_status eg_loop_keep(eg_loop *loop) {
    eg_value *copy = eg_rewrite_copy(loop->loops->rewrite, loop->scan, loop->in);
    for (int k = 0; k < loop->body->nout; k++) loop->result[k] = eg_part(copy, k);
    return loop->to->status;
}

static void find_depends(eg_loop *loop) {
    for (int id = 0; id < loop->from->n; id++) {
        const eg_value *v = loop->from->values[id];
        eg_role role = v->op == EG_OP_PARAM ? eg_role_of(loop, (int)v->attr.index.index) : EG_CAPTURED;
        if (role != EG_CAPTURED) loop->depends[id] = (unsigned char)(1u << role);
        for (int i = 0; i < v->nin; i++) loop->depends[id] |= loop->depends[v->in[i]->id];
    }
}

unsigned eg_loop_lifted(const eg_loop *loop, const eg_value *v) {
    unsigned mask = 0;
    for (int i = 0; i < v->nin && i < 32; i++) mask |= (unsigned)(loop->depends[v->in[i]->id] != 0) << i;
    return mask;
}

eg_value *eg_loop_outside(eg_loop *loop, const eg_value *v) {
    eg_value **now = &loop->outer[v->id];
    if (*now) return *now;
    for (int i = 0; i < v->nin; i++) eg_loop_outside(loop, v->in[i]);
    eg_place was = eg_place_of(loop->to, v);
    if (v->op == EG_OP_PARAM)
        *now = loop->in[v->attr.index.index];
    else if (loop->depends[v->id])
        *now = eg_lift(v, loop->outer, eg_loop_lifted(loop, v), loop->steps);
    else
        *now = eg_node_copy_mapped(loop->to, v, loop->outer);
    eg_place_restore(loop->to, was);
    return *now;
}

/* ---- all scans of a unit -------------------------------------------------------------------------- */

/* A loop of which nothing is known but its pieces; there is room for each value as an operand and as a stack. */
static eg_status start(eg_loop *loop) {
    size_t n = (size_t)loop->from->n + 1;
    loop->operand = eg_arena_alloc(&loop->scratch, sizeof *loop->operand * (n + (size_t)loop->body->nin));
    loop->stack = EG_ARENA_ARRAY(&loop->scratch, const eg_value *, n);
    loop->outer = EG_ARENA_ARRAY(&loop->scratch, eg_value *, n);
    loop->map = EG_ARENA_ARRAY(&loop->scratch, eg_value *, n);
    loop->depends = EG_ARENA_ARRAY(&loop->scratch, unsigned char, (1 + EG_LOOP_SETS) * n);
    if (!loop->operand || !loop->stack || !loop->outer || !loop->map || !loop->depends) return EG_E_MEMORY;
    for (size_t i = 0; i < EG_LOOP_SETS; i++) loop->set[i] = loop->depends + (1 + i) * n;
    find_depends(loop);
    return EG_OK;
}

static eg_status replace_scan(eg_rewrite *r, const eg_value *scan, eg_value **in, eg_value **result) {
    eg_loops *loops = r->user;
    eg_loop loop = { .loops = loops,
                     .scan = scan,
                     .body = scan->attr.body.body,
                     .from = scan->attr.body.body->graph,
                     .in = in,
                     .carries = scan->attr.body.carries,
                     .steps = scan->attr.body.steps,
                     .result = result,
                     .to = r->to };
    if (!result) return EG_E_MEMORY;
    eg_status status = start(&loop);
    if (status == EG_OK) status = loops->fn(&loop);
    eg_arena_free(&loop.scratch);
    return status;
}

/* What stands for a result that nobody reads; it dies with the next pass. */
static eg_value *nothing_like(const eg_rewrite *r, const eg_value *old) {
    return eg_filled(r->to, old->dtype, &old->shape, 0);
}

static eg_value *replace(eg_rewrite *r, const eg_value *old, eg_value **in) {
    eg_loops *loops = r->user;
    const eg_value *scan = old->op == EG_OP_PART ? old->in[0] : old;
    if (scan->op != EG_OP_SCAN) return NULL;
    loops->rewrite = r;
    eg_value ***result = &loops->result[scan->id];
    if (old == scan) {
        *result = EG_ARENA_ARRAY(&loops->arena, eg_value *, scan->attr.body.body->nout);
        eg_status status = replace_scan(r, scan, in, *result);
        if (status != EG_OK) return eg_poison(r->to, status, "scan", "%s", eg_error());
    }
    eg_value *now = (*result)[old == scan ? 0 : old->attr.index.index];
    return now ? now : nothing_like(r, old);
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
    if (!has_loops(unit->graph)) return EG_OK;
    eg_loops loops = { .fn = fn };
    eg_status status = EG_E_MEMORY;
    loops.result = EG_ARENA_ARRAY(&loops.arena, eg_value **, unit->graph->n);
    loops.is_read = EG_ARENA_ARRAY(&loops.arena, unsigned char, unit->graph->n);
    if (loops.result && loops.is_read) {
        mark_read(unit, loops.is_read);
        status = eg_rewrite_unit(unit, replace, &loops);
    }
    eg_arena_free(&loops.arena);
    return status;
}

/* ---- the new loop ----------------------------------------------------------------------------------- */

void eg_loop_operand(eg_loop *loop, eg_role role, eg_value *outer, const eg_value *inner, const eg_value *next) {
    int at = loop->noperands++;
    loop->operand[at].role = role;
    loop->operand[at].outer = outer;
    loop->operand[at].inner = inner;
    loop->operand[at].next = next;
    loop->ncarries += role == EG_CARRY;
}

void eg_loop_same_operand(eg_loop *loop, int i) {
    eg_role role = eg_role_of(loop, i);
    eg_loop_operand(loop, role, loop->in[i], loop->body->param[i], role == EG_CARRY ? loop->body->out[i] : NULL);
}

void eg_loop_stacked(eg_loop *loop, const eg_value *inner) {
    for (int k = 0; k < loop->nstacks; k++)
        if (loop->stack[k] == inner) return;
    loop->stack[loop->nstacks++] = inner;
}

/* Params by role; outer[i] is what param i stands for. An inner value that has two operands keeps the first param. */
static void make_params(eg_loop *loop, eg_body *body, eg_value **outer, int *stacked) {
    int n = 0;
    for (eg_role role = EG_CARRY; role <= EG_CAPTURED; role++) {
        for (int i = 0; i < loop->noperands; i++) {
            const eg_value *inner = loop->operand[i].inner;
            if (loop->operand[i].role != role) continue;
            outer[n] = loop->operand[i].outer;
            eg_value *param = eg_body_param(body, n++, inner->dtype, &inner->shape);
            if (role == EG_CAPTURED && !eg_is_poison(param)) param->layout = outer[n - 1]->layout;
            if (!loop->map[inner->id]) loop->map[inner->id] = param;
            *stacked += role == EG_STACKED;
        }
    }
    for (int i = 0; i < loop->noperands; i++)
        if (loop->operand[i].role == EG_ALIAS)
            loop->map[loop->operand[i].inner->id] = loop->map[loop->operand[i].next->id];
}

/* The next carries, then what is stacked: values of the old body. */
static const eg_value *result_of(const eg_loop *loop, int k) {
    if (k >= loop->ncarries) return loop->stack[k - loop->ncarries];
    int i = 0;
    while (loop->operand[i].role != EG_CARRY || k-- > 0) i++;
    return loop->operand[i].next;
}

/* What the results need and the params do not give. */
static eg_status copy_values(eg_loop *loop, eg_graph *to, int nout) {
    unsigned char *needed = EG_ARENA_ARRAY(&loop->scratch, unsigned char, loop->from->n);
    if (!needed) return EG_E_MEMORY;
    for (int k = 0; k < nout; k++) needed[result_of(loop, k)->id] = 1;
    for (int id = loop->from->n - 1; id >= 0; id--) {
        const eg_value *v = loop->from->values[id];
        if (loop->map[id]) needed[id] = 0;
        if (needed[id] && v->op == EG_OP_PARAM)
            return eg_fail(EG_E_INTERNAL, "loop: param %d is no operand", (int)v->attr.index.index);
        for (int i = 0; needed[id] && i < v->nin; i++) needed[v->in[i]->id] = 1;
    }
    for (int id = 0; id < loop->from->n; id++)
        if (needed[id]) loop->map[id] = eg_node_copy_mapped(to, loop->from->values[id], loop->map);
    return to->status;
}

eg_status eg_loop_build(eg_loop *loop) {
    int stacked = 0, nin = 0, nout = loop->ncarries + loop->nstacks;
    if (nout == 0) return EG_OK;
    eg_value **outer = EG_ARENA_ARRAY(&loop->scratch, eg_value *, loop->noperands);
    eg_value **out = EG_ARENA_ARRAY(&loop->scratch, eg_value *, nout);
    for (int i = 0; i < loop->noperands; i++) nin += loop->operand[i].role != EG_ALIAS;
    eg_body *body = eg_body_new(loop->to, nin);
    if (!outer || !out || !body) return EG_E_MEMORY;
    make_params(loop, body, outer, &stacked);
    EG_TRY(copy_values(loop, body->graph, nout));
    for (int k = 0; k < nout; k++) out[k] = loop->map[result_of(loop, k)->id];
    EG_TRY(eg_body_finish(body, out, nout));
    eg_attr attr = { .body = { .body = body,
                               .steps = loop->steps,
                               .carries = loop->ncarries,
                               .stacked = stacked,
                               .reverse = loop->scan->attr.body.reverse } };
    loop->made = eg_node(loop->to, EG_OP_SCAN, outer, nin, &attr);
    return loop->to->status;
}

eg_value *eg_loop_last(const eg_loop *loop, int carry) { return eg_part(loop->made, carry); }

eg_value *eg_loop_stack(const eg_loop *loop, const eg_value *inner) {
    int k = 0;
    while (k < loop->nstacks && loop->stack[k] != inner) k++;
    return eg_part(loop->made, loop->ncarries + k);
}
