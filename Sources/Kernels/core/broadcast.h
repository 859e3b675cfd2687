// Walking over two broadcast operands, with as few dimensions as possible.
#ifndef KERF_BROADCAST_H
#define KERF_BROADCAST_H

#include "internal.h"

/// dims[0 ..< rank] of the result, and how far each operand steps along them, in elements: 0 where it is repeated.
/// rank is at least 1; the last dimension of an operand that is not repeated there is contiguous.
typedef struct kerf_broadcast {
  int rank;
  int64_t dims[KERF_MAX_RANK], a[KERF_MAX_RANK], b[KERF_MAX_RANK];
} kerf_broadcast;

/// Of shapes that kerf_check_broadcast accepted; neighbouring dimensions that walk alike are joined.
void kerf_plan_broadcast(const kerf_tensor *a, const kerf_tensor *b, const kerf_tensor *y, kerf_broadcast *plan);
/// Where row `row` (an index over all dimensions but the last) begins in a and b.
void kerf_broadcast_row(const kerf_broadcast *plan, int64_t row, int64_t *a, int64_t *b);

#endif
