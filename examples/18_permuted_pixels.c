/* SPDX-License-Identifier: MIT
 *
 * A multilayer perceptron does not know that pixels have neighbours: shuffle the 784 pixels, the same way in every
 * image, and it learns as well. If the rows of its first kernel are shuffled along, it is even the same function.
 * Drawn digits are learnt; `build/example_18_permuted_pixels mnist` shuffles the real ones.
 *
 * Slides: 001 "Multilayer Perceptron (MLP)": could permute the inputs and the learner would be oblivious.
 * command: elegans train -d 'gen:digits?n=4000' -n 'dense 64 relu; dense 10 softmax' -o adam -e 8
 * command: elegans train -d 'shuffled:gen:digits?n=4000' -n 'dense 64 relu; dense 10 softmax' -o adam -e 8
 * prints: pixels in order:      test accuracy 0.
 * prints: pixels shuffled:      test accuracy 0.
 * prints: they differ by less than .03
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIXELS = 784 };

/* A copy with pixel j moved to where[j]. */
static eg_data *moved(const eg_data *data, const int *where) {
    int64_t n = eg_data_rows(data);
    const unsigned char *from = eg_tensor_data(eg_data_x(data));
    eg_tensor *x = eg_tensor_new(EG_U8, EG_SHAPE(n, PIXELS));
    unsigned char *to = eg_tensor_data(x);
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < PIXELS; j++) to[i * PIXELS + where[j]] = from[i * PIXELS + j];
    eg_data *out = eg_data_from(x, eg_data_y(data), 10);
    eg_tensor_free(x);
    return out;
}

static double learn(const char *source, const char *what, const int *where) {
    eg_data *train = eg_data_open(source, "train"), *test = eg_data_open(source, "test");
    if (eg_data_status(train) != EG_OK) return fprintf(stderr, "%s\n", eg_data_error(train)), NAN;
    eg_data *a = moved(train, where), *b = moved(test, where);
    eg_model *m = eg_model_parse(EG_SHAPE(PIXELS), "dense 64 relu; dense 10 softmax");
    eg_model_compile(m, .optimizer = eg_adam(), .seed = 1);
    eg_model_fit(m, a, .epochs = 8);
    double accuracy = eg_model_evaluate(m, b).accuracy;
    printf("%s      test accuracy %.4f\n", what, accuracy);
    if (eg_model_status(m) != EG_OK) fprintf(stderr, "%s\n", eg_model_error(m));
    eg_model_free(m), eg_data_free(a), eg_data_free(b), eg_data_free(train), eg_data_free(test);
    return accuracy;
}

int main(int argc, char **argv) {
    const char *source = argc > 1 ? argv[1] : "gen:digits?n=4000";
    int where[PIXELS];
    for (int i = 0; i < PIXELS; i++) where[i] = i;
    double ordered = learn(source, "pixels in order:", where);
    srand(1);
    for (int i = PIXELS - 1; i > 0; i--) { /* Fisher and Yates */
        int j = rand() % (i + 1), kept = where[i];
        where[i] = where[j], where[j] = kept;
    }
    double shuffled = learn(source, "pixels shuffled:", where);
    if (fabs(ordered - shuffled) < .03) printf("they differ by less than .03\n");
    return !(fabs(ordered - shuffled) < .03);
}
