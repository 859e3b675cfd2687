#if defined(__x86_64__)
#include <immintrin.h>

#include "../gemm_u8/gemm_u8_avx2.h"
#include "winograd_u8.h"

INLINE __m256i add(__m256i a, __m256i b) { return _mm256_add_epi16(a, b); }
INLINE __m256i sub(__m256i a, __m256i b) { return _mm256_sub_epi16(a, b); }

/// Bt of four values, `step` apart.
INLINE void transform_input(__m256i *x, const int step) {
  const __m256i a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
  x[0] = sub(a, c);
  x[step] = add(b, c);
  x[2 * step] = sub(c, b);
  x[3 * step] = sub(b, d);
}

TARGET static void input(const uint8_t *const pixels[KERF_WINOGRAD_POINTS], int64_t c, int16_t *v, int64_t stride) {
  for (int64_t at = 0; at < c; at += 16) {
    __m256i x[KERF_WINOGRAD_POINTS];
    UNROLL
    for (int i = 0; i < KERF_WINOGRAD_POINTS; i++) {
      x[i] = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(pixels[i] + at)));
    }
    UNROLL
    for (int i = 0; i < 4; i++) transform_input(x + i, 4);
    UNROLL
    for (int i = 0; i < 4; i++) transform_input(x + 4 * i, 1);
    UNROLL
    for (int i = 0; i < KERF_WINOGRAD_POINTS; i++) {
      _mm256_storeu_si256((__m256i *)(void *)(v + i * stride + at), x[i]);
    }
  }
}

/// 2 G of three values.
INLINE void transform_weights(__m256i a, __m256i b, __m256i c, __m256i to[4]) {
  const __m256i ends = add(a, c);
  to[0] = add(a, a);
  to[1] = add(ends, b);
  to[2] = sub(ends, b);
  to[3] = add(c, c);
}

TARGET static void weights(int64_t c, const int8_t *panel, int16_t *u) {
  const int64_t tap = c / 4 * 64, point = c * KERF_Q8_PANEL;
  _Alignas(32) int16_t wide[9][64];
  for (int64_t k = 0; k < c / 4; k++, panel += 64, u += 64) {
    for (int t = 0; t < 9; t++) kerf_q8_wide_avx2.widen_panel(1, panel + t * tap, wide[t]);
    for (int part = 0; part < 4; part++) {
      __m256i w[9], columns[3][4];
      UNROLL
      for (int t = 0; t < 9; t++) w[t] = _mm256_load_si256((const __m256i *)(const void *)(wide[t] + part * 16));
      UNROLL
      for (int i = 0; i < 3; i++) transform_weights(w[i], w[3 + i], w[6 + i], columns[i]);
      UNROLL
      for (int i = 0; i < 4; i++) {
        __m256i row[4];
        transform_weights(columns[0][i], columns[1][i], columns[2][i], row);
        UNROLL
        for (int q = 0; q < 4; q++) {
          _mm256_storeu_si256((__m256i *)(void *)(u + (i * 4 + q) * point + part * 16), row[q]);
        }
      }
    }
  }
}

/// At of four values, `step` apart, into two.
INLINE void transform_output(const __m256i *m, const int step, __m256i *first, __m256i *second) {
  const __m256i sum = _mm256_add_epi32(m[step], m[2 * step]), difference = _mm256_sub_epi32(m[step], m[2 * step]);
  *first = _mm256_add_epi32(m[0], sum);
  *second = _mm256_sub_epi32(difference, m[3 * step]);
}

INLINE void output_half(const int32_t *acc, int32_t *y) {
  __m256i m[KERF_WINOGRAD_POINTS], rows[2][4];
  UNROLL
  for (int i = 0; i < KERF_WINOGRAD_POINTS; i++) m[i] = kerf_load8(acc + i * KERF_WINOGRAD_TILES * KERF_Q8_TILE);
  UNROLL
  for (int i = 0; i < 4; i++) transform_output(m + i, 4, &rows[0][i], &rows[1][i]);
  UNROLL
  for (int line = 0; line < 2; line++) {
    __m256i first, second;
    transform_output(rows[line], 1, &first, &second);
    int32_t *to = y + line * 2 * KERF_WINOGRAD_TILES * KERF_Q8_TILE;
    _mm256_storeu_si256((__m256i *)(void *)to, _mm256_srai_epi32(first, 2));
    _mm256_storeu_si256((__m256i *)(void *)(to + KERF_Q8_TILE), _mm256_srai_epi32(second, 2));
  }
}

TARGET static void output(int tiles, const int32_t *acc, int32_t *y) {
  for (int i = 0; i < tiles; i++, acc += KERF_Q8_TILE, y += 2 * KERF_Q8_TILE) {
    output_half(acc, y);
    output_half(acc + 8, y + 8);
  }
}

const kerf_q8_winograd kerf_q8_winograd_avx2 = {input, weights, output};
#endif
