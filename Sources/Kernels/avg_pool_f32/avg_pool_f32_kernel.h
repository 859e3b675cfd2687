// AVG_POOL_F32 over the vocabulary of a simd_… header.
#include "../core/pool_f32.h"

V vf load_some(const float *p, int64_t n) { return n >= VW ? vload(p) : vloadn(p, n); }

static void pixel(const float *x, int64_t kh, int64_t kw, int64_t row, int64_t column, int64_t c, float scale,
                  float *y) {
  const vf s = vset(scale);
  for (int64_t i = 0; i < c; i += VW) {
    vf a = vzero();
    for (int64_t r = 0; r < kh; r++) {
      vf sum = vzero();
      for (int64_t t = 0; t < kw; t++) sum = vadd(sum, load_some(x + r * row + t * column + i, c - i));
      a = vadd(a, sum);
    }
    if (c - i >= VW) vstore(y + i, vmul(a, s));
    else vstoren(y + i, vmul(a, s), c - i);
  }
}

int KERF_FN(kerf_run_avg_pool_f32)(const kerf_call *call) { return kerf_run_pool(call, true, pixel); }
