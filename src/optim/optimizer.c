/* SPDX-License-Identifier: MIT
 *
 * optimizer.c: an optimizer as a checked description, and the update graph made from it.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "graph/node.h"
#include "optim/optim.h"
#include <elegans/program.h>

/* ---- options --------------------------------------------------------------------------------- */

/* Every numeric option and its range; `common` ones belong to all methods. */
static const struct number_option {
    const char *name;
    size_t offset;
    double low, below; /* low <= value < below */
    int common;
} numbers[] = {
#define FIELD(name) #name, offsetof(eg_optimizer_opt, name)
    { FIELD(lr), 0, INFINITY, 1 },
    { FIELD(momentum), 0, 1, 0 },
    { FIELD(dampening), 0, INFINITY, 0 },
    { FIELD(rho), 0, 1, 0 },
    { FIELD(beta1), 0, 1, 0 },
    { FIELD(beta2), 0, 1, 0 },
    { FIELD(epsilon), 0, INFINITY, 0 },
    { FIELD(initial), 0, INFINITY, 0 },
    { FIELD(lr_decay), 0, INFINITY, 0 },
    { FIELD(weight_decay), 0, INFINITY, 1 },
    { FIELD(clip_value), 0, INFINITY, 1 },
    { FIELD(clip_norm), 0, INFINITY, 1 },
    { FIELD(clip_global_norm), 0, INFINITY, 1 },
};
static const struct flag_option {
    const char *name;
    size_t offset;
} flags[] = { { FIELD(nesterov) }, { FIELD(centered) }, { FIELD(amsgrad) } };
#undef FIELD

enum { NUMBERS = sizeof numbers / sizeof *numbers, FLAGS = sizeof flags / sizeof *flags };

static double *number_at(eg_optimizer_opt *opt, int i) { return (double *)((char *)opt + numbers[i].offset); }
static int *flag_at(eg_optimizer_opt *opt, int i) { return (int *)((char *)opt + flags[i].offset); }

static int has_option(const eg_method *method, const char *name) {
    char word[40];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(method->options, word) != NULL;
}

static eg_status no_such_option(const eg_method *method, const char *name) {
    return eg_fail(EG_E_ARGUMENT, "optimizer %s has no %s (it has lr, weight_decay, clip_*,%s)", method->name, name,
                   method->options);
}

/* Fills in one number's default; EG_ZERO becomes 0. */
static eg_status resolve_number(const eg_method *method, eg_optimizer_opt *opt, const eg_optimizer_opt *defaults,
                                int i) {
    double *value = number_at(opt, i), fallback = *number_at((eg_optimizer_opt *)defaults, i);
    int given = *value != 0;
    if (given && !numbers[i].common && !has_option(method, numbers[i].name))
        return no_such_option(method, numbers[i].name);
    *value = !given ? fallback : *value == EG_ZERO ? 0 : *value;
    if (*value >= numbers[i].low && *value < numbers[i].below) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "optimizer %s: %s is %g, it must be >= %g and < %g", method->name, numbers[i].name,
                   *value, numbers[i].low, numbers[i].below);
}

static eg_status resolve(const eg_method *method, eg_optimizer_opt *opt) {
    if (opt->dialect != EG_KERAS && opt->dialect != EG_TORCH && opt->dialect != EG_KERAS2)
        return eg_fail(EG_E_ARGUMENT, "optimizer %s: unknown dialect %d", method->name, (int)opt->dialect);
    const eg_optimizer_opt *defaults = &method->defaults[opt->dialect == EG_TORCH];
    for (int i = 0; i < NUMBERS; i++) EG_TRY(resolve_number(method, opt, defaults, i));
    for (int i = 0; i < FLAGS; i++) {
        int *flag = flag_at(opt, i);
        if (*flag && !has_option(method, flags[i].name)) return no_such_option(method, flags[i].name);
        *flag = *flag || *flag_at((eg_optimizer_opt *)defaults, i);
    }
    if ((opt->clip_value > 0) + (opt->clip_norm > 0) + (opt->clip_global_norm > 0) > 1)
        return eg_fail(EG_E_ARGUMENT, "optimizer %s: only one of clip_value, clip_norm and clip_global_norm",
                       method->name);
    if (opt->nesterov && opt->momentum == 0)
        return eg_fail(EG_E_ARGUMENT, "optimizer %s: nesterov needs a momentum", method->name);
    if (opt->nesterov && opt->dampening != 0)
        return eg_fail(EG_E_ARGUMENT, "optimizer %s: nesterov goes without dampening", method->name);
    return EG_OK;
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const aliases[][2] = {
    { "gd", "sgd" },
    { "gradient_descent", "sgd" },
    { "nag", "nesterov" },
    { "rms_prop", "rmsprop" },
};

const char *const *eg_optimizer_names(void) {
    static const char *const names[] = { "sgd",  "momentum", "nesterov", "adagrad", "adadelta",   "rmsprop",
                                         "adam", "adamw",    "nadam",    "adamax",  "coordinate", NULL };
    return names;
}

static const eg_method *find_method(const char *name) {
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(name, aliases[i][0]) == 0) name = aliases[i][1];
    for (const eg_method *m = eg_methods; m->name; m++)
        if (strcmp(name, m->name) == 0) return m;
    return NULL;
}

static eg_status unknown_method(const char *name) {
    const char *const *names = eg_optimizer_names();
    int n = 0;
    while (names[n]) n++;
    return eg_fail_unknown("optimizer", name, names, n);
}

/* ---- life ------------------------------------------------------------------------------------ */

eg_optimizer *eg_optimizer_new(const char *name, eg_optimizer_opt opt) {
    const eg_method *method = name ? find_method(name) : NULL;
    if (!method) {
        unknown_method(name ? name : "");
        return NULL;
    }
    if (opt.size_ > 0 && opt.size_ < sizeof opt) memset((char *)&opt + opt.size_, 0, sizeof opt - opt.size_);
    opt.size_ = sizeof opt;
    if (resolve(method, &opt) != EG_OK) return NULL;
    eg_optimizer *optimizer = eg_alloc(sizeof *optimizer);
    if (optimizer) *optimizer = (eg_optimizer){ method, opt };
    return optimizer;
}

void eg_optimizer_free(eg_optimizer *optimizer) { eg_free(optimizer); }

const char *eg_optimizer_name(const eg_optimizer *optimizer) { return optimizer->method->name; }
double eg_optimizer_lr(const eg_optimizer *optimizer) { return optimizer->opt.lr; }

eg_optimizer_opt eg_optimizer_options(const eg_optimizer *optimizer) {
    eg_optimizer_opt opt = optimizer->opt;
    const eg_optimizer_opt *defaults = &optimizer->method->defaults[opt.dialect == EG_TORCH];
    for (int i = 0; i < NUMBERS; i++)
        if (*number_at(&opt, i) == 0 && *number_at((eg_optimizer_opt *)defaults, i) != 0)
            *number_at(&opt, i) = EG_ZERO;
    return opt;
}

/* ---- the update ------------------------------------------------------------------------------ */

static eg_status graph_status(const eg_graph *graph) {
    eg_status status = eg_graph_status(graph);
    return status == EG_OK ? EG_OK : eg_fail(status, "%s", eg_graph_error(graph));
}

static eg_status check_arguments(eg_value *step, eg_value *lr, eg_value *const *w, eg_value *const *g, int n) {
    EG_TRY(graph_status(step->graph));
    if (n < 1) return eg_fail(EG_E_ARGUMENT, "optimizer: no parameters to update");
    if (step->dtype != EG_I32 || step->shape.rank != 0)
        return eg_fail(EG_E_DTYPE, "optimizer: step must be a scalar i32");
    for (int i = 0; i < n; i++) {
        if (w[i]->op != EG_OP_VAR) return eg_fail(EG_E_ARGUMENT, "optimizer: parameter %d is no variable", i);
        if (w[i]->dtype != lr->dtype || g[i]->dtype != lr->dtype)
            return eg_fail(EG_E_DTYPE, "optimizer: '%s' is %s, its gradient %s, the learning rate %s", w[i]->name,
                           eg_dtype_name(w[i]->dtype), eg_dtype_name(g[i]->dtype), eg_dtype_name(lr->dtype));
        if (!eg_same_shape(&w[i]->shape, &g[i]->shape))
            return eg_fail(EG_E_SHAPE, "optimizer: the gradient of '%s' has another shape", w[i]->name);
    }
    return EG_OK;
}

/* keras decays every method's weights beside the gradient, w (1 - lr wd); torch adds wd w to the gradient, but for
 * adamw. */
static void apply_decay(eg_update *u, const eg_method *method) {
    double decay = u->opt->weight_decay;
    if (decay == 0) return;
    eg_value *factor = eg_const(u->graph, decay);
    if (u->opt->dialect == EG_TORCH && !method->decoupled_decay)
        u->g = eg_add(u->g, eg_mul(u->w, factor));
    else
        u->w = eg_mul(u->w, eg_sub(eg_const(u->graph, 1), eg_mul(u->lr, factor)));
}

static void update_parameter(eg_update *u, const eg_method *method, eg_value *w, eg_value *g) {
    u->w = u->like = w;
    u->g = g;
    u->parameter = w->name;
    apply_decay(u, method);
    eg_value *next = method->step(u);
    u->out[u->count++] = eg_assign(w, next);
}

eg_status eg_optimizer_build(const eg_optimizer *optimizer, eg_value *step, eg_value *lr, eg_value *const *parameters,
                             eg_value *const *gradients, int n, eg_value **out, int *count) {
    *count = 0;
    if (!optimizer->method->step)
        return eg_fail(EG_E_ARGUMENT, "optimizer %s uses no gradients: only eg_model_fit runs it",
                       optimizer->method->name);
    EG_TRY(check_arguments(step, lr, parameters, gradients, n));
    eg_graph *graph = step->graph;
    eg_value **g = eg_alloc(sizeof *g * (size_t)n);
    if (!g) return EG_E_MEMORY;
    memcpy(g, gradients, sizeof *g * (size_t)n);
    eg_clip_gradients(&optimizer->opt, g, n);
    eg_value *t = eg_add(eg_cast(step, lr->dtype), eg_const(graph, 1));
    eg_update u = { .opt = &optimizer->opt, .graph = graph, .lr = lr, .t = t, .out = out };
    if (optimizer->method->prepare) optimizer->method->prepare(&u);
    for (int i = 0; i < n; i++) update_parameter(&u, optimizer->method, parameters[i], g[i]);
    eg_free(g);
    *count = u.count;
    return graph_status(graph);
}

/* ---- starting values ------------------------------------------------------------------------- */

static eg_status fill(eg_state *state, int index, double value) {
    int64_t n = eg_shape_size(eg_state_shape(state, index));
    eg_dtype dtype = eg_state_dtype(state, index);
    size_t bytes = (size_t)n * eg_dtype_size(dtype);
    void *data = eg_alloc(bytes > 0 ? bytes : 1);
    if (!data) return EG_E_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        if (dtype == EG_F64)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
    eg_status status = eg_state_write(state, eg_state_name(state, index), data, bytes);
    eg_free(data);
    return status;
}

eg_status eg_optimizer_init_slots(const eg_optimizer *optimizer, eg_state *state) {
    static const char prefix[] = "optimizer/";
    for (int i = 0; i < eg_state_count(state); i++) {
        const char *name = eg_state_name(state, i);
        eg_dtype dtype = eg_state_dtype(state, i);
        if (strncmp(name, prefix, sizeof prefix - 1) != 0 || (dtype != EG_F32 && dtype != EG_F64)) continue;
        char slot[32];
        snprintf(slot, sizeof slot, "%.*s", (int)strcspn(name + sizeof prefix - 1, "/"), name + sizeof prefix - 1);
        double start = optimizer->method->start ? optimizer->method->start(&optimizer->opt, slot) : 0;
        EG_TRY(fill(state, i, start));
    }
    return EG_OK;
}
