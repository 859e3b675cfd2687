#include "gemm_f32_codes.h"

bool kerf_codes_sizes(int64_t k, int64_t n, int64_t bits, int64_t block, kerf_codes *w) {
  int64_t bytes;
  if (k < 1 || n < 1 || (bits != 4 && bits != 8) || block < 1 || block > k) return false;
  if (bits == 4 && block % 2 && block != k) return false;
  if (n > KERF_MAX_BYTES - KERF_PANEL || !kerf_product(k, kerf_ceil_div(n, KERF_PANEL) * KERF_PANEL, &bytes)) return false;
  *w = (kerf_codes){.k = k, .n = n, .block = block, .blocks = kerf_ceil_div(k, block), .bits = (int)bits};
  w->columns = kerf_ceil_div(n, KERF_PANEL) * KERF_PANEL;
  return kerf_product(bytes, 16, &bytes);
}

uint64_t kerf_pack_gemm_codes_size(int64_t k, int64_t n, int64_t bits, int64_t block) {
  kerf_codes w;
  if (!kerf_codes_sizes(k, n, bits, block, &w)) return 0;
  return (uint64_t)(w.blocks * w.columns * 8 + w.columns / KERF_PANEL * kerf_codes_panel_bytes(&w));
}

void kerf_pack_gemm_codes(int64_t k, int64_t n, int64_t bits, int64_t block, const int8_t *codes, const float *scale,
                          const float *offset, void *packed) {
  kerf_codes w;
  if (!kerf_codes_sizes(k, n, bits, block, &w)) return;
  memset(packed, 0, kerf_pack_gemm_codes_size(k, n, bits, block));
  float *scales = packed, *offsets = scales + w.blocks * w.columns;
  uint8_t *panels = (uint8_t *)(offsets + w.blocks * w.columns);
  for (int64_t b = 0; b < w.blocks; b++) {
    memcpy(scales + b * w.columns, scale + b * n, (size_t)n * sizeof(float));
    memcpy(offsets + b * w.columns, offset + b * n, (size_t)n * sizeof(float));
  }
  for (int64_t j = 0; j < n; j++) {
    uint8_t *panel = panels + j / KERF_PANEL * kerf_codes_panel_bytes(&w) + j % KERF_PANEL;
    for (int64_t p = 0; p < k; p++) {
      const uint8_t code = (uint8_t)codes[p * n + j];
      if (bits == 8) panel[p * KERF_PANEL] = code;
      else panel[p / 2 * KERF_PANEL] |= (uint8_t)((code & 15) << (p % 2 * 4));
    }
  }
}
