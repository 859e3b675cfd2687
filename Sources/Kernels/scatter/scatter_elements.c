// SCATTER_ELEMENTS: data, indices, updates -> y; axis(i) reduction(i) (ONNX ScatterElements, Scatter).
// Serial: where indices repeat, the updates apply in order.
#include "scatter.h"

int kerf_prepare_scatter_elements(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 3, 3, 1, 2));
  *scratch = 0;
  KERF_TRY(kerf_scatter_check(c, c->attrs[1].i));
  const kerf_tensor *data = c->inputs[0], *indices = c->inputs[1];
  int64_t axis = c->attrs[0].i;
  KERF_REQUIRE(axis >= 0 && axis < data->rank, KERF_BAD_ATTR);
  KERF_REQUIRE(data->rank == indices->rank && kerf_same_shape(indices, c->inputs[2]), KERF_BAD_SHAPE);
  for (int d = 0; d < data->rank; d++) {
    KERF_REQUIRE(d == axis || indices->dims[d] <= data->dims[d], KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

int kerf_run_scatter_elements_portable(const kerf_call *c) {
  const kerf_tensor *data = c->inputs[0], *indices = c->inputs[1];
  int64_t axis = c->attrs[0].i, width = kerf_width(data->type), count = kerf_elements(indices);
  int64_t strides[KERF_MAX_RANK] = {0}, index[KERF_MAX_RANK] = {0};
  for (int d = 0; d < data->rank; d++) strides[d] = kerf_span(data, d + 1, data->rank);
  kerf_scatter_start(c);
  char *y = c->outputs[0]->data;
  const char *updates = c->inputs[2]->data;
  int64_t offset = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t at = kerf_index_at(indices, i, data->dims[axis]);
    if (at < 0) return KERF_BAD_INDEX;
    at = (at - index[axis]) * strides[axis] + offset;
    kerf_scatter_combine(data->type, c->attrs[1].i, y + at * width, updates + i * width, 1);
    for (int d = data->rank - 1; d >= 0; d--) {
      offset += strides[d];
      if (++index[d] < indices->dims[d]) break;
      offset -= index[d] * strides[d];
      index[d] = 0;
    }
  }
  return KERF_OK;
}
