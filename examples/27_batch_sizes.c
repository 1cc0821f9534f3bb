/* SPDX-License-Identifier: MIT
 *
 * Batch, mini-batch and stochastic gradient descent: the same data, the same ten passes over it, the same rate. All
 * data at once make ten exact steps, one row at a time thousands of noisy ones, 32 at a time something between.
 * Summing a batch's gradients with a rate divided by its size is the same as their mean.
 *
 * Slides: 002 "Full gradient descent", "SGD", "Minibatch SGD"; 003 "SGD Variants"; 004 "Stochastic Gradient Descent".
 * command: elegans picture descent --svg descent.svg
 * command: elegans train -d 'gen:moons?n=500,noise=.15' -n 'dense 16 tanh; dense 1 sigmoid' -o sgd --lr .1 -b 1 -e 10
 * prints: batch 512     10 steps  loss 0.
 * prints: batch 32     160 steps  loss 0.
 * prints: batch 1     5120 steps  loss 0.
 * prints: summed, rate / 32: the same loss
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>

static double learn(int64_t batch, eg_reduction_kind reduction, double lr, int64_t *steps) {
    eg_data *data = eg_data_open("gen:moons?n=512,noise=0.15", NULL);
    eg_model *m = eg_model_parse(EG_SHAPE(2), "dense 16 tanh; dense 1 sigmoid");
    eg_model_compile(m, .optimizer = eg_sgd(.lr = lr), .reduction = reduction, .seed = 1);
    eg_model_fit(m, data, .epochs = 10, .batch = batch);
    double loss = eg_model_evaluate(m, data).loss / (reduction == EG_REDUCTION_SUM ? 512 : 1);
    if (eg_model_status(m) != EG_OK) fprintf(stderr, "%s\n", eg_model_error(m));
    *steps = eg_model_history(m)->steps;
    eg_model_free(m), eg_data_free(data);
    return loss;
}

int main(void) {
    const int64_t sizes[] = { 512, 32, 1 };
    int64_t steps = 0;
    for (int i = 0; i < 3; i++) {
        double loss = learn(sizes[i], EG_REDUCTION_MEAN, .1, &steps);
        printf("batch %-4lld %5lld steps  loss %.4f\n", (long long)sizes[i], (long long)steps, loss);
    }
    double mean = learn(32, EG_REDUCTION_MEAN, .1, &steps), sum = learn(32, EG_REDUCTION_SUM, .1 / 32, &steps);
    if (fabs(mean - sum) < 1e-5) printf("summed, rate / 32: the same loss\n");
    return !(fabs(mean - sum) < 1e-5);
}
