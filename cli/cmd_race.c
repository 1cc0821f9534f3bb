/* SPDX-License-Identifier: MIT
 *
 * cmd_race.c: `elegans race`: every optimizer, in both dialects, and two searches without gradients, from one start
 * over one surface; how many steps each takes to the goal, and a map of their ways.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "descent.h"

typedef struct race_options {
    const char *surface, *optimizers, *start, *svg;
    cli_list lr;
    int64_t dialect, steps, seed;
    int json;
} race_options;

enum { BOTH = 2 };
static const char *const dialects[] = { "keras", "torch", "both", NULL };

#define FIELD(name) offsetof(race_options, name)
static const cli_option options[] = {
    { "surface", 0, CLI_TEXT, FIELD(surface), "NAME",
      .help = "saddle (default), rosenbrock, beale, ravine, article or wells" },
    { "optimizers", 'o', CLI_TEXT, FIELD(optimizers), "LIST",
      .help = "who races, e.g. sgd,adam,random (default: everyone)" },
    { "dialect", 0, CLI_WORD, FIELD(dialect), "NAME", .help = "formulas of keras, torch or both (default)",
      .words = dialects },
    { "lr", 0, CLI_MANY, FIELD(lr), "[NAME=]X",
      .help =
          "learning rate of one (--lr adam=0.1) or of all; may be repeated (default: one that suits the surface)" },
    { "steps", 0, CLI_POSITIVE, FIELD(steps), "N", .help = "who is not there by then is late (default 10000)" },
    { "start", 0, CLI_TEXT, FIELD(start), "X,Y", .help = "where all begin (default: the surface's own place)" },
    { "seed", 's', CLI_SEED, FIELD(seed), "N", .help = "seed of the random search (default 0)" },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object a line on stdout" },
    { "svg", 0, CLI_TEXT, FIELD(svg), "FILE", .help = "draw the ways on the surface's contours" },
    { 0 }
};

/* ---- who races ------------------------------------------------------------------------------------------- */

/* Learning rates by surface in the order of `surfaces`, and how a way is drawn: kin share a colour. */
static const struct entrant {
    const char *name;
    double lr[6];
    pen pen;
} entrants[] = {
    { "sgd", { .02, .001, .01, 2. / 101, .003, .02 }, { .stroke = PICTURE_BLUE } },
    { "momentum", { .02, .001, .002, 4. / 121, .003, .02 }, { .stroke = PICTURE_RED } },
    { "nesterov", { .02, .001, .002, .0066, .001, .02 }, { .stroke = PICTURE_RED, .dash = "6 3" } },
    { "adagrad", { .05, .3, .3, .5, .2, .2 }, { .stroke = PICTURE_GREEN } },
    { "adadelta", { 1, 1, 1, 1, 1, 1 }, { .stroke = PICTURE_GREEN, .dash = "6 3" } },
    { "rmsprop", { .02, .01, .01, .01, .01, .02 }, { .stroke = PICTURE_ORANGE } },
    { "adam", { .02, .05, .05, .05, .05, .05 }, { .stroke = PICTURE_PURPLE } },
    { "adamw", { .02, .05, .05, .05, .05, .05 }, { .stroke = PICTURE_PURPLE, .dash = "6 3" } },
    { "nadam", { .02, .05, .05, .05, .05, .05 }, { .stroke = PICTURE_PURPLE, .dash = "2 2" } },
    { "adamax", { .02, .05, .05, .05, .05, .05 }, { .stroke = PICTURE_SKY } },
    { "coordinate", { .02, .02, .02, .02, .02, .02 }, { .stroke = PICTURE_BLACK } },
    { "random", { .05, .05, .05, .05, .05, .05 }, { .stroke = PICTURE_GREY } },
};
enum { ENTRANTS = sizeof entrants / sizeof *entrants, MOST = 2 * ENTRANTS };
/* The ravine's best pair: momentum ((sqrt 100 - 1)/(sqrt 100 + 1))^2 with lr (2/(sqrt 100 + 1))^2; alone 2/(100 + 1). */
static const double ravine_momentum = 81. / 121;

typedef struct racer {
    const struct entrant *entrant;
    method method;
    track track;
} racer;

static int listed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0)) return 1;
    }
    return 0;
}

static int unknown_entrant(const char *option, const char *name, size_t length) {
    const char *names[ENTRANTS];
    char word[64];
    for (int i = 0; i < ENTRANTS; i++) names[i] = entrants[i].name;
    snprintf(word, sizeof word, "%.*s", (int)(length < 60 ? length : 60), name);
    const char *meant = eg_did_you_mean(word, names, ENTRANTS);
    if (meant)
        return cli_error(CLI_USAGE, "race: --%s: unknown optimizer '%s'; did you mean '%s'?", option, word, meant);
    return cli_error(CLI_USAGE, "race: --%s: unknown optimizer '%s'; see: elegans race --help", option, word);
}

static const struct entrant *find_entrant(const char *name, size_t length) {
    for (int i = 0; i < ENTRANTS; i++)
        if (strlen(entrants[i].name) == length && strncmp(entrants[i].name, name, length) == 0) return &entrants[i];
    return NULL;
}

static int check_list(const char *list) {
    for (const char *at = list; at;) {
        size_t length = strcspn(at, ",");
        if (!find_entrant(at, length)) return unknown_entrant("optimizers", at, length);
        at = at[length] ? at + length + 1 : NULL;
    }
    return CLI_GO_ON;
}

/* "0.1" is for all, "adam=0.1" for one; the last word counts. */
static int said_lr(const race_options *o, const struct entrant *entrant, double *lr) {
    for (int i = 0; i < o->lr.n; i++) {
        const char *text = o->lr.item[i], *equals = strchr(text, '='), *number = equals ? equals + 1 : text;
        size_t length = equals ? (size_t)(equals - text) : 0;
        char *end;
        double value = strtod(number, &end);
        if (end == number || *end || !isfinite(value) || value <= 0)
            return cli_error(CLI_USAGE, "race: --lr takes a positive number, or NAME=NUMBER, not '%s'", text);
        if (equals && !find_entrant(text, length)) return unknown_entrant("lr", text, length);
        if (!equals || find_entrant(text, length) == entrant) *lr = value;
    }
    return CLI_GO_ON;
}

static int enter(const race_options *o, const surface *s, racer *racers, int *n) {
    int64_t dialect = cli_or(o->dialect, BOTH);
    int code = check_list(o->optimizers);
    for (int i = 0; code < 0 && i < ENTRANTS; i++) {
        const struct entrant *e = &entrants[i];
        int forms = method_searches(e->name) || dialect != BOTH ? 1 : 2;
        double lr = e->lr[s - surfaces];
        if (o->optimizers && !listed(o->optimizers, e->name)) continue;
        code = said_lr(o, e, &lr);
        for (int k = 0; k < forms; k++) {
            eg_dialect form = dialect == BOTH ? (eg_dialect)k : (eg_dialect)dialect;
            racers[*n] = (racer){ e, { e->name, form, lr, 0, (uint64_t)cli_or(o->seed, 0) }, { 0 } };
            if (strcmp(e->name, "momentum") == 0 && strcmp(s->name, "ravine") == 0)
                racers[*n].method.momentum = ravine_momentum;
            ++*n;
        }
    }
    return code;
}

/* ---- the table ------------------------------------------------------------------------------------------- */

static const char *form_of(const racer *r) {
    return method_searches(r->method.name) ? "-" : dialects[r->method.dialect];
}

/* Where a way ended stands beside the rest, on a narrow terminal below it. */
static const char *before_end(void) { return cli_wrap_columns(stdout) < 80 ? "\n            " : "  "; }

static void print_head(const surface *s, const double *start) {
    char text[400];
    snprintf(text, sizeof text, "%s: %s from (%g, %g)\ngoal: %s\n", s->name, s->formula, start[0], start[1], s->goal);
    cli_print_wrapped(stdout, text, 0, cli_wrap_columns(stdout));
    printf("\n%-11s %-7s %8s %8s %8s%s%-21s %s\n", "optimizer", "dialect", "lr", "steps", "looks", before_end(),
           "ends at", "value");
}

static void print_racer(const racer *r) {
    const double *end = r->track.path + 2 * r->track.n;
    char steps[24], place[48];
    if (r->track.arrived)
        snprintf(steps, sizeof steps, "%d", r->track.arrived);
    else
        snprintf(steps, sizeof steps, r->track.diverged ? "diverged" : ">%d", r->track.n);
    snprintf(place, sizeof place, "(%.4g, %.4g)", end[0], end[1]);
    printf("%-11s %-7s %8.4g %8s %8lld%s%-21s %.4g\n", r->method.name, form_of(r), r->method.lr, steps,
           (long long)r->track.looks, before_end(), place, r->track.value);
    fflush(stdout);
}

static void print_json(const surface *s, const racer *r) {
    const double *end = r->track.path + 2 * r->track.n;
    int searches = method_searches(r->method.name);
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "racer");
    cli_json_text(&json, "surface", s->name);
    cli_json_text(&json, "optimizer", r->method.name);
    cli_json_text(&json, "dialect", searches ? NULL : dialects[r->method.dialect]);
    cli_json_real(&json, "lr", r->method.lr);
    if (r->track.arrived)
        cli_json_integer(&json, "steps", r->track.arrived);
    else
        cli_json_text(&json, "steps", NULL);
    cli_json_integer(&json, "made", r->track.n);
    cli_json_integer(&json, "looks", r->track.looks);
    cli_json_list(&json, "end");
    for (int i = 0; i < 2; i++) cli_json_real(&json, NULL, end[i]);
    cli_json_list_end(&json);
    cli_json_real(&json, "value", r->track.value);
    cli_json_close(&json);
}

/* ---- the map --------------------------------------------------------------------------------------------- */

enum { MAP = 430, MAP_HEIGHT = 380 };

static void draw_way(const plot *c, const racer *r) {
    int n = r->track.n + 1;
    double *x = malloc(sizeof *x * 2 * (size_t)n), *y = x + n;
    pen pen = r->entrant->pen;
    pen.width = n < 100 ? 1.8 : 1; /* long ways that swing to and fro must not become areas */
    pen.opacity = .85;
    if (!x) {
        c->picture->no_memory = 1;
        return;
    }
    for (int i = 0; i < n; i++) {
        x[i] = r->track.path[2 * i];
        y[i] = r->track.path[2 * i + 1];
    }
    plot_curve(c, x, y, n, pen);
    plot_points(c, x + n - 1, y + n - 1, 1, 3.5, PEN(.fill = pen.stroke, .stroke = "#ffffff"));
    free(x);
}

static eg_status draw_map(picture *p, const surface *s, const racer *racers, int n, int dialect, double left) {
    char title[80];
    snprintf(title, sizeof title, "%s, formulas of %s", s->name, dialects[dialect]);
    plot c = plot_begin(p, (plot_opt){ .left = left,
                                       .top = 8,
                                       .width = MAP,
                                       .height = MAP_HEIGHT,
                                       .x = s->x,
                                       .y = s->y,
                                       .title = title,
                                       .x_label = "x",
                                       .y_label = "y" });
    eg_status status = surface_map(s, &c);
    for (int i = n - 1; i >= 0; i--)
        if (method_searches(racers[i].method.name) || (int)racers[i].method.dialect == dialect)
            draw_way(&c, &racers[i]);
    surface_targets(s, &c);
    const double *start = racers[0].track.path;
    plot_points(&c, start, start + 1, 1, 4.5, PEN(.fill = "#ffffff", .stroke = PICTURE_INK, .width = 1.5));
    return status;
}

static void draw_legend(picture *p, const racer *racers, int n, double left) {
    plot_entry entries[ENTRANTS + 1];
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && racers[i].entrant == racers[i - 1].entrant) continue;
        entries[k] = (plot_entry){ racers[i].entrant->name, racers[i].entrant->pen, 0 };
        entries[k++].pen.width = 2;
    }
    entries[k++] = (plot_entry){ "start", PEN(.fill = "#ffffff", .stroke = PICTURE_INK, .width = 1.5), 4.5 };
    double below = plot_legend(p, left, 36, entries, k);
    surface_target(p, left + 13, below + 9);
    picture_text(p, left + 34, below + 13, FONT(.size = 12), "goal");
}

static int draw(const race_options *o, const surface *s, const racer *racers, int n) {
    int dialect = (int)cli_or(o->dialect, BOTH), maps = dialect == BOTH ? 2 : 1;
    picture p;
    eg_status status = EG_OK;
    picture_open(&p, maps * (MAP + 10) + 130, MAP_HEIGHT + 16, "the ways of optimizers over a surface");
    for (int i = 0; status == EG_OK && i < maps; i++)
        status = draw_map(&p, s, racers, n, maps == 2 ? i : dialect, 8 + i * (MAP + 10));
    draw_legend(&p, racers, n, 8 + maps * (MAP + 10));
    if (status == EG_OK) return picture_save(&p, o->svg);
    picture_drop(&p);
    return cli_fail(status);
}

/* ---- the race -------------------------------------------------------------------------------------------- */

static int race(const race_options *o, const surface *s, const double *start, racer *racers, int n) {
    int steps = (int)cli_or(o->steps, 10000);
    if (!o->json) print_head(s, start);
    for (int i = 0; i < n; i++) {
        eg_status status = descend(s, racers[i].method, start, steps, 1, &racers[i].track);
        if (status == EG_E_STOPPED)
            return cli_error(cli_exit_code(status), "stopped: the table holds who raced so far");
        if (status != EG_OK) return cli_fail(status);
        if (o->json)
            print_json(s, &racers[i]);
        else
            print_racer(&racers[i]);
    }
    return o->svg ? draw(o, s, racers, n) : CLI_GO_ON;
}

static int run(int argc, char **argv) {
    race_options o;
    racer racers[MOST] = { 0 };
    double start[2];
    int n = 0;
    cli_defaults(&cli_race, &o);
    int code = cli_parse(&cli_race, argc, argv, &o, NULL, 0);
    if (code >= 0) return code;
    const surface *s = surface_named("race", o.surface ? o.surface : "saddle");
    if (!s) return CLI_USAGE;
    memcpy(start, s->start, sizeof start);
    if (o.start && !read_pair(o.start, start))
        return cli_error(CLI_USAGE, "race: --start takes two numbers X,Y, not '%s'", o.start);
    cli_catch_signals();
    code = enter(&o, s, racers, &n);
    if (code < 0) code = race(&o, s, start, racers, n);
    for (int i = 0; i < n; i++) free(racers[i].track.path);
    return code < 0 ? CLI_OK : code;
}

static const char *const notes[] = {
    "steps: the first step at the goal. looks: how often the surface was computed; a gradient counts as one more "
    "look. "
    "Everything runs in float64 on the reference executor: the numbers are the same on every machine.",
    "coordinate tries one number after the other a step of lr up and down and keeps the better; random tries one "
    "place nearby, lr is its standard deviation. Neither uses a gradient.",
    NULL
};

const cli_command cli_race = {
    .name = "race",
    .summary = "watch optimizers race down a surface",
    .usage = "[--surface NAME] [--svg FILE] [options]",
    .options = options,
    .run = run,
    .notes = notes,
    .examples = "  elegans race\n"
                "  elegans race --surface rosenbrock --optimizers momentum,adam --svg race.svg\n"
                "  elegans race --surface wells --lr sgd=0.1 --lr adam=0.3 --start 1,1\n",
};
