/* SPDX-License-Identifier: MIT
 *
 * test_001_logistic_regression.c: deck 001, "1 logistic regression ~ 1 neuron", gradient ascent on the
 * log-likelihood, the bias as a column of ones, and "could permute the inputs and the learner would be oblivious".
 */
#include "course/models.h"

#include <elegans/optim.h>

enum { N = 6, D = 2 };
static const double samples[N * D] = { 1, 2, -1, .5, .3, -2, 2, 0, -1.5, -1, .4, .9 };
static const double labels[N] = { 1, 0, 0, 1, 0, 1 };

/* ll(w) = sum log P(y|x; w), P(1|x; w) = sigmoid(w x + b), by loops */
static double log_likelihood(const double *w, double b) {
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double z = w[0] * samples[i * D] + w[1] * samples[i * D + 1] + b;
        sum += log(labels[i] != 0 ? 1 / (1 + exp(-z)) : 1 / (1 + exp(z)));
    }
    return sum;
}

static eg_value *cross_entropy(eg_model *m, eg_reduction_kind reduction) {
    eg_value *y, *logits, *x = of(EG_SHAPE(N, D), samples);
    assert_int_equal(eg_model_build(m, x, NULL, &y, &logits, NULL), EG_OK);
    return eg_loss(EG_LOSS_BINARY_CROSS_ENTROPY, of(EG_SHAPE(N), labels), logits, .from_logits = 1,
                   .reduction = reduction);
}

static void one_neuron_is_logistic_regression(void **state) {
    const double w[D] = { .7, -.4 }, b = .2, e = 1e-6;
    double got[3];
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(D), eg_dense(1, .act = EG_SIGMOID));
    WEIGHTS(m, w[0], w[1], b);
    eg_value *loss = cross_entropy(m, EG_REDUCTION_SUM);
    NEAR(number_with(m, loss), -log_likelihood(w, b), 1e-12);
    gradients(m, loss, got);
    NEAR(got[0],
         -(log_likelihood((double[]){ w[0] + e, w[1] }, b) - log_likelihood((double[]){ w[0] - e, w[1] }, b)) /
             (2 * e),
         1e-8);
    NEAR(got[2], -(log_likelihood(w, b + e) - log_likelihood(w, b - e)) / (2 * e), 1e-8);
    eg_model_free(m);
}

/* 20 steps of w += lr d ll / d w, or of descent on -ll. */
static void climb(int ascent, double *flat) {
    eg_model *m = eg_sequential(EG_SHAPE(D), eg_dense(1, .act = EG_SIGMOID));
    WEIGHTS(m, .1, -.2, 0);
    eg_value *loss = cross_entropy(m, EG_REDUCTION_SUM), *w[2], *g[2], *root[2];
    eg_value *goal = ascent ? eg_neg(loss) : loss, *rate = eg_const(graph, .1);
    assert_int_equal(eg_model_variables(m, graph, 1, w, 2), 2);
    assert_int_equal(eg_grad(goal, w, 2, g), EG_OK);
    for (int i = 0; i < 2; i++)
        root[i] = eg_assign(w[i], ascent ? eg_add(w[i], eg_mul(rate, g[i])) : eg_sub(w[i], eg_mul(rate, g[i])));
    eg_program *p = eg_program_new(eg_model_state(m), root, 2, .executor = EG_REF);
    for (int i = 0; i < 20; i++) assert_int_equal(eg_run(p), EG_OK);
    assert_int_equal(eg_model_get_flat(m, flat, 3), EG_OK);
    eg_program_free(p);
    eg_model_free(m);
}

static void ascent_on_the_likelihood_is_descent_on_its_negative(void **state) {
    double up[3], down[3];
    (void)state;
    climb(1, up);
    climb(0, down);
    assert_memory_equal(up, down, sizeof up);
    assert_true(log_likelihood(up, up[2]) > log_likelihood((double[]){ .1, -.2 }, 0));
}

/* P(y = +1 | x, w) with labels +-1: the loss is ln(1 + e^(-y z)). */
static void labels_plus_minus_one_are_labels_0_1(void **state) {
    (void)state;
    eg_value *z = VECTOR(.3, -2, 5, -.1, 0, 4), *y = of(EG_SHAPE(N), labels);
    eg_value *sign = eg_sub(eg_mul(y, eg_const(graph, 2)), eg_const(graph, 1));
    double want[N];
    run(eg_softplus(eg_neg(eg_mul(sign, z))), want, N);
    is_close(eg_loss(EG_LOSS_BINARY_CROSS_ENTROPY, y, z, .from_logits = 1, .reduction = EG_REDUCTION_NONE),
             EG_SHAPE(N), want, 1e-12);
}

/* A dense layer with a bias is one without on [1, x]. */
static void bias_is_the_weight_of_a_column_of_ones(void **state) {
    double a[N], b[N];
    (void)state;
    eg_model *with = eg_sequential(EG_SHAPE(D), eg_dense(1));
    eg_model *without = eg_sequential(EG_SHAPE(D + 1), eg_dense(1, .no_bias = 1, .name = "without"));
    WEIGHTS(with, .7, -.4, .2);
    WEIGHTS(without, .2, .7, -.4);
    eg_value *x = of(EG_SHAPE(N, D), samples);
    eg_value *one_x = eg_concat((eg_value *[]){ eg_full(graph, EG_F64, EG_SHAPE(N, 1), 1), x }, 2, 1);
    run_with(with, output(with, x), a, N);
    run_with(without, output(without, one_x), b, N);
    for (int i = 0; i < N; i++) NEAR(a[i], b[i], 1e-15);
    eg_model_free(with);
    eg_model_free(without);
}

/* Loss and gradients of an MLP on permuted inputs are those on the inputs when the rows of W1 are permuted too. */
static void permuted_inputs_make_no_difference(void **state) {
    static const int order[4] = { 2, 0, 3, 1 };
    double flat[15], moved[15], x[12], px[12], a[15], b[15];
    (void)state;
    for (int i = 0; i < 15; i++) flat[i] = moved[i] = sin(1 + i);
    for (int i = 0; i < 12; i++) x[i] = cos(2 * i);
    for (int k = 0; k < 4; k++) {
        for (int j = 0; j < 2; j++) moved[k * 2 + j] = flat[order[k] * 2 + j];
        for (int s = 0; s < 3; s++) px[s * 4 + k] = x[s * 4 + order[k]];
    }
    double loss[2], *weights[2] = { flat, moved }, *inputs[2] = { x, px }, *grads[2] = { a, b };
    for (int i = 0; i < 2; i++) {
        eg_model *m = eg_sequential(EG_SHAPE(4), eg_dense(2, .act = EG_TANH), eg_dense(1));
        weigh(m, weights[i], 13);
        eg_value *l = eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, VECTOR(1, 0, -1), output(m, of(EG_SHAPE(3, 4), inputs[i])));
        loss[i] = number_with(m, l);
        gradients(m, l, grads[i]);
        eg_model_free(m);
        eg_graph_free(graph);
        graph = eg_graph_new();
    }
    NEAR(loss[0], loss[1], 1e-15);
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 2; j++) NEAR(b[k * 2 + j], a[order[k] * 2 + j], 1e-15);
    for (int i = 8; i < 13; i++) NEAR(a[i], b[i], 1e-15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(one_neuron_is_logistic_regression),    SLIDE(ascent_on_the_likelihood_is_descent_on_its_negative),
        SLIDE(labels_plus_minus_one_are_labels_0_1), SLIDE(bias_is_the_weight_of_a_column_of_ones),
        SLIDE(permuted_inputs_make_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
