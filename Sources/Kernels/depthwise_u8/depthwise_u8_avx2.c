#if defined(__x86_64__)
#include <immintrin.h>

#include "depthwise_u8.h"

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET

INLINE __m128i load(const uint8_t *x, int count) {
  if (count == 16) return _mm_loadu_si128((const __m128i *)(const void *)x);
  uint8_t bytes[16] = {0};
  memcpy(bytes, x, (size_t)count);
  return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

/// Four channels, four taps: two partial sums per channel, exact in 16-bit operands.
INLINE __m256i add_products(__m256i acc, __m128i x, const int8_t *w) {
  __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_cvtepu8_epi16(x), wide));
}

TARGET static void sum(const kerf_dw_strip *s, int64_t pixel, int rows, int64_t channel, int count, int32_t *acc) {
  for (int r = 0; r < rows; r++, acc += KERF_Q8_TILE) {
    const uint8_t *const *taps = s->taps + pixel + r;
    const int8_t *w = kerf_dw_weights(s, channel / 16, 0);
    __m256i c0 = _mm256_setzero_si256(), c1 = c0, c2 = c0, c3 = c0;
    for (int64_t g = 0; g < s->groups; g++, taps += 4 * s->ld, w += 64) {
      __m128i x0 = load(taps[0] + channel, count), x1 = load(taps[s->ld] + channel, count);
      __m128i x2 = load(taps[2 * s->ld] + channel, count), x3 = load(taps[3 * s->ld] + channel, count);
      __m128i low01 = _mm_unpacklo_epi8(x0, x1), high01 = _mm_unpackhi_epi8(x0, x1);
      __m128i low23 = _mm_unpacklo_epi8(x2, x3), high23 = _mm_unpackhi_epi8(x2, x3);
      c0 = add_products(c0, _mm_unpacklo_epi16(low01, low23), w);
      c1 = add_products(c1, _mm_unpackhi_epi16(low01, low23), w + 16);
      c2 = add_products(c2, _mm_unpacklo_epi16(high01, high23), w + 32);
      c3 = add_products(c3, _mm_unpackhi_epi16(high01, high23), w + 48);
    }
    __m256i low = _mm256_permute4x64_epi64(_mm256_hadd_epi32(c0, c1), _MM_SHUFFLE(3, 1, 2, 0));
    __m256i high = _mm256_permute4x64_epi64(_mm256_hadd_epi32(c2, c3), _MM_SHUFFLE(3, 1, 2, 0));
    _mm256_storeu_si256((__m256i *)(void *)acc, low);
    _mm256_storeu_si256((__m256i *)(void *)(acc + 8), high);
  }
}

static void strip(const kerf_dw_strip *s) { kerf_dw_strip_run(s, sum, &kerf_q8_avx2); }

int kerf_run_depthwise_u8_u8_avx2(const kerf_call *c) { return kerf_run_depthwise_u8(c, strip); }
#endif
