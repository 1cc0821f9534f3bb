/* SPDX-License-Identifier: MIT
 *
 * Gradients of gradients on a real loss: the Hessian-vector product of a two-layer network with softmax cross-entropy
 * by differentiating twice, H v = d/dw (g . v), against (g(w + h v) - g(w - h v)) / 2h. And H is symmetric: u . H v =
 * v . H u.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "graph/evaluate.h"

enum { BATCH = 6, IN = 5, HIDDEN = 7, OUT = 4, PARAMS = 4, MOST = IN * HIDDEN };

typedef eg_value *(*activation)(eg_value *);

typedef struct network {
    eg_graph *graph;
    eg_value *x, *label, *w[PARAMS], *v[PARAMS]; /* v: the direction, as inputs */
    eg_value *loss, *g[PARAMS], *hv[PARAMS];
    double value[PARAMS][MOST], direction[PARAMS][MOST], data[BATCH * IN];
} network;

static void build(network *m, activation act) {
    static const char *const names[] = { "w1", "b1", "w2", "b2", "v1", "v2", "v3", "v4" };
    const eg_shape shapes[] = { EG_SHAPE(IN, HIDDEN), EG_SHAPE(HIDDEN), EG_SHAPE(HIDDEN, OUT), EG_SHAPE(OUT) };
    eg_graph *g = m->graph = eg_graph_new();
    m->x = eg_input(g, "x", EG_F64, EG_SHAPE(BATCH, IN));
    m->label = eg_input(g, "label", EG_I32, EG_SHAPE(BATCH));
    for (int i = 0; i < PARAMS; i++) {
        m->w[i] = eg_var(g, names[i], EG_F64, shapes[i]);
        m->v[i] = eg_input(g, names[4 + i], EG_F64, shapes[i]);
    }
    eg_value *h = act(eg_add(eg_matmul(m->x, m->w[0]), m->w[1]));
    eg_value *logits = eg_add(eg_matmul(h, m->w[2]), m->w[3]);
    eg_value *picked = eg_sum(eg_mul(logits, eg_one_hot(m->label, OUT, EG_F64)), .axes = EG_AXES(1));
    m->loss = eg_mean(eg_sub(eg_logsumexp(logits, .axes = EG_AXES(1)), picked));
    assert_int_equal(eg_grad(m->loss, m->w, PARAMS, m->g), EG_OK);
    eg_value *dot = eg_const(g, 0);
    for (int i = 0; i < PARAMS; i++) dot = eg_add(dot, eg_sum(eg_mul(m->g[i], m->v[i])));
    assert_int_equal(eg_grad(dot, m->w, PARAMS, m->hv), EG_OK);
    assert_int_equal(eg_graph_verify(g), EG_OK);
}

static void draw(double *out, size_t n, eg_rng *rng) {
    for (size_t k = 0; k < n; k++) out[k] = eg_rng_gauss(rng);
}

static void start(network *m, activation act, uint64_t seed) {
    eg_rng rng = eg_rng_new(seed, 0);
    build(m, act);
    draw(m->data, BATCH * IN, &rng);
    for (int i = 0; i < PARAMS; i++) {
        draw(m->value[i], element_count(m->w[i]), &rng);
        draw(m->direction[i], element_count(m->w[i]), &rng);
    }
}

/* `roots` (of the shapes of w) at w + shift * direction, with v = vector. */
static void compute(const network *m, eg_value *const *roots, double shift, double (*vector)[MOST],
                    double (*out)[MOST]) {
    evaluation e = evaluation_new(m->graph);
    memcpy(evaluation_leaf(&e, m->x), m->data, sizeof m->data);
    for (int b = 0; b < BATCH; b++) evaluation_leaf(&e, m->label)[b] = b % OUT;
    for (int i = 0; i < PARAMS; i++)
        for (size_t k = 0; k < element_count(m->w[i]); k++) {
            evaluation_leaf(&e, m->w[i])[k] = m->value[i][k] + shift * m->direction[i][k];
            evaluation_leaf(&e, m->v[i])[k] = vector[i][k];
        }
    for (int i = 0; i < PARAMS; i++) memcpy(out[i], evaluate(&e, roots[i]), sizeof(double) * element_count(m->w[i]));
    evaluation_free(&e);
}

static void check_product(activation act, uint64_t seed) {
    static network m;
    static double hv[PARAMS][MOST], up[PARAMS][MOST], down[PARAMS][MOST];
    const double h = 1e-5;
    double largest = 0;
    start(&m, act, seed);
    compute(&m, m.hv, 0, m.direction, hv);
    compute(&m, m.g, h, m.direction, up);
    compute(&m, m.g, -h, m.direction, down);
    for (int i = 0; i < PARAMS; i++)
        for (size_t k = 0; k < element_count(m.w[i]); k++) {
            double numeric = (up[i][k] - down[i][k]) / (2 * h);
            assert_near(hv[i][k], numeric, 1e-7 * fmax(1, fabs(numeric)));
            largest = fmax(largest, fabs(numeric));
        }
    assert_true(largest > .05);
    eg_graph_free(m.graph);
}

static double dot(const network *m, double (*a)[MOST], double (*b)[MOST]) {
    double sum = 0;
    for (int i = 0; i < PARAMS; i++)
        for (size_t k = 0; k < element_count(m->w[i]); k++) sum += a[i][k] * b[i][k];
    return sum;
}

static void product_agrees_with_differences(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        check_product(eg_tanh, seed);
        check_product(eg_sigmoid, seed);
        check_product(eg_softplus, seed);
        check_product(eg_relu, seed);
    }
}

static void hessian_is_symmetric(void **state) {
    (void)state;
    static network m;
    static double u[PARAMS][MOST], hu[PARAMS][MOST], hv[PARAMS][MOST];
    eg_rng rng = eg_rng_new(99, 0);
    start(&m, eg_tanh, 3);
    for (int i = 0; i < PARAMS; i++) draw(u[i], element_count(m.w[i]), &rng);
    compute(&m, m.hv, 0, m.direction, hv);
    compute(&m, m.hv, 0, u, hu);
    double uhv = dot(&m, u, hv);
    assert_near(uhv, dot(&m, m.direction, hu), 1e-12 * fabs(uhv));
    assert_true(fabs(uhv) > 1e-3);
    eg_graph_free(m.graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_agrees_with_differences),
        cmocka_unit_test(hessian_is_symmetric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
