// float16 and bfloat16 by their bits, in software: the same results everywhere.
#ifndef KERF_COMMON_HALF_H
#define KERF_COMMON_HALF_H

#include <stdint.h>
#include <string.h>

static inline __attribute__((unused)) float kerf_float_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static inline __attribute__((unused)) float kerf_from_bf16(uint16_t v) { return kerf_float_bits((uint32_t)v << 16); }

static inline __attribute__((unused)) float kerf_from_f16(uint16_t v) {
  uint32_t sign = (uint32_t)(v & 0x8000) << 16, rest = v & 0x7fff;
  if (rest >= 0x7c00) return kerf_float_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  if (rest >= 0x400) return kerf_float_bits(sign | ((rest << 13) + (112u << 23)));
  float f = (float)rest * 0x1p-24f;
  return sign ? -f : f;
}

/// Nearest even; NaN stays NaN.
static inline __attribute__((unused)) uint16_t kerf_to_bf16(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  if (f != f) return (uint16_t)(u >> 16 | 0x40);
  return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/// Nearest even, from a double so that f64 rounds once; above 65519.99 infinity.
static inline __attribute__((unused)) uint16_t kerf_to_f16(double d) {
  uint64_t u;
  memcpy(&u, &d, sizeof u);
  uint16_t sign = (uint16_t)(u >> 48 & 0x8000);
  if (d != d) return sign | 0x7e00;
  double a = sign ? -d : d;
  if (a >= 65520.0) return sign | 0x7c00;
  if (a < 0x1p-14) {
    // Denormal: adding 2^28 leaves multiples of 2^-24 in the mantissa, rounded in the current mode (half to even).
    double shifted = a + 0x1p28;
    uint64_t s;
    memcpy(&s, &shifted, sizeof s);
    return sign | (uint16_t)(s & 0x7ff);
  }
  uint64_t m = u & 0x7fffffffffffffff;
  m += ((uint64_t)1 << 41) - 1 + (m >> 42 & 1);
  return sign | (uint16_t)((m >> 42) - ((uint64_t)1008 << 10));
}

#endif
