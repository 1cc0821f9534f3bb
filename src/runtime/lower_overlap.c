/* SPDX-License-Identifier: MIT
 *
 * lower_overlap.c: convolution the other way round, for results of few channels and for images that are spread
 * (both are what gradients by the image often are). Instead of asking for each position what its window says, each
 * pixel says what it has to give to all taps of a kernel row,
 *
 *     t[i, (k, o)] = sum over kernel rows and channels of x[row, i, c] w[row, k, c, o]
 *
 * and the positions collect it where windows overlap: y[p, o] = start[o] + sum over k of t[i(p, k), (k, o)]. So
 * the lanes of the product are filled by taps times channels, and no zero that padding or spreading puts in is
 * ever multiplied. Which form a conv takes is decided by its shape.
 */
#include <string.h>
#include "base/status.h"
#include "runtime/lower.h"
#include "runtime/lower_window.h"

typedef struct overlap_detail {
    const eg_kernels *kernels;
    eg_window_lists lists; /* of the second axis: places in t */
    int64_t *runs;         /* where the rows of the first list begin */
    int64_t chunk, chunks; /* position rows of an item; items of an image */
    size_t t_floats;
    eg_gemm g; /* m = pixels of a row, n = taps of a row x out, and what fills the last vector */
    eg_conv_memory memory;
} overlap_detail;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t vectors(int64_t n) { return (n + EG_BLOCK - 1) / EG_BLOCK; }

/* ---- which form ------------------------------------------------------------------------------------------ */

/* How many taps along an axis meet an element, on average over the positions. */
static double mean_taps(const eg_window *w, int d) {
    int64_t n = 0;
    for (int64_t p = 0; p < w->positions[d]; p++)
        for (int64_t k = 0; k < w->taps[d]; k++) n += eg_window_at(w, d, p, k) >= 0;
    return (double)n / (double)w->positions[d];
}

int eg_overlap_is_better(const eg_window *w) {
    if (w->groups > 1 || !eg_lists_fit(w)) return 0;
    if (w->image[1] * (w->taps[1] * w->out + EG_PANEL) > INT32_MAX) return 0; /* places in t */
    eg_window p = eg_conv_wide(w, eg_conv_together(w));
    double rows = mean_taps(w, 0), columns = mean_taps(w, 1), channels = (double)w->channels;
    int64_t wide = w->taps[1] * w->out, plain_rows = p.positions[1] < 8 ? 8 : p.positions[1];
    double k = (w->spread[0] > 1 ? (double)w->taps[0] : rows) * (double)p.taps[1] * channels;
    double plain = eg_product_cost(plain_rows, p.out, k) * (double)p.positions[1] / (double)plain_rows;
    double overlap = eg_product_cost(w->image[1], wide, rows * channels) + (double)(w->image[1] * vectors(wide)) +
                     (double)(w->positions[1] * (10 + 2 * vectors(w->out))) * columns;
    return overlap < .85 * plain;
}

/* ---- the kernel, turned ------------------------------------------------------------------------------------ */

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

/* The kernel rows that one position meets are every so-manieth: these become neighbours. */
static int64_t place_of(const eg_window *w, int64_t row) {
    int64_t step = w->spread[0] / common_divisor(w->dilation[0], w->spread[0]);
    return row % step * ((w->taps[0] + step - 1) / step) + row / step;
}

typedef struct turn_detail {
    float *out;
    const float *in;
    const eg_window *w;
    int64_t columns; /* of its rows */
} turn_detail;

/* w[row][tap][c][o] to [place of row][c][tap][o], with zeros to whole vectors; items are kernel rows. */
static void run_turn(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const turn_detail *d = step->detail;
    int64_t taps = d->w->taps[1], channels = d->w->channels, n = d->w->out;
    (void)scratch;
    for (int64_t row = from; row < to; row++) {
        float *out = d->out + place_of(d->w, row) * channels * d->columns;
        memset(out, 0, (size_t)(channels * d->columns) * sizeof *out);
        for (int64_t k = 0; k < taps; k++)
            for (int64_t c = 0; c < channels; c++)
                memcpy(out + c * d->columns + k * n, d->in + ((row * taps + k) * channels + c) * n,
                       (size_t)n * sizeof *out);
    }
}

static eg_status turn_kernel(eg_cpu_run *run, const eg_conv_request *r, const eg_window *w, int64_t columns,
                             int *storage) {
    eg_cpu_step *step = eg_step_new(run, r->value, "turn kernel", run_turn, sizeof(turn_detail));
    if (!step) return EG_E_MEMORY;
    turn_detail *d = step->detail;
    d->w = eg_arena_copy(run->arena, w, sizeof *w);
    if (!d->w) return EG_E_MEMORY;
    d->columns = columns;
    int64_t row = w->channels * columns;
    step->items = w->taps[0];
    step->work = .3 * (double)(row * w->taps[0]);
    *storage = eg_floats_new(run, row * (w->taps[0] + w->spread[0]));
    eg_step_reads(run, r->w, &d->in);
    return eg_step_writes_at(run, *storage, &d->out);
}

/* ---- running ----------------------------------------------------------------------------------------------- */

/* Position row p of image n. */
static void run_row(const overlap_detail *d, int64_t n, int64_t p, float *t) {
    const eg_window *w = d->lists.w;
    const eg_axis_list *rows = &d->lists.axis[0], *columns = &d->lists.axis[1];
    eg_gemm g = d->g;
    int32_t first = rows->first[p], count = rows->first[p + 1] - first;
    g.a = d->memory.x + n * eg_image_floats(w);
    g.a_runs = d->runs + first;
    g.k = count * w->channels;
    g.b = d->memory.kernel;
    if (count) g.b += place_of(w, rows->tap[first] / w->taps[1]) * w->channels * g.n;
    g.c = t;
    d->kernels->gemm(&g, 0, g.m, 0, (g.n + EG_PANEL - 1) / EG_PANEL);
    eg_windows windows = {
        .channels = w->out, .positions = w->positions[1], .first = columns->first, .pixel = columns->at
    };
    float *y = d->memory.y + (n * w->positions[0] + p) * w->positions[1] * w->out;
    d->kernels->window_collect(&windows, y, t, d->memory.start);
}

static void run_overlap(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const overlap_detail *d = step->detail;
    const int64_t *positions = d->lists.w->positions;
    for (int64_t i = from; i < to; i++) {
        int64_t n = i / d->chunks, p = i % d->chunks * d->chunk, end = min64(p + d->chunk, positions[0]);
        int64_t first = n * positions[0];
        for (int64_t q = p; q < end; q++) run_row(d, n, q, scratch);
        eg_conv_finish(&d->memory, (first + p) * positions[1], (first + end) * positions[1], scratch + d->t_floats);
    }
}

/* Rows of t have `columns` floats. */
static eg_status set_lists(eg_arena *arena, const eg_window *w, int64_t columns, overlap_detail *d) {
    EG_TRY(eg_window_lists_new(arena, w, &d->lists));
    const eg_axis_list *rows = &d->lists.axis[0], *taps = &d->lists.axis[1];
    int64_t n = rows->first[w->positions[0]];
    d->runs = EG_ARENA_ARRAY(arena, int64_t, n);
    if (!d->runs) return EG_E_MEMORY;
    for (int64_t i = 0; i < n; i++) d->runs[i] = rows->at[i] * w->channels;
    for (int64_t i = 0; i < taps->first[w->positions[1]]; i++)
        taps->at[i] = (int32_t)(taps->at[i] * columns + taps->tap[i] * w->out);
    return EG_OK;
}

eg_status eg_lower_overlap(eg_cpu_run *run, const eg_conv_request *r, const eg_window *w) {
    int turned;
    int64_t lanes = run->kernels->lanes, columns = (w->taps[1] * w->out + lanes - 1) / lanes * lanes;
    EG_TRY(turn_kernel(run, r, w, columns, &turned));
    const char *name = r->strips ? "conv by overlap + strips" : "conv by overlap";
    eg_cpu_step *step = eg_step_new(run, r->value, name, run_overlap, sizeof(overlap_detail));
    if (!step) return EG_E_MEMORY;
    overlap_detail *d = step->detail;
    eg_gemm *g = &d->g;
    d->kernels = run->kernels;
    EG_TRY(set_lists(run->arena, w, columns, d));
    g->m = w->image[1];
    g->n = g->b_k = g->c_row = columns;
    g->a_row = g->run = w->channels;
    g->a_k = 1;
    g->b_panel = g->c_panel = EG_PANEL;
    int64_t t = g->m * g->n;
    d->t_floats = (size_t)(vectors(t) * EG_BLOCK);
    d->chunk = eg_conv_chunk(w);
    d->chunks = (w->positions[0] + d->chunk - 1) / d->chunk;
    step->items = w->batch * d->chunks;
    step->scratch = d->t_floats;
    double rows = (double)w->batch * d->lists.axis[0].first[w->positions[0]];
    step->flops = 2 * rows * (double)g->m * (double)(w->channels * w->taps[1] * w->out);
    step->work = step->flops / 150 + .1 * (double)(w->batch * w->positions[0] * t);
    return eg_conv_uses(run, r, turned, eg_conv_start(run, r), &d->memory);
}
