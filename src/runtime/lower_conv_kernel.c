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
    const eg_kernels *kernels;
    eg_window w;
    eg_image_view view;
    eg_gemm g;
    int64_t inner, outer;
    const float *x, *dy;
    float *out;
    eg_partial_sums sums;
    int64_t images;        /* at a time */
    int64_t blocks;        /* items of one partial sum: kernel rows times pieces of its columns */
    int64_t pieces, piece; /* of the columns */
    int whole_rows;        /* a kernel row is one product */
    int64_t row_floats;    /* of the result, for each kernel row */
    int64_t together;      /* positions that share B's lanes */
} kernel_detail;

enum {
    PARTIAL_FLOATS = 1 << 20, /* most floats of all partial sums */
    CHAIN = 2048,             /* positions of one */
    MOST_SPLITS = 16,
    K_AT_ONCE = 1024,      /* positions of one product, if images have so many */
    IMAGES_FLOATS = 65536, /* of copies in scratch */
    PIECE = 4 * EG_PANEL   /* columns of an item */
};

/* The products of kernel row k0, columns [j0, j1) of each group, over `count` images; `a` is the first of them. */
static void kernel_row(const kernel_detail *d, eg_gemm *g, int64_t k0, int64_t j0, int64_t j1, const float *a,
                       const float *dy, float *out) {
    const eg_window *w = &d->w;
    g->n = j1 - j0;
    for (int64_t k1 = 0; k1 < (d->whole_rows ? 1 : w->taps[1]); k1++)
        for (int64_t j = 0; j < w->groups; j++) {
            g->a = a + k0 * w->dilation[0] * d->view.pitch + k1 * w->dilation[1] * w->channels + j * d->inner;
            g->b = dy + j * d->outer + j0;
            g->c = out + k0 * d->row_floats + k1 * d->inner * w->out + j * d->outer + j0;
            d->kernels->gemm(g, 0, g->m, 0, panels_of(g->n));
        }
}

/* One partial sum, or one block of it: images in order, as many at a time as make a good product. */
static void sum_kernel(const kernel_detail *d, int64_t split, int64_t block, float *scratch) {
    const eg_window *w = &d->w;
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
        for (int64_t k0 = first; k0 < last; k0++)
            kernel_row(d, &g, k0, j0, j1, a, d->dy + n * positions * w->out, d->out + split * d->sums.size);
    }
}

static void run_kernel(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const kernel_detail *d = step->detail;
    for (int64_t i = from; i < to; i++) sum_kernel(d, i / d->blocks, i % d->blocks, scratch);
}

static void choose_blocks(kernel_detail *d) {
    const eg_window *w = &d->w;
    int64_t positions = w->positions[0] * w->positions[1], columns = d->g.n;
    d->images = max64(1, K_AT_ONCE / positions);
    if (d->view.padded) d->images = max64(1, min64(d->images, IMAGES_FLOATS / d->view.size));
    d->images = min64(d->images, w->batch);
    d->piece = columns;
    d->blocks = d->pieces = 1;
    if (d->sums.splits >= 8) return;
    d->piece = w->groups > 1 ? columns : min64(columns, PIECE);
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
    eg_window w;
    int64_t together, row_floats;
} fold_detail;

/* Items are kernel rows. */
static void run_fold(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const fold_detail *d = step->detail;
    int64_t c = d->w.channels, o = d->w.out;
    (void)scratch;
    for (int64_t i = from * d->w.taps[1] * c; i < to * d->w.taps[1] * c; i++) {
        int64_t row = i / c / d->w.taps[1], tap = i / c % d->w.taps[1];
        for (int64_t j = 0; j < o; j++) {
            float sum = 0;
            for (int64_t g = 0; g < d->together; g++)
                sum +=
                    d->in[row * d->row_floats + (((g * d->w.stride[1] + tap) * c + i % c) * d->together + g) * o + j];
            d->out[i * o + j] = sum;
        }
    }
}

static eg_status fold(eg_cpu_run *run, const eg_value *v, const eg_window *w, int64_t together, int64_t row_floats,
                      int from) {
    eg_cpu_step *step = eg_step_new(run, v, "fold", run_fold, sizeof(fold_detail));
    if (!step) return EG_E_MEMORY;
    fold_detail *d = step->detail;
    *d = (fold_detail){ .w = *w, .together = together, .row_floats = row_floats };
    step->items = w->taps[0];
    step->work = 2 * (double)eg_count(&v->shape) * (double)together;
    EG_TRY(eg_step_uses(run, from, &d->in, (eg_use){ 0 }));
    return eg_step_writes(run, v, &d->out);
}

/* Where the position rows of the images that are summed at a time begin. */
static int64_t *position_rows(eg_arena *arena, const kernel_detail *d) {
    int64_t rows = d->w.positions[0], *runs = EG_ARENA_ARRAY(arena, int64_t, d->images * rows);
    for (int64_t i = 0; runs && i < d->images * rows; i++)
        runs[i] = i / rows * d->view.size + i % rows * d->w.stride[0] * d->view.pitch;
    return runs;
}

/* What all products have in common. */
static void set_products(kernel_detail *d, int64_t together) {
    const eg_window *w = &d->w;
    int64_t taps = (together - 1) * w->stride[1] + w->taps[1];
    d->g = (eg_gemm){ .m = d->whole_rows ? taps * w->channels : d->inner,
                      .n = d->outer * together,
                      .a_row = 1,
                      .a_k = together * w->stride[1] * w->channels,
                      .run = w->positions[1] / together,
                      .b_k = together * w->out,
                      .b_panel = EG_PANEL,
                      .c_row = together * w->out,
                      .c_panel = EG_PANEL };
    d->row_floats = taps * (d->whole_rows ? w->channels : d->inner) * d->g.c_row;
}

eg_status eg_lower_conv_kernel(eg_cpu_run *run, const eg_value *v, const eg_window *w) {
    if (eg_is_depthwise(w)) return eg_lower_depthwise_kernel(run, v, w);
    eg_cpu_step *step = eg_step_new(run, v, "conv kernel", run_kernel, sizeof(kernel_detail));
    if (!step) return EG_E_MEMORY;
    kernel_detail *d = step->detail;
    *d = (kernel_detail){ .kernels = run->kernels,
                          .w = *w,
                          .view = eg_image_view_of(w),
                          .inner = w->channels / w->groups,
                          .outer = w->out / w->groups,
                          .whole_rows = eg_has_row_runs(w) };
    d->together = choose_together(w);
    set_products(d, d->together);
    int64_t n = w->taps[0] * d->row_floats;
    int target =
        d->together > 1 ? eg_storage_new(run, EG_IN_ARENA, (size_t)n * sizeof(float)) : eg_storage_of(run, v);
    if (target < 0) return EG_E_MEMORY;
    EG_TRY(eg_partial_sums_new(run, w, n, target, &d->sums));
    choose_blocks(d);
    d->g.a_runs = position_rows(run->arena, d);
    if (!d->g.a_runs) return EG_E_MEMORY;
    step->items = d->sums.splits * d->blocks;
    step->flops = eg_value_flops(v);
    step->work = step->flops / 150;
    step->scratch = d->view.padded ? (size_t)(d->images * d->view.size) : 0;
    eg_partial_sums sums = d->sums;
    EG_TRY(eg_step_reads(run, v->in[0], &d->x));
    EG_TRY(eg_step_reads(run, v->in[1], &d->dy));
    EG_TRY(eg_step_uses(run, sums.storage, &d->out, (eg_use){ .write = 1 }));
    EG_TRY(eg_partial_sums_add(run, v, &sums));
    return d->together > 1 ? fold(run, v, w, d->together, d->row_floats, target) : EG_OK;
}

/* ---- partial sums -------------------------------------------------------------------------------------- */

eg_status eg_partial_sums_new(eg_cpu_run *run, const eg_window *w, int64_t n, int target, eg_partial_sums *out) {
    int64_t size = (n + EG_BLOCK - 1) / EG_BLOCK * EG_BLOCK;
    int64_t splits = w->batch * w->positions[0] * w->positions[1] / CHAIN;
    splits = min64(min64(splits, MOST_SPLITS), min64(w->batch, PARTIAL_FLOATS / size));
    *out = (eg_partial_sums){ .splits = max64(1, splits), .n = n, .size = size, .storage = target, .target = target };
    if (out->splits > 1)
        out->storage = eg_storage_new(run, EG_IN_ARENA, (size_t)(out->splits * size) * sizeof(float));
    return out->storage < 0 ? EG_E_MEMORY : EG_OK;
}

typedef struct add_detail {
    eg_strip_fn add;
    float *out, *parts;
    int64_t splits, size, n;
} add_detail;

enum { ADD_FLOATS = 1024 };

/* Items are pieces of the sums: all pairs, then pairs of pairs, in the first part's memory; the last addition is
 * the result. */
static void run_add(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const add_detail *d = step->detail;
    (void)scratch;
    for (int64_t i = from; i < to; i++) {
        int64_t at = i * ADD_FLOATS, n = min64(ADD_FLOATS, d->n - at);
        float *p = d->parts + at;
        for (int64_t gap = 1; gap < d->splits; gap *= 2)
            for (int64_t s = 0; s + gap < d->splits; s += 2 * gap)
                d->add(n, 2 * gap >= d->splits ? d->out + at : p + s * d->size, p + s * d->size,
                       p + (s + gap) * d->size, NULL, 0);
    }
}

eg_status eg_partial_sums_add(eg_cpu_run *run, const eg_value *v, const eg_partial_sums *sums) {
    if (sums->splits == 1) return EG_OK;
    eg_cpu_step *step = eg_step_new(run, v, "add parts", run_add, sizeof(add_detail));
    if (!step) return EG_E_MEMORY;
    add_detail *d = step->detail;
    *d = (add_detail){
        .add = run->kernels->strip[EG_STRIP_ADD], .splits = sums->splits, .size = sums->size, .n = sums->n
    };
    step->items = (d->n + ADD_FLOATS - 1) / ADD_FLOATS;
    step->work = .05 * (double)(d->n * sums->splits);
    EG_TRY(eg_step_uses(run, sums->storage, &d->parts, (eg_use){ .write = 1 }));
    return eg_step_uses(run, sums->target, &d->out, (eg_use){ .write = 1 });
}
