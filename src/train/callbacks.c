/* SPDX-License-Identifier: MIT
 *
 * callbacks.c: the usual callbacks, on nothing but the public interface of training (and the names of its scores).
 */
#include <elegans/callbacks.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "formats/events.h"
#include "nn/words.h"
#include "train/trainer.h"

/* ---- scores by name ------------------------------------------------------------------------------------------ */

/* By their numbers in eg_score_names: what is better where it is larger, and the columns of a log, by name. */
enum { LARGER_IS_BETTER = 1 << 1 | 1 << 2 | 1 << 5 };
static const unsigned char alphabetical[EG_SCORES] = { 1, 0, 4, 3, 5, 2 };

/* The score that a callback watches. */
typedef struct monitor {
    int score;      /* its number */
    int validation; /* 1: val_, 0: training, -1: val_ where there is validation */
} monitor;

static eg_status parse_monitor(const char *text, monitor *out) {
    *out = (monitor){ 0, -1 };
    if (!text) return EG_OK;
    out->validation = strncmp(text, "val_", 4) == 0;
    return eg_word_index("score", text + 4 * out->validation, eg_score_names, EG_SCORES, NULL, 0, &out->score);
}

/* The watched score, turned so that smaller is better. */
static eg_status watch(const monitor *m, const eg_progress_info *info, double *out) {
    const eg_scores *from =
        m->validation == 0 || (m->validation < 0 && !info->validation) ? &info->train : info->validation;
    const char *name = eg_score_names[m->score];
    if (!from) return eg_fail(EG_E_ARGUMENT, "val_%s is watched, but there is no validation", name);
    double value = eg_score(from, m->score);
    if (isnan(value))
        return eg_fail(EG_E_ARGUMENT, "%s is watched, but it is not computed: add it to the metrics", name);
    *out = LARGER_IS_BETTER >> m->score & 1 ? -value : value;
    return EG_OK;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* What a callback keeps; each uses some of it. */
typedef struct keeper {
    union {
        eg_early_stopping_opt stopping;
        eg_reduce_on_plateau_opt plateau;
        eg_checkpoint_opt checkpoint;
    } opt;
    const char *watched; /* the score's name */
    monitor monitor;
    double best;
    int wait, cooldown, rows; /* epochs since the last improvement, until patience begins; epochs in all */
    eg_state *best_state;
    char *path;
    FILE *file;
    eg_events *events;
} keeper;

typedef eg_status callback_fn(void *user, const eg_progress_info *info);

void eg_callback_free(eg_callback *callback) {
    if (callback->free) callback->free(callback->user);
    *callback = (eg_callback){ 0 };
}

static void free_keeper(void *user) {
    keeper *k = user;
    eg_state_free(k->best_state);
    if (k->file) fclose(k->file);
    eg_events_close(k->events);
    eg_free(k->path);
    eg_free(k);
}

static eg_status no_memory(void *user, const eg_progress_info *info) {
    (void)user, (void)info;
    return eg_fail(EG_E_MEMORY, "no memory for a callback");
}

/* A callback with zeroed state, which is returned too; without memory NULL, and a callback that says so. */
static keeper *new_keeper(const char *path, callback_fn *begin, callback_fn *epoch, eg_callback *out) {
    keeper *k = eg_calloc(1, sizeof *k);
    if (k && path) k->path = eg_strdup(path);
    if (k && (k->path || !path)) {
        *out = (eg_callback){ .user = k, .train_begin = begin, .epoch_end = epoch, .free = free_keeper };
        return k;
    }
    eg_free(k);
    *out = (eg_callback){ .train_begin = no_memory };
    return NULL;
}

/* ---- watching a score ------------------------------------------------------------------------------------------ */

static eg_status begin_watching(void *user, const eg_progress_info *info) {
    keeper *k = user;
    (void)info;
    k->best = (double)INFINITY;
    k->wait = k->cooldown = k->rows = 0;
    return parse_monitor(k->watched, &k->monitor);
}

/* Whether the score has improved by more than that. */
static eg_status look(keeper *k, const eg_progress_info *info, double min_delta, int *better) {
    double now = 0;
    EG_TRY(watch(&k->monitor, info, &now));
    *better = k->best - now > min_delta;
    if (*better) k->best = now;
    k->wait = *better ? 0 : k->wait + 1;
    return EG_OK;
}

/* ---- early stopping -------------------------------------------------------------------------------------------- */

static eg_status keep_best(keeper *k, eg_model *model) {
    if (!k->opt.stopping.restore_best) return EG_OK;
    if (k->best_state) return eg_state_copy(k->best_state, eg_model_state(model));
    k->best_state = eg_state_clone(eg_model_state(model));
    return k->best_state ? EG_OK : EG_E_MEMORY;
}

static eg_status stopping_epoch(void *user, const eg_progress_info *info) {
    keeper *k = user;
    int better, first = k->rows++ == 0;
    EG_TRY(look(k, info, k->opt.stopping.min_delta, &better));
    if (better) return keep_best(k, info->model);
    if (k->wait >= k->opt.stopping.patience && !first) eg_model_stop(info->model);
    return EG_OK;
}

static void stopping_end(void *user, const eg_progress_info *info, eg_status result) {
    keeper *k = user;
    if (k->best_state && result == EG_OK) eg_state_copy(eg_model_state(info->model), k->best_state);
}

eg_callback eg_early_stopping_(eg_early_stopping_opt opt) {
    eg_callback callback;
    keeper *k = new_keeper(NULL, begin_watching, stopping_epoch, &callback);
    if (!k) return callback;
    k->opt.stopping = opt;
    k->watched = opt.monitor;
    callback.train_end = stopping_end;
    return callback;
}

/* ---- plateau --------------------------------------------------------------------------------------------------- */

static eg_status plateau_begin(void *user, const eg_progress_info *info) {
    double factor = ((keeper *)user)->opt.plateau.factor;
    if (!(factor > 0 && factor < 1))
        return eg_fail(EG_E_ARGUMENT, "reduce on plateau: factor %g is not between 0 and 1", factor);
    return begin_watching(user, info);
}

static eg_status plateau_epoch(void *user, const eg_progress_info *info) {
    keeper *k = user;
    const eg_reduce_on_plateau_opt *opt = &k->opt.plateau;
    int better;
    if (k->cooldown > 0) k->cooldown--, k->wait = 0;
    EG_TRY(look(k, info, opt->min_delta, &better));
    if (better || k->cooldown > 0 || k->wait < opt->patience) return EG_OK;
    k->cooldown = opt->cooldown;
    k->wait = 0;
    double lr = eg_model_lr(info->model);
    return lr > opt->min_lr ? eg_model_set_lr(info->model, fmax(lr * opt->factor, opt->min_lr)) : EG_OK;
}

eg_callback eg_reduce_on_plateau_(eg_reduce_on_plateau_opt opt) {
    eg_callback callback;
    keeper *k = new_keeper(NULL, plateau_begin, plateau_epoch, &callback);
    if (!k) return callback;
    if (opt.factor == 0) opt.factor = .1;
    if (opt.patience == 0) opt.patience = 10;
    opt.min_delta = opt.min_delta == 0 ? 1e-4 : opt.min_delta == EG_ZERO ? 0 : opt.min_delta;
    k->opt.plateau = opt;
    k->watched = opt.monitor;
    return callback;
}

/* ---- checkpoint ------------------------------------------------------------------------------------------------ */

static eg_status checkpoint_epoch(void *user, const eg_progress_info *info) {
    keeper *k = user;
    int better = 1;
    if (k->opt.checkpoint.best_only) EG_TRY(look(k, info, 0, &better));
    return better ? eg_model_save(info->model, k->path) : EG_OK;
}

eg_callback eg_checkpoint_(const char *path, eg_checkpoint_opt opt) {
    eg_callback callback;
    keeper *k = new_keeper(path, begin_watching, checkpoint_epoch, &callback);
    if (!k) return callback;
    k->opt.checkpoint = opt;
    k->watched = opt.monitor;
    return callback;
}

/* ---- logs ------------------------------------------------------------------------------------------------------ */

/* "name" or "val_name" of every score that is computed, in order, to `put`. */
static eg_status each_score(const eg_progress_info *info, eg_status (*put)(void *to, const char *name, double value),
                            void *to) {
    char name[32];
    for (int validation = 0; validation < 2; validation++) {
        const eg_scores *from = validation ? info->validation : &info->train;
        for (int i = 0; from && i < EG_SCORES; i++) {
            double value = eg_score(from, alphabetical[i]);
            if (isnan(value)) continue;
            snprintf(name, sizeof name, "%s%s", validation ? "val_" : "", eg_score_names[alphabetical[i]]);
            EG_TRY(put(to, name, value));
        }
    }
    return EG_OK;
}

static eg_status put_name(void *to, const char *name, double value) {
    (void)value;
    eg_text_format(to, ",%s", name);
    return EG_OK;
}

static eg_status put_value(void *to, const char *name, double value) {
    (void)name;
    eg_text_add(to, ",");
    eg_text_number(to, value);
    return EG_OK;
}

static eg_status csv_begin(void *user, const eg_progress_info *info) {
    keeper *k = user;
    (void)info;
    k->file = fopen(k->path, "w");
    return k->file ? EG_OK : eg_fail_errno("%s", k->path);
}

static eg_status csv_epoch(void *user, const eg_progress_info *info) {
    keeper *k = user;
    eg_text text = { 0 };
    if (k->rows++ == 0) {
        eg_text_add(&text, "epoch");
        each_score(info, put_name, &text);
        eg_text_add(&text, "\n");
    }
    eg_text_format(&text, "%d", info->epoch - 1);
    each_score(info, put_value, &text);
    eg_text_add(&text, "\n");
    eg_status status = text.failed ? EG_E_MEMORY : EG_OK;
    if (status == EG_OK && (fwrite(text.data, 1, text.length, k->file) != text.length || fflush(k->file) != 0))
        status = eg_fail_errno("%s", k->path);
    eg_text_free(&text);
    return status;
}

eg_callback eg_csv_log(const char *path) {
    eg_callback callback;
    new_keeper(path, csv_begin, csv_epoch, &callback);
    return callback;
}

static eg_status events_begin(void *user, const eg_progress_info *info) {
    keeper *k = user;
    (void)info;
    k->events = eg_events_create(k->path);
    return k->events ? EG_OK : eg_error_status();
}

/* What one epoch's scalars are written with. */
typedef struct scalars {
    eg_events *events;
    int64_t step;
} scalars;

static eg_status put_scalar(void *to, const char *name, double value) {
    const scalars *s = to;
    return eg_events_scalar(s->events, s->step, name, (float)value);
}

static eg_status events_epoch(void *user, const eg_progress_info *info) {
    scalars s = { ((keeper *)user)->events, info->epoch - 1 };
    EG_TRY(each_score(info, put_scalar, &s));
    return eg_events_scalar(s.events, s.step, "learning_rate", (float)info->lr);
}

eg_callback eg_tensorboard_log(const char *folder) {
    eg_callback callback;
    new_keeper(folder, events_begin, events_epoch, &callback);
    return callback;
}
