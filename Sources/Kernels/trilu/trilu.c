// TRILU: x any[...,R,C] -> y; upper(i) k(i): elements with column - row >= k (upper) or <= k (lower), others zero
// (ONNX Trilu). y may be x.
#include "../common/tensors.h"

int kerf_prepare_trilu(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 2));
  *scratch = 0;
  KERF_REQUIRE(c->inputs[0]->type == c->outputs[0]->type, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(c->inputs[0], c->outputs[0]) && c->inputs[0]->rank >= 2, KERF_BAD_SHAPE);
  KERF_REQUIRE(c->attrs[0].i == 0 || c->attrs[0].i == 1, KERF_BAD_ATTR);
  return KERF_OK;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }

int kerf_run_trilu_portable(const kerf_call *c) {
  const kerf_tensor *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  int64_t rows = y->dims[y->rank - 2], columns = y->dims[y->rank - 1], width = kerf_width(y->type);
  int64_t count = kerf_elements(y) / columns, k = clamp(c->attrs[1].i, -rows - columns, rows + columns);
  for (int64_t r = 0; r < count; r++) {
    const char *x = (const char *)c->inputs[0]->data + r * columns * width;
    char *to = (char *)y->data + r * columns * width;
    int64_t row = r % rows;
    int64_t first = c->attrs[0].i ? clamp(row + k, 0, columns) : 0;
    int64_t last = c->attrs[0].i ? columns : clamp(row + k + 1, 0, columns);
    memset(to, 0, (size_t)(first * width));
    if (x != to) memcpy(to + first * width, x + first * width, (size_t)((last - first) * width));
    memset(to + last * width, 0, (size_t)((columns - last) * width));
  }
  return KERF_OK;
}
