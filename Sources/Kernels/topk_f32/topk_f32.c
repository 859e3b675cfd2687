// TOPK_F32: x -> values, indices (i64) along `axis`, sorted; largest or smallest. Ties: the lower index first; NaN is
// larger than every number. ONNX: TopK 1-24.
#include "../core/internal.h"

int kerf_prepare_topk_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 1, 2, 2));
  const kerf_tensor *x = call->inputs[0], *values = call->outputs[0], *indices = call->outputs[1];
  KERF_TRY(kerf_check_typed(x, KERF_F32));
  KERF_TRY(kerf_check_typed(values, KERF_F32));
  KERF_TRY(kerf_check_typed(indices, KERF_I64));
  KERF_TRY(kerf_check_range(call, 0, 0, x->rank - 1));
  KERF_TRY(kerf_check_range(call, 1, 0, 1));
  KERF_REQUIRE(kerf_same_shape(values, indices) && values->rank == x->rank, KERF_BAD_SHAPE);
  for (int i = 0; i < x->rank; i++) {
    const int64_t n = x->dims[i], k = values->dims[i];
    KERF_REQUIRE(i == kerf_int(call, 0) ? k <= n : k == n, KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

typedef struct job {
  const float *x;
  float *values;
  int64_t *indices;
  int64_t n, k, inner;
  bool largest;
} job;

/// Whether element a stands before element b in the result.
static bool before(const job *j, const float *x, int64_t a, int64_t b) {
  const float p = x[a * j->inner], q = x[b * j->inner];
  if (p != p || q != q) {
    if (p != p && q != q) return a < b;
    return (p != p) == j->largest;
  }
  if (p == q) return a < b;
  return j->largest ? p > q : p < q;
}

/// Restores a heap whose root is the last of its elements (the one to give up first).
static void sift(const job *j, const float *x, int64_t *heap, int64_t size, int64_t at) {
  const int64_t step = j->inner, moving = heap[at * step];
  for (int64_t child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && before(j, x, heap[child * step], heap[(child + 1) * step])) child++;
    if (!before(j, x, moving, heap[child * step])) break;
    heap[at * step] = heap[child * step];
  }
  heap[at * step] = moving;
}

/// One row: the heap lives in its place among the indices.
static void run_row(void *context, int64_t row) {
  const job *j = context;
  const int64_t outer = row / j->inner, column = row % j->inner;
  const float *x = j->x + outer * j->n * j->inner + column;
  int64_t *heap = j->indices + outer * j->k * j->inner + column;
  float *values = j->values + outer * j->k * j->inner + column;
  for (int64_t i = 0; i < j->k; i++) heap[i * j->inner] = i;
  for (int64_t i = j->k / 2 - 1; i >= 0; i--) sift(j, x, heap, j->k, i);
  for (int64_t i = j->k; i < j->n; i++) {
    if (!before(j, x, i, heap[0])) continue;
    heap[0] = i;
    sift(j, x, heap, j->k, 0);
  }
  for (int64_t size = j->k - 1; size > 0; size--) {
    const int64_t last = heap[0];
    heap[0] = heap[size * j->inner];
    heap[size * j->inner] = last;
    sift(j, x, heap, size, 0);
  }
  for (int64_t i = 0; i < j->k; i++) values[i * j->inner] = x[heap[i * j->inner] * j->inner];
}

int kerf_run_topk_f32_portable(const kerf_call *call) {
  const kerf_tensor *x = call->inputs[0], *values = call->outputs[0];
  const int axis = (int)kerf_int(call, 0);
  job j = {x->data, values->data, call->outputs[1]->data, x->dims[axis], values->dims[axis],
           kerf_dims_product(x, axis + 1, x->rank), kerf_int(call, 1)};
  if (kerf_count(values) == 0) return KERF_OK;
  kerf_parallel(kerf_pool_for(call, (double)kerf_count(x) * 2), run_row, &j, kerf_dims_product(x, 0, axis) * j.inner);
  return KERF_OK;
}
