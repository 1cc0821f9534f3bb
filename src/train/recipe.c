/* SPDX-License-Identifier: MIT
 *
 * recipe.c: what eg_model_compile says, completed by what the data says. Compiling only stores the recipe; the loss
 * that AUTO means, the names of classes and columns and the fitted scaling are decided when the first data set is
 * met.
 */
#include <math.h>
#include <string.h>
#include "base/text.h"
#include "data/set.h"
#include "data/text.h"
#include "runtime/state.h"
#include "tensor/shape.h"
#include "train/trainer.h"

/* ---- the trainer's life ---------------------------------------------------------------------------------- */

void eg_trainer_drop_programs(eg_trainer *trainer) {
    for (eg_step_program *program = trainer->programs, *next; program; program = next) {
        next = program->next;
        eg_program_free(program->program);
        eg_free(program);
    }
    trainer->programs = NULL;
}

static void trainer_free(void *slot) {
    eg_trainer *trainer = slot;
    if (!trainer) return;
    eg_trainer_drop_programs(trainer);
    eg_batch_free(&trainer->batch);
    eg_optimizer_free(trainer->recipe.optimizer);
    eg_free(trainer->train_scores);
    eg_free(trainer->validation_scores);
    eg_arena_free(&trainer->arena);
    eg_vocabulary_free(trainer->vocabulary);
    eg_free(trainer);
}

const eg_trainer *eg_trainer_peek(const eg_model *model) {
    static eg_trainer none; /* not const: zeros that take no place in the file */
    return model && model->train ? model->train : &none;
}

eg_trainer *eg_trainer_of(eg_model *model) {
    if (!model->train) {
        model->train = eg_calloc(1, sizeof(eg_trainer));
        model->train_free = trainer_free;
    }
    return model->train;
}

/* ---- compile --------------------------------------------------------------------------------------------- */

static eg_status check_recipe(const eg_model *model, const eg_recipe *recipe) {
    if (recipe->dtype != EG_F32 && recipe->dtype != EG_F64)
        return eg_fail(EG_E_ARGUMENT, "compile: a model's dtype is f32 or f64");
    if (recipe->reduction == EG_REDUCTION_NONE)
        return eg_fail(EG_E_ARGUMENT, "compile: a training loss is a mean or a sum");
    if ((unsigned)recipe->scaling >= EG_SCALING_KINDS)
        return eg_fail(EG_E_ARGUMENT, "compile: %d is no scaling", (int)recipe->scaling);
    if (recipe->scaling > EG_SCALING_NONE && eg_prepare_keeps_numbers(model))
        return eg_fail(EG_E_ARGUMENT, "scaling %s: the network looks its input up by number, which must stay as it is",
                       eg_scaling_name(recipe->scaling));
    if (recipe->l1 < 0 || recipe->l2 < 0) return eg_fail(EG_E_ARGUMENT, "compile: penalties are not negative");
    return eg_model_status(model);
}

static eg_status compile(eg_model *model, eg_trainer *trainer) {
    eg_recipe *recipe = &trainer->recipe;
    if (!recipe->dtype) recipe->dtype = EG_F32;
    if (recipe->dtype == EG_F64) recipe->executor = EG_REF;
    if (!recipe->top_k) recipe->top_k = 5;
    trainer->loss = recipe->loss;
    trainer->lr = eg_optimizer_lr(recipe->optimizer);
    trainer->position = (eg_position){ .last_loss = (double)INFINITY };
    trainer->compiled = 1;
    trainer->slots_ready = 0;
    EG_TRY(check_recipe(model, recipe));
    EG_TRY(eg_model_set_dtype(model, recipe->dtype));
    return eg_model_init(model, recipe->seed, recipe->dialect);
}

eg_status eg_model_compile_(eg_model *model, eg_recipe recipe) {
    eg_trainer *trainer = model ? eg_trainer_of(model) : NULL;
    if (!recipe.optimizer) recipe.optimizer = eg_adam(.lr = 1e-3);
    if (!trainer || !recipe.optimizer) {
        eg_optimizer_free(recipe.optimizer);
        return model ? eg_model_fail(model, EG_E_MEMORY) : eg_fail(EG_E_ARGUMENT, "compile: no model");
    }
    eg_trainer_drop_programs(trainer);
    eg_optimizer_free(trainer->recipe.optimizer);
    trainer->recipe = recipe;
    return eg_model_fail(model, compile(model, trainer));
}

eg_status eg_model_set_lr(eg_model *model, double lr) {
    eg_trainer *trainer = eg_trainer_of(model);
    if (!trainer) return eg_error_status();
    if (!(lr > 0) || isinf(lr)) return eg_fail(EG_E_ARGUMENT, "a learning rate is a positive number, not %g", lr);
    trainer->lr = lr;
    return EG_OK;
}

double eg_model_lr(const eg_model *model) { return model && model->train ? eg_trainer_peek(model)->lr : (double)NAN; }

/* ---- meeting the data ------------------------------------------------------------------------------------ */

/* The loss that AUTO means: by the task and the shape of the output. */
static eg_loss_kind choose_loss(const eg_model *model, const eg_data *data) {
    if (eg_data_task(data) != EG_TASK_CLASSIFICATION) return EG_LOSS_MEAN_SQUARED_ERROR;
    const eg_shape *out = &model->output->shape;
    eg_activation_kind last = eg_model_last_activation(model);
    if (out->rank && out->dim[out->rank - 1] > 1 && last != EG_SIGMOID)
        return EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY;
    return last == EG_TANH ? EG_LOSS_MEAN_SQUARED_ERROR : EG_LOSS_BINARY_CROSS_ENTROPY;
}

static eg_status keep_names(eg_trainer *trainer, eg_names *names, const eg_data *data, int n,
                            const char *(*name_of)(const eg_data *, int)) {
    if (names->n > 0 || n == 0) return EG_OK;
    names->name = EG_ARENA_ARRAY(&trainer->arena, const char *, n);
    if (!names->name) return EG_E_MEMORY;
    for (; names->n < n; names->n++)
        if (!(names->name[names->n] = eg_arena_strdup(&trainer->arena, name_of(data, names->n)))) return EG_E_MEMORY;
    return EG_OK;
}

static int metrics_are_default(const eg_recipe *recipe) {
    for (int i = 0; i < EG_MAX_METRICS; i++)
        if (recipe->metrics[i] != EG_METRIC_NONE) return 0;
    return 1;
}

eg_status eg_trainer_meet(eg_model *model, const eg_data *data) {
    eg_trainer *trainer = model->train;
    if (trainer->task == EG_TASK_NONE) trainer->task = eg_data_task(data);
    if (trainer->loss == EG_LOSS_AUTO) trainer->loss = choose_loss(model, data);
    if (!trainer->recipe.loss_fn && !eg_loss_fits(trainer->loss, &model->output->shape))
        return eg_fail(EG_E_SHAPE, "%s " EG_LOSS_NEEDS_CLASSES, eg_loss_name(trainer->loss));
    if (metrics_are_default(&trainer->recipe))
        trainer->recipe.metrics[0] = trainer->task == EG_TASK_CLASSIFICATION ? EG_METRIC_ACCURACY : EG_METRIC_MAE;
    const eg_text_opt *text = eg_data_text(data);
    if (text && trainer->vocabulary && !eg_vocabulary_equal(text->vocabulary, trainer->vocabulary))
        return eg_fail(EG_E_DATA, "the data has another vocabulary than the model: open it with the model's");
    if (text && !trainer->vocabulary) trainer->vocabulary = eg_vocabulary_share(text->vocabulary);
    if (!text || text->column) /* else the vocabulary names them */
        EG_TRY(keep_names(trainer, &trainer->classes, data, eg_data_classes(data), eg_data_class_name));
    EG_TRY(keep_names(trainer, &trainer->columns, data, eg_data_columns(data), eg_data_column_name));
    const char *target = eg_data_target_name(data);
    if (trainer->target_name || !target) return EG_OK;
    trainer->target_name = eg_arena_strdup(&trainer->arena, target);
    return trainer->target_name ? EG_OK : EG_E_MEMORY;
}

/* ---- does a data set fit the model? ---------------------------------------------------------------------- */

static eg_status check_samples(const eg_model *model, const eg_data *data) {
    eg_shape have = eg_data_sample_shape(data);
    if (eg_prepare_takes(model, &have)) return EG_OK;
    return eg_fail(EG_E_SHAPE, "the model takes samples of shape %s, the data has %s",
                   eg_shape_words(eg_prepare_shape(model)), eg_shape_words(&have));
}

static eg_status check_classes(const eg_model *model, const eg_data *data) {
    const eg_shape *out = &model->output->shape;
    eg_shape targets = eg_tensor_shape(eg_data_y(data));
    int64_t steps = targets.rank > 1 ? targets.dim[1] : 1, outputs = eg_count(out) / steps;
    int64_t limit = outputs == 1 ? 2 : outputs;
    const int32_t *y = eg_tensor_data(eg_data_y(data));
    if (targets.rank > 1 && (out->rank != 2 || out->dim[0] != steps))
        return eg_fail(EG_E_SHAPE,
                       "the data has a class for each of %lld steps, the model gives %s (is there "
                       "return_sequences, and dense with last_axis?)",
                       (long long)steps, eg_shape_words(out));
    for (int64_t i = 0; i < eg_data_rows(data) * steps; i++)
        if (y[i] < 0 || y[i] >= limit)
            return eg_fail(EG_E_DATA, "row %lld: class %d is outside the model's %lld classes (0 to %lld)",
                           (long long)(i / steps) + 1, y[i], (long long)limit, (long long)limit - 1);
    return EG_OK;
}

static eg_status check_outputs(const eg_model *model, const eg_data *data) {
    int64_t outputs = eg_model_output_size(model);
    if (outputs == eg_data_outputs(data)) return EG_OK;
    return eg_fail(EG_E_SHAPE, "the model has %lld outputs, the data %d targets for each sample", (long long)outputs,
                   eg_data_outputs(data));
}

eg_status eg_trainer_check(eg_model *model, const eg_data *data) {
    EG_TRY(eg_model_status(model));
    if (!data) return eg_fail(EG_E_ARGUMENT, "no data set");
    EG_TRY(eg_data_check(data));
    if (eg_data_rows(data) == 0) return eg_fail(EG_E_DATA, "the data set has no rows");
    EG_TRY(check_samples(model, data));
    EG_TRY(eg_prepare_check_gaps(model, data));
    int64_t bad = eg_data_bad_row(data);
    if (bad >= 0) return eg_fail(EG_E_DATA, "row %lld holds a NaN or an infinite number", (long long)bad + 1);
    if (!eg_data_y(data)) return eg_fail(EG_E_DATA, "the data set has no targets");
    return eg_tensor_dtype(eg_data_y(data)) == EG_I32 ? check_classes(model, data) : check_outputs(model, data);
}

/* ---- what a model knows of its data ---------------------------------------------------------------------- */

static const char *name_at(const eg_names *names, int index) {
    return index >= 0 && index < names->n ? names->name[index] : "";
}

int eg_model_classes(const eg_model *model) { return eg_trainer_peek(model)->classes.n; }
int eg_model_columns(const eg_model *model) { return eg_trainer_peek(model)->columns.n; }

const char *eg_model_class_name(const eg_model *model, int index) {
    return name_at(&eg_trainer_peek(model)->classes, index);
}

const char *eg_model_column_name(const eg_model *model, int index) {
    return name_at(&eg_trainer_peek(model)->columns, index);
}

const char *eg_model_target_name(const eg_model *model) {
    const char *name = eg_trainer_peek(model)->target_name;
    return name ? name : "";
}

eg_status eg_model_set_vocabulary(eg_model *model, eg_vocabulary *vocabulary) {
    eg_trainer *trainer = model ? eg_trainer_of(model) : NULL;
    if (!trainer) {
        eg_vocabulary_free(vocabulary);
        return model ? EG_E_MEMORY : eg_fail(EG_E_ARGUMENT, "vocabulary: no model");
    }
    eg_vocabulary_free(trainer->vocabulary);
    trainer->vocabulary = vocabulary;
    return EG_OK;
}

const eg_vocabulary *eg_model_vocabulary(const eg_model *model) { return eg_trainer_peek(model)->vocabulary; }
eg_missing eg_model_missing(const eg_model *model) { return eg_trainer_peek(model)->missing; }

int eg_model_centre(const eg_model *model) {
    return model && eg_state_get(model->state, "preprocess/centre") != NULL;
}

eg_scaling eg_model_scaling(const eg_model *model) {
    return model && model->train ? eg_trainer_peek(model)->scaling : EG_SCALING_NONE;
}
