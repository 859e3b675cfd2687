// What the decoders share. Each is given a whole file and fills `image`; returns 1, or 0 with a message.
#ifndef KERF_DECODERS_H
#define KERF_DECODERS_H
#include "cimages.h"

typedef struct {
  const uint8_t *bytes;
  size_t length;
  uint64_t max_pixels;
  char *error;
} kerf_source;

int kerf_decode_jpeg(const kerf_source *source, kerf_image *image);
int kerf_decode_png(const kerf_source *source, kerf_image *image);
int kerf_decode_tiff(const kerf_source *source, kerf_image *image);
int kerf_decode_webp(const kerf_source *source, kerf_image *image);
int kerf_decode_jpeg2000(const kerf_source *source, kerf_image *image);

/// Checks the size and allocates the pixels. Returns 0 with a message where there are too many or none.
int kerf_image_reserve(const kerf_source *source, uint64_t width, uint64_t height, kerf_image *image);
/// Writes the message and returns 0.
__attribute__((format(printf, 2, 3))) int kerf_image_fail(const kerf_source *source, const char *format, ...);
#endif
