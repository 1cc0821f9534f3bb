/* SPDX-License-Identifier: MIT
 *
 * evaluate.h: values of small graphs by the ops' own float64 references, for tests that need no program:
 * constants in, numbers out. Everything is freed by tidy(), the teardown of each test.
 */
#ifndef TESTS_OPS_EVALUATE_H
#define TESTS_OPS_EVALUATE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "base/arena.h"
#include "base/rng.h"
#include "base/status.h"
#include "ops/op.h"
#include "tensor/shape.h"

static eg_graph *graph;   /* of the running test */
static eg_arena memory;   /* of its numbers */
static eg_rng random_seq; /* what it draws from */

static int ready(void **state) {
    (void)state;
    graph = eg_graph_new();
    random_seq = eg_rng_new(7, 1);
    return graph == NULL;
}

static int tidy(void **state) {
    (void)state;
    eg_graph_free(graph);
    eg_arena_free(&memory);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ready, tidy)

static inline double *numbers(int64_t n) { return EG_ARENA_ARRAY(&memory, double, n); }

/* A literal of these row-major numbers. */
static inline eg_value *literal(eg_dtype dtype, eg_shape shape, const double *from) {
    int64_t n = eg_shape_size(shape);
    void *bytes = eg_arena_alloc(&memory, eg_dtype_size(dtype) * (size_t)n);
    eg_convert(dtype, bytes, EG_F64, from, n);
    eg_attr attr = { .data = { .bytes = bytes, .shape = shape, .dtype = dtype } };
    return eg_node(graph, EG_OP_DATA, NULL, 0, &attr);
}

#define VEC(...) \
    literal(EG_F64, EG_SHAPE(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })

/* A literal of f64 numbers in (-2, 2). */
static inline eg_value *drawn(eg_shape shape) {
    int64_t n = eg_shape_size(shape);
    double *x = numbers(n);
    for (int64_t i = 0; i < n; i++) x[i] = 4 * eg_rng_double(&random_seq) - 2;
    return literal(EG_F64, shape, x);
}

/* All elements of a value; its inputs are computed first. `margin` may be NULL. */
static inline const double *evaluate(eg_value *value, double *margin) {
    double **at = EG_ARENA_ARRAY(&memory, double *, value->id + 1);
    if (eg_value_is_poisoned(value)) fail_msg("%s", eg_graph_error(graph));
    unsigned char *needed = eg_arena_alloc(&memory, (size_t)graph->n);
    eg_mark_needed(&value, 1, needed);
    for (int id = 0; id <= value->id; id++) {
        eg_value *v = graph->values[id];
        if (!needed[id]) continue;
        const double **in = EG_ARENA_ARRAY(&memory, const double *, v->nin + 1);
        for (int i = 0; i < v->nin; i++) in[i] = at[v->in[i]->id];
        at[id] = numbers(eg_shape_size(v->shape));
        eg_ref_run(&(eg_ref_call){ .value = v, .in = in, .out = at[id], .seed = 5, .margin = margin });
    }
    return at[value->id];
}

static inline void same_number(double got, double want, int64_t i) {
    int close = fabs(got - want) <= 1e-12 * fmax(1, fabs(want)) || got == want || (isnan(got) && isnan(want));
    if (!close) fail_msg("element %lld is %.17g, not %.17g", (long long)i, got, want);
}

static inline void same_shape(const eg_value *value, eg_shape shape) {
    char a[160], b[160];
    if (!eg_shape_equal(value->shape, shape))
        fail_msg("shape %s, not %s", eg_shape_text(value->shape, a, sizeof a), eg_shape_text(shape, b, sizeof b));
}

static inline void same_numbers(eg_value *value, eg_shape shape, const double *want) {
    const double *got = evaluate(value, NULL);
    same_shape(value, shape);
    for (int64_t i = 0; i < eg_shape_size(shape); i++) same_number(got[i], want[i], i);
}

/* IS(eg_neg(x), EG_SHAPE(2), -1, -2) */
#define IS(value, shape, ...) same_numbers(value, shape, (double[]){ __VA_ARGS__ })

/* The linear index i of `shape` as one index per axis, by division: independent of the code under test. */
static inline void split_index(eg_shape shape, int64_t i, int64_t *index) {
    for (int d = shape.rank - 1; d >= 0; d--) {
        index[d] = i % shape.dim[d];
        i /= shape.dim[d];
    }
}

static inline int64_t join_index(eg_shape shape, const int64_t *index) {
    int64_t i = 0;
    for (int d = 0; d < shape.rank; d++) i = i * shape.dim[d] + index[d];
    return i;
}

/* Where an operand of shape `from` is read at `index` of the broadcast shape `to`. */
static inline int64_t broadcast_index(eg_shape from, eg_shape to, const int64_t *index) {
    int64_t own[EG_MAX_RANK];
    for (int d = 0; d < from.rank; d++) own[d] = from.dim[d] == 1 ? 0 : index[d + to.rank - from.rank];
    return join_index(from, own);
}

#endif
