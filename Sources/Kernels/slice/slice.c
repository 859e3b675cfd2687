// SLICE: x any -> y; per axis start(i) step(i). Starts are within bounds, lengths are y's (ONNX Slice, Split).
// Nothing is copied where y lies in x.
#include "../common/nest.h"

static bool axis_ok(int64_t n, int64_t length, int64_t start, int64_t step) {
  if (length == 0) return true;
  if (start < 0 || start >= n) return false;
  int64_t last;
  if (__builtin_mul_overflow(length - 1, step, &last)) return false;
  return !__builtin_add_overflow(last, start, &last) && last >= 0 && last < n;
}

int kerf_prepare_slice(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 2 * kerf_first_rank(c)));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  KERF_REQUIRE(x->type == y->type, KERF_BAD_TYPE);
  KERF_REQUIRE(x->rank == y->rank, KERF_BAD_SHAPE);
  for (int d = 0; d < x->rank; d++) {
    KERF_REQUIRE(axis_ok(x->dims[d], y->dims[d], c->attrs[2 * d].i, c->attrs[2 * d + 1].i), KERF_BAD_ATTR);
  }
  return KERF_OK;
}

int kerf_run_slice_portable(const kerf_call *c) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  kerf_nest nest = {.rank = x->rank, .operands = 1};
  int64_t stride = 1;
  for (int d = x->rank - 1; d >= 0; d--) {
    nest.dims[d] = y->dims[d];
    const int64_t length = d == x->rank - 1 ? kerf_pitch(x) : x->dims[d];
    // The step of an axis of length one is never taken and may be anything.
    nest.strides[0][d] = y->dims[d] == 1 ? 0 : stride * c->attrs[2 * d + 1].i;
    nest.base[0] += stride * c->attrs[2 * d].i;
    stride *= length;
  }
  if (y->data == (const char *)x->data + nest.base[0] * kerf_width(x->type)) return KERF_OK;
  kerf_nest_collapse(&nest);
  kerf_nest_copy(&nest, c->pool, kerf_width(x->type), x->data, y->data);
  return KERF_OK;
}
