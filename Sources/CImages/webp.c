#include <webp/decode.h>

#include "decoders.h"

int kerf_decode_webp(const kerf_source *source, kerf_image *image) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(source->bytes, source->length, &features) != VP8_STATUS_OK)
    return kerf_image_fail(source, "its header is damaged");
  if (features.has_animation) return kerf_image_fail(source, "it is an animation, accepted are single images");
  if (!kerf_image_reserve(source, (uint64_t)features.width, (uint64_t)features.height, image)) return 0;
  size_t stride = (size_t)image->width * 3;
  if (!WebPDecodeRGBInto(source->bytes, source->length, image->rgb, stride * image->height, (int)stride))
    return kerf_image_fail(source, "its data is damaged or cut short");
  return 1;
}
