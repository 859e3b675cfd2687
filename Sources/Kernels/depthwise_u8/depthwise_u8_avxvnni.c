// Four taps at a time: their bytes, interleaved, are what one instruction of AVX-VNNI multiplies and adds up.
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,avxvnni")))
#include "depthwise_u8_avx2.h"

/// [groups of taps][4] vectors: of each lane its 4 taps, as they are packed. Four channels that lie together are copied at
/// once.
TARGET static void order_weights(const kerf_dw_strip *s, const lanes *at) {
  for (int i = 0; i < BLOCK; i += 4) {
    int8_t *to = s->weights + i / 4 % 4 * BLOCK + i / 16 * 16;
    const int64_t channel = channel_of(s, at, i);
    const bool together = channel % 4 == 0 && channel_of(s, at, i + 3) == channel + 3;
    for (int64_t g = 0; g < s->groups; g++, to += 4 * BLOCK) {
      if (together) {
        memcpy(to, kerf_dw_weights(s, channel / 16, g) + channel % 16 * 4, 16);
        continue;
      }
      for (int n = 0; n < 4; n++) {
        const int64_t one = channel_of(s, at, i + n);
        memcpy(to + n * 4, kerf_dw_weights(s, one / 16, g) + one % 16 * 4, 4);
      }
    }
  }
}

/// 32 lanes of 4 taps, four vectors; behind a last tap alone stand zeros.
INLINE void load_four(const bool alone, const kerf_dw_strip *s, const uint8_t *const *taps, int64_t channel,
                      const int fold, const int count, int pixels, __m256i x[4]) {
  __m256i t[4];
  UNROLL
  for (int i = 0; i < 4; i++) {
    t[i] = alone && i > 0 ? _mm256_setzero_si256() : load32(taps + i * s->ld, channel, fold, count, pixels);
  }
  const __m256i low01 = _mm256_unpacklo_epi8(t[0], t[1]), high01 = _mm256_unpackhi_epi8(t[0], t[1]);
  const __m256i low23 = _mm256_unpacklo_epi8(t[2], t[3]), high23 = _mm256_unpackhi_epi8(t[2], t[3]);
  x[0] = _mm256_unpacklo_epi16(low01, low23);
  x[1] = _mm256_unpackhi_epi16(low01, low23);
  x[2] = _mm256_unpacklo_epi16(high01, high23);
  x[3] = _mm256_unpackhi_epi16(high01, high23);
}

INLINE void add_four(const bool alone, const kerf_dw_strip *s, const uint8_t *const *taps, int64_t channel,
                     const int fold, const int count, int pixels, const __m256i *w, __m256i c[4]) {
  __m256i x[4];
  load_four(alone, s, taps, channel, fold, count, pixels, x);
  UNROLL
  for (int q = 0; q < 4; q++) c[q] = _mm256_dpbusd_avx_epi32(c[q], x[q], _mm256_load_si256(w + q));
}

/// One vector after the other: the weights are operands in memory anyway, and two would not fit the registers.
INLINE void sum32(const int vectors, const kerf_dw_strip *s, const uint8_t *const *taps, int64_t channel,
                  const int fold, const int count, int pixels, __m256i c[][4]) {
  UNROLL
  for (int v = 0; v < vectors; v++) {
    const __m256i *w = (const __m256i *)(const void *)s->weights;
    const uint8_t *const *at = taps + v * fold;
    UNROLL
    for (int q = 0; q < 4; q++) c[v][q] = _mm256_setzero_si256();
    int64_t t = 0;
    // Windows of 3×3 and 5×5 taps leave one over. Behind other last taps stand some with weights of zero.
    for (; t + 1 < s->tap_count; t += 4, at += 4 * s->ld, w += 4) {
      add_four(false, s, at, channel, fold, count, pixels, w, c[v]);
    }
    if (t < s->tap_count) add_four(true, s, at, channel, fold, count, pixels, w, c[v]);
  }
}

int kerf_run_depthwise_u8_u8_avxvnni(const kerf_call *c) { return kerf_run_depthwise_u8(c, strip); }
#endif
