/* SPDX-License-Identifier: MIT
 *
 * convert.c: integers to floats and back at the border of a strip program. Plain loops: the compiler's vectors are
 * enough.
 */
#include "kernels/isa.h"

void EG_FN(from_u8)(int64_t n, float *d, const uint8_t *s) {
    for (int64_t i = 0; i < n; i++) d[i] = (float)s[i];
}

void EG_FN(from_i32)(int64_t n, float *d, const int32_t *s) {
    for (int64_t i = 0; i < n; i++) d[i] = (float)s[i];
}

/* Truncated and clamped into the integer's range; a NaN gives 0. */
void EG_FN(to_u8)(int64_t n, uint8_t *d, const float *s) {
    for (int64_t i = 0; i < n; i++) {
        float x = s[i] > 0.f ? s[i] : 0.f;
        d[i] = (uint8_t)(int32_t)(x < 255.f ? x : 255.f);
    }
}

void EG_FN(to_i32)(int64_t n, int32_t *d, const float *s) {
    for (int64_t i = 0; i < n; i++) {
        float x = s[i] == s[i] ? s[i] : 0.f;
        float low = x > -2147483648.f ? x : -2147483648.f;
        d[i] = low < 2147483648.f ? (int32_t)low : INT32_MAX;
    }
}
