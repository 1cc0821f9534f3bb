/* SPDX-License-Identifier: MIT
 *
 * tile.h: between gemm.c, which cuts a product into tiles once for all builds, and tile.c, one build's loops for
 * them.
 */
#ifndef EG_KERNELS_TILE_H
#define EG_KERNELS_TILE_H

#include "kernels/kernels.h"

enum {
    EG_TURN_COLUMNS = 10, /* of C: the most that eg_tiles.turn does */
    EG_TURN_K = 4,        /* the least k it needs */
    EG_HIGH = 8,          /* the least rows of a high tile, which fetches what nobody guesses: */
    EG_AHEAD = 16         /* so many steps of k before it is used */
};

/* What one tile works on. Its rows of A start at `a`; k comes in runs at offsets from there. */
struct eg_tile {
    const float *a;
    int64_t a_row, a_k;
    const int64_t *runs; /* offsets of `count` runs: all `run` long, but the last one */
    int64_t count, run, last;
    const float *b;
    int64_t b_k, b_panel, b_skip; /* b_skip: behind each run */
    const float *start; /* first values of the accumulators */
    int64_t start_row, start_panel;
    float *c;
    int64_t c_row, c_panel;
    int64_t rows, width; /* rows at once; columns that exist */
    int64_t panels;      /* tiles of two whole vectors and many rows do the same columns of so many */
    int padded;          /* the last vector is stored whole: what is behind it is written later, or never read */
    eg_ending ending;    /* of a short k */
    /* What is fetched for later, by one step of k after the other: floats from c + c_ahead on during the first c_runs
     * runs, from the first row + a_ahead on during each other one. */
    int64_t c_runs, c_ahead, c_step, a_ahead, a_step;
    float *sums;         /* by threes: NULL, or where the third row goes, B's column sums */
    int64_t a_half, c_half, start_half; /* in halves: the way from the first `rows` rows to the second */
};

/* What a tile covers of its columns: one vector or two, the last of which may be partial; or two whole ones. */
typedef enum eg_tile_width { EG_ONE_VECTOR, EG_TWO_VECTORS, EG_TWO_WHOLE, EG_TILE_WIDTHS } eg_tile_width;

/* Tiles of one width and at most `most` rows: of[q - 1] has q of them, up to `low`; the last one is for all above. It
 * may do them in halves of at least `halves` rows. */
typedef struct eg_tile_heights {
    int64_t low, most, halves;
    eg_tile_fn of[14];
} eg_tile_heights;

/* The loops of one build. */
typedef struct eg_tiles {
    int64_t lanes; /* of a vector; 4: tiles do whole vectors only */
    int64_t rows;  /* of the highest tile */
    eg_tile_heights tile[EG_TILE_WIDTHS];
    int64_t k_block; /* the longest k at once */
    int64_t short_k; /* up to here B's columns stay in registers, for any number of rows, or 0 */
    eg_tile_fn short_tile[2]; /* of one vector or a part of it, of two */
    /* Any number of rows, one by one or, unless NULL, by threes against so many whole panels: */
    eg_tile_fn wide_1, wide_3;
    int64_t panels_1, panels_3;
    int64_t least_3; /* by threes: the least columns of so many panels */
    int64_t threes_k; /* the longest k at once where threes are the best tiles for many rows, or 0 */
    /* `lanes` rows of C where A's rows run along k; or NULL. */
    void (*turn)(const eg_gemm *g, const float *a, float *c);
    void (*transpose)(float *d, int64_t d_row, int64_t d_rows, int64_t d_width, const float *s, int64_t s_row,
                      int64_t s_rows, int64_t s_width); /* see eg_kernels */
    void (*column_sum)(int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0, int64_t j1);
} eg_tiles;

/* eg_kernels.one_tile and gemm by these loops. */
eg_tile_fn eg_one_tile_of(eg_tile *t, const eg_gemm *g, const eg_tiles *by);
void eg_multiply(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1, const eg_tiles *by);

#endif
