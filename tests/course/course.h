/* SPDX-License-Identifier: MIT
 *
 * course.h: what the course's tests have in common: a graph of float64 values, and numbers out of a program
 * that runs it. Each test is one slide; what it expects is computed on the slide or by the loops of the
 * test.
 */
#ifndef EG_TESTS_COURSE_H
#define EG_TESTS_COURSE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <elegans/program.h>

static eg_graph *graph;
static eg_state *values;

static int ready(void **state) {
    (void)state;
    graph = eg_graph_new();
    values = eg_state_new(1);
    return !graph || !values;
}

static int tidy(void **state) {
    (void)state;
    eg_state_free(values);
    eg_graph_free(graph);
    return 0;
}

#define SLIDE(name) cmocka_unit_test_setup_teardown(name, ready, tidy)

/* A float64 constant of these row-major numbers. */
static inline eg_value *of(eg_shape shape, const double *numbers) {
    eg_tensor *tensor = eg_tensor_from(EG_F64, shape, numbers);
    eg_value *value = eg_constant(graph, tensor);
    eg_tensor_free(tensor);
    return value;
}

#define NUMBER(x) of(EG_SCALAR, (double[]){ x })
#define VECTOR(...) \
    of(EG_SHAPE(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })
#define MATRIX(rows, columns, ...) of(EG_SHAPE(rows, columns), (double[]){ __VA_ARGS__ })

/* Runs a program of one root and copies its n elements. */
static inline void run(eg_value *root, double *out, int64_t n) {
    eg_program *program = eg_program_new(values, &root, 1, .executor = EG_REF);
    if (!program) fail_msg("%s", eg_error());
    assert_int_equal(eg_shape_size(eg_value_shape(root)), n);
    assert_int_equal(eg_run(program), EG_OK);
    assert_int_equal(eg_fetch(program, 0, out, n), EG_OK);
    eg_program_free(program);
}

static inline double number(eg_value *root) {
    double out;
    run(root, &out, 1);
    return out;
}

static inline void is_close(eg_value *root, eg_shape shape, const double *want, double tolerance) {
    double got[64];
    assert_true(eg_shape_equal(eg_value_shape(root), shape));
    run(root, got, eg_shape_size(shape));
    for (int64_t i = 0; i < eg_shape_size(shape); i++)
        if (!(fabs(got[i] - want[i]) <= tolerance))
            fail_msg("element %lld is %.12g, not %.12g", (long long)i, got[i], want[i]);
}

/* As printed on a slide, and exact up to rounding. */
#define PRINTED(root, shape, tolerance, ...) is_close(root, shape, (double[]){ __VA_ARGS__ }, tolerance)
#define EXACT(root, shape, ...) PRINTED(root, shape, 1e-12, __VA_ARGS__)

/* d loss / d x */
static inline eg_value *slope(eg_value *loss, eg_value *x) {
    eg_value *out;
    assert_int_equal(eg_grad(loss, &x, 1, &out), EG_OK);
    return out;
}

#endif
