/* SPDX-License-Identifier: MIT
 *
 * plot.c: frames with ticks, and what is drawn in them. Ticks lie at 1, 2 or 5 times a power of ten, so far apart
 * that their labels keep clear of each other.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "plot.h"

enum { TICK_SIZE = 11, LABEL_SIZE = 12, TITLE_SIZE = 13, MAX_TICKS = 24 };

/* ---- ranges -------------------------------------------------------------------------------------------- */

void plot_include(plot_range *range, const double *values, int64_t n, int64_t stride) {
    for (int64_t i = 0; i < n; i++) {
        double v = values[i * stride];
        if (!isfinite(v) || (range->log && v <= 0)) continue;
        range->low = fmin(range->low, v);
        range->high = fmax(range->high, v);
    }
}

plot_range plot_padded(plot_range r) {
    if (!(r.low <= r.high)) return (plot_range){ r.log ? .1 : 0, 1, r.log };
    if (r.log) {
        double more = fmax(pow(r.high / r.low, .05), 1.1);
        return (plot_range){ r.low / more, r.high * more, 1 };
    }
    double more = (r.high - r.low) * .05;
    if (!(more > 1e-9 * fabs(r.high))) more = r.high != 0 ? fabs(r.high) * .1 : .5;
    return (plot_range){ r.low - more, r.high + more, 0 };
}

/* ---- ticks --------------------------------------------------------------------------------------------- */

typedef struct ticks {
    int n;
    double at[MAX_TICKS];
    char label[MAX_TICKS][24];
} ticks;

static void add_tick(ticks *t, double at, int decimals) {
    if (t->n == MAX_TICKS) return;
    char *label = t->label[t->n];
    if (decimals >= 0 && decimals <= 5 && fabs(at) < 1e6)
        snprintf(label, sizeof t->label[0], "%.*f", decimals, at);
    else
        snprintf(label, sizeof t->label[0], "%.4g", at);
    t->at[t->n++] = at;
}

static void linear_ticks(ticks *t, plot_range r, int most) {
    double raw = (r.high - r.low) / most, power = pow(10, floor(log10(raw))), step = power;
    const double factors[] = { 1, 2, 5, 10 };
    for (int i = 0; i < 4 && (step = power * factors[i]) < raw * (1 - 1e-9); i++) continue;
    int decimals = (int)fmax(0, -floor(log10(step) + 1e-9));
    for (double k = ceil(r.low / step - 1e-6); k * step <= r.high + 1e-6 * step; k++)
        add_tick(t, k == 0 ? 0 : k * step, decimals);
}

/* Powers of ten, or some of them; 2 and 5 between where there are few. */
static void log_ticks(ticks *t, plot_range r, int most) {
    double decades = log10(r.high / r.low);
    int every = (int)ceil(decades / most);
    const double factors[] = { 1, 2, 5 };
    int n = decades < 1.2 * most / 3. ? 3 : 1;
    if (decades < .3) {
        linear_ticks(t, r, most);
        return;
    }
    for (int k = (int)floor(log10(r.low)); k <= (int)ceil(log10(r.high)); k++)
        for (int i = 0; i < n; i++) {
            double at = factors[i] * pow(10, k);
            if (k % (every > 0 ? every : 1) == 0 && at >= r.low * (1 - 1e-9) && at <= r.high * (1 + 1e-9))
                add_tick(t, at, -1);
        }
}

static ticks make_ticks(plot_range r, int most) {
    ticks t = { 0 };
    (r.log ? log_ticks : linear_ticks)(&t, r, most < 2 ? 2 : most);
    return t;
}

static double widest(const ticks *t) {
    double width = 0;
    for (int i = 0; i < t->n; i++) width = fmax(width, picture_text_width(t->label[i], TICK_SIZE));
    return width;
}

/* Fewer ticks until the labels keep clear of each other. */
static ticks ticks_across(plot_range r, double width) {
    ticks t = make_ticks(r, (int)(width / 40));
    for (int most = (int)(width / 40) - 1; most >= 2 && t.n * (widest(&t) + 14) > width; most--)
        t = make_ticks(r, most);
    return t;
}

/* ---- frames -------------------------------------------------------------------------------------------- */

static double share_of(plot_range r, double v) {
    double s = r.log ? log(v / r.low) / log(r.high / r.low) : (v - r.low) / (r.high - r.low);
    return fmin(fmax(s, -9), 10); /* far outside is outside: the file need not say how far */
}

double plot_x(const plot *c, double x) { return c->left + c->width * share_of(c->x, x); }
double plot_y(const plot *c, double y) { return c->top + c->height * (1 - share_of(c->y, y)); }

static void draw_ticks(const plot *c, const ticks *across, const ticks *up) {
    const pen grid = { .stroke = PICTURE_PALE }, mark = { .stroke = PICTURE_GREY };
    double bottom = c->top + c->height;
    for (int i = 0; i < across->n; i++) {
        double x = plot_x(c, across->at[i]);
        picture_line(c->picture, x, c->top, x, bottom, grid);
        picture_line(c->picture, x, bottom, x, bottom + 4, mark);
        picture_text(c->picture, x, bottom + 16, FONT(.size = TICK_SIZE, .anchor = PICTURE_MIDDLE), "%s",
                     across->label[i]);
    }
    for (int i = 0; i < up->n; i++) {
        double y = plot_y(c, up->at[i]);
        picture_line(c->picture, c->left, y, c->left + c->width, y, grid);
        picture_line(c->picture, c->left - 4, y, c->left, y, mark);
        picture_text(c->picture, c->left - 7, y + 4, FONT(.size = TICK_SIZE, .anchor = PICTURE_END), "%s",
                     up->label[i]);
    }
}

/* A title that is wider than its chart ends in dots. */
static void draw_title(picture *p, double x, double y, double width, const char *title) {
    char text[200];
    int length = snprintf(text, sizeof text - 3, "%s", title);
    if (length > (int)sizeof text - 4) length = (int)sizeof text - 4;
    while (length > 4 && 1.08 * picture_text_width(text, TITLE_SIZE) > width) { /* bold is wider */
        while (length > 4 && (text[length - 1] & 0xc0) == 0x80) length--;
        strcpy(text + --length, "...");
    }
    picture_text(p, x, y, FONT(.size = TITLE_SIZE, .bold = 1), "%s", text);
}

plot plot_begin(picture *p, plot_opt o) {
    double top = o.title ? 24 : 8, bottom = (o.bare ? 4 : 22) + (o.x_label ? 18 : 0), right = o.bare ? 4 : 14;
    plot c = { p, o.left, o.top + top, o.width, o.height - top - bottom, o.x, o.y };
    ticks up = { 0 }, across = { 0 };
    if (!o.bare && !o.no_y) up = make_ticks(o.y, (int)(c.height / 28));
    double left = (o.y_label ? 20 : 2) + (o.bare ? 2 : widest(&up) + 9);
    c.left += left;
    c.width -= left + right;
    if (!o.bare) across = ticks_across(o.x, c.width);
    draw_ticks(&c, &across, &up);
    picture_rect(p, c.left, c.top, c.width, c.height, 0, PEN(.stroke = PICTURE_GREY));
    if (o.title) draw_title(p, c.left, o.top + 15, c.width + right, o.title);
    if (o.x_label)
        picture_text(p, c.left + c.width / 2, o.top + o.height - 6,
                     FONT(.size = LABEL_SIZE, .anchor = PICTURE_MIDDLE), "%s", o.x_label);
    if (o.y_label)
        picture_text(p, o.left + 13, c.top + c.height / 2,
                     FONT(.size = LABEL_SIZE, .anchor = PICTURE_MIDDLE, .upward = 1), "%s", o.y_label);
    return c;
}

/* Memory for what is to be drawn; NULL spoils the picture, which picture_save tells. */
static void *scratch(const plot *c, size_t bytes) {
    void *block = malloc(bytes);
    if (!block) c->picture->no_memory = 1;
    return block;
}

/* ---- curves -------------------------------------------------------------------------------------------- */

static void clip(const plot *c) { picture_clip(c->picture, c->left, c->top, c->width, c->height); }

void plot_curve(const plot *c, const double *x, const double *y, int n, pen pen) {
    double *xy = scratch(c, sizeof *xy * 2 * (size_t)(n > 0 ? n : 1));
    int used = 0;
    for (int i = 0; xy && i < n; i++) {
        double px = plot_x(c, x ? x[i] : i + 1), py = isfinite(y[i]) ? plot_y(c, y[i]) : NAN;
        int near = used > 0 && hypot(px - xy[2 * used - 2], py - xy[2 * used - 1]) < .7;
        if (near && i < n - 1) continue;
        xy[2 * used] = px;
        xy[2 * used++ + 1] = py;
    }
    clip(c);
    if (xy) picture_path(c->picture, xy, used, 0, pen);
    picture_unclip(c->picture);
    free(xy);
}

void plot_points(const plot *c, const double *x, const double *y, int n, double radius, pen pen) {
    clip(c);
    for (int i = 0; i < n; i++)
        if (isfinite(y[i])) picture_circle(c->picture, plot_x(c, x ? x[i] : i + 1), plot_y(c, y[i]), radius, pen);
    picture_unclip(c->picture);
}

void plot_bars(const plot *c, const double *edges, const double *heights, int n, double base, pen pen) {
    clip(c);
    for (int i = 0; i < n; i++) {
        double x = plot_x(c, edges[i]), y = plot_y(c, heights[i]), bottom = plot_y(c, base);
        if (bottom > y) picture_rect(c->picture, x, y, plot_x(c, edges[i + 1]) - x, bottom - y, 0, pen);
    }
    picture_unclip(c->picture);
}

/* ---- planes -------------------------------------------------------------------------------------------- */

static double value_at(plot_range r, double share) {
    return r.log ? r.low * pow(r.high / r.low, share) : r.low + (r.high - r.low) * share;
}

void plot_cells(const plot *c, double *x, double *y) {
    for (int i = 0; i < PLOT_CELLS; i++) {
        x[i] = value_at(c->x, (i % PLOT_COLUMNS + .5) / PLOT_COLUMNS);
        y[i] = value_at(c->y, ((double)(i / PLOT_COLUMNS) + .5) / PLOT_ROWS);
    }
}

/* A level crosses sides of cells, each at one place; a cell that it passes links two of its sides (or two pairs), and
 * the links make lines. Side 2 i lies below cell i, side 2 i + 1 left of it. */
typedef struct tracer {
    double at[2 * PLOT_CELLS][2]; /* in cells */
    int link[2 * PLOT_CELLS][2];  /* -1: none */
} tracer;

static void join(tracer *t, int a, int b) {
    t->link[a][t->link[a][0] >= 0] = b;
    t->link[b][t->link[b][0] >= 0] = a;
}

/* Marching squares: corners and sides run round the cell from its lower left. */
static void cross_cell(tracer *t, const double *z, int column, int row, double level) {
    static const int corner[5][2] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 }, { 0, 0 } };
    static const int side[4][3] = { { 0, 0, 0 }, { 1, 0, 1 }, { 0, 1, 0 }, { 0, 0, 1 } }; /* cell of, left of it */
    int crossed[4], n = 0;
    double value[5], middle = 0;
    for (int k = 0; k < 5; k++) value[k] = z[(row + corner[k][1]) * PLOT_COLUMNS + column + corner[k][0]] - level;
    for (int k = 0; k < 4; k++) {
        middle += value[k];
        if ((value[k] < 0) == (value[k + 1] < 0) || !isfinite(value[k]) || !isfinite(value[k + 1])) continue;
        double share = value[k] / (value[k] - value[k + 1]);
        int id = 2 * ((row + side[k][1]) * PLOT_COLUMNS + column + side[k][0]) + side[k][2];
        t->at[id][0] = column + corner[k][0] + share * (corner[k + 1][0] - corner[k][0]);
        t->at[id][1] = row + corner[k][1] + share * (corner[k + 1][1] - corner[k][1]);
        crossed[n++] = id;
    }
    /* Crossed four times, the lines keep clear of the middle. */
    int turn = n == 4 && (middle < 0) != (value[0] < 0);
    for (int k = 0; k + 1 < n; k += 2) join(t, crossed[(k + turn) % n], crossed[(k + turn + 1) % n]);
}

static int take_link(tracer *t, int from) {
    int which = t->link[from][0] < 0, to = t->link[from][which];
    t->link[from][which] = -1;
    if (to >= 0) t->link[to][t->link[to][0] != from] = -1;
    return to;
}

/* The line through a side: its points and a break; returns how many. */
static int follow(const plot *c, tracer *t, int from, double *xy) {
    int n = 0;
    for (int at = from; at >= 0; at = take_link(t, at), n++) {
        xy[2 * n] = c->left + c->width * (t->at[at][0] + .5) / PLOT_COLUMNS;
        xy[2 * n + 1] = c->top + c->height * (1 - (t->at[at][1] + .5) / PLOT_ROWS);
    }
    xy[2 * n] = xy[2 * n + 1] = NAN;
    return n + 1;
}

static void contour(const plot *c, const double *z, double level, tracer *t, double *xy, pen pen) {
    int n = 0;
    memset(t->link, -1, sizeof t->link);
    for (int row = 0; row + 1 < PLOT_ROWS; row++)
        for (int column = 0; column + 1 < PLOT_COLUMNS; column++) cross_cell(t, z, column, row, level);
    for (int rings = 0; rings < 2; rings++) /* lines from their ends, then those that have none */
        for (int i = 0; i < 2 * PLOT_CELLS; i++) {
            int links = (t->link[i][0] >= 0) + (t->link[i][1] >= 0);
            if (links == 1 || (rings && links == 2)) n += follow(c, t, i, xy + 2 * n);
        }
    picture_path(c->picture, xy, n, 0, pen);
}

void plot_contours(const plot *c, const double *z, const double *levels, int n, pen pen) {
    tracer *t = scratch(c, sizeof *t);
    double *xy = scratch(c, sizeof *xy * 8 * PLOT_CELLS); /* each side at most twice: once more to close a ring */
    clip(c);
    for (int i = 0; t && xy && i < n; i++) contour(c, z, levels[i], t, xy, pen);
    picture_unclip(c->picture);
    free(t);
    free(xy);
}

static void mix(unsigned char *rgb, const char *colour, double share) {
    unsigned long full = strtoul(colour + 1, NULL, 16);
    for (int k = 0; k < 3; k++)
        rgb[k] = (unsigned char)lround(255 + share * ((double)(full >> (16 - 8 * k) & 255) - 255));
}

/* rgb runs from the bottom row up; images from the top down. */
static void draw_cells(const plot *c, const unsigned char *rgb, int smooth) {
    enum { ROW = 3 * PLOT_COLUMNS };
    unsigned char *turned = scratch(c, ROW * PLOT_ROWS);
    for (int row = 0; turned && row < PLOT_ROWS; row++)
        memcpy(turned + row * ROW, rgb + (PLOT_ROWS - 1 - row) * ROW, ROW);
    if (turned)
        picture_image(c->picture, c->left, c->top, c->width, c->height, turned, PLOT_COLUMNS, PLOT_ROWS, smooth);
    picture_rect(c->picture, c->left, c->top, c->width, c->height, 0, PEN(.stroke = PICTURE_GREY));
    free(turned);
}

void plot_shade(const plot *c, const double *share, const char *colour, int smooth) {
    unsigned char *rgb = scratch(c, 3 * PLOT_CELLS);
    for (int i = 0; rgb && i < PLOT_CELLS; i++)
        mix(rgb + 3 * i, colour, isfinite(share[i]) ? fmin(fmax(share[i], 0), 1) : 0);
    if (rgb) draw_cells(c, rgb, smooth);
    free(rgb);
}

void plot_regions(const plot *c, const int *class, const double *strength) {
    unsigned char *rgb = scratch(c, 3 * PLOT_CELLS);
    for (int i = 0; rgb && i < PLOT_CELLS; i++)
        mix(rgb + 3 * i, picture_colour(class[i]), strength ? fmin(fmax(strength[i], 0), 1) : 1);
    if (rgb) draw_cells(c, rgb, 1);
    free(rgb);
}

/* ---- legends ------------------------------------------------------------------------------------------- */

enum { ENTRY = 18, SAMPLE = 26 };

double plot_legend_width(const plot_entry *entries, int n) {
    double width = 0;
    for (int i = 0; i < n; i++) width = fmax(width, picture_text_width(entries[i].label, LABEL_SIZE));
    return SAMPLE + 8 + width + 8;
}

double plot_legend(picture *p, double x, double y, const plot_entry *entries, int n) {
    for (int i = 0; i < n; i++, y += ENTRY) {
        const plot_entry *e = &entries[i];
        if (e->mark > 0)
            picture_circle(p, x + SAMPLE / 2., y + ENTRY / 2., e->mark, e->pen);
        else
            picture_line(p, x, y + ENTRY / 2., x + SAMPLE, y + ENTRY / 2., e->pen);
        picture_text(p, x + SAMPLE + 8, y + ENTRY / 2. + 4, FONT(.size = LABEL_SIZE), "%s", e->label);
    }
    return y;
}

/* ---- in the terminal ----------------------------------------------------------------------------------- */

void plot_spark(const double *values, int n, int width, char *text, size_t size) {
    plot_range r = PLOT_NOTHING;
    size_t used = 0;
    int first = n > width ? n - width : 0;
    plot_include(&r, values + first, n - first, 1);
    for (int i = first; i < n && used + 4 < size; i++) {
        double share = r.high > r.low ? (values[i] - r.low) / (r.high - r.low) : 0;
        if (isfinite(share)) { /* U+2581 .. U+2588 */
            memcpy(text + used, "\xe2\x96\x81", 3);
            text[used + 2] = (char)(0x81 + (int)fmin(share * 8, 7));
            used += 3;
        } else {
            text[used++] = '?';
        }
    }
    text[used] = 0;
}
