/* SPDX-License-Identifier: MIT
 *
 * cmd_profile.c: `elegans profile`: where the time of a training step (or of a prediction) goes. The program is run with
 * its profiler on; each of its steps is held against what this machine can do at most, which is measured here by the
 * same library: a product that fits the caches for FLOP/s, a sum over as many bytes as the program has for bytes/s.
 * A step near neither limit is bound by overhead: starting it, waiting for threads, slow functions.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "training.h"

typedef struct profile_options {
    const char *net, *input, *data, *loss, *optimizer;
    int64_t batch, steps, threads;
    int predict, json;
} profile_options;

#define FIELD(name) offsetof(profile_options, name)

static const cli_option options[] = {
    { "net", 'n', CLI_TEXT, FIELD(net), "LAYERS", .help = "a network in place of a model file" },
    { "input", 'i', CLI_TEXT, FIELD(input), "SHAPE", .help = "its input, e.g. 4, 28x28 or 64x65" },
    { "data", 'd', CLI_TEXT, FIELD(data), "SOURCE",
      .help = "data that give the input's shape, and what train would choose for them: net, batch, optimizer" },
    { "batch", 'b', CLI_POSITIVE, FIELD(batch), "N", .help = "samples in a step (default 32)" },
    { "optimizer", 'o', CLI_TEXT, FIELD(optimizer), "NAME", .help = "the update (default adam)" },
    { "loss", 0, CLI_TEXT, FIELD(loss), "NAME", .help = "the loss (default: by the last layer)" },
    { "predict", 0, CLI_FLAG, FIELD(predict), NULL, .help = "a prediction in place of a training step" },
    { "steps", 0, CLI_POSITIVE, FIELD(steps), "N", .help = "runs that are measured (default: for half a second)" },
    { "threads", 0, CLI_COUNT, FIELD(threads), "N", .help = "threads, 0 for all processors (default)" },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object for each step, and one for all" },
    { 0 }
};

/* ---- what is run --------------------------------------------------------------------------------------- */

enum { MAX_PARAMETERS = 1024 };

typedef struct job {
    eg_model *model;
    eg_graph *graph;
    eg_optimizer *optimizer;
    eg_program *program;
    eg_value *input[2]; /* x, and y in training */
    eg_value **root;    /* loss or output, then the updates */
    int roots, inputs;
} job;

static void free_job(job *j) {
    eg_program_free(j->program);
    eg_optimizer_free(j->optimizer);
    eg_graph_free(j->graph);
    eg_model_free(j->model);
    free(j->root);
}

static eg_shape with_batch(int64_t batch, eg_shape sample) {
    eg_shape shape = { .rank = sample.rank + 1, .dim = { batch } };
    memcpy(shape.dim + 1, sample.dim, (size_t)sample.rank * sizeof *sample.dim);
    return shape;
}

/* The loss, and with it an input y of targets: class numbers after softmax, else numbers of the output's shape. */
static int add_loss(const profile_options *o, job *j, eg_value *output, eg_value *logits) {
    eg_shape shape = eg_value_shape(output);
    int wide = shape.dim[shape.rank - 1] > 1;
    eg_loss_kind kind = !logits ? EG_LOSS_MEAN_SQUARED_ERROR
                        : wide  ? EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY
                                : EG_LOSS_BINARY_CROSS_ENTROPY;
    if (o->loss && eg_loss_named(o->loss, &kind) != EG_OK) return cli_fail(eg_error_status());
    int sparse = kind == EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY;
    int stable = logits && (sparse || kind == EG_LOSS_CATEGORICAL_CROSS_ENTROPY || kind == EG_LOSS_BINARY_CROSS_ENTROPY);
    if (sparse) shape.rank--;
    j->input[j->inputs++] = eg_input(j->graph, "y", sparse ? EG_I32 : EG_F32, shape);
    j->root[j->roots++] = eg_loss(kind, j->input[1], stable ? logits : output, .from_logits = stable,
                                  .mask = eg_model_mask(j->model));
    return CLI_GO_ON;
}

static int add_updates(const profile_options *o, job *j, eg_value *step) {
    eg_value **parameter = j->root + MAX_PARAMETERS * (1 + EG_OPTIMIZER_SLOTS), **gradient = parameter + MAX_PARAMETERS;
    int n = eg_model_variables(j->model, j->graph, 1, parameter, MAX_PARAMETERS), count = 0;
    if (n > MAX_PARAMETERS) return cli_error(CLI_BAD_DATA, "profile: at most %d parameters", MAX_PARAMETERS);
    j->optimizer = eg_optimizer_new(o->optimizer, (eg_optimizer_opt){ .size_ = sizeof(eg_optimizer_opt) });
    if (!j->optimizer) return cli_fail(eg_error_status());
    eg_value *rate = eg_input(j->graph, "rate", EG_F32, EG_SCALAR);
    eg_status status = eg_grad(j->root[0], parameter, n, gradient);
    if (status == EG_OK)
        status = eg_optimizer_build(j->optimizer, step, rate, parameter, gradient, n, j->root + j->roots, &count);
    j->roots += count;
    j->roots += eg_model_changes(j->model, j->root + j->roots, MAX_PARAMETERS);
    return status == EG_OK ? CLI_GO_ON : cli_fail(status);
}

static int build(const profile_options *o, job *j) {
    eg_value *step = eg_input(j->graph, "step", EG_I32, EG_SCALAR), *output, *logits, *penalty;
    eg_shape shape = with_batch(o->batch, eg_model_input_shape(j->model));
    int code = CLI_GO_ON;
    j->input[j->inputs++] = eg_input(j->graph, "x", EG_F32, shape);
    if (eg_model_build(j->model, j->input[0], o->predict ? NULL : step, &output, &logits, &penalty) != EG_OK)
        return cli_error(CLI_BAD_DATA, "%s", eg_model_error(j->model));
    if (o->predict) {
        j->root[j->roots++] = output;
    } else {
        code = add_loss(o, j, output, logits);
        if (code < 0 && penalty) j->root[0] = eg_add(j->root[0], penalty);
        if (code < 0) code = add_updates(o, j, step);
    }
    if (code < 0 && eg_graph_status(j->graph) != EG_OK)
        code = cli_error(CLI_BAD_DATA, "%s", eg_graph_error(j->graph));
    return code;
}

/* Numbers in [0, 1), which are class 0 as integers. */
static eg_status fill(eg_program *program, const eg_value *input) {
    size_t n = (size_t)eg_shape_size(eg_value_shape(input));
    float *x = calloc(n, sizeof *x);
    uint64_t random = 1;
    if (!x) return EG_E_MEMORY;
    for (size_t i = 0; i < n && eg_value_dtype(input) == EG_F32; i++) x[i] = (float)cli_uniform(&random);
    eg_status status = eg_set(program, eg_value_name(input), x, n * sizeof *x);
    free(x);
    return status;
}

static int compile(const profile_options *o, job *j) {
    j->program = eg_program_new(eg_model_state(j->model), j->root, j->roots, .threads = (int)o->threads, .profile = 1,
                                .executor = EG_CPU);
    eg_status status = j->program ? EG_OK : eg_error_status();
    if (status == EG_OK && j->optimizer) status = eg_optimizer_init_slots(j->optimizer, eg_model_state(j->model));
    for (int i = 0; i < j->inputs && status == EG_OK; i++) status = fill(j->program, j->input[i]);
    if (status == EG_OK && !o->predict) status = eg_set(j->program, "step", &(int32_t){ 0 }, sizeof(int32_t));
    if (status == EG_OK && !o->predict) status = eg_set(j->program, "rate", &(float){ 1e-4f }, sizeof(float));
    return status == EG_OK ? CLI_GO_ON : cli_fail(status);
}

/* ---- the clock ----------------------------------------------------------------------------------------- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Runs so often (0: for so many seconds) and gives the seconds of the fastest run; below 0 where it fails. */
static double run_program(eg_program *program, int64_t times, double seconds) {
    double end = now() + seconds, least = HUGE_VAL;
    for (int64_t i = 0; times ? i < times : i < 3 || now() < end; i++) {
        double start = now();
        if (cli_signal || eg_run(program) != EG_OK) return -1;
        least = fmin(least, now() - start);
    }
    return least;
}

/* Units of work a second of a small program; 0 where it cannot be made. */
static double rate_of(eg_graph *g, eg_value *root, const eg_value *x, int threads, double work) {
    eg_state *state = eg_state_new(1);
    eg_program *p = state ? eg_program_new(state, &root, 1, .threads = threads, .executor = EG_CPU) : NULL;
    double seconds = p && fill(p, x) == EG_OK ? run_program(p, 0, .05) : -1;
    eg_program_free(p);
    eg_state_free(state);
    eg_graph_free(g);
    return seconds > 0 ? work / seconds : 0;
}

static double product_rate(int threads) {
    enum { N = 512 };
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(N, N)), *w = eg_weight(g, "w", EG_F32, EG_SHAPE(N, N));
    return rate_of(g, eg_matmul(x, w), x, threads, 2. * N * N * N);
}

static double memory_rate(int threads, double bytes) {
    int64_t n = (int64_t)fmin(fmax(bytes / 8, 8192), 1 << 24);
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(n));
    return rate_of(g, eg_add(x, eg_const(g, 1)), x, threads, 8. * (double)n);
}

/* ---- the table ----------------------------------------------------------------------------------------- */

typedef struct line {
    char op[32], shape[64], kernel[40];
    double flops, bytes, seconds; /* of one run; within a loop of one turn */
    int depth, parts, order;      /* order: of the step without depth that it belongs to */
    double group;                 /* seconds of that step */
} line;

typedef struct limits {
    double flops, bytes; /* a second */
} limits;

static const char *bound_of(const line *l, const limits *most, double *share) {
    double compute = l->flops / l->seconds / most->flops, memory = l->bytes / l->seconds / most->bytes;
    *share = fmax(compute, memory);
    return *share < .3 ? "overhead" : compute >= memory ? "compute" : "memory";
}

/* "  %17  fused  f32[32,16]  gemm + strips  1 part  4096 flops  6976 bytes  0.11 us  0.3 %, fastest  0.09 us ..." */
static int parse(const char *text, line *l) {
    int used = 0;
    const char *part;
    *l = (line){ .depth = (int)strspn(text, " ") / 2 };
    if (sscanf(text, " %%%*d %31s %63s %n", l->op, l->shape, &used) != 2 || !used) return 0;
    if (!(part = strstr(text + used, " part"))) return 0;
    const char *end = part;
    while (end > text + used && end[-1] >= '0' && end[-1] <= '9') end--;
    l->parts = atoi(end);
    while (end > text + used && end[-1] == ' ') end--;
    snprintf(l->kernel, sizeof l->kernel, "%.*s", (int)(end - text - used), text + used);
    int n = sscanf(part, " part%*[s ]%lf flops %lf bytes %*f us %*f %%, fastest %lf us", &l->flops, &l->bytes, &l->seconds);
    l->seconds = fmax(l->seconds * 1e-6, 1e-9);
    return n == 3;
}

/* The slowest first; what is in a loop behind it, in its order. */
static int by_time(const void *a, const void *b) {
    const line *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? 1 : -1;
    return x->order - y->order;
}

static int parse_all(const char *text, line **out) {
    int n = 0, most = 1;
    for (const char *at = text; *at; at++) most += *at == '\n';
    line *lines = *out = calloc((size_t)most, sizeof *lines);
    for (const char *at = text; lines && at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (!parse(at, &lines[n])) continue;
        lines[n].order = n;
        lines[n].group = lines[n].depth && n ? lines[n - 1].group : lines[n].seconds;
        n++;
    }
    if (lines) qsort(lines, (size_t)n, sizeof *lines, by_time);
    return n;
}

/* Rates are left out where a terminal has no room for them. */
static int has_rates(void) { return cli_wrap_columns(stdout) >= 100; }

static void print_line(const line *l, const limits *most, double all) {
    char step[192], parts[32] = "";
    double share;
    const char *bound = bound_of(l, most, &share);
    int at = printf("%10.2f us", l->seconds * 1e6);
    at += l->depth ? printf("        ") : printf(" %5.1f %%", 100 * l->seconds / all);
    if (has_rates()) at += printf(" %8.1f %7.1f", l->flops / l->seconds * 1e-9, l->bytes / l->seconds * 1e-9);
    at += printf(" %6.0f %%  %-8s  %*s", 100 * share, strcmp(l->kernel, "loop") == 0 ? "(below)" : bound,
                 2 * l->depth, "");
    if (l->parts > 1) snprintf(parts, sizeof parts, ", %d parts", l->parts);
    snprintf(step, sizeof step, "%s %s, %s%s", l->op, l->shape, l->kernel, parts);
    cli_print_wrapped(stdout, step, at, cli_wrap_columns(stdout));
}

static void json_line(const line *l, const limits *most) {
    double share;
    const char *bound = bound_of(l, most, &share);
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "step");
    cli_json_text(&json, "op", l->op);
    cli_json_text(&json, "value", l->shape);
    cli_json_text(&json, "kernel", l->kernel);
    cli_json_integer(&json, "depth", l->depth);
    cli_json_integer(&json, "parts", l->parts);
    cli_json_real(&json, "seconds", l->seconds);
    cli_json_real(&json, "flops", l->flops);
    cli_json_real(&json, "bytes", l->bytes);
    cli_json_real(&json, "share_of_peak", share);
    cli_json_text(&json, "bound", bound);
    cli_json_close(&json);
}

static void print_head(const profile_options *o, const job *j, const limits *most, double all) {
    char bytes[32], text[256];
    double flops = eg_program_flops(j->program);
    int threads = o->threads ? (int)o->threads : eg_threads(), width = cli_wrap_columns(stdout);
    cli_bytes(bytes, sizeof bytes, (double)eg_program_memory(j->program));
    snprintf(
        text, sizeof text,
        "%s of %lld sample%s%s%s, %d thread%s: %.2f us in %d steps, %.1f GFLOP/s (%.0f %% of the most), %s of memory",
        o->predict ? "prediction" : "training step", (long long)o->batch, o->batch > 1 ? "s" : "",
        o->predict ? "" : ", ", o->predict ? "" : o->optimizer, threads, threads > 1 ? "s" : "", all * 1e6,
        eg_program_steps(j->program), flops / all * 1e-9, 100 * flops / all / most->flops, bytes);
    cli_print_wrapped(stdout, text, 0, width);
    snprintf(
        text, sizeof text,
        "at most: %.0f GFLOP/s (a product of 512x512x512, or the best step), %.0f GB/s (x + 1 over as much memory)",
        most->flops * 1e-9, most->bytes * 1e-9);
    cli_print_wrapped(stdout, text, 0, width);
    printf("\n%13s %7s", "fastest", "of all");
    if (has_rates()) printf(" %8s %7s", "GFLOP/s", "GB/s");
    printf(" %8s  %-8s  %s\n", "of peak", "bound by", "step");
}

static void json_total(const profile_options *o, const job *j, const limits *most, double all) {
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "total");
    cli_json_integer(&json, "batch", o->batch);
    cli_json_integer(&json, "threads", o->threads ? o->threads : eg_threads());
    cli_json_real(&json, "seconds", all);
    cli_json_real(&json, "flops", eg_program_flops(j->program));
    cli_json_integer(&json, "memory_bytes", (int64_t)eg_program_memory(j->program));
    cli_json_real(&json, "peak_flops_per_second", most->flops);
    cli_json_real(&json, "peak_bytes_per_second", most->bytes);
    cli_json_close(&json);
}

static int show(const profile_options *o, const job *j) {
    limits most = { product_rate((int)o->threads), memory_rate((int)o->threads, (double)eg_program_memory(j->program)) };
    line *lines = NULL;
    char *text = eg_program_text(j->program);
    int n = text ? parse_all(text, &lines) : 0;
    double all = 0;
    eg_string_free(text);
    if (!lines || !(most.flops > 0) || !(most.bytes > 0)) return free(lines), cli_no_memory();
    for (int i = 0; i < n; i++) {
        if (!lines[i].depth) all += lines[i].seconds;
        if (lines[i].flops > 1e6) most.flops = fmax(most.flops, lines[i].flops / lines[i].seconds);
    }
    if (!o->json) print_head(o, j, &most, all);
    for (int i = 0; i < n; i++) o->json ? json_line(&lines[i], &most) : print_line(&lines[i], &most, all);
    if (o->json) json_total(o, j, &most, all);
    free(lines);
    return CLI_OK;
}

/* ---- the command --------------------------------------------------------------------------------------- */

/* What train would choose for the data, where nothing was said; and the model. */
static int model_for_data(profile_options *o, job *j) {
    char net[TRAINING_NET], chosen[128];
    train_options t;
    cli_defaults(&cli_train, &t);
    t.net = o->net, t.optimizer = o->optimizer, t.batch = o->batch;
    sets s = { .train = eg_data_open(cli_plain_source(o->data), NULL, .allow_download = 1) };
    if (!s.train || eg_data_status(s.train) != EG_OK) {
        int code = cli_data_error(s.train);
        eg_data_free(s.train);
        return code;
    }
    training_choose(&t, &s, net, chosen, sizeof chosen);
    j->model = eg_model_parse(eg_data_sample_shape(s.train), t.net);
    o->optimizer = t.optimizer, o->batch = t.batch == EG_BATCH_ALL ? eg_data_rows(s.train) : t.batch;
    eg_data_free(s.train);
    return CLI_GO_ON;
}

static int make_model(profile_options *o, const char *path, job *j) {
    eg_shape input;
    int code = CLI_GO_ON;
    if (path) return (j->model = cli_load_model(path, &code)) ? CLI_GO_ON : code;
    if (o->data) {
        code = model_for_data(o, j);
    } else if ((code = cli_shape("profile: --input", o->input, &input)) < 0) {
        j->model = eg_model_parse(input, o->net);
    }
    if (code >= 0) return code;
    if (!j->model) return cli_no_memory();
    if (eg_model_status(j->model) != EG_OK) return cli_error(CLI_USAGE, "--net: %s", eg_model_error(j->model));
    return eg_model_init(j->model, 0, EG_KERAS) == EG_OK ? CLI_GO_ON : cli_fail(eg_error_status());
}

static int profile(profile_options *o, const char *path, job *j) {
    int code = make_model(o, path, j);
    o->batch = cli_or(o->batch, 32);
    o->threads = cli_or(o->threads, 0);
    if (!o->optimizer) o->optimizer = "adam";
    j->graph = eg_graph_new();
    /* roots, then the parameters and their gradients */
    j->root = calloc(MAX_PARAMETERS * (4 + EG_OPTIMIZER_SLOTS), sizeof(eg_value *));
    if (code < 0 && (!j->graph || !j->root)) code = cli_no_memory();
    if (code < 0) code = build(o, j);
    if (code < 0) code = compile(o, j);
    if (code >= 0) return code;
    cli_catch_signals();
    if (run_program(j->program, cli_or(o->steps, 0), .5) < 0)
        return cli_signal ? CLI_SIGNAL + cli_signal : cli_fail(eg_error_status());
    return show(o, j);
}

static int run(int argc, char **argv) {
    profile_options o;
    const char *path = NULL;
    cli_defaults(&cli_profile, &o);
    int code = cli_parse(&cli_profile, argc, argv, &o, &path, 1);
    if (code >= 0) return code;
    if (!path && !o.data && !(o.net && o.input))
        return cli_error(CLI_USAGE, "profile: a model file, --data, or --net and --input are needed; see: elegans profile --help");
    if (path && (o.net || o.input || o.data))
        return cli_error(CLI_USAGE, "profile: --net, --input and --data stand in place of a model file");
    job j = { 0 };
    code = profile(&o, path, &j);
    free_job(&j);
    return code;
}

static const char *const notes[] = {
    "The times are those of the fastest run of each step, on random numbers. \"of peak\" is the larger of its FLOP/s and its "
    "bytes/s as a share of the most that this machine was just seen to do; bytes that stay in a cache may come to more "
    "than 100 %. A step below 30 % of both is bound by overhead. Steps within a loop are those of one turn.",
    NULL
};

const cli_command cli_profile = {
    .name = "profile",
    .summary = "where the time of a training step goes",
    .usage = "MODEL [options]\n       elegans profile --net LAYERS --input SHAPE [options]\n"
             "       elegans profile --data SOURCE [--net LAYERS] [options]",
    .options = options,
    .notes = notes,
    .run = run,
    .examples = "  elegans profile --net 'dense 512 relu; dense 10 softmax' --input 784 --batch 128\n"
                "  elegans profile --data gen:spiral --threads 1\n"
                "  elegans profile iris.safetensors --predict --batch 1 --json\n",
};
