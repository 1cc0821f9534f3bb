/* SPDX-License-Identifier: MIT
 *
 * fuzz_text.c: any bytes are refused with a message or become samples of whole numbers below the vocabulary's size, each
 * with the next one as its target; and a vocabulary writes what it reads. The first byte chooses the settings.
 */
#include "fuzz.h"

#include "base/status.h"
#include "data/set.h"

static void check(const eg_data *data) {
    const float *x = eg_tensor_data(eg_data_x(data));
    const int32_t *y = eg_tensor_data(eg_data_y(data));
    int64_t n = eg_tensor_size(eg_data_x(data)), steps = eg_data_text(data)->steps;
    FUZZ_EXPECT(n == eg_tensor_size(eg_data_y(data)) && eg_data_rows(data) % eg_data_text(data)->rows == 0);
    for (int64_t i = 0; i < n; i++) {
        FUZZ_EXPECT(x[i] >= 0 && x[i] < (float)eg_data_classes(data) && y[i] >= 0 && y[i] < eg_data_classes(data));
        FUZZ_EXPECT((i + 1) % steps == 0 || x[i + 1] == (float)y[i]);
    }
}

/* What could be encoded can be decoded. */
static void check_vocabulary(const eg_vocabulary *v, const char *text, size_t size) {
    eg_tensor *numbers = eg_vocabulary_encode(v, text, size);
    if (!numbers) return;
    char *back = eg_vocabulary_decode(v, eg_tensor_data(numbers), eg_tensor_size(numbers));
    FUZZ_EXPECT(back);
    eg_string_free(back);
    eg_tensor_free(numbers);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char *const parts[] = { NULL, "train", "test", "test" };
    if (size == 0) return 0;
    const char *text = (const char *)bytes + 1;
    eg_text_opt opt = { .unit = bytes[0] & 1 ? EG_TOKEN_WORD : EG_TOKEN_CHARACTER,
                        .steps = bytes[0] >> 1 & 7,
                        .every = bytes[0] & 16 ? 3 : 0,
                        .most = bytes[0] & 32 ? 2 : 0 };
    eg_error_clear();
    eg_data *data = eg_data_from_text_(text, size - 1, parts[bytes[0] >> 6], opt);
    eg_status status = eg_data_status(data);
    FUZZ_EXPECT(status == EG_OK || status == EG_E_DATA || status == EG_E_LIMIT);
    FUZZ_EXPECT((status == EG_OK) == (eg_data_error(data)[0] == '\0'));
    if (status == EG_OK) check(data), check_vocabulary(eg_data_text(data)->vocabulary, text, size - 1);
    eg_data_free(data);
    return 0;
}
