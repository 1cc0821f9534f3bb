/* SPDX-License-Identifier: MIT
 *
 * conv.c: layers of convolution: y = act(conv(x, W) + b). One neuron with few weights looks at every window of the
 * image; each output channel is such a neuron. Kernels are [taps..., in / groups, out] (Keras' order); of a
 * transposed convolution [taps..., out, in] (Keras' too), of a depthwise one [taps..., 1, in * multiplier].
 */
#include "base/status.h"
#include "graph/node.h"
#include "nn/image.h"

#define GIVEN(field) offsetof(eg_conv_opt, field)
#define COMMON                                                                                                      \
    EG_TAKES_BARE(STRIDE, GIVEN(stride)), EG_TAKES_BARE(ACTIVATION, GIVEN(act)),                                    \
        EG_TAKES_BARE(PADDING, GIVEN(padding)), EG_TAKES(PAD, GIVEN(pad)), EG_TAKES(DILATION, GIVEN(dilation)),     \
        EG_TAKES(GROUPS, GIVEN(groups)), EG_TAKES_BARE(NO_BIAS, GIVEN(no_bias)), EG_TAKES(INIT, GIVEN(kernel_init)), \
        EG_TAKES(BIAS_INIT, GIVEN(bias_init)), EG_TAKES(L1, GIVEN(l1)), EG_TAKES(L2, GIVEN(l2)),                    \
        EG_TAKES_BARE(FROZEN, GIVEN(frozen))

static const eg_kind_option options[] = {
    EG_TAKES_BARE(FILTERS, GIVEN(filters)),
    EG_TAKES_BARE(SIZE, GIVEN(size)),
    COMMON,
    EG_TAKES_NAME(GIVEN(name)),
};
static const eg_kind_option transpose_options[] = {
    EG_TAKES_BARE(FILTERS, GIVEN(filters)),
    EG_TAKES_BARE(SIZE, GIVEN(size)),
    COMMON,
    EG_TAKES(EXTRA, GIVEN(extra)),
    EG_TAKES_NAME(GIVEN(name)),
};
static const eg_kind_option depthwise_options[] = {
    EG_TAKES_BARE(SIZE, GIVEN(size)),
    COMMON,
    EG_TAKES(MULTIPLIER, GIVEN(filters)),
    EG_TAKES_NAME(GIVEN(name)),
};
#undef GIVEN

static int spatial_of(const eg_layer *layer) {
    return layer->kind == &eg_kind_conv1d || layer->kind == &eg_kind_conv1d_transpose ? 1 : 2;
}
static int is_depthwise(const eg_layer *layer) { return layer->kind == &eg_kind_depthwise_conv; }
static int is_transpose(const eg_layer *layer) {
    return layer->kind == &eg_kind_conv_transpose || layer->kind == &eg_kind_conv1d_transpose;
}

/* ---- options --------------------------------------------------------------------------------- */

/* Keras makes the result of a transposed convolution at least n stride long; with a padding in numbers (0, say) it
 * is as torch has it. */
static void lengthen(const eg_layer *c, eg_window_opt *opt) {
    for (int a = 0; a < 2 && !c->pad.rank && c->padding == EG_VALID; a++) {
        int64_t dilation = opt->dilation[a] ? opt->dilation[a] : 1,
                missing = opt->stride[a] - (opt->size[a] - 1) * dilation - 1;
        if (missing > 0) opt->extra[a] += missing;
    }
}

static eg_status check_options(const eg_layer *c) {
    if (!is_depthwise(c)) EG_TRY(eg_layer_check_units(c));
    if (c->size.rank == 0) return eg_fail(EG_E_ARGUMENT, "the size of its window is missing");
    if (c->units < 0 || c->groups < 0) return eg_fail(EG_E_ARGUMENT, "multiplier and groups must not be negative");
    return EG_OK;
}

/* ---- shape ----------------------------------------------------------------------------------- */

static int64_t outputs_of(const eg_layer *c, int64_t channels) {
    if (!is_depthwise(c)) return c->units;
    return channels * (c->units ? c->units : 1);
}

/* [taps..., in / groups, out] */
static eg_status kernel_shape(const eg_layer *c, int64_t channels, eg_shape *out) {
    int spatial = spatial_of(c), transpose = is_transpose(c);
    int64_t groups = is_depthwise(c) ? channels : c->groups ? c->groups : 1, filters = outputs_of(c, channels);
    eg_window_opt opt;
    EG_TRY(eg_image_window(c, spatial, &opt));
    if (channels % groups || filters % groups)
        return eg_fail(EG_E_SHAPE, "%lld groups do not divide %lld channels into %lld", (long long)groups,
                       (long long)channels, (long long)filters);
    *out = (eg_shape){ .rank = spatial + 2 };
    for (int a = 0; a < spatial; a++) out->dim[a] = opt.size[a];
    out->dim[spatial] = (transpose ? filters : channels) / groups;
    out->dim[spatial + 1] = transpose ? channels : filters;
    return EG_OK;
}

static eg_status shape(eg_layer *c, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    eg_shape kernel;
    EG_TRY(check_options(c));
    EG_TRY(eg_image_shape(in, spatial_of(c), out));
    int64_t channels = out->dim[out->rank - 1];
    EG_TRY(kernel_shape(c, channels, &kernel));
    double fan_in = 1; /* positions of the window times what each sees: in / groups, in either order of the axes */
    for (int i = 0; i < kernel.rank - 1; i++) fan_in *= (double)kernel.dim[i];
    EG_TRY(eg_layer_weight(c, 0, "kernel", &kernel, &c->kernel_init, fan_in, EG_KERNEL));
    if (!c->no_bias)
        EG_TRY(eg_layer_weight(c, 1, "bias", &EG_SHAPE(outputs_of(c, channels)), &c->bias_init, fan_in, EG_PLAIN));
    return eg_layer_probe(c, 1, in, out);
}

/* ---- formula --------------------------------------------------------------------------------- */

static eg_value *build(eg_layer *c, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    eg_value *x = eg_as_image(in[0], spatial_of(c)), *w = eg_layer_variable(c, b, 0);
    eg_window_opt opt;
    if (eg_value_is_poisoned(x)) return x;
    if (eg_image_window(c, spatial_of(c), &opt) != EG_OK) return eg_poison_last(b->graph, c->name);
    if (is_depthwise(c)) opt.groups = x->shape.dim[x->shape.rank - 1];
    if (is_transpose(c)) lengthen(c, &opt);
    eg_value *y = is_transpose(c) ? eg_conv_transpose_(x, w, opt) : eg_conv_(x, w, opt);
    if (!c->no_bias) y = eg_add(y, eg_layer_variable(c, b, 1));
    return eg_layer_activate(b, y, c->act, 0);
}

#define CONV_KIND(text, list) \
    { .name = text, .options = list, .shape = shape, .build = build, .max_inputs = 1, .ends_activated = 1 }

const eg_layer_kind eg_kind_conv = CONV_KIND("conv", options);
const eg_layer_kind eg_kind_conv1d = CONV_KIND("conv1d", options);
const eg_layer_kind eg_kind_conv_transpose = CONV_KIND("conv_transpose", transpose_options);
const eg_layer_kind eg_kind_conv1d_transpose = CONV_KIND("conv1d_transpose", transpose_options);
const eg_layer_kind eg_kind_depthwise_conv = CONV_KIND("depthwise_conv", depthwise_options);

eg_layer *eg_conv2d_(eg_conv_opt opt) { return eg_layer_made(&eg_kind_conv, &opt, sizeof opt); }
eg_layer *eg_conv1d_(eg_conv_opt opt) { return eg_layer_made(&eg_kind_conv1d, &opt, sizeof opt); }
eg_layer *eg_conv2d_transpose_(eg_conv_opt opt) { return eg_layer_made(&eg_kind_conv_transpose, &opt, sizeof opt); }
eg_layer *eg_conv1d_transpose_(eg_conv_opt opt) { return eg_layer_made(&eg_kind_conv1d_transpose, &opt, sizeof opt); }
eg_layer *eg_depthwise_conv2d_(eg_conv_opt opt) { return eg_layer_made(&eg_kind_depthwise_conv, &opt, sizeof opt); }
