/* SPDX-License-Identifier: MIT
 *
 * strip.c: the instructions of strip programs. One inline function per op says what it does to a vector; a macro
 * makes a loop for every op of EG_STRIP_LIST. Operands move in groups of 16 floats, a constant by none. Cheap ops
 * have a loop over whole groups and one over the rest; costly ones only the second, so that their code is there once.
 */
#include "kernels/isa.h"
#include "kernels/math.h"

enum { GROUP = 16, PER_GROUP = GROUP / EG_W };

/* ---- the ops --------------------------------------------------------------------------------- */

#define ZERO v_set(0.f)
#define MASK(condition) v_keep(condition, v_set(1.f))

/* `cheap`: worth a loop of its own for whole groups. */
#define OP(NAME, cheap, result)                                   \
    enum { EG_FN(cheap_##NAME) = cheap };                         \
    EG_INLINE eg_vf EG_FN(op_##NAME)(eg_vf a, eg_vf b, eg_vf c) { \
        (void)b, (void)c;                                         \
        return result;                                            \
    }

static __attribute__((noinline)) eg_vf power(eg_vf a, eg_vf b) { return v_pow(a, b); }

/* clang-format off */
OP(COPY,     1, a)
OP(NEG,      1, -a)
OP(ABS,      1, v_abs(a))
OP(EXP,      0, v_exp(a))
OP(LOG,      0, v_log(a))
OP(SQRT,     1, v_sqrt(a))
OP(RSQRT,    1, 1.f / v_sqrt(a))
OP(TANH,     0, v_tanh(a))
OP(SIGMOID,  0, v_sigmoid(a))
OP(RELU,     1, v_max(ZERO, a)) /* a NaN stays: it is the second operand */
OP(ERF,      0, v_erf(a))
OP(SOFTPLUS, 0, v_softplus(a))
OP(SIN,      0, v_sin(a))
OP(COS,      0, v_cos(a))
OP(FLOOR,    0, v_floor(a))
OP(ADD,      1, a + b)
OP(SUB,      1, a - b)
OP(MUL,      1, a * b)
OP(DIV,      1, a / b)
OP(POW,      0, power(a, b))
OP(MAX,      1, v_max_nan(a, b))
OP(MIN,      1, v_min_nan(a, b))
OP(EQ,       1, MASK(v_eq(a, b)))
OP(NE,       1, MASK(v_ne(a, b)))
OP(LT,       1, MASK(v_lt(a, b)))
OP(LE,       1, MASK(v_le(a, b)))
OP(GT,       1, MASK(v_lt(b, a)))
OP(GE,       1, MASK(v_le(b, a)))
OP(SELECT,   1, v_select(v_ne(a, ZERO), b, c))
OP(MULADD,   1, v_fma(a, b, c))
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
EG_INLINE eg_vf load_tail(const cursor *at, int q, int arity, int64_t i, eg_tail tail) {
    return q < arity ? v_load_tail(at->in[q] + i, tail) : ZERO;
}

EG_INLINE void strip(vector_op op, int arity, int cheap, int64_t n, cursor at) {
    for (; cheap && n >= GROUP; n -= GROUP, next_group(&at, arity)) {
        EG_UNROLL for (int64_t i = 0; i < GROUP; i += EG_W)
            v_store(at.d + i, op(load(&at, 0, arity, i), load(&at, 1, arity, i), load(&at, 2, arity, i)));
    }
    for (; n > 0; n -= GROUP, next_group(&at, arity)) {
        for (int64_t i = 0; i < GROUP && i < n; i += EG_W) {
            eg_tail tail = v_tail(n - i < EG_W ? n - i : EG_W);
            eg_vf x = load_tail(&at, 0, arity, i, tail), y = load_tail(&at, 1, arity, i, tail);
            v_store_tail(at.d + i, op(x, y, load_tail(&at, 2, arity, i, tail)), tail);
        }
    }
}

#define LOOP(NAME, ARITY, TEXT)                                                                      \
    void EG_FN(strip_##NAME)(int64_t n, float *d, const float *a, const float *b, const float *c,    \
                             unsigned constants) {                                                   \
        strip(EG_FN(op_##NAME), ARITY, EG_FN(cheap_##NAME), n, start(ARITY, d, a, b, c, constants)); \
    }
EG_STRIP_LIST(LOOP)

/* ---- chains ---------------------------------------------------------------------------------- */

#define NOTHING(...)
#define LOAD_ONE(i) eg_vf x##i = v_load(p[i]);
#define LOAD(i) eg_vf x##i = v_load(p[i] + at);
#define COMPUTE(r, OP, a, b, c) eg_vf x##r = EG_FN(op_##OP)(x##a, x##b, x##c);
#define STORE(r, i) v_store(p[i] + at, x##r);

#define CHAIN(NAME)                                                     \
    void EG_FN(chain_##NAME)(int64_t n, float *const *p) {              \
        EG_CHAIN_##NAME(NOTHING, LOAD_ONE, NOTHING, NOTHING)            \
        for (int64_t at = 0; at < n; at += EG_W) {                      \
            EG_CHAIN_##NAME(LOAD, NOTHING, COMPUTE, STORE)              \
        }                                                               \
    }
EG_CHAIN_LIST(CHAIN)
