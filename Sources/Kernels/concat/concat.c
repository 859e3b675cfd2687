// CONCAT: any number of inputs, any -> y; axis(i) (ONNX Concat). Inputs that lie in y already are not copied. Pitches where
// the axis is the last.
#include "../common/tensors.h"
#include "../common/small_copy.h"

int kerf_prepare_concat(const kerf_call *c, uint64_t *scratch) {
  KERF_REQUIRE(c->input_count >= 1, KERF_BAD_COUNT);
  KERF_TRY(kerf_check_plain(c, c->input_count, c->input_count, 1, 1));
  *scratch = 0;
  const kerf_tensor *y = c->outputs[0];
  int64_t axis = c->attrs[0].i, sum = 0;
  KERF_REQUIRE(axis >= 0 && axis < y->rank, KERF_BAD_ATTR);
  KERF_REQUIRE(!y->pitch || axis == y->rank - 1, KERF_BAD_SHAPE);
  for (int i = 0; i < c->input_count; i++) {
    const kerf_tensor *x = c->inputs[i];
    KERF_REQUIRE(x->type == y->type, KERF_BAD_TYPE);
    KERF_REQUIRE(x->rank == y->rank && (!x->pitch || axis == y->rank - 1), KERF_BAD_SHAPE);
    for (int d = 0; d < y->rank; d++) KERF_REQUIRE(d == axis || x->dims[d] == y->dims[d], KERF_BAD_SHAPE);
    KERF_REQUIRE(x->dims[axis] <= y->dims[axis] - sum, KERF_BAD_SHAPE);
    sum += x->dims[axis];
  }
  KERF_REQUIRE(sum == y->dims[axis], KERF_BAD_SHAPE);
  return KERF_OK;
}

typedef struct job {
  const kerf_call *call;
  int64_t inner, row;  // bytes of one step along the axis; from one row of y to the next
} job;

/// Bytes from one row of an input to the next; without a pitch, a row is all there is from the axis on.
static int64_t row_bytes(const job *j, const kerf_tensor *t) {
  return (t->pitch ? t->pitch : t->dims[j->call->attrs[0].i]) * j->inner;
}

static void concat_rows(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const kerf_call *c = j->call;
  int64_t axis = c->attrs[0].i;
  uint8_t *y = c->outputs[0]->data;
  for (int i = 0; i < c->input_count; i++) {
    const uint8_t *x = c->inputs[i]->data;
    const int64_t run = c->inputs[i]->dims[axis] * j->inner, from = row_bytes(j, c->inputs[i]);
    if (run > 0 && x != y) kerf_copy_rows(end - begin, run, y + begin * j->row, j->row, x + begin * from, from);
    y += run;
  }
}

/// Whether all inputs lie in y.
static bool is_in_place(const job *j) {
  const kerf_call *c = j->call;
  const uint8_t *y = c->outputs[0]->data;
  for (int i = 0; i < c->input_count; i++) {
    const int64_t run = c->inputs[i]->dims[c->attrs[0].i] * j->inner;
    if (run > 0 && y != c->inputs[i]->data) return false;
    y += run;
  }
  return true;
}

int kerf_run_concat_portable(const kerf_call *c) {
  const kerf_tensor *y = c->outputs[0];
  if (kerf_elements(y) == 0) return KERF_OK;
  int axis = (int)c->attrs[0].i;
  job j = {c, kerf_span(y, axis + 1, y->rank) * kerf_width(y->type), 0};
  j.row = row_bytes(&j, y);
  if (is_in_place(&j)) return KERF_OK;
  kerf_ranges(c->pool, kerf_span(y, 0, axis), (1 << 17) / j.row, concat_rows, &j);
  return KERF_OK;
}
