/* SPDX-License-Identifier: MIT
 *
 * dot.c: draws a graph for Graphviz, data flowing downwards: inputs as ellipses, variables as boxes with a
 * coloured ground, everything else as round boxes, and around the values of one scope (a layer) a frame. A fused
 * group, like a scan, is one box that lists its ops. `dot -Tsvg` makes the picture.
 */
#include "graph/node.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "graph/attr.h"
#include "graph/text.h"
#include "ops/op.h"

enum { BODY_OPS_SHOWN = 12, LITERAL_SHOWN = 64 };

typedef struct drawing {
    eg_text text;
    const eg_graph *graph;
    unsigned char *waiting; /* [graph->n]: needed and not drawn yet */
} drawing;

static const struct {
    eg_op op;
    const char *style;
} styles[] = {
    { EG_OP_INPUT, "shape=ellipse, style=filled, fillcolor=\"#dceefb\"" },
    { EG_OP_VAR, "shape=box, style=filled, fillcolor=\"#fde8c8\"" },
    { EG_OP_ASSIGN, "shape=box, style=bold" },
};

static const char *style_of(eg_op op) {
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++)
        if (styles[i].op == op) return styles[i].style;
    return "shape=box, style=rounded";
}

/* The attributes of a value, but for literals that would fill the picture. */
static void label_attributes(eg_text *label, const eg_value *value) {
    if (value->def->attr != EG_ATTR_DATA || eg_count(&value->shape) <= LITERAL_SHOWN) eg_attr_print(label, value);
}

static void label_body(eg_text *label, const eg_body *body) {
    unsigned char *needed = eg_alloc((size_t)body->graph->n + 1);
    int shown = 0;
    if (!needed) label->failed = 1;
    else eg_mark_needed(body->out, body->nout, needed);
    for (int id = 0; needed && id < body->graph->n && shown < BODY_OPS_SHOWN; id++) {
        const eg_value *value = body->graph->values[id];
        if (value->op == EG_OP_PARAM || !needed[id]) continue;
        eg_text_format(label, " %s", value->def->name);
        shown++;
    }
    eg_free(needed);
}

/* Escapes what would end a label; \n starts a new line of it. */
static void add_label(eg_text *text, const char *label) {
    for (; label && *label; label++)
        eg_text_format(text, "%s%c", *label == '"' || *label == '\\' ? "\\" : "", *label == '\n' ? ' ' : *label);
}

static void draw_value(drawing *d, const eg_value *value, const char *margin) {
    eg_text what = { 0 }, type = { 0 };
    eg_text_add(&what, value->def->name);
    if (value->name[0]) eg_text_format(&what, " %s", value->name);
    label_attributes(&what, value);
    if (value->def->attr == EG_ATTR_BODY) label_body(&what, value->attr.body.body);
    eg_text_type(&type, value);
    eg_text_format(&d->text, "%sv%d [%s, label=\"", margin, value->id, style_of(value->op));
    add_label(&d->text, what.data);
    eg_text_add(&d->text, "\\n");
    add_label(&d->text, type.data);
    eg_text_add(&d->text, "\"];\n");
    d->text.failed |= what.failed | type.failed;
    eg_text_free(&what);
    eg_text_free(&type);
    d->waiting[value->id] = 0;
}

/* All values of one scope in one frame. */
static void draw_scope(drawing *d, const eg_value *first) {
    eg_text_format(&d->text, "  subgraph cluster_%d {\n    color=\"#b0b0b0\"; label=\"", first->id);
    add_label(&d->text, first->scope);
    eg_text_add(&d->text, "\";\n");
    for (int id = first->id; id < d->graph->n && !d->text.failed; id++)
        if (d->waiting[id] && strcmp(d->graph->values[id]->scope, first->scope) == 0)
            draw_value(d, d->graph->values[id], "    ");
    eg_text_add(&d->text, "  }\n");
}

static void draw_edges(drawing *d, eg_value *const *roots, int n) {
    eg_mark_needed(roots, n, d->waiting);
    for (int id = 0; id < d->graph->n && !d->text.failed; id++)
        for (int i = 0; d->waiting[id] && i < d->graph->values[id]->nin; i++)
            eg_text_format(&d->text, "  v%d -> v%d;\n", d->graph->values[id]->in[i]->id, id);
}

char *eg_graph_dot(eg_value *const *roots, int n) {
    if (eg_roots_check(roots, n) != EG_OK) return NULL;
    drawing d = { .graph = roots[0]->graph };
    d.waiting = eg_alloc((size_t)d.graph->n + 1);
    if (!d.waiting) return NULL;
    eg_mark_needed(roots, n, d.waiting);
    eg_text_add(&d.text, "digraph elegans {\n  node [fontname=\"Helvetica\", fontsize=10];\n");
    for (int id = 0; id < d.graph->n && !d.text.failed; id++) {
        const eg_value *value = d.graph->values[id];
        if (!d.waiting[id]) continue;
        if (value->scope[0])
            draw_scope(&d, value);
        else
            draw_value(&d, value, "  ");
    }
    draw_edges(&d, roots, n);
    eg_text_add(&d.text, "}\n");
    eg_free(d.waiting);
    if (!d.text.failed) return d.text.data;
    eg_text_free(&d.text);
    eg_fail(EG_E_MEMORY, "graph drawing: no memory");
    return NULL;
}
