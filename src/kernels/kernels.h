/* SPDX-License-Identifier: MIT
 *
 * kernels.h: the numeric loops. A kernel knows pointers, sizes and strides (in floats, unless said), nothing of
 * graphs.
 *
 * The same sources are built once per instruction set (portable C, AVX2+FMA, AVX-512, NEON, WebAssembly SIMD) into
 * one eg_kernels table each; eg_kernels_best() picks at start by cpuid. The portable table rounds a multiply-add
 * twice, the others once; tables that agree in `fused` agree bit for bit, because every order of summation is fixed
 * here:
 *
 *   gemm            each output is ONE chain in k = 0, 1, 2, ..., started from its bias (or 0, or the old C):
 *                   blocking, tiling, threads and the orientation of lanes cannot change a bit of it.
 *   reduce_rows     a row of n <= 32 elements is summed in order; a longer one by 64 virtual lanes (lane l takes
 *                   elements l, l+64, ...) and a fixed tree over the lanes: l += l+32, l+16, l+8, l+4, l+2, l+1. Rows
 *                   longer than EG_REDUCE_CHUNK are cut into chunks of that length whose results are reduced by the
 *                   same rule.
 *   reduce_columns  in order of the rows.
 *   max, min        a NaN wins; the order, which decides only the sign of a zero, is the same.
 *
 * Sums start from +0, maxima from -inf, minima from +inf.
 *
 * Alignment: buffers start at 64 bytes and are padded to 64, padding readable. Kernels may read up to 15 floats past
 * a row's end, and store exactly what they are asked to (masked last vector).
 */
#ifndef EG_KERNELS_H
#define EG_KERNELS_H

#include <stdint.h>
#include "base/rng.h"

enum {
    EG_PANEL = 32,         /* columns of a weight panel */
    EG_BLOCK = 16,         /* rows of a transposed block in strip programs */
    EG_BLOCK_COLUMNS = 32, /* rows up to this length are summed in order */
    EG_BLOCK_MOST = 96,    /* longest rows of a transposed block */
    EG_STRIP = 1024,       /* floats a strip instruction is given at once */
    EG_REDUCE_CHUNK = 8192
};

/* What becomes of an element of a product before it is stored. */
typedef enum eg_ending {
    EG_END_PLAIN,
    EG_END_RELU, /* 0 where it is below 0 */
    EG_END_GATE  /* 0 where what C held is not above 0 */
} eg_ending;

/* ---- gemm -------------------------------------------------------------------------------------------------------
 *
 *   C[m,n] = start + A[m,k] B[k,n]      start = bias[n], or C itself (accumulate), or 0
 *
 * A (i, q) lies at a[i * a_row + q * a_k], or, when a_runs is set, k is cut into runs of `run` elements
 *          and (i, q) lies at a[a_runs[q / run] + i * a_row + (q % run) * a_k]. Read in place.
 * B (q, j) lies at b[(j / 32) * b_panel + q * b_k + j % 32]. A panel operand [ceil(n/32)][k][32]: b_k = 32,
 *          b_panel = 32 k. Rows in place: b_k = row stride, b_panel = 32. Padding lanes of panels hold zeros.
 * C (i, j) lies at c[(j / 32) * c_panel + i * c_row + j % 32]. Rows: c_row = row stride, c_panel = 32. Panels:
 *          c_row = 32, c_panel = 32 m; their padding lanes are written as zeros.
 */
typedef struct eg_gemm {
    int64_t m, n, k;
    const float *a;
    int64_t a_row, a_k;
    const int64_t *a_runs; /* NULL: one run */
    int64_t run, b_skip;   /* b_skip: floats of B left out behind each run; n % 4 = 0, no column_sums */
    /* bands > 1: so many products with the same B, C in rows and without a finish; the way from one to the next. */
    int64_t bands, a_band, c_band;
    const float *b;
    int64_t b_k, b_panel;
    float *c;
    int64_t c_row, c_panel;
    int c_padded;       /* C is in panels: write the padding lanes too */
    const float *bias;  /* [n] or NULL */
    int accumulate;     /* start from C (bias must be NULL) */
    eg_ending ending;   /* for 0 < k <= eg_kernels.short_k only, A without runs and C in rows */
    float *column_sums; /* [n] or NULL: sums of B's columns in order of k, by whoever computes row 0 */
    /* Called when the block of C with rows [i0,i1) and columns [j0,j1) is final and still in cache; NULL: nothing. */
    void (*finish)(void *context, int64_t i0, int64_t i1, int64_t j0, int64_t j1);
    void *context;
} eg_gemm;

/* One tile of a product, see tile.h, and the loop that computes it. */
typedef struct eg_tile eg_tile;
typedef void (*eg_tile_fn)(const eg_tile *t);

/* ---- strip programs ---------------------------------------------------------------------------------------------
 *
 * One instruction = one function over n floats. An operand is a vector (n floats) or a constant (16
 * floats that are used for every group of 16: a splatted scalar in strip form, a column of 16 rows in block form).
 * d, a, b, c may be the same pointer, but must not overlap otherwise. n is arbitrary; stores are masked at the end.
 * In X(NAME, ARITY, expression): the meaning. Masks are floats 0 and 1; any non-zero counts as true.
 */
#define EG_STRIP_LIST(X)                             \
    X(COPY, 1, "a")                                  \
    X(NEG, 1, "-a")                                  \
    X(ABS, 1, "|a|")                                 \
    X(EXP, 1, "e^a")                                 \
    X(LOG, 1, "ln a")                                \
    X(SQRT, 1, "sqrt a")                             \
    X(RSQRT, 1, "1 / sqrt a")                        \
    X(TANH, 1, "tanh a")                             \
    X(SIGMOID, 1, "1 / (1 + e^-a)")                  \
    X(RELU, 1, "a > 0 ? a : 0, but NaN and -0 stay") \
    X(ERF, 1, "erf a")                               \
    X(SOFTPLUS, 1, "ln(1 + e^a), stable")            \
    X(SIN, 1, "sin a")                               \
    X(COS, 1, "cos a")                               \
    X(FLOOR, 1, "floor a")                           \
    X(ADD, 2, "a + b")                               \
    X(SUB, 2, "a - b")                               \
    X(MUL, 2, "a * b")                               \
    X(DIV, 2, "a / b")                               \
    X(POW, 2, "a^b as C's powf")                     \
    X(MAX, 2, "larger, a NaN wins")                  \
    X(MIN, 2, "smaller, a NaN wins")                 \
    X(EQ, 2, "a == b")                               \
    X(NE, 2, "a != b")                               \
    X(LT, 2, "a < b")                                \
    X(LE, 2, "a <= b")                               \
    X(GT, 2, "a > b")                                \
    X(GE, 2, "a >= b")                               \
    X(SELECT, 3, "a ? b : c")                        \
    X(MULADD, 3, "a * b + c, rounded once or twice by the table") \
    X(GATE, 3, "a > b ? c : 0")                      \
    X(MULSUB, 3, "a * (b - c)")                      \
    X(SUBSQUARE, 2, "a - b * b, rounded twice")

typedef enum eg_strip_op {
#define EG_STRIP_ENUM_(name, arity, text) EG_STRIP_##name,
    EG_STRIP_LIST(EG_STRIP_ENUM_)
#undef EG_STRIP_ENUM_
        EG_STRIP_COUNT
} eg_strip_op;

/* `constants`: bit q set means operand q is a constant (a: 1, b: 2, c: 4). */
typedef void (*eg_strip_fn)(int64_t n, float *d, const float *a, const float *b, const float *c, unsigned constants);

/* ---- chains -----------------------------------------------------------------------------------------------------
 *
 * Whole programs over n floats (a multiple of 16) that every step of a training runs, updates over all parameters and
 * the gelu of a transformer: one loop, whose values stay in registers, with the bits of its instructions one by one.
 * Written once, for the loop and for whoever recognises the program: EACH(i) operand i is a vector, ONE(i) a constant;
 * DO(r, OP, a, b, c) value r, numbered from 16 on, of operands and values; OUT(r, i) it goes to operand i. Operands are
 * in the order in which they are first read.
 */
#define EG_CHAIN_RMSPROP(EACH, ONE, DO, OUT) /* d, v, rho, 1 - rho, epsilon, -rate, w */ \
    EACH(0) EACH(1) ONE(2) ONE(3) ONE(4) ONE(5) EACH(6)                                  \
    DO(16, MUL, 0, 0, 0) DO(17, MUL, 1, 2, 0) DO(18, MULADD, 16, 3, 17)                  \
    DO(19, ADD, 18, 4, 0) DO(20, RSQRT, 19, 0, 0) DO(21, MUL, 0, 20, 0)                  \
    DO(22, MULADD, 21, 5, 6) OUT(18, 7) OUT(22, 8)
#define EG_CHAIN_ADAM(EACH, ONE, DO, OUT) /* m, beta1, d, 1 - beta1, v, beta2, 1 - beta2, epsilon, rate, w */ \
    EACH(0) ONE(1) EACH(2) ONE(3) EACH(4) ONE(5) ONE(6) ONE(7) ONE(8) EACH(9)                                 \
    DO(16, MUL, 0, 1, 0) DO(17, MULADD, 2, 3, 16) DO(18, MUL, 2, 2, 0)                                        \
    DO(19, MUL, 4, 5, 0) DO(20, MULADD, 18, 6, 19) DO(21, SQRT, 20, 0, 0)                                     \
    DO(22, ADD, 21, 7, 0) DO(23, MUL, 17, 8, 0) DO(24, DIV, 23, 22, 0)                                        \
    DO(25, SUB, 9, 24, 0) OUT(17, 10) OUT(20, 11) OUT(25, 12)
#define EG_CHAIN_GELU(EACH, ONE, DO, OUT) /* x, sqrt 1/2, 1, 1/2, 2 / sqrt pi; gelu and its derivative */ \
    EACH(0) ONE(1) ONE(2) ONE(3) ONE(4)                                                                   \
    DO(16, MUL, 0, 1, 0) DO(17, ERF, 16, 0, 0) DO(18, ADD, 17, 2, 0)                                      \
    DO(19, MUL, 0, 3, 0) DO(20, MUL, 18, 19, 0) DO(21, MUL, 16, 16, 0)                                    \
    DO(22, NEG, 21, 0, 0) DO(23, EXP, 22, 0, 0) DO(24, MUL, 23, 4, 0)                                     \
    DO(25, MUL, 18, 3, 0) DO(26, MUL, 19, 24, 0) DO(27, MULADD, 26, 1, 25) OUT(20, 5) OUT(27, 6)
#define EG_CHAIN_LIST(X) X(RMSPROP) X(ADAM) X(GELU)

enum {
#define EG_CHAIN_ENUM_(name) EG_CHAIN_##name##_,
    EG_CHAIN_LIST(EG_CHAIN_ENUM_)
#undef EG_CHAIN_ENUM_
        EG_CHAINS,
    EG_CHAIN_OPERANDS = 16
};

typedef void (*eg_chain_fn)(int64_t n, float *const *operand);

typedef enum eg_reduction { EG_REDUCE_SUM, EG_REDUCE_MAX, EG_REDUCE_MIN, EG_REDUCE_KINDS } eg_reduction;

/* ---- windows over images --------------------------------------------------------------------------------------------
 *
 * One row of positions over one channels-last image, [pixel][channels]. Position p sees the pixels row_pixel[r] + pixel[j] for
 * all r < rows and first[p] <= j < first[p + 1], in that order; such a pixel meets tap row_tap[r] + tap[j]. What lies
 * outside the image is in no list. Results are [positions][channels], kernels [tap][channels].
 */
typedef struct eg_windows {
    int64_t channels, positions, rows;
    int64_t columns; /* how many j each position has; 0 where that varies, or nobody counted */
    const int32_t *row_pixel, *row_tap;
    const int32_t *first, *pixel, *tap;
} eg_windows;

/* ---- the table ------------------------------------------------------------------------------- */

typedef struct eg_kernels {
    const char *name;
    int fused; /* 1: a multiply-add rounds once */
    int64_t lanes; /* of a vector */
    int64_t short_k; /* the largest k of products with an ending, or 0 */

    /* Rows [i0, i1) and panels [p0, p1) of the product; any partition over callers gives the same bits. */
    void (*gemm)(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1);
    /* The one loop that makes a small product, for whoever does so again and again, and in *t what to give it; NULL
     * if it takes more than that. Its column sums and its finish are the caller's. */
    eg_tile_fn (*one_tile)(eg_tile *t, const eg_gemm *g);

    /* s_rows x s_width of s, each at most `lanes` or (rows) cut to it, turned into d_rows x d_width of d; what s lacks
     * is 0. */
    void (*transpose)(float *d, int64_t d_row, int64_t d_rows, int64_t d_width, const float *s, int64_t s_row,
                      int64_t s_rows, int64_t s_width);

    eg_strip_fn strip[EG_STRIP_COUNT];
    eg_chain_fn chain[EG_CHAINS]; /* NULL: by its instructions */

    /* d[16] = s[0..columns)[16] reduced over the columns by the rule of rows above; columns <= EG_BLOCK_MOST. */
    void (*block_reduce[EG_REDUCE_KINDS])(int64_t columns, float *d, const float *s);
    /* One row of n floats reduced by the rule above; the result is splatted to d[16]. */
    void (*row_reduce[EG_REDUCE_KINDS])(int64_t n, float *d, const float *s);

    /* d[n] = reduction over the rows of s[rows][n], in order; columns [j0, j1). */
    void (*column_reduce[EG_REDUCE_KINDS])(int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0,
                                           int64_t j1);

    /* Conversions used at a strip's border. */
    void (*splat)(float *d, float x); /* d[16] = x, in as few stores as it will be loaded */
    void (*from_u8)(int64_t n, float *d, const uint8_t *s);
    void (*from_i32)(int64_t n, float *d, const int32_t *s);
    void (*to_u8)(int64_t n, uint8_t *d, const float *s); /* both truncate, clamp into the range, NaN to 0 */
    void (*to_i32)(int64_t n, int32_t *d, const float *s);

    void (*window_sum)(const eg_windows *w, float *out, const float *x);
    /* The pixel of each window's first largest element (the first NaN's; -1 of an empty window), and that element (0):
     * each only if `place` or `largest` is given. */
    void (*window_argmax)(const eg_windows *w, int32_t *place, float *largest, const float *x);
    /* The other way: positions are pixels (the first has number `pixel`), windows cover the positions that may have found
     * them, and each pixel gets the sum of dy where it was the place. */
    void (*window_put)(const eg_windows *w, float *out, int32_t pixel, const int32_t *place, const float *dy);
    /* out = start + sum over j of what begins at t[pixel[j]]; there are neither rows nor taps. */
    void (*window_collect)(const eg_windows *w, float *out, const float *t, const float *start);
    /* out = start + sum over the taps of x kernel;  kernel[tap] += x dy, in order of the positions. */
    void (*depthwise)(const eg_windows *w, float *out, const float *x, const float *kernel, const float *start);
    void (*depthwise_kernel)(const eg_windows *w, float *kernel, const float *x, const float *dy);

    /* Elements [first, first + n) of the stream `key`; uniform equals eg_rng_uniform bit for bit. first % 4 == 0. */
    void (*uniform)(int64_t n, float *d, eg_rng_key key, uint64_t first);
    void (*normal)(int64_t n, float *d, eg_rng_key key, uint64_t first);
} eg_kernels;

/* The tables of this build: eg_kernels_table(0) is portable, NULL ends the list; unusable ones on this processor are
 * left out. */
const eg_kernels *eg_kernels_table(int i);
const eg_kernels *eg_kernels_named(const char *name); /* NULL if unknown or unusable */
const eg_kernels *eg_kernels_best(void);

/* ---- once for all tables --------------------------------------------------------------------- */

/* B[k,n] by strides (element (q,j) at b[q*b_k + j*b_n]) into panels [p0,p1) of out[ceil(n/32)][k][32]; pads with 0.
 * Fast for b_n == 1 and for b_k == 1. */
void eg_pack(const eg_kernels *by, float *out, const float *b, int64_t k, int64_t n, int64_t b_k, int64_t b_n,
             int64_t p0, int64_t p1);
/* Panels [p0,p1) back to rows: out[q*out_row + j]. */
void eg_unpack(float *out, int64_t out_row, const float *panels, int64_t k, int64_t n, int64_t p0, int64_t p1);

/* Block form: 16 rows of `columns` floats, transposed to d[columns][16]; rows beyond `rows` are read as 0. */
void eg_block_load(const eg_kernels *by, int64_t rows, int64_t columns, float *d, const float *s, int64_t s_row);
void eg_block_store(const eg_kernels *by, int64_t rows, int64_t columns, float *d, int64_t d_row, const float *s);

/* out[index] = in[index] over `rank` dims with strides in elements of `size` bytes (1, 4 or 8); in strides may be 0.
 * Innermost contiguous runs are copied whole, 2-D transposes are tiled. */
void eg_copy_strided(int rank, const int64_t *dim, void *out, const int64_t *out_stride, const void *in,
                     const int64_t *in_stride, int size);

/* |x| > 2^20 as quarter pi/2 + r: gives r, |r| <= pi/4, and the quarter mod 4. In integers: 96 bits of 2/pi from
 * where the whole quarters end. Once for all builds, in angle.c. */
float eg_reduce_huge(float x, int32_t *quarter);

#endif
