/* SPDX-License-Identifier: MIT
 *
 * Three algorithms, one loop. A linear SVM is a linear unit with the hinge loss and an l2 penalty, logistic
 * regression the same unit with the cross-entropy, a network the same with hidden units. On two moons the two lines
 * do about equally well, the net much better.
 *
 * Slides: 002 "General steps we do": decide the algorithm (SVM/NN/LR), the loss (hinge, L2+Reg, cross entropy).
 * command: elegans train -d 'gen:moons?n=400,noise=0.15' -n 'dense 1' --loss hinge --l2 .01 -o sgd --lr .1 -e 50
 * command: elegans train -d 'gen:moons?n=400,noise=0.15' -n 'dense 1 sigmoid' --loss log_loss -o sgd --lr .1 -e 50
 * prints: linear SVM (hinge)   accuracy 0.8
 * prints: logistic regression  accuracy 0.8
 * prints: net with 16 tanh     accuracy 0.9
 */
#include <elegans.h>
#include <stdio.h>

static int learn(const char *what, eg_model *m, eg_loss_kind loss, double l2, double lr) {
    eg_data *train = eg_data_open("gen:moons?n=400,noise=0.15", "train");
    eg_data *test = eg_data_open("gen:moons?n=400,noise=0.15", "test");
    eg_model_compile(m, .optimizer = eg_momentum(.lr = lr), .loss = loss, .l2 = l2, .seed = 1);
    eg_model_fit(m, train, .epochs = 50);
    eg_scores s = eg_model_evaluate(m, test);
    printf("%-20s accuracy %.4f, %s %.4f\n", what, s.accuracy, eg_loss_name(loss), s.loss);
    int bad = eg_model_status(m) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_model_free(m), eg_data_free(train), eg_data_free(test);
    return bad;
}

int main(void) {
    int bad = learn("linear SVM (hinge)", eg_sequential(EG_SHAPE(2), eg_dense(1)), EG_LOSS_HINGE, .01, .01);
    bad += learn("logistic regression", eg_sequential(EG_SHAPE(2), eg_dense(1, .act = EG_SIGMOID)),
                 EG_LOSS_BINARY_CROSS_ENTROPY, 0, .01);
    bad += learn("net with 16 tanh",
                 eg_sequential(EG_SHAPE(2), eg_dense(16, .act = EG_TANH), eg_dense(1, .act = EG_SIGMOID)),
                 EG_LOSS_BINARY_CROSS_ENTROPY, 0, .1);
    return bad != 0;
}
