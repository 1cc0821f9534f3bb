/* SPDX-License-Identifier: MIT
 *
 * augment.c: random changes of samples. All that is drawn for a sample is a function of (seed, epoch, row): numbers
 * 0 to 3 of the row's block are its shift, angle and flip, those from 8 on the noise of its elements. So neither
 * threads, nor the order of rows, nor a stop in the middle of an epoch can change a sample.
 */
#include "data/image.h"

#include <math.h>

#include "base/rng.h"
#include "base/status.h"
#include "tensor/shape.h"

enum { DOWN, ACROSS, ANGLE, FLIP, NOISE = 8 };
#define ROW_BLOCK ((uint64_t)1 << 24) /* numbers that a row may draw: more than elements of a sensible sample */

int eg_augment_is_on(const eg_augment *a) { return a->shift != 0 || a->rotate != 0 || a->flip || a->noise != 0; }

eg_status eg_augment_check(const eg_augment *a, eg_shape sample) {
    if (a->shift < 0 || !(a->rotate >= 0 && a->rotate <= 360) || !(a->noise >= 0) || isinf(a->noise))
        return eg_fail(EG_E_ARGUMENT, "augment: shift, rotate (degrees) and noise are not negative");
    int moves = a->shift != 0 || a->rotate != 0 || a->flip;
    if (!moves || sample.rank == 2 || sample.rank == 3) return EG_OK;
    return eg_fail(EG_E_SHAPE, "augment: pixels move in samples [height,width] or [height,width,channels], not %s",
                   eg_shape_words(&sample));
}

/* ---- where an output pixel comes from -------------------------------------------------------------------------- */

typedef struct motion {
    int64_t height, width, channels;
    double down, across, cosine, sine;
    int flip;
} motion;

static motion draw_motion(const eg_augment *a, eg_rng_key key, uint64_t first, eg_shape sample) {
    motion m = { .height = 1, .width = 1, .channels = eg_count(&sample), .cosine = 1 };
    if (sample.rank < 2 || sample.rank > 3) return m;
    double u[4];
    for (int i = 0; i < 4; i++) u[i] = (double)eg_rng_uniform(key, first + (uint64_t)i);
    double angle = a->rotate * (2 * u[ANGLE] - 1) * acos(-1) / 180;
    m.height = sample.dim[0];
    m.width = sample.dim[1];
    m.channels = sample.rank == 3 ? sample.dim[2] : 1;
    m.down = floor(u[DOWN] * (2 * a->shift + 1)) - a->shift;
    m.across = floor(u[ACROSS] * (2 * a->shift + 1)) - a->shift;
    if (a->rotate != 0) m.cosine = cos(angle), m.sine = sin(angle);
    m.flip = a->flip && u[FLIP] < .5;
    return m;
}

typedef struct sample {
    const unsigned char *u8; /* [height,width,channels] of one of the two types */
    const float *f32;
} sample;

static double pixel(sample x, const motion *m, int64_t row, int64_t column, int64_t channel) {
    if (row < 0 || row >= m->height || column < 0 || column >= m->width) return 0;
    int64_t i = (row * m->width + column) * m->channels + channel;
    return x.u8 ? x.u8[i] : (double)x.f32[i];
}

/* Output pixel -> back by the shift, back by the angle about the middle, mirrored. */
static double moved_pixel(sample x, const motion *m, int64_t row, int64_t column, int64_t channel) {
    double middle_y = (double)(m->height - 1) / 2, middle_x = (double)(m->width - 1) / 2;
    double dy = (double)row - m->down - middle_y, dx = (double)column - m->across - middle_x;
    double y = m->cosine * dy + m->sine * dx + middle_y, from = m->cosine * dx - m->sine * dy + middle_x;
    if (m->flip) from = (double)(m->width - 1) - from;
    double top = floor(y), left = floor(from), b = y - top, r = from - left;
    int64_t i = (int64_t)top, j = (int64_t)left;
    double sum = (1 - b) * (1 - r) * pixel(x, m, i, j, channel);
    if (r > 0) sum += (1 - b) * r * pixel(x, m, i, j + 1, channel);
    if (b > 0) sum += b * (1 - r) * pixel(x, m, i + 1, j, channel);
    if (b > 0 && r > 0) sum += b * r * pixel(x, m, i + 1, j + 1, channel);
    return sum;
}

/* ---- samples --------------------------------------------------------------------------------------------------- */

void eg_augment_row(const eg_augment *a, uint64_t seed, int epoch, int64_t row, eg_shape shape, const eg_tensor *x,
                    void *out) {
    eg_rng_key key = { .seed = seed, .step = (uint32_t)epoch, .site = eg_site("augment") };
    uint64_t first = (uint64_t)row * ROW_BLOCK;
    motion m = draw_motion(a, key, first, shape);
    int bytes = eg_tensor_dtype(x) == EG_U8;
    int64_t size = eg_count(&shape), i = 0;
    sample from = { .u8 = bytes ? (const unsigned char *)eg_tensor_data(x) + row * size : NULL,
                    .f32 = bytes ? NULL : (const float *)eg_tensor_data(x) + row * size };
    for (int64_t r = 0; r < m.height; r++)
        for (int64_t c = 0; c < m.width; c++)
            for (int64_t channel = 0; channel < m.channels; channel++, i++) {
                double value = moved_pixel(from, &m, r, c, channel);
                if (a->noise != 0) value += a->noise * eg_rng_normal(key, first + NOISE + (uint64_t)i);
                eg_put_element(eg_tensor_dtype(x), out, i, value);
            }
}

eg_tensor *eg_augment_samples(const eg_tensor *x, eg_augment augment, uint64_t seed, int epoch) {
    eg_shape all = eg_tensor_shape(x), sample = { .rank = all.rank - 1 };
    for (int i = 0; i < sample.rank; i++) sample.dim[i] = all.dim[i + 1];
    if (all.rank < 1 || (eg_tensor_dtype(x) != EG_U8 && eg_tensor_dtype(x) != EG_F32)) {
        eg_fail(EG_E_ARGUMENT, "augment: samples [n, ...] are f32 or u8");
        return NULL;
    }
    if (eg_augment_check(&augment, sample) != EG_OK) return NULL;
    eg_tensor *dense = eg_tensor_copy(x, eg_tensor_dtype(x)), *out = eg_tensor_shaped(eg_tensor_dtype(x), &all);
    size_t row = (size_t)eg_count(&sample) * eg_dtype_size(eg_tensor_dtype(x));
    for (int64_t r = 0; dense && out && r < all.dim[0]; r++)
        eg_augment_row(&augment, seed, epoch, r, sample, dense, (char *)eg_tensor_data(out) + (size_t)r * row);
    if (!dense) eg_tensor_free(out), out = NULL;
    eg_tensor_free(dense);
    return out;
}
