// Requantization of 8 sums on AVX2, and the attributes of its functions. Include <immintrin.h> before it, and define
// TARGET where functions may use more than AVX2.
#ifndef KERF_GEMM_U8_AVX2_H
#define KERF_GEMM_U8_AVX2_H

#include "gemm_u8.h"

#ifndef TARGET
#define TARGET __attribute__((target("avx2,fma")))
#endif
#define INLINE static inline __attribute__((always_inline, unused)) TARGET
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

/// The epilogues of gemm_u8_avx2.c, as kerf_q8_isa has them.
void kerf_q8_requantize_avx2(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                             const kerf_q8_output *o, uint8_t *y, int64_t ldy);
void kerf_q8_scale_avx2(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y, int64_t ldy);
void kerf_q8_add_residual_avx2(int rows, int columns, int32_t *acc, const kerf_q8_columns *p, int shift,
                               const uint8_t *residual, int64_t ld);

/// Per 8 columns: the even and the odd 64-bit lanes of the parameters; `top` is what the logical shift of the biased
/// number has too much; `rest` is the shift behind the upper half of the product, `half` what rounds it.
typedef struct kerf_lanes {
  __m256i init, m_even, m_odd, s_even, s_odd, r_even, r_odd, top_even, top_odd, rest, half;
} kerf_lanes;

/// Bounds in front of the zero point, and the zero point.
typedef struct kerf_bounds {
  __m256i low, high, zero;
} kerf_bounds;

INLINE kerf_bounds kerf_load_bounds(const kerf_q8_output *o) {
  return (kerf_bounds){_mm256_set1_epi64x(o->y_min - o->y_zero), _mm256_set1_epi64x(o->y_max - o->y_zero),
                       _mm256_set1_epi32(o->y_zero)};
}

INLINE kerf_lanes kerf_make_lanes(__m256i init, __m256i m, __m256i s) {
  const __m256i low = _mm256_set1_epi64x(0xffffffff), one = _mm256_set1_epi64x(1);
  const __m256i top = _mm256_set1_epi64x(INT64_MIN);
  kerf_lanes l = {.init = init, .m_even = m, .m_odd = _mm256_srli_epi64(m, 32)};
  l.s_even = _mm256_and_si256(s, low);
  l.s_odd = _mm256_srli_epi64(s, 32);
  l.r_even = _mm256_sllv_epi64(one, _mm256_sub_epi64(l.s_even, one));
  l.r_odd = _mm256_sllv_epi64(one, _mm256_sub_epi64(l.s_odd, one));
  l.top_even = _mm256_srlv_epi64(top, l.s_even);
  l.top_odd = _mm256_srlv_epi64(top, l.s_odd);
  l.rest = _mm256_sub_epi32(s, _mm256_set1_epi32(32));
  l.half = _mm256_sllv_epi32(_mm256_set1_epi32(1), _mm256_sub_epi32(s, _mm256_set1_epi32(33)));
  return l;
}

INLINE __m256i kerf_load8(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }

INLINE kerf_lanes kerf_load_lanes(const kerf_q8_columns *p, int at) {
  return kerf_make_lanes(kerf_load8(p->init + at), kerf_load8(p->multiplier + at), kerf_load8(p->shift + at));
}

/// Whether all shifts are 33 or more.
INLINE bool kerf_shifts_upper(const kerf_lanes *l) {
  return _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_sub_epi32(l->rest, _mm256_set1_epi32(1)))) == 0;
}

/// Products of the even 32-bit lanes. Without the barrier Clang moves the sign extension of m out of loops, no longer sees
/// that one instruction does it all, and multiplies 64 bits in pieces.
INLINE __m256i kerf_multiply(__m256i a, __m256i m) {
  __asm__("" : "+x"(m));
  return _mm256_mul_epi32(a, m);
}

/// clamp((acc * m + r) >> s): the arithmetic shift is a logical one of the number plus 2^63.
INLINE __m256i kerf_shift_clamp(__m256i acc, __m256i m, __m256i r, __m256i s, __m256i top, const kerf_bounds *b) {
  __m256i v = _mm256_add_epi64(kerf_multiply(acc, m), r);
  v = _mm256_srlv_epi64(_mm256_xor_si256(v, _mm256_set1_epi64x(INT64_MIN)), s);
  v = _mm256_sub_epi64(v, top);
  v = _mm256_blendv_epi8(v, b->low, _mm256_cmpgt_epi64(b->low, v));
  return _mm256_blendv_epi8(v, b->high, _mm256_cmpgt_epi64(v, b->high));
}

/// Any shift: eight results of 32 bits within the bounds.
INLINE __m256i kerf_requantize_any(__m256i acc, const kerf_lanes *l, const kerf_bounds *b) {
  acc = _mm256_add_epi32(acc, l->init);
  const __m256i even = kerf_shift_clamp(acc, l->m_even, l->r_even, l->s_even, l->top_even, b);
  const __m256i odd = kerf_shift_clamp(_mm256_srli_epi64(acc, 32), l->m_odd, l->r_odd, l->s_odd, l->top_odd, b);
  return _mm256_add_epi32(_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa), b->zero);
}

/// Shifts of 33 and more use the upper half of the product alone, and so does what rounds it: eight results of 32 bits,
/// without zero point and limits.
INLINE __m256i kerf_requantize_upper(__m256i acc, const kerf_lanes *l) {
  acc = _mm256_add_epi32(acc, l->init);
  const __m256i even = kerf_multiply(acc, l->m_even), odd = kerf_multiply(_mm256_srli_epi64(acc, 32), l->m_odd);
  const __m256i upper = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  return _mm256_srav_epi32(_mm256_add_epi32(upper, l->half), l->rest);
}

/// Bounds of bytes, and the zero point as 16 bits.
typedef struct kerf_limits {
  __m256i zero, least, most;
} kerf_limits;

INLINE kerf_limits kerf_load_limits(const kerf_q8_output *o) {
  return (kerf_limits){_mm256_set1_epi16((int16_t)o->y_zero), _mm256_set1_epi8((char)o->y_min),
                       _mm256_set1_epi8((char)o->y_max)};
}

/// Sixteen results of 32 bits as numbers of 16 with the zero point; what lies outside stays outside a byte's range.
INLINE __m256i kerf_pack_words(__m256i a, __m256i b, const kerf_limits *l) {
  return _mm256_adds_epi16(_mm256_packs_epi32(a, b), l->zero);
}

/// Those of two as bytes within the bounds.
INLINE __m256i kerf_pack_bytes(__m256i a, __m256i b, const kerf_limits *l) {
  return _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(a, b), l->least), l->most);
}

/// The first n of 16 bytes.
INLINE void kerf_store_bytes(uint8_t *y, __m128i bytes, int n) {
  if (n == 16) {
    _mm_storeu_si128((__m128i *)(void *)y, bytes);
  } else if (n == 8) {
    _mm_storel_epi64((__m128i *)(void *)y, bytes);
  } else {
    uint8_t all[16];
    _mm_storeu_si128((__m128i *)(void *)all, bytes);
    memcpy(y, all, (size_t)n);
  }
}

#endif
