// GEMM_F32_DYNAMIC and CONV2D_F32_DYNAMIC: x f32 is quantized as DYNAMIC_QUANTIZE does, multiplied with packed s8, and
// scaled back: y = act((float)sum * (x_scale * scale) + bias) (ONNX DynamicQuantizeLinear, MatMulInteger or ConvInteger,
// Cast, Mul, Add).
#include "../conv2d_u8/conv2d_u8.h"
#include "../dynamic_quantize/dynamic_quantize.h"

enum { K, N, GROUPS = 10, CHANNELS = 11 };

/// Scratch: the codes of x, the scales of the columns, then what the product needs.
typedef struct parts {
  uint64_t codes, scales;
} parts;

static parts measure(const kerf_call *c, int64_t columns) {
  return (parts){kerf_align((uint64_t)kerf_elements(c->inputs[0])), kerf_align((uint64_t)columns * sizeof(float))};
}

/// Types, scale, bias and epilogue, whose attributes begin at `attr`.
static int check_rest(const kerf_call *c, int attr, int64_t columns, uint64_t product, uint64_t *scratch) {
  KERF_REQUIRE(c->inputs[0]->type == KERF_F32 && c->outputs[0]->type == KERF_F32, KERF_BAD_TYPE);
  KERF_TRY(kerf_q8_check_scaling(c, 2, attr, columns));
  const parts p = measure(c, columns);
  *scratch = p.codes + p.scales + product;
  return KERF_OK;
}

int kerf_prepare_gemm_f32_dynamic(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_call(c, 3, 5, 1, 6));
  const kerf_tensor *a = c->inputs[0], *y = c->outputs[0];
  const int64_t k = kerf_int(c, K), n = kerf_int(c, N);
  KERF_REQUIRE(a->rank >= 1 && y->rank == a->rank, KERF_BAD_SHAPE);
  const int last = a->rank - 1;
  KERF_REQUIRE(a->dims[last] == k && y->dims[last] == n, KERF_BAD_SHAPE);
  for (int d = 0; d < last; d++) KERF_REQUIRE(a->dims[d] == y->dims[d], KERF_BAD_SHAPE);
  KERF_TRY(kerf_check_packed(c->inputs[1], kerf_q8_packed_size(k, n)));
  return check_rest(c, 2, n, kerf_q8_scratch(kerf_span(a, 0, last), n, k, 1, k % 4 != 0), scratch);
}

int kerf_prepare_conv2d_f32_dynamic(const kerf_call *c, uint64_t *scratch) {
  uint64_t product;
  KERF_TRY(kerf_check_call(c, 3, 5, 1, 16));
  KERF_TRY(kerf_conv_u8_prepare(c, &product));
  return check_rest(c, CHANNELS + 1, kerf_int(c, CHANNELS), product, scratch);
}

/// Quantizes x into the scratch; reads the epilogue and puts the scale of x into its scales. Returns the zero point.
static int32_t quantize(const kerf_call *c, int attr, int64_t columns, kerf_dynamic_quantize_fn fn, kerf_q8 *g) {
  const parts p = measure(c, columns);
  float *scales = (float *)(void *)((uint8_t *)c->scratch + p.codes), x_scale;
  int32_t zero;
  fn(c->inputs[0]->data, kerf_elements(c->inputs[0]), c->scratch, &x_scale, &zero, c->pool);
  kerf_q8_read_scaling(c, 2, attr, g);
  for (int64_t i = 0; i < columns; i++) scales[i] = x_scale * g->scale[i];
  g->scale = scales;
  return zero;
}

static void *rest_of(const kerf_call *c, int64_t columns) {
  const parts p = measure(c, columns);
  return (uint8_t *)c->scratch + p.codes + p.scales;
}

static int run_gemm(const kerf_call *c, const kerf_q8_isa *isa, kerf_dynamic_quantize_fn fn) {
  const kerf_tensor *a = c->inputs[0];
  const int64_t n = kerf_int(c, N);
  kerf_q8 g = kerf_q8_matrix(kerf_span(a, 0, a->rank - 1), n, kerf_int(c, K), c->scratch, c->inputs[1]->data);
  if (g.m == 0 || n == 0) return KERF_OK;
  g.x_zero = quantize(c, 2, n, fn, &g);
  kerf_q8_run(&g, isa, rest_of(c, n), c->pool);
  return KERF_OK;
}

static int run_conv(const kerf_call *c, const kerf_q8_isa *isa, kerf_dynamic_quantize_fn fn) {
  const int64_t columns = kerf_int(c, CHANNELS);
  kerf_tensor x = *c->inputs[0];
  if (kerf_elements(c->outputs[0]) == 0) return KERF_OK;
  x.data = c->scratch;
  kerf_conv_u8 source = {0};
  (void)kerf_read_geometry(c, 0, &source.geometry);
  kerf_q8 g = kerf_conv_u8_product(&x, c->outputs[0], kerf_int(c, GROUPS), &source);
  g.packed = c->inputs[1]->data;
  g.x_zero = quantize(c, CHANNELS + 1, columns, fn, &g);
  source.zero = (uint8_t)g.x_zero;
  kerf_conv_u8_run(c, &g, &source, isa, rest_of(c, columns));
  return KERF_OK;
}

#define RUNS(set, quantizer)                                                         \
  int kerf_run_gemm_f32_dynamic_##set(const kerf_call *c) {                          \
    return run_gemm(c, &kerf_q8_##set, kerf_dynamic_quantize_##quantizer);           \
  }                                                                                  \
  int kerf_run_conv2d_f32_dynamic_##set(const kerf_call *c) {                        \
    return run_conv(c, &kerf_q8_##set, kerf_dynamic_quantize_##quantizer);           \
  }
RUNS(portable, portable)
#if defined(__x86_64__)
RUNS(avx2, avx2)
RUNS(avxvnni, avx2)
RUNS(avx512vnni, avx512)
#elif defined(__aarch64__)
RUNS(neon, portable)
RUNS(dotprod, portable)
RUNS(i8mm, portable)
#endif
