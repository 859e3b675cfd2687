// Group and instance normalization, channels last.
#ifndef KERF_GROUP_NORM_F32_H
#define KERF_GROUP_NORM_F32_H

#include "../scale_shift_f32/scale_shift_f32.h"

/// sums[c] = sum over rows of x[row, c] - shift[c] (shift NULL: 0), or of its square.
typedef void (*kerf_channel_sums_fn)(const float *x, const float *shift, int square, int64_t rows, int64_t c,
                                     float *sums);

int kerf_run_group_norm(const kerf_call *call, kerf_channel_sums_fn sums, kerf_scale_shift_fn row, kerf_unary_fn unary);

#endif
