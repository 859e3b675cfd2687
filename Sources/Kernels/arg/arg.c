// ARG: x f32/f64/integers -> y i64; max(i: 1 argmax 0 argmin) axis(i) select_last(i) (ONNX ArgMax, ArgMin).
// y is x without the axis, or with length one there. A NaN wins over every number, as in numpy.
#include "../common/tensors.h"

static bool shape_ok(const kerf_tensor *x, const kerf_tensor *y, int axis) {
  bool kept = y->rank == x->rank;
  if (!kept && y->rank != x->rank - 1) return false;
  for (int d = 0; d < x->rank; d++) {
    if (d == axis) {
      if (kept && y->dims[d] != 1) return false;
    } else if (y->dims[kept || d < axis ? d : d - 1] != x->dims[d]) {
      return false;
    }
  }
  return true;
}

int kerf_prepare_arg(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 3));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  bool known = kerf_is_integer(x->type) || x->type == KERF_F32 || x->type == KERF_F64;
  KERF_REQUIRE(known && y->type == KERF_I64, KERF_BAD_TYPE);
  KERF_TRY(kerf_check_range(c, 0, 0, 1));
  KERF_TRY(kerf_check_range(c, 1, 0, x->rank - 1));
  KERF_TRY(kerf_check_range(c, 2, 0, 1));
  int axis = (int)c->attrs[1].i;
  KERF_REQUIRE(shape_ok(x, y, axis), KERF_BAD_SHAPE);
  KERF_REQUIRE(x->dims[axis] > 0 || kerf_elements(y) == 0, KERF_BAD_SHAPE);
  return KERF_OK;
}

typedef struct job {
  const void *x;
  int64_t *y;
  int64_t n, inner;
  int32_t type;
  bool max, last;
} job;

#define ARG(suffix, T)                                                            \
  static int64_t arg_##suffix(const job *j, int64_t offset) {                     \
    const T *x = (const T *)j->x + offset;                                        \
    T best = x[0];                                                                \
    int64_t at = 0;                                                               \
    for (int64_t i = 1; i < j->n; i++) {                                          \
      T v = x[i * j->inner];                                                      \
      bool better = (j->max ? v > best : v < best) || (v != v && best == best);   \
      bool tie = v == best || (v != v && best != best);                           \
      if (better || (tie && j->last)) {                                           \
        best = v;                                                                 \
        at = i;                                                                   \
      }                                                                           \
    }                                                                             \
    return at;                                                                    \
  }
ARG(f32, float)
ARG(f64, double)
ARG(u8, uint8_t)
ARG(i8, int8_t)
ARG(u16, uint16_t)
ARG(i16, int16_t)
ARG(u32, uint32_t)
ARG(i32, int32_t)
ARG(u64, uint64_t)
ARG(i64, int64_t)

static int64_t arg_at(const job *j, int64_t offset) {
  switch (j->type) {
  case KERF_F32: return arg_f32(j, offset);
  case KERF_F64: return arg_f64(j, offset);
  case KERF_U8: return arg_u8(j, offset);
  case KERF_I8: return arg_i8(j, offset);
  case KERF_U16: return arg_u16(j, offset);
  case KERF_I16: return arg_i16(j, offset);
  case KERF_U32: return arg_u32(j, offset);
  case KERF_I32: return arg_i32(j, offset);
  case KERF_U64: return arg_u64(j, offset);
  default: return arg_i64(j, offset);
  }
}

static void arg_range(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  for (int64_t i = begin; i < end; i++) j->y[i] = arg_at(j, i / j->inner * j->n * j->inner + i % j->inner);
}

int kerf_run_arg_portable(const kerf_call *c) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  int axis = (int)c->attrs[1].i;
  job j = {x->data, y->data, x->dims[axis], kerf_span(x, axis + 1, x->rank), x->type,
           c->attrs[0].i != 0, c->attrs[2].i != 0};
  kerf_ranges(c->pool, kerf_elements(y), 16384 / (j.n + 1), arg_range, &j);
  return KERF_OK;
}
