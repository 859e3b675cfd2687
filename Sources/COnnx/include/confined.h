// Opening a file that an untrusted model names.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int descriptor;  // -1 on refusal
  int64_t size;
  const char *refusal;  // static text, NULL when open
} kx_confined;

/// Opens `path` below `directory` for reading: no absolute path, no `..`, no symbolic link in any component, a regular
/// file, and only one hard link unless allowed. Never blocks on pipes or devices.
kx_confined kx_open_confined(int directory, const uint8_t *path, size_t count, bool allow_hard_links);

#ifdef __cplusplus
}
#endif
