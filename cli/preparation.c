/* SPDX-License-Identifier: MIT
 *
 * preparation.c: the little texts that say how data are prepared: --scaling, --missing, --augment, --class-weights.
 * The first three are words in one manner, that of a layer of --net: a word, a number after it where it can have one,
 * and key=value.
 *
 *     scaling    'standardise; pca 10 variance=.95'    missing    'median indicate'
 *     augment    'shift 2 rotate 10 flip noise .1'     class-weights  'balanced' or 'spam=3,ham=1'
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "training.h"

/* ---- words and numbers ----------------------------------------------------------------------------------- */

typedef struct words {
    const char *option, *rest;
    char text[64]; /* the last word */
    int code;
} words;

/* The next word, up to a blank or '='; NULL at the end or after a mistake. */
static const char *next(words *w) {
    w->rest += strspn(w->rest, " \t\n");
    size_t length = strcspn(w->rest, " \t\n=");
    if (length == 0 || w->code >= 0) return NULL;
    snprintf(w->text, sizeof w->text, "%.*s", length < sizeof w->text ? (int)length : 60, w->rest);
    w->rest += length;
    return w->text;
}

static int number_follows(const words *w) {
    const char *at = w->rest + strspn(w->rest, "= \t\n");
    return strchr("0123456789.+-", *at) && *at;
}

/* The number behind the last word: "word 2", "word=2". */
static double number(words *w, double low, double high) {
    char *end;
    const char *at = w->rest + strspn(w->rest, "= \t\n");
    double value = strtod(at, &end);
    int good = end > at && strchr(" \t\n", *end) && value >= low && value <= high;
    if (!good && w->code < 0)
        w->code = cli_error(CLI_USAGE, "--%s: %s takes a number from %g to %g, not '%.*s'", w->option, w->text, low, high,
                            (int)strcspn(at, " \t\n"), at);
    w->rest = end;
    return value;
}

static int64_t whole_number(words *w, double low, double high) {
    double value = number(w, low, high);
    if (w->code < 0 && value != floor(value))
        w->code = cli_error(CLI_USAGE, "--%s: %s takes a whole number, not %g", w->option, w->text, value);
    return w->code < 0 ? (int64_t)value : 0;
}

static void refuse(words *w, const char *const *known, int n) {
    const char *meant = eg_did_you_mean(w->text, known, n);
    w->code = cli_error(CLI_USAGE, "--%s: there is no '%s' here%s%s%s", w->option, w->text,
                        meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static int place_of(const char *word, const char *const *known, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(word, known[i]) == 0) return i;
    return -1;
}

/* ---- scaling --------------------------------------------------------------------------------------------- */

enum { MANY = 100000 };

static int is_matrix(eg_scaling kind) {
    return kind == EG_SCALING_PCA || kind == EG_SCALING_WHITEN || kind == EG_SCALING_ZCA;
}

static int is_quantile(eg_scaling kind) { return kind == EG_SCALING_QUANTILE || kind == EG_SCALING_QUANTILE_NORMAL; }

static void read_scaling_word(words *w, eg_scaling kind, eg_scaling_opt *opt) {
    static const char *const known[] = { "variance", "epsilon", "components", "points" };
    int is_quantile = kind == EG_SCALING_QUANTILE || kind == EG_SCALING_QUANTILE_NORMAL;
    int which = place_of(w->text, known, 4);
    if (which == 0 && is_matrix(kind))
        opt->variance = number(w, 0, 1);
    else if (which == 1 && is_matrix(kind) && kind != EG_SCALING_PCA)
        opt->epsilon = number(w, 0, 1e6), opt->epsilon = opt->epsilon == 0 ? EG_ZERO : opt->epsilon;
    else if (which == 2 && is_matrix(kind))
        opt->components = whole_number(w, 1, MANY);
    else if (which == 3 && is_quantile)
        opt->quantiles = (int)whole_number(w, 2, 10000);
    else
        refuse(w, known, 4);
}

/* One kind with its numbers; a bare number is how many components, or points. */
static int read_kind(const char *text, eg_scaling *kind, eg_scaling_opt *opt) {
    words w = { .option = "scaling", .rest = text, .code = CLI_GO_ON };
    if (!next(&w)) return cli_error(CLI_USAGE, "--scaling: a kind is missing in '%s'", text);
    if (eg_scaling_named(w.text, kind) != EG_OK) return cli_fail(eg_error_status());
    if (number_follows(&w) && is_matrix(*kind)) opt->components = whole_number(&w, 1, MANY);
    if (number_follows(&w) && is_quantile(*kind)) opt->quantiles = (int)whole_number(&w, 2, 10000);
    while (next(&w)) read_scaling_word(&w, *kind, opt);
    return w.code;
}

int training_scaling(const char *text, eg_scaling *kind, eg_scaling_opt *opt) {
    *opt = (eg_scaling_opt){ .size_ = sizeof *opt };
    *kind = EG_SCALING_AUTO;
    if (!text) return CLI_GO_ON;
    const char *second = strchr(text, ';');
    if (!second) return read_kind(text, kind, opt);
    char *first = strndup(text, (size_t)(second - text));
    int code = first ? read_kind(first, &opt->first, opt) : cli_no_memory();
    free(first);
    if (code < 0) code = read_kind(second + 1, kind, opt);
    if (code < 0 && !is_matrix(*kind))
        code = cli_error(CLI_USAGE, "--scaling: two kinds are for pca, whiten and zca: 'standardise; pca 10'");
    if (code < 0 && (is_matrix(opt->first) || is_quantile(opt->first)))
        code = cli_error(CLI_USAGE, "--scaling: before %s stands standardise, min_max or robust, not %s",
                         eg_scaling_name(*kind), eg_scaling_name(opt->first));
    return code;
}

/* ---- gaps, augmentation ---------------------------------------------------------------------------------- */

int training_missing(const char *text, eg_missing *kind, int *indicate) {
    static const char *const known[] = { "indicate" };
    words w = { .option = "missing", .rest = text ? text : "", .code = CLI_GO_ON };
    *kind = EG_MISSING_ERROR;
    *indicate = 0;
    if (!text) return CLI_GO_ON;
    if (!next(&w)) return cli_error(CLI_USAGE, "--missing: nothing is said");
    if (eg_missing_named(w.text, kind) != EG_OK) return cli_fail(eg_error_status());
    while (next(&w))
        if (place_of(w.text, known, 1) == 0)
            *indicate = 1;
        else
            refuse(&w, known, 1);
    return w.code;
}

int training_augment(const char *text, eg_augment *out) {
    static const char *const known[] = { "shift", "rotate", "flip", "noise" };
    words w = { .option = "augment", .rest = text ? text : "", .code = CLI_GO_ON };
    *out = (eg_augment){ 0 };
    while (next(&w)) switch (place_of(w.text, known, 4)) {
        case 0:
            out->shift = (int)whole_number(&w, 0, 1000);
            break;
        case 1:
            out->rotate = number(&w, 0, 360);
            break;
        case 2:
            out->flip = 1;
            break;
        case 3:
            out->noise = number(&w, 0, 1e6);
            break;
        default:
            refuse(&w, known, 4);
        }
    return w.code;
}

/* ---- class weights --------------------------------------------------------------------------------------- */

/* Rows / (classes x rows of the class): every class weighs the same, and the mean weight is 1. */
static void balance(const eg_data *data, double *weights) {
    int classes = eg_data_classes(data);
    const int32_t *y = eg_tensor_data(eg_data_y(data));
    int64_t rows = eg_data_rows(data);
    for (int c = 0; c < classes; c++) weights[c] = 0;
    for (int64_t i = 0; i < rows; i++) weights[y[i]]++;
    for (int c = 0; c < classes; c++)
        weights[c] = weights[c] > 0 ? (double)rows / ((double)classes * weights[c]) : 1;
}

static int set_weight(const eg_data *data, char *pair, double *weights) {
    char *equals = strrchr(pair, '='), *end;
    double weight = equals ? strtod(equals + 1, &end) : 0;
    if (!equals || end == equals + 1 || *end || !(weight >= 0) || isinf(weight))
        return cli_error(CLI_USAGE, "--class-weights takes balanced or CLASS=WEIGHT,..., not '%s'", pair);
    *equals = 0;
    int classes = eg_data_classes(data), c = 0;
    while (c < classes && strcmp(eg_data_class_name(data, c), pair) != 0) c++;
    if (c == classes) return cli_error(CLI_USAGE, "--class-weights: the data have no class '%s'", pair);
    weights[c] = weight;
    return CLI_GO_ON;
}

int training_class_weights(const char *text, const eg_data *data, double **out) {
    int classes = eg_data_classes(data), code = CLI_GO_ON;
    *out = NULL;
    if (!text) return CLI_GO_ON;
    if (!classes) return cli_error(CLI_USAGE, "--class-weights: the targets are numbers, there are no classes");
    double *weights = malloc((size_t)classes * sizeof *weights);
    char *copy = strdup(text), *rest = copy;
    if (!weights || !copy) code = cli_no_memory();
    for (int c = 0; code < 0 && c < classes; c++) weights[c] = 1;
    if (code < 0 && strcmp(text, "balanced") == 0)
        balance(data, weights);
    else
        for (char *pair; code < 0 && (pair = strsep(&rest, ","));) code = set_weight(data, pair, weights);
    free(copy);
    if (code >= 0) free(weights);
    if (code < 0) *out = weights;
    return code;
}
