/* SPDX-License-Identifier: MIT
 *
 * formula_net.c: a small network on one example, as a formula: "z1 = x @ W1 + b1; h1 = tanh(z1); ...". The library
 * reads the description and draws the weights, so names, mistakes and numbers are those of `elegans train`; what is
 * written here is only the formula of dense layers and activations. Dropout does nothing, as in prediction.
 */
#include <stdlib.h>
#include <string.h>
#include "formula_inside.h"

typedef struct net {
    formula *f;
    FILE *to;
    eg_model *model;
    int dense, parameters; /* how many there were */
    int64_t width;         /* of what flows */
    char last[32];         /* name of what flows: "x", "h1" */
    char activation[32];   /* the last one */
} net;

static int refuse(net *n, const char *format, const char *a, const char *b) {
    formula_wrong(n->f, EG_E_UNSUPPORTED, NULL, -1, 0, format, a, b);
    return 0;
}

/* ---- weights ----------------------------------------------------------------------------------------- */

/* The library's next parameter, under the name `name`; or the user's, if it has the shape. */
static int set_weight(net *n, const char *name, eg_shape shape) {
    formula_variable *given = formula_variable_named(n->f, name);
    const eg_state *state = eg_model_state(n->model);
    int index = n->parameters++;
    char a[160], b[160];
    if (given && eg_shape_equal(given->shape, shape)) return 1;
    if (given) {
        formula_wrong(n->f, EG_E_SHAPE, NULL, -1, 0, "%s has the shape %s, the layer needs %s", name,
                      eg_shape_text(given->shape, a, sizeof a), eg_shape_text(shape, b, sizeof b));
        return 0;
    }
    size_t bytes = (size_t)formula_size(shape) * sizeof(double);
    double *data = formula_take(n->f, bytes + 1);
    if (!data) return 0;
    if (eg_state_read(state, eg_state_name(state, index), data, bytes) != EG_OK)
        return refuse(n, "%s%s", eg_error(), "");
    formula_set_data(n->f, name, shape, data);
    return formula_ok(n->f);
}

static void activate(net *n, const char *name) {
    snprintf(n->activation, sizeof n->activation, "%s", name);
    if (strcmp(name, "linear") == 0) return;
    fprintf(n->to, "h%d = %s(%s); ", n->dense, name, n->last);
    snprintf(n->last, sizeof n->last, "h%d", n->dense);
}

/* ---- layers: words of the model's own text ----------------------------------------------------------- */

static int says_something_else(const char *word) {
    static const char *const silent[] = { "no_bias", "name=", "init=", "bias_init=", "last_axis", "frozen" };
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        if (strncmp(word, silent[i], strlen(silent[i])) == 0) return 0;
    return 1;
}

static int put_dense(net *n, char **word, int words) {
    char weight[16], bias[16];
    eg_activation_kind kind = EG_LINEAR;
    int has_bias = 1;
    int64_t units = strtoll(words > 1 ? word[1] : "", NULL, 10);
    for (int i = 2; i < words; i++) {
        has_bias &= strcmp(word[i], "no_bias") != 0;
        if (i == 2 && eg_activation_named(word[i], &kind) == EG_OK) continue;
        if (says_something_else(word[i]))
            return refuse(n, "--net: '%s' of %s is not part of the formula", word[i], word[0]);
    }
    n->dense++;
    snprintf(weight, sizeof weight, "W%d", n->dense);
    snprintf(bias, sizeof bias, "b%d", n->dense);
    if (!set_weight(n, weight, EG_SHAPE(n->width, units))) return 0;
    if (has_bias && !set_weight(n, bias, EG_SHAPE(units))) return 0;
    fprintf(n->to, has_bias ? "z%d = %s @ %s + %s; " : "z%d = %s @ %s; ", n->dense, n->last, weight, bias);
    snprintf(n->last, sizeof n->last, "z%d", n->dense);
    n->width = units;
    activate(n, eg_activation_name(kind));
    return 1;
}

static int put_activation(net *n, char **word, int words) {
    if (words != 2)
        return refuse(n, "--net: an activation with '%s' is not part of the formula%s", word[words - 1], "");
    activate(n, word[1]);
    return 1;
}

static int put_nothing(net *n, char **word, int words) {
    (void)n, (void)word, (void)words;
    return 1;
}

static int put_layer(net *n, char *text) {
    static const struct {
        const char *name;
        int (*put)(net *n, char **word, int words);
    } layers[] = { { "dense", put_dense },
                   { "activation", put_activation },
                   { "flatten", put_nothing },
                   { "dropout", put_nothing } };
    char *word[16], *rest = NULL;
    int words = 0;
    for (char *at = strtok_r(text, " ", &rest); at && words < 16; at = strtok_r(NULL, " ", &rest)) word[words++] = at;
    if (words == 0) return 1;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (strcmp(layers[i].name, word[0]) == 0) return layers[i].put(n, word, words);
    return refuse(n, "--net: a layer '%s' cannot be explained as a formula; dense layers and activations can%s",
                  word[0], "");
}

/* ---- the loss ---------------------------------------------------------------------------------------- */

static int put_loss(net *n, const char *target, const char *loss) {
    char *end;
    double number = strtod(target, &end);
    int one = *end == 0 && end != target, classes = strcmp(n->activation, "softmax") == 0 && n->width > 1;
    if (!loss)
        loss = classes                                 ? one ? "sparse_cross_entropy" : "cross_entropy"
               : strcmp(n->activation, "sigmoid") == 0 ? "binary_cross_entropy"
                                                       : "mse";
    if (classes && one && (number < 0 || number >= (double)n->width || number != (double)(int64_t)number))
        return refuse(n, "--target %s: the network has no class of this number%s", target, "");
    int brackets = !one && *target != '[';
    fprintf(n->to, brackets ? "L = %s(%s, [%s])" : "L = %s(%s, %s)", loss, n->last, target);
    return 1;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static int put_net(net *n, const char *target, const char *loss) {
    char *text = eg_model_text(n->model), *rest = NULL;
    int good = text != NULL;
    if (!good) formula_wrong(n->f, eg_error_status(), NULL, -1, 0, "--net: %s", eg_error());
    for (char *at = good ? strtok_r(text, ";", &rest) : NULL; at && good; at = strtok_r(NULL, ";", &rest))
        good = put_layer(n, at);
    eg_string_free(text);
    return good && put_loss(n, target, loss);
}

static int make_model(net *n, const char *text, eg_shape input, uint64_t seed) {
    n->model = eg_model_parse(input, text);
    if (!n->model) return formula_no_memory(n->f), 0;
    eg_model_set_dtype(n->model, EG_F64);
    if (eg_model_status(n->model) == EG_OK && eg_model_init(n->model, seed, EG_KERAS) == EG_OK) return 1;
    eg_status status = eg_model_status(n->model) != EG_OK ? eg_model_status(n->model) : eg_error_status();
    int64_t at = eg_model_error_position(n->model);
    formula_wrong(n->f, status, at < 0 ? NULL : text, at, 1, "%s", eg_model_error(n->model));
    return 0;
}

char *formula_net(formula *f, const char *text, const char *input, const char *target, const char *loss,
                  uint64_t seed) {
    char *out = NULL;
    size_t size;
    net n = { .f = f, .last = "x" };
    formula_set(f, "x", input);
    if (!formula_ok(f)) return NULL;
    const formula_variable *x = formula_variable_named(f, "x");
    n.width = x->size;
    if (x->shape.rank > 1) formula_wrong(f, EG_E_SHAPE, NULL, -1, 0, "--input is one example: a list of numbers");
    if (x->shape.rank == 0) formula_variable_named(f, "x")->shape = EG_SHAPE(1);
    n.to = open_memstream(&out, &size);
    if (!n.to) formula_no_memory(f);
    int good = formula_ok(f) && make_model(&n, text, EG_SHAPE(n.width), seed) && put_net(&n, target, loss);
    eg_model_free(n.model);
    good = good && !ferror(n.to);
    if (n.to && fclose(n.to) == 0 && good && out) return out;
    free(out);
    if (formula_ok(f)) formula_no_memory(f);
    return NULL;
}
