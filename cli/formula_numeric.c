/* SPDX-License-Identifier: MIT
 *
 * formula_numeric.c: derivatives without rules: central differences in float64, extrapolated to step 0 (Ridders
 * 1982): the step is halved again and again, and of all the polynomials through neighbouring steps the one counts
 * that agrees best with its own neighbours. Where both sides of the point have slopes of their own, a kink, there is
 * no derivative to compare with. It knows nothing of the automatic derivative. And what builds on gradients:
 * Jacobian, Hessian, a nudge.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "formula_inside.h"

enum { ROWS = 14, MAX_ELEMENTS = 2000, SAMPLES = 64, MAX_HESSIAN = 100 };

/* A program, and the variables' values that may be moved. */
typedef struct probe {
    formula *f;
    formula_run *run;
    double **data;               /* copies, by variable */
    int64_t m;                   /* numbers that a run gives */
    double *low, *middle, *high; /* m each: below, at and above the point */
    double *table, *bend;        /* ROWS * m each: central differences; those of both sides apart from each other */
} probe;

static int probe_new(formula *f, eg_value *const *roots, int n, probe *p) {
    *p = (probe){ .f = f };
    for (int i = 0; i < n; i++) p->m += formula_size(eg_value_shape(roots[i]));
    p->data = formula_take(f, ((size_t)f->variables + 1) * sizeof *p->data);
    p->low = formula_take(f, (size_t)p->m * sizeof *p->low + 1);
    p->high = formula_take(f, (size_t)p->m * sizeof *p->high + 1);
    p->middle = formula_take(f, (size_t)p->m * sizeof *p->middle + 1);
    p->table = formula_take(f, (size_t)p->m * ROWS * sizeof *p->table + 1);
    p->bend = formula_take(f, (size_t)p->m * ROWS * sizeof *p->bend + 1);
    for (int i = 0; i < f->variables && formula_ok(f); i++) {
        const formula_variable *v = &f->variable[i];
        p->data[i] = formula_take(f, (size_t)v->size * sizeof(double) + 1);
        if (p->data[i]) memcpy(p->data[i], v->data, (size_t)v->size * sizeof(double));
    }
    p->run = formula_run_new(f, roots, n);
    return formula_ok(f);
}

/* ---- Ridders ----------------------------------------------------------------------------------------- */

/* d[0..ROWS) are differences with steps h, h/2, h/4, ...: the limit; NaN if there is none to six digits. */
static double extrapolated(double *d) {
    double best = (double)NAN, error = HUGE_VAL;
    for (int order = 1; order < ROWS; order++) {
        double power = pow(4, order), before = d[order - 1];
        for (int row = order; row < ROWS; row++) {
            double value = (power * d[row] - before) / (power - 1);
            double off = fmax(fabs(value - d[row]), fabs(value - before));
            if (isfinite(value) && isfinite(off) && off < error) best = value, error = off;
            before = d[row];
            d[row] = value;
        }
    }
    return error <= 1e-6 * fmax(1, fabs(best)) ? best : (double)NAN;
}

/* b[0..ROWS) are slopes above less slopes below with the same steps, a series of odd powers of the step behind what is
 * left of them at step 0: the first three are taken out. */
static int is_kink(const double *b, double slope) {
    double left[4];
    memcpy(left, b + ROWS - 4, sizeof left);
    for (int order = 0; order < 3; order++) {
        double power = pow(2, 2 * order + 1);
        for (int i = 0; i < 3 - order; i++) left[i] = (power * left[i + 1] - left[i]) / (power - 1);
    }
    return !(fabs(left[0]) <= 1e-7 * fmax(1, fabs(slope)));
}

/* d (all results) / d (one element) at out[0], out[stride], ... */
static void difference(probe *p, int variable, int64_t element, double *out, int64_t stride) {
    double *x = &p->data[variable][element], at = *x, h = .02 * fmax(1, fabs(at)), column[ROWS];
    if (!formula_run_go(p->f, p->run, p->data, p->middle)) return;
    for (int row = 0; row < ROWS; row++, h /= 2) {
        volatile double above = at + h, below = at - h; /* the steps that are really made */
        *x = above;
        int good = formula_run_go(p->f, p->run, p->data, p->high);
        *x = below;
        if (!good || !formula_run_go(p->f, p->run, p->data, p->low)) return;
        for (int64_t k = 0; k < p->m; k++) {
            p->table[k * ROWS + row] = (p->high[k] - p->low[k]) / (above - below);
            p->bend[k * ROWS + row] =
                (p->high[k] - p->middle[k]) / (above - at) - (p->middle[k] - p->low[k]) / (at - below);
        }
    }
    *x = at;
    for (int64_t k = 0; k < p->m; k++) {
        memcpy(column, p->table + k * ROWS, sizeof column);
        double slope = extrapolated(column);
        out[k * stride] = is_kink(p->bend + k * ROWS, slope) ? (double)NAN : slope;
    }
}

static eg_value *total(const formula_node *root) {
    return root->shape.rank ? eg_sum_(root->value, (eg_reduce_opt){ .size_ = sizeof(eg_reduce_opt) }) : root->value;
}

void formula_differences(formula *f, formula_node *root, double **out) {
    probe p;
    eg_value *sum = formula_ok(f) ? total(root) : NULL;
    if (!sum || !probe_new(f, &sum, 1, &p)) return;
    int64_t all = formula_elements(f);
    for (int v = 0; v < f->variables && formula_ok(f); v++) {
        int64_t size = f->variable[v].size, step = all > MAX_ELEMENTS ? size / SAMPLES + 1 : 1;
        for (int64_t i = 0; i < size; i++) {
            out[v][i] = (double)NAN;
            if (i % step == 0) difference(&p, v, i, &out[v][i], 1);
        }
    }
    formula_run_free(p.run);
}

double formula_moved(formula *f, formula_node *root, const double *step) {
    probe p;
    double sum = (double)NAN;
    eg_value *value = formula_ok(f) ? total(root) : NULL;
    if (!value || !probe_new(f, &value, 1, &p)) return sum;
    for (int v = 0; v < f->variables; v++)
        for (int64_t i = 0; i < f->variable[v].size; i++) p.data[v][i] += *step++;
    formula_run_go(f, p.run, p.data, &sum);
    formula_run_free(p.run);
    return sum;
}

/* ---- Jacobian ---------------------------------------------------------------------------------------- */

static eg_value *flat(eg_value *value) { return eg_reshape_to(value, EG_SHAPE(formula_size(eg_value_shape(value)))); }

static void gradients(formula *f, eg_value *of, eg_value *const *by, int n, eg_value **out) {
    if (formula_ok(f) && eg_grad(of, by, n, out) != EG_OK)
        formula_wrong(f, eg_error_status(), NULL, -1, 0, "%s", eg_error());
}

void formula_jacobian(formula *f, formula_node *root, int variable, double *out, double *numeric) {
    const formula_variable *v = &f->variable[variable];
    int64_t m = formula_size(root->shape), d = v->size;
    memset(out, 0, (size_t)(m * d) * sizeof *out);
    memset(numeric, 0, (size_t)(m * d) * sizeof *numeric);
    if (!formula_ok(f) || !v->node) return;
    double *row = formula_take(f, (size_t)(m * d) * sizeof *row + 1);
    eg_value **by = formula_take(f, (size_t)m * sizeof *by + 1), *each = flat(root->value);
    for (int64_t j = 0; j < m && formula_ok(f); j++) gradients(f, eg_at(each, j), &v->node->value, 1, &by[j]);
    formula_run *run = formula_run_new(f, by, (int)m);
    if (formula_run_go(f, run, NULL, row))
        for (int64_t i = 0; i < d; i++)
            for (int64_t j = 0; j < m; j++) out[i * m + j] = row[j * d + i];
    formula_run_free(run);
    probe p;
    if (!formula_ok(f) || !probe_new(f, &each, 1, &p)) return;
    for (int64_t i = 0; i < d && formula_ok(f); i++) difference(&p, variable, i, numeric + i * m, 1);
    formula_run_free(p.run);
}

/* ---- Hessian ----------------------------------------------------------------------------------------- */

/* Gradients by every variable, flat, zeros for those that are not used: n values of the formula's graph. */
static eg_value **first_derivatives(formula *f, const formula_node *root, eg_value **variable) {
    eg_value **out = formula_take(f, ((size_t)f->variables + 1) * sizeof *out);
    for (int v = 0; v < f->variables && formula_ok(f); v++)
        variable[v] = formula_own_variable(f, &f->variable[v])->value;
    if (formula_ok(f)) gradients(f, root->value, variable, f->variables, out);
    for (int v = 0; v < f->variables && formula_ok(f); v++) out[v] = flat(out[v]);
    return out;
}

static void second_derivatives(formula *f, eg_value *const *first, eg_value *const *variable, double *out) {
    int64_t n = formula_elements(f);
    eg_value **all = formula_take(f, (size_t)n * (size_t)f->variables * sizeof *all + 1);
    int found = 0;
    for (int v = 0; v < f->variables; v++)
        for (int64_t i = 0; i < f->variable[v].size && formula_ok(f); i++, found += f->variables)
            gradients(f, eg_at(first[v], i), variable, f->variables, all + found);
    formula_run *run = formula_run_new(f, all, found);
    formula_run_go(f, run, NULL, out);
    formula_run_free(run);
}

void formula_hessian(formula *f, formula_node *root, double *out, double *numeric) {
    int64_t n = formula_elements(f);
    if (n > MAX_HESSIAN)
        formula_wrong(f, EG_E_LIMIT, NULL, -1, 0, "a Hessian of %lld elements: at most %d", (long long)n,
                      MAX_HESSIAN);
    if (!formula_ok(f) || n == 0) return;
    eg_value **variable = formula_take(f, (size_t)f->variables * sizeof *variable);
    eg_value **first = variable ? first_derivatives(f, root, variable) : NULL;
    if (formula_ok(f)) second_derivatives(f, first, variable, out);
    probe p;
    if (!formula_ok(f) || !probe_new(f, first, f->variables, &p)) return;
    for (int v = 0; v < f->variables; v++)
        for (int64_t i = 0; i < f->variable[v].size && formula_ok(f); i++, numeric += n)
            difference(&p, v, i, numeric, 1);
    formula_run_free(p.run);
}
