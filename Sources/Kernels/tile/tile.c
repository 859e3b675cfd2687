// TILE: x any -> y, whose dims are multiples of x's (ONNX Tile).
#include "../common/nest.h"

int kerf_prepare_tile(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 0));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  KERF_REQUIRE(x->type == y->type, KERF_BAD_TYPE);
  KERF_REQUIRE(x->rank == y->rank, KERF_BAD_SHAPE);
  for (int d = 0; d < x->rank; d++) {
    bool fits = x->dims[d] == 0 ? y->dims[d] == 0 : y->dims[d] % x->dims[d] == 0;
    KERF_REQUIRE(fits, KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

int kerf_run_tile_portable(const kerf_call *c) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  // Every axis as two: the repetition (stride 0) and x's own.
  kerf_nest nest = {.rank = 2 * x->rank, .operands = 1};
  int64_t stride = 1;
  for (int d = x->rank - 1; d >= 0; d--) {
    nest.dims[2 * d] = y->dims[d] / x->dims[d];
    nest.dims[2 * d + 1] = x->dims[d];
    nest.strides[0][2 * d + 1] = stride;
    stride *= x->dims[d];
  }
  kerf_nest_collapse(&nest);
  kerf_nest_copy(&nest, c->pool, kerf_width(x->type), x->data, y->data);
  return KERF_OK;
}
