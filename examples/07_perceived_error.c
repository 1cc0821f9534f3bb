/* SPDX-License-Identifier: MIT
 *
 * Backpropagation by hand and by the library, on the net x1, x2 -> 3, 4 -> 5 with 9 weights and
 * loss (a5 - y)^2. By hand: each neuron's "perceived error" dLoss/din is sent back along the weights. The slide's
 * 2 (y - a5) g'(in5) has the wrong sign: it is 2 (a5 - y) g'(in5).
 *
 * Slides: 001 "Modern Neural Network Libraries Do Backpropagation", "A pattern is emerging", "Backpropagation".
 * command: elegans explain --net 'dense 2 sigmoid; dense 1 sigmoid' --input .4,-1.2 --target .7 --loss mse
 * prints: dLoss/dw35
 * prints: 9 derivatives agree to 1e-12
 */
#include <elegans.h>
#include <stdio.h>
#include <math.h>

enum { SIDE = 6 };
static double w[SIDE][SIDE]; /* w[i][j]: from i to j; row 0 holds the biases */
static const double x1 = .4, x2 = -1.2, y = .7;

static double g(double z) { return 1 / (1 + exp(-z)); }

static void by_hand(double d[SIDE][SIDE]) {
    double a3 = g(w[0][3] + w[1][3] * x1 + w[2][3] * x2), a4 = g(w[0][4] + w[1][4] * x1 + w[2][4] * x2);
    double a5 = g(w[0][5] + w[3][5] * a3 + w[4][5] * a4);
    double e5 = 2 * (a5 - y) * a5 * (1 - a5); /* g' = g (1 - g) */
    double e3 = e5 * w[3][5] * a3 * (1 - a3), e4 = e5 * w[4][5] * a4 * (1 - a4);
    d[0][5] = e5, d[3][5] = e5 * a3, d[4][5] = e5 * a4;
    d[0][3] = e3, d[1][3] = e3 * x1, d[2][3] = e3 * x2;
    d[0][4] = e4, d[1][4] = e4 * x1, d[2][4] = e4 * x2;
}

/* g(w0i + wji aj + wki ak) */
static eg_value *neuron(eg_value *W, int i, int j, eg_value *aj, int k, eg_value *ak) {
    eg_value *in = eg_add(eg_mul(eg_at(W, j, i), aj), eg_mul(eg_at(W, k, i), ak));
    return eg_sigmoid(eg_add(eg_at(W, 0, i), in));
}

int main(void) {
    double want[SIDE][SIDE] = { { 0 } }, got[SIDE][SIDE] = { { 0 } };
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) w[i][j] = sin(3 * i + j);
    by_hand(want);

    eg_graph *graph = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *W = eg_var(graph, "w", EG_F64, EG_SHAPE(SIDE, SIDE)), *in1 = eg_const(graph, x1),
             *in2 = eg_const(graph, x2);
    eg_value *a3 = neuron(W, 3, 1, in1, 2, in2), *a4 = neuron(W, 4, 1, in1, 2, in2);
    eg_value *loss = eg_square(eg_sub(neuron(W, 5, 3, a3, 4, a4), eg_const(graph, y))), *slope;
    eg_grad(loss, &W, 1, &slope);
    eg_program *p = eg_program_new(state, &slope, 1, .executor = EG_REF);
    eg_state_write(state, "w", w, sizeof w);
    int bad = !p || eg_run(p) != EG_OK || eg_fetch(p, 0, &got[0][0], SIDE * SIDE) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_error());

    int agree = 0;
    for (int j = 3; j <= 5; j++)
        for (int i = 0; i < j; i++)
            if (want[i][j] != 0) { /* the nine weights that are there */
                printf("dLoss/dw%d%d: by hand %9.6f, automatically %9.6f\n", i, j, want[i][j], got[i][j]);
                agree += fabs(want[i][j] - got[i][j]) < 1e-12;
            }
    printf("%d derivatives agree to 1e-12\n", agree);
    eg_program_free(p), eg_state_free(state), eg_graph_free(graph);
    return bad;
}
