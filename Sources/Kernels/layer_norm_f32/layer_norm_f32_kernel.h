// LAYER_NORM_F32 over the vocabulary of a simd_… header: two passes for the statistics, one to write.
#include "../core/vsum.h"
#include "layer_norm_f32.h"

/// Sum of x - shift, or of its square.
V float shifted_sum(const int square, const float *x, int64_t n, float shift) {
  const vf s = vset(shift);
  vsum2 sum = vsum2_zero();
  int64_t i = 0;
  while (i + 2 * VW <= n) {
    vf a = vzero(), b = vzero();
    for (int j = 0; j < 8 && i + 2 * VW <= n; j++, i += 2 * VW) {
      const vf p = vsub(vload(x + i), s), q = vsub(vload(x + i + VW), s);
      a = square ? vfma(p, p, a) : vadd(a, p);
      b = square ? vfma(q, q, b) : vadd(b, q);
    }
    sum = vsum2_add(sum, vadd(a, b));
  }
  double total = vsum2_total(sum);
  for (; i < n; i++) {
    const double p = (double)x[i] - (double)shift;
    total += square ? p * p : p;
  }
  return (float)total;
}

V void normalize(const float *x, const float *scale, const float *bias, float *y, int64_t n, float mean, float inv) {
  const vf m = vset(mean), r = vset(inv);
  int64_t i = 0;
  for (; i + VW <= n; i += VW) {
    vf a = vmul(vsub(vload(x + i), m), r);
    if (scale) a = vmul(a, vload(scale + i));
    vstore(y + i, bias ? vadd(a, vload(bias + i)) : a);
  }
  for (; i < n; i++) {
    const float a = (x[i] - mean) * inv * (scale ? scale[i] : 1);
    y[i] = bias ? a + bias[i] : a;
  }
}

static void row(const float *x, const float *scale, const float *bias, float *y, int64_t n, float epsilon, int rms,
                float *mean, float *inv_std) {
  float m = rms ? 0 : shifted_sum(0, x, n, 0) / (float)n;
  if (!rms && n > 0) m += shifted_sum(0, x, n, m) / (float)n;  // the rounding of the first sum
  const float variance = shifted_sum(1, x, n, m) / (float)n;
  *mean = m;
  *inv_std = 1 / __builtin_sqrtf(variance + epsilon);
  normalize(x, scale, bias, y, n, m, *inv_std);
}

int KERF_FN(kerf_run_layer_norm_f32)(const kerf_call *call) { return kerf_run_layer_norm(call, row); }
