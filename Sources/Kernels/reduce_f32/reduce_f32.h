// Float reductions over any set of axes.
#ifndef KERF_REDUCE_F32_H
#define KERF_REDUCE_F32_H

#include <math.h>

#include "../core/internal.h"

/// What is accumulated; `shift` belongs to EXP.
enum { KERF_FOLD_SUM, KERF_FOLD_ABS, KERF_FOLD_SQUARE, KERF_FOLD_EXP, KERF_FOLD_PROD, KERF_FOLD_MAX, KERF_FOLD_MIN };

typedef struct kerf_fold {
  /// The fold of a contiguous row.
  double (*row)(int fold, const float *x, int64_t n, float shift);
  /// acc[i] = fold of acc[i] and x[0 ..< rows][i], rows `stride` apart; shift[i] for EXP, else unused. lost[i]: what
  /// roundings took from the sum acc[i].
  void (*columns)(int fold, const float *x, int64_t rows, int64_t stride, int64_t n, const float *shift, float *acc,
                  float *lost);
} kerf_fold;

int kerf_run_reduce(const kerf_call *call, const kerf_fold *fold);

#endif
