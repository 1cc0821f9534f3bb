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

/* Every option and its range; `common` ones belong to all methods. */
static const struct option {
    const char *name;
    unsigned char offset, is_flag, is_common, is_share; /* a number is >= 0, a share < 1 too */
} options[] = {
#define FIELD(name) #name, offsetof(eg_optimizer_opt, name)
    { FIELD(lr), 0, 1, 0 },
    { FIELD(momentum), 0, 0, 1 },
    { FIELD(dampening), 0, 0, 0 },
    { FIELD(rho), 0, 0, 1 },
    { FIELD(beta1), 0, 0, 1 },
    { FIELD(beta2), 0, 0, 1 },
    { FIELD(epsilon), 0, 0, 0 },
    { FIELD(initial), 0, 0, 0 },
    { FIELD(lr_decay), 0, 0, 0 },
    { FIELD(weight_decay), 0, 1, 0 },
    { FIELD(clip_value), 0, 1, 0 },
    { FIELD(clip_norm), 0, 1, 0 },
    { FIELD(clip_global_norm), 0, 1, 0 },
    { FIELD(nesterov), 1, 0, 0 },
    { FIELD(centered), 1, 0, 0 },
    { FIELD(amsgrad), 1, 0, 0 },
#undef FIELD
};
enum { OPTIONS = sizeof options / sizeof *options };

/* Behind the option's name in the method's text; NULL where that has no such option. */
static const char *find_option(const eg_method *method, const char *name) {
    size_t length = strlen(name);
    for (const char *word = method->options; *word; word += strcspn(word, " "), word += strspn(word, " "))
        if (strncmp(word, name, length) == 0 && strchr("= ", word[length])) return word + length;
    return NULL;
}

static double default_of(const eg_method *method, const struct option *option, eg_dialect dialect) {
    const char *text = find_option(method, option->name), *end = method->options + strlen(method->options);
    double value = 0;
    if (text && *text == '=') text = eg_parse_double(text + 1, end, &value);
    if (text && *text == '|' && dialect == EG_TORCH) eg_parse_double(text + 1, end, &value);
    return value;
}

static double get(const eg_optimizer_opt *opt, const struct option *option) {
    const void *at = (const char *)opt + option->offset;
    return option->is_flag ? *(const int *)at != 0 : *(const double *)at;
}

static void set(eg_optimizer_opt *opt, const struct option *option, double value) {
    void *at = (char *)opt + option->offset;
    if (option->is_flag)
        *(int *)at = value != 0;
    else
        *(double *)at = value;
}

/* Fills in the option's default; EG_ZERO becomes 0. */
static eg_status resolve_option(const eg_method *method, const struct option *option, eg_optimizer_opt *opt) {
    double value = get(opt, option), below = option->is_share ? 1 : INFINITY;
    if (value != 0 && !option->is_common && !find_option(method, option->name))
        return eg_fail(EG_E_ARGUMENT, "optimizer %s has no %s (it has weight_decay, clip_*, %s)", method->name,
                       option->name, method->options);
    value = value == 0 ? default_of(method, option, opt->dialect) : value == EG_ZERO ? 0 : value;
    set(opt, option, value);
    if (value >= 0 && value < below) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "optimizer %s: %s is %g, it must be >= 0 and < %g", method->name, option->name,
                   value, below);
}

static eg_status resolve(const eg_method *method, eg_optimizer_opt *opt) {
    if (opt->dialect != EG_KERAS && opt->dialect != EG_TORCH && opt->dialect != EG_KERAS2)
        return eg_fail(EG_E_ARGUMENT, "optimizer %s: unknown dialect %d", method->name, (int)opt->dialect);
    for (int i = 0; i < OPTIONS; i++) EG_TRY(resolve_option(method, &options[i], opt));
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
    for (int i = 0; i < OPTIONS; i++)
        if (get(&opt, &options[i]) == 0 && default_of(optimizer->method, &options[i], opt.dialect) != 0)
            set(&opt, &options[i], EG_ZERO);
    return opt;
}

/* ---- the update ------------------------------------------------------------------------------ */

static eg_status check_arguments(eg_value *step, eg_value *lr, eg_value *const *w, eg_value *const *g, int n) {
    EG_TRY(eg_graph_settle(step->graph));
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
    if (u->torch && !method->decoupled_decay)
        u->g = eg_add(u->g, eg_mul(u->w, factor));
    else
        u->w = eg_mul(u->w, eg_sub(eg_const(u->graph, 1), eg_mul(u->lr, factor)));
}

static void update_parameter(eg_update *u, const eg_method *method, eg_value *w, eg_value *g) {
    u->w = u->like = w;
    u->g = g;
    u->parameter = w->name;
    apply_decay(u, method);
    eg_value *lowered_by = method->step(u);
    u->out[u->count++] = eg_assign(w, eg_sub(u->w, lowered_by));
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
    const eg_optimizer_opt *opt = &optimizer->opt;
    eg_update u = { .opt = opt, .torch = opt->dialect == EG_TORCH, .graph = graph, .lr = lr, .t = t, .out = out };
    if (optimizer->method->prepare) optimizer->method->prepare(&u);
    for (int i = 0; i < n; i++) update_parameter(&u, optimizer->method, parameters[i], g[i]);
    eg_free(g);
    *count = u.count;
    return eg_graph_settle(graph);
}

/* ---- starting values ------------------------------------------------------------------------- */

static eg_status fill(eg_state *state, int index, double value) {
    int64_t n = eg_shape_size(eg_state_shape(state, index));
    eg_dtype dtype = eg_state_dtype(state, index);
    size_t size = eg_dtype_size(dtype);
    char *data = eg_calloc((size_t)n + 1, size);
    if (!data) return EG_E_MEMORY;
    for (int64_t i = 0; i < n && value != 0; i++) eg_convert(dtype, data + (size_t)i * size, EG_F64, &value, 1);
    eg_status status = eg_state_write(state, eg_state_name(state, index), data, (size_t)n * size);
    eg_free(data);
    return status;
}

static int is_slot(const char *variable, const char *slot) {
    size_t length = strlen(slot);
    return strncmp(variable, slot, length) == 0 && strchr("/", variable[length]);
}

/* All start at zero but adagrad's sums and nadam's product. */
eg_status eg_optimizer_init_slots(const eg_optimizer *optimizer, eg_state *state) {
    for (int i = 0; i < eg_state_count(state); i++) {
        const char *name = eg_state_name(state, i);
        eg_dtype dtype = eg_state_dtype(state, i);
        if (!is_slot(name, "optimizer") || (dtype != EG_F32 && dtype != EG_F64)) continue;
        double start =
            is_slot(name, "optimizer/accumulator") ? optimizer->opt.initial : is_slot(name, "optimizer/u_product");
        EG_TRY(fill(state, i, start));
    }
    return EG_OK;
}
