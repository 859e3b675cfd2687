// RESIZE_F32 over the vocabulary of a simd_… header.
#include "resize_f32.h"

static void blend(int taps, const float *const *rows, const float *weights, float *y, int64_t n) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW) {
    vf a = vmul(vload(rows[0] + i), vset(weights[0]));
    for (int k = 1; k < taps; k++) a = vfma(vload(rows[k] + i), vset(weights[k]), a);
    vstore(y + i, a);
  }
  for (; i < n; i++) {
    float a = rows[0][i] * weights[0];
    for (int k = 1; k < taps; k++) a += rows[k][i] * weights[k];
    y[i] = a;
  }
}

V vf load_some(const float *p, int64_t n) { return n >= VW ? vload(p) : vloadn(p, n); }

/// Few channels: scalar.
static void spread_thin(int taps, const float *x, const kerf_resize_taps *columns, int64_t pixels, int64_t c,
                        float *y) {
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t i = 0; i < c; i++) {
      float a = 0;
      for (int k = 0; k < taps; k++) a += x[columns[p].at[k] * c + i] * columns[p].weight[k];
      *y++ = a;
    }
}

static void spread(int taps, const float *x, const kerf_resize_taps *columns, int64_t pixels, int64_t c, float *y) {
  if (c < 4) {
    spread_thin(taps, x, columns, pixels, c, y);
    return;
  }
  for (int64_t p = 0; p < pixels; p++, y += c) {
    const kerf_resize_taps *t = columns + p;
    for (int64_t i = 0; i < c; i += VW) {
      vf a = vmul(load_some(x + t->at[0] * c + i, c - i), vset(t->weight[0]));
      for (int k = 1; k < taps; k++) a = vfma(load_some(x + t->at[k] * c + i, c - i), vset(t->weight[k]), a);
      if (c - i >= VW) vstore(y + i, a);
      else vstoren(y + i, a, c - i);
    }
  }
}

static const kerf_resize_isa functions = {blend, spread};

int KERF_FN(kerf_run_resize_f32)(const kerf_call *call) { return kerf_run_resize(call, &functions); }
