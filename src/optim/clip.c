/* SPDX-License-Identifier: MIT
 *
 * clip.c: gradient clipping by value, by each tensor's norm, by the norm of all together.
 *
 * keras: g c / max(|g|, c), written c rsqrt(max(g.g, c^2)) so that neither it nor its derivative sees a root of 0.
 * torch: g min(1, c / (|g| + 1e-6)).
 */
#include <float.h>
#include <math.h>

#include "optim/optim.h"

static eg_value *clip_value(eg_value *g, double c) {
    eg_graph *graph = eg_value_graph(g);
    return eg_minimum(eg_maximum(g, eg_const(graph, -c)), eg_const(graph, c));
}

/* The factor, given the sum of squares. FLT_MIN keeps the smallest c^2 above zero in float. */
static eg_value *shrink(eg_value *squares, double c, eg_dialect dialect) {
    eg_graph *graph = eg_value_graph(squares);
    if (dialect != EG_TORCH) {
        eg_value *top = eg_maximum(squares, eg_const(graph, fmax(c * c, FLT_MIN)));
        return eg_mul(eg_const(graph, c), eg_rsqrt(top));
    }
    eg_value *norm = eg_sqrt(eg_maximum(squares, eg_const(graph, FLT_MIN)));
    return eg_minimum(eg_const(graph, 1), eg_div(eg_const(graph, c), eg_add(norm, eg_const(graph, 1e-6))));
}

static eg_value *sum_of_squares(eg_value *g) { return eg_sum(eg_square(g)); }

void eg_clip_gradients(const eg_optimizer_opt *opt, eg_value **g, int n) {
    eg_value *total = NULL;
    for (int i = 0; i < n; i++) {
        if (opt->clip_value > 0) g[i] = clip_value(g[i], opt->clip_value);
        if (opt->clip_norm > 0) g[i] = eg_mul(g[i], shrink(sum_of_squares(g[i]), opt->clip_norm, opt->dialect));
        if (opt->clip_global_norm > 0) total = total ? eg_add(total, sum_of_squares(g[i])) : sum_of_squares(g[i]);
    }
    if (!total) return;
    eg_value *factor = shrink(total, opt->clip_global_norm, opt->dialect);
    for (int i = 0; i < n; i++) g[i] = eg_mul(g[i], factor);
}
