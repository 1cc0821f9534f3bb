/* SPDX-License-Identifier: MIT
 *
 * formula_net.c: a small network on one example, as a formula: "z1 = x @ W1 + b1; h1 = tanh(z1); ...". The library
 * reads the description, draws the weights and says what shape comes out of every layer, so names, mistakes and
 * numbers are those of `elegans train`; what is written here is only the formula of each layer, as in prediction:
 * dropout does nothing, batch_norm uses its running statistics.
 */
#include <stdlib.h>
#include <string.h>
#include "formula_net.h"

int net_refuse(net *n, const char *format, const char *a, const char *b) {
    formula_wrong(n->f, EG_E_UNSUPPORTED, NULL, -1, 0, format, a, b);
    return 0;
}

/* ---- words of a layer's text ------------------------------------------------------------------------- */

int net_flag(net_layer *layer, const char *word) {
    for (int i = 1; i < layer->n; i++)
        if (strcmp(layer->word[i], word) == 0) return layer->used[i] = 1;
    return 0;
}

const char *net_value(net_layer *layer, const char *key) {
    size_t size = strlen(key);
    for (int i = 1; i < layer->n; i++)
        if (strncmp(layer->word[i], key, size) == 0 && layer->word[i][size] == '=') {
            layer->used[i] = 1;
            return layer->word[i] + size + 1;
        }
    return NULL;
}

const char *net_number_word(net_layer *layer) {
    for (int i = 1; i < layer->n; i++) {
        char first = *layer->word[i];
        if (layer->used[i] || !first || !strchr("-.0123456789", first)) continue;
        layer->used[i] = 1;
        return layer->word[i];
    }
    return NULL;
}

/* Of "5x3" the number of each axis; "5" is 5x5. */
static void read_pair(const char *text, int64_t pair[2], int64_t otherwise) {
    const char *x = text ? strchr(text, 'x') : NULL;
    pair[0] = text ? strtoll(text, NULL, 10) : otherwise;
    pair[1] = x ? strtoll(x + 1, NULL, 10) : pair[0];
}

void net_pair(net_layer *layer, int64_t pair[2], int64_t otherwise) {
    read_pair(net_number_word(layer), pair, otherwise);
}

void net_value_pair(net_layer *layer, const char *key, int64_t pair[2], int64_t otherwise) {
    read_pair(net_value(layer, key), pair, otherwise);
}

int64_t net_number(net_layer *layer, int64_t otherwise) {
    int64_t pair[2];
    net_pair(layer, pair, otherwise);
    return pair[0];
}

const char *net_activation_word(net_layer *layer, const char *otherwise) {
    eg_activation_kind kind;
    for (int i = 1; i < layer->n; i++)
        if (!layer->used[i] && eg_activation_named(layer->word[i], &kind) == EG_OK) {
            layer->used[i] = 1;
            return eg_activation_name(kind);
        }
    return otherwise;
}

/* What is left must be words that change no formula. */
static int all_used(net *n, const net_layer *layer) {
    static const char *const silent[] = { "name=",     "init=",  "bias_init=",    "recurrent_init=",
                                          "last_axis", "frozen", "no_forget_bias" };
    for (int i = 1; i < layer->n; i++) {
        int known = layer->used[i];
        for (size_t k = 0; k < sizeof silent / sizeof *silent; k++)
            known |= strncmp(layer->word[i], silent[k], strlen(silent[k])) == 0;
        if (!known)
            return net_refuse(n, "--net: '%s' of %s is not part of the formula", layer->word[i], layer->word[0]);
    }
    return 1;
}

/* ---- weights ----------------------------------------------------------------------------------------- */

static int has_weight_of_user(net *n, const char *name, eg_shape shape) {
    char a[160], b[160];
    formula_variable *given = formula_variable_named(n->f, name);
    if (given && !eg_shape_equal(given->shape, shape))
        formula_wrong(n->f, EG_E_SHAPE, NULL, -1, 0, "%s has the shape %s, the layer needs %s", name,
                      eg_shape_text(given->shape, a, sizeof a), eg_shape_text(shape, b, sizeof b));
    return given != NULL;
}

int net_weight(net *n, const char *name, int index, eg_shape shape, int64_t row, int64_t column) {
    const eg_state *state = eg_model_state(n->model);
    index += n->parameters;
    if (has_weight_of_user(n, name, shape)) return formula_ok(n->f);
    eg_shape all = eg_state_shape(state, index);
    int64_t width = all.dim[all.rank - 1], columns = shape.dim[shape.rank - 1], rows = formula_size(shape) / columns;
    size_t bytes = (size_t)formula_size(all) * sizeof(double);
    if ((row + rows - 1) * width + column + columns > formula_size(all))
        return net_refuse(n, "--net: %s is no part of the layer's parameters%s", name, "");
    double *data = formula_take(n->f, bytes + 1), *part = formula_take(n->f, bytes + 1);
    if (!data || !part) return 0;
    if (eg_state_read(state, eg_state_name(state, index), data, bytes) != EG_OK)
        return net_refuse(n, "%s%s", eg_error(), "");
    for (int64_t i = 0; i < rows; i++)
        memcpy(part + i * columns, data + (row + i) * width + column, (size_t)columns * sizeof *part);
    formula_set_data(n->f, name, shape, part);
    return formula_ok(n->f);
}

/* As the library adds them: l1 |W| and l2/2 W^2, of kernels that are trained. */
static void put_penalty(net *n, const char *name) {
    if (n->l1) fprintf(n->penalties, " + %s*sum(abs(%s))", n->l1, name);
    if (n->l2) fprintf(n->penalties, " + %s/2*sum(square(%s))", n->l2, name);
}

int net_kernel(net *n, const char *name, int index, eg_shape shape, int64_t column) {
    put_penalty(n, name);
    return net_weight(n, name, index, shape, 0, column);
}

/* The next parameter as a whole, under the layer's number: b3. */
static int put_weight(net *n, const char *letter, eg_shape shape) {
    char name[32];
    snprintf(name, sizeof name, "%s%d", letter, n->number);
    int good = net_weight(n, name, 0, shape, 0, 0);
    n->parameters++;
    return good;
}

/* ---- what flows -------------------------------------------------------------------------------------- */

eg_shape net_rows(eg_shape shape) {
    if (shape.rank < 2) return shape;
    int64_t channels = shape.dim[shape.rank - 1];
    return EG_SHAPE(formula_size(shape) / channels, channels);
}

/* An image as it lies in memory: a row for each row of pixels. */
static eg_shape grid(eg_shape shape) {
    return shape.rank == 3 ? EG_SHAPE(shape.dim[0], shape.dim[1] * shape.dim[2]) : shape;
}

const char *net_as(net *n, eg_shape shape) {
    if (eg_shape_equal(shape, n->now))
        snprintf(n->view, sizeof n->view, "%s", n->last);
    else if (shape.rank == 1)
        snprintf(n->view, sizeof n->view, "reshape(%s, %lld)", n->last, (long long)shape.dim[0]);
    else
        snprintf(n->view, sizeof n->view, "reshape(%s, %lld, %lld)", n->last, (long long)shape.dim[0],
                 (long long)shape.dim[1]);
    return n->view;
}

void net_flows(net *n, const char *letter, eg_shape now) {
    snprintf(n->last, sizeof n->last, "%s%d", letter, n->number);
    n->now = now;
}

/* Slopes and alphas of one's own belong to these two, see the macros in formula_ops.c. */
static void put_bent(net *n, const char *name, const char *in, const char *alpha) {
    const char *form =
        strcmp(name, "elu") == 0 ? "h%d = where(%s > 0, %s, %s*(exp(%s) - 1)); " : "h%d = where(%s > 0, %s, %s*%s); ";
    fprintf(n->to, form, n->number, in, in, alpha, in);
}

static void activate(net *n, const char *name, const char *alpha) {
    snprintf(n->activation, sizeof n->activation, "%s", name);
    if (strcmp(name, "linear") == 0) return;
    if (n->number == 0 || *n->last == 'h') n->number++;
    eg_shape rows = strcmp(name, "softmax") == 0 ? net_rows(n->out) : n->now;
    if (alpha)
        put_bent(n, name, net_as(n, rows), alpha);
    else
        fprintf(n->to, "h%d = %s(%s); ", n->number, name, net_as(n, rows));
    net_flows(n, "h", rows);
}

void net_activate(net *n, const char *name) { activate(n, name, NULL); }

/* ---- dense, activations ------------------------------------------------------------------------------ */

static int put_dense(net *n, net_layer *layer) {
    int64_t units = net_number(layer, 1);
    eg_shape rows = net_rows(n->shape);
    int bias = !net_flag(layer, "no_bias");
    const char *activation = net_activation_word(layer, "linear"), *in = net_as(n, rows);
    char kernel[32];
    snprintf(kernel, sizeof kernel, "W%d", ++n->number);
    if (!net_kernel(n, kernel, 0, EG_SHAPE(rows.dim[rows.rank - 1], units), 0)) return 0;
    n->parameters++;
    if (bias && !put_weight(n, "b", EG_SHAPE(units))) return 0;
    fprintf(n->to, "z%d = %s @ W%d", n->number, in, n->number);
    if (bias) fprintf(n->to, " + b%d", n->number);
    fprintf(n->to, "; ");
    net_flows(n, "z", net_rows(n->out));
    net_activate(n, activation);
    return 1;
}

static int put_activation(net *n, net_layer *layer) {
    const char *name = net_activation_word(layer, "linear"), *alpha = net_number_word(layer);
    int bends = strcmp(name, "leaky_relu") == 0 || strcmp(name, "elu") == 0; /* the others have no use for it */
    activate(n, name, bends ? alpha : NULL);
    return 1;
}

static int put_nothing(net *n, net_layer *layer) {
    (void)n;
    memset(layer->used, 1, sizeof layer->used); /* a rate, a shape */
    return 1;
}

/* ---- norms ------------------------------------------------------------------------------------------- */

/* gamma * (x - mean)/sqrt(variance + epsilon) + beta, with or without the first and the last; a number of both for
 * each column of what flows then. */
static int put_normed(net *n, net_layer *layer, const char *deviation, const char *variance, eg_shape now) {
    const char *epsilon = net_value(layer, "epsilon");
    eg_shape shape = EG_SHAPE(now.dim[now.rank - 1]);
    int torch = net_flag(layer, "torch"), scale = !net_flag(layer, "no_scale"), shift = !net_flag(layer, "no_shift");
    if ((scale && !put_weight(n, "gamma", shape)) || (shift && !put_weight(n, "beta", shape))) return 0;
    fprintf(n->to, "z%d = ", n->number);
    if (scale) fprintf(n->to, "gamma%d*", n->number);
    fprintf(n->to, "%s/sqrt(%s + %s)", deviation, variance, epsilon ? epsilon : torch ? "1e-5" : "0.001");
    if (shift) fprintf(n->to, " + beta%d", n->number);
    fprintf(n->to, "; ");
    net_flows(n, "z", now);
    return 1;
}

static int put_batch_norm(net *n, net_layer *layer) {
    char deviation[160], variance[32];
    eg_shape shape = EG_SHAPE(n->out.dim[n->out.rank - 1]);
    n->number++;
    snprintf(deviation, sizeof deviation, "(%s - mean%d)", net_as(n, net_rows(n->shape)), n->number);
    snprintf(variance, sizeof variance, "variance%d", n->number);
    net_number(layer, 0); /* the momentum of the running statistics */
    return put_normed(n, layer, deviation, variance, net_rows(n->out)) && put_weight(n, "mean", shape) &&
           put_weight(n, "variance", shape);
}

/* Over what: everything, each column, each row of what flows as so many rows. */
static const char *const mean_forms[] = { "mean(%s)", "mean(%s, 0)", "outer(mean(%s, 1), ones(%lld))" };

/* d = x - mean, by what `form` says */
static int put_sample_norm(net *n, net_layer *layer, eg_shape now, const char *form) {
    char of[128], deviation[16], square[64], variance[224];
    const char *in = net_as(n, now);
    long long columns = now.dim[now.rank - 1];
    n->number++;
    snprintf(of, sizeof of, form, in, columns);
    fprintf(n->to, "d%d = %s - %s; ", n->number, in, of);
    snprintf(deviation, sizeof deviation, "d%d", n->number);
    snprintf(square, sizeof square, "square(d%d)", n->number);
    snprintf(variance, sizeof variance, form, square, columns);
    return put_normed(n, layer, deviation, variance, now);
}

/* A row for what is normalised together. */
static int put_layer_norm(net *n, net_layer *layer) {
    const char *axes = net_value(layer, "axes");
    int64_t together = 1, all = formula_size(n->shape);
    for (int i = axes ? atoi(axes) : 1; i > 0; i--) together *= n->shape.dim[n->shape.rank - i];
    if (together == all) return put_sample_norm(n, layer, EG_SHAPE(all), mean_forms[0]);
    return put_sample_norm(n, layer, EG_SHAPE(all / together, together), mean_forms[2]);
}

/* Several groups of several channels: a row for each group, d3 = g3 - its mean, then turned back. */
static int put_groups(net *n, net_layer *layer, int64_t groups) {
    eg_shape rows = n->shape.rank < 2 ? EG_SHAPE(1, n->shape.dim[0]) : net_rows(n->shape);
    long long pixels = rows.dim[0], channels = rows.dim[1], each = formula_size(rows) / groups;
    char deviation[96], variance[160];
    const char *in = net_as(n, rows);
    int number = ++n->number;
    fprintf(n->to, "g%d = reshape(%s', %lld, %lld); d%d = g%d - outer(mean(g%d, 1), ones(%lld)); ", number, in,
            (long long)groups, each, number, number, number, each);
    snprintf(deviation, sizeof deviation, "reshape(d%d, %lld, %lld)'", number, channels, pixels);
    snprintf(variance, sizeof variance, "reshape(outer(mean(square(d%d), 1), ones(%lld)), %lld, %lld)'", number, each,
             channels, pixels);
    return put_normed(n, layer, deviation, variance, rows);
}

static int put_group_norm(net *n, net_layer *layer) {
    int64_t groups = net_number(layer, 32), channels = n->shape.dim[n->shape.rank - 1];
    eg_shape rows = net_rows(n->shape);
    if (groups == 1) return put_sample_norm(n, layer, rows, mean_forms[0]);
    if (groups == channels && rows.rank == 2) return put_sample_norm(n, layer, rows, mean_forms[1]);
    return put_groups(n, layer, groups);
}

/* ---- a layer ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*put)(net *n, net_layer *layer);
} layers[] = { { "dense", put_dense },
               { "activation", put_activation },
               { "flatten", put_nothing },
               { "reshape", put_nothing },
               { "dropout", put_nothing },
               { "spatial_dropout", put_nothing },
               { "conv", net_put_conv },
               { "conv1d", net_put_conv },
               { "conv_transpose", net_put_conv },
               { "conv1d_transpose", net_put_conv },
               { "depthwise_conv", net_put_depthwise },
               { "max_pool", net_put_pool },
               { "avg_pool", net_put_pool },
               { "global_max_pool", net_put_global_pool },
               { "global_avg_pool", net_put_global_pool },
               { "zero_pad", net_put_zeros },
               { "upsample", net_put_upsample },
               { "batch_norm", put_batch_norm },
               { "layer_norm", put_layer_norm },
               { "group_norm", put_group_norm },
               { "embedding", net_put_embedding },
               { "masking", net_put_masking },
               { "one_hot", net_put_one_hot },
               { "position", net_put_position },
               { "simple_rnn", net_put_recurrent },
               { "lstm", net_put_recurrent },
               { "gru", net_put_recurrent },
               { "attention", net_put_attention } };

static int put_layer(net *n, char *text) {
    net_layer layer = { .n = 0 };
    char *rest = NULL;
    for (char *at = strtok_r(text, " ", &rest); at && layer.n < NET_WORDS; at = strtok_r(NULL, " ", &rest))
        layer.word[layer.n++] = at;
    if (layer.n == 0) return 1;
    int frozen = net_flag(&layer, "frozen");
    const char *l1 = net_value(&layer, "l1"), *l2 = net_value(&layer, "l2");
    n->l1 = frozen ? NULL : l1;
    n->l2 = frozen ? NULL : l2;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (strcmp(layers[i].name, layer.word[0]) == 0) return layers[i].put(n, &layer) && all_used(n, &layer);
    return net_refuse(n, "--net: a layer '%s' cannot be explained as a formula%s; see: elegans explain --help",
                      layer.word[0], "");
}

/* What comes out of the first layers, by the library. */
static int find_shape(net *n, const char *prefix) {
    eg_model *model = eg_model_parse(eg_model_input_shape(n->model), prefix);
    int good = model && eg_model_status(model) == EG_OK;
    if (good) n->out = eg_model_output_shape(model);
    eg_model_free(model);
    return good || (formula_no_memory(n->f), 0);
}

static int put_layers(net *n, const char *text) {
    int good = 1;
    for (const char *at = text; *at && good; at += strcspn(at, ";"), at += *at != 0) {
        size_t size = strcspn(at, ";");
        char *prefix = strndup(text, (size_t)(at - text) + size), *layer = strndup(at, size);
        good = prefix && layer ? find_shape(n, prefix) && put_layer(n, layer) : (formula_no_memory(n->f), 0);
        if (n->out.rank < 2 || n->out.dim[0] != n->shape.dim[0]) n->padding = NULL;
        n->shape = n->out;
        free(prefix);
        free(layer);
    }
    return good;
}

/* ---- the loss ---------------------------------------------------------------------------------------- */

typedef struct loss {
    const char *name;
    const char *target;
    int classes; /* the target is class numbers */
} loss;

static int is_list(const char *text) { return *text == '[' || strchr(text, ',') != NULL; }

/* The one that was asked for, in the words of formulas: class numbers and rows have a loss each. */
static int name_loss(net *n, loss *l, int by_class, const char *wanted) {
    eg_loss_kind kind = EG_LOSS_AUTO;
    if (wanted && eg_loss_named(wanted, &kind) != EG_OK) return net_refuse(n, "--loss: %s%s", eg_error(), "");
    int of_classes = kind == EG_LOSS_CATEGORICAL_CROSS_ENTROPY || kind == EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY;
    int margins = kind == EG_LOSS_CATEGORICAL_HINGE || kind == EG_LOSS_MULTICLASS_HINGE;
    if (margins && !by_class)
        return net_refuse(n, "--target: %s takes a class number, not '%s'", eg_loss_name(kind), l->target);
    l->classes = by_class && (kind == EG_LOSS_AUTO || of_classes || margins);
    if (kind == EG_LOSS_AUTO && strcmp(n->activation, "softmax") != 0)
        l->name = strcmp(n->activation, "sigmoid") == 0 ? "binary_cross_entropy" : "mse", l->classes = 0;
    else if (kind == EG_LOSS_AUTO || of_classes)
        l->name = l->classes ? "sparse_cross_entropy" : "cross_entropy";
    else
        l->name = eg_loss_name(kind);
    return 1;
}

/* A class number for each row: 2 or 1,0,2. */
static int check_classes(net *n, const loss *l, int64_t rows, int64_t width) {
    int64_t count = 0;
    for (const char *at = l->target; *at;) {
        char *end;
        double number = strtod(at + strspn(at, "[ "), &end);
        if (number < 0 || number >= (double)width || number != (double)(int64_t)number)
            return net_refuse(n, "--target %s: the network has no class of this number%s", l->target, "");
        at = end + strspn(end, ", ]");
        count++;
    }
    return count == rows || net_refuse(n, "--target %s: not a class number for each row%s", l->target, "");
}

static int put_class_loss(net *n, const loss *l, eg_shape shape) {
    int64_t rows = shape.rank == 2 ? shape.dim[0] : 1;
    if (!check_classes(n, l, rows, shape.dim[shape.rank - 1])) return 0;
    if (shape.rank == 1) return fprintf(n->to, "L = %s(%s, %s)", l->name, n->last, l->target), 1;
    const char *at = l->target;
    fprintf(n->to, "L = mean([");
    for (int64_t i = 0; i < rows; i++) {
        at += strspn(at, "[, ");
        int size = (int)strcspn(at, ", ]");
        fprintf(n->to, "%s%s(%s[%lld], %.*s)", i ? ", " : "", l->name, n->last, (long long)i, size, at);
        at += size;
    }
    fprintf(n->to, "])");
    return 1;
}

static int is_number_list(const char *text) {
    return strspn(text, "0123456789[], ") == strlen(text) && !strstr(text, "[[") &&
           strcspn(text, "0123456789") < strlen(text);
}

static int put_loss(net *n, const char *target, const char *wanted) {
    loss l = { .target = target };
    eg_shape shape = net_rows(n->shape);
    char *end;
    strtod(target, &end);
    int one = *end == 0 && end != target;
    int by_class = shape.dim[shape.rank - 1] > 1 && (shape.rank == 1 ? one : is_number_list(target));
    if (!name_loss(n, &l, by_class, wanted)) return 0;
    const char *in = net_as(n, shape);
    if (in[0] == 'r') fprintf(n->to, "h%d = %s; ", ++n->number, in), net_flows(n, "h", shape);
    if (n->padding && !net_drop_padding(n, shape.dim[1])) return 0;
    if (n->padding) shape = n->now;
    if (l.classes) return put_class_loss(n, &l, shape);
    int brackets = is_list(target) && *target != '[';
    int signs = strcmp(l.name, "hinge") == 0 && strspn(target, "01[], ") == strlen(target) && strchr(target, '0');
    fprintf(n->to, "L = %s(%s, %s%s%s%s%s)", l.name, n->last, signs ? "2*" : "", brackets ? "[" : "", target,
            brackets ? "]" : "", signs ? " - 1" : "");
    return 1;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static int put_penalised(net *n, const char *text, const formula_net_words *words) {
    char *penalties = NULL;
    size_t size;
    n->penalties = open_memstream(&penalties, &size);
    if (!n->penalties) return formula_no_memory(n->f), 0;
    int good = put_layers(n, text) && put_loss(n, words->target, words->loss);
    good = fclose(n->penalties) == 0 && penalties && good;
    if (good) fputs(penalties, n->to);
    free(penalties);
    return good;
}

static int put_net(net *n, const formula_net_words *words) {
    char *text = eg_model_text(n->model);
    if (!text) formula_wrong(n->f, eg_error_status(), NULL, -1, 0, "--net: %s", eg_error());
    int good = text && put_penalised(n, text, words);
    eg_string_free(text);
    return good;
}

static int make_model(net *n, const char *text, uint64_t seed) {
    n->model = eg_model_parse(n->shape, text);
    if (!n->model) return formula_no_memory(n->f), 0;
    eg_model_set_dtype(n->model, EG_F64);
    if (eg_model_status(n->model) == EG_OK && eg_model_init(n->model, seed, EG_KERAS) == EG_OK) return 1;
    eg_status status = eg_model_status(n->model) != EG_OK ? eg_model_status(n->model) : eg_error_status();
    int64_t at = eg_model_error_position(n->model);
    formula_wrong(n->f, status, at < 0 ? NULL : text, at, 1, "%s", eg_model_error(n->model));
    return 0;
}

/* x as the formula holds it. */
static int read_input(net *n, eg_shape said) {
    char text[160];
    formula_set_from(n->f, "x", n->input, "--input");
    if (!formula_ok(n->f)) return 0;
    formula_variable *x = formula_variable_named(n->f, "x");
    if (x->shape.rank == 0) x->shape = EG_SHAPE(1);
    n->shape = said.rank ? said : x->shape;
    if (formula_size(n->shape) != x->size || n->shape.rank > 3)
        formula_wrong(n->f, EG_E_SHAPE, NULL, -1, 0, "--input has %lld numbers, which is not the shape %s",
                      (long long)x->size, eg_shape_text(n->shape, text, sizeof text));
    n->now = x->shape = grid(n->shape);
    return formula_ok(n->f);
}

/* It becomes part of the formula's text: numbers only, or a name would be what it happens to be there. */
static int check_target(net *n, const char *target) {
    formula *of = formula_new();
    if (!of) return formula_no_memory(n->f), 0;
    formula_set_from(of, "target", target, "--target");
    const formula_mistake *m = formula_status(of);
    if (m->code != EG_OK) formula_wrong(n->f, m->code, m->source ? target : NULL, m->at, m->length, "%s", m->text);
    formula_free(of);
    return formula_ok(n->f);
}

char *formula_net(formula *f, const formula_net_words *words) {
    char *out = NULL;
    size_t size;
    net n = { .f = f, .input = words->input, .last = "x", .activation = "linear" };
    int good = check_target(&n, words->target) && read_input(&n, words->shape);
    if (!good) return NULL;
    n.to = open_memstream(&out, &size);
    if (!n.to) formula_no_memory(f);
    good = formula_ok(f) && make_model(&n, words->net, words->seed) && put_net(&n, words);
    eg_model_free(n.model);
    good = good && !ferror(n.to);
    if (n.to && fclose(n.to) == 0 && good && out) return out;
    free(out);
    if (formula_ok(f)) formula_no_memory(f);
    return NULL;
}
