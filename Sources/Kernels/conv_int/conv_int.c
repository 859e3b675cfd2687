// CONV_INT: x u8/i8[N,H,W,C], w u8/i8[OC,KH,KW,C/groups], x_zero? scalar, w_zero? (scalar or [OC]) -> i32[N,OH,OW,OC];
// geometry groups (ONNX ConvInteger). Padding counts as the zero point.
//
// x becomes u8 and w s8 by flipping the sign bit where needed. w is packed into the scratch; its zero points are
// corrected for afterwards by the sums of the windows.
#include "../common/slots.h"
#include "../conv2d_u8/conv2d_u8.h"

enum { GROUPS = 10 };

typedef struct shape {
  kerf_geometry geometry;
  int64_t groups, oc, n, k, pixels;
  uint64_t packed, window;  // bytes of scratch: packed w; one window
} shape;

static bool is_byte(const kerf_tensor *t) { return t->type == KERF_U8 || t->type == KERF_I8; }

static int read_shape(const kerf_call *c, shape *s) {
  const kerf_tensor *x = c->inputs[0], *w = c->inputs[1], *y = c->outputs[0];
  s->groups = kerf_int(c, GROUPS);
  KERF_TRY(kerf_read_geometry(c, 0, &s->geometry));
  KERF_REQUIRE(x->rank == 4 && y->rank == 4 && w->rank == 4, KERF_BAD_SHAPE);
  s->oc = y->dims[3];
  KERF_TRY(kerf_conv_u8_check(x, y, &s->geometry, s->groups, s->oc, &s->k));
  s->n = s->oc / s->groups;
  s->pixels = kerf_span(y, 0, 3);
  uint64_t packed = kerf_conv_u8_packed_size(s->oc, x->dims[3] / s->groups, s->geometry.kh, s->geometry.kw, s->groups);
  KERF_REQUIRE(packed > 0, KERF_BAD_SHAPE);
  s->packed = kerf_align(packed);
  s->window = kerf_align((uint64_t)s->k + 4);
  return KERF_OK;
}

int kerf_prepare_conv_int(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 4, 1, 11));
  const kerf_tensor *x = c->inputs[0], *w = c->inputs[1], *xz = kerf_input(c, 2), *wz = kerf_input(c, 3);
  shape s;
  KERF_REQUIRE(is_byte(x) && is_byte(w) && c->outputs[0]->type == KERF_I32, KERF_BAD_TYPE);
  KERF_TRY(read_shape(c, &s));
  const kerf_geometry *g = &s.geometry;
  KERF_REQUIRE(w->dims[0] == s.oc && w->dims[1] == g->kh && w->dims[2] == g->kw, KERF_BAD_SHAPE);
  KERF_REQUIRE(w->dims[3] == x->dims[3] / s.groups, KERF_BAD_SHAPE);
  if (xz) KERF_REQUIRE(xz->type == x->type, KERF_BAD_TYPE);
  if (xz) KERF_REQUIRE(kerf_elements(xz) == 1, KERF_BAD_SHAPE);
  if (wz) KERF_REQUIRE(wz->type == w->type, KERF_BAD_TYPE);
  if (wz) KERF_REQUIRE(kerf_elements(wz) == 1 || kerf_elements(wz) == s.oc, KERF_BAD_SHAPE);
  *scratch = s.packed + KERF_SLOTS * s.window + kerf_q8_scratch(s.pixels, s.n, s.k, s.groups, true);
  return KERF_OK;
}

typedef struct filters {
  const uint8_t *w;
  int64_t k;
  uint8_t flip;
} filters;

static int8_t filter_at(const void *source, int64_t k, int64_t n) {
  const filters *f = source;
  return (int8_t)(f->w[n * f->k + k] ^ f->flip);
}

/// The zero point of output channel i as the flipped weights have it.
static int32_t zero_of(const kerf_call *c, int64_t i) {
  const kerf_tensor *zero = kerf_input(c, 3);
  uint8_t flip = c->inputs[1]->type == KERF_U8 ? 0x80 : 0;
  uint8_t v = zero ? ((const uint8_t *)zero->data)[kerf_elements(zero) == 1 ? 0 : i] : 0;
  return (int8_t)(v ^ flip);
}

typedef struct job {
  const kerf_call *call;
  const kerf_q8 *g;
  const shape *s;
  uint8_t *windows;
  uint32_t taken;
} job;

/// y -= w_zero * sum(x - x_zero) over the window, for some pixels.
static void correct(void *context, int64_t begin, int64_t end) {
  job *j = context;
  const shape *s = j->s;
  int slot = kerf_take_slot(&j->taken);
  uint8_t *window = j->windows + (uint64_t)slot * s->window;
  for (int64_t p = begin; p < end; p++) {
    for (int64_t group = 0; group < s->groups; group++) {
      int32_t *y = j->g->y_i32 + p * s->oc + group * s->n;
      uint32_t sum = 0;
      kerf_conv_u8_fill(j->g, group, p, 1, window, (s->k + 3) / 4 * 4);
      for (int64_t k = 0; k < s->k; k++) sum += window[k];
      sum -= (uint32_t)s->k * (uint32_t)j->g->x_zero;
      for (int64_t n = 0; n < s->n; n++) {
        y[n] = (int32_t)((uint32_t)y[n] - (uint32_t)zero_of(j->call, group * s->n + n) * sum);
      }
    }
  }
  kerf_give_slot(&j->taken, slot);
}

/// `correct` in pieces no more than there are slots.
static void correct_all(job *j) {
  bool needed = false;
  for (int64_t i = 0; i < j->s->oc; i++) needed = needed || zero_of(j->call, i) != 0;
  int64_t grain = kerf_max(kerf_ceil_div(j->s->pixels, KERF_SLOTS - 1), 16384 / j->s->k + 1);
  if (needed) kerf_ranges(j->call->pool, j->s->pixels, grain, correct, j);
}

static int run_conv(const kerf_call *c, const kerf_q8_isa *isa) {
  const kerf_tensor *x = c->inputs[0], *w = c->inputs[1], *xz = kerf_input(c, 2), *y = c->outputs[0];
  shape s;
  (void)read_shape(c, &s);
  if (kerf_elements(y) == 0) return KERF_OK;
  uint8_t *packed = c->scratch;
  kerf_conv_u8 source = {.geometry = s.geometry, .flip = x->type == KERF_I8 ? 0x80 : 0};
  source.zero = xz ? *(const uint8_t *)xz->data : 0;
  kerf_q8 g = kerf_conv_u8_product(x, y, s.groups, &source);
  for (int64_t i = 0; i < s.groups; i++) {
    filters f = {(const uint8_t *)w->data + i * s.n * s.k, s.k, w->type == KERF_U8 ? 0x80 : 0};
    kerf_q8_pack(s.k, s.n, filter_at, &f, packed + i * g.packed_group);
  }
  g.packed = packed;
  g.y_i32 = y->data;
  kerf_q8_run(&g, isa, packed + s.packed + KERF_SLOTS * s.window, c->pool);
  job j = {c, &g, &s, packed + s.packed, 0};
  correct_all(&j);
  return KERF_OK;
}

#define RUN(set) \
  int kerf_run_conv_int_##set(const kerf_call *c) { return run_conv(c, &kerf_q8_##set); }
RUN(portable)
#if defined(__x86_64__)
RUN(avx2)
RUN(avx512vnni)
#elif defined(__aarch64__)
RUN(neon)
RUN(dotprod)
RUN(i8mm)
#endif
