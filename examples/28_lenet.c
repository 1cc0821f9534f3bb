/* SPDX-License-Identifier: MIT
 *
 * LeNet-5: convolution and pooling in turn, then dense layers: 61,706 parameters with padding, 44,426 without. It
 * sees the same digits as a dense net with far more parameters. Without arguments: 2,000 drawn digits; else
 *     28_lenet mnist 5
 *
 * Slides: 002 "CNN" (LeCun et al. 1998); 001 "Convolutional neural networks", "Summary, architecture".
 * command: elegans train -d 'gen:digits?n=2000' -e 2 -n 'conv 6 5 same relu; max_pool; conv 16 5 relu; max_pool; dense 120 relu; dense 84 relu; dense 10 softmax'
 * prints: LeNet-5: 61706 parameters, without padding 44426
 * prints: test accuracy: LeNet-5 0.
 * prints: LeNet-5 is better
 */
#include <elegans.h>
#include <stdio.h>
#include <stdlib.h>

#define DENSE "dense 120 relu; dense 84 relu; dense 10 softmax"
static const char lenet[] = "conv 6 5 same relu; max_pool; conv 16 5 relu; max_pool; " DENSE;
static const char unpadded[] = "conv 6 5 relu; max_pool; conv 16 5 relu; max_pool; " DENSE;

static double learn(eg_model *m, const eg_data *train, const eg_data *test, int epochs) {
    eg_model_compile(m, .optimizer = eg_adam(.lr = 2e-3), .seed = 1);
    eg_model_fit(m, train, .epochs = epochs, .batch = 64, .progress = stderr);
    if (eg_model_status(m) != EG_OK) fprintf(stderr, "%s\n", eg_model_error(m));
    return eg_model_evaluate(m, test).accuracy;
}

int main(int argc, char **argv) {
    const char *source = argc > 1 ? argv[1] : "gen:digits?n=2000";
    int epochs = argc > 2 ? atoi(argv[2]) : 3;
    eg_data *train = eg_data_open(source, "train"), *test = eg_data_open(source, "test");
    eg_model *a = eg_model_parse(EG_SHAPE(28, 28), lenet), *b = eg_model_parse(EG_SHAPE(28, 28), unpadded);
    eg_model *dense = eg_model_parse(EG_SHAPE(28, 28), DENSE);
    char *summary = eg_model_summary(a);
    printf("%sLeNet-5: %lld parameters, without padding %lld\n", summary ? summary : "",
           (long long)eg_model_parameters(a), (long long)eg_model_parameters(b));

    double with = learn(a, train, test, epochs), without = learn(dense, train, test, epochs);
    printf("test accuracy: LeNet-5 %.4f, its dense layers alone (%lld parameters) %.4f\n", with,
           (long long)eg_model_parameters(dense), without);
    if (with > without) printf("LeNet-5 is better\n");
    eg_string_free(summary), eg_model_free(a), eg_model_free(b), eg_model_free(dense);
    eg_data_free(train), eg_data_free(test);
    return !(with > without);
}
