#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>
#include <jerror.h>

#include "decoders.h"

/// Progressive files of more scans cost more time than any image is worth.
enum { max_scans = 500 };

typedef struct {
  struct jpeg_error_mgr manager;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  const kerf_source *source;
} state;

static void error_exit(j_common_ptr codec) {
  state *s = (state *)codec->err;
  char text[JMSG_LENGTH_MAX];
  codec->err->format_message(codec, text);
  kerf_image_fail(s->source, "%s", text);
  longjmp(s->failed, 1);
}

/// A file cut short is an error; libjpeg fills the rest with gray.
static void emit_message(j_common_ptr codec, int level) {
  if (level < 0 && codec->err->msg_code == JWRN_JPEG_EOF) error_exit(codec);
}

static void watch_scans(j_common_ptr codec) {
  state *s = (state *)codec->err;
  if (((j_decompress_ptr)codec)->input_scan_number <= max_scans) return;
  kerf_image_fail(s->source, "it has more than %d scans", max_scans);
  longjmp(s->failed, 1);
}

/// Adobe's CMYK holds the complement of the ink.
static void rgb_from_cmyk(uint8_t *rgb, const uint8_t *cmyk, uint32_t width, int is_inverted) {
  for (uint32_t x = 0; x < width; x++)
    for (int c = 0; c < 3; c++) {
      unsigned ink = cmyk[4 * x + c], black = cmyk[4 * x + 3];
      if (!is_inverted) ink = 255 - ink, black = 255 - black;
      rgb[3 * x + c] = (uint8_t)((ink * black + 127) / 255);
    }
}

static int read_rows(j_decompress_ptr codec, kerf_image *image) {
  int is_cmyk = codec->out_color_space == JCS_CMYK;
  // Freed with the codec, also after an error.
  JSAMPARRAY wide = NULL;
  if (is_cmyk) wide = codec->mem->alloc_sarray((j_common_ptr)codec, JPOOL_IMAGE, 4 * image->width, 1);
  while (codec->output_scanline < codec->output_height) {
    JSAMPROW row = image->rgb + (size_t)codec->output_scanline * image->width * 3;
    jpeg_read_scanlines(codec, is_cmyk ? wide : &row, 1);
    if (is_cmyk) rgb_from_cmyk(row, wide[0], image->width, codec->saw_Adobe_marker);
  }
  return 1;
}

int kerf_decode_jpeg(const kerf_source *source, kerf_image *image) {
  struct jpeg_decompress_struct codec;
  state s = {.source = source};
  codec.err = jpeg_std_error(&s.manager);
  s.manager.error_exit = error_exit;
  s.manager.emit_message = emit_message;
  if (setjmp(s.failed)) {
    jpeg_destroy_decompress(&codec);
    return 0;
  }
  jpeg_create_decompress(&codec);
  s.progress.progress_monitor = watch_scans;
  codec.progress = &s.progress;
  jpeg_mem_src(&codec, source->bytes, source->length);
  jpeg_read_header(&codec, TRUE);
  int is_cmyk = codec.jpeg_color_space == JCS_CMYK || codec.jpeg_color_space == JCS_YCCK;
  codec.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  int done = kerf_image_reserve(source, codec.image_width, codec.image_height, image);
  if (done) {
    jpeg_start_decompress(&codec);
    done = read_rows(&codec, image);
    jpeg_finish_decompress(&codec);
  }
  jpeg_destroy_decompress(&codec);
  return done;
}
