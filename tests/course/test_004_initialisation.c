/* SPDX-License-Identifier: MIT
 *
 * test_004_initialisation.c: deck 004, "zero is a saddle point", "constant init: all neurons compute the same
 * function", and why Glorot's and He's deviations are better: the spread of activations after ten layers of 500.
 */
#include "course/models.h"

#include "base/rng.h"

enum {
    IN = 3,
    HIDDEN = 4,
    CLASSES = 3,
    BATCH = 5,
    W1 = IN * HIDDEN,
    W2 = HIDDEN * CLASSES,
    ALL = W1 + HIDDEN + W2 + CLASSES
};

/* Gradients of the cross-entropy of an MLP whose parameters all have this initialiser. */
static void gradients_with(eg_init init, eg_activation_kind act, double *out) {
    double x[BATCH * IN], y[BATCH] = { 0, 2, 1, 1, 0 };
    for (int i = 0; i < BATCH * IN; i++) x[i] = sin(3 * i);
    eg_model *m = eg_sequential(EG_SHAPE(IN), eg_dense(HIDDEN, .act = act, .kernel_init = init, .bias_init = init),
                                eg_dense(CLASSES, .act = EG_SOFTMAX, .kernel_init = init, .bias_init = init));
    assert_int_equal(eg_model_set_dtype(m, EG_F64), EG_OK);
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK);
    eg_value *logits;
    assert_int_equal(eg_model_build(m, of(EG_SHAPE(BATCH, IN), x), NULL, NULL, &logits, NULL), EG_OK);
    gradients(m, eg_loss(EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, of(EG_SHAPE(BATCH), y), logits, .from_logits = 1),
              out);
    eg_model_free(m);
}

static void zero_is_a_saddle_point(void **state) {
    (void)state;
    for (int act = 0; act < 2; act++) {
        double g[ALL];
        gradients_with(EG_INIT(ZEROS), act ? EG_TANH : EG_RELU, g);
        for (int i = 0; i < W1 + HIDDEN + W2; i++) assert_true(g[i] == 0); /* dW1, db1, dW2 */
        assert_true(g[ALL - 1] != 0); /* the output bias learns the class shares */
    }
}

/* From zeros the output bias alone learns, and what it learns are the class shares, here 2/5, 2/5 and 1/5: at their
 * logarithms nothing moves any more. */
static void the_output_bias_learns_the_class_shares(void **state) {
    double x[BATCH * IN], y[BATCH] = { 0, 2, 1, 1, 0 }, flat[ALL] = { 0 }, g[ALL];
    (void)state;
    for (int i = 0; i < BATCH * IN; i++) x[i] = sin(3 * i);
    for (int c = 0; c < CLASSES; c++) flat[ALL - CLASSES + c] = log(c == 2 ? .2 : .4);
    eg_model *m = eg_sequential(EG_SHAPE(IN), eg_dense(HIDDEN, .act = EG_TANH), eg_dense(CLASSES, .act = EG_SOFTMAX));
    weigh(m, flat, ALL);
    eg_value *logits;
    assert_int_equal(eg_model_build(m, of(EG_SHAPE(BATCH, IN), x), NULL, NULL, &logits, NULL), EG_OK);
    gradients(m, eg_loss(EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY, of(EG_SHAPE(BATCH), y), logits, .from_logits = 1), g);
    for (int i = 0; i < ALL; i++) NEAR(g[i], 0, 1e-16);
    eg_model_free(m);
}

static void constant_init_makes_all_neurons_equal(void **state) {
    double g[ALL];
    (void)state;
    gradients_with(EG_INIT(CONSTANT, .a = .3), EG_TANH, g);
    for (int i = 0; i < IN; i++)
        for (int h = 1; h < HIDDEN; h++) assert_true(g[i * HIDDEN + h] == g[i * HIDDEN]);
    for (int h = 1; h < HIDDEN; h++) assert_true(g[W1 + h] == g[W1]);
    for (int h = 1; h < HIDDEN; h++)
        for (int c = 0; c < CLASSES; c++) assert_true(g[W1 + HIDDEN + h * CLASSES + c] == g[W1 + HIDDEN + c]);
    assert_true(g[0] != 0);
    gradients_with(EG_INIT(NORMAL, .a = .3), EG_TANH, g);
    assert_true(g[0] != g[1]);
}

enum { LAYERS = 10, UNITS = 500, SAMPLES = 10, OUT = SAMPLES * UNITS };

/* Standard deviation of the last of ten layers of 500 on standard normal inputs; share of them beyond .99. */
static double spread(eg_activation_kind act, eg_init init, double *saturated) {
    static double x[OUT], out[OUT];
    eg_layer *layers[LAYERS];
    for (int i = 0; i < LAYERS; i++) layers[i] = eg_dense(UNITS, .act = act, .kernel_init = init);
    eg_model *m = eg_sequential_(EG_SHAPE(UNITS), layers, LAYERS);
    assert_int_equal(eg_model_set_dtype(m, EG_F64), EG_OK);
    assert_int_equal(eg_model_init(m, 1, EG_KERAS), EG_OK); /* biases are zero */
    eg_rng rng = eg_rng_new(5, 1);
    for (int i = 0; i < OUT; i++) x[i] = eg_rng_gauss(&rng);
    run_with(m, output(m, of(EG_SHAPE(SAMPLES, UNITS), x)), out, OUT);
    eg_model_free(m);
    double mean = 0, variance = 0;
    *saturated = 0;
    for (int i = 0; i < OUT; i++) {
        mean += out[i] / OUT;
        *saturated += (fabs(out[i]) > .99) / (double)OUT;
    }
    for (int i = 0; i < OUT; i++) variance += (out[i] - mean) * (out[i] - mean) / OUT;
    return sqrt(variance);
}

static void small_and_large_weights_kill_the_signal(void **state) {
    double saturated;
    (void)state;
    assert_true(spread(EG_TANH, EG_INIT(NORMAL, .a = .01), &saturated) < 1e-6);
    NEAR(spread(EG_TANH, EG_INIT(NORMAL, .a = .1), &saturated), .765, .02);
    NEAR(spread(EG_TANH, EG_INIT(NORMAL, .a = 1), &saturated), .982, .005);
    NEAR(saturated, .9, .02);
}

static void glorot_keeps_it_through_tanh(void **state) {
    double saturated;
    (void)state;
    NEAR(spread(EG_TANH, EG_INIT(GLOROT_NORMAL), &saturated), .228, .03);
}

static void he_keeps_it_through_relu(void **state) {
    double saturated;
    (void)state;
    NEAR(spread(EG_RELU, EG_INIT(HE_NORMAL), &saturated), .87, .25);
    NEAR(spread(EG_RELU, EG_INIT(GLOROT_NORMAL), &saturated), .026, .008);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(zero_is_a_saddle_point),
        SLIDE(the_output_bias_learns_the_class_shares),
        SLIDE(constant_init_makes_all_neurons_equal),
        SLIDE(small_and_large_weights_kill_the_signal),
        SLIDE(glorot_keeps_it_through_tanh),
        SLIDE(he_keeps_it_through_relu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
