// GEMM_F32: a[..., K] times packed [K, N], with bias[N], activation and residual -> y[..., N].
// ONNX: Gemm 1-13, MatMul 1-13 with a constant right operand, and 1x1 convolutions.
#include "gemm_f32.h"

typedef struct dense {
  const float *a;
  int64_t lda;
} dense;

static void point(const void *source, int64_t row, int64_t rows, int64_t step, const float **a) {
  const dense *d = source;
  (void)step;
  for (int64_t i = 0; i < rows; i++) a[i] = d->a + (row + i) * d->lda;
}

static kerf_strips strips_of(const kerf_call *call) {
  const kerf_tensor *a = call->inputs[0];
  kerf_strips s = {.m = kerf_dims_product(a, 0, a->rank - 1), .n = kerf_int(call, 1), .segments = 1};
  s.k = s.footprint = kerf_int(call, 0);
  s.ldy = s.n;
  s.point = point;
  return s;
}

int kerf_prepare_gemm_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  kerf_act act;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 2, 4, 1, 6));
  const kerf_tensor *a = call->inputs[0], *bias = kerf_input(call, 2), *y = call->outputs[0];
  const int64_t k = kerf_int(call, 0), n = kerf_int(call, 1);
  KERF_TRY(kerf_check_typed(a, KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_TRY(kerf_check_packed(call->inputs[1], kerf_pack_gemm_f32_size(k, n)));
  KERF_REQUIRE(a->rank >= 1 && y->rank == a->rank, KERF_BAD_SHAPE);
  KERF_REQUIRE(a->dims[a->rank - 1] == k && y->dims[a->rank - 1] == n, KERF_BAD_SHAPE);
  for (int i = 0; i + 1 < a->rank; i++) KERF_REQUIRE(a->dims[i] == y->dims[i], KERF_BAD_SHAPE);
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, n));
  KERF_TRY(kerf_read_act(call, 2, &act));
  KERF_TRY(kerf_check_residual(call, 5, kerf_input(call, 3), y));
  const kerf_strips s = strips_of(call);
  *scratch_bytes = kerf_strips_scratch(&s, call->pool);
  return KERF_OK;
}

int kerf_run_gemm(const kerf_call *call, const kerf_gemm_isa *isa) {
  const kerf_tensor *bias = kerf_input(call, 2), *residual = kerf_input(call, 3);
  const dense d = {call->inputs[0]->data, kerf_int(call, 0)};
  kerf_strips s = strips_of(call);
  s.source = &d;
  s.b = call->inputs[1]->data;
  s.y = call->outputs[0]->data;
  s.epilogue.bias = bias ? bias->data : NULL;
  s.epilogue.residual = residual ? residual->data : NULL;
  s.epilogue.residual_mode = (int)kerf_int(call, 5);
  KERF_TRY(kerf_read_act(call, 2, &s.epilogue.act));
  kerf_strips_run(&s, isa, call->scratch, call->pool);
  return KERF_OK;
}
