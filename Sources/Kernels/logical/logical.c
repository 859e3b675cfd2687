// LOGICAL: a, b (broadcast), bool -> bool; function(i: KERF_BINARY_AND OR XOR) (ONNX And, Or, Xor). Results are 0 or 1.
#include "../common/nest.h"

int kerf_prepare_logical(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 1));
  *scratch = 0;
  const kerf_tensor *a = c->inputs[0], *b = c->inputs[1], *y = c->outputs[0];
  KERF_REQUIRE(a->type == KERF_BOOL && b->type == KERF_BOOL && y->type == KERF_BOOL, KERF_BAD_TYPE);
  KERF_TRY(kerf_check_range(c, 0, KERF_BINARY_AND, KERF_BINARY_XOR));
  return kerf_check_broadcast(a, b, y);
}

typedef struct job {
  const uint8_t *a, *b;
  uint8_t *y;
  int64_t function, sa, sb;
} job;

static void logical_row(void *context, int64_t y, const int64_t *x, int64_t n) {
  const job *j = context;
  const uint8_t *a = j->a + x[0], *b = j->b + x[1];
  uint8_t *to = j->y + y;
  int64_t sa = j->sa, sb = j->sb;
  switch (j->function) {
  case KERF_BINARY_AND: for (int64_t i = 0; i < n; i++) to[i] = (a[i * sa] != 0) & (b[i * sb] != 0); break;
  case KERF_BINARY_OR: for (int64_t i = 0; i < n; i++) to[i] = (a[i * sa] | b[i * sb]) != 0; break;
  default: for (int64_t i = 0; i < n; i++) to[i] = (a[i * sa] != 0) ^ (b[i * sb] != 0); break;
  }
}

int kerf_run_logical_portable(const kerf_call *c) {
  const kerf_tensor *y = c->outputs[0];
  kerf_nest nest;
  int last = kerf_nest_broadcast(&nest, c, 2);
  job j = {c->inputs[0]->data, c->inputs[1]->data, y->data, c->attrs[0].i,
           nest.strides[0][last], nest.strides[1][last]};
  kerf_nest_run(&nest, c->pool, 32768, logical_row, &j);
  return KERF_OK;
}
