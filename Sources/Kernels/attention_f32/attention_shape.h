// What an attention multiplies, as its call states it: ATTENTION_F32 and ATTENTION_U8 read it alike.
#ifndef KERF_ATTENTION_SHAPE_H
#define KERF_ATTENTION_SHAPE_H

#include "../common/tensors.h"

/// Where head h of batch b begins, and how far its rows are apart, in elements; `first` is that of head 0.
typedef struct kerf_attention_operand {
  int64_t first, batch, head, row;
} kerf_attention_operand;

typedef struct kerf_attention {
  int64_t batch, heads, key_heads, length, total, size, value_size;
  kerf_attention_operand q, k, v, y;
  const kerf_tensor *mask;
  int64_t mask_steps[3];  // batch, head, query
  float scale, softcap;
  int64_t causal, ahead;  // key j is seen by query i when j <= i + ahead
} kerf_attention;

/// Reads and checks q and k of a type, v of another, mask?, y (but for its type) and the first ten attributes. Sizes are
/// below 2^31 and lengths too.
int kerf_read_attention(const kerf_call *call, int32_t type, int32_t v_type, kerf_attention *p);

static inline int64_t kerf_attention_at(const kerf_attention_operand *o, int64_t batch, int64_t head, int64_t row) {
  return o->first + batch * o->batch + head * o->head + row * o->row;
}

/// Of `count` keys from t0 on, how many query i sees.
static inline int64_t kerf_attention_seen(const kerf_attention *p, int64_t i, int64_t t0, int64_t count) {
  return p->causal ? kerf_max(0, kerf_min(count, i + p->ahead + 1 - t0)) : count;
}

/// What the mask adds to keys t0 ... of query i, or NULL. Of a mask of bool the numbers are written to `room`.
const float *kerf_attention_mask(const kerf_attention *p, int64_t batch, int64_t head, int64_t i, int64_t t0,
                                 int64_t count, float *room);

#endif
