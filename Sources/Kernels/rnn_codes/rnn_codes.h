// Recurrent weights of 8 bits times rows of floats, which become codes of up to 16 bits, a scale for each row: the
// products are exact integers, and a row's own rounding is far finer than that of the weights.
//
// Packed, per direction: scales f32[gates * pitch], pitch = H rounded up to 16, then panels of 16 columns, gate after gate.
// A panel has per two k 32 bytes: for each column its two weights. Zero padded in k and columns.
#ifndef KERF_RNN_CODES_H
#define KERF_RNN_CODES_H

#include "../gemm_f32/gemm_f32.h"

#define KERF_RNN_CODES_LEAST 1e-30f

typedef struct kerf_rnn_codes {
  /// q[0 ..< 2 * pairs] = codes of x[k], zero behind them, within -limit ... limit. Returns the scale: NaN, with zeros, where
  /// a value is not finite; 0 where all are below KERF_RNN_CODES_LEAST.
  float (*quantize)(int64_t k, int64_t pairs, const float *x, float limit, int16_t *q);
  /// y[m][16 * panels] = (q[m][2 * pairs] * panels) * scale[m] * columns[16 * panels]; ld in elements.
  void (*multiply)(int64_t m, int64_t panels, int64_t pairs, const int16_t *q, const float *scale, const int8_t *b,
                   const float *columns, float *y, int64_t ldy);
} kerf_rnn_codes;

extern const kerf_rnn_codes kerf_rnn_codes_portable, kerf_rnn_codes_avx2, kerf_rnn_codes_avx512, kerf_rnn_codes_neon;

static inline int64_t kerf_rnn_codes_panel(int64_t k) { return kerf_ceil_div(k, 2) * 2 * KERF_PANEL; }
/// Largest code of a row of k so that sums fit 32 bits.
static inline float kerf_rnn_codes_limit(int64_t k) {
  return (float)kerf_max(1, kerf_min(32767, INT32_MAX / (128 * kerf_max(k, 1))));
}

#endif
