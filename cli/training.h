/* SPDX-License-Identifier: MIT
 *
 * training.h: a training as settings: what `elegans train` does once and `elegans tune` many times. Settings become
 * data, a recipe, a model and a fit; messages of mistakes are printed here.
 */
#ifndef ELEGANS_CLI_TRAINING_H
#define ELEGANS_CLI_TRAINING_H

#include "cli.h"

typedef struct train_options {
    const char *data, *target, *test, *net, *init, *optimizer, *loss, *metrics, *out, *config, *log, *tensorboard,
        *plot, *from, *scaling, *missing, *augment, *class_weights, *size;
    double lr, momentum, rho, beta1, beta2, epsilon, weight_decay, clip_value, clip_norm, clip_global_norm, l1, l2,
        validation, test_share, tolerance, delta, schedule_factor, schedule_every, schedule_end, warm_up;
    int64_t task, reduction, dialect, shuffle, schedule; /* words */
    const char *text;
    int64_t unit, length, most; /* of texts in a column */
    int64_t batch, epochs, seed, threads, test_last, steps, early_stopping, plateau;
    int nesterov, no_header, centre, maximize, json, quiet, resume, checkpoint, dry_run;
    cli_list set, freeze;
} train_options;

/* Words in the order of their enums (tasks from 1). */
extern const char *const training_tasks[];
extern const char *const training_units[], *const training_reductions[], *const training_dialects[];
extern const char *const training_rates[]; /* "auto": lr is HUGE_VAL until it is found */
extern const char *const training_shuffles[], *const training_schedules[];

/* What the texts of --scaling, --missing, --augment and --class-weights mean (preparation.c); NULL: the default.
 * CLI_GO_ON or CLI_USAGE. The weights, one for each class, are the caller's to free; NULL without. */
int training_scaling(const char *text, eg_scaling *kind, eg_scaling_opt *opt);
int training_missing(const char *text, eg_missing *kind, int *indicate);
int training_augment(const char *text, eg_augment *out);
int training_class_weights(const char *text, const eg_data *data, double **out);

/* "key=value" of --set over the settings. */
int training_set(train_options *o, const char *pair);

typedef struct sets {
    eg_data *whole, *rest, *train, *validation, *test; /* whole: all that was read; rest: without the test rows */
    int chose_test;                                    /* nobody said which rows test */
} sets;
/* Opens the data and splits it as the settings say; CLI_GO_ON or an exit code. */
int training_open(train_options *o, sets *s);
void training_free_sets(sets *s);
int training_is_table(const eg_data *data);

int training_is_text(const eg_data *data); /* the next token of a text is learnt */

enum { TRAINING_NET = 512 };
/* Fills in what was left open, and names it in `chosen` (", net, epochs"); `net` holds a chosen network. */
void training_choose(train_options *o, const sets *s, char net[TRAINING_NET], char *chosen, size_t size);
/* A loss by its name. For auto and log_likelihood, which is climbed, *out stays: what fits the last layer. */
eg_status training_loss_named(const char *name, eg_loss_kind *out);
/* A compiled model for this data; free it also after a mistake. */
int training_model(const train_options *o, const eg_data *data, eg_model **out);
/* Finds the learning rate that "auto" stands for, tells what was tried (unless quiet), and puts the picked one into the
 * settings and the model. */
eg_status training_rate(train_options *o, eg_model *model, const eg_data *train, const eg_data *validation,
                        eg_rate_search *found);
/* At most 8 callbacks of the caller's; those that the settings ask for come behind them. */
eg_status training_fit(const train_options *o, eg_model *model, const eg_data *train, const eg_data *validation,
                       const eg_callback *callbacks, int n);

#endif
