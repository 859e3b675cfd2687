// IS: x f32 -> bool; function(i: 0 is_nan, 1 is_inf, 2 is_positive_inf, 3 is_negative_inf) (ONNX IsNaN, IsInf).
#include "../common/tensors.h"

int kerf_prepare_is(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 1));
  *scratch = 0;
  KERF_REQUIRE(c->inputs[0]->type == KERF_F32 && c->outputs[0]->type == KERF_BOOL, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(c->inputs[0], c->outputs[0]), KERF_BAD_SHAPE);
  return kerf_check_range(c, 0, 0, 3);
}

typedef struct job {
  const float *x;
  uint8_t *y;
  int64_t function;
} job;

// By the bits, so that no compiler flag about floating point can change the answer.
static void is_range(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  for (int64_t i = begin; i < end; i++) {
    uint32_t u, magnitude;
    memcpy(&u, j->x + i, sizeof u);
    magnitude = u & 0x7fffffff;
    switch (j->function) {
    case 0: j->y[i] = magnitude > 0x7f800000; break;
    case 1: j->y[i] = magnitude == 0x7f800000; break;
    case 2: j->y[i] = u == 0x7f800000; break;
    default: j->y[i] = u == 0xff800000; break;
    }
  }
}

int kerf_run_is_portable(const kerf_call *c) {
  job j = {c->inputs[0]->data, c->outputs[0]->data, c->attrs[0].i};
  kerf_ranges(c->pool, kerf_elements(c->outputs[0]), 32768, is_range, &j);
  return KERF_OK;
}
