#include <math.h>

#include "gemm_u8.h"

int kerf_fixed_point(double factor, int32_t *multiplier, int32_t *shift) {
  if (!(factor >= 0) || factor >= 0x1p30) return 0;
  int exponent;
  int64_t scaled = (int64_t)(frexp(factor, &exponent) * 0x1p31 + 0.5);
  if (scaled == (int64_t)1 << 31) {
    scaled >>= 1;
    exponent++;
  }
  int32_t down = factor > 0 ? 31 - exponent : 31;
  if (down < 1) return 0;
  const int32_t excess = down > 62 ? down - 62 : 0;
  *multiplier = excess < 32 ? (int32_t)(scaled >> excess) : 0;
  *shift = down - excess;
  return 1;
}
