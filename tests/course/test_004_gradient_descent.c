/* SPDX-License-Identifier: MIT
 *
 * test_004_gradient_descent.c: deck 004, "guess what number I'm thinking of", the learning rate, momentum in both
 * lecture forms, and the figures of "Why Momentum Really Works".
 */
#include "../../cli/surface.h"
#include "course/descent.h"

static eg_value *parabola(eg_value *theta) { return eg_sum(eg_square(eg_sub(theta, eg_const(graph, 7)))); }

static void guesses(double lr, int n, const double *want) {
    double theta[DIMS] = { 0, 7 }; /* the second coordinate is there already */
    descent d = descend(eg_sgd(.lr = lr), parabola, theta);
    for (int i = 0; i < n; i++) {
        advance(&d, i, lr, theta);
        NEAR(theta[0], want[i], 1e-12);
        assert_true(theta[1] == 7);
    }
    finish(&d);
}

static void guess_my_number(void **state) {
    (void)state;
    guesses(.1, 3, (double[]){ 1.4, 2.52, 3.416 });
    guesses(.5, 1, (double[]){ 7 });
    guesses(1, 4, (double[]){ 14, 0, 14, 0 });
    guesses(1.1, 3, (double[]){ 15.4, -3.08, 19.096 }); /* diverges */
}

static double rate(int t) { return .05 / (1 + .3 * t); }

static eg_value *bowl(eg_value *w) { return eg_sum(eg_mul(VECTOR(.5, 4), eg_square(w))); }

/* m = gamma m + eta g; theta -= m (deck 004) */
static void lecture_momentum(double *w, double *m, double lr) {
    const double slope[DIMS] = { 1, 8 };
    for (int i = 0; i < DIMS; i++) {
        m[i] = .9 * m[i] + lr * slope[i] * w[i];
        w[i] -= m[i];
    }
}

/* W(j+1) = W(j) - eta g + gamma (W(j) - W(j-1)) (deck 002; the slide has + eta under "min") */
static void heavy_ball(double *w, double *before, double lr) {
    const double slope[DIMS] = { 1, 8 };
    for (int i = 0; i < DIMS; i++) {
        double next = w[i] - lr * slope[i] * w[i] + .9 * (w[i] - before[i]);
        before[i] = w[i];
        w[i] = next;
    }
}

static void both_lecture_forms_are_keras_momentum(void **state) {
    (void)state;
    for (int named = 0; named < 2; named++) {
        double a[DIMS] = { 1, -2 }, b[DIMS] = { 1, -2 }, w[DIMS] = { 1, -2 }, m[DIMS] = { 0 },
               before[DIMS] = { 1, -2 };
        descent d = descend(named ? eg_momentum() : eg_sgd(.momentum = .9), bowl, w);
        for (int t = 0; t < 60; t++) { /* the learning rate changes at every step */
            advance(&d, t, rate(t), w);
            lecture_momentum(a, m, rate(t));
            heavy_ball(b, before, rate(t));
            for (int i = 0; i < DIMS; i++) {
                NEAR(a[i], w[i], 1e-13);
                NEAR(b[i], w[i], 1e-13);
            }
        }
        finish(&d);
    }
}

/* The torch form keeps lr out of its buffer: the same only while lr is constant. */
static void torch_momentum_differs_when_the_rate_changes(void **state) {
    (void)state;
    for (int changing = 0; changing < 2; changing++) {
        double a[DIMS] = { 1, -2 }, b[DIMS] = { 1, -2 };
        descent k = descend(eg_sgd(.momentum = .9), bowl, a),
                p = descend(eg_sgd(.momentum = .9, .dialect = EG_TORCH), bowl, b);
        for (int t = 0; t < 20; t++) {
            double lr = changing ? rate(t) : .01;
            advance(&k, t, lr, a);
            advance(&p, t, lr, b);
        }
        assert_int_equal(fabs(a[0] - b[0]) > 1e-6, changing);
        finish(&k);
        finish(&p);
    }
}

/* A loss summed over n samples with lr/n takes the steps of their mean with lr. */
static eg_value *errors(eg_value *w) {
    return eg_square(eg_sub(eg_matmul(MATRIX(3, 2, 1, 2, -1, .5, 0, 3), w), VECTOR(1, 2, 3)));
}
static eg_value *sum_of_errors(eg_value *w) { return eg_sum(errors(w)); }
static eg_value *mean_of_errors(eg_value *w) { return eg_mean(errors(w)); }

static void sum_with_lr_over_n_is_mean_with_lr(void **state) {
    double a[DIMS] = { 0 }, b[DIMS] = { 0 };
    (void)state;
    descent sum = descend(eg_sgd(.lr = 1), sum_of_errors, a), mean = descend(eg_sgd(.lr = 1), mean_of_errors, b);
    for (int t = 0; t < 10; t++) {
        advance(&sum, t, .1 / 3, a);
        advance(&mean, t, .1, b);
        for (int i = 0; i < DIMS; i++) NEAR(a[i], b[i], 1e-14);
    }
    finish(&sum);
    finish(&mean);
}

/* The article's figure: (1-x)^2 + 20 (3y - x^2)^2 from (-1.21, .853), step .003, 150 steps; distance to (1, 1/3). */
static eg_value *article(eg_value *w) { return surface_article(eg_at(w, 0), eg_at(w, 1)); }

static void why_momentum_really_works(void **state) {
    static const struct {
        double beta, distance, tolerance;
        int reached; /* first step with the distance below .05; 0: never */
    } rows[] = { { 0, 1.134, 5e-4, 0 }, { .6, .346, 5e-4, 0 }, { .8, .0382, 5e-5, 139 }, { .9, .0001, 5e-5, 25 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double w[DIMS] = { -1.21, .853 }, distance = 0;
        int reached = 0;
        descent d = descend(eg_sgd(.momentum = rows[i].beta), article, w);
        for (int t = 0; t < 150; t++) {
            advance(&d, t, .003, w);
            distance = hypot(w[0] - 1, w[1] - 1.0 / 3);
            if (!reached && distance < .05) reached = t + 1;
        }
        NEAR(distance, rows[i].distance, rows[i].tolerance);
        assert_int_equal(reached, rows[i].reached);
        finish(&d);
    }
}

/* Ravine .5 (x^2 + 100 y^2): with the best alpha and beta 95 steps to |w| < 1e-6, plain descent with its best rate
 * 709. */
static eg_value *ravine(eg_value *w) { return surface_ravine(eg_at(w, 0), eg_at(w, 1)); }

static int steps_down_the_ravine(double lr, double momentum) {
    double w[DIMS] = { 1, 1 };
    descent d = descend(eg_sgd(.momentum = momentum), ravine, w);
    int t = 0;
    while (hypot(w[0], w[1]) >= 1e-6 && t < 2000) advance(&d, t++, lr, w);
    finish(&d);
    return t;
}

static void momentum_in_a_ravine(void **state) {
    (void)state;
    assert_int_equal(steps_down_the_ravine(4.0 / 121, 81.0 / 121), 95); /* .03306, .66942 */
    assert_int_equal(steps_down_the_ravine(2.0 / 101, 0), 709);
}

/* The best alpha and beta damp both directions critically: |w| falls by 9/11 = .818 a step, times (t + 1)/t. */
static void its_rate_in_the_ravine(void **state) {
    double w[DIMS] = { 1, 1 }, before = 0;
    (void)state;
    descent d = descend(eg_sgd(.momentum = 81.0 / 121), ravine, w);
    for (int t = 0; t < 120; t++) {
        before = hypot(w[0], w[1]);
        advance(&d, t, 4.0 / 121, w);
    }
    NEAR(hypot(w[0], w[1]) / before, .818 * 121 / 120, .002);
    finish(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(guess_my_number),
        SLIDE(both_lecture_forms_are_keras_momentum),
        SLIDE(torch_momentum_differs_when_the_rate_changes),
        SLIDE(sum_with_lr_over_n_is_mean_with_lr),
        SLIDE(why_momentum_really_works),
        SLIDE(momentum_in_a_ravine),
        SLIDE(its_rate_in_the_ravine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
