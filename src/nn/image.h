/* SPDX-License-Identifier: MIT
 *
 * image.h: what the layers over images share: conv.c, pool.c. An image is channels-last, [length, channels] or
 * [height, width, channels] without its batch axis; one without channels has one.
 */
#ifndef EG_NN_IMAGE_H
#define EG_NN_IMAGE_H

#include "nn/model.h"

/* The input's shape as an image of so many spatial axes (0: as many as it has, 1 or 2), its one channel added
 * where it has none; SHAPE error else. */
eg_status eg_image_shape(const eg_shape *in, int spatial, eg_shape *out);
/* The value, with its batch axis, in the shape that eg_image_shape gives. */
eg_value *eg_as_image(eg_value *x, int spatial);

/* An option that is a list, "5" or "5x5": numbers for the spatial axes; one number is for both. An empty list leaves
 * `out` as it is. */
eg_status eg_image_list(const eg_layer *layer, int option, int spatial, int64_t least, int64_t *out);
/* The layer's window. */
eg_status eg_image_window(const eg_layer *layer, int spatial, eg_window_opt *opt);

#endif
