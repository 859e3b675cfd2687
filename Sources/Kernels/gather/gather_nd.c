// GATHER_ND: data any, indices -> y; batch_dims(i) (ONNX GatherND).
// The last axis of indices holds coordinates of data behind the batch axes; y = indices[:-1] + data[batch + L:].
#include "../common/tensors.h"

int kerf_prepare_gather_nd(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 1));
  *scratch = 0;
  const kerf_tensor *data = c->inputs[0], *indices = c->inputs[1], *y = c->outputs[0];
  int64_t batch = c->attrs[0].i;
  KERF_REQUIRE(data->type == y->type && kerf_is_index(indices->type), KERF_BAD_TYPE);
  KERF_REQUIRE(indices->rank >= 1, KERF_BAD_SHAPE);
  KERF_REQUIRE(batch >= 0 && batch < indices->rank && batch <= data->rank, KERF_BAD_ATTR);
  int64_t length = indices->dims[indices->rank - 1];
  KERF_REQUIRE(length <= data->rank - batch, KERF_BAD_SHAPE);
  int tail = data->rank - (int)batch - (int)length, head = indices->rank - 1;
  KERF_REQUIRE(y->rank == head + tail, KERF_BAD_SHAPE);
  for (int d = 0; d < head; d++) KERF_REQUIRE(y->dims[d] == indices->dims[d], KERF_BAD_SHAPE);
  for (int d = 0; d < batch; d++) KERF_REQUIRE(data->dims[d] == indices->dims[d], KERF_BAD_SHAPE);
  for (int d = 0; d < tail; d++) KERF_REQUIRE(y->dims[head + d] == data->dims[data->rank - tail + d], KERF_BAD_SHAPE);
  return KERF_OK;
}

typedef struct job {
  const kerf_call *call;
  int64_t length, run, rows, block;  // coordinates; bytes of a run; rows and elements of data per batch item
  int64_t strides[KERF_MAX_RANK];
  kerf_status status;
} job;

static void gather_rows(void *context, int64_t begin, int64_t end) {
  job *j = context;
  const kerf_tensor *data = j->call->inputs[0], *indices = j->call->inputs[1];
  int batch = (int)j->call->attrs[0].i;
  int64_t width = kerf_width(data->type);
  for (int64_t r = begin; r < end; r++) {
    int64_t offset = r / j->rows * j->block;
    for (int64_t l = 0; l < j->length; l++) {
      int64_t at = kerf_index_at(indices, r * j->length + l, data->dims[batch + l]);
      if (at < 0) {
        kerf_fail(&j->status, KERF_BAD_INDEX);
        return;
      }
      offset += at * j->strides[l];
    }
    memcpy((char *)j->call->outputs[0]->data + r * j->run, (const char *)data->data + offset * width, (size_t)j->run);
  }
}

int kerf_run_gather_nd_portable(const kerf_call *c) {
  const kerf_tensor *data = c->inputs[0], *indices = c->inputs[1];
  if (kerf_elements(c->outputs[0]) == 0) return KERF_OK;
  int batch = (int)c->attrs[0].i, head = indices->rank - 1;
  job j = {.call = c, .length = indices->dims[head]};
  for (int l = 0; l < j.length; l++) j.strides[l] = kerf_span(data, batch + l + 1, data->rank);
  j.run = kerf_span(data, batch + (int)j.length, data->rank) * kerf_width(data->type);
  j.rows = kerf_span(indices, batch, head);
  j.block = kerf_span(data, batch, data->rank);
  kerf_ranges(c->pool, kerf_span(indices, 0, head), (1 << 16) / j.run, gather_rows, &j);
  return j.status.error;
}
