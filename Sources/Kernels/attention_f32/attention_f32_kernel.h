// ATTENTION_F32 over the vocabulary of a simd_… header: what lies between the two products.
#include "../core/vmath.h"
#include "attention_f32.h"

/// exp for x <= 0 and -inf, 2 ULP; 0 below 2^-126.
V vf exp_down(vf x) {
  // Adding 1.5 * 2^23 rounds; the low bits of the sum are then the exponent.
  const vf big = vset(12582912.0f), t = vfma(x, vset(1.442695041f), big), n = vsub(t, big);
  const vf r = vfnma(n, vset(-2.12194440e-4f), vfnma(n, vset(0.693359375f), x));
  const vf y = vadd(vfma(vmul(r, r), vexp_tail(r), r), vset(1));
  const vf power = vasf(viadd(vishl(vasi(t), 23), vasi(vset(1))));
  return vsel(vlt(x, vset(-87.3f)), vzero(), vmul(y, power));
}

/// Lanes from `left` on become -inf.
V vf hide(vf x, int64_t left) {
  float lanes[VW];
  vstore(lanes, x);
  for (int64_t i = left; i < VW; i++) lanes[i] = -INFINITY;
  return vload(lanes);
}

V vf score(const int capped, const int masked, const kerf_attention_scores *s, vf x, int64_t n) {
  x = vmul(x, vset(s->scale));
  if (capped) x = vmul(vset(s->softcap), vtanh(vdiv(x, vset(s->softcap))));
  return masked ? vadd(x, n + VW <= s->seen ? vload(s->mask + n) : vloadn(s->mask + n, s->seen - n)) : x;
}

/// Scales, caps and masks the scores in place; the greatest of them and `top`.
V float scores(const int capped, const int masked, const kerf_attention_scores *s, float top) {
  vf most = vset(top);
  float *block = s->at;
  for (int64_t n0 = 0; n0 < s->seen; n0 += s->width, block += s->step) {
    const int64_t end = s->seen - n0 < s->width ? s->seen - n0 : s->width;
    int64_t j = 0;
    for (; j + VW <= end; j += VW) {
      const vf x = score(capped, masked, s, vload(block + j), n0 + j);
      vstore(block + j, x);
      most = vmax(most, x);
    }
    if (j == end) continue;
    const vf x = hide(score(capped, masked, s, vload(block + j), n0 + j), end - j);
    vstore(block + j, x);
    most = vmax(most, x);
  }
  return vtop(most);
}

/// p[n] = exp(score - shift); their sum. Writes up to the end of the last vector.
V float powers(const kerf_attention_scores *s, float *p, float shift) {
  vf sum = vzero(), other = vzero();
  const float *block = s->at;
  for (int64_t n0 = 0; n0 < s->seen; n0 += s->width, block += s->step) {
    const int64_t end = s->seen - n0 < s->width ? s->seen - n0 : s->width;
    int64_t j = 0;
    for (; j + 2 * VW <= end; j += 2 * VW) {
      const vf a = exp_down(vsub(vload(block + j), vset(shift)));
      const vf b = exp_down(vsub(vload(block + j + VW), vset(shift)));
      vstore(p + n0 + j, a);
      vstore(p + n0 + j + VW, b);
      sum = vadd(sum, a);
      other = vadd(other, b);
    }
    for (; j < end; j += VW) {
      const vf a = exp_down(vsub(vload(block + j), vset(shift)));
      vstore(p + n0 + j, a);
      sum = vadd(sum, a);
    }
  }
  return vsum(vadd(sum, other));
}

static void soften(const kerf_attention_scores *s, float *p, kerf_attention_row *row) {
  const float most = s->softcap > 0 ? s->mask ? scores(1, 1, s, row->top) : scores(1, 0, s, row->top)
                                    : s->mask ? scores(0, 1, s, row->top) : scores(0, 0, s, row->top);
  const float shift = most == -INFINITY ? 0 : most;
  const float sum = powers(s, p, shift);
  for (int64_t n = (s->seen + VW - 1) / VW * VW; n < s->count; n++) p[n] = 0;
  float before[VW];
  vstore(before, exp_down(vset(row->top - shift)));  // 0 when nothing was seen before
  *row = (kerf_attention_row){most, row->sum * before[0] + sum, before[0]};
}

static void scale(const float *x, float *y, int64_t n, float factor) {
  const vf f = vset(factor);
  int64_t i = 0;
  for (; i + VW <= n; i += VW) vstore(y + i, vmul(vload(x + i), f));
  if (i < n) vstoren(y + i, vmul(vloadn(x + i, n - i), f), n - i);
}

static const kerf_attention_isa KERF_FN(attention_isa) = {&KERF_FN(kerf_gemm_isa), soften, scale};

int KERF_FN(kerf_run_attention_f32)(const kerf_call *call) {
  return kerf_run_attention(call, &KERF_FN(attention_isa));
}
