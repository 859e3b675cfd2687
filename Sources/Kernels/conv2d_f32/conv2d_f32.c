// CONV2D_F32: x[N,H,W,C], weights packed or [OC,C/groups,KH,KW], bias[OC], residual -> y[N,OH,OW,OC]; geometry, groups,
// OC, activation, residual mode. ONNX: Conv 1-22, channels last.
//
// A matrix product whose rows are the windows of the output pixels. Nothing is gathered: a row is the addresses of its
// taps in x, of zeros for taps in the padding. Where taps have few channels, the taps of a filter row are taken as one
// piece; then x is first copied with its padding.
#include "conv2d_f32.h"

enum { FEW_CHANNELS = 16, MAX_TAPS = 1 << 20 };

typedef struct conv {
  kerf_geometry g;
  int64_t groups, oc, n, h, w, c, oh, ow, group_c, group_oc, pixels, pitch;
  int64_t k;            // depth of a group's product
  bool rows, is_copied; // pieces are rows of the filter; x is copied with its padding
  int64_t ph, pw;       // height and width of what the windows see
  const float *x, *zeros;
} conv;

/// Reads the attributes and shapes; the tensors have passed their own checks.
static int read(const kerf_call *call, conv *v) {
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  KERF_TRY(kerf_read_geometry(call, 0, &v->g));
  v->groups = kerf_int(call, 10);
  v->oc = kerf_int(call, 11);
  KERF_REQUIRE(v->groups >= 1 && v->oc >= 0 && v->oc % v->groups == 0, KERF_BAD_ATTR);
  KERF_REQUIRE(x->rank == 4 && y->rank == 4, KERF_BAD_SHAPE);
  v->n = x->dims[0], v->h = x->dims[1], v->w = x->dims[2], v->c = x->dims[3];
  v->oh = y->dims[1], v->ow = y->dims[2];
  KERF_REQUIRE(v->c % v->groups == 0 && y->dims[3] == v->oc, KERF_BAD_SHAPE);
  v->group_c = v->c / v->groups, v->group_oc = v->oc / v->groups;
  KERF_REQUIRE(kerf_product(v->g.kh, v->g.kw, &v->k) && v->k <= MAX_TAPS, KERF_BAD_ATTR);
  KERF_REQUIRE(kerf_product(v->k, v->group_c, &v->k), KERF_BAD_ATTR);
  v->pixels = kerf_dims_product(y, 0, 3);
  v->pitch = kerf_pitch(y);
  const kerf_geometry *g = &v->g;
  const bool padded = g->pt | g->pl | g->pb | g->pr, joined = v->groups == 1 && (g->dw == 1 || g->kw == 1);
  v->is_copied = joined && padded && v->c < FEW_CHANNELS;
  v->rows = joined && (!padded || v->is_copied);
  v->ph = v->h + (v->is_copied ? g->pt + g->pb : 0);
  v->pw = v->w + (v->is_copied ? g->pl + g->pr : 0);
  return KERF_OK;
}

/// Bytes of the padded copy, or of the zeros that taps in the padding point to; 0 for neither, false when out of range.
static bool spare_bytes(const conv *v, uint64_t *bytes) {
  int64_t floats = v->rows ? 0 : v->group_c;
  if (v->is_copied)
    if (!kerf_product(v->ph, v->pw, &floats) || !kerf_product(floats, v->c, &floats) ||
        !kerf_product(floats, v->n, &floats))
      return false;
  if (!kerf_product(floats, sizeof(float), &floats)) return false;
  *bytes = kerf_align((uint64_t)floats);
  return true;
}

/// Addresses of the taps of a window at ih, iw that is partly outside.
static void point_edge(const conv *v, const float *image, int64_t ih, int64_t iw, int64_t step, const float **at) {
  const kerf_geometry *g = &v->g;
  for (int64_t r = 0; r < g->kh; r++, ih += g->dh)
    for (int64_t t = 0; t < g->kw; t++, at += step) {
      const int64_t column = iw + t * g->dw;
      const bool inside = ih >= 0 && ih < v->h && column >= 0 && column < v->w;
      *at = inside ? image + (ih * v->w + column) * v->c : v->zeros;
    }
}

/// The same for `count` windows side by side that lie inside, the first at `line`; across: pieces of a row of the
/// filter.
static inline void point_inside(const conv *v, const float *line, int64_t count, int64_t across, int64_t step,
                                const float **at) {
  const int64_t down = v->g.dh * v->pw * v->c, right = v->g.dw * v->c, next = v->g.sw * v->c;
  for (int64_t r = 0; r < v->g.kh; r++, line += down)
    for (int64_t t = 0; t < across; t++, at += step) {
      const float *first = line + t * right;
      for (int64_t i = 0; i < count; i++) at[i] = first + i * next;
    }
}

/// Addresses of the pieces of rows row ..< row + rows, by runs of windows of one line.
static void point(const void *source, int64_t row, int64_t rows, int64_t step, const float **a) {
  const conv *v = source;
  const kerf_geometry *g = &v->g;
  const int64_t top = v->is_copied ? 0 : g->pt, left = v->is_copied ? 0 : g->pl;
  const int64_t last_row = v->ph - (g->kh - 1) * g->dh, last_column = v->pw - (g->kw - 1) * g->dw;
  int64_t image = row / (v->oh * v->ow), oh = row / v->ow % v->oh, ow = row % v->ow;
  while (rows > 0) {
    const int64_t run = kerf_min(rows, v->ow - ow), ih = oh * g->sh - top;
    const float *x = v->x + image * v->ph * v->pw * v->c;
    // Windows first ..< end of the line lie inside; where pieces are rows, all do.
    const bool inside = v->rows || (ih >= 0 && ih < last_row);
    const int64_t first = v->rows ? ow : kerf_max(ow, kerf_ceil_div(left, g->sw));
    const int64_t end = v->rows ? ow + run : kerf_min(ow + run, kerf_ceil_div(kerf_max(0, last_column + left), g->sw));
    for (int64_t i = ow; i < ow + run; i++) {
      const int64_t iw = i * g->sw - left, count = inside && i >= first ? end - i : 0;
      if (count > 0) {
        point_inside(v, x + (ih * v->pw + iw) * v->c, count, v->rows ? 1 : g->kw, step, a + (i - ow));
        i += count - 1;
      } else {
        point_edge(v, x, ih, iw, step, a + (i - ow));
      }
    }
    a += run, rows -= run, ow = 0;
    if (++oh == v->oh) oh = 0, image++;
  }
}

static kerf_strips strips_of(const conv *v) {
  kerf_strips s = {.m = v->pixels, .n = v->group_oc, .ldy = v->pitch, .point = point, .source = v};
  s.segments = v->g.kh * (v->rows ? 1 : v->g.kw);
  s.k = v->group_c * (v->rows ? v->g.kw : 1);
  s.footprint = kerf_min(v->k, v->group_c * v->g.sh * v->g.sw);
  return s;
}

static uint64_t filter_bytes(const conv *v) {
  return kerf_pack_conv2d_f32_size(v->oc, v->group_c, v->g.kh, v->g.kw, v->groups);
}

int kerf_prepare_conv2d_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  conv v;
  kerf_act act;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 2, 4, 1, 16));
  const kerf_tensor *x = call->inputs[0], *bias = kerf_input(call, 2), *y = call->outputs[0];
  KERF_TRY(kerf_check_typed(x, KERF_F32));
  KERF_TRY(kerf_check_typed(y, KERF_F32));
  KERF_TRY(read(call, &v));
  KERF_TRY(kerf_check_windows(x, y, &v.g, false));
  const int64_t filter[] = {v.oc, v.group_c, v.g.kh, v.g.kw};
  uint64_t packed;
  KERF_TRY(kerf_check_filter(call->inputs[1], filter_bytes(&v), filter, &packed));
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, v.oc));
  KERF_TRY(kerf_read_act(call, 12, &act));
  KERF_TRY(kerf_check_residual(call, 15, kerf_input(call, 3), y));
  uint64_t bytes;
  KERF_REQUIRE(spare_bytes(&v, &bytes), KERF_BAD_ATTR);
  const kerf_strips s = strips_of(&v);
  *scratch_bytes = packed + bytes + kerf_strips_scratch(&s, call->pool);
  return KERF_OK;
}

typedef struct copy {
  const conv *v;
  const float *x;
  float *y;
} copy;

static void copy_line(void *context, int64_t line) {
  const copy *p = context;
  const conv *v = p->v;
  const int64_t image = line / v->ph, ih = line % v->ph - v->g.pt, left = v->g.pl * v->c, width = v->w * v->c;
  float *to = p->y + line * v->pw * v->c;
  if (ih < 0 || ih >= v->h) {
    memset(to, 0, (size_t)(v->pw * v->c) * sizeof *to);
    return;
  }
  memset(to, 0, (size_t)left * sizeof *to);
  memcpy(to + left, p->x + (image * v->h + ih) * width, (size_t)width * sizeof *to);
  memset(to + left + width, 0, (size_t)(v->g.pr * v->c) * sizeof *to);
}

/// The packed weights; those made while running are packed into the scratch, which then begins behind them.
static const char *packed_filter(const kerf_call *call, const conv *v, char **scratch) {
  const kerf_tensor *w = call->inputs[1];
  if (w->type == KERF_PACKED) return w->data;
  char *packed = *scratch;
  kerf_pack_conv2d_f32(v->oc, v->group_c, v->g.kh, v->g.kw, v->groups, w->data, packed);
  *scratch += kerf_align(filter_bytes(v));
  return packed;
}

int kerf_run_conv2d(const kerf_call *call, const kerf_gemm_isa *isa) {
  conv v;
  uint64_t bytes = 0;
  KERF_TRY(read(call, &v));
  const kerf_tensor *bias = kerf_input(call, 2), *residual = kerf_input(call, 3);
  const float *x = call->inputs[0]->data;
  if (v.pixels == 0 || !spare_bytes(&v, &bytes)) return KERF_OK;
  char *scratch = call->scratch;
  const char *weights = packed_filter(call, &v, &scratch);
  if (v.is_copied) {
    copy p = {&v, x, (float *)scratch};
    kerf_parallel(kerf_pool_for(call, (double)bytes / 20), copy_line, &p, v.n * v.ph);
    x = p.y;
  } else if (bytes) {
    memset(scratch, 0, bytes);
  }
  v.zeros = (float *)scratch;
  kerf_strips s = strips_of(&v);
  s.epilogue.residual_mode = (int)kerf_int(call, 15);
  KERF_TRY(kerf_read_act(call, 12, &s.epilogue.act));
  const uint64_t group_bytes = kerf_pack_gemm_f32_size(v.k, v.group_oc);
  for (int64_t i = 0; i < v.groups; i++) {
    v.x = x + i * v.group_c;
    s.b = (const float *)(weights + group_bytes * (uint64_t)i);
    s.y = (float *)call->outputs[0]->data + i * v.group_oc;
    s.epilogue.bias = bias ? (const float *)bias->data + i * v.group_oc : NULL;
    s.epilogue.residual = residual ? (const float *)residual->data + i * v.group_oc : NULL;
    kerf_strips_run(&s, isa, scratch + bytes, call->pool);
  }
  return KERF_OK;
}
