/* SPDX-License-Identifier: MIT
 *
 * norm.c: normalisation: y = (x - mean) / sqrt(variance + epsilon) * scale + shift, with scale and shift for each
 * channel. What the mean and the (biased) variance are taken over is the difference:
 *
 *     batch_norm   each channel over batch and positions (those that a mask leaves) while training; afterwards running
 *                  averages of these, which training keeps as parameters that it does not train:
 *                      keras: running = momentum running + (1 - momentum) batch     momentum .99, epsilon 1e-3
 *                      torch: running = (1 - momentum) running + momentum batch     momentum .1, epsilon 1e-5,
 *                             with the unbiased variance n/(n-1)
 *                  A frozen one always uses the running averages (as in Keras).
 *     layer_norm   each position over its last `axes` axes (1); epsilon 1e-3 (torch: 1e-5)
 *     group_norm   each image over positions and the channels of one of `groups` (32) groups; epsilon 1e-3 (torch:
 * 1e-5)
 */
#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"

#define GIVEN(field) offsetof(eg_norm_opt, field)
#define NORM_OPTIONS                                                                        \
    EG_TAKES(EPSILON, GIVEN(epsilon)), EG_TAKES_BARE(TORCH, GIVEN(dialect)),                \
        EG_TAKES_BARE(NO_SCALE, GIVEN(no_scale)), EG_TAKES_BARE(NO_SHIFT, GIVEN(no_shift)), \
        EG_TAKES_BARE(FROZEN, GIVEN(frozen)), EG_TAKES_NAME(GIVEN(name))

static const eg_kind_option batch_options[] = { EG_TAKES_BARE(MOMENTUM, GIVEN(momentum)), NORM_OPTIONS };
static const eg_kind_option layer_options[] = { EG_TAKES(AXES, GIVEN(axes)), NORM_OPTIONS };
static const eg_kind_option group_options[] = { EG_TAKES_BARE(GROUPS, GIVEN(groups)), NORM_OPTIONS };
#undef GIVEN

static double given(double value, double standard) { return value == EG_ZERO ? 0 : value != 0 ? value : standard; }
static double epsilon_of(const eg_layer *n) { return given(n->epsilon, n->torch ? 1e-5 : 1e-3); }
static int axes_of(const eg_layer *n) { return n->axes ? (int)n->axes : 1; }
static int64_t groups_of(const eg_layer *n) { return n->groups ? n->groups : 32; }

/* The share of the new in a running average. */
static double new_share(const eg_layer *n) { return n->torch ? given(n->number, .1) : 1 - given(n->number, .99); }

/* ---- parameters ------------------------------------------------------------------------------ */

enum { SCALE, SHIFT, MEAN, VARIANCE };

/* The place of a parameter among those that the layer has. */
static int place_of(const eg_layer *n, int which) {
    return which - (which > SCALE && n->no_scale) - (which > SHIFT && n->no_shift);
}

static eg_status add_parameters(eg_layer *n, const eg_shape *shape) {
    static const struct {
        char name[16];
        double start;
    } kinds[] = { { "gamma", 1 }, { "beta", EG_ZERO }, { "moving_mean", EG_ZERO }, { "moving_variance", 1 } };
    int last = n->kind == &eg_kind_batch_norm ? VARIANCE : SHIFT;
    for (int which = SCALE; which <= last; which++) {
        if ((which == SCALE && n->no_scale) || (which == SHIFT && n->no_shift)) continue;
        eg_parameter p = { .name = kinds[which].name,
                           .shape = *shape,
                           .init = EG_INIT(CONSTANT, .a = kinds[which].start),
                           .trainable = which <= SHIFT };
        EG_TRY(eg_layer_parameter(n, place_of(n, which), &p));
    }
    return EG_OK;
}

static eg_status check_options(const eg_layer *n, const eg_shape *in) {
    double share = new_share(n);
    int64_t axes = n->axes ? n->axes : 1;
    if (!(share >= 0 && share <= 1)) return eg_fail(EG_E_ARGUMENT, "momentum must be between 0 and 1");
    if (!(epsilon_of(n) >= 0)) return eg_fail(EG_E_ARGUMENT, "epsilon must not be negative");
    if (in->rank < axes || axes < 1)
        return eg_fail(EG_E_SHAPE, "its input %s has no %lld axes", eg_shape_words(in), (long long)axes);
    if (n->kind == &eg_kind_group_norm && (groups_of(n) < 1 || in->dim[in->rank - 1] % groups_of(n)))
        return eg_fail(EG_E_SHAPE, "%lld groups do not divide %lld channels", (long long)groups_of(n),
                       (long long)in->dim[in->rank - 1]);
    return EG_OK;
}

static eg_status shape(eg_layer *n, const eg_shape *in, int count, eg_shape *out) {
    (void)count, (void)out;
    EG_TRY(check_options(n, in));
    eg_shape parameter = { .rank = axes_of(n) };
    for (int i = 0; i < parameter.rank; i++) parameter.dim[i] = in->dim[in->rank - parameter.rank + i];
    return add_parameters(n, &parameter);
}

/* ---- formulas -------------------------------------------------------------------------------- */

static eg_value *mean_over(eg_value *x, eg_axes axes) { return eg_mean(x, .axes = axes, .keep = 1); }

/* By weights whose own mean is 1; NULL: all count. */
static eg_value *weighted_mean(eg_value *x, eg_axes axes, eg_value *weights) {
    return mean_over(weights ? eg_mul(x, weights) : x, axes);
}

/* x is centred; its squares' mean is the variance. */
static eg_value *inverse_deviation(const eg_layer *n, eg_value *variance) {
    return eg_rsqrt(eg_add(variance, eg_number(variance, epsilon_of(n))));
}

static eg_value *scaled_and_shifted(const eg_layer *n, const eg_building *b, eg_value *y) {
    if (!n->no_scale) y = eg_mul(y, eg_layer_variable(n, b, place_of(n, SCALE)));
    if (!n->no_shift) y = eg_add(y, eg_layer_variable(n, b, place_of(n, SHIFT)));
    return y;
}

/* x factor + (shift - mean factor): one multiply-add for each element, which a convolution before it takes along. */
static eg_value *with_running(const eg_layer *n, const eg_building *b, eg_value *x, eg_value *mean,
                              eg_value *variance) {
    eg_value *factor = inverse_deviation(n, variance);
    if (!n->no_scale) factor = eg_mul(factor, eg_layer_variable(n, b, place_of(n, SCALE)));
    eg_value *term = eg_neg(eg_mul(mean, factor));
    if (!n->no_shift) term = eg_add(term, eg_layer_variable(n, b, place_of(n, SHIFT)));
    return eg_add(eg_mul(x, factor), term);
}

static void update_running(const eg_layer *n, eg_building *b, eg_value *variable, eg_value *batch) {
    eg_value *old = eg_layer_current(b, variable), *now = eg_stop_gradient(eg_reshaped(batch, &variable->shape));
    eg_layer_change(b, variable, eg_add(old, eg_mul(eg_sub(now, old), eg_number(old, new_share(n)))));
}

static eg_value *batch_build(eg_layer *n, eg_building *b, eg_value *const *in, int count) {
    eg_value *x = in[0], *mean = eg_layer_variable(n, b, place_of(n, MEAN));
    eg_value *variance = eg_layer_variable(n, b, place_of(n, VARIANCE));
    (void)count;
    if (!b->step || n->frozen) return with_running(n, b, x, mean, variance);
    eg_axes axes = { .n = x->shape.rank - 1, .axis = { 0, 1, 2, 3, 4, 5, 6 } };
    double samples = (double)eg_count(&x->shape) / (double)x->shape.dim[x->shape.rank - 1];
    eg_value *there = b->mask ? eg_mask_over(b->mask, x) : NULL;
    if (there) there = eg_div(there, eg_maximum(mean_over(there, axes), eg_number(x, 1e-9)));
    eg_value *m = weighted_mean(x, axes, there), *centred = eg_sub(x, m);
    eg_value *v = weighted_mean(eg_square(centred), axes, there);
    eg_value *unbiased = n->torch && samples > 1 ? eg_mul(v, eg_number(v, samples / (samples - 1))) : v;
    update_running(n, b, mean, m);
    update_running(n, b, variance, unbiased);
    return scaled_and_shifted(n, b, eg_mul(centred, inverse_deviation(n, v)));
}

static eg_value *layer_build(eg_layer *n, eg_building *b, eg_value *const *in, int count) {
    eg_axes axes = { .n = axes_of(n) };
    (void)count;
    for (int i = 0; i < axes.n; i++) axes.axis[i] = i - axes.n;
    eg_value *centred = eg_sub(in[0], mean_over(in[0], axes));
    eg_value *variance = mean_over(eg_square(centred), axes);
    return scaled_and_shifted(n, b, eg_mul(centred, inverse_deviation(n, variance)));
}

/* Over positions first, then over the channels of a group: neighbouring axes each time. */
static eg_value *group_mean(eg_value *x) { return mean_over(mean_over(x, EG_AXES(1)), EG_AXES(3)); }

/* [batch, positions, groups, channels of a group] */
static eg_value *group_build(eg_layer *n, eg_building *b, eg_value *const *in, int count) {
    eg_value *x = in[0];
    (void)count;
    int64_t channels = x->shape.dim[x->shape.rank - 1], groups = groups_of(n), batch = x->shape.dim[0];
    int64_t positions = 1;
    for (int i = 1; i < x->shape.rank - 1; i++) positions *= x->shape.dim[i];
    eg_value *grouped = eg_reshaped(x, &EG_SHAPE(batch, positions, groups, channels / groups));
    eg_value *centred = eg_sub(grouped, group_mean(grouped));
    eg_value *y = eg_mul(centred, inverse_deviation(n, group_mean(eg_square(centred))));
    return scaled_and_shifted(n, b, eg_reshaped(y, &x->shape));
}

#define NORM_KIND(text, list, formula, steps) \
    { .name = text, .options = list, .shape = shape, .build = formula, .max_inputs = 1, .stepwise = steps }

const eg_layer_kind eg_kind_batch_norm = NORM_KIND("batch_norm", batch_options, batch_build, EG_EACH_STEP);
const eg_layer_kind eg_kind_layer_norm = NORM_KIND("layer_norm", layer_options, layer_build, EG_EACH_STEP);
const eg_layer_kind eg_kind_group_norm = NORM_KIND("group_norm", group_options, group_build, 0);

eg_layer *eg_batch_norm_(eg_norm_opt opt) { return eg_layer_made(&eg_kind_batch_norm, &opt, sizeof opt); }
eg_layer *eg_layer_norm_(eg_norm_opt opt) { return eg_layer_made(&eg_kind_layer_norm, &opt, sizeof opt); }
eg_layer *eg_group_norm_(eg_norm_opt opt) { return eg_layer_made(&eg_kind_group_norm, &opt, sizeof opt); }
