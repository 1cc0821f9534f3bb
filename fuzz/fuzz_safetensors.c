/* SPDX-License-Identifier: MIT
 *
 * fuzz_safetensors.c: any bytes either are refused with a message or describe tensors that tile the data and can be
 * read.
 */
#include "fuzz.h"

#include "base/status.h"
#include "formats/safetensors.h"

static void read_all(const eg_safetensors *file) {
    size_t end = 0;
    for (int i = 0; i < eg_safetensors_count(file); i++) {
        const eg_safetensors_entry *entry = eg_safetensors_at(file, i);
        eg_tensor *tensor;
        FUZZ_EXPECT(entry->begin == end && entry->end >= end);
        end = entry->end;
        eg_status status = eg_safetensors_tensor(file, entry, &tensor);
        FUZZ_EXPECT(status == (entry->dtype ? EG_OK : EG_E_UNSUPPORTED));
        FUZZ_EXPECT(eg_safetensors_find(file, entry->name) == entry);
        eg_tensor_free(tensor);
    }
    FUZZ_EXPECT(!eg_safetensors_metadata(file, "no such key"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    eg_safetensors *file;
    eg_error_clear();
    if (eg_safetensors_parse(data, size, &file) == EG_OK)
        read_all(file);
    else
        FUZZ_EXPECT(!file && eg_error_status() == EG_E_DATA && eg_error()[0] != '\0');
    eg_safetensors_free(file);
    return 0;
}
