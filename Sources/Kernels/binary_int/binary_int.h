// Row functions of BINARY_INT, one per element type: y[i] = f(a[i * sa], b[i * sb]).
#ifndef KERF_BINARY_INT_H
#define KERF_BINARY_INT_H

#include "../common/tensors.h"

typedef struct kerf_binary_row {
  int64_t function, sa, sb;
  kerf_status *status;
} kerf_binary_row;

#define KERF_BINARY_ROW(name, T) \
  void name(const kerf_binary_row *r, const T *a, const T *b, T *y, int64_t n);
KERF_BINARY_ROW(kerf_binary_u8, uint8_t)
KERF_BINARY_ROW(kerf_binary_i8, int8_t)
KERF_BINARY_ROW(kerf_binary_u16, uint16_t)
KERF_BINARY_ROW(kerf_binary_i16, int16_t)
KERF_BINARY_ROW(kerf_binary_u32, uint32_t)
KERF_BINARY_ROW(kerf_binary_i32, int32_t)
KERF_BINARY_ROW(kerf_binary_u64, uint64_t)
KERF_BINARY_ROW(kerf_binary_i64, int64_t)
KERF_BINARY_ROW(kerf_binary_f64, double)
#undef KERF_BINARY_ROW

#endif
