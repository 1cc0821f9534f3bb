/* SPDX-License-Identifier: MIT
 *
 * transfer.c: a trained model reused: the output of any layer, frozen layers, parameters taken over by name.
 */
#include <string.h>
#include "base/text.h"
#include "runtime/state.h"
#include "tensor/shape.h"
#include "train/trainer.h"

/* ---- the output of a layer ------------------------------------------------------------------------------------ */

/* Predicting with the wire in the place of the output: programs know which wire they were made for. */
eg_tensor *eg_model_predict_layer(eg_model *model, const char *layer, const eg_tensor *x) {
    eg_wire *wire, *output = model ? model->output : NULL;
    if (eg_model_wire_of(model, layer, &wire) != EG_OK) return NULL;
    model->output = wire;
    eg_tensor *features = eg_model_predict(model, x);
    model->output = output;
    return features;
}

static eg_status copy_variable(eg_state *to, const eg_variable *from, const eg_state *source) {
    eg_tensor *rows = eg_variable_tensor(source, from);
    if (!rows) return EG_E_MEMORY;
    size_t bytes = (size_t)eg_tensor_size(rows) * eg_dtype_size(from->dtype);
    eg_status status = eg_state_write(to, from->name, eg_tensor_data(rows), bytes);
    eg_tensor_free(rows);
    return status;
}

static int same_kind(const eg_variable *a, const eg_variable *b) {
    return a->dtype == b->dtype && eg_same_shape(&a->shape, &b->shape);
}

/* ---- preprocessing -------------------------------------------------------------------------------------------- */

static eg_status copy_preprocessing(eg_model *model, const eg_model *from) {
    for (int i = 0; i < from->state->n; i++) {
        const eg_variable *variable = &from->state->variable[i];
        if (strncmp(variable->name, "preprocess/", 11) != 0) continue;
        EG_TRY(eg_state_make(model->state, variable->name, variable->dtype, &variable->shape, variable->layout));
        EG_TRY(copy_variable(model->state, variable, from->state));
    }
    return EG_OK;
}

static eg_status take_preprocessing(eg_model *model, const eg_model *from, int *taken) {
    const eg_trainer *source = eg_trainer_peek(from);
    eg_trainer *trainer = eg_trainer_of(model);
    if (!trainer) return EG_E_MEMORY;
    *taken = source->scaling_fitted && !trainer->scaling_fitted && (!trainer->recipe.centre || eg_model_centre(from)) &&
             eg_same_shape(&model->wires[0]->shape, &from->wires[0]->shape);
    if (!*taken) return EG_OK;
    EG_TRY(copy_preprocessing(model, from));
    trainer->missing = source->missing;
    trainer->scaling = trainer->recipe.scaling = source->scaling;
    trainer->scaling_fitted = 1;
    return EG_OK;
}

/* ---- parameters ----------------------------------------------------------------------------------------------- */

static eg_status take_parameter(eg_model *model, const eg_parameter *parameter, const eg_model *from, eg_transfer *r,
                                eg_text *lines) {
    const eg_variable *mine = eg_state_get(model->state, parameter->name);
    const eg_variable *theirs = eg_state_get(from->state, parameter->name);
    eg_text_format(lines, "%s %s: ", parameter->name, eg_shape_words(&parameter->shape));
    if (!theirs) {
        r->absent++;
        eg_text_add(lines, "not there\n");
    } else if (!same_kind(mine, theirs)) {
        r->other_shape++;
        eg_text_format(lines, "there it is %s%s\n", eg_dtype_name(theirs->dtype), eg_shape_words(&theirs->shape));
    } else {
        r->taken++;
        eg_text_add(lines, "taken\n");
        return copy_variable(model->state, theirs, from->state);
    }
    return EG_OK;
}

static eg_status transfer(eg_model *model, const eg_model *from, eg_transfer *r, eg_text *lines) {
    EG_TRY(eg_model_status(model));
    if (eg_model_status(from) != EG_OK)
        return eg_fail(EG_E_ARGUMENT, "transfer: the other model: %s", eg_model_error(from));
    if (!model->initialised || !from->initialised)
        return eg_fail(EG_E_ARGUMENT, "transfer: a model without values: compile it first");
    for (int i = 0; i < model->nparameters; i++)
        EG_TRY(take_parameter(model, &model->parameters[i], from, r, lines));
    EG_TRY(take_preprocessing(model, from, &r->preprocessing));
    if (r->preprocessing) eg_text_format(lines, "preprocessing (%s): taken\n", eg_scaling_name(eg_model_scaling(from)));
    return lines->failed ? EG_E_MEMORY : EG_OK;
}

eg_status eg_model_transfer(eg_model *model, const eg_model *from, eg_transfer *report) {
    eg_transfer found = { 0 };
    eg_text lines = { 0 };
    eg_status status = transfer(model, from, &found, &lines);
    if (status == EG_OK) eg_trainer_drop_programs(model->train);
    if (status == EG_OK && report) {
        found.text = lines.data;
        *report = found;
        return EG_OK;
    }
    if (report) *report = (eg_transfer){ 0 };
    eg_text_free(&lines);
    return eg_model_fail(model, status);
}

/* ---- a model of the first layers ------------------------------------------------------------------------------ */

eg_status eg_trainer_copy(eg_model *part, const eg_model *model) {
    eg_recipe recipe = { .scaling = EG_SCALING_NONE, .dtype = model->dtype };
    const eg_recipe *own = &eg_trainer_peek(model)->recipe;
    recipe.dialect = own->dialect;
    recipe.threads = own->threads;
    recipe.executor = own->executor;
    EG_TRY(eg_model_compile_(part, recipe));
    return eg_model_transfer(part, model, NULL);
}

static eg_status fill_part(eg_model *part, const eg_model *model, const char *layer) {
    EG_TRY(eg_model_cut(part, layer));
    return eg_trainer_copy(part, model);
}

eg_model *eg_model_output_of(const eg_model *model, const char *layer) {
    char *json = eg_model_json(model);
    eg_model *part = json ? eg_model_from_json(json, strlen(json)) : eg_model_new();
    eg_string_free(json);
    if (!part) return NULL;
    eg_status status = json ? eg_model_status(part) : eg_error_status();
    if (status == EG_OK) status = fill_part(part, model, layer);
    eg_model_fail(part, status);
    return part;
}

/* ---- frozen layers -------------------------------------------------------------------------------------------- */

eg_status eg_model_freeze(eg_model *model, const char *layer, int frozen) {
    EG_TRY(eg_model_status(model));
    EG_TRY(eg_model_freeze_layer(model, layer, frozen));
    eg_trainer *trainer = model->train;
    if (!trainer) return EG_OK;
    eg_trainer_drop_programs(trainer);
    if (!frozen) trainer->slots_ready = 0; /* parameters that join the training get slots of their own */
    return EG_OK;
}
