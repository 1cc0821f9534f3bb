/* SPDX-License-Identifier: MIT
 *
 * test_002_gates.c: deck 002, backpropagation through gates, Jacobians, and the gradients of |Wx|^2.
 */
#include "course/course.h"

enum { M = 3, D = 2 };
static const double W_[M * D] = { 1, -2, .5, 3, -1, 4 }, X_[D] = { 2, -1.5 };

/* What comes back through a gate q(a, b) when dL/dq = 7. */
static void sent_back(eg_value *gate, eg_value *a, eg_value *b, double da, double db) {
    eg_value *loss = eg_mul(gate, eg_const(graph, 7));
    EXACT(slope(loss, a), EG_SCALAR, da);
    EXACT(slope(loss, b), EG_SCALAR, db);
}

static void add_gate_distributes(void **state) {
    (void)state;
    eg_value *a = NUMBER(3), *b = NUMBER(-4);
    sent_back(eg_add(a, b), a, b, 7, 7);
}

static void mul_gate_switches(void **state) {
    (void)state;
    eg_value *a = NUMBER(3), *b = NUMBER(-4);
    sent_back(eg_mul(a, b), a, b, 7 * -4, 7 * 3);
}

static void max_gate_routes(void **state) {
    (void)state;
    eg_value *a = NUMBER(3), *b = NUMBER(-4);
    sent_back(eg_maximum(a, b), a, b, 7, 0);
    sent_back(eg_maximum(b, a), a, b, 7, 0);
    sent_back(eg_maximum(a, NUMBER(3)), a, b, 3.5, 0); /* a tie is shared */
}

/* f = 1 / (1 + exp(-(w0 + w1 x1 + w2 x2))), gate by gate and as one block: dL/dy = sigma (1 - sigma) dL/dq. */
static void sigmoid_gate_by_gate_is_the_sigmoid_block(void **state) {
    (void)state;
    eg_value *w[] = { NUMBER(-3), NUMBER(2), NUMBER(-3) }, *x1 = NUMBER(-1), *x2 = NUMBER(-2);
    eg_value *y = eg_add(w[0], eg_add(eg_mul(w[1], x1), eg_mul(w[2], x2)));
    eg_value *one = NUMBER(1), *gates = eg_div(one, eg_add(one, eg_exp(eg_neg(y)))), *block = eg_sigmoid(y);
    double s = number(block);
    EXACT(gates, EG_SCALAR, 1 / (1 + exp(-1)));
    EXACT(block, EG_SCALAR, 1 / (1 + exp(-1)));
    for (int i = 0; i < 3; i++) {
        double factor = i == 0 ? 1 : i == 1 ? -1 : -2;
        EXACT(slope(gates, w[i]), EG_SCALAR, s * (1 - s) * factor);
        EXACT(slope(block, w[i]), EG_SCALAR, s * (1 - s) * factor);
    }
}

/* The deck's Jacobian of f: R^D -> R^M is D x M (row j: by x_j), the transpose of the usual; dL/dx = J dL/df. */
static void gradient_is_the_jacobian_times_the_gradient_behind(void **state) {
    double j[D * M], behind[M];
    (void)state;
    eg_value *w = MATRIX(M, D, 1, -2, .5, 3, -1, 4), *x = VECTOR(2, -1.5), *f = eg_tanh(eg_matmul(w, x));
    eg_value *loss = eg_sum(eg_mul(f, eg_square(f)));
    for (int i = 0; i < M; i++) {
        double column[D];
        run(slope(eg_at(f, i), x), column, D);
        for (int d = 0; d < D; d++) j[d * M + i] = column[d];
    }
    run(slope(loss, f), behind, M);
    double want[D] = { 0 };
    for (int d = 0; d < D; d++)
        for (int i = 0; i < M; i++) want[d] += j[d * M + i] * behind[i];
    is_close(slope(loss, x), EG_SHAPE(D), want, 1e-12);
}

/* relu's Jacobian is diagonal: what the backward pass holds is d numbers, never d x d. */
static void relu_jacobian_is_a_mask(void **state) {
    enum { N = 500 };
    double x[N], seed[N], got[N];
    (void)state;
    for (int i = 0; i < N; i++) x[i] = i % 3 - 1, seed[i] = i + 1;
    eg_value *in = of(EG_SHAPE(N), x), *adjoint = of(EG_SHAPE(N), seed), *f = eg_relu(in), *din;
    assert_int_equal(eg_vjp(&f, &adjoint, 1, &in, 1, &din), EG_OK);
    run(din, got, N);
    for (int i = 0; i < N; i++) assert_true(got[i] == (x[i] > 0 ? seed[i] : 0));
    eg_program *program = eg_program_new(values, &din, 1, .executor = EG_REF);
    assert_non_null(program);
    assert_in_range(eg_program_memory(program), 1, 64 * N * sizeof(double));
    eg_program_free(program);
}

static void squared_length_of_a_linear_map(void **state) {
    double q[M] = { 0 }, dx[D] = { 0 }, dw[M * D], twice[M];
    (void)state;
    for (int i = 0; i < M; i++)
        for (int d = 0; d < D; d++) q[i] += W_[i * D + d] * X_[d];
    for (int i = 0; i < M; i++)
        for (int d = 0; d < D; d++) dx[d] += 2 * W_[i * D + d] * q[i], dw[i * D + d] = 2 * q[i] * X_[d];
    for (int i = 0; i < M; i++) twice[i] = 2 * q[i]; /* the slide prints 2 q_i^2 */
    eg_value *w = of(EG_SHAPE(M, D), W_), *x = of(EG_SHAPE(D), X_), *value = eg_matmul(w, x);
    eg_value *loss = eg_sum(eg_square(value));
    is_close(slope(loss, value), EG_SHAPE(M), twice, 1e-12);
    is_close(slope(loss, x), EG_SHAPE(D), dx, 1e-12);
    is_close(slope(loss, w), EG_SHAPE(M, D), dw, 1e-12);
}

/* "Do it differently": L = x' W' W x has the same gradients, 2 W' W x and 2 W x x'. */
static void the_same_as_a_quadratic_form(void **state) {
    double dx[D], dw[M * D];
    (void)state;
    eg_value *w = of(EG_SHAPE(M, D), W_), *x = of(EG_SHAPE(D), X_);
    eg_value *length = eg_sum(eg_square(eg_matmul(w, x)));
    eg_value *form = eg_matmul(x, eg_matmul(eg_matmul(eg_transpose(w), w), x));
    EXACT(form, EG_SCALAR, number(length));
    run(slope(length, x), dx, D);
    run(slope(length, w), dw, M * D);
    is_close(slope(form, x), EG_SHAPE(D), dx, 1e-11);
    is_close(slope(form, w), EG_SHAPE(M, D), dw, 1e-11);
}

/* o = W3 max(0, W2 max(0, W1 x)): every gradient has the shape of what it is for. */
static void gradient_dimension_matches_what_it_is_for(void **state) {
    double ones[60];
    (void)state;
    for (int i = 0; i < 60; i++) ones[i] = .1 * (i % 7) - .2;
    eg_value *v[] = { of(EG_SHAPE(4), ones), of(EG_SHAPE(5, 4), ones), of(EG_SHAPE(6, 5), ones),
                      of(EG_SHAPE(3, 6), ones) };
    eg_value *h1 = eg_relu(eg_matmul(v[1], v[0])), *h2 = eg_relu(eg_matmul(v[2], h1)), *out[4];
    assert_int_equal(eg_grad(eg_sum(eg_square(eg_matmul(v[3], h2))), v, 4, out), EG_OK);
    for (int i = 0; i < 4; i++) assert_true(eg_shape_equal(eg_value_shape(out[i]), eg_value_shape(v[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(add_gate_distributes),
        SLIDE(mul_gate_switches),
        SLIDE(max_gate_routes),
        SLIDE(sigmoid_gate_by_gate_is_the_sigmoid_block),
        SLIDE(gradient_is_the_jacobian_times_the_gradient_behind),
        SLIDE(relu_jacobian_is_a_mask),
        SLIDE(squared_length_of_a_linear_map),
        SLIDE(the_same_as_a_quadratic_form),
        SLIDE(gradient_dimension_matches_what_it_is_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
