/* SPDX-License-Identifier: MIT
 *
 * methods.c: the update rules, one function each, and the table of their defaults. Sources: Keras 3's optimizers and
 * PyTorch 2's; tests/optim replays all of them against both. g = gradient, w = parameter, t = 1, 2, ...
 *
 * Bias corrections are computed from t within the graph. 1 - b^t would lose half of a float's digits while b^t is
 * near 1 (.999 is already rounded), hence one_minus_power.
 */
#include "optim/optim.h"

#include <math.h>
#include <string.h>

#include "graph/node.h"

/* ---- words for formulas ---------------------------------------------------------------------- */

static eg_value *number(eg_update *u, double value) { return eg_const(u->graph, value); }
static eg_value *times(eg_update *u, double factor, eg_value *x) { return eg_mul(x, number(u, factor)); }
static eg_value *plus(eg_update *u, eg_value *x, double addend) {
    return addend == 0 ? x : eg_add(x, number(u, addend));
}

/* A variable "optimizer/<name>/<parameter>" that lies as the parameter does. */
static eg_value *slot(eg_update *u, const char *name) {
    char *full = eg_arena_format(&u->graph->arena, "optimizer/%s/%s", name, u->parameter);
    if (!full) return eg_poison(u->graph, EG_E_MEMORY, "optimizer", "no memory for the name of a slot");
    return eg_leaf(u->graph, EG_OP_VAR, full, u->like->dtype, &u->like->shape, u->like->layout);
}

/* Makes `now` the slot's next value; returns it. */
static eg_value *keep(eg_update *u, eg_value *variable, eg_value *now) {
    u->out[u->count++] = eg_assign(variable, now);
    return now;
}

/* s = decay s + gain x in the slot `name` */
static eg_value *blend(eg_update *u, const char *name, double decay, double gain, eg_value *x) {
    eg_value *s = slot(u, name);
    eg_value *added = gain == 1 ? x : times(u, gain, x), *kept = times(u, decay, s); /* as the chains have it */
    return keep(u, s, eg_add(kept, added));
}

/* Exponential mean: s = b s + (1 - b) x */
static eg_value *mean(eg_update *u, const char *name, double b, eg_value *x) { return blend(u, name, b, 1 - b, x); }

static eg_value *mean_square(eg_update *u, const char *name, double b) { return mean(u, name, b, eg_square(u->g)); }
static eg_value *first_moment(eg_update *u) { return mean(u, "m", u->opt->beta1, u->g); }

/* 1 - b^t = 2 h / (1 + h) with h = tanh(-t ln(b) / 2): exact to some ulps for every b and t, in float too. */
static eg_value *one_minus_power(eg_update *u, double b) {
    if (b <= 0) return number(u, 1);
    eg_value *h = eg_tanh(times(u, -log(b) / 2, u->t));
    return eg_div(times(u, 2, h), plus(u, h, 1));
}

/* sqrt(s - a^2), which rounding must not take below zero */
static eg_value *centered_variance(eg_update *u, eg_value *s, eg_value *a) {
    return eg_maximum(eg_sub(s, eg_square(a)), number(u, 0));
}

/* ---- sgd, momentum, nesterov ----------------------------------------------------------------- */

/* torch: b = mu b + (1-d) g, but b = g at the first step; b starts at 0, so only dampening needs the distinction */
static eg_value *torch_velocity(eg_update *u) {
    double mu = u->opt->momentum, d = u->opt->dampening;
    if (d == 0) return blend(u, "momentum", mu, 1, u->g);
    eg_value *b = slot(u, "momentum"), *next = eg_add(times(u, mu, b), times(u, 1 - d, u->g));
    return keep(u, b, eg_where(u->scalar[0], u->g, next));
}

static void sgd_prepare(eg_update *u) { u->scalar[0] = eg_less(u->t, number(u, 1.5)); /* the first step */ }

static eg_value *sgd_torch(eg_update *u) {
    double mu = u->opt->momentum;
    eg_value *d = u->g;
    if (mu != 0) {
        eg_value *b = torch_velocity(u);
        d = u->opt->nesterov ? eg_add(u->g, times(u, mu, b)) : b;
    }
    return eg_mul(u->lr, d);
}

/* The lectures' m = mu m + lr g; w -= m. Keras' v is -m. Nesterov: w -= mu m + lr g, with the new m. */
static eg_value *lecture_step(eg_update *u) {
    eg_value *rate_g = eg_mul(u->lr, u->g);
    if (u->opt->momentum == 0) return rate_g;
    eg_value *m = blend(u, "momentum", u->opt->momentum, 1, rate_g);
    return u->opt->nesterov ? eg_add(times(u, u->opt->momentum, m), rate_g) : m;
}

static eg_value *sgd_step(eg_update *u) { return u->torch ? sgd_torch(u) : lecture_step(u); }

/* ---- adagrad, adadelta, rmsprop -------------------------------------------------------------- */

static void adagrad_prepare(eg_update *u) {
    u->scalar[0] = u->lr;
    if (u->opt->lr_decay != 0) /* lr / (1 + (t-1) d) */
        u->scalar[0] = eg_div(u->lr, plus(u, times(u, u->opt->lr_decay, plus(u, u->t, -1)), 1));
}

static eg_value *adagrad_step(eg_update *u) {
    eg_value *s = blend(u, "accumulator", 1, 1, eg_square(u->g));
    double eps = u->opt->epsilon;
    eg_value *root = u->torch ? plus(u, eg_sqrt(s), eps) : eg_sqrt(plus(u, s, eps));
    return eg_div(eg_mul(u->scalar[0], u->g), root);
}

static eg_value *adadelta_step(eg_update *u) {
    double rho = u->opt->rho, eps = u->opt->epsilon;
    eg_value *s = mean_square(u, "gradient", rho);
    eg_value *d = slot(u, "delta");
    eg_value *step = eg_mul(eg_sqrt(eg_div(plus(u, d, eps), plus(u, s, eps))), u->g);
    keep(u, d, eg_add(times(u, rho, d), times(u, 1 - rho, eg_square(step))));
    return eg_mul(u->lr, step);
}

/* g / sqrt(s + eps) in keras, g / (sqrt(s) + eps) in torch and in Keras 2 */
static eg_value *rmsprop_scaled(eg_update *u) {
    eg_value *s = mean_square(u, "velocity", u->opt->rho);
    if (u->opt->centered) s = centered_variance(u, s, mean(u, "average", u->opt->rho, u->g));
    double eps = u->opt->epsilon;
    if (u->opt->dialect == EG_KERAS) return eg_mul(u->g, eg_rsqrt(plus(u, s, eps)));
    return eg_div(u->g, plus(u, eg_sqrt(s), eps));
}

static eg_value *rmsprop_step(eg_update *u) {
    eg_value *scaled = rmsprop_scaled(u);
    double mu = u->opt->momentum;
    if (u->torch && mu != 0) scaled = blend(u, "momentum", mu, 1, scaled);
    scaled = eg_mul(u->lr, scaled);
    return u->torch || mu == 0 ? scaled : blend(u, "momentum", mu, 1, scaled);
}

/* ---- adam and its kin ------------------------------------------------------------------------ */

/* keras: [0] = lr sqrt(1-b2^t) / (1-b1^t), [1] = 1; torch: [0] = lr / (1-b1^t), [1] = 1 / sqrt(1-b2^t) */
static void adam_prepare(eg_update *u) {
    eg_value *rate = eg_div(u->lr, one_minus_power(u, u->opt->beta1));
    eg_value *root = eg_sqrt(one_minus_power(u, u->opt->beta2));
    u->scalar[0] = u->torch ? rate : eg_mul(rate, root);
    u->scalar[1] = u->torch ? eg_div(number(u, 1), root) : NULL;
}

static eg_value *adam_step(eg_update *u) {
    eg_value *m = first_moment(u), *v = mean_square(u, "v", u->opt->beta2);
    if (u->opt->amsgrad) {
        eg_value *top = slot(u, "v_max");
        v = keep(u, top, eg_maximum(top, v));
    }
    eg_value *root = u->scalar[1] ? eg_mul(eg_sqrt(v), u->scalar[1]) : eg_sqrt(v);
    eg_value *below = plus(u, root, u->opt->epsilon), *above = eg_mul(u->scalar[0], m); /* as the chain has it */
    return eg_div(above, below);
}

/* Nadam's u_t = b1 (1 - .5 .96^(psi t)) at t + `ahead`; psi is 1 in Keras, .004 in PyTorch */
static eg_value *nadam_mu(eg_update *u, double ahead) {
    double psi = u->torch ? .004 : 1, b1 = u->opt->beta1;
    eg_value *power = eg_exp(times(u, psi * log(.96), plus(u, u->t, ahead)));
    return plus(u, times(u, -.5 * b1, power), b1);
}

/* P = prod u is a scalar slot of its own.
 * [0] = lr u_{t+1} / (1 - P u_{t+1}), [1] = lr (1-u_t) / (1-P), [2] = 1 / sqrt(1-b2^t) */
static void nadam_prepare(eg_update *u) {
    eg_value *now = nadam_mu(u, 0), *next = nadam_mu(u, 1), *one = number(u, 1);
    eg_value *product = eg_leaf(u->graph, EG_OP_VAR, "optimizer/u_product", u->lr->dtype, &EG_SCALAR, EG_ROWS);
    eg_value *P = keep(u, product, eg_mul(product, now));
    u->scalar[0] = eg_div(eg_mul(u->lr, next), eg_sub(one, eg_mul(P, next)));
    u->scalar[1] = eg_div(eg_mul(u->lr, eg_sub(one, now)), eg_sub(one, P));
    u->scalar[2] = eg_rsqrt(one_minus_power(u, u->opt->beta2));
}

static eg_value *nadam_step(eg_update *u) {
    eg_value *m = first_moment(u), *v = mean_square(u, "v", u->opt->beta2);
    eg_value *ahead = eg_add(eg_mul(u->scalar[0], m), eg_mul(u->scalar[1], u->g));
    return eg_div(ahead, plus(u, eg_mul(eg_sqrt(v), u->scalar[2]), u->opt->epsilon));
}

static void adamax_prepare(eg_update *u) { u->scalar[0] = eg_div(u->lr, one_minus_power(u, u->opt->beta1)); }

static eg_value *adamax_step(eg_update *u) {
    eg_value *m = first_moment(u), *top = slot(u, "u");
    eg_value *size = u->torch ? plus(u, eg_abs(u->g), u->opt->epsilon) : eg_abs(u->g);
    eg_value *next = keep(u, top, eg_maximum(times(u, u->opt->beta2, top), size));
    return eg_div(eg_mul(u->scalar[0], m), u->torch ? next : plus(u, next, u->opt->epsilon));
}

/* ---- the table ------------------------------------------------------------------------------- */

#define MOMENTS " beta1=.9 beta2=.999 epsilon=1e-7|1e-8"

const eg_method eg_methods[] = {
    { "sgd", "lr=.01|.001 momentum dampening nesterov", sgd_prepare, sgd_step, 0 },
    { "momentum", "lr=.01|.001 momentum=.9", NULL, lecture_step, 0 },
    { "nesterov", "lr=.01|.001 momentum=.9 nesterov=1", sgd_prepare, sgd_step, 0 },
    { "adagrad", "lr=.001|.01 epsilon=1e-7|1e-10 initial=.1|0 lr_decay", adagrad_prepare, adagrad_step, 0 },
    { "adadelta", "lr=.001|1 rho=.95|.9 epsilon=1e-7|1e-6", NULL, adadelta_step, 0 },
    { "rmsprop", "lr=.001|.01 rho=.9|.99 momentum epsilon=1e-7|1e-8 centered", NULL, rmsprop_step, 0 },
    { "adam", "lr=.001" MOMENTS " amsgrad", adam_prepare, adam_step, 0 },
    { "adamw", "lr=.001" MOMENTS " amsgrad weight_decay=.004|.01", adam_prepare, adam_step, 1 },
    { "nadam", "lr=.001|.002" MOMENTS, nadam_prepare, nadam_step, 0 },
    { "adamax", "lr=.001|.002" MOMENTS, adamax_prepare, adamax_step, 0 },
    { "coordinate", "lr=.01", NULL, NULL, 0 },
    { 0 },
};
