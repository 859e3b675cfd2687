#if defined(__x86_64__)
#include <immintrin.h>

#include "../common/look_up_avx512.h"
#include "gemm_u8_avx512.h"

KERF_NO_CONTRACT

INLINE __m512i broadcast(const uint8_t *a) {
  int32_t v;
  memcpy(&v, a, 4);
  return _mm512_set1_epi32(v);
}

/// `sets` blocks of 4 k from offset k of each row, and of the panels; set s sums into its own accumulators.
INLINE void step(const int rows, const int panels, const int sets, const uint8_t *const *r, int64_t k, const int8_t *b,
                 int64_t stride, __m512i *c) {
  UNROLL
  for (int s = 0; s < sets; s++) {
    __m512i w[2];
    UNROLL
    for (int p = 0; p < panels; p++) w[p] = _mm512_loadu_si512(b + p * stride + s * 64);
    UNROLL
    for (int i = 0; i < rows; i++) {
      const __m512i x = broadcast(r[i] + k + s * 4);
      UNROLL
      for (int p = 0; p < panels; p++) {
        const int at = (s * rows + i) * panels + p;
        c[at] = _mm512_dpbusd_epi32(c[at], x, w[p]);
      }
    }
  }
}

/// `sets` independent sums per element hide the latency where there are few rows.
INLINE void body(const int rows, const int panels, const int sets, const kerf_q8_pieces *pieces,
                 const uint8_t *const *a, const int8_t *b, int64_t stride, kerf_q8_next next, int32_t *acc) {
  __m512i c[28];
  UNROLL
  for (int i = 0; i < sets * rows * panels; i++) c[i] = _mm512_setzero_si512();
  for (int64_t piece = 0; piece < pieces->count; piece++) {
    const uint8_t *r[14];
    UNROLL
    for (int i = 0; i < rows; i++) r[i] = a[i] + pieces->offsets[piece];
    int64_t k = 0;
    if (sets == 1) {
      for (; k + 4 * KERF_Q8_TOGETHER <= pieces->bytes; k += 4 * KERF_Q8_TOGETHER, b += 64 * KERF_Q8_TOGETHER) {
        for (int64_t i = 0; i < next.step; i += 64) _mm_prefetch((const char *)next.at + i, _MM_HINT_T1);
        next.at += next.step;
        UNROLL
        for (int s = 0; s < KERF_Q8_TOGETHER; s++) step(rows, panels, 1, r, k + 4 * s, b + 64 * s, stride, c);
      }
    }
    for (; k + 4 * sets <= pieces->bytes; k += 4 * sets, b += 64 * sets) step(rows, panels, sets, r, k, b, stride, c);
    if (sets > 1) for (; k < pieces->bytes; k += 4, b += 64) step(rows, panels, 1, r, k, b, stride, c);
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
    if (panels == 2) body(r, 2, sets, pieces, a, b, stride, next, acc);   \
    else body(r, 1, sets, pieces, a, b, stride, next, acc);               \
    break;

TARGET static void strip(int rows, int panels, const kerf_q8_pieces *pieces, const uint8_t *const *a, const int8_t *b,
                         int64_t stride, kerf_q8_next next, int32_t *acc) {
  switch (rows) {
    CASE(1, 8) CASE(2, 4) CASE(3, 4) CASE(4, 2) CASE(5, 2) CASE(6, 2) CASE(7, 2)
    CASE(8, 1) CASE(9, 1) CASE(10, 1) CASE(11, 1) CASE(12, 1) CASE(13, 1) CASE(14, 1)
    default: break;
  }
}

/// Bytes of two rows of 32 columns, or of four rows of 16, each from its own vector, within the bounds.
INLINE __m512i bounded_codes(__m512i a, __m512i b, __m512i c, __m512i d, const kerf_q8_output *o) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
  const __m512i least = _mm512_set1_epi8((char)o->y_min), most = _mm512_set1_epi8((char)o->y_max);
  return _mm512_min_epu8(_mm512_max_epu8(_mm512_permutexvar_epi32(order, bytes), least), most);
}

/// Masked stores take longer than whole ones.
INLINE void store_32(uint8_t *y, __m256i codes, int columns) {
  if (columns >= 32) _mm256_storeu_si256((__m256i *)(void *)y, codes);
  else _mm256_mask_storeu_epi8(y, (1u << columns) - 1, codes);
}

INLINE void store_16(uint8_t *y, __m128i codes, int columns) {
  if (columns >= 16) _mm_storeu_si128((__m128i *)(void *)y, codes);
  else _mm_mask_storeu_epi8(y, (__mmask16)((1u << columns) - 1), codes);
}

/// Quick requantization of 16 columns, what their sums begin with, and the factors of codes that are added.
typedef struct column_quick {
  __m512i init, factor;
  kerf_quick quick;
} column_quick;

INLINE column_quick load_quick(const kerf_q8_columns *p, int at, const kerf_q8_output *o) {
  const __m512i multiplier = _mm512_loadu_si512(p->multiplier + at), shift = _mm512_loadu_si512(p->shift + at);
  return (column_quick){_mm512_loadu_si512(p->init + at), _mm512_loadu_si512(p->factor + at),
                        kerf_make_quick(multiplier, shift, o->y_zero)};
}

/// Codes that a tile adds to its sums.
typedef struct added_codes {
  const uint8_t *at;
  int64_t ld;
  __m128i shift;
} added_codes;

INLINE __m512i add_codes(__m512i sum, const uint8_t *codes, __mmask16 mask, __m512i factor, __m128i shift) {
  const __m128i some =
      mask == 0xffff ? _mm_loadu_si128((const __m128i *)(const void *)codes) : _mm_maskz_loadu_epi8(mask, codes);
  return _mm512_add_epi32(_mm512_sll_epi32(sum, shift), _mm512_mullo_epi32(_mm512_cvtepu8_epi32(some), factor));
}

/// Columns at ..< at + 16 of row r.
INLINE __m512i quick_codes(const bool adds, const int32_t *acc, const column_quick *c, const added_codes *added, int r,
                           int at, __mmask16 mask) {
  __m512i sum = _mm512_loadu_si512(acc + r * KERF_Q8_TILE + at);
  if (adds) sum = add_codes(sum, added->at + r * added->ld + at, mask, c->factor, added->shift);
  return kerf_requantize_quick(_mm512_add_epi32(sum, c->init), &c->quick);
}

/// Where the results of all shifts fit 32 bits: two rows at a time.
INLINE void quick_pairs(const bool adds, int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                        const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  const column_quick low = load_quick(p, 0, o), high = load_quick(p, 16, o);
  const added_codes added = {o->added.codes, o->added.ld, _mm_cvtsi32_si128(o->added.shift)};
  const __mmask16 rest = columns >= 32 ? 0xffff : (__mmask16)((1u << (columns - 16)) - 1);
  for (int r = 0; r < rows; r += 2, y += 2 * ldy) {
    const int next = r + 1 < rows ? r + 1 : r;
    const __m512i codes = bounded_codes(quick_codes(adds, acc, &low, &added, r, 0, 0xffff),
                                        quick_codes(adds, acc, &high, &added, r, 16, rest),
                                        quick_codes(adds, acc, &low, &added, next, 0, 0xffff),
                                        quick_codes(adds, acc, &high, &added, next, 16, rest), o);
    store_32(y, _mm512_castsi512_si256(codes), columns);
    if (r + 1 < rows) store_32(y + ldy, _mm512_extracti64x4_epi64(codes, 1), columns);
  }
}

/// The same of up to 16 columns, four rows at a time.
INLINE void quick_fours(const bool adds, int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                        const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  const column_quick q = load_quick(p, 0, o);
  const added_codes added = {o->added.codes, o->added.ld, _mm_cvtsi32_si128(o->added.shift)};
  const __mmask16 mask = columns >= 16 ? 0xffff : (__mmask16)((1u << columns) - 1);
  for (int r = 0; r < rows; r += 4, y += 4 * ldy) {
    __m512i v[4];
    UNROLL
    for (int i = 0; i < 4; i++) v[i] = quick_codes(adds, acc, &q, &added, r + i < rows ? r + i : r, 0, mask);
    const __m512i codes = bounded_codes(v[0], v[1], v[2], v[3], o);
    store_16(y, _mm512_castsi512_si128(codes), columns);
    if (r + 1 < rows) store_16(y + ldy, _mm512_extracti32x4_epi32(codes, 1), columns);
    if (r + 2 < rows) store_16(y + 2 * ldy, _mm512_extracti32x4_epi32(codes, 2), columns);
    if (r + 3 < rows) store_16(y + 3 * ldy, _mm512_extracti32x4_epi32(codes, 3), columns);
  }
}

TARGET static void requantize(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                              const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  const bool adds = o->added.codes != NULL;
  if (kerf_is_quick(p->shift)) {
    if (columns <= KERF_Q8_PANEL) {
      if (adds) quick_fours(true, rows, columns, acc, p, o, y, ldy);
      else quick_fours(false, rows, columns, acc, p, o, y, ldy);
    } else if (adds) {
      quick_pairs(true, rows, columns, acc, p, o, y, ldy);
    } else {
      quick_pairs(false, rows, columns, acc, p, o, y, ldy);
    }
    return;
  }
  const kerf_bounds b = kerf_load_bounds(o);
  const __m128i shift = _mm_cvtsi32_si128(o->added.shift);
  for (int at = 0; at < columns; at += 16) {
    const kerf_lanes l = kerf_load_lanes(p->init + at, p->multiplier + at, p->shift + at);
    const __m512i factor = _mm512_loadu_si512(p->factor + at);
    const __mmask16 mask = columns - at >= 16 ? 0xffff : (__mmask16)((1u << (columns - at)) - 1);
    for (int r = 0; r < rows; r++) {
      __m512i sum = _mm512_loadu_si512(acc + r * KERF_Q8_TILE + at);
      if (adds) sum = add_codes(sum, o->added.codes + r * o->added.ld + at, mask, factor, shift);
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

const kerf_q8_isa kerf_q8_avx512vnni = {
  .rows = 14, .strip = strip, .requantize = requantize, .scale = scale, .unary = kerf_unary_avx512,
  .look_up = kerf_look_up_rows,
};
#endif
