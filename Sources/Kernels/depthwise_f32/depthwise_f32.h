// Depthwise float convolution: every channel with its own kernel, 16 channels (a panel) at a time.
#ifndef KERF_DEPTHWISE_F32_H
#define KERF_DEPTHWISE_F32_H

#include "../gemm_f32/gemm_f32.h"

/// Neighbouring output pixels of one panel, or neighbouring panels of one pixel; all taps lie inside the image. Strides
/// are in floats.
typedef struct kerf_depthwise_span {
  const float *x;  // first tap of the first pixel
  int64_t pixel, tap_row, tap_column;
  const float *w;  // first tap
  int64_t w_row, w_panel;
  int64_t kh, kw;
  const float *bias, *before, *after;  // at the panel; residuals at the first pixel; or NULL
  float *y;
  int64_t y_pixel;
  int channels;  // 1 ... 16
  const kerf_act *act;
} kerf_depthwise_span;

enum { KERF_DEPTHWISE_MOST = 8 };

/// At most 8 neighbouring output pixels of all channels, for windows of 3 or 5 columns without dilation, 1 or 2 apart, of
/// which each has a column inside the image.
typedef struct kerf_depthwise_line {
  const float *x;       // the image row of the first tap that lies inside, column 0
  int64_t column;       // of the first window's first tap; may be negative
  int64_t pixel, y_pixel;  // floats between pixels of x, and of y
  int64_t tap_row;      // floats between the rows of taps
  int64_t rows;         // of taps that lie inside
  int begin, end;       // columns from `column` on that lie inside
  const float *w;       // first panel, first row of taps that lies inside
  int64_t w_panel;
  const float *bias, *before, *after;  // channel 0; residuals at the first pixel; or NULL
  float *y;
  int64_t channels;
  const kerf_act *act;
} kerf_depthwise_line;

typedef struct kerf_depthwise_isa {
  void (*span)(const kerf_depthwise_span *span, int64_t pixels);    // of one panel
  void (*across)(const kerf_depthwise_span *span, int64_t panels);  // whole panels of one pixel
  void (*line)(int kw, int step, int pixels, const kerf_depthwise_line *line);
} kerf_depthwise_isa;

int kerf_run_depthwise(const kerf_call *call, const kerf_depthwise_isa *isa);

#endif
