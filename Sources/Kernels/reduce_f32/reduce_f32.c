// REDUCE_F32: x -> y; function, axes (bit mask). y has x's dimensions without the reduced ones, or with ones there.
// ONNX: ReduceSum, Mean, Max, Min, Prod, L1, L2, SumSquare, LogSum, LogSumExp 1-20 and GlobalAveragePool.
//
// Neighbouring axes of a kind are joined; the last group is folded along rows when reduced, else by columns. Partial
// results are combined in order. Sums keep track of the roundings of long rows and of blocks of columns, so the result is
// off by a few at any length.
#include "reduce_f32.h"

enum { COLUMNS = 512 };

/// x as groups of axes, alternately kept and reduced.
typedef struct shape {
  int rank;
  int64_t dims[KERF_MAX_RANK], strides[KERF_MAX_RANK];
  bool reduced[KERF_MAX_RANK];
  int64_t kept, folded;  // products over the kept and the reduced groups
} shape;

static void collapse(const kerf_tensor *x, int64_t mask, shape *s) {
  s->rank = 0, s->kept = s->folded = 1;
  for (int i = 0; i < x->rank; i++) {
    const bool reduced = mask >> i & 1;
    *(reduced ? &s->folded : &s->kept) *= x->dims[i];
    if (x->dims[i] == 1) continue;
    if (s->rank && s->reduced[s->rank - 1] == reduced) {
      s->dims[s->rank - 1] *= x->dims[i];
    } else {
      s->dims[s->rank] = x->dims[i];
      s->reduced[s->rank++] = reduced;
    }
  }
  int64_t stride = 1;
  for (int i = s->rank - 1; i >= 0; i--) s->strides[i] = stride, stride *= s->dims[i];
}

/// y's dimensions are x's kept ones, with or without ones for the reduced.
static bool shape_fits(const kerf_tensor *x, const kerf_tensor *y, int64_t mask) {
  int at = 0;
  const bool keeps = y->rank == x->rank;
  for (int i = 0; i < x->rank; i++) {
    const bool reduced = mask >> i & 1;
    if (reduced && !keeps) continue;
    if (at >= y->rank || y->dims[at++] != (reduced ? 1 : x->dims[i])) return false;
  }
  return at == y->rank;
}

int kerf_prepare_reduce_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 1, 1, 2));
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  KERF_TRY(kerf_check_typed(x, KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_TRY(kerf_check_range(call, 0, KERF_REDUCE_SUM, KERF_REDUCE_LOG_SUM_EXP));
  KERF_TRY(kerf_check_range(call, 1, 0, ((int64_t)1 << x->rank) - 1));
  return shape_fits(x, y, kerf_int(call, 1)) ? KERF_OK : KERF_BAD_SHAPE;
}

static int fold_of(int function) {
  switch (function) {
    case KERF_REDUCE_MAX: return KERF_FOLD_MAX;
    case KERF_REDUCE_MIN: return KERF_FOLD_MIN;
    case KERF_REDUCE_PROD: return KERF_FOLD_PROD;
    case KERF_REDUCE_L1: return KERF_FOLD_ABS;
    case KERF_REDUCE_L2: case KERF_REDUCE_SUM_SQUARE: return KERF_FOLD_SQUARE;
    case KERF_REDUCE_LOG_SUM_EXP: return KERF_FOLD_EXP;
    default: return KERF_FOLD_SUM;
  }
}

static float start_of(int fold) {
  return fold == KERF_FOLD_MAX ? -INFINITY : fold == KERF_FOLD_MIN ? INFINITY : fold == KERF_FOLD_PROD ? 1 : 0;
}

static double join(int fold, double a, double b) {
  switch (fold) {
    case KERF_FOLD_MAX: return a > b || a != a ? a : b;
    case KERF_FOLD_MIN: return a < b || a != a ? a : b;
    case KERF_FOLD_PROD: return a * b;
    default: return a + b;
  }
}

static float finish(int function, double sum, int64_t n, float shift) {
  switch (function) {
    case KERF_REDUCE_MEAN: return (float)(sum / (double)n);
    case KERF_REDUCE_L2: return (float)__builtin_sqrt(sum);
    case KERF_REDUCE_LOG_SUM: return (float)__builtin_log(sum);
    case KERF_REDUCE_LOG_SUM_EXP: return (float)((double)shift + __builtin_log(sum));
    default: return (float)sum;
  }
}

typedef struct job {
  shape s;
  const float *x;
  float *y;
  int function;
  const kerf_fold *fold;
  int inner;      // groups at the end that one call folds
  int64_t width;  // kept columns, 1 when the last group is reduced
  int64_t parts, step;
} job;

/// Offset of combination `index` of the groups before the inner ones that are (or are not) reduced.
static int64_t offset_of(const job *j, int64_t index, bool reduced) {
  int64_t offset = 0;
  for (int i = j->s.rank - j->inner - 1; i >= 0; i--) {
    if (j->s.reduced[i] != reduced) continue;
    offset += index % j->s.dims[i] * j->s.strides[i];
    index /= j->s.dims[i];
  }
  return offset;
}

/// exp(x - shift) must not meet inf - inf.
static float safe_shift(float m) { return m - m == 0 ? m : 0; }

static double fold_rows(const job *j, int fold, int64_t base, float shift) {
  const int64_t n = j->s.dims[j->s.rank - 1], outer = n ? j->s.folded / n : 0;
  double result = start_of(fold);
  for (int64_t r = 0; r < outer; r++)
    result = join(fold, result, j->fold->row(fold, j->x + base + offset_of(j, r, true), n, shift));
  return result;
}

static void reduce_row(const job *j, int64_t index) {
  const int fold = fold_of(j->function);
  const int64_t base = offset_of(j, index, false);
  const float shift = fold == KERF_FOLD_EXP ? safe_shift((float)fold_rows(j, KERF_FOLD_MAX, base, 0)) : 0;
  j->y[index] = finish(j->function, fold_rows(j, fold, base, shift), j->s.folded, shift);
}

/// Columns base ..< base + n, folded over all reduced groups.
static void fold_columns(const job *j, int fold, int64_t base, int64_t n, const float *shift, float *acc, float *lost) {
  const int at = j->s.rank - 2;  // the reduced group before the columns
  const int64_t rows = j->s.dims[at], outer = rows ? j->s.folded / rows : 0;
  for (int64_t i = 0; i < n; i++) acc[i] = start_of(fold), lost[i] = 0;
  for (int64_t r = 0; r < outer; r++)
    j->fold->columns(fold, j->x + base + offset_of(j, r, true), rows, j->s.strides[at], n, shift, acc, lost);
}

static void reduce_columns(const job *j, int64_t index) {
  const int fold = fold_of(j->function);
  const int64_t begin = index % j->parts * COLUMNS, n = kerf_min(COLUMNS, j->width - begin), row = index / j->parts;
  const int64_t base = offset_of(j, row, false) + begin;
  float acc[COLUMNS], lost[COLUMNS], shift[COLUMNS];
  memset(shift, 0, sizeof shift);
  if (fold == KERF_FOLD_EXP) {
    fold_columns(j, KERF_FOLD_MAX, base, n, shift, acc, lost);
    for (int64_t i = 0; i < n; i++) shift[i] = safe_shift(acc[i]);
  }
  fold_columns(j, fold, base, n, shift, acc, lost);
  for (int64_t i = 0; i < n; i++)
    j->y[row * j->width + begin + i] = finish(j->function, (double)acc[i] + (double)lost[i], j->s.folded, shift[i]);
}

static void run_rows(void *context, int64_t index) {
  const job *j = context;
  const int64_t end = kerf_min(j->s.kept, (index + 1) * j->step);
  for (int64_t i = index * j->step; i < end; i++) reduce_row(j, i);
}

static void run_columns(void *context, int64_t index) { reduce_columns(context, index); }

int kerf_run_reduce(const kerf_call *call, const kerf_fold *fold) {
  const kerf_tensor *x = call->inputs[0];
  job j = {.x = x->data, .y = call->outputs[0]->data, .function = (int)kerf_int(call, 0), .fold = fold};
  collapse(x, kerf_int(call, 1), &j.s);
  if (j.s.kept == 0) return KERF_OK;
  // A reduced group of one element at the end (or between, where nothing is reduced) makes both forms work.
  if (j.s.rank == 0 || (j.s.rank == 1 && !j.s.reduced[0])) {
    j.s.dims[j.s.rank] = 1, j.s.strides[j.s.rank] = 1, j.s.reduced[j.s.rank++] = true;
  }
  kerf_pool *pool = kerf_pool_for(call, (double)kerf_count(x) * 0.3);
  if (j.s.reduced[j.s.rank - 1]) {
    j.inner = 1, j.width = 1;
    j.step = kerf_max(1, 8192 / kerf_max(1, j.s.folded));
    kerf_parallel(pool, run_rows, &j, kerf_ceil_div(j.s.kept, j.step));
  } else {
    j.inner = 2, j.width = j.s.dims[j.s.rank - 1];
    j.parts = kerf_ceil_div(j.width, COLUMNS);
    kerf_parallel(pool, run_columns, &j, j.s.kept / j.width * j.parts);
  }
  return KERF_OK;
}
