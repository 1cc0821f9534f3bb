/* SPDX-License-Identifier: MIT
 *
 * gemm.c: the matrix product. Each element of C is one chain of multiply-adds in k, so that no way of cutting the work
 * changes a bit of the result; everything below is only about feeding the chains.
 *
 *   tile    ROWS x 2 vectors of C live in registers; one step of k loads two vectors of B and broadcasts one float of A
 *           per row. Rows are dealt evenly to tiles (128 rows: 10 tiles of 12 or 13, not 9 of 14 and one of 2).
 *   nest    blocks of k, in them groups of panels whose part of B stays in the L2 cache, in them the row tiles, each
 *           against all panels of the group: its part of A stays in L1. Between blocks of k the chains wait in C.
 *   A       is read in place, unless its lines would fight for the same sets of L1 (columns, strides of a multiple of
 *           4 KB): then the tile's part is copied to the stack first, once for all panels of the group.
 *   few rows  (<= 3) have too few chains in a tile; they take several panels at once.
 */
#include "kernels/isa.h"

enum {
    VECTORS = 2,                     /* of a tile */
    STEP = VECTORS * EG_W,           /* its columns */
    ROWS = EG_W == 16 ? 14 : 6,      /* its most rows: accumulators + B + one broadcast fill the register file */
#ifndef KB
#define KB 512
#endif
#ifndef GB
#define GB 131072
#endif
    K_BLOCK = KB,
    GROUP_FLOATS = GB,           /* of B in a group of panels: half a typical L2 */
    FEW = 3,                         /* rows, for wide tiles */
    PANEL_VECTORS = EG_PANEL / EG_W,
    COPY_WORTH = 3,                  /* panels, to copy a tile of A */
    PAGE = 1024                      /* floats after which lines share a set of L1 */
};

/* What one tile works on. Its rows of A start at `a`; k comes in runs at offsets from there. */
typedef struct tile {
    const float *a;
    int64_t a_row, a_k;
    const int64_t *runs; /* offsets of `count` runs: all `run` long, but the last one */
    int64_t count, run, last;
    const float *b;
    int64_t b_k, b_panel;
    const float *start; /* first values of the accumulators */
    int64_t start_row, start_panel;
    float *c;
    int64_t c_row, c_panel;
    eg_tail tail; /* lanes of the last vector that exist */
    int padded;   /* write zeros into those that do not */
} tile;

EG_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- the inner loops ---------------------------------------------------------------------------------------------- */

EG_INLINE eg_vf load_vector(const float *p, int last, eg_tail tail) { return last ? v_load_tail(p, tail) : v_load(p); }

/* rows x vectors of C. `exact`: B's vectors exist whole. */
EG_INLINE void multiply(int rows, int vectors, int exact, const tile *t)
{
    eg_vf r[ROWS][VECTORS];
    int64_t a_row = t->a_row, a_k = t->a_k, b_k = t->b_k;
    eg_tail tail = t->tail;
    const float *b = t->b;
    EG_UNROLL for (int i = 0; i < rows; i++) {
        EG_UNROLL for (int v = 0; v < vectors; v++) {
            r[i][v] = load_vector(t->start + i * t->start_row + v * EG_W, v == vectors - 1, tail);
            __builtin_prefetch(t->c + i * t->c_row + v * EG_W, 1);
        }
    }
    for (int64_t s = 0; s < t->count; s++) {
        const float *p[(ROWS + 2) / 3]; /* every third row has a pointer: its neighbours are in reach of x86 addressing */
        EG_UNROLL for (int i = 0; i < rows; i += 3) p[i / 3] = t->a + t->runs[s] + i * a_row;
        for (int64_t left = s + 1 < t->count ? t->run : t->last; left > 0; left--) {
            eg_vf bv[VECTORS];
            EG_UNROLL for (int v = 0; v < vectors; v++) bv[v] = load_vector(b + v * EG_W, !exact && v == vectors - 1, tail);
            EG_UNROLL for (int i = 0; i < rows; i++) {
                eg_vf x = v_set(p[i / 3][i % 3 * a_row]);
                EG_UNROLL for (int v = 0; v < vectors; v++) r[i][v] = v_fma(x, bv[v], r[i][v]);
            }
            EG_UNROLL for (int i = 0; i < rows; i += 3) p[i / 3] += a_k;
            b += b_k;
        }
    }
    EG_UNROLL for (int i = 0; i < rows; i++) {
        EG_UNROLL for (int v = 0; v < vectors; v++) {
            float *c = t->c + i * t->c_row + v * EG_W;
            if (v < vectors - 1) v_store(c, r[i][v]);
            else if (t->padded) v_store(c, v_keep_tail(r[i][v], tail));
            else v_store_tail(c, r[i][v], tail);
        }
    }
}

/* A few rows against `panels` whole panels. */
EG_INLINE void multiply_wide(int rows, int panels, const tile *t)
{
    enum { MOST = 4 * PANEL_VECTORS };
    eg_vf r[FEW][MOST];
    int64_t a_row = t->a_row, a_k = t->a_k, b_k = t->b_k;
    int vectors = panels * PANEL_VECTORS;
    const float *b[4];
    EG_UNROLL for (int p = 0; p < panels; p++) b[p] = t->b + p * t->b_panel;
    EG_UNROLL for (int i = 0; i < rows; i++) {
        EG_UNROLL for (int v = 0; v < vectors; v++)
            r[i][v] = v_load(t->start + i * t->start_row + v / PANEL_VECTORS * t->start_panel + v % PANEL_VECTORS * EG_W);
    }
    for (int64_t s = 0; s < t->count; s++) {
        const float *a = t->a + t->runs[s];
        for (int64_t left = s + 1 < t->count ? t->run : t->last; left > 0; left--) {
            eg_vf x[FEW];
            EG_UNROLL for (int i = 0; i < rows; i++) x[i] = v_set(a[i * a_row]);
            EG_UNROLL for (int v = 0; v < vectors; v++) {
                eg_vf bv = v_load(b[v / PANEL_VECTORS] + v % PANEL_VECTORS * EG_W);
                EG_UNROLL for (int i = 0; i < rows; i++) r[i][v] = v_fma(x[i], bv, r[i][v]);
            }
            a += a_k;
            EG_UNROLL for (int p = 0; p < panels; p++) b[p] += b_k;
        }
    }
    EG_UNROLL for (int i = 0; i < rows; i++) {
        EG_UNROLL for (int v = 0; v < vectors; v++)
            v_store(t->c + i * t->c_row + v / PANEL_VECTORS * t->c_panel + v % PANEL_VECTORS * EG_W, r[i][v]);
    }
}

/* Every number of rows, one or two vectors wide. Where a partial load costs, B has a form of its own for it. */
typedef void (*tile_fn)(const tile *t);
enum { FORMS = EG_W == 16 ? 2 : 4 }; /* vectors - 1, + 2 when B is not whole */

#define TILE_ROWS_(X) X(1) X(2) X(3) X(4) X(5) X(6)
#if defined(EG_ISA_AVX512)
#define TILE_ROWS(X) TILE_ROWS_(X) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define TILE(m)                                                        \
    static void tile_##m##_0(const tile *t) { multiply(m, 1, 0, t); }  \
    static void tile_##m##_1(const tile *t) { multiply(m, 2, 0, t); }
#define TILE_ENTRY(m) { tile_##m##_0, tile_##m##_1 },
#else
#define TILE_ROWS(X) TILE_ROWS_(X)
#define TILE(m)                                                        \
    static void tile_##m##_0(const tile *t) { multiply(m, 1, 1, t); }  \
    static void tile_##m##_1(const tile *t) { multiply(m, 2, 1, t); }  \
    static void tile_##m##_2(const tile *t) { multiply(m, 1, 0, t); }  \
    static void tile_##m##_3(const tile *t) { multiply(m, 2, 0, t); }
#define TILE_ENTRY(m) { tile_##m##_0, tile_##m##_1, tile_##m##_2, tile_##m##_3 },
#endif
TILE_ROWS(TILE)
static const tile_fn tile_of[ROWS][FORMS] = { TILE_ROWS(TILE_ENTRY) };

enum { WIDE = EG_W == 16 ? 4 : 2, NARROWER = EG_W == 16 ? 4 : 1 }; /* panels of a wide tile: of one row, of more */
static void wide_1(const tile *t) { multiply_wide(1, WIDE, t); }
static void wide_2(const tile *t) { multiply_wide(2, NARROWER, t); }
static void wide_3(const tile *t) { multiply_wide(3, NARROWER, t); }
static const tile_fn wide_of[FEW] = { wide_1, wide_2, wide_3 };

/* ---- the nest ------------------------------------------------------------------------------------------------------- */

/* Where in k one block lies: whole runs, or a part of the only one. */
typedef struct k_block {
    int64_t first, length; /* in k */
    const int64_t *runs;
    int64_t count, run, last;
    int is_first, is_last;
} k_block;

static const float zeros[EG_PANEL * 4];

/* Points the tile at the columns from j on, `width` of which exist (0: only padding is left). */
EG_INLINE void aim(tile *t, const eg_gemm *g, const k_block *k, int64_t i, int64_t j)
{
    int64_t panel = j / EG_PANEL, lane = j % EG_PANEL;
    t->b = g->b + panel * g->b_panel + k->first * g->b_k + lane;
    t->c = g->c + panel * g->c_panel + i * g->c_row + lane;
    if (!k->is_first || g->accumulate) {
        t->start = t->c, t->start_row = g->c_row, t->start_panel = g->c_panel;
    } else if (g->bias) {
        t->start = g->bias + j, t->start_row = 0, t->start_panel = EG_PANEL;
    } else {
        t->start = zeros, t->start_row = 0, t->start_panel = 0;
    }
}

/* `rows` rows from i on against one panel. */
static void tile_panel(tile *t, const eg_gemm *g, const k_block *k, int64_t i, int rows, int64_t p)
{
    int64_t j = p * EG_PANEL, end = min64(g->n, j + EG_PANEL);
    for (; j < end; j += STEP) {
        int64_t width = min64(end - j, STEP);
        int vectors = width > EG_W ? 2 : 1, whole = width == vectors * EG_W || g->b_panel != EG_PANEL;
        aim(t, g, k, i, j);
        t->tail = v_tail(width - (vectors - 1) * EG_W);
        tile_of[rows - 1][FORMS == 2 || whole ? vectors - 1 : vectors + 1](t);
    }
    if (g->c_padded)
        for (end += (EG_W - end % EG_W) % EG_W; end < (p + 1) * EG_PANEL; end += EG_W)
            for (int64_t q = i; q < i + rows; q++)
                v_store(g->c + p * g->c_panel + q * g->c_row + end % EG_PANEL, v_set(0.f));
}

/* `rows` contiguous floats from each of n columns. */
static void copy_columns(float *out, const float *from, int64_t n, int rows, int64_t a_k)
{
    for (int i = 0; i < rows; i += EG_W) {
        eg_tail tail = v_tail(min64(rows - i, EG_W));
        for (int64_t q = 0; q < n; q++) v_store_tail(out + q * rows + i, v_load_tail(from + q * a_k + i, tail), tail);
    }
}

/* The tile's part of A, rows or columns as they are, but close together. */
static void copy_a(tile *t, const k_block *k, int rows, float *out)
{
    int by_rows = t->a_k == 1;
    int64_t pitch = by_rows ? K_BLOCK + EG_W : rows, done = 0;
    for (int64_t s = 0; s < k->count; s++) {
        const float *from = t->a + t->runs[s];
        int64_t length = s + 1 < k->count ? k->run : k->last;
        if (by_rows)
            for (int i = 0; i < rows; i++) memcpy(out + i * pitch + done, from + i * t->a_row, (size_t)length * 4);
        else if (t->a_row == 1)
            copy_columns(out + done * pitch, from, length, rows, t->a_k);
        else
            for (int64_t q = 0; q < length; q++)
                for (int i = 0; i < rows; i++) out[(done + q) * pitch + i] = from[q * t->a_k + i * t->a_row];
        done += length;
    }
    static const int64_t no_offset = 0;
    t->a = out, t->a_row = by_rows ? pitch : 1, t->a_k = by_rows ? 1 : pitch;
    t->runs = &no_offset, t->count = 1, t->last = done;
}

static void tile_group(const eg_gemm *g, const k_block *k, int64_t i, int rows, int64_t p0, int64_t p1)
{
    float copy[ROWS * (K_BLOCK + EG_W)] __attribute__((aligned(64)));
    tile t = { .a = g->a + i * g->a_row, .a_row = g->a_row, .a_k = g->a_k, .runs = k->runs, .count = k->count,
               .run = k->run, .last = k->last, .b_k = g->b_k, .b_panel = g->b_panel, .c_row = g->c_row,
               .c_panel = g->c_panel, .padded = g->c_padded };
    int64_t whole = min64(p1, g->n / EG_PANEL);
    int far = g->a_k == 1 ? g->a_row % PAGE == 0 : k->length > 32;
    if (far && rows > FEW && p1 - p0 >= COPY_WORTH && k->length <= K_BLOCK) copy_a(&t, k, rows, copy);
    if (rows <= FEW) {
        int at_once = rows == 1 ? WIDE : NARROWER;
        t.tail = v_tail(EG_W);
        for (; p0 + at_once <= whole; p0 += at_once) {
            aim(&t, g, k, i, p0 * EG_PANEL);
            wide_of[rows - 1](&t);
        }
    }
    for (; p0 < p1; p0++) tile_panel(&t, g, k, i, rows, p0);
}

/* Sums of the columns of `vectors` vectors of B, the last one partial. */
EG_INLINE void sum_vectors(const eg_gemm *g, int64_t j, int vectors, eg_tail tail)
{
    const float *b = g->b + j / EG_PANEL * g->b_panel + j % EG_PANEL;
    float *out = g->column_sums + j;
    eg_vf s[VECTORS];
    EG_UNROLL for (int v = 0; v < vectors; v++) s[v] = v_set(0.f);
    for (int64_t k = 0; k < g->k; k++, b += g->b_k) {
        EG_UNROLL for (int v = 0; v < vectors; v++) s[v] = s[v] + load_vector(b + v * EG_W, v == vectors - 1, tail);
    }
    EG_UNROLL for (int v = 0; v < vectors - 1; v++) v_store(out + v * EG_W, s[v]);
    v_store_tail(out + (vectors - 1) * EG_W, s[vectors - 1], tail);
}

static void sum_columns(const eg_gemm *g, int64_t j0, int64_t j1)
{
    for (int64_t j = j0; j < j1; j += STEP) {
        int64_t width = min64(j1 - j, STEP);
        if (width > EG_W) sum_vectors(g, j, 2, v_tail(width - EG_W));
        else sum_vectors(g, j, 1, v_tail(width));
    }
}

/* All rows for one block of k and one group of panels. */
static void row_tiles(const eg_gemm *g, const k_block *k, int64_t i0, int64_t i1, int64_t p0, int64_t p1)
{
    int64_t tiles = (i1 - i0 + ROWS - 1) / ROWS, rows = (i1 - i0) / tiles, more = (i1 - i0) % tiles;
    for (int64_t q = 0, i = i0; q < tiles; q++) {
        int m = (int)(rows + (q < more));
        tile_group(g, k, i, m, p0, p1);
        if (k->is_last && g->finish) g->finish(g->context, i, i + m, p0 * EG_PANEL, min64(g->n, p1 * EG_PANEL));
        i += m;
    }
}

/* The block of k that starts at `first`. */
static k_block block_at(const eg_gemm *g, int64_t first)
{
    static const int64_t no_offset = 0;
    k_block k = { .first = first, .runs = &no_offset, .count = 1, .is_first = first == 0 };
    int64_t unit = g->a_runs ? g->run : 16, blocks = (g->k + K_BLOCK - 1) / K_BLOCK;
    int64_t size = blocks < 2 ? g->k : ((g->k + blocks - 1) / blocks + unit - 1) / unit * unit;
    k.length = min64(size, g->k - first);
    k.run = k.last = k.length;
    if (g->a_runs) {
        k.runs = g->a_runs + first / g->run, k.run = g->run;
        k.count = (k.length + g->run - 1) / g->run;
        k.last = k.length - (k.count - 1) * g->run;
    }
    k.is_last = first + k.length >= g->k;
    return k;
}

void EG_FN(gemm)(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1)
{
    if (i1 <= i0 || p1 <= p0) return;
    int64_t first = 0;
    do {
        k_block k = block_at(g, first);
        eg_gemm part = *g; /* runs are counted within the block; A by strides moves on */
        if (!g->a_runs) part.a += first * g->a_k;
        int64_t group = GROUP_FLOATS / EG_PANEL / (k.length + 1) + 1;
        for (int64_t p = p0; p < p1; p += group) row_tiles(&part, &k, i0, i1, p, min64(p1, p + group));
        first += k.length;
    } while (first < g->k);
    if (g->column_sums && i0 == 0) sum_columns(g, p0 * EG_PANEL, min64(g->n, p1 * EG_PANEL));
}
