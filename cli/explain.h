/* SPDX-License-Identifier: MIT
 *
 * explain.h: what `elegans explain` found out, and the three ways to show it.
 */
#ifndef ELEGANS_EXPLAIN_H
#define ELEGANS_EXPLAIN_H

#include "cli.h"
#include "formula.h"

typedef struct explain_options {
    const char *net, *input, *shape, *target, *loss, *svg, *png;
    int64_t seed, layout;
    cli_list nudges;
    int json, jacobian, hessian, symbolic, all_steps;
} explain_options;

enum { EXPLAIN_DENOMINATOR, EXPLAIN_NUMERATOR }; /* rows by the input, as the deck has it; or by the result */

/* One --nudge: a step for each element of all variables. */
typedef struct explain_nudge {
    const char *text;
    double *step;
    double predicted, happened;
} explain_nudge;

typedef struct explanation {
    const explain_options *o;
    formula *f;
    const char *text; /* the formula */
    formula_node *root;
    formula_flow flow;
    double **numeric;        /* by variable */
    formula_node **symbolic; /* by variable; NULL where it was not asked for */
    double **symbolic_value;
    explain_nudge *nudge;
    double *hessian, *hessian_numeric;     /* n x n; NULL where it was not asked for */
    double **jacobian, **jacobian_numeric; /* by variable, d x m */
    int kink;                              /* the point is one: some elements have no derivative */
} explanation;

/* |a - b| against the larger of both and 1; NaN where b is. */
double explain_difference(double a, double b);
double explain_worst(const double *a, const double *b, int64_t n);
/* "x", "w[2]", "W[0,1]" */
void explain_element_name(const formula_variable *v, int64_t element, char *name, size_t size);
/* "6", "[1, 2]": a text of at most `size` bytes, cut where it is longer. */
void explain_value(const double *data, eg_shape shape, char *text, size_t size);

void explain_print(explanation *e);
void explain_print_json(explanation *e);
int explain_draw(const explanation *e, const char *path);

#endif
