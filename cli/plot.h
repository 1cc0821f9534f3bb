/* SPDX-License-Identifier: MIT
 *
 * plot.h: charts on a picture: a frame with axes, readable ticks and a title, and in it curves, points, bars,
 * contours and images. Legends stand beside the frame, never over the data.
 *
 *     plot c = plot_begin(&p, (plot_opt){ .width = 400, .height = 300, .x = { 0, 10 }, .y = { 1e-3, 1, .log = 1 },
 *                                         .title = "loss", .x_label = "epoch" });
 *     plot_curve(&c, x, y, n, PEN(.stroke = PICTURE_BLUE, .width = 2));
 */
#ifndef ELEGANS_CLI_PLOT_H
#define ELEGANS_CLI_PLOT_H

#include "picture.h"

/* ---- ranges -------------------------------------------------------------------------------------------- */

typedef struct plot_range {
    double low, high;
    int log; /* a logarithmic axis; low > 0 */
} plot_range;
#define PLOT_NOTHING ((plot_range){ HUGE_VAL, -HUGE_VAL, 0 })
/* Makes the range hold the finite ones of n numbers that lie `stride` apart. */
void plot_include(plot_range *range, const double *values, int64_t n, int64_t stride);
/* A little more on both sides, and never nothing. */
plot_range plot_padded(plot_range range);

/* ---- charts -------------------------------------------------------------------------------------------- */

typedef struct plot_opt {
    double left, top, width, height; /* of all that belongs to the chart */
    plot_range x, y;
    const char *title, *x_label, *y_label;
    int bare; /* no ticks and no grid */
    int no_y; /* none along y */
} plot_opt;

typedef struct plot {
    picture *picture;
    double left, top, width, height; /* of the frame alone */
    plot_range x, y;
} plot;

plot plot_begin(picture *p, plot_opt opt);
/* Where a value lies, in pixels. */
double plot_x(const plot *c, double x);
double plot_y(const plot *c, double y);

/* x NULL: 1, 2, ... A line breaks at values that are not finite; points closer than .7 pixels are left out.
 */
void plot_curve(const plot *c, const double *x, const double *y, int n, pen pen);
void plot_points(const plot *c, const double *x, const double *y, int n, double radius, pen pen);
/* A bar from `base` to heights[i] over [edges[i], edges[i + 1]]. */
void plot_bars(const plot *c, const double *edges, const double *heights, int n, double base, pen pen);

/* z[rows][columns] at the middles of equal cells that fill the frame, the first row at the bottom. */
enum { PLOT_COLUMNS = 120, PLOT_ROWS = 90, PLOT_CELLS = PLOT_COLUMNS * PLOT_ROWS };
/* The middles' coordinates for PLOT_COLUMNS x PLOT_ROWS cells. */
void plot_cells(const plot *c, double *x, double *y);
void plot_contours(const plot *c, const double *z, const double *levels, int n, pen pen);
/* Colours each cell: rgb[i] is mixed from white (0) to the colour (1) by share[i]. */
void plot_shade(const plot *c, const double *share, const char *colour, int smooth);
/* As many colours as classes: cell i gets colour[class[i]], paler by strength[i] from 1 to 0 (NULL: all 1). */
void plot_regions(const plot *c, const int *class, const double *strength);

/* ---- legends ------------------------------------------------------------------------------------------- */

typedef struct plot_entry {
    const char *label;
    pen pen;
    double mark; /* radius of a point instead of a line; 0: a line */
} plot_entry;
double plot_legend_width(const plot_entry *entries, int n);
double plot_legend(picture *p, double x, double y, const plot_entry *entries, int n); /* returns y below it */

/* ---- in the terminal ----------------------------------------------------------------------------------- */

/* The last values as blocks of eighths, at most `width` of them: "▇▅▃▂▁"; UTF-8, always ended. */
void plot_spark(const double *values, int n, int width, char *text, size_t size);

#endif
