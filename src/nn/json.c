/* SPDX-License-Identifier: MIT
 *
 * json.c: a model's description as JSON, out and in. It says everything but the values of the parameters:
 *
 *     {"format":"elegans model","version":1,"input":{"name":"x","shape":[4]},
 *      "layers":[{"kind":"dense","name":"dense","units":3}],
 *      "calls":[{"layer":0,"inputs":[0]}],"output":1}
 *
 * Wire 0 is the input, wire i + 1 the result of call i; a chain of layers is written without calls and output. What
 * is read may be hostile: every number is checked, unknown keys of layers are errors, nesting and counts are capped.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "nn/model.h"

static const char format_name[] = "elegans model";
enum { VERSION = 1 };

/* ---- out ------------------------------------------------------------------------------------- */

static eg_status write_layer(const eg_layer *layer, eg_json_writer *w) {
    if (layer->formula)
        return eg_fail(EG_E_UNSUPPORTED, "layer '%s' is a C function: it cannot be written", layer->name);
    eg_json_begin(w, NULL, '{');
    eg_json_put_string(w, "kind", layer->kind->name);
    eg_json_put_string(w, "name", layer->name);
    int frozen = 0; /* every kind takes this one, also one that has no such option in text */
    for (const eg_kind_option *o = layer->kind->options; o->option; o++) {
        if (!eg_option_is_default(&eg_options[o->option], layer)) eg_option_json(&eg_options[o->option], layer, w);
        frozen |= o->option == EG_ID_FROZEN;
    }
    if (layer->frozen && !frozen) eg_option_json(&eg_options[EG_ID_FROZEN], layer, w);
    if (layer->inner) EG_TRY(eg_model_write_json(layer->inner, w, "model"));
    eg_json_end(w, '}');
    return EG_OK;
}

static void write_calls(const eg_model *model, eg_json_writer *w) {
    eg_json_begin(w, "calls", '[');
    for (int i = 1; i < model->nwires; i++) {
        const eg_wire *wire = model->wires[i];
        eg_json_begin(w, NULL, '{');
        eg_json_put_int(w, "layer", wire->layer->index);
        eg_json_begin(w, "inputs", '[');
        for (int j = 0; j < wire->nin; j++) eg_json_put_int(w, NULL, wire->in[j]->index);
        eg_json_end(w, ']');
        eg_json_end(w, '}');
    }
    eg_json_end(w, ']');
    eg_json_put_int(w, "output", model->output->index);
}

static void write_input(const eg_model *model, eg_json_writer *w) {
    eg_json_begin(w, "input", '{');
    eg_json_put_string(w, "name", model->input_name);
    eg_json_put_shape(w, "shape", &model->wires[0]->shape);
    eg_json_end(w, '}');
}

eg_status eg_model_write_json(const eg_model *model, eg_json_writer *w, const char *key) {
    eg_json_begin(w, key, '{');
    eg_json_put_string(w, "format", format_name);
    eg_json_put_int(w, "version", VERSION);
    if (model->dtype != EG_F32) eg_json_put_string(w, "dtype", eg_dtype_name(model->dtype));
    write_input(model, w);
    eg_json_begin(w, "layers", '[');
    for (const eg_layer *layer = model->first; layer; layer = layer->next) EG_TRY(write_layer(layer, w));
    eg_json_end(w, ']');
    if (!eg_model_is_chain(model)) write_calls(model, w);
    eg_json_end(w, '}');
    return EG_OK;
}

char *eg_model_json(const eg_model *model) {
    eg_text out = { 0 };
    eg_json_writer w = { .text = &out };
    eg_status status = eg_model_check(model);
    if (status == EG_OK) status = eg_model_write_json(model, &w, NULL);
    if (status == EG_OK && out.failed) status = eg_fail(EG_E_MEMORY, "no memory for the model's JSON");
    if (status == EG_OK) return out.data;
    eg_text_free(&out);
    return NULL;
}

/* ---- in -------------------------------------------------------------------------------------- */

static eg_status bad(const eg_json *item, const char *what) {
    return eg_fail(EG_E_DATA, "line %d, column %d: %s", item->line, item->column, what);
}

/* The member, of that type; a DATA error if it is absent or another. */
static eg_status member(const eg_json *object, const char *key, eg_json_type type, const eg_json **out) {
    *out = eg_json_get(object, key);
    if (*out && (*out)->type == type) return EG_OK;
    return eg_fail(EG_E_DATA, "line %d, column %d: '%s' is missing or of the wrong type", object->line,
                   object->column, key);
}

static eg_status read_option(eg_layer *layer, const eg_json *item) {
    if (strcmp(item->key, "kind") == 0 || strcmp(item->key, "name") == 0) return EG_OK;
    if (layer->kind == &eg_kind_model && strcmp(item->key, "model") == 0) return EG_OK;
    const eg_kind_option *o = eg_option_named(layer->kind, item->key);
    const eg_option *option = &eg_options[o ? o->option : EG_ID_FROZEN];
    if (!o && strcmp(item->key, option->name) != 0)
        return eg_fail(EG_E_DATA, "%s has no option '%.60s'", layer->kind->name, item->key);
    return eg_option_from_json(option, layer, item);
}

static eg_status read_options(eg_layer *layer, const eg_json *json, int depth) {
    for (const eg_json *item = json->first; item; item = item->next) EG_TRY(read_option(layer, item));
    if (layer->kind == &eg_kind_lambda)
        return eg_fail(EG_E_UNSUPPORTED, "a layer that is a C function cannot be read");
    return layer->kind == &eg_kind_model ? eg_layer_read_model(layer, json, depth) : EG_OK;
}

/* Strings of JSON may hold NUL; names must not. */
static eg_status read_layer(const eg_json *json, int depth, eg_layer **out) {
    const eg_json *kind_name, *name;
    if (json->type != EG_JSON_OBJECT) return bad(json, "a layer is an object");
    EG_TRY(member(json, "kind", EG_JSON_STRING, &kind_name));
    EG_TRY(member(json, "name", EG_JSON_STRING, &name));
    if (strlen(name->string) != name->length || name->length == 0) return bad(name, "a layer's name is not empty");
    const eg_layer_kind *kind = eg_layer_kind_named(kind_name->string);
    if (!kind) return eg_fail(EG_E_DATA, "line %d: unknown layer kind '%.60s'", kind_name->line, kind_name->string);
    eg_layer *layer = eg_layer_new(kind, name->string);
    if (!layer) return EG_E_MEMORY;
    *out = layer;
    eg_status status = read_options(layer, json, depth);
    return status == EG_OK ? EG_OK : eg_context("layer '%.60s' (line %d)", name->string, json->line);
}

/* Applies layers[call.layer] to the wires that the call names. */
static eg_status read_call(eg_model *model, eg_layer **layers, int nlayers, const eg_json *call) {
    int64_t which = eg_json_int(call, "layer", -1);
    const eg_json *inputs = eg_json_get(call, "inputs");
    if (which < 0 || which >= nlayers) return bad(call, "the call's 'layer' is none of the layers");
    if (!inputs || inputs->type != EG_JSON_ARRAY || inputs->length == 0 || inputs->length > EG_MAX_LAYERS)
        return bad(call, "the call's 'inputs' must be a list of wires");
    eg_wire **in = eg_alloc(inputs->length * sizeof(*in));
    if (!in) return EG_E_MEMORY;
    int n = 0;
    eg_status status = EG_OK;
    for (const eg_json *item = inputs->first; item && status == EG_OK; item = item->next) {
        if (item->type != EG_JSON_INT || item->integer < 0 || item->integer >= model->nwires)
            status = bad(item, "not a wire that is there already");
        else
            in[n++] = model->wires[item->integer];
    }
    if (status == EG_OK) eg_apply_(layers[which], in, n);
    eg_free(in);
    return status != EG_OK ? status : model->status;
}

static eg_status read_calls(eg_model *model, eg_layer **layers, int nlayers, const eg_json *json) {
    const eg_json *calls = eg_json_get(json, "calls");
    if (!calls) {
        eg_wire *wire = model->wires[0];
        for (int i = 0; i < nlayers && model->status == EG_OK; i++) wire = eg_apply(layers[i], wire);
        return model->status;
    }
    if (calls->type != EG_JSON_ARRAY) return bad(calls, "'calls' must be a list");
    for (const eg_json *call = calls->first; call; call = call->next) EG_TRY(read_call(model, layers, nlayers, call));
    for (int i = 0; i < nlayers; i++)
        if (!layers[i]->model) return bad(calls, "a layer is applied nowhere");
    return EG_OK;
}

/* layers[0..*n) are made as far as it goes; those that no model took are the caller's to free. */
static eg_status read_layers(eg_model *model, const eg_json *json, const eg_json *list, int depth, eg_layer **layers,
                             int *n) {
    for (const eg_json *item = list->first; item; item = item->next) {
        layers[*n] = NULL;
        eg_status status = read_layer(item, depth, &layers[*n]);
        if (layers[*n]) ++*n;
        EG_TRY(status);
    }
    EG_TRY(read_calls(model, layers, *n, json));
    int64_t output = eg_json_int(json, "output", model->nwires - 1);
    if (output < 0 || output >= model->nwires) return bad(json, "'output' is no wire");
    eg_model_output(model, model->wires[output]);
    return model->status;
}

static eg_status read_input(eg_model *model, const eg_json *json) {
    const eg_json *input, *name, *list;
    eg_shape shape;
    EG_TRY(member(json, "input", EG_JSON_OBJECT, &input));
    EG_TRY(member(input, "name", EG_JSON_STRING, &name));
    EG_TRY(member(input, "shape", EG_JSON_ARRAY, &list));
    EG_TRY(eg_json_read_shape(list, &shape));
    if (strcmp(eg_json_string(json, "dtype", "f32"), "f64") == 0) EG_TRY(eg_model_set_dtype(model, EG_F64));
    eg_model_input(model, name->string, shape);
    return model->status;
}

static eg_status read_model(eg_model *model, const eg_json *json, int depth) {
    const eg_json *list;
    if (json->type != EG_JSON_OBJECT || strcmp(eg_json_string(json, "format", ""), format_name) != 0)
        return bad(json, "this is no model description");
    if (eg_json_int(json, "version", 0) != VERSION)
        return bad(json, "the description has a version that is not known");
    EG_TRY(read_input(model, json));
    EG_TRY(member(json, "layers", EG_JSON_ARRAY, &list));
    if (list->length > EG_MAX_LAYERS) return bad(list, "too many layers");
    eg_layer **layers = eg_alloc((list->length + 1) * sizeof(*layers));
    if (!layers) return EG_E_MEMORY;
    int n = 0;
    eg_status status = read_layers(model, json, list, depth, layers, &n);
    for (int i = 0; i < n; i++)
        if (!layers[i]->model) eg_layer_free(layers[i]);
    eg_free(layers);
    return status;
}

eg_model *eg_model_from_json_value(const eg_json *json, int depth) {
    eg_model *model = eg_model_new();
    if (model && model->status == EG_OK && read_model(model, json, depth) != EG_OK) eg_model_poison(model);
    return model;
}

eg_model *eg_model_from_json(const char *json, size_t size) {
    eg_arena arena = EG_ARENA_INIT;
    const eg_json *root = eg_json_parse(&arena, json, size);
    eg_model *model = root ? eg_model_from_json_value(root, 0) : eg_model_new();
    if (!root && model) eg_model_poison(model);
    eg_arena_free(&arena);
    return model;
}
