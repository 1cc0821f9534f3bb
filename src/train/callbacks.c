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

void eg_callback_free(eg_callback *callback) {
    if (callback->free) callback->free(callback->user);
    *callback = (eg_callback){ 0 };
}

static eg_status no_memory(void *user, const eg_progress_info *info) {
    (void)user, (void)info;
    return eg_fail(EG_E_MEMORY, "no memory for a callback");
}

/* Zeroed state for a callback; without memory a callback that says so. */
static void *new_state(size_t size, eg_callback *out) {
    *out = (eg_callback){ .user = eg_calloc(1, size), .free = eg_free };
    if (!out->user) *out = (eg_callback){ .train_begin = no_memory };
    return out->user;
}

/* ---- early stopping ----------------------------------------------------------------------------------------------
 */

typedef struct stopping {
    eg_early_stopping_opt opt;
    monitor monitor;
    double best;
    int wait, epochs; /* since the last improvement; since the start */
    eg_state *best_state;
} stopping;

static void free_stopping(void *user) {
    eg_state_free(((stopping *)user)->best_state);
    eg_free(user);
}

static eg_status stopping_begin(void *user, const eg_progress_info *info) {
    stopping *s = user;
    (void)info;
    s->best = (double)INFINITY;
    s->wait = s->epochs = 0;
    return parse_monitor(s->opt.monitor, &s->monitor);
}

static eg_status keep_best(stopping *s, eg_model *model) {
    if (!s->opt.restore_best) return EG_OK;
    if (s->best_state) return eg_state_copy(s->best_state, eg_model_state(model));
    s->best_state = eg_state_clone(eg_model_state(model));
    return s->best_state ? EG_OK : EG_E_MEMORY;
}

static eg_status stopping_epoch(void *user, const eg_progress_info *info) {
    stopping *s = user;
    double now = 0;
    int first = s->epochs++ == 0;
    EG_TRY(watch(&s->monitor, info, &now));
    s->wait++;
    if (s->best - now > s->opt.min_delta) {
        s->best = now;
        s->wait = 0;
        return keep_best(s, info->model);
    }
    if (s->wait >= s->opt.patience && !first) eg_model_stop(info->model);
    return EG_OK;
}

static void stopping_end(void *user, const eg_progress_info *info, eg_status result) {
    stopping *s = user;
    if (s->best_state && result == EG_OK) eg_state_copy(eg_model_state(info->model), s->best_state);
}

eg_callback eg_early_stopping_(eg_early_stopping_opt opt) {
    eg_callback callback;
    stopping *s = new_state(sizeof *s, &callback);
    if (!s) return callback;
    s->opt = opt;
    callback.free = free_stopping;
    callback.train_begin = stopping_begin;
    callback.epoch_end = stopping_epoch;
    callback.train_end = stopping_end;
    return callback;
}

/* ---- plateau ------------------------------------------------------------------------------------------------------
 */

typedef struct plateau {
    eg_reduce_on_plateau_opt opt;
    monitor monitor;
    double best;
    int wait, cooldown;
} plateau;

static eg_status plateau_begin(void *user, const eg_progress_info *info) {
    plateau *p = user;
    (void)info;
    p->best = (double)INFINITY;
    p->wait = p->cooldown = 0;
    if (!(p->opt.factor > 0 && p->opt.factor < 1))
        return eg_fail(EG_E_ARGUMENT, "reduce on plateau: factor %g is not between 0 and 1", p->opt.factor);
    return parse_monitor(p->opt.monitor, &p->monitor);
}

static eg_status plateau_epoch(void *user, const eg_progress_info *info) {
    plateau *p = user;
    double now = 0;
    EG_TRY(watch(&p->monitor, info, &now));
    if (p->cooldown > 0) p->cooldown--, p->wait = 0;
    if (p->best - now > p->opt.min_delta) {
        p->best = now;
        p->wait = 0;
    } else if (p->cooldown == 0 && ++p->wait >= p->opt.patience) {
        double lr = eg_model_lr(info->model) * p->opt.factor;
        p->cooldown = p->opt.cooldown;
        p->wait = 0;
        if (eg_model_lr(info->model) > p->opt.min_lr) return eg_model_set_lr(info->model, fmax(lr, p->opt.min_lr));
    }
    return EG_OK;
}

eg_callback eg_reduce_on_plateau_(eg_reduce_on_plateau_opt opt) {
    eg_callback callback;
    plateau *p = new_state(sizeof *p, &callback);
    if (!p) return callback;
    if (opt.factor == 0) opt.factor = .1;
    if (opt.patience == 0) opt.patience = 10;
    opt.min_delta = opt.min_delta == 0 ? 1e-4 : opt.min_delta == EG_ZERO ? 0 : opt.min_delta;
    p->opt = opt;
    callback.train_begin = plateau_begin;
    callback.epoch_end = plateau_epoch;
    return callback;
}

/* ---- checkpoint
 * ------------------------------------------------------------------------------------------------------ */

typedef struct checkpoint {
    eg_checkpoint_opt opt;
    char *path;
    monitor monitor;
    double best;
} checkpoint;

static void free_checkpoint(void *user) {
    eg_free(((checkpoint *)user)->path);
    eg_free(user);
}

static eg_status checkpoint_begin(void *user, const eg_progress_info *info) {
    checkpoint *c = user;
    if (!c->path) return no_memory(user, info);
    c->best = (double)INFINITY;
    return parse_monitor(c->opt.monitor, &c->monitor);
}

static eg_status checkpoint_epoch(void *user, const eg_progress_info *info) {
    checkpoint *c = user;
    double now = -(double)INFINITY;
    if (c->opt.best_only) EG_TRY(watch(&c->monitor, info, &now));
    if (c->opt.best_only && !(now < c->best)) return EG_OK;
    c->best = now;
    return eg_model_save(info->model, c->path);
}

eg_callback eg_checkpoint_(const char *path, eg_checkpoint_opt opt) {
    eg_callback callback;
    checkpoint *c = new_state(sizeof *c, &callback);
    if (!c) return callback;
    c->opt = opt;
    c->path = eg_strdup(path);
    callback.free = free_checkpoint;
    callback.train_begin = checkpoint_begin;
    callback.epoch_end = checkpoint_epoch;
    return callback;
}

/* ---- logs
 * --------------------------------------------------------------------------------------------------------------- */

typedef struct log_file {
    char *path;
    FILE *file;
    int rows;
    eg_events *events;
} log_file;

static void free_log(void *user) {
    log_file *log = user;
    if (log->file) fclose(log->file);
    eg_events_close(log->events);
    eg_free(log->path);
    eg_free(log);
}

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
    log_file *log = user;
    if (!log->path) return no_memory(user, info);
    log->file = fopen(log->path, "w");
    return log->file ? EG_OK : eg_fail_errno("%s", log->path);
}

static eg_status csv_epoch(void *user, const eg_progress_info *info) {
    log_file *log = user;
    eg_text text = { 0 };
    if (log->rows++ == 0) {
        eg_text_add(&text, "epoch");
        each_score(info, put_name, &text);
        eg_text_add(&text, "\n");
    }
    eg_text_format(&text, "%d", info->epoch - 1);
    each_score(info, put_value, &text);
    eg_text_add(&text, "\n");
    eg_status status = text.failed ? EG_E_MEMORY : EG_OK;
    if (status == EG_OK && (fwrite(text.data, 1, text.length, log->file) != text.length || fflush(log->file) != 0))
        status = eg_fail_errno("%s", log->path);
    eg_text_free(&text);
    return status;
}

static eg_callback new_log(const char *path, eg_status (*begin)(void *, const eg_progress_info *),
                           eg_status (*epoch)(void *, const eg_progress_info *)) {
    eg_callback callback;
    log_file *log = new_state(sizeof *log, &callback);
    if (!log) return callback;
    log->path = eg_strdup(path);
    callback.free = free_log;
    callback.train_begin = begin;
    callback.epoch_end = epoch;
    return callback;
}

eg_callback eg_csv_log(const char *path) { return new_log(path, csv_begin, csv_epoch); }

static eg_status events_begin(void *user, const eg_progress_info *info) {
    log_file *log = user;
    if (!log->path) return no_memory(user, info);
    log->events = eg_events_create(log->path);
    return log->events ? EG_OK : eg_error_status();
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
    scalars s = { ((log_file *)user)->events, info->epoch - 1 };
    EG_TRY(each_score(info, put_scalar, &s));
    return eg_events_scalar(s.events, s.step, "learning_rate", (float)info->lr);
}

eg_callback eg_tensorboard_log(const char *folder) { return new_log(folder, events_begin, events_epoch); }
