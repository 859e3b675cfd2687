// GATHER: data any, indices i32/i64 -> y; axis(i) (ONNX Gather).
// y = data[:axis] + indices + data[axis+1:]; negative indices wrap once, others out of range are an error.
#include "../common/tensors.h"

int kerf_prepare_gather(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 1));
  *scratch = 0;
  const kerf_tensor *data = c->inputs[0], *indices = c->inputs[1], *y = c->outputs[0];
  int64_t axis = c->attrs[0].i;
  KERF_REQUIRE(data->type == y->type && kerf_is_index(indices->type), KERF_BAD_TYPE);
  KERF_REQUIRE(axis >= 0 && axis < data->rank, KERF_BAD_ATTR);
  KERF_REQUIRE(y->rank == data->rank - 1 + indices->rank, KERF_BAD_SHAPE);
  for (int d = 0; d < y->rank; d++) {
    int64_t n = d < axis ? data->dims[d]
                : d < axis + indices->rank ? indices->dims[d - axis] : data->dims[d - indices->rank + 1];
    KERF_REQUIRE(y->dims[d] == n, KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

typedef struct job {
  const char *data;
  char *y;
  const kerf_tensor *indices;
  int64_t count, n, run;  // indices, length of the axis, bytes behind it
  kerf_status status;
} job;

static void gather_rows(void *context, int64_t begin, int64_t end) {
  job *j = context;
  for (int64_t r = begin; r < end; r++) {
    int64_t at = kerf_index_at(j->indices, r % j->count, j->n);
    if (at < 0) {
      kerf_fail(&j->status, KERF_BAD_INDEX);
      return;
    }
    const char *from = j->data + (r / j->count * j->n + at) * j->run;
    char *to = j->y + r * j->run;
    if (j->run == 4) memcpy(to, from, 4);
    else if (j->run == 8) memcpy(to, from, 8);
    else memcpy(to, from, (size_t)j->run);
  }
}

int kerf_run_gather_portable(const kerf_call *c) {
  const kerf_tensor *data = c->inputs[0], *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  int axis = (int)c->attrs[0].i;
  job j = {.data = data->data, .y = y->data, .indices = c->inputs[1], .n = data->dims[axis]};
  j.count = kerf_elements(c->inputs[1]);
  j.run = kerf_span(data, axis + 1, data->rank) * kerf_width(data->type);
  kerf_ranges(c->pool, kerf_span(data, 0, axis) * j.count, (1 << 16) / j.run, gather_rows, &j);
  return j.status.error;
}
