/* SPDX-License-Identifier: MIT
 *
 * cmd_momentum.c: `elegans momentum`: gradient descent with momentum, z = beta z + gradient, w -= alpha z, on a
 * surface, after the article "Why Momentum Really Works" (Goh 2017); and why it goes as it goes: near its minimum a
 * surface is a quadratic, whose every direction of curvature lambda is a spring that beta and alpha lambda damp.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "descent.h"

typedef struct momentum_options {
    double alpha, beta;
    const char *surface, *start, *svg;
    int64_t steps;
    int json;
} momentum_options;

#define FIELD(name) offsetof(momentum_options, name)
static const cli_option options[] = {
    { "alpha", 0, CLI_REAL, FIELD(alpha), "X", .help = "step size, the learning rate (default 0.003)" },
    { "beta", 0, CLI_REAL, FIELD(beta), "X", .help = "momentum, from 0 to below 1 (default 0.8)" },
    { "surface", 0, CLI_TEXT, FIELD(surface), "NAME",
      .help = "article (default), saddle, rosenbrock, beale, ravine or wells" },
    { "steps", 0, CLI_POSITIVE, FIELD(steps), "N", .help = "steps to take (default 150)" },
    { "start", 0, CLI_TEXT, FIELD(start), "X,Y", .help = "where to begin (default: the surface's own place)" },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object on stdout" },
    { "svg", 0, CLI_TEXT, FIELD(svg), "FILE", .help = "draw the way and the map of damping" },
    { 0 }
};

/* ---- damping --------------------------------------------------------------------------------------------- */

/* The iteration's matrix for one direction, [[beta, lambda], [-alpha beta, 1 - alpha lambda]], has the roots of
 * s^2 - (1 + beta - a) s + beta with a = alpha lambda. Complex: it ripples; positive: it creeps, fastest where they
 * meet; a negative one: it jumps from side to side; one beyond 1 in size: it diverges. */
enum { DIVERGES, RIPPLES, OVERDAMPED, CRITICAL, ALTERNATES, REGIMES };
static const struct regime {
    const char *name, *colour;
    int number;       /* of the colour */
    double a, beta;   /* an example */
    double label[2];  /* where its name stands on the map: a, beta */
    double points[2]; /* at what an arrow from there points; 0, 0: the name stands inside */
} regimes[REGIMES] = {
    [DIVERGES] = { "diverges", PICTURE_RED, 1, 2.55, .25, { 3.25, .25 }, { 0, 0 } },
    [RIPPLES] = { "ripples", PICTURE_SKY, 5, .3, .85, { 1.5, .64 }, { 0, 0 } },
    [OVERDAMPED] = { "overdamped", PICTURE_GREEN, 2, .1, .2, { .8, .43 }, { .1, .3 } },
    [CRITICAL] = { "critically damped", PICTURE_BLACK, 7, .25, .25, { 1.1, .29 }, { .365, .157 } },
    [ALTERNATES] = { "from side to side", PICTURE_ORANGE, 4, 1.8, .02, { 1.2, .16 }, { 1.72, .03 } },
};

static int regime_of(double a, double beta, double *rate) {
    double sum = 1 + beta - a, root = sum * sum - 4 * beta;
    int critical = fabs(root) < 1e-9;
    *rate = root < 0 && !critical ? sqrt(beta) : (fabs(sum) + sqrt(fmax(root, 0))) / 2;
    if (*rate >= 1) return DIVERGES;
    if (critical) return CRITICAL;
    return root < 0 ? RIPPLES : sum > 0 ? OVERDAMPED : ALTERNATES;
}

typedef struct direction {
    double lambda, a, rate;
    int regime;
} direction;

/* The pair that makes the worse of the two directions as good as possible. */
typedef struct best {
    double alpha, beta, rate;
} best;

static best best_for(double low, double high) {
    double sum = sqrt(low) + sqrt(high), share = (sqrt(high) - sqrt(low)) / sum;
    return (best){ 4 / (sum * sum), share * share, share };
}

typedef struct study {
    const surface *surface;
    double alpha, beta, start[2];
    int steps;
    track track;
    double distance;
    direction directions[2];
    best best;
} study;

static double to_target(const surface *s, const double *w) {
    double least = HUGE_VAL;
    for (int i = 0; i < s->targets; i++) least = fmin(least, hypot(w[0] - s->target[i][0], w[1] - s->target[i][1]));
    return least;
}

static eg_status look_into(study *s) {
    double lambda[2];
    method m = { "sgd", EG_KERAS, s->alpha, s->beta, 0 };
    eg_status status = descend(s->surface, m, s->start, s->steps, 0, &s->track);
    if (status == EG_OK) status = surface_curvatures(s->surface, s->surface->target[0], lambda);
    if (status != EG_OK) return status;
    for (int i = 0; i < 2; i++) {
        direction *d = &s->directions[i];
        *d = (direction){ lambda[i], s->alpha * lambda[i], 0, 0 };
        d->regime = regime_of(d->a, s->beta, &d->rate);
    }
    s->distance = to_target(s->surface, s->track.path + 2 * s->track.n);
    s->best = best_for(lambda[0], lambda[1]);
    return EG_OK;
}

/* ---- numbers --------------------------------------------------------------------------------------------- */

static void print_text(const study *s) {
    const double *end = s->track.path + 2 * s->track.n;
    char text[400];
    snprintf(text, sizeof text,
             "%s: %s from (%g, %g)\nalpha %g, beta %g: after %d steps at (%.5g, %.5g), distance to the goal %.4g",
             s->surface->name, s->surface->formula, s->start[0], s->start[1], s->alpha, s->beta, s->track.n, end[0],
             end[1], s->distance);
    cli_print_wrapped(stdout, text, 0, cli_wrap_columns(stdout));
    if (s->track.arrived)
        printf("goal (%s) first reached at step %d\n", s->surface->goal, s->track.arrived);
    else
        printf("goal (%s) not reached%s\n", s->surface->goal, s->track.diverged ? ": diverged" : "");
    printf("\nnear the goal %10s %12s %9s  regime\n", "lambda", "alpha lambda", "rate");
    for (int i = 0; i < 2; i++) {
        const direction *d = &s->directions[i];
        printf("direction %d   %10.4g %12.4g %9.4g  %s\n", i + 1, d->lambda, d->a, d->rate, regimes[d->regime].name);
    }
    printf("best for both: alpha %.4g, beta %.5g, rate %.3f\n", s->best.alpha, s->best.beta, s->best.rate);
}

static void print_json(const study *s) {
    const double *end = s->track.path + 2 * s->track.n;
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "momentum");
    cli_json_text(&json, "surface", s->surface->name);
    cli_json_real(&json, "alpha", s->alpha);
    cli_json_real(&json, "beta", s->beta);
    cli_json_integer(&json, "steps", s->track.n);
    cli_json_list(&json, "end");
    for (int i = 0; i < 2; i++) cli_json_real(&json, NULL, end[i]);
    cli_json_list_end(&json);
    cli_json_real(&json, "distance", s->distance);
    if (s->track.arrived)
        cli_json_integer(&json, "reached", s->track.arrived);
    else
        cli_json_text(&json, "reached", NULL);
    cli_json_list(&json, "directions");
    for (int i = 0; i < 2; i++) {
        cli_json_open(&json, NULL);
        cli_json_real(&json, "lambda", s->directions[i].lambda);
        cli_json_text(&json, "regime", regimes[s->directions[i].regime].name);
        cli_json_real(&json, "rate", s->directions[i].rate);
        cli_json_close(&json);
    }
    cli_json_list_end(&json);
    cli_json_open(&json, "best");
    cli_json_real(&json, "alpha", s->best.alpha);
    cli_json_real(&json, "beta", s->best.beta);
    cli_json_real(&json, "rate", s->best.rate);
    cli_json_close(&json);
    cli_json_close(&json);
}

/* ---- the picture ----------------------------------------------------------------------------------------- */

enum { WIDE = 470, HIGH = 360, SMALL = 190, SMALL_HIGH = 150, MARGIN = 10 };

static eg_status draw_way(picture *p, const study *s) {
    char title[120];
    int n = s->track.n + 1;
    snprintf(title, sizeof title, "%s: alpha %g, beta %g, %d steps", s->surface->name, s->alpha, s->beta, s->track.n);
    plot c = plot_begin(p, (plot_opt){ .left = MARGIN,
                                       .top = MARGIN,
                                       .width = WIDE,
                                       .height = HIGH,
                                       .x = s->surface->x,
                                       .y = s->surface->y,
                                       .title = title,
                                       .x_label = "x",
                                       .y_label = "y" });
    eg_status status = surface_map(s->surface, &c);
    double *x = malloc(sizeof *x * 2 * (size_t)n), *y = x + n;
    if (!x) return EG_E_MEMORY;
    for (int i = 0; i < n; i++) {
        x[i] = s->track.path[2 * i];
        y[i] = s->track.path[2 * i + 1];
    }
    plot_curve(&c, x, y, n, PEN(.stroke = PICTURE_RED, .width = 1.2, .opacity = .6));
    plot_points(&c, x, y, n, 2, PEN(.fill = PICTURE_RED));
    surface_targets(s->surface, &c);
    plot_points(&c, x, y, 1, 4.5, PEN(.fill = "#ffffff", .stroke = PICTURE_INK, .width = 1.5));
    free(x);
    return status;
}

/* beta = (1 - sqrt(alpha lambda))^2, where the two roots meet */
static void draw_critical(const plot *c) {
    enum { N = 200 };
    double a[N], beta[N];
    for (int i = 0; i < N; i++) {
        a[i] = 4. * i / (N - 1);
        beta[i] = pow(1 - sqrt(a[i]), 2);
    }
    plot_curve(c, a, beta, N, PEN(.stroke = PICTURE_BLACK, .width = 2));
}

static void name_regimes(const plot *c) {
    for (const struct regime *r = regimes; r < regimes + REGIMES; r++) {
        double x = plot_x(c, r->label[0]), y = plot_y(c, r->label[1]);
        picture_text(c->picture, x, y, FONT(.anchor = PICTURE_MIDDLE), "%s", r->name);
        if (r->points[0] > 0)
            picture_arrow(c->picture, x, y + 5, plot_x(c, r->points[0]), plot_y(c, r->points[1]),
                          PEN(.stroke = PICTURE_INK));
    }
}

static void draw_regimes(picture *p, const study *s, double left) {
    int *class = malloc(sizeof *class * PLOT_CELLS);
    double *xy = malloc(sizeof *xy * 3 * PLOT_CELLS), *share = xy + 2 * PLOT_CELLS;
    plot c = plot_begin(p, (plot_opt){ .left = left,
                                       .top = MARGIN,
                                       .width = WIDE,
                                       .height = HIGH,
                                       .x = { 0, 4, 0 },
                                       .y = { 0, 1, 0 },
                                       .title = "how a direction of curvature lambda is damped",
                                       .x_label = "alpha lambda",
                                       .y_label = "beta" });
    if (class && xy) {
        double rate;
        plot_cells(&c, xy, xy + PLOT_CELLS);
        for (int i = 0; i < PLOT_CELLS; i++) {
            class[i] = regimes[regime_of(xy[i], xy[PLOT_CELLS + i], &rate)].number;
            share[i] = .35;
        }
        plot_regions(&c, class, share);
    } else {
        p->no_memory = 1;
    }
    draw_critical(&c);
    name_regimes(&c);
    for (int i = 0; i < 2; i++) {
        double x = plot_x(&c, s->directions[i].a), y = plot_y(&c, s->beta), right = c.left + c.width;
        picture_circle(p, fmin(x, right), y, 5, PEN(.fill = "#ffffff", .stroke = PICTURE_INK, .width = 2));
        picture_text(p, fmin(x + 9, right - 75), i ? y + 17 : y - 8, FONT(.bold = 1), "direction %d", i + 1);
    }
    free(class);
    free(xy);
}

/* w(t) of the one-dimensional quadratic from 1 in one regime. */
static void draw_example(picture *p, const struct regime *r, double left, double top) {
    enum { N = 31 };
    double w[N] = { 1 }, t[N] = { 0 }, z = 0;
    char label[80];
    for (int i = 1; i < N; i++) {
        z = r->beta * z + w[i - 1];
        w[i] = w[i - 1] - r->a * z;
        t[i] = i;
    }
    snprintf(label, sizeof label, "alpha lambda %g, beta %g", r->a, r->beta);
    plot c = plot_begin(p, (plot_opt){ .left = left,
                                       .top = top,
                                       .width = SMALL,
                                       .height = SMALL_HIGH,
                                       .x = { 0, N - 1, 0 },
                                       .y = { -1.2, 1.2, 0 },
                                       .title = r->name,
                                       .x_label = label });
    plot_curve(&c, t, w, N, PEN(.stroke = r->colour, .width = 1.5));
    plot_points(&c, t, w, N, 2.2, PEN(.fill = r->colour));
}

static int draw(const study *s, const char *path) {
    picture p;
    picture_open(&p, 2 * WIDE + 3 * MARGIN, HIGH + SMALL_HIGH + 3 * MARGIN, "gradient descent with momentum");
    eg_status status = draw_way(&p, s);
    draw_regimes(&p, s, WIDE + 2 * MARGIN);
    for (int i = 0; i < REGIMES; i++) draw_example(&p, &regimes[i], MARGIN + i * SMALL, HIGH + 2 * MARGIN);
    if (status == EG_OK) return picture_save(&p, path);
    picture_drop(&p);
    return cli_fail(status);
}

/* ---- the command ----------------------------------------------------------------------------------------- */

static int read_study(const momentum_options *o, study *s) {
    *s = (study){ .surface = surface_named("momentum", o->surface ? o->surface : "article"),
                  .alpha = isnan(o->alpha) ? .003 : o->alpha,
                  .beta = isnan(o->beta) ? .8 : o->beta,
                  .steps = (int)cli_or(o->steps, 150) };
    if (!s->surface) return CLI_USAGE;
    if (!(s->alpha > 0)) return cli_error(CLI_USAGE, "momentum: --alpha takes a positive number");
    if (!(s->beta >= 0 && s->beta < 1)) return cli_error(CLI_USAGE, "momentum: --beta is from 0 to below 1");
    memcpy(s->start, s->surface->start, sizeof s->start);
    if (o->start && !read_pair(o->start, s->start))
        return cli_error(CLI_USAGE, "momentum: --start takes two numbers X,Y, not '%s'", o->start);
    return CLI_GO_ON;
}

static int run(int argc, char **argv) {
    momentum_options o;
    study s = { 0 };
    cli_defaults(&cli_momentum, &o);
    int code = cli_parse(&cli_momentum, argc, argv, &o, NULL, 0);
    if (code < 0) code = read_study(&o, &s);
    if (code >= 0) return code;
    cli_catch_signals();
    eg_status status = look_into(&s);
    if (status == EG_OK) (o.json ? print_json : print_text)(&s);
    code = status != EG_OK ? cli_fail(status) : o.svg ? draw(&s, o.svg) : CLI_GO_ON;
    free(s.track.path);
    return code < 0 ? CLI_OK : code;
}

static const char *const notes[] = {
    "z = beta z + gradient, w -= alpha z. Near its minimum a surface is a quadratic; in a direction of curvature "
    "lambda the distance shrinks by `rate` a step. Below the line beta = (1 - sqrt(alpha lambda))^2 it is overdamped "
    "(alpha lambda < 1) or jumps from side to side, above it ripples; from alpha lambda = 2 + 2 beta on it diverges.",
    NULL
};

const cli_command cli_momentum = {
    .name = "momentum",
    .summary = "what alpha and beta do: a way down and its damping",
    .usage = "[--alpha X] [--beta X] [--svg FILE] [options]",
    .options = options,
    .run = run,
    .notes = notes,
    .examples = "  elegans momentum --alpha 0.003 --beta 0.8 --svg momentum.svg\n"
                "  elegans momentum --surface ravine --alpha 0.033058 --beta 0.66942\n",
};
