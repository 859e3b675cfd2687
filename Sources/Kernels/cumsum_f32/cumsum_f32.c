// CUMSUM_F32: x -> y of the same shape along `axis`; exclusive, reverse. y may be x. ONNX: CumSum 11-14.
#include "../core/internal.h"

int kerf_prepare_cumsum_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 1, 1, 3));
  KERF_TRY(kerf_check_typed(call->inputs[0], KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_REQUIRE(kerf_same_shape(call->inputs[0], call->outputs[0]), KERF_BAD_SHAPE);
  KERF_TRY(kerf_check_range(call, 0, 0, call->inputs[0]->rank - 1));
  KERF_TRY(kerf_check_range(call, 1, 0, 1));
  return kerf_check_range(call, 2, 0, 1);
}

enum { COLUMNS = 256 };

typedef struct job {
  const float *x;
  float *y;
  int64_t n, inner;
  bool exclusive, reverse;
} job;

/// Up to COLUMNS neighbouring sums.
static void run_columns(void *context, int64_t index) {
  const job *j = context;
  const int64_t parts = kerf_ceil_div(j->inner, COLUMNS), begin = index % parts * COLUMNS;
  const int64_t base = index / parts * j->n * j->inner + begin, width = kerf_min(COLUMNS, j->inner - begin);
  float sums[COLUMNS] = {0};
  for (int64_t i = 0; i < j->n; i++) {
    const int64_t at = base + (j->reverse ? j->n - 1 - i : i) * j->inner;
    for (int64_t c = 0; c < width; c++) {
      const float before = sums[c];
      sums[c] += j->x[at + c];
      j->y[at + c] = j->exclusive ? before : sums[c];
    }
  }
}

int kerf_run_cumsum_f32_portable(const kerf_call *call) {
  const kerf_tensor *x = call->inputs[0];
  const int axis = (int)kerf_int(call, 0);
  job j = {x->data, call->outputs[0]->data, x->dims[axis], kerf_dims_product(x, axis + 1, x->rank), kerf_int(call, 1),
           kerf_int(call, 2)};
  if (kerf_count(x) == 0) return KERF_OK;
  const int64_t tasks = kerf_dims_product(x, 0, axis) * kerf_ceil_div(j.inner, COLUMNS);
  kerf_parallel(kerf_pool_for(call, (double)kerf_count(x)), run_columns, &j, tasks);
  return KERF_OK;
}
