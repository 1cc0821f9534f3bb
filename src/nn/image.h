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

/* "5" and "5x5" are lists: numbers for the spatial axes; one number is for both. An empty list leaves zeros. */
eg_status eg_image_list(const char *what, const eg_shape *list, int spatial, int64_t least, int64_t out[2]);
/* The other way, from what the C interface is given: {5} is one number, {0} is none. */
eg_shape eg_image_option(const int64_t *list);

/* The shape of what a formula makes of an image of that shape, from the formula itself. */
eg_status eg_image_probe(eg_layer *layer, eg_shape in, eg_shape *out);

#endif
