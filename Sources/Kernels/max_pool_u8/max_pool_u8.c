// MAX_POOL_U8: x u8[N,H,W,C] -> y; geometry (ONNX MaxPool). Padding never wins; a window of padding alone gives 0.
#include "../common/tensors.h"
#include "../common/variants.h"

int kerf_prepare_max_pool_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 10));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  kerf_geometry g;
  KERF_REQUIRE(x->type == KERF_U8 && y->type == KERF_U8, KERF_BAD_TYPE);
  KERF_TRY(kerf_read_geometry(c, 0, &g));
  KERF_TRY(kerf_check_windows(x, y, &g, true));
  return x->dims[3] == y->dims[3] ? KERF_OK : KERF_BAD_SHAPE;
}

typedef struct job {
  kerf_geometry g;
  const uint8_t *x;
  uint8_t *y;
  int64_t h, w, c, oh, ow, from, to;  // from, to: bytes between pixels of x and of y
} job;

enum { LANES = 32 };

/// The taps of a window that lie inside x: the first, how many, and the steps between rows and columns.
typedef struct taps {
  const uint8_t *first;
  int64_t rows, columns, down, across;
} taps;

/// n channels, at most LANES.
KERF_INLINE void pool_lanes(const taps *t, int64_t channel, int64_t n, uint8_t *y) {
  uint8_t best[LANES] = {0};
  for (int64_t row = 0; row < t->rows; row++) {
    for (int64_t column = 0; column < t->columns; column++) {
      const uint8_t *x = t->first + row * t->down + column * t->across + channel;
      for (int64_t i = 0; i < n; i++) best[i] = x[i] > best[i] ? x[i] : best[i];
    }
  }
  memcpy(y + channel, best, (size_t)n);
}

/// One pixel of y: the taps inside x are rows kh0 ..< kh1 and columns kw0 ..< kw1 of the window.
KERF_INLINE void pool_pixel(const job *j, const uint8_t *image, int64_t top, int64_t left, uint8_t *y) {
  const kerf_geometry *g = &j->g;
  int64_t kh0 = top < 0 ? kerf_ceil_div(-top, g->dh) : 0, kw0 = left < 0 ? kerf_ceil_div(-left, g->dw) : 0;
  int64_t kh1 = kerf_min(g->kh, top < j->h ? kerf_ceil_div(j->h - top, g->dh) : 0);
  int64_t kw1 = kerf_min(g->kw, left < j->w ? kerf_ceil_div(j->w - left, g->dw) : 0);
  if (kh0 >= kh1 || kw0 >= kw1) {
    memset(y, 0, (size_t)j->c);
    return;
  }
  const taps t = {image + ((top + kh0 * g->dh) * j->w + left + kw0 * g->dw) * j->from, kh1 - kh0, kw1 - kw0,
                  g->dh * j->w * j->from, g->dw * j->from};
  int64_t i = 0;
  for (; i + LANES <= j->c; i += LANES) pool_lanes(&t, i, LANES, y);
  if (i < j->c) pool_lanes(&t, i, j->c - i, y);
}

KERF_INLINE void pool_rows(const job *j, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; row++) {
    const uint8_t *image = j->x + row / j->oh * j->h * j->w * j->from;
    int64_t top = row % j->oh * j->g.sh - j->g.pt;
    uint8_t *y = j->y + row * j->ow * j->to;
    for (int64_t ow = 0; ow < j->ow; ow++) pool_pixel(j, image, top, ow * j->g.sw - j->g.pl, y + ow * j->to);
  }
}

static int run(const kerf_call *c, kerf_range_fn rows) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  job j = {.x = x->data, .y = y->data, .h = x->dims[1], .w = x->dims[2], .c = x->dims[3], .oh = y->dims[1],
           .ow = y->dims[2], .from = kerf_pitch(x), .to = kerf_pitch(y)};
  (void)kerf_read_geometry(c, 0, &j.g);
  kerf_ranges(c->pool, y->dims[0] * j.oh, 16384 / (j.ow * j.c) + 1, rows, &j);
  return KERF_OK;
}

#define VARIANT(set, target)                                                                        \
  target static void rows_##set(void *j, int64_t begin, int64_t end) { pool_rows(j, begin, end); }  \
  int kerf_run_max_pool_u8_##set(const kerf_call *c) { return run(c, rows_##set); }
KERF_VARIANTS(VARIANT)
