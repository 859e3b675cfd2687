// Attention on 8-bit codes: softmax(q k' * scale + mask) v by heads, its two products exact sums of integers.
//
// Softmax does not change with what all scores of a row have in common, so the zero point of k drops out: a score is
// sum (q - q_zero) * (k - 128), in int32. With d = top - score, 64 steps halve a probability: step = round(d * scale *
// 64 / ln 2), at most 65535; p = (halves[step % 64] >> step / 64, + 128) >> 8 is a code of 0 ... 255. Values are float and
// become codes here, of 127 for the greatest magnitude of a column; what a code lacks is added to the next key's value, so
// that the errors of neighbours cancel in sums over keys that they matter to alike. Everything else is a single operation of
// float, in the same order on every instruction set.
#ifndef KERF_ATTENTION_U8_H
#define KERF_ATTENTION_U8_H

#include "../attention_f32/attention_shape.h"
#include "../gemm_u8/gemm_u8.h"

enum {
  KERF_ATTENTION_U8_ROWS = 14,       // most queries at a time
  KERF_ATTENTION_U8_MOST = 1 << 15,  // keys, and elements of a head: more could leave int32
  KERF_ATTENTION_U8_GROUP = 64,      // keys whose probabilities are computed together, columns packed together
};

/// Largest step, and steps that halve a probability.
#define KERF_ATTENTION_U8_LAST 65535.0f
#define KERF_ATTENTION_U8_PER_OCTAVE 64
#define KERF_ATTENTION_U8_VALUE 127.0f  // largest code of a value

/// round(255 * 256 * 2^(-i / 64)).
extern const uint16_t kerf_attention_u8_halves[KERF_ATTENTION_U8_PER_OCTAVE];

/// A row of scores in blocks of 32, `step` apart.
typedef struct kerf_attention_u8_scores {
  const int32_t *at;
  int64_t step;
  const int32_t *init;  // [keys rounded up to 64]: added to the scores
  const float *mask;    // added to the scaled scores, or NULL
  int64_t seen, count;  // the first `seen` keys count, the others up to `count`, a multiple of 64, are hidden
  float scale;          // of the scores, where there is a mask
  float steps;          // that a score (with a mask: a scaled one) of 1 less means
} kerf_attention_u8_scores;

/// What becomes of rows of sums of 32 columns: y = ((acc + init[column]) * scale[column]) * factor[row].
typedef struct kerf_attention_u8_sums {
  int rows, columns;
  const int32_t *acc;  // [rows][32]
  const int32_t *init;
  const float *scale, *factor;
  int64_t ldy;
} kerf_attention_u8_sums;

/// Values that become codes, four keys of up to 64 columns.
typedef struct kerf_attention_u8_values {
  const float *v;
  int64_t row;        // floats from key to key
  int rows, columns;  // what exists; all other codes are 0
  const float *steps;  // codes that a value of 1 is, by columns
  float *carry;       // what the codes of the key before lack, by columns
} kerf_attention_u8_values;

typedef struct kerf_attention_u8_isa {
  const kerf_q8_isa *q8;
  /// p[count] = the probabilities; returns their sum.
  int32_t (*soften)(const kerf_attention_u8_scores *s, uint8_t *p);
  void (*store_codes)(const kerf_attention_u8_sums *s, int32_t y_zero, uint8_t *y);
  void (*store_floats)(const kerf_attention_u8_sums *s, float *y);
  /// most[column] = the greatest magnitude of `columns` values of each row, or 0. What is no number does not count.
  void (*greatest)(const float *v, int64_t row, int64_t rows, int64_t columns, float *most);
  void (*encode)(const kerf_attention_u8_values *v, int8_t codes[4][KERF_ATTENTION_U8_GROUP]);
} kerf_attention_u8_isa;

int kerf_run_attention_u8(const kerf_call *call, const kerf_attention_u8_isa *isa);

#endif
