/* SPDX-License-Identifier: MIT
 *
 * lower_index.c: look-ups by number, and random numbers. An index outside its axis selects nothing. A
 * scatter-add goes through the indices in order for each part of the columns, so that its sums do not depend on
 * the threads.
 */
#include <string.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"

/* The array as [before, along, after] around the axis that is indexed; n indices. */
typedef struct index_detail {
    unsigned char *out;
    const unsigned char *in;
    const int32_t *index;
    int64_t before, along, after, n;
    size_t size; /* bytes of an element */
} index_detail;

/* A step that looks up along an axis of the array `shape`; NULL without memory. */
static index_detail *new_step(eg_cpu_run *run, const eg_value *v, const char *name, eg_step_fn fn,
                              const eg_shape *shape, int64_t axis) {
    eg_cpu_step *step = eg_step_new(run, v, name, fn, sizeof(index_detail));
    if (!step) return NULL;
    index_detail *d = step->detail;
    int64_t size[3] = { 1, 1, 1 };
    for (int i = 0; i < shape->rank; i++) size[i < axis ? 0 : i == axis ? 1 : 2] *= shape->dim[i];
    d->before = size[0], d->along = size[1], d->after = size[2];
    d->n = eg_count(&v->in[1]->shape);
    return d;
}

static int is_inside(int64_t at, int64_t along) { return at >= 0 && at < along; }

/* ---- gather ---------------------------------------------------------------------------------------------- */

/* Items are the slices of the result. */
static void run_gather(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const index_detail *d = step->detail;
    size_t bytes = (size_t)d->after * d->size;
    for (int64_t i = from; i < to; i++) {
        int64_t at = d->index[i % d->n];
        unsigned char *out = d->out + (size_t)i * bytes;
        if (is_inside(at, d->along)) memcpy(out, d->in + (size_t)(i / d->n * d->along + at) * bytes, bytes);
        else memset(out, 0, bytes);
    }
}

eg_status eg_lower_gather(eg_cpu_run *run, const eg_value *v) {
    index_detail *d = new_step(run, v, "gather", run_gather, &v->in[0]->shape, v->attr.axis.axis);
    if (!d) return EG_E_MEMORY;
    d->size = eg_dtype_size(v->dtype);
    run->last->items = d->before * d->n;
    run->last->work = .2 * (double)eg_count(&v->shape);
    return eg_step_computes(run, &d->out);
}

/* ---- scatter-add ----------------------------------------------------------------------------------------- */

enum { COLUMNS_AT_ONCE = 64 };

/* Items are pieces of columns: each part adds its columns of every slice. */
static void run_scatter(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const index_detail *d = step->detail;
    float *out = (float *)(void *)d->out;
    const float *in = (const float *)(const void *)d->in;
    int64_t j0 = from * COLUMNS_AT_ONCE, j1 = to * COLUMNS_AT_ONCE < d->after ? to * COLUMNS_AT_ONCE : d->after;
    for (int64_t row = 0; row < d->before * d->along; row++)
        for (int64_t j = j0; j < j1; j++) out[row * d->after + j] = 0;
    for (int64_t i = 0; i < d->before * d->n; i++) {
        int64_t at = d->index[i % d->n];
        if (!is_inside(at, d->along)) continue;
        float *sum = out + (i / d->n * d->along + at) * d->after;
        const float *more = in + i * d->after;
        for (int64_t j = j0; j < j1; j++) sum[j] += more[j];
    }
}

eg_status eg_lower_scatter_add(eg_cpu_run *run, const eg_value *v) {
    if (v->dtype != EG_F32) return eg_lower_reference(run, v);
    index_detail *d = new_step(run, v, "scatter add", run_scatter, &v->shape, v->attr.scatter.axis);
    if (!d) return EG_E_MEMORY;
    run->last->items = (d->after + COLUMNS_AT_ONCE - 1) / COLUMNS_AT_ONCE;
    run->last->work = .3 * (double)(eg_count(&v->shape) + eg_count(&v->in[0]->shape));
    return eg_step_computes(run, &d->out);
}

/* ---- one-hot --------------------------------------------------------------------------------------------- */

typedef struct one_hot_detail {
    float *out;
    const int32_t *index;
    int64_t depth;
} one_hot_detail;

static void run_one_hot(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const one_hot_detail *d = step->detail;
    float *out = d->out + from * d->depth;
    memset(out, 0, (size_t)((to - from) * d->depth) * sizeof *out);
    for (int64_t i = from; i < to; i++, out += d->depth)
        if (is_inside(d->index[i], d->depth)) out[d->index[i]] = 1;
}

eg_status eg_lower_one_hot(eg_cpu_run *run, const eg_value *v) {
    if (v->dtype != EG_F32) return eg_lower_reference(run, v);
    eg_cpu_step *step = eg_step_new(run, v, "one hot", run_one_hot, sizeof(one_hot_detail));
    if (!step) return EG_E_MEMORY;
    one_hot_detail *d = step->detail;
    d->depth = v->attr.one_hot.depth;
    step->items = eg_count(&v->in[0]->shape);
    step->work = .1 * (double)eg_count(&v->shape);
    return eg_step_computes(run, &d->out);
}

/* ---- random numbers -------------------------------------------------------------------------------------- */

typedef struct random_detail {
    float *out;
    const int32_t *step;
    void (*draw)(int64_t n, float *d, eg_rng_key key, uint64_t first);
    const eg_program *program; /* for the seed of the moment */
    uint32_t site;
    int64_t n;
} random_detail;

enum { DRAWS_AT_ONCE = 256 };

static void run_random(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)scratch;
    const random_detail *d = step->detail;
    eg_rng_key key = { eg_state_seed(d->program->state), (uint32_t)*d->step, d->site };
    int64_t begin = from * DRAWS_AT_ONCE, end = to * DRAWS_AT_ONCE < d->n ? to * DRAWS_AT_ONCE : d->n;
    d->draw(end - begin, d->out + begin, key, (uint64_t)begin);
}

eg_status eg_lower_random(eg_cpu_run *run, const eg_value *v) {
    if (v->dtype != EG_F32) return eg_lower_reference(run, v);
    eg_cpu_step *step = eg_step_new(run, v, "random", run_random, sizeof(random_detail));
    if (!step) return EG_E_MEMORY;
    random_detail *d = step->detail;
    d->draw = v->op == EG_OP_RANDOM_NORMAL ? run->kernels->normal : run->kernels->uniform;
    d->program = run->program;
    d->site = v->attr.random.site;
    d->n = eg_count(&v->shape);
    step->items = (d->n + DRAWS_AT_ONCE - 1) / DRAWS_AT_ONCE;
    step->work = (double)d->n;
    step->flops = eg_value_flops(v);
    return eg_step_computes(run, &d->out);
}
