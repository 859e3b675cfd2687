// GRU_F32, gates z r h, linear_before_reset or not. Tensors and attributes as in kerf_ops.h. ONNX: GRU 1-22.
#include "gru_f32.h"

static const kerf_recurrent_layout layout = {
  .gates = 3, .bias = 3, .bias_r = 4, .h0 = 5, .c0 = -1, .peephole = -1, .lengths = 6, .inputs = 7, .outputs = 2,
  .direction = 2, .clip = 3, .flag = 4, .acts = 5, .acts_per_direction = 2,
};

int kerf_prepare_gru_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  return kerf_prepare_recurrent(call, &layout, false, scratch_bytes);
}
int kerf_prepare_gru_f32_codes(const kerf_call *call, uint64_t *scratch_bytes) {
  return kerf_prepare_recurrent(call, &layout, true, scratch_bytes);
}

/// z and r of sequence b, in place in the products; reset state r * h to `extra`.
static void update_gates(kerf_recurrent_state *s, int64_t b) {
  const kerf_recurrent *r = s->r;
  const int64_t n = r->pitch;
  float *p = s->products + b * r->width;
  const float *inputs = s->inputs + b * r->width;
  for (int64_t i = 0; i < 2 * n; i++) p[i] += inputs[i] + (s->bias[i] + s->bias_r[i]);
  kerf_recurrent_activate(r, p, &r->acts[2 * s->direction]);
  kerf_recurrent_activate(r, p + n, &r->acts[2 * s->direction]);
  for (int64_t i = 0; i < r->h; i++) s->extra[b * n + i] = p[n + i] * s->h[b * n + i];
}

/// The candidate and the new state of sequence b.
static void update_state(kerf_recurrent_state *s, int64_t b) {
  const kerf_recurrent *r = s->r;
  const int64_t n = r->pitch;
  float *z = s->products + b * r->width, *reset = z + n, *candidate = z + 2 * n, *h = s->h + b * n;
  const float *inputs = s->inputs + b * r->width + 2 * n, *bias = s->bias + 2 * n, *bias_r = s->bias_r + 2 * n;
  for (int64_t i = 0; i < r->h; i++)
    candidate[i] = inputs[i] + bias[i] + (r->flag ? reset[i] : 1) * (candidate[i] + bias_r[i]);
  kerf_recurrent_activate(r, candidate, &r->acts[2 * s->direction + 1]);
  for (int64_t i = 0; i < r->h; i++) h[i] = (1 - z[i]) * candidate[i] + z[i] * h[i];
}

static void step(kerf_recurrent_state *s) {
  const kerf_recurrent *r = s->r;
  kerf_recurrent_product(s, s->h, 0, r->flag ? 3 : 2);
  for (int64_t b = 0; b < r->b; b++) {
    if (!kerf_recurrent_active(s, b)) continue;
    if (r->cell && r->flag)
      r->cell(r->pitch, s->inputs + b * r->width, s->products + b * r->width, s->bias, s->bias_r, s->h + b * r->pitch, NULL);
    else update_gates(s, b);
  }
  if (r->cell && r->flag) return;
  if (!r->flag) kerf_recurrent_product(s, s->extra, 2, 1);
  for (int64_t b = 0; b < r->b; b++)
    if (kerf_recurrent_active(s, b)) update_state(s, b);
}

int kerf_run_gru(const kerf_call *call, const kerf_gemm_isa *isa, const kerf_rnn_codes *codes, kerf_recurrent_cell_fn usual) {
  return kerf_run_recurrent(call, &layout, isa, codes, step, usual);
}
