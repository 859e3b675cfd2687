// LRN_F32 on the vector logarithm and exponential.
#include "lrn_f32.h"

int KERF_FN(kerf_run_lrn_f32)(const kerf_call *call) { return kerf_run_lrn(call, KERF_FN(kerf_unary)); }
