// ADD_U8: a, b u8 (same shape) -> u8; a_zero a_multiplier b_zero b_multiplier shift y_zero y_min y_max (QLinearAdd):
// y = clamp((((a - a_zero) * a_multiplier + (b - b_zero) * b_multiplier + 2^(shift-1)) >> shift) + y_zero).
//
// Where multipliers fit 16 bits the products of a pair are summed by one instruction, where the sum fits 32 bits
// (multipliers up to about 2^21) it is computed in 32, else by two tables of 64-bit terms: the same results. y may be a
// or b.
#include "add_u8.h"

#include "../common/variants.h"

enum { A_ZERO, A_MULTIPLIER, B_ZERO, B_MULTIPLIER, SHIFT, Y_ZERO, Y_MIN, Y_MAX, COUNT, PIECE = 256 };

int kerf_prepare_add_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, COUNT));
  *scratch = 0;
  const kerf_tensor *a = c->inputs[0], *b = c->inputs[1], *y = c->outputs[0];
  KERF_REQUIRE(a->type == KERF_U8 && b->type == KERF_U8 && y->type == KERF_U8, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(a, b) && kerf_same_shape(a, y), KERF_BAD_SHAPE);
  const int bytes[] = {A_ZERO, B_ZERO, Y_ZERO, Y_MIN, Y_MAX};
  for (int i = 0; i < 5; i++) KERF_TRY(kerf_check_range(c, bytes[i], 0, 255));
  KERF_TRY(kerf_check_range(c, A_MULTIPLIER, -INT32_MAX, INT32_MAX));
  KERF_TRY(kerf_check_range(c, B_MULTIPLIER, -INT32_MAX, INT32_MAX));
  KERF_TRY(kerf_check_range(c, SHIFT, 1, 62));
  return kerf_int(c, Y_MIN) <= kerf_int(c, Y_MAX) ? KERF_OK : KERF_BAD_ATTR;
}

KERF_INLINE void add_narrow(const kerf_add_u8 *j, int64_t begin, int64_t end) {
  const int32_t ma = j->ma, mb = j->mb, constant = j->constant, shift = j->shift;
  const int32_t zero = j->zero, low = j->low, high = j->high;
  const uint8_t *a = j->a, *b = j->b;
  uint8_t *y = j->y;
  // By pieces of their own memory: y may be a or b, which would keep the loop from being vectorized.
  for (int64_t i = begin; i < end; i += PIECE) {
    const int64_t n = kerf_min(PIECE, end - i);
    uint8_t pa[PIECE] = {0}, pb[PIECE] = {0}, py[PIECE];
    memcpy(pa, a + i, (size_t)n);
    memcpy(pb, b + i, (size_t)n);
    for (int64_t k = 0; k < PIECE; k++) {
      int32_t v = ((pa[k] * ma + pb[k] * mb + constant) >> shift) + zero;
      v = v < low ? low : v;
      py[k] = (uint8_t)(v > high ? high : v);
    }
    memcpy(y + i, py, (size_t)n);
  }
}

static void wide(void *context, int64_t begin, int64_t end) {
  const kerf_add_u8 *j = context;
  for (int64_t i = begin; i < end; i++) {
    int64_t v = ((j->terms_a[j->a[i]] + j->terms_b[j->b[i]]) >> j->shift) + j->zero;
    j->y[i] = (uint8_t)(v < j->low ? j->low : v > j->high ? j->high : v);
  }
}

static int64_t magnitude(int64_t v) { return v < 0 ? -v : v; }

int kerf_run_add_u8(const kerf_call *c, kerf_range_fn narrow, kerf_range_fn pairs) {
  kerf_add_u8 j = {.a = c->inputs[0]->data, .b = c->inputs[1]->data, .y = c->outputs[0]->data};
  const int64_t ma = kerf_int(c, A_MULTIPLIER), mb = kerf_int(c, B_MULTIPLIER), za = kerf_int(c, A_ZERO);
  const int64_t zb = kerf_int(c, B_ZERO), half = (int64_t)1 << (kerf_int(c, SHIFT) - 1);
  j.shift = (int32_t)kerf_int(c, SHIFT);
  j.zero = (int32_t)kerf_int(c, Y_ZERO);
  j.low = (int32_t)kerf_int(c, Y_MIN);
  j.high = (int32_t)kerf_int(c, Y_MAX);
  // Bounds every partial sum of the 32-bit forms, in whichever order it is computed.
  const int64_t most = 510 * (magnitude(ma) + magnitude(mb)) + half;
  const bool is_narrow = j.shift <= 30 && most < INT32_MAX;
  if (is_narrow) {
    j.ma = (int32_t)ma;
    j.mb = (int32_t)mb;
    j.constant = (int32_t)(half - za * ma - zb * mb);
  } else {
    for (int i = 0; i < 256; i++) {
      j.terms_a[i] = (i - za) * ma + half;
      j.terms_b[i] = (i - zb) * mb;
    }
  }
  const bool is_pair = is_narrow && magnitude(ma) <= INT16_MAX && magnitude(mb) <= INT16_MAX &&
                       most + ((int64_t)j.zero << j.shift) < INT32_MAX;
  kerf_ranges(c->pool, kerf_elements(c->outputs[0]), 65536, is_pair ? pairs : is_narrow ? narrow : wide, &j);
  return KERF_OK;
}

#define VARIANT(set, target) \
  target void kerf_add_u8_narrow_##set(void *j, int64_t begin, int64_t end) { add_narrow(j, begin, end); }
KERF_VARIANTS(VARIANT)

int kerf_run_add_u8_portable(const kerf_call *c) {
  return kerf_run_add_u8(c, kerf_add_u8_narrow_portable, kerf_add_u8_narrow_portable);
}
