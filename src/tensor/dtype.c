/* SPDX-License-Identifier: MIT
 *
 * dtype.c: the element types, and the conversions between them. Numbers become integers as C casts do, except
 * that what does not fit is clamped and NaN is 0: a conversion never fails and never depends on the machine.
 */
#include "tensor/shape.h"

#include <string.h>

enum { DTYPES = 5 }; /* a table index is the dtype itself; 0 is no dtype */

static const struct {
    char name[4];
    unsigned char size;
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

/* Doubles hold all others exactly, so every conversion may go by them: one function to and one from each. */
#define DEFINE(name, to_type, from_type, how)                \
    static void name(void *out, const void *in, int64_t n) { \
        to_type *o = out;                                    \
        const from_type *x = in;                             \
        for (int64_t i = 0; i < n; i++) o[i] = how(x[i]);    \
    }
DEFINE(read_f32, double, float, (double))
DEFINE(read_i32, double, int32_t, )
DEFINE(read_u8, double, uint8_t, )
DEFINE(write_f32, float, double, (float))
DEFINE(write_i32, int32_t, double, to_i32)
DEFINE(write_u8, uint8_t, double, to_u8)
#undef DEFINE

typedef void convert_fn(void *out, const void *in, int64_t n);
static convert_fn *const readers[DTYPES] = { [EG_F32] = read_f32, [EG_I32] = read_i32, [EG_U8] = read_u8 };
static convert_fn *const writers[DTYPES] = { [EG_F32] = write_f32, [EG_I32] = write_i32, [EG_U8] = write_u8 };

void eg_convert(eg_dtype to, void *out, eg_dtype from, const void *in, int64_t n) {
    enum { AT_ONCE = 128 };
    double doubles[AT_ONCE];
    size_t in_size = eg_dtype_size(from), out_size = eg_dtype_size(to);
    if (to == from) {
        if (n > 0) memcpy(out, in, (size_t)n * in_size);
    } else if (to == EG_F64) {
        readers[from](out, in, n);
    } else if (from == EG_F64) {
        writers[to](out, in, n);
    } else {
        for (int64_t i = 0; i < n; i += AT_ONCE) {
            int64_t now = n - i < AT_ONCE ? n - i : AT_ONCE;
            readers[from](doubles, (const char *)in + (size_t)i * in_size, now);
            writers[to]((char *)out + (size_t)i * out_size, doubles, now);
        }
    }
}
