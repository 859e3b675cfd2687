#include "allocation_counter.h"

#include <errno.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define CANNOT_COUNT 1
#endif
#endif

#if defined(CANNOT_COUNT) || !defined(__GLIBC__)
int64_t allocation_count(void) { return -1; }
int32_t allocation_fail_after(int64_t countdown) { return (void)countdown, 0; }
#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static __thread int64_t count __attribute__((tls_model("initial-exec")));
static __thread int64_t until_failure __attribute__((tls_model("initial-exec")));
static __thread int32_t has_failed __attribute__((tls_model("initial-exec")));

int64_t allocation_count(void) { return count; }

int32_t allocation_fail_after(int64_t countdown) {
  int32_t before = has_failed;
  until_failure = countdown;
  has_failed = 0;
  return before;
}

void *malloc(size_t size) {
  count++;
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count++;
  return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
  count++;
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  count++;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count++;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  count++;
  // Smaller alignments are those of the Swift runtime, whose allocations must not fail.
  if (alignment >= 64 && until_failure > 0 && --until_failure == 0) {
    has_failed = 1;
    return ENOMEM;
  }
  *memory = __libc_memalign(alignment, size);
  return *memory == NULL ? ENOMEM : 0;
}
#endif
