/* SPDX-License-Identifier: MIT
 *
 * The playground's first screen: points inside a circle against a ring, two hidden layers of 4 and 2 tanh, one tanh
 * out, (y - f)^2 / 2 with labels +-1, weights uniform in +-.5, biases .1. Untrained, the loss is a little above 1/2,
 * as on the slide (.509); then ten rows a step with learning rate .03.
 *
 * Slides: 000 "playground.tensorflow.org".
 * command: elegans train -d gen:circles -n 'dense 4 tanh; dense 2 tanh; dense 1 sigmoid' -o sgd --lr .1 -b 10 -e 50
 * prints: before training: median test loss of 101 nets 0.5
 * prints: after 200 epochs: test loss 0.0
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 250, NETS = 101 };

static double between(double low, double high) { return low + (high - low) * rand() / RAND_MAX; }

static eg_data *circle(void) {
    static float x[ROWS][2], y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        double r = i % 2 ? between(0, 2.5) : between(3.5, 5), t = between(0, 6.283185307179586);
        x[i][0] = (float)(r * sin(t)), x[i][1] = (float)(r * cos(t)), y[i] = i % 2 ? 1 : -1;
    }
    eg_tensor *tx = eg_tensor_from(EG_F32, EG_SHAPE(ROWS, 2), x), *ty = eg_tensor_from(EG_F32, EG_SHAPE(ROWS), y);
    eg_data *data = eg_data_from(tx, ty, 0);
    eg_tensor_free(tx), eg_tensor_free(ty);
    return data;
}

static eg_model *net(uint64_t seed) {
    eg_init w = EG_INIT(UNIFORM, .a = .5), b = EG_INIT(CONSTANT, .a = .1);
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(4, .act = EG_TANH, .kernel_init = w, .bias_init = b),
                                eg_dense(2, .act = EG_TANH, .kernel_init = w, .bias_init = b),
                                eg_dense(1, .act = EG_TANH, .kernel_init = w, .bias_init = b));
    eg_model_compile(m, .optimizer = eg_sgd(.lr = .03), .loss = EG_LOSS_HALF_SQUARED_ERROR, .seed = seed);
    return m;
}

static int ascending(const void *a, const void *b) {
    return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b);
}

int main(void) {
    srand(1);
    eg_data *train = circle(), *test = circle();
    double loss[NETS];
    for (int i = 0; i < NETS; i++) {
        eg_model *m = net((uint64_t)i);
        loss[i] = eg_model_evaluate(m, test).loss;
        eg_model_free(m);
    }
    qsort(loss, NETS, sizeof *loss, ascending);
    printf("before training: median test loss of %d nets %.3f (%.3f to %.3f)\n", NETS, loss[NETS / 2],
           loss[NETS / 20], loss[NETS - 1 - NETS / 20]);

    eg_model *m = net(1);
    eg_model_fit(m, train, .epochs = 200, .batch = 10);
    printf("after 200 epochs: test loss %.4f\n", eg_model_evaluate(m, test).loss);
    int bad = eg_model_status(m) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_model_free(m), eg_data_free(train), eg_data_free(test);
    return bad;
}
