// Float activations times weights that stay codes of 8 or 4 bits, with a scale and an offset per column and block of k:
// weight = code * scale + offset.
//
// Packed: scales [blocks][columns], offsets the same, then panels of 16 columns; columns are rounded up to 16. A panel of
// 8 bits has per k 16 signed bytes; one of 4 bits per two k 16 bytes, the first k in the lower half, codes 0 ... 15.
#ifndef KERF_GEMM_F32_CODES_H
#define KERF_GEMM_F32_CODES_H

#include "../gemm_f32/gemm_f32.h"

enum { KERF_CODES_ROWS = 4 };

typedef struct kerf_codes {
  int64_t k, n, block, blocks, columns;
  int bits;
  const float *scale, *offset;
  const uint8_t *panels;
} kerf_codes;

typedef struct kerf_codes_isa {
  /// acc[rows][16] = A[rows, k] times the panel at column `column`; sums[rows][blocks] are those of A. Rows up to
  /// KERF_CODES_ROWS.
  void (*product)(const kerf_codes *w, int64_t column, int rows, const float *a, const float *sums, float *acc);
  /// The panel as floats, 16 per k.
  void (*expand)(const kerf_codes *w, int64_t column, float *to);
  const kerf_gemm_isa *gemm;
} kerf_codes_isa;

static inline int64_t kerf_codes_panel_bytes(const kerf_codes *w) {
  return w->bits == 4 ? kerf_ceil_div(w->k, 2) * KERF_PANEL : w->k * KERF_PANEL;
}
/// Sizes from attributes; false when out of range.
bool kerf_codes_sizes(int64_t k, int64_t n, int64_t bits, int64_t block, kerf_codes *w);
int kerf_run_gemm_codes(const kerf_call *call, const kerf_codes_isa *isa);

#endif
