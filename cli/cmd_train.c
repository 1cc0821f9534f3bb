/* SPDX-License-Identifier: MIT
 *
 * cmd_train.c: `elegans train`: data + network + recipe -> a trained model file. What is not said is chosen from the
 * data and told on stderr. Everything that can be wrong is looked at before the first step: words, shapes, and
 * whether --out can be written. Settings come in layers: a settings file, over it the command line, over both --set.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "cli.h"

typedef struct train_options {
    const char *data, *target, *test, *net, *init, *optimizer, *loss, *metrics, *out, *config;
    double lr, momentum, rho, beta1, beta2, epsilon, weight_decay, clip_value, clip_norm, clip_global_norm, l1, l2,
        validation, test_share, tolerance, delta;
    int64_t task, scaling, reduction, dialect, shuffle, schedule; /* words */
    int64_t batch, epochs, seed, threads, test_last, steps;
    int nesterov, no_header, maximize, json, quiet, resume, checkpoint, dry_run;
    cli_list set;
} train_options;

/* ---- options ------------------------------------------------------------------------------------------- */

/* Words in the order of their enums (tasks from 1). */
static const char *const tasks[] = { "classification", "regression", NULL };
static const char *const scalings[] = { "auto", "none", "bytes", "standardise", "min_max", NULL };
static const char *const reductions[] = { "mean", "sum", NULL };
static const char *const dialects[] = { "keras", "torch", "keras2", NULL };
static const char *const shuffles[] = { "epoch", "off", "replacement", NULL };
static const char *const schedules[] = { "constant", "linear", "cosine", NULL };

#define FIELD(name) offsetof(train_options, name)

static const cli_option options[] = {
    { "data", 'd', CLI_TEXT, FIELD(data), "SOURCE",
      .help = "what to learn from: a CSV file, '-' (CSV on stdin), a folder of IDX files, 'mnist', or "
              "'gen:NAME?key=value,...'",
      .group = "Data" },
    { "target", 't', CLI_TEXT, FIELD(target), "COLUMN",
      .help = "CSV: the column to predict, by name or number (default: the last)" },
    { "task", 0, CLI_WORD, FIELD(task), "TASK", .help = "classification or regression (default: by the target)",
      .words = tasks },
    { "no-header", 0, CLI_FLAG, FIELD(no_header), NULL, .help = "CSV: the first line is data" },
    { "test", 0, CLI_TEXT, FIELD(test), "SOURCE", .help = "a test set of its own" },
    { "test-last", 0, CLI_POSITIVE, FIELD(test_last), "N", .help = "hold out the last N rows as the test set" },
    { "test-share", 0, CLI_REAL, FIELD(test_share), "SHARE",
      .help = "hold out a random share as the test set (CSV default: 0.2)" },
    { "validation", 'v', CLI_REAL, FIELD(validation), "SHARE",
      .help = "hold out a random share of the training rows, and score it after each epoch" },
    { "scaling", 0, CLI_WORD, FIELD(scaling), "KIND",
      .help = "auto, none, bytes (1/255), standardise or min_max; fitted to the training rows, stored in the model",
      .words = scalings },

    { "net", 'n', CLI_TEXT, FIELD(net), "LAYERS",
      .help = "the network, e.g. 'dense 512 relu; dropout .2; dense 10 softmax'", .group = "Network" },
    { "init", 0, CLI_TEXT, FIELD(init), "NAME",
      .help = "initialiser of all kernels: glorot_uniform, he_normal, normal(.01), ..." },
    { "loss", 0, CLI_TEXT, FIELD(loss), "NAME",
      .help = "the loss, e.g. mse, mae, huber, bce, nll, hinge (default: by task and last layer)" },
    { "reduction", 0, CLI_WORD, FIELD(reduction), "KIND", .help = "mean or sum over a batch", .words = reductions },
    { "delta", 0, CLI_REAL, FIELD(delta), "X", .help = "huber's delta" },
    { "metrics", 0, CLI_TEXT, FIELD(metrics), "LIST", .help = "some of accuracy,top_k,mse,mae,r2" },
    { "l1", 0, CLI_REAL, FIELD(l1), "X", .help = "penalty X sum |w| on kernels" },
    { "l2", 0, CLI_REAL, FIELD(l2), "X", .help = "penalty X/2 sum w^2 on kernels" },

    { "optimizer", 'o', CLI_TEXT, FIELD(optimizer), "NAME",
      .help = "sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamw, nadam or adamax",
      .group = "Optimizer" },
    { "lr", 0, CLI_REAL, FIELD(lr), "X", .help = "learning rate (default: the optimizer's own)" },
    { "schedule", 0, CLI_WORD, FIELD(schedule), "NAME",
      .help = "the learning rate over the run: constant, linear or cosine (both down to 0)", .words = schedules },
    { "momentum", 0, CLI_REAL, FIELD(momentum), "X", .help = "momentum of sgd, momentum, nesterov, rmsprop" },
    { "nesterov", 0, CLI_FLAG, FIELD(nesterov), NULL, .help = "Nesterov's form of momentum" },
    { "rho", 0, CLI_REAL, FIELD(rho), "X", .help = "decay of rmsprop, adadelta" },
    { "beta1", 0, CLI_REAL, FIELD(beta1), "X", .help = "decay of adam's mean" },
    { "beta2", 0, CLI_REAL, FIELD(beta2), "X", .help = "decay of adam's square" },
    { "epsilon", 0, CLI_REAL, FIELD(epsilon), "X", .help = "the small number beside the root" },
    { "weight-decay", 0, CLI_REAL, FIELD(weight_decay), "X", .help = "weight decay, by the dialect's formula" },
    { "clip-value", 0, CLI_REAL, FIELD(clip_value), "X", .help = "clip each gradient element" },
    { "clip-norm", 0, CLI_REAL, FIELD(clip_norm), "X", .help = "clip each gradient's norm" },
    { "clip-global-norm", 0, CLI_REAL, FIELD(clip_global_norm), "X",
      .help = "clip the norm of all gradients together" },
    { "dialect", 0, CLI_WORD, FIELD(dialect), "NAME", .help = "formulas and defaults of keras, keras2 or torch",
      .words = dialects },

    { "batch", 'b', CLI_BATCH, FIELD(batch), "N", .help = "samples per step, or 'all'", .group = "Training" },
    { "epochs", 'e', CLI_POSITIVE, FIELD(epochs), "N", .help = "passes over the training rows", .role = CLI_LOOSE },
    { "steps", 0, CLI_POSITIVE, FIELD(steps), "N", .help = "stop after N steps", .role = CLI_LOOSE },
    { "tolerance", 0, CLI_REAL, FIELD(tolerance), "X", .help = "stop when the loss of an epoch changes by less",
      .role = CLI_LOOSE },
    { "shuffle", 0, CLI_WORD, FIELD(shuffle), "HOW",
      .help = "order of the rows: new in each epoch (epoch), off, or drawn with replacement (replacement)",
      .words = shuffles },
    { "maximize", 0, CLI_FLAG, FIELD(maximize), NULL, .help = "climb instead of descend" },
    { "seed", 's', CLI_SEED, FIELD(seed), "N", .help = "the same seed gives the same bits (default 0)" },
    { "threads", 0, CLI_COUNT, FIELD(threads), "N",
      .help = "threads, 0 for all processors (default); results do not depend on it", .role = CLI_LOOSE },

    { "out", 0, CLI_TEXT, FIELD(out), "FILE",
      .help = "save the model here (safetensors), and the settings in FILE.config", .role = CLI_ONCE,
      .group = "Output" },
    { "checkpoint", 0, CLI_FLAG, FIELD(checkpoint), NULL, .help = "save the run in --out after each epoch, too",
      .role = CLI_ONCE },
    { "resume", 0, CLI_FLAG, FIELD(resume), NULL, .help = "go on with the stopped run in --out, with its settings",
      .role = CLI_ONCE },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object a line on stdout", .role = CLI_ONCE },
    { "quiet", 'q', CLI_FLAG, FIELD(quiet), NULL, .help = "no summary and no progress", .role = CLI_ONCE },
    { "dry-run", 0, CLI_FLAG, FIELD(dry_run), NULL, .help = "look at everything, print the settings, train nothing",
      .role = CLI_ONCE },
    { "config", 0, CLI_TEXT, FIELD(config), "FILE", .help = "read settings from FILE (lines 'key = value')",
      .role = CLI_ONCE },
    { "set", 0, CLI_MANY, FIELD(set), "KEY=VALUE",
      .help = "one setting by name, over all others, e.g. --set optimizer.lr=0.01", .role = CLI_ONCE },
    { 0 }
};

/* An option's number for a struct in which 0 means "the default". */
static double given(double value) { return isnan(value) ? 0 : value == 0 ? EG_ZERO : value; }
static double or_zero(double value) { return isnan(value) ? 0 : value; }

/* ---- layers of settings -------------------------------------------------------------------------------- */

static int assign_pair(train_options *o, const char *pair) {
    const char *equals = strchr(pair, '=');
    if (!equals) return cli_error(CLI_USAGE, "train: --set takes KEY=VALUE, not '%s'", pair);
    char *key = strndup(pair, (size_t)(equals - pair));
    if (!key) return cli_no_memory();
    int code = cli_assign(&cli_train, "train: --set: ", o, key, equals + 1);
    free(key);
    return code;
}

static char *settings_path(const char *out) {
    size_t size = strlen(out) + sizeof ".config";
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s.config", out);
    return path;
}

static int is_file(const char *path) {
    FILE *file = fopen(path, "r");
    if (file) fclose(file);
    return file != NULL;
}

/* The file that lies under the command line: --config, else for --resume what the run left beside its model. */
static int read_layer(const train_options *line, train_options *o, char **text) {
    if (line->config) return cli_read_settings(&cli_train, line->config, o, text);
    if (!line->resume || !line->out) return CLI_GO_ON;
    char *path = settings_path(line->out);
    if (!path) return cli_no_memory();
    int code = is_file(path) ? cli_read_settings(&cli_train, path, o, text) : CLI_GO_ON;
    free(path);
    return code;
}

/* A run that goes on keeps what decides its result. */
static int check_same(const train_options *file, const train_options *o) {
    const cli_option *changed = cli_changed_setting(&cli_train, file, o);
    if (!changed) return CLI_GO_ON;
    return cli_error(CLI_USAGE, "train: --%s cannot change in a run that goes on", changed->name);
}

static int read_options(int argc, char **argv, train_options *o, char **text) {
    train_options line;
    cli_defaults(&cli_train, &line);
    cli_defaults(&cli_train, o);
    int code = cli_parse(&cli_train, argc, argv, &line, NULL, 0);
    if (code < 0) code = read_layer(&line, o, text);
    train_options file = *o;
    if (code < 0) code = cli_parse(&cli_train, argc, argv, o, NULL, 0);
    for (int i = 0; code < 0 && i < o->set.n; i++) code = assign_pair(o, o->set.item[i]);
    if (code < 0 && o->resume && *text) code = check_same(&file, o);
    return code;
}

/* ---- data ---------------------------------------------------------------------------------------------- */

typedef struct sets {
    eg_data *whole, *rest, *train, *validation, *test; /* whole: all that was read; rest: without the test rows */
    int chose_test;                                    /* nobody said which rows test */
} sets;

static void free_sets(sets *s) {
    eg_data *all[] = { s->train, s->validation, s->rest, s->test, s->whole };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) eg_data_free(all[i]);
}

static int is_table(const eg_data *data) { return eg_data_columns(data) > 0; }

/* A test set, with the columns and classes of the training set. */
static eg_data *open_test(const train_options *o, const eg_data *train, const char *source) {
    int n_columns = eg_data_columns(train), n_classes = eg_data_classes(train);
    const char **names = calloc((size_t)(n_columns + n_classes) + 1, sizeof *names), **classes = names + n_columns;
    if (!names) return NULL;
    for (int i = 0; i < n_columns; i++) names[i] = eg_data_column_name(train, i);
    for (int i = 0; i < n_classes; i++) classes[i] = eg_data_class_name(train, i);
    eg_data *data = eg_data_open(source, eg_data_has_part(source, "test") ? "test" : NULL, .target = o->target,
                                 .task = eg_data_task(train), .no_header = o->no_header, .seed = (uint64_t)o->seed,
                                 .columns = n_columns ? names : NULL, .n_columns = n_columns,
                                 .classes = n_classes ? classes : NULL, .n_classes = n_classes, .allow_download = 1);
    free(names);
    return data;
}

static int split_last(const train_options *o, sets *s) {
    int64_t rows = eg_data_rows(s->whole), train = rows - o->test_last;
    if (train < 1)
        return cli_error(CLI_BAD_DATA, "--test-last %lld leaves no rows of %lld", (long long)o->test_last,
                         (long long)rows);
    s->rest = eg_data_range(s->whole, 0, train);
    s->test = eg_data_range(s->whole, train, rows);
    return CLI_GO_ON;
}

/* The test set: given, the last rows, the source's own, or a share; *rest is what is left. */
static int split_test(const train_options *o, sets *s) {
    int code = CLI_GO_ON;
    if (o->test)
        s->test = open_test(o, s->whole, o->test);
    else if (o->test_last != CLI_ABSENT)
        code = split_last(o, s);
    else if (o->test_share > 0)
        code = eg_data_split(s->whole, 1 - o->test_share, (uint64_t)o->seed, &s->rest, &s->test) == EG_OK
                   ? CLI_GO_ON
                   : cli_fail(eg_error_status());
    else if (eg_data_has_part(o->data, "test"))
        s->test = open_test(o, s->whole, o->data);
    if (code >= 0) return code;
    if (!s->rest) s->rest = eg_data_range(s->whole, 0, eg_data_rows(s->whole));
    if (!s->rest || eg_data_status(s->rest) != EG_OK) return cli_data_error(s->rest);
    if (s->test && eg_data_status(s->test) != EG_OK) return cli_data_error(s->test);
    return CLI_GO_ON;
}

static int split_validation(const train_options *o, sets *s) {
    if (!(o->validation > 0))
        s->train = eg_data_range(s->rest, 0, eg_data_rows(s->rest));
    else if (eg_data_split(s->rest, 1 - o->validation, (uint64_t)o->seed, &s->train, &s->validation) != EG_OK)
        return cli_fail(eg_error_status());
    return s->train ? CLI_GO_ON : cli_no_memory();
}

static int check_share(const char *name, double share) {
    if (isnan(share) || (share >= 0 && share < 1)) return CLI_GO_ON;
    return cli_error(CLI_USAGE, "train: --%s takes a share from 0 to below 1, not %g", name, share);
}

static int open_sets(train_options *o, sets *s) {
    int code = check_share("validation", o->validation);
    if (code < 0) code = check_share("test-share", o->test_share);
    if (code >= 0) return code;
    s->whole = eg_data_open(o->data, NULL, .target = o->target, .task = (eg_task)(cli_or(o->task, -1) + 1),
                            .no_header = o->no_header, .seed = (uint64_t)o->seed, .allow_download = 1);
    if (!s->whole || eg_data_status(s->whole) != EG_OK) return cli_data_error(s->whole);
    if (!eg_data_y(s->whole)) return cli_error(CLI_BAD_DATA, "%s: there are no targets to learn", o->data);
    s->chose_test = isnan(o->test_share) && !o->test && o->test_last == CLI_ABSENT && is_table(s->whole);
    if (s->chose_test) o->test_share = .2;
    if ((code = split_test(o, s)) >= 0) return code;
    return split_validation(o, s);
}

/* ---- what was not said --------------------------------------------------------------------------------- */

enum { NET_TEXT = 192 };

typedef struct recipe {
    const char *optimizer;
    double lr, weight_decay; /* decay NAN: none */
    eg_schedule schedule;
    int64_t batch, epochs;
} recipe;

/* What suits the data if nothing is said. The numbers were chosen on validation rows: docs/recipe.md. */
static const recipe *choose_recipe(const eg_data *data) {
    static const recipe many = { "adamw", .004, .1, EG_SCHEDULE_LINEAR, 64, 5 };
    static const recipe some = { "adamw", .003, .5, EG_SCHEDULE_LINEAR, 32, 60 };
    static const recipe table = { "adamw", .003, 1, EG_SCHEDULE_LINEAR, 16, 100 };
    static const recipe points = { "adam", .01, (double)NAN, EG_SCHEDULE_LINEAR, 16, 200 };
    int64_t rows = eg_data_rows(data);
    if (rows >= 10000) return &many;
    if (rows >= 1000) return &some;
    return is_table(data) || eg_data_sample_shape(data).rank > 1 ? &table : &points;
}

/* Mean and standard deviation of the targets; a deviation of 0 becomes 1. */
static void target_scale(const eg_data *data, double *mean, double *deviation) {
    const eg_tensor *y = eg_data_y(data);
    const float *values = eg_tensor_data(y);
    int64_t n = eg_tensor_size(y);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)values[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += ((double)values[i] - *mean) * ((double)values[i] - *mean);
    *deviation = squares > 0 ? sqrt(squares / (double)n) : 1;
}

/* A network that suits the data: one hidden layer, the output by the task. A column of numbers may be of any size: a
 * last layer that is not trained scales a standardised answer to it. */
static void choose_net(const eg_data *data, char text[NET_TEXT]) {
    int classes = eg_data_classes(data), hidden = eg_shape_size(eg_data_sample_shape(data)) < 256 ? 64 : 512;
    double mean, deviation;
    if (classes > 2) {
        snprintf(text, NET_TEXT, "dense %d relu; dense %d softmax", hidden, classes);
    } else if (classes) {
        snprintf(text, NET_TEXT, "dense %d relu; dense 1 sigmoid", hidden);
    } else if (!is_table(data)) {
        snprintf(text, NET_TEXT, "dense %d relu; dense %d", hidden, eg_data_outputs(data));
    } else {
        target_scale(data, &mean, &deviation);
        snprintf(text, NET_TEXT,
                 "dense %d relu; dense 1; dense 1 init=constant(%.6g) bias_init=constant(%.6g) frozen name=scale",
                 hidden, deviation, mean);
    }
}

/* Fills in what was left open, and names it in `chosen`. */
static void choose(train_options *o, const sets *s, char net[NET_TEXT], char *chosen, size_t size) {
    const recipe *r = choose_recipe(s->train);
    snprintf(chosen, size, "%s%s%s%s%s%s", s->chose_test ? ", test rows" : "",
             o->task == CLI_ABSENT && is_table(s->train) ? ", task" : "", o->net ? "" : ", net",
             o->optimizer ? "" : ", optimizer", o->batch == CLI_ABSENT ? ", batch" : "",
             o->epochs == CLI_ABSENT ? ", epochs" : "");
    choose_net(s->train, net);
    if (!o->net) o->net = net;
    if (o->batch == CLI_ABSENT) o->batch = r->batch;
    if (o->epochs == CLI_ABSENT) o->epochs = r->epochs;
    if (o->optimizer) return;
    o->optimizer = r->optimizer;
    if (!isnan(o->lr) || !isnan(o->weight_decay) || o->schedule != CLI_ABSENT) return;
    o->lr = r->lr;
    o->weight_decay = r->weight_decay;
    o->schedule = r->schedule;
}

/* ---- telling ------------------------------------------------------------------------------------------- */

static void tell_data(const sets *s, const eg_model *model) {
    const eg_data *d = s->train;
    const char *source = eg_data_source(s->whole);
    char shape[160], samples[200] = "", classes[40] = "", validation[40] = "", test[40] = "";
    eg_shape_text(eg_data_sample_shape(d), shape, sizeof shape);
    if (!strstr(source, shape)) snprintf(samples, sizeof samples, " samples %s,", shape);
    if (eg_data_classes(d)) snprintf(classes, sizeof classes, " %d classes,", eg_data_classes(d));
    if (s->validation)
        snprintf(validation, sizeof validation, ", %lld to validate", (long long)eg_data_rows(s->validation));
    if (s->test) snprintf(test, sizeof test, ", %lld to test", (long long)eg_data_rows(s->test));
    cli_tell("data", "%s:%s%s %lld rows to train on%s%s", source, samples, classes, (long long)eg_data_rows(d),
             validation, test);
    if (is_table(d)) cli_tell("task", "%s of '%s'", tasks[eg_data_task(d) - 1], eg_data_target_name(d));
    cli_tell("scaling", "%s", eg_scaling_name(eg_model_scaling(model)));
}

static void tell_recipe(const train_options *o, const char *chosen) {
    char lr[40] = "", decay[40] = "", schedule[40] = "", batch[24] = "all";
    if (!isnan(o->lr)) snprintf(lr, sizeof lr, ", lr %g", o->lr);
    if (!isnan(o->weight_decay)) snprintf(decay, sizeof decay, ", weight decay %g", o->weight_decay);
    if (o->schedule != CLI_ABSENT) snprintf(schedule, sizeof schedule, ", %s schedule", schedules[o->schedule]);
    if (o->batch != EG_BATCH_ALL) snprintf(batch, sizeof batch, "%lld", (long long)o->batch);
    cli_tell("net", "%s", o->net);
    cli_tell("optimizer", "%s%s%s%s", o->optimizer, lr, decay, schedule);
    cli_tell("training", "batch %s, %lld epoch%s, seed %lld", batch, (long long)o->epochs, o->epochs == 1 ? "" : "s",
             (long long)o->seed);
    if (*chosen) cli_tell("chosen", "%s", chosen + 2);
}

static void tell(const train_options *o, const sets *s, const eg_model *model, const char *chosen) {
    if (o->quiet) return;
    tell_data(s, model);
    tell_recipe(o, chosen);
    char *summary = eg_model_summary(model);
    if (summary) fprintf(stderr, "\n%s\n", summary);
    eg_string_free(summary);
}

/* ---- the model ----------------------------------------------------------------------------------------- */

static int read_metrics(const train_options *o, int classes, eg_metric *out) {
    static const char *const names[] = { "accuracy", "top_k", "mse", "mae", "r2", NULL };
    enum { NAMES = sizeof names / sizeof *names - 1 };
    char *list = strdup(o->metrics ? o->metrics : ""), *rest = list;
    int code = list ? CLI_GO_ON : cli_no_memory(), n = 0;
    for (char *name; code < 0 && o->metrics && (name = strsep(&rest, ","));) {
        int found = 0;
        while (found < NAMES && strcmp(names[found], name) != 0) found++;
        const char *meant = eg_did_you_mean(name, names, NAMES);
        if (found == NAMES && meant)
            code = cli_error(CLI_USAGE, "train: --metrics: unknown metric '%s'; did you mean '%s'?", name, meant);
        else if (found == NAMES)
            code = cli_error(CLI_USAGE, "train: --metrics takes some of accuracy,top_k,mse,mae,r2, not '%s'", name);
        else if (!classes && found <= EG_METRIC_TOP_K - EG_METRIC_ACCURACY)
            code = cli_error(CLI_USAGE, "train: --metrics: %s needs classes, the targets are numbers", name);
        else if (n == EG_MAX_METRICS)
            code = cli_error(CLI_USAGE, "train: --metrics takes at most %d", EG_MAX_METRICS);
        else
            out[n++] = (eg_metric)(EG_METRIC_ACCURACY + found);
    }
    free(list);
    return code;
}

static eg_optimizer *make_optimizer(const train_options *o, eg_dialect dialect) {
    return eg_optimizer_new(o->optimizer, (eg_optimizer_opt){ .size_ = sizeof(eg_optimizer_opt),
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
                                                              .dialect = dialect });
}

static int make_recipe(const train_options *o, int classes, eg_recipe *r) {
    *r = (eg_recipe){ .size_ = sizeof *r,
                      .seed = (uint64_t)o->seed,
                      .maximize = o->maximize,
                      .l1 = or_zero(o->l1),
                      .l2 = or_zero(o->l2),
                      .huber_delta = given(o->delta),
                      .scaling = (eg_scaling)cli_or(o->scaling, EG_SCALING_AUTO),
                      .reduction = (eg_reduction_kind)cli_or(o->reduction, EG_REDUCTION_MEAN),
                      .dialect = (eg_dialect)cli_or(o->dialect, EG_KERAS) };
    int code = read_metrics(o, classes, r->metrics);
    if (code < 0 && o->loss && eg_loss_named(o->loss, &r->loss) != EG_OK) code = cli_fail(eg_error_status());
    if (code >= 0) return code;
    r->optimizer = make_optimizer(o, r->dialect);
    return r->optimizer ? CLI_GO_ON : cli_fail(eg_error_status());
}

/* A mistake in the words of the network is one of usage; one in its shapes is one of data. */
static int net_error(const eg_model *model) {
    eg_status status = eg_model_status(model);
    return cli_error(status == EG_E_DATA ? CLI_USAGE : cli_exit_code(status), "--net: %s", eg_model_error(model));
}

static int make_model(const train_options *o, const sets *s, eg_model **out) {
    eg_model *model = *out = eg_model_parse(eg_data_sample_shape(s->train), o->net);
    if (!model) return cli_no_memory();
    if (eg_model_status(model) != EG_OK) return net_error(model);
    eg_init init;
    if (o->init && eg_init_named(o->init, &init) != EG_OK) return cli_fail(eg_error_status());
    if (o->init) eg_model_set_init(model, init);
    eg_recipe recipe;
    int code = make_recipe(o, eg_data_classes(s->train), &recipe);
    if (code >= 0) return code;
    return eg_model_compile_(model, recipe) == EG_OK ? CLI_GO_ON : cli_model_error(model);
}

static int get_model(const train_options *o, const sets *s, eg_model **out) {
    int code = CLI_GO_ON;
    if (!o->resume) return make_model(o, s, out);
    *out = cli_load_model(o->out, &code);
    return code;
}

/* ---- events -------------------------------------------------------------------------------------------- */

static eg_status on_epoch(void *user, const eg_progress_info *info) {
    (void)user;
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "epoch");
    cli_json_integer(&json, "epoch", info->epoch);
    cli_json_score_fields(&json, &info->train);
    cli_json_scores(&json, "validation", info->validation);
    cli_json_real(&json, "seconds", info->seconds);
    cli_json_close(&json);
    return EG_OK;
}

static int64_t peak_memory(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

/* The last line: "end", or "stopped" for a run that can go on. */
static void print_end(const char *event, const eg_model *model, const eg_scores *test, const char *saved) {
    const eg_history *history = eg_model_history(model);
    int last = history->epochs - 1;
    char hash[65];
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", event);
    cli_json_integer(&json, "parameters", eg_model_parameters(model));
    cli_json_scores(&json, "train", last >= 0 ? &history->train[last] : NULL);
    cli_json_scores(&json, "validation", last >= 0 && history->validation ? &history->validation[last] : NULL);
    cli_json_scores(&json, "test", test);
    cli_json_text(&json, "weights_sha256", eg_model_sha256(model, hash) == EG_OK ? hash : NULL);
    cli_json_integer(&json, "steps", history->steps);
    cli_json_real(&json, "seconds", history->seconds);
    cli_json_integer(&json, "peak_memory_bytes", peak_memory());
    cli_json_text(&json, "saved", saved);
    cli_json_close(&json);
}

/* ---- the run ------------------------------------------------------------------------------------------- */

/* The model, then the settings beside it (not beside a device). */
static int save(const train_options *o, eg_model *model, int finished) {
    if (!o->out) return CLI_GO_ON;
    eg_status status = finished ? eg_model_save(model, o->out) : eg_model_save_run(model, o->out);
    if (status != EG_OK) return cli_fail(status);
    if (cli_is_device(o->out)) return CLI_GO_ON;
    char *path = settings_path(o->out), comment[600];
    if (!path) return cli_no_memory();
    snprintf(comment, sizeof comment, "settings of %.250s; the same once more: elegans train --config %.250s", o->out,
             path);
    int code = cli_write_settings(&cli_train, o, path, comment);
    free(path);
    return code;
}

/* What fit does not do itself: it has looked at everything when it begins, and before that nothing is told. */
typedef struct teller {
    const train_options *o;
    const sets *s;
    const char *chosen;
} teller;

static eg_status on_begin(void *user, const eg_progress_info *info) {
    const teller *t = user;
    tell(t->o, t->s, info->model, t->chosen);
    return t->o->dry_run ? EG_E_STOPPED : EG_OK;
}

static eg_status fit(const train_options *o, eg_model *model, const sets *s, const char *chosen) {
    teller t = { o, s, chosen };
    eg_callback events[] = { { .user = &t, .train_begin = on_begin }, { .epoch_end = on_epoch } };
    return eg_model_fit(model, s->train, .validation = s->validation, .epochs = (int)o->epochs, .batch = o->batch,
                        .shuffle = (eg_shuffle)cli_or(o->shuffle, EG_SHUFFLE_EACH_EPOCH),
                        .schedule = (eg_schedule)cli_or(o->schedule, EG_SCHEDULE_CONSTANT),
                        .tolerance = or_zero(o->tolerance), .max_steps = cli_or(o->steps, 0), .callbacks = events,
                        .n_callbacks = o->json ? 2 : 1, .progress = o->quiet ? NULL : stderr, .stop = &cli_signal,
                        .checkpoint = o->checkpoint && !o->dry_run ? o->out : NULL, .resume = o->resume);
}

/* After a signal: the run is saved so that --resume can go on, and the exit code says which signal it was. */
static int stopped(const train_options *o, eg_model *model) {
    char reason[256];
    snprintf(reason, sizeof reason, "%s", eg_error());
    int code = save(o, model, 0);
    if (code >= 0) return code;
    if (o->json) print_end("stopped", model, NULL, o->out);
    code = cli_exit_code(EG_E_STOPPED);
    if (!o->out) return cli_error(code, "%s; nothing was saved (there is no --out)", reason);
    return cli_error(code, "%s; the run is saved, go on with: elegans train --resume --out %s", reason, o->out);
}

static void tell_saved(const train_options *o) {
    if (o->quiet) return;
    if (!o->out)
        cli_tell("saved", "nothing (there is no --out)");
    else if (cli_is_device(o->out))
        cli_tell("saved", "%s", o->out);
    else
        cli_tell("saved", "%s, settings in %s.config", o->out, o->out);
}

/* Saved before it is tested: a signal in between costs nothing. */
static int finish(const train_options *o, eg_model *model, const sets *s) {
    int code = save(o, model, 1);
    if (code >= 0) return code;
    eg_scores test = s->test ? eg_model_evaluate(model, s->test) : (eg_scores){ 0 };
    if (eg_model_status(model) != EG_OK) return cli_model_error(model);
    if (o->json)
        print_end("end", model, s->test ? &test : NULL, o->out);
    else if (s->test)
        cli_print_scores(stdout, "test", &test);
    fflush(stdout);
    tell_saved(o);
    return CLI_OK;
}

/* Said now, not after hours of training. */
static int check_out(const train_options *o) {
    int code = cli_check_writable(o->out);
    if (code >= 0 || cli_is_device(o->out)) return code;
    char *path = settings_path(o->out);
    code = path ? cli_check_writable(path) : cli_no_memory();
    free(path);
    return code;
}

static int check_options(const train_options *o) {
    if (!o->data) return cli_error(CLI_USAGE, "train: --data is needed; see: elegans train --help");
    if (o->resume && !o->out) return cli_error(CLI_USAGE, "train: --resume needs the --out of the stopped run");
    if (o->checkpoint && !o->out) return cli_error(CLI_USAGE, "train: --checkpoint needs --out");
    return o->out ? check_out(o) : CLI_GO_ON;
}

static int train(train_options *o, sets *s, eg_model **model) {
    char net[NET_TEXT], chosen[96];
    o->seed = cli_or(o->seed, 0);
    int code = open_sets(o, s);
    if (code >= 0) return code;
    choose(o, s, net, chosen, sizeof chosen);
    if ((code = get_model(o, s, model)) >= 0) return code;
    if (o->out && (code = cli_check_space(o->out, eg_model_parameters(*model) * (int64_t)sizeof(float))) >= 0)
        return code;
    eg_status status = fit(o, *model, s, chosen);
    if (status == EG_E_STOPPED && o->dry_run && !cli_signal) {
        cli_put_settings(&cli_train, o, stdout);
        return CLI_OK;
    }
    if (status == EG_E_STOPPED) return stopped(o, *model);
    return status == EG_OK ? finish(o, *model, s) : cli_model_error(*model);
}

static int run(int argc, char **argv) {
    train_options o;
    char *text = NULL;
    sets s = { 0 };
    eg_model *model = NULL;
    int code = read_options(argc, argv, &o, &text);
    if (code < 0) code = check_options(&o);
    if (code < 0) {
        eg_set_threads((int)cli_or(o.threads, 0));
        cli_catch_signals();
        cli_allow_downloads();
        code = train(&o, &s, &model);
    }
    eg_model_free(model);
    free_sets(&s);
    free(text);
    return code;
}

static const char *const notes[] = {
    "A network is one line, its layers apart by ';': dense UNITS [ACTIVATION] [no_bias] [init=..] [l2=..] [name=..], "
    "dropout RATE, flatten, reshape 4,7, or an activation by itself: relu tanh sigmoid softmax leaky_relu elu gelu "
    "softplus step linear.",
    "Generated sets, gen:NAME?key=value,...: xor spiral circles moons gauss linear sine digits; keys n, classes, "
    "noise, seed, dims.",
    "Ctrl-C (or SIGTERM) stops after the current batch and saves the run in --out; --resume goes on and ends in the "
    "same bits as "
    "a run that was never stopped.",
    "Exit codes: 0 ok, 1 internal, 2 usage, 65 bad data or model, 66 missing input, 70 diverged, 73 cannot write, 74 "
    "I/O error, "
    "77 permission, 130 or 143 stopped by a signal.",
    NULL
};

const cli_command cli_train = {
    .name = "train",
    .summary = "learn a network from data",
    .usage = "--data SOURCE [--net LAYERS] [options]",
    .options = options,
    .run = run,
    .notes = notes,
    .examples = "  elegans train --data mnist --out mnist.safetensors\n"
                "  elegans train --data mnist --net 'dense 512 relu; dense 10 softmax' \\\n"
                "      --optimizer rmsprop --batch 128 --epochs 5 --seed 1\n"
                "  elegans train --data iris.csv --target species --out iris.safetensors\n"
                "  elegans train --data 'gen:spiral?classes=3,n=100,noise=0.2' \\\n"
                "      --net 'dense 100 relu; dense 3 softmax' --batch all --epochs 500\n"
                "  elegans train --resume --out mnist.safetensors\n",
};
