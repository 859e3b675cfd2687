// SCATTER_ND: data, indices, updates -> y; reduction(i) (ONNX ScatterND). updates = indices[:-1] + data[L:].
// Serial: where indices repeat, the updates apply in order.
#include "scatter.h"

int kerf_prepare_scatter_nd(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 3, 3, 1, 1));
  *scratch = 0;
  KERF_TRY(kerf_scatter_check(c, c->attrs[0].i));
  const kerf_tensor *data = c->inputs[0], *indices = c->inputs[1], *updates = c->inputs[2];
  KERF_REQUIRE(indices->rank >= 1, KERF_BAD_SHAPE);
  int head = indices->rank - 1;
  int64_t length = indices->dims[head];
  KERF_REQUIRE(length <= data->rank, KERF_BAD_SHAPE);
  KERF_REQUIRE(updates->rank == head + data->rank - (int)length, KERF_BAD_SHAPE);
  for (int d = 0; d < updates->rank; d++) {
    int64_t n = d < head ? indices->dims[d] : data->dims[d - head + length];
    KERF_REQUIRE(updates->dims[d] == n, KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

int kerf_run_scatter_nd_portable(const kerf_call *c) {
  const kerf_tensor *data = c->inputs[0], *indices = c->inputs[1];
  int head = indices->rank - 1;
  int64_t length = indices->dims[head], rows = kerf_span(indices, 0, head), width = kerf_width(data->type);
  int64_t run = kerf_span(data, (int)length, data->rank);
  kerf_scatter_start(c);
  if (run == 0) return KERF_OK;
  for (int64_t r = 0; r < rows; r++) {
    int64_t offset = 0;
    for (int l = 0; l < length; l++) {
      int64_t at = kerf_index_at(indices, r * length + l, data->dims[l]);
      if (at < 0) return KERF_BAD_INDEX;
      offset += at * kerf_span(data, l + 1, data->rank);
    }
    kerf_scatter_combine(data->type, c->attrs[0].i, (char *)c->outputs[0]->data + offset * width,
                         (const char *)c->inputs[2]->data + r * run * width, run);
  }
  return KERF_OK;
}
