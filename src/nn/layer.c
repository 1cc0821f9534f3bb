/* SPDX-License-Identifier: MIT
 *
 * layer.c: what all layer kinds share: the table of kinds, the types of options (how each is read from a word of text
 * or from JSON, and written), parameters.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"
#include "nn/words.h"

const eg_layer_kind *const eg_layer_kinds[] = {
    &eg_kind_dense,           &eg_kind_activation,  &eg_kind_dropout,
    &eg_kind_flatten,         &eg_kind_reshape,     &eg_kind_join,
    &eg_kind_model,           &eg_kind_lambda,      &eg_kind_conv,
    &eg_kind_conv1d,          &eg_kind_conv_transpose, &eg_kind_conv1d_transpose,
    &eg_kind_depthwise_conv,  &eg_kind_max_pool,    &eg_kind_avg_pool,
    &eg_kind_global_max_pool, &eg_kind_global_avg_pool, &eg_kind_zero_pad,
    &eg_kind_upsample,        &eg_kind_batch_norm,  &eg_kind_layer_norm,
    &eg_kind_group_norm,      &eg_kind_spatial_dropout, &eg_kind_embedding,
    &eg_kind_one_hot,         &eg_kind_position,    &eg_kind_simple_rnn,
    &eg_kind_lstm,            &eg_kind_gru,         &eg_kind_attention,
    &eg_kind_masking,         NULL,
};

const eg_layer_kind *eg_layer_kind_named(const char *name) {
    if (strcmp(name, "conv2d") == 0) name = eg_kind_conv.name; /* as it is often called */
    for (int i = 0; eg_layer_kinds[i]; i++)
        if (strcmp(eg_layer_kinds[i]->name, name) == 0) return eg_layer_kinds[i];
    return NULL;
}

eg_layer *eg_layer_new(const eg_layer_kind *kind, const char *name) {
    eg_layer *layer = eg_calloc(1, sizeof *layer);
    if (!layer) return NULL;
    layer->kind = kind;
    if (name) snprintf(layer->name, sizeof layer->name, "%s", name);
    return layer;
}

void eg_layer_free(eg_layer *layer) {
    if (!layer) return;
    eg_model_free(layer->inner);
    eg_free(layer);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static eg_status check_size(const eg_shape *shape) {
    int64_t size = 1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 1 || shape->dim[i] > EG_MAX_PARAMETERS / size) {
            return eg_fail(EG_E_LIMIT, "a parameter of shape %s is too large", eg_shape_words(shape));
        }
        size *= shape->dim[i];
    }
    return EG_OK;
}

static eg_status grow(eg_model *model) {
    if (model->nparameters < model->parameter_capacity) return EG_OK;
    int capacity = model->parameter_capacity > 0 ? 2 * model->parameter_capacity : 8;
    eg_parameter *more = eg_realloc(model->parameters, sizeof *more * (size_t)capacity);
    if (!more) return EG_E_MEMORY;
    model->parameters = more;
    model->parameter_capacity = capacity;
    return EG_OK;
}

eg_status eg_layer_parameter(eg_layer *layer, int index, const eg_parameter *parameter) {
    eg_model *model = layer->model;
    if (index < layer->nparameters) {
        const eg_parameter *old = &model->parameters[layer->first_parameter + index];
        if (eg_same_shape(&old->shape, &parameter->shape)) return EG_OK;
        return eg_fail(EG_E_SHAPE, "shared, its %s is %s, this input needs %s", parameter->name,
                       eg_shape_words(&old->shape), eg_shape_words(&parameter->shape));
    }
    EG_TRY(check_size(&parameter->shape));
    EG_TRY(grow(model));
    const char *name = eg_arena_format(&model->arena, "%s/%s", layer->name, parameter->name);
    if (!name) return EG_E_MEMORY;
    if (layer->nparameters++ == 0) layer->first_parameter = model->nparameters;
    eg_parameter *added = &model->parameters[model->nparameters++];
    *added = *parameter;
    added->name = name;
    added->frozen |= layer->frozen;
    return EG_OK;
}

eg_status eg_layer_weight(eg_layer *layer, int index, const char *name, const eg_shape *shape, const eg_init *init,
                          double fan_in, int kernel) {
    eg_parameter p = {
        .name = name, .shape = *shape, .init = *init, .fan_in = fan_in, .kernel = kernel, .trainable = 1
    };
    if (kernel) p.l1 = layer->l1, p.l2 = layer->l2;
    if (!(p.l1 >= 0) || !(p.l2 >= 0)) return eg_fail(EG_E_ARGUMENT, "l1 and l2 must not be negative");
    return eg_layer_parameter(layer, index, &p);
}

eg_status eg_layer_check_units(const eg_layer *layer) {
    if (layer->units >= 1) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "%s must be at least 1, not %lld", eg_options[layer->kind->options->option].name,
                   (long long)layer->units);
}

eg_value *eg_layer_variable(const eg_layer *layer, const eg_building *b, int index) {
    return eg_model_variable(b->graph, &layer->model->parameters[layer->first_parameter + index], b->prefix,
                             b->dtype);
}

/* ---- the shape of what a formula makes ----------------------------------------------------------- */

eg_shape eg_with_batch(int64_t batch, const eg_shape *sample) {
    eg_shape shape = { .rank = sample->rank + 1, .dim = { batch } };
    memcpy(shape.dim + 1, sample->dim, sizeof *sample->dim * (EG_MAX_RANK - 1));
    return shape;
}

/* A mistake is told as the layer's anyway. */
static const char *without_name(const eg_layer *layer, const char *message) {
    size_t n = strlen(layer->name);
    return strncmp(message, layer->name, n) == 0 && strncmp(message + n, ": ", 2) == 0 ? message + n + 2 : message;
}

static eg_status check_probe(const eg_layer *layer, const eg_value *y, int64_t batch) {
    eg_status status = eg_graph_status(y->graph);
    if (status != EG_OK) return eg_fail(status, "%s", without_name(layer, eg_graph_error(y->graph)));
    if (y->shape.rank > 0 && y->shape.dim[0] == batch) return EG_OK;
    return eg_fail(EG_E_SHAPE, "the function does not keep the batch axis");
}

eg_status eg_layer_probe(eg_layer *layer, int64_t batch, const eg_shape *in, eg_shape *out) {
    eg_graph *graph = eg_graph_new();
    if (!graph) return EG_E_MEMORY;
    eg_building b = { .graph = graph, .prefix = "", .dtype = EG_F32 };
    eg_value *x = eg_input(graph, "x", EG_F32, eg_with_batch(batch, in)), *y = layer->kind->build(layer, &b, &x, 1);
    eg_status status = check_probe(layer, y, batch);
    out->rank = y->shape.rank - 1;
    memcpy(out->dim, y->shape.dim + 1, sizeof *out->dim * (EG_MAX_RANK - 1));
    eg_graph_free(graph);
    return status;
}

/* ---- what training changes --------------------------------------------------------------------- */

static eg_change *find_change(const eg_building *b, const eg_value *variable) {
    eg_change *u = b->changes ? *b->changes : NULL;
    while (u && u->variable != variable) u = u->next;
    return u;
}

eg_value *eg_layer_current(const eg_building *b, eg_value *variable) {
    const eg_change *known = find_change(b, variable);
    return known ? known->now : variable;
}

void eg_layer_change(eg_building *b, eg_value *variable, eg_value *now) {
    eg_change *u = find_change(b, variable);
    if (!b->changes || eg_value_is_poisoned(variable)) return;
    if (!u) {
        u = EG_ARENA_NEW(&b->graph->arena, eg_change);
        if (!u) {
            eg_poison(b->graph, EG_E_MEMORY, "update", "no memory");
            return;
        }
        u->next = *b->changes;
        *b->changes = u;
    }
    u->variable = variable;
    u->now = now;
}

eg_value *eg_layer_activate(eg_building *b, eg_value *x, eg_activation_kind kind, double parameter) {
    if (kind == EG_SOFTMAX || kind == EG_SIGMOID) b->logits = x;
    return eg_activate(x, kind, parameter);
}

/* ---- options ------------------------------------------------------------------------------------- */

const eg_option eg_options[EG_OPTIONS] = {
#define OPTION(NAME, name, type, field, zeroable) \
    [EG_ID_##NAME] = { name, offsetof(eg_layer, field), EG_OPTION_##type, zeroable },
    EG_OPTION_LIST(OPTION)
#undef OPTION
};

const eg_kind_option *eg_option_named(const eg_layer_kind *kind, const char *name) {
    for (const eg_kind_option *o = kind->options; o->option; o++)
        if (strcmp(eg_options[o->option].name, name) == 0) return o;
    return NULL;
}

static void *field(const eg_option *option, const eg_layer *layer) { return (char *)layer + option->offset; }

static eg_status not_a(const eg_option *option, const char *what) {
    return eg_fail(EG_E_DATA, "%s: %s is expected", option->name, what);
}

static eg_status set_int(const eg_option *option, void *at, double value) {
    if (!(fabs(value) <= 0x1p53) || value != floor(value)) return not_a(option, "a whole number");
    *(int64_t *)at = (int64_t)value;
    return EG_OK;
}

static eg_status set_number(const eg_option *option, void *at, double value) {
    if (!isfinite(value)) return not_a(option, "a number");
    *(double *)at = value == 0 && option->zeroable ? EG_ZERO : value;
    return EG_OK;
}

static const char *parse_whole(const char *word, double *value) {
    const char *end = word + strlen(word);
    return eg_parse_double(word, end, value) == end ? end : NULL;
}

static eg_status parse_int(const eg_option *option, void *at, const char *word) {
    double value;
    return parse_whole(word, &value) ? set_int(option, at, value) : not_a(option, "a whole number");
}

static eg_status parse_number(const eg_option *option, void *at, const char *word) {
    double value;
    return parse_whole(word, &value) ? set_number(option, at, value) : not_a(option, "a number");
}

static eg_status parse_flag(const eg_option *option, void *at, const char *word) {
    int yes = strcmp(word, "1") == 0 || strcmp(word, "true") == 0;
    if (!yes && strcmp(word, "0") != 0 && strcmp(word, "false") != 0) return not_a(option, "0 or 1");
    *(unsigned char *)at = (unsigned char)yes;
    return EG_OK;
}

static eg_status parse_activation(const eg_option *option, void *at, const char *word) {
    (void)option;
    return eg_activation_named(word, at);
}

static eg_status parse_init(const eg_option *option, void *at, const char *word) {
    (void)option;
    return eg_init_named(word, at);
}

/* "28x28" or "28,28" */
static eg_status parse_shape(const eg_option *option, void *at, const char *word) {
    eg_shape shape = { 0 };
    const char *end = word + strlen(word);
    while (word && word < end && shape.rank < EG_MAX_RANK) {
        word = eg_parse_int(word, end, &shape.dim[shape.rank]);
        shape.rank++;
        if (word == end) {
            *(eg_shape *)at = shape;
            return EG_OK;
        }
        if (!word || (*word != 'x' && *word != ',')) break;
        word++;
    }
    return not_a(option, "a shape as in 28x28");
}

static const char *const joins[] = { "add", "multiply", "maximum", "average", "concat", NULL };
static const char *const paddings[] = { "valid", "same", NULL };

const char *const *eg_option_choices(const eg_option *option) {
    return option->type == EG_OPTION_JOIN ? joins : option->type == EG_OPTION_PADDING ? paddings : NULL;
}

static eg_status parse_choice(const eg_option *option, void *at, const char *word) {
    const char *const *choices = eg_option_choices(option);
    int n = 0;
    while (choices[n]) n++;
    return eg_word_index(option->name, word, choices, n, NULL, 0, at);
}

static void text_int(const eg_option *option, eg_text *out, const void *at) {
    (void)option;
    eg_text_format(out, "%lld", (long long)*(const int64_t *)at);
}

static void text_number(const eg_option *option, eg_text *out, const void *at) {
    (void)option;
    double value = *(const double *)at;
    eg_text_number(out, value == EG_ZERO ? 0 : value);
}

static void text_flag(const eg_option *option, eg_text *out, const void *at) {
    (void)option;
    eg_text_add(out, *(const unsigned char *)at ? "1" : "0");
}

static void text_activation(const eg_option *option, eg_text *out, const void *at) {
    (void)option;
    eg_text_add(out, eg_activation_name(*(const eg_activation_kind *)at));
}

static void text_init(const eg_option *option, eg_text *out, const void *at) {
    const eg_init *init = at;
    eg_text_add(out, eg_init_name(init->kind));
    if (init->a == 0 && init->b == 0) return;
    eg_text_add(out, "(");
    text_number(option, out, &init->a);
    if (init->b != 0) {
        eg_text_add(out, ",");
        text_number(option, out, &init->b);
    }
    eg_text_add(out, ")");
}

static void text_shape(const eg_option *option, eg_text *out, const void *at) {
    (void)option;
    const eg_shape *shape = at;
    for (int i = 0; i < shape->rank; i++) eg_text_format(out, "%s%lld", i > 0 ? "x" : "", (long long)shape->dim[i]);
}

static void text_choice(const eg_option *option, eg_text *out, const void *at) {
    eg_text_add(out, eg_option_choices(option)[*(const int *)at]);
}

static eg_status json_int(const eg_option *option, void *at, const eg_json *value) {
    return value->type == EG_JSON_INT ? set_int(option, at, value->number) : not_a(option, "a whole number");
}

static eg_status json_number(const eg_option *option, void *at, const eg_json *value) {
    int number = value->type == EG_JSON_INT || value->type == EG_JSON_DOUBLE;
    return number ? set_number(option, at, value->number) : not_a(option, "a number");
}

static eg_status json_flag(const eg_option *option, void *at, const eg_json *value) {
    if (value->type != EG_JSON_BOOL) return not_a(option, "true or false");
    *(unsigned char *)at = value->boolean != 0;
    return EG_OK;
}

eg_status eg_json_read_shape(const eg_json *list, eg_shape *out) {
    int valid = list->type == EG_JSON_ARRAY && list->length < EG_MAX_RANK;
    *out = (eg_shape){ 0 };
    for (const eg_json *item = list->first; valid && item; item = item->next) {
        valid = item->type == EG_JSON_INT;
        out->dim[out->rank++] = item->integer;
    }
    return valid ? EG_OK
                 : eg_fail(EG_E_DATA, "line %d, column %d: a shape is a list of at most 7 whole numbers", list->line,
                           list->column);
}

static eg_status json_shape(const eg_option *option, void *at, const eg_json *value) {
    (void)option;
    return eg_json_read_shape(value, at);
}

/* How a type of option is read and written. Where from_json is NULL the value is a string that `parse` reads. */
static const struct option_type {
    size_t size;
    eg_status (*parse)(const eg_option *option, void *at, const char *word);
    eg_status (*from_json)(const eg_option *option, void *at, const eg_json *value);
    void (*text)(const eg_option *option, eg_text *out, const void *at);
} types[EG_OPTION_TYPES] = {
    [EG_OPTION_INT] = { sizeof(int64_t), parse_int, json_int, text_int },
    [EG_OPTION_NUMBER] = { sizeof(double), parse_number, json_number, text_number },
    [EG_OPTION_FLAG] = { 1, parse_flag, json_flag, text_flag },
    [EG_OPTION_ACTIVATION] = { sizeof(eg_activation_kind), parse_activation, NULL, text_activation },
    [EG_OPTION_INIT] = { sizeof(eg_init), parse_init, NULL, text_init },
    [EG_OPTION_SHAPE] = { sizeof(eg_shape), parse_shape, json_shape, text_shape },
    [EG_OPTION_JOIN] = { sizeof(int), parse_choice, NULL, text_choice },
    [EG_OPTION_PADDING] = { sizeof(int), parse_choice, NULL, text_choice },
};

eg_status eg_option_parse(const eg_option *option, eg_layer *layer, const char *word) {
    return types[option->type].parse(option, field(option, layer), word);
}

eg_status eg_option_from_json(const eg_option *option, eg_layer *layer, const eg_json *value) {
    const struct option_type *type = &types[option->type];
    if (type->from_json) return type->from_json(option, field(option, layer), value);
    if (value->type != EG_JSON_STRING) return not_a(option, "a string");
    return type->parse(option, field(option, layer), value->string);
}

int eg_option_is_default(const eg_option *option, const eg_layer *layer) {
    static const char zeros[sizeof(eg_shape)];
    return memcmp(field(option, layer), zeros, types[option->type].size) == 0;
}

void eg_option_text(const eg_option *option, const eg_layer *layer, eg_text *out) {
    types[option->type].text(option, out, field(option, layer));
}

void eg_json_put_shape(eg_json_writer *w, const char *key, const eg_shape *shape) {
    eg_json_begin(w, key, '[');
    for (int i = 0; i < shape->rank; i++) eg_json_put_int(w, NULL, shape->dim[i]);
    eg_json_end(w, ']');
}

void eg_option_json(const eg_option *option, const eg_layer *layer, eg_json_writer *w) {
    const void *at = field(option, layer);
    eg_text word = { 0 };
    if (option->type == EG_OPTION_SHAPE) {
        eg_json_put_shape(w, option->name, at);
        return;
    }
    if (option->type == EG_OPTION_FLAG) {
        eg_json_put_bool(w, option->name, *(const unsigned char *)at);
        return;
    }
    types[option->type].text(option, &word, at);
    const char *text = word.data ? word.data : "";
    if (types[option->type].from_json)
        eg_json_put_raw(w, option->name, text);
    else
        eg_json_put_string(w, option->name, text);
    if (word.failed) w->text->failed = 1;
    eg_text_free(&word);
}

/* ---- from C ------------------------------------------------------------------------------------------ */

/* The field of C options as the layer has it: lists of two are {5} for one number, {0} for none. */
static void take(eg_layer *layer, const eg_option *option, const void *from) {
    void *to = field(option, layer);
    const int64_t *list = from;
    int flag = *(const int *)from;
    if (option->type == EG_OPTION_SHAPE)
        *(eg_shape *)to = (eg_shape){ .rank = list[1] ? 2 : list[0] != 0, .dim = { list[0], list[1] } };
    else if (option->type == EG_OPTION_FLAG)
        *(unsigned char *)to = option == &eg_options[EG_ID_TORCH] ? flag == EG_TORCH : flag != 0;
    else
        memcpy(to, from, types[option->type].size);
    if (option->type == EG_OPTION_NUMBER && !option->zeroable && *(double *)to == EG_ZERO) *(double *)to = 0;
}

eg_layer *eg_layer_made(const eg_layer_kind *kind, const void *given, size_t size) {
    size_t told = *(const size_t *)given;
    if (told > 0 && told < size) size = told;
    const eg_kind_option *o = kind->options;
    eg_layer *layer = eg_layer_new(kind, NULL);
    for (; layer && o->option; o++)
        if (o->given && o->given < size) take(layer, &eg_options[o->option], (const char *)given + o->given);
    const char *name = layer && o->given < size ? *(const char *const *)((const char *)given + o->given) : NULL;
    if (name) snprintf(layer->name, sizeof layer->name, "%s", name);
    return layer;
}
