// Packing of transposed convolution weights: per group a packed matrix [KH * KW * C/groups, OC/groups].
#include "conv_transpose2d_f32.h"

uint64_t kerf_pack_conv_transpose2d_f32_size(int64_t c, int64_t oc_per_group, int64_t kh, int64_t kw, int64_t groups) {
  int64_t k, total;
  if (c < 0 || oc_per_group < 0 || kh < 1 || kw < 1 || groups < 1 || c % groups) return 0;
  if (!kerf_product(kh, kw, &k) || !kerf_product(k, c / groups, &k)) return 0;
  const uint64_t one = kerf_pack_gemm_f32_size(k, oc_per_group);
  return one && kerf_product((int64_t)one, groups, &total) ? (uint64_t)total : 0;
}

void kerf_pack_conv_transpose2d_f32(int64_t c, int64_t oc_per_group, int64_t kh, int64_t kw, int64_t groups,
                                    const float *w, void *packed) {
  const int64_t group_c = c / groups, taps = kh * kw, k = taps * group_c;
  const uint64_t one = kerf_pack_gemm_f32_size(k, oc_per_group);
  memset(packed, 0, one * (uint64_t)groups);
  for (int64_t i = 0; i < c; i++) {
    float *out = (float *)((char *)packed + one * (uint64_t)(i / group_c)) + i % group_c * KERF_PANEL;
    for (int64_t o = 0; o < oc_per_group; o++)
      for (int64_t t = 0; t < taps; t++)
        out[(o / KERF_PANEL * k + t * group_c) * KERF_PANEL + o % KERF_PANEL] = w[(i * oc_per_group + o) * taps + t];
  }
}
