// GROUP_NORM_F32 over the vocabulary of a simd_… header.
#include "group_norm_f32.h"

V vf load_some(const float *p, int64_t n) { return n >= VW ? vload(p) : vloadn(p, n); }

static void channel_sums(const float *x, const float *shift, int square, int64_t rows, int64_t c, float *sums) {
  for (int64_t i = 0; i < c; i += VW) {
    const int64_t n = c - i;
    const vf s = shift ? load_some(shift + i, n) : vzero();
    vf even = vzero(), odd = vzero();
    for (int64_t r = 0; r < rows; r++) {
      const vf a = vsub(load_some(x + r * c + i, n), s), b = square ? vmul(a, a) : a;
      if (r & 1) odd = vadd(odd, b);
      else even = vadd(even, b);
    }
    if (n >= VW) vstore(sums + i, vadd(even, odd));
    else vstoren(sums + i, vadd(even, odd), n);
  }
}

int KERF_FN(kerf_run_group_norm_f32)(const kerf_call *call) {
  return kerf_run_group_norm(call, channel_sums, KERF_FN(kerf_scale_shift), KERF_FN(kerf_unary));
}
