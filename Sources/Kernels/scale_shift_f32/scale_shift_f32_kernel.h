// SCALE_SHIFT_F32 over the vocabulary of a simd_… header.
#include "scale_shift_f32.h"

void KERF_FN(kerf_scale_shift)(const float *x, const float *scale, const float *shift, float *y, int64_t c) {
  int64_t i = 0;
  for (; i + VW <= c; i += VW) vstore(y + i, vfma(vload(x + i), vload(scale + i), vload(shift + i)));
  if (i == c) return;
  const int64_t n = c - i;
  vstoren(y + i, vfma(vloadn(x + i, n), vloadn(scale + i, n), vloadn(shift + i, n)), n);
}

int KERF_FN(kerf_run_scale_shift_f32)(const kerf_call *call) {
  return kerf_run_scale_shift(call, KERF_FN(kerf_scale_shift), KERF_FN(kerf_unary));
}
