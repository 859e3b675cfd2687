// DYNAMIC_QUANTIZE: x f32 -> y u8, scale f32 [], zero_point u8 [] (ONNX DynamicQuantizeLinear). The range is that of x
// and 0; NaN does not count for it. Where x is all zeros the scale is 1.
#include "dynamic_quantize.h"

KERF_NO_CONTRACT

int kerf_prepare_dynamic_quantize(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 3, 0));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0], *scale = c->outputs[1], *zero = c->outputs[2];
  bool types = x->type == KERF_F32 && y->type == KERF_U8 && scale->type == KERF_F32 && zero->type == KERF_U8;
  KERF_REQUIRE(types, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(x, y), KERF_BAD_SHAPE);
  KERF_REQUIRE(kerf_elements(scale) == 1 && kerf_elements(zero) == 1, KERF_BAD_SHAPE);
  return KERF_OK;
}

enum { LANES = 16 };

/// Least and greatest of x and 0.
KERF_INLINE void find_range(const float *x, int64_t n, float *least, float *greatest) {
  float low[LANES] = {0}, high[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int l = 0; l < LANES; l++) {
      low[l] = x[i + l] < low[l] ? x[i + l] : low[l];
      high[l] = x[i + l] > high[l] ? x[i + l] : high[l];
    }
  }
  for (; i < n; i++) {
    low[0] = x[i] < low[0] ? x[i] : low[0];
    high[0] = x[i] > high[0] ? x[i] : high[0];
  }
  for (int l = 1; l < LANES; l++) {
    low[0] = low[l] < low[0] ? low[l] : low[0];
    high[0] = high[l] > high[0] ? high[l] : high[0];
  }
  *least = low[0];
  *greatest = high[0];
}

typedef struct job {
  const float *x;
  uint8_t *y;
  float scale;
  int32_t zero;
} job;

KERF_INLINE void quantize(const job *j, int64_t begin, int64_t end) {
  const float scale = j->scale;
  const int32_t zero = j->zero;
  for (int64_t i = begin; i < end; i++) j->y[i] = (uint8_t)kerf_quantize_one(j->x[i], scale, zero, 0, 255);
}

static void run(const float *x, int64_t n, float least, float greatest, uint8_t *y, float *scale, int32_t *zero,
                kerf_pool *pool, kerf_range_fn range) {
  job j = {x, y, (greatest - least) / 255.0f, 0};
  if (j.scale == 0) j.scale = 1;
  j.zero = kerf_quantize_one(-least, j.scale, 0, 0, 255);
  *scale = j.scale;
  *zero = j.zero;
  kerf_ranges(pool, n, 32768, range, &j);
}

static int run_call(const kerf_call *c, kerf_dynamic_quantize_fn quantize_all) {
  int32_t zero;
  quantize_all(c->inputs[0]->data, kerf_elements(c->inputs[0]), c->outputs[0]->data, c->outputs[1]->data, &zero,
               c->pool);
  *(uint8_t *)c->outputs[2]->data = (uint8_t)zero;
  return KERF_OK;
}

#define VARIANT(set, target)                                                                                     \
  target static void range_##set(void *j, int64_t begin, int64_t end) { quantize(j, begin, end); }               \
  target void kerf_dynamic_quantize_##set(const float *x, int64_t n, uint8_t *y, float *scale, int32_t *zero,    \
                                          kerf_pool *pool) {                                                     \
    float least, greatest;                                                                                       \
    find_range(x, n, &least, &greatest);                                                                         \
    run(x, n, least, greatest, y, scale, zero, pool, range_##set);                                               \
  }                                                                                                              \
  int kerf_run_dynamic_quantize_##set(const kerf_call *c) { return run_call(c, kerf_dynamic_quantize_##set); }
KERF_VARIANTS(VARIANT)
