/* SPDX-License-Identifier: MIT
 *
 * formula.h: formulas as a person types them, on the library's public interface: "(x + y) * max(y, z)".
 *
 *     formula *f = formula_new();
 *     formula_set(f, "x", "[1, 2, 3]");
 *     formula_node *root = formula_parse(f, "sum(x^2)");
 *     if (formula_status(f)->code != EG_OK) ...
 *
 * A formula is an append-only list of nodes over scalars, vectors and matrices in float64; an input is always older
 * than what uses it. Every node carries a value of one eg_graph, so that shapes and their errors, numbers and
 * derivatives are the library's own. One table (formula_ops.c) says all about an op: how it is written and built, its
 * role among the gates, and its derivative, itself a formula that the same parser reads.
 *
 *     formula.c           nodes, variables, numbers out of the graph
 *     formula_ops.c       the table of ops and of the functions made of them
 *     formula_parse.c     text to nodes; mistakes with their place
 *     formula_print.c     nodes to text, with as few brackets as it can
 *     formula_derive.c    the derivative as a formula       formula_simplify.c   and its shortest form
 *     formula_gates.c     what flows through every gate     formula_numeric.c    differences, Jacobian, Hessian
 *     formula_windows.c   what images need: windows of a matrix, zeros around it
 *     formula_net.c       a small network as a formula: formula_image.c and formula_sequence.c are its layers
 *
 * Mistakes stick, as in graphs: after the first one every call gives the same harmless node, never NULL. Nothing here
 * prints. Non-goals: tensors of more than two axes, speed.
 */
#ifndef ELEGANS_FORMULA_H
#define ELEGANS_FORMULA_H

#define EG_NO_PLACES /* a mistake is at a place in the formula, not in this program's source */
#include <stdio.h>
#include <elegans.h>

typedef struct formula formula;
typedef struct formula_node formula_node;

/* ---- ops --------------------------------------------------------------------------------------------- */

enum {
    FORMULA_ELEMENTWISE = 1, /* broadcasts; the derivative is a factor for each element            */
    FORMULA_REDUCE = 2,      /* each element of the input acts on one element of the result         */
    FORMULA_LINEAR = 4,      /* a factor that is a scalar can be taken out, of each input            */
    FORMULA_INDICES = 8,     /* inputs after the first are whole numbers, no values that flow       */
    FORMULA_SIZES = 16,      /* so are all inputs                                                   */
    FORMULA_LAZY = 32,       /* its adjoint takes a scalar `up` that stands for all elements        */
    FORMULA_COUNTS = 64      /* with INDICES: they are sizes and steps, not places in the first      */
};
enum { FORMULA_MAX_STACK = 256 }; /* inputs of one gate */

typedef struct formula_op {
    const char *name;
    const char *written; /* its name in formulas where that is another: max; NULL else */
    const char *symbol;  /* "+", or NULL for functions */
    int precedence;      /* of the symbol, see formula_print.c */
    int least, most;     /* how many inputs */
    int flags;
    const char *role; /* as the course names gates: "distributor" */
    eg_value *(*build)(const formula_node *node, eg_value *const *in);
    const char *local[3]; /* elementwise: the derivative by each input, a formula of the inputs a, b, c */
    /* others: what goes back to input i when `up` comes in, see formula_ops.c */
    const char *(*adjoint)(const formula_node *node, int i, eg_shape up);
    const char *(*wrong)(formula_node *const *in); /* why it cannot be built, where the library would not say it */
} formula_op;

/* A function that is written with others: mse(p, y) = mean(square(p - y)). */
typedef struct formula_macro {
    const char *name, *parameters, *body;
} formula_macro;

extern const formula_op formula_ops[];       /* ends with a NULL name */
extern const formula_macro formula_macros[]; /* ends with a NULL name */
const formula_op *formula_op_named(const char *name);

/* ---- nodes ------------------------------------------------------------------------------------------- */

struct formula_node {
    const formula_op *op;
    formula_node **in;
    int n, id;
    double number;      /* of a number */
    const char *name;   /* of a variable, of a constant like pi, of "q = ..."; NULL else */
    const double *data; /* of [1, 2, 3] made of numbers */
    int64_t start, end; /* its place in the text: bytes start to end */
    int varies;         /* does it depend on a variable? */
    eg_value *value;
    eg_shape shape;
    formula_node *simple; /* its simplified form, once known */
    double weight;        /* nodes that its text would show */
};

typedef struct formula_variable {
    const char *name;
    eg_shape shape;
    double *data; /* row-major, of `shape` */
    int64_t size;
    int guessed; /* nobody gave a value: formula_allow_unknown */
    formula_node *node;
} formula_variable;

/* Whatever went wrong first. */
typedef struct formula_mistake {
    eg_status code;
    char text[400];     /* what: why */
    int64_t at, length; /* bytes in `source`; at is -1 where there is no place */
    const char *source; /* the text that holds the mistake: the formula, or a value */
} formula_mistake;

formula *formula_new(void); /* NULL without memory */
void formula_free(formula *f);
const formula_mistake *formula_status(const formula *f);
int formula_ok(const formula *f);

/* Names without a value become numbers from now on (some number that is not special), instead of mistakes. */
void formula_allow_unknown(formula *f);
/* Gives a variable its value: text such as "3", "pi/2", "[1, 2]", "1,2" or "[[1, 2], [3, 4]]". */
void formula_set(formula *f, const char *name, const char *text);
/* The same; a mistake in the text begins with `origin` in place of the name. */
void formula_set_from(formula *f, const char *name, const char *text, const char *origin);
/* The same with numbers, copied. */
void formula_set_data(formula *f, const char *name, eg_shape shape, const double *data);
int formula_variables(const formula *f);
formula_variable *formula_variable_at(formula *f, int i);
formula_variable *formula_variable_named(formula *f, const char *name); /* NULL if there is none */

/* Reads "q = x + y; q * z": the last formula's node. `text` must outlive the formula. */
formula_node *formula_parse(formula *f, const char *text);
/* Text that formula_parse reads, allocated: free() it; NULL without memory. Products are put in the form of a
 * fraction. */
char *formula_text(const formula_node *node);
/* The op as it is, with labels for its inputs where there are any: "#1*#2". */
typedef const char *(*formula_label)(void *user, const formula_node *node);
char *formula_text_gate(const formula_node *node, formula_label label, void *user);
/* The shortest decimal that reads back to the same number. */
void formula_put_number(FILE *stream, double number);

/* ---- derivatives as formulas ------------------------------------------------------------------------- */

/* The derivative of `root` (of its sum, where it is no scalar) by every variable, in order; simplified. */
void formula_derive(formula *f, formula_node *root, formula_node **out);
formula_node *formula_simplify(formula *f, formula_node *node);

/* ---- numbers ----------------------------------------------------------------------------------------- */

/* The nodes' numbers, one behind the other, each broadcast to shapes[i] (NULL: its own). */
int formula_evaluate(formula *f, formula_node *const *nodes, const eg_shape *shapes, int n, double *out);

typedef struct formula_wire {
    const formula_node *from; /* NULL for what is no value that flows: constants, indices */
    const double *local;      /* derivative of the gate by this input; NULL where that is no array of one shape */
    eg_shape local_shape;
    char *rule;             /* the same as a formula of what comes in: "y > z"; else what goes back: "W' @ up" */
    const double *gradient; /* what goes back along the wire, of the input's shape */
} formula_wire;

typedef struct formula_gate {
    const formula_node *node;
    const double *value, *gradient; /* of the node's shape */
    int uses;                       /* wires that leave it */
    char *text;                     /* "#1*#2" */
    formula_wire *wire;             /* node->n of them */
} formula_gate;

typedef struct formula_flow {
    formula_node *root;
    const double *value; /* of the root */
    int n;
    formula_gate *gate;      /* in forward order: only what depends on a variable and acts on the root */
    const char **label;      /* by node->id: a variable's name, a gate's "#1"; NULL for the rest */
    const double **gradient; /* by every variable */
    int *uses;               /* wires that leave every variable */
    double margin;           /* distance to the nearest kink */
} formula_flow;

/* Runs forward and backward; everything in it lives as long as the formula. The gradient is that of the root's sum.
 */
void formula_flow_run(formula *f, formula_node *root, formula_flow *out);

/* Differences in float64 by extrapolation (Ridders): d sum(root) / d variable. NaN where they do not settle. */
void formula_differences(formula *f, formula_node *root, double **out);
/* d root_j / d v_i of one variable at out[i * m + j]: the deck's layout, d rows, m columns. */
void formula_jacobian(formula *f, formula_node *root, int variable, double *out, double *numeric);
/* All second derivatives of a scalar, by the elements of all variables in order: out[i * n + j]. */
void formula_hessian(formula *f, formula_node *root, double *out, double *numeric);
/* The root's value with the variables' elements moved by step[] (all variables in order). */
double formula_moved(formula *f, formula_node *root, const double *step);
int64_t formula_elements(const formula *f); /* of all variables */

/* ---- networks ---------------------------------------------------------------------------------------- */

typedef struct formula_net_words {
    const char *net, *input, *target;
    const char *loss; /* NULL: what fits */
    eg_shape shape;   /* of the input; rank 0: as the input is written */
    uint64_t seed;    /* of weights that are not given */
} formula_net_words;

/* "dense 2 tanh; dense 1 sigmoid" on one example as text: "z1 = x @ W1 + b1; h1 = tanh(z1); ...", allocated, with
 * variables x, W1, b1, ... set in f. */
char *formula_net(formula *f, const formula_net_words *words);

#endif
