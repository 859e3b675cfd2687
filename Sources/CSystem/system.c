#define _GNU_SOURCE
#include "csystem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int32_t csystem_open_read(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  return file < 0 ? -errno : file;
}

// Locks a file of this user's that nobody has open, and empties it; a negative errno where that cannot be.
static int32_t take_over(const char *path, int file) {
  struct stat opened, named;
  if (fstat(file, &opened) < 0) return -errno;
  if (!S_ISREG(opened.st_mode) || opened.st_uid != geteuid() || opened.st_nlink != 1) return -EEXIST;
  if (flock(file, LOCK_EX | LOCK_NB) < 0) return -EEXIST;
  // Whoever had it may have renamed it meanwhile.
  if (lstat(path, &named) < 0 || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev) return -EEXIST;
  return ftruncate(file, 0) < 0 ? -errno : 0;
}

int32_t csystem_open_temporary(const char *path) {
  int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file >= 0) {
    // Another may have taken it over already. Where a file system has no locks, an abandoned file just stays.
    if (flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return file;
    close(file);
    return -EEXIST;
  }
  if (errno != EEXIST) return -errno;
  file = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return -EEXIST;
  int32_t result = take_over(path, file);
  if (result == 0) return file;
  close(file);
  return result;
}

int32_t csystem_close(int32_t file) { return close(file) < 0 ? -errno : 0; }

int32_t csystem_status_of(int32_t file, csystem_status *status) {
  struct stat s;
  if (fstat(file, &s) < 0) return -errno;
  status->size = s.st_size < 0 ? 0 : (uint64_t)s.st_size;
  status->inode = (uint64_t)s.st_ino;
  status->device = (uint64_t)s.st_dev;
  status->modified_seconds = (int64_t)s.st_mtim.tv_sec;
  status->modified_nanoseconds = (int64_t)s.st_mtim.tv_nsec;
  status->is_regular = S_ISREG(s.st_mode) ? 1 : 0;
  return 0;
}

int64_t csystem_read(int32_t file, void *bytes, uint64_t count) {
  uint64_t done = 0;
  while (done < count) {
    uint64_t part = count - done < (1u << 30) ? count - done : (1u << 30);
    ssize_t n = read(file, (char *)bytes + done, (size_t)part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) break;
    done += (uint64_t)n;
  }
  return (int64_t)done;
}

int64_t csystem_write(int32_t file, const void *bytes, uint64_t count) {
  uint64_t done = 0;
  while (done < count) {
    uint64_t part = count - done < (1u << 30) ? count - done : (1u << 30);
    ssize_t n = write(file, (const char *)bytes + done, (size_t)part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) return -EIO;
    done += (uint64_t)n;
  }
  return (int64_t)done;
}

int32_t csystem_sync(int32_t file) { return fsync(file) < 0 ? -errno : 0; }

int32_t csystem_sync_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
  char *folder = malloc(length + 1);
  if (folder == NULL) return -ENOMEM;
  memcpy(folder, slash == NULL ? "." : path, length);
  folder[length] = 0;
  int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int32_t result = file < 0 ? -errno : 0;
  free(folder);
  if (file < 0) return result;
  // Some file systems do not flush folders and say EINVAL; the rename is then as durable as they make it.
  if (fsync(file) < 0 && errno != EINVAL) result = -errno;
  close(file);
  return result;
}

int32_t csystem_rename(const char *from, const char *to) { return rename(from, to) < 0 ? -errno : 0; }
int32_t csystem_remove(const char *path) { return unlink(path) < 0 ? -errno : 0; }
static char guarded[4096];
static volatile sig_atomic_t is_guarded;

void csystem_guard(const char *path) {
  is_guarded = 0;
  if (path == NULL || strlen(path) >= sizeof guarded) return;
  strcpy(guarded, path);
  is_guarded = 1;
}

// Only what POSIX allows in a handler.
static void stop(int signal) {
  static const char text[] = "error: interrupted\n";
  (void)signal;
  if (is_guarded) unlink(guarded);
  if (isatty(2) && write(2, "\r\033[K", 4) < 0) _exit(1);
  if (write(2, text, sizeof text - 1) < 0) _exit(1);
  _exit(1);
}

void csystem_stop_on_signals(void) {
  struct sigaction action = {0};
  action.sa_handler = stop;
  const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  sigset_t caught;
  sigemptyset(&caught);
  for (int i = 0; i < 3; ++i) {
    struct sigaction old;
    // A process that was started to ignore one (nohup) goes on ignoring it.
    if (sigaction(signals[i], NULL, &old) != 0 || old.sa_handler == SIG_IGN) continue;
    sigaction(signals[i], &action, NULL);
    sigaddset(&caught, signals[i]);
  }
  // A thread that blocks signals hands that down to the processes it starts.
  sigprocmask(SIG_UNBLOCK, &caught, NULL);
}

int32_t csystem_make_folder(const char *path) { return mkdir(path, 0777) < 0 ? -errno : 0; }

void *csystem_map(int32_t file, uint64_t size) {
  if (size == 0 || size > (uint64_t)SIZE_MAX / 2) return NULL;
  void *base = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
  return base == MAP_FAILED ? NULL : base;
}

void csystem_unmap(void *base, uint64_t size) { munmap(base, (size_t)size); }

void csystem_forget(const void *base, uint64_t size) {
  const uintptr_t page = 4096;
  uintptr_t first = ((uintptr_t)base + page - 1) & ~(page - 1), end = ((uintptr_t)base + (uintptr_t)size) & ~(page - 1);
  if (first < end) (void)madvise((void *)first, end - first, MADV_DONTNEED);
}

const char *csystem_error_text(int32_t error) { return strerror(error < 0 ? -error : error); }

void *csystem_allocate(uint64_t bytes) {
  if (bytes > (uint64_t)SIZE_MAX / 2) return NULL;
  void *memory = NULL;
  size_t size = ((size_t)bytes + 63) & ~(size_t)63;
  if (posix_memalign(&memory, size >= 4096 ? 4096 : 64, size == 0 ? 64 : size) != 0) return NULL;
  return memory;
}

void csystem_free(void *memory) { free(memory); }

uint64_t csystem_physical_memory(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages <= 0 || size <= 0 ? (uint64_t)1 << 32 : (uint64_t)pages * (uint64_t)size;
}

uint64_t csystem_peak_resident(void) {
  // Not getrusage: its figure survives exec, so it would be the parent's where that was larger. Not stdio: its code and
  // buffers would be part of the figure.
  char text[4096];
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t count = read(file, text, sizeof text - 1);
  close(file);
  if (count < 0) return 0;
  text[count] = 0;
  const char *at = strstr(text, "VmHWM:");
  if (!at) return 0;
  uint64_t kilobytes = 0;
  for (at += 6; *at == ' ' || *at == '\t'; at++) continue;
  for (; *at >= '0' && *at <= '9'; at++) kilobytes = kilobytes * 10 + (uint64_t)(*at - '0');
  return kilobytes * 1024;
}

int32_t csystem_memory_file(void) {
  int file = memfd_create("kerf", MFD_CLOEXEC);
  return file < 0 ? -errno : file;
}

void csystem_end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

uint64_t csystem_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int32_t csystem_flag_get(const int32_t *flag) { return __atomic_load_n(flag, __ATOMIC_RELAXED); }
void csystem_flag_set(int32_t *flag, int32_t value) { __atomic_store_n(flag, value, __ATOMIC_RELAXED); }

void csystem_print(int32_t file, const uint8_t *text, uint64_t count) { (void)csystem_write(file, text, count); }
