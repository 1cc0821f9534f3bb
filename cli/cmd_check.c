/* SPDX-License-Identifier: MIT
 *
 * cmd_check.c: `elegans check`: is every gradient of this network right? Draws parameters and a batch at random,
 * compares automatic differentiation with central differences in float64, one line for each parameter.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

typedef struct check_options {
    const char *net, *loss, *input;
    int64_t batch, seed, samples;
    double rtol;
    int json;
} check_options;

#define FIELD(name) offsetof(check_options, name)

static const cli_option options[] = {
    { "net", 'n', CLI_TEXT, FIELD(net), "LAYERS", .help = "the network, e.g. 'dense 8 tanh; dense 3 softmax'" },
    { "input", 'i', CLI_TEXT, FIELD(input), "SHAPE", .help = "shape of one sample, e.g. 4 or 28x28" },
    { "loss", 0, CLI_TEXT, FIELD(loss), "NAME",
      .help = "loss (default: cross-entropy after softmax or sigmoid, else squared error)" },
    { "batch", 'b', CLI_POSITIVE, FIELD(batch), "N", .help = "samples (default 4)" },
    { "samples", 0, CLI_POSITIVE, FIELD(samples), "N", .help = "elements checked per parameter (default: up to 64)" },
    { "rtol", 0, CLI_REAL, FIELD(rtol), "X", .help = "allowed relative error (default 1e-6)" },
    { "seed", 's', CLI_SEED, FIELD(seed), "N", .help = "other numbers" },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object per parameter" },
    { 0 }
};

enum { MAX_PARAMETERS = 64 };

/* The loss of the network on a random batch, in float64. */
typedef struct problem {
    eg_model *model;
    eg_graph *graph;
    eg_state *state;
    eg_value *loss, *parameter[MAX_PARAMETERS];
    int n;
    double *x, *y; /* inputs, in order */
} problem;

/* A small generator of its own: the numbers only have to be of all signs and sizes. */
static double draw(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-52 - 1;
}

/* Targets of every kind of loss: probabilities that sum to 1 where the output has several classes. */
static void draw_targets(double *y, int64_t rows, int64_t width, uint64_t *random) {
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0;
        for (int64_t j = 0; j < width; j++) sum += y[i * width + j] = .05 + fabs(draw(random));
        for (int64_t j = 0; j < width; j++) y[i * width + j] /= width > 1 ? sum : 1.5;
    }
}

static int choose_loss(const check_options *o, const eg_value *logits, int64_t width, eg_loss_kind *kind) {
    *kind = !logits     ? EG_LOSS_MEAN_SQUARED_ERROR
            : width > 1 ? EG_LOSS_CATEGORICAL_CROSS_ENTROPY
                        : EG_LOSS_BINARY_CROSS_ENTROPY;
    if (o->loss && eg_loss_named(o->loss, kind) != EG_OK) return cli_fail(eg_error_status());
    if (*kind == EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY) *kind = EG_LOSS_CATEGORICAL_CROSS_ENTROPY;
    return -1;
}

/* Numbers of all signs; but running variances are nowhere below 0: 1, as in a new model. */
static eg_status draw_variables(problem *p) {
    eg_value *all[2 * MAX_PARAMETERS];
    eg_status status = eg_init_normal(p->state, p->graph, .5);
    int n = eg_model_variables(p->model, p->graph, 0, all, 2 * MAX_PARAMETERS);
    for (int i = 0; status == EG_OK && i < n && i < 2 * MAX_PARAMETERS; i++) {
        if (!strstr(eg_value_name(all[i]), "/moving_variance")) continue;
        int64_t size = eg_shape_size(eg_value_shape(all[i]));
        float *ones = malloc((size_t)size * sizeof *ones);
        if (!ones) return EG_E_MEMORY;
        for (int64_t k = 0; k < size; k++) ones[k] = 1;
        status = eg_state_write(p->state, eg_value_name(all[i]), ones, (size_t)size * sizeof *ones);
        free(ones);
    }
    return status;
}

static int build(const check_options *o, eg_shape input, problem *p) {
    eg_shape batch = { .rank = input.rank + 1, .dim = { o->batch } };
    memcpy(batch.dim + 1, input.dim, (size_t)input.rank * sizeof *input.dim);
    eg_value *x = eg_input(p->graph, "x", EG_F64, batch), *output, *logits, *penalty;
    eg_value *step = eg_full(p->graph, EG_I32, EG_SCALAR, 1); /* as in a training: of one step, so dropout stays */
    if (eg_model_build(p->model, x, step, &output, &logits, &penalty) != EG_OK)
        return cli_error(CLI_BAD_DATA, "%s", eg_model_error(p->model));
    eg_shape shape = eg_value_shape(output);
    int64_t width = eg_shape_size(shape) / o->batch;
    eg_loss_kind kind;
    int code = choose_loss(o, logits, width, &kind);
    if (code >= 0) return code;
    int stable = logits && (kind == EG_LOSS_CATEGORICAL_CROSS_ENTROPY || kind == EG_LOSS_BINARY_CROSS_ENTROPY);
    eg_value *y = eg_input(p->graph, "y", EG_F64, shape);
    p->loss = eg_loss(kind, y, stable ? logits : output, .from_logits = stable, .mask = eg_model_mask(p->model));
    if (penalty) p->loss = eg_add(p->loss, penalty);
    p->n = eg_model_variables(p->model, p->graph, 1, p->parameter, MAX_PARAMETERS);
    if (eg_graph_status(p->graph) != EG_OK) return cli_error(CLI_BAD_DATA, "%s", eg_graph_error(p->graph));
    if (p->n > MAX_PARAMETERS) return cli_error(CLI_BAD_DATA, "check: at most %d parameters", MAX_PARAMETERS);
    uint64_t random = (uint64_t)o->seed * 2 + 1;
    int64_t samples = eg_shape_size(batch);
    p->x = malloc((size_t)samples * sizeof *p->x);
    p->y = malloc((size_t)(width * o->batch) * sizeof *p->y);
    if (!p->x || !p->y) return cli_no_memory();
    for (int64_t i = 0; i < samples; i++) p->x[i] = 2 * draw(&random);
    draw_targets(p->y, o->batch, width, &random);
    eg_status status = draw_variables(p);
    return status == EG_OK ? -1 : cli_fail(status);
}

static void print_result(const check_options *o, const char *name, const eg_check_result *result) {
    if (!o->json) {
        char line[400];
        int width = cli_wrap_columns(stdout), spare = width - 42; /* of the name, in a line without remarks */
        snprintf(line, sizeof line, "%-*s %6lld checked  worst error %.1e%s%s%s",
                 spare < 0    ? 0
                 : spare < 24 ? spare
                              : 24,
                 name, (long long)result->checked, result->worst_error, result->passed ? "" : "  at ",
                 result->passed ? "" : result->worst, result->nonzero ? "" : "  all are 0, which proves nothing");
        printf("%-4s  ", result->passed ? "ok" : "FAIL");
        cli_print_wrapped(stdout, line, 6, width);
        return;
    }
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "parameter", name);
    cli_json_text(&json, "result", result->passed ? "ok" : "failed");
    cli_json_integer(&json, "checked", result->checked);
    cli_json_integer(&json, "nonzero", result->nonzero);
    cli_json_real(&json, "worst_error", result->worst_error);
    cli_json_text(&json, "worst", result->worst);
    cli_json_close(&json);
}

static int check(const check_options *o, problem *p) {
    const double *inputs[] = { p->x, p->y };
    double rtol = isnan(o->rtol) ? 1e-6 : o->rtol; /* numbers below .01 may be off as .01 may */
    int failed = 0;
    for (int i = 0; i < p->n; i++) {
        eg_check_result result;
        eg_status status = eg_check_gradient(p->loss, &p->parameter[i], 1, p->state, inputs, &result,
                                             .samples = cli_or(o->samples, 0), .rtol = rtol, .atol = rtol / 100);
        if (status != EG_OK) return cli_fail(status);
        print_result(o, eg_value_name(p->parameter[i]), &result);
        failed += !result.passed;
    }
    return failed ? cli_error(CLI_INTERNAL, "%d of %d gradients are wrong", failed, p->n) : CLI_OK;
}

static int run(int argc, char **argv) {
    check_options o;
    eg_shape input;
    cli_defaults(&cli_check, &o);
    int code = cli_parse(&cli_check, argc, argv, &o, NULL, 0);
    if (code >= 0) return code;
    o.batch = cli_or(o.batch, 4);
    o.seed = cli_or(o.seed, 0);
    if (!o.net || !o.input)
        return cli_error(CLI_USAGE, "check: --net and --input are needed; see: elegans check --help");
    if (o.rtol <= 0) return cli_error(CLI_USAGE, "check: --rtol is more than 0");
    if ((code = cli_shape("check: --input", o.input, &input)) >= 0) return code;
    problem p = { .model = eg_model_parse(input, o.net),
                  .graph = eg_graph_new(),
                  .state = eg_state_new((uint64_t)o.seed) };
    if (!p.model || !p.graph || !p.state)
        code = cli_no_memory();
    else if (eg_model_status(p.model) != EG_OK)
        code = cli_error(CLI_USAGE, "--net: %s", eg_model_error(p.model));
    else if ((code = build(&o, input, &p)) < 0)
        code = check(&o, &p);
    free(p.x);
    free(p.y);
    eg_graph_free(p.graph);
    eg_state_free(p.state);
    eg_model_free(p.model);
    return code;
}

static const char *const notes[] = {
    "The network is as in a step of training: batch_norm uses the batch, dropout drops, always the same.",
    NULL,
};

const cli_command cli_check = {
    .name = "check",
    .summary = "compare a network's gradients with differences",
    .usage = "--net LAYERS --input SHAPE [options]",
    .options = options,
    .run = run,
    .notes = notes,
    .examples = "  elegans check --net 'dense 8 tanh; dense 3 softmax' --input 4\n"
                "  elegans check --net 'dense 16 gelu; dense 1' --input 28x28 --loss huber\n",
};
