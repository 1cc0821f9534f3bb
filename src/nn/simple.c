/* SPDX-License-Identifier: MIT
 *
 * simple.c: layers without parameters: activation, dropout, flatten, reshape, join, lambda.
 */
#include <stdio.h>

#include "base/status.h"
#include "graph/node.h"
#include "nn/model.h"

static const eg_option no_options[] = { { 0 } };

/* A shape with the batch axis put before. */
static eg_shape with_batch(const eg_value *like, eg_shape shape) {
    eg_shape full = { .rank = shape.rank + 1, .dim = { like->shape.dim[0] } };
    for (int i = 0; i < shape.rank; i++) full.dim[i + 1] = shape.dim[i];
    return full;
}

/* ---- activation ------------------------------------------------------------------------------ */

typedef struct activation {
    eg_layer base;
    eg_activation_kind kind;
    double parameter;
} activation;

static const eg_option activation_options[] = {
    { "activation", EG_OPTION_ACTIVATION, offsetof(activation, kind), 1, 0 },
    { "alpha", EG_OPTION_NUMBER, offsetof(activation, parameter), 1, 1 },
    { 0 },
};

static eg_status same_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)layer, (void)n;
    *out = *in;
    return EG_OK;
}

static eg_value *activation_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    const activation *a = (const activation *)layer;
    return eg_layer_activate(b, in[0], a->kind, a->parameter);
}

static eg_activation_kind activation_last(const eg_layer *layer) { return ((const activation *)layer)->kind; }

const eg_layer_kind eg_kind_activation = {
    .name = "activation",
    .size = sizeof(activation),
    .max_inputs = 1,
    .options = activation_options,
    .shape = same_shape,
    .build = activation_build,
    .last = activation_last,
    .stepwise = EG_EACH_STEP,
};

eg_layer *eg_activation(eg_activation_kind kind, double parameter) {
    activation *a = (activation *)eg_layer_new(&eg_kind_activation, NULL);
    if (!a) return NULL;
    a->kind = kind;
    a->parameter = parameter;
    return &a->base;
}

/* ---- dropout --------------------------------------------------------------------------------- */

typedef struct dropout {
    eg_layer base;
    double rate;
} dropout;

static const eg_option dropout_options[] = { { "rate", EG_OPTION_NUMBER, offsetof(dropout, rate), 1, 0 }, { 0 } };

static eg_status dropout_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    double rate = ((const dropout *)layer)->rate;
    if (!(rate >= 0 && rate < 1)) return eg_fail(EG_E_ARGUMENT, "rate must be >= 0 and < 1, not %g", rate);
    return same_shape(layer, in, n, out);
}

/* The mask's site is the layer's full name and which use of the layer this is: no other layer, and no second use, has
 * the same mask, and no other layer's presence changes it. */
static eg_value *dropout_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)n;
    double rate = ((const dropout *)layer)->rate;
    if (!b->step || rate == 0) return in[0];
    char place[1024];
    snprintf(place, sizeof place, "%s%s:%u", b->prefix, layer->name, (unsigned)b->application);
    return eg_mul(in[0], eg_dropout_mask(b->step, eg_name_site(place), rate, in[0]->dtype, in[0]->shape));
}

const eg_layer_kind eg_kind_dropout = {
    .name = "dropout",
    .size = sizeof(dropout),
    .max_inputs = 1,
    .options = dropout_options,
    .shape = dropout_shape,
    .build = dropout_build,
    .stepwise = EG_EACH_STEP,
};

eg_layer *eg_dropout(double rate) {
    dropout *d = (dropout *)eg_layer_new(&eg_kind_dropout, NULL);
    if (!d) return NULL;
    d->rate = rate == EG_ZERO ? 0 : rate;
    return &d->base;
}

/* ---- flatten, reshape ------------------------------------------------------------------------ */

static eg_status flatten_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)layer, (void)n;
    *out = EG_SHAPE(eg_count(in));
    return EG_OK;
}

static eg_value *flatten_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)layer, (void)b, (void)n;
    eg_shape shape = in[0]->shape;
    int64_t size = 1;
    for (int i = 1; i < shape.rank; i++) size *= shape.dim[i];
    return shape.rank == 2 ? in[0] : eg_reshaped(in[0], &EG_SHAPE(shape.dim[0], size));
}

const eg_layer_kind eg_kind_flatten = {
    .name = "flatten",
    .size = sizeof(eg_layer),
    .max_inputs = 1,
    .options = no_options,
    .shape = flatten_shape,
    .build = flatten_build,
};

eg_layer *eg_flatten(void) { return eg_layer_new(&eg_kind_flatten, NULL); }

typedef struct reshape {
    eg_layer base;
    eg_shape shape;
} reshape;

static const eg_option reshape_options[] = { { "shape", EG_OPTION_SHAPE, offsetof(reshape, shape), 1, 0 }, { 0 } };

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
    eg_shape wanted = ((const reshape *)layer)->shape;
    *out = wanted;
    if (resolve_shape(out, eg_count(in)) == EG_OK) return EG_OK;
    return eg_fail(EG_E_SHAPE, "%s cannot be made of %s", eg_shape_words(&wanted), eg_shape_words(in));
}

static eg_value *reshape_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)b, (void)n;
    return eg_reshape_to(in[0], with_batch(in[0], ((const reshape *)layer)->shape));
}

const eg_layer_kind eg_kind_reshape = {
    .name = "reshape",
    .size = sizeof(reshape),
    .max_inputs = 1,
    .options = reshape_options,
    .shape = reshape_shape,
    .build = reshape_build,
};

eg_layer *eg_reshape_(eg_shape shape) {
    reshape *r = (reshape *)eg_layer_new(&eg_kind_reshape, NULL);
    if (!r) return NULL;
    r->shape = shape;
    return &r->base;
}

/* ---- join ------------------------------------------------------------------------------------ */

typedef struct join {
    eg_layer base;
    eg_join_kind kind;
} join;

static const eg_option join_options[] = { { "how", EG_OPTION_JOIN, offsetof(join, kind), 1, 0 }, { 0 } };

/* Whether two inputs fit: all dims equal, but the last one for concat. */
static int fit(eg_shape a, eg_shape b, eg_join_kind kind) {
    if (kind == EG_JOIN_CONCAT && a.rank > 0 && a.rank == b.rank) b.dim[b.rank - 1] = a.dim[a.rank - 1];
    return eg_same_shape(&a, &b);
}

static eg_status join_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    eg_join_kind kind = ((const join *)layer)->kind;
    *out = in[0];
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
    eg_join_kind kind = ((const join *)layer)->kind;
    for (int i = 1; i < n && !b->mask; i++) b->mask = b->masks[i];
    if (kind == EG_JOIN_CONCAT) return eg_concat(in, n, -1);
    eg_value *y = in[0];
    for (int i = 1; i < n; i++) y = pairwise[kind](y, in[i]);
    return kind == EG_JOIN_AVERAGE ? eg_mul(y, eg_const(b->graph, 1.0 / n)) : y;
}

const eg_layer_kind eg_kind_join = {
    .name = "join",
    .size = sizeof(join),
    .max_inputs = 0,
    .options = join_options,
    .shape = join_shape,
    .build = join_build,
    .hidden = 1,
    .stepwise = EG_EACH_STEP,
};

eg_layer *eg_join(eg_join_kind kind) {
    join *j = (join *)eg_layer_new(&eg_kind_join, NULL);
    if (!j) return NULL;
    j->kind = kind;
    return &j->base;
}

/* ---- lambda ---------------------------------------------------------------------------------- */

typedef struct lambda {
    eg_layer base;
    eg_value *(*build)(void *user, eg_value *x);
    void *user;
} lambda;

enum { PROBE_BATCH = 2 };

/* Only the function knows its shape: it is built once for a batch of two. */
static eg_status probe(const lambda *l, eg_graph *graph, eg_shape in, eg_shape *out) {
    eg_shape batch = { .rank = 1, .dim = { PROBE_BATCH } };
    for (int i = 0; i < in.rank; i++) batch.dim[batch.rank++] = in.dim[i];
    eg_value *y = l->build(l->user, eg_input(graph, "x", EG_F32, batch));
    if (!y) return eg_fail(EG_E_ARGUMENT, "the function gave no value");
    if (eg_graph_status(graph) != EG_OK) return eg_fail(eg_graph_status(graph), "%s", eg_graph_error(graph));
    if (y->shape.rank < 1 || y->shape.dim[0] != PROBE_BATCH)
        return eg_fail(EG_E_SHAPE, "the function does not keep the batch axis");
    *out = (eg_shape){ .rank = y->shape.rank - 1 };
    for (int i = 0; i < out->rank; i++) out->dim[i] = y->shape.dim[i + 1];
    return EG_OK;
}

static eg_status lambda_shape(eg_layer *layer, const eg_shape *in, int n, eg_shape *out) {
    (void)n;
    const lambda *l = (const lambda *)layer;
    if (!l->build) return eg_fail(EG_E_ARGUMENT, "no function was given");
    if (in->rank >= EG_MAX_RANK) return eg_fail(EG_E_SHAPE, "too many axes");
    eg_graph *graph = eg_graph_new();
    if (!graph) return EG_E_MEMORY;
    eg_status status = probe(l, graph, *in, out);
    eg_graph_free(graph);
    return status;
}

static eg_value *lambda_build(eg_layer *layer, eg_building *b, eg_value *const *in, int n) {
    (void)b, (void)n;
    const lambda *l = (const lambda *)layer;
    return l->build(l->user, in[0]);
}

static eg_status lambda_write(const eg_layer *layer, eg_json_writer *w) {
    (void)w;
    return eg_fail(EG_E_UNSUPPORTED, "layer '%s' is a C function: it cannot be written", layer->name);
}

static eg_status lambda_read(eg_layer *layer, const eg_json *json, int depth) {
    (void)layer, (void)json, (void)depth;
    return eg_fail(EG_E_UNSUPPORTED, "a layer that is a C function cannot be read");
}

const eg_layer_kind eg_kind_lambda = {
    .name = "lambda",
    .size = sizeof(lambda),
    .max_inputs = 1,
    .options = no_options,
    .shape = lambda_shape,
    .build = lambda_build,
    .write = lambda_write,
    .read = lambda_read,
    .hidden = 1,
};

eg_layer *eg_lambda(eg_value *(*build)(void *user, eg_value *x), void *user) {
    lambda *l = (lambda *)eg_layer_new(&eg_kind_lambda, NULL);
    if (!l) return NULL;
    l->build = build;
    l->user = user;
    return &l->base;
}
