/* SPDX-License-Identifier: MIT
 *
 * cmd_train.c: `elegans train`: data + network + recipe -> a trained model file. What is not said is chosen from the
 * data and told on stderr.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "cli.h"

typedef struct train_options {
    const char *data, *target, *task, *test, *scaling, *net, *init, *optimizer, *loss, *metrics, *reduction, *dialect,
        *shuffle, *schedule, *out, *config;
    double lr, momentum, rho, beta1, beta2, epsilon, weight_decay, clip_value, clip_norm, clip_global_norm, l1, l2,
        validation, test_share, tolerance, delta;
    int64_t batch, epochs, seed, threads, test_last, steps;
    int nesterov, no_header, maximize, json, quiet, resume, dry_run;
    cli_list set;
} train_options;

#define FIELD(name) offsetof(train_options, name)

static const cli_option options[] = {
    { "data", 'd', CLI_TEXT, FIELD(data), "SOURCE",
      "what to learn from: a CSV file, a folder of IDX files, 'mnist', or 'gen:NAME?key=value,...'", "Data" },
    { "target", 't', CLI_TEXT, FIELD(target), "COLUMN", "CSV: the column to predict (default: the last)", NULL },
    { "task", 0, CLI_TEXT, FIELD(task), "TASK", "classification or regression (default: by the target)", NULL },
    { "no-header", 0, CLI_FLAG, FIELD(no_header), NULL, "CSV: the first line is data", NULL },
    { "test", 0, CLI_TEXT, FIELD(test), "SOURCE", "a test set of its own", NULL },
    { "test-last", 0, CLI_COUNT, FIELD(test_last), "N", "hold out the last N rows as the test set", NULL },
    { "test-share", 0, CLI_REAL, FIELD(test_share), "SHARE",
      "hold out a random share as the test set (CSV default: 0.2)", NULL },
    { "validation", 0, CLI_REAL, FIELD(validation), "SHARE",
      "the last share of the training rows validates each epoch", NULL },
    { "scaling", 0, CLI_TEXT, FIELD(scaling), "KIND",
      "auto, none, bytes (1/255), standardise or min_max; stored in the model", NULL },

    { "net", 'n', CLI_TEXT, FIELD(net), "LAYERS", "the network, e.g. 'dense 512 relu; dropout .2; dense 10 softmax'",
      "Network" },
    { "init", 0, CLI_TEXT, FIELD(init), "NAME",
      "initialiser of all kernels: glorot_uniform, he_normal, normal(.01), ...", NULL },
    { "loss", 0, CLI_TEXT, FIELD(loss), "NAME", "loss (default: by task and last layer)", NULL },
    { "reduction", 0, CLI_TEXT, FIELD(reduction), "KIND", "mean or sum over a batch", NULL },
    { "delta", 0, CLI_REAL, FIELD(delta), "X", "huber's delta", NULL },
    { "metrics", 0, CLI_TEXT, FIELD(metrics), "LIST", "accuracy,top_k,mse,mae,r2", NULL },
    { "l1", 0, CLI_REAL, FIELD(l1), "X", "penalty X sum |w| on kernels", NULL },
    { "l2", 0, CLI_REAL, FIELD(l2), "X", "penalty X/2 sum w^2 on kernels", NULL },

    { "optimizer", 'o', CLI_TEXT, FIELD(optimizer), "NAME",
      "sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamw, nadam, adamax", "Training" },
    { "lr", 0, CLI_REAL, FIELD(lr), "X", "learning rate (3e-4 is a safe start for adam; 1e-3 is its default)", NULL },
    { "schedule", 0, CLI_TEXT, FIELD(schedule), "NAME",
      "learning rate over the run: constant, linear or cosine (to 0)", NULL },
    { "momentum", 0, CLI_REAL, FIELD(momentum), "X", "momentum of sgd, momentum, rmsprop", NULL },
    { "nesterov", 0, CLI_FLAG, FIELD(nesterov), NULL, "Nesterov's form of momentum", NULL },
    { "rho", 0, CLI_REAL, FIELD(rho), "X", "decay of rmsprop, adadelta", NULL },
    { "beta1", 0, CLI_REAL, FIELD(beta1), "X", "decay of adam's mean", NULL },
    { "beta2", 0, CLI_REAL, FIELD(beta2), "X", "decay of adam's square", NULL },
    { "epsilon", 0, CLI_REAL, FIELD(epsilon), "X", "the small number under the root", NULL },
    { "weight-decay", 0, CLI_REAL, FIELD(weight_decay), "X", "weight decay, by the dialect's formula", NULL },
    { "clip-value", 0, CLI_REAL, FIELD(clip_value), "X", "clip each gradient element", NULL },
    { "clip-norm", 0, CLI_REAL, FIELD(clip_norm), "X", "clip each gradient's norm", NULL },
    { "clip-global-norm", 0, CLI_REAL, FIELD(clip_global_norm), "X", "clip the norm of all gradients together",
      NULL },
    { "dialect", 0, CLI_TEXT, FIELD(dialect), "NAME", "formulas and defaults of keras, keras2 or torch", NULL },
    { "batch", 'b', CLI_BATCH, FIELD(batch), "N", "samples per step, or 'all'", NULL },
    { "epochs", 'e', CLI_COUNT, FIELD(epochs), "N", "passes over the training rows", NULL },
    { "steps", 0, CLI_COUNT, FIELD(steps), "N", "stop after so many steps", NULL },
    { "tolerance", 0, CLI_REAL, FIELD(tolerance), "X", "stop when the loss of an epoch changes by less", NULL },
    { "shuffle", 0, CLI_TEXT, FIELD(shuffle), "HOW", "epoch, off or replacement", NULL },
    { "maximize", 0, CLI_FLAG, FIELD(maximize), NULL, "climb instead of descend", NULL },
    { "seed", 's', CLI_COUNT, FIELD(seed), "N", "the same seed gives the same bits (default 0)", NULL },
    { "threads", 0, CLI_COUNT, FIELD(threads), "N", "threads (default: all processors); results do not depend on it",
      NULL },

    { "out", 0, CLI_TEXT, FIELD(out), "FILE", "save the model here (safetensors), and the settings beside it",
      "Output" },
    { "resume", 0, CLI_FLAG, FIELD(resume), NULL, "go on with the stopped run in --out", NULL },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, "one JSON object a line on stdout", NULL },
    { "quiet", 'q', CLI_FLAG, FIELD(quiet), NULL, "no progress", NULL },
    { "dry-run", 0, CLI_FLAG, FIELD(dry_run), NULL, "say what would be done, and stop", NULL },
    { "config", 0, CLI_TEXT, FIELD(config), "FILE", "read settings from a file that train wrote", NULL },
    { "set", 0, CLI_MANY, FIELD(set), "KEY=VALUE",
      "one setting by name (over --config), e.g. --set optimizer.lr=0.01", NULL },
    { 0 }
};

/* ---- words to enums -------------------------------------------------------------------------------------- */

typedef struct word {
    const char *name;
    int value;
} word;

static const word tasks[] = { { "classification", EG_TASK_CLASSIFICATION },
                              { "regression", EG_TASK_REGRESSION },
                              { 0 } };
static const word reductions[] = { { "mean", EG_REDUCTION_MEAN }, { "sum", EG_REDUCTION_SUM }, { 0 } };
static const word dialects[] = { { "keras", EG_KERAS }, { "torch", EG_TORCH }, { "keras2", EG_KERAS2 }, { 0 } };
static const word shuffles[] = { { "epoch", EG_SHUFFLE_EACH_EPOCH },
                                 { "off", EG_SHUFFLE_OFF },
                                 { "replacement", EG_SHUFFLE_WITH_REPLACEMENT },
                                 { 0 } };
static const word schedules[] = {
    { "constant", EG_SCHEDULE_CONSTANT }, { "linear", EG_SCHEDULE_LINEAR }, { "cosine", EG_SCHEDULE_COSINE }, { 0 }
};
static const word metric_words[] = {
    { "accuracy", EG_METRIC_ACCURACY }, { "top_k", EG_METRIC_TOP_K }, { "mse", EG_METRIC_MSE },
    { "mae", EG_METRIC_MAE },           { "r2", EG_METRIC_R2 },       { 0 }
};

/* Looks a word up; *code turns to CLI_USAGE where it is unknown. NULL text is the first word's... absent: `absent`.
 */
static int look_up(const char *option, const char *text, const word *words, int absent, int *code) {
    if (!text) return absent;
    const char *names[8];
    int n = 0;
    for (; words[n].name; n++) {
        names[n] = words[n].name;
        if (strcmp(words[n].name, text) == 0) return words[n].value;
    }
    const char *meant = eg_did_you_mean(text, names, n);
    *code = meant ? cli_error(CLI_USAGE, "train: --%s '%s'; did you mean '%s'?", option, text, meant)
                  : cli_error(CLI_USAGE, "train: --%s '%s' is not known; see: elegans train --help", option, text);
    return absent;
}

/* An option's number for a struct in which 0 means "the default". */
static double given(double value) { return isnan(value) ? 0 : value == 0 ? EG_ZERO : value; }

/* ---- configuration --------------------------------------------------------------------------------------- */

static int assign_pair(train_options *o, const char *pair) {
    const char *equals = strchr(pair, '=');
    if (!equals) return cli_error(CLI_USAGE, "train: --set takes KEY=VALUE, not '%s'", pair);
    size_t length = (size_t)(equals - pair);
    char *key = strndup(pair, length);
    if (!key) return cli_error(CLI_INTERNAL, "no memory");
    int code = cli_assign(&cli_train, o, key, equals + 1);
    free(key);
    return code;
}

/* A settings file: lines "key = value", '#' starts a comment. The values stay allocated: options point into them. */
static int read_config(train_options *o, const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return cli_error(CLI_MISSING, "cannot read %s", path);
    char *line = NULL;
    size_t capacity = 0;
    int code = -1;
    while (code < 0 && getline(&line, &capacity, file) > 0) {
        char *start = line + strspn(line, " \t"), *end = start + strcspn(start, "\n");
        *end = 0;
        if (!*start || *start == '#') continue;
        char *equals = strstr(start, " = ");
        if (!equals) {
            code = cli_error(CLI_USAGE, "%s: not a setting: '%s'", path, start);
            break;
        }
        *equals = 0;
        char *value = strdup(equals + 3);
        code = value ? cli_assign(&cli_train, o, start, value) : cli_error(CLI_INTERNAL, "no memory");
    }
    free(line);
    fclose(file);
    return code;
}

/* Writes every setting that was given or chosen to <out>.config. */
static void write_setting(FILE *file, const cli_option *option, const train_options *o) {
    const void *field = (const char *)o + option->offset;
    switch (option->kind) {
    case CLI_TEXT:
        if (*(const char *const *)field) fprintf(file, "%s = %s\n", option->name, *(const char *const *)field);
        break;
    case CLI_FLAG:
        if (*(const int *)field) fprintf(file, "%s = true\n", option->name);
        break;
    case CLI_REAL:
        if (!isnan(*(const double *)field)) fprintf(file, "%s = %.17g\n", option->name, *(const double *)field);
        break;
    case CLI_BATCH:
        if (*(const int64_t *)field == EG_BATCH_ALL)
            fprintf(file, "%s = all\n", option->name);
        else if (*(const int64_t *)field)
            fprintf(file, "%s = %lld\n", option->name, (long long)*(const int64_t *)field);
        break;
    case CLI_INTEGER:
    case CLI_COUNT:
        if (*(const int64_t *)field) fprintf(file, "%s = %lld\n", option->name, (long long)*(const int64_t *)field);
        break;
    case CLI_MANY:
        break;
    }
}

static int is_setting(const cli_option *option) {
    static const char *const not_settings[] = { "out", "resume", "json", "quiet", "dry-run", "config", "set", NULL };
    for (int i = 0; not_settings[i]; i++)
        if (strcmp(option->name, not_settings[i]) == 0) return 0;
    return 1;
}

static int write_config(const train_options *o) {
    size_t size = strlen(o->out) + 8;
    char *path = malloc(size);
    if (!path) return cli_error(CLI_INTERNAL, "no memory");
    snprintf(path, size, "%s.config", o->out);
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "# settings of %s: elegans train --config %s\n", o->out, path);
        for (const cli_option *option = options; option->name; option++)
            if (is_setting(option)) write_setting(file, option, o);
    }
    int bad = !file || ferror(file);
    if (file && fclose(file) != 0) bad = 1;
    int code = bad ? cli_error(CLI_CANNOT_WRITE, "cannot write %s", path) : CLI_OK;
    free(path);
    return code;
}

/* ---- data
 * -------------------------------------------------------------------------------------------------------------------
 */

typedef struct sets {
    eg_data *whole, *train, *test; /* whole: what was read, when train and test are parts of it */
} sets;

static void free_sets(sets *s) {
    eg_data_free(s->train);
    eg_data_free(s->test);
    eg_data_free(s->whole);
}

static int data_error(const eg_data *data) {
    return cli_error(data ? cli_exit_code(eg_data_status(data)) : CLI_INTERNAL, "%s",
                     data ? eg_data_error(data) : eg_error());
}

static eg_data *open_data(const train_options *o, const char *source, const char *part, eg_task task) {
    return eg_data_open(source, part, .target = o->target, .task = task, .no_header = o->no_header,
                        .seed = (uint64_t)o->seed, .allow_download = 1);
}

static int is_table(const eg_data *data) { return eg_data_columns(data) > 0; }

/* The test set: given, the source's own, the last rows, or a share. */
static int split_test(const train_options *o, sets *s, eg_task task) {
    int64_t rows = eg_data_rows(s->whole);
    double share = isnan(o->test_share) ? is_table(s->whole) ? .2 : 0 : o->test_share;
    if (!(share >= 0 && share < 1))
        return cli_error(CLI_USAGE, "train: --test-share takes a share from 0 to below 1");
    if (o->test) {
        s->test = open_data(o, o->test, "test", task);
    } else if (o->test_last) {
        if (o->test_last >= rows)
            return cli_error(CLI_BAD_DATA, "--test-last %lld leaves no rows of %lld", (long long)o->test_last,
                             (long long)rows);
        s->train = eg_data_range(s->whole, 0, rows - o->test_last);
        s->test = eg_data_range(s->whole, rows - o->test_last, rows);
    } else if (eg_data_has_part(o->data, "test")) {
        s->test = open_data(o, o->data, "test", task);
    } else if (share > 0) {
        if (eg_data_split(s->whole, 1 - share, (uint64_t)o->seed, &s->train, &s->test) != EG_OK)
            return cli_fail(eg_error_status());
    }
    if (!s->train) s->train = eg_data_range(s->whole, 0, rows);
    if (!s->train || eg_data_status(s->train) != EG_OK) return data_error(s->train);
    if (s->test && eg_data_status(s->test) != EG_OK) return data_error(s->test);
    return -1;
}

static int open_sets(const train_options *o, sets *s) {
    int code = -1;
    eg_task task = (eg_task)look_up("task", o->task, tasks, EG_TASK_NONE, &code);
    if (code >= 0) return code;
    s->whole = open_data(o, o->data, eg_data_has_part(o->data, "train") ? "train" : NULL, task);
    if (!s->whole || eg_data_status(s->whole) != EG_OK) return data_error(s->whole);
    if (!eg_data_y(s->whole)) return cli_error(CLI_BAD_DATA, "%s: there is no target to learn", o->data);
    return split_test(o, s, task);
}

/* ---- what was not said ----------------------------------------------------------------------------------- */

/* A network that suits the data: one hidden layer of 64 for tables (128 for images), the output by the task. */
static char *choose_net(const eg_data *data) {
    static char text[96];
    int classes = eg_data_classes(data);
    int hidden = is_table(data) || eg_shape_size(eg_data_sample_shape(data)) < 64 ? 64 : 128;
    if (classes > 2)
        snprintf(text, sizeof text, "dense %d relu; dense %d softmax", hidden, classes);
    else if (classes)
        snprintf(text, sizeof text, "dense %d relu; dense 1 sigmoid", hidden);
    else
        snprintf(text, sizeof text, "dense %d relu; dense %d", hidden, eg_data_outputs(data));
    return text;
}

/* Fills in what was left open. The numbers were chosen on validation splits (docs/recipe.md). */
static void choose(train_options *o, const eg_data *data) {
    int own_recipe = !o->optimizer && isnan(o->lr) && !o->schedule;
    if (!o->net) o->net = choose_net(data);
    if (!o->optimizer) o->optimizer = "adam";
    if (own_recipe) {
        o->lr = 2e-3;
        o->schedule = "cosine";
    }
    int64_t rows = eg_data_rows(data);
    if (!o->batch) o->batch = rows >= 10000 ? 64 : rows >= 1000 ? 32 : 16;
    if (!o->epochs) o->epochs = rows >= 10000 ? 5 : rows >= 1000 ? 50 : 100;
}

static void tell_data(const train_options *o, const sets *s) {
    char shape[160];
    const eg_data *d = s->train;
    fprintf(stderr, "data: %s: %lld rows of %s", eg_data_source(d), (long long)eg_data_rows(d),
            eg_shape_text(eg_data_sample_shape(d), shape, sizeof shape));
    if (eg_data_classes(d)) fprintf(stderr, ", %d classes", eg_data_classes(d));
    if (s->test) fprintf(stderr, "; test: %lld rows", (long long)eg_data_rows(s->test));
    if (!isnan(o->validation)) fprintf(stderr, "; validation: the last %g %%", o->validation * 100);
    fputc('\n', stderr);
    if (is_table(d))
        fprintf(stderr, "task: %s of '%s'\n", eg_data_classes(d) ? "classification" : "regression",
                eg_data_target_name(d));
}

static void tell_recipe(const train_options *o) {
    fprintf(stderr, "net: %s\noptimizer: %s", o->net, o->optimizer);
    if (!isnan(o->lr)) fprintf(stderr, " lr %g", o->lr);
    if (o->schedule) fprintf(stderr, ", %s schedule", o->schedule);
    if (o->batch == EG_BATCH_ALL)
        fprintf(stderr, "; batch: all");
    else
        fprintf(stderr, "; batch: %lld", (long long)o->batch);
    fprintf(stderr, "; epochs: %lld; seed: %lld\n", (long long)o->epochs, (long long)o->seed);
}

/* ---- the model
 * ------------------------------------------------------------------------------------------------------------------
 */

static int read_metrics(const train_options *o, eg_metric *out) {
    if (!o->metrics) return -1;
    char *list = strdup(o->metrics), *rest = list;
    int code = list ? -1 : cli_error(CLI_INTERNAL, "no memory"), n = 0;
    for (char *name; code < 0 && (name = strsep(&rest, ",")) && n < EG_MAX_METRICS;)
        out[n++] = (eg_metric)look_up("metrics", name, metric_words, EG_METRIC_NONE, &code);
    free(list);
    return code;
}

static int make_recipe(const train_options *o, eg_recipe *r) {
    int code = -1;
    *r = (eg_recipe){ .size_ = sizeof *r,
                      .seed = (uint64_t)o->seed,
                      .threads = (int)o->threads,
                      .maximize = o->maximize,
                      .l1 = isnan(o->l1) ? 0 : o->l1,
                      .l2 = isnan(o->l2) ? 0 : o->l2,
                      .huber_delta = given(o->delta) };
    r->reduction = (eg_reduction_kind)look_up("reduction", o->reduction, reductions, EG_REDUCTION_MEAN, &code);
    r->dialect = (eg_dialect)look_up("dialect", o->dialect, dialects, EG_KERAS, &code);
    if (code < 0) code = read_metrics(o, r->metrics);
    if (code < 0 && o->loss && eg_loss_named(o->loss, &r->loss) != EG_OK) code = cli_fail(eg_error_status());
    if (code < 0 && o->scaling && eg_scaling_named(o->scaling, &r->scaling) != EG_OK)
        code = cli_fail(eg_error_status());
    if (code >= 0) return code;
    r->optimizer = eg_optimizer_new(o->optimizer, (eg_optimizer_opt){ .size_ = sizeof(eg_optimizer_opt),
                                                                      .lr = given(o->lr),
                                                                      .momentum = given(o->momentum),
                                                                      .rho = given(o->rho),
                                                                      .beta1 = given(o->beta1),
                                                                      .beta2 = given(o->beta2),
                                                                      .epsilon = given(o->epsilon),
                                                                      .weight_decay = given(o->weight_decay),
                                                                      .clip_value = given(o->clip_value),
                                                                      .clip_norm = given(o->clip_norm),
                                                                      .clip_global_norm = given(o->clip_global_norm),
                                                                      .nesterov = o->nesterov,
                                                                      .dialect = r->dialect });
    return r->optimizer ? -1 : cli_fail(eg_error_status());
}

/* A mistake in the words of the network is one of usage; one in its shapes is one of data. */
static int model_error(const eg_model *model) {
    eg_status status = eg_model_status(model);
    return cli_error(cli_exit_code(status), "%s", eg_model_error(model));
}

static int make_model(const train_options *o, const sets *s, eg_model **out) {
    eg_model *model = *out = eg_model_parse(eg_data_sample_shape(s->train), o->net);
    if (!model) return cli_fail(EG_E_MEMORY);
    if (eg_model_status(model) != EG_OK) return cli_error(CLI_USAGE, "--net: %s", eg_model_error(model));
    if (o->init) {
        eg_init init;
        if (eg_init_named(o->init, &init) != EG_OK) return cli_fail(eg_error_status());
        eg_model_set_init(model, init);
    }
    eg_recipe recipe;
    int code = make_recipe(o, &recipe);
    if (code >= 0) return code;
    if (eg_model_compile_(model, recipe) != EG_OK) return model_error(model);
    return -1;
}

/* ---- events
 * ------------------------------------------------------------------------------------------------------------------------
 */

static eg_status on_epoch(void *user, const eg_progress_info *info) {
    (void)user;
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "epoch");
    cli_json_integer(&json, "epoch", info->epoch);
    cli_json_scores(&json, &info->train);
    if (info->validation) {
        cli_json_open(&json, "validation");
        cli_json_scores(&json, info->validation);
        cli_json_close(&json);
    }
    cli_json_real(&json, "seconds", info->seconds);
    cli_json_close(&json);
    return EG_OK;
}

static int64_t peak_memory(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

static void put_scores(cli_json *json, const char *key, const eg_scores *scores) {
    if (!scores) {
        cli_json_text(json, key, NULL);
        return;
    }
    cli_json_open(json, key);
    cli_json_scores(json, scores);
    cli_json_close(json);
}

static void print_end(const eg_model *model, const eg_scores *test, const char *saved) {
    const eg_history *history = eg_model_history(model);
    int last = history->epochs - 1;
    char hash[65];
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "end");
    cli_json_integer(&json, "parameters", eg_model_parameters(model));
    put_scores(&json, "train", last >= 0 ? &history->train[last] : NULL);
    put_scores(&json, "validation", last >= 0 && history->validation ? &history->validation[last] : NULL);
    put_scores(&json, "test", test);
    cli_json_text(&json, "weights_sha256", eg_model_sha256(model, hash) == EG_OK ? hash : NULL);
    cli_json_integer(&json, "steps", history->steps);
    cli_json_real(&json, "seconds", history->seconds);
    cli_json_integer(&json, "peak_memory_bytes", peak_memory());
    cli_json_text(&json, "saved", saved);
    cli_json_close(&json);
}

/* ---- the run
 * --------------------------------------------------------------------------------------------------------------------------
 */

static int save(const train_options *o, eg_model *model, int finished) {
    if (!o->out) return -1;
    eg_status status = finished ? eg_model_save(model, o->out) : eg_model_save_run(model, o->out);
    if (status != EG_OK) return cli_fail(status);
    int code = write_config(o);
    return code == CLI_OK ? -1 : code;
}

static eg_status fit(const train_options *o, eg_model *model, const sets *s, int *code) {
    eg_callback events = { .epoch_end = on_epoch };
    eg_shuffle shuffle = (eg_shuffle)look_up("shuffle", o->shuffle, shuffles, EG_SHUFFLE_EACH_EPOCH, code);
    eg_schedule schedule = (eg_schedule)look_up("schedule", o->schedule, schedules, EG_SCHEDULE_CONSTANT, code);
    if (*code >= 0) return EG_OK;
    cli_catch_signals();
    return eg_model_fit(model, s->train, .epochs = (int)o->epochs, .batch = o->batch,
                        .validation_split = isnan(o->validation) ? 0 : o->validation, .shuffle = shuffle,
                        .schedule = schedule, .tolerance = isnan(o->tolerance) ? 0 : o->tolerance,
                        .max_steps = o->steps, .callbacks = &events, .n_callbacks = o->json,
                        .progress = o->quiet ? NULL : stderr, .stop = &cli_signal, .resume = o->resume);
}

/* After a signal: the run is saved so that --resume can go on, and the exit code says which signal it was. */
static int stopped(const train_options *o, eg_model *model) {
    char reason[256];
    snprintf(reason, sizeof reason, "%s", eg_error());
    int code = save(o, model, 0);
    if (code >= 0) return code;
    if (o->out)
        cli_error(0, "%s; the run is saved in %s, go on with --resume", reason, o->out);
    else
        cli_error(0, "%s; nothing was saved (no --out)", reason);
    return cli_exit_code(EG_E_STOPPED);
}

static int finish(const train_options *o, eg_model *model, const sets *s) {
    eg_scores test = s->test ? eg_model_evaluate(model, s->test) : (eg_scores){ 0 };
    if (eg_model_status(model) != EG_OK) return model_error(model);
    if (s->test && !o->json) cli_print_scores(stdout, "test", &test);
    int code = save(o, model, 1);
    if (code >= 0) return code;
    if (o->json) print_end(model, s->test ? &test : NULL, o->out);
    if (o->out && !o->quiet) fprintf(stderr, "saved: %s\n", o->out);
    return CLI_OK;
}

static int train(train_options *o, sets *s, eg_model **model) {
    int code = open_sets(o, s);
    if (code >= 0) return code;
    choose(o, s->train);
    if (!o->quiet) tell_data(o, s);
    if (!o->quiet) tell_recipe(o);
    if (o->resume) {
        if (!o->out) return cli_error(CLI_USAGE, "train: --resume needs the --out of the stopped run");
        if (!(*model = cli_load_model(o->out, &code))) return code;
    } else if ((code = make_model(o, s, model)) >= 0) {
        return code;
    }
    char *summary = o->quiet ? NULL : eg_model_summary(*model);
    if (summary) fputs(summary, stderr);
    eg_string_free(summary);
    if (o->dry_run) return CLI_OK;
    eg_status status = fit(o, *model, s, &code);
    if (code >= 0) return code;
    if (status == EG_E_STOPPED) return stopped(o, *model);
    return status == EG_OK ? finish(o, *model, s) : model_error(*model);
}

static int run(int argc, char **argv) {
    train_options o = { 0 };
    double *const reals[] = { &o.lr,         &o.momentum,         &o.rho,          &o.beta1,
                              &o.beta2,      &o.epsilon,          &o.weight_decay, &o.clip_value,
                              &o.clip_norm,  &o.clip_global_norm, &o.l1,           &o.l2,
                              &o.validation, &o.test_share,       &o.tolerance,    &o.delta };
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) *reals[i] = (double)NAN;
    int code = cli_parse(&cli_train, argc, argv, &o, NULL, 0);
    /* A configuration lies under the command line: read it, then parse the line again over it. */
    if (code < 0 && o.config) {
        const char *config = o.config;
        code = read_config(&o, config);
        o.set.n = 0;
        if (code < 0) code = cli_parse(&cli_train, argc, argv, &o, NULL, 0);
    }
    for (int i = 0; code < 0 && i < o.set.n; i++) code = assign_pair(&o, o.set.item[i]);
    if (code >= 0) return code;
    if (!o.data) return cli_error(CLI_USAGE, "train: --data is needed; see: elegans train --help");
    sets s = { 0 };
    eg_model *model = NULL;
    code = train(&o, &s, &model);
    eg_model_free(model);
    free_sets(&s);
    return code;
}

const cli_command cli_train = {
    .name = "train",
    .summary = "learn a network from data",
    .usage = "--data SOURCE [--net LAYERS] [options]",
    .options = options,
    .run = run,
    .notes = "Generated sets: xor, spiral, circles, moons, gauss, linear, sine, digits; keys n, classes, noise, "
             "seed, dims.\n"
             "Ctrl-C stops after the current batch, saves the run in --out and exits with 130.\n"
             "Exit codes: 0 ok, 2 usage, 65 bad data, 66 missing input, 70 diverged, 73 cannot write, 74 I/O, 77 "
             "permission.\n",
    .examples = "  elegans train --data mnist --net 'dense 512 relu; dense 10 softmax' --optimizer rmsprop --batch "
                "128 --epochs 5\n"
                "  elegans train --data iris.csv --target species --out iris.safetensors\n"
                "  elegans train --data 'gen:spiral?classes=3,n=100,noise=0.2' --net 'dense 100 relu; dense 3 "
                "softmax' --batch all\n",
};
