#if defined(__aarch64__)
#include <arm_neon.h>

#include "gemm_u8_neon.h"

KERF_NO_CONTRACT

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif
#define INLINE static inline __attribute__((always_inline))

/// x - 128 as s8: a product of two s8 fits 16 bits, and pairs of products are added into 32. c[r][q] holds two partial
/// sums for each of the columns 2q and 2q + 1.
INLINE void body(const int rows, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int32_t *acc) {
  int32x4_t c[16];
  UNROLL
  for (int i = 0; i < rows * 8; i++) c[i] = vdupq_n_s32(0);
  for (int64_t k = 0; k < blocks; k++) {
    int8x8_t x[2];
    UNROLL
    for (int r = 0; r < rows; r++) {
      uint32_t v;
      memcpy(&v, a + r * lda + k * 4, 4);
      x[r] = vreinterpret_s8_u32(vdup_n_u32(v ^ 0x80808080));
    }
    UNROLL
    for (int q = 0; q < 4; q++) {
      int8x16_t w = vld1q_s8(b + k * 64 + q * 16);
      UNROLL
      for (int r = 0; r < rows; r++) {
        int32x4_t *at = c + r * 8 + q * 2;
        at[0] = vpadalq_s16(at[0], vmull_s8(vget_low_s8(w), x[r]));
        at[1] = vpadalq_s16(at[1], vmull_s8(vget_high_s8(w), x[r]));
      }
    }
  }
  UNROLL
  for (int i = 0; i < rows * 8; i += 2) {
    vst1q_s32(acc + i / 8 * KERF_Q8_TILE + i % 8 * 2, vpaddq_s32(c[i], c[i + 1]));
  }
}

static void tile(int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int64_t stride,
                 int32_t *acc) {
  for (int p = 0; p < panels; p++, b += stride, acc += KERF_Q8_PANEL) {
    if (rows == 2) body(2, blocks, a, lda, b, acc);
    else body(1, blocks, a, lda, b, acc);
  }
}

/// Four columns: a rounding shift to the right is a negative one to the left; the narrowing saturates, which changes
/// nothing behind the clamp.
INLINE int32x4_t requantize4(int32x4_t acc, int32x4_t multiplier, int64x2_t low, int64x2_t high,
                             const kerf_q8_output *o) {
  int64x2_t a = vrshlq_s64(vmull_s32(vget_low_s32(acc), vget_low_s32(multiplier)), low);
  int64x2_t b = vrshlq_s64(vmull_high_s32(acc, multiplier), high);
  int32x4_t y = vqaddq_s32(vcombine_s32(vqmovn_s64(a), vqmovn_s64(b)), vdupq_n_s32(o->y_zero));
  return vminq_s32(vmaxq_s32(y, vdupq_n_s32(o->y_min)), vdupq_n_s32(o->y_max));
}

void kerf_q8_requantize_neon(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                             const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  for (int at = 0; at < columns; at += 4) {
    const int32x4_t init = vld1q_s32(p->init + at), multiplier = vld1q_s32(p->multiplier + at);
    const int32x4_t shift = vnegq_s32(vld1q_s32(p->shift + at));
    const int64x2_t low = vmovl_s32(vget_low_s32(shift)), high = vmovl_high_s32(shift);
    const int n = columns - at < 4 ? columns - at : 4;
    for (int r = 0; r < rows; r++) {
      int32x4_t sum = vaddq_s32(vld1q_s32(acc + r * KERF_Q8_TILE + at), init);
      uint16x4_t words = vqmovun_s32(requantize4(sum, multiplier, low, high, o));
      uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vqmovn_u16(vcombine_u16(words, words))), 0);
      if (n == 4) memcpy(y + r * ldy + at, &bytes, 4);
      else memcpy(y + r * ldy + at, &bytes, (size_t)n);
    }
  }
}

void kerf_q8_scale_neon(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y, int64_t ldy) {
  for (int at = 0; at < columns; at += 4) {
    const int32x4_t init = vld1q_s32(p->init + at);
    const float32x4_t factor = vld1q_f32(p->scale + at), bias = vld1q_f32(p->bias + at);
    const int n = columns - at < 4 ? columns - at : 4;
    for (int r = 0; r < rows; r++) {
      int32x4_t sum = vaddq_s32(vld1q_s32(acc + r * KERF_Q8_TILE + at), init);
      float32x4_t product = vmulq_f32(vcvtq_f32_s32(sum), factor);
      float32x4_t out = vaddq_f32(product, bias);
      if (n == 4) vst1q_f32(y + r * ldy + at, out);
      else memcpy(y + r * ldy + at, &out, (size_t)n * sizeof(float));
    }
  }
}

void kerf_q8_add_residual_neon(int rows, int columns, int32_t *acc, const kerf_q8_columns *p, int shift,
                               const uint8_t *residual, int64_t ld) {
  const int whole = columns / 8 * 8;
  const int32x4_t left = vdupq_n_s32(shift);
  for (int r = 0; r < rows; r++, acc += KERF_Q8_TILE, residual += ld) {
    for (int at = 0; at < whole; at += 8) {
      const int16x8_t codes = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(residual + at)));
      const int32x4_t low = vshlq_s32(vld1q_s32(acc + at), left), high = vshlq_s32(vld1q_s32(acc + at + 4), left);
      vst1q_s32(acc + at, vmlaq_s32(low, vmovl_s16(vget_low_s16(codes)), vld1q_s32(p->factor + at)));
      vst1q_s32(acc + at + 4, vmlaq_s32(high, vmovl_s16(vget_high_s16(codes)), vld1q_s32(p->factor + at + 4)));
    }
    for (int c = whole; c < columns; c++) {
      acc[c] = (int32_t)(((uint32_t)acc[c] << shift) + (uint32_t)p->factor[c] * residual[c]);
    }
  }
}

const kerf_q8_isa kerf_q8_neon = {
  .rows = 2, .offset = 128, .tile = tile, .requantize = kerf_q8_requantize_neon, .scale = kerf_q8_scale_neon,
  .unary = kerf_unary_neon, .add_residual = kerf_q8_add_residual_neon,
};
#endif
