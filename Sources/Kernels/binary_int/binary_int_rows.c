#include "binary_int.h"

// a and b are read before y is written, so y may be either. Both strides are 0 or 1.
#define LOOP(T, expression)                                                                   \
  do {                                                                                        \
    if (sa == 1 && sb == 1) {                                                                 \
      for (int64_t i = 0; i < n; i++) { T p = a[i], q = b[i]; y[i] = (T)(expression); }       \
    } else if (sb == 0 && sa == 1) {                                                          \
      T q = *b;                                                                               \
      for (int64_t i = 0; i < n; i++) { T p = a[i]; y[i] = (T)(expression); }                 \
    } else {                                                                                  \
      for (int64_t i = 0; i < n; i++) { T p = a[i * sa], q = b[i * sb]; y[i] = (T)(expression); } \
    }                                                                                         \
  } while (0)

/// base^exponent by squaring, wrapping; of negative exponents only 1 and -1 have results other than 0.
#define POWER(name, T, U)                                          \
  static T name(T base, T exponent) {                              \
    if ((T)-1 < 0 && exponent < (T)1 && exponent != 0) {           \
      if (base == 1) return 1;                                     \
      if (base == (T)-1) return exponent & 1 ? (T)-1 : 1;          \
      return 0;                                                    \
    }                                                              \
    U result = 1, square = (U)base;                                \
    for (U e = (U)exponent; e; e >>= 1, square *= square) {        \
      if (e & 1) result *= square;                                 \
    }                                                              \
    return (T)result;                                              \
  }

/// Division toward zero and the remainders; the divisor is not zero. -1 is apart: the least integer has no opposite.
#define DIVISION(suffix, T, U)                                                                   \
  static T divide_##suffix(T a, T b) { return (T)-1 < 0 && b == (T)-1 ? (T)(0 - (U)a) : (T)(a / b); } \
  static T fmod_##suffix(T a, T b) { return (T)-1 < 0 && b == (T)-1 ? 0 : (T)(a % b); }          \
  static T mod_##suffix(T a, T b) {                                                              \
    T r = fmod_##suffix(a, b);                                                                   \
    return (T)-1 < 0 && r != 0 && (int64_t)(r ^ b) < 0 ? (T)(r + b) : r;                        \
  }

/// Loops that stop at a divisor of zero.
#define CHECKED(T, function)                                  \
  for (int64_t i = 0; i < n; i++) {                           \
    T p = a[i * sa], q = b[i * sb];                           \
    if (q == 0) {                                             \
      kerf_fail(r->status, KERF_BAD_DIVISOR);                 \
      return;                                                 \
    }                                                         \
    y[i] = function(p, q);                                    \
  }

/// p shifted by q, all its bits (the sign stays) where q is the width or more, or negative.
#define SHIFTED_RIGHT(U) ((U)q < bits ? p >> ((U)q & (bits - 1)) : p >> (bits - 1) >> 1)

// U: unsigned and at least 32 bits wide, so that products do not overflow.
#define ROW(suffix, T, U)                                                                            \
  POWER(power_##suffix, T, U)                                                                        \
  DIVISION(suffix, T, U)                                                                             \
  void kerf_binary_##suffix(const kerf_binary_row *r, const T *a, const T *b, T *y, int64_t n) {     \
    const int64_t sa = r->sa, sb = r->sb;                                                            \
    const U bits = 8 * sizeof(T);                                                                    \
    switch (r->function) {                                                                           \
    case KERF_BINARY_ADD: LOOP(T, (U)p + (U)q); break;                                               \
    case KERF_BINARY_SUB: LOOP(T, (U)p - (U)q); break;                                               \
    case KERF_BINARY_MUL: LOOP(T, (U)p * (U)q); break;                                               \
    case KERF_BINARY_DIV: CHECKED(T, divide_##suffix); break;                                        \
    case KERF_BINARY_POW: LOOP(T, power_##suffix(p, q)); break;                                      \
    case KERF_BINARY_MIN: LOOP(T, p < q ? p : q); break;                                             \
    case KERF_BINARY_MAX: LOOP(T, p > q ? p : q); break;                                             \
    case KERF_BINARY_MOD: CHECKED(T, mod_##suffix); break;                                           \
    case KERF_BINARY_FMOD: CHECKED(T, fmod_##suffix); break;                                         \
    case KERF_BINARY_PRELU: LOOP(T, p > 0 || p == 0 || (T)-1 > 0 ? (U)p : (U)p * (U)q); break;       \
    case KERF_BINARY_SQUARED_DIFFERENCE: LOOP(T, ((U)p - (U)q) * ((U)p - (U)q)); break;              \
    case KERF_BINARY_AND: LOOP(T, p & q); break;                                                     \
    case KERF_BINARY_OR: LOOP(T, p | q); break;                                                      \
    case KERF_BINARY_XOR: LOOP(T, p ^ q); break;                                                     \
    case KERF_BINARY_SHIFT_LEFT: LOOP(T, (U)q < bits ? (U)p << ((U)q & (bits - 1)) : 0); break;      \
    default: LOOP(T, SHIFTED_RIGHT(U)); break;                                                       \
    }                                                                                                \
  }

ROW(u8, uint8_t, uint32_t)
ROW(i8, int8_t, uint32_t)
ROW(u16, uint16_t, uint32_t)
ROW(i16, int16_t, uint32_t)
ROW(u32, uint32_t, uint32_t)
ROW(i32, int32_t, uint32_t)
ROW(u64, uint64_t, uint64_t)
ROW(i64, int64_t, uint64_t)
