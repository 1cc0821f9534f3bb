/* SPDX-License-Identifier: MIT
 *
 * fuzz_idx.c: any bytes, packed or not, either are refused with a message or are an array of the size that they have.
 */
#include "fuzz.h"

#include "base/status.h"
#include "data/idx.h"

enum { BEST_RATIO = 1032 }; /* of deflate */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    eg_tensor *tensor;
    eg_error_clear();
    eg_status status = eg_idx_parse(data, size, &tensor);
    if (status == EG_OK)
        FUZZ_EXPECT((size_t)eg_tensor_size(tensor) <= size * BEST_RATIO);
    else
        FUZZ_EXPECT(!tensor && (status == EG_E_DATA || status == EG_E_UNAVAILABLE) && eg_error()[0] != '\0');
    eg_tensor_free(tensor);
    return 0;
}
