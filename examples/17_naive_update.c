/* SPDX-License-Identifier: MIT
 *
 * The naive update: take one weight, run the network with w + eps and w - eps, keep the better, go on to the next. It
 * works, but a sweep over P weights costs 2 P forward passes where backpropagation costs one pass and its reverse:
 * 814,100 for the MNIST net of 407,050 weights. Here P = 17.
 *
 * Slides: 003 "Update rule" (naive approach, better).
 * command: elegans train -d gen:xor -n 'dense 4 tanh; dense 1 sigmoid' -o coordinate --lr .05 -b all -e 60 -s 1
 * command: elegans race --surface rosenbrock --optimizers coordinate,random,sgd
 * prints: start                            loss 0.7
 * prints: coordinate, 34 forward passes    loss 0.70
 * prints: coordinate, 2040 forward passes  loss 0.0
 * prints: gradient, 60 passes and reverses loss 0.0
 */
#include <elegans.h>
#include <stdio.h>

static int learn(const char *what, const char *method, double lr, int steps) {
    eg_data *data = eg_data_open("gen:xor", NULL);
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(4, .act = EG_TANH), eg_dense(1, .act = EG_SIGMOID));
    eg_optimizer *o = eg_optimizer_new(method, (eg_optimizer_opt){ .size_ = sizeof(eg_optimizer_opt), .lr = lr });
    eg_model_compile(m, .optimizer = o, .loss = EG_LOSS_BINARY_CROSS_ENTROPY, .seed = 1);
    if (steps) eg_model_fit(m, data, .epochs = steps, .batch = EG_BATCH_ALL); /* one batch, so one step an epoch */
    printf("%-32s loss %.4f, %lld parameters\n", what, eg_model_evaluate(m, data).loss,
           (long long)eg_model_parameters(m));
    int bad = eg_model_status(m) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_model_free(m), eg_data_free(data);
    return bad;
}

int main(void) {
    int bad = learn("start", "adam", .1, 0) + learn("coordinate, 34 forward passes", "coordinate", .05, 1) +
              learn("coordinate, 2040 forward passes", "coordinate", .05, 60) +
              learn("gradient, 60 passes and reverses", "adam", .1, 60);
    return bad != 0;
}
