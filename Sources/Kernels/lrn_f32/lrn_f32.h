// Local response normalization over channels.
#ifndef KERF_LRN_F32_H
#define KERF_LRN_F32_H

#include "../unary_f32/unary_f32.h"

int kerf_run_lrn(const kerf_call *call, kerf_unary_fn unary);

#endif
