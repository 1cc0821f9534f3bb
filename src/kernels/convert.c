/* SPDX-License-Identifier: MIT
 *
 * convert.c: integers to floats and back at the border of a strip program. Whole vectors one way; the way back is
 * rare.
 */
#include "kernels/isa.h"

void EG_FN(splat)(float *d, float x) {
    EG_UNROLL for (int i = 0; i < EG_BLOCK; i += EG_W) v_store(d + i, v_set(x));
    v_leave();
}

void EG_FN(from_u8)(int64_t n, float *d, const uint8_t *s) {
    for (; n >= EG_W; n -= EG_W, d += EG_W, s += EG_W) v_store(d, v_from_bytes(s));
    for (; n > 0; n--) *d++ = *s++;
    v_leave();
}

void EG_FN(from_i32)(int64_t n, float *d, const int32_t *s) {
    for (; n >= EG_W; n -= EG_W, d += EG_W, s += EG_W) v_store(d, v_from_int((eg_vi)v_load((const float *)s)));
    for (; n > 0; n--) *d++ = (float)*s++;
    v_leave();
}

/* Truncated and clamped into the integer's range; a NaN gives 0. */
void EG_FN(to_u8)(int64_t n, uint8_t *d, const float *s) {
    for (int64_t i = 0; i < n; i++) {
        float x = s[i] > 0.f ? s[i] : 0.f;
        d[i] = (uint8_t)(int32_t)(x < 255.f ? x : 255.f);
    }
}

void EG_FN(to_i32)(int64_t n, int32_t *d, const float *s) {
    for (int64_t i = 0; i < n; i += EG_W) {
        eg_tail tail = v_tail(n - i < EG_W ? n - i : EG_W);
        eg_vf x = v_load_tail(s + i, tail), low = v_max(x, v_set(-2147483648.f));
        eg_vf whole = (eg_vf)v_to_int(v_min(low, v_set(2147483520.f)));
        whole = v_select(v_lt(low, v_set(2147483648.f)), whole, (eg_vf)((eg_vi){ 0 } + INT32_MAX));
        v_store_tail((float *)d + i, v_keep(v_eq(x, x), whole), tail);
    }
    v_leave();
}
