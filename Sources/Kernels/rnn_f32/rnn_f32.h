// The plain recurrent layer.
#ifndef KERF_RNN_F32_H
#define KERF_RNN_F32_H

#include "recurrent.h"

int kerf_run_rnn(const kerf_call *call, const kerf_gemm_isa *isa, const kerf_rnn_codes *codes);

#endif
