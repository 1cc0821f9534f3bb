/* SPDX-License-Identifier: MIT
 *
 * fuse.c: fused groups. Every value starts as a group of its own; groups that a value and its reader belong to are
 * merged along the edges, greedily, in three rounds of falling importance:
 *
 *   updates      what computes the new value of a variable and its slots, and nothing else, so that all variables
 *                get the same body and the executor can run their groups as one;
 *   rows         reductions along rows with all that is elementwise around them: softmax and cross-entropy, forward
 *                and backward, are one group;
 *   the rest     elementwise values among themselves, and into products as their epilogues; before that, a function
 *                and its derivative, where one would have to store for the other what neither is.
 *
 * At last the sums of dz's columns (a bias' gradient) go with the product x' dz, which passes over all of dz.
 *
 * Nothing is computed twice: a value that is read in and outside its group is one of its results. What may be
 * merged is group.c's to say, how it is written down body.c's.
 * Non-goals: recomputation, groups over reductions of leading axes, fusing an update into its gradient's product.
 * Needs: layouts decided (layout), no dead values. Keeps: all bits. Breaks: single elementwise steps.
 */
#include "compile/group.h"
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

static eg_group *group_of(const eg_grouping *g, const eg_value *v) {
    return &g->group[g->leader[v->id]];
}

/* ---- growing groups ------------------------------------------------------------------------------------------ */

typedef int (*wish)(const eg_group *read, const eg_group *reader);

/* Tries to merge the group of u with those of its readers. A view joins the group of what it shows first, so that no
 * group begins with a view of an outside value. */
static int merge_with_readers(eg_grouping *g, const eg_value *u, wish wants) {
    int changed = 0;
    if (u->op == EG_OP_RESHAPE && group_of(g, u)->members == 1) return 0;
    for (int i = g->user_first[u->id]; i < g->user_first[u->id + 1]; i++) {
        const eg_value *v = g->graph->values[g->user[i]];
        if (wants(group_of(g, u), group_of(g, v))) changed |= eg_group_merge(g, u, v);
    }
    return changed;
}

/* From the first value to the last, until nothing changes: a value joins what it is computed from. */
static void merge_forward(eg_grouping *g, wish wants) {
    for (int changed = 1; changed;) {
        changed = 0;
        for (int id = 0; id < g->n; id++) changed |= merge_with_readers(g, g->graph->values[id], wants);
    }
}

/* From the last to the first: a value joins what reads it. So what a backward pass computes from a forward value (a
 * mask h > 0, tanh's 1 - h^2) is not stored by the forward group. */
static void merge_backward(eg_grouping *g, wish wants) {
    for (int changed = 1; changed;) {
        changed = 0;
        for (int id = g->n - 1; id >= 0; id--) changed |= merge_with_readers(g, g->graph->values[id], wants);
    }
}

static int both_update(const eg_group *read, const eg_group *reader) {
    return read->update && reader->update;
}

static int some_reduction(const eg_group *read, const eg_group *reader) {
    return read->reduces || reader->reduces;
}

static int anything(const eg_group *read, const eg_group *reader) {
    return read->kind != EG_KIND_ALONE && reader->kind != EG_KIND_ALONE;
}

/* Row groups of one space that follow each other closely: hits are counted where the loss is computed, sums over a
 * batch are one step. */
static void merge_siblings(eg_grouping *g) {
    enum { NEAR = 4 };
    int recent[NEAR] = { 0 }, n = 0;
    for (int id = 0; id < g->n; id++) {
        if (g->leader[id] != id || !g->group[id].reduces) continue;
        int merged = 0;
        for (int i = 1; i <= NEAR && i <= n && !merged; i++)
            merged = eg_group_merge_siblings(g, recent[(n - i) % NEAR], id);
        if (!merged) recent[n++ % NEAR] = id;
    }
}

/* Is v read by assigns and updates only, all of its own shape? (The shape keeps the scalars of a schedule out.) */
static int is_for_updates(const eg_grouping *g, const eg_value *v) {
    int first = g->user_first[v->id], end = g->user_first[v->id + 1];
    if (g->is_root[v->id] || first == end) return 0;
    for (int i = first; i < end; i++) {
        const eg_value *reader = g->graph->values[g->user[i]];
        int is_update = reader->op == EG_OP_ASSIGN || g->group[reader->id].update;
        if (!is_update || !eg_same_shape(&reader->shape, &v->shape)) return 0;
    }
    return 1;
}

static void mark_updates(eg_grouping *g) {
    for (int id = g->n - 1; id >= 0; id--) {
        eg_group *group = &g->group[id];
        const eg_value *v = g->graph->values[id];
        int is_plain = group->kind == EG_KIND_STRIP && !group->reduces && v->op != EG_OP_RESHAPE;
        group->update = is_plain && is_for_updates(g, v);
    }
}

/* ---- derivatives --------------------------------------------------------------------------------------------- */

/* What a value is computed from, back to one product. */
typedef struct lineage {
    int id[EG_GROUP_NODES], n; /* itself first */
    const eg_value *product;
} lineage;

/* Is u nothing but a step of v's computation: elementwise, in no group yet, and stored for nobody? */
static int is_inner(const eg_grouping *g, const eg_value *u, const eg_value *v) {
    const eg_group *group = group_of(g, u);
    if (group->kind != EG_KIND_STRIP || group->members > 1 || group->reduces || g->is_root[u->id]) return 0;
    for (int i = g->user_first[u->id]; i < g->user_first[u->id + 1]; i++)
        if (!(g->graph->values[g->user[i]]->def->flags & EG_ELEMENTWISE)) return 0;
    return eg_same_shape(&u->shape, &v->shape);
}

static int follow(const eg_grouping *g, const eg_value *v, lineage *l) {
    for (int i = 0; i < l->n; i++)
        if (l->id[i] == v->id) return 1;
    if (l->n == EG_GROUP_NODES) return 0;
    l->id[l->n++] = v->id;
    for (int i = 0; i < v->nin; i++) {
        const eg_value *u = v->in[i];
        if (eg_is_inline(u, v)) continue;
        if (eg_is_product(u) && (!l->product || l->product == u)) l->product = u;
        else if (!is_inner(g, u, v) || !follow(g, u, l)) return 0;
    }
    return 1;
}

/* y = f(x) and d = f'(x), by which another product will be multiplied, are computed together where d would need more
 * of f than y: else x, and parts of f, have to be stored for it too. */
static void keep_derivatives(eg_grouping *g) {
    for (int id = 0; id < g->n; id++) {
        const eg_value *d = g->graph->values[id];
        if (g->user_first[id + 1] - g->user_first[id] != 1 || !is_inner(g, d, d)) continue;
        const eg_value *reader = g->graph->values[g->user[g->user_first[id]]];
        lineage l = { .n = 0 };
        if (reader->op != EG_OP_MUL || !eg_is_product(reader->in[reader->in[0] == d]) || !follow(g, d, &l)) continue;
        for (int i = l.n; i-- > 0;) {
            const eg_value *u = g->graph->values[l.id[i]];
            for (int k = g->user_first[u->id]; k < g->user_first[u->id + 1]; k++)
                if (g->user[k] != reader->id) eg_group_merge(g, u, g->graph->values[g->user[k]]);
        }
    }
}

static void add_column_sums(eg_grouping *g) {
    for (int id = 0; id < g->n; id++) {
        const eg_value *v = g->graph->values[id];
        if (v->op != EG_OP_MATMUL || group_of(g, v)->kind == EG_KIND_ALONE) continue;
        const eg_value *b = v->in[1];
        if (v->attr.matmul.tb || b->layout != EG_ROWS || v->shape.dim[1] == 1) continue;
        for (int i = g->user_first[b->id]; i < g->user_first[b->id + 1]; i++) {
            const eg_value *sums = g->graph->values[g->user[i]];
            if (sums->op != EG_OP_SUM || sums->attr.reduce.mask != 1) continue;
            if (group_of(g, sums)->kind == EG_KIND_ALONE && eg_group_add_sums(g, sums, v)) break;
        }
    }
}

/* ---- what is left alone -------------------------------------------------------------------------------------- */

static void detach(eg_grouping *g, int id) {
    eg_group *group = &g->group[g->leader[id]];
    int before = g->leader[id];
    while (g->next[before] != id) before = g->next[before];
    g->next[before] = g->next[id];
    if (group->last == id) group->last = before;
    group->members--;
    g->leader[id] = id;
    g->next[id] = -1;
    g->group[id] = (eg_group){ .kind = EG_KIND_ALONE, .last = id, .members = 1 };
}

/* A view that nobody in its group reads is better made outside, where it costs nothing. It never leads its group. */
static void detach_views(eg_grouping *g) {
    for (int id = g->n - 1; id >= 0; id--) {
        if (g->graph->values[id]->op != EG_OP_RESHAPE || g->leader[id] == id) continue;
        int inside = 0;
        for (int i = g->user_first[id]; i < g->user_first[id + 1]; i++)
            inside |= g->leader[g->user[i]] == g->leader[id];
        if (!inside) detach(g, id);
    }
}

/* Is the group worth a FUSED node? One that reads nothing but constants cannot have one. */
static int is_fused(const eg_grouping *g, int leader) {
    const eg_group *group = &g->group[leader];
    const eg_value *v = g->graph->values[leader];
    int single = group->members == 1;
    eg_border border;
    if (group->kind == EG_KIND_ALONE) return 0;
    if (single && (group->kind == EG_KIND_PRODUCT || v->op == EG_OP_RESHAPE || v->op == EG_OP_EXPAND)) return 0;
    return eg_group_border(g, leader, leader, &border) && border.nin > 0;
}

static void dissolve_rest(eg_grouping *g) {
    for (int id = 0; id < g->n; id++) {
        if (g->leader[id] != id || is_fused(g, id)) continue;
        g->group[id].kind = EG_KIND_ALONE;
        for (int next = g->next[id]; next >= 0; next = g->next[id]) detach(g, next);
    }
}

static void find_groups(eg_grouping *g) {
    mark_updates(g);
    merge_forward(g, both_update);
    merge_forward(g, some_reduction);
    merge_siblings(g);
    keep_derivatives(g);
    merge_backward(g, anything);
    add_column_sums(g);
    detach_views(g);
    dissolve_rest(g);
}

/* ---- writing them down --------------------------------------------------------------------------------------- */

/* A group is written where its last member stood. */
static int last_member(const eg_grouping *g, int leader) {
    int last = leader;
    for (int id = leader; id >= 0; id = g->next[id])
        if (id > last) last = id;
    return last;
}

static eg_value *write_group(eg_rewrite *r, const eg_value *old, eg_value **in) {
    const eg_grouping *g = r->user;
    int leader = g->leader[old->id];
    (void)in;
    if (g->group[leader].kind == EG_KIND_ALONE) return NULL;
    if (eg_group_build(r, g, leader) != EG_OK) return eg_poison(r->to, eg_error_status(), "fuse", "%s", eg_error());
    return r->map[old->id];
}

/* order[i] = the last member of the i-th group. */
static eg_status order_groups(const eg_grouping *g, int (*edge)[2], int64_t *key, int *order, int *count) {
    int m = 0;
    for (int id = 0; id < g->n; id++) {
        const eg_value *v = g->graph->values[id];
        key[id] = g->leader[id] == id ? last_member(g, id) : id;
        for (int i = 0; i < v->nin; i++) {
            if (g->leader[v->in[i]->id] == g->leader[id]) continue;
            edge[m][0] = g->leader[v->in[i]->id];
            edge[m++][1] = g->leader[id];
        }
    }
    EG_TRY(eg_order(g->n, edge, m, key, order));
    *count = 0;
    for (int i = 0; i < g->n; i++)
        if (g->leader[order[i]] == order[i]) order[(*count)++] = (int)key[order[i]];
    return EG_OK;
}

static eg_status write_groups(eg_unit *unit, eg_grouping *g) {
    eg_status status = EG_E_MEMORY;
    size_t n = (size_t)g->n, edges = (size_t)g->user_first[g->n];
    int (*edge)[2] = eg_calloc(edges + 1, sizeof *edge);
    int64_t *key = eg_calloc(n + 1, sizeof *key);
    int *order = eg_calloc(n + 1, sizeof *order), count = 0;
    if (edge && key && order) status = order_groups(g, edge, key, order, &count);
    if (status == EG_OK) status = eg_rewrite_ordered(unit, order, count, write_group, g);
    eg_free(edge);
    eg_free(key);
    eg_free(order);
    return status;
}

eg_status eg_pass_fuse(eg_unit *unit) {
    eg_grouping g;
    if (!unit->fuse) return EG_OK;
    EG_TRY(eg_grouping_new(&g, unit));
    find_groups(&g);
    eg_status status = write_groups(unit, &g);
    eg_grouping_free(&g);
    return status;
}
