// REDUCE_F32 over the vocabulary of a simd_… header.
#include "../core/vmath.h"
#include "../core/vsum.h"
#include "reduce_f32.h"

V vf term(const int fold, vf x, vf shift) {
  switch (fold) {
    case KERF_FOLD_ABS: return vabs(x);
    case KERF_FOLD_SQUARE: return vmul(x, x);
    case KERF_FOLD_EXP: return vexp(vsub(x, shift));
    default: return x;
  }
}

V vf term_pair(const int fold, vf x, vf y, vf shift) {
  if (fold == KERF_FOLD_SQUARE) return vfma(x, x, vmul(y, y));
  return vadd(term(fold, x, shift), term(fold, y, shift));
}

/// The terms of 8 vectors `stride` apart, summed as a tree.
V vf term_block(const int fold, const float *x, int64_t stride, vf s) {
#define KERF_PAIR(i) term_pair(fold, vload(x + (i) * stride), vload(x + ((i) + 1) * stride), s)
  return vadd(vadd(KERF_PAIR(0), KERF_PAIR(2)), vadd(KERF_PAIR(4), KERF_PAIR(6)));
#undef KERF_PAIR
}

V double row_sum(const int fold, const float *x, int64_t n, float shift) {
  const vf s = vset(shift);
  vsum2 sum = vsum2_zero();
  int64_t i = 0;
  for (; i + 8 * VW <= n; i += 8 * VW) sum = vsum2_add(sum, term_block(fold, x + i, VW, s));
  for (; i + VW <= n; i += VW) sum = vsum2_add(sum, term(fold, vload(x + i), s));
  double total = vsum2_total(sum);
  if (i == n) return total;
  float tail[VW];
  vstore(tail, term(fold, vloadn(x + i, n - i), s));
  for (int j = 0; j < n - i; j++) total += tail[j];
  return total;
}

V vf join_vectors(const int fold, vf acc, vf x) {
  switch (fold) {
    case KERF_FOLD_PROD: return vmul(acc, x);
    case KERF_FOLD_MAX: return vsel(vunord(acc, acc), acc, vmax(acc, x));
    default: return vsel(vunord(acc, acc), acc, vmin(acc, x));
  }
}

V vf start_vector(const int fold) {
  return vset(fold == KERF_FOLD_MAX ? -INFINITY : fold == KERF_FOLD_MIN ? INFINITY : 1);
}

V double row_join(const int fold, const float *x, int64_t n) {
  vf a = start_vector(fold), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW) {
    a = join_vectors(fold, a, vload(x + i));
    b = join_vectors(fold, b, vload(x + i + VW));
    c = join_vectors(fold, c, vload(x + i + 2 * VW));
    d = join_vectors(fold, d, vload(x + i + 3 * VW));
  }
  for (; i + VW <= n; i += VW) a = join_vectors(fold, a, vload(x + i));
  a = join_vectors(fold, join_vectors(fold, a, b), join_vectors(fold, c, d));
  float lanes[VW];
  vstore(lanes, a);
  vf one = vset(lanes[0]);
  for (int j = 1; j < VW; j++) one = join_vectors(fold, one, vset(lanes[j]));
  for (; i < n; i++) one = join_vectors(fold, one, vset(x[i]));
  vstore(lanes, one);
  return lanes[0];
}

V double row_fold(const int fold, const float *x, int64_t n, float shift) {
  return fold >= KERF_FOLD_PROD ? row_join(fold, x, n) : row_sum(fold, x, n, shift);
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

static double row(int fold, const float *x, int64_t n, float shift) {
  double result = 0;
#define KERF_ROW(f) result = row_fold(f, x, n, shift)
  KERF_CASES(KERF_ROW)
  return result;
}

V vf load_some(const float *p, int64_t n) { return n >= VW ? vload(p) : vloadn(p, n); }
V void store_some(float *p, vf a, int64_t n) {
  if (n >= VW) vstore(p, a);
  else vstoren(p, a, n);
}

V vf add_term(const int fold, vf sum, vf x, vf shift) {
  return fold == KERF_FOLD_SQUARE ? vfma(x, x, sum) : vadd(sum, term(fold, x, shift));
}

/// Rows that are added in plain float, four sums at a time; the sums of blocks keep track of their roundings.
enum { BLOCK_ROWS = 512 };

/// One vector of columns.
V vsum2 column_sum(const int fold, const float *x, int64_t rows, int64_t stride, int64_t w, vf s, vsum2 sum) {
  for (int64_t first = 0; first < rows; first += BLOCK_ROWS) {
    const int64_t end = first + BLOCK_ROWS < rows ? first + BLOCK_ROWS : rows;
    vf a = vzero(), b = a, c = a, d = a;
    int64_t r = first;
    for (; r + 4 <= end; r += 4) {
      const float *row = x + r * stride;
      a = add_term(fold, a, load_some(row, w), s);
      b = add_term(fold, b, load_some(row + stride, w), s);
      c = add_term(fold, c, load_some(row + 2 * stride, w), s);
      d = add_term(fold, d, load_some(row + 3 * stride, w), s);
    }
    for (; r < end; r++) a = add_term(fold, a, load_some(x + r * stride, w), s);
    sum = vsum2_add(sum, vadd(vadd(a, c), vadd(b, d)));
  }
  return sum;
}

V vf column_join(const int fold, const float *x, int64_t rows, int64_t stride, int64_t w, vf even) {
  vf odd = start_vector(fold);
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) {
    even = join_vectors(fold, even, load_some(x + r * stride, w));
    odd = join_vectors(fold, odd, load_some(x + (r + 1) * stride, w));
  }
  if (r < rows) even = join_vectors(fold, even, load_some(x + r * stride, w));
  return join_vectors(fold, even, odd);
}

V void columns_fold(const int fold, const float *x, int64_t rows, int64_t stride, int64_t n, const float *shift,
                    float *acc, float *lost) {
  for (int64_t i = 0; i < n; i += VW) {
    const int64_t w = n - i;
    const vf before = load_some(acc + i, w);
    if (fold >= KERF_FOLD_PROD) {
      store_some(acc + i, column_join(fold, x + i, rows, stride, w, before), w);
      continue;
    }
    const vf s = fold == KERF_FOLD_EXP ? load_some(shift + i, w) : vzero();
    const vsum2 sum = column_sum(fold, x + i, rows, stride, w, s, (vsum2){before, load_some(lost + i, w)});
    store_some(acc + i, sum.high, w);
    store_some(lost + i, vsum2_lost(sum), w);
  }
}

static void columns(int fold, const float *x, int64_t rows, int64_t stride, int64_t n, const float *shift,
                    float *acc, float *lost) {
#define KERF_COLUMNS(f) columns_fold(f, x, rows, stride, n, shift, acc, lost)
  KERF_CASES(KERF_COLUMNS)
}
#undef KERF_CASES
#undef KERF_ROW
#undef KERF_COLUMNS

static const kerf_fold folds = {row, columns};

int KERF_FN(kerf_run_reduce_f32)(const kerf_call *call) { return kerf_run_reduce(call, &folds); }
