// Preloaded where the thread sanitizer runs. A `Mutex` of Swift that two threads want at once is taken and left inside the
// Swift library, which is not instrumented, and what one thread did before the other looks like a race. This tells the
// sanitizer.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// Swift's way of calling a method: `self` has a register of its own.
#define SWIFT_METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT_METHOD void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT_METHOD void unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);

// Absent in processes without the sanitizer.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

static void *original(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (!function) abort();
  return function;
}

SWIFT_METHOD void lock_slow(uint32_t thread, SELF void *mutex) {
  ((typeof(&lock_slow))original(LOCK_SLOW))(thread, mutex);
  if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT_METHOD void unlock_slow(SELF void *mutex) {
  if (__tsan_release) __tsan_release(mutex);
  ((typeof(&unlock_slow))original(UNLOCK_SLOW))(mutex);
}
