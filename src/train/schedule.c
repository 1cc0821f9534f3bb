/* SPDX-License-Identifier: MIT
 *
 * schedule.c: learning rates over a run. A schedule is a function of the place in the run and of nothing else, so
 * that a resumed run sees the same rates.
 */
#include <math.h>
#include <string.h>
#include "base/text.h"
#include "train/trainer.h"

static const double PI = 3.14159265358979323846;

/* Where a run stands, and the options with their defaults filled in. */
typedef struct place {
    eg_schedule_opt opt;
    double p, e;
} place;

static double between(double from, double to, double share) { return from + (to - from) * share; }
/* From 1 at x = 0 to 0 at x = 1 along half a cosine. */
static double half_cosine(double x) { return (1 + cos(PI * x)) / 2; }

static double constant(const place *at) { return (void)at, 1; }
static double linear(const place *at) { return between(at->opt.end, 1, 1 - at->p); }
static double cosine(const place *at) { return between(at->opt.end, 1, half_cosine(at->p)); }
static double step(const place *at) { return pow(at->opt.factor, floor(at->e / at->opt.every)); }
static double exponential(const place *at) { return pow(at->opt.factor, at->e / at->opt.every); }
static double inverse_time(const place *at) { return 1 / (1 + at->opt.factor * at->e / at->opt.every); }
static double polynomial(const place *at) { return between(at->opt.end, 1, pow(1 - at->p, at->opt.power)); }

/* Loshchilov and Hutter, "SGDR", 2017. */
static double cosine_restarts(const place *at) {
    double start = 0, period = at->opt.every, peak = 1;
    while (at->e >= start + period) {
        start += period;
        period *= at->opt.grow;
        peak *= at->opt.factor;
    }
    return peak * half_cosine((at->e - start) / period);
}

/* Smith and Topin, "Super-convergence", 2018, with PyTorch's numbers. */
static double one_cycle(const place *at) {
    const double rise = .3, low = 1 / 25., end = 1 / 250000.;
    if (at->p < rise) return between(1, low, half_cosine(at->p / rise));
    return between(end, 1, half_cosine((at->p - rise) / (1 - rise)));
}

static double multiply(const place *at) { return pow(at->opt.factor, floor(at->e)); }

static const struct schedule {
    const char *name;
    double (*factor)(const place *at);
    eg_schedule_opt defaults;
} schedules[EG_SCHEDULES] = {
    [EG_SCHEDULE_CONSTANT] = { "constant", constant, { 0 } },
    [EG_SCHEDULE_LINEAR] = { "linear", linear, { 0 } },
    [EG_SCHEDULE_COSINE] = { "cosine", cosine, { 0 } },
    [EG_SCHEDULE_STEP] = { "step", step, { .factor = .1, .every = 10 } },
    [EG_SCHEDULE_EXPONENTIAL] = { "exponential", exponential, { .factor = .9, .every = 1 } },
    [EG_SCHEDULE_INVERSE_TIME] = { "inverse_time", inverse_time, { .factor = 1, .every = 1 } },
    [EG_SCHEDULE_POLYNOMIAL] = { "polynomial", polynomial, { .power = 2 } },
    [EG_SCHEDULE_COSINE_RESTARTS] = { "cosine_restarts", cosine_restarts, { .factor = 1, .every = 10, .grow = 2 } },
    [EG_SCHEDULE_ONE_CYCLE] = { "one_cycle", one_cycle, { 0 } },
    [EG_SCHEDULE_MULTIPLY] = { "multiply", multiply, { .factor = .95 } },
};

static double or_default(double value, double absent) { return value != 0 ? value : absent; }

double eg_schedule_factor(eg_schedule schedule, eg_schedule_opt opt, double progress, double epochs) {
    const eg_schedule_opt *defaults = &schedules[schedule].defaults;
    place at = { .p = progress,
                 .e = epochs,
                 .opt = { .factor = or_default(opt.factor, defaults->factor),
                          .every = or_default(opt.every, defaults->every),
                          .power = or_default(opt.power, defaults->power),
                          .grow = or_default(opt.grow, defaults->grow),
                          .end = opt.end } };
    double factor = schedules[schedule].factor(&at);
    return opt.warm_up > 0 && epochs < opt.warm_up ? factor * epochs / opt.warm_up : factor;
}

eg_status eg_schedule_check(eg_schedule schedule, eg_schedule_opt opt) {
    if ((int)schedule < 0 || schedule >= EG_SCHEDULES)
        return eg_fail(EG_E_ARGUMENT, "schedule %d is not known", (int)schedule);
    if (!(opt.factor >= 0 && opt.every >= 0 && opt.power >= 0 && opt.end >= 0 && opt.warm_up >= 0) ||
        isinf(opt.every))
        return eg_fail(EG_E_ARGUMENT, "schedule %s: its options are numbers of 0 or more", schedules[schedule].name);
    if (opt.grow != 0 && !(opt.grow >= 1))
        return eg_fail(EG_E_ARGUMENT, "schedule %s: grow is 1 or more", schedules[schedule].name);
    return EG_OK;
}

const char *eg_schedule_name(eg_schedule schedule) {
    return (int)schedule >= 0 && schedule < EG_SCHEDULES ? schedules[schedule].name : "?";
}

eg_status eg_schedule_named(const char *name, eg_schedule *out) {
    const char *names[EG_SCHEDULES];
    for (int i = 0; i < EG_SCHEDULES; i++) {
        names[i] = schedules[i].name;
        if (strcmp(name, names[i]) != 0) continue;
        *out = (eg_schedule)i;
        return EG_OK;
    }
    return eg_fail_unknown("schedule", name, names, EG_SCHEDULES);
}
