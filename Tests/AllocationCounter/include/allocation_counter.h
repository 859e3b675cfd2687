// Counts the allocations of the calling thread: replaces malloc and its relatives in the test executable.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H
#include <stdint.h>
/// Allocations of this thread so far; -1 in a build that cannot count (sanitizers).
int64_t allocation_count(void);
/// The `countdown`th posix_memalign of this thread from now on (1 is the next) for at least a cache line fails; 0 ends that. Gives 1 where one has
/// failed since the last call.
int32_t allocation_fail_after(int64_t countdown);
#endif
