/* SPDX-License-Identifier: MIT
 *
 * cmd_tune.c: `elegans tune`: which settings of a training are best? Every combination of a grid, or so many drawn at
 * random, or the settings as they are, is trained on all folds of the training rows but one and scored on that one, in turn. The test rows are
 * never looked at. Folds, draws and trainings follow from the seed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "plot.h"
#include "training.h"
#include "tune.h"

typedef struct tune_options {
    train_options train; /* first: its option rows count from here */
    cli_list grid, range;
    const char *svg;
    int64_t folds, trials, by;
} tune_options;

/* In the order of `measures`. */
static const char *const by_words[] = { "accuracy", "loss", "mse", "mae", "r2", NULL };
static const tune_measure measures[] = { { "accuracy", offsetof(eg_scores, accuracy), 1 },
                                         { "loss", offsetof(eg_scores, loss), 0 },
                                         { "mse", offsetof(eg_scores, mse), 0 },
                                         { "mae", offsetof(eg_scores, mae), 0 },
                                         { "r2", offsetof(eg_scores, r2), 1 } };
enum { BY_ACCURACY, BY_LOSS, BY_MSE, BY_MAE, BY_R2 };

static const cli_option options[] = {
#include "training_options.h"
#define FIELD(name) offsetof(tune_options, name)
    { "grid", 'g', CLI_MANY, FIELD(grid), "KEY=A,B,...",
      .help = "values to try of one setting of train, apart by ',' or, where there is one, by '|'; repeated: every "
              "combination",
      .group = "Search" },
    { "range", 'r', CLI_MANY, FIELD(range), "KEY=A..B",
      .help = "draw from a range; A..B:log evenly over its orders of magnitude; whole numbers where both ends are" },
    { "trials", 0, CLI_POSITIVE, FIELD(trials), "N",
      .help = "draw N combinations at random (default with --range: 20) instead of trying all" },
    { "folds", 'k', CLI_POSITIVE, FIELD(folds), "N",
      .help = "parts of the training rows, each held out once (default 5)" },
    { "by", 0, CLI_WORD, FIELD(by), "SCORE",
      .help = "accuracy, loss, mse, mae or r2 (default: accuracy of classes, mae of numbers)", .words = by_words },
    { "set", 0, CLI_MANY, FIELD(train.set), "KEY=VALUE", .help = "one setting by name, the same in every trial" },
    { "json", 0, CLI_FLAG, FIELD(train.json), NULL, .help = "one JSON object a line on stdout", .group = "Output" },
    { "svg", 0, CLI_TEXT, FIELD(svg), "FILE", .help = "draw training against validation" },
    { "quiet", 'q', CLI_FLAG, FIELD(train.quiet), NULL, .help = "no progress" },
    { 0 }
};

/* ---- what is tried --------------------------------------------------------------------------------------- */

static char *trim(char *text) {
    while (*text == ' ') text++;
    for (char *end = text + strlen(text); end > text && end[-1] == ' ';) *--end = 0;
    return text;
}

/* "key=rest" of an option; the key is copied, *rest is a copy that the setting owns. */
static int begin_setting(const char *option, const char *text, tune_setting *s) {
    static const char *const fixed[] = { "data", "target", "test", "test-last", "test-share", "validation", "task" };
    const char *equals = strchr(text, '=');
    *s = (tune_setting){ 0 };
    if (!equals) return cli_error(CLI_USAGE, "tune: --%s takes KEY=VALUES, not '%s'", option, text);
    snprintf(s->key, sizeof s->key, "%.*s", (int)(equals - text), text);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(s->key, fixed[i]) == 0)
            return cli_error(CLI_USAGE, "tune: --%s: %s says what is learnt; it stays the same", option, s->key);
    s->text = strdup(equals + 1);
    return s->text ? CLI_GO_ON : cli_no_memory();
}

static int read_values(const char *text, tune_setting *s) {
    int code = begin_setting("grid", text, s);
    if (code >= 0) return code;
    const char *apart = strchr(s->text, '|') ? "|" : ",";
    char *rest = s->text;
    for (char *value; (value = strsep(&rest, apart));) {
        if (s->n == TUNE_VALUES) return cli_error(CLI_USAGE, "tune: --grid: more than %d values of %s", s->n, s->key);
        s->value[s->n++] = trim(value);
    }
    return CLI_GO_ON;
}

static int read_range(const char *text, tune_setting *s) {
    int code = begin_setting("range", text, s);
    if (code >= 0) return code;
    char *end, *dots = strstr(s->text, "..");
    s->is_range = 1;
    s->low = strtod(s->text, &end);
    int good = dots && end == dots;
    if (dots && !good) { /* "1..2": strtod takes "1." */
        *dots = 0;
        s->low = strtod(s->text, &end);
        good = end == dots && end > s->text;
    }
    if (good) s->high = strtod(dots + 2, &end);
    s->log = good && strcmp(end, ":log") == 0;
    good = good && end > dots + 2 && (*end == 0 || s->log) && isfinite(s->low) && s->low < s->high;
    if (!good) return cli_error(CLI_USAGE, "tune: --range takes KEY=LOW..HIGH or KEY=LOW..HIGH:log, not '%s'", text);
    if (s->log && s->low <= 0)
        return cli_error(CLI_USAGE, "tune: --range: %s: a logarithmic range begins above 0", s->key);
    s->whole = s->low == floor(s->low) && s->high == floor(s->high) && !s->log;
    return CLI_GO_ON;
}

static int read_settings(const tune_options *o, tune *t) {
    int code = CLI_GO_ON, asked = o->grid.n + o->range.n;
    if (asked == 0 && o->trials != CLI_ABSENT)
        return cli_error(CLI_USAGE, "tune: --trials draws from a --grid or a --range; there is none");
    if (asked > TUNE_SETTINGS) return cli_error(CLI_USAGE, "tune: more than %d settings at once", TUNE_SETTINGS);
    for (int i = 0; code < 0 && i < o->grid.n; i++) code = read_values(o->grid.item[i], &t->setting[t->settings++]);
    for (int i = 0; code < 0 && i < o->range.n; i++) code = read_range(o->range.item[i], &t->setting[t->settings++]);
    return code;
}

static void draw_value(const tune_setting *s, uint64_t *state, tune_trial *trial, int k) {
    double u = cli_uniform(state);
    if (!s->is_range) {
        trial->chosen[k] = s->value[(int)(u * s->n)];
        return;
    }
    double number = s->log     ? s->low * pow(s->high / s->low, u)
                    : s->whole ? s->low + floor(u * (s->high - s->low + 1))
                               : s->low + u * (s->high - s->low);
    snprintf(trial->drawn[k], sizeof trial->drawn[k], s->whole ? "%.0f" : "%.4g", number);
}

/* All combinations, the last setting changing fastest; or draws. */
static int make_trials(const tune_options *o, tune *t) {
    int64_t n = 1;
    for (int k = 0; k < t->settings && n <= TUNE_TRIALS; k++) n *= t->setting[k].is_range ? 1 : t->setting[k].n;
    int random = o->range.n > 0 || o->trials != CLI_ABSENT;
    if (random) n = cli_or(o->trials, 20);
    if (n > TUNE_TRIALS) return cli_error(CLI_USAGE, "tune: more than %d trials", TUNE_TRIALS);
    t->trial = calloc((size_t)n, sizeof *t->trial);
    if (!t->trial) return cli_no_memory();
    uint64_t state = (uint64_t)cli_or(o->train.seed, 0);
    for (t->trials = 0; t->trials < n; t->trials++) {
        int64_t rest = t->trials;
        for (int k = t->settings - 1; k >= 0; k--) {
            if (random) {
                draw_value(&t->setting[k], &state, &t->trial[t->trials], k);
            } else {
                t->trial[t->trials].chosen[k] = t->setting[k].value[rest % t->setting[k].n];
                rest /= t->setting[k].n;
            }
        }
    }
    return CLI_GO_ON;
}

/* The settings of a trial over those that are the same for all. */
static int apply(const tune *t, const tune_trial *trial, train_options *o) {
    int code = CLI_GO_ON;
    for (int k = 0; code < 0 && k < t->settings; k++)
        code = cli_assign(&cli_train, "tune: ", o, t->setting[k].key, tune_value(trial, k));
    return code;
}

/* ---- trials ---------------------------------------------------------------------------------------------- */

static double score_of(const tune_measure *m, const eg_scores *scores) {
    double score;
    memcpy(&score, (const char *)scores + m->offset, sizeof score);
    return score;
}

/* Trains on `train`, and scores both parts. A training that diverges has no score. */
static int run_fold(const train_options *base, const tune *t, const eg_data *train, const eg_data *held,
                    double *of_train, double *of_held) {
    train_options o = *base;
    sets s = { .train = (eg_data *)train };
    char net[TRAINING_NET], chosen[96];
    eg_model *model = NULL;
    training_choose(&o, &s, net, chosen, sizeof chosen);
    int code = training_model(&o, train, &model);
    eg_rate_search found;
    eg_status status = code < 0 && isinf(o.lr) ? training_rate(&o, model, train, NULL, &found) : EG_OK;
    if (code < 0 && status == EG_OK) status = training_fit(&o, model, train, NULL, NULL, 0);
    *of_train = *of_held = NAN;
    if (status == EG_OK && code < 0) {
        eg_scores a = eg_model_evaluate(model, train), b = eg_model_evaluate(model, held);
        *of_train = score_of(t->measure, &a);
        *of_held = score_of(t->measure, &b);
        status = eg_model_status(model);
    }
    if (code < 0 && status == EG_E_STOPPED) code = cli_exit_code(status);
    if (code < 0 && status != EG_OK && status != EG_E_DIVERGED) code = cli_model_error(model);
    eg_model_free(model);
    return code;
}

static void summarise(const double *scores, int n, double *mean, double *deviation) {
    *mean = *deviation = 0;
    for (int i = 0; i < n; i++) *mean += scores[i] / n;
    for (int i = 0; i < n; i++) *deviation += (scores[i] - *mean) * (scores[i] - *mean) / n;
    *deviation = sqrt(*deviation);
}

static int run_trial(const tune_options *o, const tune *t, const eg_data *rows, tune_trial *trial) {
    double train[TUNE_FOLDS], held[TUNE_FOLDS];
    train_options settings = o->train;
    settings.quiet = 1;
    int code = apply(t, trial, &settings);
    for (int fold = 0; code < 0 && fold < t->folds; fold++) {
        eg_data *a = NULL, *b = NULL;
        if (eg_data_fold(rows, t->folds, fold, (uint64_t)o->train.seed, &a, &b) != EG_OK)
            code = cli_fail(eg_error_status());
        else
            code = run_fold(&settings, t, a, b, &train[fold], &held[fold]);
        eg_data_free(a);
        eg_data_free(b);
    }
    if (code >= 0) return code;
    summarise(train, t->folds, &trial->train, &trial->train_deviation);
    summarise(held, t->folds, &trial->held, &trial->held_deviation);
    trial->done = 1;
    return code;
}

static int run_all(const tune_options *o, tune *t, const eg_data *rows) {
    int code = CLI_GO_ON;
    for (int i = 0; code < 0 && i < t->trials; i++) {
        code = run_trial(o, t, rows, &t->trial[i]);
        if (code >= 0) break;
        if (o->train.json) tune_print_trial(t, i);
        if (!o->train.quiet) tune_tell(t, i);
    }
    return code;
}

/* ---- the command ----------------------------------------------------------------------------------------- */

static int check_options(const tune_options *o) {
    if (!o->train.data) return cli_error(CLI_USAGE, "tune: --data is needed; see: elegans tune --help");
    if (!isnan(o->train.validation)) return cli_error(CLI_USAGE, "tune: the folds take the place of --validation");
    if (o->train.log || o->train.tensorboard)
        return cli_error(CLI_USAGE, "tune: --log and --tensorboard are for one training, not for many");
    int64_t folds = cli_or(o->folds, 5);
    if (folds < 2 || folds > TUNE_FOLDS) return cli_error(CLI_USAGE, "tune: --folds is from 2 to %d", TUNE_FOLDS);
    return CLI_GO_ON;
}

/* Every value is tried on a copy before the first training. */
static int check_values(const tune_options *o, const tune *t) {
    int code = CLI_GO_ON;
    for (int i = 0; code < 0 && i < t->trials; i++) {
        train_options copy = o->train;
        code = apply(t, &t->trial[i], &copy);
    }
    return code;
}

static int choose_measure(const tune_options *o, const eg_data *rows, tune *t) {
    int classes = eg_data_classes(rows) > 0;
    int64_t by = cli_or(o->by, classes ? BY_ACCURACY : BY_MAE);
    if (by == BY_ACCURACY && !classes) return cli_error(CLI_USAGE, "tune: --by accuracy needs classes");
    if ((by == BY_MAE || by == BY_MSE || by == BY_R2) && classes && !o->train.metrics)
        return cli_error(CLI_USAGE, "tune: --by %s of classes needs --metrics %s", by_words[by], by_words[by]);
    t->measure = &measures[by];
    return CLI_GO_ON;
}

/* The table holds what was done, also after a signal. */
static int finish(const tune_options *o, tune *t, int code) {
    int done = 0, signalled = code == cli_exit_code(EG_E_STOPPED) && cli_signal;
    for (int i = 0; i < t->trials; i++) done += t->trial[i].done;
    if (done == 0 || (code >= 0 && !signalled))
        return signalled ? cli_error(code, "stopped before the first trial was done") : code;
    tune_sort(t);
    if (o->train.json)
        tune_print_best(t, done);
    else
        tune_print_table(t, done);
    int drawn = o->svg ? tune_draw(t, done, o->svg) : CLI_GO_ON;
    if (signalled) return cli_error(code, "stopped after %d of %d trials", done, t->trials);
    return drawn < 0 ? CLI_OK : drawn;
}

static int tune_over(tune_options *o, tune *t, sets *s) {
    o->train.seed = cli_or(o->train.seed, 0);
    int code = training_open(&o->train, s);
    if (code < 0) code = choose_measure(o, s->rest, t);
    /* A score that the recipe does not compute by itself is asked for. */
    if (code < 0 && !o->train.metrics && t->measure != &measures[BY_LOSS]) o->train.metrics = t->measure->name;
    if (code < 0) code = run_all(o, t, s->rest);
    return finish(o, t, code);
}

static int run(int argc, char **argv) {
    tune_options o;
    tune t = { 0 };
    sets s = { 0 };
    cli_defaults(&cli_tune, &o);
    int code = cli_parse(&cli_tune, argc, argv, &o, NULL, 0);
    for (int i = 0; code < 0 && i < o.train.set.n; i++) code = training_set(&o.train, o.train.set.item[i]);
    if (code < 0) code = check_options(&o);
    if (code < 0) code = read_settings(&o, &t);
    if (code < 0) code = make_trials(&o, &t);
    if (code < 0) code = check_values(&o, &t);
    if (code < 0) {
        t.folds = (int)cli_or(o.folds, 5);
        eg_set_threads((int)cli_or(o.train.threads, 0));
        cli_catch_signals();
        cli_allow_downloads();
        code = tune_over(&o, &t, &s);
    }
    training_free_sets(&s);
    for (int k = 0; k < t.settings; k++) free(t.setting[k].text);
    free(t.trial);
    return code < 0 ? CLI_OK : code;
}

static const char *const notes[] = {
    "Each trial trains once for every fold, on the rows of the others, and is scored on that fold; test rows are "
    "left "
    "out and never looked at. The table is sorted by the mean score on the held-out folds; +- is the standard "
    "deviation over the folds. Train the winner with `elegans train` and the --set options that the last line names.",
    "Without --grid and --range the settings are scored as they are: their cross-validated accuracy.",
    "Ctrl-C prints what is done so far.", NULL
};

const cli_command cli_tune = {
    .name = "tune",
    .summary = "find settings by cross-validation: a grid or a random search",
    .usage = "--data SOURCE [--grid KEY=A,B,...] [options]",
    .options = options,
    .run = run,
    .notes = notes,
    .examples = "  elegans tune --data iris.csv --test-share 0\n"
                "  elegans tune --data iris.csv --grid lr=0.001,0.01,0.1 --grid batch=8,32\n"
                "  elegans tune --data gen:moons --svg tune.svg \\\n"
                "      --grid 'net=dense 1 sigmoid | dense 8 relu; dense 1 sigmoid'\n"
                "  elegans tune --data iris.csv --range lr=1e-4..1:log --range epochs=10..100\n",
};
