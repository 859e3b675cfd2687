// SCALE_SHIFT_F32: x[..., C], scale[C], shift[C] -> y of x's shape; attributes: an activation. y may be x.
// ONNX: BatchNormalization 1-15 in inference, and multiplications and additions by channel.
#include "scale_shift_f32.h"

int kerf_prepare_scale_shift_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  kerf_act act;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 3, 3, 1, 3));
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  KERF_TRY(kerf_check_typed(x, KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_REQUIRE(x->rank >= 1 && kerf_same_shape(x, y), KERF_BAD_SHAPE);
  for (int i = 1; i < 3; i++) KERF_TRY(kerf_check_vector(call->inputs[i], KERF_F32, x->dims[x->rank - 1]));
  return kerf_read_act(call, 0, &act);
}

typedef struct job {
  const float *x, *scale, *shift;
  float *y;
  int64_t c, from, rows, step;  // from: elements between rows of x
  kerf_act act;
  kerf_scale_shift_fn row;
  kerf_unary_fn unary;
} job;

static void run_rows(void *context, int64_t index) {
  const job *j = context;
  const int64_t first = index * j->step, end = kerf_min(j->rows, first + j->step);
  for (int64_t i = first; i < end; i++) j->row(j->x + i * j->from, j->scale, j->shift, j->y + i * j->c, j->c);
  if (j->act.function == KERF_UNARY_IDENTITY) return;
  j->unary(j->y + first * j->c, j->y + first * j->c, (end - first) * j->c, &j->act);
}

int kerf_run_scale_shift(const kerf_call *call, kerf_scale_shift_fn row, kerf_unary_fn unary) {
  const kerf_tensor *x = call->inputs[0];
  job j = {.x = x->data, .scale = call->inputs[1]->data, .shift = call->inputs[2]->data};
  KERF_TRY(kerf_read_act(call, 0, &j.act));
  j.y = call->outputs[0]->data, j.row = row, j.unary = unary;
  j.c = x->dims[x->rank - 1], j.from = kerf_pitch(x);
  j.rows = kerf_dims_product(x, 0, x->rank - 1);
  if (j.c == 0) return KERF_OK;
  j.step = kerf_max(1, 4096 / j.c);
  const double cost = (double)(j.rows * j.c) * (0.2 + kerf_unary_cost(&j.act));
  kerf_parallel(kerf_pool_for(call, cost), run_rows, &j, kerf_ceil_div(j.rows, j.step));
  return KERF_OK;
}
