// MAX_POOL_F32: checks; the driver is core/pool_f32.c.
#include "../core/pool_f32.h"

int kerf_prepare_max_pool_f32(const kerf_call *call, uint64_t *scratch_bytes) {
  *scratch_bytes = 0;
  return kerf_prepare_pool(call, false);
}
