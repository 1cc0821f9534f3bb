/* SPDX-License-Identifier: MIT
 *
 * formula_inside.h: what the formula_*.c files share and nobody else needs.
 */
#ifndef ELEGANS_FORMULA_INSIDE_H
#define ELEGANS_FORMULA_INSIDE_H

#include <stdarg.h>
#include "formula.h"

enum {
    FORMULA_MAX_VARIABLES = 256,
    FORMULA_MAX_NODES = 200000, /* derivatives of derivatives of long formulas have to end somewhere */
    FORMULA_MAX_DEPTH = 200     /* brackets in brackets */
};

typedef struct formula_block formula_block;

struct formula {
    formula_mistake mistake;
    int unknown_allowed;
    int is_value; /* the text is what a name is worth: no names */
    formula_block *blocks;
    eg_graph *graph;
    formula_node **node; /* all, oldest first */
    int n, capacity;
    int *slot; /* interned nodes by hash: number + 1, 0 for none */
    int slots, used;
    formula_variable variable[FORMULA_MAX_VARIABLES];
    int variables;
    formula_node nothing; /* what every call gives after a mistake */
};

/* Memory that lives as long as the formula; NULL after a mistake. */
void *formula_take(formula *f, size_t size);
char *formula_copy_text(formula *f, const char *text, size_t length);

/* Remembers the first mistake and gives f->nothing. */
formula_node *formula_wrong(formula *f, eg_status code, const char *source, int64_t at, int64_t length,
                            const char *format, ...) EG_PRINTF(6, 7);
formula_node *formula_no_memory(formula *f);

/* A new node: its value is built, its shape inferred. */
formula_node *formula_make(formula *f, const formula_op *op, formula_node *const *in, int n);
/* The node with these inputs that is there already, or a new one. What symbolic work uses: equal is the same. */
formula_node *formula_intern(formula *f, const char *op, formula_node *const *in, int n);
formula_node *formula_number(formula *f, double number);
formula_node *formula_constant(formula *f, const char *name, double number);
formula_node *formula_data(formula *f, eg_shape shape, const double *data);
formula_node *formula_own_variable(formula *f, formula_variable *variable);
/* A leaf of that name with the value and shape of a node. */
formula_node *formula_stand_in(formula *f, const char *name, const formula_node *node);
int formula_is(const formula_node *node, const char *op);
int formula_is_number(const formula_node *node, double number);

/* The nodes that `root` needs, marked 1 in a new array of f->n; NULL after a mistake. */
unsigned char *formula_needed(formula *f, const formula_node *root);

/* Runs roots of any graph whose inputs are the formula's variables (NULL data: their own values) and copies the
 * results one behind the other. */
typedef struct formula_run formula_run;
formula_run *formula_run_new(formula *f, eg_value *const *roots, int n);
int formula_run_go(formula *f, formula_run *run, double *const *data, double *out);
double formula_run_margin(const formula_run *run);
void formula_run_free(formula_run *run);

/* A rule of the op table with its inputs in place of the letters. */
typedef struct formula_binding {
    const char *name;
    formula_node *node;
} formula_binding;
formula_node *formula_rule(formula *f, const char *text, const formula_binding *bindings, int n);
/* What the table says about input i of a node whose inputs and `up` may be stand-ins: simplified. */
formula_node *formula_local(formula *f, const formula_node *node, int i, formula_node *up);
/* Does a gradient go back to input i? Not to indices and constants. */
int formula_flows(const formula_node *node, int i);

/* Ops of the table that images need: formula_windows.c. */
eg_value *formula_build_windows(const formula_node *node, eg_value *const *in);
eg_value *formula_build_overlap(const formula_node *node, eg_value *const *in);
eg_value *formula_build_pad(const formula_node *node, eg_value *const *in);
eg_value *formula_build_reshape(const formula_node *node, eg_value *const *in);
const char *formula_wrong_windows(formula_node *const *in);
const char *formula_wrong_overlap(formula_node *const *in);
const char *formula_wrong_pad(formula_node *const *in);

/* Shapes. */
int64_t formula_size(eg_shape shape);
/* node * ones(...) where a node has less than that shape */
formula_node *formula_spelled_out(formula *f, formula_node *node, eg_shape shape);
eg_shape formula_joined(eg_shape a, eg_shape b); /* broadcast together; rank -1 if they do not */

#endif
