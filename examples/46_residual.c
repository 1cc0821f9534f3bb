/* SPDX-License-Identifier: MIT
 *
 * Deeper: a small VGG (3x3 convolutions, then pooling, twice), the same with 26 convolutions in place of 6, and a
 * ResNet as deep, whose blocks add their input to what they compute: y = relu(x + F(x)). Through the sums the
 * gradient reaches the first layers whole, so that depth hinders learning less. Without arguments: 2,000 drawn
 * digits; else 46_residual mnist 1
 *
 * Slides: 002 "CNN", after AlexNet. VGG: Simonyan and Zisserman 2014; residual blocks: He et al. 2015.
 * command: elegans train -d 'gen:digits?n=2000' -e 4 -n 'max_pool; conv 8 3 same relu; conv 8 3 same relu; max_pool; conv 16 3 same relu; conv 16 3 same relu; max_pool; dense 10 softmax'
 * prints: 6 convolutions, a small VGG    8722 parameters, test accuracy 0.9
 * prints: 26 convolutions               38482 parameters, test accuracy 0.
 * prints: 26 convolutions, residual     38482 parameters, test accuracy 0.
 * prints: depth hinders the plain stack, not the residual one
 */
#include <elegans.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEEP = 6 }; /* pairs of convolutions at each of two sizes, after one convolution */

/* A convolution of 3x3 windows, normalised over the batch; then relu, where `act` says so. */
static eg_wire *convolution(eg_wire *x, int filters, eg_activation_kind act) {
    x = eg_apply(
        eg_conv2d(filters, .size = { 3 }, .padding = EG_SAME, .no_bias = 1, .kernel_init = EG_INIT(HE_NORMAL)), x);
    return eg_apply(eg_activation(act, 0), eg_apply(eg_batch_norm(.momentum = .9), x));
}

/* Two of them; their input is added before the last relu where `sum` says so. */
static eg_wire *block(eg_wire *x, int filters, int sum) {
    eg_wire *h = convolution(x, filters, EG_RELU);
    if (!sum) return convolution(h, filters, EG_RELU);
    return eg_apply(eg_activation(EG_RELU, 0), eg_apply(eg_join(EG_JOIN_ADD), x, convolution(h, filters, EG_LINEAR)));
}

static eg_model *network(int pairs, int sum) {
    eg_model *m = eg_model_new();
    eg_wire *x = eg_apply(eg_max_pooling(), eg_model_input(m, "image", EG_SHAPE(28, 28, 1)));
    for (int filters = 8; filters <= 16; filters *= 2) {
        x = convolution(x, filters, EG_RELU);
        for (int i = 0; i < pairs; i++) x = block(x, filters, sum);
        x = eg_apply(eg_max_pooling(), x);
    }
    x = eg_apply(eg_dense(10, .act = EG_SOFTMAX), eg_apply(eg_flatten(), x));
    eg_model_output(m, x);
    return m;
}

static double learn(const char *what, eg_model *m, const char *source, int epochs) {
    eg_data *train = eg_data_open(source, "train"), *test = eg_data_open(source, "test");
    eg_model_compile(m, .optimizer = eg_sgd(.lr = .05), .seed = 1);
    eg_model_fit(m, train, .epochs = epochs, .batch = 32, .progress = stderr);
    double accuracy = eg_model_evaluate(m, test).accuracy;
    if (eg_model_status(m) != EG_OK) fprintf(stderr, "%s\n", eg_model_error(m));
    printf("%-28s %6lld parameters, test accuracy %.4f\n", what, (long long)eg_model_parameters(m), accuracy);
    eg_model_free(m), eg_data_free(train), eg_data_free(test);
    return accuracy;
}

int main(int argc, char **argv) {
    const char *source = argc > 1 ? argv[1] : "gen:digits?n=2000";
    int epochs = argc > 2 ? atoi(argv[2]) : 3;
    learn("6 convolutions, a small VGG", network(1, 0), source, epochs);
    double plain = learn("26 convolutions", network(DEEP, 0), source, epochs);
    double residual = learn("26 convolutions, residual", network(DEEP, 1), source, epochs);
    if (residual > plain + .1) printf("depth hinders the plain stack, not the residual one\n");
    return !(residual > plain + .1);
}
