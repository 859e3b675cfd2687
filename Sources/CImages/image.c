#include "decoders.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int kerf_image_fail(const kerf_source *source, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(source->error, KERF_IMAGE_ERROR, format, arguments);
  va_end(arguments);
  return 0;
}

int kerf_image_reserve(const kerf_source *source, uint64_t width, uint64_t height, kerf_image *image) {
  if (width == 0 || height == 0 || width > UINT32_MAX || height > UINT32_MAX)
    return kerf_image_fail(source, "it has %llu x %llu pixels", (unsigned long long)width, (unsigned long long)height);
  if (width > source->max_pixels / height)
    return kerf_image_fail(
      source, "it has %llu x %llu pixels, the limit is %llu in all", (unsigned long long)width,
      (unsigned long long)height, (unsigned long long)source->max_pixels);
  image->width = (uint32_t)width;
  image->height = (uint32_t)height;
  image->rgb = calloc((size_t)(width * height), 3);
  return image->rgb ? 1 : kerf_image_fail(source, "there is no memory for its pixels");
}

static int begins(const kerf_source *source, const char *magic, size_t count, size_t at) {
  return source->length >= at + count && memcmp(source->bytes + at, magic, count) == 0;
}

void kerf_free_image(void *rgb) { free(rgb); }

int kerf_decode_image(
  const uint8_t *bytes, size_t length, uint64_t max_pixels, kerf_image *image, char error[KERF_IMAGE_ERROR]) {
  kerf_source source = {bytes, length, max_pixels, error};
  memset(image, 0, sizeof *image);
  error[0] = 0;
  int (*decode)(const kerf_source *, kerf_image *) = NULL;
  if (begins(&source, "\xff\xd8\xff", 3, 0)) decode = kerf_decode_jpeg;
  if (begins(&source, "\x89PNG\r\n\x1a\n", 8, 0)) decode = kerf_decode_png;
  if (begins(&source, "II*\0", 4, 0) || begins(&source, "MM\0*", 4, 0)) decode = kerf_decode_tiff;
  if (begins(&source, "II+\0", 4, 0) || begins(&source, "MM\0+", 4, 0)) decode = kerf_decode_tiff;
  if (begins(&source, "RIFF", 4, 0) && begins(&source, "WEBP", 4, 8)) decode = kerf_decode_webp;
  if (begins(&source, "\0\0\0\x0cjP  \r\n\x87\n", 12, 0) || begins(&source, "\xff\x4f\xff\x51", 4, 0))
    decode = kerf_decode_jpeg2000;
  if (!decode) return -1;
  int decoded = decode(&source, image);
  if (!decoded) {
    free(image->rgb);
    image->rgb = NULL;
  }
  return decoded;
}
