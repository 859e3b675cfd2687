#include "depthwise_u8.h"

static void sum(const kerf_dw_strip *s, int64_t pixel, int rows, int64_t channel, int count, int32_t *acc) {
  for (int r = 0; r < rows; r++, acc += KERF_Q8_TILE) {
    const uint8_t *const *taps = s->taps + pixel + r;
    uint32_t sums[16] = {0};
    for (int64_t g = 0; g < s->groups; g++, taps += 4 * s->ld) {
      const int8_t *w = kerf_dw_weights(s, channel / 16, g);
      for (int t = 0; t < 4; t++) {
        const uint8_t *x = taps[t * s->ld] + channel;
        for (int i = 0; i < count; i++) sums[i] += (uint32_t)(x[i] * w[i * 4 + t]);
      }
    }
    memcpy(acc, sums, sizeof sums);
  }
}

static void strip(const kerf_dw_strip *s) { kerf_dw_strip_run(s, sum, &kerf_q8_portable); }

int kerf_run_depthwise_u8_u8_portable(const kerf_call *c) { return kerf_run_depthwise_u8(c, strip); }
