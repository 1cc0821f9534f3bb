/* SPDX-License-Identifier: MIT
 *
 * A convolution is one neuron, copied to every 5x5 window of the image, all copies with the same weights: 32x32x3
 * gives 28x28x1 with 76 parameters, where a dense layer would need millions. The gradient of a shared weight is the
 * sum over its copies: here of all outputs, so for each weight the sum of the pixels it has met.
 *
 * Slides: 001 "Convolutional neural networks"; 002 "CNN simple".
 * command: elegans inspect --net 'conv 1 5' --input 32x32x3
 * command: elegans explain --net 'conv 1 2; dense 1' --input '[[1, 0, 2], [0, 1, 3], [1, 0, 1]]' --target 1
 * prints: 32x32x3 by a 5x5x3 neuron: [1,28,28,1], 76 parameters; dense: 2409232
 * prints: every one of 784 outputs is the neuron on its window
 * prints: every one of 75 gradients is the sum over the copies
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>

enum { IN = 32, WINDOW = 5, COLOURS = 3, OUT = IN - WINDOW + 1, PIXELS = IN * IN * COLOURS };
static float x[IN][IN][COLOURS], w[WINDOW][WINDOW][COLOURS];

int main(void) {
    for (int i = 0; i < PIXELS; i++) (&x[0][0][0])[i] = sinf((float)i);
    for (int i = 0; i < WINDOW * WINDOW * COLOURS; i++) (&w[0][0][0])[i] = cosf((float)i) / 5;
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *image = eg_input(g, "x", EG_F32, EG_SHAPE(1, IN, IN, COLOURS));
    eg_value *kernel = eg_var(g, "w", EG_F32, EG_SHAPE(WINDOW, WINDOW, COLOURS, 1)),
             *root[2] = { eg_conv(image, kernel) };
    eg_grad(eg_sum(root[0]), &kernel, 1, root + 1);
    eg_program *p = eg_program_new(state, root, 2);
    eg_state_write(state, "w", w, sizeof w);
    if (!p || eg_set(p, "x", x, sizeof x) != EG_OK || eg_run(p) != EG_OK)
        return fprintf(stderr, "%s\n", eg_error()), 1;

    char shape[160];
    printf("32x32x3 by a 5x5x3 neuron: %s, %d parameters; dense: %d\n",
           eg_shape_text(eg_value_shape(root[0]), shape, sizeof shape), WINDOW * WINDOW * COLOURS + 1,
           (PIXELS + 1) * OUT * OUT);
    int same = 0, sums = 0;
    double gradient[WINDOW][WINDOW][COLOURS] = { { { 0 } } };
    for (int r = 0; r < OUT; r++)
        for (int c = 0; c < OUT; c++) { /* the copy at this place */
            double z = 0;
            for (int i = 0; i < WINDOW; i++)
                for (int j = 0; j < WINDOW; j++)
                    for (int k = 0; k < COLOURS; k++) {
                        z += (double)w[i][j][k] * (double)x[r + i][c + j][k];
                        gradient[i][j][k] += (double)x[r + i][c + j][k];
                    }
            same += fabs(z - (double)eg_get(p, 0)[r * OUT + c]) < 1e-5;
        }
    for (int i = 0; i < WINDOW * WINDOW * COLOURS; i++)
        sums += fabs((&gradient[0][0][0])[i] - (double)eg_get(p, 1)[i]) < 1e-3;
    if (same == OUT * OUT) printf("every one of %d outputs is the neuron on its window\n", same);
    if (sums == WINDOW * WINDOW * COLOURS) printf("every one of %d gradients is the sum over the copies\n", sums);
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return !(same == OUT * OUT && sums == WINDOW * WINDOW * COLOURS);
}
