/* SPDX-License-Identifier: MIT
 *
 * angle.c: huge arguments of sine and cosine, in integers: the quarter turns of x are x 2/pi mod 4, and of 2/pi only
 * the bits matter that x's exponent moves around the point (Payne and Hanek). Rare, hence one float at a time.
 */
#include "kernels/isa.h"

#include <math.h>
#include <string.h>

/* 2/pi in binary; word 0 is its whole part. */
static const uint32_t two_over_pi[9] = { 0,          0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0,
                                         0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561 };

static uint64_t bits_at(int position) /* 32 bits from there on */
{
    int word = position / 32, shift = position % 32;
    uint64_t pair = (uint64_t)two_over_pi[word] << 32 | two_over_pi[word + 1];
    return (uint32_t)(pair >> (32 - shift));
}

float eg_reduce_huge(float x, int32_t *quarter) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 23 & 255) - 150; /* |x| = mantissa * 2^exponent */
    *quarter = 0;
    if (exponent == 105) return NAN; /* infinite or NaN */
    uint64_t mantissa = (bits & 0x7fffff) | 0x800000;
    int start = 30 + exponent; /* the bit of 2/pi that mantissa 2^exponent turns into weight 2 */
    /* mantissa * 96 bits, mod 2^96: keep the upper 64, where the first two bits are whole quarters. */
    uint64_t product = mantissa * bits_at(start) << 32;
    product += mantissa * bits_at(start + 32);
    product += mantissa * bits_at(start + 64) >> 32;
    uint64_t nearest = (product + (1ull << 61)) >> 62;
    double rest = (double)(int64_t)(product - (nearest << 62)) * 0x1p-62 * 1.57079632679489661923;
    int32_t q = (int32_t)(nearest & 3);
    *quarter = x < 0 ? -q : q;
    return (float)(x < 0 ? -rest : rest);
}
