// The tile of the float matrix product, over the vocabulary of a simd_… header.
#include "gemm_f32.h"

#if VW == 16
enum { ROWS = 10, PANELS = 2 };
#elif defined(__aarch64__) || VW == 8
enum { ROWS = 6, PANELS = 1 };
#else
enum { ROWS = 3, PANELS = 1 };
#endif
enum { PV = KERF_PANEL / VW };

#if defined(__clang__)
#define KERF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define KERF_UNROLL _Pragma("GCC unroll 32")
#endif

/// One k: c[rows][nv] += a[row * lda] * b.
V void step(const int rows, const int nv, const float *a, int64_t lda, const float *b, int64_t stride, vf *c) {
  vf bv[PANELS * PV];
  KERF_UNROLL
  for (int j = 0; j < nv; j++) bv[j] = vload(b + (j / PV) * stride + (j % PV) * VW);
  KERF_UNROLL
  for (int i = 0; i < rows; i++) {
    const vf av = vset(a[i * lda]);
    KERF_UNROLL
    for (int j = 0; j < nv; j++) c[i * nv + j] = vfma(av, bv[j], c[i * nv + j]);
  }
}

/// Few rows: several independent sums hide the latency of the multiply-add.
V void tile_thin(const int rows, const int nv, int64_t k, const float *a, int64_t lda, const float *b, int64_t b_step,
                 int64_t stride, float *acc, int first) {
  enum { SETS = 4 };
  vf c[SETS][3 * PANELS * PV];
  KERF_UNROLL
  for (int s = 0; s < SETS; s++)
    KERF_UNROLL
    for (int i = 0; i < rows * nv; i++) c[s][i] = vzero();
  int64_t p = 0;
  for (; p + SETS <= k; p += SETS)
    KERF_UNROLL
    for (int s = 0; s < SETS; s++) step(rows, nv, a + p + s, lda, b + (p + s) * b_step, stride, c[s]);
  for (; p < k; p++) step(rows, nv, a + p, lda, b + p * b_step, stride, c[0]);
  KERF_UNROLL
  for (int i = 0; i < rows * nv; i++) {
    float *at = acc + (i / nv) * (PANELS * KERF_PANEL) + (i % nv) * VW;
    const vf sum = vadd(vadd(c[0][i], c[1][i]), vadd(c[2][i], c[3][i]));
    vstore(at, first ? sum : vadd(vload(at), sum));
  }
}

V void tile_body(const int rows, const int nv, int64_t k, const float *a, int64_t lda, const float *b, int64_t b_step,
                 int64_t stride, float *acc, int first) {
  vf c[ROWS * PANELS * PV];
  KERF_UNROLL
  for (int i = 0; i < rows; i++)
    KERF_UNROLL
    for (int j = 0; j < nv; j++) c[i * nv + j] = first ? vzero() : vload(acc + i * (PANELS * KERF_PANEL) + j * VW);
  for (int64_t p = 0; p < k; p++) step(rows, nv, a + p, lda, b + p * b_step, stride, c);
  KERF_UNROLL
  for (int i = 0; i < rows; i++)
    KERF_UNROLL
    for (int j = 0; j < nv; j++) vstore(acc + i * (PANELS * KERF_PANEL) + j * VW, c[i * nv + j]);
}

#define KERF_CASE(r, body) \
  case r: body(r, nv, k, a, lda, b, b_step, stride, acc, first); break;
#if VW == 16 || VW == 8 || defined(__aarch64__)
#define KERF_CASES_MID KERF_CASE(4, tile_body) KERF_CASE(5, tile_body) KERF_CASE(6, tile_body)
#else
#define KERF_CASES_MID
#endif
#if VW == 16
#define KERF_CASES_LARGE \
  KERF_CASE(7, tile_body) KERF_CASE(8, tile_body) KERF_CASE(9, tile_body) KERF_CASE(10, tile_body)
#else
#define KERF_CASES_LARGE
#endif
#if VW == 4
#define KERF_THIN tile_body
#else
#define KERF_THIN tile_thin
#endif

V void tile_width(const int nv, int rows, int64_t k, const float *a, int64_t lda, const float *b, int64_t b_step,
                  int64_t stride, float *acc, int first) {
  switch (rows) {
    KERF_CASE(1, KERF_THIN)
    KERF_CASE(2, KERF_THIN)
    KERF_CASE(3, tile_body)
    KERF_CASES_MID
    KERF_CASES_LARGE
    default: break;
  }
}

static void tile(int rows, int used, int64_t k, const float *a, int64_t lda, const float *b, int64_t b_step,
                 int64_t stride, float *acc, int first) {
  if (used == 1) tile_width(PV, rows, k, a, lda, b, b_step, stride, acc, first);
#if VW == 16
  else tile_width(2 * PV, rows, k, a, lda, b, b_step, stride, acc, first);
#endif
}

V vf load_some(const float *p, int n) { return n >= VW ? vload(p) : vloadn(p, n); }
V void store_some(float *p, vf a, int n) {
  if (n >= VW) vstore(p, a);
  else vstoren(p, a, n);
}

/// sum + bias (+ residual, mode 1), clamped to [low, high] where `clamp`.
V vf before(vf sum, const float *bias, const float *residual, int n) {
  if (bias) sum = vadd(sum, load_some(bias, n));
  return residual ? vadd(sum, load_some(residual, n)) : sum;
}

V void store_row(const int simple, int columns, float *acc, float *y, const float *bias, const float *r1,
                 const float *r2, const kerf_act *act) {
  const vf low = vset(act->function == KERF_UNARY_RELU ? 0 : act->p0);
  const vf high = vset(act->function == KERF_UNARY_CLIP ? act->p1 : INFINITY);
  for (int j = 0; j < columns; j += VW) {
    const int n = columns - j;
    vf x = vload(acc + j);
    if (simple < 2) x = before(x, bias ? bias + j : NULL, r1 ? r1 + j : NULL, n);
    if (simple == 1) x = vmin(high, vmax(low, x));
    if (r2) x = vadd(x, load_some(r2 + j, n));
    store_some(y + j, x, n);
  }
}

/// Activations with a formula: sums with bias go back to the tile, the activation runs over the whole tile.
static void store_general(int rows, int columns, float *acc, float *y, const float *bias, const float *r1,
                          const float *r2, int64_t ldy, const kerf_act *act) {
  const int width = PANELS * KERF_PANEL;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j += VW) {
      float *at = acc + i * width + j;
      vstore(at, before(vload(at), bias ? bias + j : NULL, r1 ? r1 + i * ldy + j : NULL, columns - j));
    }
  const int full = columns <= width && columns > width - VW;  // the rows follow each other
  if (full) KERF_FN(kerf_unary)(acc, acc, rows * width, act);
  else for (int i = 0; i < rows; i++) KERF_FN(kerf_unary)(acc + i * width, acc + i * width, columns, act);
  for (int i = 0; i < rows; i++)
    store_row(2, columns, acc + i * width, y + i * ldy, NULL, NULL, r2 ? r2 + i * ldy : NULL, act);
}

static void store(int rows, int columns, float *acc, float *y, const float *residual, int64_t ldy,
                  const kerf_epilogue *e, int64_t column) {
  const float *bias = e->bias ? e->bias + column : NULL;
  const float *r1 = e->residual_mode == 1 ? residual : NULL, *r2 = e->residual_mode == 2 ? residual : NULL;
  const int width = PANELS * KERF_PANEL, f = e->act.function;
  if (f == KERF_UNARY_IDENTITY)
    for (int i = 0; i < rows; i++)
      store_row(0, columns, acc + i * width, y + i * ldy, bias, r1 ? r1 + i * ldy : NULL, r2 ? r2 + i * ldy : NULL,
                &e->act);
  else if (f == KERF_UNARY_RELU || f == KERF_UNARY_CLIP)
    for (int i = 0; i < rows; i++)
      store_row(1, columns, acc + i * width, y + i * ldy, bias, r1 ? r1 + i * ldy : NULL, r2 ? r2 + i * ldy : NULL,
                &e->act);
  else store_general(rows, columns, acc, y, bias, r1, r2, ldy, &e->act);
}

/// Four rows of b at a time share the loads of a.
static void dots(int64_t k, const float *a, const float *b, int64_t ldb, int count, float *acc) {
  for (int j = 0; j < count; j += 4) {
    const float *r[4];
    for (int i = 0; i < 4; i++) r[i] = b + (j + i < count ? j + i : j) * ldb;
    vf s0 = vzero(), s1 = s0, s2 = s0, s3 = s0;
    for (int64_t p = 0; p < k; p += VW) {
      const int64_t n = k - p;
      const vf v = n >= VW ? vload(a + p) : vloadn(a + p, n);
      s0 = vfma(v, n >= VW ? vload(r[0] + p) : vloadn(r[0] + p, n), s0);
      s1 = vfma(v, n >= VW ? vload(r[1] + p) : vloadn(r[1] + p, n), s1);
      s2 = vfma(v, n >= VW ? vload(r[2] + p) : vloadn(r[2] + p, n), s2);
      s3 = vfma(v, n >= VW ? vload(r[3] + p) : vloadn(r[3] + p, n), s3);
    }
    const float sums[4] = {vsum(s0), vsum(s1), vsum(s2), vsum(s3)};
    for (int i = 0; i < 4 && j + i < count; i++) acc[j + i] = sums[i];
  }
}

/// So many panels side by side. Every column sums in the order of k, wherever it lies: equal columns give equal sums.
V void row_body(const int together, int64_t k, const float *a, const float *b, float *acc) {
  const int64_t stride = k * KERF_PANEL;
  vf c[8 * PV];
  KERF_UNROLL
  for (int j = 0; j < together * PV; j++) c[j] = vzero();
  for (int64_t p = 0; p < k; p++, b += KERF_PANEL) {
    const vf v = vset(a[p]);
    KERF_UNROLL
    for (int j = 0; j < together * PV; j++) c[j] = vfma(v, vload(b + (j / PV) * stride + (j % PV) * VW), c[j]);
  }
  KERF_UNROLL
  for (int j = 0; j < together * PV; j++) vstore(acc + j * VW, c[j]);
}

/// Enough sums at a time to hide the latency of the multiply-add, enough streams to keep memory busy.
static void row(int64_t k, const float *a, const float *b, int64_t panels, float *acc) {
  const int64_t stride = k * KERF_PANEL;
#if VW == 16
  for (; panels >= 8; panels -= 8, b += 8 * stride, acc += 8 * KERF_PANEL) row_body(8, k, a, b, acc);
#endif
  for (; panels >= 4; panels -= 4, b += 4 * stride, acc += 4 * KERF_PANEL) row_body(4, k, a, b, acc);
  if (panels == 3) row_body(3, k, a, b, acc);
  else if (panels == 2) row_body(2, k, a, b, acc);
  else if (panels == 1) row_body(1, k, a, b, acc);
}

#include "gemm_whole_kernel.h"

const kerf_gemm_isa KERF_FN(kerf_gemm_isa) = {ROWS, PANELS, tile, store, whole, dots, KERF_FN(kerf_unary), row};

int KERF_FN(kerf_run_gemm_f32)(const kerf_call *call) { return kerf_run_gemm(call, &KERF_FN(kerf_gemm_isa)); }
