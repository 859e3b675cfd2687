// REVERSE_SEQUENCE: x any, lengths i64[batch] -> y; batch_axis(i) time_axis(i) (ONNX ReverseSequence; axes 0 and 1).
// The first lengths[b] steps of item b are reversed, the others copied; a length beyond the time axis is an error.
#include "../common/tensors.h"

int kerf_prepare_reverse_sequence(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 2));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *lengths = c->inputs[1], *y = c->outputs[0];
  int64_t batch = c->attrs[0].i, time = c->attrs[1].i;
  KERF_REQUIRE(x->type == y->type && lengths->type == KERF_I64, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(x, y) && x->rank >= 2 && lengths->rank == 1, KERF_BAD_SHAPE);
  KERF_REQUIRE((batch == 0 && time == 1) || (batch == 1 && time == 0), KERF_BAD_ATTR);
  KERF_REQUIRE(lengths->dims[0] == x->dims[batch], KERF_BAD_SHAPE);
  return KERF_OK;
}

int kerf_run_reverse_sequence_portable(const kerf_call *c) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  int64_t batch_axis = c->attrs[0].i, batches = x->dims[batch_axis], steps = x->dims[1 - batch_axis];
  int64_t run = kerf_span(x, 2, x->rank) * kerf_width(x->type);
  int64_t sb = batch_axis == 0 ? steps * run : run, st = batch_axis == 0 ? run : batches * run;
  for (int64_t b = 0; b < batches; b++) {
    int64_t length = ((const int64_t *)c->inputs[1]->data)[b];
    if (length < 0 || length > steps) return KERF_BAD_INDEX;
    for (int64_t t = 0; t < steps; t++) {
      int64_t from = t < length ? length - 1 - t : t;
      memcpy((char *)y->data + b * sb + t * st, (const char *)x->data + b * sb + from * st, (size_t)run);
    }
  }
  return KERF_OK;
}
