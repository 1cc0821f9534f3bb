/* SPDX-License-Identifier: MIT
 *
 * descent.c: the surfaces by name, and descents on them. A step of an optimizer is one program of the float64
 * executor: value, gradient and update in one graph.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "descent.h"
#include "surface.h"

/* ---- surfaces ------------------------------------------------------------------------------------------ */

static int near(const double *w, double x, double y, double radius) { return hypot(w[0] - x, w[1] - y) < radius; }
static int off_the_saddle(const double *w) { return fabs(fabs(w[1]) - sqrt(2)) < .05; }
static int end_of_rosenbrock(const double *w) { return near(w, 1, 1, .05); }
static int end_of_beale(const double *w) { return near(w, 3, .5, .05); }
static int end_of_ravine(const double *w) { return near(w, 0, 0, 1e-6); }
static int end_of_article(const double *w) { return near(w, 1, 1. / 3, .05); }
static int deepest_well(const double *w) { return near(w, -1.0356, -1.0241, .05); }

const surface surfaces[] = { { "saddle",
                               "x^2 - y^2 + y^4/4",
                               "| |y| - sqrt 2 | < 0.05",
                               surface_saddle,
                               { .8, 1e-3 },
                               off_the_saddle,
                               .targets = 2,
                               { { 0, M_SQRT2 }, { 0, -M_SQRT2 } },
                               { -1, 1, 0 },
                               { -2, 2, 0 } },
                             { "rosenbrock",
                               "(1 - x)^2 + 100 (y - x^2)^2",
                               "distance to (1, 1) < 0.05",
                               surface_rosenbrock,
                               { -1.2, 1 },
                               end_of_rosenbrock,
                               .targets = 1,
                               { { 1, 1 } },
                               { -1.6, 1.6, 0 },
                               { -.6, 1.8, 0 } },
                             { "beale",
                               "(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2",
                               "distance to (3, 0.5) < 0.05",
                               surface_beale,
                               { 1, 1.5 },
                               end_of_beale,
                               .targets = 1,
                               { { 3, .5 } },
                               { -.5, 4, 0 },
                               { -2, 2, 0 } },
                             { "ravine",
                               "(x^2 + 100 y^2) / 2",
                               "distance to (0, 0) < 1e-6",
                               surface_ravine,
                               { 1, 1 },
                               end_of_ravine,
                               .targets = 1,
                               { { 0, 0 } },
                               { -1.2, 1.2, 0 },
                               { -4, 4, 0 } },
                             { "article",
                               "(1 - x)^2 + 20 (3 y - x^2)^2",
                               "distance to (1, 1/3) < 0.05",
                               surface_article,
                               { -1.21, .853 },
                               end_of_article,
                               .targets = 1,
                               { { 1, 1. / 3 } },
                               { -1.8, 1.8, 0 },
                               { -.3, 1.1, 0 } },
                             { "wells",
                               "(x^2 - 1)^2 + (y^2 - 1)^2 + 0.3 x + 0.2 y",
                               "distance to the deepest well (-1.036, -1.024) < 0.05",
                               surface_wells,
                               { 1.8, -.2 },
                               deepest_well,
                               .targets = 1,
                               { { -1.0356, -1.0241 } },
                               { -1.9, 1.9, 0 },
                               { -1.9, 1.9, 0 } },
                             { 0 } };

const surface *surface_named(const char *command, const char *name) {
    const char *names[16];
    int n = 0;
    for (; surfaces[n].name; n++) {
        names[n] = surfaces[n].name;
        if (strcmp(name, names[n]) == 0) return &surfaces[n];
    }
    const char *meant = eg_did_you_mean(name, names, n);
    if (meant) cli_error(CLI_USAGE, "%s: unknown surface '%s'; did you mean '%s'?", command, name, meant);
    if (!meant)
        cli_error(CLI_USAGE,
                  "%s: unknown surface '%s'; there are saddle, rosenbrock, beale, ravine, article and wells", command,
                  name);
    return NULL;
}

/* Runs the roots once in float64 with inputs x and y of n numbers; out[i] gets root i. */
static eg_status run_once(eg_value *const *roots, int n_roots, const double *x, const double *y, int64_t n,
                          double *const *out, int64_t n_out) {
    eg_state *state = eg_state_new(0);
    eg_program *program = state ? eg_program_new(state, roots, n_roots, .executor = EG_REF) : NULL;
    size_t bytes = sizeof *x * (size_t)n;
    int good = program && eg_set(program, "x", x, bytes) == EG_OK && eg_set(program, "y", y, bytes) == EG_OK &&
               eg_run(program) == EG_OK;
    for (int i = 0; good && i < n_roots; i++) good = eg_fetch(program, i, out[i], n_out) == EG_OK;
    eg_program_free(program);
    eg_state_free(state);
    return good ? EG_OK : eg_error_status();
}

eg_status surface_values(const surface *s, const plot *c, double *z) {
    double *xy = malloc(sizeof *xy * 2 * PLOT_CELLS);
    eg_graph *graph = eg_graph_new();
    eg_status status = EG_E_MEMORY;
    if (xy && graph) {
        eg_value *x = eg_input(graph, "x", EG_F64, EG_SHAPE(PLOT_CELLS)),
                 *y = eg_input(graph, "y", EG_F64, EG_SHAPE(PLOT_CELLS)), *f = s->f(x, y);
        plot_cells(c, xy, xy + PLOT_CELLS);
        status = run_once(&f, 1, xy, xy + PLOT_CELLS, PLOT_CELLS, &z, PLOT_CELLS);
    }
    eg_graph_free(graph);
    free(xy);
    return status;
}

/* Steps of the same ratio above the deepest place: a valley's floor and its walls both get their lines. */
eg_status surface_map(const surface *s, const plot *c) {
    enum { LEVELS = 18 };
    double *z = malloc(sizeof *z * PLOT_CELLS), levels[LEVELS];
    plot_range r = PLOT_NOTHING;
    eg_status status = z ? surface_values(s, c, z) : EG_E_MEMORY;
    if (status == EG_OK) {
        plot_include(&r, z, PLOT_CELLS, 1);
        double depth = r.high - r.low;
        for (int i = 0; i < LEVELS; i++) levels[i] = r.low + depth * pow(2e-4, 1 - (i + 1.) / LEVELS);
        for (int i = 0; i < PLOT_CELLS; i++) z[i] -= r.low;
        for (int i = 0; i < LEVELS; i++) levels[i] -= r.low;
        plot_contours(c, z, levels, LEVELS, PEN(.stroke = "#b5c4d0", .width = .8));
    }
    free(z);
    return status;
}

void surface_target(picture *p, double x, double y) {
    for (int ink = 0; ink < 2; ink++) {
        const pen pen = { .stroke = ink ? PICTURE_INK : "#ffffff", .width = ink ? 2 : 5 };
        picture_line(p, x - 6, y, x + 6, y, pen);
        picture_line(p, x, y - 6, x, y + 6, pen);
    }
}

void surface_targets(const surface *s, const plot *c) {
    for (int i = 0; i < s->targets; i++)
        surface_target(c->picture, plot_x(c, s->target[i][0]), plot_y(c, s->target[i][1]));
}

eg_status surface_curvatures(const surface *s, const double *w, double out[2]) {
    eg_graph *graph = eg_graph_new();
    if (!graph) return EG_E_MEMORY;
    eg_value *in[2] = { eg_input(graph, "x", EG_F64, EG_SCALAR), eg_input(graph, "y", EG_F64, EG_SCALAR) };
    eg_value *slope[2], *bend[4];
    double h[4], *const places[4] = { h, h + 1, h + 2, h + 3 };
    eg_status status = eg_grad(s->f(in[0], in[1]), in, 2, slope);
    for (int i = 0; status == EG_OK && i < 2; i++) status = eg_grad(slope[i], in, 2, bend + 2 * i);
    if (status == EG_OK) status = run_once(bend, 4, w, w + 1, 1, places, 1);
    double middle = (h[0] + h[3]) / 2, reach = hypot((h[0] - h[3]) / 2, h[1]);
    out[0] = middle - reach;
    out[1] = middle + reach;
    eg_graph_free(graph);
    return status;
}

/* ---- descents ------------------------------------------------------------------------------------------ */

int method_searches(const char *name) { return strcmp(name, "coordinate") == 0 || strcmp(name, "random") == 0; }

typedef struct runner {
    const surface *surface;
    method method;
    eg_graph *graph;
    eg_optimizer *optimizer;
    eg_state *state;
    eg_program *look, *step; /* the value; an optimizer's update */
    uint64_t random;
} runner;

static eg_status make_step(runner *r, eg_value *w, eg_value *f) {
    eg_value *at = eg_input(r->graph, "step", EG_I32, EG_SCALAR), *lr = eg_input(r->graph, "lr", EG_F64, EG_SCALAR);
    eg_value *g, *roots[1 + EG_OPTIMIZER_SLOTS];
    int n = 0;
    r->optimizer = eg_optimizer_new(r->method.name, (eg_optimizer_opt){ .size_ = sizeof(eg_optimizer_opt),
                                                                        .momentum = r->method.momentum,
                                                                        .dialect = r->method.dialect });
    if (!r->optimizer) return eg_error_status();
    eg_status status = eg_grad(f, &w, 1, &g);
    if (status == EG_OK) status = eg_optimizer_build(r->optimizer, at, lr, &w, &g, 1, roots, &n);
    if (status != EG_OK) return status;
    r->step = eg_program_new(r->state, roots, n, .executor = EG_REF);
    return r->step ? eg_optimizer_init_slots(r->optimizer, r->state) : eg_error_status();
}

static eg_status make_runner(runner *r, const surface *s, method m) {
    *r = (runner){ .surface = s, .method = m, .random = m.seed, .graph = eg_graph_new(), .state = eg_state_new(0) };
    if (!r->graph || !r->state) return EG_E_MEMORY;
    eg_value *w = eg_var(r->graph, "w", EG_F64, EG_SHAPE(2)), *f = s->f(eg_at(w, 0), eg_at(w, 1));
    r->look = eg_program_new(r->state, &f, 1, .executor = EG_REF);
    if (!r->look) return eg_error_status();
    return method_searches(m.name) ? EG_OK : make_step(r, w, f);
}

static void free_runner(runner *r) {
    eg_program_free(r->look);
    eg_program_free(r->step);
    eg_state_free(r->state);
    eg_optimizer_free(r->optimizer);
    eg_graph_free(r->graph);
}

static eg_status look(runner *r, const double *w, double *value) {
    eg_status status = eg_state_write(r->state, "w", w, 2 * sizeof *w);
    if (status == EG_OK) status = eg_run(r->look);
    return status == EG_OK ? eg_fetch(r->look, 0, value, 1) : status;
}

static eg_status optimizer_step(runner *r, int t, double *w) {
    int32_t step = t;
    double lr = r->method.lr;
    eg_status status = eg_set(r->step, "step", &step, sizeof step);
    if (status == EG_OK) status = eg_set(r->step, "lr", &lr, sizeof lr);
    if (status == EG_OK) status = eg_run(r->step);
    return status == EG_OK ? eg_state_read(r->state, "w", w, 2 * sizeof *w) : status;
}

/* Goes to `to` if it is lower there. */
static eg_status try_place(runner *r, const double *to, double *w, double *best) {
    double value;
    eg_status status = look(r, to, &value);
    if (status != EG_OK || !(value < *best)) return status;
    memcpy(w, to, 2 * sizeof *w);
    *best = value;
    return EG_OK;
}

/* One coordinate after the other a step up and a step down; the best place is kept: four looks. */
static eg_status coordinate_step(runner *r, double *w, double *best) {
    eg_status status = EG_OK;
    for (int axis = 0; axis < 2; axis++) {
        const double from[2] = { w[0], w[1] };
        for (int side = -1; status == EG_OK && side <= 1; side += 2) {
            double to[2] = { from[0], from[1] };
            to[axis] += side * r->method.lr;
            status = try_place(r, to, w, best);
        }
    }
    return status;
}

/* A normally distributed step that is taken if it leads down: one look. */
static eg_status random_step(runner *r, double *w, double *best) {
    double radius = r->method.lr * sqrt(-2 * log(1 - cli_uniform(&r->random))),
           turn = 2 * M_PI * cli_uniform(&r->random);
    return try_place(r, (double[]){ w[0] + radius * cos(turn), w[1] + radius * sin(turn) }, w, best);
}

static eg_status one_step(runner *r, track *out, double *w) {
    if (strcmp(r->method.name, "coordinate") == 0) {
        out->looks += 4;
        return coordinate_step(r, w, &out->value);
    }
    if (strcmp(r->method.name, "random") == 0) {
        out->looks++;
        return random_step(r, w, &out->value);
    }
    out->looks += 2;
    return optimizer_step(r, out->n, w);
}

static int out_of_bounds(const double *w) { return !(fabs(w[0]) < 1e9 && fabs(w[1]) < 1e9); }

static eg_status walk(runner *r, int steps, int to_goal, track *out) {
    double w[2] = { out->path[0], out->path[1] };
    eg_status status = look(r, w, &out->value);
    while (status == EG_OK && out->n < steps && !out->diverged && !(to_goal && out->arrived)) {
        if (cli_signal) return EG_E_STOPPED;
        status = one_step(r, out, w);
        memcpy(out->path + 2 * ++out->n, w, sizeof w);
        if (!out->arrived && r->surface->reached(w)) out->arrived = out->n;
        out->diverged = out_of_bounds(w);
    }
    return status == EG_OK ? look(r, w, &out->value) : status;
}

eg_status descend(const surface *s, method m, const double *start, int steps, int to_goal, track *out) {
    runner r;
    *out = (track){ .path = malloc(sizeof *out->path * 2 * ((size_t)steps + 1)) };
    if (!out->path) return EG_E_MEMORY;
    memcpy(out->path, start, 2 * sizeof *start);
    eg_status status = make_runner(&r, s, m);
    if (status == EG_OK) status = walk(&r, steps, to_goal, out);
    free_runner(&r);
    return status;
}

int read_pair(const char *text, double out[2]) {
    char *end;
    out[0] = strtod(text, &end);
    if (end == text || *end != ',') return 0;
    const char *second = end + 1;
    out[1] = strtod(second, &end);
    return end != second && *end == 0 && isfinite(out[0]) && isfinite(out[1]);
}
