#if defined(__x86_64__)
#include <immintrin.h>

#include "gemm_u8.h"

KERF_NO_CONTRACT

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

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

/// Per 8 columns: the even and the odd 64-bit lanes of the parameters; `top` is what the logical shift of the biased
/// number has too much.
typedef struct lanes {
  __m256i init, m_even, m_odd, s_even, s_odd, r_even, r_odd, top_even, top_odd;
} lanes;

INLINE lanes load_lanes(const kerf_q8_columns *p, int at) {
  const __m256i low = _mm256_set1_epi64x(0xffffffff), one = _mm256_set1_epi64x(1);
  const __m256i top = _mm256_set1_epi64x(INT64_MIN);
  __m256i m = _mm256_loadu_si256((const __m256i *)(const void *)(p->multiplier + at));
  __m256i s = _mm256_loadu_si256((const __m256i *)(const void *)(p->shift + at));
  lanes l = {.init = _mm256_loadu_si256((const __m256i *)(const void *)(p->init + at))};
  l.m_even = m;
  l.m_odd = _mm256_srli_epi64(m, 32);
  l.s_even = _mm256_and_si256(s, low);
  l.s_odd = _mm256_srli_epi64(s, 32);
  l.r_even = _mm256_sllv_epi64(one, _mm256_sub_epi64(l.s_even, one));
  l.r_odd = _mm256_sllv_epi64(one, _mm256_sub_epi64(l.s_odd, one));
  l.top_even = _mm256_srlv_epi64(top, l.s_even);
  l.top_odd = _mm256_srlv_epi64(top, l.s_odd);
  return l;
}

/// clamp((acc * m + r) >> s): the arithmetic shift is a logical one of the number plus 2^63.
INLINE __m256i shift_clamp(__m256i acc, __m256i m, __m256i r, __m256i s, __m256i top, __m256i low, __m256i high) {
  __m256i v = _mm256_add_epi64(_mm256_mul_epi32(acc, m), r);
  v = _mm256_srlv_epi64(_mm256_xor_si256(v, _mm256_set1_epi64x(INT64_MIN)), s);
  v = _mm256_sub_epi64(v, top);
  v = _mm256_blendv_epi8(v, low, _mm256_cmpgt_epi64(low, v));
  return _mm256_blendv_epi8(v, high, _mm256_cmpgt_epi64(v, high));
}

INLINE __m128i requantize8(__m256i acc, const lanes *l, __m256i low, __m256i high, __m256i zero) {
  acc = _mm256_add_epi32(acc, l->init);
  __m256i even = shift_clamp(acc, l->m_even, l->r_even, l->s_even, l->top_even, low, high);
  __m256i odd = shift_clamp(_mm256_srli_epi64(acc, 32), l->m_odd, l->r_odd, l->s_odd, l->top_odd, low, high);
  __m256i y = _mm256_add_epi32(_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa), zero);
  __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
  return _mm_packus_epi16(words, words);
}

TARGET static void requantize(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                              const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  const __m256i low = _mm256_set1_epi64x(o->y_min - o->y_zero), high = _mm256_set1_epi64x(o->y_max - o->y_zero);
  const __m256i zero = _mm256_set1_epi32(o->y_zero);
  for (int at = 0; at < columns; at += 8) {
    const lanes l = load_lanes(p, at);
    const int n = columns - at < 8 ? columns - at : 8;
    for (int r = 0; r < rows; r++) {
      __m256i sum = _mm256_loadu_si256((const __m256i *)(const void *)(acc + r * KERF_Q8_TILE + at));
      int64_t bytes = _mm_cvtsi128_si64(requantize8(sum, &l, low, high, zero));
      if (n == 8) memcpy(y + r * ldy + at, &bytes, 8);
      else memcpy(y + r * ldy + at, &bytes, (size_t)n);
    }
  }
}

TARGET static void scale(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y, int64_t ldy) {
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

const kerf_q8_isa kerf_q8_avx2 = {3, 0, tile, requantize, scale, kerf_unary_avx2};
#endif
