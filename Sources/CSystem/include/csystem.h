// System calls and hashes, behind a header that needs nothing but the two freestanding ones: ordinary Swift on the host
// and Embedded Swift on a device call the same functions.
#ifndef KERF_CSYSTEM_H
#define KERF_CSYSTEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What is known of an open file.
typedef struct csystem_status {
  uint64_t size, inode, device;
  int64_t modified_seconds, modified_nanoseconds;
  int32_t is_regular;
} csystem_status;

// Functions that return int32_t give 0 or a descriptor on success and the negative errno otherwise.
int32_t csystem_open_read(const char *path);
/// Creates a file with the permissions of a new one, or takes over and empties one that a process of this user left, and
/// locks it until it is closed. -EEXIST where the name is in use.
int32_t csystem_open_temporary(const char *path);
int32_t csystem_close(int32_t file);
int32_t csystem_status_of(int32_t file, csystem_status *status);
/// Reads or writes all of `count` bytes unless the file ends; returns the bytes moved, or the negative errno.
int64_t csystem_read(int32_t file, void *bytes, uint64_t count);
int64_t csystem_write(int32_t file, const void *bytes, uint64_t count);
int32_t csystem_sync(int32_t file);
/// Flushes the folder that holds `path`.
int32_t csystem_sync_folder(const char *path);
int32_t csystem_rename(const char *from, const char *to);
int32_t csystem_remove(const char *path);
/// While `path` is not NULL, a signal that `csystem_stop_on_signals` watches removes that file. For one writer at a time.
void csystem_guard(const char *path);
/// Lets SIGINT, SIGTERM and SIGHUP end the process with status 1 after a line on standard error.
void csystem_stop_on_signals(void);
/// Makes a folder; one that is there already is an error (EEXIST).
int32_t csystem_make_folder(const char *path);
/// Maps a file read-only and privately; NULL when that is not possible.
void *csystem_map(int32_t file, uint64_t size);
void csystem_unmap(void *base, uint64_t size);
/// Says that whole pages of a mapped file will not be read soon, so that they need not stay in memory.
void csystem_forget(const void *base, uint64_t size);
/// The text of a (positive or negative) errno.
const char *csystem_error_text(int32_t error);

/// Memory on a 64-byte boundary (4096 from one page on), or NULL. Never aborts.
void *csystem_allocate(uint64_t bytes);
void csystem_free(void *memory);
uint64_t csystem_physical_memory(void);
/// Most bytes that this process ever held in memory; 0 where the system does not tell.
uint64_t csystem_peak_resident(void);
/// A nameless file in memory, open for reading and writing; the negative errno where there is none.
int32_t csystem_memory_file(void);
/// Lets this process end when its parent does.
void csystem_end_with_parent(void);
/// Nanoseconds of the monotonic clock.
uint64_t csystem_now(void);

/// A flag that one thread sets and others read.
int32_t csystem_flag_get(const int32_t *flag);
void csystem_flag_set(int32_t *flag, int32_t value);

/// Writes text to a descriptor (1 output, 2 errors), whatever becomes of it.
void csystem_print(int32_t file, const uint8_t *text, uint64_t count);

/// SHA-256: eight words of state, whole blocks of 64 bytes.
void csystem_sha256_blocks(uint32_t state[8], const uint8_t *bytes, uint64_t blocks);
/// The same without hardware instructions, for tests.
void csystem_sha256_blocks_portable(uint32_t state[8], const uint8_t *bytes, uint64_t blocks);
/// Two hashes at once, `blocks` blocks of each.
void csystem_sha256_pair(uint32_t first[8], uint32_t second[8], const uint8_t *p, const uint8_t *q, uint64_t blocks);
/// CRC-32C (Castagnoli), continued from `crc` (0 to begin).
uint32_t csystem_crc32c(uint32_t crc, const uint8_t *bytes, uint64_t count);
uint32_t csystem_crc32c_portable(uint32_t crc, const uint8_t *bytes, uint64_t count);
/// The CRC-32C of two pieces one behind the other, of which the second has `second_count` bytes.
uint32_t csystem_crc32c_join(uint32_t first, uint32_t second, uint64_t second_count);

#ifdef __cplusplus
}
#endif
#endif
