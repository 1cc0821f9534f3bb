/* SPDX-License-Identifier: MIT
 *
 * fuzz_png.c: any bytes as PNG.
 */
#include "fuzz_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return fuzz_picture(eg_png_read, data, size); }
