// Packing of B: ceil(n / 16) panels, each k x 16 floats, columns past n are zero. B may lie at any address, as in a file.
#include "gemm_f32.h"

uint64_t kerf_pack_gemm_f32_size(int64_t k, int64_t n) {
  int64_t count;
  if (k < 0 || n < 0 || n > KERF_MAX_BYTES) return 0;
  if (!kerf_product(kerf_ceil_div(n, KERF_PANEL) * KERF_PANEL, k, &count)) return 0;
  if (!kerf_product(count, sizeof(float), &count)) return 0;
  return (uint64_t)kerf_max(count, KERF_ALIGN);
}

static inline float kerf_float_at(const char *floats, int64_t index) {
  float value;
  memcpy(&value, floats + index * (int64_t)sizeof(float), sizeof(float));
  return value;
}

void kerf_pack_gemm_f32(int64_t k, int64_t n, int transposed, const void *b, void *packed) {
  float *out = packed;
  if (k == 0 || n == 0) memset(out, 0, KERF_ALIGN);
  for (int64_t j = 0; j < n; j += KERF_PANEL, out += k * KERF_PANEL) {
    const int64_t used = kerf_min(KERF_PANEL, n - j);
    for (int64_t p = 0; p < k; p++)
      for (int64_t c = 0; c < KERF_PANEL; c++)
        out[p * KERF_PANEL + c] = c >= used ? 0 : kerf_float_at(b, transposed ? (j + c) * k + p : p * n + j + c);
  }
}
