#include "gemm_u8.h"

KERF_NO_CONTRACT

// Sums wrap, as in the vector kernels.
static void tile(int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int64_t stride,
                 int32_t *acc) {
  for (int r = 0; r < rows; r++) {
    for (int p = 0; p < panels; p++) {
      uint32_t sums[KERF_Q8_PANEL] = {0};
      for (int64_t k = 0; k < blocks; k++) {
        const uint8_t *x = a + r * lda + k * 4;
        const int8_t *w = b + p * stride + k * 64;
        for (int c = 0; c < KERF_Q8_PANEL; c++, w += 4) {
          sums[c] += (uint32_t)(x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3]);
        }
      }
      memcpy(acc + r * KERF_Q8_TILE + p * KERF_Q8_PANEL, sums, sizeof sums);
    }
  }
}

void kerf_q8_requantize_portable(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                                 const kerf_q8_output *o, uint8_t *y, int64_t ldy) {
  for (int r = 0; r < rows; r++, acc += KERF_Q8_TILE, y += ldy) {
    for (int c = 0; c < columns; c++) {
      int32_t sum = (int32_t)((uint32_t)acc[c] + (uint32_t)p->init[c]);
      y[c] = kerf_requantize(sum, p->multiplier[c], p->shift[c], o->y_zero, o->y_min, o->y_max);
    }
  }
}

void kerf_q8_scale_portable(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y,
                            int64_t ldy) {
  for (int r = 0; r < rows; r++, acc += KERF_Q8_TILE, y += ldy) {
    for (int c = 0; c < columns; c++) {
      float product = (float)(int32_t)((uint32_t)acc[c] + (uint32_t)p->init[c]) * p->scale[c];
      y[c] = product + p->bias[c];
    }
  }
}

void kerf_q8_add_residual_portable(int rows, int columns, int32_t *acc, const kerf_q8_columns *p, int shift,
                                   const uint8_t *residual, int64_t ld) {
  for (int r = 0; r < rows; r++, acc += KERF_Q8_TILE, residual += ld) {
    for (int c = 0; c < columns; c++) {
      acc[c] = (int32_t)(((uint32_t)acc[c] << shift) + (uint32_t)p->factor[c] * residual[c]);
    }
  }
}

const kerf_q8_isa kerf_q8_portable = {
  .rows = 4, .tile = tile, .requantize = kerf_q8_requantize_portable, .scale = kerf_q8_scale_portable,
  .unary = kerf_unary_portable, .add_residual = kerf_q8_add_residual_portable,
};
