/* SPDX-License-Identifier: MIT
 *
 * The layers that read sequences, on sentences in which "not" counts only before the adjective: the simple recurrent
 * layer, LSTM and GRU with their gates, an embedding in place of one-hot words, and attention. Below them, the mean
 * of the words' embeddings: it cannot see the order and stays behind.
 *
 * Slides: 001 "Text (1D Sequences)", "Recurrent Neural Network".
 * command: (echo words,good; for i in $(seq 40); do echo "a good film $i,1"; echo "not a good film $i,0"; done) > s.csv; elegans train -d s.csv --text words -e 30 -n 'embedding tokens 12; position; attention 2; flatten; dense 2 softmax'
 * prints: one_hot 8; gru 12; dense 2 softmax
 * prints: the best reads the order, the mean of the words cannot
 */
#include <elegans.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GOOD, BAD, NOT, FILLER, WORDS = 8, LENGTH = 6, N = 1000 };

/* An adjective somewhere, "not" in most sentences, before or after it: good, or bad turned round, is class 1. */
static eg_data *generate(void) {
    static unsigned char words[N][LENGTH];
    static int32_t y[N];
    for (int n = 0; n < N; n++) {
        int adjective = rand() % LENGTH, bad = rand() % 2, other = rand() % LENGTH;
        for (int t = 0; t < LENGTH; t++) words[n][t] = (unsigned char)(FILLER + rand() % (WORDS - FILLER));
        if (other != adjective) words[n][other] = NOT;
        words[n][adjective] = bad ? BAD : GOOD;
        y[n] = other < adjective ? bad : !bad;
    }
    eg_tensor *x = eg_tensor_from(EG_U8, EG_SHAPE(N, LENGTH), words), *t = eg_tensor_from(EG_I32, EG_SHAPE(N), y);
    eg_data *data = eg_data_from(x, t, 2);
    eg_tensor_free(x), eg_tensor_free(t);
    return data;
}

int main(void) {
    const char *nets[] = { "one_hot 8; simple_rnn 12; dense 2 softmax",
                           "one_hot 8; lstm 12; dense 2 softmax",
                           "one_hot 8; gru 12; dense 2 softmax",
                           "embedding 8 12; gru 12; dense 2 softmax",
                           "embedding 8 12; position; attention 2; flatten; dense 2 softmax",
                           "embedding 8 12; global_avg_pool; dense 2 softmax" };
    enum { NETS = sizeof nets / sizeof *nets };
    eg_data *train = generate(), *test = generate();
    double accuracy[NETS] = { 0 }, best = 0;
    int bad = 0;
    for (int i = 0; i < NETS && !bad; i++) {
        eg_model *m = eg_model_parse(EG_SHAPE(LENGTH), nets[i]);
        eg_model_compile(m, .optimizer = eg_adam(.lr = .01), .seed = 1);
        eg_model_fit(m, train, .epochs = 15);
        accuracy[i] = eg_model_evaluate(m, test).accuracy;
        if (accuracy[i] > best) best = accuracy[i];
        printf("%-66s %4lld parameters  accuracy %.3f\n", nets[i], (long long)eg_model_parameters(m), accuracy[i]);
        bad = eg_model_status(m) != EG_OK;
        if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
        eg_model_free(m);
    }
    if (best > accuracy[NETS - 1] + .1) printf("the best reads the order, the mean of the words cannot\n");
    eg_data_free(train), eg_data_free(test);
    return bad || best <= accuracy[NETS - 1] + .1;
}
