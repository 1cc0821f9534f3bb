/* SPDX-License-Identifier: MIT
 *
 * picture_graph.h: a graph without cycles as a picture from left to right: nodes in layers, few crossings, a text
 * above and one below each wire where it arrives.
 *
 *     picture_node node[] = { { .label = "x" }, { .label = "y" }, { .label = "+", .gate = 1, .note = "distributor" }
 * }; picture_wire_text wire[] = { { 0, 2, .above = "3", .below = "1" }, { 1, 2, .above = "4", .below = "1" } };
 *     picture_graph g = { node, 3, wire, 2 };
 *     if (picture_graph_place(&g)) picture_graph_draw(&g, p, 20, 20); // else there is no memory
 *     picture_graph_free(&g);
 */
#ifndef ELEGANS_PICTURE_GRAPH_H
#define ELEGANS_PICTURE_GRAPH_H

#include "picture.h"

/* The slides' colours, dark enough to read. */
#define PICTURE_VALUE "#00704a"
#define PICTURE_GRADIENT "#c04a00"

typedef struct picture_node {
    const char *label, *note; /* inside; small, under it (or NULL) */
    int gate;                 /* a circle, else a name in a box */
    int layer;                /* found by picture_graph_place, as are: */
    double x, y, width, height;
} picture_node;

/* From a node to one with a higher index: wires into a node arrive from top to bottom as they are listed. */
typedef struct picture_wire_text {
    int from, to;
    const char *above, *below; /* lines with newlines between them; NULL: none */
} picture_wire_text;

typedef struct picture_graph {
    picture_node *node;
    int nodes;
    picture_wire_text *wire;
    int wires;
    double left, top, right, bottom; /* found: the size of everything, in its own coordinates */
    struct graph_place *place;
} picture_graph;

/* 0 without memory. Free in any case. */
int picture_graph_place(picture_graph *g);
/* With its upper left corner at (left, top). */
void picture_graph_draw(const picture_graph *g, picture *p, double left, double top);
void picture_graph_free(picture_graph *g);

#endif
