// COPY: x any -> y, the same bytes under another shape (ONNX Identity, Reshape, Squeeze, Unsqueeze, Flatten).
#include "../common/tensors.h"

typedef struct job {
  const char *x;
  char *y;
} job;

static void copy_range(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  memcpy(j->y + begin, j->x + begin, (size_t)(end - begin));
}

int kerf_prepare_copy(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 0));
  *scratch = 0;
  KERF_REQUIRE(kerf_bytes(c->inputs[0]) == kerf_bytes(c->outputs[0]), KERF_BAD_SHAPE);
  return KERF_OK;
}

int kerf_run_copy_portable(const kerf_call *c) {
  job j = {c->inputs[0]->data, c->outputs[0]->data};
  if (j.x != j.y) kerf_ranges(c->pool, kerf_bytes(c->outputs[0]), 1 << 18, copy_range, &j);
  return KERF_OK;
}
