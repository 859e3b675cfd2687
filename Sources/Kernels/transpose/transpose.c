// TRANSPOSE: x any -> y; perm(i) per axis: y.dims[d] = x.dims[perm[d]] (ONNX Transpose).
//
// Axes that stay neighbours become one. If the last axis keeps its place, rows are copied; otherwise the two axes that
// are contiguous in x and in y span matrices, transposed in blocks that stay in the first cache.
#include "../common/nest.h"
#include "../common/variants.h"
#include "tiles.h"

enum { BLOCK = 64, WOVEN = 1024 };

int kerf_prepare_transpose(const kerf_call *c, uint64_t *scratch) {
  KERF_TRY(kerf_check_plain(c, 1, 1, 1, kerf_first_rank(c)));
  *scratch = 0;
  const kerf_tensor *x = c->inputs[0], *y = c->outputs[0];
  KERF_REQUIRE(x->type == y->type, KERF_BAD_TYPE);
  KERF_REQUIRE(x->rank == y->rank, KERF_BAD_SHAPE);
  unsigned seen = 0;
  for (int d = 0; d < x->rank; d++) {
    int64_t p = c->attrs[d].i;
    KERF_REQUIRE(p >= 0 && p < x->rank && !(seen >> p & 1), KERF_BAD_ATTR);
    seen |= 1u << p;
    KERF_REQUIRE(y->dims[d] == x->dims[p], KERF_BAD_SHAPE);
  }
  return KERF_OK;
}

typedef struct job {
  kerf_nest nest;
  const char *x;
  char *y;
  int64_t width, p, j, sx, sy;  // the matrix: p contiguous in x, j in y; strides of j in x and of p in y
  int64_t woven, block, p_blocks, j_blocks;
  int axis;  // of p in the nest; j is the last
  int64_t y_strides[KERF_NEST_RANK];
} job;

#define MATRIX(T, SIDE, TILE)                                                                  \
  do {                                                                                         \
    const T *x = (const T *)j->x + xo;                                                         \
    T *y = (T *)j->y + yo;                                                                     \
    int64_t a = 0;                                                                             \
    for (; a + SIDE <= np; a += SIDE) {                                                        \
      int64_t b = 0;                                                                           \
      for (; b + SIDE <= nj; b += SIDE) TILE(x + b * j->sx + a, j->sx, y + a * j->sy + b, j->sy); \
      for (; b < nj; b++) {                                                                    \
        for (int64_t i = a; i < a + SIDE; i++) y[i * j->sy + b] = x[b * j->sx + i];            \
      }                                                                                        \
    }                                                                                          \
    for (; a < np; a++) {                                                                      \
      for (int64_t b = 0; b < nj; b++) y[a * j->sy + b] = x[b * j->sx + a];                    \
    }                                                                                          \
  } while (0)

KERF_INLINE void tile_u64(const uint64_t *x, int64_t sx, uint64_t *y, int64_t sy) {
  for (int i = 0; i < 4; i++) {
    for (int k = 0; k < 4; k++) y[i * sy + k] = x[k * sx + i];
  }
}

// Two or three rows woven into one, or one taken apart: channel shuffles, and images on their way to and from
// channels-last.
#define WEAVE(T, N)                                                    \
  do {                                                                 \
    const T *restrict x = (const T *)j->x + xo;                        \
    T *restrict y = (T *)j->y + yo;                                    \
    const int64_t sx = j->sx, sy = j->sy;                              \
    if (j->j == N) {                                                   \
      for (int64_t a = 0; a < np; a++) {                               \
        for (int b = 0; b < N; b++) y[a * N + b] = x[b * sx + a];      \
      }                                                                \
    } else {                                                           \
      for (int64_t b = 0; b < nj; b++) {                               \
        for (int a = 0; a < N; a++) y[a * sy + b] = x[b * N + a];      \
      }                                                                \
    }                                                                  \
  } while (0)

#define ANY(T, SIDE, TILE)                \
  do {                                    \
    if (j->woven == 2) WEAVE(T, 2);       \
    else if (j->woven == 3) WEAVE(T, 3);  \
    else MATRIX(T, SIDE, TILE);           \
  } while (0)

KERF_INLINE void matrix(const job *j, int64_t xo, int64_t yo, int64_t np, int64_t nj) {
  switch (j->width) {
  case 1: ANY(uint8_t, 16, kerf_tile_u8); break;
  case 2: ANY(uint16_t, 8, kerf_tile_u16); break;
  case 4: ANY(uint32_t, 4, kerf_tile_u32); break;
  default: ANY(uint64_t, 4, tile_u64); break;
  }
}

/// How many rows weave into one, or come from one; 0 for neither.
static int64_t woven(const job *j) {
  const int64_t together = j->j <= 3 && j->sy == j->j ? j->j : 0;
  return together ? together : j->p <= 3 && j->sx == j->p ? j->p : 0;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

KERF_INLINE void blocks(const job *j, int64_t begin, int64_t end) {
  for (int64_t unit = begin; unit < end; unit++) {
    int64_t b = unit % j->j_blocks * j->block, rest = unit / j->j_blocks;
    int64_t a = rest % j->p_blocks * j->block, xo = a + b * j->sx, yo = a * j->sy + b;
    rest /= j->p_blocks;
    for (int d = j->nest.rank - 2; d >= 0; d--) {
      if (d == j->axis) continue;
      int64_t index = rest % j->nest.dims[d];
      rest /= j->nest.dims[d];
      xo += index * j->nest.strides[0][d];
      yo += index * j->y_strides[d];
    }
    matrix(j, xo, yo, least(j->block, j->p - a), least(j->block, j->j - b));
  }
}

static void make_nest(const kerf_call *c, kerf_nest *nest) {
  const kerf_tensor *x = c->inputs[0];
  kerf_nest_start(nest, c->outputs[0]);
  nest->operands = 1;
  for (int d = 0; d < x->rank; d++) nest->strides[0][d] = kerf_span(x, (int)c->attrs[d].i + 1, x->rank);
  kerf_nest_collapse(nest);
}

static int run(const kerf_call *c, kerf_range_fn blocks) {
  const kerf_tensor *y = c->outputs[0];
  int64_t total = kerf_elements(y);
  if (total == 0) return KERF_OK;
  job j = {.x = c->inputs[0]->data, .y = y->data, .width = kerf_width(y->type)};
  make_nest(c, &j.nest);
  int last = j.nest.rank - 1;
  if (j.nest.strides[0][last] <= 1) {
    j.nest.strides[0][last] = 1;
    kerf_nest_copy(&j.nest, c->pool, j.width, j.x, j.y);
    return KERF_OK;
  }
  int64_t stride = 1;
  for (int d = last; d >= 0; d--) {
    j.y_strides[d] = stride;
    stride *= j.nest.dims[d];
    if (j.nest.strides[0][d] == 1) j.axis = d;
  }
  j.p = j.nest.dims[j.axis];
  j.j = j.nest.dims[last];
  j.sx = j.nest.strides[0][last];
  j.sy = j.y_strides[j.axis];
  j.woven = woven(&j);
  j.block = j.woven ? WOVEN : BLOCK;
  j.p_blocks = kerf_ceil_div(j.p, j.block);
  j.j_blocks = kerf_ceil_div(j.j, j.block);
  int64_t units = total / (j.p * j.j) * j.p_blocks * j.j_blocks, mean = total * j.width / units;
  kerf_ranges(c->pool, units, (1 << 16) / mean, blocks, &j);
  return KERF_OK;
}

// Weaving bytes in threes takes shuffles of whole vectors, which plain x86-64 does not have.
#define VARIANT(set, target)                                                                          \
  target static void blocks_##set(void *j, int64_t begin, int64_t end) { blocks(j, begin, end); }     \
  int kerf_run_transpose_##set(const kerf_call *c) { return run(c, blocks_##set); }
KERF_VARIANTS(VARIANT)
