/* SPDX-License-Identifier: MIT
 *
 * image.c: see image.h.
 */
#include "nn/image.h"

#include <string.h>

#include "base/status.h"
#include "graph/node.h"

eg_status eg_image_shape(const eg_shape *in, int spatial, eg_shape *out) {
    int rank = in->rank, wanted = spatial ? spatial + 1 : rank;
    *out = *in;
    if (spatial && rank == spatial) out->dim[out->rank++] = 1;
    if (out->rank == wanted && out->rank >= 2 && out->rank <= 3) return EG_OK;
    return eg_fail(EG_E_SHAPE, "its input %s is no %s", eg_shape_words(in),
                   spatial == 1 ? "sequence [length, channels]"
                   : spatial    ? "image [height, width, channels]"
                                : "image [height, width, channels] or sequence [length, channels]");
}

eg_value *eg_as_image(eg_value *x, int spatial) {
    eg_shape shape = x->shape;
    if (!spatial || shape.rank == spatial + 2) return x;
    shape.dim[shape.rank++] = 1;
    return eg_reshaped(x, &shape);
}

eg_status eg_image_list(const char *what, const eg_shape *list, int spatial, int64_t least, int64_t out[2]) {
    for (int a = 0; a < 2; a++) out[a] = 0;
    if (list->rank > spatial)
        return eg_fail(EG_E_ARGUMENT, "%s has %d numbers for %d axes", what, list->rank, spatial);
    for (int a = 0; a < spatial && list->rank > 0; a++) {
        out[a] = list->dim[list->rank == 1 ? 0 : a];
        if (out[a] < least)
            return eg_fail(EG_E_ARGUMENT, "%s must be at least %lld, not %lld", what, (long long)least,
                           (long long)out[a]);
    }
    return EG_OK;
}

eg_shape eg_image_option(const int64_t *list) {
    if (list[1]) return EG_SHAPE(list[0], list[1]);
    return list[0] ? EG_SHAPE(list[0]) : EG_SCALAR;
}

/* A mistake is told as the layer's anyway. */
static const char *without_name(const eg_layer *layer, const char *message) {
    size_t n = strlen(layer->name);
    return strncmp(message, layer->name, n) == 0 && strncmp(message + n, ": ", 2) == 0 ? message + n + 2 : message;
}

eg_status eg_image_probe(eg_layer *layer, eg_shape in, eg_shape *out) {
    eg_shape batch = { .rank = in.rank + 1, .dim = { 1 } };
    for (int i = 0; i < in.rank; i++) batch.dim[i + 1] = in.dim[i];
    eg_graph *graph = eg_graph_new();
    if (!graph) return EG_E_MEMORY;
    eg_building b = { .graph = graph, .prefix = "", .dtype = EG_F32 };
    eg_value *x = eg_input(graph, "x", EG_F32, batch), *y = layer->kind->build(layer, &b, &x, 1);
    eg_status status = eg_graph_status(graph);
    if (status != EG_OK) eg_fail(status, "%s", without_name(layer, eg_graph_error(graph)));
    *out = (eg_shape){ .rank = y->shape.rank - 1 };
    for (int i = 0; i < out->rank; i++) out->dim[i] = y->shape.dim[i + 1];
    eg_graph_free(graph);
    return status;
}
