// BINARY_INT: a, b (broadcast) -> y, integers, also f64; function(i, KERF_BINARY_...). y may be a or b of equal shape.
// ONNX Add, Sub, Mul, Div (toward zero), Pow, Min, Max, Mod, BitwiseAnd/Or/Xor, BitShift, PRelu on integers.
#include "binary_int.h"

#include "../common/nest.h"

static bool function_ok(int64_t f, int32_t type) {
  if (f >= KERF_BINARY_ADD && f <= KERF_BINARY_SQUARED_DIFFERENCE) return true;
  return f >= KERF_BINARY_AND && f <= KERF_BINARY_SHIFT_RIGHT && type != KERF_F64;
}

int kerf_prepare_binary_int(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 1));
  *scratch = 0;
  const kerf_tensor *a = c->inputs[0], *b = c->inputs[1], *y = c->outputs[0];
  KERF_REQUIRE(a->type == y->type && b->type == y->type, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_is_integer(y->type) || y->type == KERF_F64, KERF_BAD_TYPE);
  KERF_REQUIRE(function_ok(c->attrs[0].i, y->type), KERF_BAD_ATTR);
  return kerf_check_broadcast(a, b, y);
}

typedef struct job {
  const void *a, *b;
  void *y;
  int32_t type;
  kerf_binary_row row;
  kerf_status status;
} job;

#define CALL(name, T) name(&j->row, (const T *)j->a + x[0], (const T *)j->b + x[1], (T *)j->y + y, n)

static void binary_row(void *context, int64_t y, const int64_t *x, int64_t n) {
  const job *j = context;
  switch (j->type) {
  case KERF_U8: CALL(kerf_binary_u8, uint8_t); break;
  case KERF_I8: CALL(kerf_binary_i8, int8_t); break;
  case KERF_U16: CALL(kerf_binary_u16, uint16_t); break;
  case KERF_I16: CALL(kerf_binary_i16, int16_t); break;
  case KERF_U32: CALL(kerf_binary_u32, uint32_t); break;
  case KERF_I32: CALL(kerf_binary_i32, int32_t); break;
  case KERF_U64: CALL(kerf_binary_u64, uint64_t); break;
  case KERF_I64: CALL(kerf_binary_i64, int64_t); break;
  default: CALL(kerf_binary_f64, double); break;
  }
}

int kerf_run_binary_int_portable(const kerf_call *c) {
  const kerf_tensor *y = c->outputs[0];
  kerf_nest nest;
  int last = kerf_nest_broadcast(&nest, c, 2);
  job j = {.a = c->inputs[0]->data, .b = c->inputs[1]->data, .y = y->data, .type = y->type};
  j.row = (kerf_binary_row){c->attrs[0].i, nest.strides[0][last], nest.strides[1][last], &j.status};
  kerf_nest_run(&nest, c->pool, 16384, binary_row, &j);
  return j.status.error;
}
