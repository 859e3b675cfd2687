// CAST: x -> y of the same shape, any to any of the numbered types (ONNX Cast, CastLike).
//
// Float to integer truncates and saturates, NaN to 0; integer to integer wraps; anything but zero is true; to a float
// rounds half to even, once. Frequent pairs have a loop of their own, the others go through blocks of int64 or double.
#include "../common/half.h"
#include "../common/tensors.h"

#define BLOCK 256

int kerf_prepare_cast(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, 0));
  *scratch = 0;
  KERF_REQUIRE(kerf_same_shape(c->inputs[0], c->outputs[0]), KERF_BAD_SHAPE);
  return KERF_OK;
}

static bool is_float(int32_t type) {
  return type == KERF_F32 || type == KERF_F64 || type == KERF_F16 || type == KERF_BF16;
}

#define READ(T, GET) for (int64_t i = 0; i < n; i++) { T v = ((const T *)x)[i]; to[i] = GET; } break
#define WRITE(T, PUT) for (int64_t i = 0; i < n; i++) ((T *)y)[i] = (T)(PUT); break

static void read_ints(int32_t type, const void *x, int64_t *to, int64_t n) {
  switch (type) {
  case KERF_U8: READ(uint8_t, v);
  case KERF_I8: READ(int8_t, v);
  case KERF_U16: READ(uint16_t, v);
  case KERF_I16: READ(int16_t, v);
  case KERF_U32: READ(uint32_t, v);
  case KERF_I32: READ(int32_t, v);
  case KERF_BOOL: READ(uint8_t, v != 0);
  default: READ(int64_t, v);
  }
}

static void write_ints(int32_t type, const int64_t *from, void *y, int64_t n) {
  switch (kerf_width(type)) {
  case 1: WRITE(uint8_t, from[i]);
  case 2: WRITE(uint16_t, from[i]);
  case 4: WRITE(uint32_t, from[i]);
  default: WRITE(uint64_t, from[i]);
  }
}

static void read_floats(int32_t type, const void *x, double *to, int64_t n) {
  switch (type) {
  case KERF_F32: READ(float, v);
  case KERF_F16: READ(uint16_t, kerf_from_f16(v));
  case KERF_BF16: READ(uint16_t, kerf_from_bf16(v));
  default: READ(double, v);
  }
}

static void write_floats(int32_t type, const double *from, void *y, int64_t n) {
  switch (type) {
  case KERF_F32: WRITE(float, from[i]);
  case KERF_F16: WRITE(uint16_t, kerf_to_f16(from[i]));
  case KERF_BF16: WRITE(uint16_t, kerf_to_bf16((float)from[i]));
  default: WRITE(double, from[i]);
  }
}

static double saturated(double v, double low, double high) { return v != v ? 0 : v < low ? low : v > high ? high : v; }

static void floats_to_ints(int32_t type, const double *from, int64_t *to, int64_t n) {
  static const struct { int32_t type; double low, high; } bounds[] = {
    {KERF_U8, 0, UINT8_MAX},   {KERF_I8, INT8_MIN, INT8_MAX},     {KERF_U16, 0, UINT16_MAX},
    {KERF_I16, INT16_MIN, INT16_MAX}, {KERF_U32, 0, UINT32_MAX}, {KERF_I32, INT32_MIN, INT32_MAX},
  };
  for (size_t k = 0; k < sizeof bounds / sizeof bounds[0]; k++) {
    if (bounds[k].type != type) continue;
    for (int64_t i = 0; i < n; i++) to[i] = (int64_t)saturated(from[i], bounds[k].low, bounds[k].high);
    return;
  }
  if (type == KERF_U64) {
    for (int64_t i = 0; i < n; i++) {
      to[i] = from[i] >= 0x1p64 ? -1 : (int64_t)(uint64_t)saturated(from[i], 0, 0x1p64 - 2048);
    }
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    to[i] = from[i] >= 0x1p63 ? INT64_MAX : (int64_t)saturated(from[i], -0x1p63, 0x1p63 - 1024);
  }
}

/// One block between types without a loop of their own.
static void cast_block(int32_t tx, const void *x, int32_t ty, void *y, int64_t n) {
  int64_t ints[BLOCK];
  double floats[BLOCK];
  if (!is_float(tx)) {
    read_ints(tx, x, ints, n);
    if (ty == KERF_BOOL) {
      for (int64_t i = 0; i < n; i++) ((uint8_t *)y)[i] = ints[i] != 0;
    } else if (!is_float(ty)) {
      write_ints(ty, ints, y, n);
    } else if (ty == KERF_F32) {
      if (tx == KERF_U64) for (int64_t i = 0; i < n; i++) ((float *)y)[i] = (float)(uint64_t)ints[i];
      else for (int64_t i = 0; i < n; i++) ((float *)y)[i] = (float)ints[i];
    } else {
      for (int64_t i = 0; i < n; i++) floats[i] = tx == KERF_U64 ? (double)(uint64_t)ints[i] : (double)ints[i];
      write_floats(ty, floats, y, n);
    }
    return;
  }
  read_floats(tx, x, floats, n);
  if (is_float(ty)) {
    write_floats(ty, floats, y, n);
  } else if (ty == KERF_BOOL) {
    for (int64_t i = 0; i < n; i++) ((uint8_t *)y)[i] = floats[i] != 0;
  } else {
    floats_to_ints(ty, floats, ints, n);
    write_ints(ty, ints, y, n);
  }
}

#define DIRECT(X, TX, Y, TY, EXPRESSION)                                    \
  if (tx == X && ty == Y) {                                                 \
    for (int64_t i = 0; i < n; i++) { TX v = ((const TX *)x)[i]; ((TY *)y)[i] = (TY)(EXPRESSION); } \
    return true;                                                            \
  }

static bool cast_direct(int32_t tx, const void *x, int32_t ty, void *y, int64_t n) {
  DIRECT(KERF_U8, uint8_t, KERF_F32, float, v)
  DIRECT(KERF_I8, int8_t, KERF_F32, float, v)
  DIRECT(KERF_I32, int32_t, KERF_F32, float, v)
  DIRECT(KERF_I64, int64_t, KERF_F32, float, v)
  DIRECT(KERF_BOOL, uint8_t, KERF_F32, float, v != 0)
  DIRECT(KERF_F64, double, KERF_F32, float, v)
  DIRECT(KERF_F32, float, KERF_F64, double, v)
  DIRECT(KERF_F16, uint16_t, KERF_F32, float, kerf_from_f16(v))
  DIRECT(KERF_F32, float, KERF_F16, uint16_t, kerf_to_f16(v))
  DIRECT(KERF_BF16, uint16_t, KERF_F32, float, kerf_from_bf16(v))
  DIRECT(KERF_F32, float, KERF_BF16, uint16_t, kerf_to_bf16(v))
  DIRECT(KERF_F32, float, KERF_BOOL, uint8_t, v != 0)
  DIRECT(KERF_F32, float, KERF_U8, uint8_t, (int32_t)(v > 0 ? v < 255 ? v : 255 : 0))
  DIRECT(KERF_F32, float, KERF_I32, int32_t,
         v >= 0x1p31f ? INT32_MAX : v >= -0x1p31f ? (int32_t)v : v != v ? 0 : INT32_MIN)
  DIRECT(KERF_F32, float, KERF_I64, int64_t,
         v >= 0x1p63f ? INT64_MAX : v >= -0x1p63f ? (int64_t)v : v != v ? 0 : INT64_MIN)
  DIRECT(KERF_I64, int64_t, KERF_I32, int32_t, v)
  DIRECT(KERF_I32, int32_t, KERF_I64, int64_t, v)
  return false;
}

typedef struct job {
  const kerf_tensor *x, *y;
} job;

static void cast_range(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  int64_t wx = kerf_width(j->x->type), wy = kerf_width(j->y->type);
  const char *x = j->x->data;
  char *y = j->y->data;
  if (j->x->type == j->y->type) {
    if (x != y) memcpy(y + begin * wy, x + begin * wx, (size_t)((end - begin) * wx));
    return;
  }
  if (cast_direct(j->x->type, x + begin * wx, j->y->type, y + begin * wy, end - begin)) return;
  for (int64_t i = begin; i < end; i += BLOCK) {
    cast_block(j->x->type, x + i * wx, j->y->type, y + i * wy, end - i < BLOCK ? end - i : BLOCK);
  }
}

int kerf_run_cast_portable(const kerf_call *c) {
  job j = {c->inputs[0], c->outputs[0]};
  kerf_ranges(c->pool, kerf_elements(j.y), 32768, cast_range, &j);
  return KERF_OK;
}
