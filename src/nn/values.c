/* SPDX-License-Identifier: MIT
 *
 * values.c: a model's parameters: as variables of graphs, as values of its state, as one flat vector.
 */
#include <math.h>

#include "base/alloc.h"
#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"

/* ---- in graphs ------------------------------------------------------------------------------- */

/* Matrices that matmul reads lie as eg_weight makes them; the name is whole, whatever scope the caller has open. */
eg_value *eg_model_variable(eg_graph *graph, const eg_parameter *parameter, const char *prefix, eg_dtype dtype) {
    char *name = eg_arena_format(&graph->arena, "%s%s", prefix, parameter->name);
    if (!name) return eg_poison(graph, EG_E_MEMORY, "variable", "no memory for its name");
    eg_layout layout = parameter->kernel ? eg_weight_layout(&parameter->shape) : EG_ROWS;
    return eg_leaf(graph, EG_OP_VAR, name, dtype, &parameter->shape, layout);
}

int eg_model_variables(const eg_model *model, eg_graph *graph, int trainable_only, eg_value **out, int max) {
    int n = 0;
    for (int i = 0; i < model->nparameters; i++) {
        const eg_parameter *parameter = &model->parameters[i];
        if (trainable_only && !eg_parameter_trains(parameter)) continue;
        if (n < max) out[n] = eg_model_variable(graph, parameter, "", model->dtype);
        n++;
    }
    return n;
}

int eg_model_changes(const eg_model *model, eg_value **out, int max) {
    int n = 0;
    for (const eg_change *u = model->changes; u; u = u->next, n++)
        if (n < max) out[n] = eg_assign(u->variable, u->now);
    return n;
}

static eg_value *add_term(eg_value *sum, eg_value *term, double factor) {
    if (factor == 0) return sum;
    eg_value *scaled = eg_mul(eg_sum(term), eg_const(eg_value_graph(term), factor));
    return sum ? eg_add(sum, scaled) : scaled;
}

eg_status eg_model_penalty(const eg_model *model, eg_graph *graph, double l1, double l2, eg_value **out) {
    eg_value *sum = NULL;
    for (int i = 0; i < model->nparameters; i++) {
        const eg_parameter *parameter = &model->parameters[i];
        double a = parameter->l1 + l1, b = parameter->l2 + l2;
        if (!parameter->kernel || !eg_parameter_trains(parameter) || (a == 0 && b == 0)) continue;
        eg_value *w = eg_model_variable(graph, parameter, "", model->dtype);
        if (a != 0) sum = add_term(sum, eg_abs(w), a);
        if (b != 0) sum = add_term(sum, eg_square(w), b / 2);
    }
    *out = sum;
    return eg_graph_settle(graph);
}

/* ---- in the state ---------------------------------------------------------------------------- */

eg_state *eg_model_state(eg_model *model) { return model->state; }

eg_status eg_model_set_dtype(eg_model *model, eg_dtype dtype) {
    if (dtype != EG_F32 && dtype != EG_F64) return eg_fail(EG_E_DTYPE, "a model's parameters are f32 or f64");
    if (dtype != model->dtype && model->initialised)
        return eg_fail(EG_E_ARGUMENT, "the model already has %s parameters", eg_dtype_name(model->dtype));
    model->dtype = dtype;
    return EG_OK;
}

/* Makes the variables exist in the state. */
static eg_status add_variables(eg_model *model) {
    eg_graph *graph = eg_graph_new();
    if (!graph) return EG_E_MEMORY;
    eg_status status = EG_OK;
    for (int i = 0; status == EG_OK && i < model->nparameters; i++) {
        status = eg_state_add(model->state, eg_model_variable(graph, &model->parameters[i], "", model->dtype));
    }
    eg_graph_free(graph);
    return status;
}

/* n doubles as the parameter of that name, through `buffer`, which has room for n of them. */
static eg_status write_values(eg_model *model, const char *name, int64_t n, const double *values, double *buffer) {
    eg_convert(model->dtype, buffer, EG_F64, values, n);
    return eg_state_write(model->state, name, buffer, (size_t)n * eg_dtype_size(model->dtype));
}

static eg_status read_values(const eg_model *model, const char *name, int64_t n, double *values, double *buffer) {
    EG_TRY(eg_state_read(model->state, name, buffer, (size_t)n * eg_dtype_size(model->dtype)));
    eg_convert(EG_F64, values, model->dtype, buffer, n);
    return EG_OK;
}

/* Two buffers of the largest parameter's size. */
static double *new_buffers(const eg_model *model, double **second) {
    int64_t largest = 1;
    for (int i = 0; i < model->nparameters; i++) {
        int64_t n = eg_count(&model->parameters[i].shape);
        if (n > largest) largest = n;
    }
    double *first = eg_calloc((size_t)largest, 2 * sizeof *first);
    if (first) *second = first + largest;
    return first;
}

/* What DEFAULT and TORCH_LINEAR mean for this parameter. */
static eg_init resolve_init(const eg_parameter *parameter, eg_dialect dialect) {
    eg_init init = parameter->init;
    if (init.kind == EG_INIT_DEFAULT && dialect == EG_TORCH) init.kind = EG_INIT_TORCH_LINEAR;
    if (init.kind == EG_INIT_DEFAULT) init.kind = parameter->kernel ? EG_INIT_GLOROT_UNIFORM : EG_INIT_ZEROS;
    if (init.kind == EG_INIT_TORCH_LINEAR) init = EG_INIT(UNIFORM, .a = 1 / sqrt(fmax(1, parameter->fan_in)));
    return init;
}

/* A nested model that had values of its own passes them on. */
static eg_status first_values(const eg_parameter *parameter, uint64_t seed, eg_dialect dialect, double *out,
                              double *buffer) {
    if (parameter->from && parameter->from->initialised)
        return read_values(parameter->from, parameter->inner, eg_count(&parameter->shape), out, buffer);
    return eg_init_fill(resolve_init(parameter, dialect), dialect, parameter->shape, seed, parameter->name, out);
}

void eg_model_set_init(eg_model *model, eg_init init) {
    for (int i = 0; i < model->nparameters; i++)
        if (model->parameters[i].kernel && model->parameters[i].init.kind == EG_INIT_DEFAULT)
            model->parameters[i].init = init;
}

eg_status eg_model_init(eg_model *model, uint64_t seed, eg_dialect dialect) {
    EG_TRY(eg_model_check(model));
    EG_TRY(add_variables(model));
    double *buffer, *values = new_buffers(model, &buffer);
    if (!values) return EG_E_MEMORY;
    eg_state_set_seed(model->state, seed);
    eg_status status = EG_OK;
    for (int i = 0; status == EG_OK && i < model->nparameters; i++) {
        const eg_parameter *p = &model->parameters[i];
        status = first_values(p, seed, dialect, values, buffer);
        if (status == EG_OK) status = write_values(model, p->name, eg_count(&p->shape), values, buffer);
    }
    eg_free(values);
    model->initialised = status == EG_OK;
    return status;
}

/* ---- as one vector --------------------------------------------------------------------------- */

/* Reads the vector into the parameters, or writes these to it: `flat` or `out`, the other one is NULL. */
static eg_status move_flat(eg_model *model, const double *flat, double *out) {
    double *unused, *buffer = new_buffers(model, &unused);
    if (!buffer) return EG_E_MEMORY;
    eg_status status = EG_OK;
    for (int i = 0; status == EG_OK && i < model->nparameters; i++) {
        const eg_parameter *p = &model->parameters[i];
        int64_t n = eg_count(&p->shape);
        if (out) {
            status = read_values(model, p->name, n, out, buffer);
            out += n;
        } else {
            status = write_values(model, p->name, n, flat, buffer);
            flat += n;
        }
    }
    eg_free(buffer);
    return status;
}

static eg_status check_length(const eg_model *model, int64_t n) {
    int64_t wanted = eg_model_parameters(model);
    if (n == wanted) return EG_OK;
    return eg_fail(EG_E_SHAPE, "the model has %lld parameters, not %lld", (long long)wanted, (long long)n);
}

eg_status eg_model_get_flat(const eg_model *model, double *out, int64_t n) {
    EG_TRY(check_length(model, n));
    if (!model->initialised) return eg_fail(EG_E_MISSING, "the model's parameters have no values yet");
    return move_flat((eg_model *)model, NULL, out);
}

eg_status eg_model_set_flat(eg_model *model, const double *in, int64_t n) {
    EG_TRY(check_length(model, n));
    if (!model->initialised) EG_TRY(add_variables(model));
    EG_TRY(move_flat(model, in, NULL));
    model->initialised = 1;
    return EG_OK;
}
