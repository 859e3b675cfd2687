// ONE_HOT: indices i32/i64/f32, values[2] (off, on) any -> y; axis(i, of y) (ONNX OneHot).
// Negative indices wrap once; others out of range leave their row off.
#include "../common/tensors.h"

int kerf_prepare_one_hot(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 1));
  *scratch = 0;
  const kerf_tensor *indices = c->inputs[0], *values = c->inputs[1], *y = c->outputs[0];
  int64_t axis = c->attrs[0].i;
  KERF_REQUIRE(kerf_is_index(indices->type) || indices->type == KERF_F32, KERF_BAD_TYPE);
  KERF_REQUIRE(values->type == y->type, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_elements(values) == 2 && y->rank == indices->rank + 1, KERF_BAD_SHAPE);
  KERF_REQUIRE(axis >= 0 && axis < y->rank, KERF_BAD_ATTR);
  for (int d = 0; d < indices->rank; d++) {
    KERF_REQUIRE(indices->dims[d] == y->dims[d < axis ? d : d + 1], KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

static int64_t hot_index(const kerf_tensor *indices, int64_t i, int64_t depth) {
  if (indices->type != KERF_F32) return kerf_index_at(indices, i, depth);
  float v = ((const float *)indices->data)[i];
  if (!(v > -9.0e18f && v < 9.0e18f)) return -1;
  int64_t n = (int64_t)v;
  if (n < 0) n = n < -depth ? -1 : n + depth;
  return n < depth ? n : -1;
}

int kerf_run_one_hot_portable(const kerf_call *c) {
  const kerf_tensor *indices = c->inputs[0], *y = c->outputs[0];
  int axis = (int)c->attrs[0].i;
  int64_t width = kerf_width(y->type), depth = y->dims[axis], total = kerf_elements(y);
  int64_t inner = kerf_span(y, axis + 1, y->rank);
  const char *off = c->inputs[1]->data, *on = off + width;
  char *to = y->data;
  for (int64_t i = 0; i < total; i++) memcpy(to + i * width, off, (size_t)width);
  if (total == 0) return KERF_OK;
  for (int64_t i = 0; i < kerf_elements(indices); i++) {
    int64_t at = hot_index(indices, i, depth);
    if (at >= 0) memcpy(to + ((i / inner * depth + at) * inner + i % inner) * width, on, (size_t)width);
  }
  return KERF_OK;
}
