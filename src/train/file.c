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

typedef enum field_type { INT, I64, U64, NUMBER } field_type;

typedef struct field {
    const char *name;
    field_type type;
    size_t offset;
} field;

#define OF(struct_, member, type)                                                                                    \
    { #member, type, offsetof(struct_, member) }

static const field optimizer_fields[] = { OF(eg_optimizer_opt, lr, NUMBER),
                                          OF(eg_optimizer_opt, momentum, NUMBER),
                                          OF(eg_optimizer_opt, dampening, NUMBER),
                                          OF(eg_optimizer_opt, rho, NUMBER),
                                          OF(eg_optimizer_opt, beta1, NUMBER),
                                          OF(eg_optimizer_opt, beta2, NUMBER),
                                          OF(eg_optimizer_opt, epsilon, NUMBER),
                                          OF(eg_optimizer_opt, initial, NUMBER),
                                          OF(eg_optimizer_opt, lr_decay, NUMBER),
                                          OF(eg_optimizer_opt, weight_decay, NUMBER),
                                          OF(eg_optimizer_opt, clip_value, NUMBER),
                                          OF(eg_optimizer_opt, clip_norm, NUMBER),
                                          OF(eg_optimizer_opt, clip_global_norm, NUMBER),
                                          OF(eg_optimizer_opt, nesterov, INT),
                                          OF(eg_optimizer_opt, centered, INT),
                                          OF(eg_optimizer_opt, amsgrad, INT),
                                          OF(eg_optimizer_opt, dialect, INT),
                                          { 0 } };

static const field recipe_fields[] = { OF(eg_recipe, reduction, INT), OF(eg_recipe, huber_delta, NUMBER),
                                       OF(eg_recipe, l1, NUMBER),     OF(eg_recipe, l2, NUMBER),
                                       OF(eg_recipe, top_k, INT),     OF(eg_recipe, dialect, INT),
                                       OF(eg_recipe, maximize, INT),  OF(eg_recipe, dtype, INT),
                                       OF(eg_recipe, seed, U64),      { 0 } };

static const field position_fields[] = { OF(eg_position, step, I64),
                                         OF(eg_position, epoch, INT),
                                         OF(eg_position, first_epoch, INT),
                                         OF(eg_position, batch, I64),
                                         OF(eg_position, last_loss, NUMBER),
                                         { "totals.loss", NUMBER, offsetof(eg_position, totals.loss) },
                                         { "totals.penalty", NUMBER, offsetof(eg_position, totals.penalty) },
                                         { "totals.n", I64, offsetof(eg_position, totals.n) },
                                         { "totals.batches", I64, offsetof(eg_position, totals.batches) },
                                         { 0 } };

static void write_fields(eg_json_writer *w, const field *fields, const void *from) {
    for (const field *f = fields; f->name; f++) {
        const void *at = (const char *)from + f->offset;
        switch (f->type) {
        case INT:
            eg_json_put_int(w, f->name, *(const int *)at);
            break;
        case I64:
            eg_json_put_int(w, f->name, *(const int64_t *)at);
            break;
        case U64:
            eg_json_put_int(w, f->name, (int64_t) * (const uint64_t *)at);
            break;
        case NUMBER:
            eg_json_put_number(w, f->name, *(const double *)at);
            break;
        }
    }
}

static void read_fields(const eg_json *json, const field *fields, void *to) {
    for (const field *f = fields; f->name; f++) {
        void *at = (char *)to + f->offset;
        switch (f->type) {
        case INT:
            *(int *)at = (int)eg_json_int(json, f->name, *(int *)at);
            break;
        case I64:
            *(int64_t *)at = eg_json_int(json, f->name, *(int64_t *)at);
            break;
        case U64:
            *(uint64_t *)at = (uint64_t)eg_json_int(json, f->name, (int64_t) * (uint64_t *)at);
            break;
        case NUMBER:
            *(double *)at = eg_json_number(json, f->name, *(double *)at);
            break;
        }
    }
}

/* ---- metadata: writing ----------------------------------------------------------------------------------- */

static char *take(eg_text *text) {
    if (text->failed) eg_text_free(text);
    return text->data; /* owned by the caller; NULL without memory */
}

static char *recipe_json(const eg_trainer *trainer) {
    eg_text text = { 0 };
    eg_json_writer w = { .text = &text };
    const eg_recipe *recipe = &trainer->recipe;
    eg_json_begin(&w, NULL, '{');
    eg_json_put_string(&w, "loss", eg_loss_name(trainer->loss));
    write_fields(&w, recipe_fields, recipe);
    eg_json_put_string(&w, "scaling", eg_scaling_name(trainer->scaling));
    eg_json_begin(&w, "metrics", '[');
    for (int i = 0; i < EG_MAX_METRICS && recipe->metrics[i]; i++) eg_json_put_int(&w, NULL, recipe->metrics[i]);
    eg_json_end(&w, ']');
    if (recipe->optimizer) {
        eg_optimizer_opt options = eg_optimizer_options(recipe->optimizer);
        eg_json_begin(&w, "optimizer", '{');
        eg_json_put_string(&w, "name", eg_optimizer_name(recipe->optimizer));
        write_fields(&w, optimizer_fields, &options);
        eg_json_end(&w, '}');
    }
    eg_json_end(&w, '}');
    return take(&text);
}

static void write_names(eg_json_writer *w, const char *key, char *const *names, int n) {
    eg_json_begin(w, key, '[');
    for (int i = 0; i < n; i++) eg_json_put_string(w, NULL, names[i]);
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

static char *data_json(const eg_trainer *trainer) {
    eg_text text = { 0 };
    eg_json_writer w = { .text = &text };
    eg_json_begin(&w, NULL, '{');
    eg_json_put_int(&w, "task", trainer->task);
    eg_json_put_string(&w, "target", trainer->target_name);
    if (trainer->missing) eg_json_put_string(&w, "missing", eg_missing_name(trainer->missing));
    write_names(&w, "classes", trainer->class_names, trainer->n_classes);
    write_names(&w, "columns", trainer->column_names, trainer->n_columns);
    if (trainer->vocabulary) write_vocabulary(&w, trainer->vocabulary);
    eg_json_end(&w, '}');
    return take(&text);
}

static char *run_json(const eg_trainer *trainer) {
    eg_text text = { 0 };
    eg_json_writer w = { .text = &text };
    eg_json_begin(&w, NULL, '{');
    write_fields(&w, position_fields, &trainer->position);
    eg_json_begin(&w, "sums", '[');
    for (int i = 0; i < EG_SUM_KINDS; i++) eg_json_put_number(&w, NULL, trainer->position.totals.sum[i]);
    eg_json_end(&w, ']');
    eg_json_end(&w, '}');
    return take(&text);
}

/* ---- saving
 * --------------------------------------------------------------------------------------------------------------------
 */

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

/* Row-major copy of a variable. */
static eg_tensor *variable_tensor(const eg_state *state, const eg_variable *variable) {
    eg_tensor *tensor = eg_tensor_shaped(variable->dtype, &variable->shape);
    size_t bytes = (size_t)eg_count(&variable->shape) * eg_dtype_size(variable->dtype);
    if (!tensor || eg_state_read(state, variable->name, eg_tensor_data(tensor), bytes) == EG_OK) return tensor;
    eg_tensor_free(tensor);
    return NULL;
}

static eg_status add_tensors(const eg_state *state, int with_slots, content *c) {
    c->item = eg_calloc((size_t)state->n + 1, sizeof *c->item);
    if (!c->item) return EG_E_MEMORY;
    for (int i = 0; i < state->n; i++) {
        const eg_variable *variable = &state->variable[i];
        if (is_slot(variable->name) && !with_slots) continue;
        eg_tensor *tensor = variable_tensor(state, variable);
        if (!tensor) return eg_error_status();
        c->item[c->items++] = (eg_safetensors_item){ variable->name, tensor };
    }
    return EG_OK;
}

static eg_status add_text(content *c, const char *key, char *text) {
    if (!text) return EG_E_MEMORY;
    c->string[c->strings++] = (eg_safetensors_string){ key, text };
    return EG_OK;
}

static eg_status add_metadata(const eg_model *model, int with_run, content *c) {
    const eg_trainer *trainer = eg_trainer_peek(model);
    EG_TRY(add_text(c, "format", eg_strdup(FORMAT)));
    EG_TRY(add_text(c, "model", eg_model_json(model)));
    if (!trainer) return EG_OK;
    EG_TRY(add_text(c, "recipe", recipe_json(trainer)));
    EG_TRY(add_text(c, "data", data_json(trainer)));
    return with_run ? add_text(c, "run", run_json(trainer)) : EG_OK;
}

static eg_status save(const eg_model *model, const char *path, int with_run) {
    if (eg_model_status(model) != EG_OK) return eg_fail(eg_model_status(model), "%s", eg_model_error(model));
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
        eg_tensor *rows = variable_tensor(model->state, variable);
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

/* ---- loading
 * --------------------------------------------------------------------------------------------------------------------
 */

typedef struct loader {
    eg_safetensors *file;
    eg_arena arena;
    eg_model *model;
    const eg_json *recipe, *data, *run; /* NULL where absent */
} loader;

static eg_status parse_metadata(loader *l, const char *key, const eg_json **out) {
    const char *text = eg_safetensors_metadata(l->file, key);
    *out = NULL;
    if (!text) return EG_OK;
    *out = eg_json_parse(&l->arena, text, strlen(text));
    return *out ? EG_OK : eg_context("metadata '%s'", key);
}

static eg_status load_description(loader *l) {
    const char *format = eg_safetensors_metadata(l->file, "format");
    const char *description = eg_safetensors_metadata(l->file, "model");
    if (!format || !description) return eg_fail(EG_E_DATA, "not a model of elegans: its metadata has no description");
    if (strcmp(format, FORMAT) != 0)
        return eg_fail(EG_E_DATA, "model format '%s' is not known (this version reads '%s')", format, FORMAT);
    EG_TRY(parse_metadata(l, "recipe", &l->recipe));
    EG_TRY(parse_metadata(l, "data", &l->data));
    EG_TRY(parse_metadata(l, "run", &l->run));
    l->model = eg_model_from_json(description, strlen(description));
    if (!l->model) return EG_E_MEMORY;
    if (eg_model_status(l->model) != EG_OK) return eg_fail(EG_E_DATA, "description: %s", eg_model_error(l->model));
    return EG_OK;
}

/* Enumerations come from a file: they must be in range. */
static eg_status check_range(const char *what, int value, int first, int end) {
    if (value >= first && value < end) return EG_OK;
    return eg_fail(EG_E_DATA, "recipe: %s %d is not known", what, value);
}

static eg_status load_optimizer(const eg_json *json, eg_optimizer **out) {
    eg_optimizer_opt options = { .size_ = sizeof options };
    read_fields(json, optimizer_fields, &options);
    EG_TRY(check_range("dialect", (int)options.dialect, EG_KERAS, EG_KERAS2 + 1));
    *out = eg_optimizer_new(eg_json_string(json, "name", ""), options);
    return *out ? EG_OK : eg_fail(EG_E_DATA, "recipe: %s", eg_error());
}

static eg_status load_metrics(const eg_json *list, eg_metric *metrics) {
    int n = 0;
    for (const eg_json *item = list ? list->first : NULL; item && n < EG_MAX_METRICS; item = item->next) {
        EG_TRY(check_range("metric", (int)item->integer, EG_METRIC_ACCURACY, EG_METRIC_KINDS));
        metrics[n++] = (eg_metric)item->integer;
    }
    return EG_OK;
}

static eg_status load_recipe(loader *l) {
    eg_recipe recipe = { .size_ = sizeof recipe };
    eg_scaling scaling = EG_SCALING_NONE;
    if (l->recipe) {
        read_fields(l->recipe, recipe_fields, &recipe);
        EG_TRY(check_range("reduction", (int)recipe.reduction, EG_REDUCTION_MEAN, EG_REDUCTION_NONE));
        EG_TRY(check_range("dialect", (int)recipe.dialect, EG_KERAS, EG_KERAS2 + 1));
        EG_TRY(load_metrics(eg_json_get(l->recipe, "metrics"), recipe.metrics));
        if (eg_loss_named(eg_json_string(l->recipe, "loss", "auto"), &recipe.loss) != EG_OK ||
            eg_scaling_named(eg_json_string(l->recipe, "scaling", "none"), &scaling) != EG_OK)
            return eg_fail(EG_E_DATA, "recipe: %s", eg_error());
        const eg_json *optimizer = eg_json_get(l->recipe, "optimizer");
        if (optimizer) EG_TRY(load_optimizer(optimizer, &recipe.optimizer));
    }
    EG_TRY(eg_model_compile_(l->model, recipe));
    eg_trainer *trainer = l->model->train;
    trainer->scaling = trainer->recipe.scaling = scaling;
    trainer->scaling_fitted = 1;
    return EG_OK;
}

static eg_status load_names(const eg_json *list, char ***names, int *count) {
    if (!list || list->type != EG_JSON_ARRAY || list->length == 0) return EG_OK;
    *names = eg_calloc(list->length, sizeof **names);
    if (!*names) return EG_E_MEMORY;
    *count = (int)list->length;
    int i = 0;
    for (const eg_json *item = list->first; item; item = item->next, i++) {
        if (item->type != EG_JSON_STRING) return eg_fail(EG_E_DATA, "data: a name is not a text");
        if (!((*names)[i] = eg_strdup(item->string))) return EG_E_MEMORY;
    }
    return EG_OK;
}

static eg_status load_vocabulary(const eg_json *json, eg_vocabulary **out) {
    char **tokens = NULL;
    int n = 0;
    if (!json) return EG_OK;
    eg_status status = load_names(eg_json_get(json, "tokens"), &tokens, &n);
    if (status == EG_OK) {
        *out = eg_vocabulary_new(eg_json_int(json, "words", 0) ? EG_TOKEN_WORD : EG_TOKEN_CHARACTER,
                                 (const char *const *)tokens, n, eg_json_int(json, "unknown", 0) != 0);
        if (!*out) status = eg_error_status() == EG_E_MEMORY ? EG_E_MEMORY : eg_fail(EG_E_DATA, "data: %s", eg_error());
    }
    for (int i = 0; tokens && i < n; i++) eg_free(tokens[i]);
    eg_free(tokens);
    return status;
}

static eg_status load_data(loader *l) {
    eg_trainer *trainer = l->model->train;
    if (!l->data) return EG_OK;
    EG_TRY(load_names(eg_json_get(l->data, "classes"), &trainer->class_names, &trainer->n_classes));
    EG_TRY(load_names(eg_json_get(l->data, "columns"), &trainer->column_names, &trainer->n_columns));
    EG_TRY(load_vocabulary(eg_json_get(l->data, "vocabulary"), &trainer->vocabulary));
    const char *target = eg_json_string(l->data, "target", NULL);
    if (target && !(trainer->target_name = eg_strdup(target))) return EG_E_MEMORY;
    int task = (int)eg_json_int(l->data, "task", EG_TASK_NONE);
    EG_TRY(check_range("task", task, EG_TASK_NONE, EG_TASK_REGRESSION + 1));
    trainer->task = (eg_task)task;
    if (eg_missing_named(eg_json_string(l->data, "missing", "error"), &trainer->missing) != EG_OK)
        return eg_fail(EG_E_DATA, "data: %s", eg_error());
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
    const eg_variable *parameter = is_slot(tensor->name) ? eg_state_get(state, slot_parameter(tensor->name)) : NULL;
    if (!is_slot(tensor->name) && strncmp(tensor->name, "preprocess/", 11) != 0)
        return eg_fail(EG_E_DATA, "tensor '%s' belongs to no layer", tensor->name);
    eg_layout layout = parameter && eg_same_shape(&parameter->shape, &tensor->shape) ? parameter->layout : EG_ROWS;
    eg_graph *graph = eg_graph_new();
    if (!graph) return EG_E_MEMORY;
    eg_status status =
        eg_state_add(state, eg_leaf(graph, EG_OP_VAR, tensor->name, tensor->dtype, &tensor->shape, layout));
    eg_graph_free(graph);
    return status;
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
    if (!l->run) return EG_OK;
    trainer->position.last_loss = (double)INFINITY; /* written as null */
    read_fields(l->run, position_fields, &trainer->position);
    const eg_json *sums = eg_json_get(l->run, "sums");
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
