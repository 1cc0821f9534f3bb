/* SPDX-License-Identifier: MIT
 *
 * lower.c: says in words that groups have what only a step of its own could do. So far one thing: comparing an argmax
 * with whole numbers, which is how hits are counted. The place of the largest is the smallest number of a column that
 * holds the row's maximum (or a NaN, if the row has one): a maximum, a choice and a minimum along the row. Columns
 * are few enough to be exact floats, and a label that a float cannot hold is no column.
 * Needs: nothing. Keeps: all bits. Breaks: nothing.
 */
#include "compile/pass.h"
#include "ops/op.h"

static int is_place_of_largest(const eg_rewrite *r, const eg_value *v) {
    if (v->op != EG_OP_ARGMAX || v->in[0]->dtype != EG_F32 || r->uses[v->id] != 1) return 0;
    eg_shape shape = v->in[0]->shape;
    int64_t columns = shape.dim[shape.rank - 1];
    return v->attr.axis.axis == shape.rank - 1 && columns > 1 && columns <= EG_GROUP_ROW;
}

static eg_value *along_rows(eg_op op, eg_value *x, int keep) {
    if (eg_is_poison(x)) return x; /* without memory: it has no rows */
    return eg_reduced(op, x, 1u << (x->shape.rank - 1), keep);
}

/* argmax as f32 */
static eg_value *place_of_largest(eg_value *x) {
    int64_t columns = x->shape.dim[x->shape.rank - 1];
    eg_attr ramp_attr = { .axis = { .shape = EG_SHAPE(columns), .dtype = EG_F32 } };
    eg_value *ramp = eg_node(x->graph, EG_OP_IOTA, NULL, 0, &ramp_attr);
    eg_value *none = eg_filled(x->graph, EG_F32, NULL, (double)columns);
    eg_value *is_largest = eg_node2(EG_OP_EQ, x, along_rows(EG_OP_MAX, x, 1), NULL);
    eg_value *first_nan = eg_node3(EG_OP_WHERE, eg_node2(EG_OP_NE, x, x, NULL), ramp, none, NULL);
    return along_rows(EG_OP_MIN, eg_node3(EG_OP_WHERE, is_largest, ramp, first_nan, NULL), 0);
}

static eg_value *as_float(const eg_rewrite *r, const eg_value *old, eg_value *now) {
    if (eg_is_poison(now)) return now;
    return is_place_of_largest(r, old) ? place_of_largest(now->in[0]) : eg_cast(now, EG_F32);
}

static eg_value *lower(eg_rewrite *r, const eg_value *old, eg_value **in) {
    if (old->op != EG_OP_EQ && old->op != EG_OP_NE) return NULL;
    if (!is_place_of_largest(r, old->in[0]) && !is_place_of_largest(r, old->in[1])) return NULL;
    eg_value *a = as_float(r, old->in[0], in[0]), *b = as_float(r, old->in[1], in[1]);
    return eg_node2(old->op, a, b, NULL);
}

eg_status eg_pass_lower(eg_unit *unit) {
    return unit->fuse ? eg_rewrite_unit(unit, lower, NULL) : EG_OK;
}
