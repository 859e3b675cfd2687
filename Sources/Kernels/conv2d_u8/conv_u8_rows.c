#include "conv2d_u8.h"

#include "../common/small_copy.h"

uint64_t kerf_conv_u8_packed_size(int64_t oc, int64_t cpg, int64_t kh, int64_t kw, int64_t groups) {
  int64_t k, bytes;
  if (oc < 1 || cpg < 1 || kh < 1 || kw < 1 || groups < 1 || oc % groups) return 0;
  if (!kerf_product(kh, kw, &k) || !kerf_product(k, cpg, &k)) return 0;
  uint64_t group = kerf_q8_packed_size(k, oc / groups);
  return group && kerf_product((int64_t)group, groups, &bytes) ? (uint64_t)bytes : 0;
}

int kerf_conv_u8_check(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g, int64_t groups, int64_t oc,
                       int64_t *k) {
  KERF_TRY(kerf_check_windows(x, y, g, false));
  KERF_REQUIRE(groups >= 1 && oc >= 1 && oc % groups == 0, KERF_BAD_ATTR);
  KERF_REQUIRE(x->dims[3] >= 1 && x->dims[3] % groups == 0 && y->dims[3] == oc, KERF_BAD_SHAPE);
  bool fits = kerf_product(g->kh, g->kw, k) && kerf_product(*k, x->dims[3] / groups, k);
  return fits ? KERF_OK : KERF_BAD_SHAPE;
}

bool kerf_conv_u8_direct(const kerf_tensor *x, const kerf_geometry *g, int64_t groups) {
  bool point = g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1;
  bool padded = g->pt || g->pl || g->pb || g->pr;
  return point && !padded && x->dims[3] / groups % 4 == 0;
}

kerf_q8 kerf_conv_u8_product(const kerf_tensor *x, const kerf_tensor *y, int64_t groups, kerf_conv_u8 *source) {
  const kerf_geometry *geometry = &source->geometry;
  source->x = x->data;
  source->h = x->dims[1];
  source->w = x->dims[2];
  source->c = x->dims[3];
  source->oh = y->dims[1];
  source->ow = y->dims[2];
  source->cpg = x->dims[3] / groups;
  kerf_q8 g = {.m = kerf_span(y, 0, 3), .n = y->dims[3] / groups, .groups = groups, .source = source};
  g.ldy = kerf_pitch(y);
  g.k = geometry->kh * geometry->kw * source->cpg;
  g.a = x->data;
  g.lda = source->c;
  g.a_group = source->cpg;
  g.fill = kerf_conv_u8_direct(x, geometry, groups) && !source->flip ? NULL : kerf_conv_u8_fill;
  g.packed_group = (int64_t)kerf_q8_packed_size(g.k, g.n);
  g.x_zero = source->zero ^ source->flip;
  return g;
}

/// One row of the window: kw pixels of one line of x, `line` at the group's first channel.
static void fill_line(const kerf_conv_u8 *s, const uint8_t *line, int64_t iw, uint8_t *dst) {
  const kerf_geometry *g = &s->geometry;
  const int64_t n = s->cpg;
  if (n == s->c && g->dw == 1) {
    // Neighbouring pixels are one run of memory.
    int64_t first = iw < 0 ? kerf_min(-iw, g->kw) : 0, last = kerf_max(kerf_min(s->w - iw, g->kw), first);
    if (first > 0) memset(dst, s->zero, (size_t)(first * n));
    if (last > first) kerf_small_copy(dst + first * n, line + (iw + first) * n, (last - first) * n);
    if (last < g->kw) memset(dst + last * n, s->zero, (size_t)((g->kw - last) * n));
    return;
  }
  for (int64_t kw = 0; kw < g->kw; kw++, dst += n, iw += g->dw) {
    if (iw >= 0 && iw < s->w) kerf_small_copy(dst, line + iw * s->c, n);
    else memset(dst, s->zero, (size_t)n);
  }
}

/// Whether the window at that place lies inside x, its lines each one run of memory.
static bool is_inside(const kerf_conv_u8 *s, int64_t ih, int64_t iw) {
  const kerf_geometry *g = &s->geometry;
  return s->cpg == s->c && g->dw == 1 && ih >= 0 && ih + (g->kh - 1) * g->dh < s->h && iw >= 0 && iw + g->kw <= s->w;
}

static void fill_window(const kerf_conv_u8 *s, const uint8_t *x, int64_t ih, int64_t iw, uint8_t *dst) {
  const kerf_geometry *g = &s->geometry;
  const int64_t run = g->kw * s->cpg, line = s->w * s->c;
  if (is_inside(s, ih, iw)) {
    x += ih * line + iw * s->c;
    for (int64_t kh = 0; kh < g->kh; kh++, x += g->dh * line, dst += run) kerf_small_copy(dst, x, run);
    return;
  }
  for (int64_t kh = 0; kh < g->kh; kh++, ih += g->dh, dst += run) {
    if (ih >= 0 && ih < s->h) fill_line(s, x + ih * line, iw, dst);
    else memset(dst, s->zero, (size_t)run);
  }
}

/// A row of A by exact copies.
static void fill_row(const kerf_q8 *g, const uint8_t *x, int64_t oh, int64_t ow, uint8_t *dst, int64_t ld) {
  const kerf_conv_u8 *s = g->source;
  memset(dst + ld - 4, 0, 4);
  fill_window(s, x, oh * s->geometry.sh - s->geometry.pt, ow * s->geometry.sw - s->geometry.pl, dst);
  if (s->flip) for (int64_t i = 0; i < g->k; i++) dst[i] ^= s->flip;
}

/// Rows of windows inside x whose lines are short, by moves of 16 bytes that run over into what is written after them:
/// the next line, or the next row. The bytes behind the last line meet weights of 0.
KERF_INLINE void fill_short(const int moves, const kerf_conv_u8 *s, const uint8_t *x, int64_t rows, uint8_t *dst,
                            int64_t ld) {
  const int64_t run = s->geometry.kw * s->c, line = s->geometry.dh * s->w * s->c, step = s->geometry.sw * s->c;
  for (int64_t r = 0; r < rows; r++, x += step, dst += ld) {
    for (int64_t kh = 0; kh < s->geometry.kh; kh++) {
      for (int i = 0; i < moves; i++) kerf_move16(dst + kh * run + 16 * i, x + kh * line + 16 * i);
    }
  }
}

/// How many of `rows` output pixels from (oh, ow) on fill_short can do: a row follows each to run over into, and memory to
/// read.
static int64_t count_short(const kerf_q8 *g, int64_t image, int64_t oh, int64_t ow, int64_t rows, int64_t ld) {
  const kerf_conv_u8 *s = g->source;
  const kerf_geometry *k = &s->geometry;
  const int64_t run = k->kw * s->c, ih = oh * k->sh - k->pt, iw = ow * k->sw - k->pl, images = g->m / (s->oh * s->ow);
  const int64_t moved = kerf_round_up(run, 16);
  if (run > 48 || (k->kh - 1) * run + moved > 2 * ld) return 0;
  if (s->cpg != s->c || k->dw != 1 || s->flip || g->b_zero) return 0;
  if (ih < 0 || ih + (k->kh - 1) * k->dh >= s->h || iw < 0 || iw + k->kw > s->w) return 0;
  const int64_t last = ((image * s->h + ih + (k->kh - 1) * k->dh) * s->w + iw) * s->c;
  const int64_t room = images * s->h * s->w * s->c - moved - last, across = s->w - k->kw - iw;
  if (room < 0) return 0;
  return kerf_min(rows - 1, kerf_min(across / k->sw, room / (k->sw * s->c)) + 1);
}

void kerf_conv_u8_fill(const kerf_q8 *g, int64_t group, int64_t row, int64_t rows, uint8_t *dst, int64_t ld) {
  const kerf_conv_u8 *s = g->source;
  const kerf_geometry *k = &s->geometry;
  while (rows > 0) {
    const int64_t ow = row % s->ow, oh = row / s->ow % s->oh, image = row / s->ow / s->oh;
    const uint8_t *x = s->x + image * s->h * s->w * s->c + group * s->cpg;
    int64_t count = count_short(g, image, oh, ow, kerf_min(rows, s->ow - ow + 1), ld);
    if (count > 0) {
      const uint8_t *first = x + ((oh * k->sh - k->pt) * s->w + ow * k->sw - k->pl) * s->c;
      if (k->kw * s->c <= 16) fill_short(1, s, first, count, dst, ld);
      else if (k->kw * s->c <= 32) fill_short(2, s, first, count, dst, ld);
      else fill_short(3, s, first, count, dst, ld);
    } else {
      fill_row(g, x, oh, ow, dst, ld);
      count = 1;
    }
    row += count, rows -= count, dst += count * ld;
  }
}
