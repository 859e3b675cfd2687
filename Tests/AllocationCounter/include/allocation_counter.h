// Counts the allocations of the calling thread: replaces malloc and its relatives in the test executable.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H
#include <stdint.h>
/// Allocations of this thread so far; -1 in a build that cannot count (sanitizers).
int64_t allocation_count(void);
#endif
