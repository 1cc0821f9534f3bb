/* SPDX-License-Identifier: MIT
 *
 * activation.c: the activation functions, one formula each. Where a branch of a `where` could overflow, its argument
 * is replaced first, so that 0 * inf cannot make a NaN of a gradient.
 */
#include <elegans/nn.h>

#include "base/status.h"
#include "nn/words.h"

static eg_value *number(const eg_value *like, double value) { return eg_const(eg_value_graph(like), value); }

static eg_value *linear(eg_value *x, double parameter) { return (void)parameter, x; }
static eg_value *step(eg_value *x, double parameter) { return (void)parameter, eg_step(x); }
static eg_value *relu(eg_value *x, double parameter) { return (void)parameter, eg_relu(x); }
static eg_value *hyperbolic(eg_value *x, double parameter) { return (void)parameter, eg_tanh(x); }
static eg_value *sigmoid(eg_value *x, double parameter) { return (void)parameter, eg_sigmoid(x); }
static eg_value *softmax(eg_value *x, double parameter) { return (void)parameter, eg_softmax(x, -1); }
static eg_value *softplus(eg_value *x, double parameter) { return (void)parameter, eg_softplus(x); }

static eg_value *leaky_relu(eg_value *x, double slope) {
    return eg_where(eg_greater(x, number(x, 0)), x, eg_mul(x, number(x, slope)));
}

static eg_value *elu(eg_value *x, double alpha) {
    eg_value *positive = eg_greater(x, number(x, 0));
    eg_value *negative_part = eg_where(positive, number(x, 0), x);
    eg_value *bend = eg_sub(eg_exp(negative_part), number(x, 1));
    return eg_where(positive, x, eg_mul(bend, number(x, alpha)));
}

static eg_value *gelu(eg_value *x, double parameter) {
    (void)parameter;
    eg_value *error = eg_erf(eg_mul(x, number(x, 0.70710678118654752440)));
    eg_value *normal_twice = eg_add(error, number(x, 1)); /* first on any compiler: the kernels know this as a chain */
    return eg_mul(eg_mul(x, number(x, .5)), normal_twice);
}

static const struct activation {
    eg_value *(*apply)(eg_value *x, double parameter);
    double parameter; /* the default */
} activations[EG_ACTIVATION_KINDS] = {
    [EG_LINEAR] = { linear, 0 },          [EG_STEP] = { step, 0 },       [EG_RELU] = { relu, 0 },
    [EG_TANH] = { hyperbolic, 0 },        [EG_SIGMOID] = { sigmoid, 0 }, [EG_SOFTMAX] = { softmax, 0 },
    [EG_LEAKY_RELU] = { leaky_relu, .2 }, [EG_ELU] = { elu, 1 },         [EG_GELU] = { gelu, 0 },
    [EG_SOFTPLUS] = { softplus, 0 },
};

static const char *const names[EG_ACTIVATION_KINDS] = {
#define NAME(NAME, name, formula) [EG_##NAME] = name,
    EG_ACTIVATION_LIST(NAME)
#undef NAME
};

static const char *const aliases[EG_ACTIVATION_KINDS] = {
    [EG_LINEAR] = "none identity",
    [EG_STEP] = "threshold heaviside",
    [EG_SIGMOID] = "logistic",
    [EG_LEAKY_RELU] = "leaky leakyrelu",
};

eg_value *eg_activate(eg_value *x, eg_activation_kind kind, double parameter) {
    const struct activation *a = &activations[(unsigned)kind < EG_ACTIVATION_KINDS ? kind : EG_LINEAR];
    return a->apply(x, parameter == 0 ? a->parameter : parameter == EG_ZERO ? 0 : parameter);
}

eg_status eg_activation_named(const char *name, eg_activation_kind *out) {
    int index;
    EG_TRY(eg_word_index("activation", name, names, EG_ACTIVATION_KINDS, aliases, EG_ACTIVATION_KINDS, &index));
    *out = (eg_activation_kind)index;
    return EG_OK;
}

const char *eg_activation_name(eg_activation_kind kind) {
    return (unsigned)kind < EG_ACTIVATION_KINDS ? names[kind] : "?";
}
