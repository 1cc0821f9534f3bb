/* SPDX-License-Identifier: MIT
 *
 * copy.c: moves an array between two strided layouts: reshape, permute, slice, expand made real. Dimensions are put
 * in the order of the output's strides and merged where both sides allow it; the innermost two are then a run of
 * copies or a transpose, which goes in tiles so that both sides use their cache lines whole.
 */
#include "kernels/kernels.h"

#include <string.h>
#include "kernels/simd.h"

enum { MAX_RANK = 16, TILE = 16 };

typedef struct walk {
    int rank;
    int64_t dim[MAX_RANK], out[MAX_RANK], in[MAX_RANK]; /* outermost first; strides in elements */
    size_t size;
} walk;

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

/* Output stride falling, so that the last dimension is the one to write along. */
static void sort_dims(walk *w) {
    for (int i = 1; i < w->rank; i++)
        for (int j = i; j > 0 && magnitude(w->out[j]) > magnitude(w->out[j - 1]); j--) {
            int64_t d = w->dim[j], o = w->out[j], n = w->in[j];
            w->dim[j] = w->dim[j - 1], w->out[j] = w->out[j - 1], w->in[j] = w->in[j - 1];
            w->dim[j - 1] = d, w->out[j - 1] = o, w->in[j - 1] = n;
        }
}

static void merge_dims(walk *w) {
    int last = 0;
    for (int i = 1; i < w->rank; i++) {
        if (w->out[last] == w->out[i] * w->dim[i] && w->in[last] == w->in[i] * w->dim[i]) {
            w->dim[last] *= w->dim[i];
            w->out[last] = w->out[i], w->in[last] = w->in[i];
        } else {
            last++;
            w->dim[last] = w->dim[i], w->out[last] = w->out[i], w->in[last] = w->in[i];
        }
    }
    w->rank = last + 1;
}

#define LINE(type)                                                                                     \
    static void line_##type(int64_t n, void *out, int64_t out_step, const void *in, int64_t in_step) { \
        type *restrict o = out;                                                                        \
        const type *restrict s = in;                                                                   \
        if (out_step == 1 && in_step == 0) {                                                           \
            type value = *s;                                                                           \
            for (int64_t i = 0; i < n; i++) o[i] = value;                                              \
        } else {                                                                                       \
            for (int64_t i = 0; i < n; i++) o[i * out_step] = s[i * in_step];                          \
        }                                                                                              \
    }
LINE(uint8_t)
LINE(uint32_t)
LINE(uint64_t)

static void copy_line(const walk *w, int64_t n, int axis, char *out, const char *in) {
    int64_t out_step = w->out[axis], in_step = w->in[axis];
    if (out_step == 1 && in_step == 1)
        memcpy(out, in, (size_t)n * w->size);
    else if (w->size == 1)
        line_uint8_t(n, out, out_step, in, in_step);
    else if (w->size == 4)
        line_uint32_t(n, out, out_step, in, in_step);
    else
        line_uint64_t(n, out, out_step, in, in_step);
}

/* A whole tile of 32-bit elements, both sides contiguous in one direction, by 4x4 transposes in registers. */
static void transpose_tile(float *out, int64_t out_step, const float *in, int64_t in_step) {
    for (int i = 0; i < TILE; i += 4)
        for (int j = 0; j < TILE; j += 4) {
            eg_vf r[4];
            for (int q = 0; q < 4; q++) r[q] = v_load(in + (j + q) * in_step + i);
            v_transpose4(r);
            for (int q = 0; q < 4; q++) v_store(out + (i + q) * out_step + j, r[q]);
        }
}

/* The last two dimensions, where the input runs along the outer one. */
static void copy_tiled(const walk *w, int axis, char *out, const char *in) {
    int64_t size = (int64_t)w->size, rows = w->dim[axis], columns = w->dim[axis + 1];
    int by_vectors = size == 4 && w->out[axis + 1] == 1 && w->in[axis] == 1;
    for (int64_t i0 = 0; i0 < rows; i0 += TILE)
        for (int64_t j0 = 0; j0 < columns; j0 += TILE) {
            int64_t height = rows - i0 < TILE ? rows - i0 : TILE, width = columns - j0 < TILE ? columns - j0 : TILE;
            char *to = out + (i0 * w->out[axis] + j0 * w->out[axis + 1]) * size;
            const char *from = in + (i0 * w->in[axis] + j0 * w->in[axis + 1]) * size;
            if (by_vectors && height == TILE && width == TILE)
                transpose_tile((float *)(void *)to, w->out[axis], (const float *)(const void *)from, w->in[axis + 1]);
            else
                for (int64_t i = 0; i < height; i++)
                    copy_line(w, width, axis + 1, to + i * w->out[axis] * size, from + i * w->in[axis] * size);
        }
}

/* Runs of floats too short to be worth a call each. */
static void copy_runs(const walk *w, int axis, float *out, const float *in) {
    int64_t n = w->dim[axis + 1], whole = n / EG_W * EG_W;
    for (int64_t i = 0; i < w->dim[axis]; i++, out += w->out[axis], in += w->in[axis]) {
        for (int64_t j = 0; j < whole; j += EG_W) v_store(out + j, v_load(in + j));
        for (int64_t j = whole; j < n; j++) out[j] = in[j];
    }
}

static int has_short_runs(const walk *w, int axis) {
    enum { SHORT = 256 };
    if (axis != w->rank - 2 || w->size != 4 || w->dim[axis + 1] > SHORT) return 0;
    return w->out[axis + 1] == 1 && w->in[axis + 1] == 1;
}

static void copy_from(const walk *w, int axis, char *out, const char *in) {
    int64_t size = (int64_t)w->size;
    if (has_short_runs(w, axis))
        copy_runs(w, axis, (float *)(void *)out, (const float *)(const void *)in);
    else if (axis == w->rank - 1)
        copy_line(w, w->dim[axis], axis, out, in);
    else if (axis == w->rank - 2 && magnitude(w->in[axis]) < magnitude(w->in[axis + 1]))
        copy_tiled(w, axis, out, in);
    else
        for (int64_t i = 0; i < w->dim[axis]; i++)
            copy_from(w, axis + 1, out + i * w->out[axis] * size, in + i * w->in[axis] * size);
}

void eg_copy_strided(int rank, const int64_t *dim, void *out, const int64_t *out_stride, const void *in,
                     const int64_t *in_stride, int size) {
    walk w = { .size = (size_t)size };
    for (int i = 0; i < rank; i++) {
        if (dim[i] == 0) return;
        if (dim[i] == 1) continue;
        w.dim[w.rank] = dim[i], w.out[w.rank] = out_stride[i], w.in[w.rank] = in_stride[i];
        w.rank++;
    }
    if (w.rank == 0) { /* one element */
        memcpy(out, in, w.size);
        return;
    }
    sort_dims(&w);
    merge_dims(&w);
    copy_from(&w, 0, out, in);
}
