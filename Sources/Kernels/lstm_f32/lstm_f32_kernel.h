// LSTM_F32 on the tiles of the matrix product and the vector activations.
#include "../rnn_f32/vcell.h"
#include "lstm_f32.h"

/// c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c); gates i o f g.
static void cell(int64_t n, const float *x, const float *u, const float *bias, const float *bias_r, float *h, float *c) {
  (void)bias_r;
  for (int64_t i = 0; i < n; i += VW) {
    vf g[4];
    for (int k = 0; k < 4; k++) g[k] = vadd(vadd(vload(x + k * n + i), vload(u + k * n + i)), vload(bias + k * n + i));
    const vf next = vfma(vcell_sigmoid(g[2]), vload(c + i), vmul(vcell_sigmoid(g[0]), vcell_tanh(g[3])));
    vstore(c + i, next);
    vstore(h + i, vmul(vcell_sigmoid(g[1]), vcell_tanh(next)));
  }
}

int KERF_FN(kerf_run_lstm_f32)(const kerf_call *call) { return kerf_run_lstm(call, &KERF_FN(kerf_gemm_isa), NULL, cell); }
int KERF_FN(kerf_run_lstm_f32_codes)(const kerf_call *call) {
  return kerf_run_lstm(call, &KERF_FN(kerf_gemm_isa), &KERF_FN(kerf_rnn_codes), cell);
}
