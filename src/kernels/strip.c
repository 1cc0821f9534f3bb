/* SPDX-License-Identifier: MIT
 *
 * strip.c: the instructions of strip programs. One inline function per op says what it does to a vector; a macro
 * makes a loop for every op of EG_STRIP_LIST. Operands move in groups of 16 floats, a constant by none.
 *
 *   CHEAP    a loop over whole groups and one over the rest.
 *   COSTLY   one loop, so that its code is there once: over whole vectors where masks cost.
 *   RARE     one loop for all of them, which calls a function for each vector: all ops of the portable x86 build, which
 *            is for machines without better.
 *   LENT     another build's, of the same bits.
 *   SWAPPED  another op with its first two operands exchanged.
 */
#include "kernels/isa.h"
#include "kernels/math.h"

enum { GROUP = 16 };

/* ---- the ops --------------------------------------------------------------------------------- */

#define ZERO v_set(0.f)
#define MASK(condition) v_keep(condition, v_set(1.f))

/* Unused where a build has a loop of its own for the op. */
#define OP(NAME, result)                                                                  \
    EG_INLINE __attribute__((unused)) eg_vf EG_FN(op_##NAME)(eg_vf a, eg_vf b, eg_vf c) { \
        (void)b, (void)c;                                                                 \
        return result;                                                                    \
    }

/* clang-format off */
OP(COPY,     a)
OP(NEG,      -a)
OP(ABS,      v_abs(a))
OP(EXP,      v_exp(a))
OP(LOG,      v_log(a))
OP(SQRT,     v_sqrt(a))
OP(RSQRT,    1.f / v_sqrt(a))
OP(TANH,     v_tanh(a))
OP(SIGMOID,  v_sigmoid(a))
OP(RELU,     v_max(ZERO, a)) /* a NaN stays: it is the second operand */
OP(ERF,      v_erf(a))
OP(SOFTPLUS, v_softplus(a))
OP(SIN,      v_sin(a))
OP(COS,      v_cos(a))
OP(FLOOR,    v_floor(a))
OP(ADD,      a + b)
OP(SUB,      a - b)
OP(MUL,      a * b)
OP(DIV,      a / b)
OP(POW,      v_pow(a, b))
OP(MAX,      v_max_nan(a, b))
OP(MIN,      v_min_nan(a, b))
OP(EQ,       MASK(v_eq(a, b)))
OP(NE,       MASK(v_ne(a, b)))
OP(LT,       MASK(v_lt(a, b)))
OP(LE,       MASK(v_le(a, b)))
OP(SELECT,   v_select(v_ne(a, ZERO), b, c))
OP(MULADD,   v_fma(a, b, c))
OP(GATE,     v_keep(v_lt(b, a), c))
OP(MULSUB,   a * (b - c))
OP(SUBSQUARE, a - b * b)
/* clang-format on */

/* ---- the loops ------------------------------------------------------------------------------- */

typedef eg_vf (*vector_op)(eg_vf a, eg_vf b, eg_vf c);

/* Where the operands are; an operand that the op does not have is NULL and never moves. */
typedef struct cursor {
    float *d;
    const float *in[3];
    int64_t step[3]; /* floats to the next group: 0 for a constant */
} cursor;

EG_INLINE cursor start(int arity, float *d, const float *a, const float *b, const float *c, unsigned constants) {
    cursor at = { d, { a, b, c }, { 0, 0, 0 } };
    EG_UNROLL for (int q = 0; q < 3; q++) at.step[q] = q < arity && !(constants >> q & 1) ? GROUP : 0;
    return at;
}

EG_INLINE void next_group(cursor *at, int arity) {
    EG_UNROLL for (int q = 0; q < 3; q++) if (q < arity) at->in[q] += at->step[q];
    at->d += GROUP;
}

EG_INLINE eg_vf load(const cursor *at, int q, int arity, int64_t i) {
    return q < arity ? v_load(at->in[q] + i) : ZERO;
}
/* Of a whole vector or, where `some`, of its first lanes: masked accesses cost most processors several plain ones. */
EG_INLINE eg_vf load_some(const cursor *at, int q, int arity, int64_t i, int some, eg_tail tail) {
    return q < arity && some ? v_load_tail(at->in[q] + i, tail) : load(at, q, arity, i);
}

EG_INLINE __attribute__((unused)) void whole_groups(vector_op op, int arity, int64_t *n, cursor *at) {
    for (; *n >= GROUP; *n -= GROUP, next_group(at, arity)) {
        EG_UNROLL for (int64_t i = 0; i < GROUP; i += EG_W)
            v_store(at->d + i, op(load(at, 0, arity, i), load(at, 1, arity, i), load(at, 2, arity, i)));
    }
}

EG_INLINE void all_vectors(vector_op op, int arity, int64_t n, cursor at) {
    eg_tail tail = v_tail(EG_W);
    for (; n > 0; n -= GROUP, next_group(&at, arity)) {
        for (int64_t i = 0; i < GROUP && i < n; i += EG_W) {
            int is_last = n - i < EG_W, some = EG_MASKS_ARE_FREE || is_last;
            if (is_last) tail = v_tail(n - i);
            eg_vf x = load_some(&at, 0, arity, i, some, tail), y = load_some(&at, 1, arity, i, some, tail);
            eg_vf r = op(x, y, load_some(&at, 2, arity, i, some, tail));
            if (some) v_store_tail(at.d + i, r, tail);
            else v_store(at.d + i, r);
        }
    }
}

/* Of one operand, whole vectors only: for what is left, and for a constant, whose result is copied, `self` is called. */
EG_INLINE __attribute__((unused)) void whole_vectors(vector_op op, eg_strip_fn self, int64_t n, float *d, const float *a,
                                                     unsigned constants) {
    float whole[GROUP];
    if (constants & 1) {
        self(GROUP, whole, a, NULL, NULL, 0);
        EG_FN(strip_COPY)(n, d, whole, NULL, NULL, 1);
        return;
    }
    for (; n >= EG_W; n -= EG_W, d += EG_W, a += EG_W) v_store(d, op(v_load(a), ZERO, ZERO));
    if (n <= 0) return;
    v_store(whole, v_load_tail(a, v_tail(n)));
    self(EG_W, whole, whole, NULL, NULL, 0);
    v_store_tail(d, v_load(whole), v_tail(n));
}

static void call_for_vectors(int64_t n, float *d, const float *a, const float *b, const float *c, vector_op op,
                             unsigned constants) {
    all_vectors(op, 3, n, start(3, d, a, b, c, constants));
    v_leave();
}

/* In place of an operand that an op does not have, the first is read once more. */
EG_INLINE unsigned constants_of_three(int arity, unsigned constants) {
    return arity == 1 ? (constants & 1) * 7 : arity == 2 ? (constants & 3) | (constants & 1) << 2 : constants;
}

typedef void strip_fn(int64_t n, float *d, const float *a, const float *b, const float *c, unsigned constants);
#define STRIP(NAME) \
    void EG_FN(strip_##NAME)(int64_t n, float *d, const float *a, const float *b, const float *c, unsigned constants)

#define CHEAP(NAME, ARITY)                                      \
    STRIP(NAME) {                                               \
        cursor at = start(ARITY, d, a, b, c, constants);        \
        whole_groups(EG_FN(op_##NAME), ARITY, &n, &at);         \
        if (n > 0) all_vectors(EG_FN(op_##NAME), ARITY, n, at); \
        v_leave();                                              \
    }
#define COSTLY(NAME)                                                                                            \
    STRIP(NAME) {                                                                                               \
        (void)b, (void)c;                                                                                       \
        if (EG_MASKS_ARE_FREE) all_vectors(EG_FN(op_##NAME), 1, n, start(1, d, a, NULL, NULL, constants));      \
        else whole_vectors(EG_FN(op_##NAME), EG_FN(strip_##NAME), n, d, a, constants);                          \
        v_leave();                                                                                              \
    }
#define RARE(NAME, ARITY)                                                                       \
    static eg_vf vector_##NAME(eg_vf a, eg_vf b, eg_vf c) { return EG_FN(op_##NAME)(a, b, c); } \
    STRIP(NAME) {                                                                               \
        call_for_vectors(n, d, a, ARITY > 1 ? b : a, ARITY > 2 ? c : a, vector_##NAME,          \
                         constants_of_three(ARITY, constants));                                 \
    }
#define SWAPPED(NAME, OTHER) \
    STRIP(NAME) { (void)c, EG_FN(strip_##OTHER)(n, d, b, a, NULL, (constants & 1) << 1 | (constants >> 1 & 1)); }

#define LENT(NAME, ISA)                      \
    extern strip_fn eg_strip_##NAME##_##ISA; \
    STRIP(NAME) { eg_strip_##NAME##_##ISA(n, d, a, b, c, constants); }

/* clang-format off */
#if defined(EG_ISA_AVX512)
CHEAP(NEG, 1) CHEAP(ABS, 1) CHEAP(SQRT, 1) CHEAP(RSQRT, 1) CHEAP(MIN, 2) CHEAP(EQ, 2) CHEAP(LE, 2)
COSTLY(EXP) COSTLY(LOG) COSTLY(TANH) COSTLY(SIGMOID) COSTLY(ERF)
LENT(SOFTPLUS, avx2) LENT(SIN, avx2) LENT(COS, avx2) LENT(POW, avx2)
#else
RARE(ABS, 1) RARE(SQRT, 1) RARE(RSQRT, 1) RARE(MIN, 2) RARE(EQ, 2) RARE(LE, 2) RARE(LOG, 1)
#if defined(EG_ISA_AVX2)
COSTLY(EXP) COSTLY(TANH) COSTLY(SIGMOID) COSTLY(ERF) CHEAP(NEG, 1)
#else
RARE(EXP, 1) RARE(TANH, 1) RARE(SIGMOID, 1) RARE(ERF, 1) RARE(NEG, 1)
#endif
RARE(SOFTPLUS, 1) RARE(SIN, 1) RARE(COS, 1) RARE(POW, 2)
#endif
#if EG_SMALL
#define OFTEN RARE
#else
#define OFTEN CHEAP
#endif
OFTEN(COPY, 1) OFTEN(RELU, 1) OFTEN(ADD, 2) OFTEN(SUB, 2) OFTEN(MUL, 2) OFTEN(DIV, 2) OFTEN(MAX, 2) OFTEN(LT, 2)
OFTEN(SELECT, 3) OFTEN(MULADD, 3) OFTEN(GATE, 3) OFTEN(MULSUB, 3) OFTEN(SUBSQUARE, 2)
RARE(FLOOR, 1) RARE(NE, 2)
SWAPPED(GT, LT) SWAPPED(GE, LE)
/* clang-format on */

/* ---- chains ---------------------------------------------------------------------------------- */

#define NOTHING(...)
#define LOAD_ONE(i) eg_vf x##i = v_load(p[i]);
#define LOAD(i) eg_vf x##i = v_load(p[i] + at);
#define COMPUTE(r, OP, a, b, c) eg_vf x##r = EG_FN(op_##OP)(x##a, x##b, x##c);
#define STORE(r, i) v_store(p[i] + at, x##r);

#define CHAIN(NAME)                                                                                     \
    void EG_FN(chain_##NAME)(int64_t n, float *const *p) {                                              \
        EG_CHAIN_##NAME(NOTHING, LOAD_ONE, NOTHING, NOTHING) for (int64_t at = 0; at < n; at += EG_W) { \
            EG_CHAIN_##NAME(LOAD, NOTHING, COMPUTE, STORE)                                              \
        }                                                                                               \
        v_leave();                                                                                      \
    }
#if !EG_SMALL
EG_CHAIN_LIST(CHAIN)
#endif
