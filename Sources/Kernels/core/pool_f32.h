// Float pooling: what max and average pooling share.
#ifndef KERF_POOL_F32_H
#define KERF_POOL_F32_H

#include "internal.h"

/// One output pixel: over kh x kw taps inside the image (steps in floats) the maximum, or the sum times `scale`.
typedef void (*kerf_pool_fn)(const float *x, int64_t kh, int64_t kw, int64_t row, int64_t column, int64_t c,
                             float scale, float *y);

int kerf_prepare_pool(const kerf_call *call, bool average);
/// `average`: attribute 10 says whether padding counts.
int kerf_run_pool(const kerf_call *call, bool average, kerf_pool_fn pixel);

#endif
