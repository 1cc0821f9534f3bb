/* SPDX-License-Identifier: MIT
 *
 * random_graph.h: draws a graph out of all ops: shapes with broadcasting, with axes of 0 and 1, products,
 * reductions, movement, look-ups, casts, random numbers, and updates of variables by the gradient of a drawn
 * loss. The same seed gives the same graph. Functions are kept away from where they grow without bound, so that
 * float32 can be held against float64.
 */
#ifndef EG_TESTS_RANDOM_GRAPH_H
#define EG_TESTS_RANDOM_GRAPH_H

#include <elegans/program.h>
#include <stdio.h>
#include <string.h>
#include "base/rng.h"
#include "graph/node.h"
#include "tensor/shape.h"

enum { POOL = 48, DRAWN_ROOTS = 24, MOST_ELEMENTS = 3000 };

typedef struct random_graph {
    eg_graph *graph;
    eg_rng rng;
    eg_value *pool[POOL]; /* f32 values to build on */
    int n, leaves;
    eg_value *step;       /* i32 scalar input */
    eg_value *var[8];     /* f32 variables that the update changes */
    int nvar;
    eg_value *root[DRAWN_ROOTS];
    int nroots;
} random_graph;

static inline int draw(random_graph *r, int n) { return (int)eg_rng_below(&r->rng, (uint64_t)n); }

static inline int64_t draw_dim(random_graph *r) {
    static const int64_t dims[] = { 1, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 10, 16, 17, 31, 32, 33, 40, 65 };
    if (draw(r, 150) == 0) return 0;
    return dims[draw(r, (int)(sizeof dims / sizeof *dims))];
}

static inline eg_shape draw_shape(random_graph *r, int rank) {
    eg_shape s = { .rank = rank };
    int64_t n = 1;
    for (int i = 0; i < rank; i++) {
        int64_t d = draw_dim(r);
        s.dim[i] = n * d > MOST_ELEMENTS ? 1 : d;
        n *= s.dim[i] ? s.dim[i] : 1;
    }
    return s;
}

static inline int64_t size_of(const eg_value *v) { return eg_shape_size(v->shape); }

/* ---- leaves ---------------------------------------------------------------------------------------------- */

static inline eg_value *new_leaf(random_graph *r, eg_shape shape) {
    char name[32];
    snprintf(name, sizeof name, "leaf%d", r->leaves++);
    if (r->nvar < 8 && draw(r, 3) == 0) {
        eg_value *v = draw(r, 2) ? eg_weight(r->graph, name, EG_F32, shape) : eg_var(r->graph, name, EG_F32, shape);
        return r->var[r->nvar++] = v;
    }
    if (draw(r, 12) == 0) return eg_full(r->graph, EG_F32, shape, draw(r, 5) - 2);
    return eg_input(r->graph, name, EG_F32, shape);
}

static inline eg_value *new_index(random_graph *r, eg_shape shape) {
    char name[32];
    snprintf(name, sizeof name, "index%d", r->leaves++);
    return eg_input(r->graph, name, EG_I32, shape);
}

static inline eg_value *pick(random_graph *r) { return r->pool[draw(r, r->n)]; }

/* A value that broadcasts against `a`: one there is, or a leaf with some of the axes of a. */
static inline eg_value *partner(random_graph *r, const eg_value *a) {
    eg_shape s;
    for (int k = 0; k < 6; k++) {
        eg_value *b = pick(r);
        if (eg_shape_broadcast(a->shape, b->shape, &s) == EG_OK && eg_shape_size(s) <= MOST_ELEMENTS) return b;
    }
    s = a->shape;
    for (int i = 0; i < s.rank; i++)
        if (draw(r, 3) == 0) s.dim[i] = 1;
    int drop = s.rank ? draw(r, s.rank + 1) * (draw(r, 3) == 0) : 0;
    for (int i = 0; i < s.rank - drop; i++) s.dim[i] = s.dim[i + drop];
    s.rank -= drop;
    return new_leaf(r, s);
}

/* ---- one more value -------------------------------------------------------------------------------------- */

/* Functions that would run away are fed something tame. */
static inline eg_value *tame(eg_value *x) { return eg_tanh(x); }
static inline eg_value *positive(eg_value *x) { return eg_add(eg_square(eg_tanh(x)), eg_const(x->graph, .3)); }

static inline eg_value *draw_unary(random_graph *r, eg_value *x) {
    switch (draw(r, 16)) {
    case 0: return eg_neg(x);
    case 1: return eg_abs(x);
    case 2: return eg_exp(tame(x));
    case 3: return eg_log(positive(x));
    case 4: return eg_sqrt(positive(x));
    case 5: return eg_rsqrt(positive(x));
    case 6: return eg_tanh(x);
    case 7: return eg_sigmoid(x);
    case 8: return eg_relu(x);
    case 9: return eg_erf(x);
    case 10: return eg_softplus(x);
    case 11: return eg_sin(tame(x));
    case 12: return eg_cos(tame(x));
    case 13: return eg_square(tame(x));
    case 14: return eg_stop_gradient(x);
    default: return eg_floor(x);
    }
}

static inline eg_value *draw_binary(random_graph *r, eg_value *a) {
    eg_value *b = partner(r, a);
    switch (draw(r, 12)) {
    case 0: case 1: return eg_add(a, b);
    case 2: return eg_sub(a, b);
    case 3: case 4: return eg_mul(tame(a), b);
    case 5: return eg_div(a, positive(b));
    case 6: return eg_maximum(a, b);
    case 7: return eg_minimum(a, b);
    case 8: return eg_where(eg_less(a, b), eg_mul(a, eg_const(r->graph, .5)), b);
    case 9: return eg_where(eg_greater_equal(a, b), a, eg_const(r->graph, 0));
    case 10: return eg_pow(positive(a), tame(b));
    default: a = eg_mul(tame(a), tame(b)); return eg_add(a, partner(r, a));
    }
}

static inline eg_value *draw_reduce(random_graph *r, eg_value *x) {
    eg_axes axes = { 0 };
    int which = draw(r, 4);
    for (int i = 0; i < x->shape.rank; i++) {
        int last = i == x->shape.rank - 1;
        if (which == 0 ? last : which == 1 ? i == 0 : which == 2 && draw(r, 2)) axes.axis[axes.n++] = i;
    }
    int keep = draw(r, 2);
    int64_t n = size_of(x);
    switch (draw(r, 6)) {
    case 0: return eg_mul(eg_sum(x, .axes = axes, .keep = keep), eg_const(r->graph, n > 16 ? .05 : .5));
    case 1: return n ? eg_max(x, .axes = axes, .keep = keep) : eg_sum(x, .axes = axes, .keep = keep);
    case 2: return n ? eg_min(x, .axes = axes, .keep = keep) : eg_sum(x, .axes = axes, .keep = keep);
    case 3: return n ? eg_logsumexp(x, .axes = axes, .keep = keep) : x;
    case 4: return x->shape.rank && n ? draw(r, 2) ? eg_softmax(x, -1) : eg_log_softmax(x, draw(r, x->shape.rank)) : x;
    default: return n ? eg_mean(x, .axes = axes, .keep = keep) : x;
    }
}

static inline eg_value *draw_move(random_graph *r, eg_value *x) {
    eg_shape s = x->shape;
    int64_t low[EG_MAX_RANK] = { 0 }, high[EG_MAX_RANK] = { 0 }, inner[EG_MAX_RANK] = { 0 }, one[EG_MAX_RANK];
    if (s.rank == 0) return eg_expand(x, EG_SHAPE(3, 5));
    int axis = draw(r, s.rank);
    eg_axes order = { .n = s.rank };
    for (int i = 0; i < s.rank; i++) order.axis[i] = (i + axis) % s.rank, one[i] = 1;
    switch (draw(r, 8)) {
    case 0: return eg_reshape_to(x, EG_SHAPE(size_of(x)));
    case 1: return eg_permute(x, order);
    case 2: return eg_slice(x, axis, s.dim[axis] / 3, s.dim[axis] - s.dim[axis] / 4);
    case 3:
        one[axis] = 2;
        return eg_slice_all(x, low, s.dim, one);
    case 4:
        low[axis] = draw(r, 4) - 1;
        high[axis] = draw(r, 3);
        inner[axis] = draw(r, 2);
        if (s.dim[axis] < 2) low[axis] = 1;
        return size_of(x) < 600 ? eg_pad(x, low, high, inner) : x;
    case 5: return eg_flip(x, EG_AXES(axis));
    case 6: return size_of(x) < 900 ? eg_concat((eg_value *[]){ x, eg_neg(x), x }, 3, axis) : x;
    default:
        if (size_of(x) > 300 || s.rank > 4) return x;
        for (int i = s.rank; i > 0; i--) s.dim[i] = s.dim[i - 1];
        s.dim[0] = 4;
        s.rank++;
        return eg_expand(x, s);
    }
}

static inline eg_value *draw_product(random_graph *r, eg_value *a) {
    if (a->shape.rank < 1) return a;
    int64_t k = a->shape.dim[a->shape.rank - 1];
    eg_shape s = EG_SHAPE(k, draw_dim(r));
    int rank = a->shape.rank;
    if (rank > 2 && draw(r, 2)) s = EG_SHAPE(draw(r, 2) ? 1 : a->shape.dim[rank - 3], k, draw_dim(r));
    eg_value *scaled = eg_mul(a, eg_const(r->graph, k > 8 ? .2 : .7));
    if (draw(r, 4) == 0 && rank == 2) return eg_matmul(eg_transpose(scaled), draw(r, 2) ? scaled : tame(a));
    if (eg_shape_size(s) > MOST_ELEMENTS || size_of(a) / (k ? k : 1) * s.dim[s.rank - 1] > MOST_ELEMENTS) return a;
    eg_value *product = eg_matmul(scaled, new_leaf(r, s));
    if (draw(r, 2) == 0) return product;
    return eg_tanh(eg_add(product, new_leaf(r, EG_SHAPE(s.dim[s.rank - 1]))));
}

static inline eg_value *draw_lookup(random_graph *r, eg_value *x) {
    eg_shape s = x->shape;
    if (s.rank == 0 || size_of(x) == 0) return x;
    int axis = draw(r, s.rank);
    switch (draw(r, 6)) {
    case 0: return size_of(x) / s.dim[axis] < 300 ? eg_gather(x, new_index(r, EG_SHAPE(draw(r, 3), 3)), axis) : x;
    case 4: {
        s.dim[axis] = 1 + draw(r, 4);
        return eg_take_along(x, new_index(r, s), axis);
    }
    case 5: return eg_put_along(x, new_index(r, s), axis, 5);
    case 1: return eg_scatter_add(x, new_index(r, EG_SHAPE(s.dim[axis])), axis, 5);
    case 2: return eg_one_hot(new_index(r, EG_SHAPE(draw(r, 6), 4)), 1 + draw(r, 6), EG_F32);
    default: return eg_mul(eg_cast(eg_argmax(x, axis), EG_F32), eg_const(r->graph, .1));
    }
}

/* Any value seen as images of 1 to 9 channels. */
static inline eg_value *as_image(random_graph *r, eg_value *x) {
    int64_t n = size_of(x), channels = 1 + draw(r, 9), width = 1 + draw(r, 9), height = draw(r, 2) ? 1 + draw(r, 9) : 1;
    while (n % channels) channels--;
    while (n / channels % width) width--;
    while (n / channels / width % height) height--;
    int64_t batch = n / channels / width / height;
    if (height == 1 && draw(r, 2)) return eg_reshape_to(x, EG_SHAPE(batch, width, channels));
    return eg_reshape_to(x, EG_SHAPE(batch, height, width, channels));
}

static inline int64_t draw_list(random_graph *r, int low, int high) { return low + draw(r, high - low + 1); }

/* Convolutions and pools, padded so much that the window always fits. */
static inline eg_value *draw_window(random_graph *r, eg_value *a) {
    if (size_of(a) == 0) return a;
    eg_value *x = as_image(r, a);
    int spatial = x->shape.rank - 2, same = draw(r, 2);
    int64_t channels = x->shape.dim[spatial + 1], groups = channels % 2 == 0 ? 1 + draw(r, 2) : 1;
    if (draw(r, 5) == 0) groups = channels;
    eg_window_opt opt = { .padding = same ? EG_SAME : EG_VALID, .groups = groups };
    eg_shape w = { .rank = spatial + 2 };
    int64_t wide = 1;
    for (int i = 0; i < spatial; i++) {
        opt.size[i] = w.dim[i] = draw_list(r, 1, 4);
        opt.stride[i] = draw_list(r, 1, 2), opt.dilation[i] = draw_list(r, 1, 2);
        opt.low[i] = draw_list(r, 0, 2), opt.high[i] = draw_list(r, 0, 2);
        int64_t missing = (w.dim[i] - 1) * opt.dilation[i] + 1 - x->shape.dim[1 + i] - opt.low[i];
        if (missing > opt.high[i]) opt.high[i] = missing;
        wide *= w.dim[i];
    }
    if (size_of(x) > 1200) return a;
    w.dim[spatial] = channels / groups, w.dim[spatial + 1] = groups * draw_list(r, 1, 5);
    if (draw(r, 8) == 0) w.dim[spatial + 1] = groups * draw_list(r, 15, 40);
    if (size_of(x) / channels * w.dim[spatial + 1] > MOST_ELEMENTS / 4) return a;
    eg_value *scaled = eg_mul(tame(x), eg_const(r->graph, 1. / (double)(1 + wide)));
    switch (draw(r, 6)) {
    case 0: return eg_max_pool_(x, opt);
    case 1: opt.count_padding = draw(r, 2); return eg_avg_pool_(x, opt);
    case 2: return eg_tanh(eg_add(eg_conv_(scaled, new_leaf(r, w), opt), new_leaf(r, EG_SHAPE(w.dim[spatial + 1]))));
    case 3: return eg_relu(eg_add(eg_conv_(scaled, new_leaf(r, w), opt), new_leaf(r, EG_SHAPE(w.dim[spatial + 1]))));
    default: return eg_conv_(scaled, new_leaf(r, w), opt);
    }
}

static inline eg_value *draw_cast(random_graph *r, eg_value *x) {
    switch (draw(r, 6)) {
    case 0: return eg_cast(eg_cast(x, EG_I32), EG_F32);
    case 1: return eg_cast(eg_cast(eg_mul(x, eg_const(r->graph, 3)), EG_U8), EG_F32);
    case 2: return eg_cast(eg_mul(eg_cast(x, EG_F64), eg_full(r->graph, EG_F64, EG_SCALAR, .7)), EG_F32);
    case 3: return eg_cast(eg_greater(x, eg_const(r->graph, .1)), EG_F32);
    case 4: return eg_random_uniform(r->step, (uint32_t)r->n, EG_F32, x->shape);
    default: return eg_mul(x, eg_dropout_mask(r->step, (uint32_t)r->n, .3, EG_F32, x->shape));
    }
}

static inline eg_value *draw_value(random_graph *r) {
    eg_value *x = pick(r);
    switch (draw(r, 19)) {
    case 16: case 17: case 18: return draw_window(r, x);
    case 0: case 1: case 2: return draw_unary(r, x);
    case 3: case 4: case 5: case 6: return draw_binary(r, x);
    case 7: case 8: case 9: return draw_reduce(r, x);
    case 10: case 11: return draw_move(r, x);
    case 12: case 13: return draw_product(r, x);
    case 14: return draw_lookup(r, x);
    default: return draw_cast(r, x);
    }
}

/* ---- the graph ------------------------------------------------------------------------------------------- */

/* A loss over some values, and variables moved along its gradient. */
static inline void draw_update(random_graph *r) {
    eg_value *loss = eg_const(r->graph, 0), *gradient[8];
    for (int i = 0; i < 3; i++) {
        eg_value *x = pick(r);
        if (size_of(x)) loss = eg_add(loss, eg_mean(eg_tanh(x)));
    }
    r->root[r->nroots++] = loss;
    if (loss->shape.rank != 0 || loss->weak || eg_grad(loss, r->var, r->nvar, gradient) != EG_OK) return;
    eg_value *rate = eg_const(r->graph, .1);
    for (int i = 0; i < r->nvar; i++)
        r->root[r->nroots++] = eg_assign(r->var[i], eg_sub(r->var[i], eg_mul(rate, gradient[i])));
}

static inline random_graph random_graph_new(uint64_t seed) {
    random_graph r = { .graph = eg_graph_new(), .rng = eg_rng_new(seed, 77) };
    r.step = eg_input(r.graph, "step", EG_I32, EG_SCALAR);
    for (int i = 0; i < 3; i++) r.pool[r.n++] = new_leaf(&r, draw_shape(&r, draw(&r, 4)));
    int want = 5 + draw(&r, 16);
    while (r.n < want) {
        eg_value *v = draw_value(&r);
        if (eg_graph_status(r.graph) != EG_OK) return r;
        r.pool[r.n++] = v;
    }
    int fetched = 1 + draw(&r, 5);
    for (int i = 0; i < fetched; i++) r.root[r.nroots++] = pick(&r);
    if (draw(&r, 6) == 0) r.root[r.nroots++] = eg_greater(pick(&r), eg_const(r.graph, 0));
    if (draw(&r, 2)) draw_update(&r);
    return r;
}

static inline void random_graph_free(random_graph *r) { eg_graph_free(r->graph); }

/* Gives every input of the program its data, which depends on nothing but the names; `jitter` moves f32 by
 * that fraction. */
static inline eg_status random_graph_feed(const random_graph *r, eg_program *p, double jitter) {
    static _Thread_local union { float f[MOST_ELEMENTS * 4]; int32_t i[MOST_ELEMENTS * 4]; } data;
    for (int k = 0; k < r->graph->n; k++) {
        const eg_value *v = r->graph->values[k];
        if (v->op != EG_OP_INPUT) continue;
        eg_rng rng = eg_rng_new(5, eg_site(v->name)), noise = eg_rng_new(6, eg_site(v->name));
        int64_t n = size_of(v);
        if (n > MOST_ELEMENTS * 4) return EG_E_LIMIT;
        for (int64_t i = 0; i < n; i++) {
            if (v->dtype == EG_I32) data.i[i] = v == r->step ? 3 : (int32_t)eg_rng_below(&rng, 7) - 1;
            else data.f[i] = (float)((4 * eg_rng_double(&rng) - 2) * (1 + jitter * (2 * eg_rng_double(&noise) - 1)));
        }
        eg_status status = eg_set(p, v->name, &data, (size_t)n * 4);
        if (status != EG_OK) return status;
    }
    return EG_OK;
}

#endif
