/* SPDX-License-Identifier: MIT
 *
 * fitting.c: one training step, and what has to be right before the first one.
 */
#include <math.h>
#include <string.h>
#include "data/image.h"
#include "optim/optim.h"
#include "runtime/state.h"
#include "tensor/shape.h"
#include "train/fitting.h"

/* ---- a step ---------------------------------------------------------------------------------------------- */

/* A function of the place in the run alone, so that a resumed run sees the same rates. */
double eg_fitting_lr(const eg_fitting *f) {
    const eg_position *at = &f->trainer->position;
    double made = (double)(at->epoch - at->first_epoch) * (double)f->batches + (double)at->batch;
    double epochs = made / (double)f->batches;
    return f->trainer->lr *
           eg_schedule_factor(f->opt->schedule, f->opt->schedule_opt, epochs / (double)f->epochs, epochs);
}

void eg_fitting_order(eg_fitting *f) {
    int stateful = eg_model_stateful_rows(f->model) > 0; /* its rows go on where the batch before ended */
    eg_epoch_order(stateful ? EG_SHUFFLE_OFF : f->opt->shuffle, f->trainer->recipe.seed, f->trainer->position.epoch,
                   f->order, f->rows);
    if (f->trainer->position.batch == 0) eg_model_reset_states(f->model);
}

int64_t eg_fitting_fill(eg_fitting *f) {
    eg_trainer *trainer = f->trainer;
    const eg_position *at = &trainer->position;
    int64_t first = at->batch * f->batch;
    int64_t n = f->rows - first < f->batch ? f->rows - first : f->batch;
    eg_batch_fill(&trainer->batch, f->train, f->order + first, 0, n, f->opt->class_weights);
    if (f->augmented)
        eg_batch_augment(&trainer->batch, f->train, f->order + first, n, &f->opt->augment, trainer->recipe.seed,
                         at->epoch);
    return n;
}

static eg_status set_step(eg_fitting *f, eg_program *program) {
    int32_t step = (int32_t)f->trainer->position.step;
    double lr = eg_fitting_lr(f), rate; /* in the model's dtype */
    eg_dtype dtype = f->trainer->recipe.dtype;
    eg_convert(dtype, &rate, EG_F64, &lr, 1);
    EG_TRY(eg_set(program, "step", &step, sizeof step));
    return eg_set(program, "lr", &rate, eg_dtype_size(dtype));
}

eg_status eg_fitting_run(eg_fitting *f, eg_program *program, int64_t n) {
    EG_TRY(eg_batch_bind(&f->trainer->batch, program, n, f->weighted));
    EG_TRY(set_step(f, program));
    return eg_run(program);
}

/* One step of a method that only compares losses: the program of an evaluation, run on the batch again and again. */
static eg_status search_batch(eg_fitting *f, int64_t n, eg_program **out) {
    eg_program *program;
    EG_TRY(eg_step_program_get(f->model, EG_PROGRAM_EVALUATE, n, f->train, f->weighted, &program));
    EG_TRY(eg_batch_bind(&f->trainer->batch, program, n, f->weighted));
    *out = program;
    int64_t passes = 0;
    EG_TRY(eg_coordinate_sweep(f->model, program, eg_fitting_lr(f), f->trainer->recipe.maximize ? -1 : 1, &passes));
    return eg_run(program);
}

eg_status eg_fitting_step(eg_fitting *f, int64_t n, eg_program **out) {
    if (f->gradient_free) return search_batch(f, n, out);
    EG_TRY(eg_step_program_get(f->model, EG_PROGRAM_TRAIN, n, f->train, f->weighted, out));
    if (f->keeps) EG_TRY(eg_fitting_keep(f));
    return eg_fitting_run(f, *out, n);
}

void eg_fitting_advance(eg_fitting *f) {
    eg_position *at = &f->trainer->position;
    at->step++;
    if (++at->batch < f->batches) return;
    at->batch = 0;
    at->epoch++;
    eg_fitting_order(f);
}

/* ---- before the first step ------------------------------------------------------------------------------- */

static eg_status check_options(const eg_trainer *trainer, const eg_fit_opt *opt, const eg_data *data) {
    if (opt->epochs < 0) return eg_fail(EG_E_ARGUMENT, "fit: %d epochs", opt->epochs);
    if (opt->batch < EG_BATCH_ALL)
        return eg_fail(EG_E_ARGUMENT, "fit: a batch of %lld samples", (long long)opt->batch);
    if (!(opt->validation_split >= 0 && opt->validation_split < 1))
        return eg_fail(EG_E_ARGUMENT, "fit: validation_split is a share from 0 to below 1, not %g",
                       opt->validation_split);
    if (opt->class_weights &&
        (eg_data_task(data) != EG_TASK_CLASSIFICATION || eg_tensor_shape(eg_data_y(data)).rank != 1))
        return eg_fail(EG_E_ARGUMENT, "fit: class weights need a classification, one class for each row");
    if (opt->resume && !trainer->slots_ready)
        return eg_fail(EG_E_ARGUMENT, "fit: there is no run to resume: the model was never trained, or is finished");
    EG_TRY(eg_augment_check(&opt->augment, eg_data_sample_shape(data)));
    return eg_schedule_check(opt->schedule, &opt->schedule_opt);
}

static eg_status split_data(eg_fitting *f, const eg_data *data) {
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

/* Batches are the rows whose states are kept, in the order of the data. */
static eg_status prepare_stateful(eg_fitting *f) {
    int64_t stateful = eg_model_stateful_rows(f->model);
    if (f->opt->batch && f->batch != stateful)
        return eg_fail(EG_E_ARGUMENT, "fit: the model keeps the states of %lld rows: a batch has as many, not %lld",
                       (long long)stateful, (long long)f->batch);
    if (f->gradient_free) return eg_fail(EG_E_ARGUMENT, "fit: a method without gradients needs a model without states");
    f->batch = stateful;
    EG_TRY(eg_check_stateful(f->model, f->rows));
    return f->validation ? eg_check_stateful(f->model, eg_data_rows(f->validation)) : EG_OK;
}

static eg_status prepare(eg_fitting *f, const eg_data *data) {
    EG_TRY(eg_trainer_check(f->model, data));
    EG_TRY(check_options(f->trainer, f->opt, data));
    EG_TRY(eg_trainer_meet(f->model, data));
    EG_TRY(split_data(f, data));
    if (f->validation) EG_TRY(eg_trainer_check(f->model, f->validation));
    EG_TRY(eg_trainer_fit_scaling(f->model, f->train));
    f->rows = eg_data_rows(f->train);
    f->batch = f->opt->batch == EG_BATCH_ALL ? f->rows : f->opt->batch ? f->opt->batch : 32;
    if (f->batch > f->rows) f->batch = f->rows;
    f->gradient_free = !f->trainer->recipe.optimizer->method->step;
    if (eg_model_stateful_rows(f->model)) EG_TRY(prepare_stateful(f));
    f->batches = (f->rows + f->batch - 1) / f->batch;
    f->epochs = f->opt->epochs ? f->opt->epochs : 1;
    f->augmented = eg_augment_is_on(&f->opt->augment);
    f->weighted = f->opt->class_weights || eg_data_weights(data);
    f->order = eg_alloc((size_t)f->rows * sizeof *f->order);
    if (!f->order) return EG_E_MEMORY;
    return eg_batch_reserve(&f->trainer->batch, f->train, f->batch);
}

eg_status eg_fitting_prepare(eg_fitting *f, eg_model *model, const eg_data *data, const eg_fit_opt *opt) {
    *f = (eg_fitting){ .model = model, .trainer = model ? model->train : NULL, .opt = opt };
    if (!f->trainer || !f->trainer->compiled) return eg_fail(EG_E_ARGUMENT, "fit: the model is not compiled");
    return prepare(f, data);
}

void eg_fitting_free(eg_fitting *f) {
    eg_state_free(f->kept.state);
    eg_free(f->order);
    eg_data_free(f->train);
    eg_data_free(f->split);
}
