/* SPDX-License-Identifier: MIT
 *
 * tile.c: the innermost loops of the matrix product, see gemm.c.
 *
 *   tile    ROWS x 2 vectors of C live in registers; one step of k loads two vectors of B and broadcasts one float
 *           of A per row. Frequent heights are written out; what serves the others asks after each row whether it
 *           was the last. Of one vector a tile has two halves, each of as many rows: both share what is loaded of B.
 *   short   little k would be all prologue: B's columns stay in registers and the rows of C go by.
 *   wide    few rows have too few chains in a tile: they take several panels at once. Three rows against one panel of
 *           four vectors also do instead of six against two, with a load less in each step of k.
 *   turn    few columns leave lanes empty: lanes along the rows.
 */
#include "kernels/isa.h"
#include "kernels/tile.h"

enum {
    VECTORS = 2, /* of a tile */
#if defined(__wasm__)
    /* Engines load all that a step of k needs before they multiply: 8 accumulators + 2 of B + 4 broadcasts. */
    ROWS = 4,
#else
    ROWS = EG_W == 16 ? 14 : 6, /* its most rows: accumulators + B + one broadcast fill the registers */
#endif
    MASKED = EG_W > 4, /* tiles do partial vectors themselves */
    PANEL_VECTORS = EG_PANEL / EG_W,
    WIDE = EG_W == 16 ? 4 : 2, /* panels at once for one row, for three */
    LESS_WIDE = EG_W == 16 ? 4 : 1
};

static const float ones = 1.f; /* a row of A, without a step */

EG_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* A tile's last vector may be partial where there are masks; elsewhere such edges go through a tile of their own. */
EG_INLINE eg_vf load_vector(const float *p, int masked, eg_tail tail) {
    return masked ? v_load_tail(p, tail) : v_load(p);
}
EG_INLINE void store_vector(float *p, eg_vf x, int masked, eg_tail stored) {
    if (masked)
        v_store_tail(p, x, stored);
    else
        v_store(p, x);
}

typedef enum fetching {
    FETCHES_NOTHING,
    FETCHES_NEXT, /* what the next tiles write or read, and where A's rows lie along columns also B */
    FETCHES_ALL
} fetching;

/* What the loop of a tile is made for; all of it constant. */
typedef struct tile_loop {
    int least, most; /* rows: `most`, or at least `least` of them */
    int vectors;     /* of a row */
    int partial;     /* the last vector may be */
    int halves;      /* the second vector is not beside the first, but belongs to other rows */
    fetching ahead;  /* while it computes */
} tile_loop;

/* Lines that are written or read by later tiles: one is fetched in each step of k. */
typedef struct next_lines {
    const float *at;
    int64_t step;
} next_lines;

#define STOP_AT_LAST_ROW \
    if (i >= l.least && i >= rows) break
#define IS_PARTIAL (l.partial && (l.halves || v == l.vectors - 1))

/* `steps` steps of k from `a` and `b` on. Returns where B goes on. */
EG_INLINE const float *multiply_run(tile_loop l, int fetches_b, const eg_tile *t, eg_vf r[ROWS][VECTORS],
                                    const float *a, const float *b, int64_t steps, eg_tail tail, next_lines *next) {
    int64_t a_row = t->a_row, a_k = t->a_k, b_k = t->b_k, rows = t->rows, a_half = l.halves ? t->a_half : 0;
    int of_b = l.halves ? 1 : l.vectors;
    /* Every third row has a pointer: its neighbours are in reach of x86 addressing. */
    const float *p[(ROWS + 2) / 3];
    EG_UNROLL for (int i = 0; i < l.most; i += 3) p[i / 3] = a + i * a_row;
    for (; steps > 0; steps--) {
        eg_vf bv[VECTORS];
        const float *soon = fetches_b ? v_held_address(b + EG_AHEAD * b_k) : b;
        EG_UNROLL for (int v = 0; v < of_b; v++) {
            bv[v] = load_vector(b + v * EG_W, IS_PARTIAL, tail);
            if (fetches_b) __builtin_prefetch(soon + v * EG_W);
        }
        if (l.ahead != FETCHES_NOTHING) __builtin_prefetch(next->at);
        next->at += next->step;
        EG_UNROLL for (int i = 0; i < l.most; i++) {
            STOP_AT_LAST_ROW;
            EG_UNROLL for (int v = 0; v < l.vectors; v++) {
                eg_vf x = v_set(p[i / 3][i % 3 * a_row + v * a_half]);
                r[i][v] = v_fma(x, bv[v % of_b], r[i][v]);
            }
        }
        EG_UNROLL for (int i = 0; i < l.most; i += 3) p[i / 3] += a_k;
        b += b_k;
    }
    return b;
}

/* A tile in panel number `panel` from where it stands. */
EG_INLINE void multiply(tile_loop l, const eg_tile *t, int64_t panel) {
    eg_vf r[ROWS][VECTORS];
    int64_t c_row = t->c_row, start_row = t->start_row, rows = t->rows;
    int64_t c_step = l.halves ? t->c_half : EG_W, start_step = l.halves ? t->start_half : EG_W; /* between vectors */
    const float *b = t->b + panel * t->b_panel, *start = t->start + panel * t->start_panel;
    const float *last_start = start + (rows - 1) * start_row;
    float *c = t->c + panel * t->c_panel;
    next_lines next = { c + t->c_ahead, t->c_step };
    eg_tail tail = v_tail(t->width - (l.halves ? 0 : l.vectors - 1) * EG_W);
    eg_tail stored = t->padded && !l.halves ? v_tail(EG_W) : tail;
    EG_UNROLL for (int i = 0; i < l.most; i++) { /* of rows that do not exist, the last one once more */
        EG_UNROLL for (int v = 0; v < l.vectors; v++) r[i][v] = load_vector(start + v * start_step, IS_PARTIAL, tail);
        start += start_row;
        if (i + 1 >= l.least && start > last_start) start = last_start;
    }
    for (int64_t s = 0; s < t->count; s++) {
        const float *a = t->a + t->runs[s];
        int64_t steps = s + 1 < t->count ? t->run : t->last;
        if (s >= t->c_runs) next = (next_lines){ a + t->a_ahead, t->a_step };
        if (l.ahead == FETCHES_ALL || (l.ahead == FETCHES_NEXT && t->a_row == 1))
            b = multiply_run(l, 1, t, r, a, b, steps, tail, &next);
        else
            b = multiply_run(l, 0, t, r, a, b, steps, tail, &next);
        b += t->b_skip;
    }
    EG_UNROLL for (int i = 0; i < l.most; i++) {
        STOP_AT_LAST_ROW;
        EG_UNROLL for (int v = 0; v < l.vectors; v++) store_vector(c + v * c_step, r[i][v], IS_PARTIAL, stored);
        c += c_row;
    }
}
#undef IS_PARTIAL
#undef STOP_AT_LAST_ROW

/* The smallest nets have plain products, and would feel it if those jumped over this in each row. */
EG_INLINE eg_vf ended(eg_ending ending, eg_vf r, eg_vf held) {
    return ending == EG_END_RELU ? v_max(v_set(0.f), r) : v_keep(v_lt(v_set(0.f), held), r);
}

/* Any number of rows against a k of 1 to EG_SHORT. Of one vector, a part may exist; two are whole. */
EG_INLINE void multiply_short(int vectors, const eg_tile *t) {
    eg_vf bv[EG_SHORT + 1][VECTORS];
    int64_t a_row = t->a_row, a_k = t->a_k, c_row = t->c_row, start_row = t->start_row, k = t->last;
    const float *a = t->a + t->runs[0], *b = t->b, *start = t->start;
    float *c = t->c;
    eg_tail tail = v_tail(vectors == 1 ? t->width : EG_W), stored = t->padded ? v_tail(EG_W) : tail;
#define STOP_AT_LAST_K \
    if (q > 0 && q >= k) break
    EG_UNROLL for (int q = 0; q < EG_SHORT; q++) { /* behind the end of k, its last row once more */
        EG_UNROLL for (int v = 0; v < vectors; v++) bv[q][v] = load_vector(b + v * EG_W, vectors == 1, tail);
        b += q + 1 < k ? t->b_k : 0;
    }
    for (int64_t left = t->rows; left > 0; left--, a += a_row, start += start_row, c += c_row) {
        eg_vf r[VECTORS];
        const float *p = a;
        EG_UNROLL for (int v = 0; v < vectors; v++) r[v] = load_vector(start + v * EG_W, vectors == 1, tail);
        EG_UNROLL for (int q = 0; q < EG_SHORT; q++, p += a_k) {
            STOP_AT_LAST_K;
            eg_vf x = v_set(*p);
            EG_UNROLL for (int v = 0; v < vectors; v++) r[v] = v_fma(x, bv[q][v], r[v]);
        }
        if (__builtin_expect(t->ending != EG_END_PLAIN, 0)) {
            EG_UNROLL for (int v = 0; v < vectors; v++) {
                r[v] = ended(t->ending, r[v], load_vector(c + v * EG_W, vectors == 1, tail));
            }
        }
        EG_UNROLL for (int v = 0; v < vectors; v++) store_vector(c + v * EG_W, r[v], vectors == 1, stored);
    }
#undef STOP_AT_LAST_K
}

/* `rows` rows at a time against `panels` panels, more than half of whose columns exist. Of three rows the last may be
 * one of ones, which makes B's column sums. */
EG_INLINE void multiply_wide(int rows, int panels, int partial, const eg_tile *t) {
    eg_vf r[3][WIDE * PANEL_VECTORS];
    eg_tail tail[WIDE * PANEL_VECTORS];
    int64_t a_row = t->a_row, a_k = t->a_k, b_k = t->b_k, c_row = t->c_row, start_row = t->start_row;
    int vectors = panels * PANEL_VECTORS;
    const float *row = t->a, *start = t->start;
    float *c = t->c;
#define IS_PARTIAL (partial && v >= vectors / 2)
    EG_UNROLL for (int v = 0; v < vectors; v++) {
        int64_t left = t->width - v * EG_W;
        tail[v] = v_tail(left < 0 ? 0 : min64(left, EG_W));
    }
    for (int64_t rest = t->rows; rest > 0; rest -= rows) {
        const float *b[WIDE];
        EG_UNROLL for (int p = 0; p < panels; p++) b[p] = t->b + p * t->b_panel;
        EG_UNROLL for (int i = 0; i < rows; i++) {
            EG_UNROLL for (int v = 0; v < vectors; v++) {
                r[i][v] =
                    v_load(start + i * start_row + v / PANEL_VECTORS * t->start_panel + v % PANEL_VECTORS * EG_W);
            }
        }
        for (int64_t s = 0; s < t->count; s++) {
            const float *a = row + t->runs[s], *last = t->sums ? &ones : a + 2 * a_row;
            int64_t last_k = t->sums ? 0 : a_k;
            for (int64_t left = s + 1 < t->count ? t->run : t->last; left > 0; left--) {
                eg_vf x[3];
                EG_UNROLL for (int i = 0; i < rows; i++) x[i] = v_set(i < 2 ? a[i * a_row] : *last);
                EG_UNROLL for (int v = 0; v < vectors; v++) {
                    const float *from = b[v / PANEL_VECTORS] + v % PANEL_VECTORS * EG_W;
                    eg_vf bv = v_held(load_vector(from, IS_PARTIAL, tail[v]));
                    EG_UNROLL for (int i = 0; i < rows; i++) r[i][v] = v_fma(x[i], bv, r[i][v]);
                }
                a += a_k, last += last_k;
                EG_UNROLL for (int p = 0; p < panels; p++) b[p] += b_k;
            }
            EG_UNROLL for (int p = 0; p < panels; p++) b[p] += t->b_skip;
        }
        EG_UNROLL for (int i = 0; i < rows; i++) {
            float *to = i == 2 && t->sums ? t->sums : c + i * c_row;
            int64_t panel = i == 2 && t->sums ? EG_PANEL : t->c_panel;
            EG_UNROLL for (int v = 0; v < vectors; v++) {
                float *at = to + v / PANEL_VECTORS * panel + v % PANEL_VECTORS * EG_W;
                if (IS_PARTIAL)
                    v_store_tail(at, r[i][v], tail[v]);
                else
                    v_store(at, r[i][v]);
            }
        }
        row += rows * a_row, start += rows * start_row, c += rows * c_row;
    }
#undef IS_PARTIAL
}

/* Tiles of two whole vectors, where the time goes, are written out for each height that products of many rows get:
 * asking after each row whether it was the last takes a tenth of AVX-512's two multiply-adds a cycle. Of the others
 * low ones are, where that gains. Where masks cost, whole vectors have none.
 *
 * To fetch takes some of two loads a cycle, of which lower tiles have fewer to spare: rows of images and of recurrent
 * steps, whose B stays in cache. Gradients of weights, A's rows along columns, come by B but once. */
#define TILE(name, least, most, vectors, partial)                                  \
    static void EG_FN(name)(const eg_tile *t) {                                    \
        const tile_loop l = { least, most, vectors, partial, 0, FETCHES_NOTHING }; \
        multiply(l, t, 0);                                                         \
    }
#define HALVES(name, least)                                            \
    static void EG_FN(name)(const eg_tile *t) {                        \
        const tile_loop l = { least, ROWS, 2, 1, 1, FETCHES_NOTHING }; \
        multiply(l, t, 0);                                             \
    }
#define HIGH_TILE(name, rows, ahead)                                               \
    static void EG_FN(name)(const eg_tile *t) {                                    \
        const tile_loop l = { rows, rows, VECTORS, 0, 0, ahead };                  \
        for (int64_t panel = 0; panel < t->panels; panel++) multiply(l, t, panel); \
    }
/* clang-format off */
#if defined(EG_ISA_AVX512)
TILE(one_1, 1, 1, 1, 1) TILE(one_2, 2, 2, 1, 1) TILE(one_3, 3, 3, 1, 1) TILE(one_4, 4, 4, 1, 1)
__attribute__((aligned(64))) /* where it lies is up to 15 % of its time */
HALVES(halves, 3)
TILE(two_1, 1, 1, 2, 1) TILE(two_high, 2, EG_HIGH - 1, 2, 1)
HIGH_TILE(whole_8, 8, FETCHES_NOTHING) HIGH_TILE(whole_9, 9, FETCHES_ALL)
HIGH_TILE(whole_10, 10, FETCHES_NEXT) HIGH_TILE(whole_11, 11, FETCHES_NEXT)
HIGH_TILE(whole_12, 12, FETCHES_ALL) HIGH_TILE(whole_13, 13, FETCHES_ALL) HIGH_TILE(whole_14, 14, FETCHES_ALL)
#define ONE { 4, 2 * ROWS, 3, { EG_FN(one_1), EG_FN(one_2), EG_FN(one_3), EG_FN(one_4), EG_FN(halves) } }
#define TWO { 1, EG_HIGH - 1, 0, { EG_FN(two_1), EG_FN(two_high) } }
#define WHOLE \
    { 13, ROWS, 0, { EG_FN(two_1), EG_FN(two_high), EG_FN(two_high), EG_FN(two_high), EG_FN(two_high), EG_FN(two_high), \
                  EG_FN(two_high), EG_FN(whole_8), EG_FN(whole_9), EG_FN(whole_10), EG_FN(whole_11), \
                  EG_FN(whole_12), EG_FN(whole_13), EG_FN(whole_14) } }
#elif defined(EG_ISA_AVX2)
TILE(one, 1, ROWS, 1, 1) TILE(two, 1, ROWS, 2, 1)
TILE(whole_1, 1, 1, 2, 0) TILE(whole_2, 2, 2, 2, 0) TILE(whole_3, 3, 3, 2, 0)
TILE(whole_5, 4, 5, 2, 0) TILE(whole_6, 6, 6, 2, 0)
#define ONE { 0, ROWS, 0, { EG_FN(one) } }
#define TWO { 0, ROWS, 0, { EG_FN(two) } }
#define WHOLE \
    { 5, ROWS, 0, { EG_FN(whole_1), EG_FN(whole_2), EG_FN(whole_3), EG_FN(whole_5), EG_FN(whole_5), EG_FN(whole_6) } }
#else
TILE(one, 1, ROWS, 1, 0) TILE(two_1, 1, 1, 2, 0)
#define ONE { 0, ROWS, 0, { EG_FN(one) } }
#if defined(__x86_64__) /* for machines without better: small before fast */
TILE(two_high, 2, ROWS, 2, 0)
#define TWO { 1, ROWS, 0, { EG_FN(two_1), EG_FN(two_high) } }
#else
TILE(two_2, 2, 2, 2, 0) TILE(two_3, 3, 3, 2, 0) TILE(two_high, 4, ROWS, 2, 0)
#define TWO { 3, ROWS, 0, { EG_FN(two_1), EG_FN(two_2), EG_FN(two_3), EG_FN(two_high) } }
#endif
#define WHOLE TWO
#endif
/* clang-format on */

static void short_1(const eg_tile *t) { multiply_short(1, t); }
static void short_2(const eg_tile *t) { multiply_short(2, t); }
static void wide_1(const eg_tile *t) { multiply_wide(1, WIDE, 0, t); }
static void wide_3(const eg_tile *t) { multiply_wide(3, LESS_WIDE, EG_MASKS_ARE_FREE, t); }

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
    eg_vf r[EG_TURN_COLUMNS], x[EG_TURN_K], columns[EG_TURN_COLUMNS + 2];
    float start[EG_TURN_COLUMNS] = { 0 };
    const float *b = g->b;
    int64_t n = g->n, b_k = g->b_k, a_row = g->a_row;
#define STOP_AT_LAST_COLUMN \
    if (j >= n) break
    for (int64_t j = 0; g->bias && j < n; j++) start[j] = g->bias[j];
    EG_UNROLL for (int j = 0; j < EG_TURN_COLUMNS; j++) r[j] = v_set(start[j]);
    for (int64_t left = g->k; left > 0; left -= EG_TURN_K, a += EG_TURN_K) {
        int64_t skip = left < EG_TURN_K ? EG_TURN_K - left : 0; /* the last four overlap with those before them */
        EG_UNROLL for (int q = 0; q < EG_TURN_K; q++) x[q] = v_load_quads(a - skip + q * a_row, 4 * a_row);
        v_transpose4(x);
        EG_UNROLL for (int q = 0; q < EG_TURN_K; q++) {
            if (q < skip) continue;
            EG_UNROLL for (int j = 0; j < EG_TURN_COLUMNS; j++) {
                STOP_AT_LAST_COLUMN;
                r[j] = v_fma(x[q], v_set(b[j]), r[j]);
            }
            b += b_k;
        }
    }
#undef STOP_AT_LAST_COLUMN
    EG_UNROLL for (int j = 0; j < EG_TURN_COLUMNS + 2; j++) columns[j] = j < EG_TURN_COLUMNS ? r[j] : v_set(0.f);
    store_columns(g, c, columns);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const eg_tiles tiles = {
    .lanes = EG_W,
    .rows = ROWS,
    .tile = { [EG_ONE_VECTOR] = ONE, [EG_TWO_VECTORS] = TWO, [EG_TWO_WHOLE] = WHOLE },
    .k_block = EG_W == 16 ? 1024 : 512,
    .short_k = EG_SHORT,
    .short_tile = { EG_SHORT ? short_1 : NULL, EG_SHORT ? short_2 : NULL },
    .wide_1 = wide_1,
    .panels_1 = WIDE,
    .wide_3 = EG_W > 4 ? wide_3 : NULL,
    .panels_3 = LESS_WIDE,
    .least_3 = EG_W == 4 ? INT64_MAX : EG_MASKS_ARE_FREE ? LESS_WIDE * EG_PANEL / 2 + 1 : LESS_WIDE * EG_PANEL,
    .threes_k = EG_W == 8 ? 192 : 0,
    .turn = EG_W > 4 ? turning : NULL,
    .transpose = EG_FN(transpose),
    .column_sum = EG_LENT(column_sum),
};

eg_tile_fn EG_FN(one_tile)(eg_tile *t, const eg_gemm *g) { return eg_one_tile_of(t, g, &tiles); }

void EG_FN(gemm)(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
    eg_multiply(g, i0, i1, p0, p1, &tiles);
}
