/* SPDX-License-Identifier: MIT
 *
 * every_op.h: one graph that holds every op there is, for the tests that must work for all of them.
 */
#ifndef EG_TESTS_EVERY_OP_H
#define EG_TESTS_EVERY_OP_H

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/node.h"
#include "ops/op.h"

enum { EVERY_OP_ROOTS = 128 };

typedef eg_value *(*unary_fn)(eg_value *);
typedef eg_value *(*binary_fn)(eg_value *, eg_value *);

static const unary_fn every_unary[] = { eg_neg,      eg_abs,  eg_exp,     eg_log,   eg_sqrt,
                                        eg_rsqrt,    eg_tanh, eg_sigmoid, eg_relu,  eg_erf,
                                        eg_softplus, eg_sin,  eg_cos,     eg_floor, eg_stop_gradient };
static const binary_fn every_binary[] = { eg_add,        eg_sub,     eg_mul,          eg_div,       eg_pow,
                                          eg_maximum,    eg_minimum, eg_equal,        eg_not_equal, eg_less,
                                          eg_less_equal, eg_greater, eg_greater_equal };
enum {
    EVERY_UNARY = sizeof every_unary / sizeof every_unary[0],
    EVERY_BINARY = sizeof every_binary / sizeof every_binary[0]
};

/* x + y and x * y of one body, as a pass would build it. */
static inline eg_value *every_fused(eg_value *x, eg_value *y) {
    eg_body *body = eg_body_new(x->graph, 2);
    eg_value *a = eg_body_param(body, 0, x->dtype, &x->shape), *b = eg_body_param(body, 1, y->dtype, &y->shape);
    eg_value *sum = eg_add(a, b), *product = eg_mul(a, b), *tenth = eg_const(a->graph, .1);
    eg_value *outs[] = { sum, eg_mul(product, tenth) };
    if (eg_body_finish(body, outs, 2) != EG_OK) return x->graph->poison;
    return eg_node2(EG_OP_FUSED, x, y, &(eg_attr){ .body = { .body = body } });
}

/* h = h x + x, backwards. */
static inline void every_step(void *user, eg_graph *body, eg_value *const *h, eg_value *const *x, eg_value **next, eg_value **y) {
    (void)body;
    next[0] = eg_add(eg_mul(h[0], x[0]), user);
    y[0] = eg_neg(h[0]);
}

static inline int every_scan(eg_value **root, int n, eg_value *x, eg_value *b) {
    eg_scan(x->graph, every_step, b, &root[n], &root[n + 1], .carry = &b, .ncarry = 1, .x = &x, .nx = 1, .ny = 1, .reverse = 1);
    return n + 2;
}

/* Elementwise and reductions. */
static inline int every_arithmetic(eg_value **root, int n, eg_value *x, eg_value *b) {
    for (int i = 0; i < EVERY_UNARY; i++) root[n++] = every_unary[i](x);
    for (int i = 0; i < EVERY_BINARY; i++) root[n++] = every_binary[i](x, b);
    root[n++] = eg_where(eg_greater(x, b), x, eg_const(x->graph, -1e-30));
    root[n++] = eg_cast(x, EG_I32);
    root[n++] = eg_node3(EG_OP_MULADD, x, x, b, NULL);
    root[n++] = eg_sum(x, .axes = EG_AXES(0));
    root[n++] = eg_max(x, .axes = EG_AXES(0, 1), .keep = 1);
    root[n++] = eg_min(x);
    root[n++] = eg_mean(x);
    root[n++] = eg_logsumexp(x, .axes = EG_AXES(1));
    root[n++] = eg_argmax(x, 1);
    root[n++] = eg_softmax(x, 1);
    return n;
}

/* Movement, products, look-ups, random. */
static inline int every_movement(eg_value **root, int n, eg_value *x, eg_value *w, eg_value *index, eg_value *step) {
    int64_t low[] = { 1, -1 }, high[] = { 0, 2 }, interior[] = { 0, 1 }, start[] = { 0, 1 }, stop[] = { 3, 4 },
            stride[] = { 1, 2 };
    root[n++] = eg_reshape_to(x, EG_SHAPE(2, -1));
    root[n++] = eg_permute(x, EG_AXES(1, 0));
    root[n++] = eg_expand(x, EG_SHAPE(5, 3, 4));
    root[n++] = eg_slice_all(x, start, stop, stride);
    root[n++] = eg_pad(x, low, high, interior);
    root[n++] = eg_flip(x, EG_AXES(0));
    root[n++] = eg_concat((eg_value *[]){ x, x, root[0] }, 3, 1);
    root[n++] = eg_matmul(x, w);
    root[n++] = eg_node2(EG_OP_MATMUL, x, w, &(eg_attr){ .matmul = { .ta = 0, .tb = 0 } });
    root[n++] = eg_node2(EG_OP_MATMUL, x, x, &(eg_attr){ .matmul = { .ta = 1 } });
    root[n++] = eg_node2(EG_OP_MATMUL, x, x, &(eg_attr){ .matmul = { .tb = 1 } });
    root[n++] = eg_gather(w, index, 0);
    root[n++] = eg_scatter_add(eg_gather(w, index, 0), index, 0, 4);
    root[n++] = eg_one_hot(index, 6, EG_F64);
    root[n++] = eg_random_uniform(step, 7, EG_F32, EG_SHAPE(2, 2));
    root[n++] = eg_random_normal(step, 4000000000u, EG_F64, EG_SHAPE(3));
    return n;
}

/* Windows over images, one index for each element. */
static inline int every_window(eg_value **root, int n, eg_graph *g) {
    eg_value *image = eg_input(g, "image", EG_F32, EG_SHAPE(2, 6, 5, 4)), *line = eg_input(g, "line", EG_F32, EG_SHAPE(2, 7, 3));
    eg_value *kernel = eg_var(g, "kernel", EG_F32, EG_SHAPE(3, 2, 2, 6)), *thin = eg_var(g, "thin", EG_F32, EG_SHAPE(3, 3, 2));
    eg_value *y = eg_conv(image, kernel, .stride = { 2, 1 }, .padding = EG_SAME, .groups = 2), *d[2];
    eg_value *seed = eg_full(g, EG_F32, y->shape, 1);
    root[n++] = y;
    if (eg_vjp(&y, &seed, 1, (eg_value *[]){ image, kernel }, 2, d) != EG_OK) return n;
    root[n++] = d[0];
    root[n++] = d[1];
    root[n++] = eg_conv(line, thin, .dilation = { 2 }, .low = { -1 }, .high = { 3 });
    root[n++] = eg_avg_pool(line, .size = { 3 }, .stride = { 2 });
    root[n++] = eg_max_pool(image, .stride = { 1 });
    root[n++] = eg_put_along(image, eg_cast(image, EG_I32), 1, 4);
    return n;
}

/* Builds the graph; *n roots. The caller frees the graph. NULL or a poisoned graph only without memory. */
static inline eg_graph *every_op(eg_value **root, int *n) {
    eg_graph *g = eg_graph_new();
    *n = 0;
    if (!g) return NULL;
    eg_value *x = eg_input(g, "x \"quoted\"\\ \x01", EG_F32, EG_SHAPE(3, 4));
    eg_scope_push(g, "dense_1");
    eg_value *w = eg_weight(g, "kernel", EG_F32, EG_SHAPE(4, 2)), *b = eg_var(g, "bias", EG_F32, EG_SHAPE(4));
    eg_scope_pop(g);
    eg_value *index = eg_input(g, "index", EG_I32, EG_SHAPE(5)), *step = eg_input(g, "step", EG_I32, EG_SCALAR);
    const float floats[] = { .1f, 1e-45f, 3.4028235e38f, -0.f };
    const double doubles[] = { .1, 5e-324, 1.7976931348623157e308, -1. / 3 };
    const int32_t ints[] = { 0, -2147483647 - 1, 2147483647 };
    const unsigned char bytes[] = { 0, 1, 255 };
    const eg_attr literals[] = { { .data = { floats, EG_SHAPE(4), EG_F32 } },
                                 { .data = { doubles, EG_SHAPE(2, 2), EG_F64 } },
                                 { .data = { ints, EG_SHAPE(3), EG_I32 } },
                                 { .data = { bytes, EG_SHAPE(3, 1), EG_U8 } },
                                 { .data = { NULL, EG_SHAPE(0, 3), EG_F32 } } };
    int m = 0;
    root[m++] = x;
    for (int i = 0; i < 5; i++) root[m++] = eg_node(g, EG_OP_DATA, NULL, 0, &literals[i]);
    root[m++] = eg_full(g, EG_F64, EG_SHAPE(2), 1. / 0.);
    root[m++] = eg_full(g, EG_F64, EG_SHAPE(2), -.1);
    root[m++] = eg_iota(g, EG_I32, EG_SHAPE(2, 3), 1);
    m = every_arithmetic(root, m, x, b);
    m = every_movement(root, m, x, w, index, step);
    m = every_window(root, m, g);
    m = every_scan(root, m, x, b);
    eg_value *group = every_fused(x, b);
    root[m++] = group;
    root[m++] = eg_node1(EG_OP_PART, group, &(eg_attr){ .index = { .index = 1 } });
    eg_value *packed = eg_node1(EG_OP_PACK, x, &(eg_attr){ .pack = { 1 } });
    root[m++] = eg_node1(EG_OP_UNPACK, packed, NULL);
    root[m++] = eg_assign(w, eg_mul(w, eg_const(g, .5)));
    *n = m;
    return g;
}

#endif
