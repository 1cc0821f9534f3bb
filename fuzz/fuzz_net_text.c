/* SPDX-License-Identifier: MIT
 *
 * fuzz_net_text.c: any text either is refused with a message and a place in it, or is a model whose own text is read
 * again as the same model.
 */
#include "fuzz.h"

#include <stdlib.h>

#include <elegans/nn.h>

static const eg_shape input = { 2, { 4, 6 } };

/* What the model of a text writes; NULL if the text is refused. */
static char *understood(const char *text) {
    eg_model *model = eg_model_parse(input, text);
    char *out = NULL;
    FUZZ_EXPECT(model);
    if (eg_model_status(model) == EG_OK) {
        out = eg_model_text(model);
        FUZZ_EXPECT(out);
        char *summary = eg_model_summary(model);
        FUZZ_EXPECT(summary);
        eg_string_free(summary);
    } else {
        int64_t at = eg_model_error_position(model);
        FUZZ_EXPECT(eg_model_error(model)[0] != '\0' && at >= 0 && at <= (int64_t)strlen(text));
    }
    eg_model_free(model);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *once = understood(text);
    if (once) {
        char *twice = understood(once);
        FUZZ_EXPECT(twice && strcmp(once, twice) == 0);
        eg_string_free(twice);
    }
    eg_string_free(once);
    free(text);
    return 0;
}
