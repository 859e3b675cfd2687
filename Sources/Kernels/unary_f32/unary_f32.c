// UNARY_F32: x -> y of the same shape, any rank; attributes: an activation. y may be x.
// ONNX: every element-by-element float function of one input (Relu, Sigmoid, Tanh, Gelu, Exp, Erf, …), opsets 1 to 24.
#include "unary_f32.h"

int kerf_prepare_unary_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  kerf_act act;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 1, 1, 3));
  KERF_TRY(kerf_check_typed(call->inputs[0], KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_REQUIRE(kerf_same_shape(call->inputs[0], call->outputs[0]), KERF_BAD_SHAPE);
  return kerf_read_act(call, 0, &act);
}

enum { BLOCK = 4096 };

typedef struct job {
  kerf_unary_fn function;
  const float *x;
  float *y;
  int64_t n;
  kerf_act act;
} job;

static void run_block(void *context, int64_t index) {
  const job *j = context;
  const int64_t at = index * BLOCK;
  j->function(j->x + at, j->y + at, kerf_min(BLOCK, j->n - at), &j->act);
}

int kerf_run_unary(const kerf_call *call, kerf_unary_fn function) {
  job j = {function, call->inputs[0]->data, call->outputs[0]->data, kerf_count(call->inputs[0]), {0, 0, 0}};
  KERF_TRY(kerf_read_act(call, 0, &j.act));
  const double cost = (double)j.n * kerf_unary_cost(&j.act);
  kerf_parallel(kerf_pool_for(call, cost), run_block, &j, kerf_ceil_div(j.n, BLOCK));
  return KERF_OK;
}

#define KERF_EACH(expression)                                   \
  do {                                                          \
    for (int64_t i = 0; i < n; i++) {                           \
      const float a = x[i];                                     \
      y[i] = (expression);                                      \
    }                                                           \
  } while (0);                                                  \
  break
void kerf_unary_scalar(const float *x, float *y, int64_t n, const kerf_act *act) {
  switch (act->function) {
    case KERF_UNARY_SIN: KERF_EACH(__builtin_sinf(a));
    case KERF_UNARY_COS: KERF_EACH(__builtin_cosf(a));
    case KERF_UNARY_TAN: KERF_EACH(__builtin_tanf(a));
    case KERF_UNARY_ASIN: KERF_EACH(__builtin_asinf(a));
    case KERF_UNARY_ACOS: KERF_EACH(__builtin_acosf(a));
    case KERF_UNARY_ATAN: KERF_EACH(__builtin_atanf(a));
    case KERF_UNARY_SINH: KERF_EACH(__builtin_sinhf(a));
    case KERF_UNARY_COSH: KERF_EACH(__builtin_coshf(a));
    case KERF_UNARY_ASINH: KERF_EACH(__builtin_asinhf(a));
    case KERF_UNARY_ACOSH: KERF_EACH(__builtin_acoshf(a));
    case KERF_UNARY_ATANH: KERF_EACH(__builtin_atanhf(a));
    default: memmove(y, x, (size_t)n * sizeof *y);
  }
}
