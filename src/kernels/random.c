/* SPDX-License-Identifier: MIT
 *
 * random.c: Philox4x32-10 with one block per lane (base/rng.h has the layout and the scalar form), as uniform and
 * normal floats. Blocks are dealt to the lanes so that one 4x4 transpose within 128-bit parts puts the words in
 * order.
 */
#include "kernels/isa.h"
#include "kernels/math.h"

enum {
    GROUPS = EG_W == 16 ? 2 : 1, /* of EG_W blocks at once: the rounds of one would wait for themselves */
    HALVES = 2 * GROUPS,
    PER_GROUP = 4 * EG_W /* floats */
};

/* Words 0..3 of EG_W blocks for each group, the numbers' halves of which are `low` and `high`. Products are 64 bits wide:
 * of each group the lanes with even numbers go in one set of registers, the odd ones moved down in another, and what is
 * then in the other halves of the words is never looked at. */
EG_INLINE void philox(const eg_vu low[GROUPS], const eg_vu high[GROUPS], eg_rng_key key, eg_vu w[GROUPS][4]) {
    eg_vq zero = { 0 }, c[HALVES][4];
    uint32_t k0 = (uint32_t)key.seed, k1 = (uint32_t)(key.seed >> 32);
    EG_UNROLL for (int h = 0; h < HALVES; h++) {
        c[h][0] = (eg_vq)low[h / 2] >> h % 2 * 32, c[h][3] = (eg_vq)high[h / 2] >> h % 2 * 32;
        c[h][1] = zero + key.step, c[h][2] = zero + key.site;
    }
    for (int round = 0; round < 10; round++) {
        EG_UNROLL for (int h = 0; h < HALVES; h++) {
            eg_vq p0 = v_mul_low(c[h][0], 0xD2511F53u), p1 = v_mul_low(c[h][2], 0xCD9E8D57u);
            c[h][0] = (p1 >> 32) ^ c[h][1] ^ k0;
            c[h][2] = (p0 >> 32) ^ c[h][3] ^ k1;
            c[h][1] = p1, c[h][3] = p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    EG_UNROLL for (int g = 0; g < GROUPS; g++) {
        EG_UNROLL for (int q = 0; q < 4; q++) w[g][q] = (eg_vu)((c[2 * g][q] & 0xffffffffu) | c[2 * g + 1][q] << 32);
    }
}

/* Words of the blocks from `first` on: of a group's, lane 4i + j has block (EG_W / 4) j + i. */
static __attribute__((noinline)) void words(eg_rng_key key, uint64_t first, eg_vu w[GROUPS][4]) {
    eg_vu lane = (eg_vu)v_iota(), offset = (lane & 3) * (EG_W / 4) + (lane >> 2), zero = { 0 }, low[GROUPS], high[GROUPS];
    EG_UNROLL for (int g = 0; g < GROUPS; g++, first += EG_W) {
        low[g] = zero + (uint32_t)first + offset;
        eg_vu carry = (eg_vu)(low[g] < offset); /* -1 where the low half has wrapped */
        high[g] = zero + (uint32_t)(first >> 32) - carry;
    }
    philox(low, high, key, w);
}

/* Puts four vectors (words 0..3 by block) out in the order of elements. */
static __attribute__((noinline)) void deal(float *d, eg_vf v[4], int64_t n) {
    v_transpose4(v);
    for (int64_t q = 0; q < 4 && q * EG_W < n; q++)
        v_store_tail(d + q * EG_W, v[q], v_tail(n - q * EG_W < EG_W ? n - q * EG_W : EG_W));
}

EG_INLINE eg_vf unit(eg_vu word) { return v_from_int((eg_vi)(word >> 8)) * 0x1p-24f; }

void EG_FN(uniform)(int64_t n, float *d, eg_rng_key key, uint64_t first) {
    eg_vu w[GROUPS][4];
    for (int64_t i = 0; i < n; i += PER_GROUP) {
        int64_t g = i / PER_GROUP % GROUPS;
        if (g == 0) words(key, (first + (uint64_t)i) / 4, w);
        eg_vf v[4] = { unit(w[g][0]), unit(w[g][1]), unit(w[g][2]), unit(w[g][3]) };
        deal(d + i, v, n - i);
    }
    v_leave();
}

/* ln((2w + 1) / 2^25) for a 24-bit w, as v_log does it. The odd number has 25 bits: its power of two is split off in
 * integers, exactly. */
EG_INLINE eg_vf log_odd(eg_vi w) {
    eg_vi odd = w * 2 + 1, k = (eg_vi)((eg_vu)v_from_int(odd) - 0x3f3504f3u) >> 23;
    eg_vf power = (eg_vf)((k + 127) << 23), inverse = (eg_vf)((127 - k) << 23);
    return v_log_parts(v_from_int(odd - v_to_int(power)) * inverse, v_from_int(k) - 25.f);
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
    eg_vu w[GROUPS][4];
    for (int64_t i = 0; i < n; i += PER_GROUP) {
        int64_t g = i / PER_GROUP % GROUPS;
        eg_vf v[4];
        if (g == 0) words(key, (first + (uint64_t)i) / 4, w);
        for (int q = 0; q < 4; q += 2) normal_pair(w[g][q], w[g][q + 1], &v[q], &v[q + 1]);
        deal(d + i, v, n - i);
    }
    v_leave();
}
