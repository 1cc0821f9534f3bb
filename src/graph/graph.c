/* SPDX-License-Identifier: MIT
 *
 * graph.c: a graph's life, and how a value comes into it.
 *
 * The idea: every value, whoever builds it (user, gradient, parser, pass), passes through eg_node, which checks the
 * operands, lets the op infer dtype and shape, and appends. So a graph holds correct values only, in topological
 * order. A mistake is remembered once, in the graph, and answered with the graph's poison value, which turns
 * everything built on it into poison too: a formula needs no check on every line. A call that has not even a graph
 * (no memory for one, NULL operands) gets the poison of a static graph that nobody writes, so constructors never
 * return NULL.
 *
 * Non-goals: merging equal values or computing constants while building. Passes do that.
 */
#include "graph/node.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "graph/attr.h"
#include "ops/op.h"
#include "tensor/shape.h"

/* One scope that was ever entered; all are kept, so that values may point to the text. */
typedef struct eg_scope {
    const char *text;       /* "encoder/dense_1/" */
    struct eg_scope *under; /* what a pop goes back to */
    struct eg_scope *next;  /* of graph->scopes */
} eg_scope;

static eg_graph nowhere;
static eg_value nothing = {
    .graph = &nowhere, .op = EG_OP_POISON, .id = -1, .dtype = EG_F32, .name = "", .scope = ""
};
static eg_graph nowhere = { .status = EG_E_ARGUMENT, .error = "no graph", .scope = "", .poison = &nothing };

/* ---- life ------------------------------------------------------------------------------------------------------ */

eg_graph *eg_graph_new(void) {
    eg_graph *graph = eg_calloc(1, sizeof *graph);
    if (!graph) return NULL;
    graph->scope = graph->error = "";
    graph->poison = EG_ARENA_NEW(&graph->arena, eg_value);
    if (!graph->poison) {
        eg_graph_free(graph);
        return NULL;
    }
    *graph->poison = nothing;
    graph->poison->graph = graph;
    return graph;
}

void eg_graph_free(eg_graph *graph) {
    if (!graph || graph == &nowhere) return;
    for (eg_body *body = graph->bodies; body; body = body->next) eg_graph_free(body->graph);
    eg_free(graph->values);
    eg_free(graph->leaves);
    eg_arena_free(&graph->arena);
    eg_free(graph);
}

eg_status eg_graph_status(const eg_graph *graph) { return graph ? graph->status : nowhere.status; }
const char *eg_graph_error(const eg_graph *graph) { return graph ? graph->error : nowhere.error; }

eg_status eg_graph_settle(const eg_graph *graph) {
    return graph->status == EG_OK ? EG_OK : eg_fail(graph->status, "%s", graph->error);
}

/* ---- where we are: the caller's line, the scope ---------------------------------------------------------------- */

static _Thread_local struct {
    const char *file; /* NULL: not known */
    int line;
} here;

void eg_here(const char *file, int line) {
    here.file = file;
    here.line = line;
}

/* The graph's own copy of a scope's text; NULL without memory. */
static const char *scope_text(eg_graph *graph, const char *text) {
    if (text[0] == '\0') return "";
    for (const eg_scope *scope = graph->scopes; scope; scope = scope->next)
        if (scope->text == text || strcmp(scope->text, text) == 0) return scope->text;
    eg_scope *scope = EG_ARENA_NEW(&graph->arena, eg_scope);
    if (scope) scope->text = eg_arena_strdup(&graph->arena, text);
    if (!scope || !scope->text) return NULL;
    scope->next = graph->scopes;
    graph->scopes = scope;
    return scope->text;
}

void eg_scope_push(eg_graph *graph, const char *name) {
    if (!graph || graph == &nowhere) return;
    eg_scope *scope = EG_ARENA_NEW(&graph->arena, eg_scope);
    if (scope) scope->text = eg_arena_format(&graph->arena, "%s%s/", graph->scope, name);
    if (!scope || !scope->text) {
        graph->scopes_lost++;
        eg_poison(graph, EG_E_MEMORY, "scope", "no memory for its name");
        return;
    }
    scope->next = graph->scopes;
    scope->under = graph->scope_top;
    graph->scopes = graph->scope_top = scope;
    graph->scope = scope->text;
}

void eg_scope_pop(eg_graph *graph) {
    if (!graph || graph == &nowhere) return;
    if (graph->scopes_lost > 0) {
        graph->scopes_lost--;
        return;
    }
    assert(graph->scope_top && "eg_scope_pop without its push");
    if (graph->scope_top) graph->scope_top = graph->scope_top->under;
    graph->scope = graph->scope_top ? graph->scope_top->text : "";
}

eg_place eg_place_of(eg_graph *graph, const eg_value *where) {
    eg_place was = { here.file, graph->scope, here.line };
    eg_here(where ? where->file : NULL, where ? where->line : 0);
    const char *scope = where ? scope_text(graph, where->scope) : "";
    if (scope)
        graph->scope = scope;
    else
        eg_poison(graph, EG_E_MEMORY, "scope", "no memory for its name");
    return was;
}

void eg_place_restore(eg_graph *graph, eg_place place) {
    eg_here(place.file, place.line);
    graph->scope = place.scope;
}

/* ---- mistakes -------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

eg_value *eg_poison(eg_graph *graph, eg_status status, const char *op, const char *format, ...) {
    char place[160] = "";
    va_list arguments;
    va_start(arguments, format);
    eg_failv(status, format, arguments);
    va_end(arguments);
    if (here.file) snprintf(place, sizeof place, " (%.120s:%d)", base_name(here.file), here.line);
    eg_fail(status, "%s%s: %s%s", graph ? graph->scope : "", op, eg_error(), place);
    if (!graph) return &nothing;
    if (graph->status == EG_OK) {
        graph->status = status;
        graph->error = eg_arena_strdup(&graph->arena, eg_error());
        if (!graph->error) graph->error = "no memory"; /* nor any for what was to be said */
    }
    return graph->poison;
}

/* ---- operands -------------------------------------------------------------------------------------------------- */

static eg_value *arity_check(eg_graph *graph, const eg_op_def *def, int nin) {
    int least = def->arity < 0 ? -def->arity : def->arity;
    if (def->arity < 0 ? nin >= least : nin == least) return NULL;
    return eg_poison(graph, EG_E_ARGUMENT, def->name, "takes %s%d operands, got %d",
                     def->arity < 0 ? "at least " : "", least, nin);
}

/* NULL if all is well, else what to return. */
static eg_value *operands_check(eg_graph *graph, const eg_op_def *def, eg_value *const *in, int nin) {
    for (int i = 0; i < nin; i++) {
        if (!in[i]) return eg_poison(graph, EG_E_ARGUMENT, def->name, "operand %d is NULL", i + 1);
        if (in[i]->graph != graph && in[i] == in[i]->graph->poison)
            return eg_poison(graph, in[i]->graph->status, def->name, "operand %d: %s", i + 1, in[i]->graph->error);
        if (in[i]->graph != graph)
            return eg_poison(graph, EG_E_ARGUMENT, def->name, "operand %d belongs to another graph", i + 1);
        if (in[i] == graph->poison) return graph->poison;
        if (eg_op_table[in[i]->op]->flags & EG_EFFECT)
            return eg_poison(graph, EG_E_ARGUMENT, def->name, "operand %d is an %s, which is a root and has no value",
                             i + 1, eg_op_table[in[i]->op]->name);
    }
    return arity_check(graph, def, nin);
}

/* Whether `dtype` has this number: a weak 0.5 must not quietly become the integer 0. */
static int dtype_holds(eg_dtype dtype, double number) {
    if (dtype == EG_F32 || dtype == EG_F64) return 1;
    double back;
    int32_t element = 0;
    eg_convert(dtype, &element, EG_F64, &number, 1);
    eg_convert(EG_F64, &back, dtype, &element, 1);
    return back == number;
}

eg_value *eg_filled(eg_graph *graph, eg_dtype dtype, const eg_shape *shape, double number) {
    eg_attr attr = { .number = { .number = number, .dtype = (int32_t)dtype } };
    if (shape) attr.number.shape = *shape;
    return eg_node(graph, EG_OP_CONST, NULL, 0, &attr);
}

eg_value *eg_fill_like(const eg_value *like, double number) {
    return eg_filled(like->graph, like->dtype, &like->shape, number);
}

/* Gives the weak constants among `in` the dtype of the others; NULL, or the poison. */
static eg_value *settle_weak(eg_graph *graph, const eg_op_def *def, eg_value **in, int nin) {
    int first = def->flags & EG_CONDITION ? 1 : 0;
    eg_dtype dtype = 0;
    for (int i = nin - 1; i >= first; i--)
        if (!in[i]->weak) dtype = in[i]->dtype;
    for (int i = first; i < nin; i++) {
        if (!in[i]->weak || dtype == 0 || dtype == in[i]->dtype) continue;
        double number = in[i]->attr.number.number;
        if (!dtype_holds(dtype, number))
            return eg_poison(graph, EG_E_DTYPE, def->name, "the constant %g is no %s: use eg_cast", number,
                             eg_dtype_name(dtype));
        in[i] = eg_filled(graph, dtype, &in[i]->shape, number);
        if (in[i] == graph->poison) return in[i];
    }
    return NULL;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

/* Room for one more pointer in a growing array. */
static eg_status reserve(eg_value ***array, int n, int *capacity) {
    if (n < *capacity) return EG_OK;
    if (n > INT_MAX / 4) return eg_fail(EG_E_LIMIT, "more values than a graph can hold");
    int grown = *capacity ? 2 * *capacity : 32;
    eg_value **bigger = eg_realloc(*array, sizeof(eg_value *) * (size_t)grown);
    if (!bigger) return EG_E_MEMORY;
    *array = bigger;
    *capacity = grown;
    return EG_OK;
}

/* The attributes as the graph keeps them: normal form, and what they point to in the graph's own memory. */
static eg_status attr_take(eg_value *value, const eg_attr *attr) {
    int rank = value->nin > 0 ? value->in[0]->shape.rank : 0;
    EG_TRY(eg_attr_normal(&value->attr, value->def, attr, rank));
    if (value->def->attr == EG_ATTR_DATA) {
        size_t size = (size_t)eg_count(&attr->data.shape) * eg_dtype_size((eg_dtype)attr->data.dtype);
        value->attr.data.bytes = eg_arena_copy(&value->graph->arena, attr->data.bytes, size);
        if (!value->attr.data.bytes) return EG_E_MEMORY;
    }
    if (value->def->attr == EG_ATTR_BODY && attr->body.body->outer != value->graph) {
        value->attr.body.body = eg_body_copy(value->graph, attr->body.body);
        if (!value->attr.body.body) return eg_error_status();
    }
    return EG_OK;
}

/* What the op says of the result. */
static eg_status infer(eg_value *value) {
    eg_inferred result = { .dtype = EG_F32 };
    if (value->op == EG_OP_POISON) return eg_fail(EG_E_ARGUMENT, "cannot be built");
    EG_TRY(value->def->infer(value, &result));
    EG_TRY(eg_shape_check(&result.shape));
    value->dtype = result.dtype;
    value->shape = result.shape;
    value->weak = value->op == EG_OP_CONST && value->attr.number.weak;
    value->layout = value->op == EG_OP_VAR    ? (eg_layout)value->attr.leaf.layout
                    : value->op == EG_OP_PACK ? EG_PANELS
                                              : EG_ROWS;
    return EG_OK;
}

static eg_status append(eg_value *value) {
    eg_graph *graph = value->graph;
    EG_TRY(reserve(&graph->values, graph->n, &graph->capacity));
    value->id = graph->n;
    graph->values[graph->n++] = value;
    return EG_OK;
}

/* A value with its operands, not yet inferred; NULL without memory. */
static eg_value *value_new(eg_graph *graph, eg_op op, eg_value *const *in, int nin) {
    eg_value *value = eg_arena_alloc(&graph->arena, sizeof(eg_value) + sizeof(eg_value *) * (size_t)nin);
    if (!value) return NULL;
    value->graph = graph;
    value->def = eg_op_table[op];
    value->op = op;
    value->nin = nin;
    value->in = (eg_value **)(value + 1);
    value->name = "";
    value->scope = graph->scope;
    value->file = here.file, value->line = here.line;
    if (nin > 0) memcpy(value->in, in, sizeof(eg_value *) * (size_t)nin);
    return value;
}

/* The graph that a value of these operands belongs to: the innermost body that one of them is of. */
static eg_graph *home_of(eg_graph *graph, eg_value *const *in, int nin) {
    for (int i = 0; i < nin; i++)
        if (in[i] && in[i]->graph != graph && eg_is_around(graph, in[i]->graph)) graph = in[i]->graph;
    return graph;
}

static void capture_operands(eg_graph *graph, eg_value **in, int nin) {
    for (int i = 0; i < nin && graph->is_open; i++)
        if (in[i] && in[i]->graph != graph && in[i] != in[i]->graph->poison && eg_is_around(in[i]->graph, graph))
            in[i] = eg_capture(graph, in[i]);
}

eg_value *eg_node(eg_graph *graph, eg_op op, eg_value *const *in, int nin, const eg_attr *attr) {
    const eg_op_def *def = eg_op_table[op];
    if (!graph || graph == &nowhere)
        return eg_poison(NULL, EG_E_ARGUMENT, def->name, "there is no graph to build it in");
    eg_graph *home = home_of(graph, in, nin);
    if (home != graph && !home->is_open)
        return eg_poison(graph, EG_E_ARGUMENT, def->name, "an operand is a value inside of a loop: let the loop return it");
    graph = home;
    eg_value *value = value_new(graph, op, in, nin);
    if (!value) return eg_poison(graph, EG_E_MEMORY, def->name, "no memory");
    capture_operands(graph, value->in, nin);
    eg_value *bad = operands_check(graph, def, value->in, nin);
    if (!bad) bad = settle_weak(graph, def, value->in, nin);
    if (bad) return bad;
    eg_status status = attr_take(value, attr);
    if (status == EG_OK) status = infer(value);
    if (status == EG_OK) status = append(value);
    return status == EG_OK ? value : eg_poison(graph, status, def->name, "%s", eg_error());
}

/* The graph that operands belong to: that of the first one which has any. */
static eg_value *node_of(eg_op op, eg_value *const *in, int nin, const eg_attr *attr) {
    eg_graph *graph = NULL;
    for (int i = 0; i < nin && !graph; i++)
        if (in[i] && in[i]->graph != &nowhere) graph = in[i]->graph;
    return eg_node(graph, op, in, nin, attr);
}

eg_value *eg_node1(eg_op op, eg_value *a, const eg_attr *attr) { return node_of(op, &a, 1, attr); }

eg_value *eg_node2(eg_op op, eg_value *a, eg_value *b, const eg_attr *attr) {
    return node_of(op, (eg_value *[]){ a, b }, 2, attr);
}

eg_value *eg_node3(eg_op op, eg_value *a, eg_value *b, eg_value *c, const eg_attr *attr) {
    return node_of(op, (eg_value *[]){ a, b, c }, 3, attr);
}

/* ---- leaves ---------------------------------------------------------------------------------------------------- */

eg_value *eg_graph_find(const eg_graph *graph, eg_op leaf_op, const char *name) {
    for (int i = 0; i < graph->nleaves; i++)
        if (graph->leaves[i]->op == leaf_op && strcmp(graph->leaves[i]->name, name) == 0) return graph->leaves[i];
    return NULL;
}

/* The leaf that has the name already, if it is the one that is asked for. Its layout is whatever its first maker
 * chose. */
static eg_value *leaf_again(eg_value *leaf, eg_dtype dtype, const eg_shape *shape) {
    if (leaf->dtype == dtype && eg_same_shape(&leaf->shape, shape)) return leaf;
    return eg_poison(leaf->graph, EG_E_NAME, eg_op_table[leaf->op]->name, "\"%.200s\" is %s already, not %s",
                     leaf->name, eg_type_words(leaf->dtype, &leaf->shape), eg_type_words(dtype, shape));
}

eg_layout eg_weight_layout(const eg_shape *shape) {
    enum { NARROW = 16 };
    return shape->rank == 2 && shape->dim[1] > NARROW ? EG_PANELS : EG_ROWS;
}

/* Room for a leaf and its name are found first, so that a leaf is never in one list only. */
eg_value *eg_leaf(eg_graph *graph, eg_op op, const char *name, eg_dtype dtype, const eg_shape *shape,
                  eg_layout layout) {
    const char *op_name = eg_op_table[op]->name;
    if (!graph || graph == &nowhere)
        return eg_poison(NULL, EG_E_ARGUMENT, op_name, "there is no graph to build it in");
    if (!name || name[0] == '\0') return eg_poison(graph, EG_E_NAME, op_name, "needs a name");
    if (graph->is_open) { /* a loop has no leaves of its own */
        eg_value *outer = eg_leaf(graph->body->outer, op, name, dtype, shape, layout);
        return eg_is_poison(outer) ? eg_poison(graph, outer->graph->status, op_name, "%s", outer->graph->error)
                                           : eg_capture(graph, outer);
    }
    eg_value *leaf = eg_graph_find(graph, op, name);
    if (leaf) return leaf_again(leaf, dtype, shape);
    const char *kept = eg_arena_strdup(&graph->arena, name);
    if (!kept || reserve(&graph->leaves, graph->nleaves, &graph->leaf_capacity) != EG_OK)
        return eg_poison(graph, EG_E_MEMORY, op_name, "no memory");
    if (shape->rank != 2 || dtype != EG_F32) layout = EG_ROWS;
    eg_attr attr = { .leaf = { .shape = *shape, .dtype = (int32_t)dtype, .layout = (int32_t)layout } };
    leaf = eg_node(graph, op, NULL, 0, &attr);
    if (leaf == graph->poison) return leaf;
    leaf->name = kept;
    graph->leaves[graph->nleaves++] = leaf;
    return leaf;
}

/* ---- copies ---------------------------------------------------------------------------------------------------- */

eg_value *eg_node_copy(eg_graph *to, const eg_value *value, eg_value *const *in) {
    if (eg_is_poison(value))
        return eg_poison(to, eg_graph_status(value->graph), "copy", "%s", eg_graph_error(value->graph));
    eg_place was = eg_place_of(to, value);
    eg_value *copy = value->def->attr == EG_ATTR_LEAF
                         ? eg_leaf(to, value->op, value->name, value->dtype, &value->shape, value->layout)
                         : eg_node(to, value->op, in, value->nin, &value->attr);
    if (copy != to->poison) copy->layout = value->layout;
    eg_place_restore(to, was);
    return copy;
}

eg_value *eg_node_copy_mapped(eg_graph *to, const eg_value *value, eg_value *const *map) {
    eg_value **in = eg_alloc(sizeof *in * (size_t)(value->nin + 1));
    if (!in) return eg_poison(to, EG_E_MEMORY, "copy", "no memory");
    for (int i = 0; i < value->nin; i++) in[i] = map[value->in[i]->id];
    eg_value *copy = eg_node_copy(to, value, in);
    eg_free(in);
    return copy;
}

/* ---- what roots need ------------------------------------------------------------------------------------------- */

void eg_mark_needed(eg_value *const *roots, int n, unsigned char *needed) {
    if (n == 0) return;
    const eg_graph *graph = roots[0]->graph;
    memset(needed, 0, (size_t)graph->n);
    for (int i = 0; i < n; i++) needed[roots[i]->id] = 1;
    eg_mark_inputs(graph, needed, NULL);
}

void eg_mark_inputs(const eg_graph *graph, unsigned char *needed, const unsigned char *ends) {
    for (int id = graph->n - 1; id >= 0; id--) {
        const eg_value *value = graph->values[id];
        int goes_on = needed[id] && !(ends && ends[id]);
        for (int i = 0; goes_on && i < value->nin; i++) needed[value->in[i]->id] = 1;
    }
}

int eg_walk_order(eg_value *const *roots, int n, int *order, int *work) {
    int count = 0;
    if (n > 0) memset(work, 0, 2 * sizeof *work * (size_t)roots[0]->graph->n);
    for (int i = 0; i < n; i++) {
        eg_value *const *values = roots[i]->graph->values;
        int *looked = work, *stack = work + roots[i]->graph->n, depth = 0; /* looked[id]: at so many inputs */
        if (!looked[roots[i]->id]) stack[depth++] = roots[i]->id;
        while (depth > 0) {
            const eg_value *v = values[stack[depth - 1]];
            int last = v->nin - looked[v->id]++;
            if (last == 0) order[count++] = stack[--depth];
            else if (!looked[v->in[last - 1]->id]) stack[depth++] = v->in[last - 1]->id;
        }
    }
    return count;
}

/* Whether an earlier root assigns the variable that root `i` assigns. */
static int assigned_before(eg_value *const *roots, int i) {
    for (int j = 0; j < i; j++)
        if (roots[j] != roots[i] && roots[j]->op == EG_OP_ASSIGN && roots[j]->in[0] == roots[i]->in[0]) return 1;
    return 0;
}

eg_status eg_roots_check(eg_value *const *roots, int n) {
    if (n < 1) return eg_fail(EG_E_ARGUMENT, "roots: there are none");
    for (int i = 0; i < n; i++) {
        if (!roots[i]) return eg_fail(EG_E_ARGUMENT, "roots: value %d is NULL", i);
        if (eg_is_poison(roots[i])) return eg_graph_settle(roots[i]->graph);
        if (roots[i]->graph != roots[0]->graph)
            return eg_fail(EG_E_ARGUMENT, "roots: value %d belongs to another graph than the first", i);
        if (roots[i]->op == EG_OP_ASSIGN && assigned_before(roots, i))
            return eg_fail(EG_E_ARGUMENT, "assign: \"%s\" is assigned twice by one program", roots[i]->in[0]->name);
    }
    return EG_OK;
}

/* ---- questions ------------------------------------------------------------------------------------------------- */

eg_shape eg_value_shape(const eg_value *value) { return value->shape; }
eg_dtype eg_value_dtype(const eg_value *value) { return value->dtype; }
const char *eg_value_op(const eg_value *value) { return eg_op_table[value->op]->name; }
const char *eg_value_name(const eg_value *value) { return value->name; }
int eg_value_is_poisoned(const eg_value *value) { return eg_is_poison(value); }
eg_graph *eg_value_graph(const eg_value *value) { return value->graph; }
