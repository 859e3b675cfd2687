#if defined(__x86_64__)
#include <immintrin.h>

#include "../common/variants.h"
#include "add_u8.h"

/// 64 sums: a and b side by side in 16 bits times the multipliers side by side.
KERF_TARGET_avx512 KERF_INLINE __m512i sums(__m512i a, __m512i b, const kerf_add_u8 *j) {
  const int32_t both = (j->ma & 0xffff) | (int32_t)((uint32_t)j->mb << 16);
  const __m512i zero = _mm512_setzero_si512(), multipliers = _mm512_set1_epi32(both);
  const __m512i constant = _mm512_set1_epi32(j->constant + (j->zero << j->shift));
  const __m128i shift = _mm_cvtsi32_si128(j->shift);
  const __m512i low = _mm512_unpacklo_epi8(a, b), high = _mm512_unpackhi_epi8(a, b);
  const __m512i pairs[4] = {_mm512_unpacklo_epi8(low, zero), _mm512_unpackhi_epi8(low, zero),
                            _mm512_unpacklo_epi8(high, zero), _mm512_unpackhi_epi8(high, zero)};
  __m512i s[4];
  for (int i = 0; i < 4; i++)
    s[i] = _mm512_sra_epi32(_mm512_add_epi32(_mm512_madd_epi16(pairs[i], multipliers), constant), shift);
  const __m512i y = _mm512_packus_epi16(_mm512_packs_epi32(s[0], s[1]), _mm512_packs_epi32(s[2], s[3]));
  return _mm512_min_epu8(_mm512_set1_epi8((char)j->high), _mm512_max_epu8(_mm512_set1_epi8((char)j->low), y));
}

KERF_TARGET_avx512 static void pairs(void *context, int64_t begin, int64_t end) {
  const kerf_add_u8 *j = context;
  int64_t i = begin;
  for (; i + 64 <= end; i += 64) {
    const __m512i a = _mm512_loadu_si512((const void *)(j->a + i)), b = _mm512_loadu_si512((const void *)(j->b + i));
    _mm512_storeu_si512((void *)(j->y + i), sums(a, b, j));
  }
  const __mmask64 rest = end - i >= 64 ? 0 : ((__mmask64)1 << (end - i)) - 1;
  const __m512i a = _mm512_maskz_loadu_epi8(rest, j->a + i), b = _mm512_maskz_loadu_epi8(rest, j->b + i);
  _mm512_mask_storeu_epi8(j->y + i, rest, sums(a, b, j));
}

int kerf_run_add_u8_avx512(const kerf_call *c) { return kerf_run_add_u8(c, kerf_add_u8_narrow_avx512, pairs); }
#endif
