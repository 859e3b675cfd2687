// LUT_U8: x u8/i8, table u8[256] -> u8/i8, by their bytes: y = table[x]. y may be x.
#include "lut_u8.h"

int kerf_prepare_lut_u8(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 0));
  *scratch = 0;
  const int32_t from = c->inputs[0]->type, to = c->outputs[0]->type;
  KERF_REQUIRE((from == KERF_U8 || from == KERF_I8) && (to == KERF_U8 || to == KERF_I8), KERF_BAD_TYPE);
  KERF_TRY(kerf_check_vector(c->inputs[1], KERF_U8, 256));
  return kerf_same_shape(c->inputs[0], c->outputs[0]) ? KERF_OK : KERF_BAD_SHAPE;
}

void kerf_lut_u8_range(void *context, int64_t begin, int64_t end) {
  const kerf_lut_u8 *j = context;
  uint8_t table[256];
  memcpy(table, j->table, sizeof table);
  const uint8_t *x = j->x;
  uint8_t *y = j->y;
  int64_t i = begin;
  // Eight at a time in one word: one load and one store for eight look-ups.
  for (; i + 8 <= end; i += 8) {
    uint64_t v, r = 0;
    memcpy(&v, x + i, 8);
    for (int b = 0; b < 64; b += 8) r |= (uint64_t)table[v >> b & 255] << b;
    memcpy(y + i, &r, 8);
  }
  for (; i < end; i++) y[i] = table[x[i]];
}

int kerf_run_lut_u8(const kerf_call *c, kerf_range_fn range) {
  kerf_lut_u8 j = {c->inputs[0]->data, c->inputs[1]->data, c->outputs[0]->data};
  kerf_ranges(c->pool, kerf_elements(c->outputs[0]), 65536, range, &j);
  return KERF_OK;
}

int kerf_run_lut_u8_portable(const kerf_call *c) { return kerf_run_lut_u8(c, kerf_lut_u8_range); }
