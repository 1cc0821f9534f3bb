/* SPDX-License-Identifier: MIT
 *
 * image.h: random changes of one sample, for the training loop, and elements of images.
 */
#ifndef EG_DATA_IMAGE_H
#define EG_DATA_IMAGE_H

#include <elegans/data.h>

int eg_augment_is_on(const eg_augment *augment);
/* ARGUMENT error for a negative amount, SHAPE error if pixels are to move in samples that are no images. */
eg_status eg_augment_check(const eg_augment *augment, eg_shape sample);
/* Row `row` of x (contiguous, u8 or f32), changed, into out [sample]. */
void eg_augment_row(const eg_augment *augment, uint64_t seed, int epoch, int64_t row, eg_shape sample,
                    const eg_tensor *x, void *out);

/* Into element i of data, f32 or u8: there rounded and kept within the range. */
void eg_put_element(eg_dtype dtype, void *data, int64_t i, double value);

#endif
