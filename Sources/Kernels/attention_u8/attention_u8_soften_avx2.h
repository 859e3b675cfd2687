// Softmax of ATTENTION_U8 on vectors of AVX2: include it after KERF_TARGET is defined, before attention_u8_kernel.h.
#ifndef KERF_ATTENTION_U8_SOFTEN_AVX2_H
#define KERF_ATTENTION_U8_SOFTEN_AVX2_H

#include <immintrin.h>

#include "attention_u8.h"

KERF_NO_CONTRACT

#define KERF_SOFTEN soften_avx2
#define KERF_VECTOR static inline __attribute__((always_inline)) KERF_TARGET
#if defined(__clang__)
#define KERF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define KERF_UNROLL _Pragma("GCC unroll 4")
#endif

/// The low and the high bytes of kerf_attention_u8_halves, 16 numbers a vector, in both halves of it.
typedef struct kerf_halves {
  __m256i low[4], high[4];
} kerf_halves;

KERF_VECTOR kerf_halves load_halves(void) {
  const __m128i byte = _mm_set1_epi16(255);
  kerf_halves t;
  KERF_UNROLL
  for (int i = 0; i < 4; i++) {
    const __m128i *from = (const __m128i *)(const void *)(kerf_attention_u8_halves + 16 * i);
    const __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
    const __m128i low = _mm_packus_epi16(_mm_and_si128(a, byte), _mm_and_si128(b, byte));
    const __m128i high = _mm_packus_epi16(_mm_srli_epi16(a, 8), _mm_srli_epi16(b, 8));
    t.low[i] = _mm256_broadcastsi128_si256(low), t.high[i] = _mm256_broadcastsi128_si256(high);
  }
  return t;
}

/// The lanes of vector i of 32 keys that count.
KERF_VECTOR __m256i kept_lanes(int64_t left, int i) {
  const int n = left > 32 ? 32 : (int)left;
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n - 8 * i), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// Vector i of the sums of 32 keys from n on.
KERF_VECTOR __m256i vector_of_sums(const kerf_attention_u8_scores *s, int64_t n, int i) {
  const int32_t *at = s->at + n / KERF_Q8_TILE * s->step + 8 * i;
  const __m256i init = _mm256_loadu_si256((const __m256i *)(const void *)(s->init + n + 8 * i));
  return _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(const void *)at), init);
}

/// The numbers they stand for, with the mask; `whole`: all of them count.
KERF_VECTOR __m256 vector_of_masked(const int whole, const kerf_attention_u8_scores *s, int64_t n, int i) {
  const float *mask = s->mask + n + 8 * i;
  const __m256 added = whole ? _mm256_loadu_ps(mask) : _mm256_maskload_ps(mask, kept_lanes(s->seen - n, i));
  const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(vector_of_sums(s, n, i)), _mm256_set1_ps(s->scale));
  return _mm256_add_ps(scaled, added);
}

KERF_VECTOR __m256i top_of_sums(const int whole, const kerf_attention_u8_scores *s, int64_t n, __m256i top) {
  KERF_UNROLL
  for (int i = 0; i < 4; i++) {
    const __m256i x = vector_of_sums(s, n, i);
    top = _mm256_max_epi32(top, whole ? x : _mm256_blendv_epi8(top, x, kept_lanes(s->seen - n, i)));
  }
  return top;
}

/// The second operand of max and min is the result where the first is no number.
KERF_VECTOR __m256 top_of_masked(const int whole, const kerf_attention_u8_scores *s, int64_t n, __m256 top) {
  KERF_UNROLL
  for (int i = 0; i < 4; i++) {
    const __m256 x = vector_of_masked(whole, s, n, i), kept = _mm256_castsi256_ps(kept_lanes(s->seen - n, i));
    top = _mm256_max_ps(whole ? x : _mm256_blendv_ps(top, x, kept), top);
  }
  return top;
}

/// Of 64 bytes those that `index` names, whose bits 4 and 5 are the topmost in `bit4` and `bit5`.
KERF_VECTOR __m256i look_up(const __m256i table[4], __m256i index, __m256i bit4, __m256i bit5) {
  const __m256i first = _mm256_shuffle_epi8(table[0], index), second = _mm256_shuffle_epi8(table[1], index);
  const __m256i third = _mm256_shuffle_epi8(table[2], index), fourth = _mm256_shuffle_epi8(table[3], index);
  return _mm256_blendv_epi8(_mm256_blendv_epi8(first, second, bit4), _mm256_blendv_epi8(third, fourth, bit4), bit5);
}

/// ((halved >> octave) + 128) >> 8 of 16 bits, by a factor 2^(15 - octave): the bit that is one too many does not matter.
KERF_VECTOR __m256i code_of(__m256i halved, __m256i factor) {
  return _mm256_srli_epi16(_mm256_add_epi16(_mm256_mulhi_epu16(halved, factor), _mm256_set1_epi16(64)), 7);
}

/// Codes of the probabilities of 32 keys, by how far they are below the top, in steps. From 9 octaves on they are 0.
KERF_VECTOR __m256i powers(const __m256 *differences, const kerf_halves *t) {
  const __m256 last = _mm256_set1_ps(10 * KERF_ATTENTION_U8_PER_OCTAVE - 1);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i low_factors = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, -128, 64, 0, 0, 0, 0, 0, 0));
  const __m256i high_factors = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(-128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0));
  __m256i step[4];
  KERF_UNROLL
  for (int i = 0; i < 4; i++) step[i] = _mm256_cvtps_epi32(_mm256_min_ps(differences[i], last));
  const __m256i a = _mm256_packus_epi32(step[0], step[1]), b = _mm256_packus_epi32(step[2], step[3]);
  const __m256i below = _mm256_set1_epi16(KERF_ATTENTION_U8_PER_OCTAVE - 1);
  const __m256i octave = _mm256_packus_epi16(_mm256_srli_epi16(a, 6), _mm256_srli_epi16(b, 6));
  const __m256i index = _mm256_packus_epi16(_mm256_and_si256(a, below), _mm256_and_si256(b, below));
  const __m256i bit4 = _mm256_slli_epi16(index, 3), bit5 = _mm256_slli_epi16(index, 2);
  const __m256i low = look_up(t->low, index, bit4, bit5), high = look_up(t->high, index, bit4, bit5);
  const __m256i low_factor = _mm256_shuffle_epi8(low_factors, octave);
  const __m256i high_factor = _mm256_shuffle_epi8(high_factors, octave);
  const __m256i first = code_of(_mm256_unpacklo_epi8(low, high), _mm256_unpacklo_epi8(low_factor, high_factor));
  const __m256i second = code_of(_mm256_unpackhi_epi8(low, high), _mm256_unpackhi_epi8(low_factor, high_factor));
  return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order);
}

/// Stores 32 codes, 0 where a key does not count, and adds them up.
KERF_VECTOR __m256i keep_codes(const int whole, __m256i codes, int64_t left, uint8_t *p, __m256i total) {
  if (!whole) {
    const __m256i a = _mm256_packs_epi32(kept_lanes(left, 0), kept_lanes(left, 1));
    const __m256i b = _mm256_packs_epi32(kept_lanes(left, 2), kept_lanes(left, 3));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    codes = _mm256_and_si256(codes, _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b), order));
  }
  _mm256_storeu_si256((__m256i *)(void *)p, codes);
  return _mm256_add_epi64(total, _mm256_sad_epu8(codes, _mm256_setzero_si256()));
}

KERF_VECTOR __m256i powers_of_sums(const int whole, const kerf_attention_u8_scores *s, const kerf_halves *t, int64_t n,
                                   __m256i top, uint8_t *p, __m256i total) {
  __m256 differences[4];
  KERF_UNROLL
  for (int i = 0; i < 4; i++) {
    const __m256i difference = _mm256_sub_epi32(top, vector_of_sums(s, n, i));
    differences[i] = _mm256_mul_ps(_mm256_cvtepi32_ps(difference), _mm256_set1_ps(s->steps));
  }
  return keep_codes(whole, powers(differences, t), s->seen - n, p + n, total);
}

KERF_VECTOR __m256i powers_of_masked(const int whole, const kerf_attention_u8_scores *s, const kerf_halves *t, int64_t n,
                                     __m256 top, uint8_t *p, __m256i total) {
  __m256 differences[4];
  KERF_UNROLL
  for (int i = 0; i < 4; i++) {
    const __m256 x = vector_of_masked(whole, s, n, i);
    differences[i] = _mm256_mul_ps(_mm256_sub_ps(top, x), _mm256_set1_ps(s->steps));
  }
  return keep_codes(whole, powers(differences, t), s->seen - n, p + n, total);
}

KERF_VECTOR int32_t sum_of(__m256i total) {
  const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
  return _mm_cvtsi128_si32(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two)));
}

KERF_TARGET static int32_t soften_sums_avx2(const kerf_attention_u8_scores *s, uint8_t *p) {
  const kerf_halves t = load_halves();
  const int64_t whole = s->seen / 32 * 32;
  __m256i tops = _mm256_set1_epi32(INT32_MIN), total = _mm256_setzero_si256();
  for (int64_t n = 0; n < whole; n += 32) tops = top_of_sums(1, s, n, tops);
  if (whole < s->seen) tops = top_of_sums(0, s, whole, tops);
  int32_t top[8], most = INT32_MIN;
  _mm256_storeu_si256((__m256i *)(void *)top, tops);
  for (int i = 0; i < 8; i++) most = top[i] > most ? top[i] : most;
  tops = _mm256_set1_epi32(most);
  for (int64_t n = 0; n < whole; n += 32) total = powers_of_sums(1, s, &t, n, tops, p, total);
  if (whole < s->seen) total = powers_of_sums(0, s, &t, whole, tops, p, total);
  return sum_of(total);
}

KERF_TARGET static int32_t soften_masked_avx2(const kerf_attention_u8_scores *s, uint8_t *p) {
  const kerf_halves t = load_halves();
  const int64_t whole = s->seen / 32 * 32;
  __m256 tops = _mm256_set1_ps(-__builtin_inff());
  __m256i total = _mm256_setzero_si256();
  for (int64_t n = 0; n < whole; n += 32) tops = top_of_masked(1, s, n, tops);
  if (whole < s->seen) tops = top_of_masked(0, s, whole, tops);
  float top[8], most = -__builtin_inff();
  _mm256_storeu_ps(top, tops);
  for (int i = 0; i < 8; i++) most = top[i] > most ? top[i] : most;
  tops = _mm256_set1_ps(most);
  for (int64_t n = 0; n < whole; n += 32) total = powers_of_masked(1, s, &t, n, tops, p, total);
  if (whole < s->seen) total = powers_of_masked(0, s, &t, whole, tops, p, total);
  return sum_of(total);
}

KERF_TARGET static int32_t soften_avx2(const kerf_attention_u8_scores *s, uint8_t *p) {
  const int64_t end = (s->seen + 31) / 32 * 32;
  memset(p + end, 0, (size_t)(s->count - end));
  return s->mask ? soften_masked_avx2(s, p) : soften_sums_avx2(s, p);
}

#endif
