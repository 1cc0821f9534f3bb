/* SPDX-License-Identifier: MIT
 *
 * check.c: compares reverse-mode gradients with central differences (f(x+h) - f(x-h)) / 2h, element by element, on
 * the float64 reference executor.
 *
 * The state and the inputs hold their declared dtype, f32 mostly, so x+h is rounded to it first; the difference is
 * then divided by the distance that the two points really have, which is exact. All else is computed in double, so a
 * step of 1e-5 leaves ten digits. The step grows with |x| above 1. Where a step happens to cross a kink (a relu at
 * 0), a smaller one decides: the steps are tried in turn until one agrees.
 */
#include <elegans/check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/text.h"
#include "graph/node.h"
#include "tensor/shape.h"

static const double default_steps[] = { 1e-5, 1e-4, 1e-6 };
enum { DEFAULT_SAMPLES = 64 };

typedef struct check {
    const eg_check_opt *opt;
    eg_graph *graph;
    eg_state *state;      /* a copy: the user's is left alone */
    eg_program *loss;     /* root: the loss */
    eg_program *gradient; /* roots: the derivatives */
    const double *const *inputs;
    eg_check_result *out;
} check;

/* The tensor that is being varied. */
typedef struct subject {
    const eg_value *leaf;
    int64_t n;
    size_t bytes;
    void *data;       /* [n] in the leaf's dtype */
    double *analytic; /* [n] */
} subject;

/* ---- points
 * -------------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const eg_value *leaf) { return (size_t)eg_count(&leaf->shape) * eg_dtype_size(leaf->dtype); }

/* Gives both programs an input, or the state's copy a variable. */
static eg_status put(check *c, const eg_value *leaf, const void *data) {
    if (leaf->op == EG_OP_VAR) return eg_state_write(c->state, leaf->name, data, bytes_of(leaf));
    EG_TRY(eg_set(c->loss, leaf->name, data, bytes_of(leaf)));
    return eg_set(c->gradient, leaf->name, data, bytes_of(leaf));
}

/* The user's doubles for the index-th input, in its dtype; allocated. */
static eg_status input_data(const check *c, const eg_value *leaf, void **data) {
    int index = 0;
    while (index < c->graph->nleaves && c->graph->leaves[index] != leaf) index++;
    int place = 0; /* among the inputs */
    for (int i = 0; i < index; i++) place += c->graph->leaves[i]->op == EG_OP_INPUT;
    if (!c->inputs || !c->inputs[place]) return eg_fail(EG_E_MISSING, "check: input '%s' was not given", leaf->name);
    *data = eg_calloc(1, bytes_of(leaf) + 1);
    if (!*data) return EG_E_MEMORY;
    eg_convert(leaf->dtype, *data, EG_F64, c->inputs[place], eg_count(&leaf->shape));
    return EG_OK;
}

static eg_status put_inputs(check *c) {
    for (int i = 0; i < c->graph->nleaves; i++) {
        const eg_value *leaf = c->graph->leaves[i];
        void *data = NULL;
        if (leaf->op != EG_OP_INPUT) continue;
        EG_TRY(input_data(c, leaf, &data));
        eg_status status = put(c, leaf, data);
        eg_free(data);
        EG_TRY(status);
    }
    return EG_OK;
}

/* Moves element i to `x` rounded to the dtype, which is what *at becomes, and computes the loss there. */
static eg_status loss_at(check *c, subject *s, int64_t i, double x, double *at, double *loss) {
    char *element = (char *)s->data + (size_t)i * eg_dtype_size(s->leaf->dtype);
    eg_convert(s->leaf->dtype, element, EG_F64, &x, 1);
    eg_convert(EG_F64, at, s->leaf->dtype, element, 1);
    EG_TRY(put(c, s->leaf, s->data));
    EG_TRY(eg_run(c->loss));
    return eg_fetch(c->loss, 0, loss, 1);
}

static eg_status numeric(check *c, subject *s, int64_t i, double step, double *out) {
    const char *element = (const char *)s->data + (size_t)i * eg_dtype_size(s->leaf->dtype);
    double x, at[3], loss[3];
    eg_convert(EG_F64, &x, s->leaf->dtype, element, 1);
    step *= fmax(1, fabs(x));
    const double points[3] = { x + step, x - step, x };
    for (int k = 0; k < 3; k++) EG_TRY(loss_at(c, s, i, points[k], &at[k], &loss[k]));
    *out = (loss[0] - loss[1]) / (at[0] - at[1]);
    return EG_OK;
}

/* ---- comparing
 * ----------------------------------------------------------------------------------------------------- */

static double error_of(const check *c, double analytic, double found) {
    double scale = fmax(fmax(fabs(analytic), fabs(found)), c->opt->atol / c->opt->rtol);
    double error = fabs(analytic - found) / scale;
    return isnan(error) ? INFINITY : error;
}

/* "dense_1/kernel[3,7]: analytic 0.1234, numeric 0.1235" */
static void describe(const check *c, const subject *s, int64_t i, double found) {
    int64_t stride[EG_MAX_RANK];
    eg_shape at = s->leaf->shape;
    eg_shape_strides(&s->leaf->shape, stride);
    for (int d = 0; d < at.rank; d++) at.dim[d] = i / stride[d] % s->leaf->shape.dim[d];
    snprintf(c->out->worst, sizeof c->out->worst, "%.60s%s: analytic %.9g, numeric %.9g", s->leaf->name,
             eg_shape_words(&at), s->analytic[i], found);
}

static eg_status compare(check *c, subject *s, int64_t i) {
    const double *steps = c->opt->step > 0 ? &c->opt->step : default_steps;
    int nsteps = c->opt->step > 0 ? 1 : (int)(sizeof default_steps / sizeof default_steps[0]);
    double best = INFINITY, found = NAN;
    for (int k = 0; k < nsteps && !(best <= c->opt->rtol); k++) {
        double slope;
        EG_TRY(numeric(c, s, i, steps[k], &slope));
        double error = error_of(c, s->analytic[i], slope);
        if (k == 0 || error < best) found = slope;
        best = fmin(best, error);
    }
    c->out->checked++;
    c->out->nonzero += s->analytic[i] != 0;
    if (!(best <= c->opt->rtol)) c->out->passed = 0;
    if (best >= c->out->worst_error) {
        c->out->worst_error = best;
        describe(c, s, i, found);
    }
    return EG_OK;
}

/* All elements, or one at random out of each of `samples` equal stretches. */
static eg_status compare_samples(check *c, subject *s) {
    int64_t samples = s->n < c->opt->samples ? s->n : c->opt->samples;
    eg_rng_key key = { .seed = eg_state_seed(c->state), .site = eg_name_site(s->leaf->name) };
    for (int64_t k = 0; k < samples; k++) {
        int64_t first = (int64_t)((double)s->n / (double)samples * (double)k), i = first;
        if (samples < s->n) {
            int64_t last = (int64_t)((double)s->n / (double)samples * (double)(k + 1));
            i += (int64_t)((double)eg_rng_uniform(key, (uint64_t)k) * (double)(last - first));
        }
        EG_TRY(compare(c, s, i));
    }
    return EG_OK;
}

static eg_status load(check *c, subject *s, int root) {
    s->analytic = eg_calloc((size_t)s->n + 1, sizeof(double));
    if (!s->analytic) return EG_E_MEMORY;
    EG_TRY(eg_fetch(c->gradient, root, s->analytic, s->n));
    if (s->leaf->op == EG_OP_INPUT) return input_data(c, s->leaf, &s->data);
    s->data = eg_calloc(1, s->bytes + 1);
    return s->data ? eg_state_read(c->state, s->leaf->name, s->data, s->bytes) : EG_E_MEMORY;
}

static eg_status check_one(check *c, const eg_value *leaf, int root) {
    subject s = { .leaf = leaf, .n = eg_count(&leaf->shape), .bytes = bytes_of(leaf) };
    eg_status status = load(c, &s, root);
    if (status == EG_OK) status = compare_samples(c, &s);
    eg_free(s.data);
    eg_free(s.analytic);
    return status;
}

/* ---- the whole
 * ----------------------------------------------------------------------------------------------------- */

static eg_status check_leaves(const eg_graph *graph, eg_value *const *wrt, int n) {
    EG_TRY(eg_graph_settle(graph));
    if (n < 1) return eg_fail(EG_E_ARGUMENT, "check: there is nothing to differentiate by");
    for (int i = 0; i < n; i++)
        if (wrt[i]->op != EG_OP_VAR && wrt[i]->op != EG_OP_INPUT)
            return eg_fail(EG_E_ARGUMENT, "check: wrt %d is a value of %s, not a variable or an input", i,
                           eg_value_op(wrt[i]));
    return EG_OK;
}

static eg_status new_program(const check *c, eg_value *const *roots, int n, eg_program **out) {
    *out = eg_program_new(c->state, roots, n, .executor = EG_REF);
    return *out ? EG_OK : eg_error_status();
}

static eg_status run(check *c, eg_value *loss, eg_value *const *wrt, int n, eg_value **derivative) {
    EG_TRY(eg_grad(loss, wrt, n, derivative));
    if (!c->state) return EG_E_MEMORY;
    EG_TRY(new_program(c, &loss, 1, &c->loss));
    EG_TRY(new_program(c, derivative, n, &c->gradient));
    for (int i = 0; i < n; i++)
        if (wrt[i]->op == EG_OP_VAR) EG_TRY(eg_state_add(c->state, wrt[i])); /* also one that nothing reads */
    EG_TRY(put_inputs(c));
    EG_TRY(eg_run(c->gradient));
    for (int i = 0; i < n; i++) EG_TRY(check_one(c, wrt[i], i));
    return EG_OK;
}

eg_status eg_check_gradient_(eg_value *loss, eg_value *const *wrt, int n, eg_state *state,
                             const double *const *inputs, eg_check_opt opt, eg_check_result *out) {
    if (opt.rtol <= 0) opt.rtol = 1e-6;
    if (opt.atol <= 0) opt.atol = 1e-8;
    if (opt.samples <= 0) opt.samples = DEFAULT_SAMPLES;
    memset(out, 0, sizeof *out);
    out->passed = 1;
    EG_TRY(check_leaves(loss->graph, wrt, n));
    check c = { .opt = &opt, .graph = loss->graph, .inputs = inputs, .out = out, .state = eg_state_clone(state) };
    eg_value **derivative = eg_calloc((size_t)n, sizeof *derivative);
    eg_status status = derivative ? run(&c, loss, wrt, n, derivative) : EG_E_MEMORY;
    if (status != EG_OK) out->passed = 0;
    eg_free(derivative);
    eg_program_free(c.loss);
    eg_program_free(c.gradient);
    eg_state_free(c.state);
    return status;
}
