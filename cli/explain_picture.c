/* SPDX-License-Identifier: MIT
 *
 * explain_picture.c: the graph of a formula as the course draws it: circles for gates, the value above and the
 * gradient below each wire. Constants are written into the gate that uses them.
 *
 * A graph too wide for a screen becomes rows, cut behind parts with names (z1 = ..., and if possible behind a whole
 * step of a recurrent layer, h1_2); what flows from row to row is a box with its name at both ends. Of many steps (or
 * heads, or groups) the first two and the last are drawn, which is said.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "explain.h"
#include "picture_graph.h"

enum { LABEL = 120, ROWS = 3, WIDTH = 1500, MOST_COPIES = 4 };
enum { MARGIN = 20, TITLE = 44, LEGEND = 40, BETWEEN = 24 };

/* Gates first to end - 1 as a picture of their own. */
typedef struct drawing {
    const explanation *e;
    int first, end;
    picture_graph graph;
    char (*label)[LABEL], (*above)[LABEL], (*below)[LABEL];
    int *index; /* by formula node: the drawn node + 1 */
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
    return node->varies ? "" : ((const formula_flow *)user)->label[node->id];
}

static void gate_label(const formula_flow *flow, const formula_gate *gate, char *text) {
    const formula_node *node = gate->node;
    const char *name = node->op->written && node->n == 1 ? node->op->written : node->op->name;
    int flowing = 0, others = 0;
    for (int i = 0; i < node->n; i++) {
        flowing += gate->wire[i].from != NULL;
        others += gate->wire[i].from == NULL;
    }
    snprintf(text, LABEL, "%s", node->op->symbol ? node->op->symbol : name);
    if (others == 0 || flowing != 1) return;
    char *with = formula_text_gate(node, nothing, (void *)flow);
    const char *at = with ? with : "";
    while (*at == ' ') at++;
    const char *gap = strstr(at, "(,"); /* where the input stood */
    if (with && strlen(at) < 20 && *at)
        snprintf(text, LABEL, "%.*s%s%s", gap ? (int)(gap + 1 - at) : LABEL, at, gap ? "\u00b7" : "",
                 gap ? gap + 1 : "");
    for (size_t n = strlen(text); n && text[n - 1] == ' '; n--) text[n - 1] = 0;
    free(with);
}

/* ---- nodes and wires --------------------------------------------------------------------------------- */

static void add_node(drawing *d, const formula_node *node, const char *note, int gate) {
    picture_graph *g = &d->graph;
    if (node) d->index[node->id] = g->nodes + 1;
    g->node[g->nodes] = (picture_node){ .label = d->label[g->nodes], .note = note, .gate = gate };
    g->nodes++;
}

/* What flows in, or out, as a box with its name. */
static void add_box(drawing *d, const formula_node *node, const char *name) {
    snprintf(d->label[d->graph.nodes], LABEL, "%.60s", name);
    add_node(d, node, NULL, 0);
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

/* Does a gate from first to end - 1 use the value? */
static int is_used(const formula_flow *flow, const formula_node *node, int first, int end) {
    for (int i = first; i < end; i++)
        for (int k = 0; k < flow->gate[i].node->n; k++)
            if (flow->gate[i].wire[k].from == node) return 1;
    return 0;
}

static void add_sources(drawing *d) {
    const formula_flow *flow = &d->e->flow;
    for (int i = 0; i < formula_variables(d->e->f); i++) {
        const formula_variable *v = formula_variable_at(d->e->f, i);
        if (v->node && is_used(flow, v->node, d->first, d->end)) add_box(d, v->node, v->name);
    }
    for (int i = 0; i < d->first; i++) {
        const formula_node *node = flow->gate[i].node;
        if (is_used(flow, node, d->first, d->end)) add_box(d, node, flow->label[node->id]);
    }
}

static void add_gate(drawing *d, const formula_gate *gate) {
    gate_label(&d->e->flow, gate, d->label[d->graph.nodes]);
    add_node(d, gate->node, gate->node->op->role, 1);
    for (int i = 0; i < gate->node->n; i++) {
        const formula_wire *wire = &gate->wire[i];
        if (wire->from)
            add_wire(d, d->index[wire->from->id] - 1, d->index[gate->node->id] - 1, value_of(d, wire->from),
                     wire->gradient, wire->from->shape);
    }
}

static void add_ends(drawing *d) {
    const formula_flow *flow = &d->e->flow;
    for (int i = d->first; i < d->end; i++) {
        const formula_gate *gate = &flow->gate[i];
        const formula_node *node = gate->node;
        int is_last = i == flow->n - 1;
        if (!is_last && !is_used(flow, node, d->end, flow->n)) continue;
        add_box(d, NULL, node->name ? node->name : is_last ? "f" : flow->label[node->id]);
        add_wire(d, d->index[node->id] - 1, d->graph.nodes - 1, gate->value, gate->gradient, node->shape);
    }
}

static int take_room(drawing *d) {
    const formula_flow *flow = &d->e->flow;
    size_t nodes = 1, wires = 1, ids = 1;
    for (int i = d->first; i < d->end; i++) {
        nodes += 2 + (size_t)flow->gate[i].node->n; /* its sources, itself, its end */
        wires += 1 + (size_t)flow->gate[i].node->n;
    }
    for (int i = 0; i < flow->n; i++)
        if ((size_t)flow->gate[i].node->id >= ids) ids = (size_t)flow->gate[i].node->id + 1;
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

/* Gates first to end - 1 with a place for everything; 0 without memory. Free in any case. */
static int make_drawing(drawing *d, const explanation *e, int first, int end) {
    *d = (drawing){ .e = e, .first = first, .end = end };
    if (!take_room(d)) return 0;
    add_sources(d);
    for (int i = first; i < end; i++) add_gate(d, &e->flow.gate[i]);
    add_ends(d);
    return picture_graph_place(&d->graph);
}

/* ---- parts and rows ---------------------------------------------------------------------------------- */

/* Gates up to one with a name. Parts of a block belong together: the names of all begin with other letters only. */
typedef struct part {
    int first, end;
    const char *block; /* "1_2" of i1_2, "" of L */
    int folded;        /* not drawn */
} part;

typedef struct rows {
    const explanation *e;
    part *part;
    int parts;
    drawing *row;
    int *row_part; /* by row: its first part */
    int n;
} rows;

static const char *block_of(const formula_node *node) {
    const char *name = node->name ? node->name : "";
    return name + strcspn(name, "0123456789");
}

static void find_parts(rows *r) {
    const formula_flow *flow = &r->e->flow;
    for (int i = 0, first = 0; i < flow->n; i++) {
        if (!flow->gate[i].node->name && i < flow->n - 1) continue;
        r->part[r->parts++] = (part){ first, i + 1, block_of(flow->gate[i].node), 0 };
        first = i + 1;
    }
}

static int same_block(const rows *r, int i) {
    return i > 0 && i < r->parts && strcmp(r->part[i - 1].block, r->part[i].block) == 0;
}

static int end_of_block(const rows *r, int i) {
    for (i++; same_block(r, i);) i++;
    return i;
}

/* Is the block that begins here a copy as the one before: step 3 behind step 2 of the same layer? */
static int is_copy(const rows *r, int i) {
    const char *before = i > 0 ? r->part[i - 1].block : "", *here = i < r->parts ? r->part[i].block : "";
    size_t n = strcspn(here, "_");
    return here[n] && strcspn(before, "_") == n && strncmp(before, here, n) == 0;
}

/* Of more than a few copies all but the first two and the last. */
static void fold(rows *r) {
    for (int i = 0, end; i < r->parts; i = end) {
        int third = 0, last = i, copies = 1;
        for (end = end_of_block(r, i); is_copy(r, end); end = end_of_block(r, end)) {
            if (++copies == 3) third = end;
            last = end;
        }
        for (int k = third; copies > MOST_COPIES && k < last; k++) r->part[k].folded = 1;
    }
}

/* Where the row that begins with part i ends: the last part that fits, at the end of a block if one does. -1 without
 * memory. */
static int end_of_row(const rows *r, int i) {
    int end = i + 1, block = i;
    for (int k = i + 1; k <= r->parts; k++) {
        drawing d;
        int good = make_drawing(&d, r->e, r->part[i].first, r->part[k - 1].end);
        double width = d.graph.right - d.graph.left;
        free_room(&d);
        if (!good) return -1;
        if (width > WIDTH) break;
        end = k;
        if (!same_block(r, k)) block = k;
        if (k < r->parts && r->part[k].folded) break;
    }
    return block > i ? block : end;
}

static int find_rows(rows *r) {
    size_t n = (size_t)r->e->flow.n + 1;
    r->part = calloc(n, sizeof *r->part);
    r->row = calloc(n, sizeof *r->row);
    r->row_part = calloc(n, sizeof *r->row_part);
    if (!r->part || !r->row || !r->row_part) return 0;
    find_parts(r);
    if (!r->e->o->all_steps) fold(r);
    for (int i = 0, end; i < r->parts; i = end) {
        end = i + 1;
        if (r->part[i].folded) continue;
        end = end_of_row(r, i);
        r->row_part[r->n] = i;
        if (end < 0 || !make_drawing(&r->row[r->n++], r->e, r->part[i].first, r->part[end - 1].end)) return 0;
    }
    r->row_part[r->n] = r->parts;
    return 1;
}

static void free_rows(rows *r) {
    for (int i = 0; i < r->n; i++) free_room(&r->row[i]);
    free(r->part);
    free(r->row);
    free(r->row_part);
}

/* ---- texts ------------------------------------------------------------------------------------------- */

/* As many whole characters of the text as are so wide, and dots for the rest. */
static void put_cut(picture *p, double x, double y, double width, const char *text, int length) {
    char line[400];
    int n = length < 390 ? length : 390;
    for (;; n--) {
        if (((unsigned char)text[n] & 0xc0) == 0x80) continue;
        snprintf(line, sizeof line, "%.*s%s", n, text, n < length ? " ..." : "");
        if (n == 0 || 1.1 * picture_text_width(line, 14) <= width) break;
    }
    picture_text(p, x, y, FONT(.size = 14, .bold = 1), "%s", line);
}

/* "name = ..." in the formula, or its last statement; NULL for names within a loss. */
static const char *statement_of(const explanation *e, const char *name, int *length) {
    const char *at = e->text;
    for (;; at += *length + 1) {
        at += strspn(at, " ");
        *length = (int)strcspn(at, ";");
        size_t n = name ? strlen(name) : 0;
        if (name && strncmp(at, name, n) == 0 && at[n + strspn(at + n, " ")] == '=') return at;
        if (!at[*length]) return name ? NULL : at;
    }
}

/* What a row holds: its statements as they stand in the formula, "h1_2 = ...; z2 = ..." */
static void put_statements(const rows *r, picture *p, int row, double y, double width) {
    const formula_flow *flow = &r->e->flow;
    const char *from = NULL;
    int length = 0, all = 0;
    for (int i = r->row_part[row]; i < r->parts && r->part[i].end <= r->row[row].end; i++) {
        const char *at = statement_of(r->e, flow->gate[r->part[i].end - 1].node->name, &length);
        if (!at) continue;
        if (!from) from = at;
        all = (int)(at - from) + length;
    }
    if (from) put_cut(p, MARGIN, y, width, from, all);
}

/* The names of what the blocks from a part on end with: "h1_3 to h1_6" */
static void put_folded(const rows *r, picture *p, int part, double y) {
    const formula_flow *flow = &r->e->flow;
    int last = part, end = end_of_block(r, part);
    while (last + 1 < r->parts && r->part[last + 1].folded) last++;
    picture_text(p, MARGIN, y, FONT(.size = 12, .colour = PICTURE_GREY),
                 "%s to %s are not drawn: the same gates again (--all-steps draws them)",
                 flow->gate[r->part[end - 1].end - 1].node->name, flow->gate[r->part[last].end - 1].node->name);
}

static void put_legend(picture *p, double y) {
    static const char *const above = "above: value, forward", *const below = "below: gradient, backward";
    picture_text(p, MARGIN, y, FONT(.size = 11, .colour = PICTURE_VALUE), "%s", above);
    picture_text(p, MARGIN + picture_text_width(above, 11) + BETWEEN, y, FONT(.size = 11, .colour = PICTURE_GRADIENT),
                 "%s", below);
}

/* ---- the picture ------------------------------------------------------------------------------------- */

/* Is something left out between this row and the next? */
static int folded_behind(const rows *r, int row) {
    for (int i = r->row_part[row]; i < r->row_part[row + 1]; i++)
        if (r->part[i].folded) return i;
    return -1;
}

static void draw_rows(const rows *r, picture *p, double width) {
    double y = 0;
    for (int i = 0; i < r->n; i++) {
        const picture_graph *g = &r->row[i].graph;
        if (i) picture_line(p, MARGIN, y, width + MARGIN, y, PEN(.stroke = "#dddddd"));
        if (r->n > 1)
            put_statements(r, p, i, y + 26, width);
        else
            put_cut(p, MARGIN, y + 26, width, r->e->text, (int)strlen(r->e->text));
        picture_graph_draw(g, p, MARGIN, y + TITLE);
        y += TITLE + g->bottom - g->top;
        if (folded_behind(r, i) >= 0) put_folded(r, p, folded_behind(r, i), (y += LEGEND) - 12);
        y += i + 1 < r->n ? BETWEEN : 0;
    }
    put_legend(p, y + 26);
}

static int draw(const rows *r, const char *path) {
    picture p;
    double width = 310, height = LEGEND; /* of the legend */
    for (int i = 0; i < r->n; i++) {
        const picture_graph *g = &r->row[i].graph;
        width = fmax(width, g->right - g->left);
        height += TITLE + g->bottom - g->top + (i ? BETWEEN : 0) + (folded_behind(r, i) >= 0 ? LEGEND : 0);
    }
    if (r->n == 1) width = fmax(width, fmin(WIDTH, 1.1 * picture_text_width(r->e->text, 14)));
    picture_open(&p, ceil(width + 2 * MARGIN), ceil(height), r->e->text);
    draw_rows(r, &p, width);
    return picture_save_as(&p, path);
}

int explain_draw(const explanation *e, const char *path) {
    if (e->flow.n == 0) return cli_error(CLI_USAGE, "explain: there is no gate to draw in '%s'", e->text);
    rows r = { .e = e };
    int code = find_rows(&r) ? draw(&r, path) : cli_no_memory();
    free_rows(&r);
    return code;
}
