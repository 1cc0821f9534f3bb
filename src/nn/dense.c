/* SPDX-License-Identifier: MIT
 *
 * dense.c: y = act(x W + b), W [in, units], b [units]. The course writes W x + b: its W is this one transposed.
 */
#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"

#define GIVEN(field) offsetof(eg_dense_opt, field)
static const eg_kind_option options[] = {
    EG_TAKES_BARE(UNITS, GIVEN(units)),
    EG_TAKES_BARE(ACTIVATION, GIVEN(act)),
    EG_TAKES_BARE(NO_BIAS, GIVEN(no_bias)),
    EG_TAKES(INIT, GIVEN(kernel_init)),
    EG_TAKES(BIAS_INIT, GIVEN(bias_init)),
    EG_TAKES(L1, GIVEN(l1)),
    EG_TAKES(L2, GIVEN(l2)),
    EG_TAKES_BARE(FROZEN, GIVEN(frozen)),
    EG_TAKES_BARE(LAST_AXIS, 0),
    EG_TAKES_NAME(GIVEN(name)),
};
#undef GIVEN

static eg_status shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    EG_TRY(eg_layer_check_units(layer));
    if (in->rank < 1) return eg_fail(EG_E_SHAPE, "its input has no axis beside the batch");
    int64_t inputs = in->dim[in->rank - 1];
    EG_TRY(eg_layer_weight(layer, 0, "kernel", &EG_SHAPE(inputs, layer->units), &layer->kernel_init, (double)inputs,
                           EG_KERNEL));
    if (!layer->no_bias)
        EG_TRY(
            eg_layer_weight(layer, 1, "bias", &EG_SHAPE(layer->units), &layer->bias_init, (double)inputs, EG_PLAIN));
    layer->last_axis = in->rank > 1;
    out->dim[out->rank - 1] = layer->units;
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
    eg_shape out = in[0]->shape;
    eg_value *y = eg_matmul(as_rows(in[0]), eg_layer_variable(layer, b, 0));
    if (!layer->no_bias) y = eg_add(y, eg_layer_variable(layer, b, 1));
    if (out.rank > 2) {
        out.dim[out.rank - 1] = layer->units;
        y = eg_reshaped(y, &out);
    }
    return eg_layer_activate(b, y, layer->act, 0);
}

const eg_layer_kind eg_kind_dense = {
    .name = "dense",
    .options = options,
    .shape = shape,
    .build = build,
    .max_inputs = 1,
    .stepwise = EG_EACH_STEP,
    .ends_activated = 1,
};

eg_layer *eg_dense_(eg_dense_opt opt) { return eg_layer_made(&eg_kind_dense, &opt, sizeof opt); }
