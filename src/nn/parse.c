/* SPDX-License-Identifier: MIT
 *
 * parse.c: models as text, one layer for each line or ';':
 *
 *     dense 512 relu init=he_normal; dropout .2; dense 10 softmax    # a comment
 *
 * A word is a layer kind, then its options: key=value, or the bare value where no doubt is possible ("512", "relu",
 * "no_bias"). An activation's name alone is a layer too. Mistakes are told with line and column, and their place is
 * kept for a caret.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "nn/model.h"
#include "nn/words.h"

enum { MAX_WORD = 127, MAX_CANDIDATES = 64 };

typedef struct parser {
    const char *text, *at; /* `at`: the next byte to read */
    const char *word_at;   /* where `word` starts */
    char word[MAX_WORD + 1];
    eg_layer *layer; /* the one whose options are being read */
    unsigned given;  /* bit i: option i has its value */
} parser;

/* ---- words ----------------------------------------------------------------------------------- */

static void skip_blanks(parser *p) {
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r') p->at++;
    if (*p->at == '#') p->at += strcspn(p->at, "\n");
}

static int at_end_of_layer(const parser *p) { return *p->at == '\0' || *p->at == ';' || *p->at == '\n'; }

/* Reads the next word of this layer into p->word; 0 in *found at the layer's end. Blanks within () belong to the
 * word. */
static eg_status next_word(parser *p, int *found) {
    size_t n = 0;
    int open = 0;
    skip_blanks(p);
    p->word_at = p->at;
    for (; !at_end_of_layer(p) && *p->at != '#' && (open || !strchr(" \t\r", *p->at)); p->at++) {
        open = *p->at == '(' ? 1 : *p->at == ')' ? 0 : open;
        if (n == MAX_WORD) return eg_fail(EG_E_DATA, "a word is longer than %d letters", MAX_WORD);
        p->word[n++] = *p->at;
    }
    p->word[n] = '\0';
    *found = n > 0;
    return EG_OK;
}

/* "line 2, column 7: " before the message (no line where there is only one) */
static eg_status at_column(const parser *p, const char *place) {
    int line = 1;
    const char *start = p->text;
    for (const char *c = p->text; c < place; c++)
        if (*c == '\n') line++, start = c + 1;
    int column = (int)(place - start) + 1;
    return strchr(p->text, '\n') ? eg_context("line %d, column %d", line, column) : eg_context("column %d", column);
}

/* ---- options --------------------------------------------------------------------------------- */

static const eg_option *option_of(const eg_kind_option *o) { return &eg_options[o->option]; }

static unsigned bit(const parser *p, const eg_kind_option *o) { return 1u << (o - p->layer->kind->options); }

static eg_status set_option(parser *p, const eg_kind_option *o, const char *value) {
    if (p->given & bit(p, o)) return eg_fail(EG_E_DATA, "%s is given twice", option_of(o)->name);
    p->given |= bit(p, o);
    return eg_option_parse(option_of(o), p->layer, value);
}

static int add_activations(const char **candidates, int n) {
    for (int a = 0; a < EG_ACTIVATION_KINDS; a++) candidates[n++] = eg_activation_name((eg_activation_kind)a);
    return n;
}

static eg_status unknown_word(const parser *p, const char *word) {
    const char *candidates[MAX_CANDIDATES];
    int n = 0;
    for (const eg_kind_option *o = p->layer->kind->options; o->option; o++) {
        candidates[n++] = option_of(o)->name;
        const char *const *choices = o->bare ? eg_option_choices(option_of(o)) : NULL;
        while (choices && *choices) candidates[n++] = *choices++;
        if (o->bare && option_of(o)->type == EG_OPTION_ACTIVATION) n = add_activations(candidates, n);
    }
    char what[80];
    snprintf(what, sizeof what, "word for %s", p->layer->kind->name);
    return eg_fail_unknown(what, word, candidates, n);
}

static eg_status key_value(parser *p, char *equals) {
    *equals = '\0';
    const char *value = equals + 1;
    if (strcmp(p->word, "name") == 0) {
        if (strlen(value) > EG_MAX_NAME) return eg_fail(EG_E_NAME, "the name is longer than %d bytes", EG_MAX_NAME);
        snprintf(p->layer->name, sizeof p->layer->name, "%s", value);
        return EG_OK;
    }
    const eg_kind_option *o = eg_option_named(p->layer->kind, p->word);
    return o ? set_option(p, o, value) : unknown_word(p, p->word);
}

static int is_numeric(const char *word) { return isdigit((unsigned char)word[0]) || strchr("+-.", word[0]); }

/* Whether a bare word can be this option's value. */
static int takes(const parser *p, const eg_kind_option *o, const char *word) {
    const eg_option *option = option_of(o);
    eg_activation_kind kind;
    int number = option->type == EG_OPTION_INT || option->type == EG_OPTION_NUMBER || option->type == EG_OPTION_SHAPE;
    if (!o->bare) return 0;
    if (option->type == EG_OPTION_FLAG) return strcmp(option->name, word) == 0;
    if (number) return is_numeric(word) && !(p->given & bit(p, o));
    for (const char *const *choice = eg_option_choices(option); choice && *choice; choice++)
        if (strcmp(*choice, word) == 0) return 1;
    return option->type == EG_OPTION_ACTIVATION && eg_activation_named(word, &kind) == EG_OK;
}

static eg_status bare_word(parser *p) {
    for (const eg_kind_option *o = p->layer->kind->options; o->option; o++)
        if (takes(p, o, p->word)) return set_option(p, o, option_of(o)->type == EG_OPTION_FLAG ? "1" : p->word);
    if (is_numeric(p->word)) return eg_fail(EG_E_DATA, "%s: no number is expected here", p->word);
    return unknown_word(p, p->word);
}

static eg_status read_options(parser *p) {
    int found;
    EG_TRY(next_word(p, &found));
    while (found) {
        char *equals = strchr(p->word, '=');
        EG_TRY(equals ? key_value(p, equals) : bare_word(p));
        EG_TRY(next_word(p, &found));
    }
    return EG_OK;
}

/* ---- layers ---------------------------------------------------------------------------------- */

static eg_status unknown_layer(const char *word) {
    const char *candidates[MAX_CANDIDATES];
    int n = 0;
    for (int i = 0; eg_layer_kinds[i]; i++)
        if (!eg_layer_kinds[i]->hidden) candidates[n++] = eg_layer_kinds[i]->name;
    return eg_fail_unknown("layer", word, candidates, add_activations(candidates, n));
}

/* The layer that p->word names, without options: a kind, or an activation. */
static eg_status new_layer(parser *p) {
    const eg_layer_kind *kind = eg_layer_kind_named(p->word);
    eg_activation_kind activation;
    p->given = 0;
    p->layer = NULL;
    if (kind && !kind->hidden) {
        p->layer = eg_layer_new(kind, NULL);
    } else if (eg_activation_named(p->word, &activation) == EG_OK) {
        p->layer = eg_activation(activation, 0);
        p->given = 1; /* its first option is the activation */
    } else {
        return unknown_layer(p->word);
    }
    return p->layer ? EG_OK : EG_E_MEMORY;
}

/* A dense layer sees its input's last axis only, so images are flattened for it unless it says last_axis. */
static int needs_flatten(const eg_layer *layer, const eg_wire *wire) {
    return layer->kind == &eg_kind_dense && wire->shape.rank > 1 && !layer->last_axis;
}

/* One layer's text up to ';' or the line's end. *wire moves on. */
static eg_status read_layer(parser *p, eg_wire **wire) {
    const char *start = p->word_at;
    eg_status status = new_layer(p);
    if (status == EG_OK) status = read_options(p);
    if (status != EG_OK) {
        eg_layer_free(p->layer);
        p->layer = NULL;
        return at_column(p, p->word_at);
    }
    eg_model *model = (*wire)->model;
    if (needs_flatten(p->layer, *wire)) *wire = eg_apply(eg_flatten(), *wire);
    *wire = eg_apply(p->layer, *wire);
    p->word_at = start;
    return model->status == EG_OK ? EG_OK : at_column(p, start);
}

static eg_status read_layers(parser *p, eg_wire **wire) {
    int found, layers = 0;
    while (*p->at != '\0') {
        if (next_word(p, &found) != EG_OK) return at_column(p, p->word_at);
        if (found) EG_TRY(read_layer(p, wire));
        layers += found;
        if (*p->at == ';' || *p->at == '\n') p->at++;
    }
    return layers > 0 ? EG_OK : eg_fail(EG_E_DATA, "the text names no layer");
}

eg_model *eg_model_parse(eg_shape input, const char *text) {
    eg_model *model = eg_model_new();
    if (!model) return NULL;
    eg_wire *wire = eg_model_input(model, "x", input);
    if (model->status != EG_OK) return model;
    parser p = { .text = text, .at = text, .word_at = text };
    if (read_layers(&p, &wire) == EG_OK) {
        eg_model_output(model, wire);
        return model;
    }
    eg_context("net");
    model->status = EG_OK; /* the layer's own message is told again, with its place */
    eg_model_poison(model);
    model->error_at = p.word_at - text;
    return model;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_layer(const eg_layer *layer, eg_text *out) {
    eg_text_add(out, layer->kind->name);
    for (const eg_kind_option *o = layer->kind->options; o->option; o++) {
        const eg_option *option = option_of(o);
        if (eg_option_is_default(option, layer)) continue;
        eg_text_add(out, " ");
        if (!o->bare || option->type == EG_OPTION_FLAG) eg_text_add(out, option->name);
        if (option->type == EG_OPTION_FLAG) continue;
        if (!o->bare) eg_text_add(out, "=");
        eg_option_text(option, layer, out);
    }
    char name[EG_MAX_NAME + 2];
    eg_layer_default_name(layer->kind, eg_layer_others(layer->model, layer), name);
    if (strcmp(name, layer->name) != 0) eg_text_format(out, " name=%s", layer->name);
}

static eg_status check_text_form(const eg_model *model) {
    EG_TRY(eg_model_check(model));
    if (!eg_model_is_chain(model))
        return eg_fail(EG_E_UNSUPPORTED, "the model is no chain of layers: it has no text form");
    for (const eg_layer *layer = model->first; layer; layer = layer->next)
        if (layer->kind->hidden) return eg_fail(EG_E_UNSUPPORTED, "layer '%s' has no text form", layer->name);
    return EG_OK;
}

char *eg_model_text(const eg_model *model) {
    if (check_text_form(model) != EG_OK) return NULL;
    eg_text out = { 0 };
    for (const eg_layer *layer = model->first; layer; layer = layer->next) {
        if (layer != model->first) eg_text_add(&out, "; ");
        write_layer(layer, &out);
    }
    eg_text_add(&out, "");
    if (!out.failed) return out.data;
    eg_text_free(&out);
    eg_fail(EG_E_MEMORY, "no memory for the model's text");
    return NULL;
}
