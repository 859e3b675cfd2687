// MUL_U8: a, b u8 (broadcast) -> u8; a_zero b_zero multiplier shift y_zero y_min y_max (QLinearMul):
// y = requantized (a - a_zero) * (b - b_zero). y may be a or b of equal shape.
#include "../common/nest.h"
#include "../common/variants.h"

enum { A_ZERO, B_ZERO, MULTIPLIER, SHIFT, Y_ZERO, Y_MIN, Y_MAX, COUNT };

int kerf_prepare_mul_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, COUNT));
  *scratch = 0;
  const kerf_tensor *a = c->inputs[0], *b = c->inputs[1], *y = c->outputs[0];
  KERF_REQUIRE(a->type == KERF_U8 && b->type == KERF_U8 && y->type == KERF_U8, KERF_BAD_TYPE);
  const int bytes[] = {A_ZERO, B_ZERO, Y_ZERO, Y_MIN, Y_MAX};
  for (int i = 0; i < 5; i++) KERF_TRY(kerf_check_range(c, bytes[i], 0, 255));
  KERF_TRY(kerf_check_range(c, MULTIPLIER, 0, INT32_MAX));
  KERF_TRY(kerf_check_range(c, SHIFT, 1, 62));
  KERF_REQUIRE(kerf_int(c, Y_MIN) <= kerf_int(c, Y_MAX), KERF_BAD_ATTR);
  return kerf_check_broadcast(a, b, y);
}

typedef struct job {
  const uint8_t *a, *b;
  uint8_t *y;
  int64_t sa, sb;
  int32_t za, zb, multiplier, shift, zero, low, high;
} job;

KERF_INLINE uint8_t multiply(const job *j, uint8_t a, uint8_t b) {
  return kerf_requantize((a - j->za) * (b - j->zb), j->multiplier, j->shift, j->zero, j->low, j->high);
}

KERF_INLINE void multiply_row(const job *context, int64_t at, const int64_t *x, int64_t n) {
  const job local = *context, *j = &local;
  const uint8_t *a = j->a + x[0], *b = j->b + x[1];
  uint8_t *y = j->y + at;
  if (j->sa == 1 && j->sb == 1) for (int64_t i = 0; i < n; i++) y[i] = multiply(j, a[i], b[i]);
  else if (j->sa == 1) for (int64_t i = 0; i < n; i++) y[i] = multiply(j, a[i], *b);
  else for (int64_t i = 0; i < n; i++) y[i] = multiply(j, a[i * j->sa], b[i * j->sb]);
}

static int run(const kerf_call *c, kerf_row_fn row) {
  const kerf_tensor *y = c->outputs[0];
  kerf_nest nest;
  int last = kerf_nest_broadcast(&nest, c, 2);
  job j = {c->inputs[0]->data, c->inputs[1]->data, y->data, nest.strides[0][last], nest.strides[1][last],
           (int32_t)kerf_int(c, A_ZERO), (int32_t)kerf_int(c, B_ZERO), (int32_t)kerf_int(c, MULTIPLIER),
           (int32_t)kerf_int(c, SHIFT), (int32_t)kerf_int(c, Y_ZERO), (int32_t)kerf_int(c, Y_MIN),
           (int32_t)kerf_int(c, Y_MAX)};
  kerf_nest_run(&nest, c->pool, 32768, row, &j);
  return KERF_OK;
}

#define VARIANT(set, target)                                                                                           \
  target static void row_##set(void *j, int64_t y, const int64_t *x, int64_t n) { multiply_row(j, y, x, n); }          \
  int kerf_run_mul_u8_##set(const kerf_call *c) { return run(c, row_##set); }
KERF_VARIANTS(VARIANT)
