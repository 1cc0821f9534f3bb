/* SPDX-License-Identifier: MIT
 *
 * lower_conv_kernel.c: the gradient of a convolution by its kernel, the form `kernel` of the op. For each kernel
 * row it is one product: A's rows are the kernel's (taps x channels, neighbours in the image), k runs over
 * positions and images in order, B is the adjoint of the result. Where the result has few channels, G neighbouring
 * positions share B's lanes: a row of A is then a tap of any of them, and the products are folded into the kernel
 * afterwards,
 *
 *     kernel[row, tap, c, o] = sum over g of product[row, g stride + tap, c][g, o]
 */
#include <math.h>
#include <string.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/lower.h"
#include "runtime/lower_window.h"

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t panels_of(int64_t n) { return (n + EG_PANEL - 1) / EG_PANEL; }

typedef struct kernel_detail {
    const float *x, *dy;
    float *out;
    const eg_kernels *kernels;
    const eg_window *w;
    int64_t inner, outer;
    int64_t images;        /* at a time */
    int64_t blocks;        /* items of one partial sum: kernel rows times pieces of its columns */
    int64_t pieces, piece; /* of the columns */
    int whole_rows;        /* a kernel row is one product */
    int has_edges;         /* products skip the positions whose tap lies outside of the image */
    int64_t row_floats;    /* of the result, for each kernel row */
    int64_t together;      /* positions that share B's lanes */
    eg_partial_sums sums;
    eg_image_view view;
    eg_gemm g;
} kernel_detail;

enum {
    PARTIAL_FLOATS = 1 << 20, /* most floats of all partial sums */
    CHAIN = 2048,             /* positions of one */
    MOST_SPLITS = 16,
    K_AT_ONCE = 1024,      /* positions of one product, if images have so many */
    IMAGES_FLOATS = 65536, /* of copies in scratch */
    PIECE = 4 * EG_PANEL   /* columns of an item */
};

/* Narrows k to the positions that meet the tap. */
static void skip_padding(const kernel_detail *d, eg_gemm *g, int64_t k0, int64_t k1) {
    const eg_window *w = d->w;
    int64_t row, row_end, first, end;
    eg_positions_met(w, 0, k0, &row, &row_end);
    eg_positions_met(w, 1, k1, &first, &end);
    g->k = (row_end - row) * (end - first);
    g->run = end - first;
    g->a_runs = g->k ? d->g.a_runs + row : NULL;
    g->b_skip = (w->positions[1] - g->run) * g->b_k;
    g->a += first * g->a_k, g->b += (row * w->positions[1] + first) * g->b_k;
}

/* The products of the kernel rows from k0 on, `g->bands` of them, columns [j0, j1) of each group; `a` is the first
 * image. */
static void kernel_rows(const kernel_detail *d, eg_gemm *g, int64_t k0, int64_t j0, int64_t j1, const float *a,
                        const float *dy, float *out) {
    const eg_window *w = d->w;
    g->n = j1 - j0;
    g->a_band = w->dilation[0] * d->view.pitch, g->c_band = d->row_floats;
    int64_t taps = d->whole_rows ? 1 : w->taps[1];
    for (int64_t k1 = 0; k1 < taps; k1++) {
        g->a = a + k0 * w->dilation[0] * d->view.pitch + k1 * w->dilation[1] * w->channels;
        g->b = dy + j0;
        g->c = out + k0 * d->row_floats + k1 * d->inner * w->out + j0;
        if (d->has_edges) skip_padding(d, g, k0, k1);
        for (int64_t j = 0; j < w->groups; j++) {
            d->kernels->gemm(g, 0, g->m, 0, panels_of(g->n));
            g->a += d->inner, g->b += d->outer, g->c += d->outer;
        }
    }
}

/* One partial sum, or one block of it: images in order, as many at a time as make a good product. */
static void sum_kernel(const kernel_detail *d, int64_t split, int64_t block, float *scratch) {
    const eg_window *w = d->w;
    int64_t begin = split * w->batch / d->sums.splits, end = (split + 1) * w->batch / d->sums.splits;
    int64_t row = block / d->pieces, j0 = block % d->pieces * d->piece, j1 = min64(d->g.n, j0 + d->piece);
    int64_t first = d->blocks == 1 ? 0 : row, last = d->blocks == 1 ? w->taps[0] : row + 1;
    if (d->view.padded) memset(scratch, 0, (size_t)(d->images * d->view.size) * sizeof *scratch);
    for (int64_t n = begin; n < end; n += d->images) {
        int64_t count = min64(d->images, end - n), positions = w->positions[0] * w->positions[1];
        const float *image = d->x + n * eg_image_floats(w), *a = image + d->view.start;
        for (int64_t i = 0; i < count && d->view.padded; i++)
            eg_place_image(w, &d->view, scratch + i * d->view.size, image + i * eg_image_floats(w), 0,
                           d->view.extent[0]);
        if (d->view.padded) a = scratch;
        eg_gemm g = d->g;
        g.k = count * positions / d->together;
        g.accumulate = n > begin;
        g.bands = d->has_edges ? 1 : last - first;
        for (int64_t k0 = first; k0 < last; k0 += g.bands)
            kernel_rows(d, &g, k0, j0, j1, a, d->dy + n * positions * w->out, d->out + split * d->sums.size);
    }
}

static void run_kernel(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const kernel_detail *d = step->detail;
    for (int64_t i = from; i < to; i++) sum_kernel(d, i / d->blocks, i % d->blocks, scratch);
}

static void choose_blocks(kernel_detail *d) {
    const eg_window *w = d->w;
    int64_t images = K_AT_ONCE / (w->positions[0] * w->positions[1]), columns = d->g.n;
    if (d->view.padded) images = min64(images, IMAGES_FLOATS / d->view.size);
    d->images = d->has_edges ? 1 : max64(1, min64(images, w->batch));
    d->piece = columns;
    d->blocks = d->pieces = 1;
    if (d->sums.splits >= 8) return;
    if (w->groups == 1) d->piece = min64(columns, PIECE);
    d->pieces = (columns + d->piece - 1) / d->piece;
    d->blocks = w->taps[0] * d->pieces;
}

/* How many neighbouring positions share the lanes: few rows and few columns make few chains, which wait for
 * themselves. */
static int64_t choose_together(const eg_window *w) {
    int64_t best = 1;
    double least = INFINITY;
    if (!eg_has_row_runs(w)) return 1;
    for (int64_t g = 1; g <= w->positions[1] && g * w->out <= EG_PANEL; g++) {
        if (w->positions[1] % g) continue;
        int64_t rows = ((g - 1) * w->stride[1] + w->taps[1]) * w->channels;
        double chains = (double)(rows * ((g * w->out + EG_BLOCK - 1) / EG_BLOCK));
        double cost = (chains < 8 ? 8 : chains) / (double)g;
        if (cost < .9 * least) least = cost, best = g;
    }
    return best;
}

typedef struct fold_detail {
    float *out;
    const float *in;
    const eg_window *w;
    int64_t together, row_floats;
} fold_detail;

/* Items are kernel rows. */
static void run_fold(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const fold_detail *d = step->detail;
    const eg_window *w = d->w;
    int64_t c = w->channels, o = w->out;
    (void)scratch;
    for (int64_t i = from * w->taps[1] * c; i < to * w->taps[1] * c; i++) {
        const float *row = d->in + i / c / w->taps[1] * d->row_floats;
        for (int64_t j = 0, tap = i / c % w->taps[1]; j < o; j++) {
            float sum = 0;
            for (int64_t g = 0; g < d->together; g++)
                sum += row[(((g * w->stride[1] + tap) * c + i % c) * d->together + g) * o + j];
            d->out[i * o + j] = sum;
        }
    }
}

static eg_status fold(eg_cpu_run *run, const eg_value *v, const kernel_detail *k) {
    eg_cpu_step *step = eg_step_new(run, v, "fold", run_fold, sizeof(fold_detail));
    if (!step) return EG_E_MEMORY;
    fold_detail *d = step->detail;
    d->w = k->w;
    d->together = k->together;
    d->row_floats = k->row_floats;
    step->items = d->w->taps[0];
    step->work = 2 * (double)(eg_count(&v->shape) * d->together);
    eg_step_reads_at(run, k->sums.target, &d->in);
    return eg_step_writes(run, v, &d->out);
}

/* Where the position rows of the images that are summed at a time begin. */
static int64_t *position_rows(eg_arena *arena, const kernel_detail *d) {
    int64_t rows = d->w->positions[0], n = d->images * rows, *runs = EG_ARENA_ARRAY(arena, int64_t, n);
    for (int64_t i = 0; runs && i < n; i++)
        runs[i] = i / rows * d->view.size + i % rows * d->w->stride[0] * d->view.pitch;
    return runs;
}

/* What all products have in common. */
static void set_products(kernel_detail *d) {
    const eg_window *w = d->w;
    eg_gemm *g = &d->g;
    int64_t together = d->together = choose_together(w), taps = (together - 1) * w->stride[1] + w->taps[1];
    d->inner = w->channels / w->groups, d->outer = w->out / w->groups;
    d->view = eg_image_view_of(w);
    int64_t first, end; /* of what have no edges */
    d->has_edges = together == 1 && w->out % EG_BLOCK == 0 && eg_image_leave_edges(w, &d->view, &first, &end);
    d->whole_rows = eg_has_row_runs(w) && !d->has_edges;
    g->m = d->whole_rows ? taps * w->channels : d->inner;
    g->n = d->outer * together;
    g->a_row = 1;
    g->a_k = together * w->stride[1] * w->channels;
    g->run = w->positions[1] / together;
    g->b_k = g->c_row = together * w->out;
    g->b_panel = g->c_panel = EG_PANEL;
    d->row_floats = taps * (d->whole_rows ? w->channels : d->inner) * g->c_row;
}

eg_status eg_lower_conv_kernel(eg_cpu_run *run, const eg_value *v, const eg_window *w) {
    if (eg_is_depthwise(w)) return eg_lower_depthwise_kernel(run, v, w);
    eg_cpu_step *step = eg_step_new(run, v, "conv kernel", run_kernel, sizeof(kernel_detail));
    if (!step) return EG_E_MEMORY;
    kernel_detail *d = step->detail;
    d->kernels = run->kernels;
    d->w = eg_arena_copy(run->arena, w, sizeof *w);
    if (!d->w) return EG_E_MEMORY;
    set_products(d);
    int64_t n = w->taps[0] * d->row_floats;
    int target = d->together > 1 ? eg_floats_new(run, n) : eg_storage_of(run, v);
    eg_partial_sums_new(run, w, n, target, &d->sums);
    choose_blocks(d);
    d->g.a_runs = position_rows(run->arena, d);
    if (!d->g.a_runs) return EG_E_MEMORY;
    step->items = d->sums.splits * d->blocks;
    step->flops = eg_value_flops(v);
    step->work = step->flops / 150;
    step->scratch = d->view.padded ? (size_t)(d->images * d->view.size) : 0;
    eg_step_reads(run, v->in[0], &d->x);
    eg_step_reads(run, v->in[1], &d->dy);
    eg_step_writes_at(run, d->sums.storage, &d->out);
    EG_TRY(eg_partial_sums_add(run, v, &d->sums));
    return d->together > 1 ? fold(run, v, d) : EG_OK;
}

/* ---- partial sums -------------------------------------------------------------------------------------- */

void eg_partial_sums_new(eg_cpu_run *run, const eg_window *w, int64_t n, int target, eg_partial_sums *out) {
    int64_t size = (n + EG_BLOCK - 1) / EG_BLOCK * EG_BLOCK;
    int64_t splits = w->batch * w->positions[0] * w->positions[1] / CHAIN;
    splits = min64(min64(splits, MOST_SPLITS), min64(w->batch, PARTIAL_FLOATS / size));
    *out = (eg_partial_sums){ .splits = max64(1, splits), .n = n, .size = size, .storage = target, .target = target };
    if (splits > 1) out->storage = eg_floats_new(run, splits * size);
}

typedef struct add_detail {
    eg_strip_fn add;
    float *out, *parts;
    const eg_partial_sums *sums;
} add_detail;

enum { ADD_FLOATS = 1024 };

/* Items are pieces of the sums: all pairs, then pairs of pairs, in the first part's memory; the last addition is
 * the result. */
static void run_add(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const add_detail *d = step->detail;
    (void)scratch;
    int64_t splits = d->sums->splits, size = d->sums->size;
    for (int64_t i = from; i < to; i++) {
        int64_t at = i * ADD_FLOATS, n = min64(ADD_FLOATS, d->sums->n - at);
        for (int64_t gap = 1; gap < splits; gap *= 2)
            for (int64_t s = 0; s + gap < splits; s += 2 * gap) {
                float *p = d->parts + at + s * size;
                d->add(n, 2 * gap >= splits ? d->out + at : p, p, p + gap * size, NULL, 0);
            }
    }
}

eg_status eg_partial_sums_add(eg_cpu_run *run, const eg_value *v, const eg_partial_sums *sums) {
    if (sums->splits == 1) return run->status;
    eg_cpu_step *step = eg_step_new(run, v, "add parts", run_add, sizeof(add_detail));
    if (!step) return EG_E_MEMORY;
    add_detail *d = step->detail;
    d->add = run->kernels->strip[EG_STRIP_ADD];
    d->sums = sums;
    step->items = (sums->n + ADD_FLOATS - 1) / ADD_FLOATS;
    step->work = .05 * (double)(sums->n * sums->splits);
    eg_step_writes_at(run, sums->storage, &d->parts);
    return eg_step_writes_at(run, sums->target, &d->out);
}
