/* SPDX-License-Identifier: MIT
 *
 * One derivative three ways: f(x) = sin(x^2) e^-x at x = 1. Symbolic: the formula e^-x (2 x cos x^2 - sin x^2), by
 * hand. Automatic: the same numbers, exact up to rounding (the slide calls it numerical; it is not). Numerical:
 * differences, whose error first falls with the step and then grows again, when rounding takes over. Last, what the
 * derivative is good for: f(x + e) is nearly f(x) + a e, without running f again.
 *
 * Slides: 003 "Symbolic and automatic differentiation", "Update rule" (f(w + eps) = y + a eps), "Backpropagation".
 * command: elegans explain 'sin(x^2)*exp(-x)' --symbolic
 * command: elegans explain 'sin(x^2)*exp(-x)' x=1 --nudge x=.01
 * prints: symbolic     0.087972345039714
 * prints: automatic    0.087972345039714
 * prints: the two differ by less than 1e-15
 * prints: best step of a central difference: 1e-0
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>

static double f(double x) { return sin(x * x) * exp(-x); }

int main(void) {
    const double at = 1, symbolic = exp(-at) * (2 * at * cos(at * at) - sin(at * at));
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *x = eg_input(g, "x", EG_F64, EG_SCALAR), *slope;
    eg_grad(eg_mul(eg_sin(eg_square(x)), eg_exp(eg_neg(x))), &x, 1, &slope);
    eg_program *p = eg_program_new(state, &slope, 1, .executor = EG_REF);
    double automatic = NAN;
    int bad =
        !p || eg_set(p, "x", &at, sizeof at) != EG_OK || eg_run(p) != EG_OK || eg_fetch(p, 0, &automatic, 1) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_error());
    printf("symbolic     %.15f\nautomatic    %.15f\n", symbolic, automatic);
    if (fabs(symbolic - automatic) < 1e-15) printf("the two differ by less than 1e-15\n");

    double best = INFINITY, best_h = 0;
    printf("step    one-sided error   central error\n");
    for (int k = 1; k <= 13; k += 2) {
        double h = pow(10, -k), one = fabs((f(at + h) - f(at)) / h - symbolic);
        double central = fabs((f(at + h) - f(at - h)) / (2 * h) - symbolic);
        if (central < best) best = central, best_h = h;
        printf("1e-%02d   %.1e           %.1e\n", k, one, central);
    }
    printf("best step of a central difference: %.0e\n", best_h);
    for (double e = .1; e > .0005; e /= 10)
        printf("e = %-5g  predicted change %+.6f, true change %+.6f\n", e, automatic * e, f(at + e) - f(at));
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return bad;
}
