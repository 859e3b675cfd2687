// The tile of the float matrix product whose rows are given by addresses, over a chunk of its depth, with its epilogue
// from the registers after the last. Included by gemm_f32_kernel.h.

enum { HALF = PV > 1 ? PV / 2 : PV, THIN_ROWS = 2, THIN_SETS = 4, TOGETHER = 8 };

/// One k of rows at r[0 ..< rows], offset p.
V void whole_step(const int rows, const int nv, const float *const *r, int64_t p, const float *b, int64_t stride,
                  vf *c) {
  vf bv[PANELS * PV];
  KERF_UNROLL
  for (int j = 0; j < nv; j++) bv[j] = vload(b + (j / PV) * stride + (j % PV) * VW);
  KERF_UNROLL
  for (int i = 0; i < rows; i++) {
    const vf av = vset(r[i][p]);
    KERF_UNROLL
    for (int j = 0; j < nv; j++) c[i * nv + j] = vfma(av, bv[j], c[i * nv + j]);
  }
}

/// Where vector i of a tile of nv vectors a row waits for the next chunk.
V float *whole_sum(const int nv, const kerf_whole *w, int i) {
  return w->sums + (i / nv) * (PANELS * KERF_PANEL) + (i % nv) * VW;
}

/// Sums of the segments. Few rows take turns with several sets of sums, which hides the latency of the multiply-add.
V void whole_sums(const int rows, const int nv, const kerf_whole *w, const float *first, vf *c) {
  const float *b = first, *next = w->next;
  const int sets = rows <= THIN_ROWS && VW >= 8 ? THIN_SETS : 1;
  vf more[THIN_SETS][THIN_ROWS * PANELS * PV];
  KERF_UNROLL
  for (int i = 0; i < rows * nv; i++) c[i] = w->begun ? vload(whole_sum(nv, w, i)) : vzero();
  if (sets > 1)
    KERF_UNROLL
    for (int s = 1; s < sets; s++)
      KERF_UNROLL
      for (int i = 0; i < rows * nv; i++) more[s][i] = vzero();
  for (int64_t segment = 0; segment < w->segments; segment++) {
    const float *r[ROWS];
    KERF_UNROLL
    for (int i = 0; i < rows; i++) r[i] = w->a[segment * w->a_step + i] + w->k0;
    if (w->b_rows) b = first + w->b_rows[segment] * KERF_PANEL;
    int64_t p = 0;
    if (sets > 1)
      for (; p + sets <= w->k; p += sets, b += sets * KERF_PANEL) {
        whole_step(rows, nv, r, p, b, w->stride, c);
        KERF_UNROLL
        for (int s = 1; s < sets; s++) whole_step(rows, nv, r, p + s, b + s * KERF_PANEL, w->stride, more[s]);
      }
    else
      for (; p + TOGETHER <= w->k; p += TOGETHER, b += TOGETHER * KERF_PANEL, next += w->next_step) {
        for (int64_t f = 0; f < w->next_step; f += 16) __builtin_prefetch(next + f, 0, 2);
        KERF_UNROLL
        for (int s = 0; s < TOGETHER; s++) whole_step(rows, nv, r, p + s, b + s * KERF_PANEL, w->stride, c);
      }
    for (; p < w->k; p++, b += KERF_PANEL) whole_step(rows, nv, r, p, b, w->stride, c);
  }
  if (sets > 1)
    KERF_UNROLL
    for (int i = 0; i < rows * nv; i++) c[i] = vadd(vadd(c[i], more[1][i]), vadd(more[2][i], more[3][i]));
}

/// Bias, and the residual that comes before the activation.
V void whole_before(const int rows, const int nv, const kerf_whole *w, const float *residual, int columns,
                    int64_t column, vf *c) {
  const float *bias = w->epilogue->bias;
  const float *added = w->epilogue->residual_mode == 1 ? residual : NULL;
  KERF_UNROLL
  for (int j = 0; j < nv; j++) {
    const int n = columns - j * VW;
    if (n <= 0) break;
    const vf b = bias ? load_some(bias + column + j * VW, n) : vzero();
    KERF_UNROLL
    for (int i = 0; i < rows; i++) c[i * nv + j] = vadd(c[i * nv + j], b);
    if (added)
      KERF_UNROLL
      for (int i = 0; i < rows; i++) c[i * nv + j] = vadd(c[i * nv + j], load_some(added + i * w->ldy + j * VW, n));
  }
}

/// Identity, ReLU and clip in the registers, other functions over the whole tile at once.
V void whole_act(const int count, const kerf_act *act, vf *c) {
  const int f = act->function;
  if (f == KERF_UNARY_IDENTITY) return;
  if (f == KERF_UNARY_RELU || f == KERF_UNARY_CLIP) {
    const vf low = vset(f == KERF_UNARY_RELU ? 0 : act->p0), high = vset(f == KERF_UNARY_CLIP ? act->p1 : INFINITY);
    KERF_UNROLL
    for (int i = 0; i < count; i++) c[i] = vmin(high, vmax(low, c[i]));
    return;
  }
  float acc[ROWS * PANELS * KERF_PANEL] __attribute__((aligned(64)));
  KERF_UNROLL
  for (int i = 0; i < count; i++) vstore(acc + i * VW, c[i]);
  KERF_FN(kerf_unary)(acc, acc, count * VW, act);
  KERF_UNROLL
  for (int i = 0; i < count; i++) c[i] = vload(acc + i * VW);
}

V void whole_tile(const int rows, const int nv, const kerf_whole *w, const float *b, float *y, const float *residual,
                  int columns, int64_t column) {
  const float *added = w->epilogue->residual_mode == 2 ? residual : NULL;
  vf c[ROWS * PANELS * PV];
  whole_sums(rows, nv, w, b, c);
  if (w->more) {
    KERF_UNROLL
    for (int i = 0; i < rows * nv; i++) vstore(whole_sum(nv, w, i), c[i]);
    return;
  }
  whole_before(rows, nv, w, residual, columns, column, c);
  whole_act(rows * nv, &w->epilogue->act, c);
  KERF_UNROLL
  for (int j = 0; j < nv; j++) {
    const int n = columns - j * VW;
    if (n <= 0) break;
    if (added)
      KERF_UNROLL
      for (int i = 0; i < rows; i++) c[i * nv + j] = vadd(c[i * nv + j], load_some(added + i * w->ldy + j * VW, n));
    KERF_UNROLL
    for (int i = 0; i < rows; i++) store_some(y + i * w->ldy + j * VW, c[i * nv + j], n);
  }
}

#define KERF_WHOLE(r) \
  case r: whole_tile(r, nv, w, b, y, residual, columns, column); break;
#if VW == 16
#define KERF_WHOLE_LARGE KERF_WHOLE(7) KERF_WHOLE(8) KERF_WHOLE(9) KERF_WHOLE(10)
#else
#define KERF_WHOLE_LARGE
#endif
#if VW == 16 || VW == 8 || defined(__aarch64__)
#define KERF_WHOLE_MID KERF_WHOLE(4) KERF_WHOLE(5) KERF_WHOLE(6)
#else
#define KERF_WHOLE_MID
#endif

V void whole_width(const int nv, int rows, const kerf_whole *w, const float *b, float *y, const float *residual,
                   int columns, int64_t column) {
  switch (rows) {
    KERF_WHOLE(1)
    KERF_WHOLE(2)
    KERF_WHOLE(3)
    KERF_WHOLE_MID
    KERF_WHOLE_LARGE
    default: break;
  }
}

static void whole_narrow(int rows, const kerf_whole *w, const float *b, float *y, const float *residual, int columns,
                         int64_t column) {
  whole_width(HALF, rows, w, b, y, residual, columns, column);
}
static void whole_panel(int rows, const kerf_whole *w, const float *b, float *y, const float *residual, int columns,
                        int64_t column) {
  whole_width(PV, rows, w, b, y, residual, columns, column);
}
#if VW == 16
static void whole_pair(int rows, const kerf_whole *w, const float *b, float *y, const float *residual, int columns,
                       int64_t column) {
  whole_width(2 * PV, rows, w, b, y, residual, columns, column);
}
#endif

static void whole(int rows, int columns, const kerf_whole *w, const float *b, float *y, const float *residual,
                  int64_t column) {
#if VW == 16
  if (columns > KERF_PANEL) {
    whole_pair(rows, w, b, y, residual, columns, column);
    return;
  }
#endif
  if (HALF < PV && columns <= HALF * VW) whole_narrow(rows, w, b, y, residual, columns, column);
  else whole_panel(rows, w, b, y, residual, columns, column);
}
