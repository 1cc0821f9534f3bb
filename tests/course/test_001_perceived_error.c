/* SPDX-License-Identifier: MIT
 *
 * test_001_perceived_error.c: deck 001, backpropagation by hand: the net x1, x2 -> 3, 4 -> 5 with nine weights, loss
 * (y - a5)^2. The derivatives by the slides' recursion over the "perceived error" dLoss/din_i equal those of
 * automatic differentiation. The slides print 2(y - a5), the opposite sign.
 */
#include "course/models.h"

enum { SIDE = 6 };
static const double x[3] = { 1, .6, -.9 }; /* x[0] = 1: weight w[0][j] is neuron j's bias */
static const double y = .7;

/* w[i][j]: from i to j, as the slide's torch.rand(6, 6) */
static double w[SIDE][SIDE];

static double g(double in) { return 1 / (1 + exp(-in)); }

/* in_i = w0i + sum_j wji aj */
static void forward(double a[SIDE]) {
    for (int i = 0; i < 3; i++) a[i] = x[i];
    for (int i = 3; i <= 4; i++) a[i] = g(w[0][i] + w[1][i] * x[1] + w[2][i] * x[2]);
    a[5] = g(w[0][5] + w[3][5] * a[3] + w[4][5] * a[4]);
}

/* dLoss/din_i = g'(in_i) sum over i -> j of dLoss/din_j wij; dLoss/dwij = ai dLoss/din_j */
static void by_perceived_error(double d[SIDE][SIDE]) {
    double a[SIDE], error[SIDE];
    forward(a);
    error[5] = 2 * (a[5] - y) * a[5] * (1 - a[5]);
    for (int i = 3; i <= 4; i++) error[i] = a[i] * (1 - a[i]) * error[5] * w[i][5];
    for (int j = 3; j <= 4; j++)
        for (int i = 0; i < 3; i++) d[i][j] = a[i] * error[j];
    d[0][5] = error[5];
    for (int i = 3; i <= 4; i++) d[i][5] = a[i] * error[5];
}

/* The slide's program, one eg_at for each w[i, j] */
static eg_value *loss_of(eg_value *m) {
    eg_value *a[2];
    for (int i = 0; i < 2; i++) {
        eg_value *in = eg_add(eg_mul(eg_at(m, 1, 3 + i), NUMBER(x[1])), eg_mul(eg_at(m, 2, 3 + i), NUMBER(x[2])));
        a[i] = eg_sigmoid(eg_add(eg_at(m, 0, 3 + i), in));
    }
    eg_value *in = eg_add(eg_mul(eg_at(m, 3, 5), a[0]), eg_mul(eg_at(m, 4, 5), a[1]));
    return eg_square(eg_sub(eg_sigmoid(eg_add(eg_at(m, 0, 5), in)), NUMBER(y)));
}

static void draw_weights(unsigned seed) {
    for (int i = 0; i < SIDE * SIDE; i++) {
        seed = seed * 1664525u + 1013904223u;
        w[i / SIDE][i % SIDE] = (seed >> 8) * 0x1p-24;
    }
}

static void autodiff_equals_the_recursion(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        double want[SIDE][SIDE] = { 0 };
        draw_weights(seed);
        by_perceived_error(want);
        assert_true(fabs(want[3][5]) > 1e-4);
        eg_value *m = of(EG_SHAPE(SIDE, SIDE), &w[0][0]);
        is_close(slope(loss_of(m), m), EG_SHAPE(SIDE, SIDE), &want[0][0], 1e-12);
    }
}

/* dLoss/dw35 = 2 (a5 - y) g'(in5) a3, the slide's w.grad[3,5] */
static void derivative_by_w35(void **state) {
    double a[SIDE];
    (void)state;
    draw_weights(7);
    forward(a);
    eg_value *m = of(EG_SHAPE(SIDE, SIDE), &w[0][0]);
    EXACT(eg_at(slope(loss_of(m), m), 3, 5), EG_SCALAR, 2 * (a[5] - y) * a[5] * (1 - a[5]) * a[3]);
}

/* The same net as two dense layers. */
static void dense_layers_have_the_same_derivatives(void **state) {
    double want[SIDE][SIDE] = { 0 }, got[9];
    (void)state;
    draw_weights(11);
    by_perceived_error(want);
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(2, .act = EG_SIGMOID), eg_dense(1, .act = EG_SIGMOID));
    WEIGHTS(m, w[1][3], w[1][4], w[2][3], w[2][4], w[0][3], w[0][4], w[3][5], w[4][5], w[0][5]);
    eg_value *p = output(m, MATRIX(1, 2, x[1], x[2]));
    gradients(m, eg_loss(EG_LOSS_MEAN_SQUARED_ERROR, MATRIX(1, 1, y), p), got);
    const double in_order[9] = { want[1][3], want[1][4], want[2][3], want[2][4], want[0][3],
                                 want[0][4], want[3][5], want[4][5], want[0][5] };
    for (int i = 0; i < 9; i++) NEAR(got[i], in_order[i], 1e-12);
    eg_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(autodiff_equals_the_recursion),
        SLIDE(derivative_by_w35),
        SLIDE(dense_layers_have_the_same_derivatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
