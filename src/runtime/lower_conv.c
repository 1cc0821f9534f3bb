/* SPDX-License-Identifier: MIT
 *
 * lower_conv.c: convolution on the product engine. In a channels-last image, what one row of the kernel covers is
 * one run of floats, kernel columns x channels; so a window is a list of runs, and the next position's window lies
 * stride x channels further. That is how gemm reads A: nothing is copied but images that need zeros around or
 * between their elements, one at a time into a part's own scratch, where they stay in cache. Images of many channels
 * with zeros around them are read in place, too: kernel rows outside are left out, and positions at the left and
 * right edge are columns of their own.
 *
 * A's rows are positions (neighbours in an image row; neighbours in the batch where rows are short), k runs over
 * taps and channels, B is the kernel as it lies. Each element is one chain in k, whatever the cut.
 * lower_conv_kernel.c has the gradient by the kernel, lower_overlap.c a form for few channels, lower_window.c the
 * depthwise one.
 */
#include <math.h>
#include <string.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"
#include "runtime/lower_window.h"

typedef struct conv_detail {
    const eg_kernels *kernels;
    const eg_window *w; /* of wide positions, if some share the lanes */
    int64_t together;   /* how many do */
    eg_image_view view;
    int64_t inner, outer; /* channels of one group, of x and of y */
    int64_t panels;
    int has_edges;         /* padded images are read in place; */
    int64_t first, end;    /* positions before and behind are the edges, if there are any left and right */
    int by_images;         /* A's rows are images */
    int whole;             /* items are images, and chunks what is computed before its elementwise part is done */
    int64_t chunk, chunks; /* position rows (of one image) or images of an item; items of one image or in all */
    size_t padding;        /* floats of scratch for copies, */
    size_t pooled;         /* for an image of results that only `pooling` reads; then the strips' scratch */
    eg_gemm g;             /* what all products have in common */
    eg_pooling pooling;
    eg_conv_memory memory;
} conv_detail;

enum {
    CHUNK_FLOATS = 8192, /* of a result, computed before its elementwise part is done */
    JOINED_FLOATS = 128, /* of a strip with repeated operands: longer ones push each other out of L1 */
    FEW_IMAGES = 8,
    FEW_POSITIONS = 8,    /* shorter image rows leave too few rows of A */
    IMAGE_ROWS = 56,      /* A's rows when they are images */
    IMAGES_FLOATS = 65536 /* of copies in scratch, and of an image that is pooled there */
};

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t panels_of(int64_t n) { return (n + EG_PANEL - 1) / EG_PANEL; }
static size_t rounded(int64_t floats) { return (size_t)((floats + EG_BLOCK - 1) / EG_BLOCK * EG_BLOCK); }

/* ---- runs ---------------------------------------------------------------------------------------------- */

/* A window as runs of floats. */
static eg_status set_window_runs(eg_arena *arena, conv_detail *d) {
    const eg_window *w = d->w;
    int whole_rows = eg_has_row_runs(w);
    int64_t columns = whole_rows ? 1 : w->taps[1], n = w->taps[0] * columns;
    d->g.run = whole_rows ? w->taps[1] * w->channels : d->inner;
    d->g.k = n * d->g.run;
    if (n == 1 || (whole_rows && w->dilation[0] * d->view.pitch == d->g.run)) return EG_OK; /* one run */
    int64_t *at = EG_ARENA_ARRAY(arena, int64_t, n);
    if (!at) return EG_E_MEMORY;
    for (int64_t i = 0; i < n; i++)
        at[i] = i / columns * w->dilation[0] * d->view.pitch + i % columns * w->dilation[1] * w->channels;
    d->g.a_runs = at;
    return EG_OK;
}

/* ---- y = x w ------------------------------------------------------------------------------------------- */

/* All groups of one product: `a` is its first window, `kernel` where k begins, `y` its first result. */
static void products(const conv_detail *d, eg_gemm *g, const float *a, const float *kernel, float *y) {
    g->a = a, g->b = kernel, g->c = y, g->bias = d->memory.start;
    for (int64_t j = 0; j < d->w->groups; j++) {
        d->kernels->gemm(g, 0, g->m, 0, d->panels);
        g->a += d->inner, g->b += d->outer, g->c += d->outer;
        if (g->bias) g->bias += d->outer;
    }
}

/* Narrows k to the kernel rows that position row p meets: the others would multiply zeros. Returns how many rows, of
 * `rows`, meet the same. */
static int64_t skip_padding(const conv_detail *d, eg_gemm *g, int64_t p, int64_t rows, const float **kernel) {
    const eg_window *w = d->w;
    int64_t first, end, next_first, next_end, same = 1, runs = eg_has_row_runs(w) ? 1 : w->taps[1];
    eg_taps_met(w, 0, p, &first, &end);
    g->a_runs = d->g.a_runs + first * runs;
    g->k = (end - first) * runs * g->run;
    *kernel = d->memory.kernel + first * runs * g->run * g->b_k;
    for (; same < rows; same++) {
        eg_taps_met(w, 0, p + same, &next_first, &next_end);
        if (next_first != first || next_end != end) break;
    }
    return same;
}

/* Position p1 of all rows of an image, whose windows leave it on the left or right: a kernel row after the other,
 * each on top of the last. `a` is where the first window would begin. */
static void run_edge(const conv_detail *d, int64_t p1, const float *a, float *y) {
    const eg_window *w = d->w;
    int64_t first, end, rows_first, rows_end, pitch = d->view.pitch;
    eg_taps_met(w, 1, p1, &first, &end);
    eg_gemm g = d->g;
    g.a_runs = NULL, g.k = (end - first) * w->channels, g.accumulate = 1;
    g.a_row = w->stride[0] * pitch, g.c_row *= w->positions[1];
    a += p1 * w->stride[1] * w->channels + first * w->channels;
    y += p1 * w->out;
    for (int64_t p = 0; p < w->positions[0]; p++) {
        if (d->memory.start)
            memcpy(y + p * g.c_row, d->memory.start, (size_t)w->out * sizeof *y);
        else
            memset(y + p * g.c_row, 0, (size_t)w->out * sizeof *y);
    }
    for (int64_t k = 0; k < w->taps[0]; k++) {
        eg_positions_met(w, 0, k, &rows_first, &rows_end);
        g.m = rows_end - rows_first;
        g.a = a + rows_first * g.a_row + k * w->dilation[0] * pitch;
        g.b = d->memory.kernel + (k * w->taps[1] + first) * w->channels * w->out;
        g.c = y + rows_first * g.c_row;
        d->kernels->gemm(&g, 0, g.m, 0, d->panels);
    }
}

/* Position rows [p, p + rows) of an image, to y; `a` is the first one's first window. */
static void run_rows(const conv_detail *d, int64_t p, int64_t rows, const float *a, float *y) {
    const eg_window *w = d->w;
    int64_t step = w->stride[0] * d->view.pitch;
    eg_gemm g = d->g;
    if (step == g.m * g.a_row && !d->has_edges) { /* rows follow each other without a gap */
        g.m *= rows;
        rows = 1;
    }
    int skips = (d->view.padded || d->has_edges) && w->spread[0] == 1 && g.a_runs && g.m == d->g.m;
    const float *kernel = d->memory.kernel;
    a += d->first * g.a_row, y += d->first * w->out;
    g.a_band = step, g.c_band = w->positions[1] * w->out;
    for (int64_t i = 0; i < rows; i += g.bands) {
        g.bands = skips ? skip_padding(d, &g, p + i, rows - i, &kernel) : rows;
        products(d, &g, a + i * step, kernel, y + i * g.c_band);
    }
}

/* All positions of images [n, n + count). */
static void run_images(const conv_detail *d, int64_t n, int64_t count, float *scratch) {
    const eg_window *w = d->w;
    const float *a = d->memory.x + n * eg_image_floats(w) + d->view.start;
    for (int64_t i = 0; i < count && d->view.padded; i++)
        eg_pad_image(w, &d->view, scratch + i * d->view.size, d->memory.x + (n + i) * eg_image_floats(w), 0,
                     d->view.extent[0]);
    if (d->view.padded) a = scratch;
    eg_gemm g = d->g;
    g.m = count;
    int64_t positions = w->positions[0] * w->positions[1];
    for (int64_t p = 0; p < positions; p++) {
        int64_t p0 = p / w->positions[1], p1 = p % w->positions[1];
        products(d, &g, a + p0 * w->stride[0] * d->view.pitch + p1 * w->stride[1] * w->channels, d->memory.kernel,
                 d->memory.y + (n * positions + p) * w->out);
    }
}

/* Position rows [p, p + rows) of image n. */
static void run_chunk(const conv_detail *d, int64_t n, int64_t p, int64_t rows, float *scratch) {
    const eg_window *w = d->w;
    const float *image = d->memory.x + n * eg_image_floats(w);
    const float *a = image + d->view.start + p * w->stride[0] * d->view.pitch;
    if (d->view.padded) {
        int64_t extent = (rows - 1) * w->stride[0] + eg_window_extent(w->taps[0], w->dilation[0]);
        eg_pad_image(w, &d->view, scratch, image, p * w->stride[0], p * w->stride[0] + extent);
        a = scratch;
    }
    run_rows(d, p, rows, a, d->memory.y + (n * w->positions[0] + p) * w->positions[1] * w->out);
}

static void run_conv(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const conv_detail *d = step->detail;
    int64_t rows = d->w->positions[0], columns = d->w->positions[1];
    for (int64_t i = from; i < to; i++) {
        int64_t n, p, count;
        if (d->by_images) {
            n = i * d->chunk, p = 0, count = min64(d->chunk, d->w->batch - n);
            run_images(d, n, count, scratch);
            count *= rows;
        } else {
            n = i / d->chunks, p = i % d->chunks * d->chunk, count = min64(d->chunk, rows - p);
            run_chunk(d, n, p, count, scratch);
        }
        int64_t first = (n * rows + p) * columns * d->together;
        eg_conv_finish(&d->memory, first, first + count * columns * d->together, scratch + d->padding);
    }
}

/* The result as if it were all at y. */
static eg_conv_memory memory_at(const eg_conv_memory *r, float *y) {
    eg_conv_memory own = *r;
    own.y = y;
    for (int o = 0; o < r->strips->noperands; o++)
        if (r->strips->operand[o].extent == EG_OVER_ALL) own.whole.base[o] = y;
    return own;
}

/* Image n of the batch, of which `a` is a view, number `at` of the results. */
static void run_image(const conv_detail *d, const eg_conv_memory *r, const float *a, int64_t at, float *scratch) {
    const eg_window *w = d->w;
    int64_t row = w->positions[1] * d->together, first = at * w->positions[0];
    float *y = r->y + first * w->positions[1] * w->out;
    for (int64_t p = 0; p < d->first; p++) run_edge(d, p, a, y);
    for (int64_t p = d->end; p < w->positions[1]; p++) run_edge(d, p, a, y);
    for (int64_t p = 0, count; p < w->positions[0]; p += count) {
        count = min64(d->chunk, w->positions[0] - p);
        run_rows(d, p, count, a + p * w->stride[0] * d->view.pitch, y + p * w->positions[1] * w->out);
        eg_conv_finish(r, (first + p) * row, (first + p + count) * row, scratch);
    }
}

/* Items are images. Zeros around and between their elements are written once for all of them. Results that go no
 * further than to the largest of their windows stay in scratch. */
static void run_whole(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const conv_detail *d = step->detail;
    const eg_window *w = d->w;
    float *y = scratch + d->padding;
    eg_conv_memory memory = d->pooled ? memory_at(&d->memory, y) : d->memory;
    if (d->view.padded) memset(scratch, 0, (size_t)d->view.size * sizeof *scratch);
    for (int64_t n = from; n < to; n++) {
        const float *image = d->memory.x + n * eg_image_floats(w);
        const float *a = d->view.padded ? scratch : image + d->view.start;
        if (d->view.padded) eg_place_image(w, &d->view, scratch, image, 0, d->view.extent[0]);
        run_image(d, &memory, a, d->pooled ? 0 : n, y + d->pooled);
        int64_t rows = d->pooled ? d->pooling.lists.w->positions[0] : 0;
        for (int64_t p = 0; p < rows; p++) eg_pooling_row(&d->pooling, n * rows + p, y);
    }
}

/* Is there enough to do for two parts? In nanoseconds, as steps estimate it. */
static int is_worth_sharing(const eg_window *w) {
    double products = (double)(w->batch * w->positions[0] * w->positions[1]) * (double)(w->taps[0] * w->taps[1]);
    return products * (double)(w->channels / w->groups * w->out) / 75 >= 2 * eg_least_work_of_a_part;
}

int64_t eg_conv_chunk(const eg_window *w) {
    int64_t chunk = max64(1, CHUNK_FLOATS / (w->positions[1] * w->out));
    if (w->batch < FEW_IMAGES && is_worth_sharing(w)) chunk = min64(chunk, (w->positions[0] + 7) / 8);
    return min64(chunk, w->positions[0]);
}

static int has_whole_items(const eg_window *w) { return w->batch >= FEW_IMAGES || !is_worth_sharing(w); }

/* Padded images, read in place: what is not between `first` and `end` are edges. */
static void choose_edges(conv_detail *d) {
    d->first = 0, d->end = d->w->positions[1];
    d->has_edges = has_whole_items(d->w) && eg_image_leave_edges(d->w, &d->view, &d->first, &d->end);
}

/* What an item is. Any choice gives the same bits. */
static void choose_chunks(conv_detail *d) {
    const eg_window *w = d->w;
    int64_t positions = w->positions[0] * w->positions[1], extent = eg_window_extent(w->taps[0], w->dilation[0]);
    int one_row = w->stride[0] * d->view.pitch == w->positions[1] * w->stride[1] * w->channels;
    int64_t rows = one_row ? positions : w->positions[1];
    d->by_images = rows < FEW_POSITIONS && rows < w->batch;
    if (d->by_images) {
        d->chunk = min64(w->batch, IMAGE_ROWS);
        if (d->view.padded) d->chunk = max64(1, min64(d->chunk, IMAGES_FLOATS / d->view.size));
        d->chunk = (w->batch + (w->batch + d->chunk - 1) / d->chunk - 1) / ((w->batch + d->chunk - 1) / d->chunk);
        d->padding = d->view.padded ? rounded(d->chunk * d->view.size) : 0;
        return;
    }
    int64_t chunk = eg_conv_chunk(w);
    d->whole = d->has_edges || (d->view.padded && d->view.size <= IMAGES_FLOATS && has_whole_items(w));
    if (d->view.padded && w->batch >= FEW_IMAGES && !d->whole)
        chunk = min64(w->positions[0], max64(chunk, 2 * extent));
    d->chunks = (w->positions[0] + chunk - 1) / chunk;
    d->chunk = (w->positions[0] + d->chunks - 1) / d->chunks;
    int64_t padding = d->whole ? d->view.size : ((d->chunk - 1) * w->stride[0] + extent) * d->view.pitch;
    d->padding = d->view.padded ? rounded(padding) : 0;
}

/* ---- few channels: neighbouring positions share the lanes ------------------------------------------------- */

double eg_product_cost(int64_t rows, int64_t columns, double k) {
    double chains = (double)(rows * ((columns + EG_BLOCK - 1) / EG_BLOCK));
    return (chains < 8 ? 8 : chains) * k * (columns <= EG_BLOCK ? 1.07 : 1);
}

eg_window eg_conv_wide(const eg_window *w, int64_t together) {
    eg_window wide = *w;
    wide.taps[1] += (together - 1) * w->stride[1];
    wide.stride[1] *= together, wide.positions[1] /= together, wide.out *= together;
    return wide;
}

int64_t eg_conv_together(const eg_window *w) {
    int64_t best = 1;
    double least = INFINITY;
    for (int64_t g = 1; g * w->out <= EG_PANEL && eg_has_row_runs(w); g++) {
        eg_window wide = eg_conv_wide(w, g);
        if (w->positions[1] % g || (g > 1 && wide.positions[1] < FEW_POSITIONS / 2)) continue;
        double cost = eg_product_cost(wide.positions[1], wide.out, (double)wide.taps[1]);
        if (cost < .9 * least) least = cost, best = g;
    }
    return best;
}

typedef struct widen_detail {
    float *out, *wide_start;
    const float *kernel, *start;
    const eg_window *w;
    int64_t together, row_floats; /* of the wide kernel */
} widen_detail;

/* wide[row][tap][c][g, o] = w[row][tap - g stride][c][o], 0 where there is no such tap; items are kernel rows. */
static void run_widen(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const widen_detail *d = step->detail;
    const eg_window *w = d->w;
    int64_t c = w->channels, o = w->out, size = d->row_floats;
    (void)scratch;
    memset(d->out + from * size, 0, (size_t)((to - from) * size) * sizeof *d->out);
    for (int64_t i = from * w->taps[1] * c; i < to * w->taps[1] * c; i++) {
        int64_t row = i / c / w->taps[1], tap = i / c % w->taps[1];
        for (int64_t g = 0; g < d->together; g++)
            memcpy(d->out + row * size + (((tap + g * w->stride[1]) * c + i % c) * d->together + g) * o,
                   d->kernel + i * o, (size_t)o * sizeof *d->out);
    }
    for (int64_t g = 0; d->start && from == 0 && g < d->together; g++)
        memcpy(d->wide_start + g * o, d->start, (size_t)o * sizeof *d->start);
}

/* The storages of the wide kernel and, if there is one, of the wide start value. */
static eg_status widen(eg_cpu_run *run, const eg_conv_request *r, const eg_window *w, int64_t together, int *kernel,
                       int *start) {
    eg_cpu_step *step = eg_step_new(run, r->value, "widen kernel", run_widen, sizeof(widen_detail));
    if (!step) return EG_E_MEMORY;
    widen_detail *d = step->detail;
    d->w = eg_arena_copy(run->arena, w, sizeof *w);
    if (!d->w) return EG_E_MEMORY;
    d->together = together;
    d->row_floats = (w->taps[1] + (together - 1) * w->stride[1]) * w->channels * w->out * together;
    int64_t n = w->taps[0] * d->row_floats;
    step->items = w->taps[0];
    step->work = .5 * (double)n;
    *kernel = eg_floats_new(run, n);
    eg_step_reads(run, r->w, &d->kernel);
    eg_step_writes_at(run, *kernel, &d->out);
    if (!r->start) return EG_OK;
    *start = eg_floats_new(run, w->out * together);
    eg_step_reads(run, r->start, &d->start);
    return eg_step_writes_at(run, *start, &d->wide_start);
}

/* ---- lowering ---------------------------------------------------------------------------------------------- */

/* Whose windows are all that reads the result, NULL if there is more to it or the images are too large: the strips
 * may work on nothing but the result itself, and as if each image were the first. */
static const eg_value *pooling_of(const eg_cpu_run *run, const eg_conv_request *r, const conv_detail *d,
                                  eg_window *p) {
    const eg_strips *s = r->strips;
    const eg_window *w = d->w;
    if (!s || r->finish->place < 0 || r->value->attr.body.body->nout > 1 || d->by_images) return NULL;
    if (w->positions[0] * w->positions[1] * w->out > IMAGES_FLOATS) return NULL;
    if (!d->whole && (d->view.padded || (w->batch < FEW_IMAGES && is_worth_sharing(w)))) return NULL;
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        int is_own = x->output || o == s->product;
        if (x->reg >= 0 && !is_own && (x->extent == EG_OVER_ALL || x->extent == EG_OVER_ROWS)) return NULL;
    }
    const eg_value *pooling = eg_pooling_of(run, r->value);
    if (!pooling || eg_window_of(pooling, p) != EG_OK) return NULL;
    int same = p->batch == w->batch && p->channels * d->together == w->out && p->image[0] == w->positions[0];
    return same && p->image[1] == w->positions[1] * d->together ? pooling : NULL;
}

/* Makes the last step one that pools: nothing of the result is kept. */
static eg_status pool(eg_cpu_run *run, const eg_conv_request *r, const eg_value *pooling, const eg_window *p,
                      conv_detail *d) {
    eg_cpu_step *step = run->last;
    const eg_window *w = d->w;
    r->finish->out[r->finish->place] = eg_storage_new(run, 0);
    d->pooled = rounded(w->positions[0] * w->positions[1] * w->out);
    step->run = run_whole;
    step->kernel = "conv + strips + pool";
    step->items = w->batch;
    step->scratch += d->pooled;
    return eg_pooling_new(run, pooling, p, &d->pooling);
}

/* What all products have in common, and what an item is. */
static void set_products(conv_detail *d) {
    const eg_window *w = d->w;
    eg_gemm *g = &d->g;
    d->view = eg_image_view_of(w);
    d->inner = w->channels / w->groups, d->outer = w->out / w->groups;
    d->panels = panels_of(d->outer);
    choose_edges(d);
    choose_chunks(d);
    g->m = d->end - d->first, g->n = d->outer;
    g->a_row = d->by_images ? d->view.size : w->stride[1] * w->channels;
    g->a_k = 1;
    g->b_k = w->out;
    g->c_row = d->by_images ? w->positions[0] * w->positions[1] * w->out : w->out;
    g->b_panel = g->c_panel = EG_PANEL;
}

static eg_status lower_products(eg_cpu_run *run, const eg_conv_request *r, const eg_window *w, int64_t together) {
    int kernel = eg_storage_of(run, r->w), start = eg_conv_start(run, r);
    if (together > 1) EG_TRY(widen(run, r, w, together, &kernel, &start));
    eg_cpu_step *step =
        eg_step_new(run, r->value, r->strips ? "conv + strips" : "conv", run_conv, sizeof(conv_detail));
    if (!step) return EG_E_MEMORY;
    conv_detail *d = step->detail;
    eg_window wide = eg_conv_wide(w, together), pooled;
    d->w = w = eg_arena_copy(run->arena, &wide, sizeof wide);
    if (!w) return EG_E_MEMORY;
    d->kernels = run->kernels;
    d->together = together;
    set_products(d);
    EG_TRY(set_window_runs(run->arena, d));
    step->items = d->by_images ? (w->batch + d->chunk - 1) / d->chunk : d->whole ? w->batch : w->batch * d->chunks;
    if (d->whole) step->run = run_whole;
    step->flops = eg_value_flops(r->conv);
    step->work = step->flops / 150;
    step->scratch = d->padding;
    const eg_value *pooling = pooling_of(run, r, d, &pooled);
    if (pooling) EG_TRY(pool(run, r, pooling, &pooled, d));
    return eg_conv_uses(run, r, kernel, start, &d->memory);
}

static eg_status lower_plain(eg_cpu_run *run, const eg_value *v, const eg_value *conv, eg_finish *finish) {
    eg_conv_request r = { .value = v,
                          .conv = conv,
                          .x = eg_operand_of(v, conv, 0),
                          .w = eg_operand_of(v, conv, 1),
                          .start = eg_operand_of(v, conv, 2),
                          .finish = finish,
                          .strips = finish ? finish->strips : NULL };
    eg_window w;
    EG_TRY(eg_window_of(conv, &w));
    if (eg_is_depthwise(&w)) return eg_lower_depthwise(run, &r, &w);
    if (eg_overlap_is_better(&w)) return eg_lower_overlap(run, &r, &w);
    return lower_products(run, &r, &w, eg_conv_together(&w));
}

eg_status eg_lower_conv_group(eg_cpu_run *run, const eg_value *v) {
    eg_finish finish;
    EG_TRY(eg_finish_new(run, v, &finish));
    return lower_plain(run, v, eg_body_product(v->attr.body.body), &finish);
}

eg_status eg_lower_conv(eg_cpu_run *run, const eg_value *v) {
    eg_window w;
    if (v->dtype != EG_F32 || eg_count(&v->in[0]->shape) == 0 || eg_count(&v->in[1]->shape) == 0)
        return eg_lower_reference(run, v);
    if (!v->attr.window.kernel) return lower_plain(run, v, v, NULL);
    EG_TRY(eg_window_of(v, &w));
    return eg_lower_conv_kernel(run, v, &w);
}

/* ---- the elementwise part ------------------------------------------------------------------------------ */

/* How many rows become one, so that instructions have long strips: all of them if nothing varies over rows or
 * columns alone, some if what varies over columns can be repeated side by side. */
static int64_t rows_of_strip(const eg_conv_memory *r) {
    int by_rows = 0, by_columns = 0;
    for (int o = 0; o < r->strips->noperands; o++) {
        const eg_strip_operand *x = &r->strips->operand[o];
        by_rows |= x->reg >= 0 && x->extent == EG_OVER_ROWS;
        by_columns |= x->reg >= 0 && x->extent == EG_OVER_COLUMNS;
    }
    if (by_rows) return 1;
    return by_columns ? max64(1, JOINED_FLOATS / r->columns) : INT64_MAX;
}

static int is_repeated(const eg_conv_memory *r, int o) {
    const eg_strip_operand *x = &r->strips->operand[o];
    return r->strip_rows > 1 && r->strip_rows < INT64_MAX && x->reg >= 0 && x->extent == EG_OVER_COLUMNS;
}

/* Floats of scratch that a repeated operand takes, whatever its dtype. */
static size_t repeated_floats(const eg_conv_memory *r) {
    return rounded(r->strip_rows * r->columns);
}

int eg_conv_start(eg_cpu_run *run, const eg_conv_request *r) { return r->start ? eg_storage_of(run, r->start) : -1; }

eg_status eg_conv_uses(eg_cpu_run *run, const eg_conv_request *r, int kernel, int start, eg_conv_memory *m) {
    eg_cpu_step *step = run->last;
    const eg_shape *shape = &r->conv->shape;
    m->columns = shape->dim[shape->rank - 1];
    eg_step_reads(run, r->x, &m->x);
    eg_step_reads_at(run, kernel, &m->kernel);
    if (r->start) eg_step_reads_at(run, start, &m->start);
    if (!r->strips) return eg_step_writes(run, r->value, &m->y);
    int64_t n = eg_count(shape);
    int place = r->finish->place, y = place >= 0 ? r->finish->out[place] : eg_floats_new(run, n);
    m->strips = r->strips;
    m->strip_rows = rows_of_strip(m);
    step->scratch += r->strips->scratch;
    eg_rect_set(r->strips, m->columns, &m->whole);
    for (int o = 0; o < r->strips->noperands; o++)
        if (is_repeated(m, o)) step->scratch += repeated_floats(m);
    step->work += r->strips->work * (double)n;
    eg_step_writes_at(run, y, &m->y);
    return eg_finish_uses(run, r->finish, &m->whole, y);
}

/* `count` rows from i0 on, `joined` at a time as one. */
static void finish_rows(const eg_conv_memory *r, int64_t i0, int64_t count, int64_t joined, float *scratch) {
    const eg_strips *s = r->strips;
    float *repeated = scratch + s->scratch;
    eg_rect rect; /* large, and only what the operands need is read */
    rect.rows = count / joined;
    rect.columns = joined * r->columns;
    rect.roomy = 0;
    eg_rect_move(s, &r->whole, i0, 0, &rect);
    for (int o = 0; o < s->noperands; o++) {
        if (s->operand[o].reg >= 0) rect.row[o] *= joined; /* where rows count, it is 1 */
        if (!is_repeated(r, o)) continue;
        rect.base[o] = repeated;
        repeated += repeated_floats(r);
    }
    eg_strips_run(s, &rect, scratch);
}

void eg_conv_finish(const eg_conv_memory *r, int64_t i0, int64_t i1, float *scratch) {
    if (!r->strips) return;
    float *repeated = scratch + r->strips->scratch;
    int64_t joined = min64(r->strip_rows, i1 - i0), whole = (i1 - i0) / joined * joined;
    for (int o = 0; o < r->strips->noperands; o++) {
        if (!is_repeated(r, o)) continue;
        size_t row = (size_t)r->columns * eg_dtype_size(r->strips->operand[o].dtype);
        for (int64_t i = 0; i < joined; i++) memcpy((char *)repeated + (size_t)i * row, r->whole.base[o], row);
        repeated += repeated_floats(r);
    }
    finish_rows(r, i0, whole, joined, scratch);
    if (i0 + whole < i1) finish_rows(r, i0 + whole, i1 - i0 - whole, i1 - i0 - whole, scratch);
}
