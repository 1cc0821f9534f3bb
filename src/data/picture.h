/* SPDX-License-Identifier: MIT
 *
 * picture.h: PNG and JPEG files as bytes of pixels. The decoders are libpng's and libjpeg's, both optional: png.c and
 * jpeg.c are the only files that know them. pictures.c makes data sets of folders.
 */
#ifndef EG_DATA_PICTURE_H
#define EG_DATA_PICTURE_H

#include <stddef.h>
#include "data/set.h"

enum { EG_PICTURE_MAX_SIDE = 1 << 15, EG_PICTURE_MAX_PIXELS = 1 << 26, EG_PICTURE_MAX_FILE = 1 << 28 };
#define EG_PICTURES_MAX_BYTES ((size_t)2 << 30) /* of pixels, all pictures of a set */

/* 1 if the bytes start as PNG or JPEG does. */
int eg_picture_is(const unsigned char *bytes, size_t size);
/* The picture as u8 [1,height,width,channels], channels 1 (grey) or 3 (red, green, blue); transparency is dropped, 16 bits
 * are rounded to 8, palettes and fewer bits expanded. UNAVAILABLE in a build without the library, DATA for damage. */
eg_status eg_picture_read(const unsigned char *bytes, size_t size, eg_tensor **out);
eg_status eg_png_read(const unsigned char *bytes, size_t size, eg_tensor **out);
eg_status eg_jpeg_read(const unsigned char *bytes, size_t size, eg_tensor **out);
/* Room for one, for the decoders: LIMIT above the limits, DATA if a sound file of that size has at least `least` bytes. */
eg_status eg_picture_new(int64_t height, int64_t width, int channels, size_t least, size_t size, eg_tensor **out);

/* A folder of pictures, or of one folder of them for each class; it may have the parts train and test. Fills x, y, names of
 * classes and rows, source. */
eg_status eg_pictures_open(eg_data *data, const char *folder, const char *part, const eg_data_opt *opt);
int eg_pictures_has_part(const char *folder, int test);
/* One picture, whose file's bytes these are. */
eg_status eg_picture_open(eg_data *data, const char *path, const unsigned char *bytes, size_t size,
                          const eg_data_opt *opt);

#endif
