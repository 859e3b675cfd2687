// RNN_F32: H = f(x W + h R + bias). Tensors and attributes as in kerf_ops.h. ONNX: RNN 1-22.
#include "rnn_f32.h"

static const kerf_recurrent_layout layout = {
  .gates = 1, .bias = 3, .bias_r = -1, .h0 = 4, .c0 = -1, .peephole = -1, .lengths = 5, .inputs = 6, .outputs = 2,
  .direction = 2, .clip = 3, .flag = -1, .acts = 4, .acts_per_direction = 1,
};

int kerf_prepare_rnn_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  return kerf_prepare_recurrent(call, &layout, false, scratch_bytes);
}
int kerf_prepare_rnn_f32_codes(const kerf_call *call, uint64_t *scratch_bytes) {
  return kerf_prepare_recurrent(call, &layout, true, scratch_bytes);
}

static void step(kerf_recurrent_state *s) {
  const kerf_recurrent *r = s->r;
  kerf_recurrent_product(s, s->h, 0, 1);
  for (int64_t b = 0; b < r->b; b++) {
    if (!kerf_recurrent_active(s, b)) continue;
    float *p = s->products + b * r->pitch;
    for (int64_t i = 0; i < r->h; i++) p[i] += s->inputs[b * r->pitch + i] + s->bias[i];
    kerf_recurrent_activate(r, p, &r->acts[s->direction]);
    memcpy(s->h + b * r->pitch, p, (size_t)r->h * sizeof *p);
  }
}

int kerf_run_rnn(const kerf_call *call, const kerf_gemm_isa *isa, const kerf_rnn_codes *codes) {
  return kerf_run_recurrent(call, &layout, isa, codes, step, NULL);
}
