// SOFTMAX_F32 over the vocabulary of a simd_… header.
#include "../core/vmath.h"
#include "../core/vsum.h"
#include "softmax_f32.h"

V vf load_or(const float *p, int64_t n, float other) {
  float lanes[VW];
  for (int i = 0; i < VW; i++) lanes[i] = i < n ? p[i] : other;
  return vload(lanes);
}

static float row_max(const float *x, int64_t n) {
  vf m = vset(-INFINITY);
  int64_t i = 0;
  for (; i + VW <= n; i += VW) m = vmax(m, vload(x + i));
  if (i < n) m = vmax(m, load_or(x + i, n - i, -INFINITY));
  return vtop(m);
}

/// Sum of exp(x - m); stored in y unless that is NULL.
V float row_exp(const float *x, float *y, int64_t n, float m) {
  vsum2 sum = vsum2_zero();
  int64_t i = 0;
  while (i + VW <= n) {
    vf part = vzero();
    for (int j = 0; j < 8 && i + VW <= n; j++, i += VW) {
      const vf e = vexp(vsub(vload(x + i), vset(m)));
      if (y) vstore(y + i, e);
      part = vadd(part, e);
    }
    sum = vsum2_add(sum, part);
  }
  if (i == n) return (float)vsum2_total(sum);
  const vf e = vexp(vsub(load_or(x + i, n - i, -INFINITY), vset(m)));
  if (y) vstoren(y + i, e, n - i);
  float lanes[VW];
  vstore(lanes, e);
  for (int64_t j = n - i; j < VW; j++) lanes[j] = 0;  // also where m is -inf and the padding gave NaN
  return (float)vsum2_total(vsum2_add(sum, vload(lanes)));
}

void KERF_FN(kerf_softmax_row)(const float *x, float *y, int64_t n, int log) {
  const float m = row_max(x, n);
  int64_t i = 0;
  if (log) {
    const vf shift = vset(m + __builtin_logf(row_exp(x, NULL, n, m)));
    for (; i + VW <= n; i += VW) vstore(y + i, vsub(vload(x + i), shift));
    if (i < n) vstoren(y + i, vsub(vloadn(x + i, n - i), shift), n - i);
    return;
  }
  const vf scale = vset(1 / row_exp(x, y, n, m));
  for (; i + VW <= n; i += VW) vstore(y + i, vmul(vload(y + i), scale));
  if (i < n) vstoren(y + i, vmul(vloadn(y + i, n - i), scale), n - i);
}

V vf load_some(const float *p, int64_t n) { return n >= VW ? vload(p) : vloadn(p, n); }
V void store_some(float *p, vf a, int64_t n) {
  if (n >= VW) vstore(p, a);
  else vstoren(p, a, n);
}

static void columns(const float *x, float *y, int64_t n, int64_t stride, int64_t count, int log) {
  for (int64_t c = 0; c < count; c += VW) {
    const int64_t w = count - c;
    vf m = vset(-INFINITY), part = vzero();
    vsum2 sums = vsum2_zero();
    for (int64_t i = 0; i < n; i++) m = vmax(m, load_some(x + i * stride + c, w));
    for (int64_t i = 0; i < n; i++) {
      const vf e = vexp(vsub(load_some(x + i * stride + c, w), m));
      part = vadd(part, e);
      if (!log) store_some(y + i * stride + c, e, w);
      if ((i & 7) == 7) sums = vsum2_add(sums, part), part = vzero();
    }
    const vf sum = vsum2_value(vsum2_add(sums, part));
    const vf scale = log ? vadd(m, vlog(sum)) : vdiv(vset(1), sum);
    for (int64_t i = 0; i < n; i++) {
      const vf a = load_some((log ? x : y) + i * stride + c, w);
      store_some(y + i * stride + c, log ? vsub(a, scale) : vmul(a, scale), w);
    }
  }
}

int KERF_FN(kerf_run_softmax_f32)(const kerf_call *call) {
  return kerf_run_softmax(call, KERF_FN(kerf_softmax_row), columns);
}
