// Scratch of one direction of a recurrent operation.
#ifndef KERF_RECURRENT_SCRATCH_H
#define KERF_RECURRENT_SCRATCH_H

#include "recurrent.h"

typedef struct kerf_recurrent_sizes {
  int64_t chunk;  // steps whose inputs are multiplied with W at a time
  uint64_t inputs, products, bias, row, gemm, codes, scales, total;  // bytes; `bias` twice, `row` three times: h, c, extra
} kerf_recurrent_sizes;

kerf_recurrent_sizes kerf_recurrent_scratch(const kerf_recurrent *r, bool codes);
/// Reads and checks attributes and x's shape.
int kerf_read_recurrent(const kerf_call *call, const kerf_recurrent_layout *layout, kerf_recurrent *r);

#endif
