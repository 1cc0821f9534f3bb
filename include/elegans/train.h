/* SPDX-License-Identifier: MIT
 *
 * elegans/train.h: compile, fit, evaluate, predict, save, load: Keras' words for training a model.
 *
 *     eg_model_compile(m, .optimizer = eg_rmsprop(), .loss = EG_LOSS_AUTO, .seed = 1);
 *     eg_model_fit(m, train, .epochs = 5, .batch = 128, .progress = stderr);
 *     printf("%.4f\n", eg_model_evaluate(m, test).accuracy);
 *     eg_model_save(m, "mnist.safetensors");
 *
 * A run is reproducible: the same seed gives the same bits for any number of threads, and a run that was stopped,
 * saved and resumed ends in the same bits as one that was not.
 */
#ifndef ELEGANS_TRAIN_H
#define ELEGANS_TRAIN_H

#include <stdio.h>
#include <elegans/data.h>
#include <elegans/nn.h>
#include <elegans/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- compile --------------------------------------------------------------------------------------------- */

typedef enum eg_metric {
    EG_METRIC_NONE,
    EG_METRIC_ACCURACY,
    EG_METRIC_TOP_K,
    EG_METRIC_MSE,
    EG_METRIC_MAE,
    EG_METRIC_R2,
    EG_METRIC_KINDS
} eg_metric;
enum { EG_MAX_METRICS = 8 };

typedef struct eg_recipe {
    size_t size_;
    eg_optimizer *optimizer; /* taken; NULL: Adam with a learning rate of 1e-3 */
    eg_loss_kind loss;       /* EG_LOSS_AUTO: by the last activation and the task */
    eg_value *(*loss_fn)(void *user, eg_value *y, eg_value *p); /* instead of `loss`: per-sample or scalar */
    void *loss_user;
    eg_reduction_kind reduction;
    double huber_delta;
    double l1, l2; /* penalties on all kernels, added to the layers' own: l1 sum|w| + l2/2 sum w^2 */
    eg_metric metrics[EG_MAX_METRICS]; /* all NONE: accuracy for classes, mae for regression */
    int top_k;                         /* of EG_METRIC_TOP_K; 5 */
    eg_scaling scaling;                /* fitted by the first fit on its training part; AUTO is none where the model
                                          looks its input up (embedding, one_hot), others are errors there */
    eg_dialect dialect;
    int maximize;   /* ascent: the loss is made as large as possible */
    eg_dtype dtype; /* EG_F32; EG_F64 runs on the reference executor */
    uint64_t seed;
    int threads; /* 0: the process default */
    eg_executor executor;
    eg_scaling_opt scaling_opt; /* pca, whiten: components 0 is as many as the model has inputs */
    int centre; /* samples are images [height,width] or [height,width,channels]: before the scaling, each is moved by
                   whole pixels until its centre of mass is in the middle (eg_image_centre with its own size, box 0) */
} eg_recipe;
EG_API eg_status eg_model_compile_(eg_model *model, eg_recipe recipe);
#define eg_model_compile(m, ...) eg_model_compile_(m, (eg_recipe){ .size_ = sizeof(eg_recipe), __VA_ARGS__ })

/* ---- scores and history ---------------------------------------------------------------------------------- */

/* What was not computed is NaN. `metric` follows the recipe's list; the named fields repeat the usual ones. */
typedef struct eg_scores {
    double loss, accuracy, top_k, mse, mae, r2;
    double penalty; /* included in loss */
    int64_t n;      /* samples */
} eg_scores;

typedef struct eg_history {
    int epochs;                  /* completed in this run */
    const eg_scores *train;      /* [epochs], running means over the epoch's batches, as Keras shows */
    const eg_scores *validation; /* [epochs] or NULL */
    int64_t steps;               /* training steps in all */
    double seconds;
} eg_history;

/* ---- callbacks ------------------------------------------------------------------------------------------- */

typedef struct eg_progress_info {
    eg_model *model;
    int epoch, epochs;           /* from 1 */
    int64_t batch, batches;      /* from 1 within the epoch */
    int64_t step;                /* since the start of the run */
    eg_scores train;             /* so far in this epoch */
    const eg_scores *validation; /* at the end of an epoch, or NULL */
    double seconds;              /* of this epoch so far */
    double lr;
} eg_progress_info;

/* Each function may be NULL; a status other than OK ends the run with it (EG_E_STOPPED is a polite stop: fit returns
 * it, with the model valid and resumable). A callback may change the learning rate by eg_model_set_lr. */
typedef struct eg_callback {
    void *user;
    eg_status (*train_begin)(void *user, const eg_progress_info *info);
    eg_status (*epoch_begin)(void *user, const eg_progress_info *info);
    eg_status (*batch_end)(void *user, const eg_progress_info *info);
    eg_status (*epoch_end)(void *user, const eg_progress_info *info);
    void (*train_end)(void *user, const eg_progress_info *info, eg_status result);
    void (*free)(void *user); /* releases `user`; called by eg_callback_free only (elegans/callbacks.h) */
} eg_callback;

/* Ends the fit in progress after this epoch as if it had been the last: no error. For callbacks. */
EG_API void eg_model_stop(eg_model *model);
EG_API eg_status eg_model_set_lr(eg_model *model, double lr);
EG_API double eg_model_lr(const eg_model *model);

/* ---- fit ------------------------------------------------------------------------------------------------- */

typedef enum eg_shuffle { EG_SHUFFLE_EACH_EPOCH, EG_SHUFFLE_OFF, EG_SHUFFLE_WITH_REPLACEMENT } eg_shuffle;
enum { EG_BATCH_ALL = -1 };
/* The learning rate over a run, as a factor of its base. p = steps made / steps planned (0 to 1), e = epochs made,
 * with the fraction of the one in progress; the rest are fields of eg_schedule_opt (their defaults in brackets). */
#define EG_SCHEDULE_LIST(X)                                                                          \
    X(CONSTANT, "constant", "1")                                                                     \
    X(LINEAR, "linear", "1 - p, down to end [0]")                                                    \
    X(COSINE, "cosine", "(1 + cos pi p) / 2, down to end [0]")                                       \
    X(STEP, "step", "factor^floor(e / every) [.1, 10]")                                              \
    X(EXPONENTIAL, "exponential", "factor^(e / every) [.9, 1]")                                      \
    X(INVERSE_TIME, "inverse_time", "1 / (1 + factor e / every) [1, 1]")                             \
    X(POLYNOMIAL, "polynomial", "(1 - p)^power, down to end [2, 0]")                                 \
    X(COSINE_RESTARTS, "cosine_restarts",                                                            \
      "cosine over every [10] epochs, each period grow [2] times the last, peaks x factor [1]")      \
    X(ONE_CYCLE, "one_cycle", "cosine from 1/25 up to 1 over the first 30 %, then down to 1/250000") \
    X(MULTIPLY, "multiply", "factor^floor(e) [.95]: the slides' lr = beta lr after each epoch")

typedef enum eg_schedule {
#define EG_SCHEDULE_ENUM_(NAME, name, formula) EG_SCHEDULE_##NAME,
    EG_SCHEDULE_LIST(EG_SCHEDULE_ENUM_)
#undef EG_SCHEDULE_ENUM_
        EG_SCHEDULES
} eg_schedule;

typedef struct eg_schedule_opt {
    double factor, every, power, end, grow; /* 0: the default */
    double warm_up;                         /* before all else: linear from 0 over so many epochs */
} eg_schedule_opt;

/* The factor at a place of the run; ARGUMENT error for options that make no sense, or that the schedule does not
 * have, is given by fit. */
EG_API double eg_schedule_factor(eg_schedule schedule, eg_schedule_opt opt, double progress, double epochs);
EG_API const char *eg_schedule_name(eg_schedule schedule);
EG_API eg_status eg_schedule_named(const char *name, eg_schedule *out); /* NAME error with "did you mean" */

typedef struct eg_fit_opt {
    size_t size_;
    int epochs;                /* 1; counted from the start of the run when resuming */
    int64_t batch;             /* 32, of a stateful model its rows; EG_BATCH_ALL: full batch */
    double validation_split;   /* the last part of the data, before shuffling */
    const eg_data *validation; /* instead of a split */
    eg_shuffle shuffle;        /* a stateful model reads the rows in order, its states are zero before each epoch */
    eg_schedule schedule;
    eg_schedule_opt schedule_opt;
    const double *class_weights; /* [classes] or NULL */
    double tolerance;            /* stop when the epoch's loss changes by less; 0: off */
    int64_t max_steps;           /* 0: no limit */
    const eg_callback *callbacks;
    int n_callbacks;
    FILE *progress;         /* a bar per epoch on a terminal, else a line per epoch; NULL: silent */
    volatile int *stop;     /* non-zero (from a signal handler) stops politely after the batch: EG_E_STOPPED */
    const char *checkpoint; /* path: the run is saved there after each epoch and on a stop */
    int resume;             /* go on with the run that the model was loaded from */
    eg_augment augment;     /* of training samples, anew in each epoch; a resumed run gives it again */
} eg_fit_opt;
/* DIVERGED when the loss is not finite: the steps since the state was last kept (at most 64) are made again, and the
 * message names the step, the layer and the op that gave the first number that is not finite; the model stays as it
 * was before that step. (Of a state of more than 256 MB nothing is kept, and the first bad parameter is named.) */
EG_API eg_status eg_model_fit_(eg_model *model, const eg_data *data, eg_fit_opt opt);
#define eg_model_fit(m, ...) EG_MODEL_FIT_(m, __VA_ARGS__, .size_ = sizeof(eg_fit_opt))
#define EG_MODEL_FIT_(m, data, ...) eg_model_fit_(m, data, (eg_fit_opt){ __VA_ARGS__ })
EG_API const eg_history *eg_model_history(const eg_model *model); /* of the last fit; borrowed */

/* Tries learning rates: 1, .1, .01, ... each from the same parameters for the first steps of the fit that the options
 * describe (200 at most), at a constant rate, until two in turn are no better than the best. The one with the lowest
 * loss over the last quarter of its steps, or the smallest that comes close (a quarter, or a twentieth of what was
 * learnt), becomes the model's learning rate; all else is as it was, so that a fit then gives the bits of one that was
 * told this rate. The rule is the lecture's, "try a large value first: .1 or even 1; divide by 10 and retry in case of
 * divergence". DIVERGED if no rate lowers the loss. */
enum { EG_RATE_TRIALS = 8 };
typedef struct eg_rate_trial {
    double lr, loss; /* over the last quarter; not finite: stopped there */
    int diverged;    /* or the loss is no lower than at a rate of 0 */
} eg_rate_trial;
typedef struct eg_rate_search {
    double lr;       /* the picked one */
    double unlearnt; /* the loss of the same steps at a rate of 0 */
    int n;
    eg_rate_trial trial[EG_RATE_TRIALS];
} eg_rate_search;
EG_API eg_status eg_model_find_rate_(eg_model *model, const eg_data *data, eg_fit_opt opt, eg_rate_search *out);
/* eg_model_find_rate(m, train, &found, .epochs = 5, .batch = 64); `found` may be NULL */
#define eg_model_find_rate(m, ...) EG_MODEL_FIND_RATE_(m, __VA_ARGS__, .size_ = sizeof(eg_fit_opt))
#define EG_MODEL_FIND_RATE_(m, data, out, ...) eg_model_find_rate_(m, data, (eg_fit_opt){ __VA_ARGS__ }, out)

/* ---- evaluate and predict -------------------------------------------------------------------------------- */

/* Loss NaN on failure: see eg_model_error. A stateful model begins with states of zero, and is left with them. */
EG_API eg_scores eg_model_evaluate(eg_model *model, const eg_data *data);
/* Outputs [n, outputs...] for samples x [n, ...] (f32 or u8, raw: preprocessing is applied); free with
 * eg_tensor_free. A stateful model goes on from the states that the last call left (eg_model_reset_states). */
EG_API eg_tensor *eg_model_predict(eg_model *model, const eg_tensor *x);
/* Class numbers i32 [n], or [n, steps] of a model that gives classes for each step: argmax, or p > .5 for one sigmoid
 * output. */
EG_API eg_tensor *eg_model_predict_classes(eg_model *model, const eg_tensor *x);

/* ---- one step at a time ----------------------------------------------------------------------------------- */

/* A copy of a model over sequences that is run step by step: samples are one step [1, ...], and its recurrent layers keep
 * the states of `rows` rows between calls of eg_model_predict (eg_model_reset_states). Poisoned where a layer looks at
 * several steps at once (attention, convolution, both directions), or preprocessing does. */
EG_API eg_model *eg_model_stepwise(const eg_model *model, int64_t rows);

typedef struct eg_sample_opt {
    size_t size_;
    const char *start;  /* what the text begins with; NULL: a new line, which is not told */
    int64_t tokens;     /* 500 */
    double temperature; /* 1; below it likely tokens are more likely still, EG_ZERO: always the likeliest */
    uint64_t seed;
} eg_sample_opt;
/* Lets a model of the next token (eg_data_from_text) write: each token that is drawn is its next input. Recurrent layers
 * keep their states; a model with causal attention reads the last tokens again for each, as many as a sample has.
 * ARGUMENT error for layers that look at later steps (both directions, attention that is not causal). The same seed gives
 * the same text. Allocated, free with eg_string_free; NULL on failure. */
EG_API char *eg_model_sample_(const eg_model *model, eg_sample_opt opt);
#define eg_model_sample(...) EG_MODEL_SAMPLE_(__VA_ARGS__, .size_ = sizeof(eg_sample_opt))
#define EG_MODEL_SAMPLE_(model, ...) eg_model_sample_(model, (eg_sample_opt){ __VA_ARGS__ })

/* ---- features and transfer -------------------------------------------------------------------------------- */

/* What the named layer gives for the samples, [n, its output...]: a hidden layer's features; free with eg_tensor_free. */
EG_API eg_tensor *eg_model_predict_layer(eg_model *model, const char *layer, const eg_tensor *x);
/* A model of its own that ends at the named layer, with the same parameters and preprocessing (copies): to predict
 * with, to save, or as the first layer of a new one (eg_model_layer). Poisoned on failure. */
EG_API eg_model *eg_model_output_of(const eg_model *model, const char *layer);
/* A frozen layer keeps its parameters while the others train; at any time, saved with the model. NAME error if there
 * is no such layer. */
EG_API eg_status eg_model_freeze(eg_model *model, const char *layer, int frozen);

/* Takes over the parameters of another model wherever a name with the same shape is in both, and its preprocessing and
 * scaling if this model has none yet and takes the same samples. After eg_model_compile, which sets first values. The
 * report says for each parameter what became of it; `text` is a line for each, free with eg_string_free. */
typedef struct eg_transfer {
    int taken, absent, other_shape; /* parameters of `model`: taken; not in `from`; there with another shape */
    int preprocessing;              /* taken too */
    char *text;                     /* "dense/kernel [4,8]: taken" */
} eg_transfer;
EG_API eg_status eg_model_transfer(eg_model *model, const eg_model *from, eg_transfer *report); /* report may be NULL */

/* ---- files ----------------------------------------------------------------------------------------------- */

/* One safetensors file: parameters by name, preprocessing, and in __metadata__ the description (JSON), recipe, class
 * and column names. With `run`, also the optimizer's slots, step, position and permutation, so that fit can resume.
 */
EG_API eg_status eg_model_save(const eg_model *model, const char *path);
EG_API eg_status eg_model_save_run(const eg_model *model, const char *path);
EG_API eg_model *eg_model_load(const char *path); /* poisoned on failure */
/* SHA-256 of all parameters (names, shapes, bytes as row-major) but states of stateful layers: 64 hexadecimal digits. */
EG_API eg_status eg_model_sha256(const eg_model *model, char out[65]);

/* What the model knows of its data: class and column names, "" or NULL if unknown. */
EG_API int eg_model_classes(const eg_model *model);
EG_API const char *eg_model_class_name(const eg_model *model, int index);
EG_API int eg_model_columns(const eg_model *model);
EG_API const char *eg_model_column_name(const eg_model *model, int index);
EG_API const char *eg_model_target_name(const eg_model *model);
EG_API eg_scaling eg_model_scaling(const eg_model *model);
/* A model of texts keeps their vocabulary, saved with it; it takes the vocabulary. NULL: none. */
EG_API eg_status eg_model_set_vocabulary(eg_model *model, eg_vocabulary *vocabulary);
EG_API const eg_vocabulary *eg_model_vocabulary(const eg_model *model);
EG_API eg_missing eg_model_missing(const eg_model *model); /* how it fills gaps; ERROR: not at all */
EG_API int eg_model_centre(const eg_model *model);         /* whether it centres images (a recipe's `centre`) */

#ifdef __cplusplus
}
#endif
#endif
