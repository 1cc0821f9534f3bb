/* SPDX-License-Identifier: MIT
 *
 * batch.c: rows of a data set into the buffers that a program reads. Bytes stay bytes; class and sample weights meet
 * here. The order of an epoch is a function of (seed, epoch) alone, so a run can be resumed in the middle of it.
 */
#include <string.h>
#include "base/rng.h"
#include "data/image.h"
#include "train/trainer.h"

static size_t row_bytes(const eg_tensor *tensor) {
    int64_t rows = eg_tensor_shape(tensor).dim[0];
    return rows ? (size_t)(eg_tensor_size(tensor) / rows) * eg_dtype_size(eg_tensor_dtype(tensor)) : 0;
}

void eg_batch_free(eg_batch *batch) {
    eg_free(batch->x);
    eg_free(batch->y);
    eg_free(batch->weights);
    *batch = (eg_batch){ 0 };
}

eg_status eg_batch_reserve(eg_batch *batch, const eg_data *data, int64_t rows) {
    size_t x_row = row_bytes(eg_data_x(data));
    size_t y_row = eg_data_y(data) ? row_bytes(eg_data_y(data)) : 0;
    if (batch->capacity >= rows && batch->x_row == x_row && batch->y_row == y_row) return EG_OK;
    eg_batch_free(batch);
    size_t n = (size_t)rows; /* no more than the data set has in memory */
    batch->x = eg_alloc(n * x_row + 1);
    batch->y = eg_alloc(n * y_row + 1);
    batch->weights = eg_alloc(n * sizeof *batch->weights + 1);
    if (!batch->x || !batch->y || !batch->weights) return EG_E_MEMORY;
    batch->capacity = rows;
    batch->x_row = x_row;
    batch->y_row = y_row;
    return EG_OK;
}

static float weight_of(const eg_data *data, int64_t row, const double *class_weights) {
    const float *samples = eg_data_weights(data);
    double weight = samples ? (double)samples[row] : 1;
    if (class_weights) weight *= class_weights[((const int32_t *)eg_tensor_data(eg_data_y(data)))[row]];
    return (float)weight;
}

/* A label or two numbers are not worth a call. */
static void copy_row(void *to, int64_t i, const void *from, int64_t row, size_t bytes) {
    unsigned char *out = (unsigned char *)to + (size_t)i * bytes;
    const unsigned char *in = (const unsigned char *)from + (size_t)row * bytes;
    if (bytes == 4) memcpy(out, in, 4);
    else if (bytes == 8) memcpy(out, in, 8);
    else memcpy(out, in, bytes);
}

void eg_batch_fill(eg_batch *batch, const eg_data *data, const int64_t *order, int64_t first, int64_t n,
                   const double *class_weights) {
    const void *x = eg_tensor_data(eg_data_x(data)), *y = eg_data_y(data) ? eg_tensor_data(eg_data_y(data)) : NULL;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = order ? order[i] : first + i;
        copy_row(batch->x, i, x, row, batch->x_row);
        if (y) copy_row(batch->y, i, y, row, batch->y_row);
        batch->weights[i] = weight_of(data, row, class_weights);
    }
}

eg_status eg_batch_bind(const eg_batch *batch, eg_program *program, int64_t n, int weighted) {
    EG_TRY(eg_bind(program, "x", batch->x, (size_t)n * batch->x_row));
    EG_TRY(eg_bind(program, "y", batch->y, (size_t)n * batch->y_row));
    return weighted ? eg_bind(program, "weights", batch->weights, (size_t)n * sizeof(float)) : EG_OK;
}

void eg_batch_augment(eg_batch *batch, const eg_data *data, const int64_t *order, int64_t n,
                      const eg_augment *augment, uint64_t seed, int epoch) {
    eg_shape sample = eg_data_sample_shape(data);
    for (int64_t i = 0; i < n; i++)
        eg_augment_row(augment, seed, epoch, order[i], sample, eg_data_x(data),
                       (unsigned char *)batch->x + (size_t)i * batch->x_row);
}

void eg_epoch_order(eg_shuffle shuffle, uint64_t seed, int epoch, int64_t *order, int64_t n) {
    eg_rng rng = eg_rng_new(seed, eg_site("shuffle"));
    rng.key.step = (uint32_t)epoch;
    if (shuffle == EG_SHUFFLE_EACH_EPOCH) {
        eg_rng_permutation(&rng, order, n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        order[i] = shuffle == EG_SHUFFLE_OFF ? i : (int64_t)eg_rng_below(&rng, (uint64_t)n);
}
