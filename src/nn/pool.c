/* SPDX-License-Identifier: MIT
 *
 * pool.c: layers over images without parameters: pooling, zero padding, upsampling, spatial dropout. They take
 * images of one spatial axis and of two alike.
 */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "graph/node.h"
#include "nn/image.h"

static const eg_option no_options[] = { { 0 } };

static int spatial_axes(const eg_value *x) { return x->shape.rank - 2; }

/* Options are checked and the shape is found by building the formula once. */
static eg_status image_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    eg_shape image;
    EG_TRY(eg_image_shape(in, 0, &image));
    return eg_image_probe(layer, *in, out);
}

static eg_value *poisoned(const eg_layer *layer, eg_building *b) {
    return eg_poison(b->graph, eg_error_status(), layer->name, "%s", eg_error());
}

/* ---- pooling --------------------------------------------------------------------------------- */

typedef struct pool {
    eg_layer base;
    eg_shape size, stride, pad;
    eg_padding padding;
    int count_padding;
} pool;

#define POOL_OPTIONS                                                       \
    { "size", EG_OPTION_SHAPE, offsetof(pool, size), 1, 0 },               \
        { "stride", EG_OPTION_SHAPE, offsetof(pool, stride), 1, 0 },       \
        { "padding", EG_OPTION_PADDING, offsetof(pool, padding), 1, 0 }, { \
        "pad", EG_OPTION_SHAPE, offsetof(pool, pad), 0, 0                  \
    }

static const eg_option max_options[] = { POOL_OPTIONS, { 0 } };
static const eg_option avg_options[] = { POOL_OPTIONS,
                                         { "count_padding", EG_OPTION_FLAG, offsetof(pool, count_padding), 1, 0 },
                                         { 0 } };

static eg_status window_options(const pool *p, int spatial, eg_window_opt *opt) {
    *opt = (eg_window_opt){ .size_ = sizeof *opt, .padding = p->padding, .count_padding = p->count_padding };
    if (p->padding == EG_SAME && p->pad.rank) return eg_fail(EG_E_ARGUMENT, "its padding is 'same' and a number");
    EG_TRY(eg_image_list("size", &p->size, spatial, 1, opt->size));
    EG_TRY(eg_image_list("stride", &p->stride, spatial, 1, opt->stride));
    EG_TRY(eg_image_list("pad", &p->pad, spatial, 0, opt->low));
    memcpy(opt->high, opt->low, sizeof opt->high);
    return EG_OK;
}

static eg_value *pool_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    eg_window_opt opt;
    if (eg_value_is_poisoned(in[0])) return in[0];
    if (window_options((const pool *)layer, spatial_axes(in[0]), &opt) != EG_OK) return poisoned(layer, b);
    return layer->kind == &eg_kind_max_pool ? eg_max_pool_(in[0], opt) : eg_avg_pool_(in[0], opt);
}

#define POOL_KIND(text, list)                                                                       \
    {                                                                                               \
        .name = text, .size = sizeof(pool), .max_inputs = 1, .options = list, .shape = image_shape, \
        .build = pool_build                                                                         \
    }

const eg_layer_kind eg_kind_max_pool = POOL_KIND("max_pool", max_options);
const eg_layer_kind eg_kind_avg_pool = POOL_KIND("avg_pool", avg_options);

static eg_layer *new_pool(const eg_layer_kind *kind, eg_pool_opt opt) {
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    pool *p = (pool *)eg_layer_new(kind, opt.name);
    if (!p) return NULL;
    p->size = eg_image_option(opt.size), p->stride = eg_image_option(opt.stride), p->pad = eg_image_option(opt.pad);
    p->padding = opt.padding;
    p->count_padding = opt.count_padding != 0;
    return &p->base;
}

eg_layer *eg_max_pooling_(eg_pool_opt opt) { return new_pool(&eg_kind_max_pool, opt); }
eg_layer *eg_avg_pooling_(eg_pool_opt opt) { return new_pool(&eg_kind_avg_pool, opt); }

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
    if (b->mask && !eg_value_is_poisoned(in[0])) return masked_pool(in[0], eg_mask_over(b->mask, in[0]), max);
    return max ? eg_global_max_pool(in[0]) : eg_global_avg_pool(in[0]);
}

#define GLOBAL_KIND(text)                                                                                     \
    {                                                                                                         \
        .name = text, .size = sizeof(eg_layer), .max_inputs = 1, .options = no_options, .shape = image_shape, \
        .build = global_build                                                                                 \
    }

const eg_layer_kind eg_kind_global_max_pool = GLOBAL_KIND("global_max_pool");
const eg_layer_kind eg_kind_global_avg_pool = GLOBAL_KIND("global_avg_pool");

eg_layer *eg_global_max_pooling(void) { return eg_layer_new(&eg_kind_global_max_pool, NULL); }
eg_layer *eg_global_avg_pooling(void) { return eg_layer_new(&eg_kind_global_avg_pool, NULL); }

/* ---- zero padding, upsampling ---------------------------------------------------------------- */

typedef struct resize {
    eg_layer base;
    eg_shape size; /* of the padding on both sides; how many times */
} resize;

static const eg_option resize_options[] = { { "size", EG_OPTION_SHAPE, offsetof(resize, size), 1, 0 }, { 0 } };

static eg_value *resize_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    int is_padding = layer->kind == &eg_kind_zero_pad;
    int64_t size[2];
    eg_shape given = ((const resize *)layer)->size;
    if (eg_value_is_poisoned(in[0])) return in[0];
    if (given.rank == 0) given = EG_SHAPE(is_padding ? 1 : 2);
    if (eg_image_list("size", &given, spatial_axes(in[0]), !is_padding, size) != EG_OK) return poisoned(layer, b);
    return is_padding ? eg_zero_pad(in[0], size, size) : eg_upsample(in[0], size);
}

#define RESIZE_KIND(text)                                                                                       \
    {                                                                                                           \
        .name = text, .size = sizeof(resize), .max_inputs = 1, .options = resize_options, .shape = image_shape, \
        .build = resize_build                                                                                   \
    }

const eg_layer_kind eg_kind_zero_pad = RESIZE_KIND("zero_pad");
const eg_layer_kind eg_kind_upsample = RESIZE_KIND("upsample");

static eg_layer *new_resize(const eg_layer_kind *kind, int64_t height, int64_t width) {
    resize *r = (resize *)eg_layer_new(kind, NULL);
    if (!r) return NULL;
    r->size = width == height ? EG_SHAPE(height) : EG_SHAPE(height, width);
    return &r->base;
}

eg_layer *eg_zero_padding(int64_t height, int64_t width) { return new_resize(&eg_kind_zero_pad, height, width); }
eg_layer *eg_upsampling(int64_t height, int64_t width) { return new_resize(&eg_kind_upsample, height, width); }

/* ---- spatial dropout ------------------------------------------------------------------------- */

typedef struct spatial_dropout {
    eg_layer base;
    double rate;
} spatial_dropout;

static const eg_option dropout_options[] = { { "rate", EG_OPTION_NUMBER, offsetof(spatial_dropout, rate), 1, 0 },
                                             { 0 } };

static eg_status dropout_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    double rate = ((const spatial_dropout *)layer)->rate;
    (void)n;
    if (!(rate >= 0 && rate < 1)) return eg_fail(EG_E_ARGUMENT, "rate must be >= 0 and < 1, not %g", rate);
    return eg_image_shape(in, 0, out);
}

/* One decision for each channel of each image. */
static eg_value *dropout_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    eg_value *x = in[0];
    double rate = ((const spatial_dropout *)layer)->rate;
    if (!b->step || rate == 0 || eg_value_is_poisoned(x)) return x;
    char place[1024];
    snprintf(place, sizeof place, "%s%s:%u", b->prefix, layer->name, (unsigned)b->application);
    eg_shape mask = x->shape;
    for (int i = 1; i < mask.rank - 1; i++) mask.dim[i] = 1;
    return eg_mul(x, eg_dropout_mask(b->step, eg_name_site(place), rate, x->dtype, mask));
}

const eg_layer_kind eg_kind_spatial_dropout = {
    .name = "spatial_dropout",
    .size = sizeof(spatial_dropout),
    .max_inputs = 1,
    .options = dropout_options,
    .shape = dropout_shape,
    .build = dropout_build,
};

eg_layer *eg_spatial_dropout(double rate) {
    spatial_dropout *d = (spatial_dropout *)eg_layer_new(&eg_kind_spatial_dropout, NULL);
    if (!d) return NULL;
    d->rate = rate == EG_ZERO ? 0 : rate;
    return &d->base;
}
