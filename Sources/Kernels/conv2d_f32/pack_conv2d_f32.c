// Packing of convolution weights: per group a packed matrix [KH * KW * C/groups, OC/groups].
#include "conv2d_f32.h"

static bool group_shape(int64_t oc, int64_t c, int64_t kh, int64_t kw, int64_t groups, int64_t *k, int64_t *n) {
  if (oc < 0 || c < 0 || kh < 1 || kw < 1 || groups < 1 || oc % groups) return false;
  *n = oc / groups;
  return kerf_product(kh, kw, k) && kerf_product(*k, c, k);
}

uint64_t kerf_pack_conv2d_f32_size(int64_t oc, int64_t c_per_group, int64_t kh, int64_t kw, int64_t groups) {
  int64_t k, n, total;
  if (!group_shape(oc, c_per_group, kh, kw, groups, &k, &n)) return 0;
  const uint64_t one = kerf_pack_gemm_f32_size(k, n);
  return one && kerf_product((int64_t)one, groups, &total) ? (uint64_t)total : 0;
}

void kerf_pack_conv2d_f32(int64_t oc, int64_t c_per_group, int64_t kh, int64_t kw, int64_t groups, const float *w,
                          void *packed) {
  const int64_t n = oc / groups, taps = kh * kw, k = taps * c_per_group;
  const uint64_t one = kerf_pack_gemm_f32_size(k, n);
  memset(packed, 0, one * (uint64_t)groups);
  for (int64_t o = 0; o < oc; o++) {
    float *out = (float *)((char *)packed + one * (uint64_t)(o / n));
    out += o % n / KERF_PANEL * k * KERF_PANEL + o % n % KERF_PANEL;
    for (int64_t c = 0; c < c_per_group; c++)
      for (int64_t t = 0; t < taps; t++)
        out[(t * c_per_group + c) * KERF_PANEL] = w[(o * c_per_group + c) * taps + t];
  }
}
