// DEPTHWISE_F32 over the vocabulary of a simd_… header: blocks of pixels share each weight;
// where pixels are few, blocks of panels give as many independent sums. A sum has the same order in both.
#include "depthwise_f32.h"

#if VW == 16
enum { PIXELS = 8 };
#elif VW == 8 || defined(__aarch64__)
enum { PIXELS = 4 };
#else
enum { PIXELS = 2 };
#endif
enum { PV = KERF_PANEL / VW };

#if defined(__clang__)
#define KERF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define KERF_UNROLL _Pragma("GCC unroll 32")
#endif

/// Vector j of a panel, of which `channels` exist.
V vf load_panel(const int full, const float *p, int j, int channels) {
  const int n = channels - j * VW;
  if (full || n >= VW) return vload(p + j * VW);
  return n > 0 ? vloadn(p + j * VW, n) : vzero();
}
V void store_panel(const int full, float *p, int j, int channels, vf a) {
  const int n = channels - j * VW;
  if (full || n >= VW) vstore(p + j * VW, a);
  else if (n > 0) vstoren(p + j * VW, a, n);
}

/// The activations with a formula, on a block of sums.
V void activate(const int pixels, const kerf_depthwise_span *s, vf *sum) {
  float block[PIXELS * KERF_PANEL];
  KERF_UNROLL
  for (int i = 0; i < pixels * PV; i++) vstore(block + i * VW, sum[i]);
  KERF_FN(kerf_unary)(block, block, pixels * KERF_PANEL, s->act);
  KERF_UNROLL
  for (int i = 0; i < pixels * PV; i++) sum[i] = vload(block + i * VW);
}

/// Items are pixels from `at` on, or (`across`) panels from the span's on.
V void block(const int across, const int items, const int full, const kerf_depthwise_span *s, int64_t at) {
  const int64_t x_step = across ? KERF_PANEL : s->pixel, y_step = across ? KERF_PANEL : s->y_pixel;
  const float *x = s->x + at * x_step, *w = s->w + (across ? at * s->w_panel : 0);
  vf sum[PIXELS * PV];
  KERF_UNROLL
  for (int i = 0; i < items * PV; i++) {
    const float *bias = s->bias + (s->bias && across ? (at + i / PV) * KERF_PANEL : 0);
    sum[i] = s->bias ? load_panel(full, bias, i % PV, s->channels) : vzero();
  }
  for (int64_t r = 0; r < s->kh; r++, x += s->tap_row, w += s->w_row)
    for (int64_t t = 0; t < s->kw; t++)
      KERF_UNROLL
      for (int j = 0; j < PV; j++) {
        vf weight = vload(w + t * KERF_PANEL + j * VW);
        KERF_UNROLL
        for (int i = 0; i < items; i++) {
          if (across && i) weight = vload(w + i * s->w_panel + t * KERF_PANEL + j * VW);
          sum[i * PV + j] = vfma(load_panel(full, x + t * s->tap_column + i * x_step, j, s->channels), weight,
                                 sum[i * PV + j]);
        }
      }
  if (s->before)
    KERF_UNROLL
    for (int i = 0; i < items * PV; i++)
      sum[i] = vadd(sum[i], load_panel(full, s->before + (at + i / PV) * y_step, i % PV, s->channels));
  if (s->act->function == KERF_UNARY_RELU) {
    KERF_UNROLL
    for (int i = 0; i < items * PV; i++) sum[i] = vmax(vzero(), sum[i]);
  } else if (s->act->function == KERF_UNARY_CLIP) {
    KERF_UNROLL
    for (int i = 0; i < items * PV; i++) sum[i] = vmin(vset(s->act->p1), vmax(vset(s->act->p0), sum[i]));
  } else if (s->act->function != KERF_UNARY_IDENTITY) {
    activate(items, s, sum);
  }
  KERF_UNROLL
  for (int i = 0; i < items * PV; i++) {
    const int64_t offset = (at + i / PV) * y_step;
    if (s->after) sum[i] = vadd(sum[i], load_panel(full, s->after + offset, i % PV, s->channels));
    store_panel(full, s->y + offset, i % PV, s->channels, sum[i]);
  }
}

static void span(const kerf_depthwise_span *s, int64_t pixels) {
  int64_t at = 0;
  if (s->channels == KERF_PANEL) {
    for (; at + PIXELS <= pixels; at += PIXELS) block(0, PIXELS, 1, s, at);
    for (; at + 2 <= pixels; at += 2) block(0, 2, 1, s, at);
    for (; at < pixels; at++) block(0, 1, 1, s, at);
  } else {
    for (; at + PIXELS <= pixels; at += PIXELS) block(0, PIXELS, 0, s, at);
    for (; at < pixels; at++) block(0, 1, 0, s, at);
  }
}

static void across(const kerf_depthwise_span *s, int64_t panels) {
  int64_t at = 0;
  for (; at + PIXELS <= panels; at += PIXELS) block(1, PIXELS, 1, s, at);
  for (; at + 2 <= panels; at += 2) block(1, 2, 1, s, at);
  for (; at < panels; at++) block(1, 1, 1, s, at);
}

#include "depthwise_line_kernel.h"

static const kerf_depthwise_isa depthwise_isa = {span, across, line};

int KERF_FN(kerf_run_depthwise_f32)(const kerf_call *call) { return kerf_run_depthwise(call, &depthwise_isa); }
