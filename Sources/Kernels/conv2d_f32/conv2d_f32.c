// CONV2D_F32: x[N,H,W,C], packed weights, bias[OC], residual -> y[N,OH,OW,OC]; geometry, groups, OC, activation,
// residual mode. ONNX: Conv 1-22, channels last.
//
// Patches of a block of output pixels are gathered into scratch, a slice of their depth at a time; a 1x1 convolution
// with stride 1 reads x in place.
#include "conv2d_f32.h"

typedef struct conv {
  kerf_geometry g;
  int64_t groups, oc, c, h, w, oh, ow, n;
  int64_t group_c, group_oc, k, pixels;
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
  KERF_REQUIRE(kerf_product(v->g.kh, v->g.kw, &v->k) && kerf_product(v->k, v->group_c, &v->k), KERF_BAD_ATTR);
  v->pixels = kerf_dims_product(y, 0, 3);
  return KERF_OK;
}

/// Whether the rows of A are the pixels of x themselves.
static bool in_place(const conv *v) {
  const kerf_geometry *g = &v->g;
  return g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && !(g->pt | g->pl | g->pb | g->pr);
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
  KERF_TRY(kerf_check_packed(call->inputs[1], kerf_pack_conv2d_f32_size(v.oc, v.group_c, v.g.kh, v.g.kw, v.groups)));
  if (bias) KERF_TRY(kerf_check_vector(bias, KERF_F32, v.oc));
  KERF_TRY(kerf_read_act(call, 12, &act));
  KERF_TRY(kerf_check_residual(call, 15, kerf_input(call, 3), y));
  *scratch_bytes = kerf_gemm_scratch(v.pixels, v.group_oc, v.k, !in_place(&v));
  return KERF_OK;
}

/// Source of gathered patches: one group of x.
typedef struct patches {
  const conv *v;
  const float *x;
} patches;

static inline float *put_zeros(float *dst, int64_t n) {
  for (int64_t i = 0; i < n; i++) dst[i] = 0;
  return dst + n;
}

static inline float *put(float *dst, const float *src, int64_t n) {
  int64_t i = 0;
  if (n >= 128) {
    memcpy(dst, src, (size_t)n * sizeof *dst);
    return dst + n;
  }
  if (n < 4) {
    for (; i < n; i++) dst[i] = src[i];
    return dst + n;
  }
  for (; i + 4 <= n; i += 4) memcpy(dst + i, src + i, 16);
  memcpy(dst + n - 4, src + n - 4, 16);
  return dst + n;
}

/// Elements begin ..< end of one kernel row [KW][C], whose taps are neighbours in x: one run, zeros at its ends.
static float *put_row(const conv *v, const float *line, int64_t iw, int64_t begin, int64_t end, float *dst) {
  if (iw <= -v->g.kw || iw >= v->w) return put_zeros(dst, end - begin);
  const int64_t c = v->c, low = kerf_min(kerf_max(begin, iw < 0 ? -iw * c : 0), end);
  const int64_t high = kerf_max(low, kerf_min(end, (v->w - iw) * c));
  dst = put_zeros(dst, low - begin);
  dst = put(dst, line + iw * c + low, high - low);
  return put_zeros(dst, end - high);
}

/// The same, tap by tap (dilation, groups).
static float *put_taps(const conv *v, const float *line, int64_t iw, int64_t begin, int64_t end, float *dst) {
  const int64_t c = v->group_c;
  for (int64_t at = begin; at < end;) {
    const int64_t tap = at / c, offset = at - tap * c, n = kerf_min(end - at, c - offset);
    const int64_t column = iw + tap * v->g.dw;
    if (column >= 0 && column < v->w) dst = put(dst, line + column * v->c + offset, n);
    else dst = put_zeros(dst, n);
    at += n;
  }
  return dst;
}

/// The patch of one output pixel, elements k0 ..< k0 + k of [KH][KW][C].
static void put_patch(const patches *p, int64_t image, int64_t oh, int64_t ow, int64_t k0, int64_t k, float *dst) {
  const conv *v = p->v;
  const int64_t row = v->g.kw * v->group_c, ih0 = oh * v->g.sh - v->g.pt, iw = ow * v->g.sw - v->g.pl;
  const bool run = v->groups == 1 && (v->g.dw == 1 || v->g.kw == 1);
  for (int64_t at = k0; at < k0 + k;) {
    const int64_t i = at / row, begin = at - i * row, n = kerf_min(k0 + k - at, row - begin);
    const int64_t ih = ih0 + i * v->g.dh;
    if (ih < 0 || ih >= v->h) {
      dst = put_zeros(dst, n);
    } else {
      const float *line = p->x + (image * v->h + ih) * v->w * v->c;
      dst = run ? put_row(v, line, iw, begin, begin + n, dst) : put_taps(v, line, iw, begin, begin + n, dst);
    }
    at += n;
  }
}

/// The whole patch at ih, iw; all its taps lie inside the image and those of a row are neighbours.
static void put_inside(const patches *p, int64_t image, int64_t ih, int64_t iw, float *dst) {
  const conv *v = p->v;
  const int64_t row = v->g.kw * v->c, step = v->g.dh * v->w * v->c;
  const float *src = p->x + ((image * v->h + ih) * v->w + iw) * v->c;
  for (int64_t i = 0; i < v->g.kh; i++, src += step) dst = put(dst, src, row);
}

static void gather(const void *source, int64_t row, int64_t rows, int64_t k0, int64_t k, float *dst) {
  const patches *p = source;
  const conv *v = p->v;
  int64_t image = row / (v->oh * v->ow), oh = row / v->ow % v->oh, ow = row % v->ow;
  const kerf_geometry *g = &v->g;
  const bool whole = k0 == 0 && k == v->k && v->groups == 1 && (g->dw == 1 || g->kw == 1);
  for (int64_t i = 0; i < rows; i++, dst += k) {
    const int64_t ih = oh * g->sh - g->pt, iw = ow * g->sw - g->pl;
    const bool inside = ih >= 0 && ih + (g->kh - 1) * g->dh < v->h && iw >= 0 && iw + g->kw <= v->w;
    if (whole && inside) put_inside(p, image, ih, iw, dst);
    else put_patch(p, image, oh, ow, k0, k, dst);
    if (++ow < v->ow) continue;
    ow = 0;
    if (++oh == v->oh) oh = 0, image++;
  }
}

int kerf_run_conv2d(const kerf_call *call, const kerf_gemm_isa *isa) {
  conv v;
  KERF_TRY(read(call, &v));
  const kerf_tensor *bias = kerf_input(call, 2), *residual = kerf_input(call, 3);
  kerf_gemm g = {.m = v.pixels, .n = v.group_oc, .k = v.k, .ldy = v.oc, .lda = v.c};
  g.epilogue.residual_mode = (int)kerf_int(call, 15);
  KERF_TRY(kerf_read_act(call, 12, &g.epilogue.act));
  const uint64_t group_bytes = kerf_pack_gemm_f32_size(v.k, v.group_oc);
  patches p = {&v, call->inputs[0]->data};
  for (int64_t i = 0; i < v.groups && v.pixels; i++) {
    g.b = (const float *)((const char *)call->inputs[1]->data + group_bytes * (uint64_t)i);
    g.y = (float *)call->outputs[0]->data + i * v.group_oc;
    g.epilogue.bias = bias ? (const float *)bias->data + i * v.group_oc : NULL;
    g.epilogue.residual = residual ? (const float *)residual->data + i * v.group_oc : NULL;
    p.x = (const float *)call->inputs[0]->data + i * v.group_c;
    g.a = in_place(&v) && v.k ? p.x : NULL;
    g.gather = gather;
    g.source = &p;
    kerf_gemm_run(&g, isa, call->scratch, call->pool);
  }
  return KERF_OK;
}
