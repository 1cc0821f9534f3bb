/* SPDX-License-Identifier: MIT
 *
 * fit.c: the training loop. An epoch visits its rows in an order that depends on seed and epoch only; its place
 * (epoch, batch, totals so far) is part of the run, so a run that was stopped goes on with the very next batch.
 */
#include <math.h>
#include <string.h>
#include "base/cpu.h"
#include "train/fitting.h"

/* A fit in progress. */
typedef struct fit {
    double epoch_start, start;
    eg_bar *bar;
    eg_progress_info info;
    eg_scores validation_scores;
    eg_fitting run;
} fit;

/* ---- callbacks ------------------------------------------------------------------------------------------- */

typedef eg_status (*callback_fn)(void *user, const eg_progress_info *info);

/* Calls one function of every callback; `which` is its place in eg_callback. */
static eg_status call_back(fit *f, size_t which) {
    for (int i = 0; i < f->run.opt->n_callbacks; i++) {
        callback_fn fn;
        memcpy(&fn, (const char *)&f->run.opt->callbacks[i] + which, sizeof fn);
        if (!fn) continue;
        eg_status status = fn(f->run.opt->callbacks[i].user, &f->info);
        if (status != EG_OK) return status == EG_E_STOPPED ? eg_fail(status, "stopped by a callback") : status;
    }
    return EG_OK;
}

static void update_info(fit *f) {
    const eg_position *at = &f->run.trainer->position;
    f->info.epoch = at->epoch - at->first_epoch + 1;
    f->info.batch = at->batch;
    f->info.step = at->step;
    eg_scores_from(f->run.model, &at->totals, &f->info.train);
    f->info.validation = NULL;
    f->info.seconds = eg_clock() - f->epoch_start;
    f->info.lr = eg_fitting_lr(&f->run);
}

/* ---- history --------------------------------------------------------------------------------------------- */

static eg_status reserve_history(eg_trainer *trainer, int epochs) {
    if (epochs <= trainer->history_capacity) return EG_OK;
    eg_scores *train = eg_realloc(trainer->train_scores, (size_t)epochs * sizeof *train);
    if (train) trainer->train_scores = train;
    eg_scores *validation = eg_realloc(trainer->validation_scores, (size_t)epochs * sizeof *validation);
    if (validation) trainer->validation_scores = validation;
    if (!train || !validation) return EG_E_MEMORY;
    trainer->history_capacity = epochs;
    return EG_OK;
}

static eg_status record_epoch(fit *f) {
    eg_trainer *trainer = f->run.trainer;
    int epoch = trainer->history.epochs;
    EG_TRY(reserve_history(trainer, epoch + 1));
    trainer->train_scores[epoch] = f->info.train;
    if (f->run.validation)
        trainer->validation_scores[epoch] = f->validation_scores;
    else
        eg_scores_clear(&trainer->validation_scores[epoch]);
    trainer->history_validated |= f->run.validation != NULL;
    trainer->history.epochs = epoch + 1;
    return EG_OK;
}

const eg_history *eg_model_history(const eg_model *model) { return &eg_trainer_peek(model)->history; }

void eg_model_stop(eg_model *model) {
    eg_trainer *trainer = eg_trainer_of(model);
    if (trainer) trainer->stop = 1;
}

/* Points the public history at the arrays, which may have moved. */
static void publish_history(fit *f) {
    eg_trainer *trainer = f->run.trainer;
    trainer->history.train = trainer->train_scores;
    trainer->history.validation = trainer->history_validated ? trainer->validation_scores : NULL;
    trainer->history.steps = trainer->position.step;
    trainer->history.seconds += eg_clock() - f->start;
}

/* ---- one epoch ------------------------------------------------------------------------------------------- */

static eg_status train_batch(fit *f) {
    eg_position *at = &f->run.trainer->position;
    eg_program *program;
    int64_t n = eg_fitting_fill(&f->run);
    EG_TRY(eg_fitting_step(&f->run, n, &program));
    at->step++;
    at->batch++;
    double loss = eg_step_collect(f->run.trainer, program, n, &at->totals);
    return isfinite(loss) ? EG_OK : eg_fitting_diverged(&f->run, loss);
}

static eg_status check_stop(const fit *f) {
    if (f->run.opt->stop && *f->run.opt->stop)
        return eg_fail(EG_E_STOPPED, "stopped in epoch %d after batch %lld of %lld", f->info.epoch,
                       (long long)f->info.batch, (long long)f->run.batches);
    return EG_OK;
}

static int limit_reached(const fit *f) {
    return f->run.opt->max_steps > 0 && f->run.trainer->position.step >= f->run.opt->max_steps;
}

static eg_status run_batches(fit *f) {
    eg_position *at = &f->run.trainer->position;
    while (at->batch < f->run.batches && !limit_reached(f)) {
        EG_TRY(train_batch(f));
        update_info(f);
        eg_bar_batch(f->bar, &f->info);
        EG_TRY(call_back(f, offsetof(eg_callback, batch_end)));
        if (at->batch < f->run.batches) EG_TRY(check_stop(f));
    }
    return EG_OK;
}

static eg_status validate(fit *f) {
    if (!f->run.validation) return EG_OK;
    f->validation_scores = eg_model_evaluate(f->run.model, f->run.validation);
    f->info.validation = &f->validation_scores;
    return eg_model_status(f->run.model);
}

static eg_status run_epoch(fit *f) {
    eg_position *at = &f->run.trainer->position;
    f->epoch_start = eg_clock();
    eg_fitting_order(&f->run);
    update_info(f);
    if (at->batch == 0) EG_TRY(call_back(f, offsetof(eg_callback, epoch_begin)));
    EG_TRY(run_batches(f));
    update_info(f);
    EG_TRY(validate(f));
    f->info.seconds = eg_clock() - f->epoch_start;
    EG_TRY(record_epoch(f));
    eg_bar_epoch(f->bar, &f->info);
    at->epoch++;
    at->batch = 0;
    at->totals = (eg_totals){ 0 };
    return call_back(f, offsetof(eg_callback, epoch_end));
}

/* Is the loss standing still? */
static int within_tolerance(fit *f) {
    double before = f->run.trainer->position.last_loss, now = f->info.train.loss;
    f->run.trainer->position.last_loss = now;
    return f->run.opt->tolerance > 0 && fabs(before - now) < f->run.opt->tolerance;
}

static eg_status run_epochs(fit *f) {
    eg_position *at = &f->run.trainer->position;
    EG_TRY(call_back(f, offsetof(eg_callback, train_begin)));
    while (at->epoch - at->first_epoch < f->run.epochs && !limit_reached(f)) {
        EG_TRY(run_epoch(f));
        int done = within_tolerance(f) || f->run.trainer->stop || at->epoch - at->first_epoch >= f->run.epochs;
        if (f->run.opt->checkpoint) EG_TRY(eg_model_save_run(f->run.model, f->run.opt->checkpoint));
        if (done) break;
        EG_TRY(check_stop(f));
    }
    return EG_OK;
}

/* ---- the call -------------------------------------------------------------------------------------------- */

static void begin_run(fit *f) {
    eg_position *at = &f->run.trainer->position;
    f->run.trainer->stop = 0;
    if (!f->run.opt->resume) {
        at->first_epoch = at->epoch;
        at->batch = 0;
        at->totals = (eg_totals){ 0 };
        at->last_loss = (double)INFINITY;
        f->run.trainer->history = (eg_history){ 0 };
        f->run.trainer->history_validated = 0;
    }
    f->info = (eg_progress_info){ .model = f->run.model, .epochs = f->run.epochs, .batches = f->run.batches };
    f->epoch_start = f->start;
    update_info(f);
}

/* A polite stop leaves the run on disk, if a checkpoint was asked for. */
static eg_status save_on_stop(fit *f, eg_status status) {
    if (status != EG_E_STOPPED || !f->run.opt->checkpoint) return status;
    eg_status saved = eg_model_save_run(f->run.model, f->run.opt->checkpoint);
    return saved == EG_OK ? status : saved;
}

eg_status eg_model_fit_(eg_model *model, const eg_data *data, eg_fit_opt opt) {
    fit f = { .start = eg_clock() };
    eg_status status = eg_fitting_prepare(&f.run, model, data, &opt);
    if (status == EG_OK) {
        f.run.keeps = 1;
        f.bar = eg_bar_new(opt.progress);
        begin_run(&f);
        status = save_on_stop(&f, run_epochs(&f));
        publish_history(&f);
        for (int i = 0; i < opt.n_callbacks; i++)
            if (opt.callbacks[i].train_end) opt.callbacks[i].train_end(opt.callbacks[i].user, &f.info, status);
    }
    eg_bar_free(f.bar);
    eg_fitting_free(&f.run);
    return status == EG_E_STOPPED ? status : eg_model_fail(model, status);
}
