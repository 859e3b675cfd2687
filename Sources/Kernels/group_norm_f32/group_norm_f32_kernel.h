// GROUP_NORM_F32 over the vocabulary of a simd_… header.
#include "../core/vsum.h"
#include "group_norm_f32.h"

V vf load_some(const float *p, int64_t n) { return n >= VW ? vload(p) : vloadn(p, n); }

static void channel_sums(const float *x, const float *shift, int square, int64_t rows, int64_t c, float *sums) {
  for (int64_t i = 0; i < c; i += VW) {
    const int64_t n = c - i;
    const vf s = shift ? load_some(shift + i, n) : vzero();
    vsum2 sum = vsum2_zero();
    for (int64_t begin = 0; begin < rows; begin += 16) {
      const int64_t end = rows - begin < 16 ? rows : begin + 16;
      vf even = vzero(), odd = vzero();
      for (int64_t r = begin; r < end; r++) {
        const vf a = vsub(load_some(x + r * c + i, n), s), b = square ? vmul(a, a) : a;
        if (r & 1) odd = vadd(odd, b);
        else even = vadd(even, b);
      }
      sum = vsum2_add(sum, vadd(even, odd));
    }
    if (n >= VW) vstore(sums + i, vsum2_value(sum));
    else vstoren(sums + i, vsum2_value(sum), n);
  }
}

int KERF_FN(kerf_run_group_norm_f32)(const kerf_call *call) {
  return kerf_run_group_norm(call, channel_sums, KERF_FN(kerf_scale_shift), KERF_FN(kerf_unary));
}
