// COMPARE: a, b (broadcast), any -> bool; function(i, KERF_COMPARE_...) (ONNX Equal, Less, LessOrEqual, Greater,
// GreaterOrEqual). NaN is unordered; bool compares as 0 and 1.
#include "../common/half.h"
#include "../common/nest.h"

int kerf_prepare_compare(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 2, 2, 1, 1));
  *scratch = 0;
  const kerf_tensor *a = c->inputs[0], *b = c->inputs[1], *y = c->outputs[0];
  KERF_REQUIRE(a->type == b->type && y->type == KERF_BOOL, KERF_BAD_TYPE);
  KERF_TRY(kerf_check_range(c, 0, KERF_COMPARE_EQUAL, KERF_COMPARE_NOT_EQUAL));
  return kerf_check_broadcast(a, b, y);
}

typedef struct job {
  const void *a, *b;
  uint8_t *y;
  int64_t function, sa, sb;
  int32_t type;
} job;

#define LOOP(T, GET, op)                                                                                 \
  do {                                                                                                   \
    const T *a = (const T *)j->a + x[0], *b = (const T *)j->b + x[1];                                    \
    uint8_t *to = j->y + y;                                                                              \
    if (j->sa == 1 && j->sb == 1) for (int64_t i = 0; i < n; i++) to[i] = GET(a[i]) op GET(b[i]);        \
    else if (j->sa == 1) for (int64_t i = 0; i < n; i++) to[i] = GET(a[i]) op GET(*b);                   \
    else for (int64_t i = 0; i < n; i++) to[i] = GET(a[i * j->sa]) op GET(b[i * j->sb]);                 \
  } while (0)

#define ROW(name, T, GET)                                                                      \
  static void name(const job *j, int64_t y, const int64_t *x, int64_t n) {                     \
    switch (j->function) {                                                                     \
    case KERF_COMPARE_EQUAL: LOOP(T, GET, ==); break;                                          \
    case KERF_COMPARE_LESS: LOOP(T, GET, <); break;                                            \
    case KERF_COMPARE_LESS_OR_EQUAL: LOOP(T, GET, <=); break;                                  \
    case KERF_COMPARE_GREATER: LOOP(T, GET, >); break;                                         \
    case KERF_COMPARE_GREATER_OR_EQUAL: LOOP(T, GET, >=); break;                               \
    default: LOOP(T, GET, !=); break;                                                          \
    }                                                                                          \
  }
#define AS_IS(v) (v)
#define AS_BOOL(v) ((v) != 0)
ROW(row_f32, float, AS_IS)
ROW(row_f64, double, AS_IS)
ROW(row_u8, uint8_t, AS_IS)
ROW(row_i8, int8_t, AS_IS)
ROW(row_u16, uint16_t, AS_IS)
ROW(row_i16, int16_t, AS_IS)
ROW(row_u32, uint32_t, AS_IS)
ROW(row_i32, int32_t, AS_IS)
ROW(row_u64, uint64_t, AS_IS)
ROW(row_i64, int64_t, AS_IS)
ROW(row_bool, uint8_t, AS_BOOL)
ROW(row_f16, uint16_t, kerf_from_f16)
ROW(row_bf16, uint16_t, kerf_from_bf16)

static void compare_row(void *context, int64_t y, const int64_t *x, int64_t n) {
  const job *j = context;
  switch (j->type) {
  case KERF_F32: row_f32(j, y, x, n); break;
  case KERF_F64: row_f64(j, y, x, n); break;
  case KERF_U8: row_u8(j, y, x, n); break;
  case KERF_I8: row_i8(j, y, x, n); break;
  case KERF_U16: row_u16(j, y, x, n); break;
  case KERF_I16: row_i16(j, y, x, n); break;
  case KERF_U32: row_u32(j, y, x, n); break;
  case KERF_I32: row_i32(j, y, x, n); break;
  case KERF_U64: row_u64(j, y, x, n); break;
  case KERF_I64: row_i64(j, y, x, n); break;
  case KERF_F16: row_f16(j, y, x, n); break;
  case KERF_BF16: row_bf16(j, y, x, n); break;
  default: row_bool(j, y, x, n); break;
  }
}

int kerf_run_compare_portable(const kerf_call *c) {
  const kerf_tensor *y = c->outputs[0];
  kerf_nest nest;
  int last = kerf_nest_broadcast(&nest, c, 2);
  job j = {c->inputs[0]->data, c->inputs[1]->data, y->data, c->attrs[0].i,
           nest.strides[0][last], nest.strides[1][last], c->inputs[0]->type};
  kerf_nest_run(&nest, c->pool, 32768, compare_row, &j);
  return KERF_OK;
}
