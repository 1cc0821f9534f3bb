/* SPDX-License-Identifier: MIT
 *
 * data.c: the data set object: samples, targets, names, weights; views of a range and copies of chosen rows. It knows
 * nothing of files (open.c) and does not shuffle or batch (the training loop does).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "data/set.h"
#include "tensor/shape.h"

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void info_release(eg_data_info *info) {
    if (!info || __atomic_sub_fetch(&info->references, 1, __ATOMIC_ACQ_REL) > 0) return;
    eg_vocabulary_free((eg_vocabulary *)info->text.vocabulary);
    eg_arena_free(&info->arena);
    eg_free(info);
}

eg_data *eg_data_new(void) {
    eg_data *data = eg_calloc(1, sizeof *data);
    eg_data_info *info = eg_calloc(1, sizeof *info);
    if (!data || !info) {
        eg_free(data);
        eg_free(info);
        return NULL;
    }
    info->references = 1;
    data->info = info;
    return data;
}

/* An empty set that shares the facts of another. */
static eg_data *new_relative(const eg_data *source) {
    eg_data *data = eg_calloc(1, sizeof *data);
    if (!data) return NULL;
    __atomic_add_fetch(&source->info->references, 1, __ATOMIC_RELAXED);
    data->info = source->info;
    return data;
}

static void drop_content(eg_data *data) {
    eg_tensor_free(data->x);
    eg_tensor_free(data->y);
    eg_free(data->weights);
    eg_free(data->row_names);
    data->x = data->y = NULL;
    data->weights = NULL;
    data->row_names = NULL;
}

eg_data *eg_data_finish(eg_data *data, eg_status status) {
    if (status == EG_OK) return data;
    drop_content(data);
    data->status = status;
    snprintf(data->error, sizeof data->error, "%s", eg_error());
    return data;
}

void eg_data_free(eg_data *data) {
    if (!data) return;
    drop_content(data);
    info_release(data->info);
    eg_free(data);
}

/* ---- from memory ----------------------------------------------------------------------------------------------- */

eg_status eg_data_name_classes(eg_data_info *info, const char *const *names, int n) {
    info->class_names = EG_ARENA_ARRAY(&info->arena, const char *, n);
    if (!info->class_names) return EG_E_MEMORY;
    for (int i = 0; i < n; i++) {
        info->class_names[i] =
            names ? eg_arena_strdup(&info->arena, names[i]) : eg_arena_format(&info->arena, "%d", i);
        if (!info->class_names[i]) return EG_E_MEMORY;
    }
    info->classes = n;
    return EG_OK;
}

eg_status eg_data_check_labels(const eg_tensor *y, int classes) {
    const int32_t *labels = eg_tensor_data(y);
    const eg_shape *shape = eg_shape_of(y);
    for (int64_t i = 0, each = shape->rank > 1 ? shape->dim[1] : 1; i < eg_tensor_size(y); i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return eg_fail(EG_E_DATA, "label %d of sample %lld is outside the %d classes 0 to %d", labels[i],
                           (long long)(i / each) + 1, classes, classes - 1);
    return EG_OK;
}

/* A copy in which single numbers are rows of one; NULL on failure. */
static eg_tensor *copy_rows(const eg_tensor *from, eg_dtype dtype) {
    eg_shape shape = *eg_shape_of(from);
    if (shape.rank == 1) shape.dim[shape.rank++] = 1;
    eg_tensor *copy = eg_tensor_copy(from, dtype), *rows = copy ? eg_tensor_reshape(copy, shape) : NULL;
    eg_tensor_free(copy);
    return rows;
}

static eg_status take_samples(eg_data *data, const eg_tensor *x) {
    eg_dtype dtype = eg_tensor_dtype(x);
    if (dtype != EG_F32 && dtype != EG_U8)
        return eg_fail(EG_E_DTYPE, "eg_data_from: x is %s, not f32 or u8: convert it with eg_tensor_copy",
                       eg_dtype_name(dtype));
    if (eg_shape_of(x)->rank == 0)
        return eg_fail(EG_E_SHAPE, "eg_data_from: x is a single number, not samples [n, ...]");
    data->x = copy_rows(x, dtype);
    return data->x ? EG_OK : EG_E_MEMORY;
}

static eg_status take_labels(eg_data *data, const eg_tensor *y, int classes) {
    eg_dtype dtype = eg_tensor_dtype(y);
    if (dtype != EG_I32 && dtype != EG_U8)
        return eg_fail(EG_E_DTYPE, "eg_data_from: class numbers are i32 (or u8), not %s", eg_dtype_name(dtype));
    data->y = eg_tensor_copy(y, EG_I32);
    if (!data->y) return EG_E_MEMORY;
    EG_TRY(eg_data_check_labels(data->y, classes));
    data->info->task = EG_TASK_CLASSIFICATION;
    return eg_data_name_classes(data->info, NULL, classes);
}

static eg_status take_numbers(eg_data *data, const eg_tensor *y) {
    if (eg_tensor_dtype(y) != EG_F32)
        return eg_fail(EG_E_DTYPE, "eg_data_from: targets are f32 where classes is 0, not %s",
                       eg_dtype_name(eg_tensor_dtype(y)));
    data->y = copy_rows(y, EG_F32);
    data->info->task = EG_TASK_REGRESSION;
    return data->y ? EG_OK : EG_E_MEMORY;
}

static eg_status fill_from(eg_data *data, const eg_tensor *x, const eg_tensor *y, int classes) {
    data->info->source = "memory";
    if (!x) return eg_fail(EG_E_ARGUMENT, "eg_data_from: x is NULL");
    EG_TRY(take_samples(data, x));
    if (!y) return EG_OK;
    if (classes < 0 || classes > EG_DATA_MAX_CLASSES)
        return eg_fail(EG_E_ARGUMENT, "eg_data_from: %d classes: 0 to %d can be used", classes, EG_DATA_MAX_CLASSES);
    const eg_shape *shape = eg_shape_of(y);
    if (shape->rank != 1 && shape->rank != 2)
        return eg_fail(EG_E_SHAPE, "eg_data_from: %s of rank %d",
                       classes > 0 ? "class numbers are [n] or [n, steps], not"
                                   : "targets are [n] or [n, outputs], not",
                       shape->rank);
    EG_TRY(classes > 0 ? take_labels(data, y, classes) : take_numbers(data, y));
    if (shape->dim[0] == eg_data_rows(data)) return EG_OK;
    return eg_fail(EG_E_SHAPE, "eg_data_from: %lld samples in x, %lld targets in y", (long long)eg_data_rows(data),
                   (long long)shape->dim[0]);
}

eg_data *eg_data_from(const eg_tensor *x, const eg_tensor *y, int classes) {
    eg_data *data = eg_data_new();
    return data ? eg_data_finish(data, fill_from(data, x, y, classes)) : NULL;
}

/* ---- what it is ------------------------------------------------------------------------------------------------ */

eg_status eg_data_status(const eg_data *data) { return data ? data->status : EG_E_MEMORY; }
const char *eg_data_error(const eg_data *data) { return data ? data->error : "no memory for a data set"; }
int64_t eg_data_rows(const eg_data *data) { return data && data->x ? eg_shape_of(data->x)->dim[0] : 0; }

eg_status eg_data_check(const eg_data *data) {
    eg_status status = eg_data_status(data);
    return status == EG_OK ? EG_OK : eg_fail(status, "%s", eg_data_error(data));
}

eg_shape eg_data_sample_shape(const eg_data *data) {
    eg_shape shape = EG_SCALAR;
    if (!data || !data->x) return shape;
    const eg_shape *all = eg_shape_of(data->x);
    shape.rank = all->rank - 1;
    memcpy(shape.dim, all->dim + 1, (size_t)shape.rank * sizeof *shape.dim);
    return shape;
}

int64_t eg_data_sample_size(const eg_data *data) { return eg_shape_size(eg_data_sample_shape(data)); }

const eg_tensor *eg_data_x(const eg_data *data) { return data ? data->x : NULL; }
const eg_tensor *eg_data_y(const eg_data *data) { return data ? data->y : NULL; }
eg_task eg_data_task(const eg_data *data) { return data ? data->info->task : EG_TASK_NONE; }
int eg_data_classes(const eg_data *data) { return data ? data->info->classes : 0; }

int eg_data_outputs(const eg_data *data) {
    if (eg_data_classes(data) > 0) return data->info->classes;
    return data && data->y ? (int)eg_shape_of(data->y)->dim[1] : 0;
}

const char *eg_data_class_name(const eg_data *data, int index) {
    return data && index >= 0 && index < data->info->classes ? data->info->class_names[index] : NULL;
}

int eg_data_columns(const eg_data *data) { return data ? data->info->columns : 0; }

const char *eg_data_column_name(const eg_data *data, int index) {
    return data && index >= 0 && index < data->info->columns ? data->info->column_names[index] : NULL;
}

const char *eg_data_row_name(const eg_data *data, int64_t row) {
    return data && data->row_names && row >= 0 && row < eg_data_rows(data) ? data->row_names[row] : NULL;
}

const char *eg_data_target_name(const eg_data *data) { return data ? data->info->target_name : NULL; }
const char *eg_data_source(const eg_data *data) { return data && data->info->source ? data->info->source : ""; }
const float *eg_data_weights(const eg_data *data) { return data ? data->weights : NULL; }

eg_status eg_data_set_weights(eg_data *data, const float *weights, int64_t n) {
    if (!data) return eg_fail(EG_E_ARGUMENT, "eg_data_set_weights: no data set");
    EG_TRY(eg_data_check(data));
    float *copy = NULL;
    if (weights) {
        if (n != eg_data_rows(data))
            return eg_fail(EG_E_SHAPE, "%lld sample weights for %lld samples", (long long)n,
                           (long long)eg_data_rows(data));
        for (int64_t i = 0; i < n; i++)
            if (!(weights[i] >= 0) || isinf(weights[i]))
                return eg_fail(EG_E_ARGUMENT, "weight %g of sample %lld: weights are finite and not negative",
                               (double)weights[i], (long long)i + 1);
        copy = eg_alloc(sizeof(float) * (size_t)(n > 0 ? n : 1));
        if (!copy) return EG_E_MEMORY;
        memcpy(copy, weights, sizeof(float) * (size_t)n);
    }
    eg_free(data->weights);
    data->weights = copy;
    return EG_OK;
}

enum { GAPS = 1, INFINITIES = 2 };

/* The first row of a tensor with such a number, -1 if there is none. */
static int64_t find_row(const eg_tensor *tensor, int what) {
    if (!tensor || eg_tensor_dtype(tensor) != EG_F32) return -1;
    const float *v = eg_tensor_data(tensor);
    int64_t size = eg_tensor_size(tensor);
    for (int64_t i = 0; i < size; i++)
        if (!isfinite(v[i]) && (isnan(v[i]) ? what & GAPS : what & INFINITIES))
            return i / (size / eg_shape_of(tensor)->dim[0]);
    return -1;
}

static int64_t bad_row(const eg_data *data, int gaps_are_fine) {
    int64_t x = find_row(data->x, gaps_are_fine ? INFINITIES : GAPS | INFINITIES);
    int64_t y = find_row(data->y, GAPS | INFINITIES);
    return x < 0 || (y >= 0 && y < x) ? y : x;
}

int64_t eg_data_first_gap(const eg_data *data) { return find_row(data->x, GAPS); }
int64_t eg_data_first_bad_row(const eg_data *data) { return bad_row(data, 0); }
int64_t eg_data_bad_row(const eg_data *data) { return bad_row(data, data->info->missing != EG_MISSING_ERROR); }
eg_missing eg_data_missing(const eg_data *data) { return data ? data->info->missing : EG_MISSING_ERROR; }

/* ---- views and copies ------------------------------------------------------------------------------------------ */

/* Copies rows of `from` in the order of `rows`. */
static eg_tensor *gather_rows(const eg_tensor *from, const int64_t *rows, int64_t n) {
    eg_shape shape = *eg_shape_of(from);
    shape.dim[0] = 1;
    size_t bytes = (size_t)eg_count(&shape) * eg_dtype_size(eg_tensor_dtype(from));
    shape.dim[0] = n;
    eg_tensor *out = eg_tensor_unset(eg_tensor_dtype(from), &shape);
    if (!out) return NULL;
    const unsigned char *source = eg_tensor_data(from);
    unsigned char *target = eg_tensor_data(out);
    for (int64_t i = 0; i < n; i++) memcpy(target + (size_t)i * bytes, source + (size_t)rows[i] * bytes, bytes);
    return out;
}

/* n rows from `first` on as views, or those of a list as copies. */
static eg_tensor *some_rows(const eg_tensor *from, int64_t first, const int64_t *rows, int64_t n) {
    return rows ? gather_rows(from, rows, n) : eg_tensor_slice(from, 0, first, first + n, 1);
}

static eg_status fill_rows(eg_data *out, const eg_data *data, int64_t first, const int64_t *rows, int64_t n) {
    if (!(out->x = some_rows(data->x, first, rows, n))) return EG_E_MEMORY;
    if (data->y && !(out->y = some_rows(data->y, first, rows, n))) return EG_E_MEMORY;
    if (data->row_names && !(out->row_names = eg_calloc((size_t)n + 1, sizeof *out->row_names))) return EG_E_MEMORY;
    if (data->weights && !(out->weights = eg_calloc((size_t)n + 1, sizeof *out->weights))) return EG_E_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = rows ? rows[i] : first + i;
        if (out->row_names) out->row_names[i] = data->row_names[row];
        if (out->weights) out->weights[i] = data->weights[row];
    }
    return EG_OK;
}

static eg_status fill_range(eg_data *out, const eg_data *data, int64_t from, int64_t to) {
    EG_TRY(eg_data_check(data));
    if (from < 0 || to < from || to > eg_data_rows(data))
        return eg_fail(EG_E_ARGUMENT, "rows %lld to %lld of a data set of %lld", (long long)from, (long long)to,
                       (long long)eg_data_rows(data));
    return fill_rows(out, data, from, NULL, to - from);
}

eg_data *eg_data_range(const eg_data *data, int64_t from, int64_t to) {
    eg_data *out = data ? new_relative(data) : NULL;
    return out ? eg_data_finish(out, fill_range(out, data, from, to)) : NULL;
}

static eg_status fill_take(eg_data *out, const eg_data *data, const int64_t *rows, int64_t n) {
    EG_TRY(eg_data_check(data));
    for (int64_t i = 0; i < n; i++)
        if (rows[i] < 0 || rows[i] >= eg_data_rows(data))
            return eg_fail(EG_E_ARGUMENT, "row %lld of a data set of %lld", (long long)rows[i],
                           (long long)eg_data_rows(data));
    return fill_rows(out, data, 0, rows, n);
}

eg_data *eg_data_take(const eg_data *data, const int64_t *rows, int64_t n) {
    eg_data *out = data ? new_relative(data) : NULL;
    return out ? eg_data_finish(out, fill_take(out, data, rows, n)) : NULL;
}

const int32_t *eg_data_labels(const eg_data *data) {
    int one = data->y && data->info->classes > 0 && eg_shape_of(data->y)->rank == 1;
    return one ? eg_tensor_data(data->y) : NULL;
}
