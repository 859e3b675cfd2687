// CUMSUM_INT: x i32/i64/f64 -> y; axis(i) exclusive(i) reverse(i) (ONNX CumSum). Wraps. y may be x.
#include "../common/tensors.h"

int kerf_prepare_cumsum_int(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 3));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  KERF_REQUIRE(x->type == y->type && (kerf_is_index(x->type) || x->type == KERF_F64), KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(x, y), KERF_BAD_SHAPE);
  KERF_TRY(kerf_check_range(c, 0, 0, x->rank - 1));
  KERF_TRY(kerf_check_range(c, 1, 0, 1));
  return kerf_check_range(c, 2, 0, 1);
}

#define LINES(T, U)                                                          \
  for (int64_t line = 0; line < outer * inner; line++) {                     \
    int64_t start = line / inner * n * inner + line % inner, step = inner;   \
    if (c->attrs[2].i) {                                                     \
      start += (n - 1) * inner;                                              \
      step = -inner;                                                         \
    }                                                                        \
    const T *x = (const T *)c->inputs[0]->data + start;                      \
    T *y = (T *)c->outputs[0]->data + start;                                 \
    U sum = 0;                                                               \
    for (int64_t i = 0; i < n; i++) {                                        \
      U before = sum;                                                        \
      sum += (U)x[i * step];                                                 \
      y[i * step] = (T)(c->attrs[1].i ? before : sum);                       \
    }                                                                        \
  }                                                                          \
  break

int kerf_run_cumsum_int_portable(const kerf_call *c) {
  const kerf_tensor *t = c->inputs[0];
  int axis = (int)c->attrs[0].i;
  int64_t n = t->dims[axis], outer = kerf_span(t, 0, axis), inner = kerf_span(t, axis + 1, t->rank);
  if (n == 0) return KERF_OK;
  switch (t->type) {
  case KERF_I32: LINES(int32_t, uint32_t);
  case KERF_I64: LINES(int64_t, uint64_t);
  default: LINES(double, double);
  }
  return KERF_OK;
}
