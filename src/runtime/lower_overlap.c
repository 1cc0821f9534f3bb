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
    eg_window w;
    eg_gemm g; /* m = pixels of a row, n = taps of a row x out */
    eg_axis_list rows, columns;
    int64_t *runs;  /* beside rows.at: where those rows begin */
    int64_t *order; /* [taps[0]]: kernel row -> its place in the turned kernel */
    const float *x, *kernel, *start;
    eg_conv_result result;
    int64_t chunk, chunks; /* position rows of an item; items of an image */
    size_t t_floats;
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
    enum { MOST = 1 << 22 };
    if (w->groups > 1 || w->taps[0] * w->positions[0] > MOST || w->taps[1] * w->positions[1] > MOST) return 0;
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

typedef struct turn_detail {
    float *out;
    const float *in;
    const int64_t *order;
    int64_t taps[EG_SPATIAL], channels, out_channels;
} turn_detail;

/* w[row][tap][c][o] to [order of row][c][tap][o]; items are kernel rows. */
static void run_turn(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const turn_detail *d = step->detail;
    int64_t n = d->out_channels;
    (void)scratch;
    for (int64_t row = from; row < to; row++)
        for (int64_t k = 0; k < d->taps[1]; k++)
            for (int64_t c = 0; c < d->channels; c++)
                memcpy(d->out + ((d->order[row] * d->channels + c) * d->taps[1] + k) * n,
                       d->in + ((row * d->taps[1] + k) * d->channels + c) * n, (size_t)n * sizeof *d->out);
}

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

/* The kernel rows that one position meets are every so-manieth: these become neighbours. */
static int64_t *order_rows(eg_arena *arena, const eg_window *w) {
    int64_t step = w->spread[0] / common_divisor(w->dilation[0], w->spread[0]), n = 0;
    int64_t *order = EG_ARENA_ARRAY(arena, int64_t, w->taps[0]);
    for (int64_t first = 0; order && first < step; first++)
        for (int64_t k = first; k < w->taps[0]; k += step) order[k] = n++;
    return order;
}

static eg_status turn_kernel(eg_cpu_run *run, const eg_conv_request *r, const eg_window *w, const int64_t *order,
                             int *storage) {
    eg_cpu_step *step = eg_step_new(run, r->value, "turn kernel", run_turn, sizeof(turn_detail));
    if (!step) return EG_E_MEMORY;
    turn_detail *d = step->detail;
    *d = (turn_detail){
        .order = order, .taps = { w->taps[0], w->taps[1] }, .channels = w->channels, .out_channels = w->out
    };
    int64_t n = w->taps[0] * w->taps[1] * w->channels * w->out;
    step->items = w->taps[0];
    step->work = .3 * (double)n;
    *storage = eg_storage_new(run, EG_IN_ARENA, (size_t)n * sizeof(float));
    EG_TRY(eg_step_reads(run, r->w, &d->in));
    return eg_step_uses(run, *storage, &d->out, (eg_use){ .write = 1 });
}

/* ---- running ----------------------------------------------------------------------------------------------- */

/* Position row p of image n. */
static void run_row(const overlap_detail *d, int64_t n, int64_t p, float *t) {
    static const int32_t zero = 0;
    const eg_window *w = &d->w;
    eg_gemm g = d->g;
    int32_t first = d->rows.first[p], count = d->rows.first[p + 1] - first;
    g.a = d->x + n * w->image[0] * w->image[1] * w->channels;
    g.a_runs = d->runs + first;
    g.k = count * w->channels;
    g.b = d->kernel + (count ? d->order[d->rows.tap[first]] * w->channels * g.n : 0);
    g.c = t;
    d->kernels->gemm(&g, 0, g.m, 0, (g.n + EG_PANEL - 1) / EG_PANEL);
    eg_windows windows = { .channels = w->out,
                           .positions = w->positions[1],
                           .rows = 1,
                           .row_pixel = &zero,
                           .row_tap = &zero,
                           .first = d->columns.first,
                           .pixel = d->columns.at,
                           .tap = d->columns.tap };
    float *y = d->result.y + (n * w->positions[0] + p) * w->positions[1] * w->out;
    d->kernels->window_collect(&windows, y, t, g.n, d->start);
}

static void run_overlap(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const overlap_detail *d = step->detail;
    for (int64_t i = from; i < to; i++) {
        int64_t n = i / d->chunks, p = i % d->chunks * d->chunk, end = min64(p + d->chunk, d->w.positions[0]);
        int64_t first = n * d->w.positions[0];
        for (int64_t q = p; q < end; q++) run_row(d, n, q, scratch);
        eg_conv_finish(&d->result, (first + p) * d->w.positions[1], (first + end) * d->w.positions[1],
                       scratch + d->t_floats);
    }
}

static eg_status set_lists(eg_arena *arena, overlap_detail *d) {
    const eg_window *w = &d->w;
    EG_TRY(eg_axis_list_new(arena, w, 0, 1, 1, &d->rows));
    EG_TRY(eg_axis_list_new(arena, w, 1, 1, 1, &d->columns));
    int64_t n = d->rows.first[w->positions[0]];
    d->runs = EG_ARENA_ARRAY(arena, int64_t, n + 1);
    if (!d->runs) return EG_E_MEMORY;
    for (int64_t i = 0; i < n; i++) d->runs[i] = d->rows.at[i] * w->image[1] * w->channels;
    return EG_OK;
}

eg_status eg_lower_overlap(eg_cpu_run *run, const eg_conv_request *r, const eg_window *w) {
    int turned;
    int64_t *order = order_rows(run->arena, w);
    if (!order) return EG_E_MEMORY;
    EG_TRY(turn_kernel(run, r, w, order, &turned));
    const char *name = r->strips ? "conv by overlap + strips" : "conv by overlap";
    eg_cpu_step *step = eg_step_new(run, r->value, name, run_overlap, sizeof(overlap_detail));
    if (!step) return EG_E_MEMORY;
    overlap_detail *d = step->detail;
    int64_t wide = w->taps[1] * w->out, pixels = w->image[1];
    *d = (overlap_detail){ .kernels = run->kernels, .w = *w, .order = order, .t_floats = 0 };
    EG_TRY(set_lists(run->arena, d));
    d->g = (eg_gemm){ .m = pixels,
                      .n = wide,
                      .a_row = w->channels,
                      .a_k = 1,
                      .run = w->channels,
                      .b_k = wide,
                      .b_panel = EG_PANEL,
                      .c_row = wide,
                      .c_panel = EG_PANEL };
    d->t_floats = (size_t)(vectors(pixels * wide) * EG_BLOCK);
    d->chunk = eg_conv_chunk(w);
    d->chunks = (w->positions[0] + d->chunk - 1) / d->chunk;
    step->items = w->batch * d->chunks;
    step->scratch = d->t_floats;
    double products = (double)w->batch * d->rows.first[w->positions[0]];
    step->flops = 2 * products * (double)(pixels * wide) * (double)w->channels;
    step->work = step->flops / 150 + .1 * (double)(w->batch * w->positions[0] * pixels * wide);
    EG_TRY(eg_step_reads(run, r->x, &d->x));
    EG_TRY(eg_step_uses(run, turned, &d->kernel, (eg_use){ 0 }));
    if (r->start) EG_TRY(eg_step_reads(run, r->start, &d->start));
    return eg_conv_result_uses(run, r, &d->result);
}
