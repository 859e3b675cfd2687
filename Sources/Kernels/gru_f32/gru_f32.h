// The GRU layer.
#ifndef KERF_GRU_F32_H
#define KERF_GRU_F32_H

#include "../rnn_f32/recurrent.h"

int kerf_run_gru(const kerf_call *call, const kerf_gemm_isa *isa, const kerf_rnn_codes *codes, kerf_recurrent_cell_fn usual);

#endif
