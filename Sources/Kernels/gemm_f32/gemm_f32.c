// GEMM_F32: a[..., K] times packed [K, N], with bias[N], activation and residual -> y[..., N].
// ONNX: Gemm 1-13, MatMul 1-13 with a constant right operand, and 1x1 convolutions.
#include "gemm_f32.h"

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
  *scratch_bytes = kerf_gemm_scratch(kerf_dims_product(a, 0, a->rank - 1), n, k, false);
  return KERF_OK;
}

int kerf_run_gemm(const kerf_call *call, const kerf_gemm_isa *isa) {
  const kerf_tensor *a = call->inputs[0], *bias = kerf_input(call, 2), *residual = kerf_input(call, 3);
  kerf_gemm g = {.m = kerf_dims_product(a, 0, a->rank - 1), .n = kerf_int(call, 1), .k = kerf_int(call, 0)};
  g.a = a->data;
  g.lda = g.k;
  g.b = call->inputs[1]->data;
  g.y = call->outputs[0]->data;
  g.ldy = g.n;
  g.epilogue.bias = bias ? bias->data : NULL;
  g.epilogue.residual = residual ? residual->data : NULL;
  g.epilogue.residual_mode = (int)kerf_int(call, 5);
  KERF_TRY(kerf_read_act(call, 2, &g.epilogue.act));
  if (!g.a) g.a = (const float *)(const void *)call;  // k is 0: nothing is read
  kerf_gemm_run(&g, isa, call->scratch, call->pool);
  return KERF_OK;
}
