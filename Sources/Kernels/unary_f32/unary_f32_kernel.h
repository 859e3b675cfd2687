// The vector functions of UNARY_F32, over the vocabulary of a simd_… header.
#include "../core/vmath.h"
#include "unary_f32.h"

/// a / (1 + exp(-p0 a)), 4 ULP; 0 where the result is below 4e-37.
V vf vsilu(vf a, vf p0) {
  vf r;
  const vf x = vmul(vsub(vzero(), p0), a), n = vexp_reduce(vmax(vset(-87.0f), vmin(vset(89.0f), x)), &r);
  const vf scale = vasf(vishl(viadd(vint(n), viset(127)), 23));  // infinity for 2^128
  return vdiv(a, vfma(vadd(vfma(vmul(r, r), vexp_tail(r), r), vset(1)), scale, vset(1)));
}
/// a (1/2 + 1/2 erf(a / sqrt 2)) within 3e-7 |a|: a rational minimax fit of the erf on [-5.6, 5.6], made for this file. Below,
/// the result is 0.
V vf vgelu(vf a) {
  const vf x = vmax(vmin(a, vset(5.6f)), vset(-5.6f)), u = vmul(x, x);
  vf n = vfma(vset(2.21746337e-08f), u, vset(6.33843729e-06f));
  n = vfma(n, u, vset(1.72627872e-04f));
  n = vfma(n, u, vset(4.69991658e-03f));
  n = vfma(n, u, vset(3.42662893e-02f));
  n = vfma(n, u, vset(3.98942262e-01f));
  vf d = vfma(vset(1.17970205e-06f), u, vset(7.46554506e-05f));
  d = vfma(d, u, vset(1.90621719e-03f));
  d = vfma(d, u, vset(2.88755465e-02f));
  d = vfma(d, u, vset(2.52558798e-01f));
  d = vfma(d, u, vset(1));
  const vf half = vsel(vlt(a, vset(-5.6f)), vset(-0.5f), vdiv(vmul(x, n), d));
  return vmul(a, vadd(half, vset(0.5f)));
}
/// a (1 + tanh y) / 2 = a / (1 + exp(-2 y)).
V vf vgelu_tanh(vf a) {
  const vf cube = vmul(vmul(a, a), a), twice = vmul(vset(-1.59576912f), vfma(cube, vset(0.044715f), a));
  return vdiv(a, vadd(vset(1), vexp(twice)));
}
V vf vhard_swish(vf a) {
  const vf gate = vfma(a, vset(1.0f / 6.0f), vset(0.5f));
  return vmul(a, vmin(vset(1), vmax(vzero(), gate)));
}
V vf vnegative(vf a, vf otherwise, vf x) { return vsel(vlt(x, vzero()), a, otherwise); }
V vf vsoftplus(vf a) { return vadd(vmax(vzero(), a), vlog1p_unit(vexp(vsub(vzero(), vabs(a))))); }
/// x tanh(log(1 + e^x)) = x n / (n + 2) with n = e^x (e^x + 2).
V vf vmish(vf a) {
  const vf e = vexp(vmin(vset(20.0f), a)), n = vmul(e, vadd(e, vset(2)));
  const vf y = vmul(a, vdiv(n, vadd(n, vset(2))));
  return vsel(vlt(vset(20.0f), a), a, y);
}
V vf vshrink(vf a, vf bias, vf lambda) {
  const vf low = vkeep(vlt(a, vsub(vzero(), lambda)), vadd(a, bias));
  return vsel(vlt(lambda, a), vsub(a, bias), vsel(vunord(a, a), a, low));
}
V vf vsign(vf a) {
  const vf one = vsel(vlt(vzero(), a), vset(1), vkeep(vlt(a, vzero()), vset(-1)));
  return vsel(vunord(a, a), a, one);
}
V vf vcelu(vf a, vf alpha) {
  const vf low = vmul(alpha, vexpm1(vdiv(a, alpha)));
  return vadd(vmax(vzero(), a), vmin(vzero(), low));
}

#define KERF_EACH(expression)                                           \
  do {                                                                  \
    int64_t i = 0;                                                      \
    for (; i + VW <= n; i += VW) {                                      \
      const vf a = vload(x + i);                                        \
      vstore(y + i, (expression));                                      \
    }                                                                   \
    if (i < n) {                                                        \
      const vf a = vloadn(x + i, n - i);                                \
      vstoren(y + i, (expression), n - i);                              \
    }                                                                   \
  } while (0);                                                          \
  break

void KERF_FN(kerf_unary)(const float *x, float *y, int64_t n, const kerf_act *act) {
  const vf p0 = vset(act->p0), p1 = vset(act->p1), one = vset(1), zero = vzero();
  switch (act->function) {
    case KERF_UNARY_RELU: KERF_EACH(vmax(zero, a));
    case KERF_UNARY_CLIP: KERF_EACH(vmin(p1, vmax(p0, a)));
    case KERF_UNARY_LEAKY_RELU: KERF_EACH(vnegative(vmul(a, p0), a, a));
    case KERF_UNARY_SIGMOID: KERF_EACH(vsigmoid(a));
    case KERF_UNARY_TANH: KERF_EACH(vtanh(a));
    case KERF_UNARY_SILU: KERF_EACH(vsilu(a, p0));
    case KERF_UNARY_HARD_SIGMOID: KERF_EACH(vmin(one, vmax(zero, vfma(a, p0, p1))));
    case KERF_UNARY_HARD_SWISH: KERF_EACH(vhard_swish(a));
    case KERF_UNARY_GELU: KERF_EACH(vgelu(a));
    case KERF_UNARY_GELU_TANH: KERF_EACH(vgelu_tanh(a));
    case KERF_UNARY_ELU: KERF_EACH(vnegative(vmul(p0, vexpm1(a)), a, a));
    case KERF_UNARY_SELU: KERF_EACH(vmul(p1, vnegative(vmul(p0, vexpm1(a)), a, a)));
    case KERF_UNARY_CELU: KERF_EACH(vcelu(a, p0));
    case KERF_UNARY_SOFTPLUS: KERF_EACH(vsoftplus(a));
    case KERF_UNARY_SOFTSIGN: KERF_EACH(vdiv(a, vadd(one, vabs(a))));
    case KERF_UNARY_MISH: KERF_EACH(vmish(a));
    case KERF_UNARY_THRESHOLDED_RELU: KERF_EACH(vkeep(vlt(p0, a), a));
    case KERF_UNARY_SHRINK: KERF_EACH(vshrink(a, p0, p1));
    case KERF_UNARY_AFFINE: KERF_EACH(vfma(a, p0, p1));
    case KERF_UNARY_ABS: KERF_EACH(vabs(a));
    case KERF_UNARY_NEG: KERF_EACH(vmul(a, vset(-1)));
    case KERF_UNARY_SQRT: KERF_EACH(vsqrt(a));
    case KERF_UNARY_RECIPROCAL: KERF_EACH(vdiv(one, a));
    case KERF_UNARY_EXP: KERF_EACH(vexp(a));
    case KERF_UNARY_LOG: KERF_EACH(vlog(a));
    case KERF_UNARY_ERF: KERF_EACH(verf(a));
    case KERF_UNARY_FLOOR: KERF_EACH(vfloor(a));
    case KERF_UNARY_CEIL: KERF_EACH(vceil(a));
    case KERF_UNARY_ROUND: KERF_EACH(vround(a));
    case KERF_UNARY_SIGN: KERF_EACH(vsign(a));
    case KERF_UNARY_SQUARE: KERF_EACH(vmul(a, a));
    case KERF_UNARY_RSQRT: KERF_EACH(vdiv(one, vsqrt(a)));
    default: kerf_unary_scalar(x, y, n, act);
  }
}
#undef KERF_EACH

int KERF_FN(kerf_run_unary_f32)(const kerf_call *call) { return kerf_run_unary(call, KERF_FN(kerf_unary)); }
