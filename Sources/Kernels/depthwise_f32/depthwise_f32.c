// DEPTHWISE_F32: x[N,H,W,C], packed weights, bias[C], residual -> y[N,OH,OW,C]; geometry, activation, residual mode.
// ONNX: Conv 1-22 with groups = channels = output channels.
#include "depthwise_f32.h"

uint64_t kerf_pack_depthwise_f32_size(int64_t c, int64_t kh, int64_t kw) {
  int64_t taps;
  return kh >= 1 && kw >= 1 && kerf_product(kh, kw, &taps) ? kerf_pack_gemm_f32_size(taps, c) : 0;
}

void kerf_pack_depthwise_f32(int64_t c, int64_t kh, int64_t kw, const float *w, void *packed) {
  kerf_pack_gemm_f32(kh * kw, c, 1, w, packed);
}

enum {
  FEW = 4,                  // pixels of a span that is not worth it
  CHUNK_FLOATS = 6 * 1024,  // of input rows under a window
  WIDE_FLOATS = 16 * 1024,
};

typedef struct job {
  kerf_geometry g;
  int64_t h, w, c, oh, ow, pitch;  // pitch: of y
  const float *x, *weights, *bias, *residual;
  float *y;
  int mode;
  kerf_act act;
  const kerf_depthwise_isa *isa;
} job;

static int read(const kerf_call *call, job *j) {
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  KERF_TRY(kerf_read_geometry(call, 0, &j->g));
  KERF_REQUIRE(x->rank == 4 && y->rank == 4 && x->dims[3] == y->dims[3], KERF_BAD_SHAPE);
  j->h = x->dims[1], j->w = x->dims[2], j->c = x->dims[3];
  j->oh = y->dims[1], j->ow = y->dims[2], j->pitch = kerf_pitch(y);
  j->mode = (int)kerf_int(call, 13);
  return kerf_read_act(call, 10, &j->act);
}

int kerf_prepare_depthwise_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  job j;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 2, 4, 1, 14));
  const kerf_tensor *x = call->inputs[0], *bias = kerf_input(call, 2), *y = call->outputs[0];
  KERF_TRY(kerf_check_typed(x, KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_TRY(read(call, &j));
  KERF_TRY(kerf_check_windows(x, y, &j.g, false));
  KERF_TRY(kerf_check_packed(call->inputs[1], kerf_pack_depthwise_f32_size(j.c, j.g.kh, j.g.kw)));
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, j.c));
  return kerf_check_residual(call, 13, kerf_input(call, 3), y);
}

/// First tap at or after the image's start, for a window that begins at `start`.
static int64_t first_tap(int64_t start, int64_t dilation, int64_t taps) {
  return start >= 0 ? 0 : kerf_min(taps, kerf_ceil_div(-start, dilation));
}
/// One past the last tap inside the image.
static int64_t end_tap(int64_t start, int64_t dilation, int64_t taps, int64_t length) {
  return start >= length ? 0 : kerf_min(taps, kerf_ceil_div(length - start, dilation));
}

/// The taps of a window that lie inside the image.
typedef struct range {
  int64_t begin, end;
} range;
static range inside(int64_t start, int64_t dilation, int64_t taps, int64_t length) {
  const range r = {first_tap(start, dilation, taps), end_tap(start, dilation, taps, length)};
  return r.end > r.begin ? r : (range){0, 0};
}

/// Output pixels ow ..< ow + pixels of a row, for one panel; `rows` and `columns` are the taps to use.
static kerf_depthwise_span span_at(const job *j, int64_t line, int64_t ow, int64_t pixels, int64_t panel, range rows,
                                   range columns) {
  const kerf_geometry *g = &j->g;
  const int64_t image = line / j->oh, oh = line % j->oh, c0 = panel * KERF_PANEL;
  const int64_t at = (line * j->ow + ow) * j->pitch + c0;
  const bool empty = rows.begin == rows.end || columns.begin == columns.end;
  kerf_depthwise_span s = {.channels = (int)kerf_min(KERF_PANEL, j->c - c0), .act = &j->act};
  s.kh = empty ? 0 : rows.end - rows.begin;
  s.kw = columns.end - columns.begin;
  // Steps that are not taken may lie far outside the image; they stay 0.
  s.pixel = pixels > 1 ? g->sw * j->c : 0;
  s.tap_row = s.kh > 1 ? g->dh * j->w * j->c : 0;
  s.tap_column = s.kw > 1 ? g->dw * j->c : 0;
  s.w = j->weights + (panel * g->kh * g->kw + rows.begin * g->kw + columns.begin) * KERF_PANEL;
  s.w_row = g->kw * KERF_PANEL;
  s.w_panel = g->kh * s.w_row;
  const int64_t ih = oh * g->sh - g->pt + rows.begin * g->dh, iw = ow * g->sw - g->pl + columns.begin * g->dw;
  s.x = empty ? j->x : j->x + ((image * j->h + ih) * j->w + iw) * j->c + c0;
  s.bias = j->bias ? j->bias + c0 : NULL;
  s.before = j->mode == 1 ? j->residual + at : NULL;
  s.after = j->mode == 2 ? j->residual + at : NULL;
  s.y = j->y + at;
  s.y_pixel = j->pitch;
  return s;
}

/// One output pixel: its whole panels side by side, then a last narrow one.
static void run_pixel(const job *j, int64_t line, int64_t ow, range rows) {
  const kerf_geometry *g = &j->g;
  const range columns = inside(ow * g->sw - g->pl, g->dw, g->kw, j->w);
  const int64_t whole = j->c / KERF_PANEL;
  if (whole) {
    const kerf_depthwise_span s = span_at(j, line, ow, 1, 0, rows, columns);
    j->isa->across(&s, whole);
  }
  if (j->c % KERF_PANEL) {
    const kerf_depthwise_span s = span_at(j, line, ow, 1, whole, rows, columns);
    j->isa->span(&s, 1);
  }
}

/// One output row: pixels at the edges one at a time, those between (when more than a few) in spans, panel by panel.
static void run_row(void *context, int64_t line) {
  const job *j = context;
  const kerf_geometry *g = &j->g;
  const range rows = inside(line % j->oh * g->sh - g->pt, g->dh, g->kh, j->h);
  const int64_t reach = (g->kw - 1) * g->dw, room = j->w + g->pl - reach;  // the last window starts before room
  const int64_t begin = kerf_min(j->ow, kerf_ceil_div(g->pl, g->sw));
  int64_t end = kerf_max(begin, room <= 0 ? 0 : kerf_min(j->ow, kerf_ceil_div(room, g->sw)));
  if (end - begin < FEW) end = begin;
  for (int64_t ow = 0; ow < begin; ow++) run_pixel(j, line, ow, rows);
  for (int64_t panel = 0; end > begin && panel * KERF_PANEL < j->c; panel++) {
    const kerf_depthwise_span s = span_at(j, line, begin, end - begin, panel, rows, (range){0, g->kw});
    j->isa->span(&s, end - begin);
  }
  for (int64_t ow = end; ow < j->ow; ow++) run_pixel(j, line, ow, rows);
}

/// Whether the windows are those of the `line` kernels.
static bool is_line(const kerf_geometry *g) {
  return (g->kw == 3 || g->kw == 5) && g->sw <= 2 && g->dw == 1 && g->pl < g->kw && g->pr < g->kw;
}

/// Channels that are taken through all rows before the next ones, so that the rows of a window stay in the first-level
/// cache; of wide rows some more, because lines of few channels are fetched late.
static int64_t chunk_of(const job *j) {
  const int64_t panel = kerf_max(1, KERF_PANEL * j->g.kh * j->w);
  const int64_t panels = kerf_max(CHUNK_FLOATS / panel, kerf_min(WIDE_FLOATS / panel, 3));
  return kerf_min(j->c, KERF_PANEL * kerf_max(1, panels));
}

/// One output row of a chunk of channels, in blocks of about equal width. Rows of a chunk follow each other.
static void run_line(void *context, int64_t index) {
  const job *j = context;
  const kerf_geometry *g = &j->g;
  const int64_t chunk = chunk_of(j), chunks = kerf_ceil_div(j->c, chunk), oh = index % j->oh;
  const int64_t c0 = index / j->oh % chunks * chunk, image = index / j->oh / chunks;
  const range rows = inside(oh * g->sh - g->pt, g->dh, g->kh, j->h);
  const int64_t ih = oh * g->sh - g->pt + rows.begin * g->dh;
  const int64_t wide = kerf_ceil_div(j->ow, kerf_ceil_div(j->ow, KERF_DEPTHWISE_MOST));
  kerf_depthwise_line s = {.pixel = j->c, .y_pixel = j->pitch, .channels = kerf_min(chunk, j->c - c0), .act = &j->act};
  s.bias = j->bias ? j->bias + c0 : NULL;
  s.rows = rows.end - rows.begin;
  s.x = j->x + (s.rows ? (image * j->h + ih) * j->w * j->c : 0) + c0;
  s.tap_row = s.rows > 1 ? g->dh * j->w * j->c : 0;
  s.w_panel = g->kh * g->kw * KERF_PANEL;
  s.w = j->weights + c0 / KERF_PANEL * s.w_panel + rows.begin * g->kw * KERF_PANEL;
  for (int64_t ow = 0; ow < j->ow; ow += wide) {
    const int64_t pixels = kerf_min(wide, j->ow - ow), at = ((image * j->oh + oh) * j->ow + ow) * j->pitch + c0;
    s.column = ow * g->sw - g->pl;
    s.begin = (int)kerf_min(kerf_max(0, -s.column), INT32_MAX);
    s.end = (int)kerf_max(0, kerf_min(j->w - s.column, INT32_MAX));
    s.before = j->mode == 1 ? j->residual + at : NULL;
    s.after = j->mode == 2 ? j->residual + at : NULL;
    s.y = j->y + at;
    j->isa->line((int)g->kw, (int)g->sw, (int)pixels, &s);
  }
}

int kerf_run_depthwise(const kerf_call *call, const kerf_depthwise_isa *isa) {
  job j = {.isa = isa};
  KERF_TRY(read(call, &j));
  j.x = call->inputs[0]->data;
  j.weights = call->inputs[1]->data;
  j.bias = kerf_input(call, 2) ? call->inputs[2]->data : NULL;
  j.residual = kerf_input(call, 3) ? call->inputs[3]->data : NULL;
  j.y = call->outputs[0]->data;
  const int64_t lines = call->outputs[0]->dims[0] * j.oh;
  const double work = (double)kerf_count(call->outputs[0]) * (double)(j.g.kh * j.g.kw);
  kerf_pool *pool = kerf_pool_for(call, work / 15);
  if (j.c == 0 || j.ow == 0) return KERF_OK;
  if (is_line(&j.g)) kerf_parallel(pool, run_line, &j, lines * kerf_ceil_div(j.c, chunk_of(&j)));
  else kerf_parallel(pool, run_row, &j, lines);
  return KERF_OK;
}
