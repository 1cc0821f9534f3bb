/* SPDX-License-Identifier: MIT
 *
 * strip.c: the instructions of strip programs. One inline function per op says what it does to a vector; macros make
 * a loop for every (op, form) of EG_STRIP_LIST. Cheap ops have a loop over whole groups of 16 and one over the rest;
 * costly ones have a single loop whose last vector is partial, so that their code is there once.
 */
#include "kernels/isa.h"
#include "kernels/math.h"

enum { GROUP = 16, PER_GROUP = GROUP / EG_W };

/* ---- the ops ------------------------------------------------------------------------------------------------------ */

#define OP1(NAME, result) \
    EG_INLINE eg_vf op_##NAME(eg_vf a, eg_vf b, eg_vf c) { (void)b; (void)c; return result; }
#define OP2(NAME, result) \
    EG_INLINE eg_vf op_##NAME(eg_vf a, eg_vf b, eg_vf c) { (void)c; return result; }
#define OP3(NAME, result) \
    EG_INLINE eg_vf op_##NAME(eg_vf a, eg_vf b, eg_vf c) { return result; }

#define ZERO v_set(0.f)
#define MASK(condition) v_keep(condition, v_set(1.f))

OP1(COPY, a)
OP1(NEG, -a)
OP1(ABS, v_abs(a))
OP1(EXP, v_exp(a))
OP1(LOG, v_log(a))
OP1(SQRT, v_sqrt(a))
OP1(RSQRT, 1.f / v_sqrt(a))
OP1(TANH, v_tanh(a))
OP1(SIGMOID, v_sigmoid(a))
OP1(RELU, v_max(ZERO, a)) /* a NaN stays: it is the second operand */
OP1(ERF, v_erf(a))
OP1(SOFTPLUS, v_softplus(a))
OP1(SIN, v_sin(a))
OP1(COS, v_cos(a))
OP1(FLOOR, v_floor(a))
OP2(ADD, a + b)
OP2(SUB, a - b)
OP2(MUL, a * b)
OP2(DIV, a / b)
OP2(MAX, v_max_nan(a, b))
OP2(MIN, v_min_nan(a, b))
OP2(EQ, MASK(v_eq(a, b)))
OP2(NE, MASK(v_ne(a, b)))
OP2(LT, MASK(v_lt(a, b)))
OP2(LE, MASK(v_le(a, b)))
OP2(GT, MASK(v_lt(b, a)))
OP2(GE, MASK(v_le(b, a)))
OP3(SELECT, v_select(v_ne(a, ZERO), b, c))
OP3(MULADD, v_fma(a, b, c))

static __attribute__((noinline)) eg_vf op_pow(eg_vf a, eg_vf b) { return v_pow(a, b); }
OP2(POW, op_pow(a, b))

/* 1: worth two loops. */
enum {
    CHEAP_COPY = 1, CHEAP_NEG = 1, CHEAP_ABS = 1, CHEAP_EXP = 0, CHEAP_LOG = 0, CHEAP_SQRT = 1, CHEAP_RSQRT = 1,
    CHEAP_TANH = 0, CHEAP_SIGMOID = 0, CHEAP_RELU = 1, CHEAP_ERF = 0, CHEAP_SOFTPLUS = 0, CHEAP_SIN = 0, CHEAP_COS = 0,
    CHEAP_FLOOR = 0, CHEAP_ADD = 1, CHEAP_SUB = 1, CHEAP_MUL = 1, CHEAP_DIV = 1, CHEAP_POW = 0, CHEAP_MAX = 1,
    CHEAP_MIN = 1, CHEAP_EQ = 1, CHEAP_NE = 1, CHEAP_LT = 1, CHEAP_LE = 1, CHEAP_GT = 1, CHEAP_GE = 1,
    CHEAP_SELECT = 1, CHEAP_MULADD = 1
};

/* ---- the loops ---------------------------------------------------------------------------------------------------- */

typedef eg_vf (*vector_op)(eg_vf a, eg_vf b, eg_vf c);

/* Lanes i.. of operand q; a constant repeats every 16 floats. */
EG_INLINE eg_vf operand(int q, int arity, int form, const float *p, int64_t i)
{
    if (q >= arity) return ZERO;
    return v_load(p + (form >> q & 1 ? i % GROUP : i));
}
EG_INLINE eg_vf operand_tail(int q, int arity, int form, const float *p, int64_t i, eg_tail tail)
{
    if (q >= arity) return ZERO;
    return form >> q & 1 ? v_load(p + i % GROUP) : v_load_tail(p + i, tail);
}

EG_INLINE void strip(vector_op op, int arity, int form, int cheap, int64_t n, float *d, const float *a, const float *b,
                     const float *c)
{
    int64_t i = 0;
    if (cheap) {
        eg_vf ca[PER_GROUP], cb[PER_GROUP], cc[PER_GROUP];
        EG_UNROLL for (int v = 0; v < PER_GROUP; v++) {
            if (form & 1) ca[v] = v_load(a + v * EG_W);
            if (form & 2) cb[v] = v_load(b + v * EG_W);
            if (form & 4) cc[v] = v_load(c + v * EG_W);
        }
        for (; i + GROUP <= n; i += GROUP) {
            EG_UNROLL for (int v = 0; v < PER_GROUP; v++) {
                int64_t at = i + v * EG_W;
                v_store(d + at, op(form & 1 ? ca[v] : operand(0, arity, 0, a, at),
                                   form & 2 ? cb[v] : operand(1, arity, 0, b, at),
                                   form & 4 ? cc[v] : operand(2, arity, 0, c, at)));
            }
        }
    }
    for (; i < n; i += EG_W) {
        eg_tail tail = v_tail(n - i < EG_W ? n - i : EG_W);
        v_store_tail(d + i, op(operand_tail(0, arity, form, a, i, tail), operand_tail(1, arity, form, b, i, tail),
                               operand_tail(2, arity, form, c, i, tail)), tail);
    }
}

#define LOOP_(NAME, FORM, ARITY)                                                                           \
    void EG_FN(strip_##NAME##_##FORM)(int64_t n, float *d, const float *a, const float *b, const float *c) \
    {                                                                                                      \
        strip(op_##NAME, ARITY, FORM, CHEAP_##NAME, n, d, a, b, c);                                        \
    }
#define LOOP_1(NAME, FORM) LOOP_(NAME, FORM, 1)
#define LOOP_2(NAME, FORM) LOOP_(NAME, FORM, 2)
#define LOOP_3(NAME, FORM) LOOP_(NAME, FORM, 3)
#define LOOPS(NAME, ARITY, TEXT) EG_FORMS_##ARITY(LOOP_##ARITY, NAME)
EG_STRIP_LIST(LOOPS)
