// Depthwise windows of 3 or 5 columns that stand 1 or 2 pixels apart: each input vector is loaded once for all the
// neighbouring outputs that need it. Included by depthwise_f32_kernel.h.

enum { MOST = KERF_DEPTHWISE_MOST, MOST_COLUMNS = 5 };

V vf load_lane(const int full, const float *p, int n) { return full ? vload(p) : vloadn(p, n); }

/// `pixels` outputs of one vector of channels, `n` of which exist unless `full`.
V void line_sums(const int kw, const int step, const int pixels, const int full, const kerf_depthwise_line *s,
                 const float *x, const float *w, int n, vf *sum) {
  const int columns = (pixels - 1) * step + kw;
  for (int64_t r = 0; r < s->rows; r++, x += s->tap_row, w += kw * KERF_PANEL) {
    vf weight[MOST_COLUMNS];
    KERF_UNROLL
    for (int t = 0; t < kw; t++) weight[t] = vload(w + t * KERF_PANEL);
    KERF_UNROLL
    for (int c = 0; c < columns; c++) {
      // Padding is narrower than a window: columns between need no test.
      if (c < kw - 1 && c < s->begin) continue;
      if (c >= columns - (kw - 1) && c >= s->end) continue;
      const vf v = load_lane(full, x + (s->column + c) * s->pixel, n);
      KERF_UNROLL
      for (int t = 0; t < kw; t++)
        if (c >= t && (c - t) % step == 0 && (c - t) / step < pixels)
          sum[(c - t) / step] = vfma(v, weight[t], sum[(c - t) / step]);
    }
  }
}

V void line_finish(const int pixels, const int full, const kerf_depthwise_line *s, int64_t channel, int n, vf *sum) {
  const int f = s->act->function;
  if (s->before)
    KERF_UNROLL
    for (int i = 0; i < pixels; i++) sum[i] = vadd(sum[i], load_lane(full, s->before + i * s->y_pixel + channel, n));
  if (f == KERF_UNARY_RELU) {
    KERF_UNROLL
    for (int i = 0; i < pixels; i++) sum[i] = vmax(vzero(), sum[i]);
  } else if (f == KERF_UNARY_CLIP) {
    KERF_UNROLL
    for (int i = 0; i < pixels; i++) sum[i] = vmin(vset(s->act->p1), vmax(vset(s->act->p0), sum[i]));
  } else if (f != KERF_UNARY_IDENTITY) {
    float block[MOST * VW];
    KERF_UNROLL
    for (int i = 0; i < pixels; i++) vstore(block + i * VW, sum[i]);
    KERF_FN(kerf_unary)(block, block, pixels * VW, s->act);
    KERF_UNROLL
    for (int i = 0; i < pixels; i++) sum[i] = vload(block + i * VW);
  }
  KERF_UNROLL
  for (int i = 0; i < pixels; i++) {
    if (s->after) sum[i] = vadd(sum[i], load_lane(full, s->after + i * s->y_pixel + channel, n));
    if (full) vstore(s->y + i * s->y_pixel + channel, sum[i]);
    else vstoren(s->y + i * s->y_pixel + channel, sum[i], n);
  }
}

V void line_block(const int kw, const int step, const int pixels, const kerf_depthwise_line *s) {
  for (int64_t c = 0; c < s->channels; c += VW) {
    const int n = (int)(s->channels - c);
    const float *w = s->w + c / KERF_PANEL * s->w_panel + c % KERF_PANEL;
    vf sum[MOST];
    const vf bias = !s->bias ? vzero() : n >= VW ? vload(s->bias + c) : vloadn(s->bias + c, n);
    KERF_UNROLL
    for (int i = 0; i < pixels; i++) sum[i] = bias;
    if (n >= VW) {
      line_sums(kw, step, pixels, 1, s, s->x + c, w, VW, sum);
      line_finish(pixels, 1, s, c, VW, sum);
    } else {
      line_sums(kw, step, pixels, 0, s, s->x + c, w, n, sum);
      line_finish(pixels, 0, s, c, n, sum);
    }
  }
}

#define KERF_PIXELS(p) \
  case p: line_block(kw, step, p, s); break;
V void line_pixels(const int kw, const int step, int pixels, const kerf_depthwise_line *s) {
  switch (pixels) {
    KERF_PIXELS(1)
    KERF_PIXELS(2)
    KERF_PIXELS(3)
    KERF_PIXELS(4)
    KERF_PIXELS(5)
    KERF_PIXELS(6)
    KERF_PIXELS(7)
    KERF_PIXELS(8)
    default: break;
  }
}

static void line(int kw, int step, int pixels, const kerf_depthwise_line *s) {
  if (kw == 3 && step == 1) line_pixels(3, 1, pixels, s);
  else if (kw == 3) line_pixels(3, 2, pixels, s);
  else if (step == 1) line_pixels(5, 1, pixels, s);
  else line_pixels(5, 2, pixels, s);
}
