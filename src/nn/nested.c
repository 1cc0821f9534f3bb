/* SPDX-License-Identifier: MIT
 *
 * nested.c: a whole model as a layer. Its parameters are listed again by the outer model under "model/dense/kernel";
 * values that the inner model already had (it was trained) are the outer one's first values.
 */
#include <stdio.h>

#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"

static const eg_kind_option no_options[] = { EG_TAKES_NAME(0) };

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
    eg_model *inner = layer->inner;
    if (layer->repeated) return eg_fail(EG_E_ARGUMENT, "the model is a layer already");
    if (!inner) return eg_fail(EG_E_MEMORY, "no memory for its model");
    EG_TRY(eg_model_check(inner));
    if (inner->depth + 1 > EG_MAX_NESTING) return eg_fail(EG_E_LIMIT, "models are nested too deep");
    if (layer->model->depth < inner->depth + 1) layer->model->depth = inner->depth + 1;
    const eg_shape *wanted = &inner->wires[0]->shape;
    if (!eg_same_shape(wanted, in))
        return eg_fail(EG_E_SHAPE, "its input is %s, not %s", eg_shape_words(wanted), eg_shape_words(in));
    *out = inner->output->shape;
    return add_parameters(layer, inner);
}

static eg_value *build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    char prefix[EG_MAX_NESTING * (EG_MAX_NAME + 1) + 1];
    snprintf(prefix, sizeof prefix, "%s%s/", b->prefix, layer->name);
    eg_building inside = *b;
    inside.prefix = prefix;
    eg_value *y;
    eg_status status = eg_model_build_in(layer->inner, &inside, in[0], &y);
    b->logits = inside.logits, b->mask = inside.mask;
    return status == EG_OK ? y : eg_poison_last(b->graph, layer->name);
}

eg_status eg_layer_read_model(eg_layer *layer, const eg_json *json, int depth) {
    if (depth + 1 > EG_MAX_NESTING) return eg_fail(EG_E_LIMIT, "models are nested too deep");
    const eg_json *model = eg_json_get(json, "model");
    if (!model) return eg_fail(EG_E_DATA, "a layer that is a model lacks its 'model'");
    layer->inner = eg_model_from_json_value(model, depth + 1);
    if (!layer->inner) return EG_E_MEMORY;
    layer->inner->taken = 1;
    return EG_OK;
}

const eg_layer_kind eg_kind_model = {
    .name = "model",
    .options = no_options,
    .shape = shape,
    .build = build,
    .max_inputs = 1,
    .hidden = 1,
};

eg_layer *eg_model_layer(eg_model *model) {
    eg_layer *layer = eg_layer_new(&eg_kind_model, NULL);
    int repeated = model && model->taken;
    if (!layer && !repeated) eg_model_free(model);
    if (!layer) return NULL;
    layer->repeated = repeated;
    if (!model || repeated) return layer;
    model->taken = 1;
    layer->inner = model;
    return layer;
}
