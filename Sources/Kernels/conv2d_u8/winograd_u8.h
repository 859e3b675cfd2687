// Winograd's F(2x2, 3x3) in integers, for instruction sets that multiply 16-bit operands: 16 products where the
// definition has 36, and the same sums.
//
// With B and A of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), equation 10, and twice
// their G: 4 y = At [(2 G) w (2 G)t * Bt x B] A. Inputs become at most 1020, weights at most 1152 in magnitude, so 16 bits
// hold them; the sums are taken modulo 2^32, and 4 y fits 32 bits for up to WINOGRAD_MOST channels.
#ifndef KERF_WINOGRAD_U8_H
#define KERF_WINOGRAD_U8_H

#include "../gemm_u8/gemm_u8_wide.h"
#include "conv2d_u8.h"

// With more channels than WINOGRAD_FAST few tiles fit the second cache, too few for what the weights' transform takes.
enum { KERF_WINOGRAD_POINTS = 16, KERF_WINOGRAD_MOST = 1824, KERF_WINOGRAD_FAST = 256 };
enum { KERF_WINOGRAD_TILES = KERF_Q16_ROWS };

struct kerf_q8_winograd {
  /// v[point * stride + channel] for the 4x4 pixels of one tile, c channels (a multiple of 16).
  void (*input)(const uint8_t *const pixels[KERF_WINOGRAD_POINTS], int64_t c, int16_t *v, int64_t stride);
  /// u[point][c / 2][16][2] of one packed panel, whose k are (tap, channel).
  void (*weights)(int64_t c, const int8_t *panel, int16_t *u);
  /// y[line][2 * tile + column][16] of sums from acc[point][tile], both with rows of KERF_Q8_TILE.
  void (*output)(int tiles, const int32_t *acc, int32_t *y);
};
extern const kerf_q8_winograd kerf_q8_winograd_avx2;

/// Whether a convolution of these shapes can go this way, and would be faster.
bool kerf_winograd_u8_fits(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g, int64_t groups);
uint64_t kerf_winograd_u8_scratch(const kerf_tensor *x, const kerf_tensor *y);
/// `g` as for kerf_q8_run, with its source a kerf_conv_u8.
void kerf_winograd_u8_run(const kerf_q8 *g, const kerf_q8_isa *isa, void *scratch, kerf_pool *pool);

#endif
