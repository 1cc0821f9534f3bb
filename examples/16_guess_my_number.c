/* SPDX-License-Identifier: MIT
 *
 * Gradient descent plays "guess what number I am thinking of": the error is the parabola (theta - 7)^2, its slope
 * says whether the guess is too low, and theta -= eta slope. Too small a rate is slow, .5 is there at once, 1 jumps
 * for ever, more than 1 flies away.
 *
 * Slides: 004 "Gradient Descent", "Implementing Gradient Descent", "SGD learning rate".
 * command: elegans explain '(theta - 7)^2' theta=0 --nudge theta=1.4
 * prints: eta 0.1: 1.4, 2.52, 3.416,
 * prints: eta 0.5: 7, 7, 7, 7
 * prints: eta 1.0: 14, 0, 14, 0
 * prints: eta 1.1: 15.4, -3.08, 19.096,
 */
#include <elegans.h>
#include <stdio.h>

int main(void) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *theta = eg_var(g, "theta", EG_F64, EG_SCALAR), *eta = eg_input(g, "eta", EG_F64, EG_SCALAR), *slope;
    eg_value *loss = eg_square(eg_sub(theta, eg_const(g, 7)));
    eg_grad(loss, &theta, 1, &slope); /* 2 (theta - 7) */
    eg_value *next = eg_sub(theta, eg_mul(eta, slope)), *root[2] = { next, eg_assign(theta, next) };
    eg_program *p = eg_program_new(state, root, 2, .executor = EG_REF);

    const double rates[] = { .01, .1, .5, 1, 1.1 }, start = 0;
    int bad = !p;
    for (int i = 0; i < 5 && !bad; i++) {
        eg_state_write(state, "theta", &start, sizeof start);
        eg_set(p, "eta", &rates[i], sizeof rates[i]);
        printf("eta %.*f:", i == 0 ? 2 : 1, rates[i]);
        for (int t = 0; t < 4 && !bad; t++) {
            double guess = 0;
            bad = eg_run(p) != EG_OK || eg_fetch(p, 0, &guess, 1) != EG_OK;
            printf("%s %.5g", t ? "," : "", guess);
        }
        printf("\n");
    }
    if (bad) fprintf(stderr, "%s\n", eg_error());
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return bad;
}
