/* SPDX-License-Identifier: MIT
 *
 * Linear regression is a dense layer without an activation, and a second such layer adds nothing:
 * W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2). Without nonlinearities depth is a reparameterization.
 *
 * Slides: 000 "Starting with regression", "Adding a layer", "Equivalent to linear model"; 003 "The perceptron".
 * command: elegans train -d 'gen:linear?n=200,dims=2,noise=0.1' -n 'dense 3; dense 1' -o adam --lr .05 -e 40
 * prints: loss of one layer 0.01
 * prints: loss of two layers 0.01
 * prints: two layers and their product differ by less than 1e-12
 */
#include <elegans.h>
#include <stdio.h>
#include <math.h>

enum { IN = 2, HIDDEN = 3, TWO = IN * HIDDEN + HIDDEN + HIDDEN + 1 };

static eg_model *fitted(eg_model *m, const eg_data *data) {
    eg_model_compile(m, .optimizer = eg_adam(.lr = .05), .loss = EG_LOSS_MEAN_SQUARED_ERROR, .dtype = EG_F64,
                     .seed = 1);
    eg_model_fit(m, data, .epochs = 40);
    return m;
}

int main(void) {
    eg_data *data = eg_data_open("gen:linear?n=200,dims=2,noise=0.1", NULL);
    eg_model *one = fitted(eg_sequential(EG_SHAPE(IN), eg_dense(1)), data);
    eg_model *two = fitted(eg_sequential(EG_SHAPE(IN), eg_dense(HIDDEN), eg_dense(1)), data);
    double a[IN + 1] = { 0 }, w[TWO] = { 0 };
    int bad = eg_model_get_flat(one, a, IN + 1) != EG_OK || eg_model_get_flat(two, w, TWO) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_error());

    const double *W1 = w, *b1 = W1 + IN * HIDDEN, *W2 = b1 + HIDDEN, *b2 = W2 + HIDDEN;
    double product[IN + 1] = { 0, 0, *b2 }, worst = 0;
    for (int h = 0; h < HIDDEN; h++) {
        for (int i = 0; i < IN; i++) product[i] += W1[i * HIDDEN + h] * W2[h];
        product[IN] += b1[h] * W2[h];
    }
    for (double x = -2; x <= 2; x += .5) { /* the network layer by layer, and the one line that it is */
        double f = *b2, in[IN] = { x, 1 - x };
        for (int h = 0; h < HIDDEN; h++) f += W2[h] * (in[0] * W1[h] + in[1] * W1[HIDDEN + h] + b1[h]);
        worst = fmax(worst, fabs(f - (product[0] * in[0] + product[1] * in[1] + product[2])));
    }
    printf("loss of one layer %.4f: %.4f x1 + %.4f x2 + %.4f\n", eg_model_evaluate(one, data).loss, a[0], a[1], a[2]);
    printf("loss of two layers %.4f: %.4f x1 + %.4f x2 + %.4f\n", eg_model_evaluate(two, data).loss, product[0],
           product[1], product[2]);
    if (worst < 1e-12) printf("two layers and their product differ by less than 1e-12\n");
    eg_model_free(one), eg_model_free(two), eg_data_free(data);
    return bad;
}
