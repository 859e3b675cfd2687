// Depthwise 8-bit convolution line by line, for kernels whose vectors are 64 channels of a pixel, or, where there are
// fewer, all channels of as many neighbouring pixels as fit.
//
// Two lines of y are computed at once. Columns of x are prepared once for all windows they are in.
#ifndef KERF_DEPTHWISE_U8_LINES_H
#define KERF_DEPTHWISE_U8_LINES_H

#include "depthwise_u8.h"

enum { KERF_DW_LANES = 64 };

/// How the vectors of a block of channels go along a line.
typedef struct kerf_dw_lanes {
  int64_t channels, fold;  // of a pixel, and pixels of a vector
  int64_t vectors;         // of a line of y
  int64_t step, advance;   // columns of x from a vector to the next, and how many of these are prepared anew
  int64_t segment;         // vectors whose columns are prepared together
} kerf_dw_lanes;

/// What the shapes decide.
typedef struct kerf_dw_plan {
  int64_t channels, w, ow;  // of x and y
  bool shared;              // two lines of y read the same lines of x, of which the second's windows begin one below
  int64_t rows, groups;     // lines of x these are, and groups of 4 of them
  int64_t whole, blocks;    // blocks of 64 channels, and with the channels left
  kerf_dw_lanes lanes[2];   // of whole blocks, and of the channels left
  int64_t lines, strips;    // lines of y of a task, and tasks of an image
  int64_t chunk, chunks;    // blocks of a task, and tasks of a strip
  int64_t tasks, slots;
  int64_t zero_bytes, weight_bytes, line_bytes, slot_bytes;
} kerf_dw_plan;

/// Lines first ..< last of y in one image, of some blocks.
typedef struct kerf_dw_task {
  const kerf_dw_plan *plan;
  const kerf_geometry *g;
  int64_t h, first, last, first_block, last_block;
  const uint8_t *x, *zero;  // the image, and a line of zero points
  uint8_t *y;               // the image
  const uint8_t *packed;
  const int32_t *bias, *multiplier, *shift;
  const kerf_q8_output *output;
  int32_t x_zero;
  int8_t *weights;   // [columns of a window][groups][2 lines of y][4] vectors
  uint8_t *columns;  // [1 or 2 lines of y][columns][groups][4] vectors
} kerf_dw_task;

/// Computes a task, with the table.
typedef void (*kerf_dw_task_fn)(const kerf_dw_task *task);

uint64_t kerf_dw_lines_scratch(const kerf_tensor *x, const kerf_tensor *y, const kerf_geometry *g);
int kerf_run_depthwise_u8_lines(const kerf_call *call, kerf_dw_task_fn task);

#endif
