/* SPDX-License-Identifier: MIT
 *
 * model.c: making models of layers and wires, and building them into graphs. Values of parameters are in values.c.
 */
#include "nn/model.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "graph/node.h"

/* ---- life ------------------------------------------------------------------------------------ */

eg_model *eg_model_new(void) {
    eg_model *model = eg_calloc(1, sizeof *model);
    if (!model) return NULL;
    model->error_at = -1;
    model->dtype = EG_F32;
    model->poison.model = model;
    model->poison.index = -1;
    model->state = eg_state_new(0);
    if (!model->state) eg_model_poison(model);
    return model;
}

void eg_model_free(eg_model *model) {
    if (!model) return;
    if (model->train_free) model->train_free(model->train);
    for (eg_layer *layer = model->first, *next; layer; layer = next) {
        next = layer->next;
        eg_layer_free(layer);
    }
    eg_free(model->wires);
    eg_free(model->parameters);
    eg_state_free(model->state);
    eg_arena_free(&model->arena);
    eg_free(model);
}

eg_status eg_model_poison(eg_model *model) {
    if (model->status == EG_OK) {
        model->status = eg_error_status() != EG_OK ? eg_error_status() : EG_E_INTERNAL;
        snprintf(model->error, sizeof model->error, "%s", eg_error());
    }
    return model->status;
}

/* A model is whole when it has an input and an output. */
eg_status eg_model_status(const eg_model *model) {
    if (!model) return EG_E_MEMORY;
    if (model->status != EG_OK) return model->status;
    return model->output ? EG_OK : EG_E_ARGUMENT;
}

const char *eg_model_error(const eg_model *model) {
    if (!model) return "no memory for the model";
    if (model->status == EG_OK && !model->output) return "the model has no output yet";
    return model->error;
}

eg_status eg_model_check(const eg_model *model) {
    eg_status status = eg_model_status(model);
    return status == EG_OK ? EG_OK : eg_fail(status, "%s", eg_model_error(model));
}

int64_t eg_model_error_position(const eg_model *model) { return model ? model->error_at : -1; }

/* ---- names ----------------------------------------------------------------------------------- */

static int is_taken(const eg_model *model, const char *name) {
    for (const eg_layer *layer = model->first; layer; layer = layer->next)
        if (strcmp(layer->name, name) == 0) return 1;
    return 0;
}

/* A name becomes part of variables' names, of files and of other programs' keys; "optimizer" is where slots live. */
static eg_status check_name(const eg_model *model, const char *name) {
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_-.", *p))
            return eg_fail(EG_E_NAME, "layer name '%s' may hold letters, digits, '_', '-' and '.' only", name);
    if (strlen(name) > EG_MAX_NAME)
        return eg_fail(EG_E_NAME, "layer name '%.20s...' is longer than %d bytes", name, EG_MAX_NAME);
    if (strcmp(name, "optimizer") == 0) return eg_fail(EG_E_NAME, "layer name 'optimizer' is reserved");
    return is_taken(model, name) ? eg_fail(EG_E_NAME, "two layers are named '%s'", name) : EG_OK;
}

int eg_layer_others(const eg_model *model, const eg_layer *layer) {
    int others = 0;
    for (const eg_layer *other = model->first; other && other != layer; other = other->next)
        others += other->kind == layer->kind;
    return others;
}

void eg_layer_default_name(const eg_layer_kind *kind, int others, char name[EG_MAX_NAME + 2]) {
    snprintf(name, EG_MAX_NAME + 2, others == 0 ? "%s" : "%s_%d", kind->name, others);
}

/* The first free one, counted from how many of the kind there are. */
static void name_layer(const eg_model *model, eg_layer *layer) {
    int others = eg_layer_others(model, layer);
    do eg_layer_default_name(layer->kind, others++, layer->name);
    while (is_taken(model, layer->name));
}

/* ---- layers and wires ------------------------------------------------------------------------ */

/* Links the layer to the model, which frees it from now on: also when the model is poisoned. */
static void own(eg_model *model, eg_layer *layer) {
    layer->model = model;
    layer->index = model->nlayers++;
    *(model->last ? &model->last->next : &model->first) = layer;
    model->last = layer;
}

static eg_status take(eg_model *model, eg_layer *layer) {
    if (layer->model == model) return EG_OK;
    if (layer->model) return eg_fail(EG_E_ARGUMENT, "layer '%s' belongs to another model", layer->name);
    eg_status status = model->status;
    if (status == EG_OK && model->taken) {
        if (layer->inner) layer->inner->taken = 0; /* its giver owns it again */
        layer->inner = NULL;
        status = eg_fail(EG_E_ARGUMENT, "the model is a layer of another one: it cannot grow");
    }
    if (status == EG_OK && model->nlayers >= EG_MAX_LAYERS)
        status = eg_fail(EG_E_LIMIT, "a model has at most %d layers", EG_MAX_LAYERS);
    if (status == EG_OK && layer->name[0] != '\0')
        status = check_name(model, layer->name);
    else if (status == EG_OK)
        name_layer(model, layer);
    own(model, layer);
    return status;
}

static eg_wire *new_wire(eg_model *model) {
    if (model->nwires >= EG_MAX_WIRES) {
        eg_fail(EG_E_LIMIT, "a model applies layers at most %d times", EG_MAX_WIRES);
        return NULL;
    }
    if (model->nwires == model->capacity) {
        int capacity = model->capacity > 0 ? 2 * model->capacity : 8;
        eg_wire **more = eg_realloc(model->wires, sizeof *more * (size_t)capacity);
        if (!more) return NULL;
        model->wires = more;
        model->capacity = capacity;
    }
    eg_wire *wire = EG_ARENA_NEW(&model->arena, eg_wire);
    if (!wire) return NULL;
    wire->model = model;
    wire->index = model->nwires;
    return model->wires[model->nwires++] = wire;
}

static eg_status check_input(const eg_model *model, const char *name, eg_shape shape) {
    if (model->status != EG_OK) return model->status;
    if (model->nwires > 0) return eg_fail(EG_E_UNSUPPORTED, "a model has one input");
    if (!name || name[0] == '\0') return eg_fail(EG_E_NAME, "the input needs a name");
    int valid = shape.rank >= 0 && shape.rank < EG_MAX_RANK;
    int64_t size = 1;
    for (int i = 0; valid && i < shape.rank; i++) {
        valid = shape.dim[i] > 0 && shape.dim[i] <= EG_MAX_PARAMETERS / size;
        size *= valid ? shape.dim[i] : 1;
    }
    return valid ? EG_OK
                 : eg_fail(EG_E_SHAPE,
                           "the input's shape must have at most 7 axes, each of at least 1, and a sane size");
}

eg_wire *eg_model_input(eg_model *model, const char *name, eg_shape shape) {
    if (!model) return NULL;
    eg_wire *wire = NULL;
    if (check_input(model, name, shape) == EG_OK) {
        model->input_name = eg_arena_strdup(&model->arena, name);
        wire = model->input_name ? new_wire(model) : NULL;
    }
    if (!wire) {
        eg_model_poison(model);
        return &model->poison;
    }
    wire->shape = shape;
    return wire;
}

static eg_status check_wires(const eg_model *model, const eg_layer *layer, eg_wire *const *in, int n) {
    if (model->status != EG_OK) return model->status;
    if (layer->kind->max_inputs > 0 && n > layer->kind->max_inputs)
        return eg_fail(EG_E_ARGUMENT, "takes %d input, not %d", layer->kind->max_inputs, n);
    for (int i = 0; i < n; i++) {
        if (!in[i]) return eg_fail(EG_E_ARGUMENT, "input %d is NULL", i);
        if (in[i]->model != model) return eg_fail(EG_E_ARGUMENT, "input %d is a wire of another model", i);
    }
    return EG_OK;
}

/* Computes the layer's output shape and appends the wire. */
static eg_status connect(eg_model *model, eg_layer *layer, eg_wire *const *in, int n) {
    EG_TRY(check_wires(model, layer, in, n));
    eg_shape *shapes = EG_ARENA_ARRAY(&model->arena, eg_shape, n);
    eg_wire **sources = EG_ARENA_ARRAY(&model->arena, eg_wire *, n);
    if (!shapes || !sources) return EG_E_MEMORY;
    for (int i = 0; i < n; i++) shapes[i] = in[i]->shape, sources[i] = in[i];
    eg_shape out = shapes[0];
    if (layer->kind->shape) EG_TRY(layer->kind->shape(layer, shapes, n, &out));
    eg_wire *wire = new_wire(model);
    if (!wire) return eg_error_status();
    wire->layer = layer;
    wire->application = layer->applications++;
    wire->in = sources;
    wire->nin = n;
    wire->shape = out;
    return EG_OK;
}

static eg_status apply(eg_model *model, eg_layer *layer, eg_wire *const *in, int n) {
    if (!layer) return eg_fail(EG_E_MEMORY, "no memory for a layer");
    EG_TRY(take(model, layer));
    eg_status status = connect(model, layer, in, n);
    return status == EG_OK || model->status != EG_OK ? status : eg_context("%s", layer->name);
}

eg_wire *eg_apply_(eg_layer *layer, eg_wire *const *in, int n) {
    eg_model *model = n > 0 && in[0] ? in[0]->model : NULL;
    if (!model) {
        if (layer && !layer->model) eg_layer_free(layer);
        if (eg_error_status() != EG_E_MEMORY) eg_fail(EG_E_ARGUMENT, "a layer is applied to no wire");
        return NULL;
    }
    if (apply(model, layer, in, n) == EG_OK) return model->wires[model->nwires - 1];
    eg_model_poison(model);
    return &model->poison;
}

void eg_model_output(eg_model *model, eg_wire *wire) {
    if (!model || model->status != EG_OK) return;
    eg_status status = EG_OK;
    if (!wire || wire->model != model)
        status = eg_fail(EG_E_ARGUMENT, "the output is no wire of this model");
    else if (model->taken)
        status = eg_fail(EG_E_ARGUMENT, "the model is a layer of another one: its output is settled");
    if (status == EG_OK)
        model->output = wire;
    else
        eg_model_poison(model);
}

/* Frees layers that no model took; one may be listed twice. */
static void free_layers(eg_layer *const *layers, int n) {
    for (int i = 0; i < n; i++) {
        int repeated = 0;
        for (int j = 0; j < i; j++) repeated |= layers[j] == layers[i];
        if (!repeated) eg_layer_free(layers[i]);
    }
}

eg_model *eg_sequential_(eg_shape input, eg_layer *const *layers, int n) {
    eg_model *model = eg_model_new();
    if (!model) {
        free_layers(layers, n);
        return NULL;
    }
    eg_wire *wire = eg_model_input(model, "x", input);
    for (int i = 0; i < n; i++) wire = eg_apply_(layers[i], &wire, 1);
    eg_model_output(model, wire);
    return model;
}

/* ---- questions ------------------------------------------------------------------------------- */

eg_shape eg_model_input_shape(const eg_model *model) {
    return model && model->nwires > 0 ? model->wires[0]->shape : EG_SCALAR;
}

eg_shape eg_model_output_shape(const eg_model *model) {
    return model && model->output ? model->output->shape : EG_SCALAR;
}

int64_t eg_model_input_size(const eg_model *model) { return eg_shape_size(eg_model_input_shape(model)); }
int64_t eg_model_output_size(const eg_model *model) { return eg_shape_size(eg_model_output_shape(model)); }

static int64_t count(const eg_model *model, int trainable_only) {
    int64_t sum = 0;
    for (int i = 0; model && i < model->nparameters; i++)
        if (!trainable_only || eg_parameter_trains(&model->parameters[i]))
            sum += eg_count(&model->parameters[i].shape);
    return sum;
}

int64_t eg_model_parameters(const eg_model *model) { return count(model, 0); }
int64_t eg_model_trainable(const eg_model *model) { return count(model, 1); }

eg_activation_kind eg_model_last_activation(const eg_model *model) {
    const eg_layer *layer = model->output ? model->output->layer : NULL;
    if (layer && layer->inner) return eg_model_last_activation(layer->inner);
    return layer && layer->kind->ends_activated ? layer->act : EG_LINEAR;
}

int eg_model_is_chain(const eg_model *model) {
    for (int i = 1; i < model->nwires; i++) {
        const eg_wire *wire = model->wires[i];
        if (wire->nin != 1 || wire->in[0]->index != i - 1 || wire->application > 0) return 0;
    }
    return model->output && model->output->index == model->nwires - 1;
}

/* ---- building -------------------------------------------------------------------------------- */

static eg_status check_batch(const eg_model *model, const eg_value *x) {
    EG_TRY(eg_graph_settle(x->graph));
    const eg_shape *sample = &model->wires[0]->shape;
    eg_shape wanted = eg_with_batch(x->shape.dim[0], sample);
    if (eg_same_shape(&wanted, &x->shape)) return EG_OK;
    return eg_fail(EG_E_SHAPE, "the model's input is [batch] + %s, not %s", eg_shape_words(sample),
                   eg_shape_words(&x->shape));
}

/* What a wire becomes in a graph. */
typedef struct built {
    eg_value *value, *logits, *mask;
} built;

/* Builds one wire from what those before it became. */
static eg_status build_wire(const eg_wire *wire, const eg_building *outer, built *all) {
    eg_value **in = eg_alloc(2 * sizeof *in * (size_t)wire->nin), **masks = in + wire->nin;
    if (!in) return EG_E_MEMORY;
    for (int i = 0; i < wire->nin; i++) {
        in[i] = all[wire->in[i]->index].value;
        masks[i] = all[wire->in[i]->index].mask;
    }
    eg_building b = *outer;
    b.application = outer->application * EG_MAX_WIRES + (uint32_t)wire->application;
    b.logits = NULL;
    b.mask = masks[0], b.masks = masks;
    eg_scope_push(b.graph, wire->layer->name);
    eg_value *y = wire->layer->kind->build(wire->layer, &b, in, wire->nin);
    eg_scope_pop(b.graph);
    all[wire->index] = (built){ y, b.logits, b.mask && eg_mask_fits(b.mask, y) ? b.mask : NULL };
    eg_free(in);
    return eg_graph_settle(b.graph);
}

static eg_status build_wires(const eg_model *model, const eg_building *b, eg_value *x, built *all) {
    all[0] = (built){ x->dtype == b->dtype ? x : eg_cast(x, b->dtype), NULL, b->mask };
    for (int i = 1; i <= model->output->index; i++) EG_TRY(build_wire(model->wires[i], b, all));
    return EG_OK;
}

eg_status eg_model_build_in(eg_model *model, eg_building *b, eg_value *x, eg_value **y) {
    EG_TRY(check_batch(model, x));
    built *all = eg_calloc((size_t)model->nwires, sizeof *all);
    if (!all) return EG_E_MEMORY;
    eg_status status = build_wires(model, b, x, all);
    const built *output = &all[model->output->index];
    *y = output->value;
    b->logits = output->logits, b->mask = output->mask;
    eg_free(all);
    return status;
}

eg_status eg_model_build(eg_model *model, eg_value *x, eg_value *step, eg_value **y, eg_value **logits,
                         eg_value **penalty) {
    EG_TRY(eg_model_check(model));
    eg_value *output;
    eg_building b = { .graph = eg_value_graph(x), .step = step, .prefix = "", .dtype = model->dtype };
    model->changes = NULL;
    b.changes = &model->changes;
    EG_TRY(eg_model_build_in(model, &b, x, &output));
    model->mask = b.mask;
    if (y) *y = output;
    if (logits) *logits = b.logits;
    return penalty ? eg_model_penalty(model, b.graph, 0, 0, penalty) : EG_OK;
}

eg_value *eg_model_mask(const eg_model *model) { return model->mask; }
