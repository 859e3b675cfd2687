// RESIZE_F32: x[N,H,W,C] -> y[N,OH,OW,C]; mode, coordinate, nearest, cubic_a, exclude_outside, scale_h, scale_w.
// ONNX: Resize 10-19 (no antialiasing, no crop), Upsample 7-9.
//
// Rows are blended first (a whole input row at a time), then columns.
#include "resize_f32.h"

enum { SLOTS = 8 };

typedef struct job {
  kerf_resize_axis rows, columns;
  int64_t n, c;
  const float *x;
  float *y;
  int taps;
  const kerf_resize_taps *row_taps, *column_taps;
  float *lines;  // one input row per slot
  int64_t slots;
  const kerf_resize_isa *isa;
} job;

// A scale of 0 stands for the ratio of the sizes.
static bool scale_ok(double s) { return s >= 0 && s < 1e9; }
static double scale_of(double s, int64_t in, int64_t out) { return s > 0 || in == 0 ? s : (double)out / (double)in; }

static int read(const kerf_call *call, job *j) {
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  KERF_REQUIRE(x->rank == 4 && y->rank == 4, KERF_BAD_SHAPE);
  KERF_REQUIRE(x->dims[0] == y->dims[0] && x->dims[3] == y->dims[3], KERF_BAD_SHAPE);
  KERF_TRY(kerf_check_range(call, 0, 0, 2));
  KERF_TRY(kerf_check_range(call, 1, 0, 5));
  KERF_TRY(kerf_check_range(call, 2, 0, 3));
  KERF_TRY(kerf_check_range(call, 4, 0, 1));
  const kerf_attr *a = call->attrs;
  KERF_REQUIRE(scale_ok(a[5].f) && scale_ok(a[6].f), KERF_BAD_ATTR);
  const double sh = scale_of(a[5].f, x->dims[1], y->dims[1]), sw = scale_of(a[6].f, x->dims[2], y->dims[2]);
  j->n = x->dims[0], j->c = x->dims[3];
  j->rows = (kerf_resize_axis){x->dims[1], y->dims[1], sh, (int)a[0].i, (int)a[1].i, (int)a[2].i, a[3].f, a[4].i};
  j->columns = (kerf_resize_axis){x->dims[2], y->dims[2], sw, (int)a[0].i, (int)a[1].i, (int)a[2].i, a[3].f, a[4].i};
  j->taps = a[0].i == 0 ? 1 : a[0].i == 1 ? 2 : 4;
  j->slots = kerf_min(SLOTS, kerf_max(1, j->n * j->rows.size));
  const bool reads = y->dims[0] && y->dims[1] && y->dims[2] && y->dims[3];
  return reads && (x->dims[1] == 0 || x->dims[2] == 0) ? KERF_BAD_SHAPE : KERF_OK;
}

static uint64_t taps_bytes(const kerf_resize_axis *a) {
  return kerf_align((uint64_t)a->size * sizeof(kerf_resize_taps));
}

int kerf_prepare_resize_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  job j;
  int64_t line;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 1, 1, 1, 7));
  KERF_TRY(kerf_check_typed(call->inputs[0], KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_TRY(read(call, &j));
  KERF_REQUIRE(kerf_product(j.columns.length, j.c * (int64_t)sizeof(float), &line), KERF_BAD_SHAPE);
  *scratch_bytes = taps_bytes(&j.rows) + taps_bytes(&j.columns) + kerf_align((uint64_t)line) * (uint64_t)j.slots;
  return KERF_OK;
}

static void run_line(const job *j, int64_t index, float *line) {
  const int64_t width = j->columns.length * j->c, image = index / j->rows.size;
  const kerf_resize_taps *t = j->row_taps + index % j->rows.size;
  const float *rows[4] = {NULL, NULL, NULL, NULL};
  int used = 0;
  float weights[4];
  for (int k = 0; k < j->taps; k++) {
    if (t->weight[k] == 0 && (used || k + 1 < j->taps)) continue;
    weights[used] = t->weight[k];
    rows[used++] = j->x + (image * j->rows.length + t->at[k]) * width;
  }
  const float *blended = rows[0];
  if (used > 1 || weights[0] != 1) {
    j->isa->blend(used, rows, weights, line, width);
    blended = line;
  }
  j->isa->spread(j->taps, blended, j->column_taps, j->columns.size, j->c, j->y + index * j->columns.size * j->c);
}

static void run_slot(void *context, int64_t slot) {
  const job *j = context;
  const int64_t lines = j->n * j->rows.size, end = (int64_t)((__int128)lines * (slot + 1) / j->slots);
  const uint64_t stride = kerf_align((uint64_t)(j->columns.length * j->c) * sizeof(float)) / sizeof(float);
  for (int64_t i = (int64_t)((__int128)lines * slot / j->slots); i < end; i++)
    run_line(j, i, j->lines + stride * (uint64_t)slot);
}

int kerf_run_resize(const kerf_call *call, const kerf_resize_isa *isa) {
  job j = {.isa = isa};
  KERF_TRY(read(call, &j));
  const int64_t total = kerf_count(call->outputs[0]);
  if (total == 0) return KERF_OK;
  j.x = call->inputs[0]->data, j.y = call->outputs[0]->data;
  char *at = call->scratch;
  kerf_resize_taps *rows = (kerf_resize_taps *)at, *columns = (kerf_resize_taps *)(at + taps_bytes(&j.rows));
  j.lines = (float *)(at + taps_bytes(&j.rows) + taps_bytes(&j.columns));
  kerf_resize_fill(&j.rows, rows);
  kerf_resize_fill(&j.columns, columns);
  j.row_taps = rows, j.column_taps = columns;
  kerf_parallel(kerf_pool_for(call, (double)total * 0.3 * j.taps), run_slot, &j, j.slots);
  return KERF_OK;
}
