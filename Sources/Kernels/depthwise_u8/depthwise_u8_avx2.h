// Depthwise strips on vectors of AVX2, but for the sums: order_weights and sum32 are defined by the file that includes
// this, after <immintrin.h> and TARGET (gemm_u8_avx2.h).
//
// 32 lanes at a time: 32 channels of a pixel, or all of 16 or 8 channels of two or four neighbouring pixels.
// Interleaving the bytes of taps within 128-bit lanes leaves, in vector q of their sums, lanes 16 * half + 4 * q ...;
// weights and parameters are put into that order, and packing the results to bytes undoes it.
#ifndef KERF_DEPTHWISE_U8_AVX2_H
#define KERF_DEPTHWISE_U8_AVX2_H

#include "../gemm_u8/gemm_u8_avx2.h"
#include "depthwise_u8.h"

enum { BLOCK = 32 };

/// What the lanes hold: channel `first`, `first` + 1, ... of `fold` pixels; `count` lanes of the first pixel, or all.
typedef struct lanes {
  int64_t first;
  int fold, count;
} lanes;

/// The weights of all lanes, in the order in which sum32 reads them.
TARGET static void order_weights(const kerf_dw_strip *s, const lanes *at);
/// c[vector][q]: the sums of neighbouring pixels. `pixels` are those of the last.
INLINE void sum32(const int vectors, const kerf_dw_strip *s, const uint8_t *const *taps, int64_t channel,
                  const int fold, const int count, int pixels, __m256i c[][4]);

/// The channel of a lane; lanes past the last channel repeat it.
INLINE int64_t channel_of(const kerf_dw_strip *s, const lanes *at, int lane) {
  return at->fold > 1 ? lane % s->channels : kerf_min(at->first + lane, s->channels - 1);
}

INLINE __m256i two_lanes(const int32_t *p) {
  const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)p);
  const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(p + 16));
  return _mm256_set_m128i(high, low);
}

/// Whether all shifts are 33 or more.
INLINE bool order_lanes(const kerf_dw_strip *s, const lanes *at, kerf_lanes lanes[4]) {
  kerf_q8_columns p;
  bool upper = true;
  kerf_dw_columns(s, at->first, at->fold > 1 ? (int)s->channels : at->count, &p);
  if (at->fold > 1) {
    for (int i = (int)s->channels; i < BLOCK; i++) {
      p.init[i] = p.init[i - s->channels];
      p.multiplier[i] = p.multiplier[i - s->channels];
      p.shift[i] = p.shift[i - s->channels];
    }
  }
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

/// The lanes of one vector from its pixels; of folded ones the first `pixels` exist.
INLINE __m256i load32(const uint8_t *const *x, int64_t channel, const int fold, const int count, int pixels) {
  if (fold == 2) return _mm256_set_m128i(load16(x[pixels > 1], 16), load16(x[0], 16));
  if (fold == 4) {
    const int last = pixels - 1;
    const __m128i low = _mm_unpacklo_epi64(load16(x[0], 8), load16(x[last < 1 ? last : 1], 8));
    const __m128i high = _mm_unpacklo_epi64(load16(x[last < 2 ? last : 2], 8), load16(x[last], 8));
    return _mm256_set_m128i(high, low);
  }
  const uint8_t *from = x[0] + channel;
  if (count == BLOCK) return _mm256_loadu_si256((const __m256i *)(const void *)from);
  if (count <= 16) return _mm256_zextsi128_si256(load16(from, count));
  return _mm256_set_m128i(load16(from + 16, count - 16), load16(from, 16));
}

/// Sums of 32 lanes as bytes.
INLINE __m256i requantize32(__m256i c[4], const bool upper, const kerf_lanes lanes[4], const kerf_q8_output *o) {
  const kerf_limits limits = kerf_load_limits(o);
  if (upper) {
    UNROLL
    for (int q = 0; q < 4; q++) c[q] = kerf_requantize_upper(c[q], &lanes[q]);
    return kerf_pack_bytes(kerf_pack_words(c[0], c[1], &limits), kerf_pack_words(c[2], c[3], &limits), &limits);
  }
  const kerf_bounds bounds = kerf_load_bounds(o);
  UNROLL
  for (int q = 0; q < 4; q++) c[q] = kerf_requantize_any(c[q], &lanes[q], &bounds);
  return _mm256_packus_epi16(_mm256_packs_epi32(c[0], c[1]), _mm256_packs_epi32(c[2], c[3]));
}

/// The first n of 32 bytes.
INLINE void store32(uint8_t *y, __m256i bytes, int n) {
  if (n == BLOCK) {
    _mm256_storeu_si256((__m256i *)(void *)y, bytes);
    return;
  }
  kerf_store_bytes(y, _mm256_castsi256_si128(bytes), n < 16 ? n : 16);
  if (n > 16) kerf_store_bytes(y + 16, _mm256_extracti128_si256(bytes, 1), n - 16);
}

INLINE void sum_pixels(const kerf_dw_strip *s, int64_t channel, const int fold, const int count, const bool upper,
                       const kerf_lanes lanes[4]) {
  uint8_t *y = s->y + channel;
  __m256i c[2][4];
  int64_t pixel = 0;
  for (; pixel + 2 * fold <= s->pixels; pixel += 2 * fold, y += 2 * fold * s->channels) {
    sum32(2, s, s->taps + pixel, channel, fold, count, fold, c);
    store32(y, requantize32(c[0], upper, lanes, s->output), count);
    store32(y + fold * s->channels, requantize32(c[1], upper, lanes, s->output), count);
  }
  for (; pixel < s->pixels; pixel += fold, y += fold * s->channels) {
    const int rest = (int)kerf_min(fold, s->pixels - pixel);
    sum32(1, s, s->taps + pixel, channel, fold, count, rest, c);
    store32(y, requantize32(c[0], upper, lanes, s->output), fold > 1 ? rest * (int)s->channels : count);
  }
}

TARGET static void sum_lanes(const kerf_dw_strip *s, const lanes *at) {
  kerf_lanes lanes[4];
  order_weights(s, at);
  const bool upper = order_lanes(s, at, lanes);
  if (upper && at->fold == 4) sum_pixels(s, 0, 4, BLOCK, true, lanes);
  else if (upper && at->fold == 2) sum_pixels(s, 0, 2, BLOCK, true, lanes);
  else if (upper && at->count == BLOCK) sum_pixels(s, at->first, 1, BLOCK, true, lanes);
  else if (upper && at->count == 24) sum_pixels(s, at->first, 1, 24, true, lanes);
  else if (upper && at->count == 16) sum_pixels(s, at->first, 1, 16, true, lanes);
  else if (at->fold == 1) sum_pixels(s, at->first, 1, at->count, upper, lanes);
  else if (at->fold == 2) sum_pixels(s, 0, 2, BLOCK, false, lanes);
  else sum_pixels(s, 0, 4, BLOCK, false, lanes);
}

TARGET static void strip(const kerf_dw_strip *s) {
  if (s->channels == 8 || s->channels == 16) {
    const lanes all = {0, BLOCK / (int)s->channels, BLOCK};
    sum_lanes(s, &all);
  } else {
    for (int64_t channel = s->first; channel < s->last; channel += BLOCK) {
      // The last lanes are full as well: they do again what the ones before have done.
      const int64_t first = kerf_max(kerf_min(channel, s->last - BLOCK), s->first);
      const lanes at = {first, 1, (int)kerf_min(BLOCK, s->last - first)};
      sum_lanes(s, &at);
    }
  }
  kerf_dw_look_up(s);
}

#endif
