/* SPDX-License-Identifier: MIT
 *
 * schedule.c: learning rates over a run. A schedule is a function of the place in the run and of nothing else, so
 * that a resumed run sees the same rates.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "nn/words.h"
#include "train/trainer.h"

static const double PI = 3.14159265358979323846;

/* What an option is where it is 0, in hundredths; a schedule has no other options. An end is at 0, its 1 says that there
 * is one. */
enum { FACTOR, EVERY, POWER, END, GROW, OPTIONS };
static const char option_names[OPTIONS][7] = { "factor", "every", "power", "end", "grow" };
static const unsigned short defaults[EG_SCHEDULES][OPTIONS] = {
    [EG_SCHEDULE_LINEAR] = { [END] = 1 },
    [EG_SCHEDULE_COSINE] = { [END] = 1 },
    [EG_SCHEDULE_STEP] = { [FACTOR] = 10, [EVERY] = 1000 },
    [EG_SCHEDULE_EXPONENTIAL] = { [FACTOR] = 90, [EVERY] = 100 },
    [EG_SCHEDULE_INVERSE_TIME] = { [FACTOR] = 100, [EVERY] = 100 },
    [EG_SCHEDULE_POLYNOMIAL] = { [POWER] = 200, [END] = 1 },
    [EG_SCHEDULE_COSINE_RESTARTS] = { [FACTOR] = 100, [EVERY] = 1000, [GROW] = 200 },
    [EG_SCHEDULE_MULTIPLY] = { [FACTOR] = 95 },
};

static double between(double from, double to, double share) { return from + (to - from) * share; }
/* From 1 at x = 0 to 0 at x = 1 along half a cosine. */
static double half_cosine(double x) { return (1 + cos(PI * x)) / 2; }

/* Loshchilov and Hutter, "SGDR", 2017. */
static double cosine_restarts(const eg_schedule_opt *opt, double epochs) {
    double start = 0, period = opt->every, peak = 1;
    while (epochs >= start + period) {
        start += period;
        period *= opt->grow;
        peak *= opt->factor;
    }
    return peak * half_cosine((epochs - start) / period);
}

/* Smith and Topin, "Super-convergence", 2018, with PyTorch's numbers. */
static double one_cycle(double p) {
    const double rise = .3, low = 1 / 25., end = 1 / 250000.;
    if (p < rise) return between(1, low, half_cosine(p / rise));
    return between(end, 1, half_cosine((p - rise) / (1 - rise)));
}

/* At the place p, 0 to 1, of the run and the epoch e. */
static double factor_at(eg_schedule schedule, const eg_schedule_opt *opt, double p, double e) {
    switch (schedule) {
    case EG_SCHEDULE_LINEAR: return between(opt->end, 1, 1 - p);
    case EG_SCHEDULE_COSINE: return between(opt->end, 1, half_cosine(p));
    case EG_SCHEDULE_STEP: return pow(opt->factor, floor(e / opt->every));
    case EG_SCHEDULE_EXPONENTIAL: return pow(opt->factor, e / opt->every);
    case EG_SCHEDULE_INVERSE_TIME: return 1 / (1 + opt->factor * e / opt->every);
    case EG_SCHEDULE_POLYNOMIAL: return between(opt->end, 1, pow(1 - p, opt->power));
    case EG_SCHEDULE_COSINE_RESTARTS: return cosine_restarts(opt, e);
    case EG_SCHEDULE_ONE_CYCLE: return one_cycle(p);
    case EG_SCHEDULE_MULTIPLY: return pow(opt->factor, floor(e));
    case EG_SCHEDULE_CONSTANT:
    case EG_SCHEDULES: break;
    }
    return 1;
}

double eg_schedule_factor(eg_schedule schedule, eg_schedule_opt opt, double progress, double epochs) {
    double *option[OPTIONS] = { &opt.factor, &opt.every, &opt.power, &opt.end, &opt.grow };
    for (int i = 0; i < OPTIONS; i++)
        if (*option[i] == 0 && i != END) *option[i] = defaults[schedule][i] / 100.0;
    double factor = factor_at(schedule, &opt, progress, epochs);
    return opt.warm_up > 0 && epochs < opt.warm_up ? factor * epochs / opt.warm_up : factor;
}

static const char *const names[EG_SCHEDULES] = {
#define NAME(NAME, name, formula) name,
    EG_SCHEDULE_LIST(NAME)
#undef NAME
};

static eg_status check_taken(eg_schedule schedule, const eg_schedule_opt *opt) {
    const double given[OPTIONS] = { opt->factor, opt->every, opt->power, opt->end, opt->grow };
    char has[48] = "warm_up";
    size_t used = strlen(has);
    for (int i = 0; i < OPTIONS; i++)
        if (defaults[schedule][i]) used += (size_t)snprintf(has + used, sizeof has - used, ", %s", option_names[i]);
    for (int i = 0; i < OPTIONS; i++)
        if (given[i] != 0 && !defaults[schedule][i])
            return eg_fail(EG_E_ARGUMENT, "schedule %s has no %s (it has %s)", names[schedule], option_names[i], has);
    return EG_OK;
}

eg_status eg_schedule_check(eg_schedule schedule, const eg_schedule_opt *opt) {
    if ((unsigned)schedule >= EG_SCHEDULES) return eg_fail(EG_E_ARGUMENT, "schedule %d is not known", (int)schedule);
    if (!(opt->factor >= 0 && opt->every >= 0 && opt->power >= 0 && opt->end >= 0 && opt->warm_up >= 0) ||
        isinf(opt->every))
        return eg_fail(EG_E_ARGUMENT, "schedule %s: its options are numbers of 0 or more", names[schedule]);
    if (opt->grow != 0 && !(opt->grow >= 1))
        return eg_fail(EG_E_ARGUMENT, "schedule %s: grow is 1 or more", names[schedule]);
    return check_taken(schedule, opt);
}

const char *eg_schedule_name(eg_schedule schedule) {
    return (unsigned)schedule < EG_SCHEDULES ? names[schedule] : "?";
}

eg_status eg_schedule_named(const char *name, eg_schedule *out) {
    int index;
    EG_TRY(eg_word_index("schedule", name, names, EG_SCHEDULES, NULL, 0, &index));
    *out = (eg_schedule)index;
    return EG_OK;
}
