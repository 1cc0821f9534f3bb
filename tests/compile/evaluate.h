/* SPDX-License-Identifier: MIT
 *
 * evaluate.h: runs any graph by the ops' references, compiled ones too: fused bodies, parts, copies, assigns.
 */
#ifndef EG_TESTS_COMPILE_EVALUATE_H
#define EG_TESTS_COMPILE_EVALUATE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "graph/node.h"
#include "ops/op.h"

typedef struct numbers {
    double **value;  /* [graph->n] results; a FUSED node keeps those of its body */
    struct numbers *inside; /* [graph->n]: of bodies */
    double margin;
} numbers;

static inline size_t numbers_size(const eg_value *v) {
    return sizeof(double) * (size_t)(eg_shape_size(v->shape) + 1);
}

/* A leaf's numbers depend on its name and the place only: -2..2, small whole numbers for integers. */
static inline void numbers_draw(const eg_value *leaf, double *out) {
    int64_t n = eg_shape_size(leaf->shape);
    eg_rng rng = eg_rng_new(11, eg_site(leaf->name));
    for (int64_t i = 0; i < n; i++) {
        double x = eg_rng_double(&rng);
        out[i] = leaf->dtype == EG_U8 ? floor(3 * x) : leaf->dtype == EG_I32 ? floor(6 * x) - 1 : 4 * x - 2;
    }
}

static inline numbers numbers_of(const eg_graph *graph, const unsigned char *needed, double *const *params);

static inline double *numbers_copy(const eg_value *v, const double *from) {
    double *out = malloc(numbers_size(v));
    memcpy(out, from, numbers_size(v));
    return out;
}

static inline double *numbers_value(numbers *all, const eg_value *v, double *const *params) {
    double *in[64];
    for (int i = 0; i < v->nin; i++) in[i] = all->value[v->in[i]->id];
    if (v->op == EG_OP_PARAM) return numbers_copy(v, params[v->attr.index.index]);
    if (v->op == EG_OP_ASSIGN) return numbers_copy(v, in[1]);
    if (v->op == EG_OP_PART) {
        const eg_body *body = v->in[0]->attr.body.body;
        return numbers_copy(v, all->inside[v->in[0]->id].value[body->out[v->attr.index.index]->id]);
    }
    if (v->op == EG_OP_FUSED) {
        const eg_body *body = v->attr.body.body;
        all->inside[v->id] = numbers_of(body->graph, NULL, in);
        if (all->inside[v->id].margin < all->margin) all->margin = all->inside[v->id].margin;
        return numbers_copy(v, all->inside[v->id].value[body->out[0]->id]);
    }
    double *out = calloc(1, numbers_size(v));
    eg_ref_call call = { .value = v, .in = (const double *const *)in, .out = out, .seed = 3, .margin = &all->margin };
    if (v->def->flags & EG_LEAF) numbers_draw(v, out);
    else eg_ref_run(&call);
    return out;
}

static inline numbers numbers_of(const eg_graph *graph, const unsigned char *needed, double *const *params) {
    size_t n = (size_t)graph->n + 1;
    numbers all = { calloc(n, sizeof(double *)), calloc(n, sizeof(numbers)), 1e300 };
    for (int id = 0; id < graph->n; id++)
        if (!needed || needed[id]) all.value[id] = numbers_value(&all, graph->values[id], params);
    return all;
}

static inline void numbers_free(const eg_graph *graph, numbers *all) {
    for (int id = 0; id < graph->n; id++) {
        if (all->inside[id].value) numbers_free(graph->values[id]->attr.body.body->graph, &all->inside[id]);
        free(all->value[id]);
    }
    free(all->value);
    free(all->inside);
}

/* The numbers that roots need. */
static inline numbers numbers_of_roots(eg_value *const *root, int n) {
    unsigned char *needed = calloc((size_t)root[0]->graph->n + 1, 1);
    eg_mark_needed(root, n, needed);
    numbers all = numbers_of(root[0]->graph, needed, NULL);
    free(needed);
    return all;
}

#endif
