// AVX-VNNI: four products of bytes and their sum in one instruction, on vectors of AVX2.
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,avxvnni")))
#include "gemm_u8_avx2.h"

INLINE __m256i load(const int8_t *b) { return _mm256_loadu_si256((const __m256i *)(const void *)b); }

INLINE __m256i broadcast(const uint8_t *a) {
  int32_t v;
  memcpy(&v, a, 4);
  return _mm256_set1_epi32(v);
}

/// `sets` blocks of 4 k from offset k of each row, and of a panel; set s sums into its own accumulators, two a row.
INLINE void step(const int rows, const int sets, const uint8_t *const *r, int64_t k, const int8_t *b, __m256i *c) {
  UNROLL
  for (int s = 0; s < sets; s++) {
    const __m256i w0 = load(b + s * 64), w1 = load(b + s * 64 + 32);
    UNROLL
    for (int i = 0; i < rows; i++) {
      const __m256i x = broadcast(r[i] + k + s * 4);
      const int at = (s * rows + i) * 2;
      c[at] = _mm256_dpbusd_avx_epi32(c[at], x, w0);
      c[at + 1] = _mm256_dpbusd_avx_epi32(c[at + 1], x, w1);
    }
  }
}

/// One panel. `sets` independent sums per element hide the latency where there are few rows.
INLINE void body(const int rows, const int sets, const kerf_q8_pieces *pieces, const uint8_t *const *a, const int8_t *b,
                 kerf_q8_next next, int32_t *acc) {
  __m256i c[12];
  UNROLL
  for (int i = 0; i < sets * rows * 2; i++) c[i] = _mm256_setzero_si256();
  for (int64_t piece = 0; piece < pieces->count; piece++) {
    const uint8_t *r[6];
    UNROLL
    for (int i = 0; i < rows; i++) r[i] = a[i] + pieces->offsets[piece];
    int64_t k = 0;
    if (sets == 1) {
      for (; k + 4 * KERF_Q8_TOGETHER <= pieces->bytes; k += 4 * KERF_Q8_TOGETHER, b += 64 * KERF_Q8_TOGETHER) {
        for (int64_t i = 0; i < next.step; i += 64) _mm_prefetch((const char *)next.at + i, _MM_HINT_T1);
        next.at += next.step;
        UNROLL
        for (int s = 0; s < KERF_Q8_TOGETHER; s++) step(rows, 1, r, k + 4 * s, b + 64 * s, c);
      }
    }
    for (; k + 4 * sets <= pieces->bytes; k += 4 * sets, b += 64 * sets) step(rows, sets, r, k, b, c);
    if (sets > 1) for (; k < pieces->bytes; k += 4, b += 64) step(rows, 1, r, k, b, c);
  }
  UNROLL
  for (int i = 0; i < rows * 2; i++) {
    __m256i sum = c[i];
    UNROLL
    for (int s = 1; s < sets; s++) sum = _mm256_add_epi32(sum, c[s * rows * 2 + i]);
    _mm256_storeu_si256((__m256i *)(void *)(acc + i / 2 * KERF_Q8_TILE + i % 2 * 8), sum);
  }
}

TARGET static void strip(int rows, int panels, const kerf_q8_pieces *pieces, const uint8_t *const *a, const int8_t *b,
                         int64_t stride, kerf_q8_next next, int32_t *acc) {
  for (int p = 0; p < panels; p++, b += stride, acc += KERF_Q8_PANEL, next.step = 0) {
    switch (rows) {
      case 1: body(1, 4, pieces, a, b, next, acc); break;
      case 2: body(2, 2, pieces, a, b, next, acc); break;
      case 3: body(3, 2, pieces, a, b, next, acc); break;
      case 4: body(4, 1, pieces, a, b, next, acc); break;
      case 5: body(5, 1, pieces, a, b, next, acc); break;
      default: body(6, 1, pieces, a, b, next, acc); break;
    }
  }
}

const kerf_q8_isa kerf_q8_avxvnni = {
  .rows = 6, .strip = strip, .requantize = kerf_q8_requantize_avx2, .scale = kerf_q8_scale_avx2, .unary = kerf_unary_avx2,
  .add_residual = kerf_q8_add_residual_avx2,
};
#endif
