/* SPDX-License-Identifier: MIT
 *
 * formula_derive.c: the derivative as a formula. The same walk backward as the library's, but what flows is
 * text-like: the rules of the op table, read by the parser with the gate's inputs in place of their letters, then
 * simplified.
 *
 * What flows may have less than its gate's shape and then stands for all elements, as numbers do in NumPy: the
 * derivative of sum(x) by x is 1. Where a rule looks at shapes, ones(n) spell it out.
 */
#include <math.h>
#include <string.h>
#include "formula_inside.h"

/* ---- shapes ------------------------------------------------------------------------------------------ */

static formula_node *call(formula *f, const char *op, formula_node *a, formula_node *b) {
    return formula_make(f, formula_op_named(op), (formula_node *[]){ a, b }, b ? 2 : 1);
}

static formula_node *times(formula *f, formula_node *node, int64_t count) {
    return count == 1 ? node : call(f, "mul", formula_number(f, (double)count), node);
}

/* Sums what was broadcast from shape `to` to shape `from`. */
static formula_node *summed(formula *f, formula_node *node, eg_shape from, eg_shape to) {
    if (!formula_ok(f) || eg_shape_equal(from, to)) return node;
    if (formula_size(to) == 1) {
        int64_t count = formula_size(from) / formula_size(node->shape);
        return times(f, node->shape.rank ? call(f, "sum", node, NULL) : node, count);
    }
    formula_node *rows = formula_number(f, 0), *columns = formula_number(f, 1);
    if (to.dim[to.rank - 1] == from.dim[1]) /* a row for each row */
        return node->shape.rank < 2 ? times(f, node, from.dim[0]) : call(f, "sum", node, rows);
    formula_node *each = call(f, "sum", formula_spelled_out(f, node, from), columns);
    formula_node *one = formula_make(f, formula_op_named("ones"), (formula_node *[]){ columns }, 1);
    return call(f, "outer", each, one);
}

/* ---- one gate, one input ----------------------------------------------------------------------------- */

enum { INPUTS = 8, LETTERS = INPUTS + 6 };

/* Fills in the letters of the rules: see formula_ops.c. */
static int letters(formula *f, const formula_node *node, int i, formula_node *up, formula_binding *local) {
    static const char *const inputs[INPUTS] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    int n = 0;
    for (; n < node->n && n < INPUTS; n++) local[n] = (formula_binding){ inputs[n], node->in[n] };
    if (node->op->flags & FORMULA_ELEMENTWISE) return n;
    eg_shape shape = node->in[0]->shape;
    int at = formula_is(node, "at");
    const struct {
        const char *name;
        double number;
    } whole[] = { { "n", shape.rank ? (double)shape.dim[0] : 1 },
                  { "m", shape.rank ? (double)shape.dim[shape.rank - 1] : 1 },
                  { "r", (double)formula_size(shape) / (double)formula_size(node->shape) },
                  { "k", at ? node->in[1]->number : i },
                  { "l", at && node->n > 2 ? node->in[2]->number : 0 } };
    local[n++] = (formula_binding){ "up", up };
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++)
        local[n++] = (formula_binding){ whole[k].name, formula_number(f, whole[k].number) };
    return n;
}

static formula_node *back(formula *f, const formula_node *node, int i, formula_node *up) {
    formula_binding local[LETTERS];
    if (node->op->flags & FORMULA_ELEMENTWISE) {
        int n = letters(f, node, i, up, local);
        const char *text = node->op->local[i];
        formula_node *through = call(f, "mul", up, formula_rule(f, text, local, n));
        return summed(f, through, node->shape, node->in[i]->shape);
    }
    if (!(node->op->flags & FORMULA_LAZY) || up->shape.rank > 0) up = formula_spelled_out(f, up, node->shape);
    int n = letters(f, node, i, up, local);
    return formula_rule(f, node->op->adjoint(node, i, up->shape), local, n);
}

formula_node *formula_local(formula *f, const formula_node *node, int i, formula_node *up) {
    formula_binding local[LETTERS];
    int n = letters(f, node, i, up, local), each = node->op->flags & FORMULA_ELEMENTWISE;
    const char *text = each ? node->op->local[i] : node->op->adjoint(node, i, up->shape);
    return formula_simplify(f, formula_rule(f, text, local, n));
}

/* ---- all of them ------------------------------------------------------------------------------------- */

int formula_flows(const formula_node *node, int i) {
    int whole = node->op->flags & FORMULA_SIZES || (node->op->flags & FORMULA_INDICES && i > 0);
    return node->in[i]->varies && !whole;
}

static void send_back(formula *f, const formula_node *node, formula_node **adjoint) {
    formula_node *up = formula_simplify(f, adjoint[node->id]);
    for (int i = 0; i < node->n && formula_ok(f); i++) {
        if (!formula_flows(node, i)) continue;
        formula_node **to = &adjoint[node->in[i]->id], *more = back(f, node, i, up);
        *to = *to ? call(f, "add", *to, more) : more;
    }
}

void formula_derive(formula *f, formula_node *root, formula_node **out) {
    unsigned char *needed = formula_needed(f, root);
    formula_node **adjoint = formula_take(f, ((size_t)f->n + 1) * sizeof *adjoint);
    if (!needed || !adjoint) return;
    adjoint[root->id] = formula_number(f, 1);
    for (int id = root->id; id >= 0 && formula_ok(f); id--)
        if (needed[id] && adjoint[id]) send_back(f, f->node[id], adjoint);
    for (int i = 0; i < f->variables; i++) {
        formula_node *own = f->variable[i].node;
        formula_node *found = own && own->id <= root->id ? adjoint[own->id] : NULL;
        out[i] = found ? formula_simplify(f, found) : formula_number(f, 0);
    }
}
