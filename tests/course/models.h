/* SPDX-License-Identifier: MIT
 *
 * models.h: course.h for slides that show a whole network: a float64 model with given weights, run on a few samples.
 */
#ifndef EG_TESTS_COURSE_MODELS_H
#define EG_TESTS_COURSE_MODELS_H

#include <string.h>

#include "course/course.h"

#include <elegans/nn.h>

/* Gives the model's parameters these numbers, layer by layer; a kernel is [in][out]. */
static inline void weigh(eg_model *model, const double *numbers, int64_t n) {
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
    assert_int_equal(eg_model_set_dtype(model, EG_F64), EG_OK);
    if (eg_model_set_flat(model, numbers, n) != EG_OK) fail_msg("%s", eg_error());
}
#define WEIGHTS(model, ...)                                                                                          \
    weigh(model, (double[]){ __VA_ARGS__ }, (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)))

/* The model's output for the constant x, in the test's graph. */
static inline eg_value *output(eg_model *model, eg_value *x) {
    eg_value *y;
    if (eg_model_build(model, x, NULL, &y, NULL, NULL) != EG_OK) fail_msg("%s", eg_error());
    return y;
}

/* Runs a root with the model's parameters. */
static inline void run_with(eg_model *model, eg_value *root, double *out, int64_t n) {
    eg_state *kept = values;
    values = eg_model_state(model);
    run(root, out, n);
    values = kept;
}

static inline double number_with(eg_model *model, eg_value *root) {
    double out;
    run_with(model, root, &out, 1);
    return out;
}

/* The gradients of a scalar by all the model's parameters, one after the other as in eg_model_get_flat. */
static inline void gradients(eg_model *model, eg_value *loss, double *out) {
    eg_value *w[16], *g[16];
    int n = eg_model_variables(model, graph, 0, w, 16);
    assert_true(n <= 16);
    assert_int_equal(eg_grad(loss, w, n, g), EG_OK);
    for (int i = 0; i < n; i++) {
        int64_t size = eg_shape_size(eg_value_shape(w[i]));
        run_with(model, g[i], out, size);
        out += size;
    }
}

#define NEAR(got, want, tolerance)                                                                                   \
    do {                                                                                                             \
        double got_ = (got), want_ = (want);                                                                         \
        if (!(fabs(got_ - want_) <= (tolerance))) fail_msg("%s is %.12g, not %.12g", #got, got_, want_);             \
    } while (0)

#endif
