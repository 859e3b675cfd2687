// The 8-bit product on 16-bit operands, for instruction sets whose 8-bit multiply would saturate: rows of A are widened
// once per block of rows, panels of B once per panel and block.
//
// A widened panel is, per 2 k, 16 columns of 2 values.
#ifndef KERF_GEMM_U8_WIDE_H
#define KERF_GEMM_U8_WIDE_H

#include "gemm_u8.h"

enum { KERF_Q16_ROWS = 6 };

/// Transforms of 3x3 convolutions (winograd_u8.h).
typedef struct kerf_q8_winograd kerf_q8_winograd;

struct kerf_q8_wide {
  /// dst[r][i] = a[r][i] for rows of n bytes; n is a multiple of 4.
  void (*widen_rows)(int64_t rows, int64_t n, const uint8_t *a, int64_t lda, int16_t *dst, int64_t ld);
  /// One panel of `blocks` blocks.
  void (*widen_panel)(int64_t blocks, const int8_t *b, int16_t *dst);
  /// acc[r][0 ..< 16] = A[rows, 4 * blocks] * panel, rows 1 ... KERF_Q16_ROWS. acc is [rows][KERF_Q8_TILE].
  void (*tile)(int rows, int64_t blocks, const int16_t *a, int64_t lda, const int16_t *b, int32_t *acc);
  const kerf_q8_winograd *winograd;
};

/// Whether a product of that many rows runs on widened operands: below, widening B costs more than it saves.
static inline bool kerf_q8_is_wide(int64_t m) { return m > 4; }
uint64_t kerf_q8_wide_scratch(int64_t m, int64_t n, int64_t k, int64_t groups, bool filled);
void kerf_q8_run_wide(const kerf_q8 *g, const kerf_q8_isa *isa, void *scratch, kerf_pool *pool);

/// What gemm_u8_blocks.c offers: the zero points' part, the parameters of up to 32 columns, and the epilogue of up to
/// KERF_Q8_MOST_ROWS rows.
///
/// sum (a - za)(b - zb) = sum (a - za) b - zb (sum a - k za): `sums` holds sum a of the rows.
void kerf_q8_correct(const kerf_q8 *g, int rows, const int32_t *sums, int64_t group, int64_t column, int columns,
                     int32_t *acc);
/// sums[r] = the sum of row r of a [rows][k]; k is a multiple of 4.
void kerf_q8_sum_rows(int64_t rows, int64_t k, const uint8_t *a, int64_t lda, int32_t *sums);
void kerf_q8_load_columns(const kerf_q8 *g, const kerf_q8_isa *isa, int64_t group, int64_t column, int columns,
                          kerf_q8_columns *p);
void kerf_q8_store(const kerf_q8 *g, const kerf_q8_isa *isa, int rows, int columns, int32_t *acc,
                   const kerf_q8_columns *p, int64_t row, int64_t column);

#endif
