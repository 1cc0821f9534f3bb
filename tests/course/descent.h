/* SPDX-License-Identifier: MIT
 *
 * descent.h: course.h for slides on optimizers: two float64 coordinates that an optimizer moves down a function.
 */
#ifndef EG_TESTS_COURSE_DESCENT_H
#define EG_TESTS_COURSE_DESCENT_H

#include "course/models.h"

#include <elegans/optim.h>

enum { DIMS = 2 };

typedef struct descent {
    eg_graph *graph; /* of its own: two may run side by side */
    eg_optimizer *optimizer;
    eg_state *state;
    eg_program *program;
} descent;

/* A program for one step of the optimizer (which is taken) on f, from `start`. */
static inline descent descend(eg_optimizer *optimizer, eg_value *(*f)(eg_value *w), const double *start) {
    eg_graph *kept = graph;
    graph = eg_graph_new();
    descent d = { graph, optimizer, eg_state_new(1), NULL };
    eg_value *step = eg_input(graph, "step", EG_I32, EG_SCALAR), *lr = eg_input(graph, "lr", EG_F64, EG_SCALAR);
    eg_value *w = eg_var(graph, "w", EG_F64, EG_SHAPE(DIMS)), *g, *out[1 + EG_OPTIMIZER_SLOTS];
    int n = 0;
    assert_int_equal(eg_grad(f(w), &w, 1, &g), EG_OK);
    if (!optimizer || eg_optimizer_build(optimizer, step, lr, &w, &g, 1, out, &n) != EG_OK)
        fail_msg("%s", eg_error());
    d.program = eg_program_new(d.state, out, n, .executor = EG_REF);
    if (!d.program) fail_msg("%s", eg_error());
    assert_int_equal(eg_optimizer_init_slots(optimizer, d.state), EG_OK);
    assert_int_equal(eg_state_write(d.state, "w", start, DIMS * sizeof *start), EG_OK);
    graph = kept;
    return d;
}

/* Step number t = 0, 1, ...; w is where it leads to. */
static inline void advance(descent *d, int t, double lr, double *w) {
    int32_t step = t;
    assert_int_equal(eg_set(d->program, "step", &step, sizeof step), EG_OK);
    assert_int_equal(eg_set(d->program, "lr", &lr, sizeof lr), EG_OK);
    assert_int_equal(eg_run(d->program), EG_OK);
    assert_int_equal(eg_state_read(d->state, "w", w, DIMS * sizeof *w), EG_OK);
}

static inline void finish(descent *d) {
    eg_program_free(d->program);
    eg_state_free(d->state);
    eg_optimizer_free(d->optimizer);
    eg_graph_free(d->graph);
}

#endif
