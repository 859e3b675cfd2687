// Epilogues of the 8-bit product for arm64, shared by its instruction sets.
#ifndef KERF_GEMM_U8_NEON_H
#define KERF_GEMM_U8_NEON_H

#include "gemm_u8.h"

void kerf_q8_requantize_neon(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                             const kerf_q8_output *o, uint8_t *y, int64_t ldy);
void kerf_q8_scale_neon(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y, int64_t ldy);
void kerf_q8_add_residual_neon(int rows, int columns, int32_t *acc, const kerf_q8_columns *p, int shift,
                               const uint8_t *residual, int64_t ld);

#endif
