// LSTM_F32 on the tiles of the matrix product and the vector activations.
#include "lstm_f32.h"

int KERF_FN(kerf_run_lstm_f32)(const kerf_call *call) { return kerf_run_lstm(call, &KERF_FN(kerf_gemm_isa)); }
