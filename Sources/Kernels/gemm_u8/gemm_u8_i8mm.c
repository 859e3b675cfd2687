#if defined(__aarch64__)
#include <arm_neon.h>

#include "gemm_u8_neon.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("i8mm"))), apply_to = function)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+i8mm")
#define UNROLL _Pragma("GCC unroll 64")
#endif
#define INLINE static inline __attribute__((always_inline))

/// Eight k of two rows, as x - 128 in s8; the second four are zero when `half`.
INLINE int8x16_t load_rows(const uint8_t *a, const uint8_t *b, bool half) {
  uint64_t v[2] = {0, 0};
  memcpy(v, a, half ? 4 : 8);
  memcpy(v + 1, b, half ? 4 : 8);
  return vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_u64(vld1q_u64(v)), vdupq_n_u8(0x80)));
}

/// Two blocks of four k (or one, and zeros) times pairs of rows. c[p][j] holds rows 2p and 2p + 1 of columns 2j and 2j + 1.
INLINE void step(const int pairs, bool half, const uint8_t *const *rows, int64_t at, const int8_t *b, int32x4_t *c) {
  int8x16_t x[4];
  UNROLL
  for (int p = 0; p < pairs; p++) x[p] = load_rows(rows[2 * p] + at, rows[2 * p + 1] + at, half);
  UNROLL
  for (int q = 0; q < 4; q++) {
    const int32x4_t low = vreinterpretq_s32_s8(vld1q_s8(b + q * 16));
    const int32x4_t high = half ? vdupq_n_s32(0) : vreinterpretq_s32_s8(vld1q_s8(b + 64 + q * 16));
    const int8x16_t w0 = vreinterpretq_s8_s32(vzip1q_s32(low, high)), w1 = vreinterpretq_s8_s32(vzip2q_s32(low, high));
    UNROLL
    for (int p = 0; p < pairs; p++) {
      c[p * 8 + 2 * q] = vmmlaq_s32(c[p * 8 + 2 * q], x[p], w0);
      c[p * 8 + 2 * q + 1] = vmmlaq_s32(c[p * 8 + 2 * q + 1], x[p], w1);
    }
  }
}

/// Up to 2 * pairs rows; of an odd count the last row is its own partner, whose sums are dropped.
INLINE void body(const int pairs, int count, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b,
                 int32_t *acc) {
  const uint8_t *rows[8];
  int32x4_t c[24];
  UNROLL
  for (int r = 0; r < 2 * pairs; r++) rows[r] = a + (r < count ? r : count - 1) * lda;
  UNROLL
  for (int i = 0; i < pairs * 8; i++) c[i] = vdupq_n_s32(0);
  int64_t k = 0;
  for (; k + 2 <= blocks; k += 2) step(pairs, false, rows, k * 4, b + k * 64, c);
  if (k < blocks) step(pairs, true, rows, k * 4, b + k * 64, c);
  for (int p = 0; p < pairs; p++)
    for (int j = 0; j < 8; j++) {
      vst1_s32(acc + 2 * p * KERF_Q8_TILE + 2 * j, vget_low_s32(c[p * 8 + j]));
      if (2 * p + 1 < count) vst1_s32(acc + (2 * p + 1) * KERF_Q8_TILE + 2 * j, vget_high_s32(c[p * 8 + j]));
    }
}

static void tile(int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int64_t stride,
                 int32_t *acc) {
  for (int p = 0; p < panels; p++, b += stride, acc += KERF_Q8_PANEL) {
    switch ((rows + 1) / 2) {
      case 1: body(1, rows, blocks, a, lda, b, acc); break;
      case 2: body(2, rows, blocks, a, lda, b, acc); break;
      default: body(3, rows, blocks, a, lda, b, acc); break;
    }
  }
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const kerf_q8_isa kerf_q8_i8mm = {
  .rows = 6, .offset = 128, .tile = tile, .requantize = kerf_q8_requantize_neon, .scale = kerf_q8_scale_neon,
  .unary = kerf_unary_neon, .add_residual = kerf_q8_add_residual_neon,
};
#endif
