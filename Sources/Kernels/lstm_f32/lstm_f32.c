// LSTM_F32, gates i o f c, with peepholes, clipping and coupled gates. Tensors and attributes as in kerf_ops.h.
// ONNX: LSTM 1-22.
#include "lstm_f32.h"

static const kerf_recurrent_layout layout = {
  .gates = 4, .bias = 3, .bias_r = -1, .h0 = 4, .c0 = 5, .peephole = 6, .lengths = 7, .inputs = 8, .outputs = 3,
  .direction = 2, .clip = 3, .flag = 4, .acts = 5, .acts_per_direction = 3,
};

int kerf_prepare_lstm_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  return kerf_prepare_recurrent(call, &layout, false, scratch_bytes);
}
int kerf_prepare_lstm_f32_codes(const kerf_call *call, uint64_t *scratch_bytes) {
  return kerf_prepare_recurrent(call, &layout, true, scratch_bytes);
}

static void add_product(float *p, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] += a[i] * b[i];
}

/// One sequence: p holds the sums of the four gates, a pitch apart; h and c are replaced.
static void cell(const kerf_recurrent *r, const kerf_act *acts, const float *peephole, float *p, float *h, float *c) {
  const int64_t n = r->h;
  float *in = p, *out = p + r->pitch, *forget = p + 2 * r->pitch, *candidate = p + 3 * r->pitch;
  if (peephole) add_product(in, peephole, c, n);
  kerf_recurrent_activate(r, in, &acts[0]);
  if (r->flag) {
    for (int64_t i = 0; i < n; i++) forget[i] = 1 - in[i];
  } else {
    if (peephole) add_product(forget, peephole + 2 * n, c, n);
    kerf_recurrent_activate(r, forget, &acts[0]);
  }
  kerf_recurrent_activate(r, candidate, &acts[1]);
  for (int64_t i = 0; i < n; i++) c[i] = forget[i] * c[i] + in[i] * candidate[i];
  if (peephole) add_product(out, peephole + n, c, n);
  kerf_recurrent_activate(r, out, &acts[0]);
  r->isa->unary(c, h, n, &acts[2]);
  for (int64_t i = 0; i < n; i++) h[i] *= out[i];
}

static void step(kerf_recurrent_state *s) {
  const kerf_recurrent *r = s->r;
  const float *peephole = r->peephole ? r->peephole + s->direction * 3 * r->h : NULL;
  kerf_recurrent_product(s, s->h, 0, 4);
  for (int64_t b = 0; b < r->b; b++) {
    if (!kerf_recurrent_active(s, b)) continue;
    float *p = s->products + b * r->width, *h = s->h + b * r->pitch, *c = s->c + b * r->pitch;
    const float *inputs = s->inputs + b * r->width;
    if (r->cell && !r->flag) {
      r->cell(r->pitch, inputs, p, s->bias, NULL, h, c);
      continue;
    }
    for (int64_t i = 0; i < r->width; i++) p[i] += inputs[i] + s->bias[i];
    cell(r, &r->acts[3 * s->direction], peephole, p, h, c);
  }
}

int kerf_run_lstm(const kerf_call *call, const kerf_gemm_isa *isa, const kerf_rnn_codes *codes, kerf_recurrent_cell_fn usual) {
  return kerf_run_recurrent(call, &layout, isa, codes, step, usual);
}
