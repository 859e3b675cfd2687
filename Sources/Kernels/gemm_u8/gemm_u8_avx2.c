#if defined(__x86_64__)
#include <immintrin.h>

#include "gemm_u8_avx2.h"

KERF_NO_CONTRACT

/// Both operands widened to 16 bits, so that no product or sum of two saturates. c[r][q] holds two partial sums for
/// each of the columns 4q ... 4q + 3.
INLINE void body(const int rows, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int32_t *acc) {
  __m256i c[12];
  UNROLL
  for (int i = 0; i < rows * 4; i++) c[i] = _mm256_setzero_si256();
  for (int64_t k = 0; k < blocks; k++) {
    __m256i x[3];
    UNROLL
    for (int r = 0; r < rows; r++) {
      int32_t v;
      memcpy(&v, a + r * lda + k * 4, 4);
      x[r] = _mm256_cvtepu8_epi16(_mm_set1_epi32(v));
    }
    UNROLL
    for (int q = 0; q < 4; q++) {
      __m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(b + k * 64 + q * 16)));
      UNROLL
      for (int r = 0; r < rows; r++) c[r * 4 + q] = _mm256_add_epi32(c[r * 4 + q], _mm256_madd_epi16(x[r], w));
    }
  }
  UNROLL
  for (int i = 0; i < rows * 4; i += 2) {
    __m256i pair = _mm256_permute4x64_epi64(_mm256_hadd_epi32(c[i], c[i + 1]), _MM_SHUFFLE(3, 1, 2, 0));
    _mm256_storeu_si256((__m256i *)(void *)(acc + i / 4 * KERF_Q8_TILE + i % 4 * 4), pair);
  }
}

TARGET static void tile(int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b,
                        int64_t stride, int32_t *acc) {
  for (int p = 0; p < panels; p++, b += stride, acc += KERF_Q8_PANEL) {
    if (rows == 3) body(3, blocks, a, lda, b, acc);
    else if (rows == 2) body(2, blocks, a, lda, b, acc);
    else body(1, blocks, a, lda, b, acc);
  }
}

/// Bytes multiplied as they are, where no sum of two products leaves 16 bits. c[2r], c[2r + 1] hold 8 columns each.
INLINE void pairs_body(const int rows, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int32_t *acc) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i c[12];
  UNROLL
  for (int i = 0; i < rows * 2; i++) c[i] = _mm256_setzero_si256();
  for (int64_t k = 0; k < blocks; k++, a += 4, b += 64) {
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)b);
    const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(b + 32));
    UNROLL
    for (int r = 0; r < rows; r++) {
      int32_t four;
      memcpy(&four, a + r * lda, 4);
      const __m256i x = _mm256_set1_epi32(four);
      c[2 * r] = _mm256_add_epi32(c[2 * r], _mm256_madd_epi16(_mm256_maddubs_epi16(x, w0), ones));
      c[2 * r + 1] = _mm256_add_epi32(c[2 * r + 1], _mm256_madd_epi16(_mm256_maddubs_epi16(x, w1), ones));
    }
  }
  UNROLL
  for (int i = 0; i < rows * 2; i++) {
    _mm256_storeu_si256((__m256i *)(void *)(acc + i / 2 * KERF_Q8_TILE + i % 2 * 8), c[i]);
  }
}

TARGET static void pairs_tile(int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b,
                              int64_t stride, int32_t *acc) {
  for (int p = 0; p < panels; p++, b += stride, acc += KERF_Q8_PANEL) {
    switch (rows) {
      case 1: pairs_body(1, blocks, a, lda, b, acc); break;
      case 2: pairs_body(2, blocks, a, lda, b, acc); break;
      case 3: pairs_body(3, blocks, a, lda, b, acc); break;
      case 4: pairs_body(4, blocks, a, lda, b, acc); break;
      case 5: pairs_body(5, blocks, a, lda, b, acc); break;
      default: pairs_body(6, blocks, a, lda, b, acc); break;
    }
  }
}

TARGET static void requantize_any(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                                  const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  const kerf_bounds b = kerf_load_bounds(o);
  for (int at = 0; at < columns; at += 8) {
    const kerf_lanes l = kerf_load_lanes(p, at);
    const int n = columns - at < 8 ? columns - at : 8;
    for (int r = 0; r < rows; r++) {
      const __m256i v = kerf_requantize_any(kerf_load8(acc + r * KERF_Q8_TILE + at), &l, &b);
      const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
      kerf_store_bytes(y + r * ldy + at, _mm_packus_epi16(words, words), n);
    }
  }
}

/// Sixteen columns of two rows as bytes, a row in each half.
INLINE __m256i requantize_rows(const int32_t *first, const int32_t *second, const kerf_lanes l[2],
                               const kerf_limits *limits) {
  const __m256i a = kerf_pack_words(kerf_requantize_upper(kerf_load8(first), l),
                                    kerf_requantize_upper(kerf_load8(first + 8), l + 1), limits);
  const __m256i c = kerf_pack_words(kerf_requantize_upper(kerf_load8(second), l),
                                    kerf_requantize_upper(kerf_load8(second + 8), l + 1), limits);
  // In each half: four columns of the first row, the four eight further on, and the same of the second row.
  return _mm256_permutevar8x32_epi32(kerf_pack_bytes(a, c, limits), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

INLINE void requantize_panel(int rows, int n, const int32_t *acc, const kerf_lanes l[2], const kerf_q8_output *o,
                             uint8_t *y, int64_t ldy) {
  const kerf_limits limits = kerf_load_limits(o);
  for (int r = 0; r < rows; r += 2) {
    const int next = r + 1 < rows ? r + 1 : r;
    const __m256i bytes = requantize_rows(acc + r * KERF_Q8_TILE, acc + next * KERF_Q8_TILE, l, &limits);
    kerf_store_bytes(y + r * ldy, _mm256_castsi256_si128(bytes), n);
    kerf_store_bytes(y + next * ldy, _mm256_extracti128_si256(bytes, 1), n);
  }
}

TARGET void kerf_q8_requantize_avx2(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                                    const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  for (int at = 0; at < columns; at += 16) {
    const kerf_lanes l[2] = {kerf_load_lanes(p, at), kerf_load_lanes(p, at + 8)};
    const int n = columns - at < 16 ? columns - at : 16;
    if (!kerf_shifts_upper(l) || !kerf_shifts_upper(l + 1)) {
      requantize_any(rows, columns, acc, p, o, y, ldy);
      return;
    }
    requantize_panel(rows, n, acc + at, l, o, y + at, ldy);
  }
}

TARGET void kerf_q8_scale_avx2(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y,
                               int64_t ldy) {
  for (int at = 0; at < columns; at += 8) {
    const __m256i init = _mm256_loadu_si256((const __m256i *)(const void *)(p->init + at));
    const __m256 factor = _mm256_loadu_ps(p->scale + at), bias = _mm256_loadu_ps(p->bias + at);
    const int n = columns - at < 8 ? columns - at : 8;
    for (int r = 0; r < rows; r++) {
      __m256i sum = _mm256_loadu_si256((const __m256i *)(const void *)(acc + r * KERF_Q8_TILE + at));
      __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(sum, init)), factor);
      float out[8];
      if (n == 8) _mm256_storeu_ps(y + r * ldy + at, _mm256_add_ps(product, bias));
      else {
        _mm256_storeu_ps(out, _mm256_add_ps(product, bias));
        memcpy(y + r * ldy + at, out, (size_t)n * sizeof(float));
      }
    }
  }
}

TARGET void kerf_q8_add_residual_avx2(int rows, int columns, int32_t *acc, const kerf_q8_columns *p, int shift,
                                      const uint8_t *residual, int64_t ld) {
  const int whole = columns / 8 * 8;
  for (int at = 0; at < whole; at += 8) {
    const __m256i factor = kerf_load8(p->factor + at);
    for (int r = 0; r < rows; r++) {
      __m256i *to = (__m256i *)(void *)(acc + r * KERF_Q8_TILE + at);
      const __m256i codes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(residual + r * ld + at)));
      const __m256i sum = _mm256_sll_epi32(_mm256_loadu_si256(to), _mm_cvtsi32_si128(shift));
      _mm256_storeu_si256(to, _mm256_add_epi32(sum, _mm256_mullo_epi32(codes, factor)));
    }
  }
  for (int r = 0; r < rows && whole < columns; r++) {
    for (int c = whole; c < columns; c++) {
      uint32_t *sum = (uint32_t *)acc + r * KERF_Q8_TILE + c;
      *sum = (*sum << shift) + (uint32_t)p->factor[c] * residual[r * ld + c];
    }
  }
}

static const kerf_q8_isa pairs = {
  .rows = 6, .tile = pairs_tile, .requantize = kerf_q8_requantize_avx2, .scale = kerf_q8_scale_avx2,
  .unary = kerf_unary_avx2, .add_residual = kerf_q8_add_residual_avx2,
};
const kerf_q8_isa kerf_q8_avx2 = {
  .rows = 3, .tile = tile, .requantize = kerf_q8_requantize_avx2, .scale = kerf_q8_scale_avx2, .unary = kerf_unary_avx2,
  .add_residual = kerf_q8_add_residual_avx2, .wide = &kerf_q8_wide_avx2, .pairs = &pairs,
};
#endif
