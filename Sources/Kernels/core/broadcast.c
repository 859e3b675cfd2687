// Broadcast plans: see broadcast.h.
#include "broadcast.h"

/// The dimension of t that stands under y's dimension i, 1 where t has none.
static int64_t aligned(const kerf_tensor *t, int rank, int i) {
  const int at = i - (rank - t->rank);
  return at < 0 ? 1 : t->dims[at];
}

void kerf_plan_broadcast(const kerf_tensor *a, const kerf_tensor *b, const kerf_tensor *y, kerf_broadcast *plan) {
  // Built from the last dimension to the first, then reversed.
  kerf_broadcast p = {.rank = 0};
  int64_t step_a = 1, step_b = 1;
  for (int i = y->rank - 1; i >= 0; i--) {
    const int64_t n = y->dims[i], da = aligned(a, y->rank, i), db = aligned(b, y->rank, i);
    if (n == 1) continue;
    const int64_t sa = da == 1 ? 0 : step_a, sb = db == 1 ? 0 : step_b;
    step_a *= da, step_b *= db;
    const int last = p.rank - 1;
    if (last >= 0 && sa == p.a[last] * p.dims[last] && sb == p.b[last] * p.dims[last]) {
      p.dims[last] *= n;
    } else {
      p.dims[p.rank] = n, p.a[p.rank] = sa, p.b[p.rank] = sb;
      p.rank++;
    }
  }
  if (p.rank == 0) p.rank = 1, p.dims[0] = 1, p.a[0] = 1, p.b[0] = 1;
  plan->rank = p.rank;
  for (int i = 0; i < p.rank; i++) {
    const int from = p.rank - 1 - i;
    plan->dims[i] = p.dims[from], plan->a[i] = p.a[from], plan->b[i] = p.b[from];
  }
}

void kerf_broadcast_row(const kerf_broadcast *plan, int64_t row, int64_t *a, int64_t *b) {
  *a = *b = 0;
  for (int i = plan->rank - 2; i >= 0; i--) {
    const int64_t at = row % plan->dims[i];
    row /= plan->dims[i];
    *a += at * plan->a[i];
    *b += at * plan->b[i];
  }
}
