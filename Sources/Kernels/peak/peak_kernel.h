// The multiply-adds that one thread can do, over the vocabulary of a simd_… header.
#include "peak.h"

/// `rounds` rounds of KERF_PEAK_SUMS independent multiply-adds; gives something that depends on all of them.
float KERF_FN(kerf_peak_rounds)(int64_t rounds, float factor) {
  vf sums[KERF_PEAK_SUMS];
  for (int i = 0; i < KERF_PEAK_SUMS; i++) sums[i] = vset((float)i);
  const vf a = vset(factor), b = vset(1 - factor);
  for (int64_t r = 0; r < rounds; r++)
    for (int i = 0; i < KERF_PEAK_SUMS; i++) sums[i] = vfma(sums[i], a, b);
  vf total = vzero();
  for (int i = 0; i < KERF_PEAK_SUMS; i++) total = vadd(total, sums[i]);
  return vsum(total);
}
const int KERF_FN(kerf_peak_lanes) = VW;
