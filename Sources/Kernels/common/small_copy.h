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

#endif
