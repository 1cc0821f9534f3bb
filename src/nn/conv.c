/* SPDX-License-Identifier: MIT
 *
 * conv.c: layers of convolution: y = act(conv(x, W) + b). One neuron with few weights looks at every window of the
 * image; each output channel is such a neuron. Kernels are [taps..., in / groups, out] (Keras' order); of a
 * transposed convolution [taps..., out, in] (Keras' too), of a depthwise one [taps..., 1, in * multiplier].
 */
#include <string.h>

#include "base/status.h"
#include "graph/node.h"
#include "nn/image.h"

typedef struct conv {
    eg_layer base;
    int64_t filters; /* of a depthwise convolution: for each channel */
    eg_shape size, stride, pad, dilation, extra;
    eg_padding padding;
    int64_t groups;
    eg_activation_kind act;
    int no_bias;
    eg_init kernel_init, bias_init;
    double l1, l2;
} conv;

#define COMMON                                                                                                      \
    { "stride", EG_OPTION_SHAPE, offsetof(conv, stride), 1, 0 },                                                    \
        { "activation", EG_OPTION_ACTIVATION, offsetof(conv, act), 1, 0 },                                          \
        { "padding", EG_OPTION_PADDING, offsetof(conv, padding), 1, 0 },                                            \
        { "pad", EG_OPTION_SHAPE, offsetof(conv, pad), 0, 0 },                                                      \
        { "dilation", EG_OPTION_SHAPE, offsetof(conv, dilation), 0, 0 },                                            \
        { "groups", EG_OPTION_INT, offsetof(conv, groups), 0, 0 },                                                  \
        { "no_bias", EG_OPTION_FLAG, offsetof(conv, no_bias), 1, 0 },                                               \
        { "init", EG_OPTION_INIT, offsetof(conv, kernel_init), 0, 0 },                                              \
        { "bias_init", EG_OPTION_INIT, offsetof(conv, bias_init), 0, 0 },                                           \
        { "l1", EG_OPTION_NUMBER, offsetof(conv, l1), 0, 0 }, { "l2", EG_OPTION_NUMBER, offsetof(conv, l2), 0, 0 }, \
    {                                                                                                               \
        "frozen", EG_OPTION_FLAG, offsetof(conv, base.frozen), 1, 0                                                 \
    }

static const eg_option options[] = {
    { "filters", EG_OPTION_INT, offsetof(conv, filters), 1, 0 },
    { "size", EG_OPTION_SHAPE, offsetof(conv, size), 1, 0 },
    COMMON,
    { 0 },
};
static const eg_option transpose_options[] = {
    { "filters", EG_OPTION_INT, offsetof(conv, filters), 1, 0 },
    { "size", EG_OPTION_SHAPE, offsetof(conv, size), 1, 0 },
    COMMON,
    { "extra", EG_OPTION_SHAPE, offsetof(conv, extra), 0, 0 },
    { 0 },
};
static const eg_option depthwise_options[] = {
    { "size", EG_OPTION_SHAPE, offsetof(conv, size), 1, 0 },
    COMMON,
    { "multiplier", EG_OPTION_INT, offsetof(conv, filters), 0, 0 },
    { 0 },
};

static int spatial_of(const eg_layer *layer) {
    return layer->kind == &eg_kind_conv1d || layer->kind == &eg_kind_conv1d_transpose ? 1 : 2;
}
static int is_depthwise(const eg_layer *layer) { return layer->kind == &eg_kind_depthwise_conv; }
static int is_transpose(const eg_layer *layer) {
    return layer->kind == &eg_kind_conv_transpose || layer->kind == &eg_kind_conv1d_transpose;
}

/* ---- options --------------------------------------------------------------------------------- */

static eg_status window_options(const conv *c, int64_t taps[2], eg_window_opt *opt) {
    int spatial = spatial_of(&c->base);
    *opt = (eg_window_opt){ .size_ = sizeof *opt, .padding = c->padding, .groups = c->groups };
    EG_TRY(eg_image_list("size", &c->size, spatial, 1, taps));
    EG_TRY(eg_image_list("stride", &c->stride, spatial, 1, opt->stride));
    EG_TRY(eg_image_list("dilation", &c->dilation, spatial, 1, opt->dilation));
    EG_TRY(eg_image_list("pad", &c->pad, spatial, 0, opt->low));
    memcpy(opt->high, opt->low, sizeof opt->high);
    return eg_image_list("extra", &c->extra, spatial, 0, opt->extra);
}

/* Keras makes the result of a transposed convolution at least n stride long; with a padding in numbers (0, say) it
 * is as torch has it. */
static void lengthen(const conv *c, const int64_t *taps, eg_window_opt *opt) {
    for (int a = 0; a < 2 && !c->pad.rank && c->padding == EG_VALID; a++) {
        int64_t dilation = opt->dilation[a] ? opt->dilation[a] : 1,
                missing = opt->stride[a] - (taps[a] - 1) * dilation - 1;
        if (missing > 0) opt->extra[a] += missing;
    }
}

static eg_status check_options(const conv *c) {
    int64_t taps[2];
    eg_window_opt opt;
    if (c->filters < 1 && !is_depthwise(&c->base))
        return eg_fail(EG_E_ARGUMENT, "filters must be at least 1, not %lld", (long long)c->filters);
    if (c->size.rank == 0) return eg_fail(EG_E_ARGUMENT, "the size of its window is missing");
    if (c->filters < 0 || c->groups < 0) return eg_fail(EG_E_ARGUMENT, "multiplier and groups must not be negative");
    if (!(c->l1 >= 0) || !(c->l2 >= 0)) return eg_fail(EG_E_ARGUMENT, "l1 and l2 must not be negative");
    if (c->padding == EG_SAME && c->pad.rank) return eg_fail(EG_E_ARGUMENT, "its padding is 'same' and a number");
    return window_options(c, taps, &opt);
}

/* ---- shape ----------------------------------------------------------------------------------- */

static int64_t outputs_of(const conv *c, int64_t channels) {
    if (!is_depthwise(&c->base)) return c->filters;
    return channels * (c->filters ? c->filters : 1);
}

/* [taps..., in / groups, out] */
static eg_status kernel_shape(const conv *c, int64_t channels, eg_shape *out) {
    int spatial = spatial_of(&c->base), transpose = is_transpose(&c->base);
    int64_t taps[2], groups = is_depthwise(&c->base) ? channels : c->groups ? c->groups : 1;
    int64_t filters = outputs_of(c, channels);
    eg_window_opt opt;
    EG_TRY(window_options(c, taps, &opt));
    if (channels % groups || filters % groups)
        return eg_fail(EG_E_SHAPE, "%lld groups do not divide %lld channels into %lld", (long long)groups,
                       (long long)channels, (long long)filters);
    *out = (eg_shape){ .rank = spatial + 2 };
    for (int a = 0; a < spatial; a++) out->dim[a] = taps[a];
    out->dim[spatial] = (transpose ? filters : channels) / groups;
    out->dim[spatial + 1] = transpose ? channels : filters;
    return EG_OK;
}

static eg_status shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    conv *c = (conv *)layer;
    eg_shape image, kernel;
    EG_TRY(check_options(c));
    EG_TRY(eg_image_shape(in, spatial_of(layer), &image));
    int64_t channels = image.dim[image.rank - 1];
    EG_TRY(kernel_shape(c, channels, &kernel));
    double fan_in =
        1; /* positions of the window times what each sees: in / groups, in either order of the kernel's axes */
    for (int i = 0; i < kernel.rank - 1; i++) fan_in *= (double)kernel.dim[i];
    eg_parameter parameter = { .name = "kernel",
                               .shape = kernel,
                               .init = c->kernel_init,
                               .fan_in = fan_in,
                               .kernel = 1,
                               .trainable = !layer->frozen,
                               .l1 = c->l1,
                               .l2 = c->l2 };
    EG_TRY(eg_layer_parameter(layer, 0, &parameter));
    if (!c->no_bias)
        EG_TRY(eg_layer_parameter(layer, 1,
                                  &(eg_parameter){ .name = "bias",
                                                   .shape = EG_SHAPE(outputs_of(c, channels)),
                                                   .init = c->bias_init,
                                                   .fan_in = fan_in,
                                                   .trainable = !layer->frozen }));
    return eg_image_probe(layer, *in, out);
}

/* ---- formula --------------------------------------------------------------------------------- */

static eg_value *build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    const conv *c = (const conv *)layer;
    eg_value *x = eg_as_image(in[0], spatial_of(layer)), *w = eg_layer_variable(layer, b, 0);
    int64_t taps[2];
    eg_window_opt opt;
    if (eg_value_is_poisoned(x)) return x;
    if (window_options(c, taps, &opt) != EG_OK)
        return eg_poison(b->graph, EG_E_ARGUMENT, layer->name, "%s", eg_error());
    if (is_depthwise(layer)) opt.groups = x->shape.dim[x->shape.rank - 1];
    if (is_transpose(layer)) lengthen(c, taps, &opt);
    eg_value *y = is_transpose(layer) ? eg_conv_transpose_(x, w, opt) : eg_conv_(x, w, opt);
    if (!c->no_bias) y = eg_add(y, eg_layer_variable(layer, b, 1));
    return eg_layer_activate(b, y, c->act, 0);
}

static eg_activation_kind last(const eg_layer *layer) { return ((const conv *)layer)->act; }

#define CONV_KIND(text, list)                                                                                 \
    {                                                                                                         \
        .name = text, .size = sizeof(conv), .max_inputs = 1, .options = list, .shape = shape, .build = build, \
        .last = last                                                                                          \
    }

const eg_layer_kind eg_kind_conv = CONV_KIND("conv", options);
const eg_layer_kind eg_kind_conv1d = CONV_KIND("conv1d", options);
const eg_layer_kind eg_kind_conv_transpose = CONV_KIND("conv_transpose", transpose_options);
const eg_layer_kind eg_kind_conv1d_transpose = CONV_KIND("conv1d_transpose", transpose_options);
const eg_layer_kind eg_kind_depthwise_conv = CONV_KIND("depthwise_conv", depthwise_options);

/* ---- constructors ---------------------------------------------------------------------------- */

static eg_layer *new_conv(const eg_layer_kind *kind, eg_conv_opt opt) {
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    conv *c = (conv *)eg_layer_new(kind, opt.name);
    if (!c) return NULL;
    c->filters = opt.filters;
    c->size = eg_image_option(opt.size), c->stride = eg_image_option(opt.stride);
    c->pad = eg_image_option(opt.pad), c->dilation = eg_image_option(opt.dilation);
    c->extra = eg_image_option(opt.extra);
    c->padding = opt.padding;
    c->groups = opt.groups;
    c->act = opt.act;
    c->no_bias = opt.no_bias != 0;
    c->kernel_init = opt.kernel_init, c->bias_init = opt.bias_init;
    c->l1 = opt.l1 == EG_ZERO ? 0 : opt.l1, c->l2 = opt.l2 == EG_ZERO ? 0 : opt.l2;
    c->base.frozen = opt.frozen != 0;
    return &c->base;
}

eg_layer *eg_conv2d_(eg_conv_opt opt) { return new_conv(&eg_kind_conv, opt); }
eg_layer *eg_conv1d_(eg_conv_opt opt) { return new_conv(&eg_kind_conv1d, opt); }
eg_layer *eg_conv2d_transpose_(eg_conv_opt opt) { return new_conv(&eg_kind_conv_transpose, opt); }
eg_layer *eg_conv1d_transpose_(eg_conv_opt opt) { return new_conv(&eg_kind_conv1d_transpose, opt); }
eg_layer *eg_depthwise_conv2d_(eg_conv_opt opt) { return new_conv(&eg_kind_depthwise_conv, opt); }
