// 32 channels at a time, pairs of taps. Interleaving the bytes of two taps within 128-bit lanes and widening them leaves,
// in vector q, channels 16 * lane + 4 * q ...; weights and parameters are put into that order, and packing the results
// to bytes undoes it.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../gemm_u8/gemm_u8_avx2.h"
#include "depthwise_u8.h"

enum { BLOCK = 32 };

/// Weights of 4 channels and 4 taps: for each pair of taps the four channels' values.
INLINE __m256i load_pairs(const int8_t *w) {
  const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)w), order));
}

/// The weights of 32 channels from `channel` on, widened: [pairs of taps][4] vectors.
TARGET static void order_weights(const kerf_dw_strip *s, int64_t channel) {
  const int64_t block = channel / 16, second = block + 1 < kerf_ceil_div(s->channels, 16) ? block + 1 : block;
  __m256i *to = (__m256i *)(void *)s->weights;
  for (int64_t g = 0; g < s->groups; g++, to += 8) {
    const int8_t *a = kerf_dw_weights(s, block, g), *b = kerf_dw_weights(s, second, g);
    for (int q = 0; q < 4; q++) {
      const __m256i low = load_pairs(a + q * 16), high = load_pairs(b + q * 16);
      to[q] = _mm256_permute2x128_si256(low, high, 0x20);
      to[q + 4] = _mm256_permute2x128_si256(low, high, 0x31);
    }
  }
}

INLINE __m256i two_lanes(const int32_t *p) {
  const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)p);
  const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(p + 16));
  return _mm256_set_m128i(high, low);
}

/// Whether all shifts are 32 or more.
INLINE bool order_lanes(const kerf_dw_strip *s, int64_t channel, int count, kerf_lanes lanes[4]) {
  kerf_q8_columns p;
  bool upper = true;
  kerf_dw_columns(s, channel, count, &p);
  for (int q = 0; q < 4; q++) {
    lanes[q] = kerf_make_lanes(two_lanes(p.init + 4 * q), two_lanes(p.multiplier + 4 * q), two_lanes(p.shift + 4 * q));
    upper = upper && kerf_shifts_upper(&lanes[q]);
  }
  return upper;
}

INLINE __m128i load16(const uint8_t *x, int count) {
  if (count >= 16) return _mm_loadu_si128((const __m128i *)(const void *)x);
  if (count == 8) return _mm_loadl_epi64((const __m128i *)(const void *)x);
  uint8_t bytes[16] = {0};
  memcpy(bytes, x, (size_t)count);
  return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

INLINE __m256i load32(const uint8_t *x, int count) {
  if (count == BLOCK) return _mm256_loadu_si256((const __m256i *)(const void *)x);
  if (count <= 16) return _mm256_zextsi128_si256(load16(x, count));
  return _mm256_set_m128i(load16(x + 16, count - 16), load16(x, 16));
}

/// One pair of taps of a pixel: 32 channels, four vectors of pairs.
INLINE void load_pair(const uint8_t *first, const uint8_t *second, int count, __m256i x[4]) {
  const __m256i zero = _mm256_setzero_si256(), x0 = load32(first, count), x1 = load32(second, count);
  const __m256i low = _mm256_unpacklo_epi8(x0, x1), high = _mm256_unpackhi_epi8(x0, x1);
  x[0] = _mm256_unpacklo_epi8(low, zero);
  x[1] = _mm256_unpackhi_epi8(low, zero);
  x[2] = _mm256_unpacklo_epi8(high, zero);
  x[3] = _mm256_unpackhi_epi8(high, zero);
}

/// c[pixel][q]: the sums of neighbouring pixels, which share the loads of the weights.
INLINE void sum32(const int pixels, const kerf_dw_strip *s, const uint8_t *const *taps, int64_t channel, int count,
                  __m256i c[][4]) {
  const __m256i *w = (const __m256i *)(const void *)s->weights;
  UNROLL
  for (int i = 0; i < 4 * pixels; i++) c[i / 4][i % 4] = _mm256_setzero_si256();
  for (int64_t t = 0; t < s->tap_count; t += 2, taps += 2 * s->ld, w += 4) {
    // Behind the last tap stands one with weights of zero.
    __m256i x[2][4];
    UNROLL
    for (int p = 0; p < pixels; p++) load_pair(taps[p] + channel, taps[s->ld + p] + channel, count, x[p]);
    UNROLL
    for (int q = 0; q < 4; q++) {
      const __m256i weights = _mm256_load_si256(w + q);
      UNROLL
      for (int p = 0; p < pixels; p++) c[p][q] = _mm256_add_epi32(c[p][q], _mm256_madd_epi16(x[p][q], weights));
    }
  }
}

/// Requantizes the sums of some pixels and stores them.
INLINE void store32(const int pixels, const kerf_dw_strip *s, const int count, const bool upper, __m256i c[][4],
                    const kerf_lanes lanes[4], uint8_t *y) {
  const kerf_bounds bounds = kerf_load_bounds(s->output);
  const __m256i least = _mm256_set1_epi8((char)s->output->y_min), most = _mm256_set1_epi8((char)s->output->y_max);
  UNROLL
  for (int q = 0; q < 4; q++) {
    UNROLL
    for (int p = 0; p < pixels; p++) {
      c[p][q] = upper ? kerf_requantize_upper(c[p][q], &lanes[q], &bounds)
                      : kerf_requantize_any(c[p][q], &lanes[q], &bounds);
    }
  }
  UNROLL
  for (int p = 0; p < pixels; p++, y += s->channels) {
    __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(c[p][0], c[p][1]), _mm256_packs_epi32(c[p][2], c[p][3]));
    bytes = _mm256_min_epu8(_mm256_max_epu8(bytes, least), most);
    kerf_store_bytes(y, _mm256_castsi256_si128(bytes), count < 16 ? count : 16);
    if (count > 16) kerf_store_bytes(y + 16, _mm256_extracti128_si256(bytes, 1), count - 16);
  }
}

INLINE void sum_pixels(const kerf_dw_strip *s, int64_t channel, const int count, const bool upper,
                       const kerf_lanes lanes[4]) {
  uint8_t *y = s->y + channel;
  __m256i c[2][4];
  int64_t pixel = 0;
  for (; pixel + 2 <= s->pixels; pixel += 2, y += 2 * s->channels) {
    sum32(2, s, s->taps + pixel, channel, count, c);
    store32(2, s, count, upper, c, lanes, y);
  }
  if (pixel == s->pixels) return;
  sum32(1, s, s->taps + pixel, channel, count, c);
  store32(1, s, count, upper, c, lanes, y);
}

TARGET static void strip(const kerf_dw_strip *s) {
  for (int64_t channel = s->first; channel < s->last; channel += BLOCK) {
    const int count = (int)kerf_min(BLOCK, s->last - channel);
    kerf_lanes lanes[4];
    order_weights(s, channel);
    const bool upper = order_lanes(s, channel, count, lanes);
    if (!upper) sum_pixels(s, channel, count, false, lanes);
    else if (count == BLOCK) sum_pixels(s, channel, BLOCK, true, lanes);
    else if (count == 16) sum_pixels(s, channel, 16, true, lanes);
    else sum_pixels(s, channel, count, true, lanes);
  }
}

int kerf_run_depthwise_u8_u8_avx2(const kerf_call *c) { return kerf_run_depthwise_u8(c, strip); }
#endif
