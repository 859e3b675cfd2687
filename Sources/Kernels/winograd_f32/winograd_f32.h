// Float convolution with stride 1 by Winograd's minimal filtering, F(m x m, r x r): a product of C x OC matrices for each
// of the (m + r - 1)^2 positions of a transformed tile instead of sums over r x r taps.
//
// Points: 0, 1, -1 for tiles of 4 positions a side; 0, ±√½, ±√2 for 6 (their powers stay near 1, which keeps roundings
// three times smaller than with 0, ±1, ±2). Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015;
// Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution, 2020.
#ifndef KERF_WINOGRAD_F32_H
#define KERF_WINOGRAD_F32_H

#include "../gemm_f32/gemm_f32.h"

enum { KERF_WINOGRAD_SIDE = 6, KERF_WINOGRAD_OUT = 4 };  // the largest tile, and the most outputs along a side

/// Positions along a side of a transformed tile of `m` outputs a side and `r` taps; 0 where there is no such kernel.
static inline int kerf_winograd_side(int64_t m, int64_t r) {
  return (m == 2 && r == 3) ? 4 : (m == 4 && r == 3) || (m == 2 && r == 5) ? 6 : 0;
}

/// The outputs of one tile and one panel of 16 channels.
typedef struct kerf_winograd_out {
  const float *sums;  // at the panel, of position 0
  int64_t step;       // between positions
  int rows, columns;  // that lie inside y
  int channels;       // of the panel, 1 ... 16
  float *y;           // first output, at the panel
  const float *residual;
  int64_t row, pixel;  // strides of y and the residual
  const kerf_epilogue *epilogue;
  int64_t channel;  // first of the panel
} kerf_winograd_out;

typedef struct kerf_winograd_isa {
  /// Transforms `side` x `side` pixels of `channels` (a multiple of 16) channels; position p goes to v + p * step.
  void (*input)(int side, const float *x, int64_t row, int64_t pixel, int64_t channels, float *v, int64_t step);
  /// Transforms back and finishes m x m outputs; `taps` is the filter's side.
  void (*output)(int m, int taps, const kerf_winograd_out *out);
  const kerf_gemm_isa *gemm;
} kerf_winograd_isa;

int kerf_run_winograd(const kerf_call *call, const kerf_winograd_isa *isa);

#endif
