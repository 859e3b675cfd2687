// GATHER_ELEMENTS: data any, indices -> y; axis(i) (ONNX GatherElements).
// y and indices have one shape, no longer than data's on the other axes.
#include "../common/tensors.h"

int kerf_prepare_gather_elements(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 1));
  *scratch = 0;
  const kerf_tensor *data = c->inputs[0], *indices = c->inputs[1], *y = c->outputs[0];
  int64_t axis = c->attrs[0].i;
  KERF_REQUIRE(data->type == y->type && kerf_is_index(indices->type), KERF_BAD_TYPE);
  KERF_REQUIRE(axis >= 0 && axis < data->rank, KERF_BAD_ATTR);
  KERF_REQUIRE(data->rank == indices->rank && kerf_same_shape(indices, y), KERF_BAD_SHAPE);
  for (int d = 0; d < data->rank; d++) {
    KERF_REQUIRE(d == axis || indices->dims[d] <= data->dims[d], KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

typedef struct job {
  const kerf_call *call;
  int64_t strides[KERF_MAX_RANK];
  kerf_status status;
} job;

/// Offset in data of flat element i of indices, without the part of the axis.
static int64_t offset_of(const job *j, int64_t i) {
  const kerf_tensor *indices = j->call->inputs[1];
  int64_t offset = 0;
  for (int d = indices->rank - 1; d >= 0; d--) {
    if (d != j->call->attrs[0].i) offset += i % indices->dims[d] * j->strides[d];
    i /= indices->dims[d];
  }
  return offset;
}

static void gather_range(void *context, int64_t begin, int64_t end) {
  job *j = context;
  const kerf_tensor *data = j->call->inputs[0], *y = j->call->outputs[0];
  int64_t axis = j->call->attrs[0].i, width = kerf_width(data->type);
  for (int64_t i = begin; i < end; i++) {
    int64_t at = kerf_index_at(j->call->inputs[1], i, data->dims[axis]);
    if (at < 0) {
      kerf_fail(&j->status, KERF_BAD_INDEX);
      return;
    }
    at = at * j->strides[axis] + offset_of(j, i);
    switch (width) {
    case 1: ((uint8_t *)y->data)[i] = ((const uint8_t *)data->data)[at]; break;
    case 2: ((uint16_t *)y->data)[i] = ((const uint16_t *)data->data)[at]; break;
    case 4: ((uint32_t *)y->data)[i] = ((const uint32_t *)data->data)[at]; break;
    default: ((uint64_t *)y->data)[i] = ((const uint64_t *)data->data)[at]; break;
    }
  }
}

int kerf_run_gather_elements_portable(const kerf_call *c) {
  job j = {.call = c};
  const kerf_tensor *data = c->inputs[0];
  for (int d = 0; d < data->rank; d++) j.strides[d] = kerf_span(data, d + 1, data->rank);
  kerf_ranges(c->pool, kerf_elements(c->outputs[0]), 8192, gather_range, &j);
  return j.status.error;
}
