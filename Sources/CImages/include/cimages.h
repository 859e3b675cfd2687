// Compressed images, decoded by the system's libjpeg-turbo, libpng, libtiff, libwebp and libopenjp2.
#ifndef KERF_CIMAGES_H
#define KERF_CIMAGES_H
#include <stddef.h>
#include <stdint.h>

/// Bytes of an error message, its final zero included.
#define KERF_IMAGE_ERROR 160

/// A decoded image: 8-bit RGB, row after row from the top, `3 * width * height` bytes from `malloc`.
typedef struct {
  uint32_t width, height;
  uint8_t *rgb;
} kerf_image;

/// Decodes a JPEG, PNG, TIFF, WebP or JPEG 2000 file of at most `max_pixels` pixels, sized before anything of that size is
/// allocated. Gray is repeated, palettes are looked up, alpha is dropped, deeper channels keep their upper 8 bits.
/// Returns 1, and the caller gives `rgb` to `kerf_free_image`; 0 with a message in `error`; or -1 where it is none of these formats.
int kerf_decode_image(
  const uint8_t *bytes, size_t length, uint64_t max_pixels, kerf_image *image, char error[KERF_IMAGE_ERROR]);
/// Frees the pixels of an image; NULL is allowed.
void kerf_free_image(void *rgb);
#endif
