/* SPDX-License-Identifier: MIT
 *
 * XOR needs a hidden layer. By hand: OR, AND, and then OR AND NOT AND. The slide writes logistic units where it
 * means thresholds: with its numbers all four answers are below 1/2; multiplied by more than 2 ln 3 = 2.1972 they are
 * right. Learnt: two inputs, four tanh units, one sigmoid; nearly every seed (-s) ends with all four right, a few, such
 * as 0 and 48, in a local minimum. With two hidden units, as few as the slide has, that is the end of every other seed.
 *
 * Slides: 001 "Does it solve xor?", "What can logistic regression learn?".
 * command: elegans train -d gen:xor -n 'dense 4 tanh; dense 1 sigmoid' -o adam --lr .05 -b all -e 1000 -s 1
 * prints: threshold units           0.0000 1.0000 1.0000 0.0000
 * prints: logistic units, as shown  0.4244 0.4366 0.4366 0.4244
 * prints: logistic units, times 3   0.2718 0.6000 0.6000 0.2718
 * prints: learnt: accuracy 1
 * prints: of 40 seeds learn it: 40 with 4 hidden units, ## with 2
 */
#include <elegans.h>
#include <stdio.h>

static const float corners[4][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } };

static int show(const char *what, eg_model *m) {
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(4, 2), corners), *y = eg_model_predict(m, x);
    printf("%-25s", what);
    for (int i = 0; y && i < 4; i++) printf(" %.4f", (double)((float *)eg_tensor_data(y))[i]);
    printf("\n");
    int bad = !y;
    eg_tensor_free(x), eg_tensor_free(y);
    return bad;
}

/* a1 = g(k (x1 + x2 - .5)), a2 = g(k (x1 + x2 - 1.5)), a3 = g(k (a1 - a2 - .5)) */
static int by_hand(const char *what, eg_activation_kind g, double k) {
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(2, .act = g), eg_dense(1, .act = g));
    eg_model_set_flat(m, (double[]){ k, k, k, k, -.5 * k, -1.5 * k, k, -k, -.5 * k }, 9);
    int bad = show(what, m);
    eg_model_free(m);
    return bad;
}

/* Learnt from this seed: is it right in all four corners? */
static int learn(int units, int seed, eg_model **out) {
    eg_data *data = eg_data_open("gen:xor", NULL);
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(units, .act = EG_TANH), eg_dense(1, .act = EG_SIGMOID));
    eg_model_compile(m, .optimizer = eg_adam(.lr = .05), .seed = (uint64_t)seed);
    eg_model_fit(m, data, .epochs = 1000, .batch = EG_BATCH_ALL);
    int right = eg_model_evaluate(m, data).accuracy == 1;
    eg_data_free(data);
    if (out)
        *out = m;
    else
        eg_model_free(m);
    return right;
}

int main(void) {
    eg_model *m;
    int bad = by_hand("threshold units", EG_STEP, 1) + by_hand("logistic units, as shown", EG_SIGMOID, 1) +
              by_hand("logistic units, times 3", EG_SIGMOID, 3), four = 0, two = 0;

    int right = learn(4, 1, &m);
    bad += show("learnt", m);
    printf("learnt: accuracy %d\n", right);
    for (int seed = 1; seed <= 40; seed++) four += learn(4, seed, NULL), two += learn(2, seed, NULL);
    printf("of 40 seeds learn it: %d with 4 hidden units, %d with 2\n", four, two);

    if (bad) fprintf(stderr, "%s\n", eg_error());
    eg_model_free(m);
    return bad != 0;
}
