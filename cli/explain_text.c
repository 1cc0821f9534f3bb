/* SPDX-License-Identifier: MIT
 *
 * explain_text.c: an explanation as tables: every gate with what goes back along each of its wires, local x upstream
 * = downstream; what is copied; the variables' gradients beside differences; and what else was asked for.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "explain.h"

/* ---- numbers ----------------------------------------------------------------------------------------- */

/* No -0, no -nan. */
static double plain(double number) { return number == 0 ? 0 : isnan(number) ? (double)NAN : number; }

typedef struct cut {
    char *text;
    size_t size, used;
    int full;
} cut;

static void add(cut *c, const char *text) {
    size_t n = strlen(text);
    if (c->full || c->used + n + 8 > c->size) { /* room for ", ...]]" */
        c->full = 1;
        return;
    }
    memcpy(c->text + c->used, text, n + 1);
    c->used += n;
}

static void add_elements(cut *c, const double *data, eg_shape shape) {
    char number[32];
    int64_t each = shape.rank == 2 ? shape.dim[1] : 1;
    add(c, "[");
    for (int64_t i = 0; i < shape.dim[0] && !c->full; i++) {
        if (i) add(c, ", ");
        snprintf(number, sizeof number, "%.4g", plain(data[i * each]));
        if (shape.rank == 2)
            add_elements(c, data + i * each, EG_SHAPE(each));
        else
            add(c, number);
    }
    add(c, "]");
}

/* Written in full first: only what does not fit is cut. */
void explain_value(const double *data, eg_shape shape, char *text, size_t size) {
    char whole[256] = "";
    cut all = { whole, sizeof whole, 0, 0 }, c = { text, size, 0, 0 };
    *text = 0;
    if (shape.rank == 0)
        snprintf(whole, sizeof whole, "%.6g", plain(*data));
    else
        add_elements(&all, data, shape);
    if (!all.full && strlen(whole) < size) {
        memcpy(text, whole, strlen(whole) + 1);
        return;
    }
    add_elements(&c, data, shape);
    while (c.used && strchr(", ", text[c.used - 1])) text[--c.used] = 0;
    int between_rows = shape.rank == 2 && text[c.used - 1] == ']'; /* [[1, 2], ...] but [[1, ...]] */
    snprintf(text + c.used, size - c.used, "%s...%s", text[c.used - 1] == '[' ? "" : ", ",
             shape.rank == 2 && !between_rows ? "]]" : "]");
}

void explain_element_name(const formula_variable *v, int64_t element, char *name, size_t size) {
    if (v->shape.rank == 0)
        snprintf(name, size, "%.40s", v->name);
    else if (v->shape.rank == 1)
        snprintf(name, size, "%.40s[%lld]", v->name, (long long)element);
    else
        snprintf(name, size, "%.40s[%lld,%lld]", v->name, (long long)(element / v->shape.dim[1]),
                 (long long)(element % v->shape.dim[1]));
}

/* ---- tables ------------------------------------------------------------------------------------------ */

enum { COLUMNS = 6, CELL = 44, WIDE = 96 };

/* Rows of texts; a column is as wide as its widest text. */
typedef struct table {
    char (*row)[COLUMNS][WIDE];
    int rows, capacity, columns;
    const char *right; /* 'r' for each column that is set to the right */
    int wires;         /* the column where the gates' inputs begin; 0: there are none */
} table;

static char (*new_row(table *t))[WIDE] {
    if (t->rows == t->capacity) {
        int capacity = t->capacity ? 2 * t->capacity : 16;
        void *row = realloc(t->row, (size_t)capacity * sizeof *t->row);
        if (!row) return NULL;
        t->row = row;
        t->capacity = capacity;
    }
    memset(t->row[t->rows], 0, sizeof *t->row);
    return t->row[t->rows++];
}

static void fill_row(table *t, const char *const *cell) {
    char(*row)[WIDE] = new_row(t);
    for (int i = 0; row && i < t->columns; i++) snprintf(row[i], sizeof row[i], "%s", cell[i] ? cell[i] : "");
}
#define ROW(t, ...) fill_row(t, (const char *const[COLUMNS]){ __VA_ARGS__ })

/* "a router", "an adder" */
static const char *column_in_line(const table *t, int i, int k) {
    if (strcmp(t->row[0][k], "role") != 0) return t->row[0][k];
    return *t->row[i][k] == 'a' ? "an" : "a";
}

/* "value 3, gradient 2, a distributor", and below it a line for each input. Other tables begin with what it is: "copied
 * x". */
static void print_row_in_lines(const table *t, int i) {
    char line[COLUMNS * (WIDE + 40)] = "";
    size_t used = 0;
    int plain = t->wires ? t->wires : t->columns, width = cli_columns(stdout);
    for (int k = 1; k < plain; k++)
        if (*t->row[i][k])
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %s", used ? ", " : "",
                                     column_in_line(t, i, k), t->row[i][k]);
    if (*t->row[i][0])
        printf("%s%s%s%s%s\n", t->wires ? "" : t->row[0][0], t->wires ? "" : " ", cli_style(stdout, "1"),
               t->row[i][0], cli_style(stdout, "0"));
    if (used) printf("  "), cli_print_wrapped(stdout, line, 2, width);
    if (!t->wires) return;
    snprintf(line, sizeof line, "%s: %s", t->row[i][plain], t->row[i][plain + 1]);
    printf("    ");
    cli_print_wrapped(stdout, line, 4, width);
}

/* A terminal that is too narrow for the table gets lines in place of columns. */
static int printed_in_lines(const table *t, const int *width) {
    int all = -2;
    for (int k = 0; k < t->columns; k++) all += width[k] + 2;
    if (!cli_is_terminal(stdout) || all <= cli_columns(stdout)) return 0;
    for (int i = 1; i < t->rows; i++) print_row_in_lines(t, i);
    free(t->row);
    return 1;
}

static void print_table(table *t) {
    int width[COLUMNS] = { 0 };
    for (int i = 0; i < t->rows; i++)
        for (int k = 0; k < t->columns; k++)
            if ((int)strlen(t->row[i][k]) > width[k]) width[k] = (int)strlen(t->row[i][k]);
    if (printed_in_lines(t, width)) return;
    for (int i = 0; i < t->rows; i++) {
        int blank = 0; /* nothing but blanks since the last text: not printed at a line's end */
        if (i == 0) fputs(cli_style(stdout, "1"), stdout);
        for (int k = 0; k < t->columns; k++) {
            const char *text = t->row[i][k];
            int pad = width[k] - (int)strlen(text), right = t->right[k] == 'r';
            blank += k ? 2 : 0;
            if (*text)
                printf("%*s%s", blank + (right ? pad : 0), "", text), blank = right ? 0 : pad;
            else
                blank += width[k];
        }
        if (i == 0) fputs(cli_style(stdout, "0"), stdout);
        putchar('\n');
    }
    free(t->row);
}

/* ---- gates ------------------------------------------------------------------------------------------- */

static void describe_wire(const formula_gate *gate, const formula_wire *wire, char *text, size_t size) {
    char local[24], up[24], down[28];
    explain_value(gate->gradient, gate->node->shape, up, sizeof up);
    explain_value(wire->gradient, wire->from->shape, down, sizeof down);
    if (!wire->local) {
        snprintf(text, size, "%.60s = %s", wire->rule, down);
        return;
    }
    explain_value(wire->local, wire->local_shape, local, sizeof local);
    int summed = gate->node->op->flags & FORMULA_ELEMENTWISE && !eg_shape_equal(wire->from->shape, gate->node->shape);
    snprintf(text, size, summed ? "sum of %s x %s = %s" : "%s x %s = %s", local, up, down);
}

static void add_gate(table *t, const formula_flow *flow, const formula_gate *gate) {
    char name[WIDE], value[24], gradient[24], wires[WIDE];
    snprintf(name, sizeof name, "%.20s = %.44s", flow->label[gate->node->id], gate->text);
    explain_value(gate->value, gate->node->shape, value, sizeof value);
    explain_value(gate->gradient, gate->node->shape, gradient, sizeof gradient);
    int first = 1;
    for (int i = 0; i < gate->node->n; i++) {
        const formula_wire *wire = &gate->wire[i];
        if (!wire->from) continue;
        describe_wire(gate, wire, wires, sizeof wires);
        const char *in = flow->label[wire->from->id];
        if (first)
            ROW(t, name, value, gradient, gate->node->op->role, in, wires);
        else
            ROW(t, "", "", "", "", in, wires);
        first = 0;
    }
}

static void print_gates(const formula_flow *flow) {
    table t = { .columns = 6, .right = "lrrlll", .wires = 4 };
    if (flow->n == 0) return;
    ROW(&t, "gate", "value", "gradient", "role", "input", "local x upstream = downstream");
    for (int i = 0; i < flow->n; i++) add_gate(&t, flow, &flow->gate[i]);
    putchar('\n');
    print_table(&t);
    for (int i = 0; i < flow->n; i++)
        for (int k = 0; k < flow->gate[i].node->n; k++)
            if (flow->gate[i].wire[k].from && !flow->gate[i].wire[k].local) {
                puts("(up: the gradient that comes in from above, upstream)");
                return;
            }
}

/* ---- copies: what is used more than once adds up what comes back ------------------------------------- */

static void add_copy(table *t, const formula_flow *flow, const formula_node *node, const double *gradient) {
    char sum[46] = "", part[48];
    size_t used = 0;
    int cut = 0;
    for (int i = 0; i < flow->n; i++)
        for (int k = 0; k < flow->gate[i].node->n; k++) {
            const formula_wire *wire = &flow->gate[i].wire[k];
            if (wire->from != node) continue;
            explain_value(wire->gradient, node->shape, part, 24);
            cut |= used + strlen(part) + sizeof " + ..." > sizeof sum;
            if (!cut) used += (size_t)snprintf(sum + used, sizeof sum - used, used ? " + %s" : "%s", part);
        }
    explain_value(gradient, node->shape, part, 24);
    char line[WIDE];
    snprintf(line, sizeof line, "%s%s = %.40s", sum, cut ? " + ..." : "", part);
    ROW(t, flow->label[node->id], "adder", line);
}

static void print_copies(const explanation *e) {
    table t = { .columns = 3, .right = "lll" };
    ROW(&t, "copied", "role", "what comes back along its wires");
    for (int i = 0; i < formula_variables(e->f); i++)
        if (e->flow.uses[i] > 1) add_copy(&t, &e->flow, formula_variable_at(e->f, i)->node, e->flow.gradient[i]);
    for (int i = 0; i < e->flow.n; i++)
        if (e->flow.gate[i].uses > 1) add_copy(&t, &e->flow, e->flow.gate[i].node, e->flow.gate[i].gradient);
    if (t.rows > 1) {
        putchar('\n');
        print_table(&t);
    } else {
        free(t.row);
    }
}

/* ---- variables --------------------------------------------------------------------------------------- */

static void add_variable(table *t, const explanation *e, int i) {
    char value[CELL], gradient[CELL], numeric[64], apart[CELL];
    const formula_variable *v = formula_variable_at(e->f, i);
    int64_t settled = 0;
    for (int64_t k = 0; k < v->size; k++) settled += !isnan(e->numeric[i][k]);
    explain_value(v->data, v->shape, value, 36);
    explain_value(e->flow.gradient[i], v->shape, gradient, 36);
    if (settled < v->size) /* of many elements some are compared; at an edge they do not settle */
        snprintf(numeric, sizeof numeric, "%lld of %lld compared", (long long)settled, (long long)v->size);
    else
        explain_value(e->numeric[i], v->shape, numeric, 36);
    double worst = explain_worst(e->flow.gradient[i], e->numeric[i], v->size);
    snprintf(apart, sizeof apart, !settled ? "-" : worst > 0 ? "%.0e" : "0", worst);
    ROW(t, v->name, value, gradient, numeric, apart);
}

static void print_variables(const explanation *e) {
    table t = { .columns = 5, .right = "lrrrr" };
    if (formula_variables(e->f) == 0) return;
    ROW(&t, "variable", "value", "gradient", "by differences", "apart");
    for (int i = 0; i < formula_variables(e->f); i++) add_variable(&t, e, i);
    putchar('\n');
    print_table(&t);
    if (e->kink)
        puts("This point is a kink (max, relu, abs, a comparison): where both sides differ there is nothing to compare.");
}

static void print_symbolic(explanation *e) {
    putchar('\n');
    for (int i = 0; i < formula_variables(e->f); i++) {
        const formula_variable *v = formula_variable_at(e->f, i);
        char value[CELL], same[48];
        char *text = formula_text(e->symbolic[i]);
        explain_value(e->symbolic_value[i], v->shape, value, 36);
        double apart = explain_worst(e->flow.gradient[i], e->symbolic_value[i], v->size);
        int defined = 1;
        for (int64_t k = 0; k < v->size; k++) defined &= isfinite(e->symbolic_value[i][k]);
        snprintf(same, sizeof same,
                 !defined       ? ", not defined here"
                 : apart > 1e-9 ? ", %.0e from the automatic one"
                                : ", as the automatic one",
                 apart);
        printf("d/d%s = %s\n", v->name, text ? text : "?");
        printf("%*s%s%s%s\n", (int)strlen(v->name) + 4, "", "= ", value, same);
        free(text);
    }
}

/* ---- matrices ---------------------------------------------------------------------------------------- */

/* rows x columns numbers with names at the side; at(i, k) is data[i * down + k * across]. */
static void print_matrix(const double *data, int64_t rows, int64_t columns, int64_t down, int64_t across,
                         char (*side)[64], char (*top)[64]) {
    int width = 8, name = 0;
    for (int64_t i = 0; i < rows; i++)
        if ((int)strlen(side[i]) > name) name = (int)strlen(side[i]);
    for (int64_t k = 0; k < columns; k++)
        if ((int)strlen(top[k]) > width) width = (int)strlen(top[k]);
    printf("%*s", name + 2, "");
    for (int64_t k = 0; k < columns; k++) printf("  %*s", width + 2, top[k]);
    putchar('\n');
    for (int64_t i = 0; i < rows; i++) {
        printf("  %-*s", name, side[i]);
        for (int64_t k = 0; k < columns; k++) printf("  %*.6g", width + 2, plain(data[i * down + k * across]));
        putchar('\n');
    }
}

static void name_results(const explanation *e, char (*name)[64], int64_t m) {
    for (int64_t k = 0; k < m; k++)
        explain_element_name(&(formula_variable){ .name = "f", .shape = e->root->shape }, k, name[k], sizeof name[k]);
}

static void print_jacobian_by(const explanation *e, int i, char (*input)[64], char (*result)[64]) {
    const formula_variable *v = formula_variable_at(e->f, i);
    int64_t m = eg_shape_size(e->root->shape), d = v->size;
    int usual = e->o->layout == EXPLAIN_NUMERATOR;
    for (int64_t k = 0; k < d; k++) explain_element_name(v, k, input[k], sizeof input[k]);
    printf("\nJacobian by %s, %lld x %lld, %s\n", v->name, (long long)(usual ? m : d), (long long)(usual ? d : m),
           usual ? "numerator layout: a row for each element of the result (m x d, the transpose of the course's)"
                 : "denominator layout: a row for each element of the input (d x m, as in the course)");
    if (usual)
        print_matrix(e->jacobian[i], m, d, 1, m, result, input);
    else
        print_matrix(e->jacobian[i], d, m, m, 1, input, result);
    printf("  at most %.0e from differences\n", explain_worst(e->jacobian[i], e->jacobian_numeric[i], m * d));
}

static void print_jacobian(const explanation *e) {
    int64_t m = eg_shape_size(e->root->shape);
    char(*input)[64] = calloc((size_t)formula_elements(e->f) + 1, sizeof *input);
    char(*result)[64] = calloc((size_t)m + 1, sizeof *result);
    if (input && result) {
        name_results(e, result, m);
        for (int i = 0; i < formula_variables(e->f); i++) print_jacobian_by(e, i, input, result);
    }
    free(input);
    free(result);
}

static void print_hessian(const explanation *e) {
    int64_t n = formula_elements(e->f), at = 0;
    char(*name)[64] = calloc((size_t)n + 1, sizeof *name);
    for (int i = 0; name && i < formula_variables(e->f); i++)
        for (int64_t k = 0; k < formula_variable_at(e->f, i)->size; k++, at++)
            explain_element_name(formula_variable_at(e->f, i), k, name[at], sizeof name[at]);
    if (name) {
        printf("\nHessian, %lld x %lld\n", (long long)n, (long long)n);
        print_matrix(e->hessian, n, n, n, 1, name, name);
        printf("  at most %.0e from differences of the gradient\n",
               explain_worst(e->hessian, e->hessian_numeric, n * n));
    }
    free(name);
}

static void print_nudges(const explanation *e) {
    table t = { .columns = 4, .right = "lrrr" };
    ROW(&t, "nudge", "predicted change", "true change", "apart");
    for (int i = 0; i < e->o->nudges.n; i++) {
        char predicted[CELL], happened[CELL], apart[CELL];
        const explain_nudge *nudge = &e->nudge[i];
        snprintf(predicted, sizeof predicted, "%.6g", plain(nudge->predicted));
        snprintf(happened, sizeof happened, "%.6g", plain(nudge->happened));
        snprintf(apart, sizeof apart, "%.2g", plain(nudge->happened - nudge->predicted));
        ROW(&t, nudge->text, predicted, happened, apart);
    }
    putchar('\n');
    print_table(&t);
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static void print_guesses(const explanation *e) {
    for (int i = 0; i < formula_variables(e->f); i++) {
        const formula_variable *v = formula_variable_at(e->f, i);
        if (v->guessed) printf("%s has no value: the check is made at %s = %g\n", v->name, v->name, v->data[0]);
    }
}

static int is_finite(const explanation *e) {
    int64_t n = eg_shape_size(e->root->shape);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(e->flow.value[i])) return 0;
    return 1;
}

void explain_print(explanation *e) {
    char value[200];
    explain_value(e->flow.value, e->root->shape, value, sizeof value);
    printf("%s%s%s\n= %s\n", cli_style(stdout, "1"), e->text, cli_style(stdout, "0"), value);
    if (e->root->shape.rank > 0) puts("The gradients are those of the sum of its elements.");
    if (!is_finite(e)) puts("This is no finite number: there is no derivative here, whatever the gates say.");
    print_guesses(e);
    print_gates(&e->flow);
    print_copies(e);
    print_variables(e);
    if (e->symbolic) print_symbolic(e);
    if (e->jacobian) print_jacobian(e);
    if (e->hessian) print_hessian(e);
    if (e->nudge) print_nudges(e);
}
