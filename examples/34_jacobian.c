/* SPDX-License-Identifier: MIT
 *
 * Vector outputs. L = |W x|^2 with q = W x: grad q = 2 q (the slide prints 2 q_i^2), grad x = 2 W' q, grad W = 2 q
 * x': every gradient has the shape of what it is for. Backward through f is dL/dx = J dL/df with the deck's J, inputs
 * x outputs, the transpose of the usual one; relu's is a diagonal mask, so nobody ever builds it.
 *
 * Slides: 002 "Vector Outputs", "Jacobian Matrix", "Jacobian for ReLU", "Linear Transformations".
 * command: elegans explain 'sum((W @ x)^2)' W='[[1, 2, 0], [3, -1, 4]]' x=1,-1,2
 * command: elegans explain 'relu(x)' x=1,-2,3 --jacobian
 * prints: q [-1. 12.]
 * prints: grad q [-2. 24.]
 * prints: grad x [ 70. -28.  96.]
 * prints: relu's J, row by row: 1 0 0, 0 0 0, 0 0 1
 */
#include <elegans.h>
#include <stdio.h>

static const double weights[6] = { 1, 2, 0, 3, -1, 4 };

static void show(const char *what, eg_program *p, int root, eg_value *value) {
    eg_tensor *t = eg_tensor_from(EG_F64, eg_value_shape(value), eg_get_data(p, root));
    char *text = t ? eg_tensor_text(t) : NULL;
    printf("%s %s\n", what, text ? text : eg_error());
    eg_string_free(text), eg_tensor_free(t);
}

int main(void) {
    eg_graph *g = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *W = eg_var(g, "W", EG_F64, EG_SHAPE(2, 3)), *x = eg_input(g, "x", EG_F64, EG_SHAPE(3));
    eg_value *q = eg_matmul(W, x), *root[7] = { q };
    eg_grad(eg_sum(eg_square(q)), (eg_value *[]){ q, x, W }, 3, root + 1);
    eg_value *r = eg_relu(x);
    for (int j = 0; j < 3; j++) eg_grad(eg_at(r, j), &x, 1, root + 4 + j); /* column j of the deck's J */
    eg_program *p = eg_program_new(state, root, 7, .executor = EG_REF);
    eg_state_write(state, "W", weights, sizeof weights);
    if (!p || eg_set(p, "x", (double[]){ 1, -1, 2 }, 3 * sizeof(double)) != EG_OK || eg_run(p) != EG_OK)
        return fprintf(stderr, "%s\n", eg_error()), 1;
    show("q", p, 0, q), show("grad q", p, 1, q), show("grad x", p, 2, x), show("grad W", p, 3, W);

    double column[3][3];
    for (int j = 0; j < 3; j++) eg_fetch(p, 4 + j, column[j], 3);
    printf("relu's J, row by row:");
    for (int i = 0; i < 3; i++) printf(" %g %g %g%s", column[0][i], column[1][i], column[2][i], i < 2 ? "," : "\n");
    eg_program_free(p), eg_state_free(state), eg_graph_free(g);
    return 0;
}
