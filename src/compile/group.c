/* SPDX-License-Identifier: MIT
 *
 * group.c: which values may be computed together, and the merging of two groups. Rules, not wishes: fuse.c decides
 * what to try. Merging is tentative: the union is checked edge by edge, for cycles through the outside, and for its
 * size.
 */
#include <string.h>
#include "compile/group.h"
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"

/* ---- shapes -------------------------------------------------------------------------------------------------- */

eg_shape eg_squeezed(const eg_shape *shape) {
    eg_shape out = { 0 };
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] != 1) out.dim[out.rank++] = shape->dim[i];
    return out;
}

eg_reach eg_reach_of(const eg_shape *from, const eg_value *v, int *split) {
    int extra = v->shape.rank - from->rank, axes = 0, first = -1, last = -1, count = 0;
    for (int i = 0; i < v->shape.rank; i++) {
        if (v->shape.dim[i] == 1) continue;
        if (i >= extra && from->dim[i - extra] == v->shape.dim[i]) {
            if (count++ == 0) first = axes;
            last = axes;
        }
        axes++;
    }
    if (count == axes) return EG_REACH_FULL;
    if (count == 0) return EG_REACH_SCALAR;
    if (last - first + 1 != count) return EG_REACH_NONE;
    *split = first == 0 ? count : first;
    return first == 0 ? EG_REACH_ROW : last == axes - 1 ? EG_REACH_COLUMN : EG_REACH_NONE;
}

static int starts_with(eg_shape shape, eg_shape start) {
    for (int i = 0; i < start.rank; i++)
        if (i >= shape.rank || shape.dim[i] != start.dim[i]) return 0;
    return 1;
}

static int is_negated_scalar(const eg_value *v) {
    return v->op == EG_OP_NEG && v->dtype == EG_F32 && v->shape.rank == 0;
}

static int is_ramp(const eg_value *v) {
    return v->op == EG_OP_IOTA && v->dtype == EG_F32 && v->shape.rank == 1;
}

int eg_is_inline(const eg_value *u, const eg_value *v) {
    if (!(v->def->flags & EG_ELEMENTWISE) && v->op != EG_OP_EXPAND) return 0;
    return u->op == EG_OP_CONST || is_ramp(u) || (is_negated_scalar(u) && !is_negated_scalar(v));
}

/* ---- what a value is by itself ------------------------------------------------------------------------------- */

static int reads_only(const eg_value *v, int from, eg_dtype dtype) {
    for (int i = from; i < v->nin; i++)
        if (v->in[i]->dtype != dtype) return 0;
    return 1;
}

/* Elementwise in float registers. */
static int is_elementwise(const eg_value *v) {
    if (v->op == EG_OP_CAST) return v->dtype == EG_F32 && v->in[0]->dtype != EG_F64;
    if (v->op == EG_OP_EXPAND || v->op == EG_OP_RESHAPE) return v->dtype == EG_F32;
    if (!(v->def->flags & EG_ELEMENTWISE) || !v->def->strip || v->op == EG_OP_DETACH) return 0;
    if (v->op == EG_OP_WHERE) return v->dtype == EG_F32;
    return reads_only(v, 0, EG_F32);
}

static void set_up_elementwise(eg_group *group, const eg_value *v) {
    group->space = eg_squeezed(&v->shape);
    if (v->op == EG_OP_RESHAPE) {
        eg_shape before = eg_squeezed(&v->in[0]->shape);
        if (!eg_same_shape(&group->space, &before)) return;
    }
    for (int i = 0; i < v->nin && v->op != EG_OP_RESHAPE; i++) {
        int split;
        eg_reach reach = eg_reach_of(&v->in[i]->shape, v, &split);
        if (reach == EG_REACH_NONE) return;
        if (is_ramp(v->in[i])) group->ramps = 1;
        if (reach != EG_REACH_ROW && reach != EG_REACH_COLUMN) continue;
        if (group->split >= 0 && group->split != split) return;
        group->split = split;
    }
    group->kind = EG_KIND_STRIP;
}

/* The columns of a group that is split. */
static int64_t columns_of(const eg_group *group) {
    int64_t columns = 1;
    for (int i = group->split; i < group->space.rank; i++) columns *= group->space.dim[i];
    return columns;
}

/* Reductions over the last of the axes longer than 1. */
static void set_up_reduction(eg_group *group, const eg_value *v) {
    const eg_value *x = v->in[0];
    int axes = 0, kept = 0, after_reduced = 0;
    group->space = eg_squeezed(&x->shape);
    for (int i = 0; i < x->shape.rank; i++) {
        int reduced = v->attr.reduce.mask >> i & 1;
        if (x->shape.dim[i] == 1) continue;
        if (!reduced && after_reduced) return;
        after_reduced |= reduced;
        kept += !reduced;
        axes++;
    }
    group->split = kept;
    if (kept == axes || columns_of(group) > EG_GROUP_ROW) return;
    group->kind = EG_KIND_STRIP;
    group->reduces = 1;
}

static void set_up_one_hot(eg_group *group, const eg_value *v) {
    int64_t depth = v->shape.dim[v->shape.rank - 1];
    if (v->dtype != EG_F32 || depth < 2 || depth > EG_GROUP_ROW) return;
    group->space = eg_squeezed(&v->shape);
    group->split = group->space.rank - 1;
    group->kind = EG_KIND_STRIP;
    group->ramps = 1;
}

static void set_up_product(eg_group *group, const eg_value *v) {
    if (v->dtype != EG_F32 || v->shape.rank != 2 || v->in[0]->shape.rank != 2 || v->in[1]->shape.rank != 2) return;
    group->space = eg_squeezed(&v->shape);
    group->split = v->shape.dim[0] != 1;
    group->kind = EG_KIND_PRODUCT;
}

/* A row for each position. */
static void set_up_conv(eg_group *group, const eg_value *v) {
    if (v->dtype != EG_F32 || v->attr.window.kernel) return;
    group->space = eg_squeezed(&v->shape);
    group->split = group->space.rank - (v->shape.dim[v->shape.rank - 1] != 1);
    group->kind = EG_KIND_PRODUCT;
}

static int reduces_rows(const eg_value *v) {
    if (v->def->attr != EG_ATTR_REDUCE || v->dtype != EG_F32) return 0;
    return v->in[0]->dtype == EG_F32 && v->in[0]->layout == EG_ROWS;
}

static void set_up(eg_grouping *g, const eg_value *v) {
    eg_group *group = &g->group[v->id];
    *group = (eg_group){ .kind = EG_KIND_ALONE, .split = -1, .layout = v->layout, .last = v->id, .members = 1 };
    if (is_negated_scalar(v)) return;
    if (eg_count(&v->shape) == 0 || (v->nin > 0 && eg_count(&v->in[0]->shape) == 0)) return;
    if (v->op == EG_OP_MATMUL) set_up_product(group, v);
    else if (v->op == EG_OP_CONV) set_up_conv(group, v);
    else if (v->op == EG_OP_ONE_HOT) set_up_one_hot(group, v);
    else if (reduces_rows(v)) set_up_reduction(group, v);
    else if (is_elementwise(v)) set_up_elementwise(group, v);
    g->is_row[v->id] = group->reduces;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static void list_users(eg_grouping *g) {
    for (int id = 0; id < g->n; id++)
        for (int i = 0; i < g->graph->values[id]->nin; i++) g->user_first[g->graph->values[id]->in[i]->id]++;
    for (int id = 0, sum = 0; id <= g->n; id++) {
        sum += g->user_first[id];
        g->user_first[id] = sum; /* the end of its list; filling moves it to the start */
    }
    for (int id = g->n - 1; id >= 0; id--) {
        const eg_value *v = g->graph->values[id];
        for (int i = 0; i < v->nin; i++) g->user[--g->user_first[v->in[i]->id]] = id;
    }
}

eg_status eg_grouping_new(eg_grouping *g, const eg_unit *unit) {
    size_t n = (size_t)unit->graph->n, edges = 0;
    for (size_t id = 0; id < n; id++) edges += (size_t)unit->graph->values[id]->nin;
    *g = (eg_grouping){ .unit = unit, .graph = unit->graph, .n = (int)n };
    g->group = eg_calloc(n + 1, sizeof *g->group);
    int *numbers = eg_calloc(5 * (n + 1) + edges + 1, sizeof *numbers);
    unsigned char *flags = eg_calloc(3, n + 1);
    g->leader = numbers; /* owns the block of numbers, is_row that of flags */
    g->is_row = flags;
    if (!g->group || !numbers || !flags) {
        eg_grouping_free(g);
        return EG_E_MEMORY;
    }
    g->next = numbers + (n + 1);
    g->stack = numbers + 2 * (n + 1);
    g->seen = numbers + 3 * (n + 1);
    g->user_first = numbers + 4 * (n + 1);
    g->user = numbers + 5 * (n + 1);
    g->is_sums = flags + (n + 1);
    g->is_root = flags + 2 * (n + 1);
    for (int id = 0; id < g->n; id++) {
        g->leader[id] = id;
        g->next[id] = -1;
        set_up(g, g->graph->values[id]);
    }
    for (int i = 0; i < unit->nroots; i++) g->is_root[unit->root[i]->id] = 1;
    list_users(g);
    return EG_OK;
}

void eg_grouping_free(eg_grouping *g) {
    eg_free(g->group);
    eg_free(g->leader);
    eg_free(g->is_row);
    *g = (eg_grouping){ 0 };
}

/* ---- a union, checked ---------------------------------------------------------------------------------------- */

typedef struct merger {
    eg_grouping *g;
    int a, b;      /* leaders */
    int to_rows;   /* the leader whose members all become row values of the other; -1 */
    eg_group sum;  /* what the union will be */
} merger;

static int is_inside(const merger *m, int id) {
    int leader = m->g->leader[id];
    return leader == m->a || leader == m->b;
}

static int is_row(const merger *m, int id) {
    return m->g->is_row[id] || m->g->leader[id] == m->to_rows;
}

/* May v read u, both inside? */
static int edge_fits(const merger *m, const eg_value *u, const eg_value *v) {
    int split = -1, row_u = is_row(m, u->id), row_v = is_row(m, v->id);
    if (eg_is_product(v) || v->op == EG_OP_ONE_HOT || m->g->is_sums[v->id] || m->g->is_sums[u->id]) return 0;
    if (v->def->attr == EG_ATTR_REDUCE) return !row_u;
    if (v->op == EG_OP_RESHAPE) return row_u == row_v;
    eg_reach reach = eg_reach_of(&u->shape, v, &split);
    if (row_v) return row_u && reach == EG_REACH_FULL;
    if (!row_u) return reach == EG_REACH_FULL;
    return m->sum.split == 0 ? eg_count(&u->shape) == 1 : reach == EG_REACH_ROW && split == m->sum.split;
}

static int edges_fit(const merger *m, int leader) {
    for (int id = leader; id >= 0; id = m->g->next[id]) {
        const eg_value *v = m->g->graph->values[id];
        for (int i = 0; i < v->nin; i++)
            if (is_inside(m, v->in[i]->id) && !edge_fits(m, v->in[i], v)) return 0;
    }
    return 1;
}

/* Pushes the groups that read from `leader`'s, but for the group itself and `skip`. */
static void push_readers(eg_grouping *g, int leader, int skip, int *size) {
    for (int id = leader; id >= 0; id = g->next[id]) {
        for (int i = g->user_first[id]; i < g->user_first[id + 1]; i++) {
            int reader = g->leader[g->user[i]];
            if (reader == leader || reader == skip || g->seen[reader] == g->stamp) continue;
            g->seen[reader] = g->stamp;
            g->stack[(*size)++] = reader;
        }
    }
}

/* Is there a way from group a to group b through others? */
static int leads_around(eg_grouping *g, int a, int b) {
    int size = 0;
    g->stamp++;
    push_readers(g, a, b, &size);
    while (size > 0) {
        int leader = g->stack[--size];
        push_readers(g, leader, -1, &size);
        if (g->seen[b] == g->stamp) return 1;
    }
    return 0;
}

/* ---- a group's border ---------------------------------------------------------------------------------------- */

eg_reach eg_operand_reach(const eg_grouping *g, const eg_value *v, int i) {
    const eg_value *u = v->in[i];
    int split, is_row = g->is_row[v->id];
    if (eg_is_product(v) || g->is_sums[v->id]) return EG_REACH_NONE;
    if (eg_count(&u->shape) == 1 && u->layout == EG_ROWS) return EG_REACH_SCALAR;
    if (v->def->attr == EG_ATTR_REDUCE) return EG_REACH_FULL;
    if (v->op == EG_OP_ONE_HOT) return EG_REACH_ROW;
    eg_reach reach = v->op == EG_OP_RESHAPE ? EG_REACH_FULL : eg_reach_of(&u->shape, v, &split);
    return is_row && reach == EG_REACH_FULL ? EG_REACH_ROW : reach;
}

static int add_in(eg_border *border, const eg_value *u, eg_reach reach) {
    for (int i = 0; i < border->nin; i++)
        if (border->in[i] == u && border->reach[i] == reach) return 1;
    if (border->nin == EG_GROUP_NODES) return 0;
    border->reach[border->nin] = reach;
    border->in[border->nin++] = u;
    return 1;
}

int eg_is_read_outside(const eg_grouping *g, int id, int a, int b) {
    if (g->is_root[id]) return 1;
    for (int i = g->user_first[id]; i < g->user_first[id + 1]; i++) {
        int reader = g->leader[g->user[i]];
        if (reader != a && reader != b) return 1;
    }
    return 0;
}

/* The border of one half of the union of groups a and b. */
static int add_border(const eg_grouping *g, int half, int a, int b, eg_border *border) {
    for (int id = half; id >= 0; id = g->next[id]) {
        const eg_value *v = g->graph->values[id];
        for (int i = 0; i < v->nin; i++) {
            int source = g->leader[v->in[i]->id];
            const eg_value *u = v->in[i];
            int is_inline = eg_is_inline(u, v);
            if (source == a || source == b || (is_inline && u->nin == 0)) continue;
            eg_reach reach = is_inline ? EG_REACH_SCALAR : eg_operand_reach(g, v, i);
            if (!add_in(border, is_inline ? u->in[0] : u, reach)) return 0;
        }
        border->nout += eg_is_read_outside(g, id, a, b);
    }
    return 1;
}

int eg_group_border(const eg_grouping *g, int a, int b, eg_border *border) {
    border->nin = border->nout = 0;
    return add_border(g, a, a, b, border) && (a == b || add_border(g, b, a, b, border));
}

/* Nodes that the body needs beside params: a one-hot is four, a constant one. */
static int count_nodes(const eg_grouping *g, int leader) {
    int nodes = 0;
    for (int id = leader; id >= 0; id = g->next[id]) {
        const eg_value *v = g->graph->values[id];
        nodes += v->op == EG_OP_ONE_HOT ? 4 : 1;
        for (int i = 0; i < v->nin; i++) nodes += eg_is_inline(v->in[i], v);
    }
    return nodes;
}

/* An epilogue that passes many large tensors through the caches drives the product's operands out of them, and takes
 * longer than a step of its own (three of 4 MB each: by a tenth of the product). */
static int epilogue_fits(const merger *m, const eg_border *border) {
    enum { MOST_TENSORS = 2, OWN_CACHE = 1 << 20 };
    int tensors = border->nout;
    for (int i = 0; i < border->nin; i++) tensors += border->reach[i] == EG_REACH_FULL;
    return tensors <= MOST_TENSORS || tensors * eg_count(&m->sum.space) * (int64_t)sizeof(float) <= OWN_CACHE;
}

/* Column sums are no epilogue. */
static int size_fits(const merger *m, int is_epilogue) {
    eg_border border;
    int nodes = count_nodes(m->g, m->a) + count_nodes(m->g, m->b);
    if (!eg_group_border(m->g, m->a, m->b, &border)) return 0;
    if (border.nin + border.nout > EG_GROUP_OPERANDS || nodes + border.nin > EG_GROUP_NODES) return 0;
    return !is_epilogue || m->sum.kind != EG_KIND_PRODUCT || epilogue_fits(m, &border);
}

/* ---- merging ------------------------------------------------------------------------------------------------- */

/* Both have full values of one space. */
static int same_space(merger *m, const eg_group *a, const eg_group *b) {
    if (!eg_same_shape(&a->space, &b->space) || a->layout != b->layout) return 0;
    if (a->split >= 0 && b->split >= 0 && a->split != b->split) return 0;
    m->sum.split = a->split >= 0 ? a->split : b->split;
    return 1;
}

/* `rows` is elementwise over the rows of `whole`. A scalar joins only what computes it: else each group would swallow
 * the schedule of learning rates. */
static int rows_of_space(merger *m, const eg_group *whole, const eg_group *rows, int whole_first) {
    eg_shape shape = whole->space;
    if (whole->kind == EG_KIND_PRODUCT || whole->layout != EG_ROWS || rows->layout != EG_ROWS) return 0;
    if (whole->split < 0 || rows->split >= 0 || rows->reduces || rows->ramps) return 0;
    if (rows->space.rank != whole->split || !starts_with(shape, rows->space)) return 0;
    if (whole->split == 0 && !whole_first) return 0;
    m->to_rows = rows == &m->g->group[m->a] ? m->a : m->b;
    m->sum.split = whole->split;
    m->sum.space = whole->space;
    return 1;
}

static int spaces_fit(merger *m) {
    const eg_group *a = &m->g->group[m->a], *b = &m->g->group[m->b]; /* a is read by b */
    if (a->update != b->update) return 0;
    if (same_space(m, a, b)) return 1;
    return rows_of_space(m, a, b, 1) || rows_of_space(m, b, a, 0);
}

static int kinds_fit(const eg_group *a, const eg_group *b) {
    if (a->kind == EG_KIND_ALONE || b->kind == EG_KIND_ALONE) return 0;
    int products = (a->kind == EG_KIND_PRODUCT) + (b->kind == EG_KIND_PRODUCT);
    return products == 0 || (products == 1 && !a->reduces && !b->reduces && !a->ramps && !b->ramps);
}

static int row_fits(const eg_group *sum) {
    return !sum->reduces || (sum->layout == EG_ROWS && sum->split >= 0 && columns_of(sum) <= EG_GROUP_ROW);
}

/* Members of b move behind those of a; the older leader stays. */
static void join(merger *m) {
    eg_grouping *g = m->g;
    int keeps = m->a < m->b ? m->a : m->b, goes = keeps == m->a ? m->b : m->a;
    for (int id = m->to_rows; id >= 0; id = g->next[id]) g->is_row[id] = 1;
    for (int id = goes; id >= 0; id = g->next[id]) g->leader[id] = keeps;
    g->next[g->group[keeps].last] = goes;
    m->sum.last = g->group[goes].last;
    g->group[keeps] = m->sum;
}

static int merge(eg_grouping *g, int leader_a, int leader_b, int siblings) {
    merger m = { .g = g, .a = leader_a, .b = leader_b, .to_rows = -1 };
    const eg_group *a = &g->group[m.a], *b = &g->group[m.b];
    if (m.a == m.b || !kinds_fit(a, b)) return 0;
    if (siblings && !eg_same_shape(&a->space, &b->space)) return 0;
    m.sum = *a;
    m.sum.kind = a->kind == EG_KIND_PRODUCT || b->kind == EG_KIND_PRODUCT ? EG_KIND_PRODUCT : EG_KIND_STRIP;
    m.sum.members += b->members;
    m.sum.reduces |= b->reduces;
    m.sum.ramps |= b->ramps;
    if (!spaces_fit(&m) || !row_fits(&m.sum)) return 0;
    if (!edges_fit(&m, m.a) || !edges_fit(&m, m.b) || !size_fits(&m, 1)) return 0;
    if (leads_around(g, m.a, m.b) || leads_around(g, m.b, m.a)) return 0;
    join(&m);
    return 1;
}

int eg_group_merge(eg_grouping *g, const eg_value *u, const eg_value *v) {
    return merge(g, g->leader[u->id], g->leader[v->id], 0);
}

int eg_group_merge_siblings(eg_grouping *g, int a, int b) {
    return merge(g, a, b, 1);
}

int eg_group_add_sums(eg_grouping *g, const eg_value *sums, const eg_value *product) {
    merger m = { .g = g, .a = g->leader[product->id], .b = g->leader[sums->id], .to_rows = -1 };
    m.sum = g->group[m.a];
    m.sum.members++;
    if (g->group[m.b].members > 1 || is_inside(&m, sums->in[0]->id) || !size_fits(&m, 0)) return 0;
    if (leads_around(g, m.a, m.b) || leads_around(g, m.b, m.a)) return 0;
    g->is_sums[sums->id] = 1;
    join(&m);
    return 1;
}
