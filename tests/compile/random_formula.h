/* SPDX-License-Identifier: MIT
 *
 * random_formula.h: random graphs in the style of models: a few matrices, rows, columns and scalars, put together by
 * what training steps are made of, with gradients and assigns now and then.
 */
#ifndef EG_TESTS_RANDOM_FORMULA_H
#define EG_TESTS_RANDOM_FORMULA_H

#include <stdio.h>
#include "base/rng.h"
#include "graph/node.h"

enum { FORMULA_POOL = 160, FORMULA_ROOTS = 12 };

typedef struct formula {
    eg_graph *graph;
    eg_rng rng;
    eg_value *pool[FORMULA_POOL]; /* f32 */
    int n;
    eg_value *labels, *step, *bytes;
    eg_value *var[6];
    int nvars;
    eg_value *root[FORMULA_ROOTS];
    int nroots;
    int64_t rows, columns;
} formula;

static inline int below(formula *f, int n) { return (int)eg_rng_below(&f->rng, (uint64_t)n); }

/* Mostly one of the last eight. */
static inline eg_value *any(formula *f) {
    int recent = f->n < 8 ? f->n : 8;
    return f->pool[below(f, 3) ? f->n - 1 - below(f, recent) : below(f, f->n)];
}

static inline void add_value(formula *f, eg_value *v) {
    if (f->n < FORMULA_POOL && eg_shape_size(v->shape) <= 4096) f->pool[f->n++] = v;
}

static inline eg_value *any_constant(formula *f) {
    static const double numbers[] = { 0, 1, -1, 2, .5, 3, .3, -0.25, 8 };
    double x = numbers[below(f, 9)];
    return below(f, 3) ? eg_const(f->graph, x) : eg_full(f->graph, EG_F32, EG_SHAPE(f->rows, f->columns), x);
}

static inline eg_value *unary(formula *f, eg_value *x) {
    switch (below(f, 12)) {
    case 0: return eg_neg(x);
    case 1: return eg_relu(x);
    case 2: return eg_tanh(x);
    case 3: return eg_sigmoid(x);
    case 4: return eg_exp(eg_minimum(x, eg_const(f->graph, 1)));
    case 5: return eg_sqrt(eg_add(eg_mul(x, x), eg_const(f->graph, .5)));
    case 6: return eg_abs(x);
    case 7: return eg_softplus(x);
    case 8: return eg_stop_gradient(x);
    case 9: return eg_square(eg_tanh(x));
    case 10: return eg_erf(x);
    default: return eg_sin(x);
    }
}

/* A partner that broadcasts with x. */
static inline eg_value *partner(formula *f, eg_value *x) {
    for (int i = 0; i < 8; i++) {
        eg_value *y = any(f);
        eg_shape shape;
        if (eg_shape_broadcast(x->shape, y->shape, &shape) != EG_OK) continue;
        if (shape.rank <= 4 && eg_shape_size(shape) <= 4096) return y;
    }
    return eg_const(f->graph, 2);
}

static inline eg_value *fitting_constant(formula *f, eg_value *x) {
    eg_value *y = any_constant(f);
    eg_shape shape;
    return eg_shape_broadcast(x->shape, y->shape, &shape) == EG_OK ? y : eg_const(f->graph, 2);
}

static inline eg_value *binary(formula *f, eg_value *x) {
    eg_value *y = below(f, 3) ? partner(f, x) : fitting_constant(f, x);
    if (below(f, 2)) {
        eg_value *z = x;
        x = y;
        y = z;
    }
    if (x->weak && y->weak) return x;
    switch (below(f, 8)) {
    case 0: case 1: return eg_add(x, y);
    case 2: case 3: return eg_sub(x, y);
    case 4: case 5: return eg_mul(x, y);
    case 6: return eg_div(x, eg_add(eg_square(y), eg_const(f->graph, 1)));
    default: return below(f, 2) ? eg_maximum(x, y) : eg_where(eg_greater(x, y), x, y);
    }
}

static inline eg_value *reduced(formula *f, eg_value *x) {
    if (x->shape.rank == 0) return eg_neg(x);
    int axis = below(f, 3) ? x->shape.rank - 1 : below(f, x->shape.rank), keep = below(f, 2);
    switch (below(f, 7)) {
    case 0: return eg_sum(x);
    case 1: return eg_mean(x, .axes = EG_AXES(axis), .keep = keep);
    case 2: return eg_max(x, .axes = EG_AXES(axis), .keep = keep);
    case 3: return eg_logsumexp(x, .axes = EG_AXES(axis), .keep = keep);
    case 4: return eg_softmax(x, axis);
    case 5: return eg_log_softmax(x, axis);
    default: return eg_sum(x, .axes = EG_AXES(axis), .keep = keep);
    }
}

static inline eg_value *moved(formula *f, eg_value *x) {
    eg_shape shape = x->shape;
    int r = shape.rank;
    switch (below(f, 6)) {
    case 0: return r >= 2 ? eg_transpose(x) : eg_reshape_to(x, EG_SHAPE(1, -1));
    case 1: return eg_reshape_to(x, EG_SHAPE(-1));
    case 2:
        if (r >= 7) return x;
        for (int i = 0; i < r; i++) shape.dim[i + 1] = x->shape.dim[i];
        shape.rank++;
        shape.dim[0] = 2;
        return eg_shape_size(shape) <= 512 && r < 3 ? eg_expand(x, shape) : x;
    case 3:
        if (r == 0) return x;
        shape.dim[shape.rank++] = 1;
        return r < 3 ? eg_reshape_to(x, shape) : x;
    case 4: return r ? eg_slice(x, r - 1, 0, shape.dim[r - 1] > 1 ? shape.dim[r - 1] - 1 : 1) : x;
    default: return r ? eg_flip(x, EG_AXES(0)) : x;
    }
}

static inline eg_value *product_with(formula *f, eg_value *x) {
    if (x->shape.rank < 2) return eg_neg(x);
    for (int i = 0; i < 12; i++) {
        eg_value *y = f->pool[below(f, f->n)];
        if (y->shape.rank != 2) continue;
        if (y->shape.dim[0] == x->shape.dim[x->shape.rank - 1]) return eg_matmul(x, y);
        if (y->shape.dim[1] == x->shape.dim[x->shape.rank - 1]) return eg_matmul(x, eg_transpose(y));
    }
    return x->shape.rank == 2 ? eg_matmul(eg_transpose(x), x) : x;
}

static inline eg_value *special(formula *f) {
    eg_value *x = any(f);
    switch (below(f, 5)) {
    case 4:
        if (x->shape.rank != 2 || x->shape.dim[0] != f->rows || x->shape.dim[1] == 0) return eg_neg(x);
        return eg_cast(eg_equal(eg_argmax(x, 1), f->labels), EG_F32);
    case 0: return eg_one_hot(f->labels, f->columns, EG_F32);
    case 1: return eg_cast(f->bytes, EG_F32);
    case 2: return eg_dropout_mask(f->step, 5, .25, EG_F32, EG_SHAPE(f->rows, f->columns));
    default: return eg_iota(f->graph, EG_F32, EG_SHAPE(f->columns), 0);
    }
}

static inline eg_value *grown(formula *f) {
    eg_value *x = any(f);
    switch (below(f, 10)) {
    case 0: case 1: return unary(f, x);
    case 2: case 3: case 4: return binary(f, x);
    case 5: return reduced(f, x);
    case 6: return moved(f, x);
    case 7: return product_with(f, x);
    case 8: return special(f);
    default: return binary(f, unary(f, x));
    }
}

/* The gradient by the variables of the mean of something, as updates. */
static inline void add_training(formula *f) {
    eg_value *gradient[6], *x = any(f);
    eg_value *loss = x->shape.rank ? eg_mean(eg_square(x)) : x;
    if (eg_grad(loss, f->var, f->nvars, gradient) != EG_OK) return;
    if (f->nroots < FORMULA_ROOTS) f->root[f->nroots++] = loss;
    for (int i = 0; i < f->nvars && f->nroots < FORMULA_ROOTS; i++) {
        eg_value *step = eg_mul(gradient[i], eg_const(f->graph, below(f, 2) ? .1 : .125));
        if (below(f, 3) == 0) step = eg_mul(step, eg_cast(f->step, EG_F32));
        f->root[f->nroots++] = eg_assign(f->var[i], eg_sub(f->var[i], step));
    }
}

static inline formula formula_new(uint64_t seed) {
    formula f = { .graph = eg_graph_new(), .rng = eg_rng_new(seed, 0) };
    eg_graph *g = f.graph;
    f.rows = 1 + below(&f, 6);
    f.columns = 1 + below(&f, 5);
    f.labels = eg_input(g, "labels", EG_I32, EG_SHAPE(f.rows));
    f.step = eg_input(g, "step", EG_I32, EG_SCALAR);
    f.bytes = eg_input(g, "bytes", EG_U8, EG_SHAPE(f.rows, f.columns));
    add_value(&f, eg_input(g, "x", EG_F32, EG_SHAPE(f.rows, f.columns)));
    add_value(&f, eg_input(g, "b", EG_F32, EG_SHAPE(f.columns)));
    add_value(&f, eg_input(g, "s", EG_F32, EG_SHAPE(f.rows, 1)));
    add_value(&f, eg_input(g, "r", EG_F32, EG_SHAPE(f.rows)));
    add_value(&f, eg_input(g, "c", EG_F32, EG_SCALAR));
    f.var[f.nvars++] = eg_weight(g, "W", EG_F32, EG_SHAPE(f.columns, 4));
    f.var[f.nvars++] = eg_var(g, "V", EG_F32, EG_SHAPE(4));
    f.var[f.nvars++] = eg_weight(g, "U", EG_F32, EG_SHAPE(4, f.columns));
    for (int i = 0; i < f.nvars; i++) add_value(&f, f.var[i]);
    add_value(&f, eg_add(eg_matmul(f.pool[0], f.var[0]), f.var[1]));
    for (int i = 5 + below(&f, 40); i > 0; i--) add_value(&f, grown(&f));
    if (below(&f, 2)) add_training(&f);
    for (int i = 1 + below(&f, 4); i > 0 && f.nroots < FORMULA_ROOTS; i--) f.root[f.nroots++] = any(&f);
    return f;
}

#endif
