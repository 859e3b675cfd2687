// RESIZE_NEAREST: x[N,H,W,C] any -> y; coordinate(i) nearest(i) scale_h(f) scale_w(f) (ONNX Resize, Upsample).
// coordinate: 0 half_pixel 1 asymmetric 2 pytorch_half_pixel 3 align_corners 4 half_pixel_symmetric
// 5 tf_half_pixel_for_nn; nearest: 0 round_prefer_floor 1 round_prefer_ceil 2 floor 3 ceil.
#include <math.h>

#include "../common/tensors.h"

static bool scale_ok(double s) { return s == 0 || (s > 1e-9 && s < 1e9); }

int kerf_prepare_resize_nearest(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 4));
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  KERF_REQUIRE(x->type == y->type, KERF_BAD_TYPE);
  KERF_REQUIRE(x->rank == 4 && y->rank == 4, KERF_BAD_SHAPE);
  KERF_REQUIRE(x->dims[0] == y->dims[0] && x->dims[3] == y->dims[3], KERF_BAD_SHAPE);
  bool source = (x->dims[1] > 0 || y->dims[1] == 0) && (x->dims[2] > 0 || y->dims[2] == 0);
  KERF_REQUIRE(source, KERF_BAD_SHAPE);
  KERF_REQUIRE(c->attrs[0].i >= 0 && c->attrs[0].i <= 5 && c->attrs[1].i >= 0 && c->attrs[1].i <= 3, KERF_BAD_ATTR);
  KERF_REQUIRE(scale_ok(c->attrs[2].f) && scale_ok(c->attrs[3].f), KERF_BAD_ATTR);
  *scratch = (uint64_t)(y->dims[1] + y->dims[2]) * sizeof(int64_t);
  return KERF_OK;
}

static double position(int64_t i, int64_t in, int64_t out, double scale, int64_t coordinate) {
  switch (coordinate) {
  case 1: return (double)i / scale;
  case 2: return out > 1 ? ((double)i + 0.5) / scale - 0.5 : 0;
  case 3: return out > 1 ? (double)i * (double)(in - 1) / (double)(out - 1) : 0;
  case 4: {
    double adjustment = (double)out / (scale * (double)in);
    return (double)in / 2 * (1 - adjustment) + ((double)i + 0.5) / scale - 0.5;
  }
  case 5: return ((double)i + 0.5) / scale;
  default: return ((double)i + 0.5) / scale - 0.5;
  }
}

static void fill_map(int64_t *map, int64_t in, int64_t out, double scale, int64_t coordinate, int64_t nearest) {
  if (scale == 0) scale = (double)out / (double)in;
  for (int64_t i = 0; i < out; i++) {
    double p = position(i, in, out, scale, coordinate);
    double r = nearest == 0 ? ceil(p - 0.5) : nearest == 1 ? floor(p + 0.5) : nearest == 2 ? floor(p) : ceil(p);
    map[i] = r < 0 ? 0 : r > (double)(in - 1) ? in - 1 : (int64_t)r;
  }
}

typedef struct job {
  const char *x;
  char *y;
  const int64_t *rows, *columns;
  int64_t h, w, oh, ow, run;
} job;

static void resize_row(const char *x, char *y, const job *j) {
  switch (j->run) {
  case 1: for (int64_t i = 0; i < j->ow; i++) y[i] = x[j->columns[i]]; break;
  case 4: for (int64_t i = 0; i < j->ow; i++) memcpy(y + i * 4, x + j->columns[i] * 4, 4); break;
  default:
    for (int64_t i = 0; i < j->ow; i++) memcpy(y + i * j->run, x + j->columns[i] * j->run, (size_t)j->run);
  }
}

static void resize_rows(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  int64_t row = j->ow * j->run;
  for (int64_t r = begin; r < end; r++) {
    bool repeated = r > begin && r % j->oh > 0 && j->rows[r % j->oh] == j->rows[r % j->oh - 1];
    char *to = j->y + r * row;
    if (repeated) memcpy(to, to - row, (size_t)row);
    else resize_row(j->x + (r / j->oh * j->h + j->rows[r % j->oh]) * j->w * j->run, to, j);
  }
}

int kerf_run_resize_nearest_portable(const kerf_call *c) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  int64_t *rows = c->scratch, *columns = rows + y->dims[1];
  fill_map(rows, x->dims[1], y->dims[1], c->attrs[2].f, c->attrs[0].i, c->attrs[1].i);
  fill_map(columns, x->dims[2], y->dims[2], c->attrs[3].f, c->attrs[0].i, c->attrs[1].i);
  job j = {x->data, y->data, rows, columns, x->dims[1], x->dims[2], y->dims[1], y->dims[2],
           x->dims[3] * kerf_width(x->type)};
  kerf_ranges(c->pool, y->dims[0] * y->dims[1], (1 << 16) / (j.ow * j.run), resize_rows, &j);
  return KERF_OK;
}
