/* SPDX-License-Identifier: MIT
 *
 * prepare.c: preprocessing inside the model. What was fitted on the training data (data/preprocess.c) lies in the
 * model's state as variables "preprocess/...", saved and loaded as all others, and every program of the model begins
 * with the formula that applies it: predict takes raw samples.
 *
 *     bytes                            x / 255, a constant: nothing to store
 *     standardise, min_max, robust     (x - shift) * scale
 *     pca, whiten, zca                 (x - shift) M
 *     quantile, quantile_normal        by the table of percentiles
 *
 * pca and whiten may narrow a sample: a model whose input has k elements takes the first k directions of wider data.
 */
#include <string.h>
#include "data/preprocess.h"
#include "runtime/state.h"
#include "train/trainer.h"

enum { PREFIX = 11, MAX_PARTS = 2 }; /* strlen("preprocess/"); parts that one kind needs */

typedef eg_value *apply_fn(const eg_model *model, eg_value *x);
static apply_fn apply_bytes, apply_numbers, apply_matrix, apply_quantiles, apply_normal;

/* What a kind needs in the state, and its formula. */
static const struct kind {
    apply_fn *apply;
    const char *part[MAX_PARTS];
    int narrows;
} kinds[EG_SCALING_KINDS] = {
    [EG_SCALING_BYTES] = { apply_bytes, { NULL }, 0 },
    [EG_SCALING_STANDARDISE] = { apply_numbers, { "preprocess/shift", "preprocess/scale" }, 0 },
    [EG_SCALING_MIN_MAX] = { apply_numbers, { "preprocess/shift", "preprocess/scale" }, 0 },
    [EG_SCALING_ROBUST] = { apply_numbers, { "preprocess/shift", "preprocess/scale" }, 0 },
    [EG_SCALING_QUANTILE] = { apply_quantiles, { "preprocess/quantiles" }, 0 },
    [EG_SCALING_QUANTILE_NORMAL] = { apply_normal, { "preprocess/quantiles" }, 0 },
    [EG_SCALING_PCA] = { apply_matrix, { "preprocess/shift", "preprocess/matrix" }, 1 },
    [EG_SCALING_WHITEN] = { apply_matrix, { "preprocess/shift", "preprocess/matrix" }, 1 },
    [EG_SCALING_ZCA] = { apply_matrix, { "preprocess/shift", "preprocess/matrix" }, 0 },
};

eg_shape eg_prepare_shape(const eg_model *model) {
    const eg_variable *shift = eg_state_get(model->state, "preprocess/shift");
    return shift ? shift->shape : eg_model_input_shape(model);
}

int64_t eg_prepare_size(const eg_model *model) { return eg_shape_size(eg_prepare_shape(model)); }

int eg_prepare_takes(const eg_model *model, eg_shape sample) {
    const eg_trainer *trainer = eg_trainer_peek(model);
    int64_t want = eg_prepare_size(model), have = eg_count(&sample);
    int open = trainer && !trainer->scaling_fitted && kinds[trainer->recipe.scaling].narrows;
    return want == have || (open && have > want);
}

eg_status eg_prepare_check_gaps(const eg_model *model, const eg_data *data) {
    const eg_trainer *trainer = eg_trainer_peek(model);
    if (!trainer || !trainer->scaling_fitted || trainer->missing || !eg_data_missing(data)) return EG_OK;
    int64_t row = eg_data_first_gap(data);
    return row < 0 ? EG_OK
                   : eg_fail(EG_E_DATA, "row %lld has a gap, but the model was fitted without filling gaps",
                             (long long)row + 1);
}

/* ---- formulas ------------------------------------------------------------------------------------------------- */

/* A part of the state as a value of x's dtype. */
static eg_value *part(const eg_model *model, eg_value *x, const char *name) {
    const eg_variable *variable = eg_state_get(model->state, name);
    eg_value *value = eg_var(eg_value_graph(x), name, EG_F32, variable->shape);
    return eg_value_dtype(x) == EG_F32 ? value : eg_cast(value, eg_value_dtype(x));
}

static eg_value *number(eg_value *x, double value) { return eg_const(eg_value_graph(x), value); }

static eg_value *apply_bytes(const eg_model *model, eg_value *x) {
    (void)model;
    return eg_mul(x, number(x, 1.0 / 255));
}

static eg_value *apply_numbers(const eg_model *model, eg_value *x) {
    return eg_mul(eg_sub(x, part(model, x, "preprocess/shift")), part(model, x, "preprocess/scale"));
}

static eg_value *apply_matrix(const eg_model *model, eg_value *x) {
    int64_t d = eg_prepare_size(model), batch = eg_value_shape(x).dim[0];
    eg_value *centred = eg_sub(x, part(model, x, "preprocess/shift"));
    return eg_matmul(eg_reshaped(centred, &EG_SHAPE(batch, d)), part(model, x, "preprocess/matrix"));
}

/* Mean over segments of clip((x - low) / (high - low), 0, 1). A segment without width, of tied values, is a step with
 * 1/2 at its place: its quotient is replaced by x - low times a number that dwarfs every difference, plus 1/2. */
static eg_value *apply_quantiles(const eg_model *model, eg_value *x) {
    eg_value *table = part(model, x, "preprocess/quantiles");
    int64_t points = eg_value_shape(table).dim[0], d = eg_value_shape(table).dim[1];
    int64_t batch = eg_value_shape(x).dim[0];
    eg_value *low = eg_slice(table, 0, 0, points - 1);
    eg_value *width = eg_sub(eg_slice(table, 0, 1, points), low), *zero = number(x, 0), *one = number(x, 1);
    eg_value *tied = eg_equal(width, zero);
    eg_value *factor = eg_where(tied, number(x, 1e30), eg_div(one, eg_where(tied, one, width)));
    eg_value *ramp = eg_mul(eg_sub(eg_reshaped(x, &EG_SHAPE(batch, 1, d)), low), factor);
    ramp = eg_add(ramp, eg_mul(eg_cast(tied, eg_value_dtype(x)), number(x, .5)));
    ramp = eg_minimum(eg_maximum(ramp, zero), one);
    return eg_mul(eg_sum(ramp, .axes = EG_AXES(1)), number(x, 1.0 / (double)(points - 1)));
}

static eg_value *polynomial(const double *c, int n, eg_value *x) {
    eg_value *sum = number(x, c[0]);
    for (int i = 1; i < n; i++) sum = eg_add(eg_mul(sum, x), number(x, c[i]));
    return sum;
}

/* eg_normal_quantile of the shares. */
static eg_value *apply_normal(const eg_model *model, eg_value *x) {
    eg_value *u = apply_quantiles(model, x), *one = number(u, 1);
    u = eg_minimum(eg_maximum(u, number(u, EG_NORMAL_MARGIN)), number(u, 1 - EG_NORMAL_MARGIN));
    eg_value *q = eg_sub(u, number(u, .5)), *square = eg_square(q), *near = eg_minimum(u, eg_sub(one, u));
    eg_value *middle =
        eg_mul(q, eg_div(polynomial(eg_normal.top, 6, square), polynomial(eg_normal.bottom, 6, square)));
    eg_value *t = eg_sqrt(eg_mul(number(u, -2), eg_log(near)));
    eg_value *tail = eg_div(polynomial(eg_normal.tail_top, 6, t), polynomial(eg_normal.tail_bottom, 5, t));
    tail = eg_mul(tail, eg_neg(eg_sign(q)));
    return eg_where(eg_less(near, number(u, eg_normal.split)), tail, middle);
}

eg_value *eg_prepare_build(const eg_model *model, eg_value *x) {
    const eg_trainer *trainer = eg_trainer_peek(model);
    eg_value *value = eg_value_dtype(x) == trainer->recipe.dtype ? x : eg_cast(x, trainer->recipe.dtype);
    if (trainer->missing) /* NaN is what differs from itself */
        value = eg_where(eg_not_equal(value, value), part(model, value, "preprocess/fill"), value);
    apply_fn *apply = kinds[trainer->scaling].apply;
    if (apply) value = apply(model, value);
    eg_shape shape = eg_model_input_shape(model);
    for (int i = shape.rank++; i > 0; i--) shape.dim[i] = shape.dim[i - 1];
    shape.dim[0] = eg_value_shape(x).dim[0];
    return eg_reshaped(value, &shape);
}

/* ---- fitting and storing -------------------------------------------------------------------------------------- */

eg_status eg_prepare_add(eg_model *model, const char *name, eg_shape shape) {
    eg_graph *graph = eg_graph_new();
    if (!graph) return EG_E_MEMORY;
    eg_value *variable = eg_var(graph, name, EG_F32, shape);
    eg_status status = eg_graph_status(graph);
    status = status == EG_OK ? eg_state_add(model->state, variable) : eg_fail(status, "%s", eg_graph_error(graph));
    eg_graph_free(graph);
    return status;
}

static eg_status store(eg_model *model, const char *name, eg_shape shape, const float *values) {
    EG_TRY(eg_prepare_add(model, name, shape));
    return eg_state_write(model->state, name, values, (size_t)eg_count(&shape) * sizeof *values);
}

/* A matrix with fewer columns than the model has inputs gets columns of zeros. */
static eg_status store_matrix(eg_model *model, const char *name, const eg_tensor *matrix, int64_t columns) {
    eg_shape shape = eg_tensor_shape(matrix);
    int64_t d = shape.dim[0], k = shape.dim[1];
    if (k == columns) return store(model, name, shape, eg_tensor_data(matrix));
    eg_tensor *wide = eg_tensor_shaped(EG_F32, &EG_SHAPE(d, columns));
    if (!wide) return EG_E_MEMORY;
    for (int64_t i = 0; i < d; i++)
        memcpy((float *)eg_tensor_data(wide) + i * columns, (const float *)eg_tensor_data(matrix) + i * k,
               (size_t)k * sizeof(float));
    eg_status status = store(model, name, eg_tensor_shape(wide), eg_tensor_data(wide));
    eg_tensor_free(wide);
    return status;
}

static eg_status store_parts(eg_model *model, const eg_preprocess *fitted, eg_shape sample) {
    const struct kind *kind = &kinds[eg_preprocess_kind(fitted)];
    eg_shape input = eg_model_input_shape(model);
    if (eg_count(&sample) == eg_count(&input)) sample = input;
    for (int i = 0; i < MAX_PARTS && kind->part[i]; i++) {
        const char *name = kind->part[i];
        const eg_tensor *tensor = eg_preprocess_part(fitted, name + PREFIX);
        if (strcmp(name, "preprocess/matrix") == 0)
            EG_TRY(store_matrix(model, name, tensor, eg_count(&input)));
        else
            EG_TRY(store(model, name, strcmp(name, "preprocess/quantiles") == 0 ? eg_tensor_shape(tensor) : sample,
                         eg_tensor_data(tensor)));
    }
    return EG_OK;
}

int eg_prepare_keeps_numbers(const eg_model *model) {
    for (int i = 1; i < model->nwires; i++) {
        const eg_layer_kind *kind = model->wires[i]->layer->kind;
        if (model->wires[i]->in[0]->index == 0 && (kind == &eg_kind_embedding || kind == &eg_kind_one_hot)) return 1;
    }
    return 0;
}

static eg_status fit_scaling(eg_model *model, const eg_data *data) {
    eg_trainer *trainer = model->train;
    if (eg_prepare_keeps_numbers(model)) trainer->recipe.scaling = EG_SCALING_NONE;
    eg_scaling_opt opt = trainer->recipe.scaling_opt;
    if (kinds[trainer->recipe.scaling].narrows && !opt.components)
        opt.components = eg_model_input_size(model);
    if (opt.components > eg_model_input_size(model))
        return eg_fail(EG_E_ARGUMENT, "%s: %lld components do not fit into the model's input",
                       eg_scaling_name(trainer->recipe.scaling), (long long)opt.components);
    eg_preprocess *fitted = eg_preprocess_fit_(trainer->recipe.scaling, data, opt);
    if (!fitted) return eg_error_status();
    trainer->scaling = eg_preprocess_kind(fitted);
    eg_status status = store_parts(model, fitted, eg_data_sample_shape(data));
    eg_preprocess_free(fitted);
    return status;
}

/* Gaps are filled before anything else is fitted. */
static eg_status fit_filled(eg_model *model, const eg_data *data) {
    eg_shape sample = eg_data_sample_shape(data), input = eg_model_input_shape(model);
    float *fill = eg_calloc((size_t)eg_count(&sample) + 1, sizeof *fill);
    if (!fill) return EG_E_MEMORY;
    eg_data *filled = NULL;
    eg_status status = eg_missing_fit(eg_data_missing(data), data, fill);
    if (status == EG_OK)
        status = store(model, "preprocess/fill", eg_count(&sample) == eg_count(&input) ? input : sample, fill);
    if (status == EG_OK) {
        filled = eg_data_filled(data, fill);
        status = filled ? fit_scaling(model, filled) : EG_E_MEMORY;
    }
    if (status == EG_OK) ((eg_trainer *)model->train)->missing = eg_data_missing(data);
    eg_data_free(filled);
    eg_free(fill);
    return status;
}

eg_status eg_trainer_fit_scaling(eg_model *model, const eg_data *data) {
    eg_trainer *trainer = model->train;
    if (trainer->scaling_fitted) return EG_OK;
    EG_TRY(eg_data_missing(data) ? fit_filled(model, data) : fit_scaling(model, data));
    trainer->scaling_fitted = 1;
    return EG_OK;
}

/* ---- checking what came from a file --------------------------------------------------------------------------- */

static eg_status check_part(const eg_model *model, const char *name) {
    const eg_variable *v = eg_state_get(model->state, name);
    int64_t input = eg_model_input_size(model);
    if (!v) return eg_fail(EG_E_DATA, "tensor '%s' is missing", name);
    int fits = v->dtype == EG_F32, matrix = strcmp(name, "preprocess/matrix") == 0;
    if (matrix)
        fits = fits && v->shape.rank == 2 && v->shape.dim[0] == eg_prepare_size(model) &&
               v->shape.dim[1] == input;
    else if (strcmp(name, "preprocess/quantiles") == 0)
        fits = fits && v->shape.rank == 2 && v->shape.dim[0] > 1 && v->shape.dim[1] == input;
    else if (!eg_state_get(model->state, "preprocess/matrix"))
        fits = fits && eg_shape_equal(v->shape, eg_model_input_shape(model));
    else
        fits = fits && v->shape.rank < EG_MAX_RANK && eg_shape_equal(v->shape, eg_prepare_shape(model));
    return fits ? EG_OK : eg_fail(EG_E_DATA, "tensor '%s' does not have the shape of a sample", name);
}

eg_status eg_prepare_check(const eg_model *model) {
    const struct kind *kind = &kinds[eg_model_scaling(model)];
    for (int i = 0; i < MAX_PARTS && kind->part[i]; i++) EG_TRY(check_part(model, kind->part[i]));
    static const char *const always[] = { "preprocess/shift", "preprocess/scale", "preprocess/fill" };
    if (eg_model_missing(model) != EG_MISSING_ERROR) EG_TRY(check_part(model, "preprocess/fill"));
    for (int i = 0; i < 3; i++)
        if (eg_state_get(model->state, always[i])) EG_TRY(check_part(model, always[i]));
    return EG_OK;
}
