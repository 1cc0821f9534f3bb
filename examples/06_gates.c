/* SPDX-License-Identifier: MIT
 *
 * Backpropagation goes from gate to gate: what comes from behind, times the local derivative. An add gate
 * distributes it, a mul gate switches (each input gets the other's value), a max gate routes it to the larger input.
 *
 * Slides: 002 "Derivatives for different gates", "Backpropagation for Sigmoid!", "Sigmoid activation".
 * command: elegans explain '(x + y)*max(z, w)' x=1 y=2 z=3 w=-1
 * prints: f = (x + y) max(z, w) = 9
 * prints: df/dx = 3, df/dy = 3, df/dz = 3, df/dw = 0
 * prints: gate by gate: sigmoid = 0.7311, d/ds = 0.1966
 * prints: as one block, s (1 - s): d/ds = 0.1966
 */
#include <elegans.h>
#include <stdio.h>

static eg_value *number(eg_graph *g, const char *name) { return eg_input(g, name, EG_F32, EG_SCALAR); }

/* Runs a program of n roots with inputs x, y, z, w = 1, 2, 3, -1. */
static int run(eg_state *state, eg_value *const *root, int n, double *out) {
    eg_program *p = eg_program_new(state, root, n);
    const char *name[] = { "x", "y", "z", "w" };
    const float value[] = { 1, 2, 3, -1 };
    int bad = !p;
    for (int i = 0; !bad && i < 4; i++) bad = eg_set(p, name[i], &value[i], sizeof value[i]) != EG_OK;
    bad = bad || eg_run(p) != EG_OK;
    for (int i = 0; !bad && i < n; i++) out[i] = (double)eg_get(p, i)[0];
    if (bad) fprintf(stderr, "%s\n", eg_error());
    eg_program_free(p);
    return bad;
}

int main(void) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *in[4] = { number(g, "x"), number(g, "y"), number(g, "z"), number(g, "w") };

    eg_value *q = eg_add(in[0], in[1]), *m = eg_maximum(in[2], in[3]), *root[5] = { eg_mul(q, m) };
    eg_grad(root[0], in, 4, root + 1);
    double d[5] = { 0 };
    int bad = run(state, root, 5, d);
    printf("f = (x + y) max(z, w) = %g\n", d[0]);
    printf("df/dx = %g, df/dy = %g, df/dz = %g, df/dw = %g\n", d[1], d[2], d[3], d[4]);

    /* 1 / (1 + e^-s) out of four gates, and as one block whose derivative is known: s = x here. */
    eg_value *s = in[0], *one = eg_const(g, 1);
    eg_value *gates[2] = { eg_div(one, eg_add(one, eg_exp(eg_neg(s)))) }, *block[2] = { eg_sigmoid(s) };
    eg_grad(gates[0], &s, 1, gates + 1);
    block[1] = eg_mul(block[0], eg_sub(one, block[0]));
    bad = bad || run(state, gates, 2, d);
    printf("gate by gate: sigmoid = %.4f, d/ds = %.4f\n", d[0], d[1]);
    bad = bad || run(state, block, 2, d);
    printf("as one block, s (1 - s): d/ds = %.4f\n", d[1]);
    eg_state_free(state), eg_graph_free(g);
    return bad;
}
