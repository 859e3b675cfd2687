#include "confined.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace {

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;

/// What is wrong with the text of the path, or null.
const char *judge(const uint8_t *path, size_t count) {
  if (count == 0) return "the location is empty";
  if (count > 4096) return "the location is longer than 4096 bytes";
  if (path[0] == '/') return "the location is an absolute path";
  for (size_t i = 0; i < count; ++i) {
    if (path[i] == 0) return "the location holds a NUL byte";
    if (path[i] == '\\') return "the location holds a backslash";
    const bool starts = i == 0 || path[i - 1] == '/';
    const bool ends = i + 2 >= count || path[i + 2] == '/';
    if (starts && i + 1 < count && path[i] == '.' && path[i + 1] == '.' && ends) {
      return "the location leaves the model's folder ('..')";
    }
  }
  return nullptr;
}

const char *reason(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return "there is no such file";
    case ELOOP:
    case EXDEV: return "the location leads through a symbolic link";
    case EACCES:
    case EPERM: return "no permission to read the file";
    case ENAMETOOLONG: return "the location is too long";
    default: return "the file cannot be opened";
  }
}

/// The same confinement without openat2, one component at a time. The path has no `..` in it.
int walk(int directory, const std::string &path) {
  int current = dup(directory);
  size_t from = 0;
  while (current >= 0) {
    const size_t slash = path.find('/', from);
    const bool is_last = slash == std::string::npos;
    const std::string part = path.substr(from, is_last ? std::string::npos : slash - from);
    if (!is_last && (part.empty() || part == ".")) {
      from = slash + 1;
      continue;
    }
    const int next = openat(current, part.c_str(), is_last ? kFlags : (O_PATH | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY));
    const int error = errno;
    close(current);
    errno = error;
    if (is_last || next < 0) return next;
    current = next;
    from = slash + 1;
  }
  return -1;
}

int open_beneath(int directory, const std::string &path) {
  struct open_how how;
  memset(&how, 0, sizeof how);
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  const long result = syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
  if (result >= 0 || (errno != ENOSYS && errno != EPERM && errno != E2BIG)) return static_cast<int>(result);
  return walk(directory, path);
}

}  // namespace

extern "C" kx_confined kx_open_confined(int directory, const uint8_t *path, size_t count, bool allow_hard_links) {
  kx_confined result = {-1, 0, judge(path, count)};
  if (result.refusal) return result;
  const int descriptor = open_beneath(directory, std::string(reinterpret_cast<const char *>(path), count));
  if (descriptor < 0) {
    result.refusal = reason(errno);
    return result;
  }
  struct stat status;
  if (fstat(descriptor, &status) != 0) {
    result.refusal = "the file cannot be examined";
  } else if (!S_ISREG(status.st_mode)) {
    result.refusal = "it is not a regular file";
  } else if (status.st_nlink != 1 && !allow_hard_links) {
    result.refusal = "the file has more than one hard link";
  }
  if (result.refusal) {
    close(descriptor);
    return result;
  }
  result.descriptor = descriptor;
  result.size = status.st_size;
  return result;
}
