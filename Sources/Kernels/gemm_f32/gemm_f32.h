// The float matrix product that GEMM, MATMUL, CONV2D, CONV_TRANSPOSE2D and the recurrent layers share.
//
// Packed B: panels of 16 columns, each k-major (16 floats per k), zero padded. A is read in place, row by row.
#ifndef KERF_GEMM_F32_H
#define KERF_GEMM_F32_H

#include "../core/internal.h"
#include "../unary_f32/unary_f32.h"

enum { KERF_PANEL = 16, KERF_TILE_ROWS = 10, KERF_TILE_COLUMNS = 32 };

/// What happens to a sum before it is stored.
typedef struct kerf_epilogue {
  const float *bias;      // [columns], or NULL
  const float *residual;  // same layout as y, or NULL
  int residual_mode;      // 1 before, 2 after the activation
  kerf_act act;
} kerf_epilogue;

/// A strip of A and what happens to its products: row i of segment s begins at a[s * a_step + i] + k0 and has k elements;
/// its rows of B begin at b_rows[s], or where those of the segment before end (NULL). `stride` lies between the panels of
/// B. The sums go on from `sums` (rows of panels * 16) where they have `begun`, and end there where `more` is to come.
/// Meanwhile what lies from `next` on is fetched into the cache, `next_step` floats for 8 of k.
typedef struct kerf_whole {
  const float *const *a;
  const float *next;
  int64_t next_step;
  int64_t a_step, segments, k0, k, stride, ldy;
  const int64_t *b_rows;
  float *sums;
  bool begun, more;
  const kerf_epilogue *epilogue;
} kerf_whole;

/// The micro-kernels of one instruction set.
typedef struct kerf_gemm_isa {
  int rows, panels;  // of a full tile
  /// acc[rows][panels * 16] = (first ? 0 : acc) + A[rows, k] * B[k, used * 16]; `used` <= panels, 1 <= rows <= full.
  /// Rows of b are b_step apart (16 when packed), panels panel_stride.
  void (*tile)(int rows, int used, int64_t k, const float *a, int64_t lda, const float *b, int64_t b_step,
               int64_t panel_stride, float *acc, int first);
  /// Epilogue of a tile: columns `column` ... of y, whose row 0 is at `y` (and the residual's at `residual`).
  void (*store)(int rows, int columns, float *acc, float *y, const float *residual, int64_t ldy,
                const kerf_epilogue *e, int64_t column);
  /// y[rows][columns] = epilogue(sums over all segments), columns `column` ... of the output; 1 <= columns <= panels * 16.
  void (*whole)(int rows, int columns, const kerf_whole *w, const float *b, float *y, const float *residual,
                int64_t column);
  /// acc[i] = a[k] . b[i][k] for i < count; the rows of b are ldb apart.
  void (*dots)(int64_t k, const float *a, const float *b, int64_t ldb, int count, float *acc);
  kerf_unary_fn unary;
  /// acc[panels * 16] = a[k] * B[k, panels * 16], packed.
  void (*row)(int64_t k, const float *a, const float *b, int64_t panels, float *acc);
} kerf_gemm_isa;

extern const kerf_gemm_isa kerf_gemm_isa_portable, kerf_gemm_isa_avx2, kerf_gemm_isa_avx512, kerf_gemm_isa_neon;

/// Fills dst[rows][k] with rows row ..< row + rows, columns k0 ..< k0 + k of an A that is not stored as a matrix.
typedef void (*kerf_gather_fn)(const void *source, int64_t row, int64_t rows, int64_t k0, int64_t k, float *dst);

/// One product y[m, n] = epilogue(A[m, k] * B[k, n]).
typedef struct kerf_gemm {
  int64_t m, n, k;
  const float *a;  // NULL: `gather` supplies it
  int64_t lda;
  kerf_gather_fn gather;
  const void *source;
  const float *b;  // packed
  float *y;
  int64_t ldy;
  kerf_epilogue epilogue;
} kerf_gemm;

/// Scratch of kerf_gemm_run; `gathered` says whether A comes from a gather function.
uint64_t kerf_gemm_scratch(int64_t m, int64_t n, int64_t k, bool gathered);
void kerf_gemm_run(const kerf_gemm *g, const kerf_gemm_isa *isa, void *scratch, kerf_pool *pool);

/// The product of one row (m is 1, A is given), which is nothing but reading B.
void kerf_gemm_run_row(const kerf_gemm *g, const kerf_gemm_isa *isa, kerf_pool *pool);

/// Writes the addresses of rows row ..< row + rows: segment s of row row + i at a[s * step + i].
typedef void (*kerf_point_fn)(const void *source, int64_t row, int64_t rows, int64_t step, const float **a);

/// Where a row of the result begins in y; `run`: how many from it on lie ldy apart.
typedef int64_t (*kerf_place_fn)(const void *source, int64_t row, int64_t *run);

/// One product y[m, n] = epilogue(A[m, segments * k] * B) whose rows of A are pieces that lie anywhere.
typedef struct kerf_strips {
  int64_t m, n, segments, k;
  int64_t footprint;  // floats of A that a row adds to those of the row before
  kerf_point_fn point;
  const void *source;
  const float *b;         // packed
  const int64_t *b_rows;  // of the segments, where they do not follow each other in a b of depth b_depth; or NULL
  int64_t b_depth;
  float *y;
  int64_t ldy;
  kerf_place_fn place;  // NULL: all rows lie ldy apart; with a place there is no residual
  kerf_epilogue epilogue;
} kerf_strips;

uint64_t kerf_strips_scratch(const kerf_strips *s, const kerf_pool *pool);
void kerf_strips_run(const kerf_strips *s, const kerf_gemm_isa *isa, void *scratch, kerf_pool *pool);

int kerf_run_gemm(const kerf_call *call, const kerf_gemm_isa *isa);

#endif
