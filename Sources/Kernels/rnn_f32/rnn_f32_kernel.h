// RNN_F32 on the tiles of the matrix product and the vector activations.
#include "rnn_f32.h"

int KERF_FN(kerf_run_rnn_f32)(const kerf_call *call) { return kerf_run_rnn(call, &KERF_FN(kerf_gemm_isa), NULL); }
int KERF_FN(kerf_run_rnn_f32_codes)(const kerf_call *call) {
  return kerf_run_rnn(call, &KERF_FN(kerf_gemm_isa), &KERF_FN(kerf_rnn_codes));
}
