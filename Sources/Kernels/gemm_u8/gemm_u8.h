// The 8-bit matrix product that GEMM, CONV2D, MATMUL_INT and CONV_INT share.
//
// Packed B [k, n]: int32 column sums [panels * 16], then panels of 16 columns; a panel is a row of blocks of 64 bytes,
// one per 4 k: for each column its 4 k-bytes. Zero padded in k and n. Behind them 64 bytes, the first of which says whether
// the sums of two neighbouring products fit 16 bits whatever A is. A is u8, row by row, 4 k at a time.
#ifndef KERF_GEMM_U8_H
#define KERF_GEMM_U8_H

#include "../common/tensors.h"
#include "../unary_f32/unary_f32.h"

enum { KERF_Q8_PANEL = 16, KERF_Q8_TILE = 32, KERF_Q8_MOST_ROWS = 56, KERF_Q8_TOGETHER = 4 };

/// What a tile of 32 columns needs behind the sums; columns past the last hold harmless values.
typedef struct kerf_q8_columns {
  int32_t init[KERF_Q8_TILE];  // bias and zero point correction
  int32_t multiplier[KERF_Q8_TILE], shift[KERF_Q8_TILE];
  float scale[KERF_Q8_TILE], bias[KERF_Q8_TILE];
  int32_t factor[KERF_Q8_TILE];  // of the residual
} kerf_q8_columns;

/// Codes that are added to the sums before they are rounded: y = requantize((sum << shift) + factor[c] * (code - zero)).
typedef struct kerf_q8_residual {
  const uint8_t *codes;  // NULL: none; as y, all groups, rows `ld` apart
  const int32_t *factor;
  int64_t ld;
  int32_t zero, shift;
} kerf_q8_residual;

/// Requantization: zero point and bounds of y, the table or NULL, and what is added.
typedef struct kerf_q8_output {
  int32_t y_zero, y_min, y_max;
  const uint8_t *table;
  kerf_q8_residual added;
} kerf_q8_output;

/// How rows of A lie in memory: piece i of a row begins offsets[i] behind the row's address and has `bytes` bytes, a
/// multiple of 4.
typedef struct kerf_q8_pieces {
  int64_t count, bytes;
  const int64_t *offsets;
} kerf_q8_pieces;

/// What is fetched into the cache meanwhile: `step` bytes, a multiple of 64, for every KERF_Q8_TOGETHER blocks.
typedef struct kerf_q8_next {
  const int8_t *at;
  int64_t step;
} kerf_q8_next;

/// Micro-kernels on 16-bit operands (gemm_u8_wide.h).
typedef struct kerf_q8_wide kerf_q8_wide;

/// The micro-kernels of one instruction set. acc is [rows][32].
typedef struct kerf_q8_isa {
  int rows;        // of a full tile
  int32_t offset;  // the tile sums (x - offset) * w
  /// acc = A[rows, 4 * blocks] * B, for one or two panels, `stride` bytes apart.
  void (*tile)(int rows, int panels, int64_t blocks, const uint8_t *a, int64_t lda, const int8_t *b, int64_t stride,
               int32_t *acc);
  /// The same of rows by their addresses; NULL: rows that do not follow each other are gathered for `tile`.
  void (*strip)(int rows, int panels, const kerf_q8_pieces *pieces, const uint8_t *const *a, const int8_t *b,
                int64_t stride, kerf_q8_next next, int32_t *acc);
  /// y[r][c] = requantized (acc + init), without the table; with what is added, where `add_residual` is NULL.
  void (*requantize)(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, const kerf_q8_output *o,
                     uint8_t *y, int64_t ldy);
  /// y[r][c] = (float)(acc + init) * scale + bias.
  void (*scale)(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y, int64_t ldy);
  kerf_unary_fn unary;
  /// acc[r][c] = (acc[r][c] << shift) + factor[c] * residual[r][c], of 32 bits.
  void (*add_residual)(int rows, int columns, int32_t *acc, const kerf_q8_columns *p, int shift, const uint8_t *residual,
                       int64_t ld);
  /// y[r][c] = table[y[r][c]]; NULL: one by one.
  void (*look_up)(int64_t rows, int64_t columns, uint8_t *y, int64_t ldy, const uint8_t table[256]);
  const kerf_q8_wide *wide;  // NULL: products of any size run on `tile`
  const struct kerf_q8_isa *pairs;  // for B whose pairs of products fit 16 bits; NULL: as for any other
} kerf_q8_isa;

extern const kerf_q8_wide kerf_q8_wide_avx2;
extern const kerf_q8_isa kerf_q8_portable, kerf_q8_avx2, kerf_q8_avxvnni, kerf_q8_avx512vnni, kerf_q8_neon, kerf_q8_dotprod,
  kerf_q8_i8mm;

void kerf_q8_requantize_portable(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p,
                                 const kerf_q8_output *o, uint8_t *y, int64_t ldy);
void kerf_q8_scale_portable(int rows, int columns, const int32_t *acc, const kerf_q8_columns *p, float *y,
                            int64_t ldy);
void kerf_q8_add_residual_portable(int rows, int columns, int32_t *acc, const kerf_q8_columns *p, int shift,
                                   const uint8_t *residual, int64_t ld);

typedef struct kerf_q8 kerf_q8;
/// Fills dst[rows][ld] with rows row ..< row + rows of A in a group; ld is k rounded up to 4, the rest zero.
typedef void (*kerf_q8_fill_fn)(const kerf_q8 *g, int64_t group, int64_t row, int64_t rows, uint8_t *dst, int64_t ld);

/// Writes the addresses of rows row ..< row + rows of A in a group.
typedef void (*kerf_q8_point_fn)(const kerf_q8 *g, int64_t group, int64_t row, int64_t rows, const uint8_t **a);

/// One product per group: y[m, group * n ...] = epilogue(A_group[m, k] * B_group[k, n]).
struct kerf_q8 {
  int64_t m, n, k, groups;
  const uint8_t *a;  // rows in place, where k is a multiple of 4
  int64_t lda, a_group;
  kerf_q8_fill_fn fill;  // NULL: `a` is used
  kerf_q8_point_fn point;  // for kernels with strips, instead of both: rows in `pieces`, each `footprint` bytes on
  kerf_q8_pieces pieces;
  int64_t footprint;
  const void *source;
  const uint8_t *packed;
  int64_t packed_group;  // bytes
  int32_t x_zero;
  /// Zero points of B as it is packed, of column i at [i * b_zero_step]; NULL where all are 0.
  const int32_t *b_zero;
  int b_zero_step;
  // Exactly one of the three outputs, whose rows are `ldy` elements apart.
  int64_t ldy;
  uint8_t *y_u8;
  float *y_f32;
  int32_t *y_i32;
  const int32_t *bias, *multiplier, *shift;  // y_u8
  kerf_q8_output output;
  const float *scale, *bias_f32, *residual;  // y_f32
  int residual_mode;
  kerf_act act;
};

/// The product of a plain matrix a[m, k], but for the output.
kerf_q8 kerf_q8_matrix(int64_t m, int64_t n, int64_t k, const uint8_t *a, const void *packed);

/// Bytes of packed B; 0 when out of range.
uint64_t kerf_q8_packed_size(int64_t k, int64_t n);
/// Packs B [k, n] of bytes, or [n, k] where `transposed`, each XORed with `flip`.
void kerf_q8_pack_bytes(int64_t k, int64_t n, bool transposed, const uint8_t *b, uint8_t flip, void *packed);
/// Packs columns n of B whose element (k, n) is get(source, k, n).
typedef int8_t (*kerf_q8_get_fn)(const void *source, int64_t k, int64_t n);
void kerf_q8_pack(int64_t k, int64_t n, kerf_q8_get_fn get, const void *source, void *packed);

/// Scratch of kerf_q8_run; `filled` says whether A comes from a fill function.
uint64_t kerf_q8_scratch(int64_t m, int64_t n, int64_t k, int64_t groups, bool filled);
/// Whether the products of two neighbouring k, added up, fit 16 bits: for each column, weights of the same sign come to
/// no more than 128 (255 * 128 = 32640).
bool kerf_q8_fits_pairs(const kerf_q8 *g);
void kerf_q8_run(const kerf_q8 *g, const kerf_q8_isa *isa, void *scratch, kerf_pool *pool);

/// Attributes x_zero, y_zero, y_min, y_max at attrs[at ...] (with `inputs` false: the last three), within 0 ... 255.
int kerf_q8_check_zeros(const kerf_call *call, int at, int count);
/// Tensors bias, multiplier, shift i32[n] at inputs[at ...] and the table u8[256] behind them, which may be absent.
int kerf_q8_check_requantization(const kerf_call *call, int at, int64_t n);
/// Reads them; y_zero, y_min, y_max are at attrs[attr ...].
void kerf_q8_read_requantization(const kerf_call *call, int at, int attr, kerf_q8 *g);
/// Tensors scale f32[n], bias f32[n]?, residual? at inputs[at ...]; act and residual at attrs[attr ...].
int kerf_q8_check_scaling(const kerf_call *call, int at, int attr, int64_t n);
void kerf_q8_read_scaling(const kerf_call *call, int at, int attr, kerf_q8 *g);

/// A shift within 1 ... 62, whatever a file says.
static inline int32_t kerf_q8_shift(int32_t shift) { return shift < 1 ? 1 : shift > 62 ? 62 : shift; }

#endif
