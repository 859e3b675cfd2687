#include "conv2d_u8.h"

uint64_t kerf_pack_conv2d_s8_size(int64_t oc, int64_t c_per_group, int64_t kh, int64_t kw, int64_t groups) {
  return kerf_conv_u8_packed_size(oc, c_per_group, kh, kw, groups);
}

typedef struct filters {
  const int8_t *w;  // of the group
  int64_t c, taps;
} filters;

/// w[oc, c, tap] for k = (tap, c).
static int8_t filter_at(const void *source, int64_t k, int64_t n) {
  const filters *f = source;
  return f->w[(n * f->c + k % f->c) * f->taps + k / f->c];
}

void kerf_pack_conv2d_s8(int64_t oc, int64_t c_per_group, int64_t kh, int64_t kw, int64_t groups, const int8_t *w,
                         void *packed) {
  int64_t n = oc / groups, k = kh * kw * c_per_group;
  for (int64_t g = 0; g < groups; g++) {
    filters f = {w + g * n * k, c_per_group, kh * kw};
    kerf_q8_pack(k, n, filter_at, &f, (char *)packed + (uint64_t)g * kerf_q8_packed_size(k, n));
  }
}
