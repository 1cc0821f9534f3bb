/* SPDX-License-Identifier: MIT
 *
 * lower_window.c: windows in which channels do not mix: sums, largest elements, what they give back to their
 * places, and depthwise convolution. Which pixels a window covers follows from two lists, one for each spatial
 * axis, made once; so padding, strides, dilation and spread cost nothing at run time and nothing is copied.
 *
 * Max pooling is window_argmax and take_along: both results come out of one step. Its derivative, put_along at
 * such places, visits, for each pixel, the windows over it instead of jumping to places.
 */
#include <string.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"
#include "runtime/lower_window.h"

/* ---- lists --------------------------------------------------------------------------------------------- */

typedef struct window_detail {
    const eg_kernels *kernels;
    eg_window w;
    eg_axis_list axis[EG_SPATIAL];
    const float *x, *dy, *kernel, *start;
    const int32_t *place;
    float *out;
    eg_conv_result result;
    eg_partial_sums sums;
} window_detail;

eg_status eg_axis_list_new(eg_arena *arena, const eg_window *w, int d, int64_t pixel, int64_t tap,
                           eg_axis_list *out) {
    int64_t positions = w->positions[d], n = 0;
    out->first = EG_ARENA_ARRAY(arena, int32_t, positions + 1);
    out->at = EG_ARENA_ARRAY(arena, int32_t, positions * w->taps[d] + 1);
    out->tap = EG_ARENA_ARRAY(arena, int32_t, positions * w->taps[d] + 1);
    if (!out->first || !out->at || !out->tap) return EG_E_MEMORY;
    for (int64_t p = 0; p < positions; p++) {
        out->first[p] = (int32_t)n;
        for (int64_t k = 0; k < w->taps[d]; k++) {
            int64_t at = eg_window_at(w, d, p, k);
            if (at < 0) continue;
            out->at[n] = (int32_t)(at * pixel);
            out->tap[n++] = (int32_t)(k * tap);
        }
    }
    out->first[positions] = (int32_t)n;
    out->each = positions > 0 ? out->first[1] : 0;
    for (int64_t p = 1; p < positions; p++)
        if (out->first[p + 1] - out->first[p] != out->each) out->each = 0;
    return EG_OK;
}

/* All numbers in the lists must fit 32 bits, and the lists some memory. */
static int lists_fit(const eg_window *w) {
    enum { MOST = 1 << 24 };
    if (w->image[0] * w->image[1] > INT32_MAX) return 0;
    for (int d = 0; d < EG_SPATIAL; d++)
        if (w->taps[d] > MOST || w->positions[d] > MOST || w->taps[d] * w->positions[d] > MOST) return 0;
    return w->taps[0] * w->taps[1] < INT32_MAX;
}

static eg_status set_lists(eg_cpu_run *run, const eg_window *w, eg_axis_list *axis) {
    EG_TRY(eg_axis_list_new(run->arena, w, 0, w->image[1], w->taps[1], &axis[0]));
    return eg_axis_list_new(run->arena, w, 1, 1, 1, &axis[1]);
}

static double work_of(const eg_window *w) {
    double visits = (double)(w->batch * w->positions[0] * w->positions[1]) * (double)(w->taps[0] * w->taps[1]);
    return visits * (1 + .08 * (double)w->channels);
}

static window_detail *new_step(eg_cpu_run *run, const eg_value *v, const eg_window *w, const char *name,
                               eg_step_fn fn) {
    eg_cpu_step *step = eg_step_new(run, v, name, fn, sizeof(window_detail));
    if (!step) return NULL;
    window_detail *d = step->detail;
    d->kernels = run->kernels;
    d->w = *w;
    if (set_lists(run, w, d->axis) != EG_OK) return NULL;
    step->items = w->batch * w->positions[0];
    step->work = work_of(w);
    step->flops = eg_value_flops(v);
    return d;
}

/* The row of windows number p0. */
static eg_windows windows_of(const eg_window *w, const eg_axis_list *axis, int64_t p0) {
    const eg_axis_list *a = &axis[0], *b = &axis[1];
    return (eg_windows){ .channels = w->channels,
                         .positions = w->positions[1],
                         .rows = a->first[p0 + 1] - a->first[p0],
                         .columns = b->each,
                         .row_pixel = a->at + a->first[p0],
                         .row_tap = a->tap + a->first[p0],
                         .first = b->first,
                         .pixel = b->at,
                         .tap = b->tap };
}

static int64_t image_floats(const window_detail *d) { return eg_image_floats(&d->w); }
static int64_t row_floats(const window_detail *d) { return d->w.positions[1] * d->w.channels; }

/* ---- sums ---------------------------------------------------------------------------------------------- */

static void run_sum(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const window_detail *d = step->detail;
    (void)scratch;
    for (int64_t i = from; i < to; i++) {
        eg_windows w = windows_of(&d->w, d->axis, i % d->w.positions[0]);
        d->kernels->window_sum(&w, d->out + i * row_floats(d), d->x + i / d->w.positions[0] * image_floats(d));
    }
}

eg_status eg_lower_window_sum(eg_cpu_run *run, const eg_value *v) {
    eg_window w;
    EG_TRY(eg_window_of(v, &w));
    if (v->dtype != EG_F32 || eg_count(&v->in[0]->shape) == 0 || !lists_fit(&w)) return eg_lower_reference(run, v);
    window_detail *d = new_step(run, v, &w, "window sum", run_sum);
    if (!d) return EG_E_MEMORY;
    EG_TRY(eg_step_reads(run, v->in[0], &d->x));
    return eg_step_writes(run, v, &d->out);
}

/* ---- largest elements ---------------------------------------------------------------------------------- */

static const eg_value *behind_views(const eg_value *v) {
    while (v->op == EG_OP_RESHAPE) v = v->in[0];
    return v;
}

/* The window_argmax at whose places `v` (take_along, put_along) looks into images of the same size; NULL if it is
 * no such look-up. */
static const eg_value *places_of(const eg_value *v, int64_t axis, const eg_shape *whole) {
    const eg_value *places = behind_views(v->in[1]);
    eg_window w;
    if (places->op != EG_OP_WINDOW_ARGMAX || places->in[0]->dtype != EG_F32 || v->dtype != EG_F32 || axis != 1)
        return NULL;
    if (eg_window_of(places, &w) != EG_OK || !lists_fit(&w) || eg_count(&places->in[0]->shape) == 0) return NULL;
    return eg_same_shape(whole, &EG_SHAPE(w.batch, w.image[0] * w.image[1], w.channels)) ? places : NULL;
}

/* The value that takes the largest elements themselves at these places. */
static const eg_value *largest_at(const eg_cpu_run *run, const eg_value *places) {
    for (int id = places->id + 1; id < run->graph->n; id++) {
        const eg_value *v = run->graph->values[id];
        if (v->op != EG_OP_TAKE_ALONG || !run->needed[id] || behind_views(v->in[0]) != behind_views(places->in[0]))
            continue;
        if (places_of(v, v->attr.axis.axis, &v->in[0]->shape) == places) return v;
    }
    return NULL;
}

/* Is `v` read, but by `one` and `other`? What a loop's body results in is read outside. */
static int is_read(const eg_cpu_run *run, const eg_value *v, const eg_value *one, const eg_value *other) {
    const eg_unit *unit = &run->program->unit;
    if (run != run->program->run) return 1;
    for (int i = 0; i < unit->nroots; i++)
        if (behind_views(unit->root[i]) == v) return 1;
    for (int id = v->id + 1; id < run->graph->n; id++) {
        const eg_value *u = run->graph->values[id];
        if (!run->needed[id] || u->op == EG_OP_RESHAPE || u == one || u == other) continue;
        for (int i = 0; i < u->nin; i++)
            if (behind_views(u->in[i]) == v) return 1;
    }
    return 0;
}

const eg_value *eg_pooling_of(const eg_cpu_run *run, const eg_value *v) {
    eg_window w;
    for (int id = v->id + 1; id < run->graph->n; id++) {
        const eg_value *u = run->graph->values[id], *largest;
        if (u->op != EG_OP_WINDOW_ARGMAX || !run->needed[id] || behind_views(u->in[0]) != v) continue;
        largest = largest_at(run, u);
        int fits = largest && eg_window_of(u, &w) == EG_OK && lists_fit(&w);
        return fits && !is_read(run, v, u, largest) ? u : NULL;
    }
    return NULL;
}

eg_status eg_pooling_new(eg_cpu_run *run, const eg_value *argmax, eg_pooling *out) {
    *out = (eg_pooling){ .kernels = run->kernels };
    EG_TRY(eg_window_of(argmax, &out->w));
    return set_lists(run, &out->w, out->axis);
}

eg_status eg_pooling_uses(eg_cpu_run *run, const eg_value *argmax, eg_pooling *p) {
    const eg_value *largest = largest_at(run, argmax);
    run->step[run->nstep - 1].work += work_of(&p->w);
    run->step[run->nstep - 1].flops += eg_value_flops(argmax);
    if (largest) EG_TRY(eg_step_writes(run, largest, &p->largest));
    return largest && !is_read(run, argmax, largest, NULL) ? EG_OK : eg_step_writes(run, argmax, &p->place);
}

void eg_pooling_row(const eg_pooling *p, int64_t row, const float *image) {
    eg_windows w = windows_of(&p->w, p->axis, row % p->w.positions[0]);
    int64_t at = row * w.positions * w.channels;
    p->kernels->window_argmax(&w, p->place ? p->place + at : NULL, p->largest ? p->largest + at : NULL, image);
}

typedef struct argmax_detail {
    eg_pooling pooling;
    const float *x;
} argmax_detail;

static void run_argmax(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const argmax_detail *d = step->detail;
    const eg_window *w = &d->pooling.w;
    (void)scratch;
    for (int64_t i = from; i < to; i++)
        eg_pooling_row(&d->pooling, i, d->x + i / w->positions[0] * eg_image_floats(w));
}

eg_status eg_lower_window_argmax(eg_cpu_run *run, const eg_value *v) {
    eg_window w;
    EG_TRY(eg_window_of(v, &w));
    if (v->in[0]->dtype != EG_F32 || eg_count(&v->in[0]->shape) == 0 || !lists_fit(&w))
        return eg_lower_reference(run, v);
    const eg_value *largest = largest_at(run, v);
    int s = largest ? run->storage_of[largest->id] : -1;
    if (s >= 0 && run->storage[s].first >= 0) return EG_OK; /* by the conv whose result it is */
    eg_cpu_step *step = eg_step_new(run, v, "window argmax", run_argmax, sizeof(argmax_detail));
    if (!step) return EG_E_MEMORY;
    argmax_detail *d = step->detail;
    EG_TRY(eg_pooling_new(run, v, &d->pooling));
    step->items = w.batch * w.positions[0];
    EG_TRY(eg_step_reads(run, v->in[0], &d->x));
    return eg_pooling_uses(run, v, &d->pooling);
}

/* ---- one index for each element ------------------------------------------------------------------------ */

typedef struct along_detail {
    const float *x;
    const int32_t *index;
    float *out;
    int64_t whole, count, after; /* the array is [before, whole, after], the index [before, count, after] */
} along_detail;

/* Items are the axes before. */
static void run_take(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const along_detail *d = step->detail;
    (void)scratch;
    for (int64_t b = from; b < to; b++) {
        const float *x = d->x + b * d->whole * d->after;
        for (int64_t i = b * d->count * d->after, end = i + d->count * d->after; i < end; i++) {
            int64_t at = d->index[i];
            d->out[i] = at >= 0 && at < d->whole ? x[at * d->after + i % d->after] : 0;
        }
    }
}

static void run_put(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const along_detail *d = step->detail;
    (void)scratch;
    for (int64_t b = from; b < to; b++) {
        float *out = d->out + b * d->whole * d->after;
        memset(out, 0, (size_t)(d->whole * d->after) * sizeof *out);
        for (int64_t i = b * d->count * d->after, end = i + d->count * d->after; i < end; i++) {
            int64_t at = d->index[i];
            if (at >= 0 && at < d->whole) out[at * d->after + i % d->after] += d->x[i];
        }
    }
}

static eg_status lower_along(eg_cpu_run *run, const eg_value *v, eg_shape whole, int axis, eg_step_fn fn) {
    const eg_value *x = v->in[0], *index = v->in[1];
    if (v->dtype != EG_F32 || eg_count(&index->shape) == 0) return eg_lower_reference(run, v);
    eg_cpu_step *step = eg_step_new(run, v, fn == run_put ? "put along" : "take along", fn, sizeof(along_detail));
    if (!step) return EG_E_MEMORY;
    along_detail *d = step->detail;
    *d = (along_detail){ .whole = whole.dim[axis], .count = index->shape.dim[axis], .after = 1 };
    for (int i = axis + 1; i < whole.rank; i++) d->after *= whole.dim[i];
    step->items = eg_count(&index->shape) / (d->count * d->after);
    step->work = 1.5 * (double)eg_count(&index->shape);
    EG_TRY(eg_step_reads(run, x, &d->x));
    EG_TRY(eg_step_reads(run, index, &d->index));
    return eg_step_writes(run, v, &d->out);
}

eg_status eg_lower_take_along(eg_cpu_run *run, const eg_value *v) {
    int axis = (int)v->attr.axis.axis;
    const eg_value *places = places_of(v, axis, &v->in[0]->shape);
    if (places && largest_at(run, places) == v) return EG_OK; /* written with the places */
    return lower_along(run, v, v->in[0]->shape, axis, run_take);
}

/* Items are rows of the images. */
static void run_window_put(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const window_detail *d = step->detail;
    (void)scratch;
    for (int64_t i = from; i < to; i++) {
        int64_t row = i % d->w.positions[0], windows = i / d->w.positions[0] * image_floats(d);
        eg_windows w = windows_of(&d->w, d->axis, row);
        d->kernels->window_put(&w, d->out + i * row_floats(d), (int32_t)(row * d->w.positions[1]), d->place + windows,
                               d->dy + windows);
    }
}

/* The windows that cover a pixel: positions and pixels change places, as in the derivative of a window sum. */
static eg_window turned(const eg_window *w) {
    eg_window t = *w;
    for (int d = 0; d < EG_SPATIAL; d++) {
        t.image[d] = w->positions[d], t.positions[d] = w->image[d];
        t.stride[d] = w->spread[d], t.spread[d] = w->stride[d];
        t.low[d] = eg_window_extent(w->taps[d], w->dilation[d]) - 1 - w->low[d];
    }
    return t;
}

eg_status eg_lower_put_along(eg_cpu_run *run, const eg_value *v) {
    int axis = (int)v->attr.scatter.axis;
    const eg_value *places = places_of(v, axis, &v->shape);
    eg_window w;
    if (!places || eg_window_of(places, &w) != EG_OK) return lower_along(run, v, v->shape, axis, run_put);
    eg_window t = turned(&w);
    if (!lists_fit(&t)) return lower_along(run, v, v->shape, axis, run_put);
    window_detail *d = new_step(run, v, &t, "window put", run_window_put);
    if (!d) return EG_E_MEMORY;
    EG_TRY(eg_step_reads(run, v->in[0], &d->dy));
    EG_TRY(eg_step_reads(run, v->in[1], &d->place));
    return eg_step_writes(run, v, &d->out);
}

/* ---- depthwise convolution ----------------------------------------------------------------------------- */

static void run_depthwise(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const window_detail *d = step->detail;
    for (int64_t i = from; i < to; i++) {
        eg_windows w = windows_of(&d->w, d->axis, i % d->w.positions[0]);
        d->kernels->depthwise(&w, d->result.y + i * row_floats(d), d->x + i / d->w.positions[0] * image_floats(d),
                              d->kernel, d->start);
        eg_conv_finish(&d->result, i * w.positions, (i + 1) * w.positions, scratch);
    }
}

/* Items are partial sums, each over its share of the images. */
static void run_depthwise_kernel(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const window_detail *d = step->detail;
    int64_t size = d->w.taps[0] * d->w.taps[1] * d->w.channels;
    (void)scratch;
    for (int64_t s = from; s < to; s++) {
        float *kernel = d->out + s * d->sums.size;
        memset(kernel, 0, (size_t)size * sizeof *kernel);
        for (int64_t n = s * d->w.batch / d->sums.splits; n < (s + 1) * d->w.batch / d->sums.splits; n++)
            for (int64_t p = 0; p < d->w.positions[0]; p++) {
                eg_windows w = windows_of(&d->w, d->axis, p);
                d->kernels->depthwise_kernel(&w, kernel, d->x + n * image_floats(d),
                                             d->dy + (n * d->w.positions[0] + p) * row_floats(d));
            }
    }
}

int eg_is_depthwise(const eg_window *w) {
    return w->groups > 1 && w->groups == w->channels && w->out == w->channels && lists_fit(w);
}

eg_status eg_lower_depthwise(eg_cpu_run *run, const eg_conv_request *r, const eg_window *w) {
    window_detail *d = new_step(run, r->value, w, "depthwise", run_depthwise);
    if (!d) return EG_E_MEMORY;
    EG_TRY(eg_step_reads(run, r->x, &d->x));
    EG_TRY(eg_step_reads(run, r->w, &d->kernel));
    if (r->start) EG_TRY(eg_step_reads(run, r->start, &d->start));
    return eg_conv_result_uses(run, r, &d->result);
}

eg_status eg_lower_depthwise_kernel(eg_cpu_run *run, const eg_value *v, const eg_window *w) {
    window_detail *d = new_step(run, v, w, "depthwise kernel", run_depthwise_kernel);
    if (!d) return EG_E_MEMORY;
    EG_TRY(eg_partial_sums_new(run, w, eg_count(&v->shape), eg_storage_of(run, v), &d->sums));
    run->step[run->nstep - 1].items = d->sums.splits;
    EG_TRY(eg_step_reads(run, v->in[0], &d->x));
    EG_TRY(eg_step_reads(run, v->in[1], &d->dy));
    eg_partial_sums sums = d->sums;
    EG_TRY(eg_step_uses(run, sums.storage, &d->out, (eg_use){ .write = 1 }));
    return eg_partial_sums_add(run, v, &sums);
}
