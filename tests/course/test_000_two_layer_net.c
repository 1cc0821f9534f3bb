/* SPDX-License-Identifier: MIT
 *
 * test_000_two_layer_net.c: deck 000, the sanity check of the two-layer net and its backpropagation. The deck's W h
 * is our x W with W transposed.
 */
#include "course/models.h"

/* W = [[1,-1],[-2,1],[0,1]], b = (1,0,-1), beta = (1,2,-1); beta' h is the log-odds of class 1. */
static eg_model *the_net(eg_activation_kind act) {
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(3, .act = act), eg_dense(1, .no_bias = 1));
    WEIGHTS(m, 1, -2, 0, -1, 1, 1, /* b */ 1, 0, -1, /* beta */ 1, 2, -1);
    return m;
}

static void predicts(eg_activation_kind act, double x1, double x2, double log_odds, double p, double tolerance) {
    eg_model *m = the_net(act);
    eg_value *f = output(m, MATRIX(1, 2, x1, x2));
    NEAR(number_with(m, f), log_odds, tolerance);
    NEAR(number_with(m, eg_sigmoid(f)), p, 5e-7);
    eg_model_free(m);
}

static void sanity_check_with_relu(void **state) {
    (void)state;
    predicts(EG_RELU, 1, -1, 3, .952574, 1e-12);
    predicts(EG_RELU, -1, 1, 6, .997527, 1e-12);
}

/* The first prediction changes its class. */
static void sanity_check_with_tanh(void **state) {
    (void)state;
    predicts(EG_TANH, 1, -1, -.031027, .492244, 5e-7);
    predicts(EG_TANH, -1, 1, 1.228515, .773559, 5e-7);
}

/* f = W2 (W1 x + b1) + b2 is (W2 W1) x + (W2 b1 + b2): two linear layers are one. */
static void equivalent_to_linear_model(void **state) {
    static const double w1[] = { .3, -1.2, .7, 2, .4, -.6 }, b1[] = { .1, -.2, .3 }, w2[] = { 1.5, -.3, .8 },
                        b2 = -.25;
    (void)state;
    double kernel[2] = { 0 }, bias = b2;
    for (int h = 0; h < 3; h++) {
        for (int i = 0; i < 2; i++) kernel[i] += w1[i * 3 + h] * w2[h];
        bias += b1[h] * w2[h];
    }
    eg_model *two = eg_sequential(EG_SHAPE(2), eg_dense(3), eg_dense(1));
    eg_model *one = eg_sequential(EG_SHAPE(2), eg_dense(1, .name = "one"));
    WEIGHTS(two, .3, -1.2, .7, 2, .4, -.6, .1, -.2, .3, 1.5, -.3, .8, -.25);
    WEIGHTS(one, kernel[0], kernel[1], bias);
    double a[3], b[3];
    eg_value *x = MATRIX(3, 2, 1, -2, .5, 3, -1.7, .2);
    run_with(two, output(two, x), a, 3);
    run_with(one, output(one, x), b, 3);
    for (int i = 0; i < 3; i++) NEAR(a[i], b[i], 4e-15);
    eg_model_free(two);
    eg_model_free(one);
}

/* L = 1/2 (y - f)^2, f = W2 h + b2, h = relu(W1 x + b1): dL/dW2 = (f-y) h', dL/dW1 = 1(h > 0) W2' (f-y) x' */
static void backpropagation_through_two_layers(void **state) {
    (void)state;
    const double x[2] = { 2, -1 }, y = .5;
    eg_model *m = the_net(EG_RELU);
    eg_value *f = output(m, MATRIX(1, 2, 2, -1));
    eg_value *loss = eg_loss(EG_LOSS_HALF_SQUARED_ERROR, MATRIX(1, 1, y), f);
    double e = number_with(m, f) - y, got[12], beta[] = { 1, 2, -1 }, h[3];
    static const double w[3][2] = { { 1, -1 }, { -2, 1 }, { 0, 1 } }, b[] = { 1, 0, -1 };
    gradients(m, loss, got);
    for (int j = 0; j < 3; j++) {
        h[j] = fmax(0, w[j][0] * x[0] + w[j][1] * x[1] + b[j]);
        double behind = h[j] > 0 ? beta[j] * e : 0;
        for (int i = 0; i < 2; i++) NEAR(got[i * 3 + j], behind * x[i], 1e-12);
        NEAR(got[6 + j], behind, 1e-12);
        NEAR(got[9 + j], e * h[j], 1e-12);
    }
    eg_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(sanity_check_with_relu),
        SLIDE(sanity_check_with_tanh),
        SLIDE(equivalent_to_linear_model),
        SLIDE(backpropagation_through_two_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
