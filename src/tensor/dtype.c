/* SPDX-License-Identifier: MIT
 *
 * dtype.c: the element types, and the sixteen conversions between them. Numbers become integers as C casts do, except
 * that what does not fit is clamped and NaN is 0: a conversion never fails and never depends on the machine.
 */
#include "tensor/shape.h"

#include <string.h>

enum { DTYPES = 5 }; /* a table index is the dtype itself; 0 is no dtype */

static const struct {
    const char *name;
    size_t size;
} dtype_table[DTYPES] = {
    [EG_F32] = { "f32", 4 }, [EG_F64] = { "f64", 8 }, [EG_I32] = { "i32", 4 }, [EG_U8] = { "u8", 1 }
};

static int known(eg_dtype dtype) { return dtype >= EG_F32 && dtype <= EG_U8; }

size_t eg_dtype_size(eg_dtype dtype) { return known(dtype) ? dtype_table[dtype].size : 0; }
const char *eg_dtype_name(eg_dtype dtype) { return known(dtype) ? dtype_table[dtype].name : "?"; }

eg_dtype eg_dtype_from_name(const char *name) {
    for (int i = EG_F32; i < DTYPES; i++)
        if (strcmp(dtype_table[i].name, name) == 0) return (eg_dtype)i;
    return (eg_dtype)0;
}

static int32_t to_i32(double x) {
    return x != x ? 0 : x <= INT32_MIN ? INT32_MIN : x >= INT32_MAX ? INT32_MAX : (int32_t)x;
}
static uint8_t to_u8(double x) { return !(x > 0) ? 0 : x >= UINT8_MAX ? UINT8_MAX : (uint8_t)x; }

/* X(out name, out type, in name, in type, how): f32 and u8 are exact in what is wider, so doubles lose nothing. */
/* clang-format off */
#define CONVERSIONS(X) \
    X(f32, float, f32, float, )            X(f32, float, f64, double, (float)) \
    X(f32, float, i32, int32_t, (float))   X(f32, float, u8, uint8_t, ) \
    X(f64, double, f32, float, (double))   X(f64, double, f64, double, ) \
    X(f64, double, i32, int32_t, )         X(f64, double, u8, uint8_t, ) \
    X(i32, int32_t, f32, float, to_i32)    X(i32, int32_t, f64, double, to_i32) \
    X(i32, int32_t, i32, int32_t, )        X(i32, int32_t, u8, uint8_t, ) \
    X(u8, uint8_t, f32, float, to_u8)      X(u8, uint8_t, f64, double, to_u8) \
    X(u8, uint8_t, i32, int32_t, to_u8)    X(u8, uint8_t, u8, uint8_t, )
/* clang-format on */

/* out[n] contiguous from in[n] that are `step` elements apart. */
#define DEFINE(to, to_type, from, from_type, how)                                    \
    static void from##_to_##to(void *out, const void *in, int64_t step, int64_t n) { \
        to_type *o = out;                                                            \
        const from_type *x = in;                                                     \
        for (int64_t i = 0; i < n; i++) o[i] = how(x[i * step]);                     \
    }
CONVERSIONS(DEFINE)
#undef DEFINE

static void (*const converters[DTYPES][DTYPES])(void *, const void *, int64_t, int64_t) = {
    [EG_F32] = { NULL, f32_to_f32, f64_to_f32, i32_to_f32, u8_to_f32 },
    [EG_F64] = { NULL, f32_to_f64, f64_to_f64, i32_to_f64, u8_to_f64 },
    [EG_I32] = { NULL, f32_to_i32, f64_to_i32, i32_to_i32, u8_to_i32 },
    [EG_U8] = { NULL, f32_to_u8, f64_to_u8, i32_to_u8, u8_to_u8 },
};

void eg_convert_strided(eg_dtype to, void *out, eg_dtype from, const void *in, int64_t step, int64_t n) {
    converters[to][from](out, in, step, n);
}

void eg_convert(eg_dtype to, void *out, eg_dtype from, const void *in, int64_t n) {
    eg_convert_strided(to, out, from, in, 1, n);
}
