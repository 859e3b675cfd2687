// Copies of a few to a few hundred bytes without a call: overlapping moves of fixed sizes, nothing read or written
// outside the n bytes.
#ifndef KERF_COMMON_SMALL_COPY_H
#define KERF_COMMON_SMALL_COPY_H

#include "tensors.h"

typedef struct kerf_16 {
  uint64_t a, b;
} kerf_16;

KERF_INLINE void kerf_move16(uint8_t *to, const uint8_t *from) {
  kerf_16 v;
  memcpy(&v, from, 16);
  memcpy(to, &v, 16);
}

KERF_INLINE void kerf_small_copy(uint8_t *to, const uint8_t *from, int64_t n) {
  if (n >= 16) {
    if (n > 512) {
      memcpy(to, from, (size_t)n);
      return;
    }
    for (int64_t i = 0; i + 16 <= n; i += 16) kerf_move16(to + i, from + i);
    kerf_move16(to + n - 16, from + n - 16);
  } else if (n >= 8) {
    uint64_t a, b;
    memcpy(&a, from, 8);
    memcpy(&b, from + n - 8, 8);
    memcpy(to, &a, 8);
    memcpy(to + n - 8, &b, 8);
  } else if (n >= 4) {
    uint32_t a, b;
    memcpy(&a, from, 4);
    memcpy(&b, from + n - 4, 4);
    memcpy(to, &a, 4);
    memcpy(to + n - 4, &b, 4);
  } else {
    for (int64_t i = 0; i < n; i++) to[i] = from[i];
  }
}

/// `rows` runs of n bytes, which are `to_step` and `from_step` bytes apart. A size known here becomes moves without loops.
KERF_INLINE void kerf_copy_rows(int64_t rows, int64_t n, uint8_t *to, int64_t to_step, const uint8_t *from,
                                int64_t from_step) {
#define KERF_COPY_ROWS(copy)                                                              \
  for (int64_t r = 0; r < rows; r++, to += to_step, from += from_step) copy
  if (n == 16) KERF_COPY_ROWS(kerf_move16(to, from));
  else if (n == 32) KERF_COPY_ROWS(memcpy(to, from, 32));
  else if (n == 64) KERF_COPY_ROWS(memcpy(to, from, 64));
  else KERF_COPY_ROWS(kerf_small_copy(to, from, n));
#undef KERF_COPY_ROWS
}

#endif
