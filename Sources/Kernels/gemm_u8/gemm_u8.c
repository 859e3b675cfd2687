// GEMM_U8_U8, GEMM_U8_F32, GEMM_U8_I32: a u8[..., K] times packed s8[K, N] (ONNX QLinearMatMul, MatMulInteger, Gemm and
// MatMul after quantization).
#include "gemm_u8.h"

int kerf_q8_check_zeros(const kerf_call *c, int at, int count) {
  for (int i = 0; i < count; i++) KERF_TRY(kerf_check_range(c, at + i, 0, 255));
  // y_min and y_max are always the last two.
  if (count >= 3) KERF_REQUIRE(kerf_int(c, at + count - 2) <= kerf_int(c, at + count - 1), KERF_BAD_ATTR);
  return KERF_OK;
}

int kerf_q8_check_requantization(const kerf_call *c, int at, int64_t n) {
  for (int i = 0; i < 3; i++) KERF_TRY(kerf_check_vector(c->inputs[at + i], KERF_I32, n));
  const kerf_tensor *table = kerf_input(c, at + 3);
  return table ? kerf_check_vector(table, KERF_U8, 256) : KERF_OK;
}

void kerf_q8_read_requantization(const kerf_call *c, int at, int attr, kerf_q8 *g) {
  const kerf_tensor *table = kerf_input(c, at + 3);
  g->bias = c->inputs[at]->data;
  g->multiplier = c->inputs[at + 1]->data;
  g->shift = c->inputs[at + 2]->data;
  g->output = (kerf_q8_output){(int32_t)kerf_int(c, attr), (int32_t)kerf_int(c, attr + 1),
                               (int32_t)kerf_int(c, attr + 2), table ? table->data : NULL};
  g->y_u8 = c->outputs[0]->data;
}

int kerf_q8_check_scaling(const kerf_call *c, int at, int attr, int64_t n) {
  kerf_act act;
  const kerf_tensor *bias = kerf_input(c, at + 1);
  KERF_TRY(kerf_check_vector(c->inputs[at], KERF_F32, n));
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, n));
  KERF_TRY(kerf_read_act(c, attr, &act));
  return kerf_check_residual(c, attr + 3, kerf_input(c, at + 2), c->outputs[0]);
}

void kerf_q8_read_scaling(const kerf_call *c, int at, int attr, kerf_q8 *g) {
  const kerf_tensor *bias = kerf_input(c, at + 1), *residual = kerf_input(c, at + 2);
  g->scale = c->inputs[at]->data;
  g->bias_f32 = bias ? bias->data : NULL;
  g->residual = residual ? residual->data : NULL;
  g->residual_mode = (int)kerf_int(c, attr + 3);
  (void)kerf_read_act(c, attr, &g->act);
  g->y_f32 = c->outputs[0]->data;
}

/// Shapes of a, packed and y, and attributes K and N.
static int check_product(const kerf_call *c, int32_t y_type, uint64_t *scratch) {
  const kerf_tensor *a = c->inputs[0], *y = c->outputs[0];
  KERF_REQUIRE(a->type == KERF_U8 && y->type == y_type, KERF_BAD_TYPE);
  KERF_REQUIRE(a->rank >= 1 && y->rank == a->rank, KERF_BAD_SHAPE);
  int last = a->rank - 1;
  int64_t k = kerf_int(c, 0), n = kerf_int(c, 1);
  KERF_REQUIRE(a->dims[last] == k && y->dims[last] == n, KERF_BAD_SHAPE);
  for (int d = 0; d < last; d++) KERF_REQUIRE(a->dims[d] == y->dims[d], KERF_BAD_SHAPE);
  // The element count of y, taken per row, bounds the products of the plan.
  if (n > 0) KERF_TRY(kerf_check_packed(c->inputs[1], kerf_q8_packed_size(k, n)));
  KERF_REQUIRE(c->inputs[1]->type == KERF_PACKED, KERF_BAD_TYPE);
  *scratch = kerf_q8_scratch(kerf_span(a, 0, last), n, k, 1, k % 4 != 0);
  return KERF_OK;
}

static void fill_rows(const kerf_q8 *g, int64_t group, int64_t row, int64_t rows, uint8_t *dst, int64_t ld) {
  const uint8_t *a = (const uint8_t *)g->source + row * g->k;
  (void)group;
  for (int64_t r = 0; r < rows; r++, dst += ld, a += g->k) {
    memset(dst + ld - 4, 0, 4);
    memcpy(dst, a, (size_t)g->k);
  }
}

kerf_q8 kerf_q8_matrix(int64_t m, int64_t n, int64_t k, const uint8_t *a, const void *packed) {
  kerf_q8 g = {.m = m, .n = n, .k = k, .groups = 1, .packed = packed, .a = a, .lda = k, .ldy = n, .source = a};
  g.fill = k % 4 == 0 ? NULL : fill_rows;
  return g;
}

static kerf_q8 make_product(const kerf_call *c) {
  const kerf_tensor *a = c->inputs[0];
  return kerf_q8_matrix(kerf_span(a, 0, a->rank - 1), kerf_int(c, 1), kerf_int(c, 0), a->data, c->inputs[1]->data);
}

int kerf_prepare_gemm_u8_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_call(c, 5, 6, 1, 6));
  KERF_TRY(check_product(c, KERF_U8, scratch));
  KERF_TRY(kerf_q8_check_zeros(c, 2, 4));
  return kerf_q8_check_requantization(c, 2, kerf_int(c, 1));
}

int kerf_prepare_gemm_u8_f32(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_call(c, 3, 5, 1, 7));
  KERF_TRY(check_product(c, KERF_F32, scratch));
  KERF_TRY(kerf_q8_check_zeros(c, 2, 1));
  return kerf_q8_check_scaling(c, 2, 3, kerf_int(c, 1));
}

int kerf_prepare_gemm_u8_i32(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_call(c, 2, 3, 1, 2));
  const kerf_tensor *zero = kerf_input(c, 2);
  if (zero) KERF_REQUIRE(zero->type == KERF_U8, KERF_BAD_TYPE);
  if (zero) KERF_REQUIRE(kerf_elements(zero) == 1, KERF_BAD_SHAPE);
  return check_product(c, KERF_I32, scratch);
}

static int run_u8(const kerf_call *c, const kerf_q8_isa *isa) {
  kerf_q8 g = make_product(c);
  g.x_zero = (int32_t)kerf_int(c, 2);
  kerf_q8_read_requantization(c, 2, 3, &g);
  kerf_q8_run(&g, isa, c->scratch, c->pool);
  return KERF_OK;
}

static int run_f32(const kerf_call *c, const kerf_q8_isa *isa) {
  kerf_q8 g = make_product(c);
  g.x_zero = (int32_t)kerf_int(c, 2);
  kerf_q8_read_scaling(c, 2, 3, &g);
  kerf_q8_run(&g, isa, c->scratch, c->pool);
  return KERF_OK;
}

static int run_i32(const kerf_call *c, const kerf_q8_isa *isa) {
  kerf_q8 g = make_product(c);
  const kerf_tensor *zero = kerf_input(c, 2);
  g.x_zero = zero ? *(const uint8_t *)zero->data : 0;
  g.y_i32 = c->outputs[0]->data;
  kerf_q8_run(&g, isa, c->scratch, c->pool);
  return KERF_OK;
}

#define RUNS(set)                                                                                 \
  int kerf_run_gemm_u8_u8_##set(const kerf_call *c) { return run_u8(c, &kerf_q8_##set); }         \
  int kerf_run_gemm_u8_f32_##set(const kerf_call *c) { return run_f32(c, &kerf_q8_##set); }       \
  int kerf_run_gemm_u8_i32_##set(const kerf_call *c) { return run_i32(c, &kerf_q8_##set); }
RUNS(portable)
#if defined(__x86_64__)
RUNS(avx2)
RUNS(avx512vnni)
#elif defined(__aarch64__)
RUNS(neon)
RUNS(dotprod)
RUNS(i8mm)
#endif
