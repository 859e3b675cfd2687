// The vector vocabulary of the float kernels on AVX2 with FMA: 8 lanes. See simd_avx512.h.
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define KERF_FN(name) name##_avx2
#define VW 8
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#include "simd_inline.h"

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;

V vf vload(const float *p) { return _mm256_loadu_ps(p); }
V void vstore(float *p, vf a) { _mm256_storeu_ps(p, a); }
V __m256i vfirst(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
V vf vloadn(const float *p, int64_t n) { return _mm256_maskload_ps(p, vfirst(n)); }
V void vstoren(float *p, vf a, int64_t n) { _mm256_maskstore_ps(p, vfirst(n), a); }
V vf vset(float x) { return _mm256_set1_ps(x); }
V vf vzero(void) { return _mm256_setzero_ps(); }
V vf vadd(vf a, vf b) { return _mm256_add_ps(a, b); }
V vf vsub(vf a, vf b) { return _mm256_sub_ps(a, b); }
V vf vmul(vf a, vf b) { return _mm256_mul_ps(a, b); }
V vf vdiv(vf a, vf b) { return _mm256_div_ps(a, b); }
V vf vfma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
V vf vfnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
V vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }
V vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); }
V vf vsqrt(vf a) { return _mm256_sqrt_ps(a); }
V vf vabs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
V vm vlt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
V vm vle(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
V vm veq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
V vm vunord(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_UNORD_Q); }
V vf vsel(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
V vf vkeep(vm m, vf a) { return _mm256_and_ps(m, a); }
V vf vround(vf a) { return _mm256_round_ps(a, 0x08); }
V vf vfloor(vf a) { return _mm256_round_ps(a, 0x09); }
V vf vceil(vf a) { return _mm256_round_ps(a, 0x0a); }
V vi vint(vf a) { return _mm256_cvtps_epi32(a); }
V vf vfloat(vi a) { return _mm256_cvtepi32_ps(a); }
V vf vasf(vi a) { return _mm256_castsi256_ps(a); }
V vi vasi(vf a) { return _mm256_castps_si256(a); }
V vi viset(int32_t x) { return _mm256_set1_epi32(x); }
V vi vibytes(const int8_t *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)); }
V vi vihalves(const int8_t *p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p)); }
V vi vimadd(vi a, vi b) { return _mm256_madd_epi16(a, b); }
V vi viadd(vi a, vi b) { return _mm256_add_epi32(a, b); }
V vi visub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
V vi viand(vi a, vi b) { return _mm256_and_si256(a, b); }
V vi vior(vi a, vi b) { return _mm256_or_si256(a, b); }
#define vishl(a, n) _mm256_slli_epi32(a, n)
#define vishr(a, n) _mm256_srai_epi32(a, n)
V __m128 vfold(__m128 a, __m128 b, int what) {
  return what == 0 ? _mm_add_ps(a, b) : what > 0 ? _mm_max_ps(a, b) : _mm_min_ps(a, b);
}
V float vreduce(vf a, int what) {
  __m128 r = vfold(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1), what);
  r = vfold(r, _mm_movehl_ps(r, r), what);
  return _mm_cvtss_f32(vfold(r, _mm_shuffle_ps(r, r, 1), what));
}
V float vsum(vf a) { return vreduce(a, 0); }
V float vtop(vf a) { return vreduce(a, 1); }
V float vbottom(vf a) { return vreduce(a, -1); }
