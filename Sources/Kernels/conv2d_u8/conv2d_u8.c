// CONV2D_U8_U8, CONV2D_U8_F32: x u8[N,H,W,C] with packed s8 weights; geometry, groups (ONNX QLinearConv, and Conv after
// quantization). Padding counts as the zero point.
#include "conv2d_u8.h"
#include "winograd_u8.h"

enum { GROUPS = 10, CHANNELS = 11, X_ZERO = 12, REST = 13, R_ZERO = 16, R_SHIFT = 17, RESIDUAL = 6 };

int kerf_conv_u8_prepare(const kerf_call *c, uint64_t *scratch) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  kerf_geometry g;
  int64_t k, groups = kerf_int(c, GROUPS), oc = kerf_int(c, CHANNELS);
  KERF_TRY(kerf_read_geometry(c, 0, &g));
  KERF_TRY(kerf_conv_u8_check(x, y, &g, groups, oc, &k));
  KERF_TRY(kerf_check_packed(c->inputs[1], kerf_conv_u8_packed_size(oc, x->dims[3] / groups, g.kh, g.kw, groups)));
  bool filled = !kerf_conv_u8_direct(x, &g, groups);
  *scratch = kerf_q8_scratch(kerf_span(y, 0, 3), oc / groups, k, groups, filled);
  if (kerf_winograd_u8_fits(x, y, &g, groups)) {
    const uint64_t bytes = kerf_winograd_u8_scratch(x, y);
    *scratch = *scratch > bytes ? *scratch : bytes;
  }
  if (kerf_conv_u8_in_place(x, &g, groups)) {
    const uint64_t bytes = kerf_conv_u8_padded_bytes(x, &g);
    *scratch = *scratch > bytes ? *scratch : bytes;
  }
  return KERF_OK;
}

static int check_conv(const kerf_call *c, int32_t y_type, uint64_t *scratch) {
  KERF_REQUIRE(c->inputs[0]->type == KERF_U8 && c->outputs[0]->type == y_type, KERF_BAD_TYPE);
  return kerf_conv_u8_prepare(c, scratch);
}

/// Codes that are added, of the shape of y, with their factors.
static int check_residual(const kerf_call *c) {
  const kerf_tensor *codes = kerf_input(c, RESIDUAL), *factor = kerf_input(c, RESIDUAL + 1), *y = c->outputs[0];
  KERF_REQUIRE(!codes == !factor, KERF_BAD_COUNT);
  KERF_TRY(kerf_check_range(c, R_ZERO, 0, 255));
  KERF_TRY(kerf_check_range(c, R_SHIFT, 0, 15));
  if (!codes) return KERF_OK;
  KERF_REQUIRE(codes->type == KERF_U8, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(codes, y) && !codes->pitch, KERF_BAD_SHAPE);
  return kerf_check_vector(factor, KERF_I32, kerf_int(c, CHANNELS));
}

static kerf_q8_residual read_residual(const kerf_call *c) {
  const kerf_tensor *codes = kerf_input(c, RESIDUAL);
  if (!codes) return (kerf_q8_residual){0};
  return (kerf_q8_residual){codes->data, c->inputs[RESIDUAL + 1]->data, kerf_int(c, CHANNELS),
                            (int32_t)kerf_int(c, R_ZERO), (int32_t)kerf_int(c, R_SHIFT)};
}

int kerf_prepare_conv2d_u8_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_call(c, 5, 8, 1, 18));
  KERF_TRY(check_conv(c, KERF_U8, scratch));
  KERF_TRY(kerf_q8_check_zeros(c, X_ZERO, 4));
  KERF_TRY(check_residual(c));
  return kerf_q8_check_requantization(c, 2, kerf_int(c, CHANNELS));
}

int kerf_prepare_conv2d_u8_f32(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_call(c, 3, 5, 1, 17));
  KERF_TRY(check_conv(c, KERF_F32, scratch));
  KERF_TRY(kerf_q8_check_zeros(c, X_ZERO, 1));
  return kerf_q8_check_scaling(c, 2, REST, kerf_int(c, CHANNELS));
}

void kerf_conv_u8_run(const kerf_call *c, kerf_q8 *g, kerf_conv_u8 *source, const kerf_q8_isa *isa, void *scratch) {
  const kerf_geometry *geometry = &source->geometry;
  if (g->m == 0 || g->n == 0) return;
  if (isa->wide && kerf_winograd_u8_fits(c->inputs[0], c->outputs[0], geometry, g->groups)) {
    kerf_winograd_u8_run(g, isa, scratch, c->pool);
    return;
  }
  if (isa->strip && g->fill && kerf_conv_u8_in_place(c->inputs[0], geometry, g->groups)) {
    kerf_conv_u8_place(g, source, scratch, c->pool);
  }
  kerf_q8_run(g, isa, scratch, c->pool);
}

static int run_conv(const kerf_call *c, const kerf_q8_isa *isa, bool to_float) {
  kerf_conv_u8 source = {.zero = (uint8_t)kerf_int(c, X_ZERO)};
  (void)kerf_read_geometry(c, 0, &source.geometry);
  kerf_q8 g = kerf_conv_u8_product(c->inputs[0], c->outputs[0], kerf_int(c, GROUPS), &source);
  g.packed = c->inputs[1]->data;
  if (to_float) kerf_q8_read_scaling(c, 2, REST, &g);
  else kerf_q8_read_requantization(c, 2, REST, &g);
  if (!to_float) g.output.added = read_residual(c);
  kerf_conv_u8_run(c, &g, &source, isa, c->scratch);
  return KERF_OK;
}

#define RUNS(set)                                                                                        \
  int kerf_run_conv2d_u8_u8_##set(const kerf_call *c) { return run_conv(c, &kerf_q8_##set, false); }     \
  int kerf_run_conv2d_u8_f32_##set(const kerf_call *c) { return run_conv(c, &kerf_q8_##set, true); }
RUNS(portable)
#if defined(__x86_64__)
RUNS(avx2)
RUNS(avxvnni)
RUNS(avx512vnni)
#elif defined(__aarch64__)
RUNS(neon)
RUNS(dotprod)
RUNS(i8mm)
#endif
