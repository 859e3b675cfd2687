// Attention: softmax(q k' * scale + mask) v by heads, with at most a tile of the scores in memory.
#ifndef KERF_ATTENTION_F32_H
#define KERF_ATTENTION_F32_H

#include "../gemm_f32/gemm_f32.h"

enum {
  KERF_ATTENTION_ROWS = 84,   // most queries of a task: the tiles of every instruction set divide it
  KERF_ATTENTION_KEYS = 256,  // keys at a time
  KERF_ATTENTION_PITCH = KERF_ATTENTION_KEYS + 16,  // of a row of probabilities; not a power of two, for the caches' sake
};

/// A row of the softmax over the tiles of keys so far.
typedef struct kerf_attention_row {
  float top, sum;
  float rescale;  // what the sums of the earlier tiles must be multiplied with
} kerf_attention_row;

/// A row of a tile of scores: `count` of them, `width` at a time, `step` floats from one block to the next.
typedef struct kerf_attention_scores {
  float *at;
  int64_t width, step;
  int64_t seen, count;  // the first `seen` keys count, the others are hidden
  float scale, softcap; // softcap 0: none
  const float *mask;    // added to the scores, or NULL
} kerf_attention_scores;

typedef struct kerf_attention_isa {
  const kerf_gemm_isa *gemm;
  /// probabilities[count] = exp(score - top), 0 for hidden keys; updates the row. Overwrites the scores.
  void (*soften)(const kerf_attention_scores *s, float *probabilities, kerf_attention_row *row);
  /// x[n] *= factor, to y.
  void (*scale)(const float *x, float *y, int64_t n, float factor);
} kerf_attention_isa;

int kerf_run_attention(const kerf_call *call, const kerf_attention_isa *isa);

#endif
