// Packing of recurrent weights of 8 bits.
#include "rnn_codes.h"

uint64_t kerf_pack_rnn_codes_size(int64_t directions, int64_t gates, int64_t h, int64_t k) {
  int64_t columns, total;
  if (directions < 1 || directions > 2 || gates < 1 || gates > 4 || h < 0 || k < 0) return 0;
  if (h > KERF_MAX_GEOMETRY || k > KERF_MAX_GEOMETRY) return 0;
  columns = gates * kerf_ceil_div(h, KERF_PANEL) * KERF_PANEL;
  if (!kerf_product(columns, 4 + kerf_ceil_div(k, 2) * 2, &total)) return 0;
  return kerf_product(total, directions, &total) && total > 0 ? (uint64_t)total : 0;
}

void kerf_pack_rnn_codes(int64_t directions, int64_t gates, int64_t h, int64_t k, const int8_t *codes,
                         const float *scales, void *packed) {
  const int64_t pitch = kerf_ceil_div(h, KERF_PANEL) * KERF_PANEL, panel = kerf_rnn_codes_panel(k);
  const uint64_t one = kerf_pack_rnn_codes_size(1, gates, h, k);
  if (!one) return;
  memset(packed, 0, kerf_pack_rnn_codes_size(directions, gates, h, k));
  for (int64_t d = 0; d < directions; d++) {
    float *scale = (float *)(void *)((char *)packed + one * (uint64_t)d);
    int8_t *panels = (int8_t *)(scale + gates * pitch);
    for (int64_t row = 0; row < gates * h; row++) {
      const int64_t column = row / h * pitch + row % h, source = d * gates * h + row;
      scale[column] = scales[source];
      int8_t *out = panels + column / KERF_PANEL * panel + column % KERF_PANEL * 2;
      for (int64_t p = 0; p < k; p++) out[p / 2 * 2 * KERF_PANEL + p % 2] = codes[source * k + p];
    }
  }
}
