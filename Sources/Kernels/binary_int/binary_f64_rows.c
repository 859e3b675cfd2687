#include <math.h>

#include "binary_int.h"

KERF_NO_CONTRACT

#define LOOP(expression)                                  \
  for (int64_t i = 0; i < n; i++) {                       \
    double p = a[i * r->sa], q = b[i * r->sb];            \
    y[i] = (expression);                                  \
  }                                                       \
  break

/// The remainder with the sign of the divisor (numpy.mod).
static double mod(double p, double q) {
  double m = fmod(p, q);
  if (m == 0) return copysign(0, q);
  return (m < 0) != (q < 0) ? m + q : m;
}

void kerf_binary_f64(const kerf_binary_row *r, const double *a, const double *b, double *y, int64_t n) {
  switch (r->function) {
  case KERF_BINARY_ADD: LOOP(p + q);
  case KERF_BINARY_SUB: LOOP(p - q);
  case KERF_BINARY_MUL: LOOP(p * q);
  case KERF_BINARY_DIV: LOOP(p / q);
  case KERF_BINARY_POW: LOOP(pow(p, q));
  case KERF_BINARY_MIN: LOOP(p < q || p != p ? p : q);
  case KERF_BINARY_MAX: LOOP(p > q || p != p ? p : q);
  case KERF_BINARY_MOD: LOOP(mod(p, q));
  case KERF_BINARY_FMOD: LOOP(fmod(p, q));
  case KERF_BINARY_PRELU: LOOP(p >= 0 ? p : p * q);
  default: LOOP((p - q) * (p - q));
  }
}
