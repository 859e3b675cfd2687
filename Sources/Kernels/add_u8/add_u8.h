// What the instruction sets of ADD_U8 share.
#ifndef KERF_ADD_U8_H
#define KERF_ADD_U8_H

#include "../common/tensors.h"

typedef struct kerf_add_u8 {
  const uint8_t *a, *b;
  uint8_t *y;
  int32_t ma, mb, constant, shift, zero, low, high;  // constant: zero points and rounding
  int64_t terms_a[256], terms_b[256];
} kerf_add_u8;

/// Elements begin ..< end in 32 bits, by the compiler's vectors.
void kerf_add_u8_narrow_portable(void *context, int64_t begin, int64_t end);
void kerf_add_u8_narrow_avx2(void *context, int64_t begin, int64_t end);
void kerf_add_u8_narrow_avx512(void *context, int64_t begin, int64_t end);

/// `pairs` is for multipliers of 16 bits, where y_zero << shift fits the sum too.
int kerf_run_add_u8(const kerf_call *call, kerf_range_fn narrow, kerf_range_fn pairs);

#endif
