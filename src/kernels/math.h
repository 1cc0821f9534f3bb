/* SPDX-License-Identifier: MIT
 *
 * math.h: the transcendental functions on one vector. Largest errors, found by the sweeps of
 * tests/kernels/test_math.c (denormals, zeros of both signs, infinities and NaN behave as in C; `portable` is the
 * build that rounds a multiply-add twice):
 *
 *   exp 1.5 ulp   log 1.5   tanh 2   sigmoid 3   softplus 3   erf 3   sin, cos 2   pow 2
 *
 * (tanh was also swept over every float: 1.91, portable 2 but for one argument with 2.03.)
 *
 * Every function is a fixed sequence of operations, so that builds with equal EG_FUSED give equal bits; nothing calls
 * libm. exp, log, tanh, sin and cos use the polynomials of the Cephes library (S. L. Moshier), whose single-precision
 * forms are minimax on their ranges; erf's are Chebyshev fits of our own; what needs more than 24 bits (pow, and the
 * arguments of sin and cos) is done in double with plain multiplies and adds, the same in all builds.
 */
#ifndef EG_KERNELS_MATH_H
#define EG_KERNELS_MATH_H

#include <math.h>
#include "kernels/simd.h"

#define EG_LN2_HI 0.693359375f /* few bits: n * EG_LN2_HI is exact */
#define EG_LN2_LO -2.12194440e-4f
#define EG_ROUND 12582912.f /* 1.5 * 2^23: x + EG_ROUND - EG_ROUND rounds to a whole number */

/* Horner's rule, highest coefficient first. */
EG_INLINE eg_vf v_poly(eg_vf x, int n, const float *c) {
    eg_vf p = v_set(c[0]);
    EG_UNROLL for (int i = 1; i < n; i++) p = v_fma(p, x, v_set(c[i]));
    return p;
}
#define EG_POLY(x, ...) \
    v_poly(x, (int)(sizeof((const float[]){ __VA_ARGS__ }) / sizeof(float)), (const float[]){ __VA_ARGS__ })

/* e^x = 2^n e^r with |r| <= ln 2 / 2, for x within the bounds: gives n and e^r - 1. */
EG_INLINE eg_vf v_exp_less_one(eg_vf x, eg_vf *n) {
    *n = v_fma(x, v_set(1.44269504f), v_set(EG_ROUND)) - EG_ROUND;
    eg_vf r = v_fma(*n, v_set(-EG_LN2_HI), x);
    r = v_fma(*n, v_set(-EG_LN2_LO), r);
    eg_vf p = EG_POLY(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                      5.0000001201e-1f);
    return v_fma(p, r * r, r);
}
EG_INLINE eg_vf v_exp_within(eg_vf x) {
    eg_vf n, e = v_exp_less_one(x, &n);
    return v_scale(e + 1.f, n);
}

/* The bounds: just beyond half the least denormal, and just beyond overflow. In this order a NaN stays. */
EG_INLINE eg_vf v_exp_negative(eg_vf x) { return v_exp_within(v_max(v_set(-104.f), x)); }
EG_INLINE eg_vf v_exp_positive(eg_vf x) { return v_exp_within(v_min(v_set(89.f), x)); }
EG_INLINE eg_vf v_exp(eg_vf x) { return v_exp_positive(v_max(v_set(-104.f), x)); }

/* ln((1 + f) 2^e) for 1 + f in [sqrt 1/2, sqrt 2]; relative to a small f when e = 0. */
EG_INLINE eg_vf v_log_parts(eg_vf f, eg_vf e) {
    eg_vf z = f * f;
    eg_vf p = EG_POLY(f, 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                      -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f);
    eg_vf y = f * z * p;
    y = v_fma(e, v_set(EG_LN2_LO), y);
    y = v_fma(z, v_set(-0.5f), y);
    return v_fma(e, v_set(EG_LN2_HI), f + y);
}

/* A positive finite x as (m, e) with x = m 2^e and m in [sqrt 1/2, sqrt 2). */
EG_INLINE eg_vf v_split(eg_vf x, eg_vf *e) {
    eg_vm tiny = v_lt(x, v_set(1.17549435e-38f));
    eg_vi i = (eg_vi)v_select(tiny, x * 8388608.f, x);
    eg_vi k = (eg_vi)((eg_vu)i - 0x3f3504f3u) >> 23; /* from the bits of sqrt 1/2 */
    *e = v_from_int(k) - v_keep(tiny, v_set(23.f));
    return (eg_vf)((eg_vu)i - ((eg_vu)k << 23));
}

EG_INLINE eg_vf v_log(eg_vf x) {
    eg_vf e, m = v_split(x, &e), y = v_log_parts(m - 1.f, e), zero = v_set(0.f), inf = v_set(INFINITY);
    eg_vf special = v_select(v_eq(x, zero), -inf, v_select(v_lt(x, zero), v_set(NAN), x)); /* else inf or NaN: x */
    return v_select(v_and(v_lt(zero, x), v_lt(x, inf)), y, special);
}

/* tanh |x| = (1 - E) / (1 + E) of E = e^-2|x| = 2^n + 2^n (e^r - 1): near 0 n is 0 and nothing cancels. */
EG_INLINE eg_vf v_tanh(eg_vf x) {
    eg_vf a = v_abs(x), n, e = v_exp_less_one(v_max(v_set(-40.f), a * -2.f), &n), s = v_scale(v_set(1.f), n);
    return v_flip_sign(v_fma(-e, s, 1.f - s) / v_fma(e, s, 1.f + s), x);
}

/* Of e = e^-|x|: 1 / (1 + e) or e / (1 + e), so that the left tail keeps its relative precision. */
EG_INLINE eg_vf v_sigmoid(eg_vf x) {
    eg_vf e = v_exp_negative(-v_abs(x));
    return v_select(v_lt(x, v_set(0.f)), e, v_set(1.f)) / (1.f + e);
}

/* max(x, 0) + ln(1 + e), e = e^-|x|; what 1 + e rounds away is put back into the logarithm's argument. */
EG_INLINE eg_vf v_softplus(eg_vf x) {
    eg_vf e = v_exp_negative(-v_abs(x)), u = 1.f + e, lost = e - (u - 1.f);
    eg_vm big = v_lt(v_set(1.41421356f), u);
    eg_vf scale = v_select(big, v_set(0.5f), v_set(1.f));
    eg_vf f = v_fma(lost, scale, u * scale - 1.f);
    return v_max(x, v_set(0.f)) + v_log_parts(f, v_keep(big, v_set(1.f)));
}

/* x + x Q(x^2) below 0.93, 1 - e^(-|x| P(|x|)) above. */
EG_INLINE eg_vf v_erf(eg_vf x) {
    eg_vf a = v_abs(x), s = x * x;
    eg_vf q = EG_POLY(s, 8.316879718e-5f, -8.13044467e-4f, 5.199989255e-3f, -2.685899742e-2f, 1.128368872e-1f,
                      -3.761263333e-1f, 1.283791666e-1f);
    eg_vf t = v_min(v_set(4.05f), a); /* erf is 1 from there on; a NaN stays */
    eg_vf p = EG_POLY(t, -1.081447333e-6f, 3.498697274e-5f, -5.030250561e-4f, 4.319591974e-3f, -2.517386279e-2f,
                      1.078985122e-1f, 6.341197433e-1f, 1.28910520e-1f);
    eg_vf large = 1.f - v_exp_within(-v_fma(p, t, t));
    return v_select(v_lt(a, v_set(0.93f)), v_fma(q, x, x), v_flip_sign(large, x));
}

/* ---- sine and cosine ------------------------------------------------------------------------- */

/* sin and cos of r, |r| <= pi/4. */
EG_INLINE void v_sincos_small(eg_vf r, eg_vf *sine, eg_vf *cosine) {
    eg_vf z = r * r, a = v_abs(r); /* by |r|, for the sake of -0 */
    eg_vf s = EG_POLY(z, -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f);
    eg_vf c = EG_POLY(z, 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f);
    *sine = v_flip_sign(v_fma(s * z, a, a), r);
    *cosine = v_fma(c * z, z, v_fma(z, v_set(-0.5f), v_set(1.f)));
}

/* sin(r + quarter pi/2); cosine: quarter + 1. */
EG_INLINE eg_vf v_sin_quarter(eg_vf r, eg_vi quarter) {
    eg_vf s, c;
    v_sincos_small(r, &s, &c);
    return (eg_vf)((eg_vu)v_select(v_odd(quarter), c, s) ^ ((eg_vu)(quarter & 2) << 30));
}

/* x - n pi/2, n the nearest whole number, in double: pi/2 in parts of 33 bits, exact products up to |n| = 2^20. */
EG_INLINE eg_vd v_reduce(eg_vd x, eg_vd *n) {
    const double round = 6755399441055744.0; /* 1.5 * 2^52 */
    *n = (x * 0.63661977236758134308 + round) - round;
    return ((x - *n * 1.57079632673412561417) - *n * 6.07710050630396597660e-11) - *n * 2.02226624879595063154e-21;
}

static __attribute__((noinline, unused)) eg_vf v_sin_shifted(eg_vf x, int32_t shift) {
    eg_vd n0, n1, r0 = v_reduce(__builtin_convertvector(v_low(x), eg_vd), &n0);
    eg_vd r1 = v_reduce(__builtin_convertvector(v_high(x), eg_vd), &n1);
    eg_vf r = v_join(__builtin_convertvector(r0, eg_vh), __builtin_convertvector(r1, eg_vh));
    eg_vf n = v_join(__builtin_convertvector(n0, eg_vh), __builtin_convertvector(n1, eg_vh));
    eg_vm huge = v_not(v_le(v_abs(x), v_set(1048576.f)));
    eg_vi quarter = v_to_int(v_select(huge, v_set(0.f), n));
    if (v_any(huge))
        for (int i = 0; i < EG_W; i++)
            if (!(__builtin_fabsf(x[i]) <= 1048576.f)) {
                int32_t q;
                r[i] = eg_reduce_huge(x[i], &q);
                quarter[i] = q;
            }
    return v_sin_quarter(r, quarter + shift);
}

EG_INLINE eg_vf v_sin(eg_vf x) { return v_sin_shifted(x, 0); }
EG_INLINE eg_vf v_cos(eg_vf x) { return v_sin_shifted(x, 1); }

/* ---- power ----------------------------------------------------------------------------------- */

/* y log2(m 2^e) for m in [sqrt 1/2, sqrt 2): the series of 2 atanh(s), s = (m-1)/(m+1), to 1e-12. */
EG_INLINE eg_vd v_log2_times(eg_vh m, eg_vh e, eg_vh y) {
    eg_vd d = __builtin_convertvector(m, eg_vd);
    eg_vd s = (d - 1.) / (d + 1.), z = s * s;
    eg_vd p = z * (1. / 15) + 1. / 13;
    p = p * z + 1. / 11;
    p = p * z + 1. / 9;
    p = p * z + 1. / 7;
    p = p * z + 1. / 5;
    p = p * z + 1. / 3;
    p = p * z + 1.;
    return (p * s * 2.88539008177792681472 + __builtin_convertvector(e, eg_vd)) * __builtin_convertvector(y, eg_vd);
}

/* 2^f for |f| <= 1/2 by the series of e^(f ln 2), to 1e-10. */
EG_INLINE eg_vh v_exp2_small(eg_vd f) {
    eg_vd t = f * 0.69314718055994530942;
    eg_vd p = t * (1. / 362880) + 1. / 40320;
    p = p * t + 1. / 5040;
    p = p * t + 1. / 720;
    p = p * t + 1. / 120;
    p = p * t + 1. / 24;
    p = p * t + 1. / 6;
    p = p * t + 1. / 2;
    p = p * t + 1.;
    return __builtin_convertvector(p * t + 1., eg_vh);
}

/* 2^t = 2^n 2^f: gives 2^f and n. t is clamped to where 2^t has long been 0 or infinite; a NaN comes out in 2^f. */
EG_INLINE eg_vh v_exp2_split(eg_vd t, eg_vh *n) {
    const double round = 6755399441055744.0;
    typedef int64_t vl __attribute__((vector_size(4 * EG_W)));
    eg_vd low = { 0 }, high = { 0 };
    low = low - 200.;
    high = high + 200.;
    vl over = (vl)(t > high), under = (vl)(t < low);
    t = (eg_vd)(((vl)t & ~over & ~under) | ((vl)high & over) | ((vl)low & under));
    eg_vd w = (t + round) - round;
    *n = __builtin_convertvector(w, eg_vh);
    return v_exp2_small(t - w);
}

/* (m 2^e)^y = 2^n times the result. */
static __attribute__((noinline, unused)) eg_vh v_pow_half(eg_vh m, eg_vh e, eg_vh y, eg_vh *n) {
    return v_exp2_split(v_log2_times(m, e, y), n);
}

/* x^y = 2^(y log2 |x|) in double, then C's special cases. */
EG_INLINE eg_vf v_pow(eg_vf x, eg_vf y) {
    eg_vf zero = v_set(0.f), one = v_set(1.f), inf = v_set(INFINITY), a = v_abs(x), ay = v_abs(y), e;
    eg_vf m = v_split(a, &e);
    e = v_select(v_eq(a, zero), -inf, e); /* log2 0 = -inf, log2 inf = inf */
    e = v_select(v_lt(a, inf), e, a);
    m = v_select(v_and(v_lt(zero, a), v_lt(a, inf)), m, one);
    eg_vh n0, n1;
    eg_vh p0 = v_pow_half(v_low(m), v_low(e), v_low(y), &n0);
    eg_vh p1 = v_pow_half(v_high(m), v_high(e), v_high(y), &n1);
    eg_vf n = v_join(n0, n1), r = v_scale(v_join(p0, p1), v_select(v_eq(n, n), n, zero));
    r = v_select(v_eq(n, n), r, v_set(NAN));

    eg_vf half = y * 0.5f;
    eg_vm whole = v_eq(v_floor(y), y), odd = v_and(whole, v_ne(v_floor(half), half));
    eg_vm negative = v_ne(v_flip_sign(one, x), one);
    r = v_select(v_and(odd, negative), -r, r);
    eg_vm wrong = v_and(v_and(v_lt(x, zero), v_lt(a, inf)), v_not(whole));
    r = v_select(wrong, v_set(NAN), r);
    r = v_select(v_and(v_eq(a, one), v_eq(ay, inf)), one, r);
    r = v_select(v_or(v_ne(x, x), v_ne(y, y)), x + y, r);
    return v_select(v_or(v_eq(x, one), v_eq(y, zero)), one, r);
}

#endif
