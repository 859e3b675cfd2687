// REDUCE_F32 over the vocabulary of a simd_… header.
#include "../core/vmath.h"
#include "reduce_f32.h"

V vf fold_vector(const int fold, vf acc, vf x, vf shift) {
  switch (fold) {
    case KERF_FOLD_ABS: return vadd(acc, vabs(x));
    case KERF_FOLD_SQUARE: return vfma(x, x, acc);
    case KERF_FOLD_EXP: return vadd(acc, vexp(vsub(x, shift)));
    case KERF_FOLD_PROD: return vmul(acc, x);
    case KERF_FOLD_MAX: return vsel(vunord(acc, acc), acc, vmax(acc, x));
    case KERF_FOLD_MIN: return vsel(vunord(acc, acc), acc, vmin(acc, x));
    default: return vadd(acc, x);
  }
}

V vf start_vector(const int fold) {
  return vset(fold == KERF_FOLD_MAX ? -INFINITY : fold == KERF_FOLD_MIN ? INFINITY : fold == KERF_FOLD_PROD ? 1 : 0);
}

/// Folds the accumulators of folded values: no function is applied any more.
V vf join_vectors(const int fold, vf a, vf b) {
  return fold_vector(fold >= KERF_FOLD_PROD ? fold : KERF_FOLD_SUM, a, b, vzero());
}

V float row_fold(const int fold, const float *x, int64_t n, float shift) {
  const vf s = vset(shift);
  vf a = start_vector(fold), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW) {
    a = fold_vector(fold, a, vload(x + i), s);
    b = fold_vector(fold, b, vload(x + i + VW), s);
    c = fold_vector(fold, c, vload(x + i + 2 * VW), s);
    d = fold_vector(fold, d, vload(x + i + 3 * VW), s);
  }
  for (; i + VW <= n; i += VW) a = fold_vector(fold, a, vload(x + i), s);
  a = join_vectors(fold, join_vectors(fold, a, b), join_vectors(fold, c, d));
  float lanes[VW], tail[VW];
  vstore(lanes, a);
  vstore(tail, fold_vector(fold, start_vector(fold), i < n ? vloadn(x + i, n - i) : vzero(), s));
  vf one = vset(lanes[0]);
  for (int j = 1; j < VW; j++) one = join_vectors(fold, one, vset(lanes[j]));
  for (int j = 0; j < n - i; j++) one = join_vectors(fold, one, vset(tail[j]));
  vstore(lanes, one);
  return lanes[0];
}

#define KERF_CASES(call) \
  switch (fold) {        \
    case KERF_FOLD_ABS: call(KERF_FOLD_ABS); break;       \
    case KERF_FOLD_SQUARE: call(KERF_FOLD_SQUARE); break; \
    case KERF_FOLD_EXP: call(KERF_FOLD_EXP); break;       \
    case KERF_FOLD_PROD: call(KERF_FOLD_PROD); break;     \
    case KERF_FOLD_MAX: call(KERF_FOLD_MAX); break;       \
    case KERF_FOLD_MIN: call(KERF_FOLD_MIN); break;       \
    default: call(KERF_FOLD_SUM);                         \
  }

static float row(int fold, const float *x, int64_t n, float shift) {
  float result = 0;
#define KERF_ROW(f) result = row_fold(f, x, n, shift)
  KERF_CASES(KERF_ROW)
  return result;
}

V vf load_some(const float *p, int64_t n) { return n >= VW ? vload(p) : vloadn(p, n); }
V void store_some(float *p, vf a, int64_t n) {
  if (n >= VW) vstore(p, a);
  else vstoren(p, a, n);
}

/// Blocks of rows have sums of their own, so that long columns stay accurate.
V void columns_fold(const int fold, const float *x, int64_t rows, int64_t stride, int64_t n, const float *shift,
                    float *acc) {
  enum { BLOCK = 64 };
  for (int64_t i = 0; i < n; i += VW) {
    const int64_t w = n - i;
    const vf s = fold == KERF_FOLD_EXP ? load_some(shift + i, w) : vzero();
    vf total = load_some(acc + i, w);
    for (int64_t r = 0; r < rows; r += BLOCK) {
      const int64_t end = rows - r < BLOCK ? rows : r + BLOCK;
      vf even = start_vector(fold), odd = even;
      int64_t q = r;
      for (; q + 2 <= end; q += 2) {
        even = fold_vector(fold, even, load_some(x + q * stride + i, w), s);
        odd = fold_vector(fold, odd, load_some(x + (q + 1) * stride + i, w), s);
      }
      if (q < end) even = fold_vector(fold, even, load_some(x + q * stride + i, w), s);
      total = join_vectors(fold, total, join_vectors(fold, even, odd));
    }
    store_some(acc + i, total, w);
  }
}

static void columns(int fold, const float *x, int64_t rows, int64_t stride, int64_t n, const float *shift,
                    float *acc) {
#define KERF_COLUMNS(f) columns_fold(f, x, rows, stride, n, shift, acc)
  KERF_CASES(KERF_COLUMNS)
}
#undef KERF_CASES
#undef KERF_ROW
#undef KERF_COLUMNS

static const kerf_fold folds = {row, columns};

int KERF_FN(kerf_run_reduce_f32)(const kerf_call *call) { return kerf_run_reduce(call, &folds); }
