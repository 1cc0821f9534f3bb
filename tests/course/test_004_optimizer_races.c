/* SPDX-License-Identifier: MIT
 *
 * test_004_optimizer_races.c: deck 004, "optimizers around a saddle point": the first step at which each method gets
 * off the saddle x^2 - y^2 + y^4/4, and to the end of Rosenbrock's valley, in float64 and both dialects.
 */
#include <stdlib.h>

#include "../../cli/surface.h"
#include "course/descent.h"

static eg_value *saddle(eg_value *w) { return surface_saddle(eg_at(w, 0), eg_at(w, 1)); }
static eg_value *rosenbrock(eg_value *w) { return surface_rosenbrock(eg_at(w, 0), eg_at(w, 1)); }
static int off_the_saddle(const double *w) { return fabs(fabs(w[1]) - sqrt(2)) < .05; }
static int at_one_one(const double *w) { return hypot(w[0] - 1, w[1] - 1) < .05; }

typedef struct track {
    eg_value *(*f)(eg_value *w);
    int (*reached)(const double *w);
    double start[DIMS];
} track;

static const track tracks[] = { { saddle, off_the_saddle, { .8, 1e-3 } }, { rosenbrock, at_one_one, { -1.2, 1 } } };

/* Learning rate and step of arrival (keras, torch) for each track; 0: not run to its end here. RMSprop jumps to and
 * fro in the valley, so that one rounding more or less moves its arrival by a few steps; PyTorch's Nadam keeps a
 * product in single precision. */
static const struct racer {
    const char *method;
    double momentum;
    int slack;
    struct {
        double lr;
        int step[2];
    } on[2];
} racers[] = {
    { "sgd", 0, 0, { { .02, { 217, 217 } }, { .001, { 7354, 7354 } } } },
    { "sgd", .9, 0, { { .02, { 50, 50 } }, { .001, { 646, 646 } } } },
    { "nesterov", 0, 0, { { .02, { 46, 46 } }, { .001, { 682, 682 } } } },
    { "adagrad", 0, 0, { { .05, { 213, 188 } }, { .3, { 4472, 4472 } } } },
    { "rmsprop", 0, 3, { { .02, { 57, 14 } }, { .01, { 3156, 3236 } } } },
    { "adadelta", 0, 0, { { 1, { 52, 42 } }, { 1, { 0, 0 } } } }, /* below: late */
    { "adam", 0, 0, { { .02, { 61, 61 } }, { .05, { 1160, 1160 } } } },
    { "nadam", 0, 4, { { .02, { 60, 60 } }, { .05, { 960, 3664 } } } },
    { "adamax", 0, 0, { { .02, { 88, 88 } }, { .05, { 2963, 2963 } } } },
};

static int race(const struct racer *r, int where, eg_dialect dialect) {
    double w[DIMS] = { tracks[where].start[0], tracks[where].start[1] }, lr = r->on[where].lr;
    eg_optimizer *o = eg_optimizer_new(r->method, (eg_optimizer_opt){ .momentum = r->momentum, .dialect = dialect });
    descent d = descend(o, tracks[where].f, w);
    int t = 0, limit = r->on[where].step[dialect] + 10;
    while (!tracks[where].reached(w) && t < limit) advance(&d, t++, lr, w);
    finish(&d);
    return t;
}

static void all_race(int where) {
    for (size_t i = 0; i < sizeof racers / sizeof *racers; i++)
        for (int dialect = EG_KERAS; dialect <= EG_TORCH; dialect++) {
            int want = racers[i].on[where].step[dialect];
            if (want == 0) continue;
            int got = race(&racers[i], where, (eg_dialect)dialect);
            if (abs(got - want) > racers[i].slack)
                fail_msg("%s (%d): %d steps, not %d", racers[i].method, dialect, got, want);
        }
}

static void around_a_saddle_point(void **state) {
    (void)state;
    all_race(0);
}

static void down_rosenbrocks_valley(void **state) {
    (void)state;
    all_race(1);
}

/* Adadelta has no learning rate to speak of, and a scale that it must find by itself: more than 200,000 steps. */
static void adadelta_is_late_in_rosenbrocks_valley(void **state) {
    int most = getenv("EG_LONG") ? 200000 : 20000;
    (void)state;
    for (int dialect = EG_KERAS; dialect <= EG_TORCH; dialect++) {
        double w[DIMS] = { -1.2, 1 };
        descent d = descend(eg_adadelta(.lr = 1, .dialect = (eg_dialect)dialect), rosenbrock, w);
        for (int t = 0; t < most; t++) {
            advance(&d, t, 1, w);
            assert_false(at_one_one(w));
        }
        finish(&d);
    }
}

static void from_the_ridge_itself_nothing_leaves(void **state) {
    (void)state;
    for (int momentum = 0; momentum < 2; momentum++) {
        double w[DIMS] = { .8, 0 };
        descent d = descend(eg_sgd(.momentum = momentum * .9), saddle, w);
        for (int t = 0; t < 500; t++) advance(&d, t, .02, w);
        assert_true(w[1] == 0);
        finish(&d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLIDE(around_a_saddle_point),
        SLIDE(down_rosenbrocks_valley),
        SLIDE(adadelta_is_late_in_rosenbrocks_valley),
        SLIDE(from_the_ridge_itself_nothing_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
