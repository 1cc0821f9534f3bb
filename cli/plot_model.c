/* SPDX-License-Identifier: MIT
 *
 * plot_model.c: a model as circles and links, as slides draw it: a column of units for the input and for each dense
 * layer, links coloured by the weights' signs and as thick as they are large; boxes for all other layers. Only for a
 * chain of layers, whose parts are the models of the first lines of its text and share its variables.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "plot_training.h"

enum { MOST_COLUMNS = 40, MOST_UNITS = 12, STEP = 34, RADIUS = 10, WIDE = 150, HEAD = 60, FOOT = 50, MARGIN = 20 };

typedef struct column {
    char words[100]; /* the layer as text */
    eg_shape shape;  /* of its output */
    int units;       /* circles stand for; 0: a box */
    double *kernel;  /* [units before][units], or NULL */
} column;

typedef struct chain {
    column column[MOST_COLUMNS];
    int n;
    double largest; /* weight */
} chain;

/* ---- from the model -------------------------------------------------------------------------------------- */

static double *read_kernel(eg_model *model, const eg_value *variable) {
    int64_t n = eg_shape_size(eg_value_shape(variable));
    double *out = malloc(sizeof *out * (size_t)n);
    float *raw = malloc(sizeof *raw * (size_t)n);
    int good = out && raw && eg_value_dtype(variable) == EG_F32 &&
               eg_state_read(eg_model_state(model), eg_value_name(variable), raw, sizeof *raw * (size_t)n) == EG_OK;
    for (int64_t i = 0; good && i < n; i++) out[i] = (double)raw[i];
    free(raw);
    if (good) return out;
    free(out);
    return NULL;
}

/* The variables that the last layer of `part` brought, beyond the first `before`; a dense one's kernel joins two
 * columns. Returns how many variables there are now. */
static int find_kernel(eg_model *model, eg_model *part, int before, const column *from, column *to) {
    eg_value *variables[4 * MOST_COLUMNS];
    eg_graph *graph = eg_graph_new();
    int n = graph ? eg_model_variables(part, graph, 0, variables, 4 * MOST_COLUMNS) : 0;
    for (int i = before; i < n && i < 4 * MOST_COLUMNS && !to->kernel; i++) {
        eg_shape s = eg_value_shape(variables[i]);
        if (s.rank == 2 && s.dim[0] == from->units && s.dim[1] == to->units)
            to->kernel = read_kernel(model, variables[i]);
    }
    eg_graph_free(graph);
    return n;
}

static void add_words(column *c, const char *text, size_t length) {
    size_t used = strlen(c->words);
    snprintf(c->words + used, sizeof c->words - used, "%s%.*s", used ? ", " : "", (int)(length < 90 ? length : 90),
             text);
}

/* The column of the text's first `end` bytes; 0 if they are no model. What changes each number by itself, as dropout
 * and activations do, stands with the units that it changes. */
static int add_column(chain *c, eg_model *model, const char *text, size_t at, size_t end, int *variables) {
    char *prefix = strndup(text, end);
    eg_model *part = prefix ? eg_model_parse(eg_model_input_shape(model), prefix) : NULL;
    int good = part && eg_model_status(part) == EG_OK && c->n < MOST_COLUMNS, before = *variables;
    if (good) {
        column *to = &c->column[c->n], *from = to - 1;
        to->shape = eg_model_output_shape(part);
        to->units = to->shape.rank == 1 ? (int)to->shape.dim[0] : 0;
        *variables = find_kernel(model, part, before, from, to);
        int same = *variables == before && to->units && to->units == from->units && c->n > 1;
        while (text[at] == ' ') at++;
        add_words(same ? from : to, text + at, end - at);
        c->n += !same;
    }
    eg_model_free(part);
    free(prefix);
    return good;
}

static int read_chain(chain *c, eg_model *model) {
    char *text = eg_model_text(model);
    int variables = 0, good = text != NULL && *text;
    eg_shape in = eg_model_input_shape(model);
    c->column[0] = (column){ .words = "input", .shape = in, .units = in.rank == 1 ? (int)in.dim[0] : 0 };
    c->n = 1;
    for (size_t at = 0; good && text[at];) {
        size_t end = at + strcspn(text + at, ";");
        good = add_column(c, model, text, at, end, &variables);
        at = end + (text[end] == ';');
    }
    eg_string_free(text);
    for (int i = 1; i < c->n; i++)
        for (int k = 0; c->column[i].kernel && k < c->column[i].units * c->column[i - 1].units; k++)
            c->largest = fmax(c->largest, fabs(c->column[i].kernel[k]));
    return good;
}

/* ---- drawing --------------------------------------------------------------------------------------------- */

static int shown(const column *col) { return col->units < MOST_UNITS ? col->units : MOST_UNITS; }

/* Of many units the first and the last are shown, with a gap between. */
static int unit_of(const column *col, int place) {
    return col->units > MOST_UNITS && place >= MOST_UNITS / 2 ? col->units - MOST_UNITS + place : place;
}

static double place_y(const column *col, int place, double middle) {
    int gap = col->units > MOST_UNITS;
    return middle + (place + (gap && place >= MOST_UNITS / 2) - (shown(col) + gap - 1) / 2.) * STEP;
}

static double column_x(int i) { return MARGIN + WIDE * (i + .5); }

static void draw_links(picture *p, const chain *c, int i, double middle) {
    const column *from = &c->column[i - 1], *to = &c->column[i];
    double x1 = column_x(i - 1) + RADIUS, x2 = column_x(i) - RADIUS;
    for (int a = 0; a < shown(from); a++)
        for (int b = 0; b < shown(to); b++) {
            double w = to->kernel ? to->kernel[unit_of(from, a) * to->units + unit_of(to, b)] : 0;
            double size = c->largest > 0 ? fabs(w) / c->largest : 0;
            picture_line(p, x1, place_y(from, a, middle), x2, place_y(to, b, middle),
                         PEN(.stroke = w < 0 ? PICTURE_BLUE : PICTURE_RED, .width = .3 + 3 * size,
                             .opacity = .25 + .7 * size));
        }
}

static void draw_units(picture *p, const column *col, double x, double middle) {
    for (int k = 0; k < shown(col); k++)
        picture_circle(p, x, place_y(col, k, middle), RADIUS,
                       PEN(.fill = "#ffffff", .stroke = PICTURE_INK, .width = 1.5));
    for (int k = -1; col->units > MOST_UNITS && k <= 1; k++)
        picture_circle(p, x, middle + 7 * k, 1.8, PEN(.fill = PICTURE_INK));
}

static void draw_box(picture *p, const chain *c, int i, double middle) {
    char shape[160];
    double x = column_x(i), half = 58;
    if (i > 0)
        picture_arrow(p, column_x(i - 1) + (c->column[i - 1].units ? RADIUS + 4 : half), middle, x - half, middle,
                      PEN(.stroke = PICTURE_GREY, .width = 1.5));
    picture_rect(p, x - half, middle - 26, 2 * half, 52, 6,
                 PEN(.fill = "#f2f5f8", .stroke = PICTURE_INK, .width = 1.2));
    picture_text(p, x, middle + 5, FONT(.anchor = PICTURE_MIDDLE), "%s",
                 eg_shape_text(c->column[i].shape, shape, sizeof shape));
}

/* Words wrapped under each other, at most three lines of a column's width. */
static void draw_words(picture *p, const char *words, double x, double y) {
    char line[100] = "";
    int lines = 0;
    for (const char *at = words; *at && lines < 3;) {
        size_t length = strcspn(at, " "), used = strlen(line);
        char longer[210];
        snprintf(longer, sizeof longer, "%s%s%.*s", line, used ? " " : "", (int)length, at);
        if (used && picture_text_width(longer, 11) > WIDE - 14) {
            picture_text(p, x, y + 14 * lines++, FONT(.size = 11, .anchor = PICTURE_MIDDLE), "%s", line);
            line[0] = 0;
            continue;
        }
        snprintf(line, sizeof line, "%.99s", longer);
        at += length + (at[length] == ' ');
    }
    if (*line && lines < 3)
        picture_text(p, x, y + 14 * lines, FONT(.size = 11, .anchor = PICTURE_MIDDLE), "%s", line);
}

static double height_of(const chain *c) {
    int most = 3;
    for (int i = 0; i < c->n; i++) {
        int rows = shown(&c->column[i]) + (c->column[i].units > MOST_UNITS);
        most = rows > most ? rows : most;
    }
    return most * STEP;
}

static void draw_legend(picture *p, const chain *c, double y) {
    const plot_entry entries[] = { { "weight above 0", PEN(.stroke = PICTURE_RED, .width = 2.5), 0 },
                                   { "below 0", PEN(.stroke = PICTURE_BLUE, .width = 2.5), 0 } };
    plot_legend(p, MARGIN, y, &entries[0], 1);
    plot_legend(p, MARGIN + 150, y, &entries[1], 1);
    picture_text(p, MARGIN + 250, y + 13, FONT(.size = 12), "thickest: %.3g", c->largest);
}

static void draw_chain(picture *p, const chain *c) {
    double high = height_of(c), middle = HEAD + high / 2;
    int linked = 0;
    for (int i = 1; i < c->n; i++) {
        const column *from = &c->column[i - 1], *to = &c->column[i];
        if (to->kernel) draw_links(p, c, i, middle);
        if (to->units && !to->kernel)
            picture_arrow(p, column_x(i - 1) + (from->units ? RADIUS + 4 : 58), middle, column_x(i) - RADIUS - 6,
                          middle, PEN(.stroke = PICTURE_GREY, .width = 1.5));
        linked |= to->kernel != NULL;
    }
    for (int i = 0; i < c->n; i++) {
        const column *col = &c->column[i];
        draw_words(p, col->words, column_x(i), 22);
        if (!col->units) draw_box(p, c, i, middle);
        if (!col->units) continue;
        draw_units(p, col, column_x(i), middle);
        picture_text(p, column_x(i), HEAD + high + 14, FONT(.size = 11, .anchor = PICTURE_MIDDLE), "%d %s",
                     col->units,
                     c->column[i].kernel ? col->units == 1 ? "unit" : "units"
                     : col->units == 1   ? "number"
                                         : "numbers");
    }
    if (linked) draw_legend(p, c, HEAD + high + 24);
}

int plot_model(const char *path, eg_model *model) {
    chain *c = calloc(1, sizeof *c);
    int code = c ? CLI_GO_ON : cli_no_memory();
    if (code < 0 && !read_chain(c, model))
        code = cli_error(CLI_BAD_DATA, "--svg: only a chain of at most %d layers can be drawn", MOST_COLUMNS - 1);
    if (code < 0) {
        picture p;
        picture_open(&p, fmax(c->n * WIDE, 420) + 2 * MARGIN, HEAD + height_of(c) + FOOT,
                     "a model as circles and links");
        draw_chain(&p, c);
        code = picture_save(&p, path);
    }
    for (int i = 0; c && i < MOST_COLUMNS; i++) free(c->column[i].kernel);
    free(c);
    return code;
}
