/* SPDX-License-Identifier: MIT
 *
 * layout.c: decides which matrices lie in panels of 32 columns, and puts pack and unpack where two decisions meet.
 *
 * Variables of eg_weight lie in panels for good. Elementwise ops do not care how their operands lie as long as all
 * lie alike, so connected elementwise ops of one shape form a cluster, and a cluster that reads or assigns a panel
 * variable lies in panels as a whole: the optimizer's arithmetic. A product whose readers all take panels writes
 * them (the weight's gradient). A product reads A and B in place, but for a transposed B, which gets an explicit
 * pack, and a transposed A in panels. Everybody else reads rows.
 * Needs: ta and tb settled (transpose), no dead values (dead). Keeps: all bits. Breaks: "all but variables are in
 * rows".
 */
#include "compile/pass.h"
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

typedef struct plan {
    const eg_unit *unit;
    int *parent;             /* [n]: clusters of elementwise values, union-find */
    unsigned char *member;   /* [n]: an elementwise value that may lie in panels */
    unsigned char *anchored; /* [n]: by a cluster's root: it touches a panel variable */
    unsigned char *panels;   /* [n]: the decision */
    unsigned char *for_panels, *for_rows; /* [n]: some reader wants it so */
} plan;

static int is_matrix(const eg_value *v) {
    return v->shape.rank == 2 && v->dtype == EG_F32;
}

/* A flat product of f32 matrices: what gemm computes in place. */
static int is_product(const eg_value *v) {
    return v->op == EG_OP_MATMUL && is_matrix(v) && v->in[0]->shape.rank == 2 && v->in[1]->shape.rank == 2;
}

/* The operand has an element for each of v's. */
static int is_full(const eg_value *v, const eg_value *operand) {
    return operand->op != EG_OP_CONST && eg_same_shape(&operand->shape, &v->shape);
}

/* ---- clusters ------------------------------------------------------------------------------------------------ */

static int root_of(const plan *p, int id) {
    while (p->parent[id] != id) id = p->parent[id] = p->parent[p->parent[id]];
    return id;
}

static int could_be_member(const plan *p, const eg_value *v) {
    int is_mask = v->dtype == EG_U8 && (v->def->flags & EG_COMPARE) && p->unit->fuse; /* lives inside a group only */
    if (v->shape.rank != 2 || !(v->def->flags & EG_ELEMENTWISE) || !(v->dtype == EG_F32 || is_mask)) return 0;
    for (int i = 0; i < v->nin; i++) {
        const eg_value *x = v->in[i];
        if (x->dtype != EG_F32 && !(x->dtype == EG_U8 && p->member[x->id] && is_full(v, x))) return 0;
        if (!is_full(v, x) && eg_count(&x->shape) != 1) return 0;
    }
    return 1;
}

/* A mask with a reader outside would have to be stored: it stays in rows, and so do those that read it. */
static void drop_stored_masks(plan *p) {
    const eg_graph *graph = p->unit->graph;
    for (int changed = 1; changed;) {
        changed = 0;
        for (int id = 0; id < graph->n; id++) {
            const eg_value *v = graph->values[id];
            for (int i = 0; i < v->nin; i++) {
                const eg_value *x = v->in[i];
                if (x->dtype != EG_U8 || p->member[x->id] == p->member[id]) continue;
                p->member[x->id] = p->member[id] = 0;
                changed = 1;
            }
        }
    }
}

static int full_operands(const eg_value *v) {
    int n = 0;
    for (int i = 0; i < v->nin; i++) n += is_full(v, v->in[i]) && (i == 0 || v->in[i] != v->in[i - 1]);
    return n;
}

/* A member that no member reads and that has one operand (W * W in a penalty) may as well lie in rows, where the
 * reduction that reads it can take it in. */
static void drop_ends(plan *p) {
    const eg_graph *graph = p->unit->graph;
    for (int id = 0; id < graph->n; id++) {
        const eg_value *v = graph->values[id];
        for (int i = 0; i < v->nin; i++)
            if (p->member[id] || v->op == EG_OP_ASSIGN) p->for_panels[v->in[i]->id] = 1;
    }
    for (int id = 0; id < graph->n; id++) {
        if (!p->for_panels[id] && full_operands(graph->values[id]) == 1) p->member[id] = 0;
        p->for_panels[id] = 0;
    }
}

static void find_members(plan *p) {
    const eg_graph *graph = p->unit->graph;
    for (int id = 0; id < graph->n; id++) p->member[id] = (unsigned char)could_be_member(p, graph->values[id]);
    for (int i = 0; i < p->unit->nroots; i++)
        if (p->unit->root[i]->dtype == EG_U8) p->member[p->unit->root[i]->id] = 0;
    drop_ends(p);
    drop_stored_masks(p);
}

static void find_clusters(plan *p) {
    const eg_graph *graph = p->unit->graph;
    for (int id = 0; id < graph->n; id++) p->parent[id] = id;
    for (int id = 0; id < graph->n; id++) {
        const eg_value *v = graph->values[id];
        for (int i = 0; i < v->nin && p->member[id]; i++)
            if (p->member[v->in[i]->id] && is_full(v, v->in[i])) p->parent[root_of(p, v->in[i]->id)] = root_of(p, id);
    }
}

static void find_anchors(plan *p) {
    const eg_graph *graph = p->unit->graph;
    for (int id = 0; id < graph->n; id++) {
        const eg_value *v = graph->values[id];
        for (int i = 0; i < v->nin && p->member[id]; i++)
            if (v->in[i]->layout == EG_PANELS && is_full(v, v->in[i])) p->anchored[root_of(p, id)] = 1;
        if (v->op == EG_OP_ASSIGN && v->in[0]->layout == EG_PANELS && p->member[v->in[1]->id])
            p->anchored[root_of(p, v->in[1]->id)] = 1;
    }
    for (int id = 0; id < graph->n; id++)
        p->panels[id] = (unsigned char)(p->member[id] && p->anchored[root_of(p, id)]);
}

/* ---- products ------------------------------------------------------------------------------------------------ */

/* How `v` wants its input i: EG_PANELS or EG_ROWS, or -1 where it takes both. */
static int wish(const plan *p, const eg_value *v, int i) {
    if (p->member[v->id] && p->panels[v->id]) return is_full(v, v->in[i]) ? EG_PANELS : EG_ROWS;
    if (v->op == EG_OP_ASSIGN) return i == 0 ? -1 : (int)v->in[0]->layout;
    if (v->op == EG_OP_SCAN) return (int)v->attr.body.body->param[i]->layout;
    if (p->unit->layout && is_product(v) && i == 0) return v->attr.matmul.ta ? EG_ROWS : -1;
    if (p->unit->layout && is_product(v) && i == 1) return -1;
    return EG_ROWS;
}

static void find_products(plan *p) {
    const eg_graph *graph = p->unit->graph;
    for (int id = 0; id < graph->n; id++) {
        const eg_value *v = graph->values[id];
        for (int i = 0; i < v->nin; i++) {
            int wanted = wish(p, v, i);
            if (wanted == EG_PANELS) p->for_panels[v->in[i]->id] = 1;
            if (wanted == EG_ROWS) p->for_rows[v->in[i]->id] = 1;
        }
    }
    for (int i = 0; i < p->unit->nroots; i++) p->for_rows[p->unit->root[i]->id] = 1;
    for (int id = 0; id < graph->n; id++)
        if (is_product(graph->values[id]) && p->for_panels[id] && !p->for_rows[id]) p->panels[id] = 1;
}

/* ---- conversions --------------------------------------------------------------------------------------------- */

static eg_value *in_layout(eg_value *x, int wanted) {
    if (wanted < 0 || x->layout == (eg_layout)wanted) return x;
    return eg_node1(wanted == EG_PANELS ? EG_OP_PACK : EG_OP_UNPACK, x, NULL);
}

/* B' as B: a vector is only seen in another shape. */
static eg_value *transposed(eg_value *b) {
    eg_attr pack = { .pack = { 1 } };
    int is_vector = b->shape.dim[0] == 1 || b->shape.dim[1] == 1;
    if (is_vector && b->layout == EG_ROWS) return eg_reshaped(b, &EG_SHAPE(b->shape.dim[1], b->shape.dim[0]));
    return eg_node1(EG_OP_PACK, b, &pack);
}

static eg_value *lay_out(eg_rewrite *r, const eg_value *old, eg_value **in) {
    const plan *p = r->user;
    eg_attr attr = old->attr;
    eg_value *now;
    if (old->nin == 0) return NULL;
    for (int i = 0; i < old->nin; i++) in[i] = in_layout(in[i], wish(p, old, i));
    if (p->unit->layout && is_product(old) && attr.matmul.tb) {
        in[1] = transposed(in[1]);
        attr.matmul.tb = 0;
        now = eg_node(r->to, EG_OP_MATMUL, in, old->nin, &attr);
    } else {
        now = eg_rewrite_copy(r, old, in);
    }
    if (eg_is_poison(now)) return now;
    if (p->panels[old->id]) now->layout = EG_PANELS;
    if (old->op == EG_OP_ASSIGN) now->layout = in[0]->layout;
    return now;
}

/* What is fetched is in rows. */
static eg_status unpack_roots(eg_unit *unit) {
    for (int i = 0; i < unit->nroots; i++)
        if (unit->root[i]->op != EG_OP_ASSIGN) unit->root[i] = in_layout(unit->root[i], EG_ROWS);
    return eg_graph_settle(unit->graph);
}

/* All decisions; without unit->layout none but those of the variables. */
static void decide(plan *p) {
    if (!p->unit->layout) return;
    find_members(p);
    find_clusters(p);
    find_anchors(p);
    find_products(p);
}

eg_status eg_pass_layout(eg_unit *unit) {
    size_t n = (size_t)unit->graph->n;
    eg_status status = EG_E_MEMORY;
    unsigned char *flags = eg_calloc(5, n + 1); /* five sets, side by side */
    plan p = { .unit = unit, .parent = eg_calloc(n + 1, sizeof(int)) };
    if (flags && p.parent) {
        unsigned char **set[] = { &p.member, &p.anchored, &p.panels, &p.for_panels, &p.for_rows };
        for (size_t i = 0; i < 5; i++) *set[i] = flags + i * n;
        decide(&p);
        status = eg_rewrite_unit(unit, lay_out, &p);
        if (status == EG_OK) status = unpack_roots(unit);
    }
    eg_free(flags);
    eg_free(p.parent);
    return status;
}
