/* SPDX-License-Identifier: MIT
 *
 * random.c: Philox4x32-10 with one block per lane (base/rng.h has the layout and the scalar form), as uniform and
 * normal floats. Blocks are dealt to the lanes so that one 4x4 transpose within 128-bit parts puts the words in
 * order.
 */
#include "kernels/isa.h"
#include "kernels/math.h"

enum { PER_STEP = 4 * EG_W }; /* floats from EG_W blocks */

/* Words 0..3 of the blocks at `block`. */
EG_INLINE void philox(eg_vu low, eg_vu high, eg_rng_key key, eg_vu w[4]) {
    eg_vu zero = { 0 }, c0 = low, c1 = zero + key.step, c2 = zero + key.site, c3 = high;
    uint32_t k0 = (uint32_t)key.seed, k1 = (uint32_t)(key.seed >> 32);
    for (int round = 0; round < 10; round++) {
        eg_vu h0, l0, h1, l1;
        v_mul_wide(c0, 0xD2511F53u, &h0, &l0);
        v_mul_wide(c2, 0xCD9E8D57u, &h1, &l1);
        c0 = h1 ^ c1 ^ k0;
        c1 = l1;
        c2 = h0 ^ c3 ^ k1;
        c3 = l0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    w[0] = c0, w[1] = c1, w[2] = c2, w[3] = c3;
}

/* Words of the EG_W blocks from `first` on: lane 4i + j has block first + (EG_W / 4) j + i. */
static __attribute__((noinline)) void words(eg_rng_key key, uint64_t first, eg_vu w[4]) {
    eg_vu lane = (eg_vu)v_iota(), offset = (lane & 3) * (EG_W / 4) + (lane >> 2), zero = { 0 };
    eg_vu low = zero + (uint32_t)first + offset;
    eg_vu carry = (eg_vu)(low < offset); /* -1 where the low half has wrapped */
    philox(low, zero + (uint32_t)(first >> 32) - carry, key, w);
}

/* Puts four vectors (words 0..3 by block) out in the order of elements. */
static __attribute__((noinline)) void deal(float *d, eg_vf v[4], int64_t n) {
    v_transpose4(v);
    for (int64_t q = 0; q < 4 && q * EG_W < n; q++)
        v_store_tail(d + q * EG_W, v[q], v_tail(n - q * EG_W < EG_W ? n - q * EG_W : EG_W));
}

EG_INLINE eg_vf unit(eg_vu word) { return v_from_int((eg_vi)(word >> 8)) * 0x1p-24f; }

void EG_FN(uniform)(int64_t n, float *d, eg_rng_key key, uint64_t first) {
    for (int64_t i = 0; i < n; i += PER_STEP) {
        eg_vu w[4];
        words(key, (first + (uint64_t)i) / 4, w);
        eg_vf v[4] = { unit(w[0]), unit(w[1]), unit(w[2]), unit(w[3]) };
        deal(d + i, v, n - i);
    }
    v_leave();
}

/* ln((2w + 1) / 2^25) for a 24-bit w. The odd number has 25 bits: split off its power of two in integers, exactly. */
EG_INLINE eg_vf log_odd(eg_vi w) {
    eg_vi odd = w * 2 + 1;
    eg_vf e;
    v_split(v_from_int(odd), &e);
    eg_vf one = v_set(1.f), power = v_scale(one, e);
    eg_vf f = v_from_int(odd - v_to_int(power)) * v_scale(one, -e);
    return v_log_parts(f, e - 25.f);
}

/* Box and Muller: two words give two normals. The angle is 2 pi u = (quarter + t) pi/2 with |t| <= 1/2, exactly. */
EG_INLINE void normal_pair(eg_vu a, eg_vu b, eg_vf *x, eg_vf *y) {
    eg_vf radius = v_sqrt(log_odd((eg_vi)(a >> 8)) * -2.f), turn = unit(b) * 4.f;
    eg_vf whole = (turn + EG_ROUND) - EG_ROUND, r = (turn - whole) * 1.57079632679f;
    eg_vi quarter = v_to_int(whole);
    *x = radius * v_sin_quarter(r, quarter + 1);
    *y = radius * v_sin_quarter(r, quarter);
}

void EG_FN(normal)(int64_t n, float *d, eg_rng_key key, uint64_t first) {
    for (int64_t i = 0; i < n; i += PER_STEP) {
        eg_vu w[4];
        eg_vf v[4];
        words(key, (first + (uint64_t)i) / 4, w);
        for (int q = 0; q < 4; q += 2) normal_pair(w[q], w[q + 1], &v[q], &v[q + 1]);
        deal(d + i, v, n - i);
    }
    v_leave();
}
