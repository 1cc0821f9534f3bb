/* SPDX-License-Identifier: MIT
 *
 * test_004_neuron.c: deck 004, one neuron, activation functions, softmax and the cost of a wrong class.
 */
#include "course/course.h"

/* relu(3 x1 - 2 x2 + 1) */
static void concrete_example(void **state) {
    (void)state;
    eg_value *w = VECTOR(3, -2), *b = NUMBER(1), *x = MATRIX(3, 2, 0, 0, 1, 1, 1, 2);
    EXACT(eg_relu(eg_add(eg_matmul(x, w), b)), EG_SHAPE(3), 1, 2, 0);
    for (int i = 0; i < 3; i++) { /* one sample at a time, as on the slide */
        eg_value *one = eg_reshape_to(eg_slice(x, 0, i, i + 1), EG_SHAPE(2));
        EXACT(eg_relu(eg_add(eg_matmul(w, one), b)), EG_SCALAR, (double[]){ 1, 2, 0 }[i]);
    }
}

static void element_wise_activation_functions(void **state) {
    (void)state;
    eg_value *x = VECTOR(-2, -.5, .5, 2);
    double s[4], t[4];
    run(eg_sigmoid(x), s, 4);
    run(eg_tanh(x), t, 4);
    EXACT(slope(eg_sum(eg_sigmoid(x)), x), EG_SHAPE(4), s[0] * (1 - s[0]), s[1] * (1 - s[1]), s[2] * (1 - s[2]),
          s[3] * (1 - s[3]));
    EXACT(slope(eg_sum(eg_tanh(x)), x), EG_SHAPE(4), 1 - t[0] * t[0], 1 - t[1] * t[1], 1 - t[2] * t[2],
          1 - t[3] * t[3]);
    EXACT(slope(eg_sum(eg_relu(x)), x), EG_SHAPE(4), 0, 0, 1, 1);
    eg_value *e = eg_exp(eg_mul(x, eg_const(graph, 2))), *one = eg_const(graph, 1);
    EXACT(eg_div(eg_sub(e, one), eg_add(e, one)), EG_SHAPE(4), t[0], t[1], t[2], t[3]);
}

static void sigmoid_does_not_overflow(void **state) {
    (void)state;
    EXACT(eg_sigmoid(VECTOR(0, 1000, -1000)), EG_SHAPE(3), .5, 1, 0);
}

static void softmax_function(void **state) {
    (void)state;
    PRINTED(eg_softmax(VECTOR(1, 2, 3), 0), EG_SHAPE(3), 5e-5, .0900, .2447, .6652);
    PRINTED(eg_softmax(VECTOR(1, 2, 3), 0), EG_SHAPE(3), 5e-3, .09, .24, .67); /* the slide's two digits */
    PRINTED(eg_softmax(VECTOR(1000, 1001, 1002), 0), EG_SHAPE(3), 5e-5, .0900, .2447, .6652);
    EXACT(eg_sum(eg_softmax(VECTOR(-3, 0, 50), 0)), EG_SCALAR, 1);
}

/* Naively e^1000 / sum is inf / inf; the negative log-likelihood is taken from the logits and never forms it. */
static void negative_log_likelihood(void **state) {
    (void)state;
    PRINTED(eg_neg(eg_log_softmax(VECTOR(1, 2, 3), 0)), EG_SHAPE(3), 5e-5, 2.4076, 1.4076, .4076);
    PRINTED(eg_neg(eg_log_softmax(VECTOR(1000, 1001, 1002), 0)), EG_SHAPE(3), 5e-5, 2.4076, 1.4076, .4076);
}

/* dL/df_k = p_k - 1[y = k] */
static void gradient_of_the_cost_by_the_logits(void **state) {
    double p[3];
    (void)state;
    eg_value *f = VECTOR(.3, -1.2, 2);
    run(eg_softmax(f, 0), p, 3);
    for (int y = 0; y < 3; y++) {
        eg_value *loss = eg_neg(eg_at(eg_log_softmax(f, 0), y));
        EXACT(slope(loss, f), EG_SHAPE(3), p[0] - (y == 0), p[1] - (y == 1), p[2] - (y == 2));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(concrete_example), SLIDE(element_wise_activation_functions), SLIDE(sigmoid_does_not_overflow),
        SLIDE(softmax_function), SLIDE(negative_log_likelihood), SLIDE(gradient_of_the_cost_by_the_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
