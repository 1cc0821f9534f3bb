/* SPDX-License-Identifier: MIT
 *
 * trainer.h: what compile / fit / evaluate / predict keep beside a model: the recipe, the programs for each batch
 * size, the scores and the place of a run. It hangs in the model's `train` slot and is freed with it.
 *
 *     recipe.c    recipe -> loss, metrics, defaults          prepare.c  preprocessing: fitted, stored, built
 *     batch.c    rows of a data set -> input buffers
 *     step.c      recipe + model -> graph -> program         fitting.c  one step of a fit; fit.c the loop
 *     score.c     sums of a program -> scores                progress.c the bar
 *     evaluate.c  evaluate, predict                          file.c     save, load, resume
 *     coordinate.c  training without gradients              diverged.c where the first bad number came from
 *     rate.c      learning rates on trial                    sample.c   one step at a time, texts
 */
#ifndef EG_TRAIN_TRAINER_H
#define EG_TRAIN_TRAINER_H

#include <elegans/train.h>
#include "base/alloc.h"
#include "base/status.h"
#include "nn/model.h"

/* ---- scores ---------------------------------------------------------------------------------------------- */

/* Sums over samples that a program returns beside its loss; scores are made of their totals. */
typedef enum eg_sum_kind {
    EG_SUM_HITS,     /* argmax (or threshold) equals the class                     */
    EG_SUM_TOP_K,    /* the class is among the k largest outputs                   */
    EG_SUM_SQUARED,  /* (y - p)^2 over all outputs                                 */
    EG_SUM_ABSOLUTE, /* |y - p|                                                    */
    EG_SUM_TARGET,   /* y: with the next one, the variance that r2 compares with   */
    EG_SUM_TARGET_SQUARED,
    EG_SUM_STEPS,    /* of masked outputs, the steps that are there: what means are over */
    EG_SUM_KINDS
} eg_sum_kind;

/* Totals of an epoch or an evaluation. */
typedef struct eg_totals {
    double loss;    /* sum of batch loss x samples, or masked: steps (reduction mean), or of batch losses (sum) */
    double penalty; /* the same for the penalty alone */
    double sum[EG_SUM_KINDS];
    int64_t n, batches;
} eg_totals;

/* ---- programs -------------------------------------------------------------------------------------------- */

typedef enum eg_program_kind { EG_PROGRAM_TRAIN, EG_PROGRAM_EVALUATE, EG_PROGRAM_PREDICT } eg_program_kind;

/* One compiled program: kind x batch size x dtype of the raw samples x whether samples are weighted. Its roots are:
 * predict: the outputs; evaluate and train: loss, penalty (0 if none), the sums in use, and for train the assigns. */
typedef struct eg_step_program {
    /* What it is known by, compared as bytes: there are none between. */
    int64_t batch;
    eg_program_kind kind;
    eg_dtype x_dtype;
    int weighted;
    int output; /* the wire that it computes: the model's output, or one before it */
    eg_program *program;
    struct eg_step_program *next;
} eg_step_program;

/* Buffers that programs read their batch from (bound, not copied). */
typedef struct eg_batch {
    void *x;        /* [capacity, sample] in the data's dtype */
    void *y;        /* [capacity] i32 or [capacity, width] f32 */
    float *weights; /* [capacity] */
    int64_t capacity;
    size_t x_row, y_row; /* bytes of one row */
} eg_batch;

/* Where a run stands; saved with it. */
typedef struct eg_position {
    int64_t step;     /* training steps made */
    int epoch;        /* epochs completed since the model was compiled */
    int first_epoch;  /* where the current run began */
    int64_t batch;    /* batches made in the current epoch */
    double last_loss; /* of the epoch before, for the tolerance */
    eg_totals totals; /* of the current epoch so far */
} eg_position;

typedef struct eg_names {
    const char **name;
    int n;
} eg_names;

typedef struct eg_trainer {
    int compiled, slots_ready;
    eg_loss_kind loss; /* what AUTO became */
    eg_task task;
    eg_scaling scaling; /* what is in force; AUTO until fitted */
    int scaling_fitted;
    int masked;         /* the model's output has a mask: known from its first program on */
    eg_missing missing; /* what "preprocess/fill" in the state is */
    int stop;           /* a callback asked for the end of the run */
    double lr;
    eg_position position;
    eg_recipe recipe; /* defaults filled in; the optimizer is owned */
    eg_step_program *programs;
    eg_batch batch;
    eg_history history;
    eg_scores *train_scores, *validation_scores; /* [history_capacity] */
    int history_capacity, history_validated;
    /* What is known of the data. */
    eg_arena arena; /* of the names */
    eg_names classes, columns;
    const char *target_name;
    eg_vocabulary *vocabulary; /* owned; NULL: none */
} eg_trainer;

/* The model's trainer, made on first use; NULL without memory. */
eg_trainer *eg_trainer_of(eg_model *model);
const eg_trainer *eg_trainer_peek(const eg_model *model); /* one without anything where there is none yet */
/* Records the first error in the model ("sticks") and returns it. */
eg_status eg_model_fail(eg_model *model, eg_status status);

/* recipe.c */
/* Fits recipe and model to a data set: loss, task, names, scaling; DATA/SHAPE errors where they do not fit. */
eg_status eg_trainer_meet(eg_model *model, const eg_data *data);
/* Checks one data set against what the model expects (sample shape, classes, width of y, finite numbers). */
eg_status eg_trainer_check(eg_model *model, const eg_data *data);
void eg_trainer_drop_programs(eg_trainer *trainer);

/* prepare.c */
/* Fits the recipe's scaling to the training part and stores it in the model's state, once. */
eg_status eg_trainer_fit_scaling(eg_model *model, const eg_data *data);
/* The shape of raw samples: the model's input, but for pca and whiten of wider ones. */
const eg_shape *eg_prepare_shape(const eg_model *model);
int eg_prepare_takes(const eg_model *model, const eg_shape *sample);
/* Whether the model looks its input up, by embedding or one_hot: whole numbers that no scaling may change. */
int eg_prepare_keeps_numbers(const eg_model *model);
/* Raw samples x [batch, ...] as the model's input, in the recipe's dtype. */
eg_value *eg_prepare_build(const eg_model *model, eg_value *x);
/* DATA error for gaps in the data that the model was not fitted to fill. */
eg_status eg_prepare_check_gaps(const eg_model *model, const eg_data *data);
/* DATA error if the state does not hold what the scaling needs, in the right shapes. */
eg_status eg_prepare_check(const eg_model *model);

/* step.c */
/* A program's graph while it is being made. Values with ids below `prepared` are the preprocessing, below `forward`
 * the model and its loss, below `backward` the gradients, and then comes the update. */
typedef struct eg_step_graph {
    eg_model *model;
    eg_trainer *trainer;
    eg_graph *graph;
    eg_value *x, *y, *weights, *step, *lr; /* inputs; NULL where the program has none */
    eg_value *p, *logits, *penalty;
    eg_value **root; /* [capacity] */
    int roots, capacity, prepared, forward, backward;
} eg_step_graph;
eg_status eg_step_graph_new(eg_model *model, const eg_step_program *wanted, const eg_data *data, eg_step_graph *out);
void eg_step_graph_free(eg_step_graph *graph); /* also after a failure */
/* A program of some of its values as the recipe says. */
eg_program *eg_step_compile(const eg_step_graph *graph, eg_value *const *roots, int n, int no_fuse);
eg_status eg_step_program_get(eg_model *model, eg_program_kind kind, int64_t batch, const eg_data *data, int weighted,
                              eg_program **out);
/* The same for bare samples (predict). */
eg_status eg_predict_program_get(eg_model *model, int64_t batch, eg_dtype x_dtype, eg_program **out);
/* Adds one run's results to the totals; returns the batch's loss. */
double eg_step_collect(const eg_trainer *trainer, const eg_program *program, int64_t samples, eg_totals *totals);

/* score.c */
/* The value of one sum for a batch: y as given (i32 [n] or f32 [n,k]), p the outputs [n,k], or [n,steps,k] with a mask
 * [n,steps], else NULL; a scalar f32/f64. A single output above `threshold` means class 1. */
eg_value *eg_sum_build(const eg_trainer *trainer, eg_sum_kind kind, eg_value *y, eg_value *p, double threshold,
                       eg_value *mask);
/* What a single output must exceed to mean class 1: 0 for logits and margins, .5 for all else (targets are 0 and 1).
 */
double eg_threshold(const eg_trainer *trainer, eg_activation_kind last);
/* Which sums the recipe's metrics need: bit eg_sum_kind. */
unsigned eg_sums_needed(const eg_trainer *trainer);
void eg_scores_from(const eg_model *model, const eg_totals *totals, eg_scores *out);
void eg_scores_clear(eg_scores *scores); /* nothing is known of any sample */
/* The names of the scores in the order of eg_scores, of which each is a double. */
enum { EG_SCORES = 6 };
extern const char *const eg_score_names[EG_SCORES];
static inline double eg_score(const eg_scores *scores, int i) { return ((const double *)scores)[i]; }

/* evaluate.c */
/* SHAPE error for rows that are not whole batches of a stateful model. */
eg_status eg_check_stateful(const eg_model *model, int64_t rows);

/* transfer.c */
/* Compiles a model for predictions as another one is compiled, and takes over its parameters. */
eg_status eg_trainer_copy(eg_model *copy, const eg_model *model);

/* file.c */
struct eg_variable;
eg_tensor *eg_variable_tensor(const eg_state *state, const struct eg_variable *variable); /* row-major copy */

/* coordinate.c */
/* One sweep of the coordinate search over all trainable parameters, each moved by +-size where that lowers the loss (root
 * 0 of the bound program; `sign` -1 climbs). Adds the forward passes made to *passes. */
eg_status eg_coordinate_sweep(eg_model *model, eg_program *program, double size, int sign, int64_t *passes);

/* batch.c */
eg_status eg_batch_reserve(eg_batch *batch, const eg_data *data, int64_t rows);
void eg_batch_free(eg_batch *batch);
/* Copies rows order[0..n) (or first, first+1, ... when order is NULL) into the buffers. class_weights may be NULL. */
void eg_batch_fill(eg_batch *batch, const eg_data *data, const int64_t *order, int64_t first, int64_t n,
                   const double *class_weights);
/* The first n rows become the program's inputs. */
eg_status eg_batch_bind(const eg_batch *batch, eg_program *program, int64_t n, int weighted);
/* The same rows of x once more, changed at random as epoch `epoch` of `seed` sees them. */
void eg_batch_augment(eg_batch *batch, const eg_data *data, const int64_t *order, int64_t n,
                      const eg_augment *augment, uint64_t seed, int epoch);
/* The rows of epoch `epoch` in order: identity, a permutation, or draws with replacement; a function of seed and
 * epoch. */
void eg_epoch_order(eg_shuffle shuffle, uint64_t seed, int epoch, int64_t *order, int64_t n);

/* schedule.c */
/* ARGUMENT error for an unknown schedule or options that make no sense. */
eg_status eg_schedule_check(eg_schedule schedule, const eg_schedule_opt *opt);

/* progress.c */
typedef struct eg_bar eg_bar;
eg_bar *eg_bar_new(FILE *stream); /* NULL stream or no memory: NULL, and all calls do nothing */
void eg_bar_batch(eg_bar *bar, const eg_progress_info *info);
void eg_bar_epoch(eg_bar *bar, const eg_progress_info *info);
void eg_bar_free(eg_bar *bar);

#endif
