/* SPDX-License-Identifier: MIT
 *
 * Sentences of different lengths in one batch: they are padded with word 0, and a mask tells padding from words. After each
 * word the network says whether the sentence is turned round: is the number of "not" so far odd? With a mask (mask_zero of
 * the embedding) loss and accuracy are those of the words, however long the padding. Without one the padding is learnt and
 * counted, too: the longer it is, the better the scores look, and the less they say.
 *
 * Slides: 001 "Text (1D Sequences)", "Recurrent Neural Network".
 * command: (echo words,good; for i in $(seq 40); do echo "a good film $i,1"; echo "not good,0"; done) > s.csv; elegans train -d s.csv --text words -e 30 -n 'embedding tokens 8 mask_zero; attention 2; global_avg_pool; dense 2 softmax'
 * prints: masked,  padded to 20: before training
 * prints: padding changes nothing where it is masked
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAD, NOT, WORDS = 8, LONGEST = 20, N = 1000, NETS = 4 };

/* 1 to 8 words each, the rest of `length` is padding: word 0 of class 0. */
static eg_data *sentences(int seed, int length) {
    static unsigned char words[N * LONGEST];
    static int32_t turned[N * LONGEST];
    srand((unsigned)seed);
    for (int n = 0; n < N; n++)
        for (int t = 0, odd = 0, size = 1 + rand() % 8; t < length; t++) {
            int word = t >= size ? PAD : rand() % 3 == 0 ? NOT : 2 + rand() % (WORDS - 2);
            odd ^= word == NOT;
            words[n * length + t] = (unsigned char)word;
            turned[n * length + t] = word != PAD && odd;
        }
    eg_tensor *x = eg_tensor_from(EG_U8, EG_SHAPE(N, length), words);
    eg_tensor *y = eg_tensor_from(EG_I32, EG_SHAPE(N, length), turned);
    eg_data *data = eg_data_from(x, y, 2);
    eg_tensor_free(x), eg_tensor_free(y);
    return data;
}

/* Scores before and after training. */
static int learn(int masked, int length, eg_scores *before, eg_scores *after) {
    eg_data *train = sentences(1, length), *test = sentences(2, length);
    eg_model *m = eg_sequential(EG_SHAPE(length), eg_embedding(WORDS, .size = 4, .mask_zero = masked),
                                eg_gru(8, .return_sequences = 1), eg_dense(2, .act = EG_SOFTMAX));
    eg_model_compile(m, .optimizer = eg_adam(.lr = .01), .seed = 1);
    *before = eg_model_evaluate(m, test);
    eg_model_fit(m, train, .epochs = 4);
    *after = eg_model_evaluate(m, test);
    int bad = eg_model_status(m) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_model_free(m);
    eg_data_free(train), eg_data_free(test);
    return bad;
}

int main(void) {
    eg_scores before[NETS], after[NETS];
    for (int i = 0; i < NETS; i++) {
        int masked = i < 2, length = i % 2 ? LONGEST : 8;
        if (learn(masked, length, &before[i], &after[i])) return 1;
        printf("%s padded to %2d: before training loss %.4f, accuracy %.3f; after it %.4f, %.3f\n",
               masked ? "masked, " : "no mask,", length, before[i].loss, before[i].accuracy, after[i].loss,
               after[i].accuracy);
    }
    int same = fabs(after[0].loss - after[1].loss) < 1e-4, flattered = after[3].loss < .8 * after[2].loss;
    if (same && flattered) printf("padding changes nothing where it is masked; elsewhere it flatters the scores\n");
    return !same || !flattered;
}
