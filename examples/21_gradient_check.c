/* SPDX-License-Identifier: MIT
 *
 * Is a gradient right? Compare it with differences, in float64. The network's passes; one whose backward pass is
 * broken on purpose (its hidden layer lets no gradient through) is found out, with the place of the worst error.
 *
 * Slides: 002 "Backpropagation", "Gradient dimension always matches what gradient is w.r.t."; 001 "Backpropagation".
 * command: elegans check --net 'dense 8 tanh; dense 3 softmax' --input 4
 * prints: right: 35 of 35 gradients agree
 * prints: broken: found
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>

enum { BATCH = 5, IN = 4, HIDDEN = 4, OUT = 3 };

/* loss = mean of (tanh(x W + b) V + c - 1)^2 */
static eg_check_result check(int broken) {
    double x[BATCH * IN];
    for (int i = 0; i < BATCH * IN; i++) x[i] = sin(2 * i);
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *in = eg_input(g, "x", EG_F64, EG_SHAPE(BATCH, IN));
    eg_value *W = eg_var(g, "W", EG_F64, EG_SHAPE(IN, HIDDEN)), *b = eg_var(g, "b", EG_F64, EG_SHAPE(HIDDEN));
    eg_value *V = eg_var(g, "V", EG_F64, EG_SHAPE(HIDDEN, OUT)), *c = eg_var(g, "c", EG_F64, EG_SHAPE(OUT));
    eg_value *h = eg_tanh(eg_add(eg_matmul(in, W), b));
    if (broken) h = eg_stop_gradient(h);
    eg_value *loss = eg_mean(eg_square(eg_sub(eg_add(eg_matmul(h, V), c), eg_const(g, 1))));
    eg_init_normal(state, g, .5);
    eg_check_result r = { 0 };
    if (eg_check_gradient(loss, ((eg_value *[]){ W, b, V, c }), 4, state, (const double *[]){ x }, &r) != EG_OK)
        fprintf(stderr, "%s\n", eg_error());
    eg_state_free(state), eg_graph_free(g);
    return r;
}

int main(void) {
    eg_check_result right = check(0), broken = check(1);
    printf("right: %lld of %lld gradients agree, worst relative error %.1e\n", (long long)right.nonzero,
           (long long)right.checked, right.worst_error);
    if (!broken.passed) printf("broken: found, %s\n", broken.worst);
    return !right.passed || broken.passed;
}
