/* SPDX-License-Identifier: MIT
 *
 * simple.c: layers without parameters: activation, dropout (spatial too), flatten, reshape, join, lambda.
 */
#include <stdio.h>

#include "base/status.h"
#include "graph/node.h"
#include "nn/image.h"

static const eg_kind_option no_options[] = { EG_TAKES_NAME(0) };

/* ---- activation ------------------------------------------------------------------------------ */

static const eg_kind_option activation_options[] = {
    EG_TAKES_BARE(ACTIVATION, 0),
    EG_TAKES_BARE(ALPHA, 0),
    EG_TAKES_NAME(0),
};

static eg_value *activation_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    return eg_layer_activate(b, in[0], layer->act, layer->number);
}

const eg_layer_kind eg_kind_activation = {
    .name = "activation",
    .options = activation_options,
    .build = activation_build,
    .max_inputs = 1,
    .stepwise = EG_EACH_STEP,
    .ends_activated = 1,
};

eg_layer *eg_activation(eg_activation_kind kind, double parameter) {
    eg_layer *layer = eg_layer_new(&eg_kind_activation, NULL);
    if (!layer) return NULL;
    layer->act = kind;
    layer->number = parameter;
    return layer;
}

/* ---- dropout --------------------------------------------------------------------------------- */

static const eg_kind_option dropout_options[] = { EG_TAKES_BARE(RATE, 0), EG_TAKES_NAME(0) };

static eg_status dropout_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    if (!(layer->number >= 0 && layer->number < 1))
        return eg_fail(EG_E_ARGUMENT, "rate must be >= 0 and < 1, not %g", layer->number);
    return layer->kind == &eg_kind_spatial_dropout ? eg_image_shape(in, 0, out) : EG_OK;
}

/* The mask's site is the layer's full name and which use of the layer this is: no other layer, and no second use, has
 * the same mask, and no other layer's presence changes it. Spatial: one decision for each channel of each image. */
static eg_value *dropout_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    if (!b->step || layer->number == 0) return in[0];
    char place[1024];
    snprintf(place, sizeof place, "%s%s:%u", b->prefix, layer->name, (unsigned)b->application);
    eg_shape mask = in[0]->shape;
    for (int i = 1; i < mask.rank - 1 && layer->kind == &eg_kind_spatial_dropout; i++) mask.dim[i] = 1;
    return eg_mul(in[0], eg_dropout_mask(b->step, eg_name_site(place), layer->number, in[0]->dtype, mask));
}

const eg_layer_kind eg_kind_dropout = {
    .name = "dropout",
    .options = dropout_options,
    .shape = dropout_shape,
    .build = dropout_build,
    .max_inputs = 1,
    .stepwise = EG_EACH_STEP,
};
const eg_layer_kind eg_kind_spatial_dropout = {
    .name = "spatial_dropout",
    .options = dropout_options,
    .shape = dropout_shape,
    .build = dropout_build,
    .max_inputs = 1,
};

static eg_layer *new_dropout(const eg_layer_kind *kind, double rate) {
    eg_layer *layer = eg_layer_new(kind, NULL);
    if (layer) layer->number = rate == EG_ZERO ? 0 : rate;
    return layer;
}

eg_layer *eg_dropout(double rate) { return new_dropout(&eg_kind_dropout, rate); }
eg_layer *eg_spatial_dropout(double rate) { return new_dropout(&eg_kind_spatial_dropout, rate); }

/* ---- flatten, reshape ------------------------------------------------------------------------ */

static eg_status flatten_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)layer, (void)n;
    *out = EG_SHAPE(eg_count(in));
    return EG_OK;
}

static eg_value *flatten_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)layer, (void)b, (void)n;
    const eg_shape *shape = &in[0]->shape;
    int64_t size = 1;
    for (int i = 1; i < shape->rank; i++) size *= shape->dim[i];
    return shape->rank == 2 ? in[0] : eg_reshaped(in[0], &EG_SHAPE(shape->dim[0], size));
}

const eg_layer_kind eg_kind_flatten = {
    .name = "flatten",
    .options = no_options,
    .shape = flatten_shape,
    .build = flatten_build,
    .max_inputs = 1,
};

eg_layer *eg_flatten(void) { return eg_layer_new(&eg_kind_flatten, NULL); }

static const eg_kind_option reshape_options[] = { EG_TAKES_BARE(SHAPE, 0), EG_TAKES_NAME(0) };

/* Replaces the one -1 of `shape` so that its size is `size`. */
static eg_status resolve_shape(eg_shape *shape, int64_t size) {
    int64_t known = 1;
    int open = -1, valid = shape->rank >= 0 && shape->rank < EG_MAX_RANK;
    for (int i = 0; valid && i < shape->rank; i++) {
        if (shape->dim[i] == -1 && open < 0) {
            open = i;
        } else {
            valid = shape->dim[i] > 0 && shape->dim[i] <= size / known;
            known *= valid ? shape->dim[i] : 1;
        }
    }
    if (valid && open >= 0) {
        shape->dim[open] = size / known;
        known *= shape->dim[open];
    }
    return valid && known == size ? EG_OK : EG_E_SHAPE;
}

static eg_status reshape_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    *out = layer->size;
    if (resolve_shape(out, eg_count(in)) == EG_OK) return EG_OK;
    return eg_fail(EG_E_SHAPE, "%s cannot be made of %s", eg_shape_words(&layer->size), eg_shape_words(in));
}

static eg_value *reshape_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)b, (void)n;
    return eg_reshape_to(in[0], eg_with_batch(in[0]->shape.dim[0], &layer->size));
}

const eg_layer_kind eg_kind_reshape = {
    .name = "reshape",
    .options = reshape_options,
    .shape = reshape_shape,
    .build = reshape_build,
    .max_inputs = 1,
};

eg_layer *eg_reshape_(eg_shape shape) {
    eg_layer *layer = eg_layer_new(&eg_kind_reshape, NULL);
    if (layer) layer->size = shape;
    return layer;
}

/* ---- join ------------------------------------------------------------------------------------ */

static const eg_kind_option join_options[] = { EG_TAKES_BARE(HOW, 0), EG_TAKES_NAME(0) };

/* Whether two inputs fit: all dims equal, but the last one for concat. */
static int fit(eg_shape a, eg_shape b, eg_join_kind kind) {
    if (kind == EG_JOIN_CONCAT && a.rank > 0 && a.rank == b.rank) b.dim[b.rank - 1] = a.dim[a.rank - 1];
    return eg_same_shape(&a, &b);
}

static eg_status join_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    eg_join_kind kind = layer->join;
    for (int i = 1; i < n; i++) {
        if (!fit(in[0], in[i], kind) || (kind == EG_JOIN_CONCAT && in[0].rank == 0))
            return eg_fail(EG_E_SHAPE, "inputs %s and %s do not fit", eg_shape_words(&in[0]), eg_shape_words(&in[i]));
        if (kind == EG_JOIN_CONCAT) out->dim[out->rank - 1] += in[i].dim[out->rank - 1];
    }
    return EG_OK;
}

static eg_value *(*const pairwise[])(eg_value *, eg_value *) = {
    [EG_JOIN_ADD] = eg_add,
    [EG_JOIN_MULTIPLY] = eg_mul,
    [EG_JOIN_MAXIMUM] = eg_maximum,
    [EG_JOIN_AVERAGE] = eg_add,
};

static eg_value *join_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    eg_join_kind kind = layer->join;
    for (int i = 1; i < n && !b->mask; i++) b->mask = b->masks[i];
    if (kind == EG_JOIN_CONCAT) return eg_concat(in, n, -1);
    eg_value *y = in[0];
    for (int i = 1; i < n; i++) y = pairwise[kind](y, in[i]);
    return kind == EG_JOIN_AVERAGE ? eg_mul(y, eg_const(b->graph, 1.0 / n)) : y;
}

const eg_layer_kind eg_kind_join = {
    .name = "join",
    .options = join_options,
    .shape = join_shape,
    .build = join_build,
    .stepwise = EG_EACH_STEP,
    .hidden = 1,
};

eg_layer *eg_join(eg_join_kind kind) {
    eg_layer *layer = eg_layer_new(&eg_kind_join, NULL);
    if (layer) layer->join = kind;
    return layer;
}

/* ---- lambda ---------------------------------------------------------------------------------- */

enum { PROBE_BATCH = 2 };

/* Only the function knows its shape. */
static eg_status lambda_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    if (!layer->formula) return eg_fail(EG_E_ARGUMENT, "no function was given");
    if (in->rank >= EG_MAX_RANK) return eg_fail(EG_E_SHAPE, "too many axes");
    return eg_layer_probe(layer, PROBE_BATCH, in, out);
}

static eg_value *lambda_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    eg_value *y = layer->formula(layer->user, in[0]);
    return y ? y : eg_poison(b->graph, EG_E_ARGUMENT, layer->name, "the function gave no value");
}

const eg_layer_kind eg_kind_lambda = {
    .name = "lambda",
    .options = no_options,
    .shape = lambda_shape,
    .build = lambda_build,
    .max_inputs = 1,
    .hidden = 1,
};

eg_layer *eg_lambda(eg_value *(*build)(void *user, eg_value *x), void *user) {
    eg_layer *layer = eg_layer_new(&eg_kind_lambda, NULL);
    if (!layer) return NULL;
    layer->formula = build;
    layer->user = user;
    return layer;
}
