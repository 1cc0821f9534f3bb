/* SPDX-License-Identifier: MIT
 *
 * rewrite.c: units, and the one loop that passes share. A unit's graph is never edited: eg_rewrite_unit walks the
 * needed values of the old graph in order, asks the pass for a replacement of each (or copies it) into a fresh
 * graph, and swaps the graphs. So each pass sees replaced inputs, drops dead code on its way, and leaves the unit
 * whole when it fails.
 *
 * Non-goals: rewriting in place, patterns over several roots (a pass that needs more looks at the old graph
 * beforehand).
 */
#include "compile/pass.h"
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

static void count_uses(eg_rewrite *r, const unsigned char *needed) {
    for (int id = 0; id < r->from->n; id++) {
        const eg_value *value = r->from->values[id];
        for (int i = 0; needed[id] && i < value->nin; i++) r->uses[value->in[i]->id]++;
    }
    for (int i = 0; i < r->unit->nroots; i++) r->uses[r->unit->root[i]->id]++;
}

/* A replacement must be a value of the new graph that means the same: same dtype, same shape. */
static eg_status check_replacement(const eg_rewrite *r, const eg_value *old, const eg_value *now) {
    EG_TRY(eg_graph_settle(r->to));
    if (!now || now->graph != r->to || eg_is_poison(now))
        return eg_fail(EG_E_INTERNAL, "rewrite: %%%d (%s) was replaced by nothing", old->id, old->def->name);
    if (now->dtype != old->dtype || !eg_same_shape(&now->shape, &old->shape)) {
        return eg_fail(EG_E_INTERNAL, "rewrite: %%%d (%s) changed from %s to %s", old->id, old->def->name,
                       eg_type_words(old->dtype, &old->shape), eg_type_words(now->dtype, &now->shape));
    }
    return EG_OK;
}

eg_value *eg_rewrite_copy(eg_rewrite *r, const eg_value *old, eg_value *const *in) {
    if (old->def->attr != EG_ATTR_BODY || r->is_lent) return eg_node_copy(r->to, old, in);
    eg_attr attr = old->attr;
    attr.body.body = eg_body_move(r->to, old->attr.body.body);
    if (!attr.body.body) return eg_poison(r->to, EG_E_MEMORY, old->def->name, "no memory");
    eg_value *now = eg_node(r->to, old->op, in, old->nin, &attr);
    if (!eg_is_poison(now)) now->layout = old->layout;
    return now;
}

static eg_status visit(eg_rewrite *r, const eg_value *old, eg_rewrite_fn fn) {
    eg_value **in = EG_ARENA_ARRAY(&r->scratch, eg_value *, old->nin);
    if (!in) return EG_E_MEMORY;
    for (int i = 0; i < old->nin; i++) in[i] = r->map[old->in[i]->id];
    eg_place was = eg_place_of(r->to, old); /* what the pass builds stands where the old value stood */
    eg_value *now = fn ? fn(r, old, in) : NULL;
    if (!now && r->to->status == EG_OK) now = eg_rewrite_copy(r, old, in);
    eg_place_restore(r->to, was);
    EG_TRY(check_replacement(r, old, now));
    r->map[old->id] = now;
    return EG_OK;
}

/* The unit takes the new graph over; the old one is left to the caller. Nothing can fail from here on. */
static void take_over(eg_rewrite *r) {
    for (int i = 0; i < r->unit->nroots; i++) r->unit->root[i] = r->map[r->unit->root[i]->id];
    r->unit->graph = r->to;
    r->to = NULL;
}

/* `order` NULL: all values as they stand. */
static eg_status rewrite(eg_unit *unit, const int *order, int n, eg_rewrite_fn fn, void *user, int is_lent) {
    eg_status status = EG_E_MEMORY;
    eg_rewrite r = { .unit = unit, .from = unit->graph, .user = user, .is_lent = is_lent };
    unsigned char *needed = EG_ARENA_ARRAY(&r.scratch, unsigned char, r.from->n);
    r.map = EG_ARENA_ARRAY(&r.scratch, eg_value *, r.from->n);
    r.uses = EG_ARENA_ARRAY(&r.scratch, int, r.from->n);
    r.to = eg_graph_new();
    if (needed && r.map && r.uses && r.to) {
        eg_mark_needed(unit->root, unit->nroots, needed);
        for (int id = 0; id < r.from->n; id++) /* a body keeps its params, whether they are read or not */
            if (r.from->values[id]->op == EG_OP_PARAM) needed[id] = 1;
        count_uses(&r, needed);
        status = EG_OK;
        for (int i = 0; i < (order ? n : r.from->n) && status == EG_OK; i++) {
            int id = order ? order[i] : i;
            if (needed[id]) status = visit(&r, r.from->values[id], fn);
        }
        if (status == EG_OK) take_over(&r);
    }
    if (r.to) eg_bodies_return(r.to);
    eg_graph_free(r.to);
    eg_arena_free(&r.scratch);
    return status;
}

eg_status eg_rewrite_ordered(eg_unit *unit, const int *order, int n, eg_rewrite_fn fn, void *user) {
    eg_graph *old = unit->graph;
    EG_TRY(rewrite(unit, order, n, fn, user, 0));
    eg_graph_free(old);
    return EG_OK;
}

eg_status eg_rewrite_unit(eg_unit *unit, eg_rewrite_fn fn, void *user) {
    return eg_rewrite_ordered(unit, NULL, 0, fn, user);
}

/* ---- units --------------------------------------------------------------------------------------------------- */

eg_status eg_unit_new(eg_unit *unit, eg_value *const *roots, int n) {
    *unit = (eg_unit){ .fuse = 1, .layout = 1, .fused_muladd = 1 };
    EG_TRY(eg_roots_check(roots, n));
    unit->root = eg_calloc((size_t)n, sizeof *unit->root);
    if (!unit->root) return EG_E_MEMORY;
    for (int i = 0; i < n; i++) unit->root[i] = roots[i];
    unit->nroots = n;
    unit->graph = roots[0]->graph; /* the user's: borrowed for this one rewrite */
    eg_status status = rewrite(unit, NULL, 0, NULL, NULL, 1);
    if (status == EG_OK) return EG_OK;
    unit->graph = NULL;
    eg_unit_free(unit);
    return status;
}

void eg_unit_free(eg_unit *unit) {
    eg_graph_free(unit->graph);
    eg_free(unit->root);
    *unit = (eg_unit){ 0 };
}
