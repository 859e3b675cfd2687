// Square tiles of 16 bytes a side, transposed in registers by rounds of interleaving.
#ifndef KERF_TRANSPOSE_TILES_H
#define KERF_TRANSPOSE_TILES_H

#include "../common/tensors.h"

typedef uint8_t kerf_u8x16 __attribute__((vector_size(16)));
typedef uint16_t kerf_u16x8 __attribute__((vector_size(16)));
typedef uint32_t kerf_u32x4 __attribute__((vector_size(16)));

#define KERF_LO16(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define KERF_HI16(a, b) \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define KERF_LO8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define KERF_HI8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define KERF_LO4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define KERF_HI4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)

/// y[p][j] = x[j][p] for one SIDE x SIDE tile; strides in elements.
#define KERF_TILE(name, T, V, SIDE, ROUNDS, LO, HI)                                            \
  KERF_INLINE void name(const T *x, int64_t sx, T *y, int64_t sy) {                            \
    V a[SIDE], b[SIDE];                                                                        \
    for (int i = 0; i < SIDE; i++) memcpy(&a[i], x + i * sx, 16);                              \
    for (int round = 0; round < ROUNDS; round++) {                                             \
      for (int i = 0; i < SIDE / 2; i++) {                                                     \
        b[2 * i] = LO(a[i], a[i + SIDE / 2]);                                                  \
        b[2 * i + 1] = HI(a[i], a[i + SIDE / 2]);                                              \
      }                                                                                        \
      for (int i = 0; i < SIDE; i++) a[i] = b[i];                                              \
    }                                                                                          \
    for (int i = 0; i < SIDE; i++) memcpy(y + i * sy, &a[i], 16);                              \
  }
KERF_TILE(kerf_tile_u8, uint8_t, kerf_u8x16, 16, 4, KERF_LO16, KERF_HI16)
KERF_TILE(kerf_tile_u16, uint16_t, kerf_u16x8, 8, 3, KERF_LO8, KERF_HI8)
KERF_TILE(kerf_tile_u32, uint32_t, kerf_u32x4, 4, 2, KERF_LO4, KERF_HI4)

#endif
