// Pairs of taps, interleaved and widened to 16 bits.
#if defined(__x86_64__)
#include <immintrin.h>

#include "depthwise_u8_avx2.h"

/// Weights of 4 channels and 4 taps: for each pair of taps the four channels' values.
INLINE __m256i load_pairs(const int8_t *w) {
  const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)w), order));
}

/// Widened: [pairs of taps][4] vectors.
TARGET static void order_weights(const kerf_dw_strip *s, const lanes *at) {
  __m256i *to = (__m256i *)(void *)s->weights;
  for (int64_t g = 0; g < s->groups; g++, to += 8) {
    int8_t w[BLOCK * 4];
    for (int i = 0; i < BLOCK; i++) {
      const int64_t channel = channel_of(s, at, i);
      memcpy(w + i * 4, kerf_dw_weights(s, channel / 16, g) + channel % 16 * 4, 4);
    }
    for (int q = 0; q < 4; q++) {
      const __m256i low = load_pairs(w + q * 16), high = load_pairs(w + 64 + q * 16);
      to[q] = _mm256_permute2x128_si256(low, high, 0x20);
      to[q + 4] = _mm256_permute2x128_si256(low, high, 0x31);
    }
  }
}

/// One pair of taps: 32 lanes, four vectors of pairs.
INLINE void load_pair(__m256i x0, __m256i x1, __m256i x[4]) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i low = _mm256_unpacklo_epi8(x0, x1), high = _mm256_unpackhi_epi8(x0, x1);
  x[0] = _mm256_unpacklo_epi8(low, zero);
  x[1] = _mm256_unpackhi_epi8(low, zero);
  x[2] = _mm256_unpacklo_epi8(high, zero);
  x[3] = _mm256_unpackhi_epi8(high, zero);
}

/// The vectors share the loads of the weights.
INLINE void sum32(const int vectors, const kerf_dw_strip *s, const uint8_t *const *taps, int64_t channel,
                  const int fold, const int count, int pixels, __m256i c[][4]) {
  const __m256i *w = (const __m256i *)(const void *)s->weights;
  UNROLL
  for (int i = 0; i < 4 * vectors; i++) c[i / 4][i % 4] = _mm256_setzero_si256();
  for (int64_t t = 0; t < s->tap_count; t += 2, taps += 2 * s->ld, w += 4) {
    // Behind the last tap stands one with weights of zero.
    __m256i x[2][4];
    UNROLL
    for (int p = 0; p < vectors; p++) {
      load_pair(load32(taps + p * fold, channel, fold, count, pixels),
                load32(taps + s->ld + p * fold, channel, fold, count, pixels), x[p]);
    }
    UNROLL
    for (int q = 0; q < 4; q++) {
      const __m256i weights = _mm256_load_si256(w + q);
      UNROLL
      for (int p = 0; p < vectors; p++) c[p][q] = _mm256_add_epi32(c[p][q], _mm256_madd_epi16(x[p][q], weights));
    }
  }
}

int kerf_run_depthwise_u8_u8_avx2(const kerf_call *c) { return kerf_run_depthwise_u8(c, strip); }
#endif
