/* SPDX-License-Identifier: MIT
 *
 * models.h: training steps as the nn and optim layers build them, by hand, for the compiler's tests.
 */
#ifndef EG_TESTS_MODELS_H
#define EG_TESTS_MODELS_H

#include <stdio.h>
#include "graph/node.h"

enum { MODEL_ROOTS = 64, MODEL_LAYERS = 8 };

typedef struct model {
    eg_graph *graph;
    eg_value *root[MODEL_ROOTS];
    int nroots;
    eg_value *weight[2 * MODEL_LAYERS];
    int nweights;
} model;

static inline eg_value *model_dense(model *m, eg_value *x, int64_t units, int layer) {
    char name[32];
    snprintf(name, sizeof name, "dense_%d/kernel", layer);
    eg_value *w = eg_weight(m->graph, name, EG_F32, EG_SHAPE(x->shape.dim[1], units));
    snprintf(name, sizeof name, "dense_%d/bias", layer);
    eg_value *b = eg_var(m->graph, name, EG_F32, EG_SHAPE(units));
    m->weight[m->nweights++] = w;
    m->weight[m->nweights++] = b;
    return eg_add(eg_matmul(x, w), b);
}

/* Mean cross-entropy of logits [B,C] and labels i32 [B]: ln sum e^z - z_label for each row. */
static inline eg_value *model_crossentropy(eg_value *logits, eg_value *labels) {
    eg_value *target = eg_one_hot(labels, logits->shape.dim[1], EG_F32);
    eg_value *own = eg_sum(eg_mul(target, logits), .axes = EG_AXES(1));
    return eg_mean(eg_sub(eg_logsumexp(logits, .axes = EG_AXES(1)), own));
}

/* v = rho v + (1 - rho) g^2; w -= lr g / (sqrt v + eps) */
static inline void model_rmsprop(model *m, eg_value *loss, eg_value *rate) {
    eg_value *gradient[2 * MODEL_LAYERS];
    eg_graph *g = m->graph;
    eg_grad(loss, m->weight, m->nweights, gradient);
    for (int i = 0; i < m->nweights; i++) {
        eg_value *w = m->weight[i], *d = gradient[i];
        char name[64];
        snprintf(name, sizeof name, "%s/rmsprop", w->name);
        eg_value *v = eg_leaf(g, EG_OP_VAR, name, EG_F32, &w->shape, w->layout);
        eg_value *now = eg_add(eg_mul(v, eg_const(g, .9)), eg_mul(eg_square(d), eg_const(g, .1)));
        eg_value *step = eg_div(eg_mul(rate, d), eg_add(eg_sqrt(now), eg_const(g, 1e-7)));
        m->root[m->nroots++] = eg_assign(v, now);
        m->root[m->nroots++] = eg_assign(w, eg_sub(w, step));
    }
}

/* units[0] inputs, relu between, softmax cross-entropy at the end. */
static inline model model_mlp(int64_t batch, const int64_t *units, int layers) {
    model m = { .graph = eg_graph_new() };
    eg_value *x = eg_input(m.graph, "x", EG_F32, EG_SHAPE(batch, units[0]));
    eg_value *labels = eg_input(m.graph, "y", EG_I32, EG_SHAPE(batch));
    eg_value *rate = eg_input(m.graph, "lr", EG_F32, EG_SCALAR);
    eg_value *h = x;
    for (int i = 1; i <= layers; i++) {
        h = model_dense(&m, h, units[i], i);
        if (i < layers) h = eg_relu(h);
    }
    eg_value *loss = model_crossentropy(h, labels);
    m.root[m.nroots++] = loss;
    model_rmsprop(&m, loss, rate);
    return m;
}

static inline model model_mnist(void) { return model_mlp(128, (int64_t[]){ 784, 512, 10 }, 2); }

#endif
