// The transforms of WINOGRAD_F32 over the vocabulary of a simd_… header: first the columns of a tile, into a buffer,
// then its rows.
#include "winograd_f32.h"

enum { SIDE = KERF_WINOGRAD_SIDE, WIDTH = KERF_PANEL, PV = KERF_PANEL / VW };

#define ROOT2 1.41421356f
#define HALF_ROOT2 0.70710678f

#if defined(__clang__)
#define KERF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define KERF_UNROLL _Pragma("GCC unroll 32")
#endif

/// v = B^T d of four values; points 0, 1, -1.
V void in4(const vf *d, vf *v) {
  v[0] = vsub(d[2], d[0]);
  v[1] = vadd(d[1], d[2]);
  v[2] = vsub(d[2], d[1]);
  v[3] = vsub(d[3], d[1]);
}

/// v = B^T d of six values; points 0, ±√½, ±√2.
V void in6(const vf *d, vf *v) {
  const vf even1 = vfnma(vset(2), d[2], d[4]), odd1 = vfnma(vset(2), d[1], d[3]);
  const vf even2 = vfnma(vset(0.5f), d[2], d[4]), odd2 = vfnma(vset(0.5f), d[1], d[3]);
  v[0] = vfnma(vset(2.5f), d[2], vadd(d[0], d[4]));
  v[1] = vfma(vset(HALF_ROOT2), odd1, even1);
  v[2] = vfnma(vset(HALF_ROOT2), odd1, even1);
  v[3] = vfma(vset(ROOT2), odd2, even2);
  v[4] = vfnma(vset(ROOT2), odd2, even2);
  v[5] = vfnma(vset(2.5f), d[3], vadd(d[1], d[5]));
}

/// y = A^T s.
V void out4(const vf *s, vf *y) {
  y[0] = vadd(s[0], vadd(s[1], s[2]));
  y[1] = vadd(s[3], vsub(s[1], s[2]));
}

V void out6(const int m, const vf *s, vf *y) {
  const vf sum1 = vadd(s[1], s[2]), sum2 = vadd(s[3], s[4]);
  const vf gap1 = vsub(s[1], s[2]), gap2 = vsub(s[3], s[4]);
  y[0] = vadd(s[0], vadd(sum1, sum2));
  if (m == 2) {
    y[1] = vfma(vset(HALF_ROOT2), gap1, vfma(vset(ROOT2), gap2, s[5]));
  } else {
    y[1] = vfma(vset(HALF_ROOT2), gap1, vmul(vset(ROOT2), gap2));
    y[2] = vfma(vset(0.5f), sum1, vadd(sum2, sum2));
    y[3] = vfma(vset(0.5f * HALF_ROOT2), gap1, vfma(vset(2 * ROOT2), gap2, s[5]));
  }
}

V void input_side(const int side, const float *x, int64_t row, int64_t pixel, int64_t channels, float *v,
                  int64_t step) {
  for (int64_t c = 0; c < channels; c += VW) {
    vf columns[SIDE * SIDE];
    KERF_UNROLL
    for (int j = 0; j < side; j++) {
      vf d[SIDE], t[SIDE];
      KERF_UNROLL
      for (int i = 0; i < side; i++) d[i] = vload(x + i * row + j * pixel + c);
      if (side == 4) in4(d, t);
      else in6(d, t);
      KERF_UNROLL
      for (int i = 0; i < side; i++) columns[i * side + j] = t[i];
    }
    KERF_UNROLL
    for (int i = 0; i < side; i++) {
      vf t[SIDE];
      if (side == 4) in4(columns + i * side, t);
      else in6(columns + i * side, t);
      KERF_UNROLL
      for (int j = 0; j < side; j++) vstore(v + (i * side + j) * step + c, t[j]);
    }
  }
}

static void input(int side, const float *x, int64_t row, int64_t pixel, int64_t channels, float *v, int64_t step) {
  if (side == 4) input_side(4, x, row, pixel, channels, v, step);
  else input_side(6, x, row, pixel, channels, v, step);
}

/// The m x m sums of one vector of channels.
V void back(const int m, const int side, const float *sums, int64_t step, vf *y) {
  vf columns[KERF_WINOGRAD_OUT * SIDE];
  KERF_UNROLL
  for (int j = 0; j < side; j++) {
    vf s[SIDE], t[KERF_WINOGRAD_OUT];
    KERF_UNROLL
    for (int i = 0; i < side; i++) s[i] = vload(sums + (i * side + j) * step);
    if (side == 4) out4(s, t);
    else out6(m, s, t);
    KERF_UNROLL
    for (int i = 0; i < m; i++) columns[i * side + j] = t[i];
  }
  KERF_UNROLL
  for (int i = 0; i < m; i++) {
    if (side == 4) out4(columns + i * side, y + i * m);
    else out6(m, columns + i * side, y + i * m);
  }
}

/// Whole panels with an identity, ReLU or clip: straight from the registers.
V void output_plain(const int m, const int side, const kerf_winograd_out *o) {
  const kerf_epilogue *e = o->epilogue;
  const int f = e->act.function;
  const vf low = vset(f == KERF_UNARY_RELU ? 0 : f == KERF_UNARY_CLIP ? e->act.p0 : -INFINITY);
  const vf high = vset(f == KERF_UNARY_CLIP ? e->act.p1 : INFINITY);
  const int mode = o->residual ? e->residual_mode : 0;
  for (int k = 0; k < PV; k++) {
    vf y[KERF_WINOGRAD_OUT * KERF_WINOGRAD_OUT];
    back(m, side, o->sums + k * VW, o->step, y);
    const vf bias = e->bias ? vload(e->bias + o->channel + k * VW) : vzero();
    KERF_UNROLL
    for (int i = 0; i < m; i++) {
      if (i >= o->rows) break;
      KERF_UNROLL
      for (int j = 0; j < m; j++) {
        if (j >= o->columns) break;
        const int64_t at = i * o->row + j * o->pixel + k * VW;
        vf a = vadd(y[i * m + j], bias);
        if (mode == 1) a = vadd(a, vload(o->residual + at));
        if (f != KERF_UNARY_IDENTITY) a = vmin(high, vmax(low, a));
        if (mode == 2) a = vadd(a, vload(o->residual + at));
        vstore(o->y + at, a);
      }
    }
  }
}

/// Everything else: the sums of a row of outputs go through the epilogue of the matrix product.
V void output_any(const int m, const int side, const kerf_winograd_out *o) {
  enum { STRIDE = KERF_TILE_COLUMNS };
  float tile[KERF_WINOGRAD_OUT][KERF_WINOGRAD_OUT * STRIDE] __attribute__((aligned(64)));
  const int64_t stride = KERF_FN(kerf_gemm_isa).panels * KERF_PANEL;
  for (int k = 0; k < PV; k++) {
    vf y[KERF_WINOGRAD_OUT * KERF_WINOGRAD_OUT];
    back(m, side, o->sums + k * VW, o->step, y);
    KERF_UNROLL
    for (int i = 0; i < m; i++)
      KERF_UNROLL
      for (int j = 0; j < m; j++) vstore(tile[i] + j * stride + k * VW, y[i * m + j]);
  }
  for (int i = 0; i < o->rows; i++)
    KERF_FN(kerf_gemm_isa).store(o->columns, o->channels, tile[i], o->y + i * o->row,
                                 o->residual ? o->residual + i * o->row : NULL, o->pixel, o->epilogue, o->channel);
}

static void output(int m, int taps, const kerf_winograd_out *o) {
  const int f = o->epilogue->act.function;
  const bool plain = o->channels == KERF_PANEL &&
                     (f == KERF_UNARY_IDENTITY || f == KERF_UNARY_RELU || f == KERF_UNARY_CLIP);
  if (m == 4 && plain) output_plain(4, 6, o);
  else if (m == 4) output_any(4, 6, o);
  else if (taps == 3 && plain) output_plain(2, 4, o);
  else if (taps == 3) output_any(2, 4, o);
  else if (plain) output_plain(2, 6, o);
  else output_any(2, 6, o);
}

static const kerf_winograd_isa winograd_isa = {input, output, &KERF_FN(kerf_gemm_isa)};

int KERF_FN(kerf_run_winograd_f32)(const kerf_call *call) { return kerf_run_winograd(call, &winograd_isa); }
