// Line functions of REDUCE_INT: one output element from a run of inputs.
#ifndef KERF_REDUCE_INT_H
#define KERF_REDUCE_INT_H

#include "../common/nest.h"

/// The axes of x split into kept and reduced ones; strides of x in elements.
typedef struct kerf_reduce_int {
  const void *x;
  void *y;
  int64_t function, count;  // count: elements reduced into one
  int kept_rank, reduced_rank;
  int64_t kept_dims[KERF_MAX_RANK], kept_strides[KERF_MAX_RANK];
  int64_t reduced_dims[KERF_MAX_RANK], reduced_strides[KERF_MAX_RANK];
  int32_t type;
} kerf_reduce_int;

/// y[i] from the elements of x at offset(i) + the reduced axes.
void kerf_reduce_int_element(const kerf_reduce_int *r, int64_t i, int64_t offset);
void kerf_reduce_f64_element(const kerf_reduce_int *r, int64_t i, int64_t offset);

/// Steps an odometer over the reduced axes but the last; false after the last position.
static inline bool kerf_reduce_next(const kerf_reduce_int *r, int64_t *index, int64_t *offset) {
  for (int d = r->reduced_rank - 2; d >= 0; d--) {
    *offset += r->reduced_strides[d];
    if (++index[d] < r->reduced_dims[d]) return true;
    *offset -= index[d] * r->reduced_strides[d];
    index[d] = 0;
  }
  return false;
}

#endif
