/* SPDX-License-Identifier: MIT
 *
 * schedule.c: the order of execution. An assign stores as soon as its value is there and nobody will read the old
 * value any more; where it can be arranged, other readers of a variable also run before the group that computes its
 * new value, so that the executor may compute in place. Else the order is that of building (which keeps lifetimes
 * short), with parameter updates last: equal bodies side by side, in the order of the variables' creation, so that
 * an executor can run them as one.
 *
 * A variable (or a view of it) that is fetched or assigned to another variable while it is overwritten itself is
 * copied first (DETACH): reads see old values.
 * Needs: no dead values. Keeps: all bits. Breaks: "no DETACH".
 */
#include <string.h>
#include "compile/pass.h"
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

/* The value behind views. */
static const eg_value *seen_through(const eg_value *v) {
    while (v->op == EG_OP_RESHAPE) v = v->in[0];
    return v;
}

/* And behind what a product may turn on the way. */
static const eg_value *read_by_product(const eg_value *v) {
    v = seen_through(v);
    return v->op == EG_OP_PACK ? seen_through(v->in[0]) : v;
}

/* ---- copies -------------------------------------------------------------------------------------------------- */

static int is_assigned(const eg_unit *unit, const eg_value *var) {
    for (int i = 0; i < unit->nroots; i++)
        if (unit->root[i]->op == EG_OP_ASSIGN && unit->root[i]->in[0] == var) return 1;
    return 0;
}

static eg_value *copy_assigned(eg_rewrite *r, const eg_value *old, eg_value **in) {
    if (old->op != EG_OP_ASSIGN || seen_through(old->in[1])->op != EG_OP_VAR) return NULL;
    eg_layout layout = in[1]->layout;
    eg_value *copied[2] = { in[0], eg_node1(EG_OP_DETACH, in[1], NULL) };
    if (!eg_is_poison(copied[1])) copied[1]->layout = layout;
    return eg_node_copy(r->to, old, copied);
}

/* Fetched views of variables that are assigned. */
static eg_status copy_fetched(eg_unit *unit) {
    for (int i = 0; i < unit->nroots; i++) {
        eg_value *root = unit->root[i];
        if (root->op == EG_OP_ASSIGN || !is_assigned(unit, seen_through(root))) continue;
        unit->root[i] = eg_node1(EG_OP_DETACH, root, NULL);
    }
    return eg_graph_settle(unit->graph);
}

/* ---- edges --------------------------------------------------------------------------------------------------- */

typedef struct plan {
    const eg_graph *graph;
    int (*edge)[2];
    int m, capacity;
    unsigned char *is_end; /* [n]: only assigns read what it computes */
    int64_t *key;          /* [n] */
    int *order;            /* [n] */
} plan;

static eg_status add_edge(plan *p, int before, int after) {
    if (p->m == p->capacity) {
        int grown = p->capacity ? 2 * p->capacity : 256;
        void *bigger = eg_realloc(p->edge, sizeof *p->edge * (size_t)grown);
        if (!bigger) return EG_E_MEMORY;
        p->edge = bigger;
        p->capacity = grown;
    }
    p->edge[p->m][0] = before;
    p->edge[p->m++][1] = after;
    return EG_OK;
}

/* The step that computes a value: behind views and parts. */
static const eg_value *producer_of(const eg_value *v) {
    v = seen_through(v);
    return v->op == EG_OP_PART ? v->in[0] : v;
}

/* Steps whose results assigns read and nobody else: nothing can depend on them. */
static void mark_ends(plan *p) {
    for (int id = 0; id < p->graph->n; id++) {
        const eg_value *v = p->graph->values[id];
        if (v->op == EG_OP_ASSIGN && producer_of(v->in[1])->nin > 0) p->is_end[producer_of(v->in[1])->id] = 1;
    }
    for (int id = 0; id < p->graph->n; id++) {
        const eg_value *v = p->graph->values[id];
        if (v->op == EG_OP_ASSIGN || v->op == EG_OP_PART || v->op == EG_OP_RESHAPE) continue;
        for (int i = 0; i < v->nin; i++) p->is_end[producer_of(v->in[i])->id] = 0;
    }
}

/* Readers of the variable stand before its assign, and before the step that computes the new value where that step
 * is an end (among ends: in the order of building), so that no cycle can arise. */
static eg_status order_readers(plan *p, const eg_value *assign) {
    const eg_value *var = assign->in[0], *producer = producer_of(assign->in[1]);
    for (int id = 0; id < p->graph->n; id++) {
        const eg_value *v = p->graph->values[id];
        if (v == assign || v == producer || v->op == EG_OP_RESHAPE) continue;
        int reads = 0;
        for (int i = 0; i < v->nin; i++) reads |= read_by_product(v->in[i]) == var;
        if (!reads) continue;
        EG_TRY(add_edge(p, id, assign->id));
        if (p->is_end[producer->id] && (!p->is_end[id] || id < producer->id)) EG_TRY(add_edge(p, id, producer->id));
    }
    return EG_OK;
}

static eg_status find_edges(plan *p) {
    for (int id = 0; id < p->graph->n; id++)
        for (int i = 0; i < p->graph->values[id]->nin; i++) EG_TRY(add_edge(p, p->graph->values[id]->in[i]->id, id));
    mark_ends(p);
    for (int id = 0; id < p->graph->n; id++)
        if (p->graph->values[id]->op == EG_OP_ASSIGN) EG_TRY(order_readers(p, p->graph->values[id]));
    return EG_OK;
}

/* ---- preferences --------------------------------------------------------------------------------------------- */

/* What is ready at the same time runs in this order of classes: what follows its producer at once comes first. */
enum { LEAF, PART, ASSIGN, VIEW, STEP, UPDATE };

static int64_t preference(int class, int64_t place) {
    return ((int64_t)class << 40) + place;
}

static int class_of(const eg_value *v) {
    if (v->nin == 0) return LEAF;
    return v->op == EG_OP_PART ? PART : v->op == EG_OP_ASSIGN ? ASSIGN : v->op == EG_OP_RESHAPE ? VIEW : STEP;
}

/* Which ops a body has and how they hang together, whatever the shapes. */
static uint64_t body_hash(const eg_body *body) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a over numbers */
    for (int id = 0; id < body->graph->n; id++) {
        const eg_value *v = body->graph->values[id];
        uint64_t bits = 0;
        if (v->op == EG_OP_CONST) memcpy(&bits, &v->attr.number.number, sizeof bits);
        hash = (hash ^ (uint64_t)v->op ^ bits) * 1099511628211u;
        for (int i = 0; i < v->nin; i++) hash = (hash ^ (uint64_t)v->in[i]->id) * 1099511628211u;
    }
    return hash;
}

/* A group is an update if an assign stores a result of it. Equal bodies share the place of the first variable
 * that has them. */
static eg_status prefer_updates(plan *p) {
    uint64_t *hash = eg_calloc((size_t)p->graph->n + 1, sizeof *hash); /* by variable; 0: no update */
    int kinds = 0;
    if (!hash) return EG_E_MEMORY;
    for (int id = 0; id < p->graph->n; id++) {
        const eg_value *v = p->graph->values[id];
        if (v->op != EG_OP_ASSIGN) continue;
        const eg_value *group = producer_of(v->in[1]);
        if (group->op != EG_OP_FUSED || p->key[group->id] >= preference(UPDATE, 0)) continue;
        uint64_t mine = body_hash(group->attr.body.body);
        int kind = 0;
        while (kind < kinds && hash[kind] != mine) kind++;
        if (kind == kinds) hash[kinds++] = mine;
        p->key[group->id] = preference(UPDATE, ((int64_t)kind << 24) + v->in[0]->id);
    }
    eg_free(hash);
    return EG_OK;
}

static eg_status make_plan(plan *p) {
    for (int id = 0; id < p->graph->n; id++) p->key[id] = preference(class_of(p->graph->values[id]), id);
    EG_TRY(find_edges(p));
    EG_TRY(prefer_updates(p));
    return eg_order(p->graph->n, p->edge, p->m, p->key, p->order);
}

eg_status eg_pass_schedule(eg_unit *unit) {
    EG_TRY(eg_rewrite_unit(unit, copy_assigned, NULL));
    EG_TRY(copy_fetched(unit));
    size_t n = (size_t)unit->graph->n;
    plan p = { .graph = unit->graph };
    eg_status status = EG_E_MEMORY;
    p.is_end = eg_calloc(n + 1, 1);
    p.order = eg_calloc(n + 1, sizeof(int));
    p.key = eg_calloc(n + 1, sizeof(int64_t));
    if (p.is_end && p.order && p.key) status = make_plan(&p);
    if (status == EG_OK) status = eg_rewrite_ordered(unit, p.order, (int)n, NULL, NULL);
    eg_free(p.edge);
    eg_free(p.is_end);
    eg_free(p.order);
    eg_free(p.key);
    return status;
}
