/* SPDX-License-Identifier: MIT
 *
 * table.c: the table of ops and what is the same for all of them: names, counting work, and running the
 * float64 reference. Elementwise ops give only a scalar function; the broadcasting loop around it stands
 * here, once.
 *
 * The reference computes in double whatever the declared dtype. Integers are whole doubles: what is stored
 * into i32 or u8 is truncated and clamped, never wrapped, and NaN becomes 0.
 */
#include <limits.h>
#include <string.h>
#include "ops/family.h"

const eg_op_def *const eg_op_table[EG_OP_COUNT] = {
#define EG_OP(NAME, symbol) [EG_OP_##NAME] = &symbol,
#include "ops/ops.def"
#undef EG_OP
};

const eg_op_def *eg_op_named(const char *name) {
    for (int i = 0; i < EG_OP_COUNT; i++)
        if (!strcmp(eg_op_table[i]->name, name)) return eg_op_table[i];
    return NULL;
}

double eg_value_flops(const eg_value *value) {
    const eg_op_def *def = value->def;
    int counts = !(def->flags & EG_ELEMENTWISE) && def->flops;
    return counts ? def->flops(value) : def->work * (double)eg_count(&value->shape);
}

/* ---- infer rules that many ops share --------------------------------------------------------- */

eg_status eg_need_dtype(const eg_value *input, eg_dtype dtype, const char *role) {
    if (input->dtype == dtype) return EG_OK;
    return eg_fail(EG_E_DTYPE, "%s: %s must be %s, convert with eg_cast", eg_type_words(input->dtype, &input->shape),
                   role, eg_dtype_name(dtype));
}

eg_status eg_need_float(const eg_value *input) {
    if (eg_is_float(input->dtype)) return EG_OK;
    return eg_fail(EG_E_DTYPE, "%s: needs f32 or f64, convert with eg_cast",
                   eg_type_words(input->dtype, &input->shape));
}

eg_status eg_need_axis(const eg_shape *shape, int64_t axis) {
    if (axis >= 0 && axis < shape->rank) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "%s has no such axis", eg_shape_words(shape));
}

eg_status eg_need_same_dtype(const eg_value *value, int first) {
    const eg_value *a = value->nin > first ? value->in[first] : NULL;
    for (int i = first + 1; i < value->nin; i++) {
        const eg_value *b = value->in[i];
        if (b->dtype == a->dtype) continue;
        return eg_fail(EG_E_DTYPE, "%s and %s: element types differ, convert one with eg_cast",
                       eg_type_words(a->dtype, &a->shape), eg_type_words(b->dtype, &b->shape));
    }
    return EG_OK;
}

eg_status eg_infer_like(const eg_value *value, eg_inferred *out) {
    *out = (eg_inferred){ value->in[0]->dtype, value->in[0]->shape };
    return EG_OK;
}

/* ---- builders that many rules share ---------------------------------------------------------- */

eg_value *eg_number(eg_value *like, double number) { return eg_filled(like->graph, like->dtype, NULL, number); }

eg_value *eg_firm(eg_value *value, eg_dtype dtype) {
    if (!value->weak) return value;
    return eg_filled(value->graph, dtype, &value->shape, value->attr.number.number);
}

eg_value *eg_poison_last(eg_graph *graph, const char *op) {
    return eg_poison(graph, eg_error_status(), op, "%s", eg_error());
}

/* ---- the float64 reference ------------------------------------------------------------------- */

eg_walk eg_walk_broadcast(const eg_shape *from, const eg_shape *to) {
    eg_walk walk = { .shape = *to };
    eg_broadcast_strides(from, to, walk.stride);
    return walk;
}

void eg_walk_next(eg_walk *walk) {
    for (int d = walk->shape.rank - 1; d >= 0; d--) {
        walk->at += walk->stride[d];
        if (++walk->index[d] < walk->shape.dim[d]) return;
        walk->at -= walk->stride[d] * walk->shape.dim[d];
        walk->index[d] = 0;
    }
}

static double clamp_whole(double x, double low, double high) {
    if (isnan(x)) return 0;
    x = trunc(x);
    return x < low ? low : x > high ? high : x;
}

static void store_whole(eg_dtype dtype, double *out, int64_t n) {
    double low = dtype == EG_I32 ? INT_MIN : 0, high = dtype == EG_I32 ? INT_MAX : UCHAR_MAX;
    for (int64_t i = 0; i < n; i++) out[i] = clamp_whole(out[i], low, high);
}

static void ref_elementwise(const eg_ref_call *call) {
    const eg_value *v = call->value;
    eg_walk walk[3] = { { .at = 0 } };
    const double zero = 0, *in[3] = { &zero, &zero, &zero }; /* absent operands read 0 */
    for (int q = 0; q < v->nin; q++) {
        walk[q] = eg_walk_broadcast(&v->in[q]->shape, &v->shape);
        in[q] = call->in[q];
    }
    double (*kink)(double, double) = call->margin && eg_is_float(v->in[0]->dtype) ? v->def->kink : NULL;
    int64_t n = eg_count(&v->shape);
    for (int64_t i = 0; i < n; i++) {
        double a = in[0][walk[0].at], b = in[1][walk[1].at], c = in[2][walk[2].at];
        call->out[i] = v->def->scalar(a, b, c);
        if (kink) eg_margin(call, kink(a, b));
        for (int q = 0; q < v->nin; q++) eg_walk_next(&walk[q]);
    }
}

void eg_ref_run(const eg_ref_call *call) {
    const eg_value *v = call->value;
    if (v->def->flags & EG_ELEMENTWISE) ref_elementwise(call);
    else v->def->ref(call);
    if (!eg_is_float(v->dtype)) store_whole(v->dtype, call->out, eg_count(&v->shape));
}
