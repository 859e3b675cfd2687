// Convolution as a matrix product: a row of A is the window of one output pixel, k = (kh, kw, c of the group).
#ifndef KERF_CONV2D_U8_H
#define KERF_CONV2D_U8_H

#include "../gemm_u8/gemm_u8.h"

enum { KERF_CONV_U8_PIECES = 64 };

/// The input image and window, for the functions that fill rows and find where they lie.
typedef struct kerf_conv_u8 {
  const uint8_t *x;
  int64_t h, w, c, oh, ow, cpg;  // cpg: channels of a group
  kerf_geometry geometry;
  uint8_t zero;  // what padding holds, before the flip
  uint8_t flip;  // XORed to every byte read (0x80 turns i8 into u8)
  int64_t offsets[KERF_CONV_U8_PIECES];  // of the pieces of a window
} kerf_conv_u8;

/// Bytes of packed weights; 0 when out of range.
uint64_t kerf_conv_u8_packed_size(int64_t oc, int64_t cpg, int64_t kh, int64_t kw, int64_t groups);
/// Shapes of x[N,H,W,C] and y[N,OH,OW,OC] against geometry, groups and channels; `k` is the length of a window.
int kerf_conv_u8_check(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g, int64_t groups, int64_t oc,
                       int64_t *k);
/// Whether rows of A are pixels of x, so that nothing has to be filled.
bool kerf_conv_u8_direct(const kerf_tensor *x, const kerf_geometry *g, int64_t groups);
/// Whether windows are read where they lie, in a copy of x that has its padding around it (or in x, where there is none).
bool kerf_conv_u8_in_place(const kerf_tensor *x, const kerf_geometry *g, int64_t groups);
/// Bytes of that copy; only where that holds.
uint64_t kerf_conv_u8_padded_bytes(const kerf_tensor *x, const kerf_geometry *g);
/// Makes the copy at `padded` and lets the product read its rows there.
void kerf_conv_u8_place(kerf_q8 *g, kerf_conv_u8 *source, uint8_t *padded, kerf_pool *pool);
/// Checks x, packed weights and y of a call with geometry, groups and channels as its first attributes.
int kerf_conv_u8_prepare(const kerf_call *c, uint64_t *scratch);
/// Runs the product of such a call the fastest way.
void kerf_conv_u8_run(const kerf_call *c, kerf_q8 *g, kerf_conv_u8 *source, const kerf_q8_isa *isa, void *scratch);
/// The product of a convolution but for packed weights and outputs.
kerf_q8 kerf_conv_u8_product(const kerf_tensor *x, const kerf_tensor *y, int64_t groups, kerf_conv_u8 *source);
void kerf_conv_u8_fill(const kerf_q8 *g, int64_t group, int64_t row, int64_t rows, uint8_t *dst, int64_t ld);

#endif
