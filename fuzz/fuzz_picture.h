/* SPDX-License-Identifier: MIT
 *
 * fuzz_picture.h: what holds for every decoder: any bytes either are refused with a message or are a picture of the size
 * that it has.
 */
#ifndef EG_FUZZ_PICTURE_H
#define EG_FUZZ_PICTURE_H

#include "fuzz.h"

#include "base/status.h"
#include "data/picture.h"

static inline int fuzz_picture(eg_status (*read)(const unsigned char *, size_t, eg_tensor **), const uint8_t *data,
                               size_t size) {
    eg_tensor *picture = NULL;
    eg_error_clear();
    if (read(data, size, &picture) != EG_OK) {
        FUZZ_EXPECT(!picture && eg_error()[0] != '\0');
        return 0;
    }
    eg_shape shape = eg_tensor_shape(picture);
    FUZZ_EXPECT(shape.rank == 4 && shape.dim[0] == 1 && (shape.dim[3] == 1 || shape.dim[3] == 3));
    FUZZ_EXPECT(shape.dim[1] * shape.dim[2] <= EG_PICTURE_MAX_PIXELS);
    eg_tensor_free(picture);
    return 0;
}

#endif
