// Requantization of 16 sums on AVX-512, and the attributes of its functions. Include <immintrin.h> before it.
#ifndef KERF_GEMM_U8_AVX512_H
#define KERF_GEMM_U8_AVX512_H

#include "gemm_u8.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

/// Per 16 columns: the even and the odd 64-bit lanes of the parameters.
typedef struct kerf_lanes {
  __m512i init, m_even, m_odd, s_even, s_odd, r_even, r_odd;
} kerf_lanes;

/// Bounds in front of the zero point, and the zero point.
typedef struct kerf_bounds {
  __m512i low, high, zero;
} kerf_bounds;

INLINE kerf_bounds kerf_load_bounds(const kerf_q8_output *o) {
  return (kerf_bounds){_mm512_set1_epi64(o->y_min - o->y_zero), _mm512_set1_epi64(o->y_max - o->y_zero),
                       _mm512_set1_epi32(o->y_zero)};
}

INLINE kerf_lanes kerf_load_lanes(const int32_t *init, const int32_t *multiplier, const int32_t *shift) {
  const __m512i low = _mm512_set1_epi64(0xffffffff), one = _mm512_set1_epi64(1);
  __m512i m = _mm512_loadu_si512(multiplier), s = _mm512_loadu_si512(shift);
  kerf_lanes l = {.init = _mm512_loadu_si512(init), .m_even = m, .m_odd = _mm512_srli_epi64(m, 32)};
  l.s_even = _mm512_and_si512(s, low);
  l.s_odd = _mm512_srli_epi64(s, 32);
  l.r_even = _mm512_sllv_epi64(one, _mm512_sub_epi64(l.s_even, one));
  l.r_odd = _mm512_sllv_epi64(one, _mm512_sub_epi64(l.s_odd, one));
  return l;
}

/// Products of the even 32-bit lanes; see gemm_u8_avx2.h for the barrier.
INLINE __m512i kerf_multiply(__m512i a, __m512i m) {
  __asm__("" : "+v"(m));
  return _mm512_mul_epi32(a, m);
}

/// Sixteen results of 0 ... 255, in 32 bits each.
INLINE __m512i kerf_requantize_lanes(__m512i acc, const kerf_lanes *l, const kerf_bounds *b) {
  acc = _mm512_add_epi32(acc, l->init);
  __m512i even = _mm512_add_epi64(kerf_multiply(acc, l->m_even), l->r_even);
  __m512i odd = _mm512_add_epi64(kerf_multiply(_mm512_srli_epi64(acc, 32), l->m_odd), l->r_odd);
  even = _mm512_min_epi64(_mm512_max_epi64(_mm512_srav_epi64(even, l->s_even), b->low), b->high);
  odd = _mm512_min_epi64(_mm512_max_epi64(_mm512_srav_epi64(odd, l->s_odd), b->low), b->high);
  return _mm512_add_epi32(_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32)), b->zero);
}

/// The same for shifts of 33 ... 54, whose results fit 32 bits: what rounds leaves the lower half of the product alone, so
/// that the upper suffices, and the zero point is part of it.
typedef struct kerf_quick {
  __m512i m_even, m_odd, round, down;
} kerf_quick;

/// The lanes whose shifts are not such.
INLINE __mmask16 kerf_slow_lanes(__m512i shift) {
  return _mm512_cmpgt_epu32_mask(_mm512_sub_epi32(shift, _mm512_set1_epi32(33)), _mm512_set1_epi32(54 - 33));
}

/// Whether 32 shifts are such.
INLINE bool kerf_is_quick(const int32_t *shift) {
  return (kerf_slow_lanes(_mm512_loadu_si512(shift)) | kerf_slow_lanes(_mm512_loadu_si512(shift + 16))) == 0;
}

INLINE kerf_quick kerf_make_quick(__m512i multiplier, __m512i shift, int32_t y_zero) {
  const __m512i one = _mm512_set1_epi32(1), zero = _mm512_set1_epi32(y_zero);
  kerf_quick q = {.m_even = multiplier, .m_odd = _mm512_srli_epi64(multiplier, 32)};
  q.down = _mm512_sub_epi32(shift, _mm512_set1_epi32(32));
  q.round = _mm512_add_epi32(_mm512_sllv_epi32(one, _mm512_sub_epi32(q.down, one)), _mm512_sllv_epi32(zero, q.down));
  // See gemm_u8_avx2.h for the barrier.
  __asm__("" : "+v"(q.m_even), "+v"(q.m_odd));
  return q;
}

/// The odd 32-bit lanes of both: those of `even` moved down.
INLINE __m512i kerf_odd_lanes(__m512i even, __m512i odd) {
  // In assembler: clang makes two shuffles of the intrinsic.
  __asm__("vmovshdup %1, %0 %{%2%}" : "+v"(odd) : "v"(even), "Yk"((__mmask16)0x5555));
  return odd;
}

/// Sixteen results, not bounded yet. Upper halves of the products of even lanes move down beside those of the odd ones.
INLINE __m512i kerf_requantize_quick(__m512i acc, const kerf_quick *q) {
  const __m512i even = _mm512_mul_epi32(acc, q->m_even);
  const __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(acc, 32), q->m_odd);
  return _mm512_srav_epi32(_mm512_add_epi32(kerf_odd_lanes(even, odd), q->round), q->down);
}

#endif
