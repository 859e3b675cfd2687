#if defined(__x86_64__)
#include <immintrin.h>

#include "../common/variants.h"
#include "add_u8.h"

/// 32 sums: a and b side by side in 16 bits times the multipliers side by side.
KERF_TARGET_avx2 KERF_INLINE __m256i sums(__m256i a, __m256i b, const kerf_add_u8 *j) {
  const int32_t both = (j->ma & 0xffff) | (int32_t)((uint32_t)j->mb << 16);
  const __m256i zero = _mm256_setzero_si256(), multipliers = _mm256_set1_epi32(both);
  const __m256i constant = _mm256_set1_epi32(j->constant + (j->zero << j->shift));
  const __m128i shift = _mm_cvtsi32_si128(j->shift);
  const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
  const __m256i pairs[4] = {_mm256_unpacklo_epi8(low, zero), _mm256_unpackhi_epi8(low, zero),
                            _mm256_unpacklo_epi8(high, zero), _mm256_unpackhi_epi8(high, zero)};
  __m256i s[4];
  for (int i = 0; i < 4; i++)
    s[i] = _mm256_sra_epi32(_mm256_add_epi32(_mm256_madd_epi16(pairs[i], multipliers), constant), shift);
  const __m256i y = _mm256_packus_epi16(_mm256_packs_epi32(s[0], s[1]), _mm256_packs_epi32(s[2], s[3]));
  return _mm256_min_epu8(_mm256_set1_epi8((char)j->high), _mm256_max_epu8(_mm256_set1_epi8((char)j->low), y));
}

KERF_TARGET_avx2 static void pairs(void *context, int64_t begin, int64_t end) {
  const kerf_add_u8 *j = context;
  int64_t i = begin;
  for (; i + 32 <= end; i += 32) {
    const __m256i a = _mm256_loadu_si256((const void *)(j->a + i)), b = _mm256_loadu_si256((const void *)(j->b + i));
    _mm256_storeu_si256((void *)(j->y + i), sums(a, b, j));
  }
  if (i < end) kerf_add_u8_narrow_avx2(context, i, end);
}

int kerf_run_add_u8_avx2(const kerf_call *c) { return kerf_run_add_u8(c, kerf_add_u8_narrow_avx2, pairs); }
#endif
