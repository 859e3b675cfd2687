// Checks of the recurrent operations.
#include "recurrent.h"
#include "recurrent_scratch.h"

/// An optional tensor of exactly these dimensions.
static int check_dims(const kerf_tensor *t, int32_t type, int rank, int64_t d0, int64_t d1, int64_t d2, int64_t d3) {
  if (!t) return KERF_OK;
  const int64_t dims[4] = {d0, d1, d2, d3};
  KERF_TRY(kerf_check_typed(t, type));
  KERF_REQUIRE(t->rank == rank, KERF_BAD_SHAPE);
  for (int i = 0; i < rank; i++) KERF_REQUIRE(t->dims[i] == dims[i], KERF_BAD_SHAPE);
  return KERF_OK;
}

static const kerf_tensor *input_at(const kerf_call *call, int i) { return i < 0 ? NULL : kerf_input(call, i); }

int kerf_read_recurrent(const kerf_call *call, const kerf_recurrent_layout *l, kerf_recurrent *r) {
  const kerf_tensor *x = call->inputs[0];
  KERF_TRY(kerf_check_range(call, 0, 0, KERF_MAX_GEOMETRY));
  KERF_TRY(kerf_check_range(call, 1, 0, KERF_MAX_GEOMETRY));
  KERF_TRY(kerf_check_range(call, l->direction, 0, 2));
  r->h = kerf_int(call, 0), r->i = kerf_int(call, 1);
  r->direction = (int)kerf_int(call, l->direction);
  r->directions = r->direction == 2 ? 2 : 1;
  r->gates = l->gates, r->has_c = l->outputs == 3;
  KERF_REQUIRE(call->attr_count == l->acts + 3 * l->acts_per_direction * r->directions, KERF_BAD_COUNT);
  for (int i = 0; i < l->acts_per_direction * r->directions; i++)
    KERF_TRY(kerf_read_act(call, l->acts + 3 * i, &r->acts[i]));
  r->clip = kerf_float(call, l->clip);
  KERF_REQUIRE(r->clip >= 0, KERF_BAD_ATTR);
  if (l->flag >= 0) KERF_TRY(kerf_check_range(call, l->flag, 0, INT32_MAX));
  r->flag = l->flag >= 0 && kerf_int(call, l->flag) != 0;
  KERF_REQUIRE(x->rank == 3 && x->dims[2] == r->i, KERF_BAD_SHAPE);
  r->t = x->dims[0], r->b = x->dims[1];
  r->pitch = kerf_ceil_div(r->h, KERF_PANEL) * KERF_PANEL, r->width = r->gates * r->pitch;
  return KERF_OK;
}

static int check_inputs(const kerf_call *call, const kerf_recurrent_layout *l, const kerf_recurrent *r, bool codes) {
  const int64_t d = r->directions, h = r->h;
  uint64_t (*const size)(int64_t, int64_t, int64_t, int64_t) = codes ? kerf_pack_rnn_codes_size : kerf_pack_rnn_f32_size;
  KERF_TRY(kerf_check_packed(call->inputs[1], size(d, r->gates, h, r->i)));
  KERF_TRY(kerf_check_packed(call->inputs[2], size(d, r->gates, h, h)));
  KERF_TRY(check_dims(input_at(call, l->bias), KERF_F32, 2, d, r->gates * h, 0, 0));
  KERF_TRY(check_dims(input_at(call, l->bias_r), KERF_F32, 2, d, r->gates * h, 0, 0));
  KERF_TRY(check_dims(input_at(call, l->h0), KERF_F32, 3, d, r->b, h, 0));
  KERF_TRY(check_dims(input_at(call, l->c0), KERF_F32, 3, d, r->b, h, 0));
  KERF_TRY(check_dims(input_at(call, l->peephole), KERF_F32, 2, d, 3 * h, 0, 0));
  return check_dims(input_at(call, l->lengths), KERF_I32, 1, r->b, 0, 0, 0);
}

int kerf_prepare_recurrent(const kerf_call *call, const kerf_recurrent_layout *l, bool codes, uint64_t *scratch_bytes) {
  kerf_recurrent r;
  int64_t size;
  *scratch_bytes = 0;
  KERF_REQUIRE(call->attr_count >= l->acts, KERF_BAD_COUNT);
  KERF_TRY(kerf_check_counts(call, 3, l->inputs, l->outputs, call->attr_count));
  KERF_TRY(kerf_check_typed(call->inputs[0], KERF_F32));
  KERF_TRY(kerf_read_recurrent(call, l, &r));
  KERF_TRY(check_inputs(call, l, &r, codes));
  KERF_TRY(check_dims(kerf_output(call, 0), KERF_F32, 4, r.t, r.directions, r.b, r.h));
  for (int i = 1; i < l->outputs; i++)
    KERF_TRY(check_dims(kerf_output(call, i), KERF_F32, 3, r.directions, r.b, r.h, 0));
  KERF_REQUIRE(kerf_product(r.b, r.pitch, &size) && kerf_product(size, 64, &size), KERF_BAD_SHAPE);
  KERF_REQUIRE(kerf_product(r.b, kerf_max(r.i, 1), &size), KERF_BAD_SHAPE);
  const kerf_recurrent_sizes s = kerf_recurrent_scratch(&r, codes);
  *scratch_bytes = s.total * (uint64_t)r.directions;
  return KERF_OK;
}
