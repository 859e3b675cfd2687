// DEQUANTIZE: x u8/i8/u16/i16/i32, scale, zero_point? -> y f32; axis(i) (ONNX DequantizeLinear):
// y = (x - zero_point) * scale.
#include "../quantize/quantize.h"

KERF_NO_CONTRACT

int kerf_prepare_dequantize(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 3, 1, 1));
  int32_t type = c->inputs[0]->type;
  bool known = type == KERF_U8 || type == KERF_I8 || type == KERF_U16 || type == KERF_I16 || type == KERF_I32;
  KERF_REQUIRE(known && c->outputs[0]->type == KERF_F32, KERF_BAD_TYPE);
  return kerf_quantization_check(c, type, scratch);
}

typedef struct job {
  kerf_quantization q;
  const void *x;
  float *y;
  int32_t type;
} job;

#define ROW(T, WIDE)                                                                                        \
  do {                                                                                                      \
    const T *x = (const T *)j->x + at;                                                                      \
    if (step == 0) for (int64_t i = 0; i < n; i++) y[i] = (float)((WIDE)x[i] - *zero) * *scale;             \
    else for (int64_t i = 0; i < n; i++) y[i] = (float)((WIDE)x[i] - zero[i]) * scale[i];                   \
  } while (0)

KERF_INLINE void dequantize_row(const job *j, int64_t at, int64_t channel, int64_t n, int step) {
  const float *scale = j->q.scale + channel;
  const int32_t *zero = j->q.zero + channel;
  float *y = j->y + at;
  switch (j->type) {
  case KERF_U8: ROW(uint8_t, int32_t); break;
  case KERF_I8: ROW(int8_t, int32_t); break;
  case KERF_U16: ROW(uint16_t, int32_t); break;
  case KERF_I16: ROW(int16_t, int32_t); break;
  default: ROW(int32_t, int64_t); break;
  }
}

KERF_INLINE void dequantize_range(const job *j, int64_t begin, int64_t end) {
  const int64_t run = j->q.inner == 1 ? j->q.channels : j->q.inner;
  while (begin < end) {
    int64_t inside = begin % run, n = kerf_min(run - inside, end - begin);
    if (j->q.inner == 1 && j->q.channels > 1) dequantize_row(j, begin, inside, n, 1);
    else dequantize_row(j, begin, begin / j->q.inner % j->q.channels, n, 0);
    begin += n;
  }
}

static int run_dequantize(const kerf_call *c, kerf_range_fn range) {
  job j = {.x = c->inputs[0]->data, .y = c->outputs[0]->data, .type = c->inputs[0]->type};
  if (kerf_elements(c->inputs[0]) == 0) return KERF_OK;
  kerf_quantization_read(c, &j.q);
  kerf_ranges(c->pool, kerf_elements(c->inputs[0]), 32768, range, &j);
  return KERF_OK;
}

#define VARIANT(set, target)                                                                                \
  target static void range_##set(void *j, int64_t begin, int64_t end) { dequantize_range(j, begin, end); }  \
  int kerf_run_dequantize_##set(const kerf_call *c) { return run_dequantize(c, range_##set); }
KERF_VARIANTS(VARIANT)
