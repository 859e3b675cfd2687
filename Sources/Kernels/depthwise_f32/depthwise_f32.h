// Depthwise float convolution: every channel with its own kernel, 16 channels (a panel) at a time.
#ifndef KERF_DEPTHWISE_F32_H
#define KERF_DEPTHWISE_F32_H

#include "../gemm_f32/gemm_f32.h"

/// Neighbouring output pixels of one panel, all of whose taps lie inside the image. Strides are in floats.
typedef struct kerf_depthwise_span {
  const float *x;  // first tap of the first pixel
  int64_t pixel, tap_row, tap_column;
  const float *w;  // first tap
  int64_t w_row;
  int64_t kh, kw;
  const float *bias, *before, *after;  // at the panel; residuals at the first pixel; or NULL
  float *y;
  int64_t y_pixel;
  int channels;  // 1 ... 16
  const kerf_act *act;
} kerf_depthwise_span;

typedef void (*kerf_depthwise_fn)(const kerf_depthwise_span *span, int64_t pixels);

int kerf_run_depthwise(const kerf_call *call, kerf_depthwise_fn span);

#endif
