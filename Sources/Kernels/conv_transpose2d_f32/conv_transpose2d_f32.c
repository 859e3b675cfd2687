// CONV_TRANSPOSE2D_F32: x[N,H,W,C], weights packed or [C,OC/groups,KH,KW], bias[OC] -> y[N,OH,OW,OC]; geometry, groups,
// OC, activation. ONNX: ConvTranspose 1-22.
//
// Output pixels whose coordinates leave the same remainders when divided by the strides (a phase) use the same taps:
// each phase is a convolution with stride 1 over those taps alone. All phases of a band of lines are done before the
// next, so that what they read and write stays in the second-level cache.
#include "conv_transpose2d_f32.h"

enum { MAX_PHASES = 4096, MAX_TAPS = 1 << 20, BAND_FLOATS = 320 * 1024 };

typedef struct deconv {
  kerf_geometry g;
  int64_t groups, oc, c, h, w, oh, ow, n, group_c, group_oc, taps, pitch, bands;
} deconv;

/// OH is what the formula gives, plus an output padding below the larger of stride and dilation.
static bool axis_fits(int64_t x, int64_t y, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                      int64_t dilation) {
  const int64_t formula = (x - 1) * stride + (kernel - 1) * dilation + 1 - before - after;
  if (x == 0) return y >= 0;
  return y == kerf_max(0, formula) || (y > formula && y - formula < kerf_max(stride, dilation));
}

static int read(const kerf_call *call, deconv *v) {
  const kerf_tensor *x = call->inputs[0], *y = call->outputs[0];
  KERF_TRY(kerf_read_geometry(call, 0, &v->g));
  v->groups = kerf_int(call, 10), v->oc = kerf_int(call, 11);
  KERF_REQUIRE(v->groups >= 1 && v->oc >= 0 && v->oc % v->groups == 0, KERF_BAD_ATTR);
  KERF_REQUIRE(x->rank == 4 && y->rank == 4 && x->dims[0] == y->dims[0], KERF_BAD_SHAPE);
  v->n = x->dims[0], v->h = x->dims[1], v->w = x->dims[2], v->c = x->dims[3];
  v->oh = y->dims[1], v->ow = y->dims[2], v->pitch = kerf_pitch(y);
  KERF_REQUIRE(v->c % v->groups == 0 && y->dims[3] == v->oc, KERF_BAD_SHAPE);
  KERF_REQUIRE(v->h <= KERF_MAX_GEOMETRY && v->w <= KERF_MAX_GEOMETRY, KERF_BAD_SHAPE);
  KERF_REQUIRE(axis_fits(v->h, v->oh, v->g.pt, v->g.pb, v->g.kh, v->g.sh, v->g.dh), KERF_BAD_SHAPE);
  KERF_REQUIRE(axis_fits(v->w, v->ow, v->g.pl, v->g.pr, v->g.kw, v->g.sw, v->g.dw), KERF_BAD_SHAPE);
  v->group_c = v->c / v->groups, v->group_oc = v->oc / v->groups;
  // Bounds the work of planning, far above any real layer.
  KERF_REQUIRE(kerf_min(v->g.sh, v->oh) <= MAX_PHASES && kerf_min(v->g.sw, v->ow) <= MAX_PHASES, KERF_BAD_ATTR);
  const double floats = (double)kerf_count(x) + (double)v->n * (double)v->oh * (double)v->ow * (double)v->pitch;
  v->bands = (int64_t)kerf_min(floats / BAND_FLOATS + 1, kerf_max(1, v->n * v->oh / v->g.sh));
  return kerf_product(v->g.kh, v->g.kw, &v->taps) && v->taps <= MAX_TAPS ? KERF_OK : KERF_BAD_ATTR;
}

/// A tap of a phase: the input pixel is the phase's pixel plus (row, column).
typedef struct tap {
  int64_t row, column;
} tap;

typedef struct phase {
  const deconv *v;
  int64_t a, b;    // of its first pixel
  int64_t first;   // line, of all images
  const float *x;  // of the group
  int64_t rows, columns, count;
  const tap *taps;
  const float *zeros;
} phase;

/// Remainder 0 ..< step of a number of any sign.
static int64_t modulo(int64_t a, int64_t step) { return (a % step + step) % step; }

/// Taps along one axis that reach outputs with remainder p.
static int64_t axis_taps(int64_t p, int64_t before, int64_t kernel, int64_t stride, int64_t dilation) {
  int64_t count = 0;
  for (int64_t i = 0; i < kernel; i++) count += modulo(p + before - i * dilation, stride) == 0;
  return count;
}

static int64_t phase_length(int64_t length, int64_t p, int64_t stride) { return kerf_ceil_div(length - p, stride); }

/// The first of `lines` that belongs to a band.
static int64_t band_begin(const deconv *v, int64_t lines, int64_t band) {
  return (int64_t)((__int128)lines * band / v->bands);
}

/// Parts of the scratch in front of the product's own: list of taps, their rows of weights, zeros for taps outside.
typedef struct layout {
  uint64_t taps, rows, zeros;
} layout;

static layout layout_of(const deconv *v) {
  return (layout){kerf_align((uint64_t)v->taps * sizeof(tap)), kerf_align((uint64_t)v->taps * sizeof(int64_t)),
                  kerf_align((uint64_t)v->group_c * sizeof(float))};
}

static kerf_strips strips_of(const deconv *v, int64_t m, int64_t taps) {
  return (kerf_strips){.m = m, .n = v->group_oc, .segments = taps, .k = v->group_c, .footprint = v->group_c};
}

/// The most scratch that the product of any phase of any band needs.
static uint64_t product_bytes(const deconv *v, const kerf_pool *pool) {
  const kerf_geometry *g = &v->g;
  uint64_t most = 0;
  for (int64_t p = 0; p < kerf_min(g->sh, v->oh); p++)
    for (int64_t q = 0; q < kerf_min(g->sw, v->ow); q++) {
      const int64_t count = axis_taps(p, g->pt, g->kh, g->sh, g->dh) * axis_taps(q, g->pl, g->kw, g->sw, g->dw);
      const int64_t lines = v->n * phase_length(v->oh, p, g->sh), columns = phase_length(v->ow, q, g->sw);
      // Bands differ by one line.
      for (int64_t m = lines / v->bands; m <= kerf_ceil_div(lines, v->bands); m++) {
        const kerf_strips s = strips_of(v, m * columns, count);
        const uint64_t bytes = kerf_strips_scratch(&s, pool);
        if (bytes > most) most = bytes;
      }
    }
  return most;
}

static uint64_t filter_bytes(const deconv *v) {
  return kerf_pack_conv_transpose2d_f32_size(v->c, v->group_oc, v->g.kh, v->g.kw, v->groups);
}

int kerf_prepare_conv_transpose2d_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  deconv v;
  kerf_act act;
  *scratch_bytes = 0;
  KERF_TRY(kerf_check_counts(call, 2, 3, 1, 15));
  const kerf_tensor *bias = kerf_input(call, 2);
  KERF_TRY(kerf_check_typed(call->inputs[0], KERF_F32));
  KERF_TRY(kerf_check_typed(call->outputs[0], KERF_F32));
  KERF_TRY(read(call, &v));
  const int64_t filter[] = {v.c, v.group_oc, v.g.kh, v.g.kw};
  uint64_t packed;
  KERF_TRY(kerf_check_filter(call->inputs[1], filter_bytes(&v), filter, &packed));
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, v.oc));
  KERF_TRY(kerf_read_act(call, 12, &act));
  const layout l = layout_of(&v);
  *scratch_bytes = packed + l.taps + l.rows + l.zeros + product_bytes(&v, call->pool);
  return KERF_OK;
}

static void point(const void *source, int64_t row, int64_t rows, int64_t step, const float **a) {
  const phase *p = source;
  const deconv *v = p->v;
  const int64_t line = p->first + row / p->columns;
  int64_t image = line / p->rows, i = line % p->rows, j = row % p->columns;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t t = 0; t < p->count; t++) {
      const int64_t ih = i + p->taps[t].row, iw = j + p->taps[t].column;
      const bool inside = ih >= 0 && ih < v->h && iw >= 0 && iw < v->w;
      a[t * step + r] = inside ? p->x + ((image * v->h + ih) * v->w + iw) * v->c : p->zeros;
    }
    if (++j < p->columns) continue;
    j = 0;
    if (++i == p->rows) i = 0, image++;
  }
}

/// Pixels of a phase are a stride apart; those of the next line lie elsewhere.
static int64_t place(const void *source, int64_t row, int64_t *run) {
  const phase *p = source;
  const deconv *v = p->v;
  const int64_t line = p->first + row / p->columns, j = row % p->columns, image = line / p->rows, i = line % p->rows;
  *run = p->columns - j;
  return ((image * v->oh + p->a + i * v->g.sh) * v->ow + p->b + j * v->g.sw) * v->pitch;
}

/// The taps of phase (a, b), and their rows of weights.
static int64_t list_taps(const deconv *v, int64_t a, int64_t b, tap *taps, int64_t *rows) {
  const kerf_geometry *g = &v->g;
  int64_t count = 0;
  for (int64_t i = 0; i < g->kh; i++)
    for (int64_t j = 0; j < g->kw; j++) {
      const int64_t y = a + g->pt - i * g->dh, x = b + g->pl - j * g->dw;
      if (modulo(y, g->sh) || modulo(x, g->sw)) continue;
      taps[count] = (tap){y / g->sh, x / g->sw};
      rows[count++] = (i * g->kw + j) * v->group_c;
    }
  return count;
}

static void run_phase(const kerf_call *call, phase *p, int64_t band, const kerf_strips *group, const layout *l,
                      char *scratch, const kerf_gemm_isa *isa) {
  const deconv *v = p->v;
  tap *taps = (tap *)scratch;
  int64_t *rows = (int64_t *)(scratch + l->taps);
  p->count = list_taps(v, p->a, p->b, taps, rows);
  p->taps = taps;
  p->rows = phase_length(v->oh, p->a, v->g.sh), p->columns = phase_length(v->ow, p->b, v->g.sw);
  p->first = band_begin(v, v->n * p->rows, band);
  const int64_t lines = band_begin(v, v->n * p->rows, band + 1) - p->first;
  kerf_strips s = strips_of(v, lines * p->columns, p->count);
  s.point = point, s.place = place, s.source = p;
  s.b = group->b, s.b_rows = rows, s.b_depth = v->taps * v->group_c;
  s.y = group->y, s.ldy = v->g.sw * v->pitch;
  s.epilogue = group->epilogue;
  kerf_strips_run(&s, isa, scratch + l->taps + l->rows + l->zeros, call->pool);
}

/// The packed weights; those made while running are packed into the scratch, which then begins behind them.
static const char *packed_filter(const kerf_call *call, const deconv *v, char **scratch) {
  const kerf_tensor *w = call->inputs[1];
  if (w->type == KERF_PACKED) return w->data;
  char *packed = *scratch;
  kerf_pack_conv_transpose2d_f32(v->c, v->group_oc, v->g.kh, v->g.kw, v->groups, w->data, packed);
  *scratch += kerf_align(filter_bytes(v));
  return packed;
}

int kerf_run_conv_transpose2d(const kerf_call *call, const kerf_gemm_isa *isa) {
  deconv v;
  KERF_TRY(read(call, &v));
  const layout l = layout_of(&v);
  if (kerf_count(call->outputs[0]) == 0) return KERF_OK;
  const float *x = call->inputs[0]->data, *bias = kerf_input(call, 2) ? call->inputs[2]->data : NULL;
  char *scratch = call->scratch;
  const char *weights = packed_filter(call, &v, &scratch);
  float *zeros = (float *)(scratch + l.taps + l.rows);
  memset(zeros, 0, l.zeros);
  kerf_strips s = {0};
  KERF_TRY(kerf_read_act(call, 12, &s.epilogue.act));
  const uint64_t one = kerf_pack_gemm_f32_size(v.taps * v.group_c, v.group_oc);
  for (int64_t i = 0; i < v.groups; i++) {
    phase p = {.v = &v, .x = x + i * v.group_c, .zeros = zeros};
    s.b = (const float *)(weights + one * (uint64_t)i);
    s.y = (float *)call->outputs[0]->data + i * v.group_oc;
    s.epilogue.bias = bias ? bias + i * v.group_oc : NULL;
    for (int64_t band = 0; band < v.bands; band++)
      for (p.a = 0; p.a < kerf_min(v.g.sh, v.oh); p.a++)
        for (p.b = 0; p.b < kerf_min(v.g.sw, v.ow); p.b++) run_phase(call, &p, band, &s, &l, scratch, isa);
  }
  return KERF_OK;
}
