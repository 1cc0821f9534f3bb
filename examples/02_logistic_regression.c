/* SPDX-License-Identifier: MIT
 *
 * Logistic regression is one neuron with a sigmoid: P(y = 1 | x) = sigmoid(w.x + b), and maximum
 * likelihood is the least cross-entropy. Its border, p = 1/2, is a line.
 *
 * Slides: 001 "Logistic Regression", "1 logistic regression ~ 1 neuron"; 002 "Sigmoid activation".
 * command: elegans train -d 'gen:gauss?n=400,noise=0.6' -n 'dense 1 sigmoid' -o sgd --lr 1 -b all -e 200
 * prints: accuracy 0.9
 * prints: P(y = 1 | 0.5, -0.2): model 0.#### by hand 0.####
 * prints: they differ by less than 1e-6
 */
#include <elegans.h>
#include <stdio.h>
#include <math.h>

int main(void) {
    eg_data *data = eg_data_open("gen:gauss?n=400,noise=0.6", NULL);
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(1, .act = EG_SIGMOID));
    eg_model_compile(m, .optimizer = eg_sgd(.lr = 1), .loss = EG_LOSS_BINARY_CROSS_ENTROPY, .seed = 1);
    eg_model_fit(m, data, .epochs = 200, .batch = EG_BATCH_ALL);
    eg_scores s = eg_model_evaluate(m, data);

    const float x[2] = { .5f, -.2f };
    double w[3] = { 0 };
    eg_model_get_flat(m, w, 3);
    eg_tensor *in = eg_tensor_from(EG_F32, EG_SHAPE(1, 2), x), *out = eg_model_predict(m, in);
    int bad = eg_model_status(m) != EG_OK || !out;
    if (bad) {
        fprintf(stderr, "%s\n", eg_model_error(m));
    } else {
        double p = (double)*(float *)eg_tensor_data(out), z = w[0] * (double)x[0] + w[1] * (double)x[1] + w[2];
        double by_hand = 1 / (1 + exp(-z));
        printf("loss %.4f, accuracy %.4f\n", s.loss, s.accuracy);
        printf("the border: %.3f x1 + %.3f x2 + %.3f = 0\n", w[0], w[1], w[2]);
        printf("P(y = 1 | 0.5, -0.2): model %.4f by hand %.4f\n", p, by_hand);
        if (fabs(p - by_hand) < 1e-6) printf("they differ by less than 1e-6\n");
    }
    eg_tensor_free(in), eg_tensor_free(out), eg_model_free(m), eg_data_free(data);
    return bad;
}
