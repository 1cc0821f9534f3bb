/* SPDX-License-Identifier: MIT
 *
 * dense.c: y = act(x W + b), W [in, units], b [units]. The course writes W x + b: its W is this one transposed.
 */
#include <string.h>

#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"

typedef struct dense {
    eg_layer base;
    int64_t units;
    eg_activation_kind act;
    int no_bias;
    int last_axis; /* its input has more axes: the text language says so, where it would put a flatten before */
    eg_init kernel_init, bias_init;
    double l1, l2;
} dense;

static const eg_option options[] = {
    { "units", EG_OPTION_INT, offsetof(dense, units), 1, 0 },
    { "activation", EG_OPTION_ACTIVATION, offsetof(dense, act), 1, 0 },
    { "no_bias", EG_OPTION_FLAG, offsetof(dense, no_bias), 1, 0 },
    { "init", EG_OPTION_INIT, offsetof(dense, kernel_init), 0, 0 },
    { "bias_init", EG_OPTION_INIT, offsetof(dense, bias_init), 0, 0 },
    { "l1", EG_OPTION_NUMBER, offsetof(dense, l1), 0, 0 },
    { "l2", EG_OPTION_NUMBER, offsetof(dense, l2), 0, 0 },
    { "frozen", EG_OPTION_FLAG, offsetof(dense, base.frozen), 1, 0 },
    { "last_axis", EG_OPTION_FLAG, offsetof(dense, last_axis), 1, 0 },
    { 0 },
};

static eg_status check_options(const dense *d) {
    if (d->units < 1) return eg_fail(EG_E_ARGUMENT, "units must be at least 1, not %lld", (long long)d->units);
    if (!(d->l1 >= 0) || !(d->l2 >= 0)) return eg_fail(EG_E_ARGUMENT, "l1 and l2 must not be negative");
    return EG_OK;
}

static eg_status shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    dense *d = (dense *)layer;
    EG_TRY(check_options(d));
    if (in->rank < 1) return eg_fail(EG_E_SHAPE, "its input has no axis beside the batch");
    int64_t inputs = in->dim[in->rank - 1];
    EG_TRY(eg_layer_parameter(layer, 0,
                              &(eg_parameter){ .name = "kernel",
                                               .shape = EG_SHAPE(inputs, d->units),
                                               .init = d->kernel_init,
                                               .fan_in = (double)inputs,
                                               .kernel = 1,
                                               .trainable = 1,
                                               .l1 = d->l1,
                                               .l2 = d->l2 }));
    if (!d->no_bias)
        EG_TRY(eg_layer_parameter(layer, 1,
                                  &(eg_parameter){ .name = "bias",
                                                   .shape = EG_SHAPE(d->units),
                                                   .init = d->bias_init,
                                                   .fan_in = (double)inputs,
                                                   .trainable = 1 }));
    d->last_axis = in->rank > 1;
    *out = *in;
    out->dim[out->rank - 1] = d->units;
    return EG_OK;
}

/* x [..., in] -> [rows, in], so that one plain product serves any rank */
static eg_value *as_rows(eg_value *x) {
    if (x->shape.rank <= 2) return x;
    int64_t inputs = x->shape.dim[x->shape.rank - 1];
    return eg_reshaped(x, &EG_SHAPE(eg_count(&x->shape) / inputs, inputs));
}

static eg_value *build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    const dense *d = (const dense *)layer;
    eg_shape out = in[0]->shape;
    eg_value *y = eg_matmul(as_rows(in[0]), eg_layer_variable(layer, b, 0));
    if (!d->no_bias) y = eg_add(y, eg_layer_variable(layer, b, 1));
    if (out.rank > 2) {
        out.dim[out.rank - 1] = d->units;
        y = eg_reshaped(y, &out);
    }
    return eg_layer_activate(b, y, d->act, 0);
}

static eg_activation_kind last(const eg_layer *layer) { return ((const dense *)layer)->act; }

const eg_layer_kind eg_kind_dense = {
    .name = "dense",
    .size = sizeof(dense),
    .max_inputs = 1,
    .options = options,
    .shape = shape,
    .build = build,
    .last = last,
    .stepwise = EG_EACH_STEP,
};

eg_layer *eg_dense_(eg_dense_opt opt) {
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    dense *d = (dense *)eg_layer_new(&eg_kind_dense, opt.name);
    if (!d) return NULL;
    d->units = opt.units;
    d->act = opt.act;
    d->no_bias = opt.no_bias != 0;
    d->kernel_init = opt.kernel_init;
    d->bias_init = opt.bias_init;
    d->l1 = opt.l1 == EG_ZERO ? 0 : opt.l1;
    d->l2 = opt.l2 == EG_ZERO ? 0 : opt.l2;
    d->base.frozen = opt.frozen != 0;
    return &d->base;
}
