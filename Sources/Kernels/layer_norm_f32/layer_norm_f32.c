// LAYER_NORM_F32: x, scale, bias (as many elements as the axes from `axis` on) -> y, mean, inv_std; axis, epsilon, rms.
// y may be x. ONNX: LayerNormalization 17, RMSNormalization 23, MeanVarianceNormalization over trailing axes.
#include "layer_norm_f32.h"

/// mean or inv_std: one element for each row, whatever the ones at the end.
static int check_statistic(const kerf_tensor *t, int64_t rows) {
  if (!t) return KERF_OK;
  KERF_TRY(kerf_check_typed(t, KERF_F32));
  return kerf_count(t) == rows ? KERF_OK : KERF_BAD_SHAPE;
}

int kerf_prepare_layer_norm_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 3, call->output_count, 3));
  KERF_REQUIRE(call->output_count >= 1 && call->output_count <= 3, KERF_BAD_COUNT);
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  KERF_TRY(kerf_check_typed(x, KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_REQUIRE(kerf_same_shape(x, y), KERF_BAD_SHAPE);
  KERF_TRY(kerf_check_range(call, 0, 0, x->rank));
  KERF_TRY(kerf_check_range(call, 2, 0, 1));
  const int axis = (int)kerf_int(call, 0);
  for (int i = 1; i < 3; i++) {
    const kerf_tensor *t = kerf_input(call, i);
    if (t) KERF_TRY(check_statistic(t, kerf_dims_product(x, axis, x->rank)));
  }
  for (int i = 1; i < 3; i++) KERF_TRY(check_statistic(kerf_output(call, i), kerf_dims_product(x, 0, axis)));
  return KERF_OK;
}

typedef struct job {
  const float *x, *scale, *bias;
  float *y, *mean, *inv_std;
  int64_t rows, n, step;
  float epsilon;
  int rms;
  kerf_layer_norm_fn row;
} job;

static void run_rows(void *context, int64_t index) {
  const job *j = context;
  const int64_t end = kerf_min(j->rows, (index + 1) * j->step);
  for (int64_t i = index * j->step; i < end; i++) {
    float mean, inv_std;
    j->row(j->x + i * j->n, j->scale, j->bias, j->y + i * j->n, j->n, j->epsilon, j->rms, &mean, &inv_std);
    if (j->mean) j->mean[i] = mean;
    if (j->inv_std) j->inv_std[i] = inv_std;
  }
}

int kerf_run_layer_norm(const kerf_call *call, kerf_layer_norm_fn row) {
  const kerf_tensor *x = call->inputs[0], *scale = kerf_input(call, 1), *bias = kerf_input(call, 2);
  const kerf_tensor *mean = kerf_output(call, 1), *inv_std = kerf_output(call, 2);
  const int axis = (int)kerf_int(call, 0);
  job j = {.x = x->data, .y = call->outputs[0]->data, .row = row, .rms = (int)kerf_int(call, 2)};
  j.scale = scale ? scale->data : NULL, j.bias = bias ? bias->data : NULL;
  j.mean = mean ? mean->data : NULL, j.inv_std = inv_std ? inv_std->data : NULL;
  j.epsilon = kerf_float(call, 1);
  j.rows = kerf_dims_product(x, 0, axis), j.n = kerf_dims_product(x, axis, x->rank);
  j.step = kerf_max(1, 4096 / kerf_max(1, j.n));
  kerf_parallel(kerf_pool_for(call, (double)(j.rows * j.n) * 0.3), run_rows, &j, kerf_ceil_div(j.rows, j.step));
  return KERF_OK;
}
