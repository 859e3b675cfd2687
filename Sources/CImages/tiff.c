#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "decoders.h"

typedef struct {
  const kerf_source *source;
  uint64_t position;
} state;

static tmsize_t read_bytes(thandle_t handle, void *target, tmsize_t count) {
  state *s = handle;
  uint64_t left = s->position < s->source->length ? s->source->length - s->position : 0;
  uint64_t taken = (uint64_t)count < left ? (uint64_t)count : left;
  if (taken) memcpy(target, s->source->bytes + s->position, taken);
  s->position += taken;
  return (tmsize_t)taken;
}

static tmsize_t write_bytes(thandle_t handle, void *bytes, tmsize_t count) {
  (void)handle, (void)bytes, (void)count;
  return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  state *s = handle;
  uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? s->position : s->source->length;
  s->position = base + offset;
  return s->position;
}

static int close_file(thandle_t handle) { return (void)handle, 0; }
static toff_t size(thandle_t handle) { return ((state *)handle)->source->length; }

/// The first message is the cause; what follows are its consequences.
static int note_error(TIFF *file, void *context, const char *module, const char *format, va_list arguments) {
  (void)file, (void)module;
  const kerf_source *source = context;
  if (!source->error[0]) vsnprintf(source->error, KERF_IMAGE_ERROR, format, arguments);
  return 1;
}

static int ignore(TIFF *file, void *context, const char *module, const char *format, va_list arguments) {
  (void)file, (void)context, (void)module, (void)format, (void)arguments;
  return 1;
}

static int read_image(TIFF *file, const kerf_source *source, kerf_image *image) {
  uint32_t width = 0, height = 0;
  TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(file, TIFFTAG_IMAGELENGTH, &height);
  if (!kerf_image_reserve(source, width, height, image)) return 0;
  size_t count = (size_t)width * height;
  uint32_t *raster = calloc(count, sizeof *raster);
  if (!raster) return kerf_image_fail(source, "there is no memory for its pixels");
  int done = TIFFReadRGBAImageOriented(file, width, height, raster, ORIENTATION_TOPLEFT, 1);
  for (size_t i = 0; done && i < count; i++) {
    image->rgb[3 * i] = (uint8_t)TIFFGetR(raster[i]);
    image->rgb[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
    image->rgb[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
  }
  free(raster);
  return done;
}

int kerf_decode_tiff(const kerf_source *source, kerf_image *image) {
  state s = {source, 0};
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return kerf_image_fail(source, "there is no memory for the decoder");
  TIFFOpenOptionsSetErrorHandlerExtR(options, note_error, (void *)source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, ignore, NULL);
  uint64_t largest = source->max_pixels * 8 + (1 << 20);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)(largest < 1ull << 40 ? largest : 1ull << 40));
  TIFF *file = TIFFClientOpenExt(
    "image", "rm", &s, read_bytes, write_bytes, seek, close_file, size, NULL, NULL, options);
  TIFFOpenOptionsFree(options);
  int done = file ? read_image(file, source, image) : 0;
  if (file) TIFFClose(file);
  if (!done && !source->error[0]) kerf_image_fail(source, "its data is damaged");
  return done;
}
