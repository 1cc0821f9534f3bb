/* SPDX-License-Identifier: MIT
 *
 * fit.c: the training loop. An epoch visits its rows in an order that depends on seed and epoch only; its place
 * (epoch, batch, totals so far) is part of the run, so a run that was stopped goes on with the very next batch.
 */
#include <math.h>
#include <string.h>
#include "base/cpu.h"
#include "data/image.h"
#include "optim/optim.h"
#include "runtime/state.h"
#include "train/trainer.h"

/* The state of a moment ago and the rates since: from there a step that went wrong can be made again. */
enum { KEEP_EVERY = 64, KEEP_MOST = 1 << 28 }; /* steps; bytes: a state that is larger is not kept */
typedef struct kept {
    eg_state *state; /* NULL: nothing is kept */
    eg_position at;
    double lr[KEEP_EVERY]; /* of the steps from there on, before the schedule */
} kept;

/* What one call of fit works with. */
typedef struct fit {
    eg_model *model;
    eg_trainer *trainer;
    const eg_fit_opt *opt;
    eg_data *train, *split;    /* views, freed at the end; split is the validation part that was cut off */
    const eg_data *validation; /* what is validated on, or NULL */
    int64_t *order;            /* [rows] of this epoch */
    int64_t rows, batch, batches;
    int weighted, epochs, gradient_free, augmented;
    eg_bar *bar;
    kept kept;
    eg_progress_info info;
    eg_scores validation_scores;
    double epoch_start, start;
} fit;

/* ---- learning rate --------------------------------------------------------------------------------------- */

/* A function of the place in the run alone, so that a resumed run sees the same rates. */
static double scheduled_lr(const fit *f) {
    const eg_position *at = &f->trainer->position;
    double made = (double)(at->epoch - at->first_epoch) * (double)f->batches + (double)at->batch;
    double epochs = made / (double)f->batches;
    return f->trainer->lr *
           eg_schedule_factor(f->opt->schedule, f->opt->schedule_opt, epochs / (double)f->epochs, epochs);
}

/* ---- callbacks ------------------------------------------------------------------------------------------- */

typedef eg_status (*callback_fn)(void *user, const eg_progress_info *info);

/* Calls one function of every callback; `which` is its place in eg_callback. */
static eg_status call_back(fit *f, size_t which) {
    for (int i = 0; i < f->opt->n_callbacks; i++) {
        callback_fn fn;
        memcpy(&fn, (const char *)&f->opt->callbacks[i] + which, sizeof fn);
        if (!fn) continue;
        eg_status status = fn(f->opt->callbacks[i].user, &f->info);
        if (status != EG_OK) return status == EG_E_STOPPED ? eg_fail(status, "stopped by a callback") : status;
    }
    return EG_OK;
}

static void update_info(fit *f) {
    const eg_position *at = &f->trainer->position;
    int outputs = (int)eg_shape_size(eg_model_output_shape(f->model));
    f->info.epoch = at->epoch - at->first_epoch + 1;
    f->info.batch = at->batch;
    f->info.step = at->step;
    f->info.train = eg_scores_from(f->trainer, &at->totals, outputs);
    f->info.validation = NULL;
    f->info.seconds = eg_clock() - f->epoch_start;
    f->info.lr = scheduled_lr(f);
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
    eg_trainer *trainer = f->trainer;
    int epoch = trainer->history.epochs;
    EG_TRY(reserve_history(trainer, epoch + 1));
    trainer->train_scores[epoch] = f->info.train;
    trainer->validation_scores[epoch] = f->validation ? f->validation_scores : eg_scores_none();
    trainer->history_validated |= f->validation != NULL;
    trainer->history.epochs = epoch + 1;
    return EG_OK;
}

const eg_history *eg_model_history(const eg_model *model) {
    static const eg_history none;
    const eg_trainer *trainer = eg_trainer_peek(model);
    return trainer ? &trainer->history : &none;
}

void eg_model_stop(eg_model *model) {
    eg_trainer *trainer = eg_trainer_of(model);
    if (trainer) trainer->stop = 1;
}

/* Points the public history at the arrays, which may have moved. */
static void publish_history(fit *f) {
    eg_trainer *trainer = f->trainer;
    trainer->history.train = trainer->train_scores;
    trainer->history.validation = trainer->history_validated ? trainer->validation_scores : NULL;
    trainer->history.steps = trainer->position.step;
    trainer->history.seconds += eg_clock() - f->start;
}

/* ---- one step -------------------------------------------------------------------------------------------- */

static eg_status bind_data(fit *f, eg_program *program, int64_t n) {
    const eg_batch *batch = &f->trainer->batch;
    EG_TRY(eg_bind(program, "x", batch->x, (size_t)n * batch->x_row));
    EG_TRY(eg_bind(program, "y", batch->y, (size_t)n * batch->y_row));
    return f->weighted ? eg_bind(program, "weights", batch->weights, (size_t)n * sizeof(float)) : EG_OK;
}

static eg_status set_step(fit *f, eg_program *program) {
    int32_t step = (int32_t)f->trainer->position.step;
    EG_TRY(eg_set(program, "step", &step, sizeof step));
    double lr = scheduled_lr(f);
    float narrow = (float)lr;
    int wide = f->trainer->recipe.dtype == EG_F64;
    return eg_set(program, "lr", wide ? (const void *)&lr : &narrow, wide ? sizeof lr : sizeof narrow);
}

/* One step of a method that only compares losses: the program of an evaluation, run on the batch again and again. */
static eg_status search_batch(fit *f, int64_t n, eg_program **out) {
    eg_program *program;
    EG_TRY(eg_step_program_get(f->model, EG_PROGRAM_EVALUATE, n, f->train, f->weighted, &program));
    EG_TRY(bind_data(f, program, n));
    *out = program;
    int64_t passes = 0;
    EG_TRY(eg_coordinate_sweep(f->model, program, scheduled_lr(f), f->trainer->recipe.maximize ? -1 : 1, &passes));
    return eg_run(program);
}

/* Keeps the state every so many steps, and the rate of each. */
static eg_status keep(fit *f) {
    kept *k = &f->kept;
    const eg_state *state = eg_model_state(f->model);
    int64_t made = f->trainer->position.step - k->at.step;
    if (!k->state || made >= KEEP_EVERY) {
        size_t bytes = 0;
        for (int i = 0; i < state->n; i++) bytes += state->variable[i].bytes;
        if (bytes > KEEP_MOST) return EG_OK;
        if (k->state && k->state->n == state->n)
            for (int i = 0; i < state->n; i++)
                memcpy(k->state->variable[i].data, state->variable[i].data, state->variable[i].bytes);
        else {
            eg_state_free(k->state);
            if (!(k->state = eg_state_clone(state))) return EG_E_MEMORY;
        }
        k->at = f->trainer->position;
        made = 0;
    }
    k->lr[made] = f->trainer->lr;
    return EG_OK;
}

static int64_t fill_batch(fit *f) {
    eg_trainer *trainer = f->trainer;
    const eg_position *at = &trainer->position;
    int64_t first = at->batch * f->batch;
    int64_t n = f->rows - first < f->batch ? f->rows - first : f->batch;
    eg_batch_fill(&trainer->batch, f->train, f->order + first, 0, n, f->opt->class_weights);
    if (f->augmented)
        eg_batch_augment(&trainer->batch, f->train, f->order + first, n, f->opt->augment, trainer->recipe.seed,
                         at->epoch);
    return n;
}

static eg_status run_bound(fit *f, eg_program *program, int64_t n) {
    EG_TRY(bind_data(f, program, n));
    EG_TRY(set_step(f, program));
    return eg_run(program);
}

static eg_status descend_batch(fit *f, int64_t n, eg_program **out) {
    EG_TRY(eg_step_program_get(f->model, EG_PROGRAM_TRAIN, n, f->train, f->weighted, out));
    EG_TRY(keep(f));
    return run_bound(f, *out, n);
}

/* ---- a step that went wrong ------------------------------------------------------------------------------ */

static int is_finite(const eg_variable *variable) {
    size_t size = eg_dtype_size(variable->dtype);
    for (size_t i = 0; i < variable->bytes / size; i++) {
        double value = variable->dtype == EG_F64 ? ((const double *)variable->data)[i]
                                                 : (double)((const float *)variable->data)[i];
        if (!isfinite(value)) return 0;
    }
    return 1;
}

/* The first variable with a number that is not finite, or NULL. */
static const char *bad_variable(const eg_state *state) {
    for (int i = 0; i < state->n; i++)
        if ((state->variable[i].dtype == EG_F32 || state->variable[i].dtype == EG_F64) &&
            !is_finite(&state->variable[i]))
            return state->variable[i].name;
    return NULL;
}

/* From the kept state again, to before step `last` or before the first step that leaves a bad variable; *step is the
 * one that it stands before. */
static eg_status replay(fit *f, int64_t last, int64_t *step) {
    eg_trainer *trainer = f->trainer;
    eg_position *at = &trainer->position;
    eg_program *program;
    EG_TRY(eg_state_copy(eg_model_state(f->model), f->kept.state));
    *at = f->kept.at;
    eg_epoch_order(f->opt->shuffle, trainer->recipe.seed, at->epoch, f->order, f->rows);
    for (*step = at->step; *step < last && !bad_variable(eg_model_state(f->model)); *step = ++at->step) {
        int64_t n = fill_batch(f);
        trainer->lr = f->kept.lr[at->step - f->kept.at.step];
        EG_TRY(eg_step_program_get(f->model, EG_PROGRAM_TRAIN, n, f->train, f->weighted, &program));
        EG_TRY(run_bound(f, program, n));
        if (++at->batch < f->batches) continue;
        at->batch = 0;
        eg_epoch_order(f->opt->shuffle, trainer->recipe.seed, ++at->epoch, f->order, f->rows);
    }
    return EG_OK;
}

/* What the first bad number was and where, into `text`; "" if it did not come again. */
static eg_status find_origin(fit *f, char *text, size_t size) {
    int64_t failed = f->trainer->position.step - 1, step;
    eg_autopsy autopsy = { 0 };
    EG_TRY(replay(f, failed, &step));
    if (bad_variable(eg_model_state(f->model))) EG_TRY(replay(f, step - 1, &step));
    f->trainer->lr = f->kept.lr[step - f->kept.at.step];
    int64_t n = fill_batch(f);
    eg_status status = eg_autopsy_new(f->model, n, f->train, f->weighted, &autopsy);
    if (status == EG_OK) status = run_bound(f, autopsy.program, n);
    if (status == EG_OK) status = eg_autopsy_find(&autopsy, text, size);
    eg_autopsy_free(&autopsy);
    return status;
}

/* The model is left as it was before the step that went wrong, if that is known. */
static eg_status fail_diverged(fit *f, double loss) {
    char text[400] = "", advice[120];
    const eg_position *at = &f->trainer->position;
    int64_t step = at->step;
    if (f->kept.state && find_origin(f, text, sizeof text) == EG_OK && *text) step = at->step + 1;
    const char *bad = bad_variable(eg_model_state(f->model));
    if (!*text && bad) snprintf(text, sizeof text, "'%s' is not finite", bad);
    snprintf(advice, sizeof advice, "try a smaller learning rate than %g, or clip the gradients", f->trainer->lr);
    return eg_fail(EG_E_DIVERGED, "training diverged in epoch %d, step %lld: %s%sloss %g; %s",
                   at->epoch - at->first_epoch + 1, (long long)step, text, *text ? "; " : "", isnan(loss) ? fabs(loss) : loss,
                   step <= 1 ? "it is the first step: look at the data and the initial values" : advice);
}

static eg_status train_batch(fit *f) {
    eg_trainer *trainer = f->trainer;
    eg_position *at = &trainer->position;
    eg_program *program;
    int64_t n = fill_batch(f);
    EG_TRY(f->gradient_free ? search_batch(f, n, &program) : descend_batch(f, n, &program));
    at->step++;
    at->batch++;
    double loss = eg_step_collect(trainer, program, n, &at->totals);
    return isfinite(loss) ? EG_OK : fail_diverged(f, loss);
}

/* ---- one epoch ------------------------------------------------------------------------------------------- */

static eg_status check_stop(const fit *f) {
    if (f->opt->stop && *f->opt->stop)
        return eg_fail(EG_E_STOPPED, "stopped in epoch %d after batch %lld of %lld", f->info.epoch,
                       (long long)f->info.batch, (long long)f->batches);
    return EG_OK;
}

static int limit_reached(const fit *f) {
    return f->opt->max_steps > 0 && f->trainer->position.step >= f->opt->max_steps;
}

static eg_status run_batches(fit *f) {
    eg_position *at = &f->trainer->position;
    while (at->batch < f->batches && !limit_reached(f)) {
        EG_TRY(train_batch(f));
        update_info(f);
        eg_bar_batch(f->bar, &f->info);
        EG_TRY(call_back(f, offsetof(eg_callback, batch_end)));
        if (at->batch < f->batches) EG_TRY(check_stop(f));
    }
    return EG_OK;
}

static eg_status validate(fit *f) {
    if (!f->validation) return EG_OK;
    f->validation_scores = eg_model_evaluate(f->model, f->validation);
    f->info.validation = &f->validation_scores;
    return eg_model_status(f->model);
}

static eg_status run_epoch(fit *f) {
    eg_position *at = &f->trainer->position;
    f->epoch_start = eg_clock();
    eg_epoch_order(f->opt->shuffle, f->trainer->recipe.seed, at->epoch, f->order, f->rows);
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
    double before = f->trainer->position.last_loss, now = f->info.train.loss;
    f->trainer->position.last_loss = now;
    return f->opt->tolerance > 0 && fabs(before - now) < f->opt->tolerance;
}

static eg_status run_epochs(fit *f) {
    eg_position *at = &f->trainer->position;
    EG_TRY(call_back(f, offsetof(eg_callback, train_begin)));
    while (at->epoch - at->first_epoch < f->epochs && !limit_reached(f)) {
        EG_TRY(run_epoch(f));
        int done = within_tolerance(f) || f->trainer->stop || at->epoch - at->first_epoch >= f->epochs;
        if (f->opt->checkpoint) EG_TRY(eg_model_save_run(f->model, f->opt->checkpoint));
        if (done) break;
        EG_TRY(check_stop(f));
    }
    return EG_OK;
}

/* ---- the call -------------------------------------------------------------------------------------------- */

static eg_status check_options(const eg_trainer *trainer, const eg_fit_opt *opt, const eg_data *data) {
    if (opt->epochs < 0) return eg_fail(EG_E_ARGUMENT, "fit: %d epochs", opt->epochs);
    if (opt->batch < EG_BATCH_ALL)
        return eg_fail(EG_E_ARGUMENT, "fit: a batch of %lld samples", (long long)opt->batch);
    if (!(opt->validation_split >= 0 && opt->validation_split < 1))
        return eg_fail(EG_E_ARGUMENT, "fit: validation_split is a share from 0 to below 1, not %g",
                       opt->validation_split);
    if (opt->class_weights && eg_data_task(data) != EG_TASK_CLASSIFICATION)
        return eg_fail(EG_E_ARGUMENT, "fit: class weights need a classification");
    if (opt->resume && !trainer->slots_ready)
        return eg_fail(EG_E_ARGUMENT, "fit: there is no run to resume: the model was never trained, or is finished");
    EG_TRY(eg_augment_check(&opt->augment, eg_data_sample_shape(data)));
    return eg_schedule_check(opt->schedule, opt->schedule_opt);
}

static eg_status split_data(fit *f, const eg_data *data) {
    int64_t n = eg_data_rows(data);
    int64_t kept = n - (int64_t)floor((double)n * f->opt->validation_split);
    if (kept < 1)
        return eg_fail(EG_E_DATA, "validation_split %g leaves no rows to train on", f->opt->validation_split);
    f->train = eg_data_range(data, 0, kept);
    f->split = kept < n && !f->opt->validation ? eg_data_range(data, kept, n) : NULL;
    if (!f->train || (kept < n && !f->opt->validation && !f->split)) return EG_E_MEMORY;
    f->validation = f->opt->validation ? f->opt->validation : f->split;
    return EG_OK;
}

static void begin_run(fit *f) {
    eg_position *at = &f->trainer->position;
    f->epochs = f->opt->epochs ? f->opt->epochs : 1;
    f->trainer->stop = 0;
    if (!f->opt->resume) {
        at->first_epoch = at->epoch;
        at->batch = 0;
        at->totals = (eg_totals){ 0 };
        at->last_loss = (double)INFINITY;
        f->trainer->history = (eg_history){ 0 };
        f->trainer->history_validated = 0;
    }
    f->info = (eg_progress_info){ .model = f->model, .epochs = f->epochs, .batches = f->batches };
    f->epoch_start = f->start;
    update_info(f);
}

static eg_status prepare(fit *f, const eg_data *data) {
    EG_TRY(eg_trainer_check(f->model, data, 1));
    EG_TRY(check_options(f->trainer, f->opt, data));
    EG_TRY(eg_trainer_meet(f->model, data));
    EG_TRY(split_data(f, data));
    if (f->validation) EG_TRY(eg_trainer_check(f->model, f->validation, 1));
    EG_TRY(eg_trainer_fit_scaling(f->model, f->train));
    f->rows = eg_data_rows(f->train);
    f->batch = f->opt->batch == EG_BATCH_ALL ? f->rows : f->opt->batch ? f->opt->batch : 32;
    if (f->batch > f->rows) f->batch = f->rows;
    f->batches = (f->rows + f->batch - 1) / f->batch;
    f->gradient_free = !f->trainer->recipe.optimizer->method->step;
    f->augmented = eg_augment_is_on(&f->opt->augment);
    f->weighted = f->opt->class_weights || eg_data_weights(data);
    f->order = eg_alloc((size_t)f->rows * sizeof *f->order);
    if (!f->order) return EG_E_MEMORY;
    f->bar = eg_bar_new(f->opt->progress);
    return eg_batch_reserve(&f->trainer->batch, f->train, f->batch);
}

/* A polite stop leaves the run on disk, if a checkpoint was asked for. */
static eg_status save_on_stop(fit *f, eg_status status) {
    if (status != EG_E_STOPPED || !f->opt->checkpoint) return status;
    eg_status saved = eg_model_save_run(f->model, f->opt->checkpoint);
    return saved == EG_OK ? status : saved;
}

eg_status eg_model_fit_(eg_model *model, const eg_data *data, eg_fit_opt opt) {
    eg_trainer *trainer = model ? model->train : NULL;
    if (!trainer || !trainer->compiled)
        return eg_model_fail(model, eg_fail(EG_E_ARGUMENT, "fit: the model is not compiled"));
    fit f = { .model = model, .trainer = trainer, .opt = &opt, .start = eg_clock() };
    eg_status status = prepare(&f, data);
    if (status == EG_OK) {
        begin_run(&f);
        status = save_on_stop(&f, run_epochs(&f));
        publish_history(&f);
        for (int i = 0; i < opt.n_callbacks; i++)
            if (opt.callbacks[i].train_end) opt.callbacks[i].train_end(opt.callbacks[i].user, &f.info, status);
    }
    eg_bar_free(f.bar);
    eg_state_free(f.kept.state);
    eg_free(f.order);
    eg_data_free(f.train);
    eg_data_free(f.split);
    return status == EG_E_STOPPED ? status : eg_model_fail(model, status);
}
