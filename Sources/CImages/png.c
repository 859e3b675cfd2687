#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "decoders.h"

typedef struct {
  const kerf_source *source;
  size_t position;
} state;

static void fail(png_structp png, png_const_charp message) {
  kerf_image_fail(((state *)png_get_error_ptr(png))->source, "%s", message);
  png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static void read_bytes(png_structp png, png_bytep target, size_t count) {
  state *s = png_get_io_ptr(png);
  if (count > s->source->length - s->position) png_error(png, "the file is cut short");
  memcpy(target, s->source->bytes + s->position, count);
  s->position += count;
}

/// Everything becomes 8-bit RGB. Gamma and color profiles play no part.
static void set_transformations(png_structp png, png_infop info) {
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  if (!(png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
}

static int read_image(png_structp png, png_infop info, const kerf_source *source, kerf_image *image) {
  png_read_info(png, info);
  set_transformations(png, info);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (!kerf_image_reserve(source, png_get_image_width(png, info), png_get_image_height(png, info), image)) return 0;
  size_t stride = (size_t)image->width * 3;
  if (png_get_rowbytes(png, info) != stride) png_error(png, "its rows have an unexpected size");
  for (int pass = 0; pass < passes; pass++)
    for (uint32_t y = 0; y < image->height; y++) png_read_row(png, image->rgb + y * stride, NULL);
  png_read_end(png, NULL);
  return 1;
}

int kerf_decode_png(const kerf_source *source, kerf_image *image) {
  state s = {source, 0};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, fail, ignore);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return kerf_image_fail(source, "there is no memory for the decoder");
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
  }
  png_set_read_fn(png, &s, read_bytes);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(png, 1 << 24);
  png_set_chunk_cache_max(png, 64);
  int done = read_image(png, info, source, image);
  png_destroy_read_struct(&png, &info, NULL);
  return done;
}
