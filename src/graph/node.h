/* SPDX-License-Identifier: MIT
 *
 * node.h: what a value is made of, for everyone inside the library who builds or rewrites graphs.
 *
 * A graph is an array of nodes in building order, which is a topological order. It is append-only: a pass never edits
 * a graph, it copies the nodes that it keeps into a new one (compile/pass.h). Everything lives in the graph's arena.
 */
#ifndef EG_GRAPH_NODE_H
#define EG_GRAPH_NODE_H

#include <elegans/graph.h>
#include "base/arena.h"
#include "tensor/shape.h"

/* The ops: one enum out of one list, src/ops/ops.def. */
typedef enum eg_op {
#define EG_OP(NAME, symbol) EG_OP_##NAME,
#include "ops/ops.def"
#undef EG_OP
    EG_OP_COUNT
} eg_op;

/* How a value lies in memory. ROWS: row-major. PANELS: a matrix [k,n] as [ceil(n/32)][k][32], padding lanes zero;
 * only rank-2 f32. The shape is always the logical one. Graphs that a user builds hold ROWS only, but for
 * eg_weight variables; the layout pass decides about the rest. */
typedef enum eg_layout { EG_ROWS, EG_PANELS } eg_layout;

/* ---- attributes: one struct for each kind, zero-padded so that they compare and hash by bytes ------------------ */

typedef enum eg_attr_kind {
    EG_ATTR_NONE, EG_ATTR_NUMBER, EG_ATTR_DATA, EG_ATTR_AXIS, EG_ATTR_REDUCE, EG_ATTR_PERMUTE, EG_ATTR_SHAPE,
    EG_ATTR_SLICE, EG_ATTR_PAD, EG_ATTR_AXES, EG_ATTR_MATMUL, EG_ATTR_SCATTER, EG_ATTR_ONE_HOT, EG_ATTR_DTYPE,
    EG_ATTR_RANDOM, EG_ATTR_LEAF, EG_ATTR_BODY, EG_ATTR_INDEX, EG_ATTR_PACK, EG_ATTR_CONV, EG_ATTR_WINDOW,
    EG_ATTR_KINDS
} eg_attr_kind;

typedef struct eg_body eg_body;

enum { EG_SPATIAL = 2 }; /* most axes that windows move over */

typedef union eg_attr {
    struct { double number; eg_shape shape; int32_t dtype, weak; } number;  /* const: a filled tensor          */
    struct { const void *bytes; eg_shape shape; int64_t dtype; } data;      /* constant: row-major literal     */
    struct { int64_t axis; eg_shape shape; int64_t dtype; } axis;           /* axis ops; iota needs all three    */
    struct { uint32_t mask, keep; } reduce;                                 /* bit i: axis i is reduced        */
    struct { int32_t axis[EG_MAX_RANK]; } permute;                          /* which old axis comes i-th       */
    struct { eg_shape shape; } shape;                                       /* reshape, expand                 */
    struct { int64_t start[EG_MAX_RANK], stop[EG_MAX_RANK], step[EG_MAX_RANK]; } slice;
    struct { int64_t low[EG_MAX_RANK], high[EG_MAX_RANK], interior[EG_MAX_RANK]; } pad;
    struct { uint64_t mask; } axes;                                         /* flip                            */
    struct { int32_t ta, tb; } matmul;                                      /* last two axes of a, b swapped   */
    struct { int64_t axis, size; } scatter;
    struct { int64_t depth, dtype; } one_hot;
    struct { int64_t dtype; } dtype;                                        /* cast                            */
    struct { eg_shape shape; uint32_t site; int32_t dtype; } random;
    struct { eg_shape shape; int32_t dtype, layout; } leaf;                 /* input, var (name: eg_value.name)*/
    struct { eg_body *body; int64_t steps; int32_t carries, stacked, reverse; } body; /* fused: body only; scan    */
    struct { int64_t index; eg_shape shape; int64_t dtype; } index;         /* part; param also shape, dtype   */
    struct { int64_t transpose; } pack;                                     /* pack: also swaps the two axes   */
    struct {                                                                /* conv, window ops: ops/window.h  */
        int64_t size[EG_SPATIAL], stride[EG_SPATIAL], low[EG_SPATIAL], high[EG_SPATIAL], spread[EG_SPATIAL];
        int64_t dilation[EG_SPATIAL], groups, kernel, rows;
    } window;
} eg_attr;

struct eg_value {
    eg_graph *graph;
    const struct eg_op_def *def;
    eg_op op;
    int id;              /* place in graph->values */
    eg_dtype dtype;
    int weak;            /* a constant that takes the other operand's dtype */
    eg_layout layout;
    int nin;
    eg_value **in;
    eg_shape shape;
    eg_attr attr;        /* read by def->attr's kind */
    const char *name;    /* inputs and variables; "" otherwise */
    const char *scope;   /* "dense_1/" where it was built, "" at the top: for drawings and error messages */
    const char *file;    /* where the user wrote it; NULL if that is not known */
    int line;
};

struct eg_graph {
    eg_arena arena;
    eg_value **values;
    int n, capacity;
    eg_value **leaves;   /* the named ones: inputs and variables, in building order */
    int nleaves, leaf_capacity;
    eg_status status;    /* the first error, with its message */
    const char *error;
    const char *scope;   /* "dense_1/", "" at the top */
    struct eg_scope *scopes, *scope_top;
    int scopes_lost;     /* pushes without memory: their pops do nothing */
    eg_body *bodies;     /* all that this graph owns */
    eg_body *body;       /* whose graph this is; NULL: nobody's */
    int is_open;         /* a body under construction: values of the graphs around it become parameters by themselves */
    eg_value *poison;    /* handed out after a mistake; shape [], f32 */
};

/* A graph used as a function by a node: its params (op PARAM, attr.index) stand for the node's inputs in order.
 * A node of several outputs has the first as its own shape; PART nodes give the others.
 *
 * FUSED: each param is of its input's type, the outputs are the body's. SCAN runs the body `steps` times: the first
 * attr.body.carries params are what the step before made of them (at first, the node's inputs), the next attr.body.stacked
 * are slices of inputs with `steps` as an axis more in front, the others are captured: the same in every step. The body's
 * first outputs are the next carries, which the node gives as they are after the last step; those behind are stacked
 * along a new first axis. `reverse`: the steps walk from the last slice to the first. */
struct eg_body {
    eg_graph *outer;     /* owns the body */
    eg_body *next;       /* of outer->bodies */
    eg_graph *graph;     /* the body's own nodes: freed with the outer graph */
    int nin, nout;
    eg_value **param;    /* [nin] */
    eg_value **out;      /* [nout] */
    eg_value **in;       /* [nin]: of a body that may capture: the outer values that params stand for */
    int capacity;        /* of param and in */
    eg_body *origin;     /* whose graph it took over (eg_body_move); NULL: nobody's */
};

/* ---- building -------------------------------------------------------------------------------------------------- */

/* Appends a node: checks that the inputs belong to `graph` and are not poisoned, gives weak constants the others'
 * dtype (that of the first operand that is not weak; a weak constant among its like stays f32), calls the op's
 * infer. The attributes are copied, the bytes of a literal too; `attr` may be NULL for ATTR_NONE. A VAR and a PACK
 * get their layout, all else ROWS: a pass that decides otherwise sets value->layout. On a mistake: records the
 * error, returns graph->poison. */
eg_value *eg_node(eg_graph *graph, eg_op op, eg_value *const *in, int nin, const eg_attr *attr);
/* The same with up to three inputs (NULL ends the list); the graph is that of the first. */
eg_value *eg_node1(eg_op op, eg_value *a, const eg_attr *attr);
eg_value *eg_node2(eg_op op, eg_value *a, eg_value *b, const eg_attr *attr);
eg_value *eg_node3(eg_op op, eg_value *a, eg_value *b, eg_value *c, const eg_attr *attr);
/* A leaf with a name (INPUT, VAR): the current scope is not added. Returns the existing one if the name is taken,
 * in its own layout; NAME error if that has another dtype or shape. Only f32 matrices can lie in panels: all else
 * gets ROWS. */
eg_value *eg_leaf(eg_graph *graph, eg_op op, const char *name, eg_dtype dtype, const eg_shape *shape, eg_layout layout);
/* How a variable that products read as B is to lie: in panels, but for matrices so narrow that these would be mostly
 * padding. */
eg_layout eg_weight_layout(const eg_shape *shape);
/* A copy of `value` in another graph with these inputs; name, place and layout are kept. Bodies are shared by deep
 * copy. */
eg_value *eg_node_copy(eg_graph *to, const eg_value *value, eg_value *const *in);
/* The same with the inputs that map[id of the old input] names. */
eg_value *eg_node_copy_mapped(eg_graph *to, const eg_value *value, eg_value *const *map);
/* Records the first error of a graph ("op: text (file:line)") and returns its poison value. */
eg_value *eg_poison(eg_graph *graph, eg_status status, const char *op, const char *format, ...) EG_PRINTF(4, 5);

/* A graph's first error as this thread's last one; OK if it has none. */
eg_status eg_graph_settle(const eg_graph *graph);

/* A body: built in its own graph (params first), then given to one node of the outer graph as attr.body. NULL
 * without memory, which the other two accept. A mistake inside the body poisons the outer graph when the body is
 * finished. */
eg_body *eg_body_new(eg_graph *outer, int nin);
/* Call once for each, in order. */
eg_value *eg_body_param(eg_body *body, int index, eg_dtype dtype, const eg_shape *shape);
eg_status eg_body_finish(eg_body *body, eg_value *const *outs, int nout);
/* Opens a body (all its params are there): from now on an operand of a graph around it becomes one more param. Closed
 * by eg_body_finish. `inner` is the body's graph. */
void eg_body_open(eg_body *body);
int eg_is_around(const eg_graph *graph, const eg_graph *inner); /* does `inner` lie in a body of `graph`, at any depth? */
eg_value *eg_capture(eg_graph *inner, eg_value *outer);         /* a value of a graph around `inner` as one of `inner` */
/* One more output, of a scan's body that may be in use already; returns its number, or -1 without memory (and poisons). */
int eg_body_add_out(eg_body *body, eg_value *out);
/* A body of another graph as one of `outer`: what its outputs need. NULL on failure (eg_error_status). */
eg_body *eg_body_copy(eg_graph *outer, const eg_body *body);
/* A body of another graph becomes one of `outer`, which owns its graph from now on; NULL without memory.
 * eg_bodies_return gives all bodies that `outer` got in this way back to where they came from. */
eg_body *eg_body_move(eg_graph *outer, eg_body *body);
void eg_bodies_return(eg_graph *outer);
/* Result `index` of a node with a body: the node itself, or a PART. */
eg_value *eg_part(eg_value *whole, int index);
/* eg_reshape_to, eg_expand, eg_full for the inside: see tensor/shape.h. A shape that is NULL is []. */
eg_value *eg_reshaped(eg_value *x, const eg_shape *shape);
eg_value *eg_expanded(eg_value *x, const eg_shape *shape);
eg_value *eg_filled(eg_graph *graph, eg_dtype dtype, const eg_shape *shape, double number);
/* Filled constant of a value's dtype and shape. */
eg_value *eg_fill_like(const eg_value *like, double number);
/* x stacked: the same in every step. */
eg_value *eg_repeated(eg_value *x, int64_t steps);
/* A reduction over the axes of `mask`; op is SUM, MAX, MIN or LOGSUMEXP. */
eg_value *eg_reduced(eg_op op, eg_value *x, uint32_t mask, int keep);
/* The variable by name, NULL if absent. */
eg_value *eg_graph_find(const eg_graph *graph, eg_op leaf_op, const char *name);

/* eg_value_is_poisoned for the inside. */
static inline int eg_is_poison(const eg_value *value) { return value->op == EG_OP_POISON; }
/* A product of matrices or of images with a kernel: what groups are built around. */
static inline int eg_is_product(const eg_value *value) { return value->op == EG_OP_MATMUL || value->op == EG_OP_CONV; }

/* Sums `value` over the axes that broadcasting stretched, so that it gets `shape`: the one place that un-
 * broadcasts. */
eg_value *eg_sum_to(eg_value *value, const eg_shape *shape);

/* Structural equality of op, attributes, dtype, shape, layout and inputs (by identity); and its hash. */
int eg_node_equal(const eg_value *a, const eg_value *b);
uint64_t eg_node_hash(const eg_value *value);

/* A scalar constant of that value's dtype (not weak): formulas stay inside one dtype with it. */
eg_value *eg_number(eg_value *like, double number);
/* Poison that carries the message of the failure that has just been recorded. */
eg_value *eg_poison_last(eg_graph *graph, const char *op);

/* A set of roots that one program can have: of one graph, not poisoned, at most one assign for each variable. */
eg_status eg_roots_check(eg_value *const *roots, int n);

/* Sets `where` (may be NULL: none) as the place and scope of the values built from now on in its graph; returns
 * what to give to eg_place_restore. Gradients and rewritten values so keep the place of what they come from. */
typedef struct eg_place {
    const char *file, *scope;
    int line;
} eg_place;
eg_place eg_place_of(eg_graph *graph, const eg_value *where);
void eg_place_restore(eg_graph *graph, eg_place place);

/* Marks the ids that the roots need: needed[id] = 1; `needed` has graph->n bytes. */
void eg_mark_needed(eg_value *const *roots, int n, unsigned char *needed);
/* Marks what the values that are marked need, but not for the sake of those that `ends` (may be NULL: none) has. */
void eg_mark_inputs(const eg_graph *graph, unsigned char *needed, const unsigned char *ends);
/* The ids of what the roots need, inputs before what reads them, in an order that says nothing of when values were built (a C
 * compiler may evaluate the arguments of a call in any): what sums up in this order has the same bits from every
 * compiler. order, work: [values of the graph], [2 * that]; returns how many. */
int eg_walk_order(eg_value *const *roots, int n, int *order, int *work);

#endif
