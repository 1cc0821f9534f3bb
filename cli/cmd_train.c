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
#include "plot_training.h"
#include "spark.h"
#include "training.h"

static const cli_option options[] = {
#include "training_options.h"
#define FIELD(name) offsetof(train_options, name)
    { "out", 0, CLI_TEXT, FIELD(out), "FILE",
      .help = "save the model here (safetensors), and the settings in FILE.config", .role = CLI_ONCE,
      .group = "Output" },
    { "checkpoint", 0, CLI_FLAG, FIELD(checkpoint), NULL, .help = "save the run in --out after each epoch, too",
      .role = CLI_ONCE },
    { "resume", 0, CLI_FLAG, FIELD(resume), NULL, .help = "go on with the stopped run in --out, with its settings",
      .role = CLI_ONCE },
    { "plot", 0, CLI_TEXT, FIELD(plot), "FOLDER",
      .help = "write pictures there (SVG): curves, and by kind of data boundary, filters, histograms",
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

/* ---- layers of settings -------------------------------------------------------------------------------- */

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
    for (int i = 0; code < 0 && i < o->set.n; i++) code = training_set(o, o->set.item[i]);
    if (code < 0 && o->resume && *text) code = check_same(&file, o);
    return code;
}

/* ---- telling ------------------------------------------------------------------------------------------- */

static void tell_class_weights(const train_options *o, const eg_data *data) {
    double *weights;
    char text[400] = "";
    size_t used = 0;
    if (training_class_weights(o->class_weights, data, &weights) >= 0) return;
    for (int c = 0; c < eg_data_classes(data) && used < sizeof text - 40; c++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.20s %.4g", c ? ", " : "",
                                 eg_data_class_name(data, c), weights[c]);
    cli_tell("weights", "%s", text);
    free(weights);
}

static void tell_data(const train_options *o, const sets *s, const eg_model *model) {
    const eg_data *d = s->train;
    const char *source = eg_data_source(s->whole);
    char shape[160], samples[200] = "", classes[40] = "", validation[40] = "", test[40] = "";
    eg_shape_text(eg_data_sample_shape(d), shape, sizeof shape);
    if (!strstr(source, shape)) snprintf(samples, sizeof samples, " samples %s,", shape);
    if (eg_data_classes(d)) snprintf(classes, sizeof classes, " %d classes,", eg_data_classes(d));
    if (s->validation)
        snprintf(validation, sizeof validation, ", %lld to validate", (long long)eg_data_rows(s->validation));
    if (s->test) snprintf(test, sizeof test, ", %lld to test", (long long)eg_data_rows(s->test));
    if (training_is_text(d)) *classes = 0;
    cli_tell("data", "%s:%s%s %lld rows to train on%s%s", source, samples, classes, (long long)eg_data_rows(d),
             validation, test);
    if (training_is_table(d))
        cli_tell("task", "%s of '%s'", training_tasks[eg_data_task(d) - 1], eg_data_target_name(d));
    cli_tell("scaling", "%s%s", o->centre ? "centre, " : "", o->scaling ? o->scaling : eg_scaling_name(eg_model_scaling(model)));
    if (o->augment) cli_tell("augment", "%s", o->augment);
    if (o->class_weights) tell_class_weights(o, d);
}

static void tell_recipe(const train_options *o, const char *chosen) {
    char lr[40] = "", decay[40] = "", schedule[40] = "", batch[24] = "all";
    if (!isnan(o->lr)) snprintf(lr, sizeof lr, ", lr %g", o->lr);
    if (!isnan(o->weight_decay)) snprintf(decay, sizeof decay, ", weight decay %g", o->weight_decay);
    if (o->schedule != CLI_ABSENT)
        snprintf(schedule, sizeof schedule, ", %s schedule", training_schedules[o->schedule]);
    if (o->batch != EG_BATCH_ALL) snprintf(batch, sizeof batch, "%lld", (long long)o->batch);
    cli_tell("net", "%s", o->net);
    cli_tell("optimizer", "%s%s%s%s", o->optimizer, lr, decay, schedule);
    cli_tell("training", "batch %s, %lld epoch%s, seed %lld", batch, (long long)o->epochs, o->epochs == 1 ? "" : "s",
             (long long)o->seed);
    if (o->loss && strcmp(o->loss, "log_likelihood") == 0)
        cli_tell("objective", "the log-likelihood, climbed; the loss that is shown is its negative mean");
    if (*chosen) cli_tell("chosen", "%s", chosen + 2);
}

static void tell(const train_options *o, const sets *s, const eg_model *model, const char *chosen) {
    if (o->quiet) return;
    tell_data(o, s, model);
    tell_recipe(o, chosen);
    char *summary = eg_model_summary(model);
    if (summary) fprintf(stderr, "\n%s\n", summary);
    eg_string_free(summary);
}

/* ---- the model ----------------------------------------------------------------------------------------- */

static int get_model(const train_options *o, const sets *s, eg_model **out) {
    int code = CLI_GO_ON;
    if (o->resume)
        *out = cli_load_model(o->out, &code);
    else
        code = training_model(o, s->train, out);
    int64_t rows = eg_model_stateful_rows(*out), test = s->test && rows ? eg_data_rows(s->test) : 0;
    if (code >= 0 || !rows || test % rows == 0) return code;
    return cli_error(CLI_BAD_DATA,
                     "the model keeps the states of %lld rows: the %lld of the test set are not whole batches of them",
                     (long long)rows, (long long)test);
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

static void print_rates(const eg_rate_search *found) {
    for (int i = 0; i < found->n; i++) {
        const eg_rate_trial *t = &found->trial[i];
        cli_json json = { .stream = stdout };
        cli_json_open(&json, NULL);
        cli_json_text(&json, "event", "rate");
        cli_json_real(&json, "lr", t->lr);
        cli_json_real(&json, "loss", t->loss);
        cli_json_text(&json, "outcome", t->diverged ? "diverged" : t->lr == found->lr ? "picked" : "learnt");
        cli_json_close(&json);
    }
}

/* --lr auto; a dry run leaves it open. */
static int find_rate(train_options *o, eg_model *model, const sets *s) {
    eg_rate_search found = { 0 };
    if (!isinf(o->lr) || o->dry_run) return CLI_GO_ON;
    eg_status status = training_rate(o, model, s->train, s->validation, &found);
    if (o->json) print_rates(&found);
    if (status != EG_OK) return cli_fail(status);
    return o->plot ? plot_rates(o->plot, &found, o->quiet) : CLI_GO_ON;
}

static eg_status fit(const train_options *o, eg_model *model, const sets *s, const char *chosen) {
    teller t = { o, s, chosen };
    spark line;
    eg_callback events[3] = { { .user = &t, .train_begin = on_begin } };
    int n = 1, sparks = !o->quiet && !o->dry_run && cli_is_terminal(stderr);
    if (o->json) events[n++] = (eg_callback){ .epoch_end = on_epoch };
    if (sparks) events[n++] = spark_callback(&line, stderr);
    eg_status status = training_fit(o, model, s->train, s->validation, events, n);
    if (sparks) spark_end(&line);
    return status;
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

/* --early-stopping and --tolerance end a training before its epochs are over. */
static void tell_early_end(const train_options *o, const eg_model *model) {
    int made = eg_model_history(model)->epochs;
    if (o->quiet || o->resume || o->steps != CLI_ABSENT || made >= o->epochs) return;
    cli_tell("ended", "after %d of %lld epochs%s", made, (long long)o->epochs,
             o->early_stopping > 0 ? "; the weights are those of the best" : ": the loss stands still");
}

/* Saved before it is tested: a signal in between costs nothing. */
static int finish(const train_options *o, eg_model *model, const sets *s) {
    int code = save(o, model, 1);
    if (code >= 0) return code;
    eg_scores test = s->test ? eg_model_evaluate(model, s->test) : (eg_scores){ 0 };
    if (eg_model_status(model) != EG_OK) return cli_model_error(model);
    tell_early_end(o, model);
    if (o->json)
        print_end("end", model, s->test ? &test : NULL, o->out);
    else if (s->test)
        cli_print_scores(stdout, "test", &test), cli_print_bits(stdout, s->test, &test);
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
    int code;
    if (!o->data) return cli_error(CLI_USAGE, "train: --data is needed; see: elegans train --help");
    if (o->resume && !o->out) return cli_error(CLI_USAGE, "train: --resume needs the --out of the stopped run");
    if (o->plot && (code = plot_folder(o->plot)) >= 0) return code;
    if (o->checkpoint && !o->out) return cli_error(CLI_USAGE, "train: --checkpoint needs --out");
    return o->out ? check_out(o) : CLI_GO_ON;
}

static int train(train_options *o, sets *s, eg_model **model) {
    char net[TRAINING_NET], chosen[96];
    o->seed = cli_or(o->seed, 0);
    int code = training_open(o, s);
    if (code >= 0) return code;
    training_choose(o, s, net, chosen, sizeof chosen);
    if ((code = get_model(o, s, model)) >= 0) return code;
    if (o->out && (code = cli_check_space(o->out, eg_model_parameters(*model) * (int64_t)sizeof(float))) >= 0)
        return code;
    if ((code = find_rate(o, *model, s)) >= 0) return code;
    eg_status status = fit(o, *model, s, chosen);
    if (status == EG_E_STOPPED && o->dry_run && !cli_signal) {
        cli_put_settings(&cli_train, o, stdout);
        return CLI_OK;
    }
    if (status == EG_E_STOPPED)
        code = stopped(o, *model);
    else
        code = status == EG_OK ? finish(o, *model, s) : cli_model_error(*model);
    int drawn = o->plot ? plot_training(o->plot, *model, s->train, s->validation, o->loss, o->quiet) : CLI_GO_ON;
    return code == CLI_OK && drawn >= 0 ? drawn : code;
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
    training_free_sets(&s);
    free(text);
    return code;
}

static const char *const notes[] = {
    "A network is one line, its layers apart by ';': dense UNITS [ACTIVATION] [no_bias] [init=..] [l2=..] [name=..], "
    "dropout RATE, flatten, reshape 4,7, or an activation by itself: relu tanh sigmoid softmax leaky_relu elu gelu "
    "softplus step linear; over images conv FILTERS SIZE [STRIDE] [same] [ACTIVATION], depthwise_conv, conv_transpose, "
    "max_pool [SIZE [STRIDE]], avg_pool, global_avg_pool, upsample, zero_pad, spatial_dropout; batch_norm, layer_norm, "
    "group_norm; over sequences (steps x features) one_hot WORDS, embedding WORDS SIZE [mask_zero], masking, simple_rnn, lstm or gru UNITS "
    "[return_sequences] [bidirectional], attention HEADS [causal], position. LeNet-5: 'conv 6 5 same relu; max_pool; conv 16 5 relu; max_pool; dense 120 relu; dense 84 relu; "
    "dense 10 softmax'.",
    "Generated sets, gen:NAME?key=value,...: xor spiral circles moons gauss linear sine digits; keys n, classes, "
    "noise, seed, dims. shuffled:SOURCE is another source with the numbers of each sample in another order.",
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
                "  elegans train --data text:poem.txt --out poem.safetensors\n"
                "  elegans train --resume --out mnist.safetensors\n",
};
