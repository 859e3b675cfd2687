// Parts of the scratch that running tasks borrow: as many as tasks can run at once, so that one is always free.
#ifndef KERF_COMMON_SLOTS_H
#define KERF_COMMON_SLOTS_H

#include "tensors.h"

enum { KERF_SLOTS = 32 };

/// Takes the first free slot of a mask of those in use.
KERF_HELPER int kerf_take_slot(uint32_t *mask) {
  uint32_t taken = __atomic_load_n(mask, __ATOMIC_RELAXED);
  for (;;) {
    int slot = __builtin_ctz(~taken);
    uint32_t wanted = taken | 1u << slot;
    if (__atomic_compare_exchange_n(mask, &taken, wanted, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return slot;
  }
}

KERF_HELPER void kerf_give_slot(uint32_t *mask, int slot) {
  __atomic_fetch_and(mask, ~((uint32_t)1 << slot), __ATOMIC_RELEASE);
}

#endif
