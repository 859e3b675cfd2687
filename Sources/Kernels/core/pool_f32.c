// The driver of MAX_POOL_F32 and AVG_POOL_F32: x[N,H,W,C] -> y[N,OH,OW,C].
// ONNX: MaxPool 1-22, AveragePool 1-22, the global pools; output sizes of floor or ceil mode.
#include "pool_f32.h"

int kerf_prepare_pool(const kerf_call *call, bool average) {
  kerf_geometry g;
  KERF_TRY(kerf_check_counts(call, 1, 1, 1, average ? 11 : 10));
  KERF_TRY(kerf_check_typed(call->inputs[0], KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_TRY(kerf_read_geometry(call, 0, &g));
  if (average) KERF_TRY(kerf_check_range(call, 10, 0, 1));
  KERF_TRY(kerf_check_windows(call->inputs[0], call->outputs[0], &g, true));
  return call->inputs[0]->dims[3] == call->outputs[0]->dims[3] ? KERF_OK : KERF_BAD_SHAPE;
}

/// Taps of one axis: those inside the image, and the number inside image and padding.
typedef struct taps {
  int64_t first, count, padded;
} taps;

static taps taps_of(int64_t start, int64_t dilation, int64_t kernel, int64_t length, int64_t after) {
  if (start >= 0 && start + (kernel - 1) * dilation < length) return (taps){0, kernel, kernel};
  const int64_t first = start >= 0 ? 0 : kerf_min(kernel, kerf_ceil_div(-start, dilation));
  const int64_t end = start >= length ? 0 : kerf_min(kernel, kerf_ceil_div(length - start, dilation));
  const int64_t padded = kerf_min(kernel, kerf_ceil_div(kerf_max(0, length + after - start), dilation));
  return (taps){first, kerf_max(0, end - first), padded};
}

typedef struct job {
  kerf_geometry g;
  int64_t h, w, c, oh, ow, from, to;  // from, to: elements between pixels of x and of y
  const float *x;
  float *y;
  bool average, padding_counts;
  kerf_pool_fn pixel;
  int64_t ahead;  // pixels of x to fetch before they are read; 0 where x is in the cache
} job;

enum {
  FETCH_BYTES = 4096,     // ahead of the pixels at work
  CACHED_BYTES = 1 << 20  // of x, which then is in the second-level cache
};

/// The pixels that come into windows further right, or on the next line: two lines whose pixels are apart confuse the
/// processor's own guess. Past the end of x nothing is fetched.
static inline void fetch(const job *j, const float *x, int64_t column, int64_t rows) {
  x += (j->ahead + (column + j->ahead < j->w ? 0 : (j->g.sh - 1) * j->w)) * j->from;
  for (int64_t r = 0; r < rows; r++, x += j->g.dh * j->w * j->from)
    for (int64_t i = 0; i < j->g.sw; i++) __builtin_prefetch(x + i * j->from);
}

static void run_row(void *context, int64_t line) {
  const job *j = context;
  const kerf_geometry *g = &j->g;
  const int64_t top = line % j->oh * g->sh - g->pt, image = line / j->oh;
  const taps rows = taps_of(top, g->dh, g->kh, j->h, g->pb);
  for (int64_t ow = 0; ow < j->ow; ow++) {
    const int64_t left = ow * g->sw - g->pl;
    const taps columns = taps_of(left, g->dw, g->kw, j->w, g->pr);
    const int64_t inside = rows.count * columns.count;
    const int64_t divisor = j->padding_counts ? rows.padded * columns.padded : inside;
    const int64_t ih = top + rows.first * g->dh, iw = left + columns.first * g->dw;
    const float *x = inside ? j->x + ((image * j->h + ih) * j->w + iw) * j->from : j->x;
    if (j->ahead) fetch(j, x, iw, rows.count);
    j->pixel(x, inside ? rows.count : 0, columns.count, rows.count > 1 ? g->dh * j->w * j->from : 0,
             columns.count > 1 ? g->dw * j->from : 0, j->c, divisor ? 1 / (float)divisor : 0,
             j->y + (line * j->ow + ow) * j->to);
  }
}

int kerf_run_pool(const kerf_call *call, bool average, kerf_pool_fn pixel) {
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  job j = {.x = x->data, .y = y->data, .average = average, .pixel = pixel};
  KERF_TRY(kerf_read_geometry(call, 0, &j.g));
  j.h = x->dims[1], j.w = x->dims[2], j.c = x->dims[3], j.oh = y->dims[1], j.ow = y->dims[2];
  j.from = kerf_pitch(x), j.to = kerf_pitch(y);
  if (kerf_dims_product(x, 0, 3) > CACHED_BYTES / (int64_t)sizeof(float) / kerf_max(1, j.from))
    j.ahead = kerf_ceil_div(FETCH_BYTES / (int64_t)sizeof(float), kerf_max(1, j.from));
  j.padding_counts = average && kerf_int(call, 10);
  if (kerf_count(y) == 0) return KERF_OK;
  const double work = (double)kerf_count(y) * (double)kerf_min(j.g.kh, j.h + 1) * (double)kerf_min(j.g.kw, j.w + 1);
  kerf_parallel(kerf_pool_for(call, work * 0.1), run_row, &j, y->dims[0] * j.oh);
  return KERF_OK;
}
