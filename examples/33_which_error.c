/* SPDX-License-Identifier: MIT
 *
 * Which error does a classifier minimize? The count of mistakes (0-1 loss) is flat nearly everywhere and jumps: no
 * slope says where to go. The log loss falls smoothly towards the same place. A border turned through one point by an
 * angle: mistakes, log loss and the slope of each.
 *
 * Slides: 001 "Classification - What error are we minimizing?", "Local search for weight vector".
 * command: elegans picture losses --svg losses.svg
 * prints: angle  mistakes  its slope  log loss  its slope
 * prints: the slope of the mistakes is 0 at all 9 angles
 * prints: descent on the log loss ends at
 */
#include <elegans.h>
#include <math.h>
#include <stdio.h>

enum { N = 100 };

int main(void) {
    eg_data *data = eg_data_open("gen:gauss?n=100,noise=0.5", NULL);
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *angle = eg_input(g, "angle", EG_F32, EG_SCALAR), *x = eg_constant(g, eg_data_x(data));
    eg_value *y = eg_cast(eg_constant(g, eg_data_y(data)), EG_F32);
    eg_value *x1 = eg_reshape_to(eg_slice(x, 1, 0, 1), EG_SHAPE(N)),
             *x2 = eg_reshape_to(eg_slice(x, 1, 1, 2), EG_SHAPE(N));
    eg_value *z = eg_mul(eg_const(g, 3), eg_add(eg_mul(eg_cos(angle), x1), eg_mul(eg_sin(angle), x2)));
    eg_value *mistakes = eg_sum(eg_abs(eg_sub(eg_step(z), y)));
    eg_value *log_loss = eg_mean(eg_sub(eg_softplus(z), eg_mul(y, z))), *root[4] = { mistakes, NULL, log_loss, NULL };
    eg_grad(mistakes, &angle, 1, root + 1), eg_grad(log_loss, &angle, 1, root + 3);
    eg_program *p = eg_program_new(state, root, 4);
    if (!p) return fprintf(stderr, "%s\n", eg_error()), 1;

    int flat = 0;
    printf("angle  mistakes  its slope  log loss  its slope\n");
    for (int i = 0; i < 9; i++) {
        float a = (float)i * .7f;
        if (eg_set(p, "angle", &a, sizeof a) != EG_OK || eg_run(p) != EG_OK)
            return fprintf(stderr, "%s\n", eg_error()), 1;
        printf("%5.1f %9g %10g %9.4f %10.4f\n", (double)a, (double)eg_get(p, 0)[0], (double)eg_get(p, 1)[0],
               (double)eg_get(p, 2)[0], (double)eg_get(p, 3)[0]);
        flat += eg_get(p, 1)[0] == 0;
    }
    printf("the slope of the mistakes is 0 at all %d angles\n", flat);
    float a = 2;
    for (int i = 0; i < 200; i++) eg_set(p, "angle", &a, sizeof a), eg_run(p), a -= .2f * eg_get(p, 3)[0];
    printf("descent on the log loss ends at %.3f with %g mistakes\n", (double)a, (double)eg_get(p, 0)[0]);
    eg_program_free(p), eg_state_free(state), eg_graph_free(g), eg_data_free(data);
    return 0;
}
