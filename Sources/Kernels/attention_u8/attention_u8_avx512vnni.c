// ATTENTION_U8 for AVX-512 with VNNI.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../gemm_u8/gemm_u8_avx512.h"
#include "attention_u8.h"

KERF_NO_CONTRACT

/// The lanes of the four vectors of 64 keys that count.
INLINE __mmask16 lanes(int64_t left, int i) {
  left -= 16 * i;
  return left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

/// Vector i of the sums of 64 keys from n on.
INLINE __m512i sums(const kerf_attention_u8_scores *s, int64_t n, int i) {
  const int32_t *at = s->at + n / KERF_Q8_TILE * s->step + i / 2 * s->step + i % 2 * 16;
  return _mm512_add_epi32(_mm512_loadu_si512(at), _mm512_loadu_si512(s->init + n + 16 * i));
}

/// The numbers they stand for, with the mask.
INLINE __m512 masked(const kerf_attention_u8_scores *s, int64_t n, int i, __mmask16 kept) {
  const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums(s, n, i)), _mm512_set1_ps(s->scale));
  return _mm512_add_ps(scaled, _mm512_maskz_loadu_ps(kept, s->mask + n + 16 * i));
}

/// Greatest of 64 keys and `top`; `whole`: all of them count.
INLINE __m512i top_of_sums(const int whole, const kerf_attention_u8_scores *s, int64_t n, __m512i top) {
  UNROLL
  for (int i = 0; i < 4; i++) {
    const __m512i x = sums(s, n, i);
    top = whole ? _mm512_max_epi32(top, x) : _mm512_mask_max_epi32(top, lanes(s->seen - n, i), top, x);
  }
  return top;
}

/// The second operand of max and min is the result where the first is no number.
INLINE __m512 top_of_masked(const int whole, const kerf_attention_u8_scores *s, int64_t n, __m512 top) {
  UNROLL
  for (int i = 0; i < 4; i++) {
    const __mmask16 kept = whole ? 0xffff : lanes(s->seen - n, i);
    top = _mm512_mask_max_ps(top, kept, masked(s, n, i, kept), top);
  }
  return top;
}

/// Codes of the probabilities of 64 keys, by how far they are below the top, in steps.
INLINE __m512i powers(const __m512 *differences) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i low = _mm512_loadu_si512(kerf_attention_u8_halves);
  const __m512i high = _mm512_loadu_si512(kerf_attention_u8_halves + 32);
  __m512i step[4], codes[2];
  UNROLL
  for (int i = 0; i < 4; i++)
    step[i] = _mm512_cvtps_epi32(_mm512_min_ps(differences[i], _mm512_set1_ps(KERF_ATTENTION_U8_LAST)));
  UNROLL
  for (int i = 0; i < 2; i++) {
    const __m512i both = _mm512_packus_epi32(step[2 * i], step[2 * i + 1]);
    // The lowest 6 bits of a lane choose its number.
    const __m512i halved = _mm512_srlv_epi16(_mm512_permutex2var_epi16(low, both, high), _mm512_srli_epi16(both, 6));
    codes[i] = _mm512_srli_epi16(_mm512_add_epi16(halved, _mm512_set1_epi16(128)), 8);
  }
  return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(codes[0], codes[1]));
}

/// Stores 64 codes, 0 where a key does not count, and adds them up.
INLINE __m512i keep(const int whole, __m512i codes, int64_t left, uint8_t *p, __m512i total) {
  if (!whole) codes = _mm512_maskz_mov_epi8(left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1, codes);
  _mm512_storeu_si512(p, codes);
  return _mm512_dpbusd_epi32(total, codes, _mm512_set1_epi8(1));
}

INLINE __m512i powers_of_sums(const int whole, const kerf_attention_u8_scores *s, int64_t n, __m512i top, uint8_t *p,
                              __m512i total) {
  __m512 differences[4];
  UNROLL
  for (int i = 0; i < 4; i++) {
    const __m512i difference = _mm512_sub_epi32(top, sums(s, n, i));
    differences[i] = _mm512_mul_ps(_mm512_cvtepi32_ps(difference), _mm512_set1_ps(s->steps));
  }
  return keep(whole, powers(differences), s->seen - n, p + n, total);
}

INLINE __m512i powers_of_masked(const int whole, const kerf_attention_u8_scores *s, int64_t n, __m512 top, uint8_t *p,
                                __m512i total) {
  __m512 differences[4];
  UNROLL
  for (int i = 0; i < 4; i++) {
    const __m512 x = masked(s, n, i, whole ? 0xffff : lanes(s->seen - n, i));
    differences[i] = _mm512_mul_ps(_mm512_sub_ps(top, x), _mm512_set1_ps(s->steps));
  }
  return keep(whole, powers(differences), s->seen - n, p + n, total);
}

TARGET static int32_t soften_sums(const kerf_attention_u8_scores *s, uint8_t *p) {
  const int64_t whole = s->seen / 64 * 64;
  __m512i top = _mm512_set1_epi32(INT32_MIN), total = _mm512_setzero_si512();
  for (int64_t n = 0; n < whole; n += 64) top = top_of_sums(1, s, n, top);
  if (whole < s->seen) top = top_of_sums(0, s, whole, top);
  top = _mm512_set1_epi32(_mm512_reduce_max_epi32(top));
  for (int64_t n = 0; n < whole; n += 64) total = powers_of_sums(1, s, n, top, p, total);
  if (whole < s->seen) total = powers_of_sums(0, s, whole, top, p, total);
  return _mm512_reduce_add_epi32(total);
}

TARGET static int32_t soften_masked(const kerf_attention_u8_scores *s, uint8_t *p) {
  const int64_t whole = s->seen / 64 * 64;
  __m512 top = _mm512_set1_ps(-__builtin_inff());
  __m512i total = _mm512_setzero_si512();
  for (int64_t n = 0; n < whole; n += 64) top = top_of_masked(1, s, n, top);
  if (whole < s->seen) top = top_of_masked(0, s, whole, top);
  top = _mm512_set1_ps(_mm512_reduce_max_ps(top));
  for (int64_t n = 0; n < whole; n += 64) total = powers_of_masked(1, s, n, top, p, total);
  if (whole < s->seen) total = powers_of_masked(0, s, whole, top, p, total);
  return _mm512_reduce_add_epi32(total);
}

TARGET static int32_t soften(const kerf_attention_u8_scores *s, uint8_t *p) {
  for (int64_t n = (s->seen + 63) / 64 * 64; n < s->count; n += 64) _mm512_storeu_si512(p + n, _mm512_setzero_si512());
  return s->mask ? soften_masked(s, p) : soften_sums(s, p);
}

/// To the nearest integers within bounds; what is no number is the lower one.
INLINE __m512i rounded(__m512 x, __m512 low, __m512 high) {
  return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(x, low), high));
}

/// 16 columns, from `at` on, of a row.
INLINE __m512 scaled(const kerf_attention_u8_sums *s, int r, int at) {
  const __m512i acc = _mm512_loadu_si512(s->acc + r * KERF_Q8_TILE + at);
  const __m512 sum = _mm512_cvtepi32_ps(_mm512_add_epi32(acc, _mm512_loadu_si512(s->init + at)));
  return _mm512_mul_ps(_mm512_mul_ps(sum, _mm512_loadu_ps(s->scale + at)), _mm512_set1_ps(s->factor[r]));
}

TARGET static void store_codes(const kerf_attention_u8_sums *s, int32_t y_zero, uint8_t *y) {
  const __m512 low = _mm512_set1_ps((float)-y_zero), high = _mm512_set1_ps((float)(255 - y_zero));
  const __m512i zero = _mm512_set1_epi32(y_zero);
  for (int at = 0; at < s->columns; at += 16) {
    const __mmask16 kept = lanes(s->columns - at, 0);
    for (int r = 0; r < s->rows; r++) {
      const __m128i codes = _mm512_cvtepi32_epi8(_mm512_add_epi32(rounded(scaled(s, r, at), low, high), zero));
      if (kept == 0xffff) _mm_storeu_si128((__m128i *)(void *)(y + r * s->ldy + at), codes);
      else _mm_mask_storeu_epi8(y + r * s->ldy + at, kept, codes);
    }
  }
}

TARGET static void store_floats(const kerf_attention_u8_sums *s, float *y) {
  for (int at = 0; at < s->columns; at += 16) {
    const __mmask16 kept = lanes(s->columns - at, 0);
    for (int r = 0; r < s->rows; r++) _mm512_mask_storeu_ps(y + r * s->ldy + at, kept, scaled(s, r, at));
  }
}

TARGET static void greatest(const float *v, int64_t row, int64_t rows, int64_t columns, float *most) {
  for (int64_t at = 0; at < columns; at += 16) {
    const __mmask16 kept = lanes(columns - at, 0);
    __m512 top = _mm512_setzero_ps();
    for (int64_t r = 0; r < rows; r++)
      top = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(kept, v + r * row + at)), top);
    _mm512_mask_storeu_ps(most + at, kept, top);
  }
}

TARGET static void encode(const kerf_attention_u8_values *v, int8_t codes[4][KERF_ATTENTION_U8_GROUP]) {
  const __m512 high = _mm512_set1_ps(KERF_ATTENTION_U8_VALUE), low = _mm512_set1_ps(-KERF_ATTENTION_U8_VALUE);
  memset(codes, 0, 4 * KERF_ATTENTION_U8_GROUP);
  for (int at = 0; at < v->columns; at += 16) {
    const __mmask16 kept = lanes(v->columns - at, 0);
    const __m512 steps = _mm512_maskz_loadu_ps(kept, v->steps + at);
    __m512 carry = _mm512_maskz_loadu_ps(kept, v->carry + at);
    for (int r = 0; r < v->rows; r++) {
      const __m512 step = _mm512_mul_ps(_mm512_maskz_loadu_ps(kept, v->v + r * v->row + at), steps);
      const __m512 wanted = _mm512_add_ps(step, carry);
      const __m512i code = rounded(wanted, low, high);
      _mm_storeu_si128((__m128i *)(void *)(codes[r] + at), _mm512_cvtepi32_epi8(code));
      carry = _mm512_sub_ps(wanted, _mm512_cvtepi32_ps(code));
    }
    _mm512_mask_storeu_ps(v->carry + at, kept, carry);
  }
}

static const kerf_attention_u8_isa isa = {&kerf_q8_avx512vnni, soften, store_codes, store_floats, greatest, encode};

int kerf_run_attention_u8_avx512vnni(const kerf_call *call) { return kerf_run_attention_u8(call, &isa); }
#endif
