/* SPDX-License-Identifier: MIT
 *
 * image.c: see image.h.
 */
#include "nn/image.h"

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

eg_status eg_image_list(const eg_layer *layer, int which, int spatial, int64_t least, int64_t *out) {
    const eg_option *option = &eg_options[which];
    const eg_shape *list = (const eg_shape *)((const char *)layer + option->offset);
    if (list->rank > spatial)
        return eg_fail(EG_E_ARGUMENT, "%s has %d numbers for %d axes", option->name, list->rank, spatial);
    for (int a = 0; a < spatial && list->rank > 0; a++) {
        out[a] = list->dim[list->rank == 1 ? 0 : a];
        if (out[a] < least)
            return eg_fail(EG_E_ARGUMENT, "%s must be at least %lld, not %lld", option->name, (long long)least,
                           (long long)out[a]);
    }
    return EG_OK;
}

eg_status eg_image_window(const eg_layer *layer, int spatial, eg_window_opt *opt) {
    static const struct {
        unsigned char option, least, into;
    } lists[] = {
        { EG_ID_SIZE, 1, offsetof(eg_window_opt, size) },   { EG_ID_STRIDE, 1, offsetof(eg_window_opt, stride) },
        { EG_ID_PAD, 0, offsetof(eg_window_opt, low) },     { EG_ID_PAD, 0, offsetof(eg_window_opt, high) },
        { EG_ID_EXTRA, 0, offsetof(eg_window_opt, extra) }, { EG_ID_DILATION, 1, offsetof(eg_window_opt, dilation) },
    };
    *opt = (eg_window_opt){ .size_ = sizeof *opt,
                            .padding = layer->padding,
                            .groups = layer->groups,
                            .count_padding = layer->count_padding };
    if (layer->padding == EG_SAME && layer->pad.rank)
        return eg_fail(EG_E_ARGUMENT, "its padding is 'same' and a number");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        EG_TRY(
            eg_image_list(layer, lists[i].option, spatial, lists[i].least, (int64_t *)((char *)opt + lists[i].into)));
    return EG_OK;
}
