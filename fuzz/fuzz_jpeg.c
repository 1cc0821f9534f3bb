/* SPDX-License-Identifier: MIT
 *
 * fuzz_jpeg.c: any bytes as JPEG.
 */
#include "fuzz_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return fuzz_picture(eg_jpeg_read, data, size); }
