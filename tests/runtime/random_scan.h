/* SPDX-License-Identifier: MIT
 *
 * random_scan.h: draws loops: carries of several kinds (matrices, a scalar, a counter), stacked operands, captured
 * values, a loop in the loop now and then. The same seed builds the same formula as a scan or unrolled, one copy of
 * the body for each step, so that the two can be held against each other.
 */
#ifndef EG_TESTS_RANDOM_SCAN_H
#define EG_TESTS_RANDOM_SCAN_H

#include <elegans/program.h>
#include <math.h>
#include <stdio.h>
#include "base/rng.h"
#include "graph/node.h"

enum {
    SCAN_CARRIES = 4,
    SCAN_X = 2,
    SCAN_Y = 3,
    SCAN_FREE = 3,
    SCAN_LEAVES = 16,
    SCAN_ROOTS = 8,
    SCAN_STEPS = 8,
    SCAN_MOST = 8192
};

typedef struct random_scan {
    eg_graph *graph;
    uint64_t seed;
    int unrolled, reverse, ncarry, nx, ny, counter, scalar, nested;
    int64_t steps, rows, columns;
    eg_value *carry[SCAN_CARRIES],
        *x[SCAN_X]; /* the last carries are the scalar and the counter, where there are some */
    eg_value *weight[SCAN_FREE], *bias, *offset, *inner_x;
    eg_value *leaf[SCAN_LEAVES]; /* all f32 inputs */
    int nleaves;
    eg_value *root[SCAN_ROOTS]; /* last carries, stacked results */
    int nroots;
} random_scan;

static inline eg_value *scan_leaf(random_scan *s, const char *stem, eg_shape shape) {
    char name[32];
    snprintf(name, sizeof name, "%s%d", stem, s->nleaves);
    return s->leaf[s->nleaves++] = eg_input(s->graph, name, EG_F32, shape);
}

/* ---- a loop, either way ---------------------------------------------------------------------- */

static inline eg_value *scan_slice(eg_value *x, int64_t t) {
    eg_shape shape = { .rank = x->shape.rank - 1 };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = x->shape.dim[i + 1];
    return eg_reshape_to(eg_slice(x, 0, t, t + 1), shape);
}

static inline void unroll(eg_graph *graph, eg_body_fn fn, void *user, eg_value **last, eg_value **stacked,
                          eg_scan_opt opt) {
    eg_value *y[SCAN_Y][SCAN_STEPS], *x[SCAN_X], *out[SCAN_Y], *next[SCAN_CARRIES], *now[SCAN_CARRIES];
    int64_t steps = opt.nx ? opt.x[0]->shape.dim[0] : opt.steps;
    for (int i = 0; i < opt.ncarry; i++) now[i] = opt.carry[i];
    for (int64_t step = 0; step < steps; step++) {
        int64_t t = opt.reverse ? steps - 1 - step : step;
        for (int i = 0; i < opt.nx; i++) x[i] = scan_slice(opt.x[i], t);
        fn(user, graph, now, x, next, out);
        for (int i = 0; i < opt.ncarry; i++) now[i] = next[i];
        for (int k = 0; k < opt.ny; k++) {
            eg_shape one = eg_batch_shape(1, &out[k]->shape);
            y[k][t] = eg_reshape_to(out[k], one);
        }
    }
    for (int i = 0; i < opt.ncarry; i++) last[i] = now[i];
    for (int k = 0; k < opt.ny; k++) stacked[k] = steps ? eg_concat(y[k], (int)steps, 0) : NULL;
}

static inline void loop(const random_scan *s, eg_graph *graph, eg_body_fn fn, void *user, eg_value **last,
                        eg_value **stacked, eg_scan_opt opt) {
    if (s->unrolled)
        unroll(graph, fn, user, last, stacked, opt);
    else
        eg_scan_(graph, fn, user, last, stacked, opt);
}

/* ---- the body -------------------------------------------------------------------------------- */

/* h' = tanh(h + x) in a loop of its own; its last carry. */
static inline void inner_cell(void *user, eg_graph *graph, eg_value *const *carry, eg_value *const *x,
                              eg_value **next, eg_value **y) {
    (void)graph, (void)y;
    const random_scan *s = user;
    next[0] = eg_tanh(eg_add(eg_matmul(carry[0], s->weight[0]), eg_mul(x[0], s->offset)));
}

static inline eg_value *scan_step_value(const random_scan *s, eg_graph *graph, eg_rng *rng, eg_value *a,
                                        eg_value *b) {
    eg_value *half = eg_const(graph, .5), *inner;
    switch (eg_rng_below(rng, 16)) {
    case 0:
    case 1:
    case 2:
        return eg_matmul(a, s->weight[eg_rng_below(rng, SCAN_FREE)]);
    case 3:
        return eg_tanh(eg_add(a, s->bias));
    case 4:
        return eg_sigmoid(a);
    case 5:
        return eg_mul(a, b);
    case 6:
        return eg_sub(eg_mul(a, half), b);
    case 7:
        return eg_relu(eg_add(a, s->offset));
    case 8:
        return eg_softmax(a, 1);
    case 9:
        return eg_mul(a, eg_tanh(eg_sum(b, .axes = EG_AXES(1), .keep = 1)));
    case 10:
        return eg_maximum(a, eg_mul(b, half));
    case 11:
        return eg_add(a, eg_exp(eg_tanh(b)));
    case 12:
        return eg_matmul(eg_mul(a, half), eg_matmul(eg_transpose(b), eg_tanh(a)));
    case 13:
        return eg_where(eg_greater(a, b), a, eg_mul(b, half));
    case 14:
        if (!s->nested) return eg_mul(eg_tanh(s->offset), a); /* the first factor is the same in every step */
        loop(s, graph, inner_cell, (void *)(uintptr_t)s, &inner, NULL,
             (eg_scan_opt){ .carry = &a, .ncarry = 1, .x = &s->inner_x, .nx = 1 });
        return inner;
    default:
        return eg_add(eg_flip(a, EG_AXES(1)), eg_square(eg_tanh(b)));
    }
}

static inline void random_cell(void *user, eg_graph *graph, eg_value *const *carry, eg_value *const *x,
                               eg_value **next, eg_value **y) {
    const random_scan *s = user;
    eg_rng rng = eg_rng_new(s->seed, 5);
    eg_value *pool[32];
    int n = 0, matrices = s->ncarry - s->scalar - s->counter, made = 3 + (int)eg_rng_below(&rng, 6);
    for (int i = 0; i < matrices; i++) pool[n++] = carry[i];
    for (int i = 0; i < s->nx; i++) pool[n++] = x[i];
    if (n == 0) pool[n++] = s->offset;
    if (s->scalar) pool[n++] = eg_mul(carry[matrices], s->offset);
    if (s->counter) pool[n++] = eg_mul(eg_cast(carry[s->ncarry - 1], EG_F32), s->offset);
    for (int i = 0; i < made; i++, n++)
        pool[n] = scan_step_value(s, graph, &rng, pool[eg_rng_below(&rng, (uint64_t)n)],
                                  pool[eg_rng_below(&rng, (uint64_t)n)]);
    for (int i = 0; i < matrices; i++)
        next[i] = i == 0 ? eg_tanh(pool[n - 1]) : eg_mul(pool[n - 1 - i], eg_const(graph, .7));
    if (matrices > 1 && eg_rng_below(&rng, 3) == 0) next[1] = carry[0]; /* a delay line */
    if (s->scalar) next[matrices] = eg_tanh(eg_add(carry[matrices], eg_mean(pool[n - 1])));
    if (s->counter) next[s->ncarry - 1] = eg_add(carry[s->ncarry - 1], eg_full(graph, EG_I32, EG_SCALAR, 1));
    for (int k = 0; k < s->ny; k++) {
        int which = (int)eg_rng_below(&rng, 4);
        y[k] = which == 0 && matrices   ? next[0]
               : which == 1 && matrices ? carry[0]
                                        : pool[eg_rng_below(&rng, (uint64_t)n)];
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* `large`: as large as strips and panels are, not only a few elements. */
static inline random_scan random_scan_sized(uint64_t seed, int unrolled, int large) {
    random_scan s = { .graph = eg_graph_new(), .seed = seed, .unrolled = unrolled };
    static const int64_t lengths[] = { 0, 1, 2, 5, 5 };
    eg_rng rng = eg_rng_new(seed, 3);
    s.steps = lengths[eg_rng_below(&rng, 5)];
    s.rows = 1 + (int64_t)eg_rng_below(&rng, large ? 20 : 4);
    s.columns = 1 + (int64_t)eg_rng_below(&rng, large ? 70 : 5);
    s.reverse = (int)eg_rng_below(&rng, 2);
    s.nested = eg_rng_below(&rng, 4) == 0;
    s.nx = (int)eg_rng_below(&rng, SCAN_X + 1);
    s.ny = (int)eg_rng_below(&rng, SCAN_Y + 1);
    for (int i = 1 + (int)eg_rng_below(&rng, 2) - (s.nx && s.ny); i > 0; i--)
        s.carry[s.ncarry++] = scan_leaf(&s, "h", EG_SHAPE(s.rows, s.columns));
    s.scalar = eg_rng_below(&rng, 3) == 0;
    if (s.scalar) s.carry[s.ncarry++] = scan_leaf(&s, "sum", EG_SCALAR);
    s.counter = s.ncarry > 0 && eg_rng_below(&rng, 3) == 0;
    if (s.counter) s.carry[s.ncarry++] = eg_full(s.graph, EG_I32, EG_SCALAR, 3);
    if (s.ncarry == 0 && s.nx == 0) s.carry[s.ncarry++] = scan_leaf(&s, "h", EG_SHAPE(s.rows, s.columns));
    for (int i = 0; i < s.nx; i++) s.x[i] = scan_leaf(&s, "x", EG_SHAPE(s.steps, s.rows, s.columns));
    for (int i = 0; i < SCAN_FREE; i++) s.weight[i] = scan_leaf(&s, "w", EG_SHAPE(s.columns, s.columns));
    s.bias = scan_leaf(&s, "b", EG_SHAPE(s.columns));
    s.offset = scan_leaf(&s, "o", EG_SHAPE(s.rows, s.columns));
    s.inner_x = scan_leaf(&s, "i", EG_SHAPE(2, s.rows, s.columns));
    eg_value *last[SCAN_CARRIES], *stacked[SCAN_Y];
    loop(&s, s.graph, random_cell, &s, last, stacked,
         (eg_scan_opt){ .carry = s.carry,
                        .ncarry = s.ncarry,
                        .x = s.x,
                        .nx = s.nx,
                        .ny = s.ny,
                        .steps = s.steps,
                        .reverse = s.reverse });
    for (int i = 0; i < s.ncarry; i++) s.root[s.nroots++] = last[i];
    for (int k = 0; k < s.ny && s.steps; k++) s.root[s.nroots++] = stacked[k];
    return s;
}

static inline random_scan random_scan_new(uint64_t seed, int unrolled) {
    return random_scan_sized(seed, unrolled, 0);
}

/* A number that depends on every element of the float values, each in its own way. */
static inline eg_value *scan_loss(random_scan *s, eg_value *const *value, int n) {
    eg_value *loss = eg_full(s->graph, EG_F32, EG_SCALAR, 0);
    for (int i = 0; i < n; i++) {
        eg_value *v = value[i];
        if (v->dtype != EG_F32) continue;
        int64_t size = eg_shape_size(v->shape);
        eg_value *at = eg_iota(s->graph, EG_F32, EG_SHAPE(size), 0);
        eg_value *factor =
            eg_sin(eg_add(eg_mul(at, eg_const(s->graph, size < 64 ? 1.7 : .017)), eg_const(s->graph, i + 1)));
        loss = eg_add(loss, eg_sum(eg_mul(eg_square(eg_reshape_to(v, EG_SHAPE(size))), factor)));
        loss = eg_add(loss, eg_sum(eg_mul(eg_reshape_to(v, EG_SHAPE(size)), factor)));
    }
    return loss;
}

/* Numbers that depend on the names only; `jitter` moves each by that fraction. */
static inline eg_status random_scan_feed(const random_scan *s, eg_program *p, double jitter) {
    for (int k = 0; k < s->nleaves; k++) {
        static _Thread_local float data[SCAN_MOST];
        eg_rng rng = eg_rng_new(9, eg_site(s->leaf[k]->name)), noise = eg_rng_new(10, eg_site(s->leaf[k]->name));
        int64_t n = eg_shape_size(s->leaf[k]->shape);
        if (n > SCAN_MOST) return EG_E_LIMIT;
        for (int64_t i = 0; i < n; i++) {
            double x = (2 * eg_rng_double(&rng) - 1) / sqrt((double)s->columns / 4 + 1);
            data[i] = (float)(x * (1 + jitter * (2 * eg_rng_double(&noise) - 1)));
        }
        eg_status status = eg_set(p, s->leaf[k]->name, data, (size_t)n * sizeof *data);
        if (status != EG_OK && status != EG_E_NAME) return status; /* a compiled unit may have lost it */
    }
    return EG_OK;
}

#endif
