/* SPDX-License-Identifier: MIT
 *
 * fuzz_model_json.c: any bytes either are refused with a message or describe a model that writes a description of the
 * same model, and that builds a graph if it is small.
 */
#include "fuzz.h"

#include <elegans/nn.h>

static void build(eg_model *model) {
    eg_shape shape = eg_model_input_shape(model), batch = { .rank = 1, .dim = { 2 } };
    for (int i = 0; i < shape.rank; i++) batch.dim[batch.rank++] = shape.dim[i];
    eg_graph *graph = eg_graph_new();
    eg_value *step = eg_input(graph, "step", EG_I32, EG_SCALAR), *y = NULL;
    if (eg_model_build(model, eg_input(graph, "x", EG_F32, batch), step, &y, NULL, NULL) == EG_OK)
        FUZZ_EXPECT(eg_value_shape(y).rank == eg_model_output_shape(model).rank + 1);
    eg_graph_free(graph);
}

/* What the description's model writes; NULL if it is refused. */
static char *understood(const char *json, size_t size) {
    eg_model *model = eg_model_from_json(json, size);
    char *out = NULL;
    FUZZ_EXPECT(model);
    if (eg_model_status(model) == EG_OK) {
        out = eg_model_json(model);
        FUZZ_EXPECT(out);
        build(model);
    } else {
        FUZZ_EXPECT(eg_model_error(model)[0] != '\0');
    }
    eg_model_free(model);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *once = understood((const char *)data, size);
    if (once) {
        char *twice = understood(once, strlen(once));
        FUZZ_EXPECT(twice && strcmp(once, twice) == 0);
        eg_string_free(twice);
    }
    eg_string_free(once);
    return 0;
}
