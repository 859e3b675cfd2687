// Float resizing of channels-last images.
#ifndef KERF_RESIZE_F32_H
#define KERF_RESIZE_F32_H

#include "../core/internal.h"

/// What one output position of an axis takes: up to four input positions and their weights.
typedef struct kerf_resize_taps {
  int64_t at[4];
  float weight[4];
} kerf_resize_taps;

typedef struct kerf_resize_isa {
  /// y[i] = sum over rows of weight * rows[k][i].
  void (*blend)(int taps, const float *const *rows, const float *weights, float *y, int64_t n);
  /// y[pixel][channel] = sum over taps of weight * x[at][channel].
  void (*spread)(int taps, const float *x, const kerf_resize_taps *columns, int64_t pixels, int64_t c, float *y);
} kerf_resize_isa;

/// The taps of all output positions of an axis; modes as in kerf_ops.h.
typedef struct kerf_resize_axis {
  int64_t length, size;  // input, output
  double scale;
  int mode, coordinate, nearest;
  double cubic_a;
  bool exclude_outside;
} kerf_resize_axis;
void kerf_resize_fill(const kerf_resize_axis *axis, kerf_resize_taps *taps);

int kerf_run_resize(const kerf_call *call, const kerf_resize_isa *isa);

#endif
