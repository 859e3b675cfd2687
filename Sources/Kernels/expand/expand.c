// EXPAND: x any -> y, numpy broadcasting of x to y's shape (ONNX Expand).
#include "../common/nest.h"

int kerf_prepare_expand(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 0));
  *scratch = 0;
  KERF_REQUIRE(c->inputs[0]->type == c->outputs[0]->type, KERF_BAD_TYPE);
  kerf_nest nest;
  kerf_nest_start(&nest, c->outputs[0]);
  KERF_REQUIRE(kerf_nest_add(&nest, c->inputs[0], c->outputs[0]), KERF_BAD_SHAPE);
  return KERF_OK;
}

int kerf_run_expand_portable(const kerf_call *c) {
  kerf_nest nest;
  kerf_nest_broadcast(&nest, c, 1);
  kerf_nest_copy(&nest, c->pool, kerf_width(c->outputs[0]->type), c->inputs[0]->data, c->outputs[0]->data);
  return KERF_OK;
}
