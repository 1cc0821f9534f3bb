/* SPDX-License-Identifier: MIT
 *
 * Overfitting: a net of 300 units learns 40 noisy points by heart, errors included, and pays on new ones. A penalty
 * on the weights or dropout keeps it smoother: worse on what it has seen, better on what it has not.
 *
 * Slides: 003 "Overfitting"; 002 "L2+Reg"; 004 "nll stops decreasing when computed on validation set".
 * command: elegans train -d "gen:moons?n=40,noise=.35" -n "dense 300 relu; dense 1 sigmoid" --l2 .01 -o adam -e 99
 * prints: nothing      train loss 0.0
 * prints: l2 .01       train loss 0.
 * prints: dropout .5   train loss 0.
 * prints: l2 is better on the test set
 */
#include <elegans.h>
#include <stdio.h>

static double learn(const char *what, const char *net, double l2) {
    eg_data *train = eg_data_open("gen:moons?n=40,noise=0.35", "train");
    eg_data *test = eg_data_open("gen:moons?n=1000,noise=0.35", "test");
    eg_model *m = eg_model_parse(EG_SHAPE(2), net);
    eg_model_compile(m, .optimizer = eg_adam(.lr = .01), .l2 = l2, .seed = 1);
    eg_model_fit(m, train, .epochs = 400, .batch = EG_BATCH_ALL);
    eg_scores a = eg_model_evaluate(m, train), b = eg_model_evaluate(m, test);
    printf("%-12s train loss %.4f accuracy %.3f   test loss %.4f accuracy %.3f\n", what, a.loss - a.penalty,
           a.accuracy, b.loss - b.penalty, b.accuracy);
    if (eg_model_status(m) != EG_OK) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_model_free(m), eg_data_free(train), eg_data_free(test);
    return b.loss - b.penalty;
}

int main(void) {
    double nothing = learn("nothing", "dense 300 relu; dense 300 relu; dense 1 sigmoid", 0);
    double l2 = learn("l2 .01", "dense 300 relu; dense 300 relu; dense 1 sigmoid", .01);
    learn("dropout .5", "dense 300 relu; dropout .5; dense 300 relu; dropout .5; dense 1 sigmoid", 0);
    if (l2 < nothing) printf("l2 is better on the test set\n");
    return !(l2 < nothing);
}
