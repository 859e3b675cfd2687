#define _GNU_SOURCE
#include "fault_injection.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define CANNOT_INJECT 1
#endif
#endif

#define PER_THREAD static __thread __attribute__((tls_model("initial-exec")))
PER_THREAD enum fault_kind armed;
PER_THREAD int64_t remaining;
PER_THREAD int32_t injected_error;
PER_THREAD int32_t happened;

void fault_arm(enum fault_kind kind, int64_t countdown, int32_t error) {
  armed = kind;
  remaining = countdown;
  injected_error = error;
  happened = 0;
}

int32_t fault_disarm(void) {
  armed = FAULT_NONE;
  return happened;
}

int32_t fault_run_in_child(void (*body)(void *), void *argument) {
  pid_t child = fork();
  if (child == 0) {
    body(argument);
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#if defined(CANNOT_INJECT) || !defined(__GLIBC__)
int32_t fault_injection_works(void) { return 0; }
#else
int32_t fault_injection_works(void) { return 1; }

// Whether the call suffers now.
static int suffers(void) {
  if (armed == FAULT_NONE || --remaining != 0) return 0;
  happened = 1;
  return 1;
}

#define CALL(result_type, system_call)                                  \
  if (armed == FAULT_SHORT_WRITE || !suffers()) return (system_call);   \
  if (armed == FAULT_KILL_BEFORE) kill(getpid(), SIGKILL);              \
  if (armed == FAULT_KILL_AFTER) {                                      \
    (void)(system_call);                                                \
    kill(getpid(), SIGKILL);                                            \
  }                                                                     \
  errno = injected_error;                                               \
  return (result_type)-1

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  CALL(int, (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

ssize_t write(int file, const void *bytes, size_t count) {
  if (armed == FAULT_SHORT_WRITE && count > 1 && suffers()) count = 1;
  CALL(ssize_t, (ssize_t)syscall(SYS_write, file, bytes, count));
}

int fsync(int file) { CALL(int, (int)syscall(SYS_fsync, file)); }
int close(int file) { CALL(int, (int)syscall(SYS_close, file)); }
int rename(const char *from, const char *to) {
  CALL(int, (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

void *mmap(void *base, size_t size, int protection, int flags, int file, off_t offset) {
  CALL(void *, (void *)syscall(SYS_mmap, base, size, protection, flags, file, offset));
}
#endif
