/* SPDX-License-Identifier: MIT
 *
 * Softmax turns logits into probabilities; the loss of a sample is -log of the probability of its class, and its
 * gradient by the logits is as simple as can be: p_k - 1[y = k]. Logits of 1000 overflow in the formula as it is
 * written, not here.
 *
 * Slides: 004 "Softmax function", "Training the network"; 000 "Classification"; 003 "Activation functions".
 * command: elegans explain 'cross_entropy_logits(z, y)' z=1,2,3 y=1,0,0
 * prints: softmax(   1,    2,    3) = 0.0900 0.2447 0.6652
 * prints: softmax(1000, 1001, 1002) = 0.0900 0.2447 0.6652
 * prints: y = 0: -log p = 2.4076, gradient -0.9100  0.2447  0.6652
 * prints: y = 2: -log p = 0.4076, gradient  0.0900  0.2447 -0.3348
 */
#include <elegans.h>
#include <stdio.h>

int main(void) {
    const float logits[2][3] = { { 1, 2, 3 }, { 1000, 1001, 1002 } };
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *z = eg_input(g, "z", EG_F32, EG_SHAPE(1, 3)), *y = eg_input(g, "y", EG_I32, EG_SHAPE(1));
    eg_value *root[3] = { eg_softmax(z, -1),
                          eg_loss(EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, y, z, .from_logits = 1) };
    eg_grad(root[1], &z, 1, root + 2);
    eg_program *p = eg_program_new(state, root, 3);

    int bad = !p;
    for (int row = 0; row < 2 && !bad; row++)
        for (int32_t class = 0; class < 3 && !bad; class ++) {
            bad = eg_set(p, "z", logits[row], sizeof logits[row]) != EG_OK ||
                  eg_set(p, "y", &class, sizeof class) != EG_OK || eg_run(p) != EG_OK;
            if (bad) break;
            const float *s = eg_get(p, 0), *d = eg_get(p, 2);
            if (class == 0)
                printf("softmax(%4g, %4g, %4g) = %.4f %.4f %.4f\n", (double)logits[row][0], (double)logits[row][1],
                       (double)logits[row][2], (double)s[0], (double)s[1], (double)s[2]);
            if (row == 0)
                printf("y = %d: -log p = %.4f, gradient %7.4f %7.4f %7.4f\n", class, (double)eg_get(p, 1)[0],
                       (double)d[0], (double)d[1], (double)d[2]);
        }
    if (bad) fprintf(stderr, "%s\n", eg_error());
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return bad;
}
