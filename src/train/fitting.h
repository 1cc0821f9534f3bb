/* SPDX-License-Identifier: MIT
 *
 * fitting.h: what one call of fit works with, and one training step of it. fit.c loops over such steps in earnest;
 * diverged.c makes the last ones again to see what went wrong; rate.c makes a few on trial.
 */
#ifndef EG_TRAIN_FITTING_H
#define EG_TRAIN_FITTING_H

#include "train/trainer.h"

/* The state of a moment ago and the rates since: from there a step that went wrong can be made again. */
enum { EG_KEEP_EVERY = 64, EG_KEEP_MOST = 1 << 28 }; /* steps; bytes: a state that is larger is not kept */
typedef struct eg_kept {
    eg_state *state; /* NULL: nothing is kept */
    eg_position at;
    double lr[EG_KEEP_EVERY]; /* of the steps from there on, before the schedule */
} eg_kept;

typedef struct eg_fitting {
    eg_model *model;
    eg_trainer *trainer;
    const eg_fit_opt *opt;
    eg_data *train, *split;    /* views, freed at the end; split is the validation part that was cut off */
    const eg_data *validation; /* what is validated on, or NULL */
    int64_t *order;            /* [rows] of this epoch */
    int64_t rows, batch, batches;
    int weighted, epochs, gradient_free, augmented;
    int keeps; /* whether steps are kept */
    eg_kept kept;
} eg_fitting;

/* fitting.c */
/* Checks and fits model, options and data to each other; before the first step nothing else is needed. */
eg_status eg_fitting_prepare(eg_fitting *f, eg_model *model, const eg_data *data, const eg_fit_opt *opt);
void eg_fitting_free(eg_fitting *f);       /* also after a failure */
double eg_fitting_lr(const eg_fitting *f); /* of the next step */
/* The rows of the epoch that the position is in; states are zero where it begins. */
void eg_fitting_order(eg_fitting *f);
/* The samples of the next step into the batch; returns how many. */
int64_t eg_fitting_fill(eg_fitting *f);
/* Runs a program of n samples' training step on the batch. */
eg_status eg_fitting_run(eg_fitting *f, eg_program *program, int64_t n);
/* One training step on the filled batch: the program, which has run. The position stays. */
eg_status eg_fitting_step(eg_fitting *f, int64_t n, eg_program **out);
/* To the next step, if need be of the next epoch. */
void eg_fitting_advance(eg_fitting *f);

/* diverged.c */
/* Keeps the state every so many steps, and the rate of each. */
eg_status eg_fitting_keep(eg_fitting *f);
/* After a step whose loss is not finite: a DIVERGED error that says where it came from. */
eg_status eg_fitting_diverged(eg_fitting *f, double loss);

#endif
