// What LSTM, GRU and RNN share: the order of the steps, the products with W and R, sequence lengths, outputs.
#ifndef KERF_RECURRENT_H
#define KERF_RECURRENT_H

#include "../rnn_codes/rnn_codes.h"

typedef struct kerf_recurrent kerf_recurrent;

/// One direction at work. All buffers are in scratch. Rows of gates are `pitch` = a multiple of 16 apart, gate after gate
/// (`width` = gates * pitch together), and so are rows of h and c; what lies between H and the pitch is finite.
typedef struct kerf_recurrent_state {
  const kerf_recurrent *r;
  int direction;        // index into weights and outputs
  bool reverse;
  const float *inputs;  // [B, width] of this step: x W
  float *products;      // [B, width]
  float *bias, *bias_r; // [width]
  float *h, *c, *extra; // [B, pitch] each
  char *scratch;        // of the matrix products
  int16_t *codes;       // of rows, and their scales, where weights are codes
  float *scales;
  int64_t step;
} kerf_recurrent_state;

/// One step of all sequences: reads `inputs` and h, leaves the new h (and c) for the active ones.
typedef void (*kerf_recurrent_step_fn)(kerf_recurrent_state *s);
/// The usual activations (sigmoid, tanh) on a row, n a multiple of 16: all sums of the gates to the new h and c.
typedef void (*kerf_recurrent_cell_fn)(int64_t n, const float *inputs, const float *products, const float *bias,
                                       const float *bias_r, float *h, float *c);

struct kerf_recurrent {
  int64_t t, b, i, h, pitch, width;
  int gates, directions, direction;
  bool has_c;
  float clip;  // 0: none
  int flag;    // input_forget (LSTM), linear_before_reset (GRU)
  const float *x, *bias, *bias_r, *h0, *c0, *peephole;
  const int32_t *lengths;
  const char *w, *rw;
  float *y, *yh, *yc;
  kerf_act acts[6];
  const kerf_gemm_isa *isa;
  const kerf_rnn_codes *codes;  // NULL where weights are floats
  kerf_recurrent_step_fn step;
  kerf_recurrent_cell_fn cell;  // NULL where activations, clipping or flags ask for more
};

/// Whether sequence b still runs at the state's step.
static inline bool kerf_recurrent_active(const kerf_recurrent_state *s, int64_t b) {
  return !s->r->lengths || s->step < s->r->lengths[b];
}
/// products[B, width], columns of gate ..< gate + count: rows[B, pitch] times R.
void kerf_recurrent_product(const kerf_recurrent_state *s, const float *rows, int gate, int count);
/// p[i] = act(clip(p[i]))
void kerf_recurrent_activate(const kerf_recurrent *r, float *p, const kerf_act *act);

/// Checks x, W, R, lengths, y and yh and the attributes H, I, direction, clip; where inputs and outputs of each kind
/// stand is given, -1 for none. Fills shapes, not pointers.
typedef struct kerf_recurrent_layout {
  int gates, bias, bias_r, h0, c0, peephole, lengths, inputs, outputs;
  int direction, clip, flag, acts, acts_per_direction;  // attributes; flag -1 for none
} kerf_recurrent_layout;
int kerf_prepare_recurrent(const kerf_call *call, const kerf_recurrent_layout *layout, bool codes, uint64_t *scratch_bytes);
/// `codes` multiplies where weights are codes, else NULL. `cell` serves calls whose activations are sigmoid (first) and
/// tanh (others), without clipping.
int kerf_run_recurrent(const kerf_call *call, const kerf_recurrent_layout *layout, const kerf_gemm_isa *isa,
                       const kerf_rnn_codes *codes, kerf_recurrent_step_fn step, kerf_recurrent_cell_fn cell);

#endif
