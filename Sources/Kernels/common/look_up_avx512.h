// Bytes by a table of 256, 64 at a time where the processor permutes them across registers. Include <immintrin.h> before.
#ifndef KERF_COMMON_LOOK_UP_AVX512_H
#define KERF_COMMON_LOOK_UP_AVX512_H

#include "../core/internal.h"

#define KERF_VBMI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")))

/// y[i] = table[from[i]] for rows of n bytes, `ld` apart in both; y may be from.
KERF_VBMI static inline void kerf_look_up_rows_vbmi(int64_t rows, int64_t n, const uint8_t *from, uint8_t *y, int64_t ld,
                                                    const uint8_t table[256]) {
  const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
  const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
  for (int64_t r = 0; r < rows; r++, from += ld, y += ld) {
    for (int64_t i = 0; i < n; i += 64) {
      const __mmask64 mask = n - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (n - i)) - 1;
      const __m512i x = _mm512_maskz_loadu_epi8(mask, from + i);
      const __m512i low = _mm512_permutex2var_epi8(t0, x, t1), high = _mm512_permutex2var_epi8(t2, x, t3);
      _mm512_mask_storeu_epi8(y + i, mask, _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high));
    }
  }
}

/// y[i] = table[from[i]]; y may be from.
KERF_VBMI static inline void kerf_look_up_vbmi(const uint8_t *from, uint8_t *y, int64_t n, const uint8_t table[256]) {
  kerf_look_up_rows_vbmi(1, n, from, y, n, table);
}

/// y[i] = table[y[i]] for rows of n bytes, `ld` apart.
static inline void kerf_look_up_rows(int64_t rows, int64_t n, uint8_t *y, int64_t ld, const uint8_t table[256]) {
  if (ld == n) n *= rows, rows = 1;
  if (kerf_has_vbmi()) {
    kerf_look_up_rows_vbmi(rows, n, y, y, ld, table);
    return;
  }
  for (int64_t r = 0; r < rows; r++, y += ld) {
    for (int64_t i = 0; i < n; i++) y[i] = table[y[i]];
  }
}

#endif
