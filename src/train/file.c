/* SPDX-License-Identifier: MIT
 *
 * file.c: a model as one safetensors file. The tensors are the variables of its state by name, row-major;
 * __metadata__ holds JSON texts:
 *
 *     format     "elegans 1"
 *     model      the layers (nn/json.c)
 *     recipe     optimizer, loss, metrics, scaling, seed, ...
 *     data       task, class names, column names, target
 *     run        only of a run that goes on: step, epoch, batch, totals of the epoch so far
 *
 * A file without `run` holds no optimizer slots. Loading trusts nothing: the description is parsed strictly, and
 * every tensor must have the shape and dtype that the description asks for.
 */
#include <math.h>
#include <string.h>
#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"
#include "formats/safetensors.h"
#include "runtime/state.h"
#include "train/trainer.h"

static const char FORMAT[] = "elegans 1";

/* ---- numbers by name: one table for writing and reading -------------------------------------------------- */

typedef enum field_type { INT, WIDE, NUMBER } field_type; /* int or an enumeration; 64 bits; double */

typedef struct field {
    char name[17];
    unsigned char type, choices; /* of an enumeration: it is less than that, and not negative; else 0 */
    unsigned short offset;
} field;

#define OF(struct_, member, type, choices) \
    { #member, type, choices, offsetof(struct_, member) }

static const field optimizer_fields[] = { OF(eg_optimizer_opt, lr, NUMBER, 0),
                                          OF(eg_optimizer_opt, momentum, NUMBER, 0),
                                          OF(eg_optimizer_opt, dampening, NUMBER, 0),
                                          OF(eg_optimizer_opt, rho, NUMBER, 0),
                                          OF(eg_optimizer_opt, beta1, NUMBER, 0),
                                          OF(eg_optimizer_opt, beta2, NUMBER, 0),
                                          OF(eg_optimizer_opt, epsilon, NUMBER, 0),
                                          OF(eg_optimizer_opt, initial, NUMBER, 0),
                                          OF(eg_optimizer_opt, lr_decay, NUMBER, 0),
                                          OF(eg_optimizer_opt, weight_decay, NUMBER, 0),
                                          OF(eg_optimizer_opt, clip_value, NUMBER, 0),
                                          OF(eg_optimizer_opt, clip_norm, NUMBER, 0),
                                          OF(eg_optimizer_opt, clip_global_norm, NUMBER, 0),
                                          OF(eg_optimizer_opt, nesterov, INT, 0),
                                          OF(eg_optimizer_opt, centered, INT, 0),
                                          OF(eg_optimizer_opt, amsgrad, INT, 0),
                                          OF(eg_optimizer_opt, dialect, INT, EG_KERAS2 + 1),
                                          { "", 0, 0, 0 } };

static const field recipe_fields[] = { OF(eg_recipe, reduction, INT, EG_REDUCTION_NONE),
                                       OF(eg_recipe, huber_delta, NUMBER, 0),
                                       OF(eg_recipe, l1, NUMBER, 0),
                                       OF(eg_recipe, l2, NUMBER, 0),
                                       OF(eg_recipe, top_k, INT, 0),
                                       OF(eg_recipe, dialect, INT, EG_KERAS2 + 1),
                                       OF(eg_recipe, maximize, INT, 0),
                                       OF(eg_recipe, dtype, INT, 0),
                                       OF(eg_recipe, seed, WIDE, 0),
                                       { "", 0, 0, 0 } };

static const field data_fields[] = { OF(eg_trainer, task, INT, EG_TASK_REGRESSION + 1), { "", 0, 0, 0 } };

static const field position_fields[] = { OF(eg_position, step, WIDE, 0),
                                         OF(eg_position, epoch, INT, 0),
                                         OF(eg_position, first_epoch, INT, 0),
                                         OF(eg_position, batch, WIDE, 0),
                                         OF(eg_position, last_loss, NUMBER, 0),
                                         OF(eg_position, totals.loss, NUMBER, 0),
                                         OF(eg_position, totals.penalty, NUMBER, 0),
                                         OF(eg_position, totals.n, WIDE, 0),
                                         OF(eg_position, totals.batches, WIDE, 0),
                                         { "", 0, 0, 0 } };

static void write_fields(eg_json_writer *w, const field *fields, const void *from) {
    for (const field *f = fields; *f->name; f++) {
        const void *at = (const char *)from + f->offset;
        if (f->type == NUMBER)
            eg_json_put_number(w, f->name, *(const double *)at);
        else
            eg_json_put_int(w, f->name, f->type == INT ? *(const int *)at : *(const int64_t *)at);
    }
}

/* Enumerations come from a file: they must be in range. */
static eg_status check_range(const char *what, int64_t value, int first, int end) {
    if (value >= first && value < end) return EG_OK;
    return eg_fail(EG_E_DATA, "recipe: %s %lld is not known", what, (long long)value);
}

/* What is absent stays as it is. */
static eg_status read_fields(const eg_json *json, const field *fields, void *to) {
    for (const field *f = fields; *f->name; f++) {
        void *at = (char *)to + f->offset;
        if (f->type == NUMBER) {
            *(double *)at = eg_json_number(json, f->name, *(double *)at);
            continue;
        }
        int64_t value = eg_json_int(json, f->name, f->type == INT ? *(int *)at : *(int64_t *)at);
        if (f->choices) EG_TRY(check_range(f->name, value, 0, f->choices));
        if (f->type == INT)
            *(int *)at = (int)value;
        else
            *(int64_t *)at = value;
    }
    return EG_OK;
}

/* ---- metadata: writing ----------------------------------------------------------------------------------- */

typedef void write_fn(eg_json_writer *w, const eg_trainer *trainer);

static void write_recipe(eg_json_writer *w, const eg_trainer *trainer) {
    const eg_recipe *recipe = &trainer->recipe;
    eg_json_put_string(w, "loss", eg_loss_name(trainer->loss));
    write_fields(w, recipe_fields, recipe);
    eg_json_put_string(w, "scaling", eg_scaling_name(trainer->scaling));
    eg_json_begin(w, "metrics", '[');
    for (int i = 0; i < EG_MAX_METRICS && recipe->metrics[i]; i++) eg_json_put_int(w, NULL, recipe->metrics[i]);
    eg_json_end(w, ']');
    if (!recipe->optimizer) return;
    eg_optimizer_opt options = eg_optimizer_options(recipe->optimizer);
    eg_json_begin(w, "optimizer", '{');
    eg_json_put_string(w, "name", eg_optimizer_name(recipe->optimizer));
    write_fields(w, optimizer_fields, &options);
    eg_json_end(w, '}');
}

static void write_names(eg_json_writer *w, const char *key, const eg_names *names) {
    eg_json_begin(w, key, '[');
    for (int i = 0; i < names->n; i++) eg_json_put_string(w, NULL, names->name[i]);
    eg_json_end(w, ']');
}

static void write_vocabulary(eg_json_writer *w, const eg_vocabulary *v) {
    int unknown = eg_vocabulary_has_unknown(v), n = eg_vocabulary_size(v) - unknown;
    eg_json_begin(w, "vocabulary", '{');
    eg_json_put_int(w, "words", eg_vocabulary_unit(v) == EG_TOKEN_WORD);
    eg_json_put_int(w, "unknown", unknown);
    eg_json_begin(w, "tokens", '[');
    for (int i = 0; i < n; i++) eg_json_put_string(w, NULL, eg_vocabulary_token(v, i));
    eg_json_end(w, ']');
    eg_json_end(w, '}');
}

static void write_data(eg_json_writer *w, const eg_trainer *trainer) {
    write_fields(w, data_fields, trainer);
    eg_json_put_string(w, "target", trainer->target_name);
    if (trainer->missing) eg_json_put_string(w, "missing", eg_missing_name(trainer->missing));
    write_names(w, "classes", &trainer->classes);
    write_names(w, "columns", &trainer->columns);
    if (trainer->vocabulary) write_vocabulary(w, trainer->vocabulary);
}

static void write_run(eg_json_writer *w, const eg_trainer *trainer) {
    write_fields(w, position_fields, &trainer->position);
    eg_json_begin(w, "sums", '[');
    for (int i = 0; i < EG_SUM_KINDS; i++) eg_json_put_number(w, NULL, trainer->position.totals.sum[i]);
    eg_json_end(w, ']');
}

/* ---- saving ---------------------------------------------------------------------------------------------- */

enum { MAX_STRINGS = 5 };

/* What goes into the file: tensors and texts, owned. */
typedef struct content {
    eg_safetensors_item *item;
    int items;
    eg_safetensors_string string[MAX_STRINGS];
    int strings;
} content;

static void free_content(content *c) {
    for (int i = 0; i < c->items; i++) eg_tensor_free((eg_tensor *)c->item[i].tensor);
    for (int i = 0; i < c->strings; i++) eg_free((char *)c->string[i].value);
    eg_free(c->item);
}

static int is_slot(const char *name) { return strncmp(name, "optimizer/", 10) == 0; }

eg_tensor *eg_variable_tensor(const eg_state *state, const eg_variable *variable) {
    eg_tensor *tensor = eg_tensor_shaped(variable->dtype, &variable->shape);
    size_t bytes = (size_t)eg_count(&variable->shape) * eg_dtype_size(variable->dtype);
    if (tensor) eg_state_read(state, variable->name, eg_tensor_data(tensor), bytes);
    return tensor;
}

static eg_status add_tensors(const eg_state *state, int with_slots, content *c) {
    c->item = eg_calloc((size_t)state->n + 1, sizeof *c->item);
    if (!c->item) return EG_E_MEMORY;
    for (int i = 0; i < state->n; i++) {
        const eg_variable *variable = &state->variable[i];
        if (is_slot(variable->name) && !with_slots) continue;
        eg_tensor *tensor = eg_variable_tensor(state, variable);
        if (!tensor) return EG_E_MEMORY;
        c->item[c->items++] = (eg_safetensors_item){ variable->name, tensor };
    }
    return EG_OK;
}

static eg_status add_text(content *c, const char *key, char *text) {
    c->string[c->strings++] = (eg_safetensors_string){ key, text };
    return text ? EG_OK : EG_E_MEMORY;
}

static eg_status add_json(content *c, const char *key, write_fn *write, const eg_trainer *trainer) {
    eg_text text = { 0 };
    eg_json_writer w = { .text = &text };
    eg_json_begin(&w, NULL, '{');
    write(&w, trainer);
    eg_json_end(&w, '}');
    if (text.failed) eg_text_free(&text);
    return add_text(c, key, text.data);
}

static eg_status add_metadata(const eg_model *model, int with_run, content *c) {
    EG_TRY(add_text(c, "format", eg_strdup(FORMAT)));
    EG_TRY(add_text(c, "model", eg_model_json(model)));
    if (!model->train) return EG_OK;
    EG_TRY(add_json(c, "recipe", write_recipe, model->train));
    EG_TRY(add_json(c, "data", write_data, model->train));
    return with_run ? add_json(c, "run", write_run, model->train) : EG_OK;
}

static eg_status save(const eg_model *model, const char *path, int with_run) {
    EG_TRY(eg_model_check(model));
    content c = { 0 };
    eg_status status = add_metadata(model, with_run, &c);
    if (status == EG_OK) status = add_tensors(model->state, with_run, &c);
    if (status == EG_OK) status = eg_safetensors_write(path, c.item, c.items, c.string, c.strings);
    free_content(&c);
    return status;
}

eg_status eg_model_save(const eg_model *model, const char *path) { return save(model, path, 0); }
eg_status eg_model_save_run(const eg_model *model, const char *path) { return save(model, path, 1); }

eg_status eg_model_sha256(const eg_model *model, char out[65]) {
    EG_TRY(eg_model_status(model));
    eg_sha256 hash;
    eg_sha256_init(&hash);
    for (int i = 0; i < model->nparameters; i++) {
        if (model->parameters[i].is_state) continue; /* of the last batch, no weight */
        const eg_variable *variable = eg_state_get(model->state, model->parameters[i].name);
        if (!variable) return eg_fail(EG_E_MISSING, "the model's parameters have no values yet");
        eg_tensor *rows = eg_variable_tensor(model->state, variable);
        if (!rows) return eg_error_status();
        const char *shape = eg_shape_words(&variable->shape);
        eg_sha256_add(&hash, variable->name, strlen(variable->name) + 1);
        eg_sha256_add(&hash, shape, strlen(shape) + 1);
        eg_sha256_add(&hash, eg_tensor_data(rows), (size_t)eg_tensor_size(rows) * eg_dtype_size(variable->dtype));
        eg_tensor_free(rows);
    }
    eg_sha256_hex(&hash, out);
    return EG_OK;
}

/* ---- loading --------------------------------------------------------------------------------------------- */

typedef struct loader {
    eg_safetensors *file;
    eg_arena arena;
    eg_model *model;
} loader;

/* A text of the metadata, *out NULL where it is absent. */
static eg_status parse_metadata(const loader *l, const char *key, eg_arena *arena, const eg_json **out) {
    const char *text = eg_safetensors_metadata(l->file, key);
    *out = text ? eg_json_parse(arena, text, strlen(text)) : NULL;
    return *out || !text ? EG_OK : eg_context("metadata '%s'", key);
}

/* The error of a moment ago is one of the file, if it is not a lack of memory. */
static eg_status invalid(const char *where) {
    return eg_error_status() == EG_E_MEMORY ? EG_E_MEMORY : eg_fail(EG_E_DATA, "%s: %s", where, eg_error());
}

static eg_status load_description(loader *l) {
    const char *format = eg_safetensors_metadata(l->file, "format");
    const char *description = eg_safetensors_metadata(l->file, "model");
    if (!format || !description) return eg_fail(EG_E_DATA, "not a model of elegans: its metadata has no description");
    if (strcmp(format, FORMAT) != 0)
        return eg_fail(EG_E_DATA, "model format '%s' is not known (this version reads '%s')", format, FORMAT);
    l->model = eg_model_from_json(description, strlen(description));
    return eg_model_check(l->model) == EG_OK ? EG_OK : invalid("description");
}

static eg_status load_optimizer(const eg_json *json, eg_optimizer **out) {
    eg_optimizer_opt options = { .size_ = sizeof options };
    EG_TRY(read_fields(json, optimizer_fields, &options));
    *out = eg_optimizer_new(eg_json_string(json, "name", ""), options);
    return *out ? EG_OK : invalid("recipe");
}

static eg_status load_metrics(const eg_json *list, eg_metric *metrics) {
    int n = 0;
    for (const eg_json *item = list ? list->first : NULL; item && n < EG_MAX_METRICS; item = item->next) {
        EG_TRY(check_range("metric", item->integer, EG_METRIC_ACCURACY, EG_METRIC_KINDS));
        metrics[n++] = (eg_metric)item->integer;
    }
    return EG_OK;
}

static eg_status load_recipe(loader *l) {
    eg_recipe recipe = { .size_ = sizeof recipe };
    eg_scaling scaling = EG_SCALING_NONE;
    const eg_json *json;
    EG_TRY(parse_metadata(l, "recipe", &l->arena, &json));
    if (json) {
        EG_TRY(read_fields(json, recipe_fields, &recipe));
        EG_TRY(load_metrics(eg_json_get(json, "metrics"), recipe.metrics));
        if (eg_loss_named(eg_json_string(json, "loss", "auto"), &recipe.loss) != EG_OK ||
            eg_scaling_named(eg_json_string(json, "scaling", "none"), &scaling) != EG_OK)
            return invalid("recipe");
        const eg_json *optimizer = eg_json_get(json, "optimizer");
        if (optimizer) EG_TRY(load_optimizer(optimizer, &recipe.optimizer));
    }
    EG_TRY(eg_model_compile_(l->model, recipe));
    eg_trainer *trainer = l->model->train;
    trainer->scaling = trainer->recipe.scaling = scaling;
    trainer->scaling_fitted = 1;
    return EG_OK;
}

/* The texts stay where they were parsed. */
static eg_status load_names(eg_arena *arena, const eg_json *list, eg_names *names) {
    if (!list || list->type != EG_JSON_ARRAY) return EG_OK;
    names->name = EG_ARENA_ARRAY(arena, const char *, list->length);
    if (!names->name) return EG_E_MEMORY;
    for (const eg_json *item = list->first; item; item = item->next) {
        if (item->type != EG_JSON_STRING) return eg_fail(EG_E_DATA, "data: a name is not a text");
        names->name[names->n++] = item->string;
    }
    return EG_OK;
}

static eg_status load_vocabulary(eg_arena *arena, const eg_json *json, eg_vocabulary **out) {
    eg_names tokens = { 0 };
    if (!json) return EG_OK;
    EG_TRY(load_names(arena, eg_json_get(json, "tokens"), &tokens));
    *out = eg_vocabulary_new(eg_json_int(json, "words", 0) ? EG_TOKEN_WORD : EG_TOKEN_CHARACTER, tokens.name,
                             tokens.n, eg_json_int(json, "unknown", 0) != 0);
    return *out ? EG_OK : invalid("data");
}

static eg_status load_data(loader *l) {
    eg_trainer *trainer = l->model->train;
    eg_arena *arena = &trainer->arena;
    const eg_json *json;
    EG_TRY(parse_metadata(l, "data", arena, &json));
    EG_TRY(read_fields(json, data_fields, trainer));
    EG_TRY(load_names(arena, eg_json_get(json, "classes"), &trainer->classes));
    EG_TRY(load_names(arena, eg_json_get(json, "columns"), &trainer->columns));
    EG_TRY(load_vocabulary(arena, eg_json_get(json, "vocabulary"), &trainer->vocabulary));
    trainer->target_name = eg_json_string(json, "target", NULL);
    if (eg_missing_named(eg_json_string(json, "missing", "error"), &trainer->missing) != EG_OK)
        return invalid("data");
    return EG_OK;
}

/* ---- loading tensors ------------------------------------------------------------------------------------- */

/* "optimizer/<slot>/<parameter>": the part after the second slash. */
static const char *slot_parameter(const char *name) {
    const char *slash = strchr(name + 10, '/');
    return slash ? slash + 1 : "";
}

/* Makes a variable for a tensor that the description does not ask for: preprocessing, optimizer slots. */
static eg_status add_variable(eg_state *state, const eg_safetensors_entry *tensor) {
    int slot = is_slot(tensor->name);
    if (!slot && strncmp(tensor->name, "preprocess/", 11) != 0)
        return eg_fail(EG_E_DATA, "tensor '%s' belongs to no layer", tensor->name);
    const eg_variable *parameter = slot ? eg_state_get(state, slot_parameter(tensor->name)) : NULL;
    int alike = parameter && parameter->dtype == tensor->dtype && eg_same_shape(&parameter->shape, &tensor->shape);
    return eg_state_make(state, tensor->name, tensor->dtype, &tensor->shape, alike ? parameter->layout : EG_ROWS);
}

static eg_status load_tensor(const loader *l, const eg_safetensors_entry *tensor) {
    eg_state *state = l->model->state;
    const eg_variable *variable = eg_state_get(state, tensor->name);
    if (!variable) {
        EG_TRY(add_variable(state, tensor));
        variable = eg_state_get(state, tensor->name);
    }
    if (variable->dtype != tensor->dtype || !eg_same_shape(&variable->shape, &tensor->shape))
        return eg_fail(EG_E_DATA, "tensor '%s' is %s%s, the description asks for %s%s", tensor->name, tensor->type,
                       eg_shape_words(&tensor->shape), eg_dtype_name(variable->dtype),
                       eg_shape_words(&variable->shape));
    eg_tensor *rows;
    EG_TRY(eg_safetensors_tensor(l->file, tensor, &rows));
    eg_status status = eg_state_write(state, tensor->name, eg_tensor_data(rows), tensor->end - tensor->begin);
    eg_tensor_free(rows);
    return status;
}

static eg_status check_complete(const loader *l) {
    for (int i = 0; i < l->model->state->n; i++)
        if (!eg_safetensors_find(l->file, l->model->state->variable[i].name))
            return eg_fail(EG_E_DATA, "tensor '%s' is missing", l->model->state->variable[i].name);
    return EG_OK;
}

static eg_status load_tensors(loader *l) {
    for (int i = 0; i < eg_safetensors_count(l->file); i++) EG_TRY(load_tensor(l, eg_safetensors_at(l->file, i)));
    EG_TRY(check_complete(l));
    return eg_prepare_check(l->model);
}

static eg_status load_run(loader *l) {
    eg_trainer *trainer = l->model->train;
    const eg_json *run;
    EG_TRY(parse_metadata(l, "run", &l->arena, &run));
    if (!run) return EG_OK;
    trainer->position.last_loss = (double)INFINITY; /* written as null */
    EG_TRY(read_fields(run, position_fields, &trainer->position));
    const eg_json *sums = eg_json_get(run, "sums");
    int i = 0;
    for (const eg_json *item = sums ? sums->first : NULL; item && i < EG_SUM_KINDS; item = item->next)
        trainer->position.totals.sum[i++] = item->number;
    const eg_position *at = &trainer->position;
    if (at->step < 0 || at->epoch < 0 || at->batch < 0 || at->first_epoch < 0 || at->first_epoch > at->epoch)
        return eg_fail(EG_E_DATA, "run: its position is not valid");
    trainer->slots_ready = 1;
    return EG_OK;
}

static eg_status load(loader *l, const char *path) {
    EG_TRY(eg_safetensors_read(path, &l->file)); /* its messages name the file */
    eg_status status = load_description(l);
    if (status == EG_OK) status = load_recipe(l);
    if (status == EG_OK) status = load_data(l);
    if (status == EG_OK) status = load_tensors(l);
    if (status == EG_OK) status = load_run(l);
    return status == EG_OK ? EG_OK : eg_context("%s", path);
}

eg_model *eg_model_load(const char *path) {
    loader l = { .arena = EG_ARENA_INIT };
    eg_status status = load(&l, path);
    if (status != EG_OK) {
        eg_model_free(l.model);
        l.model = eg_model_new();
        if (l.model) eg_model_fail(l.model, status);
    }
    eg_safetensors_free(l.file);
    eg_arena_free(&l.arena);
    return l.model;
}
