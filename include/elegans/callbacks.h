/* SPDX-License-Identifier: MIT
 *
 * elegans/callbacks.h: what people hang into a training: early stopping, a learning rate that reacts to plateaus,
 * checkpoints of the best model, logs. Each constructor gives an eg_callback by value for eg_fit_opt.callbacks;
 * eg_callback_free releases what it holds. A failed constructor gives a callback whose train_begin returns the error,
 * so that fit reports it.
 *
 *     eg_callback callbacks[] = { eg_early_stopping(.patience = 3, .restore_best = 1), eg_csv_log("run.csv") };
 *     eg_model_fit(m, data, .epochs = 100, .validation_split = .2, .callbacks = callbacks, .n_callbacks = 2);
 *     for (int i = 0; i < 2; i++) eg_callback_free(&callbacks[i]);
 *
 * Semantics and defaults are Keras'. `monitor` is a score by name: loss, accuracy, top_k, mse, mae, r2, each with or
 * without "val_"; NULL is val_loss where there is validation, else loss. Losses and errors are better when smaller,
 * accuracy, top_k and r2 when larger.
 */
#ifndef ELEGANS_CALLBACKS_H
#define ELEGANS_CALLBACKS_H

#include <elegans/train.h>

#ifdef __cplusplus
extern "C" {
#endif

EG_API void eg_callback_free(eg_callback *callback); /* zeroes it; fine on a zeroed one */

/* Stops when the score has not improved by more than min_delta for `patience` epochs (0: at the first one that is not
 * better). */
typedef struct eg_early_stopping_opt {
    size_t size_;
    const char *monitor;
    double min_delta;
    int patience;
    int restore_best; /* at the end, put the parameters of the best epoch back */
} eg_early_stopping_opt;
EG_API eg_callback eg_early_stopping_(eg_early_stopping_opt opt);
#define eg_early_stopping(...) \
    eg_early_stopping_((eg_early_stopping_opt){ .size_ = sizeof(eg_early_stopping_opt), __VA_ARGS__ })

/* lr *= factor (.1) when the score has not improved by more than min_delta (1e-4) for `patience` (10) epochs; then
 * waits `cooldown` epochs; never below min_lr. */
typedef struct eg_reduce_on_plateau_opt {
    size_t size_;
    const char *monitor;
    double factor, min_delta, min_lr;
    int patience, cooldown;
} eg_reduce_on_plateau_opt;
EG_API eg_callback eg_reduce_on_plateau_(eg_reduce_on_plateau_opt opt);
#define eg_reduce_on_plateau(...) \
    eg_reduce_on_plateau_((eg_reduce_on_plateau_opt){ .size_ = sizeof(eg_reduce_on_plateau_opt), __VA_ARGS__ })

/* Saves the model after every epoch, or only after one that is the best so far. */
typedef struct eg_checkpoint_opt {
    size_t size_;
    const char *monitor;
    int best_only;
} eg_checkpoint_opt;
EG_API eg_callback eg_checkpoint_(const char *path, eg_checkpoint_opt opt);
#define eg_checkpoint(...) EG_CHECKPOINT_(__VA_ARGS__, .size_ = sizeof(eg_checkpoint_opt))
#define EG_CHECKPOINT_(path, ...) eg_checkpoint_(path, (eg_checkpoint_opt){ __VA_ARGS__ })

/* A CSV file with one row an epoch: epoch (from 0), then the scores in alphabetical order; written through after each
 * row. */
EG_API eg_callback eg_csv_log(const char *path);
/* An event file for TensorBoard in that folder: each score of each epoch as a scalar, validation as val_*. */
EG_API eg_callback eg_tensorboard_log(const char *folder);

#ifdef __cplusplus
}
#endif
#endif
