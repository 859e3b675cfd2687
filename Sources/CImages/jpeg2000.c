#include <openjpeg-2.5/openjpeg.h>
#include <stdlib.h>
#include <string.h>

#include "decoders.h"

typedef struct {
  const kerf_source *source;
  size_t position;
} state;

static OPJ_SIZE_T read_bytes(void *target, OPJ_SIZE_T count, void *data) {
  state *s = data;
  size_t left = s->source->length - s->position;
  if (left == 0) return (OPJ_SIZE_T)-1;
  size_t taken = count < left ? count : left;
  memcpy(target, s->source->bytes + s->position, taken);
  s->position += taken;
  return taken;
}

static OPJ_OFF_T skip(OPJ_OFF_T count, void *data) {
  state *s = data;
  size_t left = s->source->length - s->position;
  if (count < 0) return -1;
  size_t taken = (uint64_t)count < left ? (size_t)count : left;
  s->position += taken;
  return (OPJ_OFF_T)taken;
}

static OPJ_BOOL seek(OPJ_OFF_T position, void *data) {
  state *s = data;
  if (position < 0 || (uint64_t)position > s->source->length) return OPJ_FALSE;
  s->position = (size_t)position;
  return OPJ_TRUE;
}

static void note_error(const char *message, void *data) {
  const kerf_source *source = data;
  if (!source->error[0]) kerf_image_fail(source, "%.*s", (int)strcspn(message, "\r\n"), message);
}

static uint32_t word(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/// Checks the size and the number of tiles before the library allocates per tile. ISO/IEC 15444-1 A.5.1: the SIZ marker
/// segment follows the start of the codestream.
static int check_size(const kerf_source *source) {
  const uint8_t *bytes = source->bytes;
  for (size_t at = 0; at + 42 <= source->length; at++) {
    if (memcmp(bytes + at, "\xff\x4f\xff\x51", 4) != 0) continue;
    uint64_t x1 = word(bytes + at + 8), y1 = word(bytes + at + 12), x0 = word(bytes + at + 16), y0 = word(bytes + at + 20);
    uint64_t tx = word(bytes + at + 24), ty = word(bytes + at + 28);
    uint64_t tx0 = word(bytes + at + 32), ty0 = word(bytes + at + 36);
    if (x1 <= x0 || y1 <= y0 || !tx || !ty || tx0 > x0 || ty0 > y0) break;
    if (x1 > source->max_pixels / y1)
      return kerf_image_fail(
        source, "it has %llu x %llu pixels, the limit is %llu in all", (unsigned long long)x1, (unsigned long long)y1,
        (unsigned long long)source->max_pixels);
    uint64_t tiles = ((x1 - tx0 + tx - 1) / tx) * ((y1 - ty0 + ty - 1) / ty);
    if (tiles > 4096) return kerf_image_fail(source, "it has %llu tiles, the limit is 4096", (unsigned long long)tiles);
    return 1;
  }
  return kerf_image_fail(source, "its header is damaged");
}

/// A component's sample at a pixel, at 8 bits. Components may be subsampled.
static int sample(const opj_image_comp_t *component, uint32_t x, uint32_t y) {
  uint32_t cx = x / component->dx, cy = y / component->dy;
  if (cx >= component->w) cx = component->w - 1;
  if (cy >= component->h) cy = component->h - 1;
  int64_t value = component->data[(size_t)cy * component->w + cx];
  if (component->sgnd) value += (int64_t)1 << (component->prec - 1);
  value = component->prec > 8 ? value >> (component->prec - 8) : value << (8 - component->prec);
  return value < 0 ? 0 : value > 255 ? 255 : (int)value;
}

static uint8_t clamped(double value) { return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)(value + 0.5); }

static int copy_pixels(const opj_image_t *decoded, const kerf_source *source, kerf_image *image) {
  uint32_t count = decoded->numcomps < 3 ? 1 : 3;
  for (uint32_t c = 0; c < count; c++) {
    const opj_image_comp_t *component = &decoded->comps[c];
    if (!component->data || !component->w || !component->h || !component->dx || !component->dy || component->prec > 31 ||
      !component->prec)
      return kerf_image_fail(source, "its data is damaged");
  }
  int is_ycc = count == 3 && (decoded->color_space == OPJ_CLRSPC_SYCC || decoded->color_space == OPJ_CLRSPC_EYCC);
  for (uint32_t y = 0; y < image->height; y++)
    for (uint32_t x = 0; x < image->width; x++) {
      uint8_t *pixel = image->rgb + 3 * ((size_t)y * image->width + x);
      for (uint32_t c = 0; c < 3; c++) pixel[c] = (uint8_t)sample(&decoded->comps[c < count ? c : 0], x, y);
      if (!is_ycc) continue;
      // ITU-R BT.601, full range.
      double luma = pixel[0], blue = pixel[1] - 128.0, red = pixel[2] - 128.0;
      pixel[0] = clamped(luma + 1.402 * red);
      pixel[1] = clamped(luma - 0.344136 * blue - 0.714136 * red);
      pixel[2] = clamped(luma + 1.772 * blue);
    }
  return 1;
}

static int read_image(opj_codec_t *codec, opj_stream_t *stream, const kerf_source *source, kerf_image *image) {
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_set_error_handler(codec, note_error, (void *)source);
  opj_image_t *decoded = NULL;
  int done = opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, &decoded);
  done = done && kerf_image_reserve(source, decoded->x1 - decoded->x0, decoded->y1 - decoded->y0, image);
  done = done && opj_decode(codec, stream, decoded) && opj_end_decompress(codec, stream);
  done = done && decoded->numcomps > 0 && copy_pixels(decoded, source, image);
  if (decoded) opj_image_destroy(decoded);
  return done;
}

int kerf_decode_jpeg2000(const kerf_source *source, kerf_image *image) {
  if (!check_size(source)) return 0;
  state s = {source, 0};
  opj_codec_t *codec = opj_create_decompress(source->bytes[0] ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
  opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_TRUE);
  int done = 0;
  if (codec && stream) {
    opj_stream_set_user_data(stream, &s, NULL);
    opj_stream_set_user_data_length(stream, source->length);
    opj_stream_set_read_function(stream, read_bytes);
    opj_stream_set_skip_function(stream, skip);
    opj_stream_set_seek_function(stream, seek);
    done = read_image(codec, stream, source, image);
  }
  if (stream) opj_stream_destroy(stream);
  if (codec) opj_destroy_codec(codec);
  if (!done && !source->error[0]) kerf_image_fail(source, "its data is damaged");
  return done;
}
