// CONV_INT: x u8/i8[N,H,W,C], packed s8, x_zero? scalar, w_zero i32 (scalar or [OC])? -> i32[N,OH,OW,OC]; geometry, groups, OC (ONNX
// ConvInteger). Padding counts as the zero point.
//
// x becomes u8 by flipping the sign bit where needed. w_zero are zero points that could not be taken from the weights
// before they were packed.
#include "../conv2d_u8/conv2d_u8.h"

enum { X, PACKED, X_ZERO, W_ZERO };
enum { GROUPS = 10, CHANNELS = 11 };

int kerf_prepare_conv_int(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_call(c, 2, 4, 1, 12));
  const kerf_tensor *x = c->inputs[X], *y = c->outputs[0], *x_zero = kerf_input(c, X_ZERO), *w_zero = kerf_input(c, W_ZERO);
  KERF_REQUIRE((x->type == KERF_U8 || x->type == KERF_I8) && y->type == KERF_I32, KERF_BAD_TYPE);
  KERF_TRY(kerf_conv_u8_prepare(c, scratch));
  if (x_zero) KERF_REQUIRE(x_zero->type == x->type, KERF_BAD_TYPE);
  if (x_zero) KERF_REQUIRE(kerf_elements(x_zero) == 1, KERF_BAD_SHAPE);
  if (w_zero) KERF_REQUIRE(w_zero->type == KERF_I32, KERF_BAD_TYPE);
  if (w_zero) KERF_REQUIRE(kerf_elements(w_zero) == 1 || kerf_elements(w_zero) == y->dims[3], KERF_BAD_SHAPE);
  // i8 is never read in place.
  const int64_t groups = kerf_int(c, GROUPS), pixels = kerf_span(y, 0, 3);
  const int64_t k = kerf_int(c, 0) * kerf_int(c, 1) * (x->dims[3] / groups);
  const uint64_t filled = kerf_q8_scratch(pixels, y->dims[3] / groups, k, groups, true);
  *scratch = *scratch > filled ? *scratch : filled;
  return KERF_OK;
}

static int run_conv(const kerf_call *c, const kerf_q8_isa *isa) {
  const kerf_tensor *x = c->inputs[X], *x_zero = kerf_input(c, X_ZERO), *w_zero = kerf_input(c, W_ZERO);
  if (kerf_elements(c->outputs[0]) == 0) return KERF_OK;
  kerf_conv_u8 source = {.flip = x->type == KERF_I8 ? 0x80 : 0};
  source.zero = x_zero ? *(const uint8_t *)x_zero->data : 0;
  (void)kerf_read_geometry(c, 0, &source.geometry);
  kerf_q8 g = kerf_conv_u8_product(x, c->outputs[0], kerf_int(c, GROUPS), &source);
  g.packed = c->inputs[PACKED]->data;
  g.b_zero = w_zero ? w_zero->data : NULL;
  g.b_zero_step = w_zero && kerf_elements(w_zero) > 1;
  g.y_i32 = c->outputs[0]->data;
  kerf_q8_run(&g, isa, c->scratch, c->pool);
  return KERF_OK;
}

#define RUN(set) \
  int kerf_run_conv_int_##set(const kerf_call *c) { return run_conv(c, &kerf_q8_##set); }
RUN(portable)
#if defined(__x86_64__)
RUN(avx2)
RUN(avxvnni)
RUN(avx512vnni)
#elif defined(__aarch64__)
RUN(neon)
RUN(dotprod)
RUN(i8mm)
#endif
