/* SPDX-License-Identifier: MIT
 *
 * formula_gates.c: what flows through every gate, forward and backward, in one run of the library in float64.
 *
 * The formula is built once more into a graph of its own, with a gate "times 1" in every wire: so that each wire is a
 * value, and the library's own gradient by it is what goes back along that wire alone. A variable's gradient is then
 * the sum over its wires, which the library computed by itself. Local derivatives are gradients of the single gate.
 */
#include <stdlib.h>
#include <string.h>
#include "formula_inside.h"

typedef struct build {
    formula *f;
    formula_flow *flow;
    eg_graph *graph;
    eg_value **value; /* by node->id */
    eg_value **root;  /* what is fetched, and where the numbers' address goes */
    const double ***to;
    int n, capacity;
    eg_value **wrt; /* of the whole formula's gradient */
    const double ***wrt_to;
    int n_wrt;
} build;

static void fetch(build *b, eg_value *value, const double **to) {
    if (b->n == b->capacity || eg_value_is_poisoned(value)) {
        formula_wrong(b->f, EG_E_INTERNAL, NULL, -1, 0, "%s", eg_graph_error(b->graph));
        return;
    }
    b->root[b->n] = value;
    b->to[b->n++] = to;
}

static void want_gradient(build *b, eg_value *value, const double **to) {
    b->wrt[b->n_wrt] = value;
    b->wrt_to[b->n_wrt++] = to;
}

static eg_value *ones(build *b, eg_shape shape) { return eg_full(b->graph, EG_F64, shape, 1); }

/* ---- local derivatives ------------------------------------------------------------------------------- */

/* Elementwise gates with their inputs broadcast beforehand, so that there is a derivative for every element. */
static eg_value *broadcast_gate(const build *b, const formula_node *node, eg_value *const *wire, eg_value **each) {
    for (int i = 0; i < node->n; i++)
        each[i] = eg_shape_equal(node->in[i]->shape, node->shape) ? eg_mul(wire[i], eg_const(b->graph, 1))
                                                                  : eg_expand(wire[i], node->shape);
    return node->op->build(node, each);
}

static void want_local(build *b, formula_gate *gate, eg_value *const *wire, eg_value *value) {
    const formula_node *node = gate->node;
    eg_value *each[FORMULA_MAX_STACK], *out[FORMULA_MAX_STACK];
    int elementwise = node->op->flags & FORMULA_ELEMENTWISE;
    if (!elementwise && !(node->op->flags & FORMULA_REDUCE) && node->shape.rank > 0) return;
    if (elementwise)
        value = broadcast_gate(b, node, wire, each);
    else
        memcpy(each, wire, (size_t)node->n * sizeof *each);
    eg_value *seed = ones(b, node->shape);
    if (eg_vjp(&value, &seed, 1, each, node->n, out) != EG_OK) return;
    for (int i = 0; i < node->n; i++) {
        if (!formula_flows(node, i)) continue;
        gate->wire[i].local_shape = elementwise ? node->shape : node->in[i]->shape;
        fetch(b, out[i], &gate->wire[i].local);
    }
}

/* ---- gates ------------------------------------------------------------------------------------------- */

static void count_use(build *b, const formula_node *from) {
    if (from->n == 0) b->flow->uses[formula_variable_named(b->f, from->name) - b->f->variable]++;
    for (int i = 0; i < b->flow->n; i++) b->flow->gate[i].uses += b->flow->gate[i].node == from;
}

static eg_value *build_gate(build *b, const formula_node *node) {
    formula_gate *gate = &b->flow->gate[b->flow->n];
    eg_value *wire[FORMULA_MAX_STACK];
    *gate = (formula_gate){ .node = node };
    gate->wire = formula_take(b->f, ((size_t)node->n + 1) * sizeof *gate->wire);
    if (!gate->wire) return NULL;
    for (int i = 0; i < node->n; i++) {
        wire[i] = b->value[node->in[i]->id];
        if (!formula_flows(node, i)) continue;
        wire[i] = eg_mul(wire[i], eg_const(b->graph, 1));
        gate->wire[i].from = node->in[i];
        want_gradient(b, wire[i], &gate->wire[i].gradient);
        count_use(b, node->in[i]);
    }
    eg_value *value = node->op->build(node, wire);
    fetch(b, value, &gate->value);
    want_gradient(b, value, &gate->gradient);
    want_local(b, gate, wire, value);
    b->flow->n++;
    return value;
}

static eg_value *build_constant(build *b, const formula_node *node) {
    eg_value *in[FORMULA_MAX_STACK] = { eg_const(b->graph, 0) };
    for (int i = 0; i < node->n; i++) in[i] = b->value[node->in[i]->id];
    return node->op->build(node, in);
}

static eg_value *build_variable(build *b, const formula_node *node) {
    formula_variable *v = formula_variable_named(b->f, node->name);
    eg_value *value = eg_input(b->graph, v->name, EG_F64, v->shape);
    want_gradient(b, value, &b->flow->gradient[v - b->f->variable]);
    return value;
}

static void build_all(build *b, formula_node *root) {
    unsigned char *needed = formula_needed(b->f, root);
    for (int id = 0; id <= root->id && needed && formula_ok(b->f); id++) {
        const formula_node *node = b->f->node[id];
        if (!needed[id]) continue;
        b->value[id] = !node->varies ? build_constant(b, node)
                       : node->n     ? build_gate(b, node)
                                     : build_variable(b, node);
    }
}

/* ---- texts ------------------------------------------------------------------------------------------- */

/* Parts that are constant keep their names in texts: e1[0] of words, not the list of all of them. */
static void label_constants(build *b, const formula_node *root) {
    for (int id = 0; id < root->id; id++) {
        const formula_node *node = b->f->node[id];
        if (!node->varies && node->n && node->name) b->flow->label[id] = node->name;
    }
}

static void label_all(build *b) {
    formula_flow *flow = b->flow;
    label_constants(b, flow->root);
    for (int i = 0; i < b->f->variables; i++)
        if (b->f->variable[i].node) flow->label[b->f->variable[i].node->id] = b->f->variable[i].name;
    for (int i = 0; i < flow->n; i++) {
        char text[16];
        int length = snprintf(text, sizeof text, "#%d", i + 1);
        const formula_node *node = flow->gate[i].node;
        flow->label[node->id] = node->name ? node->name : formula_copy_text(b->f, text, (size_t)length);
    }
}

static const char *label_of(void *user, const formula_node *node) {
    return ((const formula_flow *)user)->label[node->id];
}

/* Keeps an allocated text with the formula. */
static char *kept(formula *f, char *text) {
    char *copy = text ? formula_copy_text(f, text, strlen(text)) : NULL;
    if (!text) formula_no_memory(f);
    free(text);
    return copy;
}

/* What an input of a rule is called; NULL: as it is written. */
static const char *name_of(build *b, const formula_node *node) {
    const char *label = b->flow->label[node->id];
    if (label || node->varies || node->n == 0) return label;
    return kept(b->f, formula_text_gate(node, label_of, b->flow));
}

/* The gate's inputs as leaves that bear their labels. */
static void write_rules(build *b, formula_gate *gate) {
    formula_node *in[FORMULA_MAX_STACK], stand = *gate->node;
    formula *f = b->f;
    for (int i = 0; i < stand.n; i++) {
        const char *label = name_of(b, stand.in[i]);
        in[i] = label ? formula_stand_in(f, label, stand.in[i]) : stand.in[i];
    }
    stand.in = in;
    formula_node *up = formula_stand_in(f, "up", gate->node);
    for (int i = 0; i < stand.n && formula_ok(f); i++)
        if (formula_flows(gate->node, i)) gate->wire[i].rule = kept(f, formula_text(formula_local(f, &stand, i, up)));
    gate->text = kept(f, formula_text_gate(gate->node, label_of, b->flow));
}

/* ---- the run ----------------------------------------------------------------------------------------- */

static void run(build *b) {
    int64_t size = 0;
    for (int i = 0; i < b->n; i++) size += formula_size(eg_value_shape(b->root[i]));
    double *out = formula_take(b->f, (size_t)(size + 1) * sizeof *out);
    formula_run *program = out ? formula_run_new(b->f, b->root, b->n) : NULL;
    if (formula_run_go(b->f, program, NULL, out))
        for (int i = 0; i < b->n; i++) {
            *b->to[i] = out;
            out += formula_size(eg_value_shape(b->root[i]));
        }
    formula_run_free(program);
}

/* Forward only: what runs backward compares, too, but has no kinks of its own. */
static double margin_of(formula *f, formula_node *root) {
    double *out = formula_take(f, (size_t)(formula_size(root->shape) + 1) * sizeof *out);
    formula_run *program = out ? formula_run_new(f, &root->value, 1) : NULL;
    formula_run_go(f, program, NULL, out);
    double margin = formula_run_margin(program);
    formula_run_free(program);
    return margin;
}

static void differentiate(build *b, formula_node *root) {
    eg_value *value = b->value[root->id], *seed = ones(b, root->shape);
    eg_value **out = formula_take(b->f, ((size_t)b->n_wrt + 1) * sizeof *out);
    if (!out) return;
    if (b->n_wrt && eg_vjp(&value, &seed, 1, b->wrt, b->n_wrt, out) != EG_OK) {
        formula_wrong(b->f, eg_error_status(), NULL, -1, 0, "%s", eg_error());
        return;
    }
    for (int i = 0; i < b->n_wrt; i++) fetch(b, out[i], b->wrt_to[i]);
}

static int take_room(build *b, const formula_node *root) {
    formula *f = b->f;
    size_t nodes = (size_t)root->id + 1, wires = 0;
    for (size_t i = 0; i < nodes; i++) wires += (size_t)f->node[i]->n;
    b->capacity = (int)(3 * nodes + 3 * wires + (size_t)f->variables + 1);
    b->value = formula_take(f, nodes * sizeof *b->value);
    b->root = formula_take(f, (size_t)b->capacity * sizeof *b->root);
    b->to = formula_take(f, (size_t)b->capacity * sizeof *b->to);
    b->wrt = formula_take(f, (size_t)b->capacity * sizeof *b->wrt);
    b->wrt_to = formula_take(f, (size_t)b->capacity * sizeof *b->wrt_to);
    b->flow->gate = formula_take(f, (nodes + 1) * sizeof *b->flow->gate);
    b->flow->label = formula_take(f, (size_t)f->n * sizeof *b->flow->label);
    b->flow->gradient = formula_take(f, ((size_t)f->variables + 1) * sizeof *b->flow->gradient);
    b->flow->uses = formula_take(f, ((size_t)f->variables + 1) * sizeof *b->flow->uses);
    return formula_ok(f);
}

/* A variable that the formula does not use has zeros. */
static void fill_unused(build *b) {
    for (int i = 0; i < b->f->variables; i++)
        if (!b->flow->gradient[i])
            b->flow->gradient[i] = formula_take(b->f, (size_t)b->f->variable[i].size * sizeof(double) + 1);
}

void formula_flow_run(formula *f, formula_node *root, formula_flow *out) {
    *out = (formula_flow){ .root = root };
    build b = { .f = f, .flow = out };
    if (!formula_ok(f) || !take_room(&b, root)) return;
    b.graph = eg_graph_new();
    if (!b.graph) {
        formula_no_memory(f);
        return;
    }
    build_all(&b, root);
    if (formula_ok(f)) fetch(&b, b.value[root->id], &out->value);
    if (formula_ok(f)) differentiate(&b, root);
    if (formula_ok(f)) run(&b);
    if (formula_ok(f)) out->margin = margin_of(f, root);
    eg_graph_free(b.graph);
    if (formula_ok(f)) label_all(&b);
    for (int i = 0; i < out->n && formula_ok(f); i++) write_rules(&b, &out->gate[i]);
    if (formula_ok(f)) fill_unused(&b);
}
