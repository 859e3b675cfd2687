// SOFTMAX_BF16: x bf16 -> y bf16; axis(i). y may be x.
//
// ONNX defines Softmax as a function: maximum, difference, exponential, sum, quotient, each rounded to bfloat16. The sum is
// one of bfloat16 numbers too, as in ONNX's reference, up to ROUNDED_SUM terms: past 256 a bfloat16 sum of ones stands still.
#include <math.h>

#include "../common/half.h"
#include "../common/tensors.h"

enum { ROUNDED_SUM = 128 };

int kerf_prepare_softmax_bf16(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 1));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  KERF_REQUIRE(x->type == KERF_BF16 && y->type == KERF_BF16, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(x, y), KERF_BAD_SHAPE);
  KERF_REQUIRE(c->attrs[0].i >= 0 && c->attrs[0].i < x->rank, KERF_BAD_ATTR);
  return KERF_OK;
}

static float rounded(float v) { return kerf_from_bf16(kerf_to_bf16(v)); }

static void line(const uint16_t *x, uint16_t *y, int64_t n, int64_t stride) {
  float top = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const float v = kerf_from_bf16(x[i * stride]);
    if (v > top || v != v) top = v;
  }
  for (int64_t i = 0; i < n; i++) {
    const float power = rounded(expf(rounded(kerf_from_bf16(x[i * stride]) - top)));
    sum = n > ROUNDED_SUM ? sum + power : rounded(sum + power);
    y[i * stride] = kerf_to_bf16(power);
  }
  sum = rounded(sum);
  for (int64_t i = 0; i < n; i++) y[i * stride] = kerf_to_bf16(kerf_from_bf16(y[i * stride]) / sum);
}

int kerf_run_softmax_bf16_portable(const kerf_call *c) {
  const kerf_tensor *x = c->inputs[0];
  const int axis = (int)c->attrs[0].i;
  const int64_t n = x->dims[axis];
  if (kerf_elements(x) == 0) return KERF_OK;
  int64_t inner = 1;
  for (int i = axis + 1; i < x->rank; i++) inner *= x->dims[i];
  for (int64_t i = 0; i < kerf_elements(x) / n; i++) {
    const int64_t at = i / inner * n * inner + i % inner;
    line((const uint16_t *)x->data + at, (uint16_t *)c->outputs[0]->data + at, n, inner);
  }
  return KERF_OK;
}
