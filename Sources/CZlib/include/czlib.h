// The system's zlib, for deflated members of .npz archives.
#ifndef KERF_CZLIB_H
#define KERF_CZLIB_H
#include <stddef.h>
#include <stdint.h>

/// Inflates a raw deflate stream into exactly `size` bytes. Returns 1, or 0 where the stream is damaged or of another size.
int kerf_inflate(const uint8_t *source, size_t length, uint8_t *target, size_t size);
/// CRC-32 as zip archives use it.
uint32_t kerf_crc32(const uint8_t *bytes, size_t length);
#endif
