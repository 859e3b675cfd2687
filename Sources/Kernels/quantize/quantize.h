// Shapes that QUANTIZE and DEQUANTIZE share: x as [outer, channels, inner], scale and zero point per channel.
#ifndef KERF_QUANTIZE_H
#define KERF_QUANTIZE_H

#include "../common/tensors.h"
#include "../common/variants.h"

typedef struct kerf_quantization {
  int64_t outer, channels, inner;
  const float *scale;   // [channels]
  const int32_t *zero;  // [channels]
} kerf_quantization;

/// Checks inputs scale and zero_point? and attribute axis; `type` is the zero point's. Scratch: zero points as int32.
int kerf_quantization_check(const kerf_call *call, int32_t type, uint64_t *scratch);
/// Reads them, the zero points into the scratch.
void kerf_quantization_read(const kerf_call *call, kerf_quantization *q);

/// One element as an integer within low ... high, ties to even; NaN counts as 0.
KERF_INLINE int32_t kerf_quantize_one(float x, float scale, int32_t zero, int32_t low, int32_t high) {
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it leaves the rounded integer
  float v = x / scale;
  v = v == v ? v : 0;
  v = v > 262144.0f ? 262144.0f : v;
  v = v < -262144.0f ? -262144.0f : v;
  int32_t q = (int32_t)((v + magic) - magic) + zero;
  return q < low ? low : q > high ? high : q;
}

#endif
