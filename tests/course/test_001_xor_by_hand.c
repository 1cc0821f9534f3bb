/* SPDX-License-Identifier: MIT
 *
 * test_001_xor_by_hand.c: deck 001, "does it solve xor?": OR, AND, NOT and XOR as neurons with given weights.
 */
#include "course/models.h"

static const double corners[8] = { 0, 0, 0, 1, 1, 0, 1, 1 };

/* One neuron act(w0 + w1 x1 + w2 x2) on the four corners. */
static void neuron(eg_activation_kind act, double w0, double w1, double w2, double *out) {
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(1, .act = act));
    WEIGHTS(m, w1, w2, w0);
    run_with(m, output(m, of(EG_SHAPE(4, 2), corners)), out, 4);
    eg_model_free(m);
}

static void or_and_not_are_neurons(void **state) {
    double or_[4], and_[4], not_[4];
    (void)state;
    neuron(EG_STEP, -.5, 1, 1, or_);
    neuron(EG_STEP, -1.5, 1, 1, and_);
    neuron(EG_STEP, .5, -1, 0, not_); /* NOT x1 */
    for (int i = 0; i < 4; i++) {
        int x1 = i / 2, x2 = i % 2;
        assert_true(or_[i] == (x1 | x2) && and_[i] == (x1 & x2) && not_[i] == !x1);
    }
}

/* a1 = act(k(-.5 + x1 + x2)), a2 = act(k(-1.5 + x1 + x2)), a3 = act(k(-.5 + a1 - a2)) */
static void slides_net(eg_activation_kind act, double k, double *out) {
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(2, .act = act), eg_dense(1, .act = act));
    WEIGHTS(m, k, k, k, k, -.5 * k, -1.5 * k, k, -k, -.5 * k);
    run_with(m, output(m, of(EG_SHAPE(4, 2), corners)), out, 4);
    eg_model_free(m);
}

static void threshold_units_solve_xor(void **state) {
    double out[4];
    (void)state;
    slides_net(EG_STEP, 1, out);
    for (int i = 0; i < 4; i++) assert_true(out[i] == ((i / 2) ^ (i % 2)));
}

/* The slide's logistic units with its numbers put all four corners into class 0. */
static void logistic_units_as_printed_do_not(void **state) {
    static const double want[4] = { .4244, .4366, .4366, .4244 };
    double out[4];
    (void)state;
    slides_net(EG_SIGMOID, 1, out);
    for (int i = 0; i < 4; i++) NEAR(out[i], want[i], 5e-5);
}

/* Multiplied by k > 2 ln 3 they are right. */
static void steeper_logistic_units_do(void **state) {
    double border = 2 * log(3), out[4];
    (void)state;
    NEAR(border, 2.1972, 5e-5);
    slides_net(EG_SIGMOID, border + .01, out);
    for (int i = 0; i < 4; i++) assert_int_equal(out[i] > .5, (i / 2) ^ (i % 2));
    slides_net(EG_SIGMOID, border - .01, out);
    for (int i = 0; i < 4; i++) assert_true(out[i] < .5);
}

/* A threshold unit passes no gradient: backpropagation cannot train it. */
static void threshold_units_have_no_gradient(void **state) {
    double g[9];
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(2, .act = EG_STEP), eg_dense(1));
    WEIGHTS(m, 1, 1, 1, 1, -.5, -1.5, 1, -1, -.5);
    gradients(m, eg_sum(output(m, of(EG_SHAPE(4, 2), corners))), g);
    for (int i = 0; i < 6; i++) assert_true(g[i] == 0);
    assert_true(g[6] == 3 && g[7] == 1 && g[8] == 4);
    eg_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(or_and_not_are_neurons),           SLIDE(threshold_units_solve_xor),
        SLIDE(logistic_units_as_printed_do_not), SLIDE(steeper_logistic_units_do),
        SLIDE(threshold_units_have_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
