/* SPDX-License-Identifier: MIT
 *
 * training.c: settings become data, a recipe, a model and a fit. What is not said is chosen from the data.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "training.h"

const char *const training_tasks[] = { "classification", "regression", NULL };
const char *const training_units[] = { "characters", "words", NULL };
const char *const training_reductions[] = { "mean", "sum", NULL };
const char *const training_dialects[] = { "keras", "torch", "keras2", NULL };
const char *const training_rates[] = { "auto", NULL };
const char *const training_shuffles[] = { "epoch", "off", "replacement", NULL };
const char *const training_schedules[] = {
#define NAME(symbol, name, formula) name,
    EG_SCHEDULE_LIST(NAME)
#undef NAME
        NULL
};

/* An option's number for a struct in which 0 means "the default". */
static double given(double value) { return isnan(value) ? 0 : value == 0 ? EG_ZERO : value; }
static double or_zero(double value) { return isnan(value) ? 0 : value; }

/* ---- settings ------------------------------------------------------------------------------------------ */

int training_set(train_options *o, const char *pair) {
    const char *equals = strchr(pair, '=');
    if (!equals) return cli_error(CLI_USAGE, "train: --set takes KEY=VALUE, not '%s'", pair);
    char *key = strndup(pair, (size_t)(equals - pair));
    if (!key) return cli_no_memory();
    int code = cli_assign(&cli_train, "train: --set: ", o, key, equals + 1);
    free(key);
    return code;
}

/* ---- data ---------------------------------------------------------------------------------------------- */

void training_free_sets(sets *s) {
    eg_data *all[] = { s->train, s->validation, s->rest, s->test, s->whole };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) eg_data_free(all[i]);
}

int training_is_table(const eg_data *data) { return eg_data_columns(data) > 0; }
int training_is_text(const eg_data *data) { return eg_data_text(data) && !training_is_table(data); }

/* A test set, with the columns and classes of the training set. */
static eg_data *open_test(const train_options *o, const eg_data *train, const char *source) {
    int n_columns = eg_data_columns(train), n_classes = eg_data_classes(train);
    const char **names = calloc((size_t)(n_columns + n_classes) + 1, sizeof *names), **classes = names + n_columns;
    eg_text_opt text = eg_data_text(train) ? *eg_data_text(train) : (eg_text_opt){ 0 };
    text.rows = 0; /* a short text has its own number */
    eg_shape size = eg_data_sample_shape(train);
    if (size.rank != 3 || (size.dim[2] != 1 && size.dim[2] != 3)) size = EG_SCALAR;
    if (!names) return NULL;
    for (int i = 0; i < n_columns; i++) names[i] = eg_data_column_name(train, i);
    for (int i = 0; i < n_classes; i++) classes[i] = eg_data_class_name(train, i);
    const char *plain = cli_plain_source(source);
    eg_data *data = eg_data_open(plain, eg_data_has_part(plain, "test") ? "test" : NULL, .target = o->target,
                                 .task = eg_data_task(train), .no_header = o->no_header, .seed = (uint64_t)o->seed,
                                 .columns = n_columns ? names : NULL, .n_columns = n_columns,
                                 .classes = n_classes ? classes : NULL, .n_classes = n_classes,
                                 .missing = eg_data_missing(train), .allow_download = 1, .text = text,
                                 .image_size = size);
    free(names);
    return cli_shuffled(data, source);
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

/* The last pieces of each part of a text go into *held. */
static int split_text(const eg_data *data, double share, eg_data **first, eg_data **held) {
    int64_t rows = eg_data_rows(data), side = eg_data_text(data)->rows;
    int64_t n = (int64_t)(share * (double)(rows / side) + .5) * side;
    if (n < side) n = side;
    if (n >= rows) return cli_error(CLI_BAD_DATA, "a share of %g leaves nothing of the text", share);
    *first = eg_data_range(data, 0, rows - n);
    *held = eg_data_range(data, rows - n, rows);
    return *first && *held ? CLI_GO_ON : cli_no_memory();
}

/* The test set: given, the last rows, the source's own, or a share; *rest is what is left. */
static int split_test(const train_options *o, sets *s) {
    int code = CLI_GO_ON;
    if (o->test)
        s->test = open_test(o, s->whole, o->test);
    else if (o->test_last != CLI_ABSENT)
        code = split_last(o, s);
    else if (o->test_share > 0 && training_is_text(s->whole))
        code = split_text(s->whole, o->test_share, &s->rest, &s->test);
    else if (o->test_share > 0)
        code = eg_data_split(s->whole, 1 - o->test_share, (uint64_t)o->seed, &s->rest, &s->test) == EG_OK
                   ? CLI_GO_ON
                   : cli_fail(eg_error_status());
    else if (eg_data_has_part(cli_plain_source(o->data), "test"))
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
    else if (training_is_text(s->rest))
        return split_text(s->rest, o->validation, &s->train, &s->validation);
    else if (eg_data_split(s->rest, 1 - o->validation, (uint64_t)o->seed, &s->train, &s->validation) != EG_OK)
        return cli_fail(eg_error_status());
    return s->train ? CLI_GO_ON : cli_no_memory();
}

static int check_share(const char *name, double share) {
    if (isnan(share) || (share >= 0 && share < 1)) return CLI_GO_ON;
    return cli_error(CLI_USAGE, "train: --%s takes a share from 0 to below 1, not %g", name, share);
}

/* Said now, so that it can be relied on later. */
static int check_texts(const train_options *o, const eg_data *data) {
    eg_scaling kind;
    eg_scaling_opt opt;
    eg_augment augment;
    double *weights = NULL;
    int code = training_scaling(o->scaling, &kind, &opt);
    if (code < 0 && kind > EG_SCALING_NONE && eg_data_text(data))
        code = cli_error(CLI_USAGE, "--scaling: numbers of words or characters must stay as they are");
    if (code < 0 && o->centre && (eg_data_text(data) || eg_data_sample_shape(data).rank < 2))
        code = cli_error(CLI_USAGE, "--centre: it moves images, and the samples are none");
    if (code < 0) code = training_augment(o->augment, &augment);
    if (code < 0) code = training_class_weights(o->class_weights, data, &weights);
    free(weights);
    return code;
}

int training_open(train_options *o, sets *s) {
    eg_missing missing;
    int indicate, code = check_share("validation", o->validation);
    if (code < 0) code = check_share("test-share", o->test_share);
    if (code < 0) code = training_missing(o->missing, &missing, &indicate);
    if (code >= 0) return code;
    eg_shape size = EG_SCALAR;
    if (o->size && (code = cli_shape("train: --size", o->size, &size)) >= 0) return code;
    eg_text_opt text = { .column = o->text, .unit = (eg_token_unit)cli_or(o->unit, o->text ? EG_TOKEN_WORD : EG_TOKEN_CHARACTER),
                         .steps = cli_or(o->length, 0), .most = cli_or(o->most, 0) };
    s->whole = eg_data_open(cli_plain_source(o->data), NULL, .target = o->target, .task = (eg_task)(cli_or(o->task, -1) + 1),
                            .no_header = o->no_header, .seed = (uint64_t)o->seed, .allow_download = 1,
                            .missing = missing, .indicate_missing = indicate, .text = text,
                            .image_size = size);
    s->whole = cli_shuffled(s->whole, o->data);
    if (!s->whole || eg_data_status(s->whole) != EG_OK) return cli_data_error(s->whole);
    if (!eg_data_y(s->whole)) return cli_error(CLI_BAD_DATA, "%s: there are no targets to learn", o->data);
    if ((code = check_texts(o, s->whole)) >= 0) return code;
    int whole = training_is_table(s->whole) ||
                (eg_data_row_name(s->whole, 0) && !eg_data_has_part(cli_plain_source(o->data), "test"));
    s->chose_test = isnan(o->test_share) && !o->test && o->test_last == CLI_ABSENT && whole;
    if (s->chose_test) o->test_share = .2;
    if ((code = split_test(o, s)) >= 0) return code;
    return split_validation(o, s);
}

/* ---- what was not said --------------------------------------------------------------------------------- */

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
    static const recipe text = { "adam", .008, (double)NAN, EG_SCHEDULE_LINEAR, 32, 20 };
    int64_t rows = eg_data_rows(data);
    if (training_is_text(data)) return &text;
    if (rows >= 10000) return &many;
    if (rows >= 1000) return &some;
    return training_is_table(data) || eg_data_sample_shape(data).rank > 1 ? &table : &points;
}

/* The numbers that samples of texts are made of. */
static int count_tokens(const eg_data *data) {
    const eg_text_opt *text = eg_data_text(data);
    return text ? eg_vocabulary_size(text->vocabulary) + training_is_table(data) : 0;
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
static void choose_net(const sets *s, char text[TRAINING_NET]) {
    const eg_data *data = s->train;
    int classes = eg_data_classes(data), hidden = eg_shape_size(eg_data_sample_shape(data)) < 256 ? 64 : 512;
    double mean, deviation;
    int tokens = count_tokens(data);
    if (training_is_text(data)) {
        int64_t rows = eg_data_text(data)->rows, test = s->test ? eg_data_text(s->test)->rows : rows;
        char stateful[40] = "";
        if (rows == test) snprintf(stateful, sizeof stateful, " stateful=%lld", (long long)rows);
        snprintf(text, TRAINING_NET,
                 "embedding %d 32; lstm 128 return_sequences%s; dropout 0.3; dense %d softmax last_axis", tokens, stateful,
                 tokens);
    } else if (tokens) {
        snprintf(text, TRAINING_NET, "embedding %d 16 mask_zero; gru 16; dense %d %s", tokens,
                 classes > 2 ? classes : 1, classes > 2 ? "softmax" : classes ? "sigmoid" : "");
    } else if (classes > 2) {
        snprintf(text, TRAINING_NET, "dense %d relu; dense %d softmax", hidden, classes);
    } else if (classes) {
        snprintf(text, TRAINING_NET, "dense %d relu; dense 1 sigmoid", hidden);
    } else if (!training_is_table(data)) {
        snprintf(text, TRAINING_NET, "dense %d relu; dense %d", hidden, eg_data_outputs(data));
    } else {
        target_scale(data, &mean, &deviation);
        snprintf(text, TRAINING_NET,
                 "dense %d relu; dense 1; dense 1 init=constant(%.6g) bias_init=constant(%.6g) frozen name=scale",
                 hidden, deviation, mean);
    }
}

/* In a network over texts the word "tokens" stands for their number. */
static void expand_net(const char *net, int tokens, char text[TRAINING_NET]) {
    size_t used = 0;
    for (const char *at = net; *at && used + 16 < TRAINING_NET;) {
        size_t word = strcspn(at, " ;\n=");
        if (word == 6 && strncmp(at, "tokens", 6) == 0)
            used += (size_t)snprintf(text + used, 16, "%d", tokens), at += word;
        else
            for (size_t i = 0; i < word + !word && used + 1 < TRAINING_NET; i++) text[used++] = *at++;
    }
    text[used] = '\0';
}

/* Fills in what was left open, and names it in `chosen`. */
void training_choose(train_options *o, const sets *s, char net[TRAINING_NET], char *chosen, size_t size) {
    const recipe *r = choose_recipe(s->train);
    snprintf(chosen, size, "%s%s%s%s%s%s", s->chose_test ? ", test rows" : "",
             o->task == CLI_ABSENT && training_is_table(s->train) ? ", task" : "", o->net ? "" : ", net",
             o->optimizer ? "" : ", optimizer", o->batch == CLI_ABSENT ? ", batch" : "",
             o->epochs == CLI_ABSENT ? ", epochs" : "");
    int tokens = count_tokens(s->train);
    if (o->net && tokens && strlen(o->net) < TRAINING_NET - 64)
        expand_net(o->net, tokens, net), o->net = net;
    else if (!o->net)
        choose_net(s, net), o->net = net;
    if (o->batch == CLI_ABSENT) o->batch = training_is_text(s->train) ? eg_data_text(s->train)->rows : r->batch;
    if (o->epochs == CLI_ABSENT) o->epochs = r->epochs;
    if (o->optimizer) return;
    o->optimizer = r->optimizer;
    if (!isnan(o->lr) || !isnan(o->weight_decay) || o->schedule != CLI_ABSENT) return;
    o->lr = r->lr;
    o->weight_decay = r->weight_decay;
    o->schedule = r->schedule;
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
                                                              .lr = isinf(o->lr) ? 0 : given(o->lr),
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

eg_status training_loss_named(const char *name, eg_loss_kind *out) {
    int fits = strcmp(name, "log_likelihood") == 0 || strcmp(name, "auto") == 0;
    return fits ? EG_OK : eg_loss_named(name, out);
}

/* To climb the log-likelihood is to descend on its negative: the same steps, bit for bit. */
static int read_loss(const train_options *o, eg_recipe *r) {
    int climbs = o->loss && strcmp(o->loss, "log_likelihood") == 0;
    if (climbs && !o->maximize)
        return cli_error(CLI_USAGE, "train: --loss log_likelihood is to be climbed: say --maximize, too");
    if (climbs)
        r->maximize = 0; /* the loss of the last layer's kind is its negative */
    else if (o->loss && training_loss_named(o->loss, &r->loss) != EG_OK)
        return cli_fail(eg_error_status());
    return CLI_GO_ON;
}

static int make_recipe(const train_options *o, int classes, eg_recipe *r) {
    *r = (eg_recipe){ .size_ = sizeof *r,
                      .seed = (uint64_t)o->seed,
                      .maximize = o->maximize,
                      .centre = o->centre,
                      .l1 = or_zero(o->l1),
                      .l2 = or_zero(o->l2),
                      .huber_delta = given(o->delta),
                      .reduction = (eg_reduction_kind)cli_or(o->reduction, EG_REDUCTION_MEAN),
                      .dialect = (eg_dialect)cli_or(o->dialect, EG_KERAS) };
    int code = read_metrics(o, classes, r->metrics);
    if (code < 0) code = training_scaling(o->scaling, &r->scaling, &r->scaling_opt);
    if (code < 0) code = read_loss(o, r);
    if (code >= 0) return code;
    r->optimizer = make_optimizer(o, r->dialect);
    return r->optimizer ? CLI_GO_ON : cli_fail(eg_error_status());
}

/* A mistake in the words of the network is one of usage; one in its shapes is one of data. */
static int net_error(const eg_model *model) {
    eg_status status = eg_model_status(model);
    return cli_error(status == EG_E_DATA ? CLI_USAGE : cli_exit_code(status), "--net: %s", eg_model_error(model));
}

/* Parameters of another model, frozen layers. */
static int reuse(const train_options *o, eg_model *model) {
    int code = CLI_OK;
    eg_model *from = o->from ? cli_load_model(o->from, &code) : NULL;
    if (o->from && !from) return code;
    eg_transfer report = { 0 };
    eg_status status = from ? eg_model_transfer(model, from, &report) : EG_OK;
    eg_model_free(from);
    if (status != EG_OK) return cli_model_error(model);
    if (o->from && !o->quiet)
        cli_tell("from", "%d parameters of %s, %d of its own", report.taken, o->from,
                 report.absent + report.other_shape);
    eg_string_free(report.text);
    for (int i = 0; i < o->freeze.n; i++)
        if (eg_model_freeze(model, o->freeze.item[i], 1) != EG_OK) return cli_fail(eg_error_status());
    return CLI_GO_ON;
}

/* What the network takes: a sample, or the directions that are kept of it. */
static eg_shape input_shape(const train_options *o, const eg_data *data) {
    eg_scaling kind;
    eg_scaling_opt opt;
    eg_shape sample = eg_data_sample_shape(data);
    int narrows = training_scaling(o->scaling, &kind, &opt) < 0 && (kind == EG_SCALING_PCA || kind == EG_SCALING_WHITEN);
    return narrows && opt.components > 0 && opt.components < eg_shape_size(sample) ? EG_SHAPE(opt.components) : sample;
}

int training_model(const train_options *o, const eg_data *data, eg_model **out) {
    eg_model *model = *out = eg_model_parse(input_shape(o, data), o->net);
    if (!model) return cli_no_memory();
    if (eg_model_status(model) != EG_OK) return net_error(model);
    eg_init init;
    if (o->init && eg_init_named(o->init, &init) != EG_OK) return cli_fail(eg_error_status());
    if (o->init) eg_model_set_init(model, init);
    eg_recipe recipe;
    int code = make_recipe(o, eg_data_classes(data), &recipe);
    if (code >= 0) return code;
    return eg_model_compile_(model, recipe) == EG_OK ? reuse(o, model) : cli_model_error(model);
}

/* ---- the fit ------------------------------------------------------------------------------------------- */

/* The callbacks that settings ask for, behind the `n` given ones; returns how many there are. */
static int add_callbacks(const train_options *o, const eg_callback *given, int n, eg_callback *out) {
    for (int i = 0; i < n; i++) out[i] = given[i];
    if (o->plateau > 0) out[n++] = eg_reduce_on_plateau(.patience = (int)o->plateau);
    if (o->early_stopping > 0) out[n++] = eg_early_stopping(.patience = (int)o->early_stopping, .restore_best = 1);
    if (o->log) out[n++] = eg_csv_log(o->log);
    if (o->tensorboard) out[n++] = eg_tensorboard_log(o->tensorboard);
    return n;
}

enum { GIVEN_CALLBACKS = 8, OWN_CALLBACKS = 4 };

/* What fit and the search for its rate are told alike; `weights` are class weights or NULL. */
static eg_fit_opt fit_options(const train_options *o, const eg_data *validation, const double *weights) {
    eg_augment augment;
    training_augment(o->augment, &augment);
    return (eg_fit_opt){ .size_ = sizeof(eg_fit_opt),
                         .validation = validation,
                         .class_weights = weights,
                         .augment = augment,
                         .epochs = (int)o->epochs,
                         .batch = o->batch,
                         .shuffle = (eg_shuffle)cli_or(o->shuffle, EG_SHUFFLE_EACH_EPOCH),
                         .schedule = (eg_schedule)cli_or(o->schedule, EG_SCHEDULE_CONSTANT),
                         .schedule_opt = { .factor = or_zero(o->schedule_factor),
                                           .every = or_zero(o->schedule_every),
                                           .end = or_zero(o->schedule_end),
                                           .warm_up = or_zero(o->warm_up) },
                         .tolerance = or_zero(o->tolerance),
                         .max_steps = cli_or(o->steps, 0),
                         .stop = &cli_signal };
}

static void tell_rates(const eg_rate_search *found) {
    char text[400] = "";
    size_t used = 0;
    for (int i = 0; i < found->n && used < sizeof text; i++) {
        const eg_rate_trial *t = &found->trial[i];
        used += (size_t)snprintf(text + used, sizeof text - used, t->diverged ? "%s%g diverged" : "%s%g loss %.4g",
                                 i ? ", " : "", t->lr, t->loss);
    }
    if (found->lr > 0)
        cli_tell("rate", "tried %s; picked %g", text, found->lr);
    else
        cli_tell("rate", "tried %s", text);
}

eg_status training_rate(train_options *o, eg_model *model, const eg_data *train, const eg_data *validation,
                        eg_rate_search *found) {
    double *weights;
    if (training_class_weights(o->class_weights, train, &weights) >= 0) return EG_E_MEMORY;
    eg_status status = eg_model_find_rate_(model, train, fit_options(o, validation, weights), found);
    free(weights);
    if (!o->quiet && found->n) tell_rates(found);
    if (status == EG_OK) o->lr = found->lr;
    return status;
}

eg_status training_fit(const train_options *o, eg_model *model, const eg_data *train, const eg_data *validation,
                       const eg_callback *callbacks, int n) {
    eg_callback all[GIVEN_CALLBACKS + OWN_CALLBACKS] = { 0 };
    double *weights;
    if (training_class_weights(o->class_weights, train, &weights) >= 0) return EG_E_MEMORY;
    eg_fit_opt opt = fit_options(o, validation, weights);
    opt.callbacks = all;
    opt.n_callbacks = add_callbacks(o, callbacks, n, all);
    opt.progress = o->quiet ? NULL : stderr;
    opt.checkpoint = o->checkpoint && !o->dry_run ? o->out : NULL;
    opt.resume = o->resume;
    eg_status status = eg_model_fit_(model, train, opt);
    free(weights);
    for (int i = n; i < opt.n_callbacks; i++) eg_callback_free(&all[i]);
    return status;
}
