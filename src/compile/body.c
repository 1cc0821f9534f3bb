/* SPDX-License-Identifier: MIT
 *
 * body.c: writes a group down as a FUSED node: its operands as params, its values as nodes of rank <= 2 over the
 * space [R,C] (pass.h tells the form), its results as PARTs, and views around it where shapes differ.
 */
#include <string.h>
#include "compile/group.h"
#include "base/status.h"
#include "graph/attr.h"
#include "ops/op.h"

typedef struct builder {
    eg_rewrite *r;
    const eg_grouping *g;
    const eg_group *group;
    int leader, nmembers;
    const eg_value *member[EG_GROUP_NODES]; /* in building order */
    eg_value *inner[EG_GROUP_NODES];        /* each member's value in the body */
    eg_value *in[EG_GROUP_OPERANDS];        /* operands in the new graph, in the shapes of their params */
    const eg_value *in_old[EG_GROUP_OPERANDS];
    int nin;
    eg_body *body;
    eg_shape shape[EG_REACH_FULL + 1]; /* of what is reached in that way */
} builder;

/* ---- shapes -------------------------------------------------------------------------------------------------- */

static int64_t product_of_dims(const eg_shape *shape, int from, int to) {
    int64_t n = 1;
    for (int i = from; i < to; i++) n *= shape->dim[i];
    return n;
}

/* [R,C] is [C] where there is one row, [] where there is one element; products and panels keep their matrix. */
static void choose_shapes(builder *b) {
    const eg_group *group = b->group;
    const eg_shape *space = &group->space;
    int split = group->split >= 0 ? group->split : space->rank > 1 ? space->rank - 1 : 0;
    int64_t rows = product_of_dims(space, 0, split), columns = product_of_dims(space, split, space->rank);
    int is_flat = split == 0;
    for (int i = 0; i < b->nmembers; i++) {
        const eg_value *v = b->member[i];
        if ((!eg_is_product(v) && group->layout != EG_PANELS) || b->g->is_sums[v->id]) continue;
        columns = v->shape.dim[v->shape.rank - 1];
        rows = eg_count(&v->shape) / columns;
        is_flat = 0;
        break;
    }
    b->shape[EG_REACH_COLUMN] = EG_SHAPE(columns);
    b->shape[EG_REACH_ROW] = is_flat ? EG_SHAPE(1) : EG_SHAPE(rows, 1);
    b->shape[EG_REACH_FULL] = !is_flat ? EG_SHAPE(rows, columns) : columns == 1 ? EG_SCALAR : EG_SHAPE(columns);
}

/* ---- operands ------------------------------------------------------------------------------------------------ */

/* The members in building order: an insertion sort, they are few and nearly in order. */
static void list_members(builder *b) {
    for (int id = b->leader; id >= 0; id = b->g->next[id]) {
        int at = b->nmembers++;
        for (; at > 0 && b->member[at - 1]->id > id; at--) b->member[at] = b->member[at - 1];
        b->member[at] = b->g->graph->values[id];
    }
}

/* The node of the body with that op, input (or NULL) and attributes: made once for all its readers. */
static eg_value *once(builder *b, eg_op op, eg_value *x, const eg_attr *attr) {
    eg_attr normal = { 0 };
    const eg_op_def *def = eg_op_table[op];
    if (eg_attr_normal(&normal, def, attr, 0) != EG_OK) return b->body->graph->poison;
    for (int i = b->nin; i < b->body->graph->n; i++) {
        eg_value *v = b->body->graph->values[i];
        if (v->op == op && (!x || v->in[0] == x) && eg_attr_equal(def->attr, &v->attr, &normal)) return v;
    }
    return eg_node(b->body->graph, op, &x, x != NULL, attr);
}

static eg_value *number(builder *b, const eg_value *constant) {
    eg_attr attr = { .number = { .number = constant->attr.number.number, .dtype = (int32_t)constant->dtype } };
    return once(b, EG_OP_CONST, NULL, &attr);
}

/* The numbers of the columns, f32. */
static eg_value *ramp(builder *b, const eg_shape *shape) {
    eg_attr attr = { .axis = { .shape = *shape, .dtype = EG_F32 } };
    return once(b, EG_OP_IOTA, NULL, &attr);
}

/* A whole number as a float. */
static eg_value *as_float(builder *b, eg_value *x) {
    eg_attr to_f32 = { .dtype = { EG_F32 } };
    return once(b, EG_OP_CAST, x, &to_f32);
}

static int find_operand(const builder *b, const eg_value *u, const eg_shape *shape) {
    for (int i = 0; i < b->nin; i++)
        if (b->in_old[i] == u && eg_same_shape(&b->in[i]->shape, shape)) return i;
    return -1;
}

/* The outside value u as a param of that shape (the values are made before the body, which is told their number). */
static void list_operand(builder *b, const eg_value *u, const eg_shape *shape) {
    if (find_operand(b, u, shape) >= 0) return;
    if (b->nin == EG_GROUP_OPERANDS) {
        eg_poison(b->r->to, EG_E_INTERNAL, "fuse", "a group of more than %d operands", EG_GROUP_OPERANDS);
        return;
    }
    b->in_old[b->nin] = u;
    b->in[b->nin++] = eg_reshaped(b->r->map[u->id], shape);
}

/* The shape in which member v reads its input i from outside. */
static const eg_shape *operand_shape(const builder *b, const eg_value *v, int i) {
    const eg_shape *own = &v->in[i]->shape;
    eg_reach reach = eg_operand_reach(b->g, v, i);
    return reach == EG_REACH_NONE || (reach == EG_REACH_SCALAR && own->rank <= 1) ? own : &b->shape[reach];
}

static int is_member(const builder *b, const eg_value *v) {
    return b->g->leader[v->id] == b->leader;
}

static void list_operands(builder *b) {
    for (int m = 0; m < b->nmembers; m++) {
        const eg_value *v = b->member[m];
        for (int i = 0; i < v->nin; i++) {
            const eg_value *u = v->in[i];
            if (is_member(b, u)) continue;
            if (!eg_is_inline(u, v)) list_operand(b, u, operand_shape(b, v, i));
            else if (u->nin > 0) list_operand(b, u->in[0], &u->shape);
        }
    }
}

static eg_status make_params(builder *b) {
    b->body = eg_body_new(b->r->to, b->nin);
    if (!b->body) return EG_E_MEMORY;
    for (int i = 0; i < b->nin; i++) {
        eg_value *param = eg_body_param(b->body, i, b->in[i]->dtype, &b->in[i]->shape);
        if (!eg_is_poison(param)) param->layout = b->in[i]->layout;
    }
    return EG_OK;
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static eg_value *inner_of(const builder *b, const eg_value *v) {
    for (int m = 0; m < b->nmembers; m++)
        if (b->member[m] == v) return b->inner[m];
    return NULL;
}

static eg_value *input_of(builder *b, const eg_value *v, int i) {
    const eg_value *u = v->in[i];
    if (is_member(b, u)) return inner_of(b, u);
    if (!eg_is_inline(u, v)) return b->body->param[find_operand(b, u, operand_shape(b, v, i))];
    if (u->op == EG_OP_CONST) return number(b, u);
    if (u->op == EG_OP_IOTA) return ramp(b, &u->shape);
    return eg_node1(u->op, b->body->param[find_operand(b, u->in[0], &u->shape)], NULL);
}

/* one_hot(index) = (ramp == index) as numbers; an index that a float cannot hold is far outside. */
static eg_value *one_hot(builder *b, eg_value *index) {
    eg_value *columns = ramp(b, &b->shape[EG_REACH_COLUMN]), *own = as_float(b, index);
    return as_float(b, eg_node2(EG_OP_EQ, columns, own, NULL));
}

static eg_value *build_value(builder *b, const eg_value *v) {
    eg_value *in[3] = { 0 };
    eg_attr attr = v->attr;
    for (int i = 0; i < v->nin; i++) in[i] = input_of(b, v, i);
    if (v->op == EG_OP_RESHAPE) return in[0];
    if (v->op == EG_OP_ONE_HOT) return one_hot(b, in[0]);
    if (v->def->attr == EG_ATTR_REDUCE && !b->g->is_sums[v->id])
        return eg_reduced(v->op, in[0], 1u << (b->shape[EG_REACH_FULL].rank - 1), 1);
    if (v->op == EG_OP_CONV) attr.window.rows = 1;
    if (v->op == EG_OP_EXPAND) attr.shape.shape = b->shape[b->g->is_row[v->id] ? EG_REACH_ROW : EG_REACH_FULL];
    eg_value *now = v->op == EG_OP_CAST ? as_float(b, in[0]) : eg_node(b->body->graph, v->op, in, v->nin, &attr);
    if (!eg_is_poison(now)) now->layout = v->layout;
    return now;
}

/* ---- results ------------------------------------------------------------------------------------------------- */

static int add_out(eg_value **outs, int *nouts, eg_value *value) {
    for (int i = 0; i < *nouts; i++)
        if (outs[i] == value) return i;
    outs[*nouts] = value;
    return (*nouts)++;
}

/* Result i of the fused node. */
static eg_value *result(eg_value *fused, eg_value *const *outs, int i) {
    eg_value *value = eg_part(fused, i);
    if (!eg_is_poison(value)) value->layout = outs[i]->layout;
    return value;
}

static eg_status make_results(builder *b) {
    eg_value *outs[EG_GROUP_NODES], *part[EG_GROUP_NODES];
    int nouts = 0, place[EG_GROUP_NODES];
    for (int m = 0; m < b->nmembers; m++) {
        int is_result = eg_is_read_outside(b->g, b->member[m]->id, b->leader, b->leader);
        place[m] = is_result ? add_out(outs, &nouts, b->inner[m]) : -1;
    }
    EG_TRY(eg_body_finish(b->body, outs, nouts));
    eg_attr attr = { .body = { .body = b->body } };
    eg_value *fused = eg_node(b->r->to, EG_OP_FUSED, b->in, b->nin, &attr);
    for (int i = 0; i < nouts; i++) part[i] = result(fused, outs, i);
    for (int m = 0; m < b->nmembers; m++) {
        const eg_value *old = b->member[m];
        if (place[m] >= 0) b->r->map[old->id] = eg_reshaped(part[place[m]], &old->shape);
    }
    return EG_OK;
}

eg_status eg_group_build(eg_rewrite *r, const eg_grouping *g, int leader) {
    builder b = { .r = r, .g = g, .group = &g->group[leader], .leader = leader };
    list_members(&b);
    choose_shapes(&b);
    list_operands(&b);
    if (r->to->status != EG_OK) return r->to->status;
    EG_TRY(make_params(&b));
    for (int m = 0; m < b.nmembers; m++) b.inner[m] = build_value(&b, b.member[m]);
    EG_TRY(eg_graph_settle(b.body->graph));
    return make_results(&b);
}
