// UNARY_INT: x -> y, integers and bool, same type; function(i: ABS NEG SIGN NOT IDENTITY) (ONNX Abs, Neg, Sign, Not,
// BitwiseNot). Wraps: the absolute value of the least integer is itself. y may be x.
#include "../common/tensors.h"

int kerf_prepare_unary_int(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 1));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  KERF_REQUIRE(x->type == y->type && (kerf_is_integer(x->type) || x->type == KERF_BOOL), KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(x, y), KERF_BAD_SHAPE);
  int64_t f = c->attrs[0].i;
  bool logical = f == KERF_UNARY_IDENTITY || f == KERF_UNARY_NOT;
  bool arithmetic = f == KERF_UNARY_ABS || f == KERF_UNARY_NEG || f == KERF_UNARY_SIGN;
  KERF_REQUIRE(logical || (arithmetic && x->type != KERF_BOOL), KERF_BAD_ATTR);
  return KERF_OK;
}

typedef struct job {
  const kerf_tensor *x, *y;
  int64_t function;
} job;

// The positive and zero cases are spelled so that unsigned types make no comparison that is always true.
#define ABSOLUTE(T, U, v) (v > 0 || v == 0 || (T)-1 > 0 ? v : (T)(0 - (U)v))
#define UNARY(T, U)                                                                                \
  do {                                                                                             \
    const T *x = j->x->data;                                                                       \
    T *y = j->y->data;                                                                             \
    switch (j->function) {                                                                         \
    case KERF_UNARY_ABS: for (int64_t i = begin; i < end; i++) y[i] = ABSOLUTE(T, U, x[i]); break; \
    case KERF_UNARY_NEG: for (int64_t i = begin; i < end; i++) y[i] = (T)(0 - (U)x[i]); break;     \
    case KERF_UNARY_SIGN: for (int64_t i = begin; i < end; i++) y[i] = x[i] > 0 ? 1 : x[i] == 0 ? 0 : (T)-1; break; \
    case KERF_UNARY_NOT: for (int64_t i = begin; i < end; i++) y[i] = (T)~x[i]; break;             \
    default: for (int64_t i = begin; i < end; i++) y[i] = x[i]; break;                             \
    }                                                                                              \
  } while (0)

static void unary_bool(const job *j, int64_t begin, int64_t end) {
  const uint8_t *x = j->x->data;
  uint8_t *y = j->y->data, flip = j->function == KERF_UNARY_NOT;
  for (int64_t i = begin; i < end; i++) y[i] = (x[i] != 0) ^ flip;
}

static void unary_range(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  switch (j->x->type) {
  case KERF_BOOL: unary_bool(j, begin, end); break;
  case KERF_U8: UNARY(uint8_t, uint32_t); break;
  case KERF_I8: UNARY(int8_t, uint32_t); break;
  case KERF_U16: UNARY(uint16_t, uint32_t); break;
  case KERF_I16: UNARY(int16_t, uint32_t); break;
  case KERF_U32: UNARY(uint32_t, uint32_t); break;
  case KERF_I32: UNARY(int32_t, uint32_t); break;
  case KERF_U64: UNARY(uint64_t, uint64_t); break;
  default: UNARY(int64_t, uint64_t); break;
  }
}

int kerf_run_unary_int_portable(const kerf_call *c) {
  job j = {c->inputs[0], c->outputs[0], c->attrs[0].i};
  kerf_ranges(c->pool, kerf_elements(j.y), 32768, unary_range, &j);
  return KERF_OK;
}
