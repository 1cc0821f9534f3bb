/* SPDX-License-Identifier: MIT
 *
 * A recurrent network is one network run once for each word: NN2 takes the word (one-hot) and what it said before;
 * NN1 is NN2 with a dummy first state; NN3, a logistic regressor, reads the last state. Written out by hand for three
 * words, and as a loop over any number of them: the same number and the same gradients, which sum over the steps.
 *
 * Slides: 001 "Text (1D Sequences)", "Recurrent Neural Network".
 * command: elegans explain --net 'one_hot 5; simple_rnn 3 no_bias; dense 1 sigmoid no_bias' --input 3,0,4 --target 1
 * prints: by hand: P = 0.####
 * prints: as a loop: P = 0.####
 * prints: outputs and gradients agree to 1e-12
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>

enum { WORDS = 5, UNITS = 3, STEPS = 3, W_SIZE = WORDS * UNITS, U_SIZE = UNITS * UNITS };

/* NN2: h' = tanh(x W + h U) */
static eg_value *nn2(eg_value *const *w, eg_value *x, eg_value *h) {
    return eg_tanh(eg_add(eg_matmul(x, w[0]), eg_matmul(h, w[1])));
}

static void step(void *w, eg_graph *body, eg_value *const *h, eg_value *const *x, eg_value **next, eg_value **y) {
    (void)body, (void)y;
    next[0] = nn2(w, x[0], h[0]);
}

/* P and its gradients by W and U, one after the other. */
static int run(int loop, double *out) {
    const int32_t sentence[STEPS] = { 3, 0, 4 };
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(7);
    eg_value *word = eg_input(g, "words", EG_I32, EG_SHAPE(STEPS)), *x = eg_one_hot(word, WORDS, EG_F64);
    eg_value *w[2] = { eg_var(g, "W", EG_F64, EG_SHAPE(WORDS, UNITS)),
                       eg_var(g, "U", EG_F64, EG_SHAPE(UNITS, UNITS)) };
    eg_value *v = eg_var(g, "v", EG_F64, EG_SHAPE(UNITS)),
             *h = eg_full(g, EG_F64, EG_SHAPE(UNITS), 0); /* the dummy */
    if (loop) {
        eg_value *last;
        eg_scan(g, step, w, &last, NULL, .carry = &h, .ncarry = 1, .x = &x, .nx = 1);
        h = last;
    } else {
        for (int t = 0; t < STEPS; t++) h = nn2(w, eg_reshape_to(eg_slice(x, 0, t, t + 1), EG_SHAPE(WORDS)), h);
    }
    eg_value *root[3] = { eg_sigmoid(eg_matmul(h, v)) }; /* NN3 */
    eg_grad(root[0], w, 2, root + 1);
    eg_program *p = eg_program_new(state, root, 3, .executor = EG_REF);
    eg_init_normal(state, g, 1);
    int bad = !p || eg_set(p, "words", sentence, sizeof sentence) != EG_OK || eg_run(p) != EG_OK ||
              eg_fetch(p, 0, out, 1) != EG_OK || eg_fetch(p, 1, out + 1, W_SIZE) != EG_OK ||
              eg_fetch(p, 2, out + 1 + W_SIZE, U_SIZE) != EG_OK;
    if (bad) fprintf(stderr, "%s%s\n", eg_graph_error(g), eg_error());
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return bad;
}

int main(void) {
    double hand[1 + W_SIZE + U_SIZE] = { 0 }, loop[1 + W_SIZE + U_SIZE] = { 0 }, worst = 0;
    int bad = run(0, hand) + run(1, loop);
    for (int i = 0; i < 1 + W_SIZE + U_SIZE; i++) worst = fmax(worst, fabs(hand[i] - loop[i]));
    printf("by hand: P = %.4f, dP/dU[0][0] = %.6f\n", hand[0], hand[1 + W_SIZE]);
    printf("as a loop: P = %.4f, dP/dU[0][0] = %.6f\n", loop[0], loop[1 + W_SIZE]);
    if (!bad && worst < 1e-12) printf("outputs and gradients agree to 1e-12\n");
    return bad || !(worst < 1e-12);
}
