// The peak that a profile compares with.
#ifndef KERF_PEAK_H
#define KERF_PEAK_H

#include "../core/internal.h"

enum { KERF_PEAK_SUMS = 12 };  // more than latency times throughput of the multiply-add, fewer than there are registers

#endif
