/* SPDX-License-Identifier: MIT
 *
 * evaluate.h: computes values with the ops' float64 references, straight down the graph. Leaves get their numbers
 * from the test. Enough to check derivatives without an executor.
 */
#ifndef EG_TESTS_EVALUATE_H
#define EG_TESTS_EVALUATE_H

#include <stdlib.h>

#include "graph/node.h"
#include "ops/op.h"

/* |a - b| <= tolerance; NaN is near nothing. */
#define assert_near(a, b, tolerance)                                                                                 \
    do {                                                                                                             \
        double a_ = (a), b_ = (b);                                                                                   \
        if (!(a_ - b_ <= (tolerance) && b_ - a_ <= (tolerance))) fail_msg("%.17g is not %.17g", a_, b_);             \
    } while (0)

typedef struct evaluation {
    const eg_graph *graph;
    double **value; /* [graph->n]; NULL: not computed */
    double margin;  /* smallest distance to a kink */
} evaluation;

static inline size_t element_count(const eg_value *value) { return (size_t)eg_shape_size(value->shape); }

static inline evaluation evaluation_new(const eg_graph *graph) {
    return (evaluation){ .graph = graph, .value = calloc((size_t)graph->n + 1, sizeof(double *)), .margin = 1e300 };
}

static inline void evaluation_free(evaluation *e) {
    for (int id = 0; id < e->graph->n; id++) free(e->value[id]);
    free(e->value);
}

/* Room for a leaf's numbers, zeros. */
static inline double *evaluation_leaf(evaluation *e, const eg_value *leaf) {
    if (!e->value[leaf->id]) e->value[leaf->id] = calloc(element_count(leaf) + 1, sizeof(double));
    return e->value[leaf->id];
}

/* Computes what `root` needs, everything anew but the leaves. */
static inline const double *evaluate(evaluation *e, eg_value *root) {
    unsigned char *needed = calloc((size_t)e->graph->n + 1, 1);
    eg_mark_needed(&root, 1, needed);
    for (int id = 0; id <= root->id; id++) {
        const eg_value *value = e->graph->values[id];
        if (!needed[id]) continue;
        double *out = evaluation_leaf(e, value);
        if (value->def->flags & EG_LEAF) continue;
        const double **in = calloc((size_t)value->nin + 1, sizeof *in);
        for (int i = 0; i < value->nin; i++) in[i] = e->value[value->in[i]->id];
        eg_ref_run(&(eg_ref_call){ .value = value, .in = in, .out = out, .seed = 1, .margin = &e->margin });
        free(in);
    }
    free(needed);
    return e->value[root->id];
}

#endif
