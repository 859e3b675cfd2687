// Lets system calls of file writing fail, stop half-way or end the process: replaces open, write, fsync, close, mmap and
// rename in the test executable.
#ifndef FAULT_INJECTION_H
#define FAULT_INJECTION_H
#include <stdint.h>

enum fault_kind {
  FAULT_NONE = 0,
  FAULT_ERROR,         // the call fails with the given errno
  FAULT_SHORT_WRITE,   // a write takes one byte only; other calls are not counted
  FAULT_KILL_BEFORE,   // the process ends by SIGKILL instead of the call
  FAULT_KILL_AFTER,    // the process ends by SIGKILL right after it
};

/// Whether this build can inject faults; sanitizers replace the same functions.
int32_t fault_injection_works(void);
/// From now on the `countdown`th of the calls of this thread (1 is the next) suffers; `error` is an errno.
void fault_arm(enum fault_kind kind, int64_t countdown, int32_t error);
/// Ends it. 1 where the fault happened.
int32_t fault_disarm(void);
/// Runs `body` in a child process; its exit status, or the negative signal that ended it.
int32_t fault_run_in_child(void (*body)(void *), void *argument);
#endif
