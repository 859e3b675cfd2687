// BINARY_F32 over the vocabulary of a simd_… header.
#include "binary_f32.h"

V vf apply(const int function, vf a, vf b) {
  switch (function) {
    case KERF_BINARY_ADD: return vadd(a, b);
    case KERF_BINARY_SUB: return vsub(a, b);
    case KERF_BINARY_MUL: return vmul(a, b);
    case KERF_BINARY_DIV: return vdiv(a, b);
    case KERF_BINARY_MIN: return vsel(vunord(a, a), a, vmin(a, b));
    case KERF_BINARY_MAX: return vsel(vunord(a, a), a, vmax(a, b));
    case KERF_BINARY_PRELU: return vsel(vlt(a, vzero()), vmul(a, b), a);
    default: return vmul(vsub(a, b), vsub(a, b));
  }
}

V void each(const int function, const int a_step, const int b_step, const float *a, const float *b, float *y,
            int64_t n) {
  int64_t i = 0;
  if (n <= 0) return;
  const vf a0 = vset(*a), b0 = vset(*b);
  for (; i + VW <= n; i += VW) vstore(y + i, apply(function, a_step ? vload(a + i) : a0, b_step ? vload(b + i) : b0));
  if (i == n) return;
  const vf at = a_step ? vloadn(a + i, n - i) : a0, bt = b_step ? vloadn(b + i, n - i) : b0;
  vstoren(y + i, apply(function, at, bt), n - i);
}

#define KERF_CASE(f)                                          \
  case f:                                                     \
    if (a_step && b_step) each(f, 1, 1, a, b, y, n);          \
    else if (a_step) each(f, 1, 0, a, b, y, n);               \
    else if (b_step) each(f, 0, 1, a, b, y, n);               \
    else each(f, 0, 0, a, b, y, n);                           \
    break;

static void binary(int function, const float *a, int a_step, const float *b, int b_step, float *y, int64_t n) {
  if (function == KERF_BINARY_POW && !b_step && *b == 2) {
    b = a, b_step = a_step, function = KERF_BINARY_MUL;
  }
  switch (function) {
    KERF_CASE(KERF_BINARY_ADD)
    KERF_CASE(KERF_BINARY_SUB)
    KERF_CASE(KERF_BINARY_MUL)
    KERF_CASE(KERF_BINARY_DIV)
    KERF_CASE(KERF_BINARY_MIN)
    KERF_CASE(KERF_BINARY_MAX)
    KERF_CASE(KERF_BINARY_PRELU)
    KERF_CASE(KERF_BINARY_SQUARED_DIFFERENCE)
    default: kerf_binary_scalar(function, a, a_step, b, b_step, y, n);
  }
}
#undef KERF_CASE

int KERF_FN(kerf_run_binary_f32)(const kerf_call *call) { return kerf_run_binary(call, binary, KERF_FN(kerf_unary)); }
