/* SPDX-License-Identifier: MIT
 *
 * rate.c: learning rates on trial. The lecture's rule for SGD, "try a large value first: .1 or even 1; divide by 10
 * and retry in case of divergence", carried on until smaller rates learn less: every trial begins with the same
 * parameters and sees the same batches. Picked is the rate with the lowest loss at its end, or a smaller one that is
 * close: a few steps flatter large rates. Afterwards nothing but the learning rate is another: parameters, slots,
 * position and history are put back.
 */
#include <math.h>
#include "optim/optim.h"
#include "runtime/state.h"
#include "train/fitting.h"

enum { MOST_STEPS = 200, PATIENCE = 2 }; /* trials that are no better before one stops */
/* Losses that differ by less than a quarter, or by less than a twentieth of what was learnt, are alike. */
#define CLOSE .25
#define CLOSE_LEARNT .05
static const double rates[EG_RATE_TRIALS] = { 1, .1, .01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7 };

/* What a trial changes, to be put back. */
typedef struct before {
    eg_state *state;
    eg_position at;
    double lr;
    int slots_ready;
} before;

static eg_status remember(const eg_fitting *f, before *b) {
    *b = (before){ eg_state_clone(f->model->state), f->trainer->position, f->trainer->lr, f->trainer->slots_ready };
    return b->state ? EG_OK : EG_E_MEMORY;
}

/* Slots that were made by a trial get their first values again. */
static eg_status put_back(eg_fitting *f, const before *b) {
    f->trainer->position = b->at;
    f->trainer->lr = b->lr;
    EG_TRY(eg_state_copy(f->model->state, b->state));
    return b->slots_ready ? EG_OK : eg_optimizer_init_slots(f->trainer->recipe.optimizer, f->model->state);
}

static eg_status check_stop(const eg_fitting *f) {
    return f->opt->stop && *f->opt->stop ? eg_fail(EG_E_STOPPED, "stopped while learning rates were tried") : EG_OK;
}

/* The mean loss of the last quarter of the steps, at their own rate. */
static eg_status try_rate(eg_fitting *f, int64_t steps, double lr, double *out) {
    eg_totals late = { 0 }, early = { 0 };
    double loss = 0;
    eg_program *program;
    f->trainer->lr = lr;
    f->trainer->position.batch = 0;
    eg_fitting_order(f);
    for (int64_t i = 0; i < steps && isfinite(loss); i++) {
        int64_t n = eg_fitting_fill(f);
        EG_TRY(check_stop(f));
        EG_TRY(eg_fitting_step(f, n, &program));
        loss = eg_step_collect(f->trainer, program, n, 4 * i >= 3 * steps ? &late : &early);
        eg_fitting_advance(f);
    }
    double samples = f->trainer->recipe.reduction == EG_REDUCTION_SUM ? (double)late.batches : (double)late.n;
    *out = isfinite(loss) ? late.loss / samples : loss;
    return EG_OK;
}

/* The same, and all is put back. */
static eg_status try_and_forget(eg_fitting *f, const before *b, int64_t steps, double lr, double *out) {
    eg_status status = try_rate(f, steps, lr, out), restored = put_back(f, b);
    return status == EG_OK ? restored : status;
}

static int is_better(const eg_fitting *f, const eg_rate_trial *a, const eg_rate_trial *b) {
    if (a->diverged || b->diverged) return b->diverged && !a->diverged;
    return f->trainer->recipe.maximize ? a->loss > b->loss : a->loss < b->loss;
}

static int smallest_close(const eg_rate_search *found, int best) {
    double loss = found->trial[best].loss;
    double close = fmax(CLOSE * fabs(loss), CLOSE_LEARNT * fabs(found->unlearnt - loss));
    int picked = best;
    for (int i = best + 1; i < found->n; i++)
        if (!found->trial[i].diverged && fabs(found->trial[i].loss - loss) < close) picked = i;
    return picked;
}

/* *best is the number of the picked trial. */
static eg_status try_rates(eg_fitting *f, const before *b, int64_t steps, eg_rate_search *out, int *best) {
    *best = 0;
    EG_TRY(try_and_forget(f, b, steps, 0, &out->unlearnt));
    while (out->n < EG_RATE_TRIALS && (out->trial[*best].diverged || out->n <= *best + PATIENCE)) {
        eg_rate_trial *trial = &out->trial[out->n];
        trial->lr = rates[out->n];
        EG_TRY(try_and_forget(f, b, steps, trial->lr, &trial->loss));
        double gain = f->trainer->recipe.maximize ? trial->loss - out->unlearnt : out->unlearnt - trial->loss;
        trial->diverged = !(gain > 0);
        if (is_better(f, trial, &out->trial[*best])) *best = out->n;
        out->n++;
    }
    if (!out->trial[*best].diverged) return EG_OK;
    return eg_fail(EG_E_DIVERGED, "no learning rate from %g down to %g lowers the loss", rates[0],
                   rates[EG_RATE_TRIALS - 1]);
}

static eg_status search(eg_fitting *f, eg_rate_search *out) {
    before b;
    int best = 0;
    double steps = (double)f->batches * f->epochs;
    if (f->opt->max_steps > 0 && (double)f->opt->max_steps < steps) steps = (double)f->opt->max_steps;
    EG_TRY(remember(f, &b));
    eg_status status = try_rates(f, &b, steps < MOST_STEPS ? (int64_t)steps : MOST_STEPS, out, &best);
    eg_state_free(b.state);
    if (status != EG_OK) return status;
    out->lr = f->trainer->lr = f->trainer->recipe.optimizer->opt.lr = out->trial[smallest_close(out, best)].lr;
    return EG_OK;
}

eg_status eg_model_find_rate_(eg_model *model, const eg_data *data, eg_fit_opt opt, eg_rate_search *out) {
    eg_fitting f;
    eg_rate_search own;
    if (!out) out = &own;
    *out = (eg_rate_search){ 0 };
    opt.schedule = EG_SCHEDULE_CONSTANT;
    opt.schedule_opt = (eg_schedule_opt){ 0 };
    eg_status status = eg_fitting_prepare(&f, model, data, &opt);
    if (status == EG_OK) status = search(&f, out);
    eg_fitting_free(&f);
    return status == EG_E_STOPPED || status == EG_E_DIVERGED ? status : eg_model_fail(model, status);
}
