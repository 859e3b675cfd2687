// GROUP_NORM_F32: x[N,S,C], scale[C], bias[C] -> y; groups, epsilon, activation. y may be x.
// ONNX: GroupNormalization 21, InstanceNormalization 1-22 (groups = C).
//
// Sums are taken per channel over blocks of rows (fixed by shape), then combined in double precision in block order.
#include "group_norm_f32.h"

typedef struct job {
  const float *x, *scale, *bias;
  float *y;
  int64_t images, rows, c, groups, step, blocks;
  float *sums;    // [images, blocks, C]
  float *factor;  // [images, C]; first the mean, then the factor
  float *offset;  // [images, C]
  int square;
  double epsilon;
  kerf_act act;
  kerf_channel_sums_fn channel_sums;
  kerf_scale_shift_fn row;
  kerf_unary_fn unary;
} job;

static void choose_blocks(const kerf_tensor *x, job *j) {
  j->images = x->dims[0], j->rows = x->dims[1], j->c = x->dims[2];
  j->step = kerf_max(16, 8192 / kerf_max(1, j->c));
  j->blocks = kerf_ceil_div(j->rows, j->step);
}

int kerf_prepare_group_norm_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  job j;
  kerf_act act;
  int64_t bytes;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 3, 1, 5));
  const kerf_tensor *x = call->inputs[0];
  KERF_TRY(kerf_check_typed(x, KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_REQUIRE(x->rank == 3 && kerf_same_shape(x, call->outputs[0]), KERF_BAD_SHAPE);
  choose_blocks(x, &j);
  KERF_TRY(kerf_check_range(call, 0, 1, kerf_max(1, j.c)));
  KERF_REQUIRE(j.c % kerf_int(call, 0) == 0, KERF_BAD_ATTR);
  for (int i = 1; i < 3; i++)
    if (kerf_input(call, i)) KERF_TRY(kerf_check_vector(call->inputs[i], KERF_F32, j.c));
  KERF_TRY(kerf_read_act(call, 2, &act));
  KERF_REQUIRE(kerf_product(j.images, j.c, &bytes) && kerf_product(bytes, (j.blocks + 2) * 4, &bytes), KERF_BAD_SHAPE);
  *scratch_bytes = (uint64_t)bytes;
  return KERF_OK;
}

static void sum_block(void *context, int64_t index) {
  const job *j = context;
  const int64_t image = index / j->blocks, first = index % j->blocks * j->step;
  const float *x = j->x + (image * j->rows + first) * j->c;
  const float *shift = j->square ? j->factor + image * j->c : NULL;
  j->channel_sums(x, shift, j->square, kerf_min(j->step, j->rows - first), j->c, j->sums + index * j->c);
}

/// The average over a group of what sum_block left.
static double group_average(const job *j, int64_t image, int64_t group) {
  const int64_t width = j->c / j->groups;
  double sum = 0;
  for (int64_t b = 0; b < j->blocks; b++) {
    const float *s = j->sums + (image * j->blocks + b) * j->c + group * width;
    for (int64_t i = 0; i < width; i++) sum += s[i];
  }
  return sum / ((double)j->rows * (double)width);
}

/// Turns averages into means (first pass) or factors and offsets (second pass).
static void combine(const job *j) {
  const int64_t width = j->c / j->groups;
  for (int64_t g = 0; g < j->images * j->groups; g++) {
    const int64_t image = g / j->groups, group = g % j->groups;
    const double average = group_average(j, image, group);
    for (int64_t i = group * width; i < (group + 1) * width; i++) {
      float *factor = j->factor + image * j->c + i, *offset = j->offset + image * j->c + i;
      if (!j->square) {
        *factor = (float)average;
      } else {
        const float mean = *factor, inverse = (float)(1 / __builtin_sqrt(average + j->epsilon));
        *factor = (j->scale ? j->scale[i] : 1) * inverse;
        *offset = (j->bias ? j->bias[i] : 0) - mean * *factor;
      }
    }
  }
}

static void write_block(void *context, int64_t index) {
  const job *j = context;
  const int64_t image = index / j->blocks, first = index % j->blocks * j->step;
  const int64_t rows = kerf_min(j->step, j->rows - first), at = (image * j->rows + first) * j->c;
  const float *factor = j->factor + image * j->c, *offset = j->offset + image * j->c;
  for (int64_t i = 0; i < rows; i++) j->row(j->x + at + i * j->c, factor, offset, j->y + at + i * j->c, j->c);
  if (j->act.function != KERF_UNARY_IDENTITY) j->unary(j->y + at, j->y + at, rows * j->c, &j->act);
}

int kerf_run_group_norm(const kerf_call *call, kerf_channel_sums_fn sums, kerf_scale_shift_fn row,
                        kerf_unary_fn unary) {
  job j = {.x = call->inputs[0]->data, .y = call->outputs[0]->data, .channel_sums = sums, .row = row, .unary = unary};
  choose_blocks(call->inputs[0], &j);
  KERF_TRY(kerf_read_act(call, 2, &j.act));
  const int64_t tasks = j.images * j.blocks;
  if (tasks == 0 || j.c == 0) return KERF_OK;
  j.groups = kerf_int(call, 0);
  j.epsilon = call->attrs[1].f;
  j.scale = kerf_input(call, 1) ? call->inputs[1]->data : NULL;
  j.bias = kerf_input(call, 2) ? call->inputs[2]->data : NULL;
  j.sums = call->scratch;
  j.factor = j.sums + tasks * j.c;
  j.offset = j.factor + j.images * j.c;
  kerf_pool *pool = kerf_pool_for(call, (double)kerf_count(call->inputs[0]) * 0.3);
  kerf_parallel(pool, sum_block, &j, tasks);
  combine(&j);
  j.square = 1;
  kerf_parallel(pool, sum_block, &j, tasks);
  combine(&j);
  kerf_parallel(pool, write_block, &j, tasks);
  return KERF_OK;
}
