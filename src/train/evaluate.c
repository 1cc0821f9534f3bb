/* SPDX-License-Identifier: MIT
 *
 * evaluate.c: scores and predictions of a model, in batches.
 */
#include <math.h>
#include <string.h>
#include "tensor/shape.h"
#include "train/trainer.h"

enum { EVALUATE_BATCH = 512 };

/* Rows of a batch: what a stateful model keeps states for, else what is left, up to a limit. */
static int64_t batch_rows(const eg_model *model, int64_t rows) {
    int64_t stateful = eg_model_stateful_rows(model);
    return stateful ? stateful : rows < EVALUATE_BATCH ? rows : EVALUATE_BATCH;
}

eg_status eg_check_stateful(const eg_model *model, int64_t rows) {
    int64_t stateful = eg_model_stateful_rows(model);
    if (!stateful || rows % stateful == 0) return EG_OK;
    return eg_fail(EG_E_SHAPE, "the model keeps the states of %lld rows: %lld rows are not whole batches of them",
                   (long long)stateful, (long long)rows);
}

eg_status eg_model_fail(eg_model *model, eg_status status) {
    if (status != EG_OK && model && model->status == EG_OK) eg_model_poison(model);
    return status;
}

/* ---- evaluate -------------------------------------------------------------------------------------------- */

static eg_status evaluate_batch(eg_model *model, const eg_data *data, int64_t first, int64_t n, eg_totals *totals) {
    eg_trainer *trainer = model->train;
    int weighted = eg_data_weights(data) != NULL;
    eg_program *program;
    EG_TRY(eg_step_program_get(model, EG_PROGRAM_EVALUATE, n, data, weighted, &program));
    eg_batch_fill(&trainer->batch, data, NULL, first, n, NULL);
    EG_TRY(eg_batch_bind(&trainer->batch, program, n, weighted));
    EG_TRY(eg_run(program));
    eg_step_collect(trainer, program, n, totals);
    return EG_OK;
}

static eg_status evaluate(eg_model *model, const eg_data *data, eg_scores *scores) {
    eg_trainer *trainer = model->train;
    EG_TRY(eg_trainer_check(model, data));
    EG_TRY(eg_trainer_meet(model, data));
    EG_TRY(eg_trainer_fit_scaling(model, data));
    int64_t rows = eg_data_rows(data), batch = batch_rows(model, rows);
    EG_TRY(eg_check_stateful(model, rows));
    EG_TRY(eg_model_reset_states(model));
    EG_TRY(eg_batch_reserve(&trainer->batch, data, batch));
    eg_totals totals = { 0 };
    for (int64_t first = 0; first < rows; first += batch)
        EG_TRY(evaluate_batch(model, data, first, rows - first < batch ? rows - first : batch, &totals));
    eg_scores_from(model, &totals, scores);
    return eg_model_reset_states(model);
}

eg_scores eg_model_evaluate(eg_model *model, const eg_data *data) {
    eg_scores scores;
    eg_scores_clear(&scores);
    if (!eg_trainer_peek(model)->compiled)
        eg_model_fail(model, eg_fail(EG_E_ARGUMENT, "evaluate: the model is not compiled"));
    else
        eg_model_fail(model, evaluate(model, data, &scores));
    return scores;
}

/* ---- predict --------------------------------------------------------------------------------------------- */

static eg_status check_x(const eg_model *model, const eg_tensor *x) {
    EG_TRY(eg_model_status(model));
    if (!x) return eg_fail(EG_E_ARGUMENT, "predict: no samples");
    eg_shape have = eg_tensor_shape(x);
    const eg_shape *want = eg_prepare_shape(model);
    if (eg_tensor_dtype(x) != EG_F32 && eg_tensor_dtype(x) != EG_U8)
        return eg_fail(EG_E_DTYPE, "predict: samples are f32 or u8, not %s", eg_dtype_name(eg_tensor_dtype(x)));
    if (have.rank > 0 && eg_count(&have) == have.dim[0] * eg_count(want))
        return eg_check_stateful(model, have.dim[0]);
    return eg_fail(EG_E_SHAPE, "predict: the model takes samples of shape %s, got %s for all of them",
                   eg_shape_words(want), eg_shape_words(&have));
}

/* x and out contiguous. */
static eg_status predict_rows(eg_model *model, const eg_tensor *x, eg_tensor *out) {
    int64_t rows = eg_tensor_shape(x).dim[0], batch = batch_rows(model, rows), width = eg_model_output_size(model);
    eg_dtype dtype = eg_tensor_dtype(x);
    size_t row_bytes = (size_t)eg_count(eg_prepare_shape(model)) * eg_dtype_size(dtype);
    const char *from = eg_tensor_data(x);
    float *to = eg_tensor_data(out);
    for (int64_t first = 0; first < rows; first += batch) {
        int64_t n = rows - first < batch ? rows - first : batch;
        eg_program *program;
        EG_TRY(eg_predict_program_get(model, n, dtype, &program));
        EG_TRY(eg_set(program, "x", from + (size_t)first * row_bytes, (size_t)n * row_bytes));
        EG_TRY(eg_run(program));
        eg_convert(EG_F32, to + first * width, model->dtype, eg_get_data(program, 0), n * width);
    }
    return EG_OK;
}

static eg_status predict(eg_model *model, const eg_tensor *x, eg_tensor **out) {
    EG_TRY(check_x(model, x));
    eg_trainer *trainer = eg_trainer_of(model);
    if (!trainer) return EG_E_MEMORY;
    if (!trainer->recipe.dtype) trainer->recipe.dtype = EG_F32;
    eg_shape shape = eg_batch_shape(eg_tensor_shape(x).dim[0], &model->output->shape);
    eg_tensor *dense = eg_tensor_is_contiguous(x) ? NULL : eg_tensor_copy(x, eg_tensor_dtype(x));
    *out = eg_tensor_shaped(EG_F32, &shape);
    eg_status status = *out ? predict_rows(model, dense ? dense : x, *out) : EG_E_MEMORY;
    eg_tensor_free(dense);
    if (status == EG_OK) return EG_OK;
    eg_tensor_free(*out);
    *out = NULL;
    return status;
}

eg_tensor *eg_model_predict(eg_model *model, const eg_tensor *x) {
    eg_tensor *out = NULL;
    eg_model_fail(model, predict(model, x, &out));
    return out;
}

eg_tensor *eg_model_predict_classes(eg_model *model, const eg_tensor *x) {
    eg_tensor *p = eg_model_predict(model, x);
    if (!p) return NULL;
    eg_shape shape = eg_tensor_shape(p);
    int64_t width = shape.rank > 1 ? shape.dim[shape.rank - 1] : 1, rows = width ? eg_tensor_size(p) / width : 0;
    if (shape.rank > 1) shape.dim[--shape.rank] = 0;
    eg_tensor *classes = eg_tensor_shaped(EG_I32, &shape);
    double threshold = eg_threshold(model->train, eg_model_last_activation(model));
    for (int64_t i = 0; classes && i < rows; i++) {
        const float *row = (const float *)eg_tensor_data(p) + i * width;
        int32_t best = 0;
        for (int64_t j = 1; j < width; j++)
            if (row[j] > row[best]) best = (int32_t)j;
        ((int32_t *)eg_tensor_data(classes))[i] = width == 1 ? (double)row[0] > threshold : best;
    }
    eg_tensor_free(p);
    return classes;
}
