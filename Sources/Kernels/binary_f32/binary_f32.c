// BINARY_F32: a, b -> y, numpy broadcasting up to rank 8; attributes: function, activation. y may be an operand that
// has y's shape. ONNX: Add, Sub, Mul, Div, Pow, Min, Max, Mod, PRelu, opsets 7 to 24.
#include "binary_f32.h"

int kerf_prepare_binary_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  kerf_act act;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 2, 2, 1, 4));
  for (int i = 0; i < 2; i++) KERF_TRY(kerf_check_typed(call->inputs[i], KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_TRY(kerf_check_broadcast(call->inputs[0], call->inputs[1], call->outputs[0]));
  KERF_TRY(kerf_check_range(call, 0, KERF_BINARY_ADD, KERF_BINARY_SQUARED_DIFFERENCE));
  return kerf_read_act(call, 1, &act);
}

enum { BLOCK = 4096 };

typedef struct job {
  kerf_broadcast plan;
  const float *a, *b;
  float *y;
  int function;
  kerf_act act;
  kerf_binary_fn binary;
  kerf_unary_fn unary;
  int64_t rows, width, rows_per_task, parts;  // parts of a row, when rows are long
} job;

static void run_part(const job *j, int64_t row, int64_t begin, int64_t n) {
  int64_t a, b;
  kerf_broadcast_row(&j->plan, row, &a, &b);
  const int last = j->plan.rank - 1, sa = j->plan.a[last] != 0, sb = j->plan.b[last] != 0;
  float *y = j->y + row * j->width + begin;
  j->binary(j->function, j->a + a + (sa ? begin : 0), sa, j->b + b + (sb ? begin : 0), sb, y, n);
  if (j->act.function != KERF_UNARY_IDENTITY) j->unary(y, y, n, &j->act);
}

static void run_task(void *context, int64_t index) {
  const job *j = context;
  if (j->parts > 1) {
    const int64_t begin = index % j->parts * BLOCK;
    run_part(j, index / j->parts, begin, kerf_min(BLOCK, j->width - begin));
    return;
  }
  const int64_t first = index * j->rows_per_task, end = kerf_min(j->rows, first + j->rows_per_task);
  for (int64_t row = first; row < end; row++) run_part(j, row, 0, j->width);
}

int kerf_run_binary(const kerf_call *call, kerf_binary_fn binary, kerf_unary_fn unary) {
  job j = {.a = call->inputs[0]->data, .b = call->inputs[1]->data, .y = call->outputs[0]->data};
  KERF_TRY(kerf_read_act(call, 1, &j.act));
  const int64_t total = kerf_count(call->outputs[0]);
  if (total == 0) return KERF_OK;
  kerf_plan_broadcast(call->inputs[0], call->inputs[1], call->outputs[0], &j.plan);
  j.function = (int)kerf_int(call, 0), j.binary = binary, j.unary = unary;
  j.width = j.plan.dims[j.plan.rank - 1];
  j.rows = total / j.width;
  j.parts = kerf_ceil_div(j.width, BLOCK);
  j.rows_per_task = kerf_max(1, BLOCK / j.width);
  const double each = j.function == KERF_BINARY_POW || j.function == KERF_BINARY_MOD ? 8 : 0.2;
  const int64_t tasks = j.parts > 1 ? j.rows * j.parts : kerf_ceil_div(j.rows, j.rows_per_task);
  kerf_parallel(kerf_pool_for(call, (double)total * (each + kerf_unary_cost(&j.act))), run_task, &j, tasks);
  return KERF_OK;
}

/// a modulo b with the sign of b, also where it is zero (numpy.mod).
static float floor_mod(float a, float b) {
  const float r = __builtin_fmodf(a, b);
  if (r == 0) return __builtin_copysignf(0, b);
  return (r < 0) != (b < 0) ? r + b : r;
}

void kerf_binary_scalar(int function, const float *a, int a_step, const float *b, int b_step, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float p = a[i * a_step], q = b[i * b_step];
    y[i] = function == KERF_BINARY_POW   ? __builtin_powf(p, q)
           : function == KERF_BINARY_MOD ? floor_mod(p, q)
                                         : __builtin_fmodf(p, q);
  }
}
