/* SPDX-License-Identifier: MIT
 *
 * Why care that sigmoid is not centred? Behind sigmoid units all inputs of the next neuron are positive, so all its
 * weights' gradients have the sign of the one number that comes back: a step moves all of them up or all of them
 * down, and a way that goes up in one and down in another can only be taken in zig-zags. Behind tanh units signs
 * differ.
 *
 * Slides: 002 "Pros and Cons" (not centered, why do we care?).
 * command: elegans picture zigzag --svg zigzag.svg
 * command: elegans explain 'sum(sigmoid(x) @ w)' x=-2,.5,1 w=.3,-.4,.1
 * prints: sigmoid: 1000 of 1000 gradients of 8 weights have one sign
 * prints: tanh:
 */
#include <elegans.h>
#include <stdio.h>

enum { SAMPLES = 1000, UNITS = 8 };

/* In how many samples the last neuron's weights would all move the same way. */
static int one_sign(eg_activation_kind act) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(3);
    eg_value *step = eg_input(g, "step", EG_I32, EG_SCALAR), *x = eg_random_normal(step, 1, EG_F32, EG_SHAPE(UNITS));
    eg_value *target = eg_random_normal(step, 2, EG_F32, EG_SCALAR), *slope;
    eg_value *W = eg_var(g, "W", EG_F32, EG_SHAPE(UNITS, UNITS)), *v = eg_var(g, "v", EG_F32, EG_SHAPE(UNITS));
    eg_value *f = eg_matmul(eg_activate(eg_matmul(x, W), act, 0), v);
    eg_grad(eg_square(eg_sub(f, target)), &v, 1, &slope);
    eg_program *p = eg_program_new(state, &slope, 1);
    eg_init_normal(state, g, 1);
    int count = 0;
    for (int32_t i = 0; i < SAMPLES; i++) {
        int up = 0;
        if (!p || eg_set(p, "step", &i, sizeof i) != EG_OK || eg_run(p) != EG_OK) {
            fprintf(stderr, "%s\n", eg_error());
            break;
        }
        for (int k = 0; k < UNITS; k++) up += eg_get(p, 0)[k] > 0;
        count += up == 0 || up == UNITS;
    }
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return count;
}

int main(void) {
    int sigmoid = one_sign(EG_SIGMOID), tanh_ = one_sign(EG_TANH);
    printf("sigmoid: %d of %d gradients of %d weights have one sign\n", sigmoid, SAMPLES, UNITS);
    printf("tanh:    %d of %d (by chance: 1 of %d)\n", tanh_, SAMPLES, 1 << (UNITS - 1));
    return !(tanh_ < sigmoid);
}
