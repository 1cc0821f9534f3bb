/* SPDX-License-Identifier: MIT
 *
 * leaf.c: values without inputs: what a run is given (input), what a state holds (var), a body's parameters,
 * and constants (a filled tensor, a literal, an index ramp). Constants have a reference, the others get
 * their data from outside.
 */
#include "ops/family.h"

static eg_status infer_leaf(const eg_value *value, eg_inferred *out) {
    *out = (eg_inferred){ (eg_dtype)value->attr.leaf.dtype, value->attr.leaf.shape };
    return EG_OK;
}

static eg_status infer_param(const eg_value *value, eg_inferred *out) {
    *out = (eg_inferred){ (eg_dtype)value->attr.index.dtype, value->attr.index.shape };
    return EG_OK;
}

static eg_status infer_const(const eg_value *value, eg_inferred *out) {
    *out = (eg_inferred){ (eg_dtype)value->attr.number.dtype, value->attr.number.shape };
    return EG_OK;
}

static eg_status infer_data(const eg_value *value, eg_inferred *out) {
    *out = (eg_inferred){ (eg_dtype)value->attr.data.dtype, value->attr.data.shape };
    return EG_OK;
}

static eg_status infer_iota(const eg_value *value, eg_inferred *out) {
    *out = (eg_inferred){ (eg_dtype)value->attr.axis.dtype, value->attr.axis.shape };
    if (value->attr.axis.axis >= 0 && value->attr.axis.axis < out->shape.rank) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "%s has no axis %d", eg_shape_words(&out->shape), (int)value->attr.axis.axis);
}

static void ref_const(const eg_ref_call *call) {
    int64_t n = eg_count(&call->value->shape);
    for (int64_t i = 0; i < n; i++) call->out[i] = call->value->attr.number.number;
}

static void ref_data(const eg_ref_call *call) {
    const eg_value *v = call->value;
    eg_convert(EG_F64, call->out, v->dtype, v->attr.data.bytes, eg_count(&v->shape));
}

static void ref_iota(const eg_ref_call *call) {
    eg_walk walk = { .shape = call->value->shape };
    walk.stride[call->value->attr.axis.axis] = 1; /* the offset is then the index along that axis */
    int64_t n = eg_count(&walk.shape);
    for (int64_t i = 0; i < n; i++, eg_walk_next(&walk)) call->out[i] = (double)walk.at;
}

/* What a mistake gives: it exists once in each graph, and nothing builds it. */
const eg_op_def eg_op_poison = { .name = "poison", .flags = EG_LEAF };
const eg_op_def eg_op_input = { .name = "input", .attr = EG_ATTR_LEAF, .flags = EG_LEAF, .infer = infer_leaf };
const eg_op_def eg_op_var = { .name = "var", .attr = EG_ATTR_LEAF, .flags = EG_LEAF, .infer = infer_leaf };
const eg_op_def eg_op_param = { .name = "param", .attr = EG_ATTR_INDEX, .flags = EG_LEAF | EG_INTERNAL,
    .infer = infer_param };
const eg_op_def eg_op_const = { .name = "const", .attr = EG_ATTR_NUMBER, .infer = infer_const,
    .ref = ref_const };
const eg_op_def eg_op_data = { .name = "data", .attr = EG_ATTR_DATA, .infer = infer_data, .ref = ref_data };
const eg_op_def eg_op_iota = { .name = "iota", .attr = EG_ATTR_AXIS, .infer = infer_iota, .ref = ref_iota };

/* ---- constructors ---------------------------------------------------------------------------- */

eg_value *eg_input(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape) {
    if (graph && name && eg_graph_find(graph, EG_OP_INPUT, name))
        return eg_poison(graph, EG_E_NAME, "input", "\"%s\" exists already: each input has a name of its own", name);
    return eg_leaf(graph, EG_OP_INPUT, name, dtype, &shape, EG_ROWS);
}

static eg_value *scoped_var(eg_graph *graph, const char *name, eg_dtype dtype, const eg_shape *shape,
                            eg_layout layout) {
    const char *full = name;
    if (graph && graph->scope[0] && name) full = eg_arena_format(&graph->arena, "%s%s", graph->scope, name);
    if (!full && name) return eg_poison(graph, EG_E_MEMORY, "var", "no memory for the name \"%s\"", name);
    return eg_leaf(graph, EG_OP_VAR, full, dtype, shape, layout);
}

eg_value *eg_var(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape) {
    return scoped_var(graph, name, dtype, &shape, EG_ROWS);
}

eg_value *eg_weight(eg_graph *graph, const char *name, eg_dtype dtype, eg_shape shape) {
    return scoped_var(graph, name, dtype, &shape, eg_weight_layout(&shape));
}

eg_value *eg_const(eg_graph *graph, double number) {
    eg_attr attr = { .number = { .number = number, .dtype = EG_F32, .weak = 1 } };
    return eg_node(graph, EG_OP_CONST, NULL, 0, &attr);
}

eg_value *eg_full(eg_graph *graph, eg_dtype dtype, eg_shape shape, double number) {
    return eg_filled(graph, dtype, &shape, number);
}

eg_value *eg_constant(eg_graph *graph, const eg_tensor *tensor) {
    if (!tensor) return eg_poison(graph, EG_E_ARGUMENT, "data", "there is no tensor");
    eg_dtype dtype = eg_tensor_dtype(tensor);
    eg_tensor *rows = eg_tensor_copy(tensor, dtype); /* views have strides; a literal is row-major */
    if (!rows) return eg_poison_last(graph, "data");
    eg_attr attr = { .data = { .bytes = eg_tensor_data(rows), .shape = eg_tensor_shape(rows), .dtype = dtype } };
    eg_value *value = eg_node(graph, EG_OP_DATA, NULL, 0, &attr);
    eg_tensor_free(rows);
    return value;
}

eg_value *eg_iota(eg_graph *graph, eg_dtype dtype, eg_shape shape, int axis) {
    int normal = eg_axis_normal(axis, shape.rank);
    eg_attr attr = { .axis = { .axis = normal, .shape = shape, .dtype = dtype } };
    return eg_node(graph, EG_OP_IOTA, NULL, 0, &attr);
}
