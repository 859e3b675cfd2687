// DIMS: -> y i64[n], the values of n attributes: shapes that were computed while planning (ONNX Shape, Size).
#include "../common/tensors.h"

int kerf_prepare_dims(const kerf_call *c, uint64_t *scratch) {
  KERF_REQUIRE(c->attr_count >= 0, KERF_BAD_COUNT);
  KERF_TRY(kerf_check_plain(c, 0, 0, 1, c->attr_count));
  *scratch = 0;
  KERF_REQUIRE(c->outputs[0]->type == KERF_I64, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_elements(c->outputs[0]) == c->attr_count, KERF_BAD_SHAPE);
  return KERF_OK;
}

int kerf_run_dims_portable(const kerf_call *c) {
  int64_t *y = c->outputs[0]->data;
  for (int32_t i = 0; i < c->attr_count; i++) y[i] = c->attrs[i].i;
  return KERF_OK;
}
