#if defined(__x86_64__)
#include <immintrin.h>

#include "../conv2d_u8/winograd_u8.h"
#include "gemm_u8_avx2.h"

INLINE __m256i load(const int16_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
INLINE void store(int16_t *p, __m256i v) { _mm256_storeu_si256((__m256i *)(void *)p, v); }

TARGET static void widen_rows(int64_t rows, int64_t n, const uint8_t *a, int64_t lda, int16_t *dst, int64_t ld) {
  for (int64_t r = 0; r < rows; r++, a += lda, dst += ld) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
      store(dst + i, _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(a + i))));
    }
    for (; i < n; i += 4) {
      int32_t four;
      memcpy(&four, a + i, 4);
      _mm_storel_epi64((__m128i *)(void *)(dst + i), _mm_cvtepu8_epi16(_mm_cvtsi32_si128(four)));
    }
  }
}

/// Four columns of 4 k, widened: k pairs alternate.
INLINE __m256i load_quarter(const int8_t *b) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)b));
}

/// From columns 0-3 and 4-7 one k pair of eight columns.
#define PAIR(low, high, pick)                                                                                     \
  _mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), \
                                                                 pick)), _MM_SHUFFLE(3, 1, 2, 0))

TARGET static void widen_panel(int64_t blocks, const int8_t *b, int16_t *dst) {
  for (int64_t k = 0; k < blocks; k++, b += 64, dst += 64) {
    const __m256i q0 = load_quarter(b), q1 = load_quarter(b + 16), q2 = load_quarter(b + 32), q3 = load_quarter(b + 48);
    store(dst, PAIR(q0, q1, 0x88));
    store(dst + 16, PAIR(q2, q3, 0x88));
    store(dst + 32, PAIR(q0, q1, 0xdd));
    store(dst + 48, PAIR(q2, q3, 0xdd));
  }
}

INLINE __m256i broadcast(const int16_t *a) {
  int32_t pair;
  memcpy(&pair, a, 4);
  return _mm256_set1_epi32(pair);
}

INLINE void body(const int rows, int64_t blocks, const int16_t *a, int64_t lda, const int16_t *b, int32_t *acc) {
  __m256i c[2 * KERF_Q16_ROWS];
  UNROLL
  for (int i = 0; i < rows * 2; i++) c[i] = _mm256_setzero_si256();
  for (int64_t k = 0; k < 2 * blocks; k++, a += 2, b += 32) {
    const __m256i w0 = load(b), w1 = load(b + 16);
    UNROLL
    for (int r = 0; r < rows; r++) {
      const __m256i x = broadcast(a + r * lda);
      c[2 * r] = _mm256_add_epi32(c[2 * r], _mm256_madd_epi16(x, w0));
      c[2 * r + 1] = _mm256_add_epi32(c[2 * r + 1], _mm256_madd_epi16(x, w1));
    }
  }
  UNROLL
  for (int i = 0; i < rows * 2; i++) {
    _mm256_storeu_si256((__m256i *)(void *)(acc + i / 2 * KERF_Q8_TILE + i % 2 * 8), c[i]);
  }
}

TARGET static void tile(int rows, int64_t blocks, const int16_t *a, int64_t lda, const int16_t *b, int32_t *acc) {
  switch (rows) {
    case 1: body(1, blocks, a, lda, b, acc); break;
    case 2: body(2, blocks, a, lda, b, acc); break;
    case 3: body(3, blocks, a, lda, b, acc); break;
    case 4: body(4, blocks, a, lda, b, acc); break;
    case 5: body(5, blocks, a, lda, b, acc); break;
    default: body(6, blocks, a, lda, b, acc); break;
  }
}

const kerf_q8_wide kerf_q8_wide_avx2 = {widen_rows, widen_panel, tile, &kerf_q8_winograd_avx2};
#endif
