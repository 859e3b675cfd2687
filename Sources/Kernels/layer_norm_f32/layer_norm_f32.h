// Layer normalization and RMS normalization of contiguous rows.
#ifndef KERF_LAYER_NORM_F32_H
#define KERF_LAYER_NORM_F32_H

#include "../core/internal.h"

/// One row: y = (x - mean) / sqrt(variance + epsilon) * scale + bias; with `rms` the mean counts as 0. scale and bias
/// may be NULL. Returns the mean and the inverse standard deviation.
typedef void (*kerf_layer_norm_fn)(const float *x, const float *scale, const float *bias, float *y, int64_t n,
                                   float epsilon, int rms, float *mean, float *inv_std);

int kerf_run_layer_norm(const kerf_call *call, kerf_layer_norm_fn row);

#endif
