// REDUCE_INT: x i32/i64/u8/i8/u32/u64/i16/u16/bool/f64 -> y; function(i) axes(i, bit mask) (ONNX Reduce... on other
// types than f32). y is x with the axes removed or of length one. Sums and products wrap in the element type; the mean
// divides the 64-bit sum toward zero; the floating functions round toward zero. Over nothing: sum 0, product 1, maximum
// the least value, minimum the greatest, mean 0.
#include "reduce_int.h"

static bool shape_ok(const kerf_tensor *x, const kerf_tensor *y, int64_t axes) {
  int kept = 0;
  bool dropped = true, ones = y->rank == x->rank;
  for (int d = 0; d < x->rank; d++) {
    bool reduced = axes >> d & 1;
    if (ones && y->dims[d] != (reduced ? 1 : x->dims[d])) ones = false;
    if (reduced) continue;
    if (kept >= y->rank || y->dims[kept] != x->dims[d]) dropped = false;
    kept++;
  }
  return ones || (dropped && kept == y->rank);
}

int kerf_prepare_reduce_int(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 2));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  bool known = kerf_is_integer(x->type) || x->type == KERF_BOOL || x->type == KERF_F64;
  KERF_REQUIRE(x->type == y->type && known, KERF_BAD_TYPE);
  KERF_TRY(kerf_check_range(c, 0, KERF_REDUCE_SUM, KERF_REDUCE_LOG_SUM_EXP));
  KERF_TRY(kerf_check_range(c, 1, 0, ((int64_t)1 << x->rank) - 1));
  KERF_REQUIRE(shape_ok(x, y, c->attrs[1].i), KERF_BAD_SHAPE);
  return KERF_OK;
}

static void reduce_range(void *context, int64_t begin, int64_t end) {
  const kerf_reduce_int *r = context;
  for (int64_t i = begin; i < end; i++) {
    int64_t rest = i, offset = 0;
    for (int d = r->kept_rank - 1; d >= 0; d--) {
      offset += rest % r->kept_dims[d] * r->kept_strides[d];
      rest /= r->kept_dims[d];
    }
    if (r->type == KERF_F64) kerf_reduce_f64_element(r, i, offset);
    else kerf_reduce_int_element(r, i, offset);
  }
}

/// Appends an axis, or lengthens the last one when the two are one run of memory.
static void add_axis(int *rank, int64_t *dims, int64_t *strides, int64_t n, int64_t stride) {
  if (n == 1) return;
  if (*rank > 0 && strides[*rank - 1] == stride * n) {
    dims[*rank - 1] *= n;
    strides[*rank - 1] = stride;
    return;
  }
  dims[*rank] = n;
  strides[(*rank)++] = stride;
}

int kerf_run_reduce_int_portable(const kerf_call *c) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  kerf_reduce_int r = {.x = x->data, .y = y->data, .function = c->attrs[0].i, .count = 1, .type = x->type};
  for (int d = 0; d < x->rank; d++) {
    int64_t stride = kerf_span(x, d + 1, x->rank);
    if (c->attrs[1].i >> d & 1) {
      add_axis(&r.reduced_rank, r.reduced_dims, r.reduced_strides, x->dims[d], stride);
      r.count *= x->dims[d];
    } else {
      add_axis(&r.kept_rank, r.kept_dims, r.kept_strides, x->dims[d], stride);
    }
  }
  if (r.reduced_rank == 0) {
    r.reduced_rank = 1;
    r.reduced_dims[0] = 1;
  }
  kerf_ranges(c->pool, kerf_elements(y), 16384 / (r.count + 1), reduce_range, &r);
  return KERF_OK;
}
