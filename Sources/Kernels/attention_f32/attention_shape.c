#include "attention_shape.h"

/// Heads of `size` columns each from column `at` on of [B, rows, columns], or [B, heads, rows, size].
static int read_operand(const kerf_tensor *t, int64_t heads, int64_t rows, int64_t size, int64_t at,
                        kerf_attention_operand *o) {
  KERF_REQUIRE(t->rank == 3 || t->rank == 4, KERF_BAD_SHAPE);
  KERF_REQUIRE(t->dims[t->rank - 2] == rows, KERF_BAD_SHAPE);
  const int64_t columns = t->dims[t->rank - 1], pitch = kerf_pitch(t);
  int64_t used;
  KERF_REQUIRE(kerf_product(heads, size, &used), KERF_BAD_SHAPE);
  if (t->rank == 3) {
    KERF_REQUIRE(at >= 0 && used <= columns && at <= columns - used, KERF_BAD_SHAPE);
    *o = (kerf_attention_operand){at, rows * pitch, size, pitch};
    return KERF_OK;
  }
  KERF_REQUIRE(at == 0 && t->dims[1] == heads && columns == size && pitch == size, KERF_BAD_SHAPE);
  *o = (kerf_attention_operand){0, heads * rows * size, rows * size, size};
  return KERF_OK;
}

static int read_mask(const kerf_tensor *mask, kerf_attention *p) {
  p->mask = mask;
  memset(p->mask_steps, 0, sizeof p->mask_steps);
  if (!mask) return KERF_OK;
  KERF_REQUIRE(mask->type == KERF_F32 || mask->type == KERF_BOOL, KERF_BAD_TYPE);
  KERF_TRY(kerf_check_tensor(mask));
  KERF_REQUIRE(mask->rank >= 1 && mask->rank <= 4 && mask->dims[mask->rank - 1] == p->total, KERF_BAD_SHAPE);
  const int64_t whole[3] = {p->batch, p->heads, p->length};
  int64_t step = p->total;
  for (int i = mask->rank - 2, axis = 2; i >= 0; i--, axis--) {
    KERF_REQUIRE(mask->dims[i] == 1 || mask->dims[i] == whole[axis], KERF_BAD_SHAPE);
    p->mask_steps[axis] = mask->dims[i] == 1 ? 0 : step;
    step *= mask->dims[i];
  }
  return KERF_OK;
}

int kerf_read_attention(const kerf_call *call, int32_t type, int32_t v_type, kerf_attention *p) {
  const kerf_tensor *q = call->inputs[0], *k = call->inputs[1], *v = call->inputs[2], *y = call->outputs[0];
  for (int i = 0; i < 3; i++) KERF_TRY(kerf_check_typed(call->inputs[i], i == 2 ? v_type : type));
  KERF_TRY(kerf_check_tensor(y));
  for (int i = 0; i < 4; i++) KERF_TRY(kerf_check_range(call, i, 1, KERF_MAX_GEOMETRY));
  p->heads = kerf_int(call, 0), p->key_heads = kerf_int(call, 1);
  p->size = kerf_int(call, 2), p->value_size = kerf_int(call, 3);
  KERF_REQUIRE(p->heads % p->key_heads == 0, KERF_BAD_ATTR);
  KERF_REQUIRE(q->rank >= 3 && k->rank >= 3 && v->rank >= 3 && y->rank >= 3, KERF_BAD_SHAPE);
  KERF_REQUIRE(k->dims[0] == q->dims[0] && v->dims[0] == q->dims[0] && y->dims[0] == q->dims[0], KERF_BAD_SHAPE);
  p->batch = q->dims[0], p->length = q->dims[q->rank - 2], p->total = k->dims[k->rank - 2];
  KERF_TRY(read_operand(q, p->heads, p->length, p->size, kerf_int(call, 4), &p->q));
  KERF_TRY(read_operand(k, p->key_heads, p->total, p->size, kerf_int(call, 5), &p->k));
  KERF_TRY(read_operand(v, p->key_heads, p->total, p->value_size, kerf_int(call, 6), &p->v));
  KERF_TRY(read_operand(y, p->heads, p->length, p->value_size, 0, &p->y));
  KERF_REQUIRE(y->rank == 4 || y->dims[2] == p->heads * p->value_size, KERF_BAD_SHAPE);
  KERF_REQUIRE(p->total <= KERF_MAX_GEOMETRY && p->length <= KERF_MAX_GEOMETRY, KERF_BAD_SHAPE);
  p->scale = kerf_float(call, 7), p->softcap = kerf_float(call, 8);
  KERF_REQUIRE(p->softcap >= 0, KERF_BAD_ATTR);
  KERF_TRY(kerf_check_range(call, 9, 0, 2));
  p->causal = kerf_int(call, 9), p->ahead = p->causal == 2 ? p->total - p->length : 0;
  return read_mask(kerf_input(call, 3), p);
}

const float *kerf_attention_mask(const kerf_attention *p, int64_t batch, int64_t head, int64_t i, int64_t t0,
                                 int64_t count, float *room) {
  if (!p->mask) return NULL;
  const int64_t at = batch * p->mask_steps[0] + head * p->mask_steps[1] + i * p->mask_steps[2] + t0;
  if (p->mask->type == KERF_F32) return (const float *)p->mask->data + at;
  const uint8_t *seen = (const uint8_t *)p->mask->data + at;
  for (int64_t n = 0; n < count; n++) room[n] = seen[n] ? 0 : -__builtin_inff();
  return room;
}
