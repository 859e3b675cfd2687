// Depthwise 8-bit convolution.
//
// Packed weights: int32 sums [channels rounded up to 16], then blocks of 16 channels; a block is a row of groups of 4
// taps (the last filled with zeros): 64 bytes, for each channel its 4 taps.
#ifndef KERF_DEPTHWISE_U8_H
#define KERF_DEPTHWISE_U8_H

#include "../gemm_u8/gemm_u8.h"

/// Some pixels of the output, and channels first ..< last of them.
typedef struct kerf_dw_strip {
  const uint8_t *const *taps;  // [groups * 4][ld] pixels of x, or of zero points
  int64_t ld, pixels, tap_count, groups, channels;
  int64_t first, last;  // first is a multiple of 64
  const uint8_t *packed;
  const int32_t *bias, *multiplier, *shift;
  const kerf_q8_output *output;
  int32_t x_zero;
  uint8_t *y;       // [pixels][channels]
  int8_t *weights;  // room for groups * 256 bytes, 64-byte aligned
} kerf_dw_strip;

/// Computes a strip, with the table.
typedef void (*kerf_dw_strip_fn)(const kerf_dw_strip *strip);
/// acc[rows][32]: sums of x * w over the taps for up to 16 channels from `channel` on; `count` of them exist.
typedef void (*kerf_dw_sum_fn)(const kerf_dw_strip *s, int64_t pixel, int rows, int64_t channel, int count,
                               int32_t *acc);
/// A strip by a function that sums and the requantization of an instruction set.
void kerf_dw_strip_run(const kerf_dw_strip *s, kerf_dw_sum_fn sum, const kerf_q8_isa *isa);
/// Puts the results of a strip through the table, where there is one.
void kerf_dw_look_up(const kerf_dw_strip *s);
/// Parameters of `count` channels from `channel` on.
void kerf_dw_columns(const kerf_dw_strip *s, int64_t channel, int count, kerf_q8_columns *p);
/// The 64 bytes of a block of 16 channels and a group of taps.
static inline const int8_t *kerf_dw_weights(const kerf_dw_strip *s, int64_t block, int64_t group) {
  return (const int8_t *)s->packed + kerf_ceil_div(s->channels, 16) * 64 + (block * s->groups + group) * 64;
}

/// Packed weights, zero point of x and requantization of a call.
void kerf_dw_read_parameters(const kerf_call *call, kerf_q8 *parameters);
int kerf_run_depthwise_u8(const kerf_call *call, kerf_dw_strip_fn strip);

#endif
