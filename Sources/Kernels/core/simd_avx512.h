// The vector vocabulary of the float kernels on AVX-512: 16 lanes. Include it once in a file, the kernel's template
// after it, simd_end.h last. Comparisons with NaN are false; vmin and vmax return `b` when either operand is NaN.
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define KERF_FN(name) name##_avx512
#define VW 16
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif
#include "simd_inline.h"

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

V vf vload(const float *p) { return _mm512_loadu_ps(p); }
V void vstore(float *p, vf a) { _mm512_storeu_ps(p, a); }
V vm vfirst(int64_t n) { return (vm)((1u << n) - 1); }
/// The first n (< VW) lanes; the others are zero, and memory there is not read.
V vf vloadn(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(vfirst(n), p); }
V void vstoren(float *p, vf a, int64_t n) { _mm512_mask_storeu_ps(p, vfirst(n), a); }
V vf vset(float x) { return _mm512_set1_ps(x); }
V vf vzero(void) { return _mm512_setzero_ps(); }
V vf vadd(vf a, vf b) { return _mm512_add_ps(a, b); }
V vf vsub(vf a, vf b) { return _mm512_sub_ps(a, b); }
V vf vmul(vf a, vf b) { return _mm512_mul_ps(a, b); }
V vf vdiv(vf a, vf b) { return _mm512_div_ps(a, b); }
V vf vfma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
V vf vfnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
V vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
V vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); }
V vf vsqrt(vf a) { return _mm512_sqrt_ps(a); }
V vf vabs(vf a) { return _mm512_abs_ps(a); }
V vm vlt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
V vm vle(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
V vm veq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
V vm vunord(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
V vf vsel(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
/// a where the mask holds, else 0.
V vf vkeep(vm m, vf a) { return _mm512_maskz_mov_ps(m, a); }
V vf vround(vf a) { return _mm512_roundscale_ps(a, 0x08); }
V vf vfloor(vf a) { return _mm512_roundscale_ps(a, 0x09); }
V vf vceil(vf a) { return _mm512_roundscale_ps(a, 0x0a); }
V vi vint(vf a) { return _mm512_cvtps_epi32(a); }  // of integral values within the range of int32
V vf vfloat(vi a) { return _mm512_cvtepi32_ps(a); }
V vf vasf(vi a) { return _mm512_castsi512_ps(a); }
V vi vasi(vf a) { return _mm512_castps_si512(a); }
V vi viset(int32_t x) { return _mm512_set1_epi32(x); }
/// VW signed bytes, widened.
V vi vibytes(const int8_t *p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)); }
/// 2 VW signed bytes as the 16-bit halves of lanes.
V vi vihalves(const int8_t *p) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)p)); }
/// Per lane a_low * b_low + a_high * b_high of the signed 16-bit halves.
V vi vimadd(vi a, vi b) { return _mm512_madd_epi16(a, b); }
V vi viadd(vi a, vi b) { return _mm512_add_epi32(a, b); }
V vi visub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
V vi viand(vi a, vi b) { return _mm512_and_si512(a, b); }
V vi vior(vi a, vi b) { return _mm512_or_si512(a, b); }
#define vishl(a, n) _mm512_slli_epi32(a, n)
#define vishr(a, n) _mm512_srai_epi32(a, n)
V float vsum(vf a) { return _mm512_reduce_add_ps(a); }
V float vtop(vf a) { return _mm512_reduce_max_ps(a); }
V float vbottom(vf a) { return _mm512_reduce_min_ps(a); }
