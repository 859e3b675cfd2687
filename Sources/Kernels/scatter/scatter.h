// What the two scatter operations share: combining an update with an element.
#ifndef KERF_SCATTER_H
#define KERF_SCATTER_H

#include "../common/tensors.h"

enum { KERF_SCATTER_NONE = 0, KERF_SCATTER_ADD = 1, KERF_SCATTER_MUL = 2, KERF_SCATTER_MAX = 3, KERF_SCATTER_MIN = 4 };

/// Types and attribute: data, updates and y alike; reductions for f32, f64, i32 and i64.
int kerf_scatter_check(const kerf_call *call, int64_t reduction);
/// y[k] = y[k] reduced with updates[k] for `n` elements.
void kerf_scatter_combine(int32_t type, int64_t reduction, void *y, const void *updates, int64_t n);
/// Starts y as a copy of data, unless they are the same memory.
void kerf_scatter_start(const kerf_call *call);

#endif
