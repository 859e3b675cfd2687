#include "nest.h"
#include "small_copy.h"

void kerf_nest_start(kerf_nest *nest, const kerf_tensor *y) {
  memset(nest, 0, sizeof *nest);
  nest->rank = y->rank;
  for (int d = 0; d < y->rank; d++) nest->dims[d] = y->dims[d];
}

bool kerf_nest_add(kerf_nest *nest, const kerf_tensor *operand, const kerf_tensor *y) {
  int shift = y->rank - operand->rank;
  if (shift < 0) return false;
  int64_t *strides = nest->strides[nest->operands];
  int64_t stride = 1;
  for (int d = y->rank - 1; d >= 0; d--) {
    int64_t n = d >= shift ? operand->dims[d - shift] : 1;
    if (n != y->dims[d] && n != 1) return false;
    strides[d] = n == 1 ? 0 : stride;
    stride *= n;
  }
  nest->operands++;
  return true;
}

static bool mergeable(const kerf_nest *nest, int outer, int inner) {
  for (int k = 0; k < nest->operands; k++) {
    if (nest->strides[k][outer] != nest->strides[k][inner] * nest->dims[inner]) return false;
  }
  return true;
}

void kerf_nest_collapse(kerf_nest *nest) {
  int rank = 0;
  for (int d = 0; d < nest->rank; d++) {
    if (nest->dims[d] == 1) continue;
    nest->dims[rank] = nest->dims[d];
    for (int k = 0; k < nest->operands; k++) nest->strides[k][rank] = nest->strides[k][d];
    if (rank > 0 && mergeable(nest, rank - 1, rank)) {
      nest->dims[rank - 1] *= nest->dims[rank];
      for (int k = 0; k < nest->operands; k++) nest->strides[k][rank - 1] = nest->strides[k][rank];
    } else {
      rank++;
    }
  }
  if (rank == 0) {
    nest->dims[0] = 1;
    for (int k = 0; k < nest->operands; k++) nest->strides[k][0] = 0;
    rank = 1;
  }
  nest->rank = rank;
}

typedef struct walk {
  const kerf_nest *nest;
  kerf_row_fn row;
  void *context;
} walk;

/// Positions the counters at a flat output element; returns the position in the last axis.
static int64_t seek(const kerf_nest *nest, int64_t flat, int64_t *index, int64_t *x) {
  int last = nest->rank - 1;
  int64_t inner = flat % nest->dims[last];
  flat /= nest->dims[last];
  for (int k = 0; k < KERF_NEST_OPERANDS; k++) x[k] = k < nest->operands ? nest->base[k] : 0;
  for (int d = last - 1; d >= 0; d--) {
    index[d] = flat % nest->dims[d];
    flat /= nest->dims[d];
    for (int k = 0; k < nest->operands; k++) x[k] += index[d] * nest->strides[k][d];
  }
  return inner;
}

static void advance(const kerf_nest *nest, int64_t *index, int64_t *x) {
  for (int d = nest->rank - 2; d >= 0; d--) {
    index[d]++;
    for (int k = 0; k < nest->operands; k++) x[k] += nest->strides[k][d];
    if (index[d] < nest->dims[d]) return;
    for (int k = 0; k < nest->operands; k++) x[k] -= nest->dims[d] * nest->strides[k][d];
    index[d] = 0;
  }
}

static void walk_range(void *context, int64_t begin, int64_t end) {
  const walk *w = context;
  const kerf_nest *nest = w->nest;
  int last = nest->rank - 1;
  int64_t index[KERF_NEST_RANK] = {0}, x[KERF_NEST_OPERANDS];
  int64_t inner = seek(nest, begin, index, x);
  while (begin < end) {
    int64_t n = nest->dims[last] - inner, at[KERF_NEST_OPERANDS] = {0};
    if (n > end - begin) n = end - begin;
    for (int k = 0; k < nest->operands; k++) at[k] = x[k] + inner * nest->strides[k][last];
    w->row(w->context, begin, at, n);
    begin += n;
    inner = 0;
    advance(nest, index, x);
  }
}

int kerf_nest_broadcast(kerf_nest *nest, const kerf_call *c, int count) {
  kerf_nest_start(nest, c->outputs[0]);
  for (int i = 0; i < count; i++) kerf_nest_add(nest, c->inputs[i], c->outputs[0]);
  kerf_nest_collapse(nest);
  return nest->rank - 1;
}

void kerf_nest_run(const kerf_nest *nest, kerf_pool *pool, int64_t grain, kerf_row_fn row, void *context) {
  int64_t total = 1;
  for (int d = 0; d < nest->rank; d++) total *= nest->dims[d];
  walk w = {nest, row, context};
  kerf_ranges(pool, total, grain, walk_range, &w);
}

typedef struct copy {
  const char *x;
  char *y;
  int64_t width, stride;
} copy;

#define STRIDED(T)                                                             \
  do {                                                                         \
    const T *from = (const T *)c->x + x[0];                                    \
    T *to = (T *)c->y + y;                                                     \
    if (stride == 0) { T v = *from; for (int64_t i = 0; i < n; i++) to[i] = v; } \
    else { for (int64_t i = 0; i < n; i++) to[i] = from[i * stride]; }         \
  } while (0)

static void copy_row(void *context, int64_t y, const int64_t *x, int64_t n) {
  const copy *c = context;
  int64_t stride = c->stride;
  if (stride == 1) {
    memcpy(c->y + y * c->width, c->x + x[0] * c->width, (size_t)(n * c->width));
    return;
  }
  switch (c->width) {
  case 1: STRIDED(uint8_t); break;
  case 2: STRIDED(uint16_t); break;
  case 4: STRIDED(uint32_t); break;
  default: STRIDED(uint64_t); break;
  }
}

/// Runs of `run` bytes, whose elements follow each other in x as in y; `stride` elements from one to the next in x.
typedef struct runs {
  const uint8_t *x;
  uint8_t *y;
  int64_t width, run, stride;
} runs;

static void copy_runs(void *context, int64_t y, const int64_t *x, int64_t n) {
  const runs *r = context;
  kerf_copy_rows(n, r->run, r->y + y * r->run, r->run, r->x + x[0] * r->width, r->stride * r->width);
}

void kerf_nest_copy(const kerf_nest *nest, kerf_pool *pool, int64_t width, const void *x, void *y) {
  const int last = nest->rank - 1;
  if (nest->strides[0][last] == 1 && last > 0) {
    kerf_nest outer = *nest;
    outer.rank = last;
    runs r = {x, y, width, nest->dims[last] * width, nest->strides[0][last - 1]};
    kerf_nest_run(&outer, pool, 65536 / r.run + 1, copy_runs, &r);
    return;
  }
  copy c = {x, y, width, nest->strides[0][last]};
  kerf_nest_run(nest, pool, 65536 / width, copy_row, &c);
}
