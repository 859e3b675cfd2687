#if defined(__aarch64__)
#include <arm_neon.h>

#include "depthwise_u8.h"

static inline __attribute__((always_inline)) uint8x16_t load(const uint8_t *x, int count) {
  if (count == 16) return vld1q_u8(x);
  uint8_t bytes[16] = {0};
  memcpy(bytes, x, (size_t)count);
  return vld1q_u8(bytes);
}

static void sum(const kerf_dw_strip *s, int64_t pixel, int rows, int64_t channel, int count, int32_t *acc) {
  for (int r = 0; r < rows; r++, acc += KERF_Q8_TILE) {
    const uint8_t *const *taps = s->taps + pixel + r;
    const int8_t *weights = kerf_dw_weights(s, channel / 16, 0);
    int32x4_t c0 = vdupq_n_s32(0), c1 = c0, c2 = c0, c3 = c0;
    for (int64_t g = 0; g < s->groups; g++, taps += 4 * s->ld, weights += 64) {
      const int8x16x4_t w = vld4q_s8(weights);
      for (int t = 0; t < 4; t++) {
        const uint8x16_t x = load(taps[t * s->ld] + channel, count);
        const int16x8_t x_low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(x)));
        const int16x8_t x_high = vreinterpretq_s16_u16(vmovl_high_u8(x));
        const int16x8_t w_low = vmovl_s8(vget_low_s8(w.val[t])), w_high = vmovl_high_s8(w.val[t]);
        c0 = vmlal_s16(c0, vget_low_s16(x_low), vget_low_s16(w_low));
        c1 = vmlal_high_s16(c1, x_low, w_low);
        c2 = vmlal_s16(c2, vget_low_s16(x_high), vget_low_s16(w_high));
        c3 = vmlal_high_s16(c3, x_high, w_high);
      }
    }
    vst1q_s32(acc, c0);
    vst1q_s32(acc + 4, c1);
    vst1q_s32(acc + 8, c2);
    vst1q_s32(acc + 12, c3);
  }
}

static void strip(const kerf_dw_strip *s) { kerf_dw_strip_run(s, sum, &kerf_q8_neon); }

int kerf_run_depthwise_u8_u8_neon(const kerf_call *c) { return kerf_run_depthwise_u8(c, strip); }
#endif
