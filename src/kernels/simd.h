/* SPDX-License-Identifier: MIT
 *
 * simd.h: the vector of this build. Every numeric source of this folder is compiled once per instruction set; this
 * header gives it the native vector of floats (EG_W = 16, 8 or 4 lanes) through compiler vector extensions, and the
 * few things they cannot say: a fused multiply-add, a square root, masks, a partial vector, transposes. It is the
 * only file with intrinsics. Lane by lane every operation here gives the same bits in all builds; EG_FUSED alone
 * tells whether v_fma rounds once or twice.
 *
 * The build is chosen by EG_ISA_AVX512, EG_ISA_AVX2 or EG_ISA_NEON; without one it is `portable`: the 128-bit vectors
 * that every x86-64, AArch64 or WebAssembly SIMD machine has, and a multiply-add that rounds twice.
 *
 * Non-goals: widths wider than a register, double precision beyond what math.h needs.
 */
#ifndef EG_KERNELS_SIMD_H
#define EG_KERNELS_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(EG_ISA_AVX512)
#define EG_ISA avx512
enum { EG_W = 16, EG_FUSED = 1, EG_MASKS_ARE_FREE = 1 }; /* a partial load costs no more than a whole one */
#elif defined(EG_ISA_AVX2)
#define EG_ISA avx2
enum { EG_W = 8, EG_FUSED = 1, EG_MASKS_ARE_FREE = 0 };
#elif defined(EG_ISA_NEON)
#define EG_ISA neon
enum { EG_W = 4, EG_FUSED = 1, EG_MASKS_ARE_FREE = 0 };
#else
#define EG_ISA portable
enum { EG_W = 4, EG_FUSED = 0, EG_MASKS_ARE_FREE = 0 };
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

/* eg_<name>_<isa>: what one build exports to table.c. */
#define EG_PASTE2(a, b) eg_##a##_##b
#define EG_PASTE(a, b) EG_PASTE2(a, b)
#define EG_FN(name) EG_PASTE(name, EG_ISA)

#define EG_INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define EG_UNROLL _Pragma("clang loop unroll(full)")
#else
#define EG_UNROLL _Pragma("GCC unroll 16")
#endif

/* What x86-64 without AVX2 runs is small before it is fast. */
#if defined(__x86_64__) && !defined(EG_ISA_AVX2) && !defined(EG_ISA_AVX512)
#define EG_SMALL 1
#define EG_UNROLL_IF_FAST
#else
#define EG_SMALL 0
#define EG_UNROLL_IF_FAST EG_UNROLL
#endif

typedef float eg_vf __attribute__((vector_size(4 * EG_W)));
typedef int32_t eg_vi __attribute__((vector_size(4 * EG_W)));
typedef uint32_t eg_vu __attribute__((vector_size(4 * EG_W)));
typedef float eg_vf_at __attribute__((vector_size(4 * EG_W), aligned(4), may_alias)); /* in memory, any alignment */
typedef int32_t eg_vi_at __attribute__((vector_size(4 * EG_W), aligned(4), may_alias));
typedef uint64_t eg_vq __attribute__((vector_size(4 * EG_W))); /* half as many */
typedef double eg_vd __attribute__((vector_size(4 * EG_W))); /* and so many doubles */
typedef float eg_vh __attribute__((vector_size(2 * EG_W)));  /* half as many floats */

EG_INLINE eg_vf v_load(const float *p) { return (eg_vf) * (const eg_vf_at *)p; }
EG_INLINE void v_store(float *p, eg_vf v) { *(eg_vf_at *)p = (eg_vf_at)v; }

/* What several instructions use: in a register, where gcc would rather read it from memory in each of them. */
EG_INLINE eg_vf v_held(eg_vf v) {
#if defined(__x86_64__)
    __asm__("" : "+v"(v));
#endif
    return v;
}

/* The same of an address from which several go out: in one register, where gcc would keep one for each. */
EG_INLINE const float *v_held_address(const float *p) {
#if defined(__x86_64__)
    __asm__("" : "+r"(p));
#endif
    return p;
}

/* The last thing that a kernel does. Most of the library is compiled without AVX, and Intel's processors since Ice Lake
 * wait some hundred cycles at its first SSE instruction while the upper halves of vectors are in use. Compilers take
 * care of that by themselves only where they optimise for speed. */
EG_INLINE void v_leave(void) {
#if defined(__AVX__)
    _mm256_zeroupper();
#endif
}

/* ---- by width: splat, indices, halves, transposes -------------------------------------------- */

#if defined(EG_ISA_AVX512)

EG_INLINE eg_vf v_set(float s) { return (eg_vf)_mm512_set1_ps(s); }
EG_INLINE eg_vi v_iota(void) { return (eg_vi){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }; }
EG_INLINE eg_vh v_low(eg_vf v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7); }
EG_INLINE eg_vh v_high(eg_vf v) { return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15); }
EG_INLINE eg_vf v_join(eg_vh a, eg_vh b) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* Within each 128-bit part: pairs of the low (high) floats of a and b; low (high) pairs. */
#define EG_UNPACK_LO(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define EG_UNPACK_HI(a, b) __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define EG_PAIRS_LO(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define EG_PAIRS_HI(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define EG_QUADS_02(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define EG_QUADS_13(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)

#elif defined(EG_ISA_AVX2)

EG_INLINE eg_vf v_set(float s) { return (eg_vf)_mm256_set1_ps(s); }
EG_INLINE eg_vi v_iota(void) { return (eg_vi){ 0, 1, 2, 3, 4, 5, 6, 7 }; }
EG_INLINE eg_vh v_low(eg_vf v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3); }
EG_INLINE eg_vh v_high(eg_vf v) { return __builtin_shufflevector(v, v, 4, 5, 6, 7); }
EG_INLINE eg_vf v_join(eg_vh a, eg_vh b) { return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7); }

#define EG_UNPACK_LO(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define EG_UNPACK_HI(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define EG_PAIRS_LO(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define EG_PAIRS_HI(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)

#else

EG_INLINE eg_vf v_set(float s) { return (eg_vf){ s, s, s, s }; }
EG_INLINE eg_vi v_iota(void) { return (eg_vi){ 0, 1, 2, 3 }; }
EG_INLINE eg_vh v_low(eg_vf v) { return __builtin_shufflevector(v, v, 0, 1); }
EG_INLINE eg_vh v_high(eg_vf v) { return __builtin_shufflevector(v, v, 2, 3); }
EG_INLINE eg_vf v_join(eg_vh a, eg_vh b) { return __builtin_shufflevector(a, b, 0, 1, 2, 3); }

#define EG_UNPACK_LO(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define EG_UNPACK_HI(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define EG_PAIRS_LO(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define EG_PAIRS_HI(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)

#endif

/* Four vectors, each 128-bit part a 4x4 matrix on its own: r[c], part q <- column c of rows r[0..3], part q. */
EG_INLINE void v_transpose4(eg_vf *r) {
    eg_vf a = EG_UNPACK_LO(r[0], r[1]), b = EG_UNPACK_HI(r[0], r[1]);
    eg_vf c = EG_UNPACK_LO(r[2], r[3]), d = EG_UNPACK_HI(r[2], r[3]);
    r[0] = EG_PAIRS_LO(a, c);
    r[1] = EG_PAIRS_HI(a, c);
    r[2] = EG_PAIRS_LO(b, d);
    r[3] = EG_PAIRS_HI(b, d);
}

/* 128-bit parts, `step` floats from one to the next. */
EG_INLINE eg_vf v_load_quads(const float *p, int64_t step) {
#if defined(EG_ISA_AVX512)
    __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + step), 1);
    p += 2 * step;
    __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + step), 1);
    return (eg_vf)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
#elif defined(EG_ISA_AVX2)
    return (eg_vf)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + step), 1);
#else
    (void)step;
    return v_load(p);
#endif
}
/* Of each part the first `width` floats, 1 to 4. */
EG_INLINE void v_store_quads(float *p, int64_t step, eg_vf v, int64_t width) {
#if defined(EG_ISA_AVX512)
    __mmask8 stored = (__mmask8)((1 << width) - 1);
    _mm_mask_storeu_ps(p, stored, _mm512_castps512_ps128((__m512)v));
    _mm_mask_storeu_ps(p + step, stored, _mm512_extractf32x4_ps((__m512)v, 1));
    _mm_mask_storeu_ps(p + 2 * step, stored, _mm512_extractf32x4_ps((__m512)v, 2));
    _mm_mask_storeu_ps(p + 3 * step, stored, _mm512_extractf32x4_ps((__m512)v, 3));
#else
    for (int part = 0; part < EG_W; part += 4, p += step)
        for (int i = 0; i < width; i++) p[i] = v[part + i];
#endif
}

/* x[EG_W / 4]: part q of x[g] changes places with part g of x[q]. */
EG_INLINE void v_transpose_parts(eg_vf *x) {
#if defined(EG_ISA_AVX512)
    eg_vf a = EG_QUADS_02(x[0], x[1]), b = EG_QUADS_13(x[0], x[1]);
    eg_vf c = EG_QUADS_02(x[2], x[3]), d = EG_QUADS_13(x[2], x[3]);
    x[0] = EG_QUADS_02(a, c);
    x[1] = EG_QUADS_02(b, d);
    x[2] = EG_QUADS_13(a, c);
    x[3] = EG_QUADS_13(b, d);
#elif defined(EG_ISA_AVX2)
    eg_vf a = x[0], b = x[1];
    x[0] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    x[1] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
#else
    (void)x;
#endif
}

/* ---- masks, selection, partial vectors ------------------------------------------------------- */

#if defined(EG_ISA_AVX512)

typedef __mmask16 eg_vm;
typedef __mmask16 eg_tail; /* the first n lanes */

EG_INLINE eg_vm v_lt(eg_vf a, eg_vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ); }
EG_INLINE eg_vm v_le(eg_vf a, eg_vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ); }
EG_INLINE eg_vm v_eq(eg_vf a, eg_vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ); }
EG_INLINE eg_vm v_ne(eg_vf a, eg_vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_NEQ_UQ); }
EG_INLINE eg_vm v_same(eg_vi a, int32_t b) { return _mm512_cmpeq_epi32_mask((__m512i)a, _mm512_set1_epi32(b)); }
EG_INLINE eg_vm v_odd(eg_vi a) { return _mm512_test_epi32_mask((__m512i)a, _mm512_set1_epi32(1)); }
EG_INLINE eg_vf v_select(eg_vm m, eg_vf a, eg_vf b) { return (eg_vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a); }
EG_INLINE eg_vf v_keep(eg_vm m, eg_vf a) { return (eg_vf)_mm512_maskz_mov_ps(m, (__m512)a); }
EG_INLINE int v_any(eg_vm m) { return m != 0; }

EG_INLINE eg_tail v_tail(int64_t n) { return (eg_tail)((1u << n) - 1u); }
EG_INLINE eg_vf v_load_tail(const float *p, eg_tail t) { return (eg_vf)_mm512_maskz_loadu_ps(t, p); }
EG_INLINE void v_store_tail(float *p, eg_vf v, eg_tail t) { _mm512_mask_storeu_ps(p, t, (__m512)v); }
EG_INLINE eg_vm v_tail_mask(eg_tail t) { return t; }

#else

typedef eg_vi eg_vm; /* all ones or all zeros per lane */

EG_INLINE eg_vm v_lt(eg_vf a, eg_vf b) { return (eg_vm)(a < b); }
EG_INLINE eg_vm v_le(eg_vf a, eg_vf b) { return (eg_vm)(a <= b); }
EG_INLINE eg_vm v_eq(eg_vf a, eg_vf b) { return (eg_vm)(a == b); }
EG_INLINE eg_vm v_ne(eg_vf a, eg_vf b) { return (eg_vm)(a != b); }
EG_INLINE eg_vm v_same(eg_vi a, int32_t b) { return (eg_vm)(a == b); }
EG_INLINE eg_vm v_odd(eg_vi a) { return (eg_vm)((a & 1) != 0); }
EG_INLINE eg_vf v_select(eg_vm m, eg_vf a, eg_vf b) { return (eg_vf)(((eg_vi)a & m) | ((eg_vi)b & ~m)); }
EG_INLINE eg_vf v_keep(eg_vm m, eg_vf a) { return (eg_vf)((eg_vi)a & m); }

#if defined(EG_ISA_AVX2)

typedef eg_vi eg_tail;

EG_INLINE int v_any(eg_vm m) { return _mm256_movemask_ps((__m256)m) != 0; }
EG_INLINE eg_tail v_tail(int64_t n) {
    static const int32_t window[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    return (eg_tail) * (const eg_vi_at *)(window + 8 - n);
}
EG_INLINE eg_vf v_load_tail(const float *p, eg_tail t) { return (eg_vf)_mm256_maskload_ps(p, (__m256i)t); }
/* The first lanes of those that `bits` has. Masked stores take AMD's processors a dozen cycles and more. */
static __attribute__((noinline, unused)) void v_store_part(float *p, eg_vf v, int bits) {
    __m128 part = _mm256_castps256_ps128((__m256)v);
    if (bits & 8) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps((__m256)v, 1), p += 4, bits >>= 4;
    }
    if (bits & 2) {
        _mm_storel_pi((__m64 *)p, part);
        part = _mm_movehl_ps(part, part), p += 2, bits >>= 2;
    }
    if (bits & 1) _mm_store_ss(p, part);
}
EG_INLINE void v_store_tail(float *p, eg_vf v, eg_tail t) {
    int bits = _mm256_movemask_ps((__m256)t);
    if (bits == 255)
        v_store(p, v);
    else
        v_store_part(p, v, bits);
}
EG_INLINE eg_vm v_tail_mask(eg_tail t) { return t; }

#else

typedef int64_t eg_tail;

EG_INLINE int v_any(eg_vm m) {
    typedef int64_t pair __attribute__((vector_size(16)));
    pair p = (pair)m;
    return (p[0] | p[1]) != 0;
}
EG_INLINE eg_tail v_tail(int64_t n) { return n; }
static __attribute__((noinline, unused)) eg_vf v_load_part(const float *p, eg_tail n) {
    eg_vf v = { n > 0 ? p[0] : 0.f, n > 1 ? p[1] : 0.f, n > 2 ? p[2] : 0.f, 0.f };
    return v;
}
static __attribute__((noinline, unused)) void v_store_part(float *p, eg_vf v, eg_tail n) {
    if (n > 0) p[0] = v[0];
    if (n > 1) p[1] = v[1];
    if (n > 2) p[2] = v[2];
}
EG_INLINE eg_vf v_load_tail(const float *p, eg_tail n) { return n == EG_W ? v_load(p) : v_load_part(p, n); }
EG_INLINE void v_store_tail(float *p, eg_vf v, eg_tail n) {
    if (n == EG_W)
        v_store(p, v);
    else
        v_store_part(p, v, n);
}
EG_INLINE eg_vm v_tail_mask(eg_tail n) { return (eg_vm)(v_iota() < (int32_t)n); }

#endif
#endif

EG_INLINE eg_vm v_and(eg_vm a, eg_vm b) { return (eg_vm)(a & b); }
EG_INLINE eg_vm v_or(eg_vm a, eg_vm b) { return (eg_vm)(a | b); }
EG_INLINE eg_vm v_not(eg_vm a) { return (eg_vm)~a; }

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* The one multiply-add of the kernels. */
EG_INLINE eg_vf v_fma(eg_vf a, eg_vf b, eg_vf c) {
#if defined(EG_ISA_AVX512)
    return (eg_vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(EG_ISA_AVX2)
    return (eg_vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(EG_ISA_NEON)
    return (eg_vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

EG_INLINE eg_vf v_sqrt(eg_vf a) {
#if defined(EG_ISA_AVX512)
    return (eg_vf)_mm512_sqrt_ps((__m512)a);
#elif defined(EG_ISA_AVX2)
    return (eg_vf)_mm256_sqrt_ps((__m256)a);
#elif defined(__x86_64__)
    return (eg_vf)_mm_sqrt_ps((__m128)a);
#elif defined(__aarch64__)
    return (eg_vf)vsqrtq_f32((float32x4_t)a);
#elif defined(__wasm_simd128__)
    return (eg_vf)wasm_f32x4_sqrt((v128_t)a);
#else
    for (int i = 0; i < EG_W; i++) a[i] = __builtin_sqrtf(a[i]);
    return a;
#endif
}

/* a < b ? a : b and a > b ? a : b: the second operand when either is a NaN. */
EG_INLINE eg_vf v_min(eg_vf a, eg_vf b) {
#if defined(EG_ISA_AVX512)
    return (eg_vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(EG_ISA_AVX2)
    return (eg_vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__x86_64__)
    return (eg_vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    return v_select(v_lt(a, b), a, b);
#endif
}
EG_INLINE eg_vf v_max(eg_vf a, eg_vf b) {
#if defined(EG_ISA_AVX512)
    return (eg_vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(EG_ISA_AVX2)
    return (eg_vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__x86_64__)
    return (eg_vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return v_select(v_lt(b, a), a, b);
#endif
}

/* A NaN in either operand wins. */
EG_INLINE eg_vf v_min_nan(eg_vf a, eg_vf b) { return v_select(v_ne(a, a), a, v_min(a, b)); }
EG_INLINE eg_vf v_max_nan(eg_vf a, eg_vf b) { return v_select(v_ne(a, a), a, v_max(a, b)); }

EG_INLINE eg_vf v_abs(eg_vf a) { return (eg_vf)((eg_vi)a & 0x7fffffff); }
/* The magnitude of a with its sign bit flipped where s has one: a copysign when a >= 0. */
EG_INLINE eg_vf v_flip_sign(eg_vf a, eg_vf s) { return (eg_vf)((eg_vi)a ^ ((eg_vi)s & INT32_MIN)); }
EG_INLINE eg_vf v_from_int(eg_vi a) { return __builtin_convertvector(a, eg_vf); }
EG_INLINE eg_vi v_to_int(eg_vf a) { return __builtin_convertvector(a, eg_vi); } /* truncates; |a| < 2^31 */

EG_INLINE eg_vf v_from_bytes(const uint8_t *p) {
#if defined(EG_ISA_AVX512)
    return v_from_int((eg_vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)p)));
#elif defined(EG_ISA_AVX2)
    return v_from_int((eg_vi)_mm256_cvtepu8_epi32(_mm_loadu_si64(p)));
#else
    return (eg_vf){ p[0], p[1], p[2], p[3] };
#endif
}

EG_INLINE eg_vf v_floor(eg_vf a) {
#if defined(EG_ISA_AVX512)
    return (eg_vf)_mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif defined(EG_ISA_AVX2)
    return (eg_vf)_mm256_floor_ps((__m256)a);
#elif defined(__aarch64__)
    return (eg_vf)vrndmq_f32((float32x4_t)a);
#elif defined(__wasm_simd128__)
    return (eg_vf)wasm_f32x4_floor((v128_t)a);
#else /* beyond 2^23 every float is whole; the sign bit keeps -0 */
    eg_vm small = v_lt(v_abs(a), v_set(8388608.f));
    eg_vf t = v_from_int(v_to_int(v_keep(small, a)));
    t = t - v_keep(v_lt(a, t), v_set(1.f));
    return v_select(small, (eg_vf)((eg_vi)t | ((eg_vi)a & INT32_MIN)), a);
#endif
}

/* a * 2^n for a whole number n in [-300, 300], rounded once when the result is denormal. */
EG_INLINE eg_vf v_scale(eg_vf a, eg_vf n) {
#if defined(EG_ISA_AVX512)
    return (eg_vf)_mm512_scalef_ps((__m512)a, (__m512)n);
#else
    eg_vi k = v_to_int(n), half = k >> 1;
    return a * (eg_vf)((eg_vu)(half + 127) << 23) * (eg_vf)((eg_vu)(k - half + 127) << 23);
#endif
}

/* The 64-bit products of m and the low halves of 64-bit lanes. */
EG_INLINE eg_vq v_mul_low(eg_vq a, uint32_t m) {
#if defined(EG_ISA_AVX512)
    return (eg_vq)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi32((int32_t)m));
#elif defined(EG_ISA_AVX2)
    return (eg_vq)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi32((int32_t)m));
#elif defined(__x86_64__)
    return (eg_vq)_mm_mul_epu32((__m128i)a, _mm_set1_epi32((int32_t)m));
#elif defined(__aarch64__)
    return (eg_vq)vmull_u32(vmovn_u64((uint64x2_t)a), vdup_n_u32(m));
#else
    return (a & 0xffffffffu) * m;
#endif
}

#endif
