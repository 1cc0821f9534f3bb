/* SPDX-License-Identifier: MIT
 *
 * plot_training.c: learning curves, decision boundaries, and which pictures a training gets.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli.h"
#include "plot_training.h"

/* ---- curves ---------------------------------------------------------------------------------------------- */

enum { CHART = 400, CHART_HIGH = 300, MARGIN = 10 };

typedef struct score {
    const char *name;
    size_t offset; /* in eg_scores */
} score;
static const score all_scores[] = {
    { "loss", offsetof(eg_scores, loss) },   { "accuracy", offsetof(eg_scores, accuracy) },
    { "top_k", offsetof(eg_scores, top_k) }, { "mse", offsetof(eg_scores, mse) },
    { "mae", offsetof(eg_scores, mae) },     { "r2", offsetof(eg_scores, r2) }
};
enum { SCORES = sizeof all_scores / sizeof *all_scores };

/* One score of every epoch, out[epochs]; how many are numbers. */
static int course_of(const eg_scores *scores, int epochs, size_t offset, double *out) {
    int numbers = 0;
    for (int i = 0; i < epochs; i++) {
        memcpy(&out[i], (const char *)&scores[i] + offset, sizeof *out);
        numbers += isfinite(out[i]);
    }
    return numbers;
}

static void draw_course(const plot *c, const double *y, int n, const char *colour) {
    plot_curve(c, NULL, y, n, PEN(.stroke = colour, .width = 2));
    if (n <= 40) plot_points(c, NULL, y, n, 2.5, PEN(.fill = colour));
}

/* A loss that falls over orders of magnitude is seen on a logarithmic axis. */
static plot_range range_of(const double *train, const double *validation, int n, int is_loss) {
    plot_range r = PLOT_NOTHING;
    plot_include(&r, train, n, 1);
    if (validation) plot_include(&r, validation, n, 1);
    r.log = is_loss && r.low > 0 && r.high / r.low > 20;
    return plot_padded(r);
}

static void draw_score(picture *p, const eg_history *h, const score *s, double *courses, double left) {
    int n = h->epochs;
    double *train = courses, *validation = h->validation ? courses + n : NULL;
    course_of(h->train, n, s->offset, train);
    if (validation) course_of(h->validation, n, s->offset, validation);
    plot c = plot_begin(p, (plot_opt){ .left = left,
                                       .top = MARGIN,
                                       .width = CHART,
                                       .height = CHART_HIGH,
                                       .x = { n > 1 ? 1 : 0, n > 1 ? n : 2, 0 },
                                       .y = range_of(train, validation, n, s->offset == 0),
                                       .title = s->name,
                                       .x_label = "epoch" });
    draw_course(&c, train, n, PICTURE_BLUE);
    if (validation) draw_course(&c, validation, n, PICTURE_RED);
}

static int draw_curves(const char *path, const eg_history *h) {
    const plot_entry entries[] = { { "training", PEN(.stroke = PICTURE_BLUE, .width = 2), 0 },
                                   { "validation", PEN(.stroke = PICTURE_RED, .width = 2), 0 } };
    int shown[SCORES], charts = 0;
    double *courses = malloc(sizeof *courses * 2 * (size_t)h->epochs);
    if (!courses) return cli_no_memory();
    for (int i = 0; i < SCORES; i++)
        if (course_of(h->train, h->epochs, all_scores[i].offset, courses)) shown[charts++] = i;
    picture p;
    picture_open(&p, charts * CHART + 110 + 2 * MARGIN, CHART_HIGH + 2 * MARGIN, "scores by epoch");
    for (int i = 0; i < charts; i++) draw_score(&p, h, &all_scores[shown[i]], courses, MARGIN + i * CHART);
    plot_legend(&p, MARGIN + charts * CHART, 34, entries, h->validation ? 2 : 1);
    free(courses);
    return picture_save(&p, path);
}

/* ---- learning rates -------------------------------------------------------------------------------------- */

/* The trials' losses over their rates; those that ran away are on the upper edge. */
static void draw_rates(picture *p, const eg_rate_search *found) {
    double lr[EG_RATE_TRIALS], loss[EG_RATE_TRIALS], diverged[EG_RATE_TRIALS], picked[EG_RATE_TRIALS];
    plot_range r = PLOT_NOTHING;
    for (int i = 0; i < found->n; i++) {
        const eg_rate_trial *t = &found->trial[i];
        lr[i] = t->lr;
        loss[i] = t->diverged ? NAN : t->loss;
        picked[i] = t->lr == found->lr ? t->loss : NAN;
    }
    plot_include(&r, loss, found->n, 1);
    r.log = r.low > 0 && r.high / r.low > 20;
    r = plot_padded(r);
    for (int i = 0; i < found->n; i++) diverged[i] = found->trial[i].diverged ? r.high : NAN;
    plot c = plot_begin(p, (plot_opt){ .left = MARGIN,
                                       .top = MARGIN,
                                       .width = CHART,
                                       .height = CHART_HIGH,
                                       .x = { lr[found->n - 1] / 2, lr[0] * 2, 1 },
                                       .y = r,
                                       .title = "loss after the trial",
                                       .x_label = "learning rate" });
    plot_curve(&c, lr, loss, found->n, PEN(.stroke = PICTURE_BLUE, .width = 2));
    plot_points(&c, lr, loss, found->n, 3.5, PEN(.fill = PICTURE_BLUE));
    plot_points(&c, lr, diverged, found->n, 4.5, PEN(.fill = PICTURE_RED));
    plot_points(&c, lr, picked, found->n, 7, PEN(.stroke = PICTURE_BLUE, .width = 2));
}

int plot_rates(const char *folder, const eg_rate_search *found, int quiet) {
    const plot_entry entries[] = { { "tried", PEN(.fill = PICTURE_BLUE), 3.5 },
                                   { "diverged", PEN(.fill = PICTURE_RED), 4.5 },
                                   { "picked", PEN(.stroke = PICTURE_BLUE, .width = 2), 7 } };
    char path[1024];
    picture p;
    snprintf(path, sizeof path, "%.1000s/rates.svg", folder);
    picture_open(&p, CHART + 110 + 2 * MARGIN, CHART_HIGH + 2 * MARGIN, "learning rates on trial");
    draw_rates(&p, found);
    plot_legend(&p, MARGIN + CHART, 34, entries, 3);
    int code = picture_save(&p, path);
    if (code < 0 && !quiet) cli_tell("pictures", "%s: rates.svg", folder);
    return code;
}

/* ---- boundaries ------------------------------------------------------------------------------------------ */

static int inputs_of(const eg_data *data) {
    eg_shape shape = eg_data_sample_shape(data);
    return shape.rank == 1 && shape.dim[0] <= 2 ? (int)shape.dim[0] : 0;
}

/* The model's outputs [n, k] for n rows of `width` numbers; NULL after a message. */
static float *predict(eg_model *model, const float *x, int n, int width, int64_t *k) {
    eg_tensor *in = eg_tensor_from(EG_F32, EG_SHAPE(n, width), x), *out = in ? eg_model_predict(model, in) : NULL;
    float *copy = NULL;
    if (out) {
        *k = eg_tensor_size(out) / n;
        copy = malloc(sizeof *copy * (size_t)eg_tensor_size(out));
        if (copy) memcpy(copy, eg_tensor_data(out), sizeof *copy * (size_t)eg_tensor_size(out));
    }
    eg_tensor_free(in);
    eg_tensor_free(out);
    if (!copy) cli_model_error(model);
    return copy;
}

/* The class and how sure it is, from 0 (as unsure as can be) to 1. */
static void decide(const float *out, int64_t k, int *class, double *sure) {
    double p = (double)out[0], uncertain = k > 1 ? 1 / (double)k : .5;
    *class = 0;
    for (int64_t j = 1; j < k; j++)
        if ((double)out[j] > p) p = (double)out[ *class = (int)j];
    if (k == 1) { /* a probability of class 1; or a margin, whose sign decides */
        *class = p > (p < 0 || p > 1 ? 0 : .5);
        p = p < 0 || p > 1 ? 1 : fmax(p, 1 - p);
    }
    *sure = fmin(fmax((p - uncertain) / (1 - uncertain), 0), 1);
}

static double feature(const eg_data *data, int64_t row, int column) {
    const eg_tensor *x = eg_data_x(data);
    return eg_tensor_get(x, (int64_t[]){ row, column });
}

static double target(const eg_data *data, int64_t row) {
    const eg_tensor *y = eg_data_y(data);
    return eg_tensor_get(y, (int64_t[]){ row, 0 });
}

/* Of one column, or of the targets for column -1, in both sets. */
static plot_range range_over(const eg_data *train, const eg_data *validation, int column) {
    const eg_data *sets[] = { train, validation };
    plot_range r = PLOT_NOTHING;
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; sets[k] && i < eg_data_rows(sets[k]); i++) {
            double v = column < 0 ? target(sets[k], i) : feature(sets[k], i, column);
            plot_include(&r, &v, 1, 1);
        }
    return plot_padded(r);
}

/* At most 600 points of a set, spread over its rows; those of validation are hollow. */
static void draw_points(const plot *c, const eg_data *data, int hollow) {
    enum { MOST = 600 };
    int64_t rows = data ? eg_data_rows(data) : 0, n = rows < MOST ? rows : MOST;
    int two = data && inputs_of(data) == 2, classes = data ? eg_data_classes(data) : 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = i * rows / n;
        double x = feature(data, row, 0), y = two ? feature(data, row, 1) : target(data, row);
        const char *colour = picture_colour(two && classes ? (int)target(data, row) : 0);
        pen dot = PEN(.fill = colour, .stroke = "#ffffff", .width = .7);
        if (hollow) dot = PEN(.fill = "#ffffff", .stroke = colour, .width = 1.5);
        if (x >= c->x.low && x <= c->x.high && y >= c->y.low && y <= c->y.high)
            picture_circle(c->picture, plot_x(c, x), plot_y(c, y), 3, dot);
    }
}

/* Regions of the classes, darker where the model is surer; or, for numbers, the height as a shade. */
static int draw_plane(const plot *c, eg_model *model, int classes) {
    double *xy = malloc(sizeof *xy * 3 * PLOT_CELLS), *sure = xy + 2 * PLOT_CELLS;
    float *in = malloc(sizeof *in * 2 * PLOT_CELLS), *out = NULL;
    int *class = malloc(sizeof *class * PLOT_CELLS);
    int64_t k = 0;
    int code = xy && in && class ? CLI_GO_ON : cli_no_memory();
    if (code < 0) {
        plot_cells(c, xy, xy + PLOT_CELLS);
        for (int i = 0; i < PLOT_CELLS; i++)
            for (int j = 0; j < 2; j++) in[2 * i + j] = (float)xy[j * PLOT_CELLS + i];
        out = predict(model, in, PLOT_CELLS, 2, &k);
        if (!out) code = cli_exit_code(eg_model_status(model));
    }
    for (int i = 0; code < 0 && i < PLOT_CELLS; i++) {
        decide(out + i * k, k, &class[i], &sure[i]);
        sure[i] = classes ? .1 + .35 * sure[i] : (double)out[i * k];
    }
    if (code < 0 && classes) plot_regions(c, class, sure);
    if (code < 0 && !classes) {
        plot_range r = PLOT_NOTHING;
        plot_include(&r, sure, PLOT_CELLS, 1);
        for (int i = 0; i < PLOT_CELLS; i++) sure[i] = (sure[i] - r.low) / (r.high - r.low) * .6;
        plot_shade(c, sure, PICTURE_RED, 1);
        double x = c->left + c->width + 20, y = c->top + 40;
        picture_text(c->picture, x, y, FONT(.size = 12), "white: %.3g", r.low);
        picture_text(c->picture, x, y + 18, FONT(.size = 12), "darkest: %.3g", r.high);
    }
    free(xy);
    free(in);
    free(out);
    free(class);
    return code;
}

/* The function of one input. */
static int draw_function(const plot *c, eg_model *model) {
    enum { N = 300 };
    float in[N], *out;
    double x[N], y[N];
    int64_t k = 0;
    for (int i = 0; i < N; i++) {
        x[i] = c->x.low + (c->x.high - c->x.low) * i / (N - 1);
        in[i] = (float)x[i];
    }
    out = predict(model, in, N, 1, &k);
    if (!out) return cli_exit_code(eg_model_status(model));
    for (int i = 0; i < N; i++) y[i] = (double)out[i * k + (k > 1)];
    plot_curve(c, x, y, N, PEN(.stroke = PICTURE_RED, .width = 2.5));
    free(out);
    return CLI_GO_ON;
}

static double draw_boundary_legend(picture *p, const eg_data *train, int validated, double left, int measure) {
    plot_entry entries[PICTURE_COLOURS + 3];
    int n = 0, classes = eg_data_classes(train), two = inputs_of(train) == 2;
    for (int i = 0; two && i < classes && i < PICTURE_COLOURS; i++)
        entries[n++] = (plot_entry){ eg_data_class_name(train, i), PEN(.fill = picture_colour(i)), 4 };
    if (!two) entries[n++] = (plot_entry){ "the model", PEN(.stroke = PICTURE_RED, .width = 2.5), 0 };
    if (!two || !classes) entries[n++] = (plot_entry){ "training", PEN(.fill = PICTURE_BLUE), 4 };
    if (validated)
        entries[n++] = (plot_entry){ "validation", PEN(.fill = "#ffffff", .stroke = PICTURE_GREY, .width = 1.5), 4 };
    return measure ? plot_legend_width(entries, n) : plot_legend(p, left, 34, entries, n);
}

int plot_boundary(const char *path, eg_model *model, const eg_data *train, const eg_data *validation, int *drawn) {
    int inputs = inputs_of(train), classes = eg_data_classes(train), two = inputs == 2;
    const char *const names[] = { eg_data_columns(train) > 0 ? eg_data_column_name(train, 0) : "x1",
                                  eg_data_columns(train) > 1 ? eg_data_column_name(train, 1)
                                  : two                      ? "x2"
                                                             : "y" };
    *drawn = inputs > 0;
    if (!inputs) return CLI_GO_ON;
    double legend = draw_boundary_legend(NULL, train, validation != NULL, 0, 1);
    picture p;
    picture_open(&p, 520 + legend + 2 * MARGIN, 430, two ? "the decision boundary" : "the learnt function");
    plot c = plot_begin(&p, (plot_opt){ .left = MARGIN,
                                        .top = MARGIN,
                                        .width = 510,
                                        .height = 410,
                                        .x = range_over(train, validation, 0),
                                        .y = range_over(train, validation, two ? 1 : -1),
                                        .title = !two      ? "the learnt function"
                                                 : classes ? "what the model says where"
                                                           : "the learnt surface",
                                        .x_label = names[0],
                                        .y_label = names[1] });
    int code = two ? draw_plane(&c, model, classes) : CLI_GO_ON;
    draw_points(&c, train, 0);
    draw_points(&c, validation, 1);
    if (code < 0 && !two) code = draw_function(&c, model);
    draw_boundary_legend(&p, train, validation != NULL, 520 + MARGIN, 0);
    if (code < 0) return picture_save(&p, path);
    picture_drop(&p);
    return code;
}

/* ---- all of them ----------------------------------------------------------------------------------------- */

int plot_folder(const char *folder) {
    struct stat st;
    if (mkdir(folder, 0777) == 0 || (errno == EEXIST && stat(folder, &st) == 0 && S_ISDIR(st.st_mode)))
        return CLI_GO_ON;
    int code = errno == EACCES || errno == EPERM ? CLI_PERMISSION : CLI_CANNOT_WRITE;
    return cli_error(code, "%s: cannot create the folder: %s", folder, strerror(errno));
}

int plot_training(const char *folder, eg_model *model, const eg_data *train, const eg_data *validation,
                  const char *loss, int quiet) {
    static const char *const names[] = { "curves", "boundary", "filters", "histograms" };
    char path[4][1024], told[128] = "";
    int drawn[4] = { eg_model_history(model)->epochs > 0, 0, 0, 0 };
    for (int i = 0; i < 4; i++) snprintf(path[i], sizeof path[i], "%.1000s/%s.svg", folder, names[i]);
    int code = drawn[0] ? draw_curves(path[0], eg_model_history(model)) : CLI_GO_ON;
    int sound = eg_model_status(model) == EG_OK; /* a model that diverged has its curves only */
    if (sound && code < 0) code = plot_boundary(path[1], model, train, validation, &drawn[1]);
    if (sound && code < 0) code = plot_filters(path[2], model, &drawn[2]);
    if (sound && code < 0) code = plot_histograms(path[3], model, train, loss, &drawn[3]);
    for (int i = 0; i < 4; i++)
        if (drawn[i]) snprintf(told + strlen(told), sizeof told - strlen(told), " %s.svg", names[i]);
    if (code < 0 && !quiet) cli_tell("pictures", "%s:%s", folder, told);
    return code;
}
