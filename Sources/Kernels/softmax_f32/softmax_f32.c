// SOFTMAX_F32: x -> y of the same shape along `axis`; log: the logarithm of it. y may be x.
// ONNX: Softmax and LogSoftmax 13 (older versions arrive reshaped).
#include "softmax_f32.h"

int kerf_prepare_softmax_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 1, 1, 2));
  KERF_TRY(kerf_check_typed(call->inputs[0], KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_REQUIRE(kerf_same_shape(call->inputs[0], call->outputs[0]), KERF_BAD_SHAPE);
  KERF_TRY(kerf_check_range(call, 0, 0, call->inputs[0]->rank - 1));
  return kerf_check_range(call, 1, 0, 1);
}

enum { COLUMNS = 64 };

typedef struct job {
  const float *x;
  float *y;
  int64_t outer, n, inner, step;
  int log;
  kerf_softmax_row_fn row;
  kerf_softmax_columns_fn columns;
} job;

static void run_rows(void *context, int64_t index) {
  const job *j = context;
  const int64_t first = index * j->step, end = kerf_min(j->outer, first + j->step);
  for (int64_t i = first; i < end; i++) j->row(j->x + i * j->n, j->y + i * j->n, j->n, j->log);
}

static void run_columns(void *context, int64_t index) {
  const job *j = context;
  const int64_t parts = kerf_ceil_div(j->inner, COLUMNS), begin = index % parts * COLUMNS;
  const int64_t at = index / parts * j->n * j->inner + begin;
  j->columns(j->x + at, j->y + at, j->n, j->inner, kerf_min(COLUMNS, j->inner - begin), j->log);
}

int kerf_run_softmax(const kerf_call *call, kerf_softmax_row_fn row, kerf_softmax_columns_fn columns) {
  const kerf_tensor *x = call->inputs[0];
  const int axis = (int)kerf_int(call, 0);
  job j = {.x = x->data, .y = call->outputs[0]->data, .log = (int)kerf_int(call, 1), .row = row, .columns = columns};
  j.outer = kerf_dims_product(x, 0, axis);
  j.n = x->dims[axis];
  j.inner = kerf_dims_product(x, axis + 1, x->rank);
  const int64_t total = j.outer * j.n * j.inner;
  if (total == 0) return KERF_OK;
  kerf_pool *pool = kerf_pool_for(call, (double)total);
  if (j.inner == 1) {
    j.step = kerf_max(1, 4096 / j.n);
    kerf_parallel(pool, run_rows, &j, kerf_ceil_div(j.outer, j.step));
  } else {
    kerf_parallel(pool, run_columns, &j, j.outer * kerf_ceil_div(j.inner, COLUMNS));
  }
  return KERF_OK;
}
