// PAD: x any, value scalar? -> y; mode(i: 0 constant 1 reflect 2 edge 3 wrap) then per axis before(i) (ONNX Pad).
//
// The padding behind an axis follows from y's length; negative padding crops. Trailing axes without padding form one
// block, so that the innermost padded axis moves whole blocks.
#include "../common/tensors.h"

enum { CONSTANT = 0, REFLECT = 1, EDGE = 2, WRAP = 3 };

int kerf_prepare_pad(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 2, 1, 1 + kerf_first_rank(c)));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0], *value = kerf_input(c, 1);
  KERF_REQUIRE(x->type == y->type, KERF_BAD_TYPE);
  KERF_REQUIRE(x->rank == y->rank, KERF_BAD_SHAPE);
  KERF_REQUIRE(c->attrs[0].i >= CONSTANT && c->attrs[0].i <= WRAP, KERF_BAD_ATTR);
  if (value) {
    KERF_REQUIRE(value->type == x->type, KERF_BAD_TYPE);
    KERF_REQUIRE(kerf_elements(value) == 1, KERF_BAD_SHAPE);
  }
  for (int d = 0; d < x->rank; d++) {
    int64_t before = c->attrs[1 + d].i;
    KERF_REQUIRE(before >= -KERF_MAX_BYTES && before <= KERF_MAX_BYTES, KERF_BAD_ATTR);
    bool source = x->dims[d] > 0 || y->dims[d] == 0 || c->attrs[0].i == CONSTANT;
    KERF_REQUIRE(source, KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

/// The source coordinate of coordinate i - before, or -1 for the constant.
static int64_t source(int64_t i, int64_t n, int64_t mode) {
  if (i >= 0 && i < n) return i;
  if (mode == CONSTANT) return -1;
  if (mode == EDGE) return i < 0 ? 0 : n - 1;
  int64_t period = mode == WRAP ? n : 2 * (n - 1);
  if (period == 0) return 0;
  i %= period;
  if (i < 0) i += period;
  return i < n ? i : period - i;
}

typedef struct job {
  const char *x;
  char *y;
  int64_t mode, block, width;
  int rank;
  int64_t xd[KERF_MAX_RANK], yd[KERF_MAX_RANK], before[KERF_MAX_RANK];
  uint64_t value;
} job;

static void fill(const job *j, char *y, int64_t bytes) {
  switch (j->width) {
  case 1: memset(y, (int)(uint8_t)j->value, (size_t)bytes); break;
  case 2: for (int64_t i = 0; i < bytes / 2; i++) ((uint16_t *)(void *)y)[i] = (uint16_t)j->value; break;
  case 4: for (int64_t i = 0; i < bytes / 4; i++) ((uint32_t *)(void *)y)[i] = (uint32_t)j->value; break;
  default: for (int64_t i = 0; i < bytes / 8; i++) ((uint64_t *)(void *)y)[i] = j->value; break;
  }
}

/// One row along the innermost axis: padding before, one copy, padding behind.
static void pad_row(const job *j, const char *x, char *y) {
  int d = j->rank - 1;
  int64_t n = j->xd[d], m = j->yd[d], before = j->before[d], b = j->block;
  int64_t first = before < 0 ? 0 : before < m ? before : m;
  int64_t last = n + before < first ? first : n + before < m ? n + before : m;
  if (x == NULL || last <= first) first = last = x == NULL ? m : first;
  if (x == NULL || j->mode == CONSTANT) {
    fill(j, y, first * b);
    if (x && last > first) memcpy(y + first * b, x + (first - before) * b, (size_t)((last - first) * b));
    fill(j, y + last * b, (m - last) * b);
    return;
  }
  for (int64_t i = 0; i < first; i++) memcpy(y + i * b, x + source(i - before, n, j->mode) * b, (size_t)b);
  if (last > first) memcpy(y + first * b, x + (first - before) * b, (size_t)((last - first) * b));
  for (int64_t i = last; i < m; i++) memcpy(y + i * b, x + source(i - before, n, j->mode) * b, (size_t)b);
}

static void pad_rows(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  int last = j->rank - 1;
  for (int64_t r = begin; r < end; r++) {
    int64_t rest = r, offset = 0, stride = j->xd[last] * j->block;
    bool inside = true;
    for (int d = last - 1; d >= 0; d--) {
      int64_t s = source(rest % j->yd[d] - j->before[d], j->xd[d], j->mode);
      rest /= j->yd[d];
      inside = inside && s >= 0;
      offset += s * stride;
      stride *= j->xd[d];
    }
    pad_row(j, inside ? j->x + offset : NULL, j->y + r * j->yd[last] * j->block);
  }
}

static void add_axis(job *j, int64_t x, int64_t y, int64_t before) {
  j->xd[j->rank] = x;
  j->yd[j->rank] = y;
  j->before[j->rank] = before;
  j->rank++;
}

int kerf_run_pad_portable(const kerf_call *c) {
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0], *value = kerf_input(c, 1);
  if (kerf_elements(y) == 0) return KERF_OK;
  job j = {.x = x->data, .y = y->data, .mode = c->attrs[0].i, .width = kerf_width(x->type)};
  if (value) memcpy(&j.value, value->data, (size_t)j.width);
  int tail = x->rank;
  while (tail > 0 && x->dims[tail - 1] == y->dims[tail - 1] && c->attrs[tail].i == 0) tail--;
  j.block = j.width * kerf_span(x, tail, x->rank);
  for (int d = 0; d < tail; d++) add_axis(&j, x->dims[d], y->dims[d], c->attrs[1 + d].i);
  if (tail == 0) add_axis(&j, 1, 1, 0);
  // An empty source has no bytes to point at; every element is the constant.
  if (kerf_elements(x) == 0) j.xd[0] = 0;
  int64_t row = j.yd[j.rank - 1] * j.block;
  kerf_ranges(c->pool, kerf_bytes(y) / row, (1 << 17) / row, pad_rows, &j);
  return KERF_OK;
}
