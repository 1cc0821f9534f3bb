/* SPDX-License-Identifier: MIT
 *
 * gemm.c: the matrix product. Each element of C is one chain of multiply-adds in k, so that no way of cutting the
 * work changes a bit of the result; everything below is only about feeding the chains.
 *
 *   tile    ROWS x 2 vectors of C live in registers; one step of k loads two vectors of B and broadcasts one float
 *           of A per row. Rows are dealt evenly to tiles (128 rows: 10 tiles of 12 or 13, not 9 of 14 and one of 2).
 *           Low tiles are written out for each number of rows; one high tile asks after each row whether it was the
 *           last, which costs 3 % at most and saves two thirds of the code.
 *   little k     (<= SHORT) would be all prologue: B's columns stay in registers and the rows of C go by.
 *   nest    blocks of k, in them groups of panels whose part of B stays in the L2 cache, in them the row tiles, each
 *           against all panels of the group: its part of A stays near. Between blocks of k the chains wait in C.
 *   A       is read in place whatever its strides: copies, tried even where its lines share a set of L1, only cost.
 *   few rows     (<= 3) have too few chains in a tile; they take several panels at once.
 *   few columns  leave lanes empty; with enough rows the product is turned round: C' = B' A', lanes along the rows.
 */
#include "kernels/isa.h"

enum {
    VECTORS = 2,           /* of a tile */
    STEP = VECTORS * EG_W, /* its columns */
#if defined(__wasm__)
    ROWS =
        4, /* engines load all that a step of k needs before they multiply: 8 accumulators + 2 of B + 4 broadcasts */
#else
    ROWS = EG_W == 16 ? 14 : 6, /* its most rows: accumulators + B + one broadcast fill the registers */
#endif
    K_BLOCK = EG_W == 16 ? 1024 : 512,
    GROUP_FLOATS = 65536,     /* of B in a group of panels: 256 KB, a part of L2 */
    SHORT = EG_W > 4 ? 4 : 0, /* so little k that B's columns stay in registers, */
    SHORT_ROWS = 56,          /* for as many rows at once */
    PANEL_VECTORS = EG_PANEL / EG_W,
    MASKED = EG_W > 4, /* there are masked loads and stores */
    AHEAD = 16, /* so long before their use the largest tile fetches B and A: nobody guesses their strides */
    FEW = EG_W == 4 ? 2 : 3, /* rows, for wide tiles: panels at once for one row, for three */
    WIDE = EG_W == 16 ? 4 : 2,
    LESS_WIDE = EG_W == 16 ? 4 : 1
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
    int64_t rows, width; /* rows at once; columns that exist */
    eg_tail tail;        /* lanes of the last vector that do */
    int padded;          /* write zeros into those that do not */
} tile;

/* Where in k one block lies: several whole runs, or a part of one. */
typedef struct k_block {
    int64_t first, length; /* in k; at most K_BLOCK */
    int64_t a_offset;
    const int64_t *runs;
    int64_t count, run, last;
    int is_first, is_last;
    const float *edge; /* [length][STEP]: B's last columns made whole, or NULL where they are read in place */
} k_block;

static const float zeros[4 * EG_PANEL];
static const int64_t no_offset = 0;

EG_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- the inner loops ------------------------------------------------------------------------- */

/* A tile's last vector may be partial where there are masks; elsewhere such edges go through a tile of their own. */
EG_INLINE eg_vf load_vector(const float *p, int masked, eg_tail tail) {
    return masked ? v_load_tail(p, tail) : v_load(p);
}
EG_INLINE void store_vector(float *p, eg_vf x, int masked, eg_tail tail, eg_tail stored) {
    if (masked)
        v_store_tail(p, v_keep_tail(x, tail), stored);
    else
        v_store(p, x);
}

/* Rows x vectors of C: `most` rows, or at least `least` of them. */
EG_INLINE void multiply(int least, int most, int vectors, const tile *t) {
    eg_vf r[ROWS][VECTORS];
    int64_t a_row = t->a_row, a_k = t->a_k, b_k = t->b_k, c_row = t->c_row, start_row = t->start_row, rows = t->rows;
    const float *b = t->b, *start = t->start;
    float *c = t->c;
    eg_tail tail = t->tail, stored = t->padded ? v_tail(EG_W) : tail;
    int fetches = EG_MASKS_ARE_FREE && most == ROWS && vectors == VECTORS;
    EG_UNROLL for (int i = least; i < most; i++) { EG_UNROLL for (int v = 0; v < vectors; v++) r[i][v] = v_set(0.f); }
#define STOP_AT_LAST_ROW \
    if (i >= least && i >= rows) break
    EG_UNROLL for (int i = 0; i < most; i++) {
        STOP_AT_LAST_ROW;
        EG_UNROLL for (int v = 0; v < vectors; v++) {
            r[i][v] = load_vector(start + i * start_row + v * EG_W, MASKED && v == vectors - 1, tail);
        }
    }
    for (int64_t s = 0; s < t->count; s++) {
        /* Every third row has a pointer: its neighbours are in reach of x86 addressing. */
        const float *p[(ROWS + 2) / 3];
        EG_UNROLL for (int i = 0; i < most; i += 3) p[i / 3] = t->a + t->runs[s] + i * a_row;
        for (int64_t left = s + 1 < t->count ? t->run : t->last; left > 0; left--) {
            eg_vf bv[VECTORS];
            EG_UNROLL for (int v = 0; v < vectors; v++) {
                bv[v] = load_vector(b + v * EG_W, EG_MASKS_ARE_FREE && v == vectors - 1, tail);
                if (fetches) __builtin_prefetch(b + AHEAD * b_k + v * EG_W);
            }
            if (fetches) __builtin_prefetch(p[0] + AHEAD * a_k);
            EG_UNROLL for (int i = 0; i < most; i++) {
                STOP_AT_LAST_ROW;
                eg_vf x = v_set(p[i / 3][i % 3 * a_row]);
                EG_UNROLL for (int v = 0; v < vectors; v++) r[i][v] = v_fma(x, bv[v], r[i][v]);
            }
            EG_UNROLL for (int i = 0; i < most; i += 3) p[i / 3] += a_k;
            b += b_k;
        }
    }
    EG_UNROLL for (int i = 0; i < most; i++) {
        STOP_AT_LAST_ROW;
        EG_UNROLL for (int v = 0; v < vectors; v++)
            store_vector(c + i * c_row + v * EG_W, r[i][v], MASKED && v == vectors - 1, tail, stored);
    }
#undef STOP_AT_LAST_ROW
}

/* Any number of rows against a k of `least` to `most`. */
EG_INLINE void multiply_short(int least, int most, int vectors, const tile *t) {
    eg_vf bv[SHORT + 1][VECTORS];
    int64_t a_row = t->a_row, a_k = t->a_k, c_row = t->c_row, start_row = t->start_row, k = t->last;
    const float *a = t->a + t->runs[0], *start = t->start;
    float *c = t->c;
    eg_tail tail = t->tail, stored = t->padded ? v_tail(EG_W) : tail;
#define STOP_AT_LAST_K \
    if (q >= least && q >= k) break
    EG_UNROLL for (int q = 0; q < most; q++) { EG_UNROLL for (int v = 0; v < vectors; v++) bv[q][v] = v_set(0.f); }
    EG_UNROLL for (int q = 0; q < most; q++) {
        STOP_AT_LAST_K;
        EG_UNROLL for (int v = 0; v < vectors; v++) {
            bv[q][v] = load_vector(t->b + q * t->b_k + v * EG_W, EG_MASKS_ARE_FREE && v == vectors - 1, tail);
        }
    }
    for (int64_t left = t->rows; left > 0; left--, a += a_row, start += start_row, c += c_row) {
        eg_vf r[VECTORS];
        const float *p = a;
        EG_UNROLL for (int v = 0; v < vectors; v++) {
            r[v] = load_vector(start + v * EG_W, MASKED && v == vectors - 1, tail);
        }
        EG_UNROLL for (int q = 0; q < most; q++, p += a_k) {
            STOP_AT_LAST_K;
            eg_vf x = v_set(*p);
            EG_UNROLL for (int v = 0; v < vectors; v++) r[v] = v_fma(x, bv[q][v], r[v]);
        }
        EG_UNROLL for (int v = 0; v < vectors; v++) {
            store_vector(c + v * EG_W, r[v], MASKED && v == vectors - 1, tail, stored);
        }
    }
#undef STOP_AT_LAST_K
}

/* A few rows against `panels` whole panels. */
EG_INLINE void multiply_wide(int rows, int panels, const tile *t) {
    eg_vf r[FEW][WIDE * PANEL_VECTORS];
    int64_t a_row = t->a_row, a_k = t->a_k, b_k = t->b_k;
    int vectors = panels * PANEL_VECTORS;
    const float *b[WIDE];
    EG_UNROLL for (int p = 0; p < panels; p++) b[p] = t->b + p * t->b_panel;
    EG_UNROLL for (int i = 0; i < rows; i++) {
        const float *start = t->start + i * t->start_row;
        EG_UNROLL for (int v = 0; v < vectors; v++) {
            r[i][v] = v_load(start + v / PANEL_VECTORS * t->start_panel + v % PANEL_VECTORS * EG_W);
        }
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

typedef void (*tile_fn)(const tile *t);

#define TILE(m)                                                       \
    static void tile_##m##_1(const tile *t) { multiply(m, m, 1, t); } \
    static void tile_##m##_2(const tile *t) { multiply(m, m, 2, t); }
#define TILE_ENTRY(m) { tile_##m##_1, tile_##m##_2 },
/* Up to LOW there is a tile for each number of rows, one for all above. */
#if defined(EG_ISA_AVX512)
enum { LOW = 4 };
#define LOW_TILES(X) X(1) X(2) X(3) X(4)
#elif defined(EG_ISA_AVX2) || !defined(__x86_64__)
enum { LOW = 3 };
#define LOW_TILES(X) X(1) X(2) X(3)
#else
enum { LOW = 1 };
#define LOW_TILES(X) X(1)
#endif
LOW_TILES(TILE)
static void tile_high_1(const tile *t) { multiply(LOW + 1, ROWS, 1, t); }
static void tile_high_2(const tile *t) { multiply(LOW + 1, ROWS, 2, t); }
static const tile_fn tile_of[LOW + 1][VECTORS] = { LOW_TILES(TILE_ENTRY){ tile_high_1, tile_high_2 } };

/* Tiles for little k. */
static void short_1(const tile *t) { multiply_short(1, SHORT, 1, t); }
static void short_2(const tile *t) { multiply_short(1, SHORT, 2, t); }
static const tile_fn short_of[VECTORS] = { short_1, short_2 };

/* Rows of the next tile, at most `most`: dealt evenly. */
EG_INLINE int64_t height(int64_t left, int64_t most) {
    int64_t tiles = (left + most - 1) / most;
    return tiles <= 1 ? left : (left + tiles - 1) / tiles;
}

static void wide_1(const tile *t) { multiply_wide(1, WIDE, t); }
#if defined(EG_ISA_AVX512) || defined(EG_ISA_AVX2)
static void wide_3(const tile *t) { multiply_wide(3, LESS_WIDE, t); }
#else
#define wide_3 wide_1
#endif

/* One tile; with partial vectors and no masks, by way of whole ones beside C. */
static void run_tile(const tile *t, tile_fn f) {
    if (MASKED || t->width % EG_W == 0) {
        f(t);
        return;
    }
    float c[ROWS * STEP] __attribute__((aligned(64)));
    tile whole = *t;
    whole.c = c, whole.start = c, whole.c_row = whole.start_row = STEP;
    for (int64_t v = 0; v < t->width; v += EG_W) {
        eg_tail tail = v_tail(min64(t->width - v, EG_W));
        for (int64_t i = 0; i < t->rows; i++)
            v_store(c + i * STEP + v, v_load_tail(t->start + i * t->start_row + v, tail));
    }
    f(&whole);
    for (int64_t v = 0; v < t->width; v += EG_W) {
        eg_tail tail = v_tail(min64(t->width - v, EG_W));
        for (int64_t i = 0; i < t->rows; i++)
            v_store_tail(t->c + i * t->c_row + v, v_keep_tail(v_load(c + i * STEP + v), tail),
                         t->padded ? v_tail(EG_W) : tail);
    }
}

EG_INLINE int is_short(int64_t count, int64_t k) { return SHORT > 0 && count == 1 && k > 0 && k <= SHORT; }

/* `rows` rows and `width` columns from where the tile stands. */
static void tile_down(tile *t, int64_t rows, int64_t width) {
    int wide = width > EG_W;
    t->width = width, t->tail = v_tail(wide ? width - EG_W : width);
    if (is_short(t->count, t->last)) {
        t->rows = rows;
        short_of[wide](t);
        return;
    }
    for (; rows > 0; rows -= t->rows) {
        t->rows = height(rows, ROWS);
        run_tile(t, tile_of[min64(t->rows, LOW + 1) - 1][wide]);
        t->a += t->rows * t->a_row, t->c += t->rows * t->c_row, t->start += t->rows * t->start_row;
    }
}

/* ---- the nest -------------------------------------------------------------------------------- */

/* Points the tile at the columns from j on of the rows from i on. */
EG_INLINE void aim(tile *t, const eg_gemm *g, const k_block *k, int64_t i, int64_t j) {
    int64_t panel = j / EG_PANEL, lane = j % EG_PANEL;
    t->a = g->a + k->a_offset + i * g->a_row;
    t->b = g->b + panel * g->b_panel + k->first * g->b_k + lane, t->b_k = g->b_k;
    t->c = g->c + panel * g->c_panel + i * g->c_row + lane;
    if (!k->is_first || g->accumulate) {
        t->start = t->c, t->start_row = g->c_row, t->start_panel = g->c_panel;
    } else {
        t->start = g->bias ? g->bias + j : zeros, t->start_row = 0, t->start_panel = g->bias ? EG_PANEL : 0;
    }
}

/* `rows` rows from i on against one panel. */
static void tile_panel(tile *t, const eg_gemm *g, const k_block *k, int64_t i, int64_t rows, int64_t p) {
    int64_t j = p * EG_PANEL, end = min64(g->n, j + EG_PANEL);
    for (; j < end; j += STEP) {
        int64_t width = min64(end - j, STEP);
        aim(t, g, k, i, j);
        if (k->edge && width % EG_W != 0) t->b = k->edge, t->b_k = STEP;
        tile_down(t, rows, width);
    }
    if (g->c_padded)
        for (end += (EG_W - end % EG_W) % EG_W; end < (p + 1) * EG_PANEL; end += EG_W)
            for (int64_t q = i; q < i + rows; q++)
                v_store(g->c + p * g->c_panel + q * g->c_row + end % EG_PANEL, v_set(0.f));
}

/* `rows` rows from i on against panels p0..p1. */
static void tile_group(tile *t, const eg_gemm *g, const k_block *k, int64_t i, int64_t rows, int64_t p0, int64_t p1) {
    if (rows <= FEW) {
        int64_t unit = rows == 3 ? 3 : 1, at_once = unit == 3 ? LESS_WIDE : WIDE, whole = min64(p1, g->n / EG_PANEL);
        for (; p0 + at_once <= whole; p0 += at_once)
            for (int64_t q = 0; q < rows; q += unit) {
                aim(t, g, k, i + q, p0 * EG_PANEL);
                (unit == 3 ? wide_3 : wide_1)(t);
            }
    }
    for (; p0 < p1; p0++) tile_panel(t, g, k, i, rows, p0);
}

/* All rows of all bands for one block of k and one group of panels. */
static void row_tiles(const eg_gemm *whole, const k_block *k, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
    eg_gemm band = *whole, *g = &band;
    tile t = { .a_row = g->a_row,
               .a_k = g->a_k,
               .runs = k->runs,
               .count = k->count,
               .run = k->run,
               .last = k->last,
               .b_panel = g->b_panel,
               .c_row = g->c_row,
               .c_panel = g->c_panel,
               .padded = g->c_padded };
    /* Rows of A that are pages apart compete for the same lines of L1: fewer of them leave room for B. */
    int crowded = g->a_row % 1024 == 0 && g->b_k == EG_PANEL && k->length > 256;
    do {
        for (int64_t i = i0, rows, most = crowded ? ROWS / 2 : ROWS; i < i1; i += rows) {
            rows = is_short(k->count, k->last) ? min64(i1 - i, SHORT_ROWS) : height(i1 - i, most);
            tile_group(&t, g, k, i, rows, p0, p1);
            if (k->is_last && g->finish) g->finish(g->context, i, i + rows, p0 * EG_PANEL, min64(g->n, p1 * EG_PANEL));
        }
        g->a += g->a_band, g->c += g->c_band;
    } while (--g->bands > 0);
}

/* The block of k that starts at `first`: without runs, k is cut evenly. */
EG_INLINE k_block block_at(const eg_gemm *g, int64_t first) {
    k_block k = { .first = first,
                  .length = g->k,
                  .a_offset = first * g->a_k,
                  .runs = &no_offset,
                  .count = 1,
                  .is_first = first == 0 };
    if (g->a_runs) {
        int64_t within = first % g->run, whole = g->run < K_BLOCK ? K_BLOCK / g->run * g->run : K_BLOCK;
        k.length = min64(whole, g->run < K_BLOCK ? g->k - first : min64(g->run - within, g->k - first));
        k.a_offset = within * g->a_k;
        k.runs = g->a_runs + first / g->run, k.run = g->run;
        k.count = g->run < K_BLOCK ? (k.length + g->run - 1) / g->run : 1;
    } else if (g->k > K_BLOCK) {
        int64_t blocks = (g->k + K_BLOCK - 1) / K_BLOCK;
        k.length = min64(((g->k + blocks - 1) / blocks + 15) / 16 * 16, g->k - first);
    }
    k.last = k.length - (k.count - 1) * k.run;
    k.is_last = first + k.length >= g->k;
    return k;
}

/* B's last columns as whole vectors with zeros: only where masked loads cost, and B ends there. */
static const float *whole_edge(const eg_gemm *g, int64_t first, int64_t length, int64_t p1, float *edge) {
    int64_t j = g->n / STEP * STEP, width = g->n - j;
    if (EG_MASKS_ARE_FREE || width % EG_W == 0 || g->b_panel != EG_PANEL || p1 * EG_PANEL < g->n) return NULL;
    const float *b = g->b + first * g->b_k + j;
    eg_tail low = v_tail(min64(width, EG_W)), high = v_tail(width > EG_W ? width - EG_W : 0);
    for (int64_t q = 0; q < length; q++, b += g->b_k) {
        v_store(edge + q * STEP, v_load_tail(b, low));
        v_store(edge + q * STEP + EG_W, v_load_tail(b + EG_W, high));
    }
    return edge;
}

static void nest(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
    int64_t first = 0;
    do {
        float edge[EG_MASKS_ARE_FREE ? 1 : K_BLOCK * STEP] __attribute__((aligned(64)));
        k_block k = block_at(g, first);
        k.edge = whole_edge(g, first, k.length, p1, edge);
        int64_t group =
            (p1 - p0) * k.length * EG_PANEL <= GROUP_FLOATS ? p1 - p0 : GROUP_FLOATS / EG_PANEL / k.length + 1;
        for (int64_t p = p0; p < p1; p += group) row_tiles(g, &k, i0, i1, p, min64(p1, p + group));
        first += k.length;
    } while (first < g->k);
}

/* ---- small products: one tile wide ----------------------------------------------------------- */

static int is_small(const eg_gemm *g, int64_t p0, int64_t p1) {
    return p1 - p0 == 1 && g->n - p0 * EG_PANEL <= STEP && g->k <= K_BLOCK && !g->a_runs && !g->c_padded;
}

/* The nest without its loops, whose bookkeeping would take longer than the product. */
static void small(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p) {
    float whole[EG_MASKS_ARE_FREE ? 1 : K_BLOCK * STEP] __attribute__((aligned(64)));
    const float *edge = whole_edge(g, 0, g->k, p + 1, whole);
    tile t = { .a = g->a + i0 * g->a_row,
               .a_row = g->a_row,
               .a_k = g->a_k,
               .runs = &no_offset,
               .count = 1,
               .last = g->k,
               .b = edge ? edge : g->b + p * g->b_panel,
               .b_k = edge ? STEP : g->b_k,
               .start = zeros,
               .c = g->c + p * g->c_panel + i0 * g->c_row,
               .c_row = g->c_row };
    if (g->accumulate)
        t.start = t.c, t.start_row = g->c_row;
    else if (g->bias)
        t.start = g->bias + p * EG_PANEL;
    tile_down(&t, i1 - i0, g->n - p * EG_PANEL);
    if (g->finish) g->finish(g->context, i0, i1, p * EG_PANEL, g->n);
}

/* ---- few columns ----------------------------------------------------------------------------- */

enum {
    TURN_ROWS = 4 * EG_PANEL, /* of C at a time */
    TURN_COLUMNS = 10,        /* most of them */
    TURN_K = 4
};

/* Fewer than two thirds of the lanes used. */
static int worth_turning(const eg_gemm *g, int64_t rows) {
    int64_t n = g->n, lanes = (n + EG_W - 1) / EG_W * EG_W;
    if (EG_W == 4 || n > TURN_COLUMNS || 3 * n >= 2 * lanes || g->accumulate || g->a_runs || g->c_padded) return 0;
    return rows >= EG_W && (g->a_row == 1 ? g->k >= n : g->a_k == 1 && g->k >= TURN_K);
}

/* s[columns][TURN_ROWS], lanes along the rows, into rows of C. */
static void store_turned(float *c, int64_t c_row, const float *s, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i += EG_W)
        for (int64_t j = 0; j < columns; j += EG_W) EG_FN(transpose)
    (c + i * c_row + j, c_row, rows - i, min64(columns - j, EG_W), s + j * TURN_ROWS + i, TURN_ROWS, columns - j,
     EG_W);
}

/* Rows i..i+rows of C, at most TURN_ROWS, by way of C'[n][TURN_ROWS] = B' A' where A' lies in rows. */
static void turned(const eg_gemm *g, int64_t i, int64_t rows) {
    float out[TURN_COLUMNS * TURN_ROWS] __attribute__((aligned(64)));
    eg_gemm h = { .m = g->n,
                  .n = rows,
                  .k = g->k,
                  .a = g->b,
                  .a_row = 1,
                  .a_k = g->b_k,
                  .b = g->a + i,
                  .b_k = g->a_k,
                  .b_panel = EG_PANEL,
                  .c = out,
                  .c_row = TURN_ROWS,
                  .c_panel = EG_PANEL };
    if (g->bias) {
        h.accumulate = 1;
        for (int64_t j = 0; j < g->n; j++)
            for (int64_t l = 0; l < rows; l += EG_W) v_store(out + j * TURN_ROWS + l, v_set(g->bias[j]));
    }
    nest(&h, 0, h.m, 0, (rows + EG_PANEL - 1) / EG_PANEL);
    store_turned(g->c + i * g->c_row, g->c_row, out, rows, g->n);
}

/* columns[n rounded up to 4]: EG_W rows of C. */
static void store_columns(const eg_gemm *g, float *c, const eg_vf *columns) {
    for (int64_t j = 0; j < g->n; j += 4) {
        eg_vf x[4];
        EG_UNROLL for (int q = 0; q < 4; q++) x[q] = columns[j + q];
        v_transpose4(x);
        EG_UNROLL for (int q = 0; q < 4; q++)
            v_store_quads(c + q * g->c_row + j, 4 * g->c_row, x[q], min64(g->n - j, 4));
    }
}

/* EG_W rows of C where A's rows run along k: four columns of A at a time are turned on the way. */
static void turning(const eg_gemm *g, const float *a, float *c) {
    eg_vf r[TURN_COLUMNS + 2], x[TURN_K], columns[TURN_COLUMNS + 2];
    const float *b = g->b;
    int64_t n = g->n, b_k = g->b_k, a_row = g->a_row;
#define STOP_AT_LAST_COLUMN \
    if (j >= n) break
    EG_UNROLL for (int j = 0; j < TURN_COLUMNS + 2; j++) r[j] = v_set(0.f);
    EG_UNROLL for (int j = 0; j < TURN_COLUMNS; j++) {
        STOP_AT_LAST_COLUMN;
        r[j] = v_set(g->bias ? g->bias[j] : 0.f);
    }
    for (int64_t left = g->k; left > 0; left -= TURN_K, a += TURN_K) {
        int64_t skip = left < TURN_K ? TURN_K - left : 0; /* the last four overlap with those before them */
        EG_UNROLL for (int q = 0; q < TURN_K; q++) x[q] = v_load_quads(a - skip + q * a_row, 4 * a_row);
        v_transpose4(x);
        EG_UNROLL for (int q = 0; q < TURN_K; q++) {
            if (q < skip) continue;
            EG_UNROLL for (int j = 0; j < TURN_COLUMNS; j++) {
                STOP_AT_LAST_COLUMN;
                r[j] = v_fma(x[q], v_set(b[j]), r[j]);
            }
            b += b_k;
        }
    }
#undef STOP_AT_LAST_COLUMN
    EG_UNROLL for (int j = 0; j < TURN_COLUMNS + 2; j++) columns[j] = r[j];
    store_columns(g, c, columns);
}

/* Rows i..i+rows of C: at least EG_W, the last of which overlap with those before them. */
static void turn(const eg_gemm *g, int64_t i, int64_t rows) {
    if (g->a_row == 1) {
        turned(g, i, rows);
    } else {
        for (int64_t at = 0; at < rows; at += EG_W) {
            int64_t row = i + min64(at, rows - EG_W);
            turning(g, g->a + row * g->a_row, g->c + row * g->c_row);
        }
    }
    if (g->finish) g->finish(g->context, i, i + rows, 0, g->n);
}

static void turn_all(const eg_gemm *g, int64_t i0, int64_t i1) {
    for (int64_t i = i0, rows; i < i1; i += rows) turn(g, i, rows = height(i1 - i, TURN_ROWS));
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void sum_columns(const eg_gemm *g, int64_t p0, int64_t p1) {
    for (int64_t p = p0; p < p1; p++) EG_LENT(column_sum)
    (g->k, g->column_sums + p * EG_PANEL, g->b + p * g->b_panel, g->b_k, 0, min64(g->n - p * EG_PANEL, EG_PANEL));
}

void EG_FN(gemm)(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
    if (i1 <= i0 || p1 <= p0) return;
    if (g->bands > 1)
        nest(g, i0, i1, p0, p1);
    else if (worth_turning(g, i1 - i0))
        turn_all(g, i0, i1);
    else if (is_small(g, p0, p1))
        small(g, i0, i1, p0);
    else
        nest(g, i0, i1, p0, p1);
    if (g->column_sums && i0 == 0) sum_columns(g, p0, p1);
}
