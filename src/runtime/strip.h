/* SPDX-License-Identifier: MIT
 *
 * strip.h: strip programs, the form in which elementwise groups run. A group is a body over a space [rows,
 * columns]; its program is a list of instructions over registers, each one kernel call over a whole strip of
 * floats, so that the cost of interpreting is paid once for about a thousand floats and everything in between
 * stays in the first-level cache.
 *
 * Two forms: BY_ROW runs along rows (a flat group is one long row) in strips of EG_STRIP floats, or in whole
 * rows if it reduces them; BY_BLOCK turns 16 short rows at a time into [columns][16], so that a row's reduction is an
 * addition of vectors.
 */
#ifndef EG_RUNTIME_STRIP_H
#define EG_RUNTIME_STRIP_H

#include "base/arena.h"
#include "compile/pass.h"
#include "kernels/kernels.h"

/* How a value varies over the space. */
typedef enum eg_extent { EG_OVER_ALL, EG_OVER_ROWS, EG_OVER_COLUMNS, EG_OVER_NONE } eg_extent;

typedef enum eg_strip_form { EG_BY_ROW, EG_BY_BLOCK } eg_strip_form;

enum {
    EG_STRIP_OPERANDS = EG_GROUP_OPERANDS + 8, /* and the body's index ramps, and the product of a product group */
    EG_STRIP_REGISTERS = 248
};

/* Memory that a program reads or writes: params first, then outputs, then the rest. */
typedef struct eg_strip_operand {
    eg_extent extent;
    eg_dtype dtype;
    int output;
    int reg;             /* where instructions see it */
    const void *table;   /* fixed memory: an index ramp; NULL: bound by the step */
} eg_strip_operand;

typedef struct eg_strip_instruction {
    eg_strip_fn fn;                                       /* or, for a reduction: */
    void (*reduce)(int64_t n, float *d, const float *s);
    unsigned char d, a, b, c;
    unsigned char length;                                 /* which of the EG_LENGTHS */
    unsigned char constants;                              /* operands of 16 floats: bit q for operand q */
    /* By block, several blocks at a time: must each have a call of its own? Then how far d, a, b, c are from one to
     * the next, an EG_MOVE. */
    unsigned char each, move[4];
} eg_strip_instruction;

enum { EG_MOVE_NONE, EG_MOVE_NARROW, EG_MOVE_WIDE };

/* How many floats an instruction is given: 16 (a value per row or less), the strip's, the reduced row's. */
enum { EG_LENGTH_16, EG_LENGTH_STRIP, EG_LENGTH_ROW, EG_LENGTHS };

/* What has to be done to operands around the instructions, besides setting a pointer. */
enum {
    EG_DIRECT,                    /* full or column, f32, by row: register o is the memory of operand o */
    EG_FETCH, EG_STORE,           /* full or column through a buffer */
    EG_FETCH_ROW, EG_STORE_ROW,   /* one number per row */
    EG_FETCH_ONCE, EG_STORE_ONCE, /* scalars, and by block also columns */
    EG_HANDLINGS
};

typedef struct eg_strips eg_strips;
struct eg_strips {
    const eg_kernels *kernels;
    eg_strip_form form;
    int flat; /* nothing varies over one axis only and nothing is reduced: one long row, cut anywhere */
    int64_t rows, columns;   /* the space; rows = 1 if flat */
    int64_t width;           /* floats of a strip: most that an instruction is given */
    int64_t blocks;          /* by block: that many at a time */
    int noperands, nparams;
    int product; /* the operand that stands for it; -1: there is none */
    int nregisters;
    int ninstructions, nonce; /* the first nonce compute scalars: once for each part of a run */
    int plain;                /* by row, and no operand needs more than its address, scalars aside */
    eg_strip_instruction *instruction;
    eg_chain_fn chain;       /* all instructions behind the first nonce in one, for groups of 16 floats; or NULL */
    size_t scratch;          /* floats */
    size_t addresses;        /* of the registers, by row: where they lie in the scratch memory, */
    eg_strip_operand operand[EG_STRIP_OPERANDS];
    float *home, **at_home;  /* by block or for few elements, when that is `home`: set up once */
    int keeps_zero;          /* zeros in all full operands give zeros: padding lanes stay clean */
    double work;             /* nanoseconds per element of the space, estimated */
    eg_strips *next;         /* of the program */
    unsigned char nhandled[EG_HANDLINGS], handling[EG_HANDLINGS][EG_STRIP_OPERANDS];
    unsigned char chain_operand[EG_CHAIN_OPERANDS]; /* registers */
    uint32_t over[EG_STRIP_OPERANDS];               /* of an output: bit i set if it may lie in param i's memory */
    const float *constant[EG_STRIP_REGISTERS];      /* 16 floats, or NULL: */
    uint32_t place[EG_STRIP_REGISTERS];             /* in the scratch memory */
};

typedef struct eg_strips_request {
    const eg_kernels *kernels;
    const eg_body *body;
    eg_value *const *outer;  /* what the params are outside, to see constants; NULL: unknown */
    const eg_value *product; /* read from memory: the MATMUL or CONV of a product group; NULL: none */
    int by_row;              /* must be by row, whatever is faster: the finish of a product */
    int has_gaps;            /* some operand does not go on from row to row */
} eg_strips_request;

/* NULL without memory (all of it from the arena), or if the body is no strip group (INTERNAL). */
eg_strips *eg_strips_new(eg_arena *arena, const eg_strips_request *request);
/* Tells where the scratch memory of a run in one part will be. */
void eg_strips_settle(eg_strips *strips, float *scratch);
/* Same instructions on the same kinds of operands? */
int eg_strips_equal(const eg_strips *a, const eg_strips *b);

/* A rectangle of the space, and where each operand's first element for it lies. `row` is the way to the next
 * row in elements. */
typedef struct eg_rect {
    int64_t rows, columns;
    int is_first;            /* holds row 0: what does not vary over rows is stored by whoever has it */
    int roomy;               /* a single row may be computed in whole vectors: see eg_cpu_step */
    void *base[EG_STRIP_OPERANDS];
    int64_t row[EG_STRIP_OPERANDS];
} eg_rect;

/* Makes one long row of the rectangle if every operand goes on from row to row without a gap. */
void eg_rect_flatten(const eg_strips *strips, eg_rect *rect);

void eg_strips_run(const eg_strips *strips, const eg_rect *rect, float *scratch);

#endif
