/* SPDX-License-Identifier: MIT
 *
 * prepare.c: preprocessing inside the model. What was fitted on the training data (data/preprocess.c) lies in the
 * model's state as variables "preprocess/...", saved and loaded as all others, and every program of the model begins
 * with the formula that applies it: predict takes raw samples.
 *
 *     centre                           first of all but gaps: images moved by whole pixels, their mass into the middle
 *     bytes                            x / 255, a constant: nothing to store
 *     standardise, min_max, robust     (x - shift) * scale
 *     pca, whiten, zca                 (x - shift) M
 *     quantile, quantile_normal        by the table of percentiles
 *
 * pca and whiten may narrow a sample: a model whose input has k elements takes the first k directions of wider data.
 */
#include <string.h>
#include "data/preprocess.h"
#include "graph/node.h"
#include "runtime/state.h"
#include "tensor/shape.h"
#include "train/trainer.h"

/* What may lie in the state. */
enum part { SHIFT, SCALE, MATRIX, QUANTILES, FILL, CENTRE, PARTS };
static const char names[PARTS][21] = { "preprocess/shift", "preprocess/scale", "preprocess/matrix",
                                       "preprocess/quantiles", "preprocess/fill", "preprocess/centre" };
enum { PREFIX = 11 }; /* strlen("preprocess/") */

/* The parts that each kind needs: bit enum part. NARROWS: a sample may be wider than the model's input. */
enum { HAS_NUMBERS = 1 << SHIFT | 1 << SCALE, HAS_MATRIX = 1 << SHIFT | 1 << MATRIX, NARROWS = 1 << PARTS };
static const unsigned char parts_of[EG_SCALING_KINDS] = {
    [EG_SCALING_STANDARDISE] = HAS_NUMBERS,
    [EG_SCALING_MIN_MAX] = HAS_NUMBERS,
    [EG_SCALING_ROBUST] = HAS_NUMBERS,
    [EG_SCALING_QUANTILE] = 1 << QUANTILES,
    [EG_SCALING_QUANTILE_NORMAL] = 1 << QUANTILES,
    [EG_SCALING_PCA] = HAS_MATRIX | NARROWS,
    [EG_SCALING_WHITEN] = HAS_MATRIX | NARROWS,
    [EG_SCALING_ZCA] = HAS_MATRIX,
};

static const eg_variable *stored(const eg_model *model, enum part part) {
    return eg_state_get(model->state, names[part]);
}

const eg_shape *eg_prepare_shape(const eg_model *model) {
    const eg_variable *shift = stored(model, SHIFT);
    return shift ? &shift->shape : &model->wires[0]->shape;
}

int eg_prepare_takes(const eg_model *model, const eg_shape *sample) {
    const eg_trainer *trainer = eg_trainer_peek(model);
    int64_t want = eg_count(eg_prepare_shape(model)), have = eg_count(sample);
    int open = !trainer->scaling_fitted && parts_of[trainer->recipe.scaling] & NARROWS;
    return want == have || (open && have > want);
}

eg_status eg_prepare_check_gaps(const eg_model *model, const eg_data *data) {
    const eg_trainer *trainer = eg_trainer_peek(model);
    if (!trainer->scaling_fitted || trainer->missing || !eg_data_missing(data)) return EG_OK;
    int64_t row = eg_data_first_gap(data);
    return row < 0 ? EG_OK
                   : eg_fail(EG_E_DATA, "row %lld has a gap, but the model was fitted without filling gaps",
                             (long long)row + 1);
}

/* ---- formulas ------------------------------------------------------------------------------------------------- */

/* A part of the state as a value of x's dtype. */
static eg_value *part_of(const eg_model *model, eg_value *x, enum part part) {
    eg_value *value = eg_leaf(x->graph, EG_OP_VAR, names[part], EG_F32, &stored(model, part)->shape, EG_ROWS);
    return x->dtype == EG_F32 ? value : eg_cast(value, x->dtype);
}

static eg_value *number(eg_value *x, double value) { return eg_const(x->graph, value); }

static eg_value *within(eg_value *x, double low, double high) {
    return eg_minimum(eg_maximum(x, number(x, low)), number(x, high));
}

/* Mean over segments of clip((x - low) / (high - low), 0, 1). A segment without width, of tied values, is a step with
 * 1/2 at its place: its quotient is replaced by x - low times a number that dwarfs every difference, plus 1/2. */
static eg_value *share_below(const eg_model *model, eg_value *x) {
    eg_value *table = part_of(model, x, QUANTILES), *one = number(x, 1);
    int64_t points = table->shape.dim[0], d = table->shape.dim[1];
    eg_value *low = eg_slice(table, 0, 0, points - 1), *width = eg_sub(eg_slice(table, 0, 1, points), low);
    eg_value *tied = eg_equal(width, number(x, 0));
    eg_value *factor = eg_where(tied, number(x, 1e30), eg_div(one, eg_where(tied, one, width)));
    eg_value *ramp = eg_mul(eg_sub(eg_reshaped(x, &EG_SHAPE(x->shape.dim[0], 1, d)), low), factor);
    ramp = eg_add(ramp, eg_mul(eg_cast(tied, x->dtype), number(x, .5)));
    return eg_mul(eg_sum(within(ramp, 0, 1), .axes = EG_AXES(1)), number(x, 1.0 / (double)(points - 1)));
}

static eg_value *polynomial(const double *c, int n, eg_value *x) {
    eg_value *sum = number(x, c[0]);
    for (int i = 1; i < n; i++) sum = eg_add(eg_mul(sum, x), number(x, c[i]));
    return sum;
}

/* eg_normal_quantile of the shares. */
static eg_value *normal_quantile(eg_value *u) {
    u = within(u, EG_NORMAL_MARGIN, 1 - EG_NORMAL_MARGIN);
    eg_value *q = eg_sub(u, number(u, .5)), *square = eg_square(q), *near = eg_minimum(u, eg_sub(number(u, 1), u));
    eg_value *middle =
        eg_mul(q, eg_div(polynomial(eg_normal.top, 6, square), polynomial(eg_normal.bottom, 6, square)));
    eg_value *t = eg_sqrt(eg_mul(number(u, -2), eg_log(near)));
    eg_value *tail = eg_div(polynomial(eg_normal.tail_top, 6, t), polynomial(eg_normal.tail_bottom, 5, t));
    tail = eg_mul(tail, eg_neg(eg_sign(q)));
    return eg_where(eg_less(near, number(u, eg_normal.split)), tail, middle);
}

/* Where the pixels come from, along an axis of images x [n,h,w,c], that stand there when the centre of the ink is in the
 * middle: whole pixels on, as eg_image_centre does; what leaves the image is lost. */
static eg_value *centring(eg_value *x, int axis) {
    eg_shape line = EG_SHAPE(1, 1, 1, 1);
    int64_t size = line.dim[axis] = x->shape.dim[axis];
    eg_value *place = eg_iota(x->graph, x->dtype, line, axis), *ink = eg_abs(x);
    eg_value *mass = eg_maximum(eg_sum(ink, .axes = EG_AXES(1, 2, 3), .keep = 1), number(x, 1e-30));
    eg_value *moment = eg_sum(eg_mul(ink, eg_add(place, number(x, .5))), .axes = EG_AXES(1, 2, 3), .keep = 1);
    eg_value *by = eg_floor(eg_sub(number(x, .5 * (double)(size + 1)), eg_div(moment, mass)));
    return eg_cast(eg_expand(eg_sub(place, by), x->shape), EG_I32);
}

/* The stored middle (height / 2, width / 2) says how a sample, whatever its shape here, is an image. */
static eg_value *centred(const eg_model *model, eg_value *x) {
    const float *middle = stored(model, CENTRE)->data;
    eg_shape image = EG_SHAPE(x->shape.dim[0], (int64_t)(2 * middle[0]), (int64_t)(2 * middle[1]), -1), shape = x->shape;
    x = eg_reshaped(x, &image);
    return eg_reshaped(eg_take_along(eg_take_along(x, centring(x, 1), 1), centring(x, 2), 2), &shape);
}

static eg_value *scaled(const eg_model *model, eg_scaling kind, eg_value *x) {
    unsigned parts = parts_of[kind];
    if (kind == EG_SCALING_BYTES) x = eg_mul(x, number(x, 1.0 / 255));
    if (parts & 1 << SHIFT) x = eg_sub(x, part_of(model, x, SHIFT));
    if (parts & 1 << SCALE) x = eg_mul(x, part_of(model, x, SCALE));
    if (parts & 1 << MATRIX) x = eg_matmul(eg_reshaped(x, &EG_SHAPE(x->shape.dim[0], -1)), part_of(model, x, MATRIX));
    if (parts & 1 << QUANTILES) x = share_below(model, x);
    return kind == EG_SCALING_QUANTILE_NORMAL ? normal_quantile(x) : x;
}

eg_value *eg_prepare_build(const eg_model *model, eg_value *x) {
    const eg_trainer *trainer = eg_trainer_peek(model);
    eg_value *value = x->dtype == trainer->recipe.dtype ? x : eg_cast(x, trainer->recipe.dtype);
    if (trainer->missing) /* NaN is what differs from itself */
        value = eg_where(eg_not_equal(value, value), part_of(model, value, FILL), value);
    if (stored(model, CENTRE)) value = centred(model, value);
    eg_shape shape = eg_batch_shape(x->shape.dim[0], &model->wires[0]->shape);
    return eg_reshaped(scaled(model, trainer->scaling, value), &shape);
}

/* ---- fitting and storing -------------------------------------------------------------------------------------- */

/* Rows of `width` values, behind each as many zeros as the shape is wider. */
static eg_status store(eg_model *model, enum part part, const eg_shape *shape, const float *values, int64_t rows,
                       int64_t width) {
    EG_TRY(eg_state_make(model->state, names[part], EG_F32, shape, EG_ROWS));
    float *to = stored(model, part)->data;
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + i * (eg_count(shape) / rows), values + i * width, (size_t)width * sizeof *to);
    return EG_OK;
}

/* A sample as the model's input, if it has as many elements. */
static eg_shape stored_shape(const eg_model *model, const eg_data *data) {
    eg_shape sample = eg_data_sample_shape(data);
    return eg_count(&sample) == eg_model_input_size(model) ? model->wires[0]->shape : sample;
}

/* A matrix with fewer columns than the model has inputs gets columns of zeros. */
static eg_status store_parts(eg_model *model, const eg_preprocess *fitted, const eg_shape *sample) {
    for (int part = 0; part < FILL; part++) {
        if (!(parts_of[eg_preprocess_kind(fitted)] >> part & 1)) continue;
        const eg_tensor *tensor = eg_preprocess_part(fitted, names[part] + PREFIX);
        eg_shape shape = eg_tensor_shape(tensor);
        int64_t rows = part == MATRIX ? shape.dim[0] : 1, width = eg_count(&shape) / rows;
        if (part == MATRIX) shape.dim[1] = eg_model_input_size(model);
        EG_TRY(store(model, (enum part)part, part < MATRIX ? sample : &shape, eg_tensor_data(tensor), rows, width));
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

static eg_status fit_scaling(eg_model *model, const eg_data *data, const eg_shape *sample) {
    eg_trainer *trainer = model->train;
    int64_t inputs = eg_model_input_size(model);
    if (eg_prepare_keeps_numbers(model)) trainer->recipe.scaling = EG_SCALING_NONE;
    eg_scaling_opt opt = trainer->recipe.scaling_opt;
    if (parts_of[trainer->recipe.scaling] & NARROWS && !opt.components) opt.components = inputs;
    if (opt.components > inputs)
        return eg_fail(EG_E_ARGUMENT, "%s: %lld components do not fit into the model's input",
                       eg_scaling_name(trainer->recipe.scaling), (long long)opt.components);
    eg_preprocess *fitted = eg_preprocess_fit_(trainer->recipe.scaling, data, opt);
    if (!fitted) return eg_error_status();
    trainer->scaling = eg_preprocess_kind(fitted);
    eg_status status = store_parts(model, fitted, sample);
    eg_preprocess_free(fitted);
    return status;
}

/* A scaling that looks at the samples is fitted to centred ones. */
static eg_status fit_centred(eg_model *model, const eg_data *data, const eg_shape *sample) {
    eg_shape image = eg_data_sample_shape(data);
    eg_scaling kind;
    EG_TRY(eg_scaling_resolve(eg_trainer_peek(model)->recipe.scaling, data, &kind));
    if (eg_data_text(data) || image.rank < 2 || image.rank > 3)
        return eg_fail(EG_E_SHAPE, "centre: samples %s are no images [height,width] or [height,width,channels]",
                       eg_shape_words(&image));
    float middle[2] = { (float)image.dim[0] / 2, (float)image.dim[1] / 2 };
    EG_TRY(store(model, CENTRE, &EG_SHAPE(2), middle, 1, 2));
    if (kind <= EG_SCALING_BYTES) return fit_scaling(model, data, sample);
    eg_tensor *x = eg_image_centre(eg_data_x(data), image.dim[0], image.dim[1], 0);
    eg_data *moved = x ? eg_data_from(x, NULL, 0) : NULL;
    eg_status status = moved ? fit_scaling(model, moved, sample) : eg_error_status();
    eg_data_free(moved);
    eg_tensor_free(x);
    return status;
}

/* Gaps are filled before anything else is fitted. */
static eg_status fit_filled(eg_model *model, const eg_data *data, const eg_shape *sample) {
    int64_t size = eg_count(sample);
    float *fill = eg_calloc((size_t)size + 1, sizeof *fill);
    if (!fill) return EG_E_MEMORY;
    eg_data *filled = NULL;
    eg_status status = eg_missing_fit(eg_data_missing(data), data, fill);
    if (status == EG_OK) status = store(model, FILL, sample, fill, 1, size);
    if (status == EG_OK) {
        filled = eg_data_filled(data, fill);
        status = filled ? fit_scaling(model, filled, sample) : EG_E_MEMORY;
    }
    if (status == EG_OK) ((eg_trainer *)model->train)->missing = eg_data_missing(data);
    eg_data_free(filled);
    eg_free(fill);
    return status;
}

eg_status eg_trainer_fit_scaling(eg_model *model, const eg_data *data) {
    eg_trainer *trainer = model->train;
    if (trainer->scaling_fitted) return EG_OK;
    eg_shape sample = stored_shape(model, data);
    EG_TRY((trainer->recipe.centre  ? fit_centred
            : eg_data_missing(data) ? fit_filled
                                    : fit_scaling)(model, data, &sample));
    trainer->scaling_fitted = 1;
    return EG_OK;
}

/* ---- checking what came from a file --------------------------------------------------------------------------- */

/* Whether samples of `size` numbers are images with that middle. */
static int is_middle(const float *middle, int64_t size) {
    double height = 2 * (double)middle[0], width = 2 * (double)middle[1];
    return height >= 1 && width >= 1 && height * width <= (double)size &&
           size % ((int64_t)height * (int64_t)width) == 0;
}

static int fits(const eg_model *model, enum part part, const eg_variable *v) {
    const eg_shape *shape = &v->shape, *input = &model->wires[0]->shape, *sample = eg_prepare_shape(model);
    if (v->dtype != EG_F32) return 0;
    if (part == CENTRE) return eg_same_shape(shape, &EG_SHAPE(2)) && is_middle(v->data, eg_count(sample));
    if (part == MATRIX || part == QUANTILES)
        return shape->rank == 2 && shape->dim[1] == eg_count(input) &&
               (part == MATRIX ? shape->dim[0] == eg_count(sample) : shape->dim[0] > 1);
    return shape->rank < EG_MAX_RANK && eg_same_shape(shape, stored(model, MATRIX) ? sample : input);
}

eg_status eg_prepare_check(const eg_model *model) {
    unsigned needed = parts_of[eg_model_scaling(model)] | (eg_model_missing(model) ? 1u << FILL : 0);
    for (int part = 0; part < PARTS; part++) {
        const eg_variable *v = stored(model, (enum part)part);
        if (!v && needed >> part & 1) return eg_fail(EG_E_DATA, "tensor '%s' is missing", names[part]);
        if (v && !fits(model, (enum part)part, v))
            return eg_fail(EG_E_DATA, "tensor '%s' does not have the shape of a sample", names[part]);
    }
    return EG_OK;
}
