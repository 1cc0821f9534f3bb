/* SPDX-License-Identifier: MIT
 *
 * nested.c: a whole model as a layer. Its parameters are listed again by the outer model under "model/dense/kernel";
 * values that the inner model already had (it was trained) are the outer one's first values.
 */
#include <stdio.h>

#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"

typedef struct nested {
    eg_layer base;
    eg_model *inner;
    int repeated; /* the model given was another one's layer already */
} nested;

static const eg_option no_options[] = { { 0 } };

static eg_status add_parameters(eg_layer *layer, eg_model *inner) {
    for (int i = 0; i < inner->nparameters; i++) {
        eg_parameter parameter = inner->parameters[i];
        if (inner->initialised || !parameter.from) { /* else the values may come from a model nested in it */
            parameter.from = inner;
            parameter.inner = parameter.name;
        }
        EG_TRY(eg_layer_parameter(layer, i, &parameter));
    }
    return EG_OK;
}

static eg_status shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    eg_model *inner = ((nested *)layer)->inner;
    if (((nested *)layer)->repeated) return eg_fail(EG_E_ARGUMENT, "the model is a layer already");
    if (!inner) return eg_fail(EG_E_MEMORY, "no memory for its model");
    if (eg_model_status(inner) != EG_OK) return eg_fail(inner->status, "%s", inner->error);
    if (inner->depth + 1 > EG_MAX_NESTING) return eg_fail(EG_E_LIMIT, "models are nested too deep");
    if (layer->model->depth < inner->depth + 1) layer->model->depth = inner->depth + 1;
    eg_shape wanted = eg_model_input_shape(inner);
    if (!eg_same_shape(&wanted, in)) {
        return eg_fail(EG_E_SHAPE, "its input is %s, not %s", eg_shape_words(&wanted), eg_shape_words(in));
    }
    *out = eg_model_output_shape(inner);
    return add_parameters(layer, inner);
}

static eg_value *build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    char prefix[EG_MAX_NESTING * (EG_MAX_NAME + 1) + 1];
    snprintf(prefix, sizeof prefix, "%s%s/", b->prefix, layer->name);
    eg_building inside = *b;
    inside.prefix = prefix;
    eg_value *y;
    eg_status status = eg_model_build_in(((nested *)layer)->inner, &inside, in[0], &y);
    b->logits = inside.logits, b->mask = inside.mask;
    return status == EG_OK ? y : eg_poison(b->graph, status, layer->name, "%s", eg_error());
}

static void release(eg_layer *layer) { eg_model_free(((nested *)layer)->inner); }

static eg_activation_kind last(const eg_layer *layer) {
    return eg_model_last_activation(((const nested *)layer)->inner);
}

static eg_status write_inner(const eg_layer *layer, eg_json_writer *w) {
    return eg_model_write_json(((const nested *)layer)->inner, w, "model");
}

static eg_status read_inner(eg_layer *layer, const eg_json *json, int depth) {
    if (depth + 1 > EG_MAX_NESTING) return eg_fail(EG_E_LIMIT, "models are nested too deep");
    const eg_json *model = eg_json_get(json, "model");
    if (!model) return eg_fail(EG_E_DATA, "a layer that is a model lacks its 'model'");
    eg_model *inner = eg_model_from_json_value(model, depth + 1);
    if (!inner) return EG_E_MEMORY;
    inner->taken = 1;
    ((nested *)layer)->inner = inner;
    return EG_OK;
}

const eg_layer_kind eg_kind_model = {
    .name = "model",
    .size = sizeof(nested),
    .max_inputs = 1,
    .options = no_options,
    .shape = shape,
    .build = build,
    .free = release,
    .write = write_inner,
    .read = read_inner,
    .last = last,
    .hidden = 1,
};

eg_layer *eg_model_layer(eg_model *model) {
    nested *layer = (nested *)eg_layer_new(&eg_kind_model, NULL);
    int repeated = model && model->taken;
    if (!layer) {
        if (!repeated) eg_model_free(model);
        return NULL;
    }
    layer->repeated = repeated;
    if (!model || repeated) return &layer->base;
    model->taken = 1;
    layer->inner = model;
    return &layer->base;
}

void eg_layer_disown_model(eg_layer *layer) {
    if (layer->kind != &eg_kind_model || !((nested *)layer)->inner) return;
    ((nested *)layer)->inner->taken = 0;
    ((nested *)layer)->inner = NULL;
}
