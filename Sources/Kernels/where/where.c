// WHERE: condition bool, a, b (broadcast), any -> y (ONNX Where). y may be a or b when the shapes are equal.
#include "../common/nest.h"

int kerf_prepare_where(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 3, 3, 1, 0));
  *scratch = 0;
  const kerf_tensor *y = c->outputs[0];
  bool types = c->inputs[0]->type == KERF_BOOL && c->inputs[1]->type == y->type && c->inputs[2]->type == y->type;
  KERF_REQUIRE(types, KERF_BAD_TYPE);
  kerf_nest nest;
  kerf_nest_start(&nest, y);
  for (int i = 0; i < 3; i++) KERF_REQUIRE(kerf_nest_add(&nest, c->inputs[i], y), KERF_BAD_SHAPE);
  return KERF_OK;
}

typedef struct job {
  const uint8_t *condition;
  const void *a, *b;
  void *y;
  int64_t width, sc, sa, sb;
} job;

#define SELECT(T)                                                                        \
  do {                                                                                   \
    const T *a = (const T *)j->a + x[1], *b = (const T *)j->b + x[2];                    \
    T *to = (T *)j->y + y;                                                               \
    if (sc == 1 && sa == 1 && sb == 1) {                                                 \
      for (int64_t i = 0; i < n; i++) { T p = a[i], q = b[i]; to[i] = condition[i] ? p : q; } \
    } else if (sc == 1 && sa == 0 && sb == 1) {                                          \
      T p = *a;                                                                          \
      for (int64_t i = 0; i < n; i++) { T q = b[i]; to[i] = condition[i] ? p : q; }      \
    } else if (sc == 1 && sa == 1 && sb == 0) {                                          \
      T q = *b;                                                                          \
      for (int64_t i = 0; i < n; i++) { T p = a[i]; to[i] = condition[i] ? p : q; }      \
    } else {                                                                             \
      for (int64_t i = 0; i < n; i++) to[i] = condition[i * sc] ? a[i * sa] : b[i * sb]; \
    }                                                                                    \
  } while (0)

static void where_row(void *context, int64_t y, const int64_t *x, int64_t n) {
  const job *j = context;
  const uint8_t *condition = j->condition + x[0];
  int64_t sc = j->sc, sa = j->sa, sb = j->sb;
  switch (j->width) {
  case 1: SELECT(uint8_t); break;
  case 2: SELECT(uint16_t); break;
  case 4: SELECT(uint32_t); break;
  default: SELECT(uint64_t); break;
  }
}

int kerf_run_where_portable(const kerf_call *c) {
  const kerf_tensor *y = c->outputs[0];
  kerf_nest nest;
  int last = kerf_nest_broadcast(&nest, c, 3);
  job j = {c->inputs[0]->data, c->inputs[1]->data, c->inputs[2]->data, y->data, kerf_width(y->type),
           nest.strides[0][last], nest.strides[1][last], nest.strides[2][last]};
  kerf_nest_run(&nest, c->pool, 32768, where_row, &j);
  return KERF_OK;
}
