// LRN_F32: x[..., C] -> y = x / (bias + alpha / size * sum of squares over a window of channels)^beta; size, alpha,
// beta, bias. ONNX: LRN 1-13.
#include "lrn_f32.h"

int kerf_prepare_lrn_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 1, 1, 4));
  KERF_TRY(kerf_check_typed(call->inputs[0], KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_REQUIRE(call->inputs[0]->rank >= 1 && kerf_same_shape(call->inputs[0], call->outputs[0]), KERF_BAD_SHAPE);
  return kerf_check_range(call, 0, 1, KERF_MAX_GEOMETRY);
}

enum { BLOCK = 256 };

typedef struct job {
  const float *x;
  float *y;
  int64_t c, size;
  float alpha, beta, bias;
  kerf_unary_fn unary;
} job;

/// y = x * sum^-beta for channels begin ..< begin + n of a row.
static void run_block(const job *j, const float *x, float *y, int64_t begin, int64_t n) {
  float sums[BLOCK];
  const int64_t before = (j->size - 1) / 2, after = j->size - 1 - before;
  for (int64_t i = 0; i < n; i++) {
    const int64_t low = kerf_max(0, begin + i - before), high = kerf_min(j->c - 1, begin + i + after);
    float sum = 0;
    for (int64_t c = low; c <= high; c++) sum += x[c] * x[c];
    sums[i] = j->bias + j->alpha / (float)j->size * sum;
  }
  const kerf_act log = {KERF_UNARY_LOG, 0, 0}, power = {KERF_UNARY_AFFINE, -j->beta, 0}, exp = {KERF_UNARY_EXP, 0, 0};
  j->unary(sums, sums, n, &log);
  j->unary(sums, sums, n, &power);
  j->unary(sums, sums, n, &exp);
  for (int64_t i = 0; i < n; i++) y[begin + i] = x[begin + i] * sums[i];
}

static void run_row(void *context, int64_t row) {
  const job *j = context;
  for (int64_t begin = 0; begin < j->c; begin += BLOCK)
    run_block(j, j->x + row * j->c, j->y + row * j->c, begin, kerf_min(BLOCK, j->c - begin));
}

int kerf_run_lrn(const kerf_call *call, kerf_unary_fn unary) {
  const kerf_tensor *x = call->inputs[0];
  job j = {x->data, call->outputs[0]->data, x->dims[x->rank - 1], kerf_int(call, 0), kerf_float(call, 1),
           kerf_float(call, 2), kerf_float(call, 3), unary};
  if (kerf_count(x) == 0) return KERF_OK;
  kerf_parallel(kerf_pool_for(call, (double)kerf_count(x) * 3), run_row, &j, kerf_dims_product(x, 0, x->rank - 1));
  return KERF_OK;
}
