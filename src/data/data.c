/* SPDX-License-Identifier: MIT
 *
 * data.c: the data set object: samples, targets, names, weights; views of a range and copies of chosen rows. It knows
 * nothing of files (open.c) and does not shuffle or batch (the training loop does).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
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

eg_status eg_data_number_classes(eg_data_info *info, int classes) {
    info->class_names = EG_ARENA_ARRAY(&info->arena, const char *, classes);
    if (!info->class_names) return EG_E_MEMORY;
    for (int i = 0; i < classes; i++)
        if (!(info->class_names[i] = eg_arena_format(&info->arena, "%d", i))) return EG_E_MEMORY;
    info->classes = classes;
    return EG_OK;
}

eg_status eg_data_name_classes(eg_data_info *info, const char *const *names, int n) {
    info->class_names = EG_ARENA_ARRAY(&info->arena, const char *, n);
    if (!info->class_names) return EG_E_MEMORY;
    for (int i = 0; i < n; i++)
        if (!(info->class_names[i] = eg_arena_strdup(&info->arena, names[i]))) return EG_E_MEMORY;
    info->classes = n;
    return EG_OK;
}

eg_status eg_data_check_labels(const eg_tensor *y, int classes) {
    const int32_t *labels = eg_tensor_data(y);
    eg_shape shape = eg_tensor_shape(y);
    for (int64_t i = 0, each = shape.rank > 1 ? shape.dim[1] : 1; i < eg_tensor_size(y); i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return eg_fail(EG_E_DATA, "label %d of sample %lld is outside the %d classes 0 to %d", labels[i],
                           (long long)(i / each) + 1, classes, classes - 1);
    return EG_OK;
}

static eg_status take_samples(eg_data *data, const eg_tensor *x) {
    eg_dtype dtype = eg_tensor_dtype(x);
    eg_shape shape = eg_tensor_shape(x);
    if (dtype != EG_F32 && dtype != EG_U8)
        return eg_fail(EG_E_DTYPE, "eg_data_from: x is %s, not f32 or u8: convert it with eg_tensor_copy",
                       eg_dtype_name(dtype));
    if (shape.rank == 0) return eg_fail(EG_E_SHAPE, "eg_data_from: x is a single number, not samples [n, ...]");
    data->x = eg_tensor_copy(x, dtype);
    if (!data->x) return EG_E_MEMORY;
    if (shape.rank > 1) return EG_OK;
    eg_tensor *column = eg_tensor_reshape(data->x, EG_SHAPE(shape.dim[0], 1));
    eg_tensor_free(data->x);
    data->x = column;
    return column ? EG_OK : EG_E_MEMORY;
}

static eg_status take_labels(eg_data *data, const eg_tensor *y, int classes) {
    eg_dtype dtype = eg_tensor_dtype(y);
    if (dtype != EG_I32 && dtype != EG_U8)
        return eg_fail(EG_E_DTYPE, "eg_data_from: class numbers are i32 (or u8), not %s", eg_dtype_name(dtype));
    if (eg_tensor_shape(y).rank != 1 && eg_tensor_shape(y).rank != 2)
        return eg_fail(EG_E_SHAPE, "eg_data_from: class numbers are [n] or [n, steps], not of rank %d",
                       eg_tensor_shape(y).rank);
    data->y = eg_tensor_copy(y, EG_I32);
    if (!data->y) return EG_E_MEMORY;
    EG_TRY(eg_data_check_labels(data->y, classes));
    data->info->task = EG_TASK_CLASSIFICATION;
    return eg_data_number_classes(data->info, classes);
}

static eg_status take_numbers(eg_data *data, const eg_tensor *y) {
    eg_shape shape = eg_tensor_shape(y);
    if (eg_tensor_dtype(y) != EG_F32)
        return eg_fail(EG_E_DTYPE, "eg_data_from: targets are f32 where classes is 0, not %s",
                       eg_dtype_name(eg_tensor_dtype(y)));
    if (shape.rank != 1 && shape.rank != 2)
        return eg_fail(EG_E_SHAPE, "eg_data_from: targets are [n] or [n, outputs], not of rank %d", shape.rank);
    eg_tensor *copy = eg_tensor_copy(y, EG_F32);
    if (!copy) return EG_E_MEMORY;
    data->y = eg_tensor_reshape(copy, EG_SHAPE(shape.dim[0], shape.rank == 2 ? shape.dim[1] : 1));
    eg_tensor_free(copy);
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
    EG_TRY(classes > 0 ? take_labels(data, y, classes) : take_numbers(data, y));
    if (eg_tensor_shape(data->y).dim[0] != eg_data_rows(data))
        return eg_fail(EG_E_SHAPE, "eg_data_from: %lld samples in x, %lld targets in y",
                       (long long)eg_data_rows(data), (long long)eg_tensor_shape(data->y).dim[0]);
    return EG_OK;
}

eg_data *eg_data_from(const eg_tensor *x, const eg_tensor *y, int classes) {
    eg_data *data = eg_data_new();
    return data ? eg_data_finish(data, fill_from(data, x, y, classes)) : NULL;
}

/* ---- what it is ------------------------------------------------------------------------------------------------ */

eg_status eg_data_status(const eg_data *data) { return data ? data->status : EG_E_MEMORY; }
const char *eg_data_error(const eg_data *data) { return data ? data->error : "no memory for a data set"; }

eg_status eg_data_check(const eg_data *data) {
    eg_status status = eg_data_status(data);
    return status == EG_OK ? EG_OK : eg_fail(status, "%s", eg_data_error(data));
}

int64_t eg_data_rows(const eg_data *data) { return data && data->x ? eg_tensor_shape(data->x).dim[0] : 0; }

eg_shape eg_data_sample_shape(const eg_data *data) {
    eg_shape shape = EG_SCALAR;
    if (!data || !data->x) return shape;
    eg_shape all = eg_tensor_shape(data->x);
    shape.rank = all.rank - 1;
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = all.dim[i + 1];
    return shape;
}

int64_t eg_data_sample_size(const eg_data *data) { return eg_shape_size(eg_data_sample_shape(data)); }

const eg_tensor *eg_data_x(const eg_data *data) { return data ? data->x : NULL; }
const eg_tensor *eg_data_y(const eg_data *data) { return data ? data->y : NULL; }
eg_task eg_data_task(const eg_data *data) { return data ? data->info->task : EG_TASK_NONE; }
int eg_data_classes(const eg_data *data) { return data ? data->info->classes : 0; }

int eg_data_outputs(const eg_data *data) {
    if (eg_data_classes(data) > 0) return data->info->classes;
    return data && data->y ? (int)eg_tensor_shape(data->y).dim[1] : 0;
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
    if (data->status != EG_OK) return eg_fail(data->status, "%s", data->error);
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

/* Index of the first element of a tensor that is not finite (and no NaN, if those are allowed), or its size. */
static int64_t first_bad(const eg_tensor *tensor, int nan_is_fine) {
    int64_t size = eg_tensor_size(tensor);
    if (eg_tensor_dtype(tensor) != EG_F32) return size;
    const float *v = eg_tensor_data(tensor);
    for (int64_t i = 0; i < size; i++)
        if (!isfinite(v[i]) && !(nan_is_fine && isnan(v[i]))) return i;
    return size;
}

static int64_t bad_row(const eg_data *data, int gaps_are_fine) {
    int64_t rows = eg_data_rows(data), worst = rows;
    if (rows == 0) return -1;
    const eg_tensor *both[] = { data->x, data->y };
    for (int i = 0; i < 2; i++) {
        int64_t size = both[i] ? eg_tensor_size(both[i]) : 0;
        if (size == 0) continue;
        int64_t row = first_bad(both[i], gaps_are_fine && i == 0) / (size / rows);
        if (row < worst) worst = row;
    }
    return worst < rows ? worst : -1;
}

int64_t eg_data_first_bad_row(const eg_data *data) { return bad_row(data, 0); }
int64_t eg_data_bad_row(const eg_data *data) { return bad_row(data, data->info->missing != EG_MISSING_ERROR); }
eg_missing eg_data_missing(const eg_data *data) { return data ? data->info->missing : EG_MISSING_ERROR; }

/* ---- views and copies ------------------------------------------------------------------------------------------ */

static eg_status fill_range(eg_data *out, const eg_data *data, int64_t from, int64_t to) {
    if (data->status != EG_OK) return eg_fail(data->status, "%s", data->error);
    if (from < 0 || to < from || to > eg_data_rows(data))
        return eg_fail(EG_E_ARGUMENT, "rows %lld to %lld of a data set of %lld", (long long)from, (long long)to,
                       (long long)eg_data_rows(data));
    if (!(out->x = eg_tensor_slice(data->x, 0, from, to, 1))) return EG_E_MEMORY;
    if (data->y && !(out->y = eg_tensor_slice(data->y, 0, from, to, 1))) return EG_E_MEMORY;
    if (data->row_names) {
        if (!(out->row_names = eg_calloc((size_t)(to - from) + 1, sizeof *out->row_names))) return EG_E_MEMORY;
        memcpy(out->row_names, data->row_names + from, (size_t)(to - from) * sizeof *out->row_names);
    }
    return data->weights ? eg_data_set_weights(out, data->weights + from, to - from) : EG_OK;
}

eg_data *eg_data_range(const eg_data *data, int64_t from, int64_t to) {
    eg_data *out = data ? new_relative(data) : NULL;
    return out ? eg_data_finish(out, fill_range(out, data, from, to)) : NULL;
}

/* Copies rows of `from` in the order of `rows`. */
static eg_tensor *gather_rows(const eg_tensor *from, const int64_t *rows, int64_t n) {
    eg_shape shape = eg_tensor_shape(from);
    size_t all = (size_t)shape.dim[0];
    size_t bytes = all == 0 ? 0 : (size_t)eg_tensor_size(from) / all * eg_dtype_size(eg_tensor_dtype(from));
    shape.dim[0] = n;
    eg_tensor *out = eg_tensor_shaped(eg_tensor_dtype(from), &shape);
    if (!out) return NULL;
    const unsigned char *source = eg_tensor_data(from);
    unsigned char *target = eg_tensor_data(out);
    for (int64_t i = 0; i < n && bytes > 0; i++)
        memcpy(target + (size_t)i * bytes, source + (size_t)rows[i] * bytes, bytes);
    return out;
}

static eg_status fill_take(eg_data *out, const eg_data *data, const int64_t *rows, int64_t n) {
    if (data->status != EG_OK) return eg_fail(data->status, "%s", data->error);
    for (int64_t i = 0; i < n; i++)
        if (rows[i] < 0 || rows[i] >= eg_data_rows(data))
            return eg_fail(EG_E_ARGUMENT, "row %lld of a data set of %lld", (long long)rows[i],
                           (long long)eg_data_rows(data));
    if (!(out->x = gather_rows(data->x, rows, n))) return EG_E_MEMORY;
    if (data->y && !(out->y = gather_rows(data->y, rows, n))) return EG_E_MEMORY;
    if (data->row_names && !(out->row_names = eg_calloc((size_t)n + 1, sizeof *out->row_names))) return EG_E_MEMORY;
    for (int64_t i = 0; i < n && data->row_names; i++) out->row_names[i] = data->row_names[rows[i]];
    if (!data->weights) return EG_OK;
    if (!(out->weights = eg_alloc(sizeof(float) * (size_t)(n > 0 ? n : 1)))) return EG_E_MEMORY;
    for (int64_t i = 0; i < n; i++) out->weights[i] = data->weights[rows[i]];
    return EG_OK;
}

eg_data *eg_data_take(const eg_data *data, const int64_t *rows, int64_t n) {
    eg_data *out = data ? new_relative(data) : NULL;
    return out ? eg_data_finish(out, fill_take(out, data, rows, n)) : NULL;
}

const int32_t *eg_data_labels(const eg_data *data) {
    int one = data->y && data->info->classes > 0 && eg_tensor_shape(data->y).rank == 1;
    return one ? eg_tensor_data(data->y) : NULL;
}

/* ---- splitting ------------------------------------------------------------------------------------------------- */

static int64_t share_of(double share, int64_t n) { return (int64_t)floor(share * (double)n + .5); }

/* quota[c]: how many rows of class c the first part gets; without classes all rows are of class 0. */
static void count_quota(const int32_t *labels, int64_t n, double share, int64_t *quota, int classes) {
    for (int64_t i = 0; i < n; i++) quota[labels ? labels[i] : 0]++;
    int64_t sum = 0;
    for (int c = 0; c < classes; c++) sum += quota[c] = share_of(share, quota[c]);
    for (int c = 0; c < classes && sum == n; c++) /* rounding took all: the second part gets one */
        if (quota[c] > 0) quota[c]--, sum--;
}

/* Walks a random order; a row goes to the front of `rows` while its class has quota left, else to the back. */
static int64_t deal_rows(const int64_t *order, int64_t n, const int32_t *labels, int64_t *quota, int64_t *rows) {
    int64_t front = 0, back = n;
    for (int64_t i = 0; i < n; i++) {
        int64_t *left = &quota[labels ? labels[order[i]] : 0];
        if (*left > 0)
            rows[front++] = order[i], --*left;
        else
            rows[--back] = order[i];
    }
    return front;
}

eg_status eg_data_split(const eg_data *data, double share, uint64_t seed, eg_data **first, eg_data **second) {
    *first = *second = NULL;
    EG_TRY(eg_data_check(data));
    int64_t n = eg_data_rows(data);
    if (!(share > 0 && share < 1))
        return eg_fail(EG_E_ARGUMENT, "a split by %g: the share is between 0 and 1", share);
    if (n < 2) return eg_fail(EG_E_DATA, "%lld rows cannot be split", (long long)n);
    const int32_t *labels = eg_data_labels(data);
    int classes = labels ? data->info->classes : 1;
    int64_t *order = eg_calloc((size_t)n, sizeof *order), *rows = eg_calloc((size_t)n, sizeof *rows);
    int64_t *quota = eg_calloc((size_t)classes, sizeof *quota);
    eg_status status = EG_E_MEMORY;
    if (!order || !rows || !quota) goto done;
    eg_rng rng = eg_rng_new(seed, eg_site("data/split"));
    eg_rng_permutation(&rng, order, n);
    count_quota(labels, n, share, quota, classes);
    int64_t cut = deal_rows(order, n, labels, quota, rows);
    if (cut == 0) cut = 1;
    *first = eg_data_take(data, rows, cut);
    *second = eg_data_take(data, rows + cut, n - cut);
    status = eg_data_status(*first) != EG_OK ? eg_data_status(*first) : eg_data_status(*second);
done:
    if (status != EG_OK) {
        eg_data_free(*first);
        eg_data_free(*second);
        *first = *second = NULL;
    }
    eg_free(order);
    eg_free(rows);
    eg_free(quota);
    return status;
}
