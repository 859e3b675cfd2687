#include "depthwise_u8.h"

uint64_t kerf_pack_depthwise_s8_size(int64_t c, int64_t kh, int64_t kw) {
  int64_t taps, bytes;
  if (c < 1 || kh < 1 || kw < 1 || c > KERF_MAX_BYTES || !kerf_product(kh, kw, &taps)) return 0;
  if (!kerf_product(kerf_ceil_div(taps, 4) + 1, kerf_ceil_div(c, 16), &bytes)) return 0;
  return kerf_product(bytes, 64, &bytes) ? (uint64_t)bytes : 0;
}

void kerf_pack_depthwise_s8(int64_t c, int64_t kh, int64_t kw, const int8_t *w, void *packed) {
  int64_t taps = kh * kw, groups = kerf_ceil_div(taps, 4);
  memset(packed, 0, kerf_pack_depthwise_s8_size(c, kh, kw));
  int32_t *sums = packed;
  int8_t *blocks = (int8_t *)packed + kerf_ceil_div(c, 16) * 64;
  for (int64_t i = 0; i < c; i++) {
    for (int64_t t = 0; t < taps; t++) {
      int8_t v = w[i * taps + t];
      blocks[(i / 16 * groups + t / 4) * 64 + i % 16 * 4 + t % 4] = v;
      sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)v);
    }
  }
}
