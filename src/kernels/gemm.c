/* SPDX-License-Identifier: MIT
 *
 * gemm.c: the matrix product. Each element of C is one chain of multiply-adds in k, so that no way of cutting the
 * work changes a bit of the result; everything below is only about feeding the chains. The chains themselves are each
 * build's tile.c; this is there once.
 *
 *   tile    some rows x 2 vectors of C live in registers. Rows are dealt evenly to tiles (128 rows: 10 tiles of 12 or
 *           13, not 9 of 14 and one of 2).
 *   nest    blocks of k, in them groups of panels whose part of B stays in the L2 cache, in them the row tiles, each
 *           against all panels of the group: its part of A stays near. Between blocks of k the chains wait in C.
 *           Blocks are short where rows lie so that their lines compete for a cache's sets.
 *   bands   products with the same B, such as the rows of an image: a tile goes from band to band before the next
 *           rows.
 *   halves  one vector of columns gives a tile few chains, too few to hide the way to the next tile behind: it takes
 *           twice the rows, or those of two bands.
 *   threes  rows by threes, each three against a whole panel, where such a tile has as many chains as one of six rows
 *           against half of it: it loads less. Blocks of k are short then, so that the panel stays in L1.
 *   few     three rows, or two and B's column sums, go against several panels at once: B is read once for all.
 *   A       is read in place whatever its strides, but for rows that are whole pages apart: their lines share a set of
 *           L1, so each tile's rows are copied to where they do not.
 *   ahead   while a tile is computed, the lines that the next ones write are fetched.
 *   turned  few columns leave lanes empty; with enough rows the product is turned round: C' = B' A', lanes along the rows.
 */
#include "kernels/tile.h"

#include "base/cpu.h"
#include "kernels/simd.h"

enum {
    FEW_SETS = 256,               /* lines a multiple of so many floats apart compete for few sets of a cache: */
    K_BLOCK_FEW = 128,            /* the longest k at once then, */
    K_BLOCK_ROWS = 256,           /* or where rows of A are whole pages apart */
    PAGE = 1024,                  /* floats */
    COPY_ROWS = 16,               /* the most that are copied, */
    COPY_ROW = K_BLOCK_ROWS + 16, /* floats apart; */
    COPY_PANELS = 4,              /* for so many panels at least */
    SHORT_ROWS = 56,              /* at once for a short k, and by threes */
    /* Of builds whose tiles do whole vectors only: */
    WHOLE_STEP = 2 * EG_W, /* columns of a tile */
    WHOLE_ROWS = 6,        /* its most rows */
    WHOLE_K = 512          /* the longest k at once */
};

/* Where in k one block lies, several whole runs or a part of one, and the band it belongs to. */
typedef struct k_block {
    int64_t first, length; /* in k; at most k_block */
    int64_t a_offset, b_offset;
    const float *rows;     /* those of A at hand, */
    int64_t row;           /* so far apart */
    float *c;
    const int64_t *runs;
    int64_t count, run, last;
    int64_t halves; /* the least rows that a tile of C's columns has in each half, or 0 */
    int64_t bands;  /* at hand: one or, in the halves of a tile, two */
    int is_first, is_last;
    const float *edge; /* [length][2 lanes]: B's last columns made whole, or NULL where they are read in place */
} k_block;

static const float zeros[EG_PANEL];
static const float one = 1.f;
static const int64_t no_offset = 0;

EG_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- tiles ----------------------------------------------------------------------------------- */

/* Rows of the next tile, at most `most`: dealt evenly. */
static int64_t height(int64_t left, int64_t most) {
    if (left <= most) return left;
    int64_t tiles = (left + most - 1) / most;
    return (left + tiles - 1) / tiles;
}

/* A tile with partial vectors and no masks, by way of whole ones beside C. */
static void tile_at_edge(const eg_tile *t, eg_tile_fn f) {
    float c[WHOLE_ROWS * WHOLE_STEP] __attribute__((aligned(64)));
    eg_tile whole = *t;
    whole.c = c, whole.start = c, whole.c_row = whole.start_row = WHOLE_STEP;
    for (int64_t v = 0; v < t->width; v += EG_W) {
        eg_tail tail = v_tail(min64(t->width - v, EG_W));
        for (int64_t i = 0; i < t->rows; i++)
            v_store(c + i * WHOLE_STEP + v, v_load_tail(t->start + i * t->start_row + v, tail));
    }
    f(&whole);
    for (int64_t v = 0; v < t->width; v += EG_W) {
        eg_tail tail = v_tail(min64(t->width - v, EG_W));
        for (int64_t i = 0; i < t->rows; i++)
            v_store_tail(t->c + i * t->c_row + v, v_load(c + i * WHOLE_STEP + v), tail);
    }
}

static int is_short(const eg_tiles *by, int64_t count, int64_t k) { return count == 1 && k > 0 && k <= by->short_k; }

/* The tiles for `width` columns. */
static const eg_tile_heights *tiles_of(const eg_tiles *by, int64_t width) {
    return &by->tile[width <= by->lanes ? EG_ONE_VECTOR : width < 2 * by->lanes ? EG_TWO_VECTORS : EG_TWO_WHOLE];
}

static eg_tile_fn loop_of(const eg_tile_heights *tile, int64_t rows) { return tile->of[min64(rows, tile->low + 1) - 1]; }

/* Gives the tile so many rows, of each of two bands or of the one at hand, and returns their loop. The second half of
 * an odd number of rows does the last one of the first half once more. */
static eg_tile_fn with_rows(const eg_tile_heights *tile, eg_tile *t, int64_t rows, int64_t bands) {
    t->rows = rows;
    if (bands > 1) return tile->of[tile->low];
    if (tile->halves && rows > tile->low) {
        t->rows = (rows + 1) / 2;
        int64_t second = rows - t->rows;
        t->a_half = second * t->a_row, t->c_half = second * t->c_row, t->start_half = second * t->start_row;
    }
    return loop_of(tile, rows);
}

/* `width` columns of a panel where k is short, from where the tile stands. */
static void across(const eg_tiles *by, eg_tile *t, int64_t width) {
    for (; width > 0; width -= t->width) {
        int two = width >= 2 * by->lanes;
        t->width = two ? 2 * by->lanes : min64(width, by->lanes);
        by->short_tile[two](t);
        t->b += t->width, t->c += t->width, t->start += t->width;
    }
}

/* `rows` rows and `width` columns from where the tile stands, in one band or in two. */
static void tile_down(const eg_tiles *by, eg_tile *t, int64_t rows, int64_t width, int64_t bands) {
    t->width = width;
    if (is_short(by, t->count, t->last)) {
        t->rows = rows;
        across(by, t, width);
        return;
    }
    const eg_tile_heights *tile = tiles_of(by, width);
    for (int64_t done; rows > 0; rows -= done) {
        done = height(rows, tile->most);
        eg_tile_fn f = with_rows(tile, t, done, bands);
        if (by->lanes == EG_W && width % EG_W != 0)
            tile_at_edge(t, f);
        else
            f(t);
        t->a += done * t->a_row, t->c += done * t->c_row, t->start += done * t->start_row;
    }
}

/* Points the tile at panel p of the rows from i0 on, for all of k. */
static void aim_at_panel(eg_tile *t, const eg_gemm *g, int64_t i0, int64_t p) {
    t->a = g->a + i0 * g->a_row, t->a_row = g->a_row, t->a_k = g->a_k;
    t->runs = &no_offset, t->count = 1, t->run = 0, t->last = g->k;
    t->c_runs = t->c_ahead = t->c_step = 0, t->a_ahead = EG_AHEAD * g->a_k, t->a_step = g->a_k;
    t->b = g->b + p * g->b_panel, t->b_k = g->b_k, t->b_skip = g->b_skip, t->b_panel = g->b_panel;
    t->c = g->c + p * g->c_panel + i0 * g->c_row, t->c_row = g->c_row, t->c_panel = g->c_panel, t->padded = 0;
    t->start = g->accumulate ? t->c : g->bias ? g->bias + p * EG_PANEL : zeros;
    t->start_row = g->accumulate ? g->c_row : 0, t->start_panel = 0;
    t->ending = g->ending, t->panels = 1;
}

/* ---- the nest -------------------------------------------------------------------------------- */

/* Points the tile at the columns from j on of the rows from i on. */
static void aim(eg_tile *t, const eg_gemm *g, const k_block *k, int64_t i, int64_t j) {
    int64_t panel = j / EG_PANEL, lane = j % EG_PANEL;
    t->a = k->rows, t->a_row = k->row;
    t->b = g->b + panel * g->b_panel + k->b_offset + lane, t->b_k = g->b_k;
    t->c = k->c + panel * g->c_panel + i * g->c_row + lane;
    if (!k->is_first || g->accumulate) {
        t->start = t->c, t->start_row = g->c_row, t->start_panel = g->c_panel;
    } else {
        t->start = g->bias ? g->bias + j : zeros, t->start_row = 0, t->start_panel = g->bias ? EG_PANEL : 0;
    }
    t->a_half = g->a_band, t->c_half = g->c_band, t->start_half = t->start_row ? g->c_band : 0;
}

/* Of panels, what lies behind column j in its own. */
static void clear_rest(const eg_gemm *g, float *c, int64_t i0, int64_t i1, int64_t j) {
    if (!g->c_padded || j % EG_PANEL == 0) return;
    for (c += j / EG_PANEL * g->c_panel + j % EG_PANEL; i0 < i1; i0++)
        memset(c + i0 * g->c_row, 0, (size_t)(EG_PANEL - j % EG_PANEL) * sizeof *c);
}

/* `rows` rows from i on against one panel. */
static void tile_panel(const eg_tiles *by, eg_tile *t, const eg_gemm *g, const k_block *k, int64_t i, int64_t rows,
                       int64_t p) {
    int64_t j = p * EG_PANEL, end = min64(g->n, j + EG_PANEL), step = 2 * by->lanes;
    t->ending = EG_END_PLAIN, t->panels = 1;
    for (; j < end; j += step) {
        int64_t width = min64(end - j, step);
        aim(t, g, k, i, j);
        if (k->edge && width % by->lanes != 0) t->b = k->edge, t->b_k = WHOLE_STEP;
        tile_down(by, t, rows, width, k->bands);
    }
    clear_rest(g, k->c, i, i + rows, end);
}

/* Do the rows go by threes against the whole panels, and as sixes only against what is left of them? */
static int by_threes(const eg_tiles *by, const eg_gemm *g) {
    return by->threes_k && g->k > by->short_k && g->n >= EG_PANEL;
}

/* `rows` rows from i on of all bands against the whole ones of panels p0..p1, each as wide as a tile. Returns the
 * first that is left. */
static int64_t whole_panels(const eg_tiles *by, eg_tile *t, const eg_gemm *g, const k_block *k, int64_t i,
                            int64_t rows, int64_t p0, int64_t p1) {
    t->panels = min64(p1, g->n / EG_PANEL) - p0;
    if (2 * by->lanes != EG_PANEL || rows < EG_HIGH || t->panels <= 0 || is_short(by, k->count, k->last)) return p0;
    t->rows = rows, t->width = EG_PANEL;
    aim(t, g, k, i, p0 * EG_PANEL);
    int64_t band = 0;
    do {
        loop_of(tiles_of(by, EG_PANEL), rows)(t);
        t->a += g->a_band, t->c += g->c_band, t->start += t->start_half;
    } while (++band < g->bands);
    return p0 + t->panels;
}

/* `rows` rows from i on against panels p0..p1. */
static void tile_group(const eg_tiles *by, eg_tile *t, const eg_gemm *g, const k_block *k, int64_t i, int64_t rows,
                       int64_t p0, int64_t p1) {
    int threes = rows == 3 || (rows % 3 == 0 && by_threes(by, g));
    eg_tile_fn wide = threes ? by->wide_3 : rows < 3 ? by->wide_1 : NULL;
    int64_t at_once = threes ? by->panels_3 : by->panels_1;
    t->rows = rows, t->width = at_once * EG_PANEL, t->sums = NULL;
    for (int64_t whole = wide ? min64(p1, g->n / EG_PANEL) : 0; p0 + at_once <= whole; p0 += at_once) {
        aim(t, g, k, i, p0 * EG_PANEL);
        wide(t);
    }
    for (; p0 < p1; p0++) tile_panel(by, t, g, k, i, rows, p0);
}

/* What is left to do of panels p0..p1, in all bands. */
static void other_panels(const eg_tiles *by, eg_tile *t, const eg_gemm *g, k_block *k, int64_t i, int64_t rows,
                         int64_t p0, int64_t p1) {
    int64_t band = 0;
    do {
        k->bands = 1 + (band + 1 < g->bands && k->halves && rows >= k->halves);
        tile_group(by, t, g, k, i, rows, p0, p1);
        k->rows += k->bands * g->a_band, k->c += k->bands * g->c_band;
    } while ((band += k->bands) < g->bands);
}

/* Rows of the next group out of `left`. Threes leave four or five over rather
 * than one or two, whose chains would be too few. */
static int64_t rows_at_once(const eg_tiles *by, const eg_gemm *g, const k_block *k, int64_t left) {
    if (left > 5 && by_threes(by, g)) return min64(left - 3, SHORT_ROWS) / 3 * 3;
    if (is_short(by, k->count, k->last)) return min64(left, SHORT_ROWS);
    return height(left, k->halves && g->bands < 2 ? 2 * by->rows : by->rows);
}

/* Are the rows of A copied, those of a tile at a time? */
static int by_copies(const eg_tiles *by, const eg_gemm *g, int64_t panels) {
    return g->a_row % PAGE == 0 && g->a_k == 1 && g->k > by->short_k && !g->a_runs && g->bands < 2 &&
           !by_threes(by, g) && panels >= COPY_PANELS;
}

/* The rows at hand, to `copy`. */
static void copy_rows(k_block *k, int64_t rows, float *copy) {
    for (int64_t r = 0; r < rows; r++)
        memcpy(copy + r * COPY_ROW, k->rows + r * k->row, (size_t)k->length * sizeof *copy);
    k->rows = copy, k->row = COPY_ROW;
}

/* All rows for one block of k and one group of panels. */
static void row_tiles(const eg_tiles *by, eg_tile *t, const eg_gemm *g, k_block *k, int64_t i0, int64_t i1,
                      int64_t p0, int64_t p1) {
    float copy[COPY_ROWS * COPY_ROW] __attribute__((aligned(64)));
    int copies = by_copies(by, g, p1 - p0);
    for (int64_t i = i0, rows; i < i1; i += rows) {
        rows = rows_at_once(by, g, k, i1 - i);
        k->rows = g->a + k->a_offset + i * g->a_row, k->row = g->a_row, k->c = g->c;
        if (copies) copy_rows(k, rows, copy);
        int64_t p = whole_panels(by, t, g, k, i, rows, p0, p1);
        if (p < p1) other_panels(by, t, g, k, i, rows, p, p1);
        if (k->is_last && g->finish) g->finish(g->context, i, i + rows, p0 * EG_PANEL, min64(g->n, p1 * EG_PANEL));
    }
}

/* The block of k that starts at `first`, at most `most` long: without runs, k is cut evenly. */
static void set_block(const eg_tiles *by, k_block *k, const eg_gemm *g, int64_t first, int64_t most) {
    k->first = first, k->length = g->k, k->a_offset = first * g->a_k, k->b_offset = first * g->b_k;
    k->runs = &no_offset, k->run = 0, k->count = 1;
    if (g->a_runs) {
        int64_t within = first % g->run, whole = g->run < most ? most / g->run * g->run : most;
        k->length = min64(whole, g->run < most ? g->k - first : min64(g->run - within, g->k - first));
        k->a_offset = within * g->a_k;
        k->b_offset += first / g->run * g->b_skip;
        k->runs = g->a_runs + first / g->run, k->run = g->run;
        if (g->run < most) k->count = (k->length + g->run - 1) / g->run;
    } else if (g->k > most) {
        int64_t blocks = (g->k + most - 1) / most;
        k->length = min64(((g->k + blocks - 1) / blocks + 15) / 16 * 16, g->k - first);
    }
    k->last = k->length - (k->count - 1) * k->run;
    k->halves = is_short(by, k->count, k->last) ? 0 : tiles_of(by, g->n)->halves;
    k->is_first = first == 0, k->is_last = first + k->length >= g->k;
}

/* B's last columns as whole vectors with zeros: only where tiles do no others, and B ends there. */
static const float *whole_edge(const eg_tiles *by, const eg_gemm *g, int64_t first, int64_t length, int64_t p1,
                               float *edge) {
    int64_t j = g->n / WHOLE_STEP * WHOLE_STEP, width = g->n - j;
    if (by->lanes != EG_W || width % EG_W == 0 || g->b_panel != EG_PANEL || p1 * EG_PANEL < g->n) return NULL;
    const float *b = g->b + first * g->b_k + j;
    eg_tail low = v_tail(min64(width, EG_W)), high = v_tail(width > EG_W ? width - EG_W : 0);
    for (int64_t q = 0; q < length; q++, b += g->b_k) {
        v_store(edge + q * WHOLE_STEP, v_load_tail(b, low));
        v_store(edge + q * WHOLE_STEP + EG_W, v_load_tail(b + EG_W, high));
    }
    return edge;
}

/* The longest k at once. A tile down columns of A, or a panel of B in rows, reads one line of each row: the next tile
 * wants to find them. Rows of A that are pages apart compete for the same lines of L1. */
static int64_t longest_k(const eg_tiles *by, const eg_gemm *g) {
    if (by_threes(by, g)) return by->threes_k;
    if (g->a_runs) return by->k_block;
    if ((g->a_row == 1 && g->a_k % FEW_SETS == 0) || g->b_k % FEW_SETS == 0) return K_BLOCK_FEW;
    return g->a_row % PAGE == 0 ? K_BLOCK_ROWS : by->k_block;
}

/* What all tiles of a block of k have in common. Where results go comes as slowly from memory as what is read: the
 * next rows' is fetched, and of products with several bands also the last run of A's next. Of A in columns, where a
 * line has the rows of a tile and more, the one that the last row is the first to need. */
static void set_tile(const eg_tiles *by, eg_tile *t, const eg_gemm *g, const k_block *k) {
    int64_t run = k->run ? k->run : k->length, rows = by->rows;
    aim_at_panel(t, g, 0, 0);
    t->runs = k->runs, t->count = k->count, t->run = k->run, t->last = k->last;
    if (g->a_row == 1) {
        t->a_ahead += rows - 1;
        return;
    }
    if (run < 2 * rows || (g->bands < 2 && g->m <= rows)) return;
    t->c_runs = 1;
    t->c_ahead = g->bands > 1 ? g->c_band : rows * g->c_row, t->c_step = rows * g->c_row / run + 1;
    if (g->bands > 1) t->a_ahead = g->a_band, t->a_step = rows * g->a_row / run + 1;
}

/* Panels of a group: they fill half of a core's L2 cache. */
static int64_t panels_at_once(int64_t k) {
    int64_t bytes = eg_cpu_info()->l2;
    return (bytes ? bytes : 1 << 19) / (2 * EG_PANEL * (int64_t)sizeof(float) * (k + 1)) + 1; /* k may be 0 */
}

static void nest(const eg_tiles *by, const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1);

/* B's column sums over a block of k, while that is in cache: a product with one row of ones. */
static void sum_columns(const eg_tiles *by, const eg_gemm *g, const k_block *k, int64_t p0, int64_t p1) {
    eg_gemm sums = { .m = 1,
                     .n = g->n,
                     .k = k->length,
                     .a = &one,
                     .b = g->b + k->b_offset,
                     .b_k = g->b_k,
                     .b_panel = g->b_panel,
                     .c = g->column_sums,
                     .c_panel = EG_PANEL,
                     .accumulate = !k->is_first };
    nest(by, &sums, 0, 1, p0, p1);
}

static void nest(const eg_tiles *by, const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
    float edge[WHOLE_K * WHOLE_STEP] __attribute__((aligned(64)));
    k_block k;
    eg_tile t;
    int64_t first = 0, most = longest_k(by, g);
    do {
        set_block(by, &k, g, first, most);
        set_tile(by, &t, g, &k);
        k.edge = whole_edge(by, g, first, k.length, p1, edge);
        int64_t group = panels_at_once(k.length);
        for (int64_t p = p0; p < p1; p += group) {
            row_tiles(by, &t, g, &k, i0, i1, p, min64(p1, p + group));
            if (g->column_sums && i0 == 0) sum_columns(by, g, &k, p, min64(p1, p + group));
        }
        first += k.length;
    } while (first < g->k);
}

/* ---- small products: one tile wide, or of a short k ------------------------------------------- */

static int is_small(const eg_tiles *by, const eg_gemm *g, int64_t p0, int64_t p1) {
    if (g->bands > 1 || g->a_runs || g->c_padded) return 0;
    return is_short(by, 1, g->k) || (p1 - p0 == 1 && g->n - p0 * EG_PANEL <= 2 * by->lanes && g->k <= by->k_block);
}

/* The nest without its loops, whose bookkeeping would take longer than the product. */
static void small_panel(const eg_tiles *by, const eg_gemm *g, int64_t i0, int64_t i1, int64_t p) {
    float whole[WHOLE_K * WHOLE_STEP] __attribute__((aligned(64)));
    const float *edge = whole_edge(by, g, 0, g->k, p + 1, whole);
    eg_tile t;
    aim_at_panel(&t, g, i0, p);
    if (edge) t.b = edge, t.b_k = WHOLE_STEP;
    tile_down(by, &t, i1 - i0, min64(g->n - p * EG_PANEL, EG_PANEL), 1);
}

static void small(const eg_tiles *by, const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
    for (int64_t i = i0, end; i < i1; i = end) {
        end = is_short(by, 1, g->k) ? min64(i + SHORT_ROWS, i1) : i1;
        for (int64_t p = p0; p < p1; p++) small_panel(by, g, i, end, p);
        if (g->finish) g->finish(g->context, i, end, p0 * EG_PANEL, min64(g->n, p1 * EG_PANEL));
    }
}

/* ---- few rows -------------------------------------------------------------------------------- */

/* Three of them, one of which may be B's column sums, against several panels at once. Returns the first panel that is
 * left. */
static int64_t few_rows(const eg_tiles *by, const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
    int has_sums = g->column_sums && i0 == 0;
    if (i1 - i0 + has_sums != 3 || g->k <= by->short_k || g->bands > 1 || g->a_runs) return p0;
    if (g->accumulate || g->bias || g->finish) return p0;
    for (int64_t p; p0 < p1; p0 = p) {
        p = min64(p1, p0 + by->panels_3);
        int64_t j = p0 * EG_PANEL, end = min64(g->n, p * EG_PANEL);
        eg_tile t;
        if (end - j < by->least_3) break;
        aim_at_panel(&t, g, i0, p0);
        t.rows = 3, t.width = end - j;
        t.sums = has_sums ? g->column_sums + j : NULL;
        by->wide_3(&t);
        clear_rest(g, g->c, i0, i1, end);
    }
    return p0;
}

/* ---- lanes along the columns ----------------------------------------------------------------- */

/* Returns the first panel whose column sums are still to be made. */
static int64_t upright(const eg_tiles *by, const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
    p0 = few_rows(by, g, i0, i1, p0, p1);
    if (p0 == p1) return p1;
    if (is_small(by, g, p0, p1)) {
        small(by, g, i0, i1, p0, p1);
        return p0;
    }
    nest(by, g, i0, i1, p0, p1);
    return p1;
}

/* ---- few columns ----------------------------------------------------------------------------- */

enum { TURN_ROWS = 4 * EG_PANEL }; /* of C at a time */

/* Fewer than two thirds of the lanes used. */
static int worth_turning(const eg_tiles *by, const eg_gemm *g, int64_t rows) {
    int64_t n = g->n, lanes = (n + by->lanes - 1) & -by->lanes;
    if (!by->turn || n > EG_TURN_COLUMNS || 3 * n >= 2 * lanes || g->accumulate || g->a_runs || g->c_padded) return 0;
    if (g->ending != EG_END_PLAIN) return 0;
    return g->bands <= 1 && rows >= by->lanes && (g->a_row == 1 ? g->k >= n : g->a_k == 1 && g->k >= EG_TURN_K);
}

/* s[columns][TURN_ROWS], lanes along the rows, into rows of C. */
static void store_turned(const eg_tiles *by, float *c, int64_t c_row, const float *s, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i += by->lanes)
        for (int64_t j = 0; j < columns; j += by->lanes)
            by->transpose(c + i * c_row + j, c_row, rows - i, min64(columns - j, by->lanes), s + j * TURN_ROWS + i,
                          TURN_ROWS, columns - j, by->lanes);
}

/* Rows i..i+rows of C, at most TURN_ROWS, by way of C'[n][TURN_ROWS] = B' A' where A' lies in rows. */
static void turned(const eg_tiles *by, const eg_gemm *g, int64_t i, int64_t rows) {
    float out[EG_TURN_COLUMNS * TURN_ROWS] __attribute__((aligned(64)));
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
    upright(by, &h, 0, h.m, 0, (rows + EG_PANEL - 1) / EG_PANEL);
    store_turned(by, g->c + i * g->c_row, g->c_row, out, rows, g->n);
}

/* Rows i..i+rows of C: at least `lanes`, the last of which overlap with those before them. */
static void turn(const eg_tiles *by, const eg_gemm *g, int64_t i, int64_t rows) {
    if (g->a_row == 1) {
        turned(by, g, i, rows);
    } else {
        for (int64_t at = 0; at < rows; at += by->lanes) {
            int64_t row = i + min64(at, rows - by->lanes);
            by->turn(g, g->a + row * g->a_row, g->c + row * g->c_row);
        }
    }
    if (g->finish) g->finish(g->context, i, i + rows, 0, g->n);
}

static void turn_all(const eg_tiles *by, const eg_gemm *g, int64_t i0, int64_t i1) {
    for (int64_t i = i0, rows; i < i1; i += rows) turn(by, g, i, rows = height(i1 - i, TURN_ROWS));
}

/* ---- one tile -------------------------------------------------------------------------------- */

eg_tile_fn eg_one_tile_of(eg_tile *t, const eg_gemm *g, const eg_tiles *by) {
    int is_edge = by->lanes == EG_W && g->n % EG_W != 0, has_short_k = is_short(by, 1, g->k);
    if (g->m == 0 || g->n == 0 || g->n > EG_PANEL || is_edge || worth_turning(by, g, g->m)) return NULL;
    const eg_tile_heights *tile = tiles_of(by, g->n);
    if (!is_small(by, g, 0, 1) || (!has_short_k && g->m > tile->most)) return NULL;
    if (has_short_k && g->n > by->lanes && g->n != 2 * by->lanes) return NULL;
    aim_at_panel(t, g, 0, 0);
    t->rows = g->m, t->width = g->n;
    return has_short_k ? by->short_tile[g->n > by->lanes] : with_rows(tile, t, g->m, 1);
}

/* ---- the whole ------------------------------------------------------------------------------- */

void eg_multiply(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1, const eg_tiles *by) {
    if (i1 <= i0 || p1 <= p0) return;
    if (worth_turning(by, g, i1 - i0))
        turn_all(by, g, i0, i1);
    else
        p0 = upright(by, g, i0, i1, p0, p1);
    if (g->column_sums && i0 == 0)
        for (int64_t p = p0; p < p1; p++)
            by->column_sum(g->k, g->column_sums + p * EG_PANEL, g->b + p * g->b_panel, g->b_k, 0,
                           min64(g->n - p * EG_PANEL, EG_PANEL));
}
