/* SPDX-License-Identifier: MIT
 *
 * transfer.c: what a trained model is reused by: its layers by name, frozen layers, and a model cut off after one of
 * them. Values of parameters are the training layer's part (train/transfer.c).
 */
#include <string.h>

#include "base/status.h"
#include "nn/model.h"

enum { MOST_CANDIDATES = 64 }; /* names that are looked at for the one that was meant */

static eg_layer *find_layer(const eg_model *model, const char *name) {
    const char *names[MOST_CANDIDATES];
    int n = 0;
    for (eg_layer *layer = model->first; layer; layer = layer->next) {
        if (strcmp(layer->name, name) == 0) return layer;
        if (n < MOST_CANDIDATES) names[n++] = layer->name;
    }
    eg_fail_unknown("layer", name, names, n);
    return NULL;
}

eg_status eg_model_wire_of(const eg_model *model, const char *layer, eg_wire **out) {
    EG_TRY(eg_model_check(model));
    const eg_layer *found = find_layer(model, layer);
    if (!found) return eg_error_status();
    *out = NULL;
    for (int i = 1; i < model->nwires; i++)
        if (model->wires[i]->layer == found) *out = model->wires[i];
    return *out ? EG_OK : eg_fail(EG_E_ARGUMENT, "layer '%s' is applied nowhere", layer);
}

eg_status eg_model_freeze_layer(eg_model *model, const char *layer, int frozen) {
    eg_layer *found = find_layer(model, layer);
    if (!found) return eg_error_status();
    found->frozen = frozen != 0;
    for (int i = 0; i < found->nparameters; i++)
        model->parameters[found->first_parameter + i].frozen = found->frozen;
    return EG_OK;
}

/* Layers stand in order of first use, so those of the wires that stay are the first ones of the list. */
eg_status eg_model_cut(eg_model *model, const char *layer) {
    eg_wire *wire;
    EG_TRY(eg_model_wire_of(model, layer, &wire));
    if (model->initialised) return eg_fail(EG_E_ARGUMENT, "a model with values cannot be cut");
    eg_layer *last = model->first;
    int parameters = 0, layers = 0;
    for (int i = 1; i <= wire->index; i++)
        if (model->wires[i]->layer->index >= last->index) last = model->wires[i]->layer;
    for (const eg_layer *kept = model->first; kept != last->next; kept = kept->next)
        parameters += kept->nparameters, layers++;
    for (eg_layer *gone = last->next, *next; gone; gone = next) {
        next = gone->next;
        eg_layer_free(gone);
    }
    last->next = NULL;
    model->last = last;
    model->nlayers = layers;
    model->nparameters = parameters;
    model->nwires = wire->index + 1;
    model->output = wire;
    return EG_OK;
}
