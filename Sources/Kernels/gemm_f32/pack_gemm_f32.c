// Packing of B: ceil(n / 16) panels, each k x 16 floats, columns past n are zero.
#include "gemm_f32.h"

uint64_t kerf_pack_gemm_f32_size(int64_t k, int64_t n) {
  int64_t count;
  if (k < 0 || n < 0 || n > KERF_MAX_BYTES) return 0;
  if (!kerf_product(kerf_ceil_div(n, KERF_PANEL) * KERF_PANEL, k, &count)) return 0;
  if (!kerf_product(count, sizeof(float), &count)) return 0;
  return (uint64_t)kerf_max(count, KERF_ALIGN);
}

void kerf_pack_gemm_f32(int64_t k, int64_t n, int transposed, const float *b, void *packed) {
  float *out = packed;
  if (k == 0 || n == 0) memset(out, 0, KERF_ALIGN);
  for (int64_t j = 0; j < n; j += KERF_PANEL, out += k * KERF_PANEL) {
    const int64_t used = kerf_min(KERF_PANEL, n - j);
    for (int64_t p = 0; p < k; p++)
      for (int64_t c = 0; c < KERF_PANEL; c++)
        out[p * KERF_PANEL + c] = c >= used ? 0 : transposed ? b[(j + c) * k + p] : b[p * n + j + c];
  }
}
