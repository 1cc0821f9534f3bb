/* SPDX-License-Identifier: MIT
 *
 * A neuron is a weighted sum, a bias and an activation: f(x) = relu(3 x1 - 2 x2 + 1).
 *
 * Slides: 004 "Concrete Example", 001 "Neuron", 003 "The perceptron".
 * command: elegans explain 'relu(3*x1 - 2*x2 + 1)' x1=1 x2=1
 * prints: f(0, 0) = 1
 * prints: f(1, 1) = 2
 * prints: f(1, 2) = 0
 */
#include <elegans.h>
#include <stdio.h>

int main(void) {
    const float x[3][2] = { { 0, 0 }, { 1, 1 }, { 1, 2 } };
    eg_model *neuron = eg_sequential(EG_SHAPE(2), eg_dense(1, .act = EG_RELU));
    eg_model_set_flat(neuron, (double[]){ 3, -2, 1 }, 3); /* w1, w2, b */

    eg_tensor *in = eg_tensor_from(EG_F32, EG_SHAPE(3, 2), x), *out = eg_model_predict(neuron, in);
    const float *f = out ? eg_tensor_data(out) : NULL;
    for (int i = 0; f && i < 3; i++) printf("f(%g, %g) = %g\n", (double)x[i][0], (double)x[i][1], (double)f[i]);

    if (!out) fprintf(stderr, "%s\n", eg_error());
    eg_tensor_free(in), eg_tensor_free(out), eg_model_free(neuron);
    return !f;
}
