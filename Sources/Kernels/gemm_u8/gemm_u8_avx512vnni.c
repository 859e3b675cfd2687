#if defined(__x86_64__)
#include <immintrin.h>

#include "gemm_u8_avx512.h"

KERF_NO_CONTRACT

INLINE __m512i broadcast(const uint8_t *a) {
  int32_t v;
  memcpy(&v, a, 4);
  return _mm512_set1_epi32(v);
}

/// `sets` independent sums per element hide the latency where there are few rows.
INLINE void body(const int rows, const int panels, const int sets, int64_t blocks, const uint8_t *a, int64_t lda,
                 const int8_t *b, int64_t stride, int32_t *acc) {
  __m512i c[28];
  UNROLL
  for (int i = 0; i < sets * rows * panels; i++) c[i] = _mm512_setzero_si512();
  int64_t k = 0;
  for (; k + sets <= blocks; k += sets) {
    UNROLL
    for (int s = 0; s < sets; s++) {
      __m512i w[2];
      UNROLL
      for (int p = 0; p < panels; p++) w[p] = _mm512_loadu_si512(b + p * stride + (k + s) * 64);
      UNROLL
      for (int r = 0; r < rows; r++) {
        __m512i x = broadcast(a + r * lda + (k + s) * 4);
        UNROLL
        for (int p = 0; p < panels; p++) {
          int i = (s * rows + r) * panels + p;
          c[i] = _mm512_dpbusd_epi32(c[i], x, w[p]);
        }
      }
    }
  }
  for (; k < blocks; k++) {
    UNROLL
    for (int r = 0; r < rows; r++) {
      __m512i x = broadcast(a + r * lda + k * 4);
      UNROLL
      for (int p = 0; p < panels; p++) {
        c[r * panels + p] = _mm512_dpbusd_epi32(c[r * panels + p], x, _mm512_loadu_si512(b + p * stride + k * 64));
      }
    }
  }
  UNROLL
  for (int i = 0; i < rows * panels; i++) {
    __m512i sum = c[i];
    UNROLL
    for (int s = 1; s < sets; s++) sum = _mm512_add_epi32(sum, c[s * rows * panels + i]);
    _mm512_storeu_si512(acc + i / panels * KERF_Q8_TILE + i % panels * KERF_Q8_PANEL, sum);
  }
}

#define CASE(r, sets)                                                     \
  case r:                                                                 \
    if (panels == 2) body(r, 2, sets, blocks, a, lda, b, stride, acc);    \
    else body(r, 1, sets, blocks, a, lda, b, stride, acc);                \
    break;

TARGET static void tile(int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b,
                        int64_t stride, int32_t *acc) {
  switch (rows) {
    CASE(1, 8) CASE(2, 4) CASE(3, 4) CASE(4, 2) CASE(5, 2) CASE(6, 2) CASE(7, 2)
    CASE(8, 1) CASE(9, 1) CASE(10, 1) CASE(11, 1) CASE(12, 1) CASE(13, 1) CASE(14, 1)
    default: break;
  }
}

TARGET static void requantize(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                              const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  const kerf_bounds b = kerf_load_bounds(o);
  for (int at = 0; at < columns; at += 16) {
    const kerf_lanes l = kerf_load_lanes(p->init + at, p->multiplier + at, p->shift + at);
    const __mmask16 mask = columns - at >= 16 ? 0xffff : (__mmask16)((1u << (columns - at)) - 1);
    for (int r = 0; r < rows; r++) {
      __m512i sum = _mm512_loadu_si512(acc + r * KERF_Q8_TILE + at);
      _mm_mask_storeu_epi8(y + r * ldy + at, mask, _mm512_cvtepi32_epi8(kerf_requantize_lanes(sum, &l, &b)));
    }
  }
}

TARGET static void scale(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y, int64_t ldy) {
  for (int at = 0; at < columns; at += 16) {
    const __m512i init = _mm512_loadu_si512(p->init + at);
    const __m512 factor = _mm512_loadu_ps(p->scale + at), bias = _mm512_loadu_ps(p->bias + at);
    const __mmask16 mask = columns - at >= 16 ? 0xffff : (__mmask16)((1u << (columns - at)) - 1);
    for (int r = 0; r < rows; r++) {
      __m512i sum = _mm512_add_epi32(_mm512_loadu_si512(acc + r * KERF_Q8_TILE + at), init);
      __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), factor);
      _mm512_mask_storeu_ps(y + r * ldy + at, mask, _mm512_add_ps(product, bias));
    }
  }
}

const kerf_q8_isa kerf_q8_avx512vnni = {14, 0, tile, requantize, scale, kerf_unary_avx512, NULL, NULL};
#endif
