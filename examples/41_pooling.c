/* SPDX-License-Identifier: MIT
 *
 * Is there a plus sign in any of the windows? A convolution's one neuron looks at every 3x3 window of the image and
 * fires where it sees one; the largest of its answers says whether there is any, wherever it stands. Pooling by
 * 3x3 keeps roughly where. Going back, the gradient is routed to the window that won: the others get 0.
 *
 * Slides: 001 "Convolutional neural networks" (pooling layer: is something present in any of the windows).
 * command: elegans explain --net 'conv 1 2; max_pool; dense 1' --input '[[1, 0, 2], [0, 1, 3], [1, 0, 1]]' --target 1
 * prints: a plus at 0,0:      in any window 1   by quarters [[1 0] [0 0]]
 * prints: a plus at 4,5:      in any window 1   by quarters [[0 0] [0 1]]
 * prints: the same pixels, scattered: 0   by quarters [[0 0] [0 0]]
 * prints: the gradient reaches 5 of 64 pixels
 */
#include <elegans.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE };
static const float plus[9] = { 0, 1, 0, 1, 1, 1, 0, 1, 0 };

int main(void) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_tensor *pattern = eg_tensor_from(EG_F32, EG_SHAPE(3, 3, 1, 1), plus);
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(1, SIDE, SIDE, 1));
    /* 5 where the whole sign is there; relu(z - 4) is 1 there and 0 at all other windows */
    eg_value *seen = eg_relu(eg_sub(eg_conv(x, eg_constant(g, pattern)), eg_const(g, 4)));
    eg_value *root[3] = { eg_max(seen), eg_max_pool(seen, .size = { 3, 3 }), NULL };
    eg_grad(root[0], &x, 1, root + 2);
    eg_program *p = eg_program_new(state, root, 3);
    if (!p) return fprintf(stderr, "%s%s\n", eg_graph_error(g), eg_error()), 1;

    static const char *const what[] = { "a plus at 0,0:      in any window", "a plus at 4,5:      in any window",
                                        "the same pixels, scattered:" };
    float image[3][PIXELS] = { { 0 } };
    for (int i = 0; i < 9; i++) {
        image[0][i / 3 * SIDE + i % 3] = plus[i];
        image[1][(4 + i / 3) * SIDE + 5 + i % 3] = plus[i];
        image[2][i * 7] = plus[i];
    }
    int reached = 0;
    for (int k = 0; k < 3; k++) {
        if (eg_set(p, "x", image[k], sizeof image[k]) != EG_OK || eg_run(p) != EG_OK)
            return fprintf(stderr, "%s\n", eg_error()), 1;
        const float *q = eg_get(p, 1);
        printf("%s %g   by quarters [[%g %g] [%g %g]]\n", what[k], (double)eg_get(p, 0)[0], (double)q[0],
               (double)q[1], (double)q[2], (double)q[3]);
        for (int i = 0; i < PIXELS && k == 1; i++) reached += eg_get(p, 2)[i] != 0;
    }
    printf("the gradient reaches %d of %d pixels: the sign in the window that won\n", reached, PIXELS);
    eg_program_free(p), eg_state_free(state), eg_tensor_free(pattern), eg_graph_free(g);
    return 0;
}
