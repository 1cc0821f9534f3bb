/* SPDX-License-Identifier: MIT
 *
 * lower_conv.c: convolution on the product engine. In a channels-last image, what one row of the kernel covers is
 * one run of floats, kernel columns x channels; so a window is a list of runs, and the next position's window lies
 * stride x channels further. That is how gemm reads A: nothing is copied but images that need zeros around or
 * between their elements, one at a time into a part's own scratch, where they stay in cache.
 *
 *   y = x w      A's rows are positions (neighbours in an image row; neighbours in the batch where rows are short),
 *                k runs over taps and channels, B is the kernel as it lies
 *   kernel       A's rows are the kernel's rows, k runs over positions and images, B is the adjoint of y
 *
 * Each element of y is one chain in k, whatever the cut; a kernel's gradient is cut by eg_partial_sums. / */
#include <string.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"
#include "runtime/lower_window.h"

/* How images are read: in place, or as copies with everything around and between written out. */
typedef struct image_view {
    int padded;
    int64_t extent[EG_SPATIAL]; /* of the part that windows see, zeros included */
    int64_t pitch, size, start; /* floats: to the next row, to the next image; to the first window's first tap */
} image_view;

typedef struct conv_detail {
    const eg_kernels *kernels;
    eg_window w;
    image_view view;
    eg_gemm g;            /* what all products have in common */
    int64_t inner, outer; /* channels of one group, of x and of y */
    int64_t panels;
    const float *x, *kernel, *start;
    eg_conv_result result;
    int by_images;         /* A's rows are images */
    int64_t chunk, chunks; /* position rows (of one image) or images of an item; items of one image or in all */
    size_t padding;        /* floats of scratch for copies; then the strips' scratch */
} conv_detail;

enum {
    CHUNK_FLOATS = 8192,  /* of a result, computed before its elementwise part is done */
    FEW_POSITIONS = 8,    /* shorter image rows leave too few rows of A */
    IMAGE_ROWS = 56,      /* A's rows when they are images */
    IMAGES_FLOATS = 65536 /* of copies in scratch */
};

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t panels_of(int64_t n) { return (n + EG_PANEL - 1) / EG_PANEL; }

/* ---- images -------------------------------------------------------------------------------------------- */

static image_view view_of(const eg_window *w) {
    image_view v = { .padded = 0 };
    for (int d = 0; d < EG_SPATIAL; d++) {
        v.extent[d] = (w->positions[d] - 1) * w->stride[d] + eg_window_extent(w->taps[d], w->dilation[d]);
        v.padded |= w->low[d] > 0 || w->spread[d] > 1 || v.extent[d] - w->low[d] > w->image[d];
    }
    int64_t width = v.padded ? v.extent[1] : w->image[1], height = v.padded ? v.extent[0] : w->image[0];
    v.pitch = width * w->channels;
    v.size = height * v.pitch;
    v.start = v.padded ? 0 : -w->low[0] * v.pitch - w->low[1] * w->channels;
    return v;
}

/* One row of an image as windows see it. */
static void pad_row(const eg_window *w, const image_view *v, float *out, const float *row) {
    int64_t c = w->channels, spread = w->spread[1], low = w->low[1];
    int64_t first =
        low >= 0 ? 0 : (-low + spread - 1) / spread; /* the first element that is seen, and behind the last */
    int64_t end = min64(w->image[1], (v->extent[1] - low + spread - 1) / spread);
    if (end <= first) {
        memset(out, 0, (size_t)v->pitch * sizeof *out);
    } else if (spread == 1) {
        int64_t before = (low + first) * c, behind = (low + end) * c;
        memset(out, 0, (size_t)before * sizeof *out);
        memcpy(out + before, row + first * c, (size_t)((end - first) * c) * sizeof *out);
        memset(out + behind, 0, (size_t)(v->pitch - behind) * sizeof *out);
    } else {
        memset(out, 0, (size_t)v->pitch * sizeof *out);
        for (int64_t i = first; i < end; i++)
            memcpy(out + (low + i * spread) * c, row + i * c, (size_t)c * sizeof *out);
    }
}

/* Rows [e0, e1) of an image as windows see it. */
static void pad_image(const eg_window *w, const image_view *v, float *out, const float *image, int64_t e0,
                      int64_t e1) {
    for (int64_t e = e0; e < e1; e++, out += v->pitch) {
        int64_t at = e - w->low[0], i = at / w->spread[0];
        if (at < 0 || at % w->spread[0] || i >= w->image[0])
            memset(out, 0, (size_t)v->pitch * sizeof *out);
        else
            pad_row(w, v, out, image + i * w->image[1] * w->channels);
    }
}

static int64_t image_floats(const eg_window *w) { return w->image[0] * w->image[1] * w->channels; }

/* ---- runs ---------------------------------------------------------------------------------------------- */

/* Are the taps of one kernel row neighbours in memory? */
static int has_row_runs(const eg_window *w) { return w->dilation[1] == 1 && w->groups == 1; }

/* A window as runs of floats. */
static eg_status set_window_runs(eg_arena *arena, conv_detail *d) {
    const eg_window *w = &d->w;
    int whole_rows = has_row_runs(w);
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

/* All groups of one product: `a` is its first window, `position` the number of that window. */
static void products(const conv_detail *d, eg_gemm *g, const float *a, int64_t position) {
    for (int64_t j = 0; j < d->w.groups; j++) {
        g->a = a + j * d->inner;
        g->b = d->kernel + j * d->outer;
        g->c = d->result.y + position * d->w.out + j * d->outer;
        g->bias = d->start ? d->start + j * d->outer : NULL;
        d->kernels->gemm(g, 0, g->m, 0, d->panels);
    }
}

/* Position rows [p, p + rows) of image n. */
static void run_rows(const conv_detail *d, int64_t n, int64_t p, int64_t rows, float *scratch) {
    const eg_window *w = &d->w;
    int64_t step = w->stride[0] * d->view.pitch, first = (n * w->positions[0] + p) * w->positions[1];
    const float *image = d->x + n * image_floats(w), *a = image + d->view.start + p * step;
    if (d->view.padded) {
        int64_t extent = (rows - 1) * w->stride[0] + eg_window_extent(w->taps[0], w->dilation[0]);
        pad_image(w, &d->view, scratch, image, p * w->stride[0], p * w->stride[0] + extent);
        a = scratch;
    }
    eg_gemm g = d->g;
    if (step == w->positions[1] * g.a_row) { /* rows follow each other without a gap */
        g.m *= rows;
        rows = 1;
    }
    for (int64_t i = 0; i < rows; i++) products(d, &g, a + i * step, first + i * g.m);
}

/* All positions of images [n, n + count). */
static void run_images(const conv_detail *d, int64_t n, int64_t count, float *scratch) {
    const eg_window *w = &d->w;
    const float *a = d->x + n * image_floats(w) + d->view.start;
    for (int64_t i = 0; i < count && d->view.padded; i++)
        pad_image(w, &d->view, scratch + i * d->view.size, d->x + (n + i) * image_floats(w), 0, d->view.extent[0]);
    if (d->view.padded) a = scratch;
    eg_gemm g = d->g;
    g.m = count;
    for (int64_t p = 0; p < w->positions[0] * w->positions[1]; p++) {
        int64_t p0 = p / w->positions[1], p1 = p % w->positions[1];
        products(d, &g, a + p0 * w->stride[0] * d->view.pitch + p1 * w->stride[1] * w->channels,
                 n * w->positions[0] * w->positions[1] + p);
    }
}

static void run_conv(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    const conv_detail *d = step->detail;
    int64_t positions = d->w.positions[0] * d->w.positions[1];
    for (int64_t i = from; i < to; i++) {
        int64_t n = d->by_images ? i * d->chunk : i / d->chunks, p = d->by_images ? 0 : i % d->chunks * d->chunk;
        int64_t count = min64(d->chunk, d->by_images ? d->w.batch - n : d->w.positions[0] - p);
        int64_t first = n * positions + p * d->w.positions[1];
        if (d->by_images)
            run_images(d, n, count, scratch);
        else
            run_rows(d, n, p, count, scratch);
        eg_conv_finish(&d->result, first, first + count * (d->by_images ? positions : d->w.positions[1]),
                       scratch + d->padding);
    }
}

/* What an item is. Any choice gives the same bits. */
static void choose_chunks(conv_detail *d) {
    const eg_window *w = &d->w;
    int64_t positions = w->positions[0] * w->positions[1], extent = eg_window_extent(w->taps[0], w->dilation[0]);
    int one_row = w->stride[0] * d->view.pitch == w->positions[1] * w->stride[1] * w->channels;
    int64_t rows = one_row ? positions : w->positions[1];
    d->by_images = rows < FEW_POSITIONS && rows < w->batch;
    if (d->by_images) {
        d->chunk = min64(w->batch, IMAGE_ROWS);
        if (d->view.padded) d->chunk = max64(1, min64(d->chunk, IMAGES_FLOATS / d->view.size));
        d->chunk = (w->batch + (w->batch + d->chunk - 1) / d->chunk - 1) / ((w->batch + d->chunk - 1) / d->chunk);
        d->padding = d->view.padded ? (size_t)(d->chunk * d->view.size) : 0;
        return;
    }
    int64_t chunk = max64(1, CHUNK_FLOATS / (w->positions[1] * w->out));
    if (d->view.padded) chunk = max64(chunk, 2 * extent);              /* else too many rows are copied twice */
    if (w->batch < 8) chunk = min64(chunk, (w->positions[0] + 7) / 8); /* something to share */
    chunk = min64(chunk, w->positions[0]);
    d->chunks = (w->positions[0] + chunk - 1) / chunk;
    d->chunk = (w->positions[0] + d->chunks - 1) / d->chunks;
    if (d->view.padded) d->padding = (size_t)(((d->chunk - 1) * w->stride[0] + extent) * d->view.pitch);
}

static void set_product(conv_detail *d, const eg_kernels *kernels, const eg_window *w) {
    d->kernels = kernels;
    d->w = *w;
    d->view = view_of(w);
    d->inner = w->channels / w->groups, d->outer = w->out / w->groups;
    d->g = (eg_gemm){ .n = d->outer, .b_k = w->out, .b_panel = EG_PANEL, .c_panel = EG_PANEL };
    d->panels = panels_of(d->outer);
}

static eg_status lower_plain(eg_cpu_run *run, const eg_conv_request *r) {
    eg_window w;
    EG_TRY(eg_window_of(r->conv, &w));
    if (eg_is_depthwise(&w)) return eg_lower_depthwise(run, r, &w);
    eg_cpu_step *step =
        eg_step_new(run, r->value, r->strips ? "conv + strips" : "conv", run_conv, sizeof(conv_detail));
    if (!step) return EG_E_MEMORY;
    conv_detail *d = step->detail;
    set_product(d, run->kernels, &w);
    EG_TRY(set_window_runs(run->arena, d));
    choose_chunks(d);
    int64_t positions = w.positions[0] * w.positions[1];
    d->g.m = w.positions[1];
    d->g.a_k = 1;
    d->g.a_row = d->by_images ? d->view.size : w.stride[1] * w.channels;
    d->g.c_row = d->by_images ? positions * w.out : w.out;
    step->items = d->by_images ? (w.batch + d->chunk - 1) / d->chunk : w.batch * d->chunks;
    step->flops = 2. * (double)(w.batch * positions) * (double)(w.taps[0] * w.taps[1] * d->inner) * (double)w.out;
    step->work = step->flops / 150;
    d->padding = (d->padding + EG_BLOCK - 1) / EG_BLOCK * EG_BLOCK;
    step->scratch = d->padding;
    EG_TRY(eg_step_reads(run, r->x, &d->x));
    EG_TRY(eg_step_reads(run, r->w, &d->kernel));
    if (r->start) EG_TRY(eg_step_reads(run, r->start, &d->start));
    return eg_conv_result_uses(run, r, &d->result);
}

/* ---- the elementwise part ------------------------------------------------------------------------------ */

eg_status eg_conv_result_uses(eg_cpu_run *run, const eg_conv_request *r, eg_conv_result *result) {
    eg_cpu_step *step = &run->step[run->nstep - 1];
    eg_shape shape = r->conv->shape;
    result->columns = shape.dim[shape.rank - 1];
    if (!r->strips) return eg_step_writes(run, r->value, &result->y);
    int y =
        r->place >= 0 ? r->out[r->place] : eg_storage_new(run, EG_IN_ARENA, eg_stored_bytes(EG_F32, shape, EG_ROWS));
    result->strips = r->strips;
    result->is_flat = 1;
    for (int o = 0; o < r->strips->noperands; o++) {
        const eg_strip_operand *x = &r->strips->operand[o];
        if (x->reg >= 0) result->is_flat &= x->extent == EG_OVER_ALL || x->extent == EG_OVER_NONE;
    }
    step->scratch += r->strips->scratch;
    step->work += r->strips->work * (double)eg_shape_size(shape);
    EG_TRY(eg_step_uses(run, y, &result->y, (eg_use){ .write = 1 }));
    return eg_finish_uses(run, r->strips, &result->whole, r->in, r->out, y);
}

void eg_conv_finish(const eg_conv_result *r, int64_t i0, int64_t i1, float *scratch) {
    const eg_strips *s = r->strips;
    if (!s) return;
    eg_rect rect; /* large, and only what the operands need is read */
    rect.rows = r->is_flat ? 1 : i1 - i0;
    rect.columns = r->is_flat ? (i1 - i0) * r->columns : r->columns;
    rect.is_first = i0 == 0;
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        if (x->reg < 0) continue;
        int64_t at = x->extent == EG_OVER_ALL ? i0 * r->columns : x->extent == EG_OVER_ROWS ? i0 : 0;
        rect.base[o] = (unsigned char *)r->whole.base[o] + (size_t)at * eg_dtype_size(x->dtype);
        rect.row[o] = x->extent == EG_OVER_ALL ? r->columns : x->extent == EG_OVER_ROWS;
    }
    eg_strips_run(s, &rect, scratch);
}

eg_status eg_lower_conv_group(eg_cpu_run *run, const eg_value *v) {
    const eg_body *body = v->attr.body.body;
    const eg_value *conv = eg_body_product(body);
    int in[EG_GROUP_OPERANDS], out[EG_GROUP_OPERANDS];
    eg_conv_request r = { .value = v,
                          .conv = conv,
                          .x = eg_outer_of(v, conv->in[0]),
                          .w = eg_outer_of(v, conv->in[1]),
                          .start = conv->nin > 2 ? eg_outer_of(v, conv->in[2]) : NULL,
                          .in = in,
                          .out = out };
    EG_TRY(eg_fused_storages(run, v, in, out));
    EG_TRY(eg_finish_strips(run, v, &r.strips));
    r.place = eg_finish_place(body, conv, r.strips);
    return lower_plain(run, &r);
}

/* ---- the gradient by the kernel ------------------------------------------------------------------------ */

typedef struct kernel_detail {
    const eg_kernels *kernels;
    eg_window w;
    image_view view;
    eg_gemm g;
    int64_t inner, outer;
    const float *x, *dy;
    float *out;
    eg_partial_sums sums;
    int64_t images;        /* at a time */
    int64_t blocks;        /* items of one partial sum: kernel rows times pieces of its columns */
    int64_t pieces, piece; /* of the columns */
    int whole_rows;        /* a kernel row is one product */
    int64_t *runs;         /* where the position rows of `images` images begin */
} kernel_detail;

enum { PARTIAL_FLOATS = 1 << 20, CHAIN = 2048, MOST_SPLITS = 16, K_AT_ONCE = 1024, PIECE = 4 * EG_PANEL };

/* The products of kernel row k0, columns [j0, j1) of each group, over `count` images; `a` is the first of them. */
static void kernel_row(const kernel_detail *d, eg_gemm *g, int64_t k0, int64_t j0, int64_t j1, const float *a,
                       const float *dy, float *out) {
    const eg_window *w = &d->w;
    g->n = j1 - j0;
    for (int64_t k1 = 0; k1 < (d->whole_rows ? 1 : w->taps[1]); k1++)
        for (int64_t j = 0; j < w->groups; j++) {
            g->a = a + k0 * w->dilation[0] * d->view.pitch + k1 * w->dilation[1] * w->channels + j * d->inner;
            g->b = dy + j * d->outer + j0;
            g->c = out + (k0 * w->taps[1] + k1) * d->inner * w->out + j * d->outer + j0;
            d->kernels->gemm(g, 0, g->m, 0, panels_of(g->n));
        }
}

/* One partial sum, or one block of it: images in order, as many at a time as make a good product. */
static void sum_kernel(const kernel_detail *d, int64_t split, int64_t block, float *scratch) {
    const eg_window *w = &d->w;
    int64_t begin = split * w->batch / d->sums.splits, end = (split + 1) * w->batch / d->sums.splits;
    int64_t row = block / d->pieces, j0 = block % d->pieces * d->piece, j1 = min64(d->outer, j0 + d->piece);
    int64_t first = d->blocks == 1 ? 0 : row, last = d->blocks == 1 ? w->taps[0] : row + 1;
    for (int64_t n = begin; n < end; n += d->images) {
        int64_t count = min64(d->images, end - n), positions = w->positions[0] * w->positions[1];
        const float *image = d->x + n * image_floats(w), *a = image + d->view.start;
        for (int64_t i = 0; i < count && d->view.padded; i++)
            pad_image(w, &d->view, scratch + i * d->view.size, image + i * image_floats(w), 0, d->view.extent[0]);
        if (d->view.padded) a = scratch;
        eg_gemm g = d->g;
        g.k = count * positions;
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
    int64_t positions = w->positions[0] * w->positions[1];
    d->images = max64(1, K_AT_ONCE / positions);
    if (d->view.padded) d->images = max64(1, min64(d->images, IMAGES_FLOATS / d->view.size));
    d->images = min64(d->images, w->batch);
    d->piece = d->outer;
    d->blocks = d->pieces = 1;
    if (d->sums.splits >= 8) return;
    d->piece = w->groups > 1 ? d->outer : min64(d->outer, PIECE);
    d->pieces = (d->outer + d->piece - 1) / d->piece;
    d->blocks = w->taps[0] * d->pieces;
}

static eg_status lower_kernel(eg_cpu_run *run, const eg_value *v, const eg_window *w) {
    if (eg_is_depthwise(w)) return eg_lower_depthwise_kernel(run, v, w);
    eg_cpu_step *step = eg_step_new(run, v, "conv kernel", run_kernel, sizeof(kernel_detail));
    if (!step) return EG_E_MEMORY;
    kernel_detail *d = step->detail;
    *d = (kernel_detail){ .kernels = run->kernels,
                          .w = *w,
                          .view = view_of(w),
                          .inner = w->channels / w->groups,
                          .outer = w->out / w->groups,
                          .whole_rows = has_row_runs(w) };
    EG_TRY(eg_partial_sums_new(run, v, w, &d->sums));
    choose_blocks(d);
    int64_t *runs = EG_ARENA_ARRAY(run->arena, int64_t, d->images * w->positions[0]);
    if (!runs) return EG_E_MEMORY;
    for (int64_t i = 0; i < d->images * w->positions[0]; i++)
        runs[i] = i / w->positions[0] * d->view.size + i % w->positions[0] * w->stride[0] * d->view.pitch;
    d->g = (eg_gemm){ .m = d->whole_rows ? w->taps[1] * w->channels : d->inner,
                      .a_row = 1,
                      .a_k = w->stride[1] * w->channels,
                      .a_runs = runs,
                      .run = w->positions[1],
                      .b_k = w->out,
                      .b_panel = EG_PANEL,
                      .c_row = w->out,
                      .c_panel = EG_PANEL };
    step->items = d->sums.splits * d->blocks;
    step->flops = eg_value_flops(v);
    step->work = step->flops / 150;
    step->scratch = d->view.padded ? (size_t)(d->images * d->view.size) : 0;
    eg_partial_sums sums = d->sums;
    EG_TRY(eg_step_reads(run, v->in[0], &d->x));
    EG_TRY(eg_step_reads(run, v->in[1], &d->dy));
    EG_TRY(eg_step_uses(run, sums.storage, &d->out, (eg_use){ .write = 1 }));
    return eg_partial_sums_add(run, v, &sums);
}

/* ---- partial sums -------------------------------------------------------------------------------------- */

eg_status eg_partial_sums_new(eg_cpu_run *run, const eg_value *v, const eg_window *w, eg_partial_sums *out) {
    int64_t size = (eg_shape_size(v->shape) + EG_BLOCK - 1) / EG_BLOCK * EG_BLOCK;
    int64_t splits = w->batch * w->positions[0] * w->positions[1] / CHAIN;
    splits = min64(min64(splits, MOST_SPLITS), min64(w->batch, PARTIAL_FLOATS / size));
    *out = (eg_partial_sums){ .splits = max64(1, splits), .size = size };
    if (out->splits == 1)
        out->storage = eg_storage_of(run, v);
    else
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
    *d = (add_detail){ .add = run->kernels->strip[EG_STRIP_ADD],
                       .splits = sums->splits,
                       .size = sums->size,
                       .n = eg_shape_size(v->shape) };
    step->items = (d->n + ADD_FLOATS - 1) / ADD_FLOATS;
    step->work = .05 * (double)(d->n * sums->splits);
    EG_TRY(eg_step_uses(run, sums->storage, &d->parts, (eg_use){ .write = 1 }));
    return eg_step_writes(run, v, &d->out);
}

eg_status eg_lower_conv(eg_cpu_run *run, const eg_value *v) {
    eg_window w;
    EG_TRY(eg_window_of(v, &w));
    if (v->dtype != EG_F32 || eg_shape_size(v->in[0]->shape) == 0 || eg_shape_size(v->in[1]->shape) == 0)
        return eg_lower_reference(run, v);
    if (v->attr.window.kernel) return lower_kernel(run, v, &w);
    return lower_plain(
        run, &(eg_conv_request){
                 .value = v, .conv = v, .x = v->in[0], .w = v->in[1], .start = v->nin > 2 ? v->in[2] : NULL });
}
