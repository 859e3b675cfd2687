// RANGE: start scalar, delta scalar (f32, f64, i16, i32, i64) -> y[n], y[i] = start + i * delta (ONNX Range).
// Integers wrap.
#include "../common/tensors.h"

KERF_NO_CONTRACT

int kerf_prepare_range(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 0));
  *scratch = 0;
  const kerf_tensor *start = c->inputs[0], *delta = c->inputs[1], *y = c->outputs[0];
  KERF_REQUIRE(start->type == y->type && delta->type == y->type, KERF_BAD_TYPE);
  bool known = y->type == KERF_F32 || y->type == KERF_F64 || y->type == KERF_I16 || kerf_is_index(y->type);
  KERF_REQUIRE(known, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_elements(start) == 1 && kerf_elements(delta) == 1 && y->rank == 1, KERF_BAD_SHAPE);
  return KERF_OK;
}

#define FILL(T, U)                                                             \
  do {                                                                         \
    U start = (U)*(const T *)c->inputs[0]->data, delta = (U)*(const T *)c->inputs[1]->data; \
    for (int64_t i = 0; i < n; i++) ((T *)y->data)[i] = (T)(start + (U)i * delta); \
  } while (0)

int kerf_run_range_portable(const kerf_call *c) {
  const kerf_tensor *y = c->outputs[0];
  int64_t n = y->dims[0];
  switch (y->type) {
  case KERF_F32: FILL(float, float); break;
  case KERF_F64: FILL(double, double); break;
  case KERF_I16: FILL(int16_t, uint32_t); break;
  case KERF_I32: FILL(int32_t, uint32_t); break;
  default: FILL(int64_t, uint64_t); break;
  }
  return KERF_OK;
}
