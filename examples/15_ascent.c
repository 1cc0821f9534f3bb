/* SPDX-License-Identifier: MIT
 *
 * Logistic regression by ascent: w += alpha d ll / d w climbs the log-likelihood. Descent on its negative makes the
 * same steps, bit for bit: a sign is all that lies between the decks that climb and those that descend (002
 * has W + eta grad under "min L": the plus belongs to an ascent).
 *
 * Slides: 001 "Gradient Ascent", "Maximum likelihood estimation"; 002 "Gradient descent".
 * command: elegans explain 'sum(log(sigmoid(y*(x*w + b))))' x=-1,2,3 y=-1,1,1 w=0 b=0
 * command: elegans train -d gen:gauss -n 'dense 1 sigmoid' -o sgd --lr 1 -b all --loss log_likelihood --maximize
 * command: elegans train -d gen:gauss -n 'dense 1 sigmoid' -o sgd --lr 1 -b all --loss log_loss
 * prints: log-likelihood before -69.3147
 * prints: ascent and descent: the same bits
 */
#include <elegans.h>
#include <stdio.h>
#include <string.h>

enum { N = 100, STEPS = 200 };

/* STEPS steps on sum_i log P(y_i | x_i; w), uphill or downhill on the negative; w = w1, w2, b. */
static int climb(int ascent, const eg_data *data, float w[3], float *first, float *last) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *x = eg_constant(g, eg_data_x(data)), *y = eg_cast(eg_constant(g, eg_data_y(data)), EG_F32);
    eg_value *var = eg_var(g, "w", EG_F32, EG_SHAPE(3)),
             *z = eg_add(eg_matmul(x, eg_slice(var, 0, 0, 2)), eg_at(var, 2));
    eg_value *sign = eg_sub(eg_mul(y, eg_const(g, 2)), eg_const(g, 1)); /* labels +-1: P = sigmoid(y z) */
    eg_value *ll = eg_sum(eg_neg(eg_softplus(eg_neg(eg_mul(sign, z))))), *goal = ascent ? ll : eg_neg(ll), *slope;
    eg_grad(goal, &var, 1, &slope);
    eg_value *step = eg_mul(eg_const(g, .01), slope), *root[2] = { ll };
    root[1] = eg_assign(var, ascent ? eg_add(var, step) : eg_sub(var, step));
    eg_program *p = eg_program_new(state, root, 2);
    int bad = !p;
    for (int i = 0; i < STEPS && !bad; i++) {
        bad = eg_run(p) != EG_OK;
        *(i == 0 ? first : last) = eg_get(p, 0)[0];
    }
    bad = bad || eg_state_read(state, "w", w, 3 * sizeof *w) != EG_OK;
    if (bad) fprintf(stderr, "%s\n", eg_error());
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return bad;
}

int main(void) {
    float up[3] = { 0 }, down[3] = { 0 }, first = 0, last = 0;
    eg_data *data = eg_data_open("gen:gauss?n=100,noise=0.6", NULL);
    int bad = climb(0, data, down, &first, &last) + climb(1, data, up, &first, &last);
    printf("log-likelihood before %.4f, after %d steps %.4f\n", (double)first, STEPS, (double)last);
    printf("w = %.4f, %.4f, b = %.4f\n", (double)up[0], (double)up[1], (double)up[2]);
    if (memcmp(up, down, sizeof up) == 0) printf("ascent and descent: the same bits\n");
    eg_data_free(data);
    return bad != 0;
}
