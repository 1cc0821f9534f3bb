/* SPDX-License-Identifier: MIT
 *
 * isa.h: the functions that one build (one instruction set, EG_FN gives the names) exports to its table in isa.c.
 */
#ifndef EG_KERNELS_ISA_H
#define EG_KERNELS_ISA_H

#include "kernels/kernels.h"
#include "kernels/simd.h"

/* What AVX-512's wider vectors do not make faster is lent by AVX2, which gives the same bits. */
#if defined(EG_ISA_AVX512)
#define EG_LENT(name) EG_PASTE(name, avx2)
#else
#define EG_LENT(name) EG_FN(name)
#endif

enum { EG_SHORT = EG_W > 4 ? 4 : 0 }; /* eg_kernels.short_k */

void EG_FN(gemm)(const eg_gemm *g, int64_t i0, int64_t i1, int64_t p0, int64_t p1);
eg_tile_fn EG_FN(one_tile)(eg_tile *t, const eg_gemm *g);

void EG_FN(transpose)(float *d, int64_t d_row, int64_t d_rows, int64_t d_width, const float *s, int64_t s_row,
                      int64_t s_rows, int64_t s_width);

#define EG_DECLARE_REDUCE_(kind)                                           \
    void EG_LENT(block_##kind)(int64_t columns, float *d, const float *s); \
    void EG_LENT(row_##kind)(int64_t n, float *d, const float *s);         \
    void EG_LENT(column_##kind)(int64_t rows, float *d, const float *s, int64_t s_row, int64_t j0, int64_t j1);
EG_DECLARE_REDUCE_(sum)
EG_DECLARE_REDUCE_(max)
EG_DECLARE_REDUCE_(min)
#undef EG_DECLARE_REDUCE_

void EG_FN(splat)(float *d, float x);
void EG_FN(from_u8)(int64_t n, float *d, const uint8_t *s);
void EG_FN(from_i32)(int64_t n, float *d, const int32_t *s);
void EG_FN(to_u8)(int64_t n, uint8_t *d, const float *s);
void EG_FN(to_i32)(int64_t n, int32_t *d, const float *s);

void EG_FN(window_sum)(const eg_windows *w, float *out, const float *x);
void EG_FN(window_argmax)(const eg_windows *w, int32_t *place, float *largest, const float *x);
void EG_FN(window_put)(const eg_windows *w, float *out, int32_t pixel, const int32_t *place, const float *dy);
void EG_FN(window_collect)(const eg_windows *w, float *out, const float *t, const float *start);
void EG_FN(depthwise)(const eg_windows *w, float *out, const float *x, const float *kernel, const float *start);
void EG_FN(depthwise_kernel)(const eg_windows *w, float *kernel, const float *x, const float *dy);

void EG_FN(uniform)(int64_t n, float *d, eg_rng_key key, uint64_t first);
void EG_FN(normal)(int64_t n, float *d, eg_rng_key key, uint64_t first);

#define EG_DECLARE_STRIP_(NAME, ARITY, TEXT) \
    void EG_FN(strip_##NAME)(int64_t n, float *d, const float *a, const float *b, const float *c, unsigned constants);
EG_STRIP_LIST(EG_DECLARE_STRIP_)
#undef EG_DECLARE_STRIP_

#define EG_DECLARE_CHAIN_(NAME) void EG_FN(chain_##NAME)(int64_t n, float *const *operand);
EG_CHAIN_LIST(EG_DECLARE_CHAIN_)
#undef EG_DECLARE_CHAIN_

extern const eg_kernels EG_FN(kernels);

#endif
