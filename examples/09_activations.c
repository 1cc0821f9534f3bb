/* SPDX-License-Identifier: MIT
 *
 * Every activation and its derivative. Far from 0 sigmoid and tanh are flat: a saturated neuron passes no
 * gradient back. The relu does not saturate for positive x; below 0 it is dead, where leaky_relu and elu are not.
 *
 * Slides: 004 "Element-wise activation functions", 002 "Activation Functions", "Pros and Cons"; 000 "Nonlinearities".
 * command: elegans picture activations --svg activations.svg
 * command: elegans explain 'sum(tanh(x))' x=-10,-1,0,1,10
 * prints: sigmoid       0.0000 0.0000    0.2689 0.1966    0.5000 0.2500    0.7311 0.1966    1.0000 0.0000
 * prints: tanh         -1.0000 0.0000   -0.7616 0.4200    0.0000 1.0000    0.7616 0.4200    1.0000 0.0000
 * prints: relu          0.0000 0.0000    0.0000 0.0000    0.0000 0.0000    1.0000 1.0000   10.0000 1.0000
 */
#include <elegans.h>
#include <stdio.h>

enum { N = 5 };

int main(void) {
    const float at[N] = { -10, -1, 0, 1, 10 };
    printf("%-10s", "x =");
    for (int i = 0; i < N; i++) printf("%9g       ", (double)at[i]);
    printf("\n%-10s", "");
    for (int i = 0; i < N; i++) printf("      f(x)  f'(x)");
    printf("\n");

    int bad = 0;
    eg_state *state = eg_state_new(1);
    for (int kind = 0; kind < EG_ACTIVATION_KINDS; kind++) {
        if (kind == EG_SOFTMAX) continue; /* not elementwise */
        eg_graph *g = eg_graph_new();
        eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(N)),
                 *root[2] = { eg_activate(x, (eg_activation_kind)kind, 0) };
        eg_grad(eg_sum(root[0]), &x, 1, root + 1); /* d sum f(x_i) / d x_i = f'(x_i) */
        eg_program *p = eg_program_new(state, root, 2);
        if (p && eg_set(p, "x", at, sizeof at) == EG_OK && eg_run(p) == EG_OK) {
            printf("%-10s", eg_activation_name((eg_activation_kind)kind));
            for (int i = 0; i < N; i++) printf(" %9.4f %6.4f", (double)eg_get(p, 0)[i], (double)eg_get(p, 1)[i]);
            printf("\n");
        } else {
            bad = 1, fprintf(stderr, "%s\n", eg_error());
        }
        eg_program_free(p), eg_graph_free(g);
    }
    eg_state_free(state);
    return bad;
}
