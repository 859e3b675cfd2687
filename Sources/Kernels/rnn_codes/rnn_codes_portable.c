// Recurrent products on codes for plain C.
#include "../core/simd_portable.h"
#include "rnn_codes_kernel.h"
#include "../core/simd_end.h"
