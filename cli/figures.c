/* SPDX-License-Identifier: MIT
 *
 * figures.c: figures of the course. The numbers come from the library: graphs on the float64 executor, models that
 * are trained, fitted preprocessing.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "figures.h"

enum { MARGIN = 10 };

/* ---- what they share ------------------------------------------------------------------------------------- */

eg_status figure_noise(const char *name, double *out, int64_t n) {
    return eg_init_fill(EG_INIT(NORMAL, .a = 1), EG_KERAS, EG_SHAPE(n), 1, name, out);
}

/* Runs roots in float64 with at most two inputs; out[i] gets n_out numbers of root i. */
static eg_status run(eg_value *const *roots, int n, const double *x, const double *w, double *const *out,
                     int64_t n_out, int64_t n_x, int64_t n_w) {
    eg_state *state = eg_state_new(0);
    eg_program *program = state ? eg_program_new(state, roots, n, .executor = EG_REF) : NULL;
    eg_status status = program ? eg_set(program, "x", x, sizeof *x * (size_t)n_x) : eg_error_status();
    if (status == EG_OK && w) status = eg_set(program, "w", w, sizeof *w * (size_t)n_w);
    if (status == EG_OK) status = eg_run(program);
    for (int i = 0; status == EG_OK && i < n; i++) status = eg_fetch(program, i, out[i], n_out);
    eg_program_free(program);
    eg_state_free(state);
    return status;
}

/* ---- activations ----------------------------------------------------------------------------------------- */

enum { CURVE = 241 };

/* Softmax needs company: the share of x beside two zeros. */
static eg_value *activation_of(eg_value *x, eg_activation_kind kind) {
    if (kind != EG_SOFTMAX) return eg_activate(x, kind, 0);
    eg_value *column = eg_reshape_to(x, EG_SHAPE(CURVE, 1));
    eg_value *zero = eg_mul(column, eg_const(eg_value_graph(x), 0)), *three[] = { column, zero, zero };
    return eg_reshape_to(eg_slice(eg_softmax(eg_concat(three, 3, 1), 1), 1, 0, 1), EG_SHAPE(CURVE));
}

static eg_status activation_curve(eg_activation_kind kind, const double *x, double *value, double *slope) {
    eg_graph *graph = eg_graph_new();
    if (!graph) return EG_E_MEMORY;
    eg_value *in = eg_input(graph, "x", EG_F64, EG_SHAPE(CURVE)), *roots[2] = { activation_of(in, kind) };
    double *const out[] = { value, slope };
    eg_status status = eg_grad(eg_sum(roots[0]), &in, 1, &roots[1]);
    if (status == EG_OK) status = run(roots, 2, x, NULL, out, CURVE, CURVE, 0);
    eg_graph_free(graph);
    return status;
}

static const char *const formulas[] = {
#define FORMULA(NAME, name, formula) formula,
    EG_ACTIVATION_LIST(FORMULA)
#undef FORMULA
};

/* A jump is no line. */
static void break_at_jumps(double *y) {
    for (int i = 0; i + 1 < CURVE; i++)
        if (fabs(y[i + 1] - y[i]) > .4) y[i] = NAN;
}

eg_status figure_activations(picture *p) {
    enum { ACROSS = 4, WIDE = 250, HIGH = 215, HEAD = 34 };
    const int rows = (EG_ACTIVATION_KINDS + ACROSS - 1) / ACROSS;
    const plot_entry entries[] = { { "value", PEN(.stroke = PICTURE_BLUE, .width = 2.5), 0 },
                                   { "derivative", PEN(.stroke = PICTURE_RED, .width = 2, .dash = "5 3"), 0 } };
    double x[CURVE], value[CURVE], slope[CURVE];
    char label[80];
    eg_status status = EG_OK;
    for (int i = 0; i < CURVE; i++) x[i] = -4 + 8. * i / (CURVE - 1);
    picture_open(p, ACROSS * WIDE + 2 * MARGIN, HEAD + rows * HIGH + MARGIN, "activation functions");
    plot_legend(p, MARGIN + 4, 8, &entries[0], 1);
    plot_legend(p, MARGIN + 110, 8, &entries[1], 1);
    for (int k = 0; status == EG_OK && k < EG_ACTIVATION_KINDS; k++) {
        status = activation_curve((eg_activation_kind)k, x, value, slope);
        break_at_jumps(value);
        break_at_jumps(slope);
        snprintf(label, sizeof label, "%s%s", formulas[k], k == EG_SOFTMAX ? " of (x, 0, 0)" : "");
        plot c = plot_begin(p, (plot_opt){ .left = MARGIN + k % ACROSS * WIDE,
                                           .top = HEAD + k / ACROSS * HIGH,
                                           .width = WIDE - 8,
                                           .height = HIGH - 6,
                                           .x = { -4, 4, 0 },
                                           .y = { -1.3, 2.3, 0 },
                                           .title = eg_activation_name((eg_activation_kind)k),
                                           .x_label = label });
        plot_curve(&c, x, value, CURVE, entries[0].pen);
        plot_curve(&c, x, slope, CURVE, entries[1].pen);
    }
    return status;
}

/* ---- linear regression on two features ------------------------------------------------------------------- */

typedef struct recorder {
    double *path;
    int n, most;
} recorder;

static eg_status record(void *user, const eg_progress_info *info) {
    recorder *r = user;
    if (r->n == r->most) return EG_OK;
    return eg_model_get_flat(info->model, r->path + 2 * r->n++, 2);
}

static eg_data *line_data(const figure_line *line) {
    float *numbers = malloc(sizeof *numbers * 3 * (size_t)line->n), *y = numbers + 2 * line->n;
    if (!numbers) return NULL;
    for (int i = 0; i < line->n; i++) {
        for (int k = 0; k < 2; k++) numbers[2 * i + k] = (float)line->x[2 * i + k];
        y[i] = (float)line->y[i];
    }
    eg_tensor *x = eg_tensor_from(EG_F32, EG_SHAPE(line->n, 2), numbers),
              *t = eg_tensor_from(EG_F32, EG_SHAPE(line->n), y);
    eg_data *data = x && t ? eg_data_from(x, t, 0) : NULL;
    eg_tensor_free(x);
    eg_tensor_free(t);
    free(numbers);
    return data;
}

eg_status figure_walk(const figure_line *line, const double start[2], int64_t batch, double lr, int epochs,
                      double *path, int *steps) {
    eg_data *data = line_data(line);
    eg_model *model = eg_sequential(EG_SHAPE(2), eg_dense(1, .no_bias = 1));
    recorder r = { path, 1, *steps };
    eg_callback recording = { .user = &r, .batch_end = record };
    eg_status status = data && model ? eg_data_status(data) : EG_E_MEMORY;
    memcpy(path, start, 2 * sizeof *path);
    if (status == EG_OK)
        status = eg_model_compile(model, .optimizer = eg_sgd(.lr = lr), .loss = EG_LOSS_MEAN_SQUARED_ERROR, .seed = 1,
                                  .scaling = EG_SCALING_NONE);
    if (status == EG_OK) status = eg_model_set_flat(model, start, 2);
    if (status == EG_OK)
        status =
            eg_model_fit(model, data, .epochs = epochs, .batch = batch, .callbacks = &recording, .n_callbacks = 1);
    *steps = r.n;
    eg_model_free(model);
    eg_data_free(data);
    return status;
}

/* The mean squared error at every cell, by its five moments. */
static void error_plane(const plot *c, const figure_line *line, double *z) {
    double a[3] = { 0 }, b[2] = { 0 }, yy = 0, *w = z + PLOT_CELLS, *v = w + PLOT_CELLS;
    for (int i = 0; i < line->n; i++) {
        const double *x = line->x + 2 * i, y = line->y[i];
        a[0] += x[0] * x[0] / line->n, a[1] += x[0] * x[1] / line->n, a[2] += x[1] * x[1] / line->n;
        b[0] += x[0] * y / line->n, b[1] += x[1] * y / line->n, yy += y * y / line->n;
    }
    plot_cells(c, w, v);
    for (int i = 0; i < PLOT_CELLS; i++)
        z[i] =
            a[0] * w[i] * w[i] + 2 * a[1] * w[i] * v[i] + a[2] * v[i] * v[i] - 2 * (b[0] * w[i] + b[1] * v[i]) + yy;
}

eg_status figure_draw_walk(const plot *c, const figure_line *line, const double *path, int points,
                           const char *colour) {
    enum { LEVELS = 14 };
    double *z = malloc(sizeof *z * 3 * PLOT_CELLS), levels[LEVELS], *x = malloc(sizeof *x * 2 * (size_t)points);
    plot_range r = PLOT_NOTHING;
    if (z && x) {
        error_plane(c, line, z);
        plot_include(&r, z, PLOT_CELLS, 1);
        for (int i = 0; i < LEVELS; i++) levels[i] = r.low + (r.high - r.low) * pow((i + .5) / LEVELS, 2.5);
        plot_contours(c, z, levels, LEVELS, PEN(.stroke = "#b5c4d0", .width = .8));
        for (int i = 0; i < points; i++) {
            x[i] = path[2 * i];
            x[points + i] = path[2 * i + 1];
        }
        plot_curve(c, x, x + points, points, PEN(.stroke = colour, .width = 1.3));
        plot_points(c, x, x + points, points < 60 ? points : 1, 2.2, PEN(.fill = colour));
        plot_points(c, x, x + points, 1, 4.5, PEN(.fill = "#ffffff", .stroke = PICTURE_INK, .width = 1.5));
        plot_points(c, x + points - 1, x + 2 * points - 1, 1, 4.5, PEN(.fill = colour, .stroke = "#ffffff"));
    }
    free(x);
    free(z);
    return z && x ? EG_OK : EG_E_MEMORY;
}

/* ---- batch, mini-batch, single example ------------------------------------------------------------------- */

eg_status figure_descent(picture *p) {
    enum { N = 64, EPOCHS = 20, WIDE = 350, HIGH = 330 };
    static const struct {
        int64_t batch;
        const char *title, *colour;
    } ways[] = { { EG_BATCH_ALL, "all 64 examples a step", PICTURE_BLUE },
                 { 8, "8 examples a step", PICTURE_GREEN },
                 { 1, "one example a step", PICTURE_RED } };
    double noise[2 * N], x[N][2], y[N], path[2 * (1 + N * EPOCHS)];
    const double start[2] = { -1, 2.6 };
    eg_status status = figure_noise("line", noise, 2 * N);
    for (int i = 0; i < N; i++) { /* y = 1.5 x + .5 and noise; the second feature is the bias's 1 */
        x[i][0] = noise[i] + .6;
        x[i][1] = 1;
        y[i] = 1.5 * x[i][0] + .5 + .6 * noise[N + i];
    }
    const figure_line line = { N, &x[0][0], y };
    picture_open(p, 3 * WIDE + 2 * MARGIN, HIGH + 2 * MARGIN, "batch, mini-batch and single-example descent");
    for (int i = 0; status == EG_OK && i < 3; i++) {
        int points = 1 + N * EPOCHS;
        char title[80];
        status = figure_walk(&line, start, ways[i].batch, .06, EPOCHS, path, &points);
        if (status != EG_OK) break;
        snprintf(title, sizeof title, "%s: %d steps", ways[i].title, points - 1);
        plot c = plot_begin(p, (plot_opt){ .left = MARGIN + i * WIDE,
                                           .top = MARGIN,
                                           .width = WIDE - 8,
                                           .height = HIGH,
                                           .x = { -1.4, 2.4, 0 },
                                           .y = { -1, 3, 0 },
                                           .title = title,
                                           .x_label = "weight",
                                           .y_label = "bias" });
        status = figure_draw_walk(&c, &line, path, points, ways[i].colour);
    }
    return status;
}

/* ---- preprocessing --------------------------------------------------------------------------------------- */

/* Points keep the colour of their quarter of the raw cloud. */
static void draw_cloud(picture *p, const float *at, int n, const int *quarter, int place, const char *title) {
    enum { WIDE = 215, HIGH = 235 };
    plot c = plot_begin(p, (plot_opt){ .left = MARGIN + place * WIDE,
                                       .top = MARGIN,
                                       .width = WIDE - 4,
                                       .height = HIGH,
                                       .x = { -6, 9, 0 },
                                       .y = { -6, 9, 0 },
                                       .title = title });
    picture_line(p, plot_x(&c, 0), c.top, plot_x(&c, 0), c.top + c.height, PEN(.stroke = PICTURE_GREY));
    picture_line(p, c.left, plot_y(&c, 0), c.left + c.width, plot_y(&c, 0), PEN(.stroke = PICTURE_GREY));
    for (int i = 0; i < n; i++) {
        double x = (double)at[2 * i], y = (double)at[2 * i + 1];
        picture_circle(p, plot_x(&c, x), plot_y(&c, y), 2, PEN(.fill = picture_colour(quarter[i]), .opacity = .7));
    }
}

eg_status figure_preprocessing(picture *p) {
    enum { N = 240, KINDS = 5 };
    static const eg_scaling kinds[KINDS] = { EG_SCALING_NONE, EG_SCALING_STANDARDISE, EG_SCALING_PCA,
                                             EG_SCALING_WHITEN, EG_SCALING_ZCA };
    static const char *const titles[KINDS] = { "raw", "standardised", "turned by PCA", "whitened (PCA)",
                                               "whitened (ZCA)" };
    double noise[2 * N];
    float x[2 * N];
    int quarter[N];
    eg_status status = figure_noise("cloud", noise, 2 * N);
    for (int i = 0; i < N; i++) { /* a long cloud off the middle */
        double u = noise[2 * i], v = noise[2 * i + 1];
        x[2 * i] = (float)(4 + 1.5 * u);
        x[2 * i + 1] = (float)(3 + 1.1 * u + .5 * v);
        quarter[i] = (u > 0) + 2 * (v > 0);
    }
    eg_tensor *raw = eg_tensor_from(EG_F32, EG_SHAPE(N, 2), x);
    eg_data *data = raw ? eg_data_from(raw, NULL, 0) : NULL;
    if (!data) status = EG_E_MEMORY;
    picture_open(p, KINDS * 215 + 2 * MARGIN, 235 + 2 * MARGIN, "one cloud of points, preprocessed");
    for (int k = 0; status == EG_OK && k < KINDS; k++) {
        eg_preprocess *fitted = eg_preprocess_fit(kinds[k], data);
        eg_tensor *out = fitted ? eg_preprocess_apply(fitted, raw) : NULL;
        if (out) draw_cloud(p, eg_tensor_data(out), N, quarter, k, titles[k]);
        if (!out) status = eg_error_status();
        eg_tensor_free(out);
        eg_preprocess_free(fitted);
    }
    eg_data_free(data);
    eg_tensor_free(raw);
    return status;
}

/* ---- the 0-1 loss and the log loss ----------------------------------------------------------------------- */

enum { EXAMPLES = 40 };

/* Both losses of the classifier sign(w . x) for every w of the plane; margins are y (w . x), y = +-1. */
static eg_status loss_planes(const plot *c, const double *signed_x, double *wrong, double *log_loss) {
    double *cells = malloc(sizeof *cells * 4 * PLOT_CELLS), *w = cells + 2 * PLOT_CELLS;
    eg_graph *graph = eg_graph_new();
    eg_status status = cells && graph ? EG_OK : EG_E_MEMORY;
    if (status == EG_OK) {
        plot_cells(c, cells, cells + PLOT_CELLS);
        for (int i = 0; i < 2 * PLOT_CELLS; i++) w[i] = cells[i / 2 + i % 2 * PLOT_CELLS];
        eg_value *x = eg_input(graph, "x", EG_F64, EG_SHAPE(EXAMPLES, 2)),
                 *plane = eg_input(graph, "w", EG_F64, EG_SHAPE(PLOT_CELLS, 2));
        eg_value *against = eg_neg(eg_matmul(plane, eg_transpose(x)));
        eg_value *roots[] = { eg_mean(eg_step(against), .axes = EG_AXES(1)),
                              eg_mean(eg_softplus(against), .axes = EG_AXES(1)) };
        double *const out[] = { wrong, log_loss };
        status = run(roots, 2, signed_x, w, out, PLOT_CELLS, 2 * EXAMPLES, 2 * PLOT_CELLS);
    }
    eg_graph_free(graph);
    free(cells);
    return status;
}

static void draw_loss(const plot *c, const double *z, const char *colour, int lines) {
    enum { LEVELS = 12 };
    double *share = malloc(sizeof *share * PLOT_CELLS), levels[LEVELS];
    plot_range r = PLOT_NOTHING;
    plot_include(&r, z, PLOT_CELLS, 1);
    for (int i = 0; share && i < PLOT_CELLS; i++) share[i] = .75 * (z[i] - r.low) / (r.high - r.low);
    if (share) plot_shade(c, share, colour, lines);
    for (int i = 0; i < LEVELS; i++) levels[i] = r.low + (r.high - r.low) * pow((i + .3) / LEVELS, 2);
    if (lines) plot_contours(c, z, levels, LEVELS, PEN(.stroke = "#555555", .width = .7));
    if (!share) c->picture->no_memory = 1;
    free(share);
}

static void draw_examples(picture *p, const double *signed_x, const int *class, double left, double size) {
    plot c = plot_begin(p, (plot_opt){ .left = left,
                                       .top = MARGIN,
                                       .width = size,
                                       .height = size,
                                       .x = { -3, 3, 0 },
                                       .y = { -3, 3, 0 },
                                       .title = "the examples",
                                       .x_label = "x1",
                                       .y_label = "x2" });
    for (int i = 0; i < EXAMPLES; i++) {
        double x = signed_x[2 * i] * (class[i] ? 1 : -1), y = signed_x[2 * i + 1] * (class[i] ? 1 : -1);
        picture_circle(p, plot_x(&c, x), plot_y(&c, y), 4,
                       PEN(.fill = picture_colour(class[i]), .stroke = "#ffffff"));
    }
}

/* The least value's place. */
static void mark_least(const plot *c, const double *z) {
    int least = 0;
    for (int i = 1; i < PLOT_CELLS; i++)
        if (z[i] < z[least]) least = i;
    double x = c->left + c->width * (least % PLOT_COLUMNS + .5) / PLOT_COLUMNS;
    double y = c->top + c->height * (1 - ((double)(least / PLOT_COLUMNS) + .5) / PLOT_ROWS);
    picture_circle(c->picture, x, y, 5, PEN(.fill = "#ffffff", .stroke = PICTURE_INK, .width = 2));
    picture_text(c->picture, x + 9, y + 5, FONT(.bold = 1), "least");
}

eg_status figure_losses(picture *p) {
    enum { SIZE = 340 };
    double x[2 * EXAMPLES], *z = malloc(sizeof *z * 2 * PLOT_CELLS);
    int class[EXAMPLES];
    eg_status status = z ? figure_noise("examples", x, 2 * EXAMPLES) : EG_E_MEMORY;
    for (int i = 0; i < EXAMPLES; i++) { /* times the label: both clouds lie on the same side */
        class[i] = i % 2;
        x[2 * i] += 1;
        x[2 * i + 1] += .6;
    }
    picture_open(p, 3 * SIZE + 2 * MARGIN + 20, SIZE + 2 * MARGIN, "the 0-1 loss and the log loss over two weights");
    draw_examples(p, x, class, MARGIN, SIZE);
    for (int k = 0; status == EG_OK && k < 2; k++) {
        plot c = plot_begin(
            p, (plot_opt){ .left = MARGIN + (k + 1) * (SIZE + 10),
                           .top = MARGIN,
                           .width = SIZE,
                           .height = SIZE,
                           .x = { -4, 8, 0 },
                           .y = { -6, 6, 0 },
                           .title = k ? "log loss: smooth, downhill everywhere" : "0-1 loss: flat steps, no gradient",
                           .x_label = k ? "w1 (darker: a larger loss)" : "w1 (darker: more mistakes)",
                           .y_label = "w2" });
        status = loss_planes(&c, x, z, z + PLOT_CELLS);
        if (status == EG_OK) draw_loss(&c, z + k * PLOT_CELLS, k ? PICTURE_BLUE : PICTURE_RED, k);
        if (status == EG_OK && k) mark_least(&c, z + PLOT_CELLS);
    }
    free(z);
    return status;
}

/* ---- zig-zag --------------------------------------------------------------------------------------------- */

/* A step changes both weights by the same factor times an input: where inputs are positive, both up or both down. */
static void draw_quadrants(picture *p, int centred, double left, double top, double size) {
    plot c = plot_begin(p, (plot_opt){ .left = left,
                                       .top = top,
                                       .width = size,
                                       .height = size,
                                       .x = { -1, 1, 0 },
                                       .y = { -1, 1, 0 },
                                       .title = centred ? "a step leads anywhere" : "a step leads into these",
                                       .x_label = "change of w1",
                                       .y_label = "change of w2" });
    const char *fill = centred ? "#cfe9df" : "#f6d9c6";
    double x = plot_x(&c, 0), y = plot_y(&c, 0);
    for (int quadrant = 0; quadrant < 4; quadrant++) {
        int right = quadrant % 2, up = quadrant / 2;
        if (!centred && right != up) continue;
        picture_rect(p, right ? x : c.left, up ? c.top : y, c.width / 2, c.height / 2, 0, PEN(.fill = fill));
    }
    picture_line(p, x, c.top, x, c.top + c.height, PEN(.stroke = PICTURE_GREY));
    picture_line(p, c.left, y, c.left + c.width, y, PEN(.stroke = PICTURE_GREY));
    picture_arrow(p, x, y, plot_x(&c, .7), plot_y(&c, -.7), PEN(.stroke = PICTURE_INK, .width = 2));
    picture_text(p, plot_x(&c, .5), plot_y(&c, -.9), FONT(.anchor = PICTURE_MIDDLE), "the way down");
}

static eg_status draw_zigzag(picture *p, int centred, double left, double top, double size) {
    enum { N = 60, EPOCHS = 4 };
    double noise[2 * N], x[N][2], y[N], path[2 * (1 + N * EPOCHS)];
    const double start[2] = { -1, 1 };
    int points = 1 + N * EPOCHS;
    eg_status status = figure_noise("units", noise, 2 * N);
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 2; k++) {
            double z = 1.5 * noise[2 * i + k];
            x[i][k] = centred ? tanh(z) : 1 / (1 + exp(-z));
        }
        y[i] = x[i][0] - x[i][1];
    }
    const figure_line line = { N, &x[0][0], y };
    if (status == EG_OK) status = figure_walk(&line, start, 1, centred ? .1 : .4, EPOCHS, path, &points);
    if (status != EG_OK) return status;
    plot c = plot_begin(p, (plot_opt){ .left = left,
                                       .top = top,
                                       .width = size,
                                       .height = size,
                                       .x = { -1.6, 1.6, 0 },
                                       .y = { -1.6, 1.6, 0 },
                                       .title = centred ? "inputs from tanh units, around 0"
                                                        : "inputs from sigmoid units, all above 0",
                                       .x_label = "w1",
                                       .y_label = "w2" });
    return figure_draw_walk(&c, &line, path, points, centred ? PICTURE_GREEN : PICTURE_RED);
}

eg_status figure_zigzag(picture *p) {
    enum { SIZE = 330, SMALL = 250 };
    eg_status status = EG_OK;
    picture_open(p, 2 * (SIZE + SMALL) + 30 + 2 * MARGIN, SIZE + 2 * MARGIN,
                 "the zig-zag of units that are not centred");
    for (int centred = 0; status == EG_OK && centred < 2; centred++) {
        double left = MARGIN + centred * (SIZE + SMALL + 20);
        draw_quadrants(p, centred, left, MARGIN + (SIZE - SMALL) / 2., SMALL);
        status = draw_zigzag(p, centred, left + SMALL + 5, MARGIN, SIZE);
    }
    return status;
}
