#include <math.h>

#include "reduce_int.h"

/// What a pass over the elements gathers: enough for every function.
typedef struct sums {
  uint64_t sum, product, squares, magnitudes;  // wrapping
  int64_t least, greatest;
  uint64_t least_unsigned, greatest_unsigned;
} sums;

static uint64_t element(int32_t type, const void *x, int64_t i) {
  switch (type) {
  case KERF_U8: return ((const uint8_t *)x)[i];
  case KERF_BOOL: return ((const uint8_t *)x)[i] != 0;
  case KERF_I8: return (uint64_t)(int64_t)((const int8_t *)x)[i];
  case KERF_U16: return ((const uint16_t *)x)[i];
  case KERF_I16: return (uint64_t)(int64_t)((const int16_t *)x)[i];
  case KERF_U32: return ((const uint32_t *)x)[i];
  case KERF_I32: return (uint64_t)(int64_t)((const int32_t *)x)[i];
  default: return ((const uint64_t *)x)[i];
  }
}

static void add(sums *s, uint64_t v, int32_t type) {
  int64_t as_signed = (int64_t)v;
  s->sum += v;
  s->product *= v;
  s->squares += v * v;
  s->magnitudes += type != KERF_U64 && as_signed < 0 ? 0 - v : v;
  if (as_signed < s->least) s->least = as_signed;
  if (as_signed > s->greatest) s->greatest = as_signed;
  if (v < s->least_unsigned) s->least_unsigned = v;
  if (v > s->greatest_unsigned) s->greatest_unsigned = v;
}

static sums gather(const kerf_reduce_int *r, int64_t offset) {
  sums s = {.product = 1, .least = INT64_MAX, .greatest = INT64_MIN, .least_unsigned = UINT64_MAX};
  int64_t index[KERF_MAX_RANK] = {0}, n = r->reduced_dims[r->reduced_rank - 1];
  if (r->count == 0) return s;
  do {
    int64_t stride = r->reduced_strides[r->reduced_rank - 1];
    for (int64_t i = 0; i < n; i++) add(&s, element(r->type, r->x, offset + i * stride), r->type);
  } while (kerf_reduce_next(r, index, &offset));
  return s;
}

/// The extremes of the element type, for reductions over nothing.
static uint64_t extreme(int32_t type, bool greatest) {
  switch (type) {
  case KERF_BOOL: return greatest;
  case KERF_I8: return (uint64_t)(int64_t)(greatest ? INT8_MAX : INT8_MIN);
  case KERF_I16: return (uint64_t)(int64_t)(greatest ? INT16_MAX : INT16_MIN);
  case KERF_I32: return (uint64_t)(int64_t)(greatest ? INT32_MAX : INT32_MIN);
  case KERF_I64: return (uint64_t)(greatest ? INT64_MAX : INT64_MIN);
  default: return greatest ? UINT64_MAX : 0;
  }
}

static double as_double(int32_t type, uint64_t v) { return type == KERF_U64 ? (double)v : (double)(int64_t)v; }

static uint64_t truncated(double v) { return v > -9.2e18 && v < 9.2e18 ? (uint64_t)(int64_t)v : 0; }

static uint64_t log_sum_exp(const kerf_reduce_int *r, int64_t offset, double top) {
  int64_t index[KERF_MAX_RANK] = {0}, last = r->reduced_rank - 1;
  double sum = 0;
  if (r->count == 0) return 0;
  do {
    for (int64_t i = 0; i < r->reduced_dims[last]; i++) {
      sum += exp(as_double(r->type, element(r->type, r->x, offset + i * r->reduced_strides[last])) - top);
    }
  } while (kerf_reduce_next(r, index, &offset));
  return truncated(top + log(sum));
}

static uint64_t mean(const kerf_reduce_int *r, uint64_t sum) {
  if (r->count == 0) return 0;
  return r->type == KERF_U64 ? sum / (uint64_t)r->count : (uint64_t)((int64_t)sum / r->count);
}

static uint64_t result(const kerf_reduce_int *r, const sums *s, int64_t offset) {
  bool is_unsigned = r->type == KERF_U64;
  uint64_t top = is_unsigned ? s->greatest_unsigned : (uint64_t)s->greatest;
  switch (r->function) {
  case KERF_REDUCE_SUM: return s->sum;
  case KERF_REDUCE_MEAN: return mean(r, s->sum);
  case KERF_REDUCE_MAX: return r->count == 0 ? extreme(r->type, false) : top;
  case KERF_REDUCE_MIN:
    if (r->count == 0) return extreme(r->type, true);
    return is_unsigned ? s->least_unsigned : (uint64_t)s->least;
  case KERF_REDUCE_PROD: return s->product;
  case KERF_REDUCE_L1: return s->magnitudes;
  case KERF_REDUCE_L2: return truncated(sqrt((double)s->squares));
  case KERF_REDUCE_SUM_SQUARE: return s->squares;
  case KERF_REDUCE_LOG_SUM: return truncated(log(as_double(r->type, s->sum)));
  default: return log_sum_exp(r, offset, as_double(r->type, top));
  }
}

void kerf_reduce_int_element(const kerf_reduce_int *r, int64_t i, int64_t offset) {
  sums s = gather(r, offset);
  uint64_t v = result(r, &s, offset);
  if (r->type == KERF_BOOL) v = v != 0;
  switch (kerf_width(r->type)) {
  case 1: ((uint8_t *)r->y)[i] = (uint8_t)v; break;
  case 2: ((uint16_t *)r->y)[i] = (uint16_t)v; break;
  case 4: ((uint32_t *)r->y)[i] = (uint32_t)v; break;
  default: ((uint64_t *)r->y)[i] = v; break;
  }
}
