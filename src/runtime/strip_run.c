/* SPDX-License-Identifier: MIT
 *
 * strip_run.c: the interpreter of strip programs. Registers are pointers: fixed ones into the scratch memory
 * and to constants, and those of operands, which move along with the strip. Everything that depends on the
 * program was decided in strip.c; here are only loops.
 */
#include <string.h>
#include "runtime/strip.h"

/* ---- numbers of any storage type ------------------------------------------------------------------------- */

static float load1(eg_dtype dtype, const void *base, int64_t i) {
    if (dtype == EG_F32) return ((const float *)base)[i];
    return dtype == EG_U8 ? (float)((const uint8_t *)base)[i] : (float)((const int32_t *)base)[i];
}

static void store1(const eg_kernels *k, eg_dtype dtype, void *base, int64_t i, const float *value) {
    if (dtype == EG_F32) ((float *)base)[i] = *value;
    else if (dtype == EG_U8) k->to_u8(1, (uint8_t *)base + i, value);
    else k->to_i32(1, (int32_t *)base + i, value);
}

static void fetch(const eg_kernels *k, eg_dtype dtype, int64_t n, float *d, const void *base, int64_t i) {
    if (dtype == EG_F32) memcpy(d, (const float *)base + i, (size_t)n * sizeof *d);
    else if (dtype == EG_U8) k->from_u8(n, d, (const uint8_t *)base + i);
    else k->from_i32(n, d, (const int32_t *)base + i);
}

static void store(const eg_kernels *k, eg_dtype dtype, int64_t n, void *base, int64_t i, const float *s) {
    if (dtype == EG_F32) memcpy((float *)base + i, s, (size_t)n * sizeof *s);
    else if (dtype == EG_U8) k->to_u8(n, (uint8_t *)base + i, s);
    else k->to_i32(n, (int32_t *)base + i, s);
}

/* ---- instructions ---------------------------------------------------------------------------------------- */

static inline void execute(const eg_strip_instruction *code, int n, float **p, const int64_t *length) {
    for (const eg_strip_instruction *end = code + n; code < end; code++) {
        if (code->fn) code->fn(length[code->length], p[code->d], p[code->a], p[code->b], p[code->c], code->constants);
        else code->reduce(length[code->length], p[code->d], p[code->a]);
    }
}

#define EACH(operand, handled)                                                                                   \
    for (const unsigned char *at_ = s->handling[handled], *end_ = at_ + s->nhandled[handled]; at_ < end_; at_++) \
        for (int operand = *at_, once_ = 1; once_; once_ = 0)

/* ---- by row ---------------------------------------------------------------------------------------------- */

static void point(const eg_strips *s, const eg_rect *q, float **p, int64_t row, int64_t column) {
    EACH(o, EG_DIRECT) p[o] = (float *)q->base[o] + row * q->row[o] + column;
}

/* How many floats to compute for n: where there is room, whole vectors, or groups for a chain. Masked stores take
 * longer, and so does reading back at once what they stored. */
static int64_t with_room(const eg_strips *s, const eg_rect *q, int64_t n) {
    int64_t unit = s->chain ? EG_BLOCK : s->kernels->lanes;
    return q->roomy ? (n + unit - 1) & -unit : n;
}

/* All instructions on whole groups of 16 floats at once; returns how many floats are done. */
static int64_t run_chain(const eg_strips *s, float **p, int64_t n) {
    float *operand[EG_CHAIN_OPERANDS];
    for (int i = 0; i < EG_CHAIN_OPERANDS; i++) operand[i] = p[s->chain_operand[i]];
    s->chain(n / EG_BLOCK * EG_BLOCK, operand);
    return n / EG_BLOCK * EG_BLOCK;
}

static void run_strip(const eg_strips *s, const eg_rect *q, float **p, int64_t row, int64_t column, int64_t n) {
    const eg_kernels *k = s->kernels;
    int64_t whole = with_room(s, q, n);
    point(s, q, p, row, column);
    if (s->chain) {
        int64_t done = run_chain(s, p, whole);
        if (done >= n) return;
        whole = n -= done, column += done;
        point(s, q, p, row, column);
    }
    int64_t length[EG_LENGTHS] = { EG_BLOCK, whole, n };
    EACH(o, EG_FETCH) fetch(k, s->operand[o].dtype, n, p[s->operand[o].reg], q->base[o], row * q->row[o] + column);
    execute(s->instruction + s->nonce, s->ninstructions - s->nonce, p, length);
    EACH(o, EG_STORE) store(k, s->operand[o].dtype, n, q->base[o], row * q->row[o] + column, p[s->operand[o].reg]);
    if (row > 0 || !q->is_first) return;
    EACH(o, EG_STORE_ONCE) {
        const eg_strip_operand *x = &s->operand[o];
        int64_t many = x->extent == EG_OVER_COLUMNS ? n : 1;
        store(k, x->dtype, many, q->base[o], many > 1 ? column : 0, p[x->reg]);
    }
}

static void run_by_row(const eg_strips *s, const eg_rect *q, float **p, int64_t rows, int64_t columns) {
    int64_t width = s->chain ? columns : s->width; /* a chain keeps nothing between its instructions in memory */
    for (int64_t row = 0; row < rows; row++) {
        EACH(o, EG_FETCH_ROW)
        s->kernels->splat(p[s->operand[o].reg], load1(s->operand[o].dtype, q->base[o], row * q->row[o]));
        for (int64_t column = 0; column < columns; column += width)
            run_strip(s, q, p, row, column, columns - column < width ? columns - column : width);
        EACH(o, EG_STORE_ROW)
        store1(s->kernels, s->operand[o].dtype, q->base[o], row * q->row[o], p[s->operand[o].reg]);
    }
}

/* ---- by block of 16 rows --------------------------------------------------------------------------------- */

/* Rows of another type than f32 become floats in rows first, then the block is turned. */
static void fetch_block(const eg_strips *s, const eg_rect *q, int o, float *d, int64_t row, int64_t rows) {
    const eg_strip_operand *x = &s->operand[o];
    const float *from = (const float *)q->base[o] + row * q->row[o];
    float turned[EG_BLOCK * EG_BLOCK_MOST + EG_BLOCK];
    if (x->dtype != EG_F32) {
        for (int64_t i = 0; i < rows; i++)
            fetch(s->kernels, x->dtype, q->columns, turned + i * q->columns, q->base[o], (row + i) * q->row[o]);
        from = turned;
    }
    eg_block_load(s->kernels, rows, q->columns, d, from, x->dtype == EG_F32 ? q->row[o] : q->columns);
}

static void store_block(const eg_strips *s, const eg_rect *q, int o, const float *from, int64_t row, int64_t rows) {
    const eg_strip_operand *x = &s->operand[o];
    if (x->dtype == EG_F32) {
        eg_block_store(s->kernels, rows, q->columns, (float *)q->base[o] + row * q->row[o], q->row[o], from);
        return;
    }
    float turned[EG_BLOCK * EG_BLOCK_MOST];
    eg_block_store(s->kernels, rows, q->columns, turned, q->columns, from);
    for (int64_t i = 0; i < rows; i++)
        store(s->kernels, x->dtype, q->columns, q->base[o], (row + i) * q->row[o], turned + i * q->columns);
}

static void fetch_blocks(const eg_strips *s, const eg_rect *q, int o, float *d, int64_t row, int64_t rows) {
    for (; rows > 0; rows -= EG_BLOCK, row += EG_BLOCK, d += q->columns * EG_BLOCK)
        fetch_block(s, q, o, d, row, rows < EG_BLOCK ? rows : EG_BLOCK);
}

static void store_blocks(const eg_strips *s, const eg_rect *q, int o, const float *from, int64_t row, int64_t rows) {
    for (; rows > 0; rows -= EG_BLOCK, row += EG_BLOCK, from += q->columns * EG_BLOCK)
        store_block(s, q, o, from, row, rows < EG_BLOCK ? rows : EG_BLOCK);
}

/* What does not vary over rows: one number for each column, 16 times over. */
static void store_block_once(const eg_strips *s, const eg_rect *q, float **p) {
    EACH(o, EG_STORE_ONCE) {
        const eg_strip_operand *x = &s->operand[o];
        int64_t n = x->extent == EG_OVER_COLUMNS ? q->columns : 1;
        for (int64_t j = 0; j < n; j++) store1(s->kernels, x->dtype, q->base[o], j, p[x->reg] + j * EG_BLOCK);
    }
}

/* An instruction for `blocks` blocks, one after the other. */
static void execute_each(const eg_strip_instruction *code, float **p, const int64_t *length, int64_t blocks) {
    const int64_t step[] = { [EG_MOVE_NARROW] = EG_BLOCK, [EG_MOVE_WIDE] = length[EG_LENGTH_STRIP] };
    const unsigned char *move = code->move;
    float *d = p[code->d];
    const float *a = p[code->a], *b = p[code->b], *c = p[code->c];
    for (; blocks > 0; blocks--, d += step[move[0]], a += step[move[1]], b += step[move[2]], c += step[move[3]]) {
        if (code->fn) code->fn(length[code->length], d, a, b, c, code->constants);
        else code->reduce(length[code->length], d, a);
    }
}

static void run_blocks(const eg_strips *s, float **p, int64_t columns, int64_t blocks) {
    const int64_t length[EG_LENGTHS] = { EG_BLOCK, columns * EG_BLOCK, columns };
    const eg_strip_instruction *code = s->instruction + s->nonce, *end = s->instruction + s->ninstructions;
    for (; code < end; code++) {
        if (code->each) execute_each(code, p, length, blocks);
        else code->fn(blocks * length[code->length], p[code->d], p[code->a], p[code->b], p[code->c], code->constants);
    }
}

static void run_by_block(const eg_strips *s, const eg_rect *q, float **p) {
    const eg_kernels *k = s->kernels;
    int64_t most = s->blocks * EG_BLOCK;
    for (int64_t row = 0; row < q->rows; row += most) {
        int64_t rows = q->rows - row < most ? q->rows - row : most;
        EACH(o, EG_FETCH_ROW) fetch(k, s->operand[o].dtype, rows, p[s->operand[o].reg], q->base[o], row * q->row[o]);
        EACH(o, EG_FETCH) fetch_blocks(s, q, o, p[s->operand[o].reg], row, rows);
        run_blocks(s, p, q->columns, (rows + EG_BLOCK - 1) / EG_BLOCK);
        EACH(o, EG_STORE) store_blocks(s, q, o, p[s->operand[o].reg], row, rows);
        EACH(o, EG_STORE_ROW) store(k, s->operand[o].dtype, rows, q->base[o], row * q->row[o], p[s->operand[o].reg]);
        if (row == 0 && q->is_first) store_block_once(s, q, p);
    }
}

/* ---- both ------------------------------------------------------------------------------------------------ */

/* Scalars, and by block the columns, are fetched once; then the instructions that need nothing else. */
static void enter(const eg_strips *s, const eg_rect *q, float **p) {
    const int64_t length[EG_LENGTHS] = { EG_BLOCK, EG_BLOCK, EG_BLOCK };
    EACH(o, EG_FETCH_ONCE) {
        const eg_strip_operand *x = &s->operand[o];
        int64_t n = x->extent == EG_OVER_COLUMNS ? q->columns : 1;
        for (int64_t j = 0; j < n; j++) s->kernels->splat(p[x->reg] + j * EG_BLOCK, load1(x->dtype, q->base[o], j));
    }
    execute(s->instruction, s->nonce, p, length);
}

static void set_registers(const eg_strips *s, float **p, float *scratch) {
    for (int i = 0; i < s->nregisters; i++)
        p[i] = s->constant[i] ? (float *)(uintptr_t)s->constant[i] : scratch + s->place[i];
}

void eg_strips_settle(eg_strips *s, float *scratch) {
    s->home = scratch;
    set_registers(s, s->at_home, scratch);
}

static int is_flat(const eg_strips *s, const eg_rect *q) {
    if (q->rows == 1 || s->form == EG_BY_BLOCK || s->width != EG_STRIP) return 0;
    for (int o = 0; o < s->noperands; o++) {
        const eg_strip_operand *x = &s->operand[o];
        if (x->reg < 0 || x->extent == EG_OVER_NONE) continue;
        if (x->extent != EG_OVER_ALL || q->row[o] != q->columns) return 0;
    }
    return 1;
}

void eg_rect_flatten(const eg_strips *s, eg_rect *rect) {
    if (is_flat(s, rect)) rect->columns *= rect->rows, rect->rows = 1;
}

/* Small nets live here: one strip, and no operand needs more than its address, scalars aside. */
static void run_plain(const eg_strips *s, const eg_rect *q, float **p, int64_t n) {
    const int64_t length[EG_LENGTHS] = { EG_BLOCK, with_room(s, q, n), n };
    for (int o = 0; o < s->noperands; o++) p[o] = q->base[o];
    EACH(o, EG_FETCH_ONCE) s->kernels->splat(p[s->operand[o].reg], load1(s->operand[o].dtype, q->base[o], 0));
    execute(s->instruction, s->ninstructions, p, length);
}

static void run(const eg_strips *s, const eg_rect *q, float **p) {
    int64_t rows = q->rows, columns = q->columns;
    if (is_flat(s, q)) columns *= rows, rows = 1;
    if (s->plain && rows == 1 && columns <= s->width) {
        run_plain(s, q, p, columns);
        return;
    }
    enter(s, q, p);
    if (s->form == EG_BY_BLOCK)
        run_by_block(s, q, p);
    else
        run_by_row(s, q, p, rows, columns);
}

/* Part 0 of a step finds its registers' addresses ready; one part has that scratch memory at a time. By row, with a
 * few vectors in each register, they lie beside the registers instead: where they are a whole number of pages from
 * one, reading an address waits for what was last written to that. */
void eg_strips_run(const eg_strips *s, const eg_rect *rect, float *scratch) {
    int by_rows = s->form == EG_BY_ROW && rect->rows * rect->columns > EG_STRIP;
    float *elsewhere[EG_STRIP_REGISTERS], **p = by_rows ? (float **)(void *)(scratch + s->addresses) : elsewhere;
    if (scratch == s->home && !by_rows)
        p = s->at_home;
    else
        set_registers(s, p, scratch);
    run(s, rect, p);
}
