// GRU_F32 on the tiles of the matrix product and the vector activations.
#include "../rnn_f32/vcell.h"
#include "gru_f32.h"

/// h = (1 - z) tanh(x + r (u + bias)) + z h, linear_before_reset; gates z r h.
static void cell(int64_t n, const float *x, const float *u, const float *bias, const float *bias_r, float *h, float *c) {
  (void)c;
  for (int64_t i = 0; i < n; i += VW) {
    vf wx[3], uh[3];
    for (int k = 0; k < 3; k++) {
      wx[k] = vadd(vload(x + k * n + i), vload(bias + k * n + i));
      uh[k] = vadd(vload(u + k * n + i), vload(bias_r + k * n + i));
    }
    const vf z = vcell_sigmoid(vadd(wx[0], uh[0])), candidate = vcell_tanh(vfma(vcell_sigmoid(vadd(wx[1], uh[1])), uh[2], wx[2]));
    vstore(h + i, vfma(z, vsub(vload(h + i), candidate), candidate));
  }
}

int KERF_FN(kerf_run_gru_f32)(const kerf_call *call) { return kerf_run_gru(call, &KERF_FN(kerf_gemm_isa), NULL, cell); }
int KERF_FN(kerf_run_gru_f32_codes)(const kerf_call *call) {
  return kerf_run_gru(call, &KERF_FN(kerf_gemm_isa), &KERF_FN(kerf_rnn_codes), cell);
}
