#include <math.h>

#include "reduce_int.h"

KERF_NO_CONTRACT

static double combine(int64_t function, double a, double v, double top) {
  switch (function) {
  case KERF_REDUCE_MAX: return v > a || v != v ? v : a;
  case KERF_REDUCE_MIN: return v < a || v != v ? v : a;
  case KERF_REDUCE_PROD: return a * v;
  case KERF_REDUCE_L1: return a + fabs(v);
  case KERF_REDUCE_L2: case KERF_REDUCE_SUM_SQUARE: return a + v * v;
  case KERF_REDUCE_LOG_SUM_EXP: return a + exp(v - top);
  default: return a + v;
  }
}

static double fold(const kerf_reduce_int *r, int64_t function, int64_t offset, double start, double top) {
  int64_t index[KERF_MAX_RANK] = {0}, last = r->reduced_rank - 1;
  if (r->count == 0) return start;
  do {
    const double *x = (const double *)r->x + offset;
    for (int64_t i = 0; i < r->reduced_dims[last]; i++) {
      start = combine(function, start, x[i * r->reduced_strides[last]], top);
    }
  } while (kerf_reduce_next(r, index, &offset));
  return start;
}

void kerf_reduce_f64_element(const kerf_reduce_int *r, int64_t i, int64_t offset) {
  double *y = (double *)r->y + i, top;
  switch (r->function) {
  case KERF_REDUCE_MAX: *y = fold(r, r->function, offset, -INFINITY, 0); break;
  case KERF_REDUCE_MIN: *y = fold(r, r->function, offset, INFINITY, 0); break;
  case KERF_REDUCE_PROD: *y = fold(r, r->function, offset, 1, 0); break;
  case KERF_REDUCE_MEAN: *y = fold(r, r->function, offset, 0, 0) / (double)r->count; break;
  case KERF_REDUCE_L2: *y = sqrt(fold(r, r->function, offset, 0, 0)); break;
  case KERF_REDUCE_LOG_SUM: *y = log(fold(r, r->function, offset, 0, 0)); break;
  case KERF_REDUCE_LOG_SUM_EXP:
    top = fold(r, KERF_REDUCE_MAX, offset, -INFINITY, 0);
    *y = top - top == 0 ? top + log(fold(r, r->function, offset, 0, top)) : top;
    break;
  default: *y = fold(r, r->function, offset, 0, 0); break;
  }
}
