/* SPDX-License-Identifier: MIT
 *
 * sample.c: a network over sequences, run one step at a time: a copy whose input is one step and whose recurrent layers
 * are stateful, so that a token costs one step however long the text before it is. The copy is made of the model's
 * description (JSON). A network with causal attention has no state to keep: it writes all the same, by a copy that reads
 * the last tokens, as many as a sample has, anew for each.
 */
#include <math.h>
#include <string.h>
#include "base/json.h"
#include "base/rng.h"
#include "data/text.h"
#include "tensor/shape.h"
#include "train/trainer.h"

/* ---- the copy ------------------------------------------------------------------------------------------------- */

static eg_status set_int(eg_arena *arena, eg_json *object, const char *key, int64_t value) {
    eg_json *item = (eg_json *)eg_json_get(object, key), *next = item ? item->next : object->first;
    if (!item && !(item = EG_ARENA_ARRAY(arena, eg_json, 1))) return EG_E_MEMORY;
    if (object->first == next) object->first = item;
    *item = (eg_json){ .type = EG_JSON_INT, .integer = value, .number = (double)value, .key = key, .next = next };
    return EG_OK;
}

/* Whether a layer of whole sequences looks back only. */
static int looks_back(const eg_layer_kind *kind, const eg_json *layer) {
    return kind == &eg_kind_position || (kind == &eg_kind_attention && eg_json_get(layer, "causal"));
}

static eg_status change_layer(eg_arena *arena, eg_json *layer, int64_t rows) {
    const eg_layer_kind *kind = eg_layer_kind_named(eg_json_string(layer, "kind", ""));
    int looks_on = eg_json_get(layer, "backwards") || eg_json_get(layer, "bidirectional") || eg_json_get(layer, "axes");
    if (!kind || looks_on || (!kind->stepwise && (rows || !looks_back(kind, layer))))
        return eg_fail(EG_E_ARGUMENT, "layer '%s' looks at %s", eg_json_string(layer, "name", ""),
                       rows && !looks_on ? "several steps at once: the network cannot be run step by step"
                                         : "later steps, which are not there yet: the network cannot write");
    return kind->stepwise == EG_KEEPS_STATES ? set_int(arena, layer, "stateful", rows) : EG_OK;
}

/* The description of the whole model becomes that of one step, or of rows 0: of samples without states. */
static eg_status change_description(eg_arena *arena, const eg_json *root, int64_t rows) {
    eg_json *steps = eg_json_get(eg_json_get(root, "input"), "shape")->first;
    if (!steps) return eg_fail(EG_E_ARGUMENT, "the model's input has no steps");
    if (rows) steps->integer = 1;
    for (eg_json *layer = eg_json_get(root, "layers")->first; layer; layer = layer->next)
        EG_TRY(change_layer(arena, layer, rows));
    return EG_OK;
}

static eg_status fill_copy(eg_model *copy, const eg_model *model) {
    EG_TRY(eg_model_status(copy));
    if (eg_model_scaling(model) != EG_SCALING_NONE && eg_model_scaling(model) != EG_SCALING_AUTO)
        return eg_fail(EG_E_ARGUMENT, "the model's preprocessing is one of whole samples, not of steps");
    EG_TRY(eg_trainer_copy(copy, model));
    EG_TRY(eg_model_reset_states(copy)); /* as many rows: their states were copied, too */
    const eg_vocabulary *vocabulary = eg_model_vocabulary(model);
    return vocabulary ? eg_model_set_vocabulary(copy, eg_vocabulary_share(vocabulary)) : EG_OK;
}

static eg_model *copy_of(const eg_model *model, int64_t rows) {
    eg_arena arena = EG_ARENA_INIT;
    eg_model *copy = NULL;
    char *text = eg_model_json(model);
    const eg_json *root = text ? eg_json_parse(&arena, text, strlen(text)) : NULL;
    eg_status status = root ? change_description(&arena, root, rows) : eg_error_status();
    copy = status == EG_OK ? eg_model_from_json_value(root, 0) : eg_model_new();
    if (status == EG_OK && copy) status = fill_copy(copy, model);
    eg_model_fail(copy, status);
    eg_string_free(text);
    eg_arena_free(&arena);
    return copy;
}

eg_model *eg_model_stepwise(const eg_model *model, int64_t rows) { return copy_of(model, rows > 0 ? rows : -1); }

/* A copy that writes: step by step where all layers can, else by whole samples. */
static eg_model *writing_copy(const eg_model *model) {
    int64_t rows = 1;
    for (const eg_layer *layer = model->first; layer; layer = layer->next) rows &= layer->kind->stepwise != 0;
    return copy_of(model, rows);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/* What a text is written with. */
typedef struct writer {
    eg_model *model; /* writing_copy */
    const eg_vocabulary *vocabulary;
    eg_tensor *x;    /* [1, steps]: 1 step by step */
    double temperature;
    eg_rng rng;
    int logits;      /* the model's outputs are not yet probabilities */
} writer;

/* p^(1 / temperature), as a share of that of the most probable one. */
static double share_of(const writer *w, double p, double best) {
    return exp((w->logits ? p - best : log(p) - log(best)) / w->temperature);
}

/* A number drawn by the outputs p [n]: probabilities, or their logits. */
static int32_t draw(writer *w, const float *p, int n) {
    int32_t best = 0;
    double sum = 0;
    for (int i = 1; i < n; i++)
        if (p[i] > p[best]) best = i;
    if (w->temperature == 0) return best;
    for (int i = 0; i < n; i++) sum += share_of(w, (double)p[i], (double)p[best]);
    double left = eg_rng_double(&w->rng) * sum;
    for (int i = 0; i < n; i++)
        if ((left -= share_of(w, (double)p[i], (double)p[best])) < 0) return i;
    return best;
}

/* Reads token `at`, or the last ones up to it, and draws the next one. */
static eg_status step(writer *w, const int32_t *numbers, int64_t at, int32_t *next) {
    int64_t steps = eg_tensor_size(w->x), first = at < steps ? 0 : at + 1 - steps;
    for (int64_t i = first; i <= at; i++) ((float *)eg_tensor_data(w->x))[i - first] = (float)numbers[i];
    eg_tensor *p = eg_model_predict(w->model, w->x);
    if (!p) return eg_model_check(w->model);
    int n = eg_vocabulary_size(w->vocabulary);
    *next = draw(w, (const float *)eg_tensor_data(p) + (at - first) * n, n - eg_vocabulary_has_unknown(w->vocabulary));
    eg_tensor_free(p);
    return EG_OK;
}

/* numbers [known + more]: the first ones are read, the others written. */
static eg_status run(writer *w, int32_t *numbers, int64_t known, int64_t more) {
    for (int64_t i = eg_tensor_size(w->x) > 1 ? known - 1 : 0; i + 1 < known + more; i++) {
        int32_t next = 0;
        EG_TRY(step(w, numbers, i, &next));
        if (i + 1 >= known) numbers[i + 1] = next;
    }
    return EG_OK;
}

/* What the writing starts with: what was given, else a new line (or the first token) that is not told. */
static eg_tensor *first_tokens(const eg_vocabulary *v, const char *start) {
    eg_tensor *tokens = eg_vocabulary_encode(v, start ? start : "\n", strlen(start ? start : "\n"));
    if (tokens && eg_tensor_size(tokens) > 0) return tokens;
    eg_tensor_free(tokens);
    return start && *start ? NULL : eg_tensor_from(EG_I32, EG_SHAPE(1), (int32_t[1]){ 0 });
}

static eg_status check(const writer *w, const eg_sample_opt *opt) {
    EG_TRY(eg_model_check(w->model));
    if (!w->vocabulary) return eg_fail(EG_E_ARGUMENT, "sample: the model was not trained on a text");
    if (!(w->temperature >= 0) || isinf(w->temperature) || opt->tokens < 0 || opt->tokens > INT32_MAX)
        return eg_fail(EG_E_ARGUMENT, "sample: a temperature is 0 or more, tokens are not negative");
    int64_t tokens = eg_vocabulary_size(w->vocabulary), steps = eg_model_input_size(w->model);
    int64_t numbers = eg_model_output_size(w->model);
    if (numbers == tokens * steps) return EG_OK;
    return eg_fail(EG_E_DATA, "sample: the vocabulary has %lld tokens, the model gives %lld numbers for %lld steps",
                   (long long)tokens, (long long)numbers, (long long)steps);
}

static eg_status sample(writer *w, const eg_sample_opt *opt, char **out) {
    EG_TRY(check(w, opt));
    w->x = eg_tensor_shaped(EG_F32, &EG_SHAPE(1, eg_model_input_size(w->model)));
    int64_t more = opt->tokens ? opt->tokens : 500;
    eg_tensor *first = first_tokens(w->vocabulary, opt->start);
    if (!first) return eg_error_status();
    int64_t known = eg_tensor_size(first);
    int32_t *numbers = eg_calloc((size_t)(known + more), sizeof *numbers);
    eg_status status = numbers && w->x ? EG_OK : EG_E_MEMORY;
    if (status == EG_OK) {
        memcpy(numbers, eg_tensor_data(first), sizeof *numbers * (size_t)known);
        status = run(w, numbers, known, more);
    }
    int64_t hidden = opt->start && *opt->start ? 0 : known;
    if (status == EG_OK) *out = eg_vocabulary_decode(w->vocabulary, numbers + hidden, known + more - hidden);
    eg_free(numbers);
    eg_tensor_free(first);
    return status == EG_OK && !*out ? eg_error_status() : status;
}

char *eg_model_sample_(const eg_model *model, eg_sample_opt opt) {
    char *out = NULL;
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    writer w = { .model = writing_copy(model),
                 .vocabulary = eg_model_vocabulary(model),
                 .temperature = opt.temperature == EG_ZERO ? 0 : opt.temperature == 0 ? 1 : opt.temperature,
                 .rng = eg_rng_new(opt.seed, eg_site("sample")),
                 .logits = eg_model_last_activation(model) != EG_SOFTMAX };
    sample(&w, &opt, &out);
    eg_model_free(w.model);
    eg_tensor_free(w.x);
    return out;
}
