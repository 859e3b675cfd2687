#include "tensors.h"

#define MAX_PIECES 64
/// Roughly what the work of a grain takes.
#define GRAIN_NANOSECONDS 6000.0

typedef struct ranges {
  kerf_range_fn range;
  void *context;
  int64_t n, piece;
} ranges;

static void run_piece(void *context, int64_t index) {
  const ranges *r = context;
  int64_t begin = index * r->piece;
  int64_t end = begin + r->piece < r->n ? begin + r->piece : r->n;
  if (begin < end) r->range(r->context, begin, end);
}

void kerf_ranges(kerf_pool *pool, int64_t n, int64_t grain, kerf_range_fn range, void *context) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  int64_t pieces = n / grain;
  pool = kerf_pool_worth(pool, (double)pieces * GRAIN_NANOSECONDS);
  if (pieces > MAX_PIECES) pieces = MAX_PIECES;
  if (pieces <= 1 || pool == NULL) {
    range(context, 0, n);
    return;
  }
  ranges r = {range, context, n, (n + pieces - 1) / pieces};
  kerf_parallel(pool, run_piece, &r, (n + r.piece - 1) / r.piece);
}
