/* SPDX-License-Identifier: MIT
 *
 * structure.c: ops that say how a program is made rather than what a number is: assign (the only effect),
 * fused groups, further results of what has several, and the steps between layouts. All but assign are made by
 * passes only (a part also by scan).
 *
 * pack and unpack mean the same matrix in another layout, so their reference copies; the pass that makes
 * them sets value->layout. pack with `transpose` also swaps the two axes, because packing reads by strides
 * anyway.
 */
#include "ops/family.h"

/* ---- assign ---------------------------------------------------------------------------------- */

static eg_status infer_assign(const eg_value *value, eg_inferred *out) {
    const eg_value *var = value->in[0], *now = value->in[1];
    if (var->op != EG_OP_VAR) return eg_fail(EG_E_ARGUMENT, "%s is no variable", var->def->name);
    EG_TRY(eg_need_same_dtype(value, 0));
    EG_TRY(eg_infer_like(value, out));
    if (eg_same_shape(&var->shape, &now->shape)) return EG_OK;
    return eg_fail(EG_E_SHAPE, "%s is %s, its new value %s", var->name, eg_shape_words(&var->shape),
                   eg_shape_words(&now->shape));
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static const char *role_of(const eg_value *value, int i) {
    if (i < value->attr.body.carries) return "carry";
    return i < value->attr.body.carries + value->attr.body.stacked ? "stacked operand" : "operand";
}

eg_status eg_need_operands(const eg_value *value) {
    const eg_body *body = value->attr.body.body;
    int carries = value->attr.body.carries, stacked = value->attr.body.stacked;
    if (value->nin != body->nin)
        return eg_fail(EG_E_ARGUMENT, "%d operands for a body of %d parameters", value->nin, body->nin);
    for (int i = 0; i < body->nin; i++) {
        const eg_value *in = value->in[i], *param = body->param[i];
        eg_shape shape = param->shape;
        if (i >= carries && i < carries + stacked) shape = eg_batch_shape(value->attr.body.steps, &shape);
        if (in->dtype != param->dtype || !eg_same_shape(&in->shape, &shape))
            return eg_fail(EG_E_SHAPE, "%s %d is %s, its parameter needs %s", role_of(value, i), i,
                           eg_type_words(in->dtype, &in->shape), eg_type_words(param->dtype, &shape));
    }
    return EG_OK;
}

eg_status eg_result_type(const eg_value *whole, int64_t index, eg_inferred *out) {
    const eg_body *body = whole->attr.body.body;
    if (index < 0 || index >= body->nout)
        return eg_fail(EG_E_INTERNAL, "result %lld of a body that has %d", (long long)index, body->nout);
    *out = (eg_inferred){ body->out[index]->dtype, body->out[index]->shape };
    if (whole->op == EG_OP_SCAN && index >= whole->attr.body.carries)
        out->shape = eg_batch_shape(whole->attr.body.steps, &out->shape);
    return EG_OK;
}

static eg_status infer_fused(const eg_value *value, eg_inferred *out) {
    EG_TRY(eg_need_operands(value));
    return eg_result_type(value, 0, out);
}

static eg_status infer_part(const eg_value *value, eg_inferred *out) {
    const eg_value *whole = value->in[0];
    if (whole->def->attr != EG_ATTR_BODY) return eg_fail(EG_E_INTERNAL, "%s has one result only", whole->def->name);
    return eg_result_type(whole, value->attr.index.index, out);
}

static double flops_fused(const eg_value *value) {
    const eg_graph *graph = value->attr.body.body->graph;
    double sum = 0;
    for (int i = 0; i < graph->n; i++) sum += eg_value_flops(graph->values[i]);
    return sum;
}

/* ---- layouts --------------------------------------------------------------------------------- */

static eg_status infer_pack(const eg_value *value, eg_inferred *out) {
    const eg_value *x = value->in[0];
    if (x->dtype != EG_F32 || x->shape.rank != 2)
        return eg_fail(EG_E_INTERNAL, "%s: only f32 matrices have panels", eg_type_words(x->dtype, &x->shape));
    EG_TRY(eg_infer_like(value, out));
    if (value->attr.pack.transpose) out->shape = EG_SHAPE(x->shape.dim[1], x->shape.dim[0]);
    return EG_OK;
}

static void ref_pack(const eg_ref_call *call) {
    eg_shape shape = call->value->shape;
    int swapped = call->value->attr.pack.transpose != 0;
    int64_t m = shape.dim[0], n = shape.dim[1];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) call->out[i * n + j] = call->in[0][swapped ? j * m + i : i * n + j];
}

const eg_op_def eg_op_assign = { .name = "assign", .arity = 2, .flags = EG_EFFECT, .infer = infer_assign };
const eg_op_def eg_op_fused = { .name = "fused", .arity = -1, .attr = EG_ATTR_BODY, .flags = EG_INTERNAL,
    .infer = infer_fused, .flops = flops_fused };
const eg_op_def eg_op_part = { .name = "part", .arity = 1, .attr = EG_ATTR_INDEX, .flags = EG_INTERNAL,
    .infer = infer_part };
const eg_op_def eg_op_pack = { .name = "pack", .arity = 1, .attr = EG_ATTR_PACK, .flags = EG_INTERNAL,
    .infer = infer_pack, .ref = ref_pack };
const eg_op_def eg_op_unpack = { .name = "unpack", .arity = 1, .attr = EG_ATTR_PACK, .flags = EG_INTERNAL,
    .infer = infer_pack, .ref = ref_pack };

eg_value *eg_assign(eg_value *var, eg_value *now) { return eg_node2(EG_OP_ASSIGN, var, now, NULL); }
