/* SPDX-License-Identifier: MIT
 *
 * explain_picture.c: the graph of a formula as the course draws it: circles for gates, the value above and the
 * gradient below each wire. Constants are written into the gate that uses them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "explain.h"
#include "picture_graph.h"

enum { LABEL = 120, ROWS = 3 };

typedef struct drawing {
    explanation *e;
    picture_graph graph;
    char (*label)[LABEL], (*above)[LABEL], (*below)[LABEL];
    int *index; /* by formula node: the drawn node */
} drawing;

/* "1.5", "[1, 2]", a matrix in lines; large ones by their shape. */
static void short_value(const double *data, eg_shape shape, char *text) {
    size_t used = 0;
    if (shape.rank == 0) {
        snprintf(text, LABEL, "%.4g", *data == 0 ? 0 : *data);
        return;
    }
    if (shape.rank < 2 || shape.dim[0] > ROWS || shape.dim[1] > 4) {
        explain_value(data, shape, text, 30);
        char *comma = shape.rank == 2 ? strstr(text, "...") : NULL;
        if (comma) snprintf(text, LABEL, "%lld x %lld", (long long)shape.dim[0], (long long)shape.dim[1]);
        return;
    }
    for (int64_t i = 0; i < shape.dim[0]; i++) {
        explain_value(data + i * shape.dim[1], EG_SHAPE(shape.dim[1]), text + used, 36);
        used += strlen(text + used);
        if (i + 1 < shape.dim[0]) text[used++] = '\n', text[used] = 0;
    }
}

/* ---- labels: the sign, and what is constant ---------------------------------------------------------- */

/* An input that is a value shows as nothing, so that "#1 + 2" becomes "+ 2". */
static const char *nothing(void *user, const formula_node *node) {
    (void)user;
    return node->varies ? "" : NULL;
}

static void gate_label(const formula_gate *gate, char *text) {
    const formula_node *node = gate->node;
    const char *name = node->op->written && node->n == 1 ? node->op->written : node->op->name;
    int flowing = 0, others = 0;
    for (int i = 0; i < node->n; i++) {
        flowing += gate->wire[i].from != NULL;
        others += gate->wire[i].from == NULL;
    }
    snprintf(text, LABEL, "%s", node->op->symbol ? node->op->symbol : name);
    if (others == 0 || flowing != 1) return;
    char *with = formula_text_gate(node, nothing, NULL);
    const char *at = with ? with : "";
    while (*at == ' ') at++;
    const char *gap = strstr(at, "(,"); /* where the input stood */
    if (with && strlen(at) < 20 && *at)
        snprintf(text, LABEL, "%.*s%s%s", gap ? (int)(gap + 1 - at) : LABEL, at, gap ? "\u00b7" : "", gap ? gap + 1 : "");
    for (size_t n = strlen(text); n && text[n - 1] == ' '; n--) text[n - 1] = 0;
    free(with);
}

/* ---- nodes and wires --------------------------------------------------------------------------------- */

static void add_node(drawing *d, const formula_node *node, const char *note, int gate) {
    picture_graph *g = &d->graph;
    if (node) d->index[node->id] = g->nodes;
    g->node[g->nodes] = (picture_node){ .label = d->label[g->nodes], .note = note, .gate = gate };
    g->nodes++;
}

static const double *value_of(const drawing *d, const formula_node *node) {
    for (int i = 0; i < d->e->flow.n; i++)
        if (d->e->flow.gate[i].node == node) return d->e->flow.gate[i].value;
    return formula_variable_named(d->e->f, node->name)->data;
}

static void add_wire(drawing *d, int from, int to, const double *value, const double *gradient, eg_shape shape) {
    picture_graph *g = &d->graph;
    int k = g->wires++;
    short_value(value, shape, d->above[k]);
    short_value(gradient, shape, d->below[k]);
    g->wire[k] = (picture_wire_text){ from, to, d->above[k], d->below[k] };
}

static void add_gate(drawing *d, const formula_gate *gate) {
    gate_label(gate, d->label[d->graph.nodes]);
    add_node(d, gate->node, gate->node->op->role, 1);
    for (int i = 0; i < gate->node->n; i++) {
        const formula_wire *wire = &gate->wire[i];
        if (wire->from)
            add_wire(d, d->index[wire->from->id], d->index[gate->node->id], value_of(d, wire->from), wire->gradient,
                     wire->from->shape);
    }
}

static void add_all(drawing *d) {
    formula_flow *flow = &d->e->flow;
    for (int i = 0; i < formula_variables(d->e->f); i++) {
        const formula_variable *v = formula_variable_at(d->e->f, i);
        if (!flow->uses[i]) continue;
        snprintf(d->label[d->graph.nodes], LABEL, "%.60s", v->name);
        add_node(d, v->node, NULL, 0);
    }
    for (int i = 0; i < flow->n; i++) add_gate(d, &flow->gate[i]);
    if (flow->n == 0) return;
    const formula_gate *last = &flow->gate[flow->n - 1];
    snprintf(d->label[d->graph.nodes], LABEL, "%.60s", last->node->name ? last->node->name : "f");
    add_node(d, NULL, NULL, 0);
    add_wire(d, d->index[last->node->id], d->graph.nodes - 1, last->value, last->gradient, last->node->shape);
}

/* ---- the picture ------------------------------------------------------------------------------------- */

static int take_room(drawing *d) {
    size_t nodes = (size_t)(d->e->flow.n + formula_variables(d->e->f)) + 2, wires = 2, ids = 1;
    for (int i = 0; i < d->e->flow.n; i++) wires += (size_t)d->e->flow.gate[i].node->n;
    for (int i = 0; i < d->e->flow.n; i++)
        if ((size_t)d->e->flow.gate[i].node->id >= ids) ids = (size_t)d->e->flow.gate[i].node->id + 1;
    d->graph.node = calloc(nodes, sizeof *d->graph.node);
    d->graph.wire = calloc(wires, sizeof *d->graph.wire);
    d->label = calloc(nodes, sizeof *d->label);
    d->above = calloc(wires, sizeof *d->above);
    d->below = calloc(wires, sizeof *d->below);
    d->index = calloc(ids, sizeof *d->index);
    return d->graph.node && d->graph.wire && d->label && d->above && d->below && d->index;
}

static void free_room(drawing *d) {
    picture_graph_free(&d->graph);
    void *parts[] = { d->graph.node, d->graph.wire, d->label, d->above, d->below, d->index };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
}

/* The formula on top, what the colours mean at the bottom. */
static int finish(const drawing *d, const char *path) {
    enum { MARGIN = 20, TITLE = 44, LEGEND = 40, BETWEEN = 24 };
    static const char *const above = "above: value, forward", *const below = "below: gradient, backward";
    const picture_graph *g = &d->graph;
    char title[130];
    snprintf(title, sizeof title, strlen(d->e->text) > 120 ? "%.116s ..." : "%s", d->e->text);
    double half = picture_text_width(above, 11) + BETWEEN, width = half + picture_text_width(below, 11);
    width = fmax(width, fmax(g->right - g->left, 1.1 * picture_text_width(title, 14)));
    double bottom = TITLE + g->bottom - g->top;
    picture p;
    picture_open(&p, ceil(width + 2 * MARGIN), ceil(bottom + LEGEND), d->e->text);
    picture_text(&p, MARGIN, 26, FONT(.size = 14, .bold = 1), "%s", title);
    picture_graph_draw(g, &p, MARGIN, TITLE);
    picture_text(&p, MARGIN, bottom + 26, FONT(.size = 11, .colour = PICTURE_VALUE), "%s", above);
    picture_text(&p, MARGIN + half, bottom + 26, FONT(.size = 11, .colour = PICTURE_GRADIENT), "%s", below);
    return picture_save_as(&p, path);
}

int explain_draw(explanation *e, const char *path) {
    drawing d = { .e = e };
    int code = CLI_GO_ON;
    if (e->flow.n == 0)
        code = cli_error(CLI_USAGE, "explain: there is no gate to draw in '%s'", e->text);
    else if (!take_room(&d))
        code = cli_no_memory();
    if (code < 0) {
        add_all(&d);
        code = picture_graph_place(&d.graph) ? finish(&d, path) : cli_no_memory();
    }
    free_room(&d);
    return code;
}
