#if defined(__aarch64__)
#include <arm_neon.h>

#include "gemm_u8_neon.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#define UNROLL _Pragma("GCC unroll 64")
#endif
#define INLINE static inline __attribute__((always_inline))

/// Four k, as x - 128 in s8, in the first lane.
INLINE int8x16_t load4(const uint8_t *a) {
  uint32_t v;
  memcpy(&v, a, 4);
  return vreinterpretq_s8_u32(vdupq_n_u32(v ^ 0x80808080));
}

#define STEP(lane)                                                                                      \
  UNROLL                                                                                                \
  for (int q = 0; q < 4; q++) {                                                                         \
    int8x16_t w = vld1q_s8(b + (k + lane) * 64 + q * 16);                                               \
    UNROLL                                                                                              \
    for (int r = 0; r < rows; r++) c[r * 4 + q] = vdotq_laneq_s32(c[r * 4 + q], w, x[r], lane);         \
  }

INLINE void body(const int rows, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int32_t *acc) {
  int32x4_t c[24];
  const uint8x16_t flip = vdupq_n_u8(0x80);
  UNROLL
  for (int i = 0; i < rows * 4; i++) c[i] = vdupq_n_s32(0);
  int64_t k = 0;
  for (; k + 4 <= blocks; k += 4) {
    int8x16_t x[6];
    UNROLL
    for (int r = 0; r < rows; r++) x[r] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(a + r * lda + k * 4), flip));
    STEP(0)
    STEP(1)
    STEP(2)
    STEP(3)
  }
  for (; k < blocks; k++) {
    int8x16_t x[6];
    UNROLL
    for (int r = 0; r < rows; r++) x[r] = load4(a + r * lda + k * 4);
    STEP(0)
  }
  UNROLL
  for (int i = 0; i < rows * 4; i++) vst1q_s32(acc + i / 4 * KERF_Q8_TILE + i % 4 * 4, c[i]);
}

static void tile(int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int64_t stride,
                 int32_t *acc) {
  for (int p = 0; p < panels; p++, b += stride, acc += KERF_Q8_PANEL) {
    switch (rows) {
      case 1: body(1, blocks, a, lda, b, acc); break;
      case 2: body(2, blocks, a, lda, b, acc); break;
      case 3: body(3, blocks, a, lda, b, acc); break;
      case 4: body(4, blocks, a, lda, b, acc); break;
      case 5: body(5, blocks, a, lda, b, acc); break;
      default: body(6, blocks, a, lda, b, acc); break;
    }
  }
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const kerf_q8_isa kerf_q8_dotprod = {
  .rows = 6, .offset = 128, .tile = tile, .requantize = kerf_q8_requantize_neon, .scale = kerf_q8_scale_neon,
  .unary = kerf_unary_neon, .add_residual = kerf_q8_add_residual_neon,
};
#endif
