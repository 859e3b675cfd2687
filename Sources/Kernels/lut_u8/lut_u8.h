#ifndef KERF_LUT_U8_H
#define KERF_LUT_U8_H

#include "../common/tensors.h"

typedef struct kerf_lut_u8 {
  const uint8_t *x, *table;
  uint8_t *y;
} kerf_lut_u8;

/// Elements begin ..< end of a kerf_lut_u8.
void kerf_lut_u8_range(void *context, int64_t begin, int64_t end);
int kerf_run_lut_u8(const kerf_call *c, kerf_range_fn range);

#endif
