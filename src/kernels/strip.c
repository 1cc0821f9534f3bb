/* SPDX-License-Identifier: MIT
 *
 * strip.c: the instructions of strip programs. One inline function per op says what it does to a vector; macros make
 * a loop for every (op, form) of EG_STRIP_LIST. Cheap ops have a loop over whole groups of 16 and one over the rest;
 * costly ones have a single loop whose last vector is partial, so that their code is there once.
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

/* Lanes i.. of operand q; a constant repeats every 16 floats. */
EG_INLINE eg_vf operand(int q, int arity, int form, const float *p, int64_t i) {
    if (q >= arity) return ZERO;
    return v_load(p + (form >> q & 1 ? i % GROUP : i));
}
EG_INLINE eg_vf operand_tail(int q, int arity, int form, const float *p, int64_t i, eg_tail tail) {
    if (q >= arity) return ZERO;
    return form >> q & 1 ? v_load(p + i % GROUP) : v_load_tail(p + i, tail);
}

EG_INLINE void strip(vector_op op, int arity, int form, int cheap, int64_t n, float *d, const float *a,
                     const float *b, const float *c) {
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
    if (i >= n) return;
    do {
        eg_tail tail = v_tail(cheap && PER_GROUP == 1 ? n - i : n - i < EG_W ? n - i : EG_W);
        eg_vf x = operand_tail(0, arity, form, a, i, tail), y = operand_tail(1, arity, form, b, i, tail);
        v_store_tail(d + i, op(x, y, operand_tail(2, arity, form, c, i, tail)), tail);
        i += EG_W;
    } while (!(cheap && PER_GROUP == 1) && i < n);
}

#define LOOP_(NAME, FORM, ARITY)                                                                             \
    void EG_FN(strip_##NAME##_##FORM)(int64_t n, float *d, const float *a, const float *b, const float *c) { \
        strip(EG_FN(op_##NAME), ARITY, FORM, EG_FN(cheap_##NAME), n, d, a, b, c);                            \
    }
#define LOOP_1(NAME, FORM) LOOP_(NAME, FORM, 1)
#define LOOP_2(NAME, FORM) LOOP_(NAME, FORM, 2)
#define LOOP_3(NAME, FORM) LOOP_(NAME, FORM, 3)
#define LOOPS(NAME, ARITY, TEXT) EG_FORMS_##ARITY(LOOP_##ARITY, NAME)
EG_STRIP_LIST(LOOPS)
