#include "czlib.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

int kerf_inflate(const uint8_t *source, size_t length, uint8_t *target, size_t size) {
  if (length > UINT_MAX || size > UINT_MAX) return 0;
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return 0;
  stream.next_in = (Bytef *)source;
  stream.avail_in = (uInt)length;
  stream.next_out = target;
  stream.avail_out = (uInt)size;
  int status = inflate(&stream, Z_FINISH);
  int whole = status == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

uint32_t kerf_crc32(const uint8_t *bytes, size_t length) { return (uint32_t)crc32_z(0, bytes, length); }
