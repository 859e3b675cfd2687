#include "scatter.h"

int kerf_scatter_check(const kerf_call *c, int64_t reduction) {
  const kerf_tensor *data = c->inputs[0], *updates = c->inputs[2], *y = c->outputs[0];
  KERF_REQUIRE(data->type == y->type && updates->type == y->type, KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_is_index(c->inputs[1]->type), KERF_BAD_TYPE);
  KERF_REQUIRE(kerf_same_shape(data, y), KERF_BAD_SHAPE);
  KERF_REQUIRE(reduction >= KERF_SCATTER_NONE && reduction <= KERF_SCATTER_MIN, KERF_BAD_ATTR);
  if (reduction != KERF_SCATTER_NONE) {
    bool known = y->type == KERF_F32 || y->type == KERF_F64 || y->type == KERF_I32 || y->type == KERF_I64;
    KERF_REQUIRE(known, KERF_BAD_TYPE);
  }
  return KERF_OK;
}

void kerf_scatter_start(const kerf_call *c) {
  int64_t bytes = kerf_bytes(c->outputs[0]);
  if (bytes > 0 && c->outputs[0]->data != c->inputs[0]->data) {
    memcpy(c->outputs[0]->data, c->inputs[0]->data, (size_t)bytes);
  }
}

// Floats: the sum and product are C's; a NaN on either side of max and min stays NaN, as in numpy.
#define COMBINE(name, T, U)                                                                    \
  static void name(int64_t reduction, T *y, const T *u, int64_t n) {                           \
    for (int64_t i = 0; i < n; i++) {                                                          \
      switch (reduction) {                                                                     \
      case KERF_SCATTER_ADD: y[i] = (T)((U)y[i] + (U)u[i]); break;                             \
      case KERF_SCATTER_MUL: y[i] = (T)((U)y[i] * (U)u[i]); break;                             \
      case KERF_SCATTER_MAX: y[i] = u[i] > y[i] || u[i] != u[i] ? u[i] : y[i]; break;          \
      default: y[i] = u[i] < y[i] || u[i] != u[i] ? u[i] : y[i]; break;                        \
      }                                                                                        \
    }                                                                                          \
  }
COMBINE(combine_f32, float, float)
COMBINE(combine_f64, double, double)
COMBINE(combine_i32, int32_t, uint32_t)
COMBINE(combine_i64, int64_t, uint64_t)

void kerf_scatter_combine(int32_t type, int64_t reduction, void *y, const void *updates, int64_t n) {
  if (reduction == KERF_SCATTER_NONE) {
    memcpy(y, updates, (size_t)(n * kerf_width(type)));
  } else if (type == KERF_F32) {
    combine_f32(reduction, y, updates, n);
  } else if (type == KERF_F64) {
    combine_f64(reduction, y, updates, n);
  } else if (type == KERF_I32) {
    combine_i32(reduction, y, updates, n);
  } else {
    combine_i64(reduction, y, updates, n);
  }
}
