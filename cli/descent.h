/* SPDX-License-Identifier: MIT
 *
 * descent.h: two numbers that an optimizer moves over a surface, in float64, one step at a time; beside the
 * optimizers the two naive searches that need no gradient: one coordinate after the other, and a random place nearby.
 */
#ifndef ELEGANS_CLI_DESCENT_H
#define ELEGANS_CLI_DESCENT_H

#include "plot.h"

/* ---- surfaces ------------------------------------------------------------------------------------------ */

typedef struct surface {
    const char *name, *formula, *goal;
    eg_value *(*f)(eg_value *x, eg_value *y);
    double start[2];
    int (*reached)(const double *w);
    int targets;
    double target[2][2]; /* the goal's middle, for a map */
    plot_range x, y;     /* what a map shows */
} surface;
extern const surface surfaces[]; /* ends with a NULL name */
/* NULL after a message that names `command`. */
const surface *surface_named(const char *command, const char *name);
/* Values at the cells of a chart (plot_cells): z[PLOT_CELLS]; a status. */
eg_status surface_values(const surface *s, const plot *c, double *z);
/* Draws the surface as contours, equally dense from its deepest to its highest place. */
eg_status surface_map(const surface *s, const plot *c);
void surface_targets(const surface *s, const plot *c); /* crosses, over the ways that lead there */
void surface_target(picture *p, double x, double y);   /* one cross, in pixels */
/* The Hessian's eigenvalues at w, by two derivatives, the smaller first. */
eg_status surface_curvatures(const surface *s, const double *w, double out[2]);

/* ---- descents ------------------------------------------------------------------------------------------ */

typedef struct method {
    const char *name; /* an optimizer's, "coordinate" or "random" */
    eg_dialect dialect;
    double lr, momentum; /* momentum 0: the optimizer's own */
    uint64_t seed;       /* of "random" */
} method;

typedef struct track {
    int n;         /* steps made */
    int arrived;   /* the first step at the goal, 0: never */
    int diverged;  /* the last step left every bound */
    int64_t looks; /* at the surface: forward passes, and backward ones */
    double *path;  /* x, y after each step, from the start: [n + 1][2]; free it */
    double value;  /* at the end */
} track;

/* Is it a method without gradients? */
int method_searches(const char *name);
/* At most `steps` steps, to the goal where `to_goal`. EG_OK, STOPPED after a signal, or an error. */
eg_status descend(const surface *s, method m, const double *start, int steps, int to_goal, track *out);
/* "-1.2,1" as two numbers; 0 if it is none. */
int read_pair(const char *text, double out[2]);

#endif
