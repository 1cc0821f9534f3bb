/* SPDX-License-Identifier: MIT
 *
 * strip.c: from a body to a strip program. Walk the body once and emit instructions over any number of virtual
 * registers; then give outputs their memory, and the rest as few buffers as their lifetimes allow.
 *
 * A register is wide (a strip of floats) or narrow (16 equal floats by row, 16 rows by block). Masks are floats
 * 0 and 1; casts between what is a float in a register anyway cost nothing. Scalars are computed once before
 * the first strip.
 */
#include <math.h>
#include <string.h>
#include "base/status.h"
#include "ops/op.h"
#include "runtime/strip.h"

enum { PER_NODE = 10, AT_THE_END = 1 << 20, STAGGER = 16 }; /* a logsumexp takes nine instructions */

typedef struct virtual_register {
    eg_extent extent; /* over all or columns: wide, over rows or none: narrow */
    int operand;      /* -1, or its memory */
    int is_constant;
    float number;
    int defined, last; /* instructions; last may be AT_THE_END */
    int physical;
    int is_zero; /* for sure, where all full operands are */
} virtual_register;

/* What an instruction does follows from this and from its registers' extents. */
typedef struct draft_instruction {
    int op;       /* eg_strip_op; or REDUCE + eg_reduction */
    int d, in[3]; /* virtual, -1: none */
} draft_instruction;

enum { REDUCE = EG_STRIP_COUNT };

typedef struct builder {
    eg_arena *arena, scratch; /* what stays, and what is freed when the program is made */
    const eg_strips_request *request;
    eg_strips *strips;
    int64_t rows, columns; /* of the body's space; strips->rows and ->columns may be flattened */
    virtual_register *v;   /* [most] */
    draft_instruction *i;  /* [most] */
    int nv, ni, most;
    int *virtual_of; /* [body->graph->n] */
    eg_status status;
} builder;

/* ---- extents --------------------------------------------------------------------------------------------- */

static eg_extent extent_of(const builder *b, const eg_shape *shape) {
    if (shape->rank == 0 && b->request->body->out[0]->shape.rank > 0) return EG_OVER_NONE; /* of one element, too */
    int64_t rows = shape->rank > 1 ? shape->dim[shape->rank - 2] : 1,
            columns = shape->rank > 0 ? shape->dim[shape->rank - 1] : 1;
    int over_rows = rows != 1 || b->rows == 1, over_columns = columns != 1 || b->columns == 1;
    if (over_rows && over_columns) return EG_OVER_ALL;
    return over_rows && rows != 1 ? EG_OVER_ROWS : over_columns && columns != 1 ? EG_OVER_COLUMNS : EG_OVER_NONE;
}

static int is_wide(eg_extent extent) { return extent == EG_OVER_ALL || extent == EG_OVER_COLUMNS; }

static int out_of_memory(builder *b) {
    if (b->status == EG_OK) b->status = EG_E_MEMORY;
    return 0;
}

static int fail(builder *b, const char *what) {
    if (b->status == EG_OK) b->status = eg_fail(EG_E_INTERNAL, "strip program: %s", what);
    return 0;
}

/* ---- registers and instructions -------------------------------------------------------------------------- */

static int new_register(builder *b, eg_extent extent, int operand) {
    if (b->nv == b->most) return fail(b, "too many values");
    int is_zero = operand >= 0 && extent == EG_OVER_ALL;
    b->v[b->nv] = (virtual_register){ extent, operand, .defined = -1, .last = -1, .is_zero = is_zero };
    return b->nv++;
}

static int constant(builder *b, double number) {
    float value = (float)number;
    for (int i = 0; i < b->nv; i++)
        if (b->v[i].is_constant && memcmp(&b->v[i].number, &value, sizeof value) == 0) return i;
    int r = new_register(b, EG_OVER_NONE, -1);
    b->v[r].is_constant = 1;
    b->v[r].number = value;
    b->v[r].is_zero = value == 0;
    return r;
}

static int append(builder *b, int op, eg_extent extent, int a, int p, int c) {
    if (b->ni == b->most) return fail(b, "too many instructions");
    int d = new_register(b, extent, -1);
    b->i[b->ni++] = (draft_instruction){ op, d, { a, p, c } };
    return d;
}

/* A narrow value across a strip; an instruction's constants do the same for an operand. */
static int widen(builder *b, int a) {
    return is_wide(b->v[a].extent) ? a : append(b, EG_STRIP_COPY, EG_OVER_ALL, a, -1, -1);
}

/* An instruction of the kernel table: wide if an operand is. */
static int emit(builder *b, eg_strip_op op, int a, int p, int c) {
    const int in[3] = { a, p, c };
    eg_extent extent = EG_OVER_NONE;
    for (int q = 0; q < 3 && in[q] >= 0; q++) {
        eg_extent e = b->v[in[q]].extent;
        if (is_wide(e))
            extent = EG_OVER_ALL;
        else if (extent == EG_OVER_NONE)
            extent = e;
    }
    return append(b, (int)op, extent, a, p, c);
}

static int reduce(builder *b, eg_reduction kind, int a) {
    return b->columns == 1 ? a : append(b, REDUCE + (int)kind, EG_OVER_ROWS, widen(b, a), -1, -1);
}

/* ---- ops ------------------------------------------------------------------------------------------------- */

/* m = max x, m0 = |m| < inf ? m : 0, s = sum e^(x - m0), m0 + ln s: the bits that pass.h fixes. */
static int lower_logsumexp(builder *b, int x) {
    int m = reduce(b, EG_REDUCE_MAX, x);
    int finite = emit(b, EG_STRIP_LT, emit(b, EG_STRIP_ABS, m, -1, -1), constant(b, INFINITY), -1);
    int m0 = emit(b, EG_STRIP_SELECT, finite, m, constant(b, 0));
    int e = emit(b, EG_STRIP_EXP, emit(b, EG_STRIP_SUB, x, m0, -1), -1, -1);
    return emit(b, EG_STRIP_ADD, m0, emit(b, EG_STRIP_LOG, reduce(b, EG_REDUCE_SUM, e), -1, -1), -1);
}

/* What the program reads, but no param: a table, or (NULL) the product, which is memory by the time it runs. */
static int new_operand(builder *b, eg_extent extent, const void *table) {
    int operand = b->strips->noperands;
    if (operand == EG_STRIP_OPERANDS) return fail(b, "too many operands");
    b->strips->operand[operand] = (eg_strip_operand){ .extent = extent, .dtype = EG_F32, .table = table };
    if (!table) b->strips->product = operand;
    b->strips->noperands++;
    return new_register(b, extent, operand);
}

/* All ramps of a space are one. */
static int lower_iota(builder *b, const eg_value *v) {
    eg_extent extent = extent_of(b, &v->shape);
    for (int r = 0; r < b->nv; r++) {
        int operand = b->v[r].operand;
        if (operand >= 0 && b->strips->operand[operand].table && b->v[r].extent == extent) return r;
    }
    int64_t n = eg_count(&v->shape);
    float *ramp = EG_ARENA_ARRAY(b->arena, float, n + EG_BLOCK);
    if (!ramp) return out_of_memory(b);
    for (int64_t i = 0; i < n; i++) ramp[i] = (float)i;
    return new_operand(b, extent, ramp);
}

static int lower_param(builder *b, const eg_value *v, int index) {
    const eg_value *outer = b->request->outer ? b->request->outer[index] : NULL;
    if (outer && outer->op == EG_OP_CONST) return constant(b, outer->attr.number.number);
    return new_register(b, extent_of(b, &v->shape), index);
}

static int lower_op(builder *b, const eg_value *v, const int *in) {
    switch (v->op) {
    case EG_OP_CONST:
        return constant(b, v->attr.number.number);
    case EG_OP_IOTA:
        return lower_iota(b, v);
    case EG_OP_MATMUL:
    case EG_OP_CONV:
        return new_operand(b, extent_of(b, &v->shape), NULL);
    case EG_OP_EXPAND: /* registers are floats, and narrow ones stretch by themselves */
    case EG_OP_CAST:
    case EG_OP_DETACH:
    case EG_OP_RESHAPE:
        return in[0];
    case EG_OP_SUM:
        return reduce(b, EG_REDUCE_SUM, in[0]);
    case EG_OP_MAX:
        return reduce(b, EG_REDUCE_MAX, in[0]);
    case EG_OP_MIN:
        return reduce(b, EG_REDUCE_MIN, in[0]);
    case EG_OP_LOGSUMEXP:
        return lower_logsumexp(b, in[0]);
    default:
        return v->def->strip ? emit(b, (eg_strip_op)(v->def->strip - 1), in[0], in[1], in[2]) : fail(b, v->def->name);
    }
}

static void lower_value(builder *b, const eg_value *v) {
    int in[3] = { -1, -1, -1 };
    for (int q = 0; q < v->nin && q < 3 && !eg_is_product(v); q++) in[q] = b->virtual_of[v->in[q]->id];
    b->virtual_of[v->id] = lower_op(b, v, in);
}

/* ---- pairs ----------------------------------------------------------------------------------------------- */

/* An instruction whose result one other reads, its operand `at`, and nobody else: `both` does their work. Its
 * operands are 0 to 2 of the reader, 3 to 5 of the one that goes. */
typedef struct pair {
    unsigned char reader, at, first, both, in[3];
} pair;

enum { NO_OPERAND = 6 };
static const pair pairs[] = {
    { EG_STRIP_SELECT, 0, EG_STRIP_GT, EG_STRIP_GATE, { 3, 4, 1 } },   /* what passes relu backwards */
    { EG_STRIP_SUB, 1, EG_STRIP_MUL, EG_STRIP_SUBSQUARE, { 0, 3, NO_OPERAND } }, /* tanh': 1 - h h */
    { EG_STRIP_MUL, 1, EG_STRIP_SUB, EG_STRIP_MULSUB, { 0, 3, 4 } },   /* sigmoid': y (1 - y) */
    { EG_STRIP_MUL, 0, EG_STRIP_SUB, EG_STRIP_MULSUB, { 1, 3, 4 } },
};

static int is_pair(const builder *b, const pair *p, const draft_instruction *first, const draft_instruction *reader) {
    if (reader->op != p->reader || first->op != p->first) return 0;
    if (b->v[reader->d].extent != b->v[first->d].extent) return 0;
    if (p->both == EG_STRIP_SUBSQUARE) return first->in[0] == first->in[1];
    if (p->both != EG_STRIP_GATE) return 1;
    const virtual_register *otherwise = &b->v[reader->in[2]];
    return otherwise->is_constant && otherwise->number == 0;
}

static void join_pair(const pair *p, draft_instruction *first, draft_instruction *reader) {
    int in[NO_OPERAND + 1];
    for (int q = 0; q < 3; q++) in[q] = reader->in[q], in[q + 3] = first->in[q];
    in[NO_OPERAND] = -1;
    for (int q = 0; q < 3; q++) reader->in[q] = in[p->in[q]];
    reader->op = p->both;
    first->d = -1;
}

static int uses_of(const builder *b, int r) {
    int uses = 0;
    for (int i = 0; i < b->ni; i++)
        for (int q = 0; q < 3; q++) uses += b->i[i].d >= 0 && b->i[i].in[q] == r;
    for (int o = 0; o < b->request->body->nout; o++) uses += b->virtual_of[b->request->body->out[o]->id] == r;
    return uses;
}

/* The draft that computes r, an operand of draft i; NULL: none. */
static draft_instruction *maker_of(builder *b, int r, int i) {
    while (--i >= 0)
        if (b->i[i].d == r && r >= 0) return &b->i[i];
    return NULL;
}

static void join_pairs(builder *b) {
    for (int i = 0; i < b->ni; i++) {
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
            draft_instruction *first = maker_of(b, b->i[i].in[pairs[k].at], i);
            if (first && is_pair(b, &pairs[k], first, &b->i[i]) && uses_of(b, first->d) == 1)
                join_pair(&pairs[k], first, &b->i[i]);
        }
    }
    int left = 0;
    for (int i = 0; i < b->ni; i++)
        if (b->i[i].d >= 0) b->i[left++] = b->i[i];
    b->ni = left;
}

/* ---- outputs --------------------------------------------------------------------------------------------- */

/* Column sums are made by the product itself. */
static int is_column_sums(const builder *b, const eg_value *v) { return b->request->product && v->op == EG_OP_SUM; }

static int fits(const builder *b, int r, eg_extent extent) {
    const virtual_register *v = &b->v[r];
    return v->operand < 0 && !v->is_constant && is_wide(v->extent) == is_wide(extent);
}

/* The register that holds an output when the program ends: the value's own, or a copy if that is memory, a
 * constant, or narrow where the output is wide. */
static void finish_output(builder *b, int index) {
    const eg_value *v = b->request->body->out[index];
    eg_strip_operand *operand = &b->strips->operand[b->strips->nparams + index];
    *operand = (eg_strip_operand){ .extent = extent_of(b, &v->shape), .dtype = v->dtype, .output = 1, .reg = -1 };
    if (is_column_sums(b, v) || v == b->request->product) return;
    int r = b->virtual_of[v->id];
    if (!fits(b, r, operand->extent))
        r = append(b, EG_STRIP_COPY, is_wide(operand->extent) ? EG_OVER_ALL : operand->extent, r, -1, -1);
    b->v[r].operand = b->strips->nparams + index;
    b->v[r].last = AT_THE_END;
}

/* ---- form ------------------------------------------------------------------------------------------------ */

static int is_reduction(eg_op op) {
    return op == EG_OP_SUM || op == EG_OP_MAX || op == EG_OP_MIN || op == EG_OP_LOGSUMEXP;
}

enum { FEW_ROWS = 8 };

/* Is it faster to turn 16 rows at a time? Yes for short rows, but a single one; for longer ones if their reductions need
 * instructions that would be worth little on one row, and there are rows to fill a block. */
static int suits_blocks(const builder *b, int reduces) {
    if (b->rows == 1) return 0;
    return b->columns <= EG_BLOCK_COLUMNS || (reduces && b->columns <= EG_BLOCK_MOST && b->rows >= FEW_ROWS);
}

/* Flat if nothing varies over one axis only. */
static void choose_form(builder *b, const unsigned char *needed) {
    const eg_graph *graph = b->request->body->graph;
    eg_strips *s = b->strips;
    int flat = !b->request->has_gaps, reduces = 0;
    for (int i = 0; i < graph->n; i++) {
        const eg_value *v = graph->values[i];
        if (!needed[i] && v->op != EG_OP_PARAM) continue;
        if (b->request->product && is_reduction(v->op)) continue;
        eg_extent extent = extent_of(b, &v->shape);
        flat &= extent == EG_OVER_ALL || extent == EG_OVER_NONE;
        reduces |= is_reduction(v->op) && b->columns != 1;
    }
    s->rows = b->rows;
    s->columns = b->columns;
    s->blocks = 1;
    if (b->request->by_row) {
        s->width = EG_STRIP;
    } else if (flat && !reduces) {
        s->columns = b->rows * b->columns;
        s->rows = s->flat = 1;
        s->width = EG_STRIP; /* of a short row too: segments and padding may make it longer */
    } else if (suits_blocks(b, reduces)) {
        int64_t whole = EG_STRIP / (b->columns * EG_BLOCK), rows = (b->rows + EG_BLOCK - 1) / EG_BLOCK;
        s->form = EG_BY_BLOCK;
        s->blocks = whole < 1 ? 1 : whole < rows ? whole : rows;
        s->width = s->blocks * b->columns * EG_BLOCK;
    } else {
        s->width = reduces || b->columns < EG_STRIP ? b->columns : EG_STRIP;
    }
}

/* ---- physical registers ---------------------------------------------------------------------------------- */

static void find_lifetimes(builder *b) {
    for (int i = 0; i < b->ni; i++) {
        b->v[b->i[i].d].defined = i;
        for (int q = 0; q < 3; q++) {
            int r = b->i[i].in[q];
            if (r >= 0 && b->v[r].last < i) b->v[r].last = i;
        }
    }
}

static int is_direct(const builder *b, const eg_strip_operand *o) {
    return b->strips->form == EG_BY_ROW && o->dtype == EG_F32 && is_wide(o->extent) &&
           (o->extent == EG_OVER_ALL || !o->output);
}

static int new_physical(builder *b, int wide) {
    eg_strips *s = b->strips;
    if (s->nregisters == EG_STRIP_REGISTERS) return fail(b, "too many registers");
    s->place[s->nregisters] = (uint32_t)s->scratch;
    s->scratch += wide ? (size_t)(s->width + EG_BLOCK - 1) / EG_BLOCK * EG_BLOCK + STAGGER
                       : (size_t)(EG_BLOCK * s->blocks);
    return s->nregisters++;
}

/* A register that is no scratch memory. */
static int splatted(builder *b, float number) {
    size_t scratch = b->strips->scratch;
    int r = new_physical(b, 0);
    float *sixteen = EG_ARENA_ARRAY(b->arena, float, EG_BLOCK);
    if (!sixteen) return out_of_memory(b);
    for (int i = 0; i < EG_BLOCK; i++) sixteen[i] = number;
    b->strips->constant[r] = sixteen;
    b->strips->scratch = scratch;
    return r;
}

/* Memory, constants and scalars keep their register. */
static void place_fixed(builder *b) {
    b->strips->nregisters = b->strips->noperands;
    for (int r = 0; r < b->nv; r++) {
        virtual_register *v = &b->v[r];
        if (v->last < 0) continue;
        if (v->is_constant)
            v->physical = splatted(b, v->number);
        else if (v->operand >= 0) {
            const eg_strip_operand *o = &b->strips->operand[v->operand];
            v->physical = is_direct(b, o) ? v->operand : new_physical(b, is_wide(v->extent));
        } else if (v->extent == EG_OVER_NONE)
            v->physical = new_physical(b, 0);
    }
}

/* Linear scan over the instructions: the next value takes the buffer whose own was read for the last time last. */
static void place_temporaries(builder *b) {
    int held[EG_STRIP_REGISTERS]; /* the value in a buffer; -1: a register that is none */
    memset(held, -1, sizeof held);
    for (int i = 0; i < b->ni; i++) {
        virtual_register *d = &b->v[b->i[i].d];
        int wide = is_wide(d->extent), best = -1, latest = -1;
        if (d->operand >= 0 || d->extent == EG_OVER_NONE) continue;
        for (int p = 0; p < b->strips->nregisters; p++) {
            if (held[p] < 0) continue;
            const virtual_register *v = &b->v[held[p]];
            if (is_wide(v->extent) == wide && v->last <= i && v->last >= latest) best = p, latest = v->last;
        }
        d->physical = best >= 0 ? best : new_physical(b, wide);
        held[d->physical] = b->i[i].d;
    }
}

/* How a value goes on from block to block: columns are the same for all. */
static unsigned char move_of(const builder *b, int r) {
    if (r < 0 || b->v[r].is_constant) return EG_MOVE_NONE;
    eg_extent extent = b->v[r].extent;
    return extent == EG_OVER_ALL ? EG_MOVE_WIDE : extent == EG_OVER_ROWS ? EG_MOVE_NARROW : EG_MOVE_NONE;
}

/* One call does all blocks where every operand goes on as the result does, or is one number. */
static void set_code(const builder *b, const draft_instruction *draft, eg_strip_instruction *code) {
    const eg_kernels *k = b->request->kernels;
    unsigned char *in[] = { &code->a, &code->b, &code->c };
    int wide = is_wide(b->v[draft->d].extent), kind = draft->op - REDUCE;
    if (kind < 0)
        code->fn = k->strip[draft->op];
    else
        code->reduce = b->strips->form == EG_BY_BLOCK ? k->block_reduce[kind] : k->row_reduce[kind];
    code->length = kind >= 0 ? EG_LENGTH_ROW : wide ? EG_LENGTH_STRIP : EG_LENGTH_16;
    code->each = kind >= 0;
    code->d = (unsigned char)b->v[draft->d].physical;
    code->move[0] = move_of(b, draft->d);
    for (int q = 0; q < 3; q++) {
        int r = draft->in[q];
        code->move[q + 1] = move_of(b, r);
        if (r < 0) continue;
        const virtual_register *v = &b->v[r];
        *in[q] = (unsigned char)v->physical;
        int goes_on = code->move[q + 1] == code->move[0], is_number = v->extent == EG_OVER_NONE && !goes_on;
        if (is_number || (wide && !is_wide(v->extent))) code->constants |= (unsigned char)(1u << q);
        if (!goes_on && !is_number) code->each = 1;
    }
}

static int is_once(const builder *b, const draft_instruction *draft) { return b->v[draft->d].extent == EG_OVER_NONE; }

static void assemble(builder *b) {
    eg_strips *s = b->strips;
    for (int once = 1; once >= 0; once--) {
        for (int i = 0; i < b->ni; i++)
            if (is_once(b, &b->i[i]) == once && b->v[b->i[i].d].last >= 0)
                set_code(b, &b->i[i], &s->instruction[s->ninstructions++]);
        if (once) s->nonce = s->ninstructions;
    }
}

/* ---- chains ---------------------------------------------------------------------------------------------- */

enum { CHAIN_EACH = EG_STRIP_COUNT, CHAIN_ONE, CHAIN_OUT, CHAIN_END };
typedef struct chain_item {
    unsigned char op, d, in[3]; /* eg_strip_op, or one of the above */
} chain_item;

#define EACH(i) { CHAIN_EACH, i, { 0 } },
#define ONE(i) { CHAIN_ONE, i, { 0 } },
#define DO(r, OP, a, b, c) { EG_STRIP_##OP, r, { a, b, c } },
#define OUT(r, i) { CHAIN_OUT, i, { r } },
#define ITEMS(NAME) EG_CHAIN_##NAME(EACH, ONE, DO, OUT) { CHAIN_END, 0, { 0 } },
enum { CHAIN_VALUES = 32 };
static const chain_item chains[] = { EG_CHAIN_LIST(ITEMS) };
#undef EACH
#undef ONE

/* Is the draft what the item does? `value` holds the virtual register of each operand and value, -1: not seen yet. */
static int does(const builder *b, const draft_instruction *draft, const chain_item *item, int *value) {
    if (draft->op != item->op) return 0;
    for (int q = 0; q < 3 && draft->in[q] >= 0; q++) {
        int *known = &value[item->in[q]];
        if (*known < 0) *known = draft->in[q];
        if (*known != draft->in[q]) return 0;
    }
    value[item->d] = draft->d;
    return b->status == EG_OK;
}

static int next_draft(const builder *b, int i) {
    while (i < b->ni && (is_once(b, &b->i[i]) || b->v[b->i[i].d].last < 0)) i++;
    return i;
}

static int is_vector(const builder *b, int r) {
    return r >= 0 && b->v[r].operand >= 0 && is_direct(b, &b->strips->operand[b->v[r].operand]);
}

static int count_outputs(const builder *b) {
    int n = 0;
    for (int r = 0; r < b->nv; r++)
        n += b->v[r].operand >= b->strips->nparams && b->v[r].operand != b->strips->product;
    return n;
}

/* Is the program this chain, instruction by instruction? */
static int is_chain(const builder *b, const chain_item *item, int *value) {
    int at = next_draft(b, 0), outputs = 0;
    for (const chain_item *x = item; x->op != CHAIN_END; x++) {
        if (x->op < EG_STRIP_COUNT) {
            if (at == b->ni || !does(b, &b->i[at], x, value)) return 0;
            at = next_draft(b, at + 1);
        } else if (x->op == CHAIN_OUT) {
            value[x->d] = value[x->in[0]];
            outputs++;
        }
    }
    for (const chain_item *x = item; x->op != CHAIN_END; x++) {
        int r = value[x->d];
        if (x->op >= EG_STRIP_COUNT && !(x->op == CHAIN_ONE ? b->v[r].extent == EG_OVER_NONE : is_vector(b, r)))
            return 0;
    }
    return at == b->ni && outputs == count_outputs(b);
}

static void find_chain(builder *b) {
    eg_strips *s = b->strips;
    const chain_item *item = chains;
    for (int k = 0; k < EG_CHAINS && s->form == EG_BY_ROW && !s->chain; k++) {
        int value[CHAIN_VALUES];
        memset(value, -1, sizeof value);
        if (is_chain(b, item, value)) {
            s->chain = s->kernels->chain[k];
            for (int i = 0; i < EG_CHAIN_OPERANDS && value[i] >= 0; i++)
                s->chain_operand[i] = (unsigned char)b->v[value[i]].physical;
        }
        while (item++->op != CHAIN_END) continue;
    }
}

/* ---- what the step and the plan want to know ------------------------------------------------------------- */

static void handle(eg_strips *s, int handling, int operand) {
    s->handling[handling][s->nhandled[handling]++] = (unsigned char)operand;
}

/* A store is listed right behind its fetch. */
static int handling_of(const builder *b, const eg_strip_operand *o) {
    if (is_direct(b, o)) return EG_DIRECT;
    int is_column = o->extent == EG_OVER_COLUMNS && (o->output || b->strips->form == EG_BY_BLOCK);
    int fetch = o->extent == EG_OVER_ROWS                ? EG_FETCH_ROW
                : o->extent == EG_OVER_NONE || is_column ? EG_FETCH_ONCE
                                                         : EG_FETCH;
    return fetch + o->output;
}

static void sort_operands(builder *b) {
    eg_strips *s = b->strips;
    for (int r = 0; r < b->nv; r++) {
        const virtual_register *v = &b->v[r];
        if (v->operand < 0 || v->last < 0) continue;
        s->operand[v->operand].reg = v->physical;
        handle(s, handling_of(b, &s->operand[v->operand]), v->operand);
    }
    s->plain = s->form == EG_BY_ROW && !s->chain;
    for (int h = 0; h < EG_HANDLINGS; h++) s->plain &= h == EG_DIRECT || h == EG_FETCH_ONCE || s->nhandled[h] == 0;
}

/* Output o may lie in the memory of param i if each element of i is read before the same element of o is stored. */
static void find_overlaps(builder *b) {
    eg_strips *s = b->strips;
    for (const virtual_register *out = b->v; out < b->v + b->nv; out++) {
        if (out->operand < 0) continue;
        const eg_strip_operand *o = &s->operand[out->operand];
        if (!o->output || o->extent != EG_OVER_ALL) continue;
        for (const virtual_register *in = b->v; in < b->v + b->nv; in++) {
            if (in->operand < 0) continue;
            const eg_strip_operand *i = &s->operand[in->operand];
            if (i->output || i->extent != EG_OVER_ALL || eg_dtype_size(i->dtype) != eg_dtype_size(o->dtype)) continue;
            int is_stored_later = !is_direct(b, i) || !is_direct(b, o) || in->last <= out->defined;
            if (is_stored_later) s->over[out->operand] |= 1u << in->operand;
        }
    }
}

/* Hundredths of a nanosecond per float of an AVX-512 core; for cutting work, not for boasting. */
static const unsigned char cost[EG_STRIP_COUNT] = {
    [EG_STRIP_EXP] = 24,      [EG_STRIP_LOG] = 20,     [EG_STRIP_SQRT] = 8, [EG_STRIP_RSQRT] = 10,
    [EG_STRIP_TANH] = 40,     [EG_STRIP_SIGMOID] = 30, [EG_STRIP_ERF] = 50, [EG_STRIP_SIN] = 50,
    [EG_STRIP_SOFTPLUS] = 50, [EG_STRIP_COS] = 50,     [EG_STRIP_DIV] = 6,  [EG_STRIP_POW] = 100,
};

static void estimate(builder *b) {
    enum { USUAL = 3 };
    int sum = USUAL;
    for (int i = 0; i < b->ni; i++) {
        int c = b->i[i].op < REDUCE ? cost[b->i[i].op] : 0;
        if (is_wide(b->v[b->i[i].d].extent)) sum += c ? c : USUAL;
    }
    b->strips->work = .01 * sum;
}

/* Is f(0) = 0 for sure? Each rule is a truth table: which of the operands must be 0. Divisors and conditions are
 * taken to be usable numbers. */
enum { A = 0xAA, B = 0xCC, C = 0xF0 };
static const unsigned char zero_rules[EG_STRIP_COUNT] = {
    [EG_STRIP_COPY] = A,    [EG_STRIP_NEG] = A,     [EG_STRIP_ABS] = A,           [EG_STRIP_SQRT] = A,
    [EG_STRIP_TANH] = A,    [EG_STRIP_RELU] = A,    [EG_STRIP_ERF] = A,           [EG_STRIP_SIN] = A,
    [EG_STRIP_FLOOR] = A,   [EG_STRIP_ADD] = A & B, [EG_STRIP_SUB] = A & B,       [EG_STRIP_MAX] = A & B,
    [EG_STRIP_MIN] = A & B, [EG_STRIP_NE] = A & B,  [EG_STRIP_LT] = A & B,        [EG_STRIP_GT] = A & B,
    [EG_STRIP_MUL] = A | B, [EG_STRIP_DIV] = A,     [EG_STRIP_SELECT] = B & C,    [EG_STRIP_MULADD] = (A | B) & C,
    [EG_STRIP_GATE] = C,    [EG_STRIP_MULSUB] = A,  [EG_STRIP_SUBSQUARE] = A & B,
};

static int is_zero(const builder *b, int r) { return r >= 0 && b->v[r].is_zero; }

static void check_zeros(builder *b) {
    eg_strips *s = b->strips;
    s->keeps_zero = 1;
    for (int i = 0; i < b->ni; i++) {
        const draft_instruction *x = &b->i[i];
        virtual_register *d = &b->v[x->d];
        int zeros = is_zero(b, x->in[0]) | is_zero(b, x->in[1]) << 1 | is_zero(b, x->in[2]) << 2;
        d->is_zero = x->op < REDUCE && zero_rules[x->op] >> zeros & 1;
        if (d->operand >= 0 && !d->is_zero) s->keeps_zero = 0;
    }
}

/* ---- all of it ------------------------------------------------------------------------------------------- */

static eg_status lower_body(builder *b, const unsigned char *needed) {
    const eg_body *body = b->request->body;
    eg_strips *s = b->strips;
    s->nparams = body->nin;
    s->noperands = body->nin + body->nout;
    for (int i = 0; i < body->nin; i++) {
        const eg_value *p = body->param[i];
        s->operand[i] = (eg_strip_operand){ .extent = extent_of(b, &p->shape), .dtype = p->dtype, .reg = -1 };
        b->virtual_of[p->id] = lower_param(b, p, i);
    }
    for (int i = 0; i < body->graph->n && b->status == EG_OK; i++) {
        const eg_value *v = body->graph->values[i];
        if (needed[i] && v->op != EG_OP_PARAM && !is_column_sums(b, v)) lower_value(b, v);
    }
    if (b->status == EG_OK) join_pairs(b);
    find_lifetimes(b);
    for (int o = 0; o < body->nout && b->status == EG_OK; o++) finish_output(b, o);
    find_lifetimes(b); /* the copies that outputs asked for */
    return b->status;
}

static eg_status allocate(builder *b) {
    eg_strips *s = b->strips;
    s->instruction = EG_ARENA_ARRAY(b->arena, eg_strip_instruction, b->ni);
    s->at_home = EG_ARENA_ARRAY(b->arena, float *, EG_STRIP_REGISTERS);
    if (!s->instruction || !s->at_home) return EG_E_MEMORY;
    place_fixed(b);
    if (b->status == EG_OK) place_temporaries(b);
    s->addresses = s->scratch;
    s->scratch += EG_BLOCK * ((size_t)s->nregisters * sizeof(float *) / sizeof(float[EG_BLOCK]) + 1);
    return b->status;
}

static eg_status build(builder *b) {
    const eg_body *body = b->request->body;
    unsigned char *needed = eg_arena_alloc(&b->scratch, (size_t)body->graph->n);
    b->most = PER_NODE * (body->graph->n + body->nout) + 16;
    b->virtual_of = EG_ARENA_ARRAY(&b->scratch, int, body->graph->n);
    b->v = EG_ARENA_ARRAY(&b->scratch, virtual_register, b->most);
    b->i = EG_ARENA_ARRAY(&b->scratch, draft_instruction, b->most);
    if (!needed || !b->virtual_of || !b->v || !b->i) return EG_E_MEMORY;
    if (body->nin + body->nout > EG_GROUP_OPERANDS) return eg_fail(EG_E_INTERNAL, "strip program: too many operands");
    eg_mark_needed(body->out, body->nout, needed);
    eg_body_space(body, &b->rows, &b->columns);
    choose_form(b, needed);
    EG_TRY(lower_body(b, needed));
    EG_TRY(allocate(b));
    assemble(b);
    find_chain(b);
    sort_operands(b);
    find_overlaps(b);
    estimate(b);
    check_zeros(b);
    return EG_OK;
}

eg_strips *eg_strips_new(eg_arena *arena, const eg_strips_request *request) {
    eg_strips *strips = EG_ARENA_NEW(arena, eg_strips);
    if (!strips) return NULL;
    builder b = { .arena = arena, .request = request, .strips = strips };
    strips->kernels = request->kernels;
    strips->product = -1;
    strips->scratch = EG_BLOCK; /* never none: a run's part 0 is known by it */
    eg_status status = build(&b);
    eg_arena_free(&b.scratch);
    return status == EG_OK ? strips : NULL;
}

static int constants_equal(const eg_strips *a, const eg_strips *b) {
    if (a->nregisters != b->nregisters) return 0;
    for (int i = 0; i < a->nregisters; i++) {
        const float *x = a->constant[i], *y = b->constant[i];
        if (!x != !y || (x && memcmp(x, y, sizeof *x) != 0)) return 0;
    }
    return 1;
}

int eg_strips_equal(const eg_strips *a, const eg_strips *b) {
    size_t instructions = (size_t)a->ninstructions * sizeof *a->instruction;
    return a->form == b->form && a->flat == b->flat && a->nonce == b->nonce && a->noperands == b->noperands &&
           a->nparams == b->nparams && a->ninstructions == b->ninstructions &&
           memcmp(a->instruction, b->instruction, instructions) == 0 &&
           memcmp(a->operand, b->operand, sizeof a->operand) == 0 && constants_equal(a, b);
}
