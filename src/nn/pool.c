/* SPDX-License-Identifier: MIT
 *
 * pool.c: layers over images without parameters: pooling, zero padding, upsampling. They take images of one spatial
 * axis and of two alike.
 */
#include "base/status.h"
#include "graph/node.h"
#include "nn/image.h"

/* Options are checked and the shape is found by building the formula once. */
static eg_status image_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    EG_TRY(eg_image_shape(in, 0, out));
    return eg_layer_probe(layer, 1, in, out);
}

#define IMAGE_KIND(text, list, formula) \
    { .name = text, .options = list, .shape = image_shape, .build = formula, .max_inputs = 1 }

/* ---- pooling --------------------------------------------------------------------------------- */

#define GIVEN(field) offsetof(eg_pool_opt, field)
#define POOL_OPTIONS                                                                                                \
    EG_TAKES_BARE(SIZE, GIVEN(size)), EG_TAKES_BARE(STRIDE, GIVEN(stride)), EG_TAKES_BARE(PADDING, GIVEN(padding)), \
        EG_TAKES(PAD, GIVEN(pad))

static const eg_kind_option max_options[] = { POOL_OPTIONS, EG_TAKES_NAME(GIVEN(name)) };
static const eg_kind_option avg_options[] = { POOL_OPTIONS, EG_TAKES_BARE(COUNT_PADDING, GIVEN(count_padding)),
                                              EG_TAKES_NAME(GIVEN(name)) };
#undef GIVEN

static eg_value *pool_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    eg_window_opt opt;
    if (eg_image_window(layer, in[0]->shape.rank - 2, &opt) != EG_OK) return eg_poison_last(b->graph, layer->name);
    return layer->kind == &eg_kind_max_pool ? eg_max_pool_(in[0], opt) : eg_avg_pool_(in[0], opt);
}

const eg_layer_kind eg_kind_max_pool = IMAGE_KIND("max_pool", max_options, pool_build);
const eg_layer_kind eg_kind_avg_pool = IMAGE_KIND("avg_pool", avg_options, pool_build);

eg_layer *eg_max_pooling_(eg_pool_opt opt) { return eg_layer_made(&eg_kind_max_pool, &opt, sizeof opt); }
eg_layer *eg_avg_pooling_(eg_pool_opt opt) { return eg_layer_made(&eg_kind_avg_pool, &opt, sizeof opt); }

/* Over the steps that are there; 0 where there is none. */
static eg_value *masked_pool(eg_value *x, eg_value *m, int max) {
    eg_value *low = eg_const(x->graph, -1e30), *none = eg_const(x->graph, 1e-9); /* less than a step's share */
    if (!max) return eg_div(eg_global_avg_pool(eg_mul(x, m)), eg_maximum(eg_global_avg_pool(m), none));
    eg_value *there = eg_not_equal(m, eg_const(x->graph, 0));
    return eg_mul(eg_global_max_pool(eg_where(there, x, low)), eg_global_max_pool(m));
}

static eg_value *global_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    int max = layer->kind == &eg_kind_global_max_pool;
    if (b->mask) return masked_pool(in[0], eg_mask_over(b->mask, in[0]), max);
    return max ? eg_global_max_pool(in[0]) : eg_global_avg_pool(in[0]);
}

static const eg_kind_option no_options[] = { EG_TAKES_NAME(0) };

const eg_layer_kind eg_kind_global_max_pool = IMAGE_KIND("global_max_pool", no_options, global_build);
const eg_layer_kind eg_kind_global_avg_pool = IMAGE_KIND("global_avg_pool", no_options, global_build);

eg_layer *eg_global_max_pooling(void) { return eg_layer_new(&eg_kind_global_max_pool, NULL); }
eg_layer *eg_global_avg_pooling(void) { return eg_layer_new(&eg_kind_global_avg_pool, NULL); }

/* ---- zero padding, upsampling ---------------------------------------------------------------- */

/* The size of the padding on both sides; how many times. */
static const eg_kind_option resize_options[] = { EG_TAKES_BARE(SIZE, 0), EG_TAKES_NAME(0) };

static eg_value *resize_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    int is_padding = layer->kind == &eg_kind_zero_pad;
    int64_t standard = is_padding ? 1 : 2, size[2] = { standard, standard };
    if (eg_image_list(layer, EG_ID_SIZE, in[0]->shape.rank - 2, !is_padding, size) != EG_OK)
        return eg_poison_last(b->graph, layer->name);
    return is_padding ? eg_zero_pad(in[0], size, size) : eg_upsample(in[0], size);
}

const eg_layer_kind eg_kind_zero_pad = IMAGE_KIND("zero_pad", resize_options, resize_build);
const eg_layer_kind eg_kind_upsample = IMAGE_KIND("upsample", resize_options, resize_build);

static eg_layer *new_resize(const eg_layer_kind *kind, int64_t height, int64_t width) {
    eg_layer *layer = eg_layer_new(kind, NULL);
    if (layer) layer->size = (eg_shape){ .rank = width == height ? 1 : 2, .dim = { height, width } };
    return layer;
}

eg_layer *eg_zero_padding(int64_t height, int64_t width) { return new_resize(&eg_kind_zero_pad, height, width); }
eg_layer *eg_upsampling(int64_t height, int64_t width) { return new_resize(&eg_kind_upsample, height, width); }
