/* SPDX-License-Identifier: MIT
 *
 * verify.c: checks that a graph is what node.h says, whoever built it. It runs after each pass in debug builds, and
 * on every graph that was parsed. A user cannot cause a failure here, so each is a defect of the library: INTERNAL.
 */
#include "graph/node.h"

#include <string.h>

#include "base/status.h"
#include "graph/attr.h"
#include "ops/op.h"

/* One rule: NULL if the value keeps it, else what is wrong. */
typedef const char *(*rule)(const eg_value *value);

static const char *place_rule(const eg_value *value) {
    if (value->op < 0 || value->op >= EG_OP_COUNT || value->def != eg_op_table[value->op])
        return "an op that is none";
    if (value->op == EG_OP_POISON) return "poison among the values";
    for (int i = 0; i < value->nin; i++) {
        const eg_value *in = value->in[i];
        if (!in || in->graph != value->graph) return "an operand of another graph";
        if (in->id < 0 || in->id >= value->id || value->graph->values[in->id] != in)
            return "an operand that does not stand before it";
        if (in->def->flags & EG_EFFECT) return "an operand that is a root and has no value";
    }
    return NULL;
}

static const char *arity_rule(const eg_value *value) {
    int arity = value->def->arity;
    return (arity < 0 ? value->nin >= -arity : value->nin == arity) ? NULL : "a wrong number of operands";
}

static const char *attr_rule(const eg_value *value) {
    eg_attr normal = { 0 };
    int rank = value->nin > 0 ? value->in[0]->shape.rank : 0;
    if (eg_attr_normal(&normal, value->def, &value->attr, rank) != EG_OK) return "attributes that are not legal";
    return memcmp(&normal, &value->attr, sizeof normal) == 0 ? NULL : "attributes that are not in normal form";
}

static const char *type_rule(const eg_value *value) {
    eg_inferred is = { .dtype = EG_F32 };
    if (value->def->infer(value, &is) != EG_OK) return "operands that its op does not accept";
    return is.dtype == value->dtype && eg_same_shape(&is.shape, &value->shape) ? NULL
                                                                               : "another type than its op infers";
}

static const char *layout_rule(const eg_value *value) {
    if (value->op == EG_OP_VAR && (eg_layout)value->attr.leaf.layout != value->layout) return "two layouts";
    if (value->layout == EG_ROWS) return NULL;
    return value->layout == EG_PANELS && (value->dtype == EG_F32 || value->dtype == EG_U8) && value->shape.rank == 2
               ? NULL
               : "a layout that is for f32 matrices (and masks over them) only";
}

static const char *name_rule(const eg_value *value) {
    if (value->def->attr != EG_ATTR_LEAF) return value->name[0] == '\0' ? NULL : "a name, though it is no leaf";
    if (value->name[0] == '\0') return "no name";
    return eg_graph_find(value->graph, value->op, value->name) == value ? NULL : "a name that another leaf has";
}

static const char *part_rule(const eg_value *value) {
    if (value->op != EG_OP_PART) return NULL;
    const eg_value *whole = value->in[0];
    int64_t index = value->attr.index.index;
    if (whole->def->attr != EG_ATTR_BODY) return "a part of a value that has no parts";
    return index >= 0 && index < whole->attr.body.body->nout ? NULL : "a part that its whole does not have";
}

/* What moves from step to step lies in rows; the operand may still have to be brought there. */
static int layout_fits(const eg_value *value, int i) {
    eg_layout layout = value->attr.body.body->param[i]->layout;
    int moves = value->op == EG_OP_SCAN && i < value->attr.body.carries + value->attr.body.stacked;
    return moves ? layout == EG_ROWS : layout == value->in[i]->layout;
}

/* Params in order; results of the body's own graph. That the types fit is for the op to say. */
static const char *body_rule(const eg_value *value) {
    if (value->def->attr != EG_ATTR_BODY) return NULL;
    const eg_body *body = value->attr.body.body;
    if (body->outer != value->graph || body->nin != value->nin || body->graph->body != body)
        return "a body that is not made for it";
    for (int i = 0; i < body->nin; i++) {
        const eg_value *param = body->param[i];
        if (!param || param->graph != body->graph || param->op != EG_OP_PARAM || param->attr.index.index != i)
            return "a body without a parameter";
        if (!layout_fits(value, i)) return "a body with a parameter of another layout than the operand";
    }
    for (int i = 0; i < body->nout; i++)
        if (!body->out[i] || body->out[i]->graph != body->graph) return "a body with a result from elsewhere";
    return NULL;
}

/* The order counts: each rule may rely on those before it. */
static const rule rules[] = { place_rule, arity_rule, attr_rule,   part_rule,
                              body_rule,  type_rule,  layout_rule, name_rule };

static eg_status verify_value(const eg_value *value) {
    const char *fault = NULL;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && !fault; i++) fault = rules[i](value);
    if (fault) return eg_fail(EG_E_INTERNAL, "verify: value %d (%s) has %s", value->id, eg_value_op(value), fault);
    if (value->def->attr != EG_ATTR_BODY) return EG_OK;
    if (eg_graph_verify(value->attr.body.body->graph) == EG_OK) return EG_OK;
    return eg_context("body of value %d", value->id);
}

eg_status eg_graph_verify(const eg_graph *graph) {
    EG_TRY(eg_graph_settle(graph));
    for (int id = 0; id < graph->n; id++) {
        const eg_value *value = graph->values[id];
        if (!value || value->id != id || value->graph != graph)
            return eg_fail(EG_E_INTERNAL, "verify: place %d holds a value of another place", id);
        EG_TRY(verify_value(value));
    }
    return EG_OK;
}
