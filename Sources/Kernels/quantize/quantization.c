#include "quantize.h"

int kerf_quantization_check(const kerf_call *c, int32_t type, uint64_t *scratch) {
  const kerf_tensor *x = c->inputs[0], *scale = c->inputs[1], *zero = kerf_input(c, 2);
  KERF_REQUIRE(kerf_same_shape(x, c->outputs[0]), KERF_BAD_SHAPE);
  KERF_TRY(kerf_check_range(c, 0, -1, x->rank - 1));
  int64_t axis = kerf_int(c, 0), channels = axis < 0 ? 1 : x->dims[axis];
  KERF_REQUIRE(scale->type == KERF_F32, KERF_BAD_TYPE);
  KERF_REQUIRE(scale->rank <= 1 && kerf_elements(scale) == channels, KERF_BAD_SHAPE);
  if (zero) {
    KERF_REQUIRE(zero->type == type, KERF_BAD_TYPE);
    KERF_REQUIRE(zero->rank <= 1 && kerf_elements(zero) == channels, KERF_BAD_SHAPE);
  }
  *scratch = (uint64_t)channels * sizeof(int32_t);
  return KERF_OK;
}

static int32_t zero_at(const kerf_tensor *zero, int64_t i) {
  switch (zero->type) {
  case KERF_U8: return ((const uint8_t *)zero->data)[i];
  case KERF_I8: return ((const int8_t *)zero->data)[i];
  case KERF_U16: return ((const uint16_t *)zero->data)[i];
  case KERF_I16: return ((const int16_t *)zero->data)[i];
  default: return ((const int32_t *)zero->data)[i];
  }
}

void kerf_quantization_read(const kerf_call *c, kerf_quantization *q) {
  const kerf_tensor *x = c->inputs[0], *zero = kerf_input(c, 2);
  int axis = (int)kerf_int(c, 0);
  int32_t *zeros = c->scratch;
  q->outer = axis < 0 ? 1 : kerf_span(x, 0, axis);
  q->channels = axis < 0 ? 1 : x->dims[axis];
  q->inner = axis < 0 ? kerf_elements(x) : kerf_span(x, axis + 1, x->rank);
  for (int64_t i = 0; i < q->channels; i++) zeros[i] = zero ? zero_at(zero, i) : 0;
  q->scale = c->inputs[1]->data;
  q->zero = zeros;
}
