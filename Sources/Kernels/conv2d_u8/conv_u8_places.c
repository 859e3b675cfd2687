// Windows of a convolution where they lie: a window is a few runs of memory, at the same distances for every output
// pixel, once the image has its padding around it.
#include "conv2d_u8.h"

typedef struct padded {
  const kerf_conv_u8 *s;
  uint8_t *to;
  int64_t h, w;  // with padding
} padded;

static bool has_pads(const kerf_geometry *g) { return g->pt || g->pl || g->pb || g->pr; }

/// Whether a line of the window is one run of memory.
static bool has_lines(const kerf_geometry *g, int64_t groups) { return groups == 1 && (g->dw == 1 || g->kw == 1); }

static int64_t piece_count(const kerf_geometry *g, int64_t groups) {
  return has_lines(g, groups) ? g->kh : g->kh * g->kw;
}

/// Bytes of an image with its padding, or −1 where they are far more than those of the image.
static int64_t padded_bytes(const kerf_tensor *x, const kerf_geometry *g) {
  int64_t bytes;
  if (!has_pads(g)) return 0;
  const bool fits = kerf_product(x->dims[0], x->dims[1] + g->pt + g->pb, &bytes) &&
                    kerf_product(bytes, x->dims[2] + g->pl + g->pr, &bytes) && kerf_product(bytes, x->dims[3], &bytes);
  return fits && bytes / 4 <= kerf_elements(x) + (1 << 14) ? bytes : -1;
}

bool kerf_conv_u8_in_place(const kerf_tensor *x, const kerf_geometry *g, int64_t groups) {
  const int64_t channels = x->dims[3] / groups;
  if (g->kh > KERF_CONV_U8_PIECES || g->kw > KERF_CONV_U8_PIECES) return false;
  if (piece_count(g, groups) > KERF_CONV_U8_PIECES || padded_bytes(x, g) < 0) return false;
  return (has_lines(g, groups) ? g->kw * channels : channels) % 4 == 0;
}

uint64_t kerf_conv_u8_padded_bytes(const kerf_tensor *x, const kerf_geometry *g) {
  return (uint64_t)padded_bytes(x, g);
}

/// A line of the copy.
static void pad_line(void *context, int64_t line) {
  const padded *p = context;
  const kerf_conv_u8 *s = p->s;
  const int64_t ih = line % p->h - s->geometry.pt, pixel = s->c;
  uint8_t *to = p->to + line * p->w * pixel;
  if (ih < 0 || ih >= s->h) {
    memset(to, s->zero, (size_t)(p->w * pixel));
    return;
  }
  const int64_t before = s->geometry.pl * pixel, inside = s->w * pixel;
  memset(to, s->zero, (size_t)before);
  memcpy(to + before, s->x + (line / p->h * s->h + ih) * inside, (size_t)inside);
  memset(to + before + inside, s->zero, (size_t)(s->geometry.pr * pixel));
}

static void point(const kerf_q8 *g, int64_t group, int64_t row, int64_t rows, const uint8_t **a) {
  const kerf_conv_u8 *s = g->source;
  const int64_t line = (s->w + s->geometry.pl + s->geometry.pr) * s->c, step = s->geometry.sw * s->c;
  const int64_t image = (s->h + s->geometry.pt + s->geometry.pb) * line;
  while (rows > 0) {
    const int64_t ow = row % s->ow, oh = row / s->ow % s->oh, count = kerf_min(rows, s->ow - ow);
    const uint8_t *at = g->a + row / s->ow / s->oh * image + oh * s->geometry.sh * line + group * s->cpg + ow * step;
    for (int64_t i = 0; i < count; i++, at += step) a[i] = at;
    a += count, row += count, rows -= count;
  }
}

void kerf_conv_u8_place(kerf_q8 *g, kerf_conv_u8 *s, uint8_t *padding, kerf_pool *pool) {
  const kerf_geometry *geometry = &s->geometry;
  padded p = {.s = s, .to = padding, .h = s->h + geometry->pt + geometry->pb, .w = s->w + geometry->pl + geometry->pr};
  if (has_pads(geometry)) {
    const int64_t lines = g->m / (s->oh * s->ow) * p.h;
    kerf_parallel(kerf_pool_worth(pool, (double)(lines * p.w * s->c) / 16), pad_line, &p, lines);
    g->a = padding;
  }
  const bool lines = has_lines(geometry, g->groups);
  g->pieces.count = piece_count(geometry, g->groups);
  g->pieces.bytes = g->k / g->pieces.count;
  for (int64_t i = 0; i < g->pieces.count; i++) {
    const int64_t kh = lines ? i : i / geometry->kw, kw = lines ? 0 : i % geometry->kw;
    s->offsets[i] = (kh * geometry->dh * p.w + kw * geometry->dw) * s->c;
  }
  g->pieces.offsets = s->offsets;
  g->footprint = geometry->sw * s->c;
  g->point = point;
  g->fill = NULL;
}
