// DynamicQuantizeLinear, for kernels that begin with it.
#ifndef KERF_DYNAMIC_QUANTIZE_H
#define KERF_DYNAMIC_QUANTIZE_H

#include "../quantize/quantize.h"

/// y[n] = codes of x[n] with the scale and zero point of their range.
typedef void (*kerf_dynamic_quantize_fn)(const float *x, int64_t n, uint8_t *y, float *scale, int32_t *zero,
                                         kerf_pool *pool);
void kerf_dynamic_quantize_portable(const float *x, int64_t n, uint8_t *y, float *scale, int32_t *zero,
                                    kerf_pool *pool);
void kerf_dynamic_quantize_avx2(const float *x, int64_t n, uint8_t *y, float *scale, int32_t *zero, kerf_pool *pool);
void kerf_dynamic_quantize_avx512(const float *x, int64_t n, uint8_t *y, float *scale, int32_t *zero,
                                  kerf_pool *pool);

#endif
