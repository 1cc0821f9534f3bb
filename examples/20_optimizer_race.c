/* SPDX-License-Identifier: MIT
 *
 * Optimizers race off the saddle x^2 - y^2 + y^4/4, from (.8, .001), a hair beside its ridge: until |y| is within .05
 * of sqrt 2. Everyone has the learning rate .02 but Adagrad (.05) and Adadelta (1). Momentum gathers speed, the
 * adaptive ones divide by the small gradient.
 *
 * Slides: 004 "Optimizers around a saddle point", "Alternative optimizers"; 003 "SGD: many more variants".
 * command: elegans race --surface saddle
 * prints: sgd       217 steps
 * prints: momentum   50 steps
 * prints: nesterov   46 steps
 * prints: adagrad   213 steps
 * prints: adam       61 steps
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>

/* Steps until the goal, -1 on an error; takes the optimizer. */
static int race(eg_optimizer *o, double lr) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *w = eg_var(g, "w", EG_F64, EG_SHAPE(2)), *x = eg_at(w, 0), *y2 = eg_square(eg_at(w, 1));
    eg_value *f = eg_add(eg_sub(eg_square(x), y2), eg_mul(eg_const(g, .25), eg_square(y2)));
    eg_value *step = eg_input(g, "step", EG_I32, EG_SCALAR), *rate = eg_input(g, "lr", EG_F64, EG_SCALAR);
    eg_value *slope, *root[1 + EG_OPTIMIZER_SLOTS];
    int n = 0, t = 0;
    double at[2] = { .8, 1e-3 };
    eg_grad(f, &w, 1, &slope);
    if (!o || eg_optimizer_build(o, step, rate, &w, &slope, 1, root, &n) != EG_OK) return -1;
    eg_program *p = eg_program_new(state, root, n, .executor = EG_REF);
    eg_optimizer_init_slots(o, state);
    eg_state_write(state, "w", at, sizeof at);
    for (; p && fabs(fabs(at[1]) - sqrt(2)) >= .05 && t < 10000; t++) {
        eg_set(p, "step", &(int32_t){ t }, sizeof(int32_t)), eg_set(p, "lr", &lr, sizeof lr);
        if (eg_run(p) != EG_OK || eg_state_read(state, "w", at, sizeof at) != EG_OK) break;
    }
    eg_program_free(p), eg_state_free(state), eg_graph_free(g), eg_optimizer_free(o);
    return t;
}

int main(void) {
    const char *names[] = {
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "nadam", "adamax"
    };
    for (int i = 0; i < 9; i++) {
        eg_optimizer_opt opt = { .size_ = sizeof opt };
        int steps = race(eg_optimizer_new(names[i], opt), i == 3 ? .05 : i == 5 ? 1 : .02);
        printf("%-9s %3d steps\n", names[i], steps);
        if (steps < 0) fprintf(stderr, "%s\n", eg_error());
    }
    return eg_error()[0] != 0;
}
