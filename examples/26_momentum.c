/* SPDX-License-Identifier: MIT
 *
 * Why momentum works: on the article's surface (1 - x)^2 + 20 (3 y - x^2)^2, from (-1.21, .853) with step size .003,
 * how far from the optimum (1, 1/3) are 150 steps with beta 0, .6, .8, .9? m = beta m + gradient, w -= alpha m.
 *
 * Slides: 004 "Momentum", "Why Momentum Really Works" (its four pictures).
 * command: elegans momentum --alpha 0.003 --beta 0.8
 * prints: beta 0.0: distance 1.1342
 * prints: beta 0.6: distance 0.3456
 * prints: beta 0.8: distance 0.0382
 * prints: beta 0.9: distance 0.0001
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>

int main(void) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *w = eg_var(g, "w", EG_F64, EG_SHAPE(2)), *m = eg_var(g, "m", EG_F64, EG_SHAPE(2)), *slope;
    eg_value *x = eg_at(w, 0), *y = eg_at(w, 1), *beta = eg_input(g, "beta", EG_F64, EG_SCALAR);
    eg_value *valley = eg_square(eg_sub(eg_mul(eg_const(g, 3), y), eg_square(x)));
    eg_grad(eg_add(eg_square(eg_sub(eg_const(g, 1), x)), eg_mul(eg_const(g, 20), valley)), &w, 1, &slope);
    eg_value *next = eg_add(eg_mul(beta, m), slope);
    eg_value *root[2] = { eg_assign(m, next), eg_assign(w, eg_sub(w, eg_mul(eg_const(g, .003), next))) };
    eg_program *p = eg_program_new(state, root, 2, .executor = EG_REF);

    const double betas[] = { 0, .6, .8, .9 }, start[2] = { -1.21, .853 }, still[2] = { 0 };
    int bad = !p;
    for (int i = 0; i < 4 && !bad; i++) {
        double at[2];
        eg_set(p, "beta", &betas[i], sizeof betas[i]);
        eg_state_write(state, "w", start, sizeof start), eg_state_write(state, "m", still, sizeof still);
        for (int t = 0; t < 150 && !bad; t++) bad = eg_run(p) != EG_OK;
        bad = bad || eg_state_read(state, "w", at, sizeof at) != EG_OK;
        if (!bad)
            printf("beta %.1f: distance %.4f after 150 steps, at (%.3f, %.3f)\n", betas[i],
                   hypot(at[0] - 1, at[1] - 1. / 3), at[0], at[1]);
    }
    if (bad) fprintf(stderr, "%s\n", eg_error());
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return bad;
}
