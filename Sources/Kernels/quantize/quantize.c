// QUANTIZE: x f32, scale f32 [1] or [C], zero_point? -> y u8/i8/u16/i16; axis(i, -1 per tensor) (ONNX QuantizeLinear):
// y = saturate(round half to even(x / scale) + zero_point).
#include "quantize.h"

KERF_NO_CONTRACT

int kerf_prepare_quantize(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 3, 1, 1));
  int32_t type = c->outputs[0]->type;
  bool known = type == KERF_U8 || type == KERF_I8 || type == KERF_U16 || type == KERF_I16;
  KERF_REQUIRE(c->inputs[0]->type == KERF_F32 && known, KERF_BAD_TYPE);
  return kerf_quantization_check(c, type, scratch);
}

typedef struct job {
  kerf_quantization q;
  const float *x;
  void *y;
  int32_t type;
} job;

/// n elements of one channel (step 0) or of consecutive channels (step 1).
#define ROW(T, low, high)                                                                                     \
  do {                                                                                                        \
    T *y = (T *)j->y + at;                                                                                    \
    if (step == 0) for (int64_t i = 0; i < n; i++) y[i] = (T)kerf_quantize_one(x[i], *scale, *zero, low, high); \
    else for (int64_t i = 0; i < n; i++) y[i] = (T)kerf_quantize_one(x[i], scale[i], zero[i], low, high);     \
  } while (0)

KERF_INLINE void quantize_row(const job *j, int64_t at, int64_t channel, int64_t n, int step) {
  const float *x = j->x + at, *scale = j->q.scale + channel;
  const int32_t *zero = j->q.zero + channel;
  switch (j->type) {
  case KERF_U8: ROW(uint8_t, 0, UINT8_MAX); break;
  case KERF_I8: ROW(int8_t, INT8_MIN, INT8_MAX); break;
  case KERF_U16: ROW(uint16_t, 0, UINT16_MAX); break;
  default: ROW(int16_t, INT16_MIN, INT16_MAX); break;
  }
}

/// Elements begin ..< end, cut where the channel changes; channels-last goes a row of channels at a time.
KERF_INLINE void quantize_range(const job *j, int64_t begin, int64_t end) {
  const int64_t run = j->q.inner == 1 ? j->q.channels : j->q.inner;
  while (begin < end) {
    int64_t inside = begin % run, n = kerf_min(run - inside, end - begin);
    if (j->q.inner == 1 && j->q.channels > 1) quantize_row(j, begin, inside, n, 1);
    else quantize_row(j, begin, begin / j->q.inner % j->q.channels, n, 0);
    begin += n;
  }
}

static int run_quantize(const kerf_call *c, kerf_range_fn range) {
  job j = {.x = c->inputs[0]->data, .y = c->outputs[0]->data, .type = c->outputs[0]->type};
  if (kerf_elements(c->inputs[0]) == 0) return KERF_OK;
  kerf_quantization_read(c, &j.q);
  kerf_ranges(c->pool, kerf_elements(c->inputs[0]), 32768, range, &j);
  return KERF_OK;
}

#define VARIANT(set, target)                                                                              \
  target static void range_##set(void *j, int64_t begin, int64_t end) { quantize_range(j, begin, end); }  \
  int kerf_run_quantize_##set(const kerf_call *c) { return run_quantize(c, range_##set); }
KERF_VARIANTS(VARIANT)
