/* SPDX-License-Identifier: MIT
 *
 * fuzz_jpeg.c: any bytes either are refused with a message or are a picture of the size that it has.
 */
#include "fuzz.h"

#include "base/status.h"
#include "data/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    eg_tensor *picture = NULL;
    eg_error_clear();
    eg_status status = eg_jpeg_read(data, size, &picture);
    if (status != EG_OK) {
        FUZZ_EXPECT(!picture && eg_error()[0] != '\0');
        return 0;
    }
    eg_shape shape = eg_tensor_shape(picture);
    FUZZ_EXPECT(shape.rank == 4 && shape.dim[0] == 1 && (shape.dim[3] == 1 || shape.dim[3] == 3));
    FUZZ_EXPECT(shape.dim[1] * shape.dim[2] <= EG_PICTURE_MAX_PIXELS);
    eg_tensor_free(picture);
    return 0;
}
