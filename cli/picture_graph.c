/* SPDX-License-Identifier: MIT
 *
 * picture_graph.c: layered drawing after Sugiyama (1981). Layers by the longest way from the left, leaves next to
 * what uses them; a wire that passes a layer gets a bend there. The order in the layers starts with a walk from the
 * right, which draws trees without a crossing, and is improved by medians as long as crossings vanish. Heights: every
 * bend and node wants to lie level with its neighbours; within a layer the nearest heights that keep order and
 * distance are found exactly (isotonic regression).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "picture_graph.h"

enum { RADIUS = 19, TEXT = 11, LINE = 13, CURVE = 46, STUB = 14, SWEEPS = 24, BETWEEN = 12, SLANT = 14 };

/* A node, or a wire's bend in a layer that it passes. */
typedef struct spot {
    int node, layer, order;
    double y, height, wish;
} spot;

/* A piece of a wire between two neighbouring layers. */
typedef struct piece {
    int from, to; /* spots */
    int wire;
    double arrives; /* where it meets a node, from the node's middle: 0 at bends */
} piece;

typedef struct graph_place {
    spot *spot;
    piece *piece;
    int spots, pieces, layers;
    int **layer, *size; /* spots of each layer, from top to bottom */
    int *kept;          /* the best order so far */
    int *first;         /* by wire: its first piece */
    double *x;          /* by layer: where nodes stand */
    double *gap;        /* by layer: room for the texts of arriving wires */
} graph_place;

/* ---- sizes ------------------------------------------------------------------------------------------- */

static int lines(const char *text) {
    int n = text && *text;
    for (; text && *text; text++) n += *text == '\n';
    return n;
}

static double widest(const char *text) {
    double width = 0;
    char line[256];
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        width = fmax(width, picture_text_width(line, TEXT));
        text += n + (text[n] == '\n');
    }
    return width;
}

static double room_above(const picture_wire_text *wire) { return lines(wire->above) * LINE + 3; }
static double room_below(const picture_wire_text *wire) { return lines(wire->below) * LINE + 5; }

static double stub_of(const picture_wire_text *wire) { return STUB + fmax(widest(wire->above), widest(wire->below)); }

static void size_node(picture_node *node) {
    double text = picture_text_width(node->label, 13);
    node->width = node->gate ? fmax(2 * RADIUS, text + 18) : text + 14;
    node->height = node->gate ? 2 * RADIUS : 24;
}

/* Room for a node with all its arriving wires, and for its note. */
static void size_nodes(picture_graph *g) {
    for (int i = 0; i < g->nodes; i++) {
        double ports = 0;
        size_node(&g->node[i]);
        for (int k = 0; k < g->wires; k++)
            if (g->wire[k].to == i) ports += room_above(&g->wire[k]) + room_below(&g->wire[k]);
        g->node[i].height = fmax(g->node[i].height, ports) + (g->node[i].note ? 2 * LINE : 0);
    }
}

/* Where wire k arrives, from its node's middle. */
static double port_of(const picture_graph *g, int k) {
    double all = 0, at = 0;
    for (int i = 0; i < g->wires; i++) {
        if (g->wire[i].to != g->wire[k].to) continue;
        if (i == k) at = all + room_above(&g->wire[i]);
        all += room_above(&g->wire[i]) + room_below(&g->wire[i]);
    }
    return at - all / 2;
}

/* ---- layers ------------------------------------------------------------------------------------------ */

static void find_layers(picture_graph *g) {
    for (int i = 0; i < g->nodes; i++) {
        g->node[i].layer = 0;
        for (int k = 0; k < g->wires; k++)
            if (g->wire[k].to == i && g->node[g->wire[k].from].layer + 1 > g->node[i].layer)
                g->node[i].layer = g->node[g->wire[k].from].layer + 1;
    }
    for (int i = 0; i < g->nodes; i++) { /* leaves come close to what uses them first */
        int nearest = g->nodes, arrives = 0;
        for (int k = 0; k < g->wires; k++) {
            arrives |= g->wire[k].to == i;
            if (g->wire[k].from == i && g->node[g->wire[k].to].layer < nearest)
                nearest = g->node[g->wire[k].to].layer;
        }
        if (!arrives && nearest < g->nodes) g->node[i].layer = nearest - 1;
    }
}

static int add_spot(graph_place *at, int node, int layer, double height) {
    at->spot[at->spots] = (spot){ .node = node, .layer = layer, .height = height };
    return at->spots++;
}

static void add_wire(picture_graph *g, int k) {
    graph_place *at = g->place;
    const picture_wire_text *wire = &g->wire[k];
    int from = wire->from, last = g->node[wire->to].layer;
    at->first[k] = at->pieces;
    for (int layer = g->node[from].layer + 1; layer <= last; layer++) {
        int to = layer == last ? wire->to : add_spot(at, -1, layer, 8);
        at->piece[at->pieces++] = (piece){ from, to, k, layer == last ? port_of(g, k) : 0 };
        from = to;
    }
}

static int count_pieces(const picture_graph *g) {
    int n = 0;
    for (int k = 0; k < g->wires; k++) n += g->node[g->wire[k].to].layer - g->node[g->wire[k].from].layer;
    return n;
}

static int take_room(picture_graph *g) {
    graph_place *at = g->place = calloc(1, sizeof *g->place);
    if (!at) return 0;
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i].layer >= at->layers) at->layers = g->node[i].layer + 1;
    size_t pieces = (size_t)count_pieces(g) + 1, spots = pieces + (size_t)g->nodes, layers = (size_t)at->layers + 1;
    at->spot = calloc(spots, sizeof *at->spot);
    at->piece = calloc(pieces, sizeof *at->piece);
    at->kept = calloc(spots, sizeof *at->kept);
    at->first = calloc((size_t)g->wires + 1, sizeof *at->first);
    at->layer = calloc(layers, sizeof *at->layer);
    at->size = calloc(layers, sizeof *at->size);
    at->x = calloc(layers, sizeof *at->x);
    at->gap = calloc(layers, sizeof *at->gap);
    int good = at->spot && at->piece && at->kept && at->first && at->layer && at->size && at->x && at->gap;
    for (size_t i = 0; good && i < layers; i++) good = (at->layer[i] = calloc(spots, sizeof **at->layer)) != NULL;
    return good;
}

void picture_graph_free(picture_graph *g) {
    graph_place *at = g->place;
    if (!at) return;
    for (int i = 0; at->layer && i <= at->layers; i++) free(at->layer[i]);
    void *parts[] = { at->spot, at->piece, at->kept, at->first, at->layer, at->size, at->x, at->gap, at };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
    g->place = NULL;
}

/* ---- order ------------------------------------------------------------------------------------------- */

/* From the right end back along the wires, the upper ones first. */
static void walk(picture_graph *g, int at_spot, unsigned char *seen) {
    graph_place *at = g->place;
    if (seen[at_spot]) return;
    seen[at_spot] = 1;
    for (int i = 0; i < at->pieces; i++)
        if (at->piece[i].to == at_spot) walk(g, at->piece[i].from, seen);
    int layer = at->spot[at_spot].layer;
    at->spot[at_spot].order = at->size[layer];
    at->layer[layer][at->size[layer]++] = at_spot;
}

static double height_of_end(const graph_place *at, const piece *p) {
    return at->spot[p->to].order + p->arrives * 1e-3;
}

static int crossings(const graph_place *at) {
    int n = 0;
    for (int i = 0; i < at->pieces; i++)
        for (int k = i + 1; k < at->pieces; k++) {
            const piece *a = &at->piece[i], *b = &at->piece[k];
            if (at->spot[a->to].layer != at->spot[b->to].layer) continue;
            double left = at->spot[a->from].order - at->spot[b->from].order;
            n += left * (height_of_end(at, a) - height_of_end(at, b)) < 0;
        }
    return n;
}

static int by_wish(const void *a, const void *b) {
    const spot *x = *(const spot *const *)a, *y = *(const spot *const *)b;
    return x->wish != y->wish ? (x->wish > y->wish) - (x->wish < y->wish)
                              : (x->order > y->order) - (x->order < y->order);
}

/* Sorts a layer by the middle of its neighbours in the layer before (or behind). */
static void sort_layer(graph_place *at, int layer, int before) {
    spot *row[1024];
    int n = at->size[layer];
    if (n > 1024) return;
    for (int i = 0; i < n; i++) {
        spot *s = row[i] = &at->spot[at->layer[layer][i]];
        double sum = 0, count = 0;
        for (int k = 0; k < at->pieces; k++) {
            const piece *p = &at->piece[k];
            if (before && &at->spot[p->to] == s) sum += at->spot[p->from].order - p->arrives * 1e-3, count++;
            if (!before && &at->spot[p->from] == s) sum += height_of_end(at, p), count++;
        }
        s->wish = count > 0 ? sum / count : s->order;
    }
    qsort(row, (size_t)n, sizeof *row, by_wish);
    for (int i = 0; i < n; i++) at->layer[layer][i] = (int)(row[i] - at->spot), row[i]->order = i;
}

static void find_order(graph_place *at) {
    int best = crossings(at);
    for (int i = 0; i < at->spots; i++) at->kept[i] = at->spot[i].order;
    for (int sweep = 0; sweep < SWEEPS && best > 0 && at->pieces < 2000; sweep++) {
        for (int i = 0; i < at->layers; i++) sort_layer(at, sweep % 2 ? i : at->layers - 1 - i, sweep % 2);
        int found = crossings(at);
        if (found >= best) continue;
        best = found;
        for (int i = 0; i < at->spots; i++) at->kept[i] = at->spot[i].order;
    }
    for (int i = 0; i < at->spots; i++) {
        at->spot[i].order = at->kept[i];
        at->layer[at->spot[i].layer][at->kept[i]] = i;
    }
}

/* ---- heights ----------------------------------------------------------------------------------------- */

/* Where a spot wants to be: the mean of what would make its pieces level. A bend cares twice. */
static double wish_of(const graph_place *at, int s) {
    double sum = 0, weight = 0;
    for (int k = 0; k < at->pieces; k++) {
        const piece *p = &at->piece[k];
        int bend = at->spot[p->from].node < 0 || at->spot[p->to].node < 0;
        double w = bend ? 2 : 1;
        if (p->to == s) sum += w * (at->spot[p->from].y - p->arrives), weight += w;
        if (p->from == s) sum += w * (at->spot[p->to].y + p->arrives), weight += w;
    }
    return weight > 0 ? sum / weight : at->spot[s].y;
}

/* The heights nearest to the wishes that keep the order and the distances: neighbours that would overlap move
 * together. */
static void settle(graph_place *at, int layer) {
    struct {
        double sum;
        int n;
    } pool[1024];
    double offset[1024];
    int n = at->size[layer], pools = 0;
    if (n > 1024) return;
    for (int i = 0; i < n; i++) {
        const spot *s = &at->spot[at->layer[layer][i]];
        const spot *above = i ? &at->spot[at->layer[layer][i - 1]] : s;
        offset[i] = i ? offset[i - 1] + (above->height + s->height) / 2 + BETWEEN : 0;
        pool[pools].sum = s->wish - offset[i];
        pool[pools++].n = 1;
        while (pools > 1 && pool[pools - 2].sum / pool[pools - 2].n > pool[pools - 1].sum / pool[pools - 1].n) {
            pool[pools - 2].sum += pool[pools - 1].sum;
            pool[pools - 2].n += pool[pools - 1].n;
            pools--;
        }
    }
    for (int i = 0, k = 0, used = 0; i < n; i++, used++) {
        if (used == pool[k].n) k++, used = 0;
        at->spot[at->layer[layer][i]].y = pool[k].sum / pool[k].n + offset[i];
    }
}

static void find_heights(graph_place *at) {
    for (int sweep = 0; sweep < 2 * SWEEPS; sweep++)
        for (int i = 0; i < at->layers; i++) {
            int layer = sweep % 2 ? i : at->layers - 1 - i;
            for (int k = 0; k < at->size[layer]; k++) {
                spot *s = &at->spot[at->layer[layer][k]];
                s->wish = sweep ? wish_of(at, at->layer[layer][k]) : s->order * 50;
            }
            settle(at, layer);
        }
}

/* ---- together ---------------------------------------------------------------------------------------- */

static void find_columns(picture_graph *g) {
    graph_place *at = g->place;
    double x = 0, before = 0;
    for (int layer = 0; layer < at->layers; layer++) {
        double width = 0;
        for (int i = 0; i < g->nodes; i++)
            if (g->node[i].layer == layer) width = fmax(width, g->node[i].width);
        for (int k = 0; k < g->wires; k++)
            if (g->node[g->wire[k].to].layer == layer) at->gap[layer] = fmax(at->gap[layer], stub_of(&g->wire[k]));
        x += layer ? before / 2 + CURVE + at->gap[layer] + SLANT + width / 2 : width / 2;
        at->x[layer] = x;
        before = width;
    }
    for (int i = 0; i < g->nodes; i++) {
        g->node[i].x = at->x[g->node[i].layer];
        g->node[i].y = at->spot[i].y;
    }
}

static void find_bounds(picture_graph *g) {
    g->left = g->top = HUGE_VAL;
    g->right = g->bottom = -HUGE_VAL;
    for (int i = 0; i < g->place->spots; i++) {
        const spot *s = &g->place->spot[i];
        double half = s->node < 0 ? 0 : g->node[s->node].width / 2, x = g->place->x[s->layer];
        g->left = fmin(g->left, x - half);
        g->right = fmax(g->right, x + half);
        g->top = fmin(g->top, s->y - s->height / 2);
        g->bottom = fmax(g->bottom, s->y + s->height / 2);
    }
}

int picture_graph_place(picture_graph *g) {
    size_nodes(g);
    find_layers(g);
    if (!take_room(g)) return 0;
    for (int i = 0; i < g->nodes; i++) add_spot(g->place, i, g->node[i].layer, g->node[i].height);
    for (int k = 0; k < g->wires; k++) add_wire(g, k);
    unsigned char *seen = calloc((size_t)g->place->spots + 1, 1);
    for (int i = g->nodes - 1; seen && i >= 0; i--) walk(g, i, seen);
    if (!seen) return 0;
    free(seen);
    find_order(g->place);
    find_heights(g->place);
    find_columns(g);
    find_bounds(g);
    return 1;
}

/* ---- drawing ----------------------------------------------------------------------------------------- */

static void put_lines(picture *p, double x, double y, const char *text, const char *colour) {
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        picture_text(p, x, y, FONT(.size = TEXT, .anchor = PICTURE_MIDDLE, .colour = colour), "%.*s", (int)n, text);
        text += n + (text[n] == '\n');
        y += LINE;
    }
}

/* From where the texts end to the node: towards the middle of a circle, to the side of what is wider. */
static void arrive(picture *p, const picture_node *to, double x, double y, pen ink) {
    double away = y - to->y, along = sqrt(fmax(RADIUS * RADIUS - away * away / 4, 0));
    if (!to->gate)
        picture_arrow(p, x, y, to->x - to->width / 2, to->y, ink);
    else if (to->width > 2 * RADIUS)
        picture_arrow(p, x, y, to->x - to->width / 2, fmax(-8, fmin(8, away)) + to->y, ink);
    else
        picture_arrow(p, x, y, to->x - along, to->y + away / 2 * fmin(1, 2 * RADIUS / fmax(fabs(away), 1)), ink);
}

static picture_node moved(const picture_node *node, double x, double y) {
    picture_node to = *node;
    to.x += x;
    to.y += y;
    return to;
}

static void draw_wire(const picture_graph *g, picture *p, int k, double left, double top) {
    const graph_place *at = g->place;
    const picture_wire_text *wire = &g->wire[k];
    const pen ink = PEN(.stroke = PICTURE_INK, .width = 1.2);
    picture_node from = moved(&g->node[wire->from], left, top), to = moved(&g->node[wire->to], left, top);
    double x = from.x + from.width / 2, y = from.y, port = to.y + port_of(g, k);
    const piece *piece = &at->piece[at->first[k]];
    for (; piece->to != wire->to; piece++) { /* past a layer: level under or over its nodes */
        const spot *bend = &at->spot[piece->to];
        double start = at->x[bend->layer] - at->gap[bend->layer] + left, end = at->x[bend->layer] + 10 + left;
        picture_wire(p, x, y, start, bend->y + top, ink);
        picture_line(p, start, bend->y + top, end, bend->y + top, ink);
        x = end, y = bend->y + top;
    }
    double end = to.x - to.width / 2 - SLANT, start = end - stub_of(wire) + 4, middle = (start + end) / 2;
    picture_wire(p, x, y, start, port, ink);
    picture_line(p, start, port, end, port, ink);
    arrive(p, &to, end, port, ink);
    put_lines(p, middle, port - 4 - (lines(wire->above) - 1) * LINE, wire->above, PICTURE_VALUE);
    put_lines(p, middle, port + LINE - 1, wire->below, PICTURE_GRADIENT);
}

/* Below the lowest wire that arrives. */
static double note_height(const picture_graph *g, int node) {
    double lowest = RADIUS;
    for (int k = 0; k < g->wires; k++)
        if (g->wire[k].to == node) lowest = fmax(lowest, port_of(g, k));
    return lowest + LINE;
}

static void draw_node(const picture_node *node, picture *p, double note) {
    if (node->gate)
        picture_rect(p, node->x - node->width / 2, node->y - RADIUS, node->width, 2 * RADIUS, RADIUS,
                     PEN(.stroke = PICTURE_BLUE, .fill = "#e8f3fa", .width = 1.5));
    else
        picture_rect(p, node->x - node->width / 2, node->y - 12, node->width, 24, 4,
                     PEN(.stroke = PICTURE_GREY, .fill = "#f4f4f4"));
    picture_text(p, node->x, node->y + 4.5, FONT(.size = 13, .anchor = PICTURE_MIDDLE, .bold = !node->gate), "%s",
                 node->label);
    if (node->note)
        picture_text(p, node->x, node->y + note, FONT(.size = 10, .anchor = PICTURE_MIDDLE, .colour = PICTURE_GREY),
                     "%s", node->note);
}

void picture_graph_draw(const picture_graph *g, picture *p, double left, double top) {
    for (int k = 0; k < g->wires; k++) draw_wire(g, p, k, left - g->left, top - g->top);
    for (int i = 0; i < g->nodes; i++) {
        picture_node node = moved(&g->node[i], left - g->left, top - g->top);
        draw_node(&node, p, note_height(g, i));
    }
}
