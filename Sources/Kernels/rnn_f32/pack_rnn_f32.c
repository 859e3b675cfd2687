// Packing of recurrent weights: per direction, then per gate, a packed matrix [K, H].
#include "recurrent.h"

uint64_t kerf_pack_rnn_f32_size(int64_t directions, int64_t gates, int64_t h, int64_t k) {
  int64_t total;
  if (directions < 1 || directions > 2 || gates < 1 || gates > 4) return 0;
  const uint64_t one = kerf_pack_gemm_f32_size(k, h);
  return one && kerf_product((int64_t)one, directions * gates, &total) ? (uint64_t)total : 0;
}

void kerf_pack_rnn_f32(int64_t directions, int64_t gates, int64_t h, int64_t k, const float *w, void *packed) {
  const uint64_t one = kerf_pack_gemm_f32_size(k, h);
  for (int64_t i = 0; i < directions * gates; i++)
    kerf_pack_gemm_f32(k, h, 1, w + i * h * k, (char *)packed + one * (uint64_t)i);
}
