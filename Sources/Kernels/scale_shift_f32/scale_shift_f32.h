// y = x * scale[channel] + shift[channel].
#ifndef KERF_SCALE_SHIFT_F32_H
#define KERF_SCALE_SHIFT_F32_H

#include "../unary_f32/unary_f32.h"

/// One row of c channels.
typedef void (*kerf_scale_shift_fn)(const float *x, const float *scale, const float *shift, float *y, int64_t c);
void kerf_scale_shift_portable(const float *x, const float *scale, const float *shift, float *y, int64_t c);
void kerf_scale_shift_avx2(const float *x, const float *scale, const float *shift, float *y, int64_t c);
void kerf_scale_shift_avx512(const float *x, const float *scale, const float *shift, float *y, int64_t c);
void kerf_scale_shift_neon(const float *x, const float *scale, const float *shift, float *y, int64_t c);

int kerf_run_scale_shift(const kerf_call *call, kerf_scale_shift_fn row, kerf_unary_fn unary);

#endif
