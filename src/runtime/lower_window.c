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
    float *out;
    const float *x; /* the images; or what goes back to them */
    const int32_t *place;
    const float *dy;
    const eg_kernels *kernels;
    eg_window_lists lists;
    eg_partial_sums sums;
    eg_conv_memory conv;
} window_detail;

/* Elements are `pixel` pixels apart, taps `tap` taps. */
static eg_status list_axis(eg_arena *arena, const eg_window *w, int d, int64_t pixel, int64_t tap, eg_axis_list *out) {
    int64_t positions = w->positions[d], most = positions * w->taps[d], n = 0;
    out->first = EG_ARENA_ARRAY(arena, int32_t, positions + 1 + 2 * most);
    if (!out->first) return EG_E_MEMORY;
    out->at = out->first + positions + 1;
    out->tap = out->at + most;
    for (int64_t p = 0; p < positions; p++) {
        for (int64_t k = 0; k < w->taps[d]; k++) {
            int64_t at = eg_window_at(w, d, p, k);
            if (at < 0) continue;
            out->at[n] = (int32_t)(at * pixel);
            out->tap[n++] = (int32_t)(k * tap);
        }
        int32_t sees = (int32_t)n - out->first[p];
        out->first[p + 1] = (int32_t)n;
        if (p == 0) out->each = sees;
        if (out->each != sees) out->each = 0;
    }
    return EG_OK;
}

eg_status eg_window_lists_new(eg_arena *arena, const eg_window *w, eg_window_lists *out) {
    out->w = eg_arena_copy(arena, w, sizeof *w);
    if (!out->w) return EG_E_MEMORY;
    EG_TRY(list_axis(arena, w, 0, w->image[1], w->taps[1], &out->axis[0]));
    return list_axis(arena, w, 1, 1, 1, &out->axis[1]);
}

int eg_lists_fit(const eg_window *w) {
    enum { MOST = 1 << 24 };
    if (w->image[0] * w->image[1] > INT32_MAX) return 0;
    for (int d = 0; d < EG_SPATIAL; d++)
        if (w->taps[d] > MOST || w->positions[d] > MOST || w->taps[d] * w->positions[d] > MOST) return 0;
    return w->taps[0] * w->taps[1] < INT32_MAX;
}

/* The windows of a value, if lists are the way to go through them. */
static int has_lists(const eg_value *v, eg_window *w) {
    const eg_value *x = v->in[0];
    return x->dtype == EG_F32 && eg_count(&x->shape) > 0 && eg_window_of(v, w) == EG_OK && eg_lists_fit(w);
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
    step->items = w->batch * w->positions[0];
    step->work = work_of(w);
    step->flops = eg_value_flops(v);
    return eg_window_lists_new(run->arena, w, &d->lists) == EG_OK ? d : NULL;
}

/* Row `row` of the windows, counted over all images. */
static eg_windows windows_of(const eg_window_lists *lists, int64_t row) {
    const eg_window *w = lists->w;
    const eg_axis_list *a = &lists->axis[0], *b = &lists->axis[1];
    const int32_t *first = a->first + row % w->positions[0];
    return (eg_windows){ .channels = w->channels,
                         .positions = w->positions[1],
                         .rows = first[1] - first[0],
                         .columns = b->each,
                         .row_pixel = a->at + *first,
                         .row_tap = a->tap + *first,
                         .first = b->first,
                         .pixel = b->at,
                         .tap = b->tap };
}

/* Floats to the image of that row, and to the row of the result. */
static int64_t image_at(const eg_window *w, int64_t row) { return row / w->positions[0] * eg_image_floats(w); }
static int64_t row_at(const eg_window *w, int64_t row) { return row * w->positions[1] * w->channels; }

/* ---- sums ---------------------------------------------------------------------------------------------- */

static void run_sum(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const window_detail *d = step->detail;
    (void)scratch;
    for (int64_t i = from; i < to; i++) {
        eg_windows w = windows_of(&d->lists, i);
        d->kernels->window_sum(&w, d->out + row_at(d->lists.w, i), d->x + image_at(d->lists.w, i));
    }
}

eg_status eg_lower_window_sum(eg_cpu_run *run, const eg_value *v) {
    eg_window w;
    if (!has_lists(v, &w)) return eg_lower_reference(run, v);
    window_detail *d = new_step(run, v, &w, "window sum", run_sum);
    return d ? eg_step_computes(run, &d->out) : EG_E_MEMORY;
}

/* ---- largest elements ---------------------------------------------------------------------------------- */

/* The window_argmax at whose places `v` (take_along, put_along) looks into images of the same size, and its windows;
 * NULL if it is no such look-up. */
static const eg_value *places_of(const eg_value *v, int64_t axis, const eg_shape *whole, eg_window *w) {
    const eg_value *places = eg_behind_views(v->in[1]);
    if (places->op != EG_OP_WINDOW_ARGMAX || v->dtype != EG_F32 || axis != 1 || !has_lists(places, w)) return NULL;
    return eg_same_shape(whole, &EG_SHAPE(w->batch, w->image[0] * w->image[1], w->channels)) ? places : NULL;
}

/* The value that takes the largest elements themselves at these places. */
static const eg_value *largest_at(const eg_cpu_run *run, const eg_value *places) {
    eg_window w;
    for (int id = places->id + 1; id < run->graph->n; id++) {
        const eg_value *v = run->graph->values[id];
        if (v->op != EG_OP_TAKE_ALONG || !run->needed[id] ||
            eg_behind_views(v->in[0]) != eg_behind_views(places->in[0]))
            continue;
        if (places_of(v, v->attr.axis.axis, &v->in[0]->shape, &w) == places) return v;
    }
    return NULL;
}

/* Is `v` read, but by `one` and `other`? What a loop's body results in is read outside. */
static int is_read(const eg_cpu_run *run, const eg_value *v, const eg_value *one, const eg_value *other) {
    const eg_unit *unit = &run->program->unit;
    if (run != run->program->run) return 1;
    for (int i = 0; i < unit->nroots; i++)
        if (eg_behind_views(unit->root[i]) == v) return 1;
    for (int id = v->id + 1; id < run->graph->n; id++) {
        const eg_value *u = run->graph->values[id];
        if (!run->needed[id] || u->op == EG_OP_RESHAPE || u == one || u == other) continue;
        for (int i = 0; i < u->nin; i++)
            if (eg_behind_views(u->in[i]) == v) return 1;
    }
    return 0;
}

const eg_value *eg_pooling_of(const eg_cpu_run *run, const eg_value *v) {
    for (int id = v->id + 1; id < run->graph->n; id++) {
        const eg_value *u = run->graph->values[id], *largest;
        if (u->op != EG_OP_WINDOW_ARGMAX || !run->needed[id] || eg_behind_views(u->in[0]) != v) continue;
        largest = largest_at(run, u);
        return largest && !is_read(run, v, u, largest) ? u : NULL;
    }
    return NULL;
}

eg_status eg_pooling_new(eg_cpu_run *run, const eg_value *argmax, const eg_window *w, eg_pooling *out) {
    const eg_value *largest = largest_at(run, argmax);
    out->kernels = run->kernels;
    EG_TRY(eg_window_lists_new(run->arena, w, &out->lists));
    run->last->work += work_of(w);
    run->last->flops += eg_value_flops(argmax);
    if (largest) eg_step_writes(run, largest, &out->largest);
    if (!largest || is_read(run, argmax, largest, NULL)) eg_step_writes(run, argmax, &out->place);
    return run->status;
}

void eg_pooling_row(const eg_pooling *p, int64_t row, const float *image) {
    eg_windows w = windows_of(&p->lists, row);
    int64_t at = row_at(p->lists.w, row);
    p->kernels->window_argmax(&w, p->place ? p->place + at : NULL, p->largest ? p->largest + at : NULL, image);
}

typedef struct argmax_detail {
    eg_pooling pooling;
    const float *x;
} argmax_detail;

static void run_argmax(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const argmax_detail *d = step->detail;
    (void)scratch;
    for (int64_t i = from; i < to; i++) eg_pooling_row(&d->pooling, i, d->x + image_at(d->pooling.lists.w, i));
}

eg_status eg_lower_window_argmax(eg_cpu_run *run, const eg_value *v) {
    eg_window w;
    if (!has_lists(v, &w)) return eg_lower_reference(run, v);
    const eg_value *largest = largest_at(run, v);
    int s = largest ? run->storage_of[largest->id] : -1;
    if (s >= 0 && run->storage[s].first >= 0) return EG_OK; /* by the conv whose result it is */
    eg_cpu_step *step = eg_step_new(run, v, "window argmax", run_argmax, sizeof(argmax_detail));
    if (!step) return EG_E_MEMORY;
    argmax_detail *d = step->detail;
    step->items = w.batch * w.positions[0];
    eg_step_reads(run, v->in[0], &d->x);
    return eg_pooling_new(run, v, &w, &d->pooling);
}

/* ---- one index for each element ------------------------------------------------------------------------ */

typedef struct along_detail {
    float *out;
    const float *x;
    const int32_t *index;
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

static eg_status lower_along(eg_cpu_run *run, const eg_value *v, const eg_shape *whole, int64_t axis, eg_step_fn fn) {
    const eg_shape *index = &v->in[1]->shape;
    int64_t n = eg_count(index);
    if (v->dtype != EG_F32 || n == 0) return eg_lower_reference(run, v);
    eg_cpu_step *step = eg_step_new(run, v, fn == run_put ? "put along" : "take along", fn, sizeof(along_detail));
    if (!step) return EG_E_MEMORY;
    along_detail *d = step->detail;
    d->whole = whole->dim[axis], d->count = index->dim[axis], d->after = 1;
    for (int64_t i = axis + 1; i < whole->rank; i++) d->after *= whole->dim[i];
    step->items = n / (d->count * d->after);
    step->work = 1.5 * (double)n;
    return eg_step_computes(run, &d->out);
}

eg_status eg_lower_take_along(eg_cpu_run *run, const eg_value *v) {
    eg_window w;
    int64_t axis = v->attr.axis.axis;
    const eg_value *places = places_of(v, axis, &v->in[0]->shape, &w);
    if (places && largest_at(run, places) == v) return EG_OK; /* written with the places */
    return lower_along(run, v, &v->in[0]->shape, axis, run_take);
}

/* Items are rows of the images. */
static void run_window_put(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const window_detail *d = step->detail;
    const eg_window *w = d->lists.w;
    (void)scratch;
    for (int64_t i = from; i < to; i++) {
        int64_t windows = image_at(w, i);
        eg_windows row = windows_of(&d->lists, i);
        d->kernels->window_put(&row, d->out + row_at(w, i), (int32_t)(i % w->positions[0] * w->positions[1]),
                               d->place + windows, d->x + windows);
    }
}

/* The windows that cover a pixel: positions and pixels change places, as in the derivative of a window sum. */
static void turn(eg_window *w) {
    for (int d = 0; d < EG_SPATIAL; d++) {
        int64_t image = w->image[d], spread = w->spread[d];
        w->image[d] = w->positions[d], w->positions[d] = image;
        w->spread[d] = w->stride[d], w->stride[d] = spread;
        w->low[d] = eg_window_extent(w->taps[d], w->dilation[d]) - 1 - w->low[d];
    }
}

eg_status eg_lower_put_along(eg_cpu_run *run, const eg_value *v) {
    int64_t axis = v->attr.scatter.axis;
    eg_window w;
    int has_places = places_of(v, axis, &v->shape, &w) != NULL;
    if (has_places) turn(&w);
    if (!has_places || !eg_lists_fit(&w)) return lower_along(run, v, &v->shape, axis, run_put);
    window_detail *d = new_step(run, v, &w, "window put", run_window_put);
    return d ? eg_step_computes(run, &d->out) : EG_E_MEMORY;
}

/* ---- depthwise convolution ----------------------------------------------------------------------------- */

static void run_depthwise(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const window_detail *d = step->detail;
    const eg_conv_memory *m = &d->conv;
    for (int64_t i = from; i < to; i++) {
        eg_windows w = windows_of(&d->lists, i);
        d->kernels->depthwise(&w, m->y + row_at(d->lists.w, i), m->x + image_at(d->lists.w, i), m->kernel, m->start);
        eg_conv_finish(m, i * w.positions, (i + 1) * w.positions, scratch);
    }
}

/* Items are partial sums, each over its share of the images. */
static void run_depthwise_kernel(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const window_detail *d = step->detail;
    const eg_window *w = d->lists.w;
    (void)scratch;
    for (int64_t s = from; s < to; s++) {
        float *kernel = d->out + s * d->sums.size;
        int64_t rows = w->positions[0], i = s * w->batch / d->sums.splits * rows;
        memset(kernel, 0, (size_t)d->sums.n * sizeof *kernel);
        for (int64_t end = (s + 1) * w->batch / d->sums.splits * rows; i < end; i++) {
            eg_windows row = windows_of(&d->lists, i);
            d->kernels->depthwise_kernel(&row, kernel, d->x + image_at(w, i), d->dy + row_at(w, i));
        }
    }
}

int eg_is_depthwise(const eg_window *w) {
    return w->groups > 1 && w->groups == w->channels && w->out == w->channels && eg_lists_fit(w);
}

eg_status eg_lower_depthwise(eg_cpu_run *run, const eg_conv_request *r, const eg_window *w) {
    window_detail *d = new_step(run, r->value, w, "depthwise", run_depthwise);
    if (!d) return EG_E_MEMORY;
    return eg_conv_uses(run, r, eg_storage_of(run, r->w), eg_conv_start(run, r), &d->conv);
}

eg_status eg_lower_depthwise_kernel(eg_cpu_run *run, const eg_value *v, const eg_window *w) {
    window_detail *d = new_step(run, v, w, "depthwise kernel", run_depthwise_kernel);
    if (!d) return EG_E_MEMORY;
    eg_partial_sums_new(run, w, eg_count(&v->shape), eg_storage_of(run, v), &d->sums);
    run->last->items = d->sums.splits;
    eg_step_reads(run, v->in[0], &d->x);
    eg_step_reads(run, v->in[1], &d->dy);
    eg_step_writes_at(run, d->sums.storage, &d->out);
    return eg_partial_sums_add(run, v, &d->sums);
}
