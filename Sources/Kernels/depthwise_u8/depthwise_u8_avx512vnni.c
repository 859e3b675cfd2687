// 64 channels at a time. Interleaving the bytes of 4 taps within 128-bit lanes leaves, in vector q, channels
// 16 * lane + 4 * q ...; weights and parameters are put into that order, and packing the results to bytes undoes it.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../gemm_u8/gemm_u8_avx512.h"
#include "depthwise_u8.h"

enum { BLOCK = 64 };

/// The weights of a block of 64 channels, [groups][4] vectors.
static void order_weights(const kerf_dw_strip *s, int64_t block) {
  const int64_t blocks = kerf_ceil_div(s->channels, 16);
  memset(s->weights, 0, (size_t)(s->groups * 256));
  for (int64_t lane = 0; lane < 4 && block * 4 + lane < blocks; lane++) {
    for (int64_t g = 0; g < s->groups; g++) {
      const int8_t *w = kerf_dw_weights(s, block * 4 + lane, g);
      for (int q = 0; q < 4; q++) memcpy(s->weights + (g * 4 + q) * 64 + lane * 16, w + q * 16, 16);
    }
  }
}

TARGET static void order_lanes(const kerf_dw_strip *s, int64_t channel, int count, kerf_lanes lanes[4]) {
  kerf_q8_columns natural[2];
  _Alignas(64) int32_t init[4][16], multiplier[4][16], shift[4][16];
  for (int half = 0; half < 2; half++) {
    int n = count - half * 32;
    kerf_dw_columns(s, channel + half * 32, n < 0 ? 0 : n > 32 ? 32 : n, &natural[half]);
  }
  for (int i = 0; i < BLOCK; i++) {
    const kerf_q8_columns *from = &natural[i / 32];
    int q = i / 4 % 4, at = i / 16 * 4 + i % 4;
    init[q][at] = from->init[i % 32];
    multiplier[q][at] = from->multiplier[i % 32];
    shift[q][at] = from->shift[i % 32];
  }
  for (int q = 0; q < 4; q++) lanes[q] = kerf_load_lanes(init[q], multiplier[q], shift[q]);
}

INLINE __m512i load64(const uint8_t *tap, int64_t channel, __mmask64 mask) {
  return _mm512_maskz_loadu_epi8(mask, tap + channel);
}

INLINE void sum64(const kerf_dw_strip *s, const uint8_t *const *taps, int64_t channel, __mmask64 mask, __m512i c[4]) {
  const int8_t *weights = s->weights;
  for (int q = 0; q < 4; q++) c[q] = _mm512_setzero_si512();
  for (int64_t g = 0; g < s->groups; g++, taps += 4 * s->ld, weights += 256) {
    __m512i x0 = load64(taps[0], channel, mask), x1 = load64(taps[s->ld], channel, mask);
    __m512i x2 = load64(taps[2 * s->ld], channel, mask), x3 = load64(taps[3 * s->ld], channel, mask);
    __m512i low01 = _mm512_unpacklo_epi8(x0, x1), high01 = _mm512_unpackhi_epi8(x0, x1);
    __m512i low23 = _mm512_unpacklo_epi8(x2, x3), high23 = _mm512_unpackhi_epi8(x2, x3);
    c[0] = _mm512_dpbusd_epi32(c[0], _mm512_unpacklo_epi16(low01, low23), _mm512_load_si512(weights));
    c[1] = _mm512_dpbusd_epi32(c[1], _mm512_unpackhi_epi16(low01, low23), _mm512_load_si512(weights + 64));
    c[2] = _mm512_dpbusd_epi32(c[2], _mm512_unpacklo_epi16(high01, high23), _mm512_load_si512(weights + 128));
    c[3] = _mm512_dpbusd_epi32(c[3], _mm512_unpackhi_epi16(high01, high23), _mm512_load_si512(weights + 192));
  }
}

TARGET static void strip(const kerf_dw_strip *s) {
  const kerf_bounds bounds = kerf_load_bounds(s->output);
  for (int64_t channel = s->first; channel < s->last; channel += BLOCK) {
    const int count = (int)kerf_min(BLOCK, s->last - channel);
    const __mmask64 mask = count == BLOCK ? ~(__mmask64)0 : ((__mmask64)1 << count) - 1;
    kerf_lanes lanes[4];
    order_weights(s, channel / BLOCK);
    order_lanes(s, channel, count, lanes);
    for (int64_t pixel = 0; pixel < s->pixels; pixel++) {
      __m512i c[4];
      sum64(s, s->taps + pixel, channel, mask, c);
      for (int q = 0; q < 4; q++) c[q] = kerf_requantize_lanes(c[q], &lanes[q], &bounds);
      __m512i y = _mm512_packus_epi16(_mm512_packs_epi32(c[0], c[1]), _mm512_packs_epi32(c[2], c[3]));
      _mm512_mask_storeu_epi8(s->y + pixel * s->channels + channel, mask, y);
    }
  }
}

int kerf_run_depthwise_u8_u8_avx512vnni(const kerf_call *c) { return kerf_run_depthwise_u8(c, strip); }
#endif
