/* SPDX-License-Identifier: MIT
 *
 * Three arms of a spiral, 100 points each. A linear softmax gets about half of them right, since its borders are
 * lines; one hidden layer of 100 relu bends them. Full batch, learning rate 1, penalty .001/2 |W|^2, as in the "bare
 * bones" network of the slides (there 10,000 steps; 2,000 are nearly as good).
 *
 * Slides: 000 "np-complete demo", "Minimal neural network implementation"; 001 "What can logistic regression learn?".
 * command: elegans train -d gen:spiral -n 'dense 100 relu; dense 3 softmax' -o sgd --lr 1 -b all -e 500 --l2 .001
 * prints: linear softmax:   300 points, accuracy 0.5
 * prints: 100 hidden relus: 300 points, accuracy 0.9
 */
#include <elegans.h>
#include <stdio.h>

static int learn(const char *what, eg_model *m, const eg_data *data, int steps) {
    eg_model_compile(m, .optimizer = eg_sgd(.lr = 1), .l2 = 1e-3, .seed = 1);
    eg_model_fit(m, data, .epochs = steps, .batch = EG_BATCH_ALL);
    eg_scores s = eg_model_evaluate(m, data);
    printf("%-17s %lld points, accuracy %.3f, loss %.4f (of which penalty %.4f)\n", what, (long long)s.n, s.accuracy,
           s.loss, s.penalty);
    int bad = eg_model_status(m) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_model_free(m);
    return bad;
}

int main(void) {
    eg_init small = EG_INIT(NORMAL, .a = .01);
    eg_data *data = eg_data_open("gen:spiral?n=100,classes=3,noise=0.2", NULL);
    int bad =
        learn("linear softmax:", eg_sequential(EG_SHAPE(2), eg_dense(3, .act = EG_SOFTMAX, .kernel_init = small)),
              data, 200);
    bad += learn("100 hidden relus:",
                 eg_sequential(EG_SHAPE(2), eg_dense(100, .act = EG_RELU, .kernel_init = small),
                               eg_dense(3, .act = EG_SOFTMAX, .kernel_init = small)),
                 data, 2000);
    eg_data_free(data);
    return bad != 0;
}
