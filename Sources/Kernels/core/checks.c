// Checks that every `prepare` builds on: tensors, counts, broadcasting, geometry, activations.
#include "internal.h"

int kerf_element_bytes(int32_t type) {
  switch (type) {
    case KERF_U8: case KERF_I8: case KERF_BOOL: case KERF_PACKED: return 1;
    case KERF_U16: case KERF_I16: case KERF_F16: case KERF_BF16: return 2;
    case KERF_F32: case KERF_I32: case KERF_U32: return 4;
    case KERF_I64: case KERF_F64: case KERF_U64: return 8;
    default: return 0;
  }
}

int64_t kerf_dims_product(const kerf_tensor *t, int begin, int end) {
  int64_t n = 1;
  for (int i = begin; i < end; i++) n *= t->dims[i];
  return n;
}

int kerf_check_tensor(const kerf_tensor *t) {
  const int bytes = kerf_element_bytes(t->type);
  KERF_REQUIRE(bytes, KERF_BAD_TYPE);
  KERF_REQUIRE(t->rank >= 0 && t->rank <= KERF_MAX_RANK, KERF_BAD_SHAPE);
  int64_t n = bytes;
  for (int i = 0; i < t->rank; i++) {
    KERF_REQUIRE(t->dims[i] >= 0, KERF_BAD_SHAPE);
    KERF_REQUIRE(kerf_product(n, t->dims[i] ? t->dims[i] : 1, &n), KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

int kerf_check_typed(const kerf_tensor *t, int32_t type) {
  KERF_REQUIRE(t->type == type, KERF_BAD_TYPE);
  return kerf_check_tensor(t);
}

int kerf_check_vector(const kerf_tensor *t, int32_t type, int64_t n) {
  KERF_TRY(kerf_check_typed(t, type));
  return t->rank == 1 && t->dims[0] == n ? KERF_OK : KERF_BAD_SHAPE;
}

bool kerf_same_shape(const kerf_tensor *a, const kerf_tensor *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return true;
}

int kerf_check_packed(const kerf_tensor *t, uint64_t bytes) {
  KERF_TRY(kerf_check_typed(t, KERF_PACKED));
  return bytes && t->rank == 1 && (uint64_t)t->dims[0] == bytes ? KERF_OK : KERF_BAD_SHAPE;
}

int kerf_check_filter(const kerf_tensor *t, uint64_t bytes, const int64_t dims[4], uint64_t *scratch_bytes) {
  *scratch_bytes = 0;
  if (t->type == KERF_PACKED) return kerf_check_packed(t, bytes);
  KERF_TRY(kerf_check_typed(t, KERF_F32));
  KERF_REQUIRE(bytes && t->rank == 4, KERF_BAD_SHAPE);
  for (int i = 0; i < 4; i++) KERF_REQUIRE(t->dims[i] == dims[i], KERF_BAD_SHAPE);
  *scratch_bytes = kerf_align(bytes);
  return KERF_OK;
}

int kerf_check_counts(const kerf_call *call, int least, int most, int outputs, int attributes) {
  KERF_REQUIRE(call->input_count >= least && call->input_count <= most, KERF_BAD_COUNT);
  KERF_REQUIRE(call->output_count == outputs && call->attr_count == attributes, KERF_BAD_COUNT);
  for (int i = 0; i < call->input_count; i++) KERF_REQUIRE(call->inputs[i], KERF_BAD_COUNT);
  for (int i = 0; i < call->output_count; i++) KERF_REQUIRE(call->outputs[i], KERF_BAD_COUNT);
  for (int i = 0; i < least; i++) KERF_REQUIRE(call->inputs[i]->type != KERF_NONE, KERF_BAD_TYPE);
  return KERF_OK;
}

int kerf_check_broadcast(const kerf_tensor *a, const kerf_tensor *b, const kerf_tensor *y) {
  KERF_REQUIRE(y->rank == (a->rank > b->rank ? a->rank : b->rank), KERF_BAD_SHAPE);
  for (int i = 1; i <= y->rank; i++) {
    const int64_t da = i <= a->rank ? a->dims[a->rank - i] : 1, db = i <= b->rank ? b->dims[b->rank - i] : 1;
    KERF_REQUIRE(da == db || da == 1 || db == 1, KERF_BAD_SHAPE);
    KERF_REQUIRE(y->dims[y->rank - i] == (da == 1 ? db : da), KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

int kerf_read_geometry(const kerf_call *call, int at, kerf_geometry *g) {
  for (int i = 0; i < 10; i++) KERF_TRY(kerf_check_range(call, at + i, i < 6 ? 1 : 0, KERF_MAX_GEOMETRY));
  const kerf_attr *a = call->attrs + at;
  *g = (kerf_geometry){a[0].i, a[1].i, a[2].i, a[3].i, a[4].i, a[5].i, a[6].i, a[7].i, a[8].i, a[9].i};
  return KERF_OK;
}

int64_t kerf_window_count(int64_t length, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                          int64_t dilation) {
  const int64_t room = length + before + after - ((kernel - 1) * dilation + 1);
  return room < 0 ? 0 : room / stride + 1;
}

/// One axis of kerf_check_windows. In ceil mode the last window starts inside the input or the padding before it.
static bool axis_fits(int64_t x, int64_t y, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                      int64_t dilation, bool ceil) {
  const int64_t count = kerf_window_count(x, before, after, kernel, stride, dilation);
  if (y == count) return true;
  return ceil && y == count + 1 && count * stride < x + before;
}

int kerf_check_windows(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g, bool ceil) {
  KERF_REQUIRE(x->rank == 4 && y->rank == 4 && x->dims[0] == y->dims[0], KERF_BAD_SHAPE);
  KERF_REQUIRE(axis_fits(x->dims[1], y->dims[1], g->pt, g->pb, g->kh, g->sh, g->dh, ceil), KERF_BAD_SHAPE);
  KERF_REQUIRE(axis_fits(x->dims[2], y->dims[2], g->pl, g->pr, g->kw, g->sw, g->dw, ceil), KERF_BAD_SHAPE);
  return KERF_OK;
}

bool kerf_unary_known(int64_t function) {
  if (function == KERF_UNARY_NOT) return false;
  return (function >= KERF_UNARY_IDENTITY && function <= KERF_UNARY_AFFINE) ||
         (function >= KERF_UNARY_ABS && function <= KERF_UNARY_RSQRT);
}

int kerf_read_act(const kerf_call *call, int at, kerf_act *act) {
  KERF_REQUIRE(kerf_unary_known(kerf_int(call, at)), KERF_BAD_ATTR);
  *act = (kerf_act){(int32_t)kerf_int(call, at), kerf_float(call, at + 1), kerf_float(call, at + 2)};
  return KERF_OK;
}

int kerf_check_residual(const kerf_call *call, int at, const kerf_tensor *residual, const kerf_tensor *y) {
  KERF_TRY(kerf_check_range(call, at, 0, 2));
  KERF_REQUIRE((kerf_int(call, at) != 0) == (residual != NULL), KERF_BAD_COUNT);
  if (!residual) return KERF_OK;
  KERF_TRY(kerf_check_typed(residual, KERF_F32));
  return kerf_same_shape(residual, y) && !y->pitch ? KERF_OK : KERF_BAD_SHAPE;
}
